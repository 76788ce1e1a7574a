/* The header: which tensors there are and where, the config, the provenance, the checksum. Nothing that it says is
 * believed before it has been checked. */
#include "weights/internal.h"

#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 200
#define METADATA "__metadata__"
#define CHECKSUM "sha256:"

static const struct {
    const char *name;
    size_t size;
} types[VV_WEIGHTS_TYPES] = {
    [VV_WEIGHTS_F32] = {"F32", 4}, [VV_WEIGHTS_F16] = {"F16", 2}, [VV_WEIGHTS_BF16] = {"BF16", 2},
    [VV_WEIGHTS_I32] = {"I32", 4}, [VV_WEIGHTS_U8] = {"U8", 1},
};

const char *vv_weights_type_name(VvWeightsType type) {
    return types[type].name;
}

size_t vv_weights_type_size(VvWeightsType type) {
    return types[type].size;
}

/* ---- one tensor ------------------------------------------------------------------------------------------- */

static bool name_is_plain(const char *name) {
    const size_t length = strlen(name);
    for (size_t i = 0; i < length; i++)
        if (name[i] < '!' || name[i] > '~')
            return false;
    return length > 0 && length <= NAME_MAX_BYTES;
}

static VvWeightsError read_type(const VvWeights *weights, const json_t *entry, VvWeightsTensor *tensor,
                                VvWeightsProblem *problem) {
    const char *name = json_string_value(json_object_get(entry, "dtype"));
    if (!name)
        return vv_weights_fail(problem, weights->label, VV_WEIGHTS_BAD_HEADER, "tensor %s has no dtype", tensor->name);
    for (int type = 0; type < VV_WEIGHTS_TYPES; type++)
        if (strcmp(name, types[type].name) == 0) {
            tensor->type = (VvWeightsType)type;
            return VV_WEIGHTS_OK;
        }
    return vv_weights_fail(problem, weights->label, VV_WEIGHTS_UNKNOWN_TYPE,
                           "tensor %s is of none of the types F32, F16, BF16, I32 and U8", tensor->name);
}

static VvWeightsError read_shape(const VvWeights *weights, const json_t *entry, VvWeightsTensor *tensor,
                                 VvWeightsProblem *problem) {
    const json_t *shape = json_object_get(entry, "shape");
    if (!json_is_array(shape))
        return vv_weights_fail(problem, weights->label, VV_WEIGHTS_BAD_HEADER, "tensor %s has no shape", tensor->name);
    if (json_array_size(shape) > VV_WEIGHTS_RANK_MAX)
        return vv_weights_fail(problem, weights->label, VV_WEIGHTS_BAD_SHAPE, "tensor %s has %zu dimensions",
                               tensor->name, json_array_size(shape));
    tensor->rank = (int)json_array_size(shape);
    tensor->bytes = types[tensor->type].size;
    tensor->count = 1;
    for (int i = 0; i < tensor->rank; i++) {
        const json_t *size = json_array_get(shape, (size_t)i);
        if (!json_is_integer(size) || json_integer_value(size) < 1)
            return vv_weights_fail(problem, weights->label, VV_WEIGHTS_BAD_SHAPE,
                                   "dimension %d of tensor %s is not a whole number from 1", i, tensor->name);
        tensor->shape[i] = json_integer_value(size);
        if (__builtin_mul_overflow(tensor->bytes, (uint64_t)tensor->shape[i], &tensor->bytes) ||
            tensor->bytes > INT64_MAX)
            return vv_weights_fail(problem, weights->label, VV_WEIGHTS_SHAPE_OVERFLOW,
                                   "tensor %s has more elements than can be counted", tensor->name);
        tensor->count *= (size_t)tensor->shape[i];
    }
    return VV_WEIGHTS_OK;
}

static VvWeightsError read_place(const VvWeights *weights, const json_t *entry, VvWeightsTensor *tensor,
                                 VvWeightsProblem *problem) {
    const json_t *offsets = json_object_get(entry, "data_offsets");
    const json_t *first = json_array_get(offsets, 0), *last = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(first) || !json_is_integer(last))
        return vv_weights_fail(problem, weights->label, VV_WEIGHTS_BAD_HEADER, "tensor %s has no data_offsets",
                               tensor->name);
    const int64_t begin = json_integer_value(first), end = json_integer_value(last);
    if (begin < 0 || end < begin || (size_t)(end - begin) != tensor->bytes)
        return vv_weights_fail(problem, weights->label, VV_WEIGHTS_BAD_OFFSETS,
                               "tensor %s needs %zu bytes and is given those from %lld to %lld", tensor->name,
                               tensor->bytes, (long long)begin, (long long)end);
    if ((size_t)end > weights->data_size)
        return vv_weights_fail(problem, weights->label, VV_WEIGHTS_OUT_OF_BOUNDS,
                               "tensor %s ends at byte %lld of the data, which has %zu", tensor->name, (long long)end,
                               weights->data_size);
    tensor->data = weights->data + begin;
    if ((size_t)(weights->data + begin - weights->bytes) % types[tensor->type].size != 0)
        return vv_weights_fail(problem, weights->label, VV_WEIGHTS_UNALIGNED,
                               "tensor %s does not begin at a multiple of its element's %zu bytes", tensor->name,
                               types[tensor->type].size);
    return VV_WEIGHTS_OK;
}

static VvWeightsError read_tensor(const VvWeights *weights, const char *name, const json_t *entry,
                                  VvWeightsTensor *tensor, VvWeightsProblem *problem) {
    if (!name_is_plain(name))
        return vv_weights_fail(problem, weights->label, VV_WEIGHTS_BAD_HEADER,
                               "a tensor's name is empty, too long or not printable ASCII");
    tensor->name = name;
    if (json_object_size(entry) != 3)
        return vv_weights_fail(problem, weights->label, VV_WEIGHTS_BAD_HEADER,
                               "tensor %s is not described by dtype, shape and data_offsets", name);
    VvWeightsError error = read_type(weights, entry, tensor, problem);
    if (!error)
        error = read_shape(weights, entry, tensor, problem);
    return error ? error : read_place(weights, entry, tensor, problem);
}

/* ---- all of them ------------------------------------------------------------------------------------------- */

static int by_place(const void *a, const void *b) {
    const VvWeightsTensor *left = a, *right = b;
    return left->data < right->data ? -1 : left->data > right->data;
}

static int by_name(const void *a, const void *b) {
    const VvWeightsTensor *left = a, *right = b;
    return strcmp(left->name, right->name);
}

/* Whether the tensors, in the order of their places, lie one behind the other from the data's begin to its end. */
static VvWeightsError check_places(const VvWeights *weights, VvWeightsProblem *problem) {
    const uint8_t *at = weights->data;
    for (size_t i = 0; i < weights->tensors; i++) {
        const VvWeightsTensor *tensor = &weights->tensor[i];
        const uint8_t *begin = tensor->data;
        if (begin < at)
            return vv_weights_fail(problem, weights->label, VV_WEIGHTS_OVERLAP, "tensors %s and %s share bytes",
                                   weights->tensor[i - 1].name, tensor->name);
        if (begin > at)
            return vv_weights_fail(problem, weights->label, VV_WEIGHTS_GAP,
                                   "the bytes before tensor %s are no tensor's", tensor->name);
        at = begin + tensor->bytes;
    }
    if (at != weights->data + weights->data_size)
        return vv_weights_fail(problem, weights->label, VV_WEIGHTS_GAP, "the last %zu bytes are no tensor's",
                               (size_t)(weights->data + weights->data_size - at));
    return VV_WEIGHTS_OK;
}

static VvWeightsError read_tensors(VvWeights *weights, VvWeightsProblem *problem) {
    const size_t most = json_object_size(weights->header);
    weights->tensor = calloc(most ? most : 1, sizeof *weights->tensor);
    if (!weights->tensor)
        return vv_weights_fail(problem, weights->label, VV_WEIGHTS_NO_MEMORY, "there is not enough memory");
    const char *name;
    json_t *entry;
    json_object_foreach(weights->header, name, entry) {
        if (strcmp(name, METADATA) == 0)
            continue;
        const VvWeightsError error = read_tensor(weights, name, entry, &weights->tensor[weights->tensors], problem);
        if (error)
            return error;
        weights->tensors++;
    }
    qsort(weights->tensor, weights->tensors, sizeof *weights->tensor, by_place);
    const VvWeightsError error = check_places(weights, problem);
    qsort(weights->tensor, weights->tensors, sizeof *weights->tensor, by_name);
    return error;
}

/* ---- what the metadata say ---------------------------------------------------------------------------------- */

/* A JSON object from a text of the metadata; NULL with the problem told. */
static json_t *object_of(const VvWeights *weights, const char *key, const char *text, VvWeightsProblem *problem) {
    json_error_t why;
    json_t *value = text ? json_loads(text, JSON_REJECT_DUPLICATES, &why) : NULL;
    if (!json_is_object(value)) {
        vv_weights_fail(problem, weights->label, VV_WEIGHTS_BAD_CONFIG, "the header's %s is %s", key,
                        text ? "not a JSON object" : "missing");
        json_decref(value);
        return NULL;
    }
    return value;
}

static bool is_checksum(const char *text) {
    const size_t prefix = strlen(CHECKSUM);
    return text && strncmp(text, CHECKSUM, prefix) == 0 && strlen(text) == prefix + 64 &&
           strspn(text + prefix, "0123456789abcdef") == 64;
}

static VvWeightsError read_metadata(VvWeights *weights, VvWeightsProblem *problem) {
    const json_t *metadata = json_object_get(weights->header, METADATA);
    const char *checksum = json_string_value(json_object_get(metadata, "checksum"));
    if (!is_checksum(checksum))
        return vv_weights_fail(problem, weights->label, VV_WEIGHTS_NO_CHECKSUM,
                               "the header has no checksum of the form sha256:DIGITS");
    weights->checksum = checksum + strlen(CHECKSUM);
    weights->config = json_string_value(json_object_get(metadata, "config"));
    weights->config_values = object_of(weights, "config", weights->config, problem);
    if (!weights->config_values)
        return VV_WEIGHTS_BAD_CONFIG;
    weights->provenance = json_string_value(json_object_get(metadata, "provenance"));
    json_t *provenance = object_of(weights, "provenance", weights->provenance, problem);
    if (!provenance)
        return VV_WEIGHTS_BAD_CONFIG;
    json_decref(provenance);
    return VV_WEIGHTS_OK;
}

/* ---- the header itself --------------------------------------------------------------------------------------- */

static VvWeightsError parse(VvWeights *weights, size_t length, VvWeightsProblem *problem) {
    json_error_t why;
    weights->header = json_loadb((const char *)weights->bytes + 8, length, JSON_REJECT_DUPLICATES, &why);
    if (!weights->header) {
        const enum json_error_code code = json_error_code(&why);
        return vv_weights_fail(problem, weights->label,
                               code == json_error_duplicate_key   ? VV_WEIGHTS_DUPLICATE_NAME
                               : code == json_error_out_of_memory ? VV_WEIGHTS_NO_MEMORY
                                                                  : VV_WEIGHTS_BAD_JSON,
                               "the header's byte %d: %s", why.position, why.text);
    }
    if (!json_is_object(weights->header))
        return vv_weights_fail(problem, weights->label, VV_WEIGHTS_BAD_HEADER, "the header is not a JSON object");
    return VV_WEIGHTS_OK;
}

VvWeightsError vv_weights_read_header(VvWeights *weights, VvWeightsProblem *problem) {
    uint64_t length;
    if (weights->size < sizeof length)
        return vv_weights_fail(problem, weights->label, VV_WEIGHTS_TOO_SHORT, "the file has %zu bytes", weights->size);
    memcpy(&length, weights->bytes, sizeof length);
    if (length > VV_WEIGHTS_HEADER_MAX)
        return vv_weights_fail(problem, weights->label, VV_WEIGHTS_HEADER_TOO_LONG,
                               "the header claims to have %llu bytes; this is no file of weights",
                               (unsigned long long)length);
    if (length > weights->size - sizeof length)
        return vv_weights_fail(problem, weights->label, VV_WEIGHTS_TOO_SHORT,
                               "the header has %llu bytes, and the file only %zu", (unsigned long long)length,
                               weights->size);
    weights->data = weights->bytes + sizeof length + length;
    weights->data_size = weights->size - sizeof length - (size_t)length;
    VvWeightsError error = parse(weights, (size_t)length, problem);
    if (!error)
        error = read_metadata(weights, problem);
    return error ? error : read_tensors(weights, problem);
}
