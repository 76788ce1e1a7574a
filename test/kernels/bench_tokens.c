/* What the denoiser's operations cost: a window of five frames of 64 tokens, 256 channels in 4 heads, and the ten
 * frames and the reference kept from before; half of a frame's places see the mouth. */
#include <stdio.h>

#include "test/kernels/bench.h"

enum { TOKENS = 320, CHANNELS = 256, HEADS = 4, SIZE = CHANNELS / HEADS, PLACES = 64 };

static void run_attention(const Job *job) {
    bench_must(job->kernels->attention(job->stream, &job->attention), "attention");
}

static void run_decoupled(const Job *job) {
    bench_must(job->kernels->decoupled(job->stream, &job->decoupled), "decoupled");
}

static void run_norm(const Job *job) {
    bench_must(job->kernels->norm(job->stream, &job->norm), "norm");
}

static void run_insert(const Job *job) {
    bench_must(job->kernels->insert(job->stream, 0, job->a, job->b, job->c), "insert");
}

static void run_embed(const Job *job) {
    bench_must(job->kernels->embed(job->stream, 0, PLACES, job->a, job->b, job->c), "embed");
}

static void run_rotary(const Job *job) {
    bench_must(job->kernels->rotary(job->stream, HEADS, job->a, job->b, job->c), "rotary");
}

static void run_silu(const Job *job) {
    bench_must(job->kernels->silu(job->stream, job->a, job->b, job->c), "silu");
}

static void run_flow_step(const Job *job) {
    bench_must(job->kernels->flow_step(job->stream, 0.5f, job->a, job->b, job->c), "flow_step");
}

static void run_noise(const Job *job) {
    bench_must(job->kernels->noise(job->stream, (const uint64_t[]){1}, (const uint64_t[]){2}, 0, job->c), "noise");
}

/* Attention's operations are those of its two products; beside it, the same products alone with packed weights. */
static void bench_attention(Bench *bench, int queries, int cached, int fresh) {
    const size_t mark = bench->arena.used;
    const VvDataType type = bench->kernels->compute;
    Job job = {.kernels = bench->kernels, .stream = bench->stream, .run = run_attention};
    job.attention = (VvAttention){.heads = HEADS,
                                  .q = bench_tokens(bench, type, 1, queries, CHANNELS),
                                  .cached_k = bench_tokens(bench, type, 1, cached, CHANNELS),
                                  .cached_v = bench_tokens(bench, type, 1, cached, CHANNELS),
                                  .k = bench_tokens(bench, type, 1, fresh, CHANNELS),
                                  .v = bench_tokens(bench, type, 1, fresh, CHANNELS),
                                  .dst = bench_tokens(bench, type, 1, queries, CHANNELS)};
    const double operations = 4.0 * queries * (cached + fresh) * CHANNELS;
    const double seconds = bench_best(&job, REPEATS);
    job.kernels = bench->ref, job.stream = bench->ref_stream;
    char name[64];
    snprintf(name, sizeof name, "attention %d of %d + %d", queries, cached, fresh);
    bench_row(bench, name, 0, seconds, bench_best(&job, 0), operations, bench->peak_flops);
    const double by_keys = bench_linear(bench, queries, SIZE, cached + fresh, 4 * REPEATS, false),
                 by_values = bench_linear(bench, queries, cached + fresh, SIZE, 4 * REPEATS, false);
    const double products = operations / 2 / by_keys + operations / 2 / by_values;
    printf("    its products alone, keys and values packed before: %.1f us; attention runs at %.0f %% of them\n",
           1e6 * products, 100 * products / seconds);
    vv_arena_rewind(&bench->arena, mark);
}

static void bench_decoupled(Bench *bench, int shared) {
    const size_t mark = bench->arena.used;
    const VvDataType type = bench->kernels->compute;
    const VvTensor mask = vv_arena_take(&bench->arena, VV_F32, 1, (const int[]){PLACES});
    int with_lips = 0, with_context = 0;
    for (int i = 0; i < PLACES; i++) { /* half see the mouth, a quarter both */
        const double m = i < PLACES / 2 ? 0 : i < PLACES * 3 / 4 ? 0.5 : 1;
        check_put(mask, 0, i, m);
        with_lips += m != 0, with_context += m != 1;
    }
    const VvTensor prior = vv_arena_take(&bench->arena, VV_F32, 2, (const int[]){HEADS, 18});
    Job job = {.kernels = bench->kernels, .stream = bench->stream, .run = run_decoupled};
    job.decoupled = (VvDecoupled){.heads = HEADS,
                                  .places = PLACES,
                                  .q = bench_tokens(bench, type, 1, TOKENS, CHANNELS),
                                  .mask = mask,
                                  .lip_k = bench_tokens(bench, type, 1, 26, CHANNELS),
                                  .lip_v = bench_tokens(bench, type, 1, 26, CHANNELS),
                                  .lip_prior = prior,
                                  .lip_step = 2,
                                  .lip_span = 18,
                                  .context_k = bench_tokens(bench, type, 1, shared + 13, CHANNELS),
                                  .context_v = bench_tokens(bench, type, 1, shared + 13, CHANNELS),
                                  .shared = shared,
                                  .context_step = 1,
                                  .context_span = 9,
                                  .dst = bench_tokens(bench, type, 1, TOKENS, CHANNELS)};
    const double seconds = bench_best(&job, REPEATS);
    job.kernels = bench->ref, job.stream = bench->ref_stream;
    char name[64];
    snprintf(name, sizeof name, "decoupled %d of 18, %d + 9", TOKENS, shared);
    bench_row(bench, name, 0, seconds, bench_best(&job, 0),
              4.0 * TOKENS / PLACES * (with_lips * 18 + with_context * (shared + 9)) * CHANNELS, bench->peak_flops);
    vv_arena_rewind(&bench->arena, mark);
}

static double bytes_of(VvTensor a, VvTensor b, VvTensor c) {
    return (double)(vv_tensor_bytes(a) + vv_tensor_bytes(b) + vv_tensor_bytes(c));
}

static void bench_rows(Bench *bench) {
    const size_t mark = bench->arena.used;
    const VvDataType type = bench->kernels->compute;
    const VvTensor h = bench_tokens(bench, VV_F32, 1, TOKENS, CHANNELS),
                   x = bench_tokens(bench, type, 1, TOKENS, CHANNELS);
    const VvTensor wide = bench_tokens(bench, type, 1, TOKENS, CHANNELS), none = {0};
    VvTensor table = bench_tokens(bench, VV_F32, 1, 1, CHANNELS), angles = bench_tokens(bench, VV_F32, 1, TOKENS, SIZE);
    VvTensor place = bench_tokens(bench, VV_F32, 1, PLACES, CHANNELS);
    table.rank = 2, table.shape[1] = CHANNELS, table.shape[2] = 0;
    angles.rank = 2, angles.shape[0] = TOKENS, angles.shape[1] = SIZE, angles.shape[2] = 0;
    place.rank = 2, place.shape[0] = PLACES, place.shape[1] = CHANNELS, place.shape[2] = 0;
    const VvTensor frame = bench_tokens(bench, VV_F32, 1, TOKENS / PLACES, CHANNELS);
    VvNorm norm = {.h = h, .scale = table, .shift = table, .dst = x};
    bench_bytes(bench, "norm 320x256", 0, (Job){.run = run_norm, .norm = norm}, bytes_of(h, x, table));
    norm.y = wide, norm.gate = table;
    bench_bytes(bench, "norm 320x256 of a sum", 0, (Job){.run = run_norm, .norm = norm},
                bytes_of(h, h, x) + bytes_of(wide, table, none));
    const VvTensor longer = bench_tokens(bench, VV_F32, 1, 2 * TOKENS, CHANNELS);
    bench_bytes(bench, "insert 320x256", 0, (Job){.run = run_insert, .a = h, .b = place, .c = longer},
                bytes_of(h, h, place));
    bench_bytes(bench, "embed 320x256", 0, (Job){.run = run_embed, .a = place, .b = frame, .c = h},
                bytes_of(h, h, place));
    bench_bytes(bench, "rotary 320x256, in place", 0, (Job){.run = run_rotary, .a = x, .b = angles, .c = x},
                bytes_of(x, x, angles));
    bench_bytes(bench, "silu 320x256, gated", 0, (Job){.run = run_silu, .a = x, .b = wide, .c = x},
                bytes_of(x, x, wide));
    const VvTensor v = bench_tokens(bench, VV_F32, 1, TOKENS, 16), latent = bench_tokens(bench, VV_F32, 1, TOKENS, 16);
    bench_bytes(bench, "flow_step 320x16, in place", 0, (Job){.run = run_flow_step, .a = latent, .b = v, .c = latent},
                bytes_of(v, latent, latent));
    bench_bytes(bench, "noise 320x16", 0, (Job){.run = run_noise, .c = latent}, bytes_of(latent, none, none));
    vv_arena_rewind(&bench->arena, mark);
}

void bench_window(Bench *bench) {
    printf("in a window's step:\n");
    bench_linear(bench, TOKENS, CHANNELS, 4 * CHANNELS, REPEATS, true);
    bench_linear(bench, TOKENS, 4 * CHANNELS, CHANNELS, REPEATS, true);
    bench_attention(bench, 160, 272, 320);
    bench_attention(bench, TOKENS, 272, TOKENS);
    bench_decoupled(bench, 16);
    bench_decoupled(bench, 200);
    bench_rows(bench);
}
