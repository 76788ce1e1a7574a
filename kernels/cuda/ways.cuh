/* A layer in bf16 can be computed in several ways: our own tiles (tiles.cu), Hopper's instructions (hopper.cu),
 * NVIDIA's libraries where they are installed (blas.cu, dnn.cu). All compute the same; which is the fastest depends on
 * the shape and on the device. So a plan tries, when it is made, those that say they can (choose.cu).
 *
 * A way is not asked to do more than most layers need: rows at multiples of 16 bytes, channels in eights. Whatever else
 * comes goes the first way, which takes everything. */
#ifndef VV_KERNELS_CUDA_WAYS_CUH
#define VV_KERNELS_CUDA_WAYS_CUH

#include "kernels/cuda/launch.cuh"

namespace vv {

/* What a plan knows of a layer and its tensors. A linear layer is a 1 x 1 convolution of a picture one pixel high. */
struct Shape {
    int pictures, height, width, dst_height, dst_width;
    int rows; /* pixels of the destination, all pictures' */
    int in, out, kernel, stride;
    int src_pitch, dst_pitch; /* in elements; the residual's is the destination's, unless the first way is taken */
    VvActivation activation;
    VvDataType type; /* of the destination: VV_F32 or VV_BF16 */
    int residual;    /* 0 or 1 */
};

/* A layer's weights as a way may want them when it is opened. */
struct LayerWeights {
    const float *given; /* on the host, [out][in][kernel][kernel] */
    const Bf16 *packed; /* on the device, [out][depth]: see product.cuh */
    const float *bias;  /* on the device, [out] */
    int padded_in, depth;
};

/* One run. */
struct Product : Shape {
    const Bf16 *src, *weights; /* weights: packed */
    const float *bias;
    const void *residual_data; /* of the destination's type; may be the destination; nullptr: none */
    void *dst;
    int residual_pitch;
    int padded_in, depth;
    int pairs; /* two columns of the destination and of the residual can be moved at once */
};

struct Way {
    const char *name;
    /* Gets ready for a layer's runs of one shape: 16-byte alignment and channels in eights are promised. What it keeps
     * is put into *state (nullptr: nothing); *scratch is raised to what a run needs of the stream's scratch memory.
     * VV_KERNEL_UNSUPPORTED: not for this shape, not on this device, not without its library. One thread's. */
    VvKernelStatus (*open)(const LayerWeights &weights, const Shape &shape, void **state, size_t *scratch);
    /* Any thread, each with its own stream; nothing is allocated. */
    VvKernelStatus (*run)(VvStream *stream, const void *state, const Product &product);
    void (*close)(void *state); /* nullptr: nothing is kept */
};

/* choose.cu: what a plan runs by. */
struct Plan {
    Shape shape;
    const Way *way;
    void *state;
};

/* The fastest way for this shape here; its scratch is counted into *scratch. The first way serves if nothing else does,
 * so this fails only with VV_KERNEL_MEMORY or VV_KERNEL_BACKEND. */
VvKernelStatus choose_way(const LayerWeights &weights, const Shape &shape, Plan *plan, size_t *scratch);
void close_plan(Plan *plan);

static inline bool same_shape(const Shape &a, const Shape &b) {
    return memcmp(&a, &b, sizeof a) == 0; /* no padding: every member is of four bytes */
}

static __device__ __forceinline__ float activated(VvActivation activation, float value) {
    if (activation == VV_ACTIVATION_NONE)
        return value;
    const float positive = fmaxf(value, 0.0f);
    return activation == VV_ACTIVATION_SQUARED_RELU ? positive * positive : positive;
}

/* tiles.cu: the first way, and what else our own tiles offer. */
VvKernelStatus run_first_way(VvStream *stream, const Product &product, bool together);
extern const Way tile_ways[];
extern const int tile_way_count;

/* hopper.cu */
extern const Way hopper_ways[];
extern const int hopper_way_count;

/* blas.cu, dnn.cu */
extern const Way blas_way, dnn_way;

} // namespace vv

#endif
