/* A device's table for checks whose tensors lie on the host: every operation copies what it is given to the device,
 * runs there, and copies the result back, with all that lies between the rows, so that a step outside a slice is seen.
 * Copies keep their addresses' last six bits: the kernels choose the same ways as for the originals. */
#include <stdlib.h>
#include <string.h>

#include "kernels/host.h"
#include "test/kernels/check.h"

enum { SHADOWS_MAX = 12 };

static VvKernels below;
static const VvKernels *const inner = &below;

/* A piece of the device's memory, of exactly the size that was asked for, so that a tool that looks for steps outside
 * finds them. Kept for the next call, which is often the same again. */
typedef struct Piece {
    void *memory;
    size_t bytes;
} Piece;

/* The type is each table's own. */
struct VvStream {
    VvStream *real;
    void *scratch;
    Piece piece[SHADOWS_MAX]; /* of a call's first, second ... tensor */
};

/* One tensor of a call. */
typedef struct Shadow {
    const void *host;
    size_t bytes;
    unsigned char *data; /* on the device */
} Shadow;

typedef struct Call {
    VvStream *stream;
    Shadow shadow[SHADOWS_MAX];
    int count;
    VvKernelStatus status; /* of copies */
} Call;

static Call begin(VvStream *stream) {
    return (Call){.stream = stream};
}

/* A processor's memory in the place of a device's, in a way that the checks do not count as allocated by a kernel. */
static VvKernelStatus double_memory_open(size_t bytes, void **memory) {
    return posix_memalign(memory, VV_ARENA_ALIGN, bytes) == 0 ? VV_KERNEL_OK : VV_KERNEL_MEMORY;
}

static VvTensor bytes_at(void *data, size_t bytes) {
    const int shape = (int)bytes;
    return vv_tensor(data, VV_U8, inner->device, 1, &shape);
}

static const Shadow *shadow_of(Call *call, VvTensor tensor) {
    const size_t bytes = vv_tensor_bytes(tensor), off = (uintptr_t)tensor.data % VV_ARENA_ALIGN;
    for (int i = 0; i < call->count; i++)
        if (call->shadow[i].host == tensor.data && call->shadow[i].bytes == bytes)
            return &call->shadow[i];
    if (call->count == SHADOWS_MAX)
        abort();
    Piece *piece = &call->stream->piece[call->count];
    if (call->status == VV_KERNEL_OK && piece->bytes != bytes + off) {
        inner->memory_close(&piece->memory);
        piece->bytes = bytes + off;
        call->status = inner->memory_open(piece->bytes, &piece->memory);
    }
    if (call->status != VV_KERNEL_OK)
        return NULL;
    Shadow *made = &call->shadow[call->count++];
    *made = (Shadow){.host = tensor.data, .bytes = bytes, .data = (unsigned char *)piece->memory + off};
    call->status = inner->upload(call->stream->real, tensor.data, bytes_at(made->data, bytes));
    return made;
}

/* The tensor's copy on the device. One that is none of the host's, or has no data, stays none of the device's. */
static VvTensor on(Call *call, VvTensor tensor) {
    if (!tensor.rank)
        return tensor;
    const bool ours = tensor.device == VV_ON_CPU && tensor.data && vv_tensor_bytes(tensor) > 0;
    if (ours) {
        const Shadow *shadow = shadow_of(call, tensor);
        tensor.data = shadow ? shadow->data : NULL;
        tensor.device = inner->device;
    } else {
        tensor.data = NULL;
    }
    return tensor;
}

/* Brings both back; the second may be no tensor. */
static VvKernelStatus end_two(Call *call, VvKernelStatus status, VvTensor written, VvTensor also) {
    const VvTensor back[] = {written, also};
    if (status == VV_KERNEL_OK)
        status = call->status;
    for (int i = 0; i < 2 * call->count; i++) {
        const Shadow *shadow = &call->shadow[i / 2];
        const VvTensor tensor = back[i % 2];
        if (status == VV_KERNEL_OK && shadow->host == tensor.data && shadow->bytes == vv_tensor_bytes(tensor))
            status = inner->download(call->stream->real, bytes_at(shadow->data, shadow->bytes), tensor.data);
    }
    const VvKernelStatus waited = inner->wait(call->stream->real);
    return status == VV_KERNEL_OK ? waited : status;
}

static VvKernelStatus end(Call *call, VvKernelStatus status, VvTensor written) {
    return end_two(call, status, written, (VvTensor){0});
}

/* ---- streams
 * --------------------------------------------------------------------------------------------------------- */

static void stream_close(VvStream **stream) {
    if (*stream) {
        inner->stream_close(&(*stream)->real);
        inner->memory_close(&(*stream)->scratch);
        for (int i = 0; i < SHADOWS_MAX; i++)
            inner->memory_close(&(*stream)->piece[i].memory);
    }
    free(*stream);
    *stream = NULL;
}

static VvKernelStatus stream_open(VvTensor scratch, VvStream **stream) {
    VvStream *made = calloc(1, sizeof *made);
    const size_t bytes = vv_tensor_bytes(scratch);
    VvKernelStatus status = made ? VV_KERNEL_OK : VV_KERNEL_MEMORY;
    *stream = NULL;
    if (made && bytes)
        status = inner->memory_open(bytes, &made->scratch);
    if (status == VV_KERNEL_OK)
        status = inner->stream_open(bytes ? bytes_at(made->scratch, bytes) : (VvTensor){0}, &made->real);
    if (status == VV_KERNEL_OK)
        *stream = made;
    else
        stream_close(&made);
    return status;
}

static VvKernelStatus wait_for(VvStream *stream) {
    return inner->wait(stream->real);
}

/* ---- operations
 * ------------------------------------------------------------------------------------------------------ */

static VvKernelStatus conv(VvStream *stream, const VvConv *layer, VvTensor src, VvTensor residual, VvTensor dst) {
    Call c = begin(stream);
    const VvTensor a = on(&c, src), b = on(&c, residual), d = on(&c, dst);
    return end(&c, inner->conv(stream->real, layer, a, b, d), dst);
}

static VvKernelStatus linear(VvStream *stream, const VvLinear *layer, VvTensor src, VvTensor residual, VvTensor dst) {
    Call c = begin(stream);
    const VvTensor a = on(&c, src), b = on(&c, residual), d = on(&c, dst);
    return end(&c, inner->linear(stream->real, layer, a, b, d), dst);
}

static VvKernelStatus relu(VvStream *stream, VvTensor src, VvTensor dst) {
    Call c = begin(stream);
    const VvTensor a = on(&c, src), d = on(&c, dst);
    return end(&c, inner->relu(stream->real, a, d), dst);
}

static VvKernelStatus add(VvStream *stream, VvTensor first, VvTensor second, VvTensor dst) {
    Call c = begin(stream);
    const VvTensor a = on(&c, first), b = on(&c, second), d = on(&c, dst);
    return end(&c, inner->add(stream->real, a, b, d), dst);
}

static VvKernelStatus convert(VvStream *stream, VvTensor src, VvTensor dst) {
    Call c = begin(stream);
    const VvTensor a = on(&c, src), d = on(&c, dst);
    return end(&c, inner->convert(stream->real, a, d), dst);
}

static VvKernelStatus upsample2(VvStream *stream, VvTensor src, VvTensor dst) {
    Call c = begin(stream);
    const VvTensor a = on(&c, src), d = on(&c, dst);
    return end(&c, inner->upsample2(stream->real, a, d), dst);
}

static VvKernelStatus pixel_shuffle(VvStream *stream, int r, VvTensor src, VvTensor dst) {
    Call c = begin(stream);
    const VvTensor a = on(&c, src), d = on(&c, dst);
    return end(&c, inner->pixel_shuffle(stream->real, r, a, d), dst);
}

static VvKernelStatus unshuffle2(VvStream *stream, VvByteScale scale, VvTensor src, VvTensor dst) {
    Call c = begin(stream);
    const VvTensor a = on(&c, src), d = on(&c, dst);
    return end(&c, inner->unshuffle2(stream->real, scale, a, d), dst);
}

static VvKernelStatus pool2_bytes(VvStream *stream, VvByteScale scale, VvTensor src, VvTensor dst) {
    Call c = begin(stream);
    const VvTensor a = on(&c, src), d = on(&c, dst);
    return end(&c, inner->pool2_bytes(stream->real, scale, a, d), dst);
}

static VvKernelStatus warp(VvStream *stream, const VvWarp *given) {
    Call c = begin(stream);
    VvWarp w = *given;
    w.src = on(&c, given->src);
    w.which = on(&c, given->which);
    w.flow = on(&c, given->flow);
    w.occlusion = on(&c, given->occlusion);
    w.dst = on(&c, given->dst);
    return end(&c, inner->warp(stream->real, &w), given->dst);
}

static VvKernelStatus blend(VvStream *stream, const VvBlend *given) {
    Call c = begin(stream);
    VvBlend b = *given;
    b.portrait = on(&c, given->portrait);
    b.which = on(&c, given->which);
    b.flow = on(&c, given->flow);
    b.painted = on(&c, given->painted);
    b.dst = on(&c, given->dst);
    b.planes = on(&c, given->planes);
    return end_two(&c, inner->blend(stream->real, &b), given->dst, given->planes);
}

static VvKernelStatus silu(VvStream *stream, VvTensor first, VvTensor second, VvTensor dst) {
    Call c = begin(stream);
    const VvTensor a = on(&c, first), b = on(&c, second), d = on(&c, dst);
    return end(&c, inner->silu(stream->real, a, b, d), dst);
}

static VvKernelStatus flow_step(VvStream *stream, float dt, VvTensor x, VvTensor v, VvTensor dst) {
    Call c = begin(stream);
    const VvTensor a = on(&c, x), b = on(&c, v), d = on(&c, dst);
    return end(&c, inner->flow_step(stream->real, dt, a, b, d), dst);
}

static VvKernelStatus norm(VvStream *stream, const VvNorm *given) {
    Call c = begin(stream);
    VvNorm a = *given;
    a.h = on(&c, given->h);
    a.y = on(&c, given->y);
    a.gate = on(&c, given->gate);
    a.scale = on(&c, given->scale);
    a.shift = on(&c, given->shift);
    a.dst = on(&c, given->dst);
    return end_two(&c, inner->norm(stream->real, &a), given->h, given->dst);
}

static VvKernelStatus insert(VvStream *stream, int first, VvTensor src, VvTensor place, VvTensor dst) {
    Call c = begin(stream);
    const VvTensor a = on(&c, src), p = on(&c, place), d = on(&c, dst);
    return end(&c, inner->insert(stream->real, first, a, p, d), dst);
}

static VvKernelStatus embed(VvStream *stream, int first, int places, VvTensor place, VvTensor frame, VvTensor h) {
    Call c = begin(stream);
    const VvTensor p = on(&c, place), f = on(&c, frame), d = on(&c, h);
    return end(&c, inner->embed(stream->real, first, places, p, f, d), h);
}

static VvKernelStatus rotary(VvStream *stream, int heads, VvTensor src, VvTensor angles, VvTensor dst) {
    Call c = begin(stream);
    const VvTensor a = on(&c, src), g = on(&c, angles), d = on(&c, dst);
    return end(&c, inner->rotary(stream->real, heads, a, g, d), dst);
}

static VvKernelStatus attention(VvStream *stream, const VvAttention *given) {
    Call c = begin(stream);
    VvAttention a = *given;
    a.q = on(&c, given->q);
    a.cached_k = on(&c, given->cached_k);
    a.cached_v = on(&c, given->cached_v);
    a.k = on(&c, given->k);
    a.v = on(&c, given->v);
    a.gate = on(&c, given->gate);
    a.dst = on(&c, given->dst);
    return end(&c, inner->attention(stream->real, &a), given->dst);
}

static VvKernelStatus decoupled(VvStream *stream, const VvDecoupled *given) {
    Call c = begin(stream);
    VvDecoupled a = *given;
    a.q = on(&c, given->q);
    a.mask = on(&c, given->mask);
    a.lip_k = on(&c, given->lip_k);
    a.lip_v = on(&c, given->lip_v);
    a.lip_prior = on(&c, given->lip_prior);
    a.lip_gate = on(&c, given->lip_gate);
    a.context_k = on(&c, given->context_k);
    a.context_v = on(&c, given->context_v);
    a.context_gate = on(&c, given->context_gate);
    a.dst = on(&c, given->dst);
    return end(&c, inner->decoupled(stream->real, &a), given->dst);
}

static VvKernelStatus noise(VvStream *stream, const uint64_t seeds[], const uint64_t windows[], uint32_t number,
                            VvTensor dst) {
    Call c = begin(stream);
    const VvTensor d = on(&c, dst);
    return end(&c, inner->noise(stream->real, seeds, windows, number, d), dst);
}

const VvKernels *check_shadow(const VvKernels *kernels) {
    static VvKernels table;
    below = *kernels;
    if (kernels->device == VV_ON_CPU)
        below.memory_open = double_memory_open; /* closed by free(), as the processor's own */
    table = *kernels; /* layers are the table's own: their weights come from the host in any case */
    table.device = VV_ON_CPU;
    table.memory_open = vv_host_memory_open;
    table.memory_close = vv_host_memory_close;
    table.upload = vv_host_upload;
    table.download = vv_host_download;
    table.stream_open = stream_open;
    table.stream_close = stream_close;
    table.wait = wait_for;
    table.conv = conv;
    table.linear = linear;
    table.relu = relu;
    table.add = add;
    table.convert = convert;
    table.upsample2 = upsample2;
    table.pixel_shuffle = pixel_shuffle;
    table.unshuffle2 = unshuffle2;
    table.pool2_bytes = pool2_bytes;
    table.warp = warp;
    table.blend = blend;
    table.silu = silu;
    table.flow_step = flow_step;
    table.norm = norm;
    table.insert = insert;
    table.embed = embed;
    table.rotary = rotary;
    table.attention = attention;
    table.decoupled = decoupled;
    table.noise = noise;
    table.record = NULL;
    table.recorded = NULL;
    table.replay = NULL;
    table.recording_close = NULL;
    return &table;
}
