/* A stand-in for cuDNN, for a machine without it: the functions that kernels/cuda/dnn.cu calls, as documented. It
 * refuses what the library refuses, writes over the workspace that it is given, and ends the program when two threads
 * use one handle at a time. Its convolutions are launches, so a recording keeps them. */
#include <cudnn.h>

#include "kernels/cuda/common.cuh"

using vv::Bf16;

struct cudnnContext {
    cudaStream_t stream;
    int busy;
};

/* All zero: never set. */
struct cudnnTensorStruct {
    cudnnDataType_t type;
    int n, c, h, w, n_stride, c_stride, h_stride, w_stride;
};
struct cudnnFilterStruct {
    cudnnDataType_t type;
    cudnnTensorFormat_t format;
    int k, c, h, w;
};
struct cudnnConvolutionStruct {
    int pad_h, pad_w, stride_h, stride_w, dilation_h, dilation_w;
    cudnnConvolutionMode_t mode;
    cudnnDataType_t compute;
    cudnnMathType_t math;
};
struct cudnnActivationStruct {
    bool set;
    cudnnActivationMode_t mode;
};

namespace {

enum { THREADS = 64, BLOCKS = 3, ALIGN = 16, WORKSPACE_ALIGN = 256 };

template <typename T> cudnnStatus_t create(T **made) {
    if (!made)
        return CUDNN_STATUS_BAD_PARAM;
    *made = static_cast<T *>(calloc(1, sizeof(T)));
    return *made ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_INTERNAL_ERROR;
}

cudnnStatus_t destroy(void *made) {
    free(made);
    return made ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_BAD_PARAM;
}

/* A handle for as long as a call takes. */
struct Use {
    cudnnHandle_t handle;
    explicit Use(cudnnHandle_t used) : handle(used) {
        if (handle && __atomic_exchange_n(&handle->busy, 1, __ATOMIC_ACQUIRE))
            emu_die("a cuDNN handle in two threads at a time");
    }
    ~Use() {
        if (handle)
            __atomic_store_n(&handle->busy, 0, __ATOMIC_RELEASE);
    }
};

int destination(int size, int kernel, int pad, int stride, int dilation) {
    return (size + 2 * pad - (kernel - 1) * dilation - 1) / stride + 1;
}

/* What the fused call takes in bf16. */
cudnnStatus_t check(const cudnnTensorStruct *x, const cudnnFilterStruct *w, const cudnnConvolutionStruct *convolution,
                    const cudnnTensorStruct *y) {
    if (!x || !w || !convolution || !y || !x->n || !w->k || !convolution->stride_h || !y->n)
        return CUDNN_STATUS_BAD_PARAM;
    const cudnnConvolutionStruct &c = *convolution;
    if (x->c != w->c || y->c != w->k || y->n != x->n ||
        y->h != destination(x->h, w->h, c.pad_h, c.stride_h, c.dilation_h) ||
        y->w != destination(x->w, w->w, c.pad_w, c.stride_w, c.dilation_w))
        return CUDNN_STATUS_BAD_PARAM;
    const bool bf16 = x->type == CUDNN_DATA_BFLOAT16 && w->type == CUDNN_DATA_BFLOAT16 && y->type == x->type;
    return bf16 && w->format == CUDNN_TENSOR_NHWC && x->c_stride == 1 && y->c_stride == 1 &&
                   c.compute == CUDNN_DATA_FLOAT && c.math == CUDNN_TENSOR_OP_MATH && x->c % 8 == 0 && y->c % 8 == 0
               ? CUDNN_STATUS_SUCCESS
               : CUDNN_STATUS_NOT_SUPPORTED;
}

size_t workspace_of(const cudnnFilterStruct &w) {
    return sizeof(int) * static_cast<size_t>(w.h * w.w * w.c);
}

/* ---- the convolution --------------------------------------------------------------------------------------------- */

struct Call {
    cudnnTensorStruct x, y;
    cudnnFilterStruct w;
    cudnnConvolutionStruct convolution;
    float alpha, more;
    const Bf16 *x_data, *w_data, *z_data, *bias;
    Bf16 *y_data;
    bool relu;
    unsigned char *workspace;
};

int64_t place(const cudnnTensorStruct &t, int n, int c, int h, int w) {
    return static_cast<int64_t>(n) * t.n_stride + static_cast<int64_t>(c) * t.c_stride +
           static_cast<int64_t>(h) * t.h_stride + static_cast<int64_t>(w) * t.w_stride;
}

/* Of one number of y: the filter is turned around for a convolution, and not for a correlation. */
float sum_of(const Call &call, int n, int k, int y, int x) {
    const cudnnConvolutionStruct &c = call.convolution;
    const cudnnFilterStruct &w = call.w;
    float sum = 0;
    for (int r = 0; r < w.h; r++)
        for (int s = 0; s < w.w; s++) {
            const int from_y = y * c.stride_h - c.pad_h + r * c.dilation_h;
            const int from_x = x * c.stride_w - c.pad_w + s * c.dilation_w;
            if (from_y < 0 || from_y >= call.x.h || from_x < 0 || from_x >= call.x.w)
                continue;
            const bool turned = c.mode == CUDNN_CONVOLUTION;
            const int tap = turned ? (w.h - 1 - r) * w.w + w.w - 1 - s : r * w.w + s;
            for (int i = 0; i < w.c; i++)
                sum += vv::to_f32(call.x_data[place(call.x, n, i, from_y, from_x)]) *
                       vv::to_f32(call.w_data[(static_cast<int64_t>(k) * w.h * w.w + tap) * w.c + i]);
        }
    return sum;
}

__global__ void convolution_kernel(Call call) {
    const cudnnTensorStruct &y = call.y;
    const int64_t count = static_cast<int64_t>(y.n) * y.h * y.w * y.c;
    const int64_t first = blockIdx.x * THREADS + threadIdx.x, step = BLOCKS * THREADS;
    for (int64_t i = first; i < static_cast<int64_t>(workspace_of(call.w)); i += step)
        call.workspace[i] = 0xff;
    for (int64_t i = first; i < count; i += step) {
        const int c = static_cast<int>(i % y.c), column = static_cast<int>(i / y.c % y.w);
        const int row = static_cast<int>(i / y.c / y.w % y.h), n = static_cast<int>(i / y.c / y.w / y.h);
        const int64_t at = place(y, n, c, row, column);
        float sum = call.alpha * sum_of(call, n, c, row, column) + vv::to_f32(call.bias[c]);
        if (call.more != 0)
            sum += call.more * vv::to_f32(call.z_data[at]);
        vv::put(call.y_data + at, call.relu ? fmaxf(sum, 0) : sum);
    }
}

bool aligned(const void *pointer, uintptr_t to) {
    return pointer && reinterpret_cast<uintptr_t>(pointer) % to == 0;
}

} // namespace

/* ---- the library's functions ------------------------------------------------------------------------------------- */

size_t cudnnGetVersion(void) {
    return 91900;
}

cudnnStatus_t cudnnCreate(cudnnHandle_t *handle) {
    return create(handle);
}

cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
    return destroy(handle);
}

cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
    const Use use(handle);
    if (!handle)
        return CUDNN_STATUS_BAD_PARAM;
    handle->stream = stream;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t *tensor) {
    return create(tensor);
}

cudnnStatus_t cudnnSetTensor4dDescriptorEx(cudnnTensorDescriptor_t tensor, cudnnDataType_t type, int n, int c, int h,
                                           int w, int n_stride, int c_stride, int h_stride, int w_stride) {
    if (!tensor || n <= 0 || c <= 0 || h <= 0 || w <= 0 || n_stride <= 0 || c_stride <= 0 || h_stride <= 0 ||
        w_stride <= 0)
        return CUDNN_STATUS_BAD_PARAM;
    *tensor = {type, n, c, h, w, n_stride, c_stride, h_stride, w_stride};
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnDestroyTensorDescriptor(cudnnTensorDescriptor_t tensor) {
    return destroy(tensor);
}

cudnnStatus_t cudnnCreateFilterDescriptor(cudnnFilterDescriptor_t *filter) {
    return create(filter);
}

cudnnStatus_t cudnnSetFilter4dDescriptor(cudnnFilterDescriptor_t filter, cudnnDataType_t type,
                                         cudnnTensorFormat_t format, int k, int c, int h, int w) {
    if (!filter || k <= 0 || c <= 0 || h <= 0 || w <= 0)
        return CUDNN_STATUS_BAD_PARAM;
    *filter = {type, format, k, c, h, w};
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnDestroyFilterDescriptor(cudnnFilterDescriptor_t filter) {
    return destroy(filter);
}

cudnnStatus_t cudnnCreateConvolutionDescriptor(cudnnConvolutionDescriptor_t *convolution) {
    return create(convolution);
}

cudnnStatus_t cudnnSetConvolution2dDescriptor(cudnnConvolutionDescriptor_t convolution, int pad_h, int pad_w,
                                              int stride_h, int stride_w, int dilation_h, int dilation_w,
                                              cudnnConvolutionMode_t mode, cudnnDataType_t compute) {
    if (!convolution || pad_h < 0 || pad_w < 0 || stride_h <= 0 || stride_w <= 0 || dilation_h <= 0 || dilation_w <= 0)
        return CUDNN_STATUS_BAD_PARAM;
    *convolution = {pad_h, pad_w, stride_h, stride_w, dilation_h, dilation_w, mode, compute, CUDNN_DEFAULT_MATH};
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetConvolutionMathType(cudnnConvolutionDescriptor_t convolution, cudnnMathType_t math) {
    if (!convolution)
        return CUDNN_STATUS_BAD_PARAM;
    convolution->math = math;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnDestroyConvolutionDescriptor(cudnnConvolutionDescriptor_t convolution) {
    return destroy(convolution);
}

cudnnStatus_t cudnnCreateActivationDescriptor(cudnnActivationDescriptor_t *activation) {
    return create(activation);
}

cudnnStatus_t cudnnSetActivationDescriptor(cudnnActivationDescriptor_t activation, cudnnActivationMode_t mode,
                                           cudnnNanPropagation_t, double) {
    if (!activation)
        return CUDNN_STATUS_BAD_PARAM;
    *activation = {true, mode};
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnDestroyActivationDescriptor(cudnnActivationDescriptor_t activation) {
    return destroy(activation);
}

cudnnStatus_t cudnnGetConvolutionForwardWorkspaceSize(cudnnHandle_t handle, const cudnnTensorDescriptor_t x,
                                                      const cudnnFilterDescriptor_t w,
                                                      const cudnnConvolutionDescriptor_t convolution,
                                                      const cudnnTensorDescriptor_t y,
                                                      cudnnConvolutionFwdAlgo_t algorithm, size_t *bytes) {
    const Use use(handle);
    if (!handle || !bytes)
        return CUDNN_STATUS_BAD_PARAM;
    const cudnnStatus_t status = check(x, w, convolution, y);
    if (status != CUDNN_STATUS_SUCCESS || algorithm != CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM)
        return status != CUDNN_STATUS_SUCCESS ? status : CUDNN_STATUS_NOT_SUPPORTED;
    *bytes = workspace_of(*w);
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnConvolutionBiasActivationForward(
    cudnnHandle_t handle, const void *alpha1, const cudnnTensorDescriptor_t x, const void *x_data,
    const cudnnFilterDescriptor_t w, const void *w_data, const cudnnConvolutionDescriptor_t convolution,
    cudnnConvolutionFwdAlgo_t algorithm, void *workspace, size_t workspace_bytes, const void *alpha2,
    const cudnnTensorDescriptor_t z, const void *z_data, const cudnnTensorDescriptor_t bias, const void *bias_data,
    const cudnnActivationDescriptor_t activation, const cudnnTensorDescriptor_t y, void *y_data) {
    const Use use(handle);
    if (!handle || !alpha1 || !alpha2 || !z || !bias || !activation || !activation->set)
        return CUDNN_STATUS_BAD_PARAM;
    const cudnnStatus_t status = check(x, w, convolution, y);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    /* The identity is for this one alone, and no other is asked for. */
    if (algorithm != CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM || bias->type != CUDNN_DATA_BFLOAT16 ||
        (activation->mode != CUDNN_ACTIVATION_RELU && activation->mode != CUDNN_ACTIVATION_IDENTITY))
        return CUDNN_STATUS_NOT_SUPPORTED;
    const bool fits = memcmp(z, y, sizeof *z) == 0 && bias->n == 1 && bias->c == y->c && bias->h == 1 && bias->w == 1;
    if (!fits || !aligned(x_data, ALIGN) || !aligned(w_data, ALIGN) || !aligned(z_data, ALIGN) ||
        !aligned(bias_data, ALIGN) || !aligned(y_data, ALIGN) || x_data == y_data)
        return CUDNN_STATUS_BAD_PARAM;
    if (workspace_bytes < workspace_of(*w) || !aligned(workspace, WORKSPACE_ALIGN))
        return CUDNN_STATUS_BAD_PARAM;
    const Call call = {*x,
                       *y,
                       *w,
                       *convolution,
                       *static_cast<const float *>(alpha1),
                       *static_cast<const float *>(alpha2),
                       static_cast<const Bf16 *>(x_data),
                       static_cast<const Bf16 *>(w_data),
                       static_cast<const Bf16 *>(z_data),
                       static_cast<const Bf16 *>(bias_data),
                       static_cast<Bf16 *>(y_data),
                       activation->mode == CUDNN_ACTIVATION_RELU,
                       static_cast<unsigned char *>(workspace)};
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3(BLOCKS);
    config.blockDim = dim3(THREADS);
    config.stream = handle->stream;
    return cudaLaunchKernelEx(&config, convolution_kernel, call) == cudaSuccess ? CUDNN_STATUS_SUCCESS
                                                                                : CUDNN_STATUS_INTERNAL_ERROR;
}
