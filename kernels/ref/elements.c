/* The definition of what works element by element, and of rearrangements. */
#include <math.h>

#include "kernels/check.h"
#include "kernels/ref/ref.h"

typedef double (*Element)(double a, double b);

/* dst = element(a, b) for every element of tensors of one shape; b begins anew where it ends. */
static void each(Element element, VvTensor a, VvTensor b, VvTensor dst) {
    const size_t rows = vv_tensor_rows(dst), columns = (size_t)dst.shape[dst.rank - 1], of_b = vv_tensor_rows(b);
    for (size_t row = 0; row < rows; row++)
        for (size_t c = 0; c < columns; c++)
            vv_ref_put(
                dst, row * (size_t)dst.pitch + c,
                element(vv_ref_get(a, row * (size_t)a.pitch + c), vv_ref_get(b, row % of_b * (size_t)b.pitch + c)));
}

static double relu(double a, double b) {
    (void)b;
    return a < 0 ? 0 : a; /* NaN stays */
}

static double sum(double a, double b) {
    return a + b;
}

static double same(double a, double b) {
    (void)b;
    return a;
}

VvKernelStatus vv_relu_ref(VvStream *stream, VvTensor src, VvTensor dst) {
    (void)stream;
    const VvKernelStatus status = vv_check_relu(VV_ON_CPU, src, dst);
    if (status == VV_KERNEL_OK)
        each(relu, src, src, dst);
    return status;
}

VvKernelStatus vv_add_ref(VvStream *stream, VvTensor a, VvTensor b, VvTensor dst) {
    (void)stream;
    const VvKernelStatus status = vv_check_add(VV_ON_CPU, a, b, dst);
    if (status == VV_KERNEL_OK)
        each(sum, a, b, dst);
    return status;
}

VvKernelStatus vv_convert_ref(VvStream *stream, VvTensor src, VvTensor dst) {
    (void)stream;
    const VvKernelStatus status = vv_check_convert(VV_ON_CPU, src, dst);
    if (status == VV_KERNEL_OK)
        each(same, src, src, dst);
    return status;
}

static double silu(double a, double b) {
    (void)b;
    return a / (1 + exp(-a));
}

static double gated_silu(double a, double b) {
    return silu(a, b) * b;
}

VvKernelStatus vv_silu_ref(VvStream *stream, VvTensor a, VvTensor b, VvTensor dst) {
    (void)stream;
    const VvKernelStatus status = vv_check_silu(VV_ON_CPU, a, b, dst);
    if (status == VV_KERNEL_OK)
        each(b.rank ? gated_silu : silu, a, b.rank ? b : a, dst);
    return status;
}

VvKernelStatus vv_flow_step_ref(VvStream *stream, float dt, VvTensor x, VvTensor v, VvTensor dst) {
    (void)stream;
    const VvKernelStatus status = vv_check_flow_step(VV_ON_CPU, x, v, dst);
    if (status != VV_KERNEL_OK)
        return status;
    const size_t rows = vv_tensor_rows(dst);
    for (size_t row = 0; row < rows; row++)
        for (int c = 0; c < dst.shape[dst.rank - 1]; c++)
            vv_ref_put(dst, vv_ref_row(dst, (int)row, c),
                       vv_ref_get(x, vv_ref_row(x, (int)row, c)) -
                           (double)dt * vv_ref_get(v, vv_ref_row(v, (int)row, c)));
    return VV_KERNEL_OK;
}

/* ---- rearrangements ---------------------------------------------------------------------------------------------- */

/* For every element of a destination picture: n, y, x, c. */
#define EACH_ELEMENT(t)                                                                                                \
    for (int n = 0; n < (t).shape[0]; n++)                                                                             \
        for (int y = 0; y < (t).shape[1]; y++)                                                                         \
            for (int x = 0; x < (t).shape[2]; x++)                                                                     \
                for (int c = 0; c < (t).shape[3]; c++)

VvKernelStatus vv_upsample2_ref(VvStream *stream, VvTensor src, VvTensor dst) {
    (void)stream;
    const VvKernelStatus status = vv_check_upsample2(VV_ON_CPU, src, dst);
    if (status != VV_KERNEL_OK)
        return status;
    EACH_ELEMENT(dst)
    vv_ref_put(dst, vv_ref_at(dst, n, y, x, c), vv_ref_get(src, vv_ref_at(src, n, y / 2, x / 2, c)));
    return VV_KERNEL_OK;
}

VvKernelStatus vv_pixel_shuffle_ref(VvStream *stream, int r, VvTensor src, VvTensor dst) {
    (void)stream;
    const VvKernelStatus status = vv_check_pixel_shuffle(VV_ON_CPU, r, src, dst);
    if (status != VV_KERNEL_OK)
        return status;
    EACH_ELEMENT(dst) {
        const int from = (c * r + y % r) * r + x % r;
        vv_ref_put(dst, vv_ref_at(dst, n, y, x, c), vv_ref_get(src, vv_ref_at(src, n, y / r, x / r, from)));
    }
    return VV_KERNEL_OK;
}

VvKernelStatus vv_unshuffle2_ref(VvStream *stream, VvByteScale scale, VvTensor src, VvTensor dst) {
    (void)stream;
    const VvKernelStatus status = vv_check_unshuffle2(VV_ON_CPU, src, dst);
    if (status != VV_KERNEL_OK)
        return status;
    if (src.type != VV_U8)
        scale = (VvByteScale){0, 1};
    EACH_ELEMENT(dst) {
        const double value = vv_ref_get(src, vv_ref_at(src, n, 2 * y + c / 2 % 2, 2 * x + c % 2, c / 4));
        vv_ref_put(dst, vv_ref_at(dst, n, y, x, c), (value - (double)scale.mean) * (double)scale.scale);
    }
    return VV_KERNEL_OK;
}

VvKernelStatus vv_pool2_bytes_ref(VvStream *stream, VvByteScale scale, VvTensor src, VvTensor dst) {
    (void)stream;
    const VvKernelStatus status = vv_check_pool2_bytes(VV_ON_CPU, src, dst);
    if (status != VV_KERNEL_OK)
        return status;
    EACH_ELEMENT(dst) {
        const size_t at = vv_ref_at(dst, n, y, x, c);
        double mean = 0;
        for (int i = 0; i < 4; i++)
            mean += 0.25 * vv_ref_get(src, vv_ref_at(src, n, 2 * y + i / 2, 2 * x + i % 2, c));
        if (dst.type == VV_U8)
            ((uint8_t *)dst.data)[at] = (uint8_t)floor(mean + 0.5);
        else
            vv_ref_put(dst, at, (mean - (double)scale.mean) * (double)scale.scale);
    }
    return VV_KERNEL_OK;
}
