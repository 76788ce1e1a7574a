/* Tensor views: making, slicing, measuring. */
#include <limits.h>

#include "kernels/kernels.h"

const char *vv_kernel_status_text(VvKernelStatus status) {
    switch (status) {
    case VV_KERNEL_OK:
        return "ok";
    case VV_KERNEL_SHAPE:
        return "shapes do not fit together";
    case VV_KERNEL_TYPE:
        return "element types not taken";
    case VV_KERNEL_DEVICE:
        return "no data, or on another device";
    case VV_KERNEL_UNPLANNED:
        return "shapes never planned";
    case VV_KERNEL_SCRATCH:
        return "too little scratch memory";
    case VV_KERNEL_UNSUPPORTED:
        return "not supported here";
    case VV_KERNEL_MEMORY:
        return "out of memory";
    case VV_KERNEL_BACKEND:
        return "the backend's library failed";
    }
    return "unknown";
}

size_t vv_type_size(VvDataType type) {
    switch (type) {
    case VV_F32:
    case VV_I32:
        return 4;
    case VV_BF16:
        return 2;
    case VV_U8:
        return 1;
    }
    return 0;
}

const char *vv_type_name(VvDataType type) {
    switch (type) {
    case VV_F32:
        return "f32";
    case VV_BF16:
        return "bf16";
    case VV_U8:
        return "u8";
    case VV_I32:
        return "i32";
    }
    return "unknown";
}

VvTensor vv_tensor(void *data, VvDataType type, VvDevice device, int rank, const int shape[]) {
    const VvTensor none = {0};
    if (rank < 1 || rank > VV_RANK_MAX)
        return none;
    VvTensor tensor = {.data = data, .type = type, .device = device, .rank = rank, .pitch = shape[rank - 1]};
    int count = 1;
    for (int i = 0; i < rank; i++) {
        if (shape[i] <= 0 || count > INT_MAX / shape[i])
            return none;
        count *= shape[i];
        tensor.shape[i] = shape[i];
    }
    return tensor;
}

VvTensor vv_tensor_nhwc(void *data, VvDataType type, VvDevice device, int n, int h, int w, int c) {
    return vv_tensor(data, type, device, 4, (const int[]){n, h, w, c});
}

/* The same view `elements` further. */
static VvTensor moved(VvTensor tensor, size_t elements) {
    if (tensor.data)
        tensor.data = (char *)tensor.data + elements * vv_type_size(tensor.type);
    return tensor;
}

VvTensor vv_tensor_channels(VvTensor whole, int first, int count) {
    if (whole.rank < 1 || first < 0 || count < 1 || first > whole.shape[whole.rank - 1] - count)
        return (VvTensor){0};
    whole.shape[whole.rank - 1] = count;
    return moved(whole, (size_t)first);
}

VvTensor vv_tensor_items(VvTensor whole, int first, int count) {
    if (whole.rank < 2 || first < 0 || count < 1 || first > whole.shape[0] - count)
        return (VvTensor){0};
    const size_t rows_each = vv_tensor_rows(whole) / (size_t)whole.shape[0];
    whole.shape[0] = count;
    return moved(whole, (size_t)first * rows_each * (size_t)whole.pitch);
}

size_t vv_tensor_count(VvTensor tensor) {
    return tensor.rank < 1 ? 0 : vv_tensor_rows(tensor) * (size_t)tensor.shape[tensor.rank - 1];
}

size_t vv_tensor_rows(VvTensor tensor) {
    if (tensor.rank < 1)
        return 0;
    size_t rows = 1;
    for (int i = 0; i + 1 < tensor.rank; i++)
        rows *= (size_t)tensor.shape[i];
    return rows;
}

size_t vv_tensor_bytes(VvTensor tensor) {
    if (tensor.rank < 1)
        return 0;
    const size_t last = (size_t)tensor.shape[tensor.rank - 1];
    return ((vv_tensor_rows(tensor) - 1) * (size_t)tensor.pitch + last) * vv_type_size(tensor.type);
}

bool vv_tensor_is_dense(VvTensor tensor) {
    return tensor.rank >= 1 && tensor.pitch == tensor.shape[tensor.rank - 1];
}

bool vv_tensor_is(VvTensor tensor, VvDataType type, int rank, const int shape[]) {
    if (tensor.rank != rank || tensor.type != type)
        return false;
    for (int i = 0; i < rank; i++)
        if (tensor.shape[i] != shape[i])
            return false;
    return true;
}

bool vv_tensor_same_shape(VvTensor a, VvTensor b) {
    return vv_tensor_is(a, a.type, b.rank, b.shape);
}
