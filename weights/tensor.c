/* Looking tensors up, and reading their elements. */
#include "weights/internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *vv_weights_error_name(VvWeightsError error) {
    static const char *const names[] = {
#define VV_WEIGHTS_ERROR(NAME, name, sentence) [VV_WEIGHTS_##NAME] = name,
#include "weights/errors.def"
#undef VV_WEIGHTS_ERROR
    };
    return names[error];
}

const char *vv_weights_error_sentence(VvWeightsError error) {
    static const char *const sentences[] = {
#define VV_WEIGHTS_ERROR(NAME, name, sentence) [VV_WEIGHTS_##NAME] = sentence,
#include "weights/errors.def"
#undef VV_WEIGHTS_ERROR
    };
    return sentences[error];
}

/* ---- looking up --------------------------------------------------------------------------------------------- */

size_t vv_weights_count(const VvWeights *weights) {
    return weights->tensors;
}

const VvWeightsTensor *vv_weights_at(const VvWeights *weights, size_t index) {
    return &weights->tensor[index];
}

static int compare(const void *name, const void *tensor) {
    return strcmp(name, ((const VvWeightsTensor *)tensor)->name);
}

/* "3 x 64 x any". */
static const char *shape_text(char *text, size_t room, int rank, const int64_t *shape) {
    size_t used = 0;
    snprintf(text, room, "one element");
    for (int i = 0; i < rank && used < room; i++) {
        int more = shape[i] == VV_WEIGHTS_ANY
                       ? snprintf(text + used, room - used, "%sany", i ? " x " : "")
                       : snprintf(text + used, room - used, "%s%lld", i ? " x " : "", (long long)shape[i]);
        used += (size_t)more;
    }
    return text;
}

static bool fits(const VvWeightsTensor *tensor, int rank, const int64_t *shape) {
    if (tensor->rank != rank)
        return false;
    for (int i = 0; i < rank; i++)
        if (shape[i] != VV_WEIGHTS_ANY && shape[i] != tensor->shape[i])
            return false;
    return true;
}

VvWeightsError vv_weights_get(const VvWeights *weights, const char *name, int rank, const int64_t *shape,
                              unsigned types, VvWeightsTensor *tensor, VvWeightsProblem *problem) {
    memset(tensor, 0, sizeof *tensor);
    const VvWeightsTensor *found = bsearch(name, weights->tensor, weights->tensors, sizeof *found, compare);
    if (!found)
        return vv_weights_fail(problem, weights->label, VV_WEIGHTS_MISSING_TENSOR, "there is no tensor %s", name);
    if (!fits(found, rank, shape)) {
        char is[80], wanted[80];
        return vv_weights_fail(problem, weights->label, VV_WEIGHTS_WRONG_SHAPE, "tensor %s is %s, not %s", name,
                               shape_text(is, sizeof is, found->rank, found->shape),
                               shape_text(wanted, sizeof wanted, rank, shape));
    }
    if (!(types & VV_WEIGHTS_ONLY(found->type)))
        return vv_weights_fail(problem, weights->label, VV_WEIGHTS_WRONG_TYPE, "tensor %s is of type %s", name,
                               vv_weights_type_name(found->type));
    *tensor = *found;
    return VV_WEIGHTS_OK;
}

/* ---- elements ------------------------------------------------------------------------------------------------ */

static float float_of_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* IEEE 754 binary16: 1 sign bit, 5 of exponent (bias 15), 10 of fraction. */
static float float_of_half(uint16_t half) {
    const uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 0x3ff;
    if (exponent == 0) { /* zero and the subnormal: multiples of 2^-24 */
        const float value = ldexpf((float)fraction, -24);
        return sign ? -value : value;
    }
    if (exponent == 31)
        return float_of_bits(sign | 0x7f800000 | fraction << 13);
    return float_of_bits(sign | (exponent + 112) << 23 | fraction << 13);
}

/* One element of a float tensor. */
static float element(const VvWeightsTensor *tensor, size_t i) {
    switch (tensor->type) {
    case VV_WEIGHTS_F16:
        return float_of_half(((const uint16_t *)tensor->data)[i]);
    case VV_WEIGHTS_BF16:
        return float_of_bits((uint32_t)((const uint16_t *)tensor->data)[i] << 16);
    default:
        return ((const float *)tensor->data)[i];
    }
}

static bool is_float(const VvWeightsTensor *tensor) {
    return VV_WEIGHTS_FLOATS & VV_WEIGHTS_ONLY(tensor->type);
}

VvWeightsError vv_weights_to_f32(const VvWeightsTensor *tensor, float *out, VvWeightsProblem *problem) {
    if (!is_float(tensor))
        return vv_weights_fail(problem, "weights", VV_WEIGHTS_WRONG_TYPE, "tensor %s is of type %s", tensor->name,
                               vv_weights_type_name(tensor->type));
    for (size_t i = 0; i < tensor->count; i++)
        out[i] = element(tensor, i);
    return VV_WEIGHTS_OK;
}

VvWeightsError vv_weights_check_finite(const VvWeights *weights, VvWeightsProblem *problem) {
    for (size_t t = 0; t < weights->tensors; t++) {
        const VvWeightsTensor *tensor = &weights->tensor[t];
        for (size_t i = 0; is_float(tensor) && i < tensor->count; i++)
            if (!isfinite(element(tensor, i)))
                return vv_weights_fail(problem, weights->label, VV_WEIGHTS_NOT_FINITE,
                                       "element %zu of tensor %s is not a finite number", i, tensor->name);
    }
    return VV_WEIGHTS_OK;
}
