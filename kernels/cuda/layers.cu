/* Convolution and the linear layer: bf16 on tensor cores (product.cuh), f32 in plain arithmetic. Both see a linear layer
 * as a 1 x 1 convolution of a picture that is one pixel high. */
#include <stdlib.h>
#include <string.h>

#include "kernels/cuda/product.cuh"

namespace vv {
namespace {

/* ---- f32 ----------------------------------------------------------------------------------------------------------- */

enum { PLAIN_TILE = 64, PLAIN_STEP = 16, PLAIN_THREADS = 256, PLAIN_PITCH = PLAIN_TILE + 4 };

struct PlainProduct {
    const float *src, *weights, *bias, *residual; /* weights: [taps * in][out] */
    float *dst;
    int src_pitch, residual_pitch, dst_pitch;
    int rows, out, height, width, dst_height, dst_width, kernel, stride, in;
    VvActivation activation;
};

/* A block makes 64 x 64 of the destination, a thread 4 x 4 of them, one step of 16 along k after another. */
__global__ void __launch_bounds__(PLAIN_THREADS) plain_kernel(const PlainProduct p) {
    VV_SHARED(float, source, [PLAIN_STEP][PLAIN_PITCH]);
    VV_SHARED(float, weights, [PLAIN_STEP][PLAIN_PITCH]);
    const int thread = static_cast<int>(threadIdx.x), size = p.dst_height * p.dst_width;
    const int first_row = static_cast<int>(blockIdx.x) * PLAIN_TILE, first_column = static_cast<int>(blockIdx.y) * PLAIN_TILE;
    const int depth = p.kernel * p.kernel * p.in;
    const int my_k = thread % PLAIN_STEP, my_row = thread / PLAIN_STEP;
    int tap = my_k / p.in, channel = my_k % p.in;
    float sums[4][4] = {};
    for (int k = 0; k < depth; k += PLAIN_STEP) {
        const int down = p.kernel == 3 ? tap / 3 : 0, right = p.kernel == 3 ? tap % 3 : 0;
        for (int i = 0; i < PLAIN_TILE; i += PLAIN_THREADS / PLAIN_STEP) {
            const int row = first_row + my_row + i, n = row / size, place = row % size;
            const int y = place / p.dst_width * p.stride - p.kernel / 2 + down;
            const int x = place % p.dst_width * p.stride - p.kernel / 2 + right;
            const bool inside = row < p.rows && k + my_k < depth && y >= 0 && y < p.height && x >= 0 && x < p.width;
            const int64_t pixel = (static_cast<int64_t>(n) * p.height + y) * p.width + x;
            source[my_k][my_row + i] = inside ? p.src[pixel * p.src_pitch + channel] : 0.0f;
        }
        for (int i = thread; i < PLAIN_STEP * PLAIN_TILE; i += PLAIN_THREADS) {
            const int from = k + i / PLAIN_TILE, column = first_column + i % PLAIN_TILE;
            const bool inside = from < depth && column < p.out;
            weights[i / PLAIN_TILE][i % PLAIN_TILE] = inside ? p.weights[static_cast<int64_t>(from) * p.out + column] : 0.0f;
        }
        __syncthreads();
        for (int j = 0; j < PLAIN_STEP; j++) {
            float a[4], b[4];
            load(a, &source[j][thread / 16 * 4]);
            load(b, &weights[j][thread % 16 * 4]);
#pragma unroll
            for (int y = 0; y < 4; y++)
#pragma unroll
                for (int x = 0; x < 4; x++)
                    sums[y][x] += a[y] * b[x];
        }
        __syncthreads();
        channel += PLAIN_STEP;
        while (channel >= p.in) {
            channel -= p.in;
            tap++;
        }
    }
#pragma unroll
    for (int y = 0; y < 4; y++)
#pragma unroll
        for (int x = 0; x < 4; x++) {
            const int row = first_row + thread / 16 * 4 + y, column = first_column + thread % 16 * 4 + x;
            if (row < p.rows && column < p.out) {
                float value = sums[y][x] + p.bias[column];
                if (p.residual)
                    value += p.residual[static_cast<int64_t>(row) * p.residual_pitch + column];
                p.dst[static_cast<int64_t>(row) * p.dst_pitch + column] = activated(p.activation, value);
            }
        }
}

/* ---- a layer ------------------------------------------------------------------------------------------------------- */

/* Weights are packed for a source type when a plan first asks for it. */
struct Layer {
    VvConvSpec spec; /* without its pointers */
    float *given;    /* on the host, as the spec had them */
    float *bias;     /* on the device; zeros if there is none */
    float *plain;    /* on the device, [taps * in][out]; nullptr: no f32 planned */
    Bf16 *bf16;      /* on the device, [out][depth]; nullptr: no bf16 planned */
};

size_t weight_count(const VvConvSpec &spec) {
    return static_cast<size_t>(spec.out) * static_cast<size_t>(spec.in) * static_cast<size_t>(spec.kernel * spec.kernel);
}

int padded(int count, int to) {
    return divide_up(count, to) * to;
}

int depth_of(const VvConvSpec &spec) {
    return padded(spec.kernel * spec.kernel * padded(spec.in, 8), STEP);
}

void close_layer(Layer *layer) {
    free(layer->given);
    cudaFree(layer->bias);
    cudaFree(layer->plain);
    cudaFree(layer->bf16);
    *layer = Layer();
}

/* Takes memory of the device and fills it; nullptr in `*device` if that fails. */
VvKernelStatus to_device(const void *host, size_t bytes, void **device) {
    *device = nullptr;
    const VvKernelStatus status = vv_cuda_memory_open(bytes, device);
    if (status != VV_KERNEL_OK)
        return status;
    if (cudaMemcpy(*device, host, bytes, cudaMemcpyHostToDevice) == cudaSuccess)
        return VV_KERNEL_OK;
    vv_cuda_memory_close(device);
    return vv_cuda_failed();
}

VvKernelStatus open_layer(const VvConvSpec *spec, Layer *layer) {
    *layer = Layer();
    layer->spec = *spec;
    layer->spec.weights = layer->spec.bias = nullptr;
    layer->given = static_cast<float *>(malloc(weight_count(*spec) * sizeof(float)));
    float *bias = static_cast<float *>(calloc(static_cast<size_t>(spec->out), sizeof(float)));
    VvKernelStatus status = layer->given && bias ? VV_KERNEL_OK : VV_KERNEL_MEMORY;
    if (status == VV_KERNEL_OK) {
        memcpy(layer->given, spec->weights, weight_count(*spec) * sizeof(float));
        if (spec->bias)
            memcpy(bias, spec->bias, static_cast<size_t>(spec->out) * sizeof(float));
        void *device;
        status = to_device(bias, static_cast<size_t>(spec->out) * sizeof(float), &device);
        layer->bias = static_cast<float *>(device);
    }
    free(bias);
    if (status != VV_KERNEL_OK)
        close_layer(layer);
    return status;
}

/* The weight of output o, channel c, tap t. */
float weight_at(const Layer *layer, int o, int c, int t) {
    const int taps = layer->spec.kernel * layer->spec.kernel;
    return layer->given[(static_cast<size_t>(o) * static_cast<size_t>(layer->spec.in) + static_cast<size_t>(c)) *
                            static_cast<size_t>(taps) +
                        static_cast<size_t>(t)];
}

VvKernelStatus pack_plain(Layer *layer) {
    const VvConvSpec &spec = layer->spec;
    float *packed = static_cast<float *>(malloc(weight_count(spec) * sizeof(float))), *to = packed;
    if (!packed)
        return VV_KERNEL_MEMORY;
    for (int t = 0; t < spec.kernel * spec.kernel; t++)
        for (int c = 0; c < spec.in; c++)
            for (int o = 0; o < spec.out; o++)
                *to++ = weight_at(layer, o, c, t);
    void *device;
    const VvKernelStatus status = to_device(packed, weight_count(spec) * sizeof(float), &device);
    layer->plain = static_cast<float *>(device);
    free(packed);
    return status;
}

VvKernelStatus pack_bf16(Layer *layer) {
    const VvConvSpec &spec = layer->spec;
    const size_t depth = static_cast<size_t>(depth_of(spec)), count = static_cast<size_t>(spec.out) * depth;
    uint16_t *packed = static_cast<uint16_t *>(calloc(count, sizeof(uint16_t)));
    if (!packed)
        return VV_KERNEL_MEMORY;
    for (int o = 0; o < spec.out; o++)
        for (int t = 0; t < spec.kernel * spec.kernel; t++)
            for (int c = 0; c < spec.in; c++)
                packed[static_cast<size_t>(o) * depth + static_cast<size_t>(t * padded(spec.in, 8) + c)] =
                    vv_bf16_from_f32(weight_at(layer, o, c, t));
    void *device;
    const VvKernelStatus status = to_device(packed, count * sizeof(uint16_t), &device);
    layer->bf16 = static_cast<Bf16 *>(device);
    free(packed);
    return status;
}

VvKernelStatus plan_layer(Layer *layer, VvDataType type) {
    if (type == VV_BF16)
        return layer->bf16 ? VV_KERNEL_OK : pack_bf16(layer);
    return layer->plain ? VV_KERNEL_OK : pack_plain(layer);
}

/* Whether two columns behind each other can be moved at once everywhere, elements of `size` bytes. */
bool has_pairs(const VvTensor &tensor, size_t size) {
    return tensor.pitch % 2 == 0 && reinterpret_cast<uintptr_t>(tensor.data) % (2 * size) == 0;
}

/* Shapes have been checked; src and dst are pictures. */
VvKernelStatus run_layer(VvStream *stream, const Layer *layer, VvTensor src, VvTensor residual, VvTensor dst) {
    const VvConvSpec &spec = layer->spec;
    const VvKernelStatus status = vv_check_layer_run(VV_CUDA_DEVICE, spec.residual, src, residual, dst);
    if (status != VV_KERNEL_OK)
        return status;
    if (!(src.type == VV_BF16 ? static_cast<const void *>(layer->bf16) : layer->plain))
        return VV_KERNEL_UNPLANNED;
    const void *more = spec.residual ? residual.data : nullptr;
    const int rows = static_cast<int>(vv_tensor_rows(dst));
    if (src.type == VV_F32) {
        const PlainProduct product = {
            static_cast<const float *>(src.data), layer->plain, layer->bias, static_cast<const float *>(more),
            static_cast<float *>(dst.data), src.pitch, residual.pitch, dst.pitch, rows, spec.out, src.shape[1],
            src.shape[2], dst.shape[1], dst.shape[2], spec.kernel, spec.stride, spec.in, spec.activation};
        const dim3 blocks(static_cast<unsigned>(divide_up(rows, PLAIN_TILE)),
                          static_cast<unsigned>(divide_up(spec.out, PLAIN_TILE)));
        return launch(stream, plain_kernel, blocks, PLAIN_THREADS, 0, product);
    }
    const size_t size = vv_type_size(dst.type);
    const bool pairs = spec.out % 2 == 0 && has_pairs(dst, size) && (!more || has_pairs(residual, size));
    const Product product = {static_cast<const Bf16 *>(src.data), layer->bf16, layer->bias, more, dst.data, src.pitch,
                             residual.pitch, dst.pitch, rows, spec.out, src.shape[1], src.shape[2], dst.shape[1],
                             dst.shape[2], spec.kernel, spec.stride, spec.in, padded(spec.in, 8), depth_of(spec),
                             spec.activation, pairs};
    const bool together = spec.in % 8 == 0 && is_aligned(src);
    return dst.type == VV_F32 ? launch_product<float>(stream, product, together)
                              : launch_product<Bf16>(stream, product, together);
}

/* The rows of a tensor as the pixels of a picture one pixel high. */
VvTensor as_picture(VvTensor t) {
    VvTensor picture = t;
    if (!t.rank)
        return picture;
    picture.rank = 4;
    picture.shape[0] = picture.shape[1] = 1;
    picture.shape[2] = static_cast<int>(vv_tensor_rows(t));
    picture.shape[3] = t.shape[t.rank - 1];
    return picture;
}

VvKernelStatus check_linear(const Layer *layer, VvTensor src, VvTensor dst) {
    VvLinearSpec spec = {};
    spec.in = layer->spec.in, spec.out = layer->spec.out;
    return vv_check_linear_plan(&spec, src, dst);
}

} // namespace
} // namespace vv

struct VvConv {
    vv::Layer layer;
};

struct VvLinear {
    vv::Layer layer;
};

/* ---- convolution --------------------------------------------------------------------------------------------------- */

VvKernelStatus vv_cuda_conv_open(const VvConvSpec *spec, VvConv **conv) {
    *conv = nullptr;
    VvKernelStatus status = vv_check_conv_spec(spec);
    if (status != VV_KERNEL_OK)
        return status;
    VvConv *made = static_cast<VvConv *>(calloc(1, sizeof *made));
    if (!made)
        return VV_KERNEL_MEMORY;
    status = vv::open_layer(spec, &made->layer);
    if (status != VV_KERNEL_OK)
        vv_cuda_conv_close(&made);
    *conv = made;
    return status;
}

VvKernelStatus vv_cuda_conv_plan(VvConv *conv, VvTensor src, VvTensor dst, size_t *scratch) {
    (void)scratch; /* none needed */
    const VvKernelStatus status = vv_check_conv_plan(&conv->layer.spec, src, dst);
    return status == VV_KERNEL_OK ? vv::plan_layer(&conv->layer, src.type) : status;
}

VvKernelStatus vv_cuda_conv(VvStream *stream, const VvConv *conv, VvTensor src, VvTensor residual, VvTensor dst) {
    const VvKernelStatus status = vv_check_conv_plan(&conv->layer.spec, src, dst);
    return status == VV_KERNEL_OK ? vv::run_layer(stream, &conv->layer, src, residual, dst) : status;
}

void vv_cuda_conv_close(VvConv **conv) {
    if (*conv)
        vv::close_layer(&(*conv)->layer);
    free(*conv);
    *conv = nullptr;
}

/* ---- linear -------------------------------------------------------------------------------------------------------- */

VvKernelStatus vv_cuda_linear_open(const VvLinearSpec *spec, VvLinear **linear) {
    *linear = nullptr;
    VvKernelStatus status = vv_check_linear_spec(spec);
    if (status != VV_KERNEL_OK)
        return status;
    VvLinear *made = static_cast<VvLinear *>(calloc(1, sizeof *made));
    if (!made)
        return VV_KERNEL_MEMORY;
    VvConvSpec same = {};
    same.in = spec->in, same.out = spec->out;
    same.kernel = same.stride = 1;
    same.activation = spec->activation;
    same.residual = spec->residual;
    same.weights = spec->weights, same.bias = spec->bias;
    status = vv::open_layer(&same, &made->layer);
    if (status != VV_KERNEL_OK)
        vv_cuda_linear_close(&made);
    *linear = made;
    return status;
}

VvKernelStatus vv_cuda_linear_plan(VvLinear *linear, VvTensor src, VvTensor dst, size_t *scratch) {
    (void)scratch;
    const VvKernelStatus status = vv::check_linear(&linear->layer, src, dst);
    return status == VV_KERNEL_OK ? vv::plan_layer(&linear->layer, src.type) : status;
}

VvKernelStatus vv_cuda_linear(VvStream *stream, const VvLinear *linear, VvTensor src, VvTensor residual, VvTensor dst) {
    const VvKernelStatus status = vv::check_linear(&linear->layer, src, dst);
    if (status != VV_KERNEL_OK)
        return status;
    /* Rows that the layer does not look at may have any shape, so only a residual that counts becomes a picture. */
    if (linear->layer.spec.residual && !vv_tensor_same_shape(residual, dst))
        return VV_KERNEL_SHAPE;
    return vv::run_layer(stream, &linear->layer, vv::as_picture(src),
                         linear->layer.spec.residual ? vv::as_picture(residual) : VvTensor{}, vv::as_picture(dst));
}

void vv_cuda_linear_close(VvLinear **linear) {
    if (*linear)
        vv::close_layer(&(*linear)->layer);
    free(*linear);
    *linear = nullptr;
}
