/* What every backend checks before it works on tokens. */
#include <stddef.h>

#include "kernels/check.h"

/* Token rows, [n,t,d]. */
static bool is_tokens(VvTensor t) {
    return vv_is_view(t) && t.rank == 3;
}

/* No tensor, or one of rank 2, a by b. */
static bool is_table_or_none(VvTensor t, int a, int b) {
    return t.rank == 0 || (vv_is_view(t) && vv_tensor_is(t, t.type, 2, (const int[]){a, b}));
}

static bool is_f32_or_none(VvTensor t) {
    return t.rank == 0 || t.type == VV_F32;
}

/* Those that are there are of one type. */
static bool all_of(VvDataType type, const VvTensor tensors[], int count) {
    for (int i = 0; i < count; i++)
        if (tensors[i].rank && tensors[i].type != type)
            return false;
    return true;
}

/* ---- element by element ------------------------------------------------------------------------------------------ */

VvKernelStatus vv_check_silu(VvDevice device, VvTensor a, VvTensor b, VvTensor dst) {
    const VvKernelStatus status = vv_check_relu(device, a, dst);
    return status == VV_KERNEL_OK && b.rank ? vv_check_relu(device, b, dst) : status;
}

VvKernelStatus vv_check_flow_step(VvDevice device, VvTensor x, VvTensor v, VvTensor dst) {
    VvKernelStatus status = vv_check_relu(device, x, dst);
    if (status == VV_KERNEL_OK)
        status = vv_check_relu(device, v, dst);
    return status == VV_KERNEL_OK && dst.type != VV_F32 ? VV_KERNEL_TYPE : status;
}

VvKernelStatus vv_check_noise(VvDevice device, const uint64_t seeds[], const uint64_t windows[], VvTensor dst) {
    if (!vv_is_view(dst))
        return VV_KERNEL_SHAPE;
    if (dst.type != VV_F32)
        return VV_KERNEL_TYPE;
    return seeds && windows ? vv_on_device(device, &dst, 1) : VV_KERNEL_DEVICE;
}

/* ---- rows ------------------------------------------------------------------------------------------------------ */

VvKernelStatus vv_check_norm(VvDevice device, const VvNorm *norm) {
    const VvTensor h = norm->h, y = norm->y, dst = norm->dst, tables[] = {norm->gate, norm->scale, norm->shift};
    if (!is_tokens(h) || !is_tokens(dst) || !vv_tensor_same_shape(h, dst))
        return VV_KERNEL_SHAPE;
    if (y.rank ? !is_tokens(y) || !vv_tensor_same_shape(h, y) : norm->gate.rank != 0)
        return VV_KERNEL_SHAPE;
    for (int i = 0; i < 3; i++)
        if (!is_table_or_none(tables[i], h.shape[0], h.shape[2]))
            return VV_KERNEL_SHAPE;
    if (h.type != VV_F32 || (y.rank && !vv_is_float(y)) || !vv_is_float(dst) || !all_of(VV_F32, tables, 3))
        return VV_KERNEL_TYPE;
    return vv_on_device(device, (const VvTensor[]){h, y, norm->gate, norm->scale, norm->shift, dst}, 6);
}

VvKernelStatus vv_check_insert(VvDevice device, int first, VvTensor src, VvTensor place, VvTensor dst) {
    if (!is_tokens(src) || !is_tokens(dst) || (src.shape[0] != 1 && src.shape[0] != dst.shape[0]) ||
        src.shape[2] != dst.shape[2] || first < 0 || first > dst.shape[1] - src.shape[1] ||
        !is_table_or_none(place, place.shape[0], dst.shape[2]))
        return VV_KERNEL_SHAPE;
    if (!vv_is_float(src) || dst.type != VV_F32 || !is_f32_or_none(place))
        return VV_KERNEL_TYPE;
    return vv_on_device(device, (const VvTensor[]){src, place, dst}, 3);
}

/* The frame of a window's last token in a tensor of `count` from token `first` on; -1 if the numbers make no sense. */
static int last_frame(int first, int places, int count) {
    return first < 0 || places <= 0 || count > INT32_MAX - first ? -1 : (first + count - 1) / places;
}

VvKernelStatus vv_check_embed(VvDevice device, int first, int places, VvTensor place, VvTensor frame, VvTensor h) {
    if (!is_tokens(h))
        return VV_KERNEL_SHAPE;
    const int last = last_frame(first, places, h.shape[1]), d = h.shape[2];
    if (last < 0 || !is_table_or_none(place, places, d))
        return VV_KERNEL_SHAPE;
    if (frame.rank &&
        (!is_tokens(frame) || frame.shape[0] != h.shape[0] || frame.shape[1] <= last || frame.shape[2] != d))
        return VV_KERNEL_SHAPE;
    if (h.type != VV_F32 || !is_f32_or_none(place) || !is_f32_or_none(frame))
        return VV_KERNEL_TYPE;
    return vv_on_device(device, (const VvTensor[]){place, frame, h}, 3);
}

/* Whether `d` channels are `heads` heads. */
static bool are_heads(int heads, int d) {
    return heads > 0 && d % heads == 0 && d / heads <= VV_HEAD_MAX;
}

VvKernelStatus vv_check_rotary(VvDevice device, int heads, VvTensor src, VvTensor angles, VvTensor dst) {
    if (!is_tokens(src) || !is_tokens(dst) || !vv_tensor_same_shape(src, dst) || !are_heads(heads, src.shape[2]) ||
        src.shape[2] / heads % 2 || angles.rank != 2 || !is_table_or_none(angles, src.shape[1], src.shape[2] / heads))
        return VV_KERNEL_SHAPE;
    if (!vv_is_float(src) || src.type != dst.type || angles.type != VV_F32)
        return VV_KERNEL_TYPE;
    return vv_on_device(device, (const VvTensor[]){src, angles, dst}, 3);
}

/* ---- attention --------------------------------------------------------------------------------------------------- */

/* Keys and values of one shape for n items of d channels, or no tensors. */
static bool are_keys(VvTensor k, VvTensor v, int n, int d) {
    if (k.rank == 0 && v.rank == 0)
        return true;
    return is_tokens(k) && is_tokens(v) && vv_tensor_same_shape(k, v) && k.shape[0] == n && k.shape[2] == d;
}

VvKernelStatus vv_check_attention_plan(const VvAttention *a) {
    if (!is_tokens(a->q) || !is_tokens(a->dst) || !vv_tensor_same_shape(a->q, a->dst) ||
        !are_heads(a->heads, a->q.shape[2]))
        return VV_KERNEL_SHAPE;
    const int n = a->q.shape[0], d = a->q.shape[2];
    if (!are_keys(a->k, a->v, n, d) || !are_keys(a->cached_k, a->cached_v, a->cached_k.shape[0] == 1 ? 1 : n, d) ||
        (!a->k.rank && !a->cached_k.rank) || !is_table_or_none(a->gate, n, d))
        return VV_KERNEL_SHAPE;
    const VvTensor alike[] = {a->cached_k, a->cached_v, a->k, a->v, a->dst};
    return vv_is_float(a->q) && all_of(a->q.type, alike, 5) && is_f32_or_none(a->gate) ? VV_KERNEL_OK : VV_KERNEL_TYPE;
}

VvKernelStatus vv_check_attention(VvDevice device, const VvAttention *a) {
    const VvKernelStatus status = vv_check_attention_plan(a);
    const VvTensor all[] = {a->q, a->cached_k, a->cached_v, a->k, a->v, a->gate, a->dst};
    return status == VV_KERNEL_OK ? vv_on_device(device, all, 7) : status;
}

/* Whether frames 0 to `last` find their `span` tokens, `step` further each time, among `count` from `from` on. */
static bool spans_fit(int from, int step, int span, int last, int count) {
    return from >= 0 && step >= 0 && span >= 0 && (int64_t)from + (int64_t)step * last + span <= count;
}

VvKernelStatus vv_check_decoupled_plan(const VvDecoupled *a) {
    const VvTensor q = a->q, mask = a->mask;
    if (!is_tokens(q) || !is_tokens(a->dst) || !vv_tensor_same_shape(q, a->dst) || !are_heads(a->heads, q.shape[2]))
        return VV_KERNEL_SHAPE;
    const int n = q.shape[0], d = q.shape[2], last = last_frame(a->first, a->places, q.shape[1]);
    if (last < 0 || !vv_is_view(mask) || !vv_tensor_is(mask, mask.type, 1, &a->places) || !a->lip_k.rank ||
        !are_keys(a->lip_k, a->lip_v, n, d) || !a->context_k.rank || !are_keys(a->context_k, a->context_v, n, d))
        return VV_KERNEL_SHAPE;
    if (a->lip_span < 1 || !spans_fit(0, a->lip_step, a->lip_span, last, a->lip_k.shape[1]) ||
        !spans_fit(a->shared, a->context_step, a->context_span, last, a->context_k.shape[1]) ||
        a->shared + a->context_span < 1)
        return VV_KERNEL_SHAPE;
    if (!is_table_or_none(a->lip_prior, a->heads, a->lip_span) || !is_table_or_none(a->lip_gate, n, d) ||
        !is_table_or_none(a->context_gate, n, d))
        return VV_KERNEL_SHAPE;
    const VvTensor alike[] = {a->lip_k, a->lip_v, a->context_k, a->context_v, a->dst};
    const VvTensor tables[] = {mask, a->lip_prior, a->lip_gate, a->context_gate};
    return vv_is_float(q) && all_of(q.type, alike, 5) && all_of(VV_F32, tables, 4) ? VV_KERNEL_OK : VV_KERNEL_TYPE;
}

VvKernelStatus vv_check_decoupled(VvDevice device, const VvDecoupled *a) {
    const VvKernelStatus status = vv_check_decoupled_plan(a);
    const VvTensor all[] = {a->q,        a->mask,      a->lip_k,     a->lip_v,        a->lip_prior,
                            a->lip_gate, a->context_k, a->context_v, a->context_gate, a->dst};
    return status == VV_KERNEL_OK ? vv_on_device(device, all, (int)(sizeof all / sizeof *all)) : status;
}
