/* The denoiser's graph. Buffers are taken in the manner of a stack, as the codec's are. */
#include "server/avatar/denoiser_graph.h"

/* ---- calls ------------------------------------------------------------------------------------------------------ */

/* Whether a kernel is to be called: in a run, as long as all is well. */
static bool runs(VvDenoiserPass *p) {
    if (p->arena->failed && p->status == VV_KERNEL_OK)
        p->status = VV_KERNEL_MEMORY;
    return p->stream && p->status == VV_KERNEL_OK;
}

static bool plans(const VvDenoiserPass *p) {
    return !p->stream && p->status == VV_KERNEL_OK;
}

void vv_denoiser_meet(VvDenoiserPass *p) {
    if (p->stream && p->members > 1)
        vv_barrier_wait(p->barrier);
}

static void show(VvDenoiserPass *p, const char *stage, int index, VvTensor value) {
    if (!p->watch || !runs(p))
        return;
    p->status = p->net->kernels->wait(p->stream);
    if (p->status == VV_KERNEL_OK)
        p->watch(p->watch_ctx, stage, index, value);
}

static VvTensor take(VvDenoiserPass *p, VvDataType type, int tokens, int channels) {
    return vv_arena_take(p->arena, type, 3, (const int[]){p->batch, tokens, channels});
}

/* A buffer of activations. */
static VvTensor activations(VvDenoiserPass *p, int tokens, int channels) {
    return take(p, p->net->kernels->compute, tokens, channels);
}

/* dst = layer(x) + residual, where the layer has one. */
static void linear_onto(VvDenoiserPass *p, VvLinear *layer, VvTensor x, VvTensor residual, VvTensor dst) {
    const VvKernels *k = p->net->kernels;
    if (runs(p))
        p->status = k->linear(p->stream, layer, x, residual, dst);
    else if (plans(p))
        p->status = k->linear_plan(layer, x, dst, p->scratch);
}

static void linear(VvDenoiserPass *p, VvLinear *layer, VvTensor x, VvTensor dst) {
    linear_onto(p, layer, x, (VvTensor){0}, dst);
}

static void norm(VvDenoiserPass *p, const VvNorm *what) {
    if (runs(p))
        p->status = p->net->kernels->norm(p->stream, what);
}

static void plain_norm(VvDenoiserPass *p, VvTensor src, VvTensor dst) {
    norm(p, &(VvNorm){.h = src, .dst = dst});
}

static void convert(VvDenoiserPass *p, VvTensor src, VvTensor dst) {
    if (runs(p))
        p->status = p->net->kernels->convert(p->stream, src, dst);
}

static void silu(VvDenoiserPass *p, VvTensor x) {
    if (runs(p))
        p->status = p->net->kernels->silu(p->stream, x, (VvTensor){0}, x);
}

static void insert(VvDenoiserPass *p, int first, VvTensor src, VvTensor place, VvTensor dst) {
    if (runs(p))
        p->status = p->net->kernels->insert(p->stream, first, src, place, dst);
}

static void attend(VvDenoiserPass *p, const VvAttention *what) {
    const VvKernels *k = p->net->kernels;
    if (runs(p))
        p->status = k->attention(p->stream, what);
    else if (plans(p))
        p->status = k->attention_plan(what, p->scratch);
}

static void decouple(VvDenoiserPass *p, const VvDecoupled *what) {
    const VvKernels *k = p->net->kernels;
    if (runs(p))
        p->status = k->decoupled(p->stream, what);
    else if (plans(p))
        p->status = k->decoupled_plan(what, p->scratch);
}

/* ---- views ------------------------------------------------------------------------------------------------------- */

VvTensor vv_denoiser_rows(VvTensor t, VvTokens tokens) {
    if (t.rank != 3 || (tokens.first == 0 && tokens.count == t.shape[1]))
        return t;
    if (t.shape[0] != 1 || tokens.first < 0 || tokens.count < 1 || tokens.first + tokens.count > t.shape[1])
        return (VvTensor){0};
    if (t.data)
        t.data = (unsigned char *)t.data + (size_t)tokens.first * (size_t)t.pitch * vv_type_size(t.type);
    t.shape[1] = tokens.count;
    return t;
}

/* Rows of a table [tokens, channels]. */
static VvTensor table_rows(VvTensor t, VvTokens tokens) {
    return vv_tensor_items(t, tokens.first, tokens.count);
}

/* Channels `part` * width to (`part` + `parts`) * width - 1. */
static VvTensor parts(const VvDenoiserPass *p, VvTensor t, int part, int count) {
    return vv_tensor_channels(t, part * p->net->size.width, count * p->net->size.width);
}

/* Cells [n * frames, h, w, c] as token rows [n, frames * h * w, c]. */
static VvTensor as_tokens(const VvDenoiserPass *p, VvTensor cells) {
    const int tokens = cells.shape[0] / p->batch * cells.shape[1] * cells.shape[2];
    return vv_tensor(cells.data, cells.type, cells.device, 3, (const int[]){p->batch, tokens, cells.shape[3]});
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

VvDenoiserShared vv_denoiser_shared_take(VvArena *arena, const VvDenoiserNet *net, int batch) {
    const VvDenoiserSizes *s = &net->size;
    const VvDataType type = net->kernels->compute;
    const int d = s->width;
    VvDenoiserShared shared = {0};
    shared.x = vv_arena_take(arena, VV_F32, 3, (const int[]){batch, s->tokens, s->latent});
    for (int i = 0; i < 2; i++)
        shared.qkv[i] = vv_arena_take(arena, type, 3, (const int[]){batch, s->tokens, 3 * d});
    shared.kept_qkv = vv_arena_take(arena, type, 3, (const int[]){batch, s->kept, 3 * d});
    for (int i = 0; i < s->blocks; i++) {
        shared.kept[i] = vv_arena_take(arena, type, 3, (const int[]){batch, s->kept, 2 * d});
        shared.lip[i] = vv_arena_take(arena, type, 3, (const int[]){batch, s->heard, 2 * d});
        shared.far[i] = vv_arena_take(arena, type, 3, (const int[]){batch, 1 + s->fresh, 2 * d});
    }
    return shared;
}

VvDenoiserInput vv_denoiser_input_take(VvArena *arena, const VvDenoiserNet *net, int batch) {
    const VvDenoiserSizes *s = &net->size;
    const int z = s->latent;
    VvDenoiserInput in;
    in.old = vv_arena_take_nhwc(arena, VV_F32, batch * (s->overlap - s->whole), s->grid, s->grid, z);
    in.newest = vv_arena_take(arena, VV_F32, 3, (const int[]){batch, s->whole * s->places, z});
    in.reference = vv_arena_take_nhwc(arena, VV_F32, batch, s->grid, s->grid, z);
    in.speech = vv_arena_take(arena, VV_F32, 3, (const int[]){batch, s->heard, s->speech});
    in.coarse = vv_arena_take(arena, VV_F32, 3, (const int[]){batch, s->fresh, s->around * s->coarse});
    in.emotion = vv_arena_take(arena, VV_F32, 2, (const int[]){batch, s->emotion});
    in.told = vv_arena_take(arena, VV_F32, 3, (const int[]){batch, s->fresh, 2 * s->told});
    in.given = vv_arena_take(arena, VV_F32, 3, (const int[]){batch, s->tokens, z + 1});
    return in;
}

/* ---- context ----------------------------------------------------------------------------------------------------- */

static VvTensor pooled(VvDenoiserPass *p, VvTensor cells) {
    const int half = cells.shape[1] / 2;
    const VvTensor made = vv_arena_take_nhwc(p->arena, VV_F32, cells.shape[0], half, half, 4 * cells.shape[3]);
    if (runs(p))
        p->status = p->net->kernels->unshuffle2(p->stream, VV_BYTES_SYMMETRIC, cells, made);
    return as_tokens(p, made);
}

/* What a layer makes of rows of all items, to the rows of x from `first` on, each at its place. Returns the next. */
static int enter(VvDenoiserPass *p, VvLinear *layer, VvTensor src, VvTensor place, int first, VvTensor x) {
    const size_t mark = p->arena->used;
    const VvTensor made = take(p, VV_F32, src.shape[1], x.shape[2]);
    linear(p, layer, src, made);
    insert(p, first, made, place, x);
    vv_arena_rewind(p->arena, mark);
    return first + src.shape[1];
}

/* All kept tokens, whoever's: the reference's, the older frames', the newest frames'. The layers are small. */
static void enter_context(VvDenoiserPass *p, VvTensor x) {
    const VvDenoiserNet *net = p->net;
    const size_t mark = p->arena->used;
    int first = enter(p, net->enter_reference, pooled(p, p->input->reference), net->pool_embed, 0, x);
    first = enter(p, net->enter_old, pooled(p, p->input->old), net->pool_embed, first, x);
    enter(p, net->enter_new, p->input->newest, net->place_embed, first, x);
    vv_arena_rewind(p->arena, mark);
}

/* Lets the kept tokens see each other. */
static void context_block(VvDenoiserPass *p, VvTensor x) {
    const VvDenoiserNet *net = p->net;
    const int d = net->size.width, rows = p->kept.count, heads = net->size.heads;
    const VvTensor all = p->shared->kept_qkv, own = vv_denoiser_rows(all, p->kept);
    const VvTensor turn = table_rows(net->turn_kept, p->kept);
    const size_t mark = p->arena->used;
    const VvTensor y = activations(p, rows, d), wide = activations(p, rows, 2 * d);
    plain_norm(p, x, y);
    linear(p, net->context.qkv, y, own);
    if (runs(p))
        p->status = net->kernels->rotary(p->stream, 2 * heads, parts(p, own, 0, 2), turn, parts(p, own, 0, 2));
    vv_denoiser_meet(p);
    attend(p,
           &(VvAttention){
               .heads = heads, .q = parts(p, own, 0, 1), .k = parts(p, all, 1, 1), .v = parts(p, all, 2, 1), .dst = y});
    linear_onto(p, net->context.out, y, x, x);
    plain_norm(p, x, y);
    linear(p, net->context.wide, y, wide);
    linear_onto(p, net->context.narrow, wide, x, x);
    vv_arena_rewind(p->arena, mark);
}

void vv_denoiser_graph_context(VvDenoiserPass *p) {
    const VvDenoiserNet *net = p->net;
    const int heads = net->size.heads;
    const size_t mark = p->arena->used;
    const VvTensor entered = take(p, VV_F32, net->size.kept, net->size.width);
    const VvTensor x = vv_denoiser_rows(entered, p->kept);
    const VvTensor y = activations(p, p->kept.count, net->size.width);
    enter_context(p, entered);
    context_block(p, x);
    plain_norm(p, x, y);
    for (int i = 0; i < net->size.blocks; i++) {
        const VvTensor own = vv_denoiser_rows(p->shared->kept[i], p->kept), keys = parts(p, own, 0, 1);
        linear(p, net->block[i].context_kv, y, own);
        if (runs(p))
            p->status = net->kernels->rotary(p->stream, heads, keys, table_rows(net->turn_kept, p->kept), keys);
        show(p, "kept", i, own);
    }
    vv_arena_rewind(p->arena, mark);
}

/* ---- condition --------------------------------------------------------------------------------------------------- */

/* What is said, and what it retrieves from the verbal memory. */
static void hear(VvDenoiserPass *p, VvTensor token, VvTensor normal) {
    const VvDenoiserNet *net = p->net;
    const VvDenoiserSizes *s = &net->size;
    const size_t mark = p->arena->used;
    const VvTensor speech = activations(p, s->heard, s->speech), q = activations(p, s->heard, s->width);
    convert(p, p->input->speech, speech);
    linear(p, net->speech_in, speech, token);
    plain_norm(p, token, normal);
    linear(p, net->bank_q, normal, q);
    attend(p, &(VvAttention){
                  .heads = s->heads, .q = q, .cached_k = net->bank_keys, .cached_v = net->bank_values, .dst = q});
    linear_onto(p, net->bank_out, q, token, token);
    plain_norm(p, token, normal);
    vv_arena_rewind(p->arena, mark);
}

/* Nobody, and the avatar's own loudness. */
static void feel_around(VvDenoiserPass *p, VvTensor far, VvTensor normal) {
    insert(p, 0, p->net->nobody, (VvTensor){0}, far);
    enter(p, p->net->coarse_in, p->input->coarse, (VvTensor){0}, 1, far);
    plain_norm(p, far, normal);
}

void vv_denoiser_graph_condition(VvDenoiserPass *p) {
    const VvDenoiserNet *net = p->net;
    const VvDenoiserSizes *s = &net->size;
    const size_t mark = p->arena->used;
    const VvTensor token = take(p, VV_F32, s->heard, s->width), far = take(p, VV_F32, 1 + s->fresh, s->width);
    const VvTensor heard = activations(p, s->heard, s->width), around = activations(p, 1 + s->fresh, s->width);
    hear(p, token, heard);
    feel_around(p, far, around);
    /* The tokens are few, so every member has made them all; the blocks are shared out. */
    for (int i = p->member; i < s->blocks; i += p->members) {
        linear(p, net->block[i].lip_kv, heard, p->shared->lip[i]);
        linear(p, net->block[i].far_kv, around, p->shared->far[i]);
        show(p, "lip", i, p->shared->lip[i]);
        show(p, "far", i, p->shared->far[i]);
    }
    vv_arena_rewind(p->arena, mark);
}

/* ---- steps ------------------------------------------------------------------------------------------------------- */

VvTensor vv_denoiser_graph_base(VvDenoiserPass *p) {
    const VvDenoiserNet *net = p->net;
    const VvDenoiserSizes *s = &net->size;
    const VvTensor base = take(p, VV_F32, p->fresh.count, s->width);
    const size_t mark = p->arena->used;
    const VvTensor inner = take(p, VV_F32, s->fresh, s->width), frame = take(p, VV_F32, s->fresh, s->width);
    linear(p, net->told_in, p->input->told, inner);
    silu(p, inner);
    linear(p, net->told_out, inner, frame);
    linear(p, net->enter_given, vv_denoiser_rows(p->input->given, p->fresh), base);
    if (runs(p))
        p->status = net->kernels->embed(p->stream, p->fresh.first, s->places, net->place, frame, base);
    vv_arena_rewind(p->arena, mark);
    return base;
}

/* What a block's norms and gates are told: f32 [n, 10 width]. */
static VvTensor modulation(const VvDenoiserPass *p, VvTensor all, int part) {
    return vv_tensor_channels(all, part * p->net->size.width, p->net->size.width);
}

/* The emotion and the step's time, for all blocks. */
static VvTensor modulations(VvDenoiserPass *p, int step) {
    const VvDenoiserNet *net = p->net;
    const int d = net->size.width;
    const VvTensor all = vv_arena_take(p->arena, VV_F32, 2, (const int[]){p->batch, VV_MODS * d});
    const size_t mark = p->arena->used;
    const VvTensor felt = vv_arena_take(p->arena, VV_F32, 2, (const int[]){p->batch, d});
    linear(p, net->feel[step], p->input->emotion, felt);
    silu(p, felt);
    linear(p, net->modulation, felt, all);
    vv_arena_rewind(p->arena, mark);
    return all;
}

/* The same with the block's own table. */
static void tabulate(VvDenoiserPass *p, VvTensor all, VvTensor table, VvTensor m) {
    if (runs(p))
        p->status = p->net->kernels->add(p->stream, all, table, m);
}

/* What a block leaves to be added to h: the next norm does it on its way. */
typedef struct Rest {
    VvTensor y, gate;
} Rest;

static void self_attention(VvDenoiserPass *p, int index, VvTensor h, Rest before, VvTensor m, VvTensor y) {
    const VvDenoiserNet *net = p->net;
    const VvDenoiserBlock *block = &net->block[index];
    const VvTensor all = p->shared->qkv[p->turn % 2], own = vv_denoiser_rows(all, p->fresh);
    const VvTensor kept = p->shared->kept[index], turned = parts(p, own, 0, 2);
    norm(p, &(VvNorm){.h = h,
                      .y = before.y,
                      .gate = before.gate,
                      .scale = modulation(p, m, VV_MOD_SELF_SCALE),
                      .shift = modulation(p, m, VV_MOD_SELF_SHIFT),
                      .dst = y});
    linear(p, block->qkv, y, own);
    if (runs(p))
        p->status =
            net->kernels->rotary(p->stream, 2 * net->size.heads, turned, table_rows(net->turn_new, p->fresh), turned);
    /* Once a block is enough: who is a block ahead writes to the other of the two buffers, and cannot be further. */
    p->turn++;
    vv_denoiser_meet(p);
    attend(p, &(VvAttention){.heads = net->size.heads,
                             .q = parts(p, own, 0, 1),
                             .cached_k = parts(p, kept, 0, 1),
                             .cached_v = parts(p, kept, 1, 1),
                             .k = parts(p, all, 1, 1),
                             .v = parts(p, all, 2, 1),
                             .gate = modulation(p, m, VV_MOD_SELF_GATE),
                             .dst = y});
    linear_onto(p, block->out, y, h, h);
}

static void cross_attention(VvDenoiserPass *p, int index, VvTensor h, VvTensor m, VvTensor y) {
    const VvDenoiserNet *net = p->net;
    const VvDenoiserSizes *s = &net->size;
    const VvDenoiserBlock *block = &net->block[index];
    const VvTensor lip = p->shared->lip[index], far = p->shared->far[index];
    const size_t mark = p->arena->used;
    const VvTensor q = activations(p, p->fresh.count, s->width);
    norm(p, &(VvNorm){.h = h,
                      .scale = modulation(p, m, VV_MOD_CROSS_SCALE),
                      .shift = modulation(p, m, VV_MOD_CROSS_SHIFT),
                      .dst = y});
    linear(p, block->cross_q, y, q);
    decouple(p, &(VvDecoupled){.heads = s->heads,
                               .first = p->fresh.first,
                               .places = s->places,
                               .q = q,
                               .mask = net->lips,
                               .lip_k = parts(p, lip, 0, 1),
                               .lip_v = parts(p, lip, 1, 1),
                               .lip_prior = block->prior,
                               .lip_gate = modulation(p, m, VV_MOD_LIP_GATE),
                               .lip_step = 2,
                               .lip_span = s->span,
                               .context_k = parts(p, far, 0, 1),
                               .context_v = parts(p, far, 1, 1),
                               .context_gate = modulation(p, m, VV_MOD_FAR_GATE),
                               .shared = 1,
                               .context_step = 1,
                               .context_span = 1,
                               .dst = y});
    linear_onto(p, block->cross_out, y, h, h);
    vv_arena_rewind(p->arena, mark);
}

static Rest feed_forward(VvDenoiserPass *p, int index, VvTensor h, VvTensor m, VvTensor y) {
    const VvDenoiserNet *net = p->net;
    const VvDenoiserBlock *block = &net->block[index];
    const size_t mark = p->arena->used;
    const VvTensor wide = activations(p, p->fresh.count, 4 * net->size.width);
    norm(p, &(VvNorm){.h = h,
                      .scale = modulation(p, m, VV_MOD_REST_SCALE),
                      .shift = modulation(p, m, VV_MOD_REST_SHIFT),
                      .dst = y});
    linear(p, block->wide, y, wide);
    linear(p, block->narrow, wide, y);
    vv_arena_rewind(p->arena, mark);
    return (Rest){y, modulation(p, m, VV_MOD_REST_GATE)};
}

void vv_denoiser_graph_step(VvDenoiserPass *p, VvTensor base, int step) {
    const VvDenoiserNet *net = p->net;
    const int rows = p->fresh.count, d = net->size.width;
    const size_t mark = p->arena->used;
    const VvTensor x = vv_denoiser_rows(p->shared->x, p->fresh), h = take(p, VV_F32, rows, d);
    const VvTensor y = activations(p, rows, d), v = take(p, VV_F32, rows, net->size.latent);
    VvTensor mods[2]; /* in turn: the rest of a block is still gated by its own when the next begins */
    for (int i = 0; i < 2; i++)
        mods[i] = vv_arena_take(p->arena, VV_F32, 2, (const int[]){p->batch, VV_MODS * d});
    const VvTensor all = modulations(p, step);
    Rest rest = {{0}, {0}};
    linear_onto(p, net->enter_x, x, base, h);
    for (int i = 0; i < net->size.blocks; i++) {
        const VvTensor m = mods[i % 2];
        tabulate(p, all, net->block[i].table, m);
        self_attention(p, i, h, rest, m, y);
        cross_attention(p, i, h, m, y);
        rest = feed_forward(p, i, h, m, y);
    }
    norm(p, &(VvNorm){.h = h, .y = rest.y, .gate = rest.gate, .dst = y});
    linear(p, net->leave, y, v);
    show(p, "velocity", step, v);
    if (runs(p))
        p->status = net->kernels->flow_step(p->stream, 1.0f / (float)net->steps, x, v, x);
    vv_arena_rewind(p->arena, mark);
}
