/* The layers' definition: convolution, and the linear layer as a 1 x 1 convolution of rows. */
#include <stdlib.h>
#include <string.h>

#include "kernels/check.h"
#include "kernels/ref/ref.h"

struct VvConv {
    VvConvSpec spec;      /* its pointers lead into `numbers` */
    const float *rounded; /* the weights rounded to bf16; likewise */
    float numbers[];      /* weights, the same rounded, bias */
};

struct VvLinear {
    VvConv *as_conv;
};

VvKernelStatus vv_conv_open_ref(const VvConvSpec *spec, VvConv **conv) {
    *conv = NULL;
    const VvKernelStatus status = vv_check_conv_spec(spec);
    if (status != VV_KERNEL_OK)
        return status;
    const size_t weights = (size_t)spec->out * (size_t)spec->in * (size_t)(spec->kernel * spec->kernel);
    VvConv *made = calloc(1, sizeof *made + (2 * weights + (size_t)spec->out) * sizeof(float));
    if (!made)
        return VV_KERNEL_MEMORY;
    made->spec = *spec;
    memcpy(made->numbers, spec->weights, weights * sizeof(float));
    for (size_t i = 0; i < weights; i++)
        made->numbers[weights + i] = vv_f32_from_bf16(vv_bf16_from_f32(spec->weights[i]));
    if (spec->bias)
        memcpy(made->numbers + 2 * weights, spec->bias, (size_t)spec->out * sizeof(float));
    made->spec.weights = made->numbers;
    made->rounded = made->numbers + weights;
    made->spec.bias = made->numbers + 2 * weights;
    *conv = made;
    return VV_KERNEL_OK;
}

void vv_conv_close_ref(VvConv **conv) {
    free(*conv);
    *conv = NULL;
}

VvKernelStatus vv_conv_plan_ref(VvConv *conv, VvTensor src, VvTensor dst, size_t *scratch) {
    (void)scratch; /* none needed */
    return vv_check_conv_plan(&conv->spec, src, dst);
}

/* One output: the sum over the window around (y, x) of the destination. */
static double window_sum(const VvConv *conv, VvTensor src, int n, int y, int x, int o) {
    const VvConvSpec *spec = &conv->spec;
    const int k = spec->kernel;
    const float *weights = (src.type == VV_BF16 ? conv->rounded : spec->weights) + (ptrdiff_t)o * spec->in * k * k;
    double sum = (double)spec->bias[o];
    for (int i = 0; i < k; i++) {
        const int sy = y * spec->stride + i - k / 2;
        for (int j = 0; j < k; j++) {
            const int sx = x * spec->stride + j - k / 2;
            if (sy < 0 || sy >= src.shape[1] || sx < 0 || sx >= src.shape[2])
                continue;
            for (int c = 0; c < spec->in; c++)
                sum += vv_ref_get(src, vv_ref_at(src, n, sy, sx, c)) * (double)weights[(c * k + i) * k + j];
        }
    }
    return sum;
}

static double activated(VvActivation activation, double value) {
    if (activation == VV_ACTIVATION_NONE)
        return value;
    const double positive = value < 0 ? 0 : value;
    return activation == VV_ACTIVATION_SQUARED_RELU ? positive * positive : positive;
}

VvKernelStatus vv_conv_ref(VvStream *stream, const VvConv *conv, VvTensor src, VvTensor residual, VvTensor dst) {
    (void)stream;
    const VvConvSpec *spec = &conv->spec;
    VvKernelStatus status = vv_check_conv_plan(spec, src, dst);
    if (status == VV_KERNEL_OK)
        status = vv_check_layer_run(VV_ON_CPU, spec->residual, src, residual, dst);
    if (status != VV_KERNEL_OK)
        return status;
    for (int n = 0; n < dst.shape[0]; n++)
        for (int y = 0; y < dst.shape[1]; y++)
            for (int x = 0; x < dst.shape[2]; x++)
                for (int o = 0; o < spec->out; o++) {
                    double value = window_sum(conv, src, n, y, x, o);
                    if (spec->residual)
                        value += vv_ref_get(residual, vv_ref_at(residual, n, y, x, o));
                    vv_ref_put(dst, vv_ref_at(dst, n, y, x, o), activated(spec->activation, value));
                }
    return VV_KERNEL_OK;
}

/* ---- linear ------------------------------------------------------------------------------------------------------ */

VvKernelStatus vv_linear_open_ref(const VvLinearSpec *spec, VvLinear **linear) {
    *linear = NULL;
    VvKernelStatus status = vv_check_linear_spec(spec);
    if (status != VV_KERNEL_OK)
        return status;
    VvLinear *made = calloc(1, sizeof *made);
    if (!made)
        return VV_KERNEL_MEMORY;
    const VvConvSpec same = {.in = spec->in,
                             .out = spec->out,
                             .kernel = 1,
                             .stride = 1,
                             .activation = spec->activation,
                             .residual = spec->residual,
                             .weights = spec->weights,
                             .bias = spec->bias};
    status = vv_conv_open_ref(&same, &made->as_conv);
    if (status != VV_KERNEL_OK) {
        vv_linear_close_ref(&made);
        return status;
    }
    *linear = made;
    return VV_KERNEL_OK;
}

void vv_linear_close_ref(VvLinear **linear) {
    if (*linear)
        vv_conv_close_ref(&(*linear)->as_conv);
    free(*linear);
    *linear = NULL;
}

static VvKernelStatus check_plan(const VvLinear *linear, VvTensor src, VvTensor dst) {
    const VvLinearSpec spec = {.in = linear->as_conv->spec.in, .out = linear->as_conv->spec.out};
    return vv_check_linear_plan(&spec, src, dst);
}

VvKernelStatus vv_linear_plan_ref(VvLinear *linear, VvTensor src, VvTensor dst, size_t *scratch) {
    (void)scratch;
    return check_plan(linear, src, dst);
}

/* The rows of a tensor as the pixels of a picture one pixel high. */
static VvTensor as_picture(VvTensor t) {
    VvTensor picture = t;
    picture.rank = 4;
    picture.shape[0] = picture.shape[1] = 1;
    picture.shape[2] = (int)vv_tensor_rows(t);
    picture.shape[3] = t.shape[t.rank - 1];
    return picture;
}

VvKernelStatus vv_linear_ref(VvStream *stream, const VvLinear *linear, VvTensor src, VvTensor residual, VvTensor dst) {
    const bool has_residual = linear->as_conv->spec.residual;
    VvKernelStatus status = check_plan(linear, src, dst);
    if (status == VV_KERNEL_OK)
        status = vv_check_layer_run(VV_ON_CPU, has_residual, src, residual, dst);
    if (status != VV_KERNEL_OK)
        return status;
    return vv_conv_ref(stream, linear->as_conv, as_picture(src), has_residual ? as_picture(residual) : residual,
                       as_picture(dst));
}
