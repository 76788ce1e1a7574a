/* Opens NVIDIA's libraries. */
#include "kernels/cuda/library.cuh"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

namespace vv {
namespace {

/* A library by its name and its headers' major version, or of the emulator's own stand-ins: the program itself. */
#ifdef VV_CUDA_EMULATION
#define VV_LIBRARY_FILE(name, major) nullptr
#else
#define VV_TEXT_(text) #text
#define VV_TEXT(text) VV_TEXT_(text)
#define VV_LIBRARY_FILE(name, major) name ".so." VV_TEXT(major)
#endif

template <typename Function> bool find(void *library, const char *name, Function **function) {
    *function = reinterpret_cast<Function *>(dlsym(library, name));
    return *function != nullptr;
}

/* What is opened stays open: the libraries keep threads and the device's memory of their own. */
#if VV_HAS_BLAS
Blas blas;
bool blas_found;

void open_blas_library() {
    void *library = dlopen(VV_LIBRARY_FILE("libcublasLt", CUBLAS_VER_MAJOR), RTLD_NOW | RTLD_LOCAL);
#define VV_FIND(name) &&find(library, #name, &blas.name)
    blas_found = library VV_BLAS_FUNCTIONS(VV_FIND);
#undef VV_FIND
}
#endif

#if VV_HAS_DNN
Dnn dnn;
bool dnn_found;

void open_dnn_library() {
    void *library = dlopen(VV_LIBRARY_FILE("libcudnn", CUDNN_MAJOR), RTLD_NOW | RTLD_LOCAL);
#define VV_FIND(name) &&find(library, #name, &dnn.name)
    dnn_found = library VV_DNN_FUNCTIONS(VV_FIND);
#undef VV_FIND
}
#endif

} // namespace

#if VV_HAS_BLAS
const Blas *blas_library() {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, open_blas_library);
    return blas_found ? &blas : nullptr;
}
#endif

#if VV_HAS_DNN
const Dnn *dnn_library() {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, open_dnn_library);
    return dnn_found ? &dnn : nullptr;
}
#endif

/* Both say 10000 * major + 100 * minor + the patch's number. */
int blas_version() {
#if VV_HAS_BLAS
    if (blas_library())
        return static_cast<int>(blas_library()->cublasLtGetVersion() / 100);
#endif
    return 0;
}

int dnn_version() {
#if VV_HAS_DNN
    if (dnn_library())
        return static_cast<int>(dnn_library()->cudnnGetVersion() / 100);
#endif
    return 0;
}

/* ---- what both ways need ----------------------------------------------------------------------------------------- */

VvKernelStatus bias_as_bf16(const LayerWeights &weights, int out, Bf16 **bias) {
    const size_t count = static_cast<size_t>(out);
    *bias = nullptr;
    float *given = static_cast<float *>(malloc(count * sizeof(float)));
    uint16_t *rounded = static_cast<uint16_t *>(malloc(count * sizeof(uint16_t)));
    void *made = nullptr;
    VvKernelStatus status = given && rounded ? vv_cuda_memory_open(count * sizeof(Bf16), &made) : VV_KERNEL_MEMORY;
    if (status == VV_KERNEL_OK) {
        bool copied = cudaMemcpy(given, weights.bias, count * sizeof(float), cudaMemcpyDeviceToHost) == cudaSuccess;
        for (size_t i = 0; i < count && copied; i++)
            rounded[i] = vv_bf16_from_f32(given[i]);
        copied = copied && cudaMemcpy(made, rounded, count * sizeof(Bf16), cudaMemcpyHostToDevice) == cudaSuccess &&
                 cudaStreamSynchronize(nullptr) == cudaSuccess; /* streams do not wait for this one */
        if (!copied) {
            status = vv_cuda_failed();
            vv_cuda_memory_close(&made);
        }
    }
    free(given);
    free(rounded);
    *bias = static_cast<Bf16 *>(made);
    return status;
}

enum { WORKSPACE_ALIGN = 256 };

void plan_workspace(size_t bytes, size_t *scratch) {
    const size_t wanted = bytes ? bytes + WORKSPACE_ALIGN - 1 : 0;
    *scratch = wanted > *scratch ? wanted : *scratch;
}

VvKernelStatus find_workspace(const VvStream *stream, size_t bytes, void **workspace) {
    *workspace = nullptr;
    if (!bytes)
        return VV_KERNEL_OK;
    const uintptr_t first = reinterpret_cast<uintptr_t>(stream->scratch);
    const uintptr_t at = (first + WORKSPACE_ALIGN - 1) / WORKSPACE_ALIGN * WORKSPACE_ALIGN;
    if (at + bytes > first + stream->scratch_size)
        return VV_KERNEL_SCRATCH;
    *workspace = reinterpret_cast<void *>(at);
    return VV_KERNEL_OK;
}

} // namespace vv
