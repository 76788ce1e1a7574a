/* Convolution and the linear layer: bf16 on tensor cores, in the way that a plan chose (ways.cuh), f32 in plain
 * arithmetic. A linear layer is a 1 x 1 convolution of a picture one pixel high. */
#include <stdlib.h>
#include <string.h>

#include "kernels/cuda/plain.cuh"
#include "kernels/cuda/product.cuh"

namespace vv {
namespace {

/* ---- a layer -------------------------------------------------------------------------------------------------------
 */

/* Weights are packed for a source type when a plan first asks for it. */
struct Layer {
    VvConvSpec spec; /* without its pointers */
    float *given;    /* on the host, as the spec had them */
    float *bias;     /* on the device; zeros if there is none */
    float *plain;    /* on the device, [taps * in][out]; nullptr: no f32 planned */
    Bf16 *bf16;      /* on the device, [out][depth]; nullptr: no bf16 planned */
    Plan *plans;     /* of bf16; one for each shape */
    int plan_count;
};

size_t weight_count(const VvConvSpec &spec) {
    return static_cast<size_t>(spec.out) * static_cast<size_t>(spec.in) *
           static_cast<size_t>(spec.kernel * spec.kernel);
}

int padded(int count, int to) {
    return divide_up(count, to) * to;
}

int depth_of(const VvConvSpec &spec) {
    return padded(spec.kernel * spec.kernel * padded(spec.in, 8), STEP);
}

void close_layer(Layer *layer) {
    for (int i = 0; i < layer->plan_count; i++)
        close_plan(&layer->plans[i]);
    free(layer->plans);
    free(layer->given);
    cudaFree(layer->bias);
    cudaFree(layer->plain);
    cudaFree(layer->bf16);
    *layer = Layer();
}

/* Takes memory of the device and fills it; nullptr in `*device` if that fails. A copy from the host's ordinary memory
 * may return before it has arrived, and streams do not wait for it: so this does. */
VvKernelStatus to_device(const void *host, size_t bytes, void **device) {
    *device = nullptr;
    const VvKernelStatus status = vv_cuda_memory_open(bytes, device);
    if (status != VV_KERNEL_OK)
        return status;
    if (cudaMemcpy(*device, host, bytes, cudaMemcpyHostToDevice) == cudaSuccess &&
        cudaStreamSynchronize(nullptr) == cudaSuccess)
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

/* What a plan tells one run's shapes from another's by. */
Shape shape_of(const VvConvSpec &spec, const VvTensor &src, const VvTensor &dst) {
    Shape shape = {};
    shape.pictures = src.shape[0];
    shape.height = src.shape[1], shape.width = src.shape[2];
    shape.dst_height = dst.shape[1], shape.dst_width = dst.shape[2];
    shape.rows = static_cast<int>(vv_tensor_rows(dst));
    shape.in = spec.in, shape.out = spec.out, shape.kernel = spec.kernel, shape.stride = spec.stride;
    shape.src_pitch = src.pitch, shape.dst_pitch = dst.pitch;
    shape.activation = spec.activation;
    shape.type = dst.type;
    shape.residual = spec.residual;
    return shape;
}

const Plan *find_plan(const Layer *layer, const Shape &shape) {
    for (int i = 0; i < layer->plan_count; i++)
        if (same_shape(layer->plans[i].shape, shape))
            return &layer->plans[i];
    return nullptr;
}

/* Whether ways other than the first may be asked: channels in eights, and rows that a shape can promise to begin at
 * multiples of 16 bytes. */
bool has_ways(const Shape &shape) {
    return shape.in % 8 == 0 && shape.out % 8 == 0 && shape.src_pitch % 8 == 0 && shape.dst_pitch % 8 == 0;
}

VvKernelStatus add_plan(Layer *layer, const Shape &shape, size_t *scratch) {
    const size_t count = static_cast<size_t>(layer->plan_count);
    Plan *more = static_cast<Plan *>(realloc(layer->plans, (count + 1) * sizeof(Plan)));
    if (!more)
        return VV_KERNEL_MEMORY;
    layer->plans = more;
    const LayerWeights weights = {layer->given, layer->bf16, layer->bias, padded(layer->spec.in, 8),
                                  depth_of(layer->spec)};
    const VvKernelStatus status = choose_way(weights, shape, &more[count], scratch);
    if (status == VV_KERNEL_OK)
        layer->plan_count++;
    return status;
}

VvKernelStatus plan_layer(Layer *layer, const VvTensor &src, const VvTensor &dst, size_t *scratch) {
    if (src.type != VV_BF16)
        return layer->plain ? VV_KERNEL_OK : pack_plain(layer);
    const VvKernelStatus status = layer->bf16 ? VV_KERNEL_OK : pack_bf16(layer);
    const Shape shape = shape_of(layer->spec, src, dst);
    if (status != VV_KERNEL_OK || !has_ways(shape) || find_plan(layer, shape))
        return status;
    return add_plan(layer, shape, scratch);
}

VvKernelStatus run_f32(VvStream *stream, const Layer *layer, const VvTensor &src, const VvTensor &residual,
                       const VvTensor &dst) {
    PlainProduct product = {};
    static_cast<Shape &>(product) = shape_of(layer->spec, src, dst);
    product.src = static_cast<const float *>(src.data);
    product.weights = layer->plain;
    product.bias = layer->bias;
    product.residual_data = layer->spec.residual ? static_cast<const float *>(residual.data) : nullptr;
    product.dst = static_cast<float *>(dst.data);
    product.residual_pitch = residual.pitch;
    return run_plain(stream, product);
}

/* Whether two columns behind each other can be moved at once everywhere, elements of `size` bytes. */
bool has_pairs(const VvTensor &tensor, size_t size) {
    return tensor.pitch % 2 == 0 && reinterpret_cast<uintptr_t>(tensor.data) % (2 * size) == 0;
}

VvKernelStatus run_bf16(VvStream *stream, const Layer *layer, const VvTensor &src, const VvTensor &residual,
                        const VvTensor &dst) {
    const VvConvSpec &spec = layer->spec;
    const VvTensor more = spec.residual ? residual : VvTensor();
    const size_t size = vv_type_size(dst.type);
    Product product = {};
    static_cast<Shape &>(product) = shape_of(spec, src, dst);
    product.src = static_cast<const Bf16 *>(src.data);
    product.weights = layer->bf16;
    product.bias = layer->bias;
    product.residual_data = more.data;
    product.dst = dst.data;
    product.residual_pitch = more.pitch;
    product.padded_in = padded(spec.in, 8);
    product.depth = depth_of(spec);
    product.pairs = spec.out % 2 == 0 && has_pairs(dst, size) && (!more.rank || has_pairs(more, size));
    const bool together = spec.in % 8 == 0 && is_aligned(src);
    const Plan *plan = find_plan(layer, product);
    const bool planned =
        plan && together && is_aligned(dst) && is_aligned(more) && (!more.rank || more.pitch == dst.pitch);
    return planned ? plan->way->run(stream, plan->state, product) : run_first_way(stream, product, together);
}

/* Shapes have been checked; src and dst are pictures. */
VvKernelStatus run_layer(VvStream *stream, const Layer *layer, VvTensor src, VvTensor residual, VvTensor dst) {
    const VvKernelStatus status = vv_check_layer_run(VV_CUDA_DEVICE, layer->spec.residual, src, residual, dst);
    if (status != VV_KERNEL_OK)
        return status;
    if (!(src.type == VV_BF16 ? static_cast<const void *>(layer->bf16) : layer->plain))
        return VV_KERNEL_UNPLANNED;
    return src.type == VV_BF16 ? run_bf16(stream, layer, src, residual, dst)
                               : run_f32(stream, layer, src, residual, dst);
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

/* ---- convolution ---------------------------------------------------------------------------------------------------
 */

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
    const VvKernelStatus status = vv_check_conv_plan(&conv->layer.spec, src, dst);
    return status == VV_KERNEL_OK ? vv::plan_layer(&conv->layer, src, dst, scratch) : status;
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

/* ---- linear --------------------------------------------------------------------------------------------------------
 */

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
    const VvKernelStatus status = vv::check_linear(&linear->layer, src, dst);
    return status == VV_KERNEL_OK ? vv::plan_layer(&linear->layer, vv::as_picture(src), vv::as_picture(dst), scratch)
                                  : status;
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
