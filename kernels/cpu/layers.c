/* Convolution and the linear layer on oneDNN.
 *
 * A layer keeps its weights as they came, and packed as oneDNN's chosen code wants them, once per way of packing, which
 * is almost always one for all batch sizes. A plan is one combination of shapes, made into a oneDNN primitive; running
 * looks it up. The residual is oneDNN's "sum": added to what the destination holds, so it is copied there first unless
 * it is there already.
 *
 * oneDNN's convolutions take dense pictures only (for others it falls back to code a thousand times slower). Slices of
 * channels are copied through scratch memory: a few microseconds. Its matrix product takes slices as they are. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/check.h"
#include "kernels/cpu/cpu.h"

typedef struct Packed {
    struct Packed *next;
    dnnl_memory_desc_t layout;
    dnnl_memory_t memory;
} Packed;

typedef struct Plan {
    struct Plan *next;
    VvTensor src, dst;       /* without data */
    bool copy_src, copy_dst; /* through scratch */
    VvBindable bindable;
    dnnl_primitive_t primitive;
    dnnl_memory_t weights;          /* one of the layer's packed */
    size_t dst_at, own_at, scratch; /* in scratch: the source's copy first, then the destination's, then oneDNN's own */
} Plan;

typedef struct Layer {
    VvConvSpec spec; /* a linear layer's too; its pointers lead into `numbers` */
    bool linear;
    float *numbers; /* weights, bias */
    dnnl_memory_t bias;
    Packed *packed;
    Plan *plans;
} Layer;

struct VvConv {
    Layer layer;
};

struct VvLinear {
    Layer layer;
};

/* ---- opening and closing ----------------------------------------------------------------------------------------- */

static void close_plan(Plan *plan) {
    if (plan && plan->primitive)
        dnnl_primitive_destroy(plan->primitive);
    free(plan);
}

static void close_packed(Packed *packed) {
    if (packed && packed->memory)
        dnnl_memory_destroy(packed->memory);
    free(packed);
}

static void close_layer(Layer *layer) {
    while (layer->plans) {
        Plan *plan = layer->plans;
        layer->plans = plan->next;
        close_plan(plan);
    }
    while (layer->packed) {
        Packed *packed = layer->packed;
        layer->packed = packed->next;
        close_packed(packed);
    }
    if (layer->bias)
        dnnl_memory_destroy(layer->bias);
    free(layer->numbers);
    *layer = (Layer){0};
}

static size_t weight_count(const VvConvSpec *spec) {
    return (size_t)spec->out * (size_t)spec->in * (size_t)(spec->kernel * spec->kernel);
}

/* On failure the layer is left to close_layer. */
static VvKernelStatus open_layer(Layer *layer, const VvConvSpec *spec, bool linear) {
    const size_t weights = weight_count(spec), bias = (size_t)spec->out;
    *layer = (Layer){.spec = *spec, .linear = linear};
    if (!vv_dnnl_engine())
        return VV_KERNEL_BACKEND;
    layer->numbers = calloc(weights + bias, sizeof(float));
    if (!layer->numbers)
        return VV_KERNEL_MEMORY;
    memcpy(layer->numbers, spec->weights, weights * sizeof(float));
    if (spec->bias)
        memcpy(layer->numbers + weights, spec->bias, bias * sizeof(float));
    layer->spec.weights = layer->numbers;
    layer->spec.bias = layer->numbers + weights;
    dnnl_memory_desc_t shape;
    dnnl_status_t status = linear
                               ? dnnl_memory_desc_init_by_tag(&shape, 2, (dnnl_dims_t){1, spec->out}, dnnl_f32, dnnl_ab)
                               : dnnl_memory_desc_init_by_tag(&shape, 1, (dnnl_dims_t){spec->out}, dnnl_f32, dnnl_a);
    if (status == dnnl_success)
        status = dnnl_memory_create(&layer->bias, &shape, vv_dnnl_engine(), layer->numbers + weights);
    return vv_dnnl_status(status);
}

/* ---- planning ---------------------------------------------------------------------------------------------------- */

static dnnl_data_type_t dnnl_type(VvDataType type) {
    return type == VV_F32 ? dnnl_f32 : dnnl_bf16;
}

static bool same_view(VvTensor a, VvTensor b) {
    return a.type == b.type && a.pitch == b.pitch && vv_tensor_same_shape(a, b);
}

static Plan *find_plan(const Layer *layer, VvTensor src, VvTensor dst) {
    for (Plan *plan = layer->plans; plan; plan = plan->next)
        if (same_view(plan->src, src) && same_view(plan->dst, dst))
            return plan;
    return NULL;
}

/* Describes a picture (n, c, h, w in oneDNN's order) or rows, of which `pitch` elements lie from one to the next. */
static dnnl_status_t describe(bool linear, VvTensor t, int pitch, dnnl_memory_desc_t *out) {
    const dnnl_dim_t step = pitch;
    if (linear)
        return dnnl_memory_desc_init_by_strides(out, 2,
                                                (dnnl_dims_t){(dnnl_dim_t)vv_tensor_rows(t), t.shape[t.rank - 1]},
                                                dnnl_type(t.type), (dnnl_dims_t){step, 1});
    const dnnl_dim_t n = t.shape[0], h = t.shape[1], w = t.shape[2], c = t.shape[3];
    return dnnl_memory_desc_init_by_strides(out, 4, (dnnl_dims_t){n, c, h, w}, dnnl_type(t.type),
                                            (dnnl_dims_t){h * w * step, 1, w * step, step});
}

/* How the weights lie in `numbers`, f32; or, without a layout, what the operation takes, of `type`. */
static dnnl_status_t describe_weights(const Layer *layer, bool any, dnnl_data_type_t type, dnnl_memory_desc_t *out) {
    const VvConvSpec *spec = &layer->spec;
    if (layer->linear)
        return dnnl_memory_desc_init_by_tag(out, 2, (dnnl_dims_t){spec->in, spec->out}, type,
                                            any ? dnnl_format_tag_any : dnnl_ba);
    return dnnl_memory_desc_init_by_tag(out, 4, (dnnl_dims_t){spec->out, spec->in, spec->kernel, spec->kernel}, type,
                                        any ? dnnl_format_tag_any : dnnl_abcd);
}

/* The residual, the activation, and scratch memory given by us. */
static dnnl_status_t describe_extras(const VvConvSpec *spec, dnnl_primitive_attr_t attributes) {
    dnnl_post_ops_t after;
    dnnl_status_t status = dnnl_post_ops_create(&after);
    if (status != dnnl_success)
        return status;
    if (spec->residual)
        status = dnnl_post_ops_append_sum(after, 1.0f);
    if (status == dnnl_success && spec->activation != VV_ACTIVATION_NONE)
        status = dnnl_post_ops_append_eltwise(after, 1.0f, dnnl_eltwise_relu, 0.0f, 0.0f);
    if (status == dnnl_success && spec->activation == VV_ACTIVATION_SQUARED_RELU)
        status = dnnl_post_ops_append_eltwise(after, 1.0f, dnnl_eltwise_square, 0.0f, 0.0f);
    if (status == dnnl_success)
        status = dnnl_primitive_attr_set_post_ops(attributes, after);
    if (status == dnnl_success)
        status = dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user);
    dnnl_post_ops_destroy(after);
    return status;
}

/* What oneDNN would do for these layouts of source and destination. */
static dnnl_status_t choose(const Layer *layer, const dnnl_memory_desc_t *src, const dnnl_memory_desc_t *dst,
                            const_dnnl_primitive_attr_t attributes, dnnl_primitive_desc_t *chosen) {
    const VvConvSpec *spec = &layer->spec;
    dnnl_memory_desc_t weights, bias = {0};
    dnnl_status_t status = describe_weights(layer, true, src->data_type, &weights);
    if (status != dnnl_success)
        return status;
    const dnnl_memory_desc_t *kept;
    dnnl_memory_get_memory_desc(layer->bias, &kept);
    bias = *kept;
    if (layer->linear) {
        dnnl_matmul_desc_t operation;
        status = dnnl_matmul_desc_init(&operation, src, &weights, &bias, dst);
        return status != dnnl_success
                   ? status
                   : dnnl_primitive_desc_create(chosen, &operation, attributes, vv_dnnl_engine(), NULL);
    }
    const dnnl_dim_t pad = spec->kernel / 2, stride = spec->stride;
    dnnl_dims_t behind; /* padding below and to the right: what the last window reaches over */
    for (int i = 0; i < 2; i++)
        behind[i] = (dst->dims[2 + i] - 1) * stride + spec->kernel - src->dims[2 + i] - pad;
    dnnl_convolution_desc_t operation;
    status =
        dnnl_convolution_forward_desc_init(&operation, dnnl_forward_inference, dnnl_convolution_direct, src, &weights,
                                           &bias, dst, (dnnl_dims_t){stride, stride}, (dnnl_dims_t){pad, pad}, behind);
    return status != dnnl_success ? status
                                  : dnnl_primitive_desc_create(chosen, &operation, attributes, vv_dnnl_engine(), NULL);
}

/* Whether oneDNN has only its slow reference code for it. */
static bool is_slow(const_dnnl_primitive_desc_t chosen) {
    const char *name = "";
    return dnnl_primitive_desc_query(chosen, dnnl_query_impl_info_str, 0, (void *)&name) != dnnl_success ||
           strncmp(name, "ref", 3) == 0;
}

/* Chooses with the tensors as they are, or else with dense copies of those that are slices. */
static dnnl_status_t choose_layouts(const Layer *layer, Plan *plan, const_dnnl_primitive_attr_t attributes,
                                    dnnl_primitive_desc_t *chosen) {
    const bool slices[2] = {!vv_tensor_is_dense(plan->src), !vv_tensor_is_dense(plan->dst)};
    dnnl_status_t status = dnnl_success;
    *chosen = NULL;
    for (int copies = 0; copies < 4; copies++) {
        plan->copy_src = copies & 1, plan->copy_dst = copies & 2;
        if ((plan->copy_src && !slices[0]) || (plan->copy_dst && !slices[1]))
            continue;
        const bool last = plan->copy_src == slices[0] && plan->copy_dst == slices[1];
        dnnl_memory_desc_t *src = &plan->bindable.bound[VV_BOUND_SRC], *dst = &plan->bindable.bound[VV_BOUND_DST];
        const int src_pitch = plan->copy_src ? layer->spec.in : plan->src.pitch;
        const int dst_pitch = plan->copy_dst ? layer->spec.out : plan->dst.pitch;
        status = describe(layer->linear, plan->src, src_pitch, src);
        if (status == dnnl_success)
            status = describe(layer->linear, plan->dst, dst_pitch, dst);
        if (status == dnnl_success)
            status = choose(layer, src, dst, attributes, chosen);
        if (status == dnnl_success && (last || !is_slow(*chosen)))
            return status;
        if (status == dnnl_success)
            dnnl_primitive_desc_destroy(*chosen);
        *chosen = NULL;
        if (last)
            break;
    }
    return status;
}

/* Packs the weights as `layout` says. */
static VvKernelStatus pack(const Layer *layer, const dnnl_memory_desc_t *layout, dnnl_memory_t packed) {
    dnnl_memory_desc_t given;
    dnnl_memory_t from = NULL;
    dnnl_primitive_desc_t chosen = NULL;
    dnnl_primitive_t reorder = NULL;
    dnnl_stream_t stream = NULL;
    dnnl_status_t status = describe_weights(layer, false, dnnl_f32, &given);
    if (status == dnnl_success)
        status = dnnl_memory_create(&from, &given, vv_dnnl_engine(), layer->numbers);
    if (status == dnnl_success)
        status = dnnl_reorder_primitive_desc_create(&chosen, &given, vv_dnnl_engine(), layout, vv_dnnl_engine(), NULL);
    if (status == dnnl_success)
        status = dnnl_primitive_create(&reorder, chosen);
    if (status == dnnl_success)
        status = dnnl_stream_create(&stream, vv_dnnl_engine(), dnnl_stream_default_flags);
    if (status == dnnl_success)
        status = dnnl_primitive_execute(reorder, stream, 2,
                                        (dnnl_exec_arg_t[]){{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, packed}});
    if (status == dnnl_success)
        status = dnnl_stream_wait(stream);
    if (stream)
        dnnl_stream_destroy(stream);
    if (reorder)
        dnnl_primitive_destroy(reorder);
    if (chosen)
        dnnl_primitive_desc_destroy(chosen);
    if (from)
        dnnl_memory_destroy(from);
    return vv_dnnl_status(status);
}

/* The weights packed as `layout` says, shared with plans that want the same. */
static VvKernelStatus packed_as(Layer *layer, const dnnl_memory_desc_t *layout, dnnl_memory_t *weights) {
    for (Packed *packed = layer->packed; packed; packed = packed->next)
        if (dnnl_memory_desc_equal(&packed->layout, layout)) {
            *weights = packed->memory;
            return VV_KERNEL_OK;
        }
    Packed *made = calloc(1, sizeof *made);
    if (!made)
        return VV_KERNEL_MEMORY;
    made->layout = *layout;
    VvKernelStatus status =
        vv_dnnl_status(dnnl_memory_create(&made->memory, layout, vv_dnnl_engine(), DNNL_MEMORY_ALLOCATE));
    if (status == VV_KERNEL_OK)
        status = pack(layer, layout, made->memory);
    if (status != VV_KERNEL_OK) {
        close_packed(made);
        return status;
    }
    made->next = layer->packed;
    layer->packed = made;
    *weights = made->memory;
    return VV_KERNEL_OK;
}

static size_t aligned(size_t bytes) {
    return (bytes + VV_ARENA_ALIGN - 1) / VV_ARENA_ALIGN * VV_ARENA_ALIGN;
}

static void lay_out_scratch(Plan *plan) {
    const dnnl_memory_desc_t *bound = plan->bindable.bound;
    plan->dst_at = plan->copy_src ? aligned(dnnl_memory_desc_get_size(&bound[VV_BOUND_SRC])) : 0;
    plan->own_at = plan->dst_at + (plan->copy_dst ? aligned(dnnl_memory_desc_get_size(&bound[VV_BOUND_DST])) : 0);
    plan->scratch = plan->own_at + aligned(dnnl_memory_desc_get_size(&bound[VV_BOUND_SCRATCH]));
}

/* Fills the plan; on failure it is left to close_plan. */
static VvKernelStatus make_plan(Layer *layer, Plan *plan) {
    static atomic_uint_least64_t last_id;
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_primitive_desc_t chosen = NULL;
    VvKernelStatus status = vv_dnnl_status(dnnl_primitive_attr_create(&attributes));
    if (status == VV_KERNEL_OK)
        status = vv_dnnl_status(describe_extras(&layer->spec, attributes));
    if (status == VV_KERNEL_OK)
        status = vv_dnnl_status(choose_layouts(layer, plan, attributes, &chosen));
    if (status == VV_KERNEL_OK)
        status = packed_as(layer, dnnl_primitive_desc_query_md(chosen, dnnl_query_weights_md, 0), &plan->weights);
    if (status == VV_KERNEL_OK)
        status = vv_dnnl_status(dnnl_primitive_create(&plan->primitive, chosen));
    if (status == VV_KERNEL_OK) {
        plan->bindable.bound[VV_BOUND_SCRATCH] = *dnnl_primitive_desc_query_md(chosen, dnnl_query_scratchpad_md, 0);
        /* Relaxed: the number only has to be another one each time. */
        plan->bindable.id = atomic_fetch_add_explicit(&last_id, 1, memory_order_relaxed) + 1;
        lay_out_scratch(plan);
    }
    if (chosen)
        dnnl_primitive_desc_destroy(chosen);
    if (attributes)
        dnnl_primitive_attr_destroy(attributes);
    return status;
}

static VvKernelStatus plan_layer(Layer *layer, VvTensor src, VvTensor dst, size_t *scratch) {
    /* Below AVX-512 oneDNN has no bf16 at all. */
    if (src.type == VV_BF16 && !(vv_cpu_isa() >= VV_CPU_AVX512))
        return VV_KERNEL_UNSUPPORTED;
    Plan *plan = find_plan(layer, src, dst);
    if (!plan) {
        plan = calloc(1, sizeof *plan);
        if (!plan)
            return VV_KERNEL_MEMORY;
        plan->src = src, plan->dst = dst;
        plan->src.data = plan->dst.data = NULL;
        const int threads = vv_one_thread();
        const VvKernelStatus status = make_plan(layer, plan);
        vv_threads_back(threads);
        if (status != VV_KERNEL_OK) {
            close_plan(plan);
            return status;
        }
        plan->next = layer->plans;
        layer->plans = plan;
    }
    if (*scratch < plan->scratch)
        *scratch = plan->scratch;
    return VV_KERNEL_OK;
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

/* Copies rows of one type between two views of the same shape; `pitch` replaces the dense view's. */
static void copy_rows(void *to, int to_pitch, const void *from, int from_pitch, VvTensor shape) {
    const size_t size = vv_type_size(shape.type), rows = vv_tensor_rows(shape);
    const size_t row = (size_t)shape.shape[shape.rank - 1] * size;
    if (row == (size_t)to_pitch * size && to_pitch == from_pitch) {
        memcpy(to, from, rows * row);
        return;
    }
    for (size_t i = 0; i < rows; i++)
        memcpy((char *)to + i * (size_t)to_pitch * size, (const char *)from + i * (size_t)from_pitch * size, row);
}

static dnnl_status_t execute(VvStream *stream, const Layer *layer, const Plan *plan, void *src, void *dst, void *own) {
    dnnl_memory_t *bound = vv_stream_bind(stream, &plan->bindable);
    if (!bound)
        return dnnl_out_of_memory;
    void *const address[VV_BOUND_COUNT] = {[VV_BOUND_SRC] = src, [VV_BOUND_DST] = dst, [VV_BOUND_SCRATCH] = own};
    for (int i = 0; i < VV_BOUND_COUNT; i++) {
        const dnnl_status_t status = dnnl_memory_set_data_handle(bound[i], address[i]);
        if (status != dnnl_success)
            return status;
    }
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, bound[VV_BOUND_SRC]},
                                         {DNNL_ARG_WEIGHTS, plan->weights},
                                         {DNNL_ARG_BIAS, layer->bias},
                                         {DNNL_ARG_DST, bound[VV_BOUND_DST]},
                                         {DNNL_ARG_SCRATCHPAD, bound[VV_BOUND_SCRATCH]}};
    return dnnl_primitive_execute(plan->primitive, vv_stream_dnnl(stream), (int)(sizeof arguments / sizeof *arguments),
                                  arguments);
}

static VvKernelStatus run_layer(VvStream *stream, const Layer *layer, VvTensor src, VvTensor residual, VvTensor dst) {
    VvKernelStatus status = vv_check_layer_run(VV_ON_CPU, layer->spec.residual, src, residual, dst);
    if (status != VV_KERNEL_OK)
        return status;
    const Plan *plan = find_plan(layer, src, dst);
    if (!plan)
        return VV_KERNEL_UNPLANNED;
    unsigned char *scratch = vv_stream_scratch(stream, plan->scratch);
    if (plan->scratch && !scratch)
        return VV_KERNEL_SCRATCH;
    void *from = plan->copy_src ? scratch : src.data;
    void *to = plan->copy_dst ? scratch + plan->dst_at : dst.data;
    const int to_pitch = plan->copy_dst ? layer->spec.out : dst.pitch;
    if (plan->copy_src)
        copy_rows(from, layer->spec.in, src.data, src.pitch, src);
    if (layer->spec.residual && residual.data != to)
        copy_rows(to, to_pitch, residual.data, residual.pitch, dst);
    const int threads = vv_one_thread();
    status = vv_dnnl_status(execute(stream, layer, plan, from, to, scratch ? scratch + plan->own_at : NULL));
    vv_threads_back(threads);
    if (status == VV_KERNEL_OK && plan->copy_dst)
        copy_rows(dst.data, dst.pitch, to, to_pitch, dst);
    return status;
}

/* ---- convolution ------------------------------------------------------------------------------------------------- */

VvKernelStatus vv_conv_open_cpu(const VvConvSpec *spec, VvConv **conv) {
    *conv = NULL;
    VvKernelStatus status = vv_check_conv_spec(spec);
    if (status != VV_KERNEL_OK)
        return status;
    VvConv *made = calloc(1, sizeof *made);
    if (!made)
        return VV_KERNEL_MEMORY;
    status = open_layer(&made->layer, spec, false);
    if (status != VV_KERNEL_OK)
        vv_conv_close_cpu(&made);
    *conv = made;
    return status;
}

VvKernelStatus vv_conv_plan_cpu(VvConv *conv, VvTensor src, VvTensor dst, size_t *scratch) {
    const VvKernelStatus status = vv_check_conv_plan(&conv->layer.spec, src, dst);
    return status == VV_KERNEL_OK ? plan_layer(&conv->layer, src, dst, scratch) : status;
}

VvKernelStatus vv_conv_cpu(VvStream *stream, const VvConv *conv, VvTensor src, VvTensor residual, VvTensor dst) {
    const VvKernelStatus status = vv_check_conv_plan(&conv->layer.spec, src, dst);
    return status == VV_KERNEL_OK ? run_layer(stream, &conv->layer, src, residual, dst) : status;
}

void vv_conv_close_cpu(VvConv **conv) {
    if (*conv)
        close_layer(&(*conv)->layer);
    free(*conv);
    *conv = NULL;
}

/* ---- linear ------------------------------------------------------------------------------------------------------ */

VvKernelStatus vv_linear_open_cpu(const VvLinearSpec *spec, VvLinear **linear) {
    *linear = NULL;
    VvKernelStatus status = vv_check_linear_spec(spec);
    if (status != VV_KERNEL_OK)
        return status;
    const VvConvSpec same = {.in = spec->in,
                             .out = spec->out,
                             .kernel = 1,
                             .stride = 1,
                             .activation = spec->activation,
                             .residual = spec->residual,
                             .weights = spec->weights,
                             .bias = spec->bias};
    VvLinear *made = calloc(1, sizeof *made);
    if (!made)
        return VV_KERNEL_MEMORY;
    status = open_layer(&made->layer, &same, true);
    if (status != VV_KERNEL_OK)
        vv_linear_close_cpu(&made);
    *linear = made;
    return status;
}

static VvKernelStatus check_linear(const Layer *layer, VvTensor src, VvTensor dst) {
    const VvLinearSpec spec = {.in = layer->spec.in, .out = layer->spec.out};
    return vv_check_linear_plan(&spec, src, dst);
}

VvKernelStatus vv_linear_plan_cpu(VvLinear *linear, VvTensor src, VvTensor dst, size_t *scratch) {
    const VvKernelStatus status = check_linear(&linear->layer, src, dst);
    return status == VV_KERNEL_OK ? plan_layer(&linear->layer, src, dst, scratch) : status;
}

VvKernelStatus vv_linear_cpu(VvStream *stream, const VvLinear *linear, VvTensor src, VvTensor residual, VvTensor dst) {
    const VvKernelStatus status = check_linear(&linear->layer, src, dst);
    return status == VV_KERNEL_OK ? run_layer(stream, &linear->layer, src, residual, dst) : status;
}

void vv_linear_close_cpu(VvLinear **linear) {
    if (*linear)
        close_layer(&(*linear)->layer);
    free(*linear);
    *linear = NULL;
}
