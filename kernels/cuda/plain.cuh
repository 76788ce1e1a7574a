/* Layers in f32 (plain.cu). */
#ifndef VV_KERNELS_CUDA_PLAIN_CUH
#define VV_KERNELS_CUDA_PLAIN_CUH

#include "kernels/cuda/ways.cuh"

namespace vv {

struct PlainProduct : Shape {
    const float *src, *weights, *bias, *residual_data; /* weights: [taps * in][out] */
    float *dst;
    int residual_pitch;
};

VvKernelStatus run_plain(VvStream *stream, const PlainProduct &product);

} // namespace vv

#endif
