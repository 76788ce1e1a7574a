/* cuBLASLt as a way: linear layers, and 1 x 1 convolutions, which are linear layers of pixels.
 *
 * The library's matrices lie column by column. Our rows of channels are its columns, so that the product is written
 * with all sides exchanged:
 *
 *   dst [out, rows] = act(transposed weights [depth, out] * src [in, rows] + bias [out] + residual [out, rows])
 *
 * Weights are those that our own tiles read: of a row's `depth` numbers the first `in` count. The bias and ReLU are the
 * library's epilogue, the residual its C, which comes before both. */
#include "kernels/cuda/library.cuh"

#include <pthread.h>
#include <stdlib.h>

namespace vv {

#if VV_HAS_BLAS
namespace {

/* One for all threads and layers: the library's handles may be used so. */
cublasLtHandle_t handle;

void open_handle() {
    if (blas_library() && blas_library()->cublasLtCreate(&handle) != CUBLAS_STATUS_SUCCESS)
        handle = nullptr;
}

bool has_handle() {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, open_handle);
    return handle != nullptr;
}

struct BlasState {
    cublasLtMatmulDesc_t product;
    cublasLtMatrixLayout_t weights, src, dst; /* the residual's is the destination's */
    cublasLtMatmulAlgo_t algorithm;
    size_t workspace;
    Bf16 *bias; /* nullptr: the layer's own, in f32 */
};

template <typename T> bool set(cublasLtMatmulDesc_t product, cublasLtMatmulDescAttributes_t attribute, T value) {
    return blas_library()->cublasLtMatmulDescSetAttribute(product, attribute, &value, sizeof value) ==
           CUBLAS_STATUS_SUCCESS;
}
template <typename T>
bool set(cublasLtMatmulPreference_t preference, cublasLtMatmulPreferenceAttributes_t attribute, T value) {
    return blas_library()->cublasLtMatmulPreferenceSetAttribute(preference, attribute, &value, sizeof value) ==
           CUBLAS_STATUS_SUCCESS;
}

/* The bias is of the destination's type unless the product says otherwise. */
bool describe_product(const Shape &shape, const void *bias, BlasState *state) {
    const cublasLtEpilogue_t epilogue =
        shape.activation == VV_ACTIVATION_RELU ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_BIAS;
    return blas_library()->cublasLtMatmulDescCreate(&state->product, CUBLAS_COMPUTE_32F, CUDA_R_32F) ==
               CUBLAS_STATUS_SUCCESS &&
           set(state->product, CUBLASLT_MATMUL_DESC_TRANSA, static_cast<int32_t>(CUBLAS_OP_T)) &&
           set(state->product, CUBLASLT_MATMUL_DESC_EPILOGUE, static_cast<uint32_t>(epilogue)) &&
           set(state->product, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
}

bool describe_matrix(cudaDataType_t type, int rows, int columns, int pitch, cublasLtMatrixLayout_t *layout) {
    return blas_library()->cublasLtMatrixLayoutCreate(layout, type, static_cast<uint64_t>(rows),
                                                      static_cast<uint64_t>(columns), pitch) == CUBLAS_STATUS_SUCCESS;
}

/* What the library takes for the fastest algorithm. A plan promises rows at multiples of 16 bytes and no more. */
bool find_algorithm(BlasState *state) {
    const Blas *blas = blas_library();
    const uint32_t alignment = 16;
    cublasLtMatmulPreference_t preference = nullptr;
    cublasLtMatmulHeuristicResult_t best = {};
    int found = 0;
    const bool good =
        blas->cublasLtMatmulPreferenceCreate(&preference) == CUBLAS_STATUS_SUCCESS &&
        set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, static_cast<uint64_t>(WORKSPACE_MAX)) &&
        set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment) &&
        set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment) &&
        set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment) &&
        blas->cublasLtMatmulAlgoGetHeuristic(handle, state->product, state->weights, state->src, state->dst, state->dst,
                                             preference, 1, &best, &found) == CUBLAS_STATUS_SUCCESS;
    if (preference)
        blas->cublasLtMatmulPreferenceDestroy(preference);
    state->algorithm = best.algo;
    state->workspace = best.workspaceSize;
    return good && found == 1 && best.state == CUBLAS_STATUS_SUCCESS;
}

void close_blas(void *closing) {
    BlasState *state = static_cast<BlasState *>(closing);
    if (state->product)
        blas_library()->cublasLtMatmulDescDestroy(state->product);
    cublasLtMatrixLayout_t layouts[] = {state->weights, state->src, state->dst};
    for (cublasLtMatrixLayout_t layout : layouts)
        if (layout)
            blas_library()->cublasLtMatrixLayoutDestroy(layout);
    cudaFree(state->bias);
    free(state);
}

VvKernelStatus open_parts(const LayerWeights &weights, const Shape &shape, BlasState *state) {
    const cudaDataType_t type = shape.type == VV_BF16 ? CUDA_R_16BF : CUDA_R_32F;
    const VvKernelStatus status = shape.type == VV_BF16 ? bias_as_bf16(weights, shape.out, &state->bias) : VV_KERNEL_OK;
    if (status != VV_KERNEL_OK)
        return status;
    const void *bias = state->bias ? static_cast<const void *>(state->bias) : weights.bias;
    return describe_product(shape, bias, state) &&
                   describe_matrix(CUDA_R_16BF, shape.in, shape.out, weights.depth, &state->weights) &&
                   describe_matrix(CUDA_R_16BF, shape.in, shape.rows, shape.src_pitch, &state->src) &&
                   describe_matrix(type, shape.out, shape.rows, shape.dst_pitch, &state->dst) && find_algorithm(state)
               ? VV_KERNEL_OK
               : VV_KERNEL_UNSUPPORTED;
}

VvKernelStatus open_blas(const LayerWeights &weights, const Shape &shape, void **state, size_t *scratch) {
    *state = nullptr;
    if (shape.kernel != 1 || shape.stride != 1 || shape.activation == VV_ACTIVATION_SQUARED_RELU || !has_handle())
        return VV_KERNEL_UNSUPPORTED;
    BlasState *made = static_cast<BlasState *>(calloc(1, sizeof *made));
    if (!made)
        return VV_KERNEL_MEMORY;
    const VvKernelStatus status = open_parts(weights, shape, made);
    if (status != VV_KERNEL_OK) {
        close_blas(made);
        return status;
    }
    plan_workspace(made->workspace, scratch);
    *state = made;
    return VV_KERNEL_OK;
}

VvKernelStatus run_blas(VvStream *stream, const void *opened, const Product &p) {
    const BlasState *state = static_cast<const BlasState *>(opened);
    const float one = 1, more = p.residual_data ? 1 : 0;
    void *workspace;
    const VvKernelStatus status = find_workspace(stream, state->workspace, &workspace);
    if (status != VV_KERNEL_OK)
        return status;
    return blas_library()->cublasLtMatmul(handle, state->product, &one, p.weights, state->weights, p.src, state->src,
                                          &more, p.residual_data ? p.residual_data : p.dst, state->dst, p.dst,
                                          state->dst, &state->algorithm, workspace, state->workspace,
                                          stream->queue) == CUBLAS_STATUS_SUCCESS
               ? VV_KERNEL_OK
               : VV_KERNEL_BACKEND;
}

} // namespace

const Way blas_way = {"cublas", open_blas, run_blas, close_blas};

#else

static VvKernelStatus open_nothing(const LayerWeights &, const Shape &, void **, size_t *) {
    return VV_KERNEL_UNSUPPORTED; /* not with this build */
}

const Way blas_way = {"cublas", open_nothing, nullptr, nullptr};
#endif

} // namespace vv
