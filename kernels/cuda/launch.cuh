/* What launchers share, on the host. */
#ifndef VV_KERNELS_CUDA_LAUNCH_CUH
#define VV_KERNELS_CUDA_LAUNCH_CUH

#include <cuda_runtime.h>
#include <stdint.h>

#include "kernels/cuda/common.cuh"
#include "kernels/cuda/cuda.h"

namespace vv {

/* A tensor for a kernel; all zero of no tensor. */
template <typename T> static inline Rows<T> rows_of(const VvTensor &tensor) {
    return tensor.rank ? Rows<T>{static_cast<T *>(tensor.data), tensor.pitch} : Rows<T>{nullptr, 0};
}

static inline int divide_up(int a, int b) {
    return (a + b - 1) / b;
}

/* Whether all rows of a tensor begin at multiples of 16 bytes, or there is none. */
static inline bool is_aligned(const VvTensor &tensor) {
    return !tensor.rank || (reinterpret_cast<uintptr_t>(tensor.data) % 16 == 0 &&
                            static_cast<size_t>(tensor.pitch) * vv_type_size(tensor.type) % 16 == 0);
}

/* Puts a kernel into the stream's queue. Threads are a multiple of 32; `shared` bytes of dynamic memory are raised to
 * where the device allows it. */
template <typename... Parameters, typename... Arguments>
static inline VvKernelStatus launch(VvStream *stream, void (*kernel)(Parameters...), dim3 blocks, int threads,
                                    size_t shared, Arguments... arguments) {
    if (shared > 48 << 10 && cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                                  static_cast<int>(shared)) != cudaSuccess) {
        cudaGetLastError(); /* so that the next call does not report it */
        return VV_KERNEL_BACKEND;
    }
    cudaLaunchConfig_t config = {};
    config.gridDim = blocks;
    config.blockDim = dim3(static_cast<unsigned>(threads));
    config.dynamicSmemBytes = shared;
    config.stream = stream->queue;
    if (cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...) == cudaSuccess)
        return VV_KERNEL_OK;
    cudaGetLastError();
    return VV_KERNEL_BACKEND;
}

/* Calls f with a value of the tensor's element type, float or Bf16: which instance of a template is wanted. */
template <typename F> static inline VvKernelStatus with_float_type(VvDataType type, F f) {
    return type == VV_BF16 ? f(Bf16()) : f(float());
}

} // namespace vv

#endif
