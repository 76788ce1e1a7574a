/* Reads sizes and tensors until the first error. */
#include "server/avatar/model_reader.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void vv_reader_fail(VvReader *reader, int error, VvWeightsError weights, VvKernelStatus kernels, const char *format,
                    ...) {
    va_list args;
    reader->error = error;
    *reader->problem = (VvModelProblem){.weights = weights, .kernels = kernels};
    va_start(args, format);
    vsnprintf(reader->problem->text, sizeof reader->problem->text, format, args);
    va_end(args);
}

/* Whether all is well still; if not, the weights' own words are the problem. */
static bool check(VvReader *r, VvWeightsError status, const VvWeightsProblem *problem) {
    if (status != VV_WEIGHTS_OK)
        vv_reader_fail(r, status == VV_WEIGHTS_NO_MEMORY ? -ENOMEM : -EINVAL, status, VV_KERNEL_OK, "%s",
                       problem->text);
    return r->error == 0;
}

bool vv_reader_kernels(VvReader *reader, VvKernelStatus status, const char *what) {
    if (!reader->error && status != VV_KERNEL_OK)
        vv_reader_fail(reader, status == VV_KERNEL_MEMORY ? -ENOMEM : -ENOTSUP, VV_WEIGHTS_OK, status, "%s: %s", what,
                       vv_kernel_status_text(status));
    return reader->error == 0;
}

int vv_reader_size(VvReader *reader, const char *key, int least, int most) {
    VvWeightsProblem problem;
    int64_t number = least;
    if (!reader->error)
        check(reader, vv_weights_int(reader->weights, key, least, most, &number, &problem), &problem);
    return (int)number;
}

void vv_reader_flag(VvReader *reader, const char *key, bool wanted) {
    VvWeightsProblem problem;
    bool value = wanted;
    if (!reader->error && check(reader, vv_weights_bool(reader->weights, key, &value, &problem), &problem) &&
        value != wanted)
        vv_reader_fail(reader, -EINVAL, VV_WEIGHTS_WRONG_VALUE, VV_KERNEL_OK, "config: %s must be %s", key,
                       wanted ? "true" : "false");
}

/* Bytes are numbers in steps of their row's scale, 128 being 0: `NAME.scale` has a scale for each row. */
static void scaled(VvReader *reader, const VvWeightsTensor *bytes, float *values) {
    VvWeightsProblem problem;
    VvWeightsTensor scales;
    char name[160];
    snprintf(name, sizeof name, "%s.scale", bytes->name);
    if (!check(
            reader,
            vv_weights_get(reader->weights, name, 1, bytes->shape, VV_WEIGHTS_ONLY(VV_WEIGHTS_F32), &scales, &problem),
            &problem))
        return;
    const size_t columns = bytes->count / scales.count;
    const float *scale = scales.data;
    for (size_t i = 0; i < bytes->count; i++)
        values[i] = (float)(((const uint8_t *)bytes->data)[i] - 128) * scale[i / columns];
}

float *vv_reader_floats(VvReader *reader, int rank, const int64_t shape[], const char *format, ...) {
    VvWeightsProblem problem;
    VvWeightsTensor tensor;
    char name[128];
    va_list args;
    const unsigned types = VV_WEIGHTS_FLOATS | (rank > 1 ? VV_WEIGHTS_ONLY(VV_WEIGHTS_U8) : 0);
    if (reader->error)
        return NULL;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    if (!check(reader, vv_weights_get(reader->weights, name, rank, shape, types, &tensor, &problem), &problem))
        return NULL;
    float *values = malloc(tensor.count * sizeof *values);
    if (!values) {
        vv_reader_fail(reader, -ENOMEM, VV_WEIGHTS_NO_MEMORY, VV_KERNEL_OK, "out of memory");
        return NULL;
    }
    if (tensor.type == VV_WEIGHTS_U8)
        scaled(reader, &tensor, values);
    else
        check(reader, vv_weights_to_f32(&tensor, values, &problem), &problem);
    if (reader->error) {
        free(values);
        return NULL;
    }
    reader->parameters += tensor.count;
    return values;
}

void vv_reader_finite(VvReader *reader) {
    VvWeightsProblem problem;
    if (!reader->error)
        check(reader, vv_weights_check_finite(reader->weights, &problem), &problem);
}
