/* NVIDIA's libraries, opened at run time when they are first asked for: nothing is linked, and machines without them
 * only have fewer ways to choose from (ways.cuh).
 *
 * Which functions are wanted, and of which major version, is what this build's headers say; without headers the library
 * is not there at all. In the emulator the functions are stand-ins (test/cuda-emu/cublas.cu, cudnn.cu). */
#ifndef VV_KERNELS_CUDA_LIBRARY_CUH
#define VV_KERNELS_CUDA_LIBRARY_CUH

#include "kernels/cuda/ways.cuh"

#if __has_include(<cublasLt.h>)
#include <cublasLt.h>
#define VV_HAS_BLAS 1
#else
#define VV_HAS_BLAS 0
#endif
#if __has_include(<cudnn.h>)
#include <cudnn.h>
#define VV_HAS_DNN 1
#else
#define VV_HAS_DNN 0
#endif

namespace vv {

/* The libraries that are there: 100 * major + minor of their versions, 0: it is not there. Opens them. Any thread. */
int blas_version();
int dnn_version();

#if VV_HAS_BLAS
#define VV_BLAS_FUNCTIONS(F)                                                                                           \
    F(cublasLtGetVersion)                                                                                              \
    F(cublasLtCreate)                                                                                                  \
    F(cublasLtMatmulDescCreate)                                                                                        \
    F(cublasLtMatmulDescSetAttribute)                                                                                  \
    F(cublasLtMatmulDescDestroy)                                                                                       \
    F(cublasLtMatrixLayoutCreate)                                                                                      \
    F(cublasLtMatrixLayoutDestroy)                                                                                     \
    F(cublasLtMatmulPreferenceCreate)                                                                                  \
    F(cublasLtMatmulPreferenceSetAttribute)                                                                            \
    F(cublasLtMatmulPreferenceDestroy)                                                                                 \
    F(cublasLtMatmulAlgoGetHeuristic)                                                                                  \
    F(cublasLtMatmul)

/* cuBLASLt's functions by their own names. */
struct Blas {
#define VV_MEMBER(name) decltype(&::name) name;
    VV_BLAS_FUNCTIONS(VV_MEMBER)
#undef VV_MEMBER
};

/* nullptr: not installed, or it lacks a function. Opened once, for good. Any thread. */
const Blas *blas_library();
#endif

#if VV_HAS_DNN
#define VV_DNN_FUNCTIONS(F)                                                                                            \
    F(cudnnGetVersion)                                                                                                 \
    F(cudnnCreate)                                                                                                     \
    F(cudnnSetStream)                                                                                                  \
    F(cudnnDestroy)                                                                                                    \
    F(cudnnCreateTensorDescriptor)                                                                                     \
    F(cudnnSetTensor4dDescriptorEx)                                                                                    \
    F(cudnnDestroyTensorDescriptor)                                                                                    \
    F(cudnnCreateFilterDescriptor)                                                                                     \
    F(cudnnSetFilter4dDescriptor)                                                                                      \
    F(cudnnDestroyFilterDescriptor)                                                                                    \
    F(cudnnCreateConvolutionDescriptor)                                                                                \
    F(cudnnSetConvolution2dDescriptor)                                                                                 \
    F(cudnnSetConvolutionMathType)                                                                                     \
    F(cudnnDestroyConvolutionDescriptor)                                                                               \
    F(cudnnCreateActivationDescriptor)                                                                                 \
    F(cudnnSetActivationDescriptor)                                                                                    \
    F(cudnnDestroyActivationDescriptor)                                                                                \
    F(cudnnGetConvolutionForwardWorkspaceSize)                                                                         \
    F(cudnnConvolutionBiasActivationForward)

/* cuDNN's, likewise. */
struct Dnn {
#define VV_MEMBER(name) decltype(&::name) name;
    VV_DNN_FUNCTIONS(VV_MEMBER)
#undef VV_MEMBER
};

const Dnn *dnn_library();
#endif

/* ---- what both ways need ----------------------------------------------------------------------------------------- */

/* A layer's bias rounded to bf16, on the device; the libraries want it in the destination's type. */
VvKernelStatus bias_as_bf16(const LayerWeights &weights, int out, Bf16 **bias);

/* The most memory that a library may ask of the stream's scratch. */
constexpr size_t WORKSPACE_MAX = 8 << 20;

/* Raises *scratch to a workspace of so many bytes, wherever the scratch memory begins; and finds the workspace in the
 * stream's, aligned as the libraries demand (nullptr: none is wanted). VV_KERNEL_SCRATCH: the stream has less. */
void plan_workspace(size_t bytes, size_t *scratch);
VvKernelStatus find_workspace(const VvStream *stream, size_t bytes, void **workspace);

} // namespace vv

#endif
