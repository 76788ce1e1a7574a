/* What every backend checks before it works. */
#include "kernels/check.h"

static bool is_picture(VvTensor t) {
    return vv_is_view(t) && t.rank == 4;
}

/* Of rank 4, n by h by w by c. */
static bool is_sized(VvTensor t, int n, int h, int w, int c) {
    return is_picture(t) && vv_tensor_is(t, t.type, 4, (const int[]){n, h, w, c});
}

VvKernelStatus vv_on_device(VvDevice device, const VvTensor tensors[], int count) {
    for (int i = 0; i < count; i++)
        if (tensors[i].rank && (!tensors[i].data || tensors[i].device != device))
            return VV_KERNEL_DEVICE;
    return VV_KERNEL_OK;
}

static VvKernelStatus both_on(VvDevice device, VvTensor a, VvTensor b) {
    return vv_on_device(device, (const VvTensor[]){a, b}, 2);
}

/* ---- layers --------------------------------------------------------------------------------------------------- */

enum { CHANNELS_MAX = 1 << 16 };

static bool is_activation(VvActivation activation) {
    return activation == VV_ACTIVATION_NONE || activation == VV_ACTIVATION_RELU ||
           activation == VV_ACTIVATION_SQUARED_RELU;
}

VvKernelStatus vv_check_conv_spec(const VvConvSpec *spec) {
    const bool fits = spec->in > 0 && spec->in <= CHANNELS_MAX && spec->out > 0 && spec->out <= CHANNELS_MAX &&
                      (spec->kernel == 1 || spec->kernel == 3) && (spec->stride == 1 || spec->stride == 2);
    return fits && is_activation(spec->activation) && spec->weights ? VV_KERNEL_OK : VV_KERNEL_SHAPE;
}

VvKernelStatus vv_check_linear_spec(const VvLinearSpec *spec) {
    const bool fits = spec->in > 0 && spec->in <= CHANNELS_MAX && spec->out > 0 && spec->out <= CHANNELS_MAX;
    return fits && is_activation(spec->activation) && spec->weights ? VV_KERNEL_OK : VV_KERNEL_SHAPE;
}

static VvKernelStatus layer_types(VvTensor src, VvTensor dst) {
    const bool taken = (src.type == VV_F32 && dst.type == VV_F32) || (src.type == VV_BF16 && vv_is_float(dst));
    return taken ? VV_KERNEL_OK : VV_KERNEL_TYPE;
}

VvKernelStatus vv_check_conv_plan(const VvConvSpec *spec, VvTensor src, VvTensor dst) {
    if (!is_picture(src) || src.shape[3] != spec->in)
        return VV_KERNEL_SHAPE;
    const int h = (src.shape[1] - 1) / spec->stride + 1, w = (src.shape[2] - 1) / spec->stride + 1;
    if (!is_sized(dst, src.shape[0], h, w, spec->out))
        return VV_KERNEL_SHAPE;
    return layer_types(src, dst);
}

VvKernelStatus vv_check_linear_plan(const VvLinearSpec *spec, VvTensor src, VvTensor dst) {
    if (!vv_is_view(src) || !vv_is_view(dst) || src.shape[src.rank - 1] != spec->in ||
        dst.shape[dst.rank - 1] != spec->out || vv_tensor_rows(src) != vv_tensor_rows(dst))
        return VV_KERNEL_SHAPE;
    return layer_types(src, dst);
}

VvKernelStatus vv_check_layer_run(VvDevice device, bool has_residual, VvTensor src, VvTensor residual, VvTensor dst) {
    if (has_residual) {
        if (!vv_is_view(residual) || !vv_tensor_same_shape(residual, dst))
            return VV_KERNEL_SHAPE;
        if (residual.type != dst.type)
            return VV_KERNEL_TYPE;
        if (!residual.data || residual.device != device)
            return VV_KERNEL_DEVICE;
    }
    return both_on(device, src, dst);
}

/* ---- element by element ------------------------------------------------------------------------------------------ */

static VvKernelStatus alike(VvTensor src, VvTensor dst) {
    if (!vv_is_view(src) || !vv_is_view(dst) || !vv_tensor_same_shape(src, dst))
        return VV_KERNEL_SHAPE;
    return vv_is_float(src) && vv_is_float(dst) ? VV_KERNEL_OK : VV_KERNEL_TYPE;
}

VvKernelStatus vv_check_relu(VvDevice device, VvTensor src, VvTensor dst) {
    const VvKernelStatus status = alike(src, dst);
    if (status != VV_KERNEL_OK)
        return status;
    return src.type == dst.type ? both_on(device, src, dst) : VV_KERNEL_TYPE;
}

VvKernelStatus vv_check_add(VvDevice device, VvTensor a, VvTensor b, VvTensor dst) {
    const VvKernelStatus status = vv_check_relu(device, a, dst);
    const bool shared = status == VV_KERNEL_OK && b.rank > 1 && b.shape[0] == 1;
    return status == VV_KERNEL_OK ? vv_check_relu(device, b, shared ? vv_tensor_items(dst, 0, 1) : dst) : status;
}

VvKernelStatus vv_check_convert(VvDevice device, VvTensor src, VvTensor dst) {
    const VvKernelStatus status = alike(src, dst);
    return status == VV_KERNEL_OK ? both_on(device, src, dst) : status;
}

/* ---- pictures -------------------------------------------------------------------------------------------------- */

VvKernelStatus vv_check_upsample2(VvDevice device, VvTensor src, VvTensor dst) {
    if (!is_picture(src) || !is_sized(dst, src.shape[0], 2 * src.shape[1], 2 * src.shape[2], src.shape[3]))
        return VV_KERNEL_SHAPE;
    return vv_is_float(src) && src.type == dst.type ? both_on(device, src, dst) : VV_KERNEL_TYPE;
}

VvKernelStatus vv_check_pixel_shuffle(VvDevice device, int r, VvTensor src, VvTensor dst) {
    if (r < 1 || r > 16 || !is_picture(src) || src.shape[3] % (r * r) ||
        !is_sized(dst, src.shape[0], r * src.shape[1], r * src.shape[2], src.shape[3] / (r * r)))
        return VV_KERNEL_SHAPE;
    return vv_is_float(src) && vv_is_float(dst) ? both_on(device, src, dst) : VV_KERNEL_TYPE;
}

/* A picture of even size, and one of half the size. */
static bool halves(VvTensor src, VvTensor dst, int channels) {
    return is_picture(src) && src.shape[1] % 2 == 0 && src.shape[2] % 2 == 0 &&
           is_sized(dst, src.shape[0], src.shape[1] / 2, src.shape[2] / 2, channels);
}

VvKernelStatus vv_check_unshuffle2(VvDevice device, VvTensor src, VvTensor dst) {
    if (!halves(src, dst, 4 * src.shape[3]))
        return VV_KERNEL_SHAPE;
    return src.type != VV_I32 && vv_is_float(dst) ? both_on(device, src, dst) : VV_KERNEL_TYPE;
}

VvKernelStatus vv_check_pool2_bytes(VvDevice device, VvTensor src, VvTensor dst) {
    if (!halves(src, dst, src.shape[3]))
        return VV_KERNEL_SHAPE;
    return src.type == VV_U8 && dst.type != VV_I32 ? both_on(device, src, dst) : VV_KERNEL_TYPE;
}

/* A source of which `which` chooses for each of dst's `n`, with its flow. */
static VvKernelStatus flows(VvDevice device, VvTensor src, VvTensor which, VvTensor flow, int n) {
    if (which.rank) {
        if (!vv_tensor_is_dense(which) || !vv_tensor_is(which, which.type, 1, &n))
            return VV_KERNEL_SHAPE;
    } else if (src.shape[0] != 1 && src.shape[0] != n) {
        return VV_KERNEL_SHAPE;
    }
    if (!is_picture(flow) || flow.shape[0] != n || flow.shape[3] != 2)
        return VV_KERNEL_SHAPE;
    if ((which.rank && which.type != VV_I32) || flow.type != VV_F32)
        return VV_KERNEL_TYPE;
    return both_on(device, flow, which.rank ? which : flow);
}

VvKernelStatus vv_check_warp(VvDevice device, const VvWarp *warp) {
    const VvTensor src = warp->src, dst = warp->dst, flow = warp->flow, occlusion = warp->occlusion;
    if (!is_picture(src) || !is_picture(dst) || !is_sized(dst, dst.shape[0], src.shape[1], src.shape[2], src.shape[3]))
        return VV_KERNEL_SHAPE;
    const VvKernelStatus status = flows(device, src, warp->which, flow, dst.shape[0]);
    if (status != VV_KERNEL_OK)
        return status;
    if (occlusion.rank && !is_sized(occlusion, flow.shape[0], flow.shape[1], flow.shape[2], 1))
        return VV_KERNEL_SHAPE;
    if (!vv_is_float(src) || src.type != dst.type || (occlusion.rank && occlusion.type != VV_F32))
        return VV_KERNEL_TYPE;
    return vv_on_device(device, (const VvTensor[]){src, dst, occlusion}, 3);
}

/* I420 of n pictures of h by w, dense. */
static bool are_planes(VvTensor t, int n, int h, int w) {
    return h % 2 == 0 && w % 2 == 0 && vv_tensor_is(t, t.type, 3, (const int[]){n, h / 2 * 3, w}) &&
           vv_tensor_is_dense(t);
}

VvKernelStatus vv_check_blend(VvDevice device, const VvBlend *blend) {
    const VvTensor portrait = blend->portrait, painted = blend->painted, dst = blend->dst, planes = blend->planes;
    if (!is_picture(portrait) || !is_picture(painted) || (!dst.rank && !planes.rank))
        return VV_KERNEL_SHAPE;
    const int n = painted.shape[0], h = portrait.shape[1], w = portrait.shape[2], c = portrait.shape[3],
              r = h / painted.shape[1];
    const bool fits = (c == 3 || c == 4) && (r == 1 || r == 2 || r == 4) && h % r == 0 && w % r == 0 &&
                      is_sized(painted, n, h / r, w / r, (c + 1) * r * r);
    if (!fits || (dst.rank && !is_sized(dst, n, h, w, c)) || (planes.rank && !are_planes(planes, n, h, w)))
        return VV_KERNEL_SHAPE;
    const VvKernelStatus status = flows(device, portrait, blend->which, blend->flow, n);
    if (status != VV_KERNEL_OK)
        return status;
    if (portrait.type != VV_U8 || (dst.rank && dst.type != VV_U8) || (planes.rank && planes.type != VV_U8) ||
        !vv_is_float(painted))
        return VV_KERNEL_TYPE;
    return vv_on_device(device, (const VvTensor[]){portrait, painted, dst, planes}, 4);
}

VvKernelStatus vv_check_copy(VvDevice device, const void *host, VvTensor tensor) {
    if (!vv_is_view(tensor) || !vv_tensor_is_dense(tensor))
        return VV_KERNEL_SHAPE;
    return host && tensor.data && tensor.device == device ? VV_KERNEL_OK : VV_KERNEL_DEVICE;
}

float vv_flow_scale(VvFlowUnit unit, int size, int cells) {
    switch (unit) {
    case VV_FLOW_HALVES:
        return 0.5f * (float)size;
    case VV_FLOW_CELLS:
        return (float)size / (float)cells;
    case VV_FLOW_PIXELS:
        break;
    }
    return 1.0f;
}
