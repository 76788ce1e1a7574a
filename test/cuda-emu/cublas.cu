/* A stand-in for cuBLASLt, for a machine without it: the functions that kernels/cuda/blas.cu calls, as documented. It
 * refuses what the library refuses and writes over the workspace that it is given; which algorithm it names, and how
 * much workspace that wants, changes with the seed. Its products are launches, so a recording keeps them. */
#include <cublasLt.h>

#include "kernels/cuda/common.cuh"

using vv::Bf16;

struct cublasLtContext {
    int unused;
};

struct EmuMatmul {
    int32_t transa, transb;
    uint32_t epilogue;
    const void *bias;
    bool in_f32; /* computed and scaled: all that this stand-in can */
};

struct EmuMatrix {
    cudaDataType_t type;
    uint64_t rows, columns;
    int64_t pitch; /* from one column to the next */
};

struct EmuPreference {
    uint64_t workspace;
    uint32_t alignment[4]; /* of A, B, C, D */
};

namespace {

enum { THREADS = 64, BLOCKS = 3, WORKSPACE_ALIGN = 256, MAGIC = 0x7a };

cublasLtContext context;

/* What an algorithm is found for, and how it may be run: lies in the library's opaque numbers. */
struct Algorithm {
    uint64_t magic, product; /* the description's fingerprint */
    uint64_t workspace;
    uint32_t alignment[4];
};
static_assert(sizeof(Algorithm) <= sizeof(cublasLtMatmulAlgo_t), "opaque numbers");

cublasStatus_t set(void *to, size_t size, const void *value, size_t bytes) {
    if (!value || bytes != size)
        return CUBLAS_STATUS_INVALID_VALUE;
    memcpy(to, value, size);
    return CUBLAS_STATUS_SUCCESS;
}

template <typename T> cublasStatus_t create(T **made, const T &value) {
    if (!made)
        return CUBLAS_STATUS_INVALID_VALUE;
    *made = static_cast<T *>(malloc(sizeof value));
    if (!*made)
        return CUBLAS_STATUS_ALLOC_FAILED;
    **made = value;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t destroy(void *made) {
    free(made);
    return made ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
}

/* op(A) is m x k, op(B) k x n, C and D m x n. */
struct Sizes {
    uint64_t m, n, k;
};

cublasStatus_t check(const EmuMatmul *product, const EmuMatrix *a, const EmuMatrix *b, const EmuMatrix *c,
                     const EmuMatrix *d, Sizes *sizes) {
    if (!product || !a || !b || !c || !d)
        return CUBLAS_STATUS_INVALID_VALUE;
    const EmuMatrix *all[] = {a, b, c, d};
    for (const EmuMatrix *matrix : all)
        if (!matrix->rows || !matrix->columns || matrix->pitch < static_cast<int64_t>(matrix->rows))
            return CUBLAS_STATUS_INVALID_VALUE;
    const bool ta = product->transa == CUBLAS_OP_T, tb = product->transb == CUBLAS_OP_T;
    *sizes = {ta ? a->columns : a->rows, tb ? b->rows : b->columns, ta ? a->rows : a->columns};
    if ((tb ? b->columns : b->rows) != sizes->k || d->rows != sizes->m || d->columns != sizes->n ||
        c->rows != sizes->m || c->columns != sizes->n)
        return CUBLAS_STATUS_INVALID_VALUE;
    const bool known = product->epilogue == CUBLASLT_EPILOGUE_DEFAULT || product->epilogue == CUBLASLT_EPILOGUE_RELU ||
                       product->epilogue == CUBLASLT_EPILOGUE_BIAS || product->epilogue == CUBLASLT_EPILOGUE_RELU_BIAS;
    return known && product->in_f32 && a->type == CUDA_R_16BF && b->type == CUDA_R_16BF && c->type == d->type
               ? CUBLAS_STATUS_SUCCESS
               : CUBLAS_STATUS_NOT_SUPPORTED;
}

/* Of all that an algorithm depends on. */
uint64_t fingerprint(const EmuMatmul *product, const EmuMatrix *a, const EmuMatrix *b, const EmuMatrix *c,
                     const EmuMatrix *d) {
    uint64_t print = static_cast<uint64_t>(product->transa + 2 * product->transb) + 4 * product->epilogue;
    const EmuMatrix *all[] = {a, b, c, d};
    for (const EmuMatrix *matrix : all) {
        const uint64_t numbers[] = {matrix->type, matrix->rows, matrix->columns, static_cast<uint64_t>(matrix->pitch)};
        for (uint64_t number : numbers)
            print = (print ^ number) * 0x100000001b3;
    }
    return print;
}

/* ---- the product ------------------------------------------------------------------------------------------------- */

struct Call {
    EmuMatmul product;
    EmuMatrix a, b, c, d;
    Sizes sizes;
    const Bf16 *a_data, *b_data;
    const void *c_data;
    void *d_data;
    float alpha, beta;
    unsigned char *workspace;
    size_t workspace_bytes;
};

float at(const Bf16 *matrix, const EmuMatrix &layout, bool transposed, uint64_t row, uint64_t column) {
    const uint64_t r = transposed ? column : row, c = transposed ? row : column;
    return vv::to_f32(matrix[c * static_cast<uint64_t>(layout.pitch) + r]);
}

template <typename T> void matmul(const Call &call) {
    const uint64_t count = call.sizes.m * call.sizes.n;
    const uint64_t first = blockIdx.x * THREADS + threadIdx.x, step = BLOCKS * THREADS;
    for (size_t i = first; i < call.workspace_bytes; i += step)
        call.workspace[i] = 0xff;
    for (uint64_t i = first; i < count; i += step) {
        const uint64_t row = i % call.sizes.m, column = i / call.sizes.m;
        float sum = 0;
        for (uint64_t k = 0; k < call.sizes.k; k++)
            sum += at(call.a_data, call.a, call.product.transa == CUBLAS_OP_T, row, k) *
                   at(call.b_data, call.b, call.product.transb == CUBLAS_OP_T, k, column);
        sum *= call.alpha;
        if (call.beta != 0)
            sum += call.beta *
                   vv::to_f32(static_cast<const T *>(call.c_data)[column * static_cast<uint64_t>(call.c.pitch) + row]);
        if (call.product.epilogue & CUBLASLT_EPILOGUE_BIAS)
            sum += vv::to_f32(static_cast<const T *>(call.product.bias)[row]);
        if (call.product.epilogue & CUBLASLT_EPILOGUE_RELU)
            sum = fmaxf(sum, 0);
        vv::put(static_cast<T *>(call.d_data) + column * static_cast<uint64_t>(call.d.pitch) + row, sum);
    }
}

__global__ void matmul_kernel(Call call) {
    if (call.d.type == CUDA_R_16BF)
        matmul<Bf16>(call);
    else
        matmul<float>(call);
}

bool aligned(const void *pointer, uint32_t to) {
    return reinterpret_cast<uintptr_t>(pointer) % to == 0;
}

/* What cannot be known before the call. */
bool can_run(const Algorithm &algorithm, const Call &call, size_t workspace_bytes) {
    const void *data[] = {call.a_data, call.b_data, call.beta != 0 ? call.c_data : call.d_data, call.d_data};
    for (int i = 0; i < 4; i++)
        if (!data[i] || !aligned(data[i], algorithm.alignment[i]))
            return false;
    if (call.c_data == call.d_data && call.c.pitch != call.d.pitch)
        return false; /* in place: one layout */
    if ((call.product.epilogue & CUBLASLT_EPILOGUE_BIAS) && (!call.product.bias || !aligned(call.product.bias, 16)))
        return false;
    return !algorithm.workspace ||
           (call.workspace && workspace_bytes >= algorithm.workspace && aligned(call.workspace, WORKSPACE_ALIGN));
}

} // namespace

/* ---- the library's functions ------------------------------------------------------------------------------------- */

size_t cublasLtGetVersion(void) {
    return 130100;
}

cublasStatus_t cublasLtCreate(cublasLtHandle_t *handle) {
    *handle = &context;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *product, cublasComputeType_t compute,
                                        cudaDataType_t scale) {
    return create(product, EmuMatmul{CUBLAS_OP_N, CUBLAS_OP_N, CUBLASLT_EPILOGUE_DEFAULT, nullptr,
                                     compute == CUBLAS_COMPUTE_32F && scale == CUDA_R_32F});
}

cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t product) {
    return destroy(product);
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t product, cublasLtMatmulDescAttributes_t attribute,
                                              const void *value, size_t bytes) {
    switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
        return set(&product->transa, sizeof product->transa, value, bytes);
    case CUBLASLT_MATMUL_DESC_TRANSB:
        return set(&product->transb, sizeof product->transb, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
        return set(&product->epilogue, sizeof product->epilogue, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
        return set(&product->bias, sizeof product->bias, value, bytes);
    }
    return CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *layout, cudaDataType_t type, uint64_t rows,
                                          uint64_t columns, int64_t pitch) {
    return create(layout, EmuMatrix{type, rows, columns, pitch});
}

cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
    return destroy(layout);
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *preference) {
    return create(preference, EmuPreference{0, {256, 256, 256, 256}});
}

cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
    return destroy(preference);
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute, const void *value,
                                                    size_t bytes) {
    if (attribute == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES)
        return set(&preference->workspace, sizeof preference->workspace, value, bytes);
    const int matrix = attribute - CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES;
    return matrix >= 0 && matrix < 4 ? set(&preference->alignment[matrix], sizeof(uint32_t), value, bytes)
                                     : CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t product,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int wanted,
                                              cublasLtMatmulHeuristicResult_t results[], int *found) {
    if (handle != &context)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    if (!preference || wanted <= 0 || !results || !found)
        return CUBLAS_STATUS_INVALID_VALUE;
    *found = 0;
    Sizes sizes;
    const cublasStatus_t status = check(product, a, b, c, d, &sizes);
    if (status != CUBLAS_STATUS_SUCCESS)
        return status;
    Algorithm algorithm = {MAGIC, fingerprint(product, a, b, c, d), 0, {}};
    const uint64_t most = preference->workspace < 4000 ? preference->workspace : 4000;
    algorithm.workspace = emu_random_below(2) ? emu_random_below(static_cast<uint32_t>(most) + 1) : 0;
    memcpy(algorithm.alignment, preference->alignment, sizeof algorithm.alignment);
    results[0] = {};
    memcpy(&results[0].algo, &algorithm, sizeof algorithm);
    results[0].workspaceSize = algorithm.workspace;
    results[0].state = CUBLAS_STATUS_SUCCESS;
    *found = 1;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t product, const void *alpha, const void *a,
                              cublasLtMatrixLayout_t a_layout, const void *b, cublasLtMatrixLayout_t b_layout,
                              const void *beta, const void *c, cublasLtMatrixLayout_t c_layout, void *d,
                              cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t *algorithm, void *workspace,
                              size_t workspace_bytes, cudaStream_t stream) {
    if (handle != &context)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    Sizes sizes;
    const cublasStatus_t status = check(product, a_layout, b_layout, c_layout, d_layout, &sizes);
    if (status != CUBLAS_STATUS_SUCCESS || !alpha || !beta || !algorithm)
        return status != CUBLAS_STATUS_SUCCESS ? status : CUBLAS_STATUS_INVALID_VALUE;
    Algorithm chosen;
    memcpy(&chosen, algorithm, sizeof chosen);
    Call call = {*product,
                 *a_layout,
                 *b_layout,
                 *c_layout,
                 *d_layout,
                 sizes,
                 static_cast<const Bf16 *>(a),
                 static_cast<const Bf16 *>(b),
                 c,
                 d,
                 *static_cast<const float *>(alpha),
                 *static_cast<const float *>(beta),
                 static_cast<unsigned char *>(workspace),
                 chosen.workspace};
    if (chosen.magic != MAGIC || chosen.product != fingerprint(product, a_layout, b_layout, c_layout, d_layout) ||
        !can_run(chosen, call, workspace_bytes))
        return CUBLAS_STATUS_INVALID_VALUE;
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3(BLOCKS);
    config.blockDim = dim3(THREADS);
    config.stream = stream;
    return cudaLaunchKernelEx(&config, matmul_kernel, call) == cudaSuccess ? CUBLAS_STATUS_SUCCESS
                                                                           : CUBLAS_STATUS_ALLOC_FAILED;
}
