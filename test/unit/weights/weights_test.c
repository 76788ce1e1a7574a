/* Weights: what a right file holds, value by value; and every wrong one, refused by its name. */
#include "test/unit/weights/build.h"
#include "weights/vv_weights.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SAMPLE "test/golden/weights_sample.safetensors"

static const uint8_t zeros[256];

/* Opens a copy of exactly the file's size, so that a sanitizer sees every byte read beyond it. */
static VvWeightsError open_file(const File *file, VvWeights **weights, uint8_t **copy, VvWeightsProblem *problem) {
    *copy = malloc(file->size ? file->size : 1);
    assert_non_null(*copy);
    memcpy(*copy, file->bytes, file->size);
    return vv_weights_open_bytes(*copy, file->size, weights, problem);
}

/* Asserts that the file is refused for this reason, with a problem that says so. */
static void assert_refused(const File *file, VvWeightsError error, const char *word) {
    VvWeights *weights = (VvWeights *)(uintptr_t)1;
    uint8_t *copy;
    VvWeightsProblem problem = {0};
    const VvWeightsError got = open_file(file, &weights, &copy, &problem);
    if (got != error)
        print_error("%s instead of %s: %s\n", vv_weights_error_name(got), vv_weights_error_name(error), problem.text);
    assert_int_equal(got, error);
    assert_null(weights);
    assert_int_equal(problem.error, error);
    assert_non_null(strstr(problem.text, word));
    free(copy);
}

static void assert_tensors_refused(const char *tensors, size_t size, VvWeightsError error, const char *word) {
    File file;
    build(&file, tensors, zeros, size);
    assert_refused(&file, error, word);
}

/* ---- right files -------------------------------------------------------------------------------------------- */

static VvWeightsTensor get(const VvWeights *weights, const char *name, int rank, const int64_t *shape, unsigned types) {
    VvWeightsTensor tensor;
    VvWeightsProblem problem = {0};
    if (vv_weights_get(weights, name, rank, shape, types, &tensor, &problem))
        fail_msg("%s", problem.text);
    return tensor;
}

static void assert_floats(const VvWeightsTensor *tensor, const float *want, size_t count) {
    float got[64];
    assert_int_equal(tensor->count, count);
    assert_int_equal(vv_weights_to_f32(tensor, got, NULL), VV_WEIGHTS_OK);
    for (size_t i = 0; i < count; i++) {
        assert_true(got[i] == want[i]);
        assert_int_equal(signbit(got[i]), signbit(want[i]));
    }
}

/* weights/train/export.py wrote it: sample() there says what must be here. */
static void reads_what_python_wrote(void **state) {
    (void)state;
    VvWeights *weights;
    VvWeightsProblem problem;
    if (vv_weights_open(SAMPLE, &weights, &problem))
        fail_msg("%s", problem.text);
    assert_int_equal(vv_weights_count(weights), 7);
    const char *const names[] = {"brain", "bytes", "half", "one", "ramp", "turned", "whole"};
    for (size_t i = 0; i < 7; i++)
        assert_string_equal(vv_weights_at(weights, i)->name, names[i]);

    float want[30];
    for (int i = 0; i < 30; i++)
        want[i] = (float)i / 8 - 1;
    VvWeightsTensor tensor = get(weights, "ramp", 3, (int64_t[]){2, 3, 5}, VV_WEIGHTS_FLOATS);
    assert_int_equal(tensor.type, VV_WEIGHTS_F32);
    assert_int_equal(tensor.bytes, 120);
    assert_floats(&tensor, want, 30);
    for (int i = 0; i < 15; i++)
        want[i] = (float)(i % 3 * 5 + i / 3);
    tensor = get(weights, "turned", 2, (int64_t[]){5, 3}, VV_WEIGHTS_FLOATS);
    assert_floats(&tensor, want, 15);
    const float halves[] = {0, -0.0f, 1, -2.5f, 65504, 0x1p-24f, 0x1p-14f, 0.333251953125f};
    tensor = get(weights, "half", 1, (int64_t[]){8}, VV_WEIGHTS_ONLY(VV_WEIGHTS_F16));
    assert_floats(&tensor, halves, 8);
    /* Rounded to eight bits of fraction, ties to even; a number below the normal ones is kept. */
    const float brains[] = {1, -1, 0.333984375f, 0x1.c4p+127f, 0x1p-133f, 1};
    tensor = get(weights, "brain", 2, (int64_t[]){2, 3}, VV_WEIGHTS_ONLY(VV_WEIGHTS_BF16));
    assert_floats(&tensor, brains, 6);
    tensor = get(weights, "one", 0, NULL, VV_WEIGHTS_FLOATS);
    assert_floats(&tensor, (float[]){(float)M_PI}, 1);

    tensor = get(weights, "whole", 1, (int64_t[]){4}, VV_WEIGHTS_ONLY(VV_WEIGHTS_I32));
    const int32_t whole[] = {INT32_MIN, -1, 0, INT32_MAX};
    assert_memory_equal(tensor.data, whole, sizeof whole);
    assert_int_equal(vv_weights_to_f32(&tensor, want, NULL), VV_WEIGHTS_WRONG_TYPE);
    tensor = get(weights, "bytes", 1, (int64_t[]){7}, VV_WEIGHTS_ONLY(VV_WEIGHTS_U8));
    const uint8_t bytes[] = {0, 42, 84, 126, 168, 210, 252};
    assert_memory_equal(tensor.data, bytes, sizeof bytes);

    int64_t width = 0;
    assert_int_equal(vv_weights_int(weights, "codec.width", 1, 64, &width, NULL), VV_WEIGHTS_OK);
    assert_int_equal(width, 64);
    assert_non_null(strstr(vv_weights_config(weights), "\"sample\""));
    assert_non_null(strstr(vv_weights_provenance(weights), "\"dataset_seed\": 7"));
    assert_int_equal(strlen(vv_weights_checksum(weights)), 64);
    assert_int_equal(vv_weights_check_finite(weights, NULL), VV_WEIGHTS_OK);
    vv_weights_close(&weights);
    assert_null(weights);
    vv_weights_close(&weights);
}

static void asked_for_what_is_not_there(void **state) {
    (void)state;
    File file;
    const float data[6] = {1, 2, 3, 4, 5, 6};
    build(&file, "\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}", data, 24);
    VvWeights *weights;
    uint8_t *copy;
    VvWeightsProblem problem;
    VvWeightsTensor tensor;
    assert_int_equal(open_file(&file, &weights, &copy, &problem), VV_WEIGHTS_OK);
    const struct {
        const char *name;
        int rank;
        int64_t shape[3];
        unsigned types;
        VvWeightsError error;
        const char *text;
    } cases[] = {
        {"a", 2, {2, 3}, VV_WEIGHTS_FLOATS, VV_WEIGHTS_OK, ""},
        {"a", 2, {VV_WEIGHTS_ANY, 3}, VV_WEIGHTS_FLOATS, VV_WEIGHTS_OK, ""},
        {"a", 2, {2, VV_WEIGHTS_ANY}, VV_WEIGHTS_FLOATS, VV_WEIGHTS_OK, ""},
        {"b", 2, {2, 3}, VV_WEIGHTS_FLOATS, VV_WEIGHTS_MISSING_TENSOR, "weights: there is no tensor b"},
        {"aa", 2, {2, 3}, VV_WEIGHTS_FLOATS, VV_WEIGHTS_MISSING_TENSOR, "weights: there is no tensor aa"},
        {"", 2, {2, 3}, VV_WEIGHTS_FLOATS, VV_WEIGHTS_MISSING_TENSOR, "weights: there is no tensor "},
        {"a", 2, {3, 2}, VV_WEIGHTS_FLOATS, VV_WEIGHTS_WRONG_SHAPE, "weights: tensor a is 2 x 3, not 3 x 2"},
        {"a", 1, {VV_WEIGHTS_ANY}, VV_WEIGHTS_FLOATS, VV_WEIGHTS_WRONG_SHAPE, "weights: tensor a is 2 x 3, not any"},
        {"a", 3, {2, 3, 1}, VV_WEIGHTS_FLOATS, VV_WEIGHTS_WRONG_SHAPE, "weights: tensor a is 2 x 3, not 2 x 3 x 1"},
        {"a", 0, {0}, VV_WEIGHTS_FLOATS, VV_WEIGHTS_WRONG_SHAPE, "weights: tensor a is 2 x 3, not one element"},
        {"a", 2, {2, 3}, VV_WEIGHTS_ONLY(VV_WEIGHTS_U8), VV_WEIGHTS_WRONG_TYPE, "weights: tensor a is of type F32"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        problem.text[0] = '\0';
        assert_int_equal(
            vv_weights_get(weights, cases[i].name, cases[i].rank, cases[i].shape, cases[i].types, &tensor, &problem),
            cases[i].error);
        assert_string_equal(problem.text, cases[i].text);
        assert_true((tensor.data == NULL) == (cases[i].error != VV_WEIGHTS_OK));
    }
    vv_weights_close(&weights);
    free(copy);
}

static void finds_numbers_that_are_none(void **state) {
    (void)state;
    const struct {
        const char *type;
        uint32_t bits;
        bool finite;
    } cases[] = {
        {"F32", 0x7f800000, false}, {"F32", 0xffc00001, false}, {"F32", 0x7f7fffff, true}, {"F16", 0x7c00, false},
        {"F16", 0xfe00, false},     {"F16", 0x7bff, true},      {"BF16", 0x7f80, false},   {"BF16", 0xffc0, false},
        {"BF16", 0x7f7f, true},     {"I32", 0x7f800000, true},  {"U8", 0xff, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const size_t size = strstr(cases[i].type, "32") ? 4 : strstr(cases[i].type, "16") ? 2 : 1;
        uint8_t data[12] = {0};
        memcpy(data + 2 * size, &cases[i].bits, size);
        char tensors[128];
        snprintf(tensors, sizeof tensors, "\"a\":{\"dtype\":\"%s\",\"shape\":[3],\"data_offsets\":[0,%zu]}",
                 cases[i].type, 3 * size);
        File file;
        build(&file, tensors, data, 3 * size);
        VvWeights *weights;
        uint8_t *copy;
        VvWeightsProblem problem = {0};
        assert_int_equal(open_file(&file, &weights, &copy, NULL), VV_WEIGHTS_OK);
        assert_int_equal(vv_weights_check_finite(weights, &problem),
                         cases[i].finite ? VV_WEIGHTS_OK : VV_WEIGHTS_NOT_FINITE);
        assert_string_equal(problem.text,
                            cases[i].finite ? "" : "weights: element 2 of tensor a is not a finite number");
        vv_weights_close(&weights);
        free(copy);
    }
}

/* Every half float, against its definition. */
static void widens_every_half(void **state) {
    (void)state;
    static uint16_t half[65536];
    static float wide[65536];
    for (unsigned i = 0; i < 65536; i++)
        half[i] = (uint16_t)i;
    const VvWeightsTensor tensor = {.name = "a", .type = VV_WEIGHTS_F16, .count = 65536, .data = half};
    assert_int_equal(vv_weights_to_f32(&tensor, wide, NULL), VV_WEIGHTS_OK);
    for (int i = 0; i < 65536; i++) {
        const int exponent = i >> 10 & 31, fraction = i & 1023;
        const double size = exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
        assert_int_equal(signbit(wide[i]) != 0, i >> 15);
        if (exponent == 31)
            assert_true(fraction ? isnan(wide[i]) : isinf(wide[i]));
        else
            assert_true(fabs((double)wide[i]) == size);
    }
}

/* ---- the config ----------------------------------------------------------------------------------------------- */

static void reads_the_config(void **state) {
    (void)state;
    File file;
    build(&file, "", zeros, 0);
    VvWeights *weights;
    uint8_t *copy;
    VvWeightsProblem problem;
    assert_int_equal(open_file(&file, &weights, &copy, &problem), VV_WEIGHTS_OK);
    assert_int_equal(vv_weights_count(weights), 0);
    int64_t whole = -7, list[3] = {0};
    double real = -7;
    bool flag = false;
    const char *text = NULL;
    size_t count = 9;
    assert_int_equal(vv_weights_int(weights, "codec.width", 64, 64, &whole, &problem), VV_WEIGHTS_OK);
    assert_int_equal(whole, 64);
    assert_int_equal(vv_weights_real(weights, "codec.rate", 0.25, 1, &real, &problem), VV_WEIGHTS_OK);
    assert_true(real == 0.25);
    assert_int_equal(vv_weights_real(weights, "codec.width", 0, 64, &real, &problem), VV_WEIGHTS_OK);
    assert_true(real == 64);
    assert_int_equal(vv_weights_bool(weights, "codec.sharp", &flag, &problem), VV_WEIGHTS_OK);
    assert_true(flag);
    assert_int_equal(vv_weights_string(weights, "name", 4, &text, &problem), VV_WEIGHTS_OK);
    assert_string_equal(text, "nano");
    assert_int_equal(vv_weights_ints(weights, "codec.sizes", 8, 32, list, 3, &count, &problem), VV_WEIGHTS_OK);
    assert_int_equal(count, 3);
    assert_int_equal(list[0], 8);
    assert_int_equal(list[2], 32);
    assert_int_equal(vv_weights_ints(weights, "codec.none", 8, 32, list, 0, &count, &problem), VV_WEIGHTS_OK);
    assert_int_equal(count, 0);

    whole = -7, real = -7, count = 9;
    assert_int_equal(vv_weights_int(weights, "width", 1, 64, &whole, &problem), VV_WEIGHTS_MISSING_KEY);
    assert_string_equal(problem.text, "weights: the config has no width");
    assert_int_equal(vv_weights_int(weights, "codec.width.more", 1, 64, &whole, &problem), VV_WEIGHTS_MISSING_KEY);
    assert_int_equal(vv_weights_int(weights, "codec.widt", 1, 64, &whole, &problem), VV_WEIGHTS_MISSING_KEY);
    assert_int_equal(vv_weights_int(weights, "codec.width", 1, 63, &whole, &problem), VV_WEIGHTS_WRONG_VALUE);
    assert_string_equal(problem.text, "weights: the config's codec.width is not a whole number from 1 to 63");
    assert_int_equal(vv_weights_int(weights, "codec.width", 65, 99, &whole, &problem), VV_WEIGHTS_WRONG_VALUE);
    assert_int_equal(vv_weights_int(weights, "codec.rate", 0, 1, &whole, &problem), VV_WEIGHTS_WRONG_VALUE);
    assert_int_equal(vv_weights_int(weights, "codec.sharp", 0, 1, &whole, &problem), VV_WEIGHTS_WRONG_VALUE);
    assert_int_equal(vv_weights_real(weights, "codec.rate", 0.26, 1, &real, &problem), VV_WEIGHTS_WRONG_VALUE);
    assert_int_equal(vv_weights_real(weights, "name", 0, 1, &real, &problem), VV_WEIGHTS_WRONG_VALUE);
    assert_int_equal(vv_weights_real(weights, "codec", 0, 1, &real, &problem), VV_WEIGHTS_WRONG_VALUE);
    assert_int_equal(vv_weights_bool(weights, "codec.width", &flag, &problem), VV_WEIGHTS_WRONG_VALUE);
    assert_int_equal(vv_weights_string(weights, "name", 3, &text, &problem), VV_WEIGHTS_WRONG_VALUE);
    assert_int_equal(vv_weights_string(weights, "codec.sizes", 30, &text, &problem), VV_WEIGHTS_WRONG_VALUE);
    assert_int_equal(vv_weights_ints(weights, "codec.sizes", 8, 32, list, 2, &count, &problem), VV_WEIGHTS_WRONG_VALUE);
    assert_int_equal(vv_weights_ints(weights, "codec.sizes", 9, 32, list, 3, &count, &problem), VV_WEIGHTS_WRONG_VALUE);
    assert_int_equal(vv_weights_ints(weights, "codec.sizes", 8, 31, list, 3, &count, &problem), VV_WEIGHTS_WRONG_VALUE);
    assert_int_equal(vv_weights_ints(weights, "codec", 8, 31, list, 3, &count, &problem), VV_WEIGHTS_WRONG_VALUE);
    assert_int_equal(vv_weights_ints(weights, "sizes", 8, 31, list, 3, &count, &problem), VV_WEIGHTS_MISSING_KEY);
    assert_int_equal(whole, -7);
    assert_true(real == -7);
    assert_int_equal(count, 9);
    vv_weights_close(&weights);
    free(copy);
}

/* ---- wrong files ------------------------------------------------------------------------------------------------ */

static void refuses_what_cannot_be_read(void **state) {
    (void)state;
    VvWeights *weights;
    VvWeightsProblem problem;
    assert_int_equal(vv_weights_open("test/golden/none.safetensors", &weights, &problem), VV_WEIGHTS_UNREADABLE);
    assert_string_equal(problem.text, "test/golden/none.safetensors: No such file or directory");
    assert_null(weights);
    assert_int_equal(vv_weights_open("test/golden", &weights, &problem), VV_WEIGHTS_UNREADABLE);
    assert_string_equal(problem.text, "test/golden: this is not a file");
    char path[] = "/tmp/visavis-weights-XXXXXX";
    const int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(vv_weights_open(path, &weights, NULL), VV_WEIGHTS_TOO_SHORT);
    close(file);
    unlink(path);
    assert_int_equal(vv_weights_open("Makefile", &weights, &problem), VV_WEIGHTS_HEADER_TOO_LONG);
}

/* Every shorter file is refused, and for a reason that is true of it. */
static void refuses_every_cut(void **state) {
    (void)state;
    File file;
    const float data[3] = {1, 2, 3};
    build(&file, "\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]}", data, sizeof data);
    const size_t whole = file.size;
    for (file.size = 0; file.size < whole; file.size++)
        assert_refused(&file, file.size < whole - sizeof data ? VV_WEIGHTS_TOO_SHORT : VV_WEIGHTS_OUT_OF_BOUNDS, "");
    VvWeights *weights;
    uint8_t *copy;
    assert_int_equal(open_file(&file, &weights, &copy, NULL), VV_WEIGHTS_OK);
    vv_weights_close(&weights);
    free(copy);
}

static void refuses_bad_headers(void **state) {
    (void)state;
    const struct {
        const char *header;
        VvWeightsError error;
        const char *word;
    } cases[] = {
        {"", VV_WEIGHTS_BAD_JSON, "header"},
        {"{", VV_WEIGHTS_BAD_JSON, "header"},
        {"{} {}", VV_WEIGHTS_BAD_JSON, "header"},
        {"{\"a\":1e999}", VV_WEIGHTS_BAD_JSON, "header"},
        {"{\"a\":99999999999999999999}", VV_WEIGHTS_BAD_JSON, "header"},
        {"{\"a\\u0000\":1}", VV_WEIGHTS_BAD_JSON, "header"},
        {"{\"a\":1,\"a\":1}", VV_WEIGHTS_DUPLICATE_NAME, "header"},
        {"[]", VV_WEIGHTS_BAD_HEADER, "not a JSON object"},
        {"{}", VV_WEIGHTS_NO_CHECKSUM, "sha256"},
        {"{\"__metadata__\":[]}", VV_WEIGHTS_NO_CHECKSUM, "sha256"},
        {"{\"__metadata__\":{\"checksum\":7}}", VV_WEIGHTS_NO_CHECKSUM, "sha256"},
        {"{\"__metadata__\":{\"checksum\":\"sha256:00\"}}", VV_WEIGHTS_NO_CHECKSUM, "sha256"},
        {"{\"__metadata__\":{\"checksum\":\"sha256:"
         "E3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"}}",
         VV_WEIGHTS_NO_CHECKSUM, "sha256"},
        {"{\"__metadata__\":{\"checksum\":\"sha256:"
         "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"}}",
         VV_WEIGHTS_BAD_CONFIG, "the header's config is missing"},
        {"{\"__metadata__\":{\"config\":{},\"checksum\":\"sha256:"
         "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"}}",
         VV_WEIGHTS_BAD_CONFIG, "the header's config is missing"},
        {"{\"__metadata__\":{\"config\":\"[]\",\"checksum\":\"sha256:"
         "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"}}",
         VV_WEIGHTS_BAD_CONFIG, "the header's config is not a JSON object"},
        {"{\"__metadata__\":{\"config\":\"{\\\"a\\\":1,\\\"a\\\":2}\",\"checksum\":\"sha256:"
         "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"}}",
         VV_WEIGHTS_BAD_CONFIG, "the header's config is not a JSON object"},
        {"{\"__metadata__\":{\"config\":\"{}\",\"checksum\":\"sha256:"
         "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"}}",
         VV_WEIGHTS_BAD_CONFIG, "the header's provenance is missing"},
    };
    File file;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        build_raw(&file, cases[i].header, zeros, 0);
        assert_refused(&file, cases[i].error, cases[i].word);
    }
    build_raw(&file, "{}", zeros, 0);
    const uint64_t lengths[] = {VV_WEIGHTS_HEADER_MAX + 1, INT64_MAX, UINT64_MAX - 7, UINT64_MAX};
    for (size_t i = 0; i < 4; i++) {
        memcpy(file.bytes, &lengths[i], 8);
        assert_refused(&file, VV_WEIGHTS_HEADER_TOO_LONG, "this is no file of weights");
    }
    const uint64_t longer = file.size - 8 + 1;
    memcpy(file.bytes, &longer, 8);
    assert_refused(&file, VV_WEIGHTS_TOO_SHORT, "the file only");
}

/* JSON as deep as a header allows: refused, not recursed into until the stack ends. */
static void refuses_depth(void **state) {
    (void)state;
    File file;
    char header[7000];
    memset(header, '[', sizeof header - 1);
    header[sizeof header - 1] = '\0';
    build_raw(&file, header, zeros, 0);
    assert_refused(&file, VV_WEIGHTS_BAD_JSON, "depth");
}

#define TENSOR(dtype, shape, begin, end)                                                                               \
    "{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":[" begin "," end "]}"

static void refuses_bad_tensors(void **state) {
    (void)state;
    const struct {
        const char *tensors;
        size_t size;
        VvWeightsError error;
        const char *word;
    } cases[] = {
        {"\"a\":7", 0, VV_WEIGHTS_BAD_HEADER, "tensor a"},
        {"\"a\":{}", 0, VV_WEIGHTS_BAD_HEADER, "tensor a"},
        {"\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"offsets\":[0,4]}", 4, VV_WEIGHTS_BAD_HEADER, "no data_offsets"},
        {"\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":1}", 4, VV_WEIGHTS_BAD_HEADER,
         "tensor a"},
        {"\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]}", 4, VV_WEIGHTS_BAD_HEADER, "data_offsets"},
        {"\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":{}}", 4, VV_WEIGHTS_BAD_HEADER, "data_offsets"},
        {"\"\":" TENSOR("\"F32\"", "[1]", "0", "4"), 4, VV_WEIGHTS_BAD_HEADER, "name"},
        {"\"a b\":" TENSOR("\"F32\"", "[1]", "0", "4"), 4, VV_WEIGHTS_BAD_HEADER, "name"},
        {"\"\\u001b[2J\":" TENSOR("\"F32\"", "[1]", "0", "4"), 4, VV_WEIGHTS_BAD_HEADER, "name"},
        {"\"a\":" TENSOR("7", "[1]", "0", "4"), 4, VV_WEIGHTS_BAD_HEADER, "no dtype"},
        {"\"a\":" TENSOR("\"F64\"", "[1]", "0", "8"), 8, VV_WEIGHTS_UNKNOWN_TYPE, "tensor a"},
        {"\"a\":" TENSOR("\"f32\"", "[1]", "0", "4"), 4, VV_WEIGHTS_UNKNOWN_TYPE, "tensor a"},
        {"\"a\":" TENSOR("\"F32\"", "4", "0", "4"), 4, VV_WEIGHTS_BAD_HEADER, "no shape"},
        {"\"a\":" TENSOR("\"F32\"", "[0]", "0", "0"), 0, VV_WEIGHTS_BAD_SHAPE, "dimension 0"},
        {"\"a\":" TENSOR("\"F32\"", "[1,-1]", "0", "4"), 4, VV_WEIGHTS_BAD_SHAPE, "dimension 1"},
        {"\"a\":" TENSOR("\"F32\"", "[1.5]", "0", "4"), 4, VV_WEIGHTS_BAD_SHAPE, "dimension 0"},
        {"\"a\":" TENSOR("\"F32\"", "[1,1,1,1,1,1,1,1,1]", "0", "4"), 4, VV_WEIGHTS_BAD_SHAPE, "9 dimensions"},
        {"\"a\":" TENSOR("\"F32\"", "[4611686018427387904]", "0", "0"), 4, VV_WEIGHTS_SHAPE_OVERFLOW, "tensor a"},
        {"\"a\":" TENSOR("\"U8\"", "[4294967296,4294967296]", "0", "0"), 4, VV_WEIGHTS_SHAPE_OVERFLOW, "tensor a"},
        {"\"a\":" TENSOR("\"U8\"", "[4294967296,2147483648]", "0", "0"), 4, VV_WEIGHTS_SHAPE_OVERFLOW, "tensor a"},
        {"\"a\":" TENSOR("\"F32\"", "[2]", "0", "4"), 4, VV_WEIGHTS_BAD_OFFSETS, "needs 8 bytes"},
        {"\"a\":" TENSOR("\"F32\"", "[1]", "-4", "0"), 4, VV_WEIGHTS_BAD_OFFSETS, "from -4 to 0"},
        {"\"a\":" TENSOR("\"F32\"", "[1]", "4", "0"), 4, VV_WEIGHTS_BAD_OFFSETS, "from 4 to 0"},
        {"\"a\":" TENSOR("\"F32\"", "[1]", "-9223372036854775807", "9223372036854775807"), 4, VV_WEIGHTS_BAD_OFFSETS,
         ""},
        {"\"a\":" TENSOR("\"F32\"", "[2]", "0", "8"), 4, VV_WEIGHTS_OUT_OF_BOUNDS, "which has 4"},
        {"\"a\":" TENSOR("\"U8\"", "[1]", "9223372036854775806", "9223372036854775807"), 4, VV_WEIGHTS_OUT_OF_BOUNDS,
         ""},
        {"\"a\":" TENSOR("\"U8\"", "[1]", "0", "1") ",\"b\":" TENSOR("\"F32\"", "[1]", "1", "5"), 5,
         VV_WEIGHTS_UNALIGNED, "tensor b"},
        {"\"a\":" TENSOR("\"U8\"", "[1]", "0", "1") ",\"b\":" TENSOR("\"BF16\"", "[1]", "1", "3"), 3,
         VV_WEIGHTS_UNALIGNED, "tensor b"},
        {"\"b\":" TENSOR("\"U8\"", "[4]", "0", "4") ",\"a\":" TENSOR("\"U8\"", "[4]", "3", "7"), 7, VV_WEIGHTS_OVERLAP,
         "tensors b and a share bytes"},
        {"\"a\":" TENSOR("\"U8\"", "[4]", "0", "4") ",\"b\":" TENSOR("\"U8\"", "[4]", "0", "4"), 4, VV_WEIGHTS_OVERLAP,
         "share bytes"},
        {"\"a\":" TENSOR("\"U8\"", "[4]", "1", "5"), 5, VV_WEIGHTS_GAP, "before tensor a"},
        {"\"a\":" TENSOR("\"U8\"", "[4]", "0", "4") ",\"b\":" TENSOR("\"U8\"", "[1]", "5", "6"), 6, VV_WEIGHTS_GAP,
         "before tensor b"},
        {"\"a\":" TENSOR("\"U8\"", "[4]", "0", "4"), 9, VV_WEIGHTS_GAP, "the last 5 bytes"},
        {"", 1, VV_WEIGHTS_GAP, "the last 1 bytes"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_tensors_refused(cases[i].tensors, cases[i].size, cases[i].error, cases[i].word);
    char name[300] = "\"", *end = name + 1;
    memset(end, 'n', 201);
    strcpy(end + 201, "\":" TENSOR("\"F32\"", "[1]", "0", "4"));
    assert_tensors_refused(name, 4, VV_WEIGHTS_BAD_HEADER, "name");
    memmove(end, end + 1, strlen(end));
    File file;
    build(&file, name, zeros, 4);
    VvWeights *weights;
    uint8_t *copy;
    assert_int_equal(open_file(&file, &weights, &copy, NULL), VV_WEIGHTS_OK);
    vv_weights_close(&weights);
    free(copy);
}

/* A header whose length is not even begins the data unaligned, whatever the offsets say. */
static void refuses_data_that_begin_unaligned(void **state) {
    (void)state;
    File file;
    build(&file, "\"a\":" TENSOR("\"F32\"", "[1]", "0", "4"), zeros, 4);
    uint64_t length;
    memcpy(&length, file.bytes, 8);
    memmove(file.bytes + 8 + length + 1, file.bytes + 8 + length, 4);
    file.bytes[8 + length] = ' ';
    length++, file.size++;
    memcpy(file.bytes, &length, 8);
    assert_refused(&file, VV_WEIGHTS_UNALIGNED, "tensor a");
}

/* Any bit of the data that changes is noticed. */
static void refuses_changed_data(void **state) {
    (void)state;
    File file;
    const float data[4] = {1, 2, 3, 4};
    build(&file, "\"a\":" TENSOR("\"F32\"", "[4]", "0", "16"), data, sizeof data);
    for (size_t bit = 0; bit < 8 * sizeof data; bit++) {
        file.bytes[file.size - sizeof data + bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_refused(&file, VV_WEIGHTS_CHECKSUM_MISMATCH, "SHA-256");
        file.bytes[file.size - sizeof data + bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void names_every_error(void **state) {
    (void)state;
    for (int i = 0; i < VV_WEIGHTS_ERRORS; i++) {
        const char *name = vv_weights_error_name((VvWeightsError)i);
        assert_non_null(name);
        assert_true(strlen(vv_weights_error_sentence((VvWeightsError)i)) > 10);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(name, vv_weights_error_name((VvWeightsError)k));
    }
    assert_string_equal(vv_weights_error_name(VV_WEIGHTS_CHECKSUM_MISMATCH), "checksum_mismatch");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_python_wrote),
        cmocka_unit_test(asked_for_what_is_not_there),
        cmocka_unit_test(finds_numbers_that_are_none),
        cmocka_unit_test(widens_every_half),
        cmocka_unit_test(reads_the_config),
        cmocka_unit_test(refuses_what_cannot_be_read),
        cmocka_unit_test(refuses_every_cut),
        cmocka_unit_test(refuses_bad_headers),
        cmocka_unit_test(refuses_depth),
        cmocka_unit_test(refuses_bad_tensors),
        cmocka_unit_test(refuses_data_that_begin_unaligned),
        cmocka_unit_test(refuses_changed_data),
        cmocka_unit_test(names_every_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
