/* Element by element: ReLU, addition, conversion, SiLU, a step of the flow. */
#include "kernels/check.h"
#include "kernels/cpu/vector/vector.h"

enum Operation { RELU, ADD, CONVERT, SILU, GATED_SILU };

VV_ALWAYS_INLINE void row(enum Operation operation, VvDataType from, VvDataType to, const void *a, const void *b,
                          void *dst, int count) {
    VV_IN_PLACE
    for (int i = 0; i < count; i++) {
        float value = load(a, from, i);
        if (operation == RELU)
            value = value < 0 ? 0 : value;
        if (operation == ADD)
            value += load(b, from, i);
        if (operation == SILU || operation == GATED_SILU)
            value *= sigmoid_of(value);
        if (operation == GATED_SILU)
            value *= load(b, from, i);
        store(dst, to, i, value);
    }
}

VV_ALWAYS_INLINE void rows(enum Operation operation, VvDataType from, VvDataType to, const VvTensor *a,
                           const VvTensor *b, const VvTensor *dst) {
    ptrdiff_t count = (ptrdiff_t)vv_tensor_rows(*dst);
    int columns = dst->shape[dst->rank - 1];
    if (vv_tensor_is_dense(*a) && vv_tensor_is_dense(*b) && vv_tensor_is_dense(*dst)) { /* all as one row */
        columns *= (int)count;
        count = 1;
    }
    for (ptrdiff_t i = 0; i < count; i++)
        row(operation, from, to, moved_const(a->data, from, i * a->pitch), moved_const(b->data, from, i * b->pitch),
            moved(dst->data, to, i * dst->pitch), columns);
}

VV_ALWAYS_INLINE void by_type(enum Operation operation, const VvTensor *a, const VvTensor *b, const VvTensor *dst) {
    if (a->type == VV_F32)
        rows(operation, VV_F32, VV_F32, a, b, dst);
    else
        rows(operation, VV_BF16, VV_BF16, a, b, dst);
}

VvKernelStatus VV_CPU(vv_relu)(VvStream *stream, VvTensor src, VvTensor dst) {
    (void)stream;
    const VvKernelStatus status = vv_check_relu(VV_ON_CPU, src, dst);
    if (status == VV_KERNEL_OK)
        by_type(RELU, &src, &src, &dst);
    return status;
}

VvKernelStatus VV_CPU(vv_add)(VvStream *stream, VvTensor a, VvTensor b, VvTensor dst) {
    (void)stream;
    const VvKernelStatus status = vv_check_add(VV_ON_CPU, a, b, dst);
    if (status != VV_KERNEL_OK)
        return status;
    const int items = vv_tensor_same_shape(a, b) ? 1 : a.shape[0], size = a.shape[0] / items;
    for (int n = 0; n < items; n++) {
        const VvTensor from = vv_tensor_items(a, n * size, size), to = vv_tensor_items(dst, n * size, size);
        by_type(ADD, &from, &b, &to);
    }
    return VV_KERNEL_OK;
}

VvKernelStatus VV_CPU(vv_convert)(VvStream *stream, VvTensor src, VvTensor dst) {
    (void)stream;
    const VvKernelStatus status = vv_check_convert(VV_ON_CPU, src, dst);
    if (status != VV_KERNEL_OK)
        return status;
    if (src.type == dst.type)
        by_type(CONVERT, &src, &src, &dst);
    else if (src.type == VV_F32)
        rows(CONVERT, VV_F32, VV_BF16, &src, &src, &dst);
    else
        rows(CONVERT, VV_BF16, VV_F32, &src, &src, &dst);
    return VV_KERNEL_OK;
}

VvKernelStatus VV_CPU(vv_silu)(VvStream *stream, VvTensor a, VvTensor b, VvTensor dst) {
    (void)stream;
    const VvKernelStatus status = vv_check_silu(VV_ON_CPU, a, b, dst);
    if (status == VV_KERNEL_OK && b.rank)
        by_type(GATED_SILU, &a, &b, &dst);
    else if (status == VV_KERNEL_OK)
        by_type(SILU, &a, &a, &dst);
    return status;
}

static void step_row(float dt, const float *x, const float *v, float *dst, int count) {
    VV_IN_PLACE
    for (int i = 0; i < count; i++)
        dst[i] = x[i] - dt * v[i];
}

VvKernelStatus VV_CPU(vv_flow_step)(VvStream *stream, float dt, VvTensor x, VvTensor v, VvTensor dst) {
    (void)stream;
    const VvKernelStatus status = vv_check_flow_step(VV_ON_CPU, x, v, dst);
    if (status != VV_KERNEL_OK)
        return status;
    const ptrdiff_t rows = (ptrdiff_t)vv_tensor_rows(dst);
    for (ptrdiff_t i = 0; i < rows; i++)
        step_row(dt, (const float *)x.data + i * x.pitch, (const float *)v.data + i * v.pitch,
                 (float *)dst.data + i * dst.pitch, dst.shape[dst.rank - 1]);
    return VV_KERNEL_OK;
}
