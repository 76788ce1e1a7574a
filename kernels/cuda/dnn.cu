/* cuDNN as a way: 3 x 3 convolutions of bf16 pictures to bf16 pictures, with bias, residual and ReLU in one call.
 *
 * Pictures are described to it by their strides, so slices of channels are taken as they are. Its filters lie as ours
 * are packed, [out][tap][in], but without what our rows have behind them: where there is such a rest, the way keeps
 * weights of its own. The algorithm is the one that works on tensor cores and does without activation, too. */
#include "kernels/cuda/library.cuh"

#include <stdlib.h>

#if VV_HAS_DNN

/* A handle belongs to one stream at a time. Making one takes long, and every trial of a plan wants one for a moment
 * (choose.cu): the last that was given back is kept for the next who asks. */
static cudnnHandle_t spare;

cudnnContext *vv_cuda_dnn_open(cudaStream_t queue) {
    const vv::Dnn *dnn = vv::dnn_library();
    if (!dnn)
        return nullptr;
    cudnnHandle_t handle = __atomic_exchange_n(&spare, nullptr, __ATOMIC_ACQ_REL);
    if (!handle && dnn->cudnnCreate(&handle) != CUDNN_STATUS_SUCCESS)
        return nullptr;
    if (dnn->cudnnSetStream(handle, queue) != CUDNN_STATUS_SUCCESS)
        vv_cuda_dnn_close(&handle);
    return handle;
}

void vv_cuda_dnn_close(cudnnContext **handle) {
    const vv::Dnn *dnn = vv::dnn_library();
    cudnnHandle_t closing = *handle;
    *handle = nullptr;
    if (!closing)
        return;
    if (dnn->cudnnSetStream(closing, nullptr) == CUDNN_STATUS_SUCCESS)
        closing = __atomic_exchange_n(&spare, closing, __ATOMIC_ACQ_REL);
    if (closing)
        dnn->cudnnDestroy(closing);
}

namespace vv {
namespace {

constexpr cudnnConvolutionFwdAlgo_t ALGORITHM = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;

struct DnnState {
    cudnnTensorDescriptor_t src, dst, bias; /* the residual's is the destination's */
    cudnnFilterDescriptor_t filter;
    cudnnConvolutionDescriptor_t convolution;
    cudnnActivationDescriptor_t activation;
    size_t workspace;
    Bf16 *bias_data;
    Bf16 *weights; /* nullptr: the layer's own have no rest */
};

bool good(cudnnStatus_t status) {
    return status == CUDNN_STATUS_SUCCESS;
}

/* Channels side by side, pixels `pitch` apart. */
bool describe_picture(int pictures, int height, int width, int channels, int pitch, cudnnTensorDescriptor_t *made) {
    const Dnn *dnn = dnn_library();
    return good(dnn->cudnnCreateTensorDescriptor(made)) &&
           good(dnn->cudnnSetTensor4dDescriptorEx(*made, CUDNN_DATA_BFLOAT16, pictures, channels, height, width,
                                                  height * width * pitch, 1, width * pitch, pitch));
}

bool describe_layer(const Shape &shape, DnnState *state) {
    const Dnn *dnn = dnn_library();
    const cudnnActivationMode_t activation =
        shape.activation == VV_ACTIVATION_RELU ? CUDNN_ACTIVATION_RELU : CUDNN_ACTIVATION_IDENTITY;
    const int around = shape.kernel / 2;
    return good(dnn->cudnnCreateFilterDescriptor(&state->filter)) &&
           good(dnn->cudnnSetFilter4dDescriptor(state->filter, CUDNN_DATA_BFLOAT16, CUDNN_TENSOR_NHWC, shape.out,
                                                shape.in, shape.kernel, shape.kernel)) &&
           good(dnn->cudnnCreateConvolutionDescriptor(&state->convolution)) &&
           good(dnn->cudnnSetConvolution2dDescriptor(state->convolution, around, around, shape.stride, shape.stride, 1,
                                                     1, CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT)) &&
           good(dnn->cudnnSetConvolutionMathType(state->convolution, CUDNN_TENSOR_OP_MATH)) &&
           good(dnn->cudnnCreateActivationDescriptor(&state->activation)) &&
           good(dnn->cudnnSetActivationDescriptor(state->activation, activation, CUDNN_NOT_PROPAGATE_NAN, 0));
}

bool find_workspace_size(DnnState *state) {
    cudnnHandle_t handle = vv_cuda_dnn_open(nullptr);
    const bool found =
        handle && good(dnn_library()->cudnnGetConvolutionForwardWorkspaceSize(
                      handle, state->src, state->filter, state->convolution, state->dst, ALGORITHM, &state->workspace));
    vv_cuda_dnn_close(&handle);
    return found && state->workspace <= WORKSPACE_MAX;
}

/* Rows of weights one behind the other. */
VvKernelStatus pack_weights(const LayerWeights &weights, const Shape &shape, DnnState *state) {
    const size_t row = static_cast<size_t>(shape.kernel * shape.kernel * shape.in) * sizeof(Bf16);
    const size_t rows = static_cast<size_t>(shape.out), pitch = static_cast<size_t>(weights.depth) * sizeof(Bf16);
    if (row == pitch)
        return VV_KERNEL_OK;
    void *made;
    const VvKernelStatus status = vv_cuda_memory_open(rows * row, &made);
    state->weights = static_cast<Bf16 *>(made);
    if (status != VV_KERNEL_OK)
        return status;
    return cudaMemcpy2D(made, row, weights.packed, pitch, row, rows, cudaMemcpyDeviceToDevice) == cudaSuccess &&
                   cudaStreamSynchronize(nullptr) == cudaSuccess /* streams do not wait for this one */
               ? VV_KERNEL_OK
               : vv_cuda_failed();
}

void close_dnn(void *closing) {
    const Dnn *dnn = dnn_library();
    DnnState *state = static_cast<DnnState *>(closing);
    cudnnTensorDescriptor_t tensors[] = {state->src, state->dst, state->bias};
    for (cudnnTensorDescriptor_t tensor : tensors)
        if (tensor)
            dnn->cudnnDestroyTensorDescriptor(tensor);
    if (state->filter)
        dnn->cudnnDestroyFilterDescriptor(state->filter);
    if (state->convolution)
        dnn->cudnnDestroyConvolutionDescriptor(state->convolution);
    if (state->activation)
        dnn->cudnnDestroyActivationDescriptor(state->activation);
    cudaFree(state->bias_data);
    cudaFree(state->weights);
    free(state);
}

VvKernelStatus open_parts(const LayerWeights &weights, const Shape &shape, DnnState *state) {
    const bool described =
        describe_picture(shape.pictures, shape.height, shape.width, shape.in, shape.src_pitch, &state->src) &&
        describe_picture(shape.pictures, shape.dst_height, shape.dst_width, shape.out, shape.dst_pitch, &state->dst) &&
        describe_picture(1, 1, 1, shape.out, shape.out, &state->bias) && describe_layer(shape, state) &&
        find_workspace_size(state);
    if (!described)
        return VV_KERNEL_UNSUPPORTED;
    const VvKernelStatus status = bias_as_bf16(weights, shape.out, &state->bias_data);
    return status == VV_KERNEL_OK ? pack_weights(weights, shape, state) : status;
}

VvKernelStatus open_dnn(const LayerWeights &weights, const Shape &shape, void **state, size_t *scratch) {
    *state = nullptr;
    if (shape.kernel != 3 || shape.type != VV_BF16 || shape.activation == VV_ACTIVATION_SQUARED_RELU || !dnn_library())
        return VV_KERNEL_UNSUPPORTED;
    DnnState *made = static_cast<DnnState *>(calloc(1, sizeof *made));
    if (!made)
        return VV_KERNEL_MEMORY;
    const VvKernelStatus status = open_parts(weights, shape, made);
    if (status != VV_KERNEL_OK) {
        close_dnn(made);
        return status;
    }
    plan_workspace(made->workspace, scratch);
    *state = made;
    return VV_KERNEL_OK;
}

/* Without a residual its place is the destination's, which is not read then. */
VvKernelStatus run_dnn(VvStream *stream, const void *opened, const Product &p) {
    const DnnState *state = static_cast<const DnnState *>(opened);
    if (!stream->dnn)
        return run_first_way(stream, p, true); /* there was a handle for the plan, and none for this stream */
    const float one = 1, more = p.residual_data ? 1 : 0;
    void *workspace;
    const VvKernelStatus status = find_workspace(stream, state->workspace, &workspace);
    if (status != VV_KERNEL_OK)
        return status;
    return good(dnn_library()->cudnnConvolutionBiasActivationForward(
               stream->dnn, &one, state->src, p.src, state->filter, state->weights ? state->weights : p.weights,
               state->convolution, ALGORITHM, workspace, state->workspace, &more, state->dst,
               p.residual_data ? p.residual_data : p.dst, state->bias, state->bias_data, state->activation, state->dst,
               p.dst))
               ? VV_KERNEL_OK
               : VV_KERNEL_BACKEND;
}

} // namespace

const Way dnn_way = {"cudnn", open_dnn, run_dnn, close_dnn};

} // namespace vv

#else

cudnnContext *vv_cuda_dnn_open(cudaStream_t) {
    return nullptr; /* not with this build */
}

void vv_cuda_dnn_close(cudnnContext **handle) {
    *handle = nullptr;
}

namespace vv {

static VvKernelStatus open_nothing(const LayerWeights &, const Shape &, void **, size_t *) {
    return VV_KERNEL_UNSUPPORTED;
}

const Way dnn_way = {"cudnn", open_nothing, nullptr, nullptr};

} // namespace vv
#endif
