/* The codec's three graphs. Buffers are taken in the manner of a stack: first what a step leaves behind, then what it
 * needs meanwhile, which is given back when it is done. */
#include "server/avatar/codec_graph.h"

/* ---- steps ------------------------------------------------------------------------------------------------------ */

/* Whether a kernel is to be called: in a run, as long as all is well. */
static bool runs(VvCodecPass *p) {
    if (p->arena->failed && p->status == VV_KERNEL_OK)
        p->status = VV_KERNEL_MEMORY;
    return p->stream && p->status == VV_KERNEL_OK;
}

static VvTensor take(VvCodecPass *p, VvDataType type, int n, int side, int channels) {
    return vv_arena_take_nhwc(p->arena, type, n, side, side, channels);
}

/* A buffer of activations. */
static VvTensor activations(VvCodecPass *p, int n, int side, int channels) {
    return take(p, p->net->kernels->compute, n, side, channels);
}

static void show(VvCodecPass *p, const char *stage, int level, VvTensor value) {
    if (!p->watch || !runs(p))
        return;
    p->status = p->net->kernels->wait(p->stream);
    if (p->status == VV_KERNEL_OK)
        p->watch(p->watch_ctx, stage, level, value);
}

/* dst = layer(x), or layer(x) + residual where the layer has one. */
static void conv_add(VvCodecPass *p, const VvCodecLayer *layer, VvTensor x, VvTensor residual, VvTensor dst) {
    const VvKernels *k = p->net->kernels;
    if (runs(p))
        p->status = k->conv(p->stream, layer->conv, x, residual, dst);
    else if (p->status == VV_KERNEL_OK)
        p->status = k->conv_plan(layer->conv, x, dst, p->scratch);
}

static void conv(VvCodecPass *p, const VvCodecLayer *layer, VvTensor x, VvTensor dst) {
    conv_add(p, layer, x, (VvTensor){0}, dst);
}

/* x = relu(x + b(relu(a(x)))) */
static void residual(VvCodecPass *p, const VvCodecBlock *block, VvTensor x) {
    const size_t mark = p->arena->used;
    const VvTensor inner = activations(p, x.shape[0], x.shape[1], x.shape[3]);
    conv(p, &block->a, x, inner);
    conv_add(p, &block->b, inner, x, x);
    vv_arena_rewind(p->arena, mark);
}

static void convert(VvCodecPass *p, VvTensor src, VvTensor dst) {
    if (runs(p))
        p->status = p->net->kernels->convert(p->stream, src, dst);
}

static void up(VvCodecPass *p, VvTensor src, VvTensor dst) {
    if (runs(p))
        p->status = p->net->kernels->upsample2(p->stream, src, dst);
}

/* ---- characters ------------------------------------------------------------------------------------------------- */

/* Channels of a level's maps as the cast keeps them. */
static int kept_channels(const VvCodecSizes *size, int level) {
    return size->maps[level] + (level == VV_CODEC_LEVELS - 1 ? size->latent : 0);
}

VvCodecCast vv_codec_cast_take(VvArena *arena, const VvCodecNet *net, int characters) {
    VvCodecCast cast;
    const int grid = net->size.grid, picture = 32 * grid;
    for (int i = 0; i < VV_CODEC_LEVELS; i++)
        cast.maps[i] = vv_arena_take_nhwc(arena, net->kernels->compute, characters, (16 >> i) * grid, (16 >> i) * grid,
                                          kept_channels(&net->size, i));
    cast.portraits = vv_arena_take_nhwc(arena, VV_U8, characters, picture, picture, 3);
    return cast;
}

VvCodecCast vv_codec_cast_member(const VvCodecCast *cast, int index) {
    VvCodecCast member;
    for (int i = 0; i < VV_CODEC_LEVELS; i++)
        member.maps[i] = vv_tensor_items(cast->maps[i], index, 1);
    member.portraits = vv_tensor_items(cast->portraits, index, 1);
    return member;
}

/* ---- appearance and motion -------------------------------------------------------------------------------------- */

static void unshuffle(VvCodecPass *p, VvTensor pixels, VvTensor dst) {
    if (runs(p))
        p->status = p->net->kernels->unshuffle2(p->stream, VV_BYTES_SYMMETRIC, pixels, dst);
}

/* block(relu(down(h))), where block is there */
static VvTensor descend(VvCodecPass *p, const VvCodecLayer *down, const VvCodecBlock *block, VvTensor h) {
    const VvTensor x = activations(p, h.shape[0], (h.shape[1] + 1) / 2, down->out);
    conv(p, down, h, x);
    residual(p, block, x);
    return x;
}

/* The frame at half size: motion needs no more. */
static VvTensor halved(VvCodecPass *p, VvTensor frames) {
    const VvTensor half = activations(p, frames.shape[0], frames.shape[1] / 2, 3);
    if (runs(p))
        p->status = p->net->kernels->pool2_bytes(p->stream, VV_BYTES_SYMMETRIC, frames, half);
    return half;
}

void vv_codec_graph_motion(VvCodecPass *p, VvTensor frames, VvTensor z) {
    const VvCodecNet *net = p->net;
    const int n = frames.shape[0], grid = net->size.grid;
    const VvTensor x = activations(p, n, 8 * grid, 12);
    unshuffle(p, halved(p, frames), x);
    VvTensor h = activations(p, n, 8 * grid, net->motion.stem.out);
    conv(p, &net->motion.stem, x, h);
    for (int i = 0; i < VV_CODEC_MOTION - 1; i++)
        h = descend(p, &net->motion.down[i], &net->motion.block[i], h);
    residual(p, &net->motion.last, h);
    conv(p, &net->motion.out, h, z);
    show(p, "z", -1, z);
}

void vv_codec_graph_appearance(VvCodecPass *p, const VvCodecCast *one) {
    const VvCodecNet *net = p->net;
    const int grid = net->size.grid, latent = net->size.latent, coarsest = VV_CODEC_LEVELS - 1;
    const VvTensor z0 = take(p, VV_F32, 1, grid, latent);
    vv_codec_graph_motion(p, one->portraits, z0);
    convert(p, z0, vv_tensor_channels(one->maps[coarsest], 0, latent));

    const VvTensor x = activations(p, 1, 16 * grid, 12);
    unshuffle(p, one->portraits, x);
    VvTensor h = activations(p, 1, 16 * grid, net->appearance.stem.out);
    conv(p, &net->appearance.stem, x, h);
    for (int i = 0; i < VV_CODEC_LEVELS; i++) {
        const int first = i == coarsest ? latent : 0;
        const VvTensor maps = vv_tensor_channels(one->maps[i], first, net->size.maps[i]);
        if (i)
            h = descend(p, &net->appearance.down[i - 1], &net->appearance.block[i - 1], h);
        conv(p, &net->appearance.maps[i], h, maps);
        show(p, "maps", i, maps);
    }
}

/* ---- decoder ---------------------------------------------------------------------------------------------------- */

/* A level's buffers: what comes from the level below and the appearance lie side by side, so that they need not be
 * brought together. */
typedef struct Level {
    int index;
    VvTensor h, in, below, appearance;
    size_t mark; /* before `in`, which is needed until h is there */
} Level;

static Level enter(VvCodecPass *p, int index, int n) {
    const VvCodecSizes *size = &p->net->size;
    const int side = (16 >> index) * size->grid, maps = kept_channels(size, index);
    const int below = index + 1 < VV_CODEC_LEVELS ? size->decoder[index + 1] : size->latent;
    Level level = {.index = index, .h = activations(p, n, side, size->decoder[index]), .mark = p->arena->used};
    level.in = activations(p, n, side, below + maps);
    level.below = vv_tensor_channels(level.in, 0, below);
    level.appearance = vv_tensor_channels(level.in, below, maps);
    return level;
}

/* h = block(relu(enter([below, appearance]))) */
static VvTensor leave(VvCodecPass *p, const Level *level) {
    const int i = level->index;
    conv(p, &p->net->decoder.enter[i], level->in, level->h);
    vv_arena_rewind(p->arena, level->mark);
    for (int j = 0; j < p->net->size.residual[i]; j++)
        residual(p, &p->net->decoder.block[i][j], level->h);
    show(p, "h", i, level->h);
    return level->h;
}

/* The characters' maps of this level, moved by the flow and hidden by the occlusion. */
static void warp(VvCodecPass *p, const VvCodecDecode *d, const Level *level, VvTensor flow, VvTensor occlusion) {
    const VvWarp what = {.src = d->cast->maps[level->index],
                         .which = d->which,
                         .flow = flow,
                         .occlusion = occlusion,
                         .unit = VV_FLOW_HALVES,
                         .dst = level->appearance};
    if (runs(p))
        p->status = p->net->kernels->warp(p->stream, &what);
}

/* flow = pixel_shuffle(layer(h)), or that much more. The layers' weights contain codec.py's FLOW_SCALE. */
static void shuffle_flow(VvCodecPass *p, const VvCodecLayer *layer, int r, VvTensor h, VvTensor flow, bool more) {
    const VvKernels *k = p->net->kernels;
    const size_t mark = p->arena->used;
    const int n = h.shape[0], side = h.shape[1];
    const VvTensor packed = take(p, VV_F32, n, side, layer->out);
    const VvTensor part = more ? take(p, VV_F32, n, side * r, 3) : flow;
    conv(p, layer, h, packed);
    if (runs(p))
        p->status = k->pixel_shuffle(p->stream, r, packed, part);
    if (more && runs(p))
        p->status = k->add(p->stream, flow, part, flow);
    vv_arena_rewind(p->arena, mark);
}

static void blend(VvCodecPass *p, const VvCodecDecode *d, VvTensor flow, VvTensor painted) {
    const VvBlend what = {.portrait = d->cast->portraits,
                          .which = d->which,
                          .flow = flow,
                          .unit = VV_FLOW_HALVES,
                          .painted = painted,
                          .dst = d->frames,
                          .planes = d->i420};
    if (runs(p))
        p->status = p->net->kernels->blend(p->stream, &what);
}

void vv_codec_graph_decode(VvCodecPass *p, const VvCodecDecode *d) {
    const VvCodecNet *net = p->net;
    const VvTensor none = {0};
    const int n = d->z.shape[0], grid = net->size.grid;
    const VvTensor flow = take(p, VV_F32, n, 8 * grid, 3);
    const VvTensor move = vv_tensor_channels(flow, 0, 2), occlusion = vv_tensor_channels(flow, 2, 1);

    Level level = enter(p, 4, n);
    convert(p, d->z, level.below);
    warp(p, d, &level, d->still, none);
    VvTensor h = leave(p, &level);

    level = enter(p, 3, n);
    up(p, h, level.below);
    warp(p, d, &level, d->still, none);
    h = leave(p, &level);
    shuffle_flow(p, &net->decoder.flow16, 4, h, flow, false);
    show(p, "flow", 3, flow);

    level = enter(p, 2, n);
    up(p, h, level.below);
    warp(p, d, &level, move, occlusion);
    h = leave(p, &level);
    shuffle_flow(p, &net->decoder.flow32, 2, h, flow, true);
    show(p, "flow", 2, flow);

    level = enter(p, 1, n);
    up(p, h, level.below);
    warp(p, d, &level, move, occlusion);
    h = leave(p, &level);
    conv_add(p, &net->decoder.flow64, h, flow, flow);
    show(p, "flow", 1, flow);

    level = enter(p, 0, n);
    up(p, h, level.below);
    warp(p, d, &level, move, occlusion);
    h = leave(p, &level);

    const VvTensor painted = activations(p, n, 16 * grid, net->decoder.out.out);
    conv(p, &net->decoder.out, h, painted);
    show(p, "painted", -1, painted);
    blend(p, d, move, painted);
}
