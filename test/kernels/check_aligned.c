/* What kernels choose by alignment and by the amount of work: rows that begin at multiples of 16 bytes, as the model's
 * own do, where keys, values and queries lie side by side in the channels. The other checks' slices are misaligned on
 * purpose. */
#include <math.h>

#include "test/kernels/check.h"

enum { MARGIN = 8 }; /* elements; 16 bytes of bf16, 32 of f32 */

/* As in check_attention.c: roundings of logits, and of weights to bf16. */
static double allowed(int size) {
    return 2 * (2 * 4 * sqrt(size) * size * ldexp(1, -24) + 1e-6 + ldexp(1, -9) + 2e-4);
}

static VvTensor tokens(Check *check, VvDataType type, int n, int t, int d, double reach) {
    const VvTensor tensor = check_view(check, type, check_below(check, 2) * MARGIN, 3, (const int[]){n, t, d});
    check_fill(check, tensor, -reach, reach);
    return tensor;
}

static VvTensor table(Check *check, int rows, int columns) {
    const VvTensor tensor = check_view(check, VV_F32, MARGIN, 2, (const int[]){rows, columns});
    check_fill(check, tensor, -1, 1);
    return tensor;
}

/* ---- attention --------------------------------------------------------------------------------------------------- */

typedef struct AttentionCase {
    int n, queries, cached, fresh, heads, size;
} AttentionCase;

/* Every size of head that the CUDA kernels have an instance for, one and several tiles of queries, stages of keys that
 * end anywhere; the denoiser; the memory bank (64 keys that all items share). */
static const AttentionCase attention_cases[] = {
    {1, 5, 3, 9, 1, 16},     {2, 33, 17, 64, 2, 8}, {1, 40, 0, 129, 1, 32}, {2, 16, 128, 1, 1, 24},
    {1, 65, 31, 33, 2, 64},  {3, 17, 63, 0, 1, 56}, {1, 31, 5, 150, 1, 96}, {2, 48, 64, 65, 1, 128},
    {1, 80, 272, 80, 4, 64}, {2, 26, 64, 0, 4, 64},
};
enum { ATTENTION_CASES = sizeof attention_cases / sizeof *attention_cases };

static void attention(Check *check) {
    for (int i = 0; i < 2 * ATTENTION_CASES; i++) {
        const AttentionCase *c = &attention_cases[i / 2];
        const int d = c->heads * c->size;
        const VvTensor none = {0};
        VvAttention a = {.heads = c->heads,
                         .q = tokens(check, VV_BF16, c->n, c->queries, d, 2),
                         .cached_k = c->cached ? tokens(check, VV_BF16, 1 + i % 2 * (c->n - 1), c->cached, d, 2) : none,
                         .cached_v = c->cached ? tokens(check, VV_BF16, 1 + i % 2 * (c->n - 1), c->cached, d, 1) : none,
                         .k = c->fresh ? tokens(check, VV_BF16, c->n, c->fresh, d, 2) : none,
                         .v = c->fresh ? tokens(check, VV_BF16, c->n, c->fresh, d, 1) : none,
                         .gate = i % 2 ? table(check, c->n, d) : none,
                         .dst = tokens(check, VV_BF16, c->n, c->queries, d, 1)};
        VvAttention expected = a;
        check_case(check, "%dx%d, %d cached, %d fresh, %d heads of %d", c->n, c->queries, c->cached, c->fresh, c->heads,
                   c->size);
        /* The largest logit comes last: what was summed before must shrink. */
        const VvTensor last = c->fresh ? a.k : a.cached_k;
        for (int channel = 0; channel < d; channel++)
            check_put(last, vv_tensor_rows(last) - 1, channel, 3 * check_get(a.q, 0, channel));
        expected.dst = check_twin(check, a.dst);
        check_status(check, check->kernels->attention(check->stream, &a), VV_KERNEL_OK);
        check_status(check, check->ref->attention(check->ref_stream, &expected), VV_KERNEL_OK);
        check_equal(check, a.dst, expected.dst, 3 * allowed(c->size)); /* the last logit is thrice the others */
        check_free_all(check);
    }
}

/* The first keys' logits are all -inf: they weigh nothing, and must not spoil what comes after. */
static void weightless(Check *check) {
    for (int keys = 1; keys < 200; keys += 66) {
        VvAttention a = {.heads = 1,
                         .q = tokens(check, VV_BF16, 1, 20, 64, 0),
                         .cached_k = tokens(check, VV_BF16, 1, keys, 64, 0),
                         .cached_v = tokens(check, VV_BF16, 1, keys, 64, 1),
                         .k = tokens(check, VV_BF16, 1, 50, 64, 2),
                         .v = tokens(check, VV_BF16, 1, 50, 64, 1),
                         .dst = tokens(check, VV_BF16, 1, 20, 64, 1)};
        VvAttention expected = a;
        check_case(check, "%d keys", keys);
        check_fill(check, a.q, 0.5, 2);
        for (size_t row = 0; row < (size_t)keys; row++)
            check_put(a.cached_k, row, 5, -INFINITY);
        expected.dst = check_twin(check, a.dst);
        check_status(check, check->kernels->attention(check->stream, &a), VV_KERNEL_OK);
        check_status(check, check->ref->attention(check->ref_stream, &expected), VV_KERNEL_OK);
        check_equal(check, a.dst, expected.dst, allowed(64));
        check_free_all(check);
    }
}

/* ---- decoupled --------------------------------------------------------------------------------------------------- */

typedef struct DecoupledCase {
    int n, first, tokens, places, heads, size, lip_step, lip_span, shared, context_step, context_span;
} DecoupledCase;

/* The same; long frames, frames cut at both ends, more keys than a stage; the denoiser. */
static const DecoupledCase decoupled_cases[] = {
    {1, 0, 40, 20, 1, 16, 1, 3, 2, 1, 2},    {2, 7, 50, 33, 2, 32, 2, 18, 70, 0, 9},
    {1, 5, 300, 290, 1, 64, 3, 70, 0, 1, 5}, {1, 3, 35, 16, 1, 128, 2, 18, 40, 1, 9},
    {2, 0, 9, 4, 1, 8, 1, 65, 1, 2, 0},      {1, 0, 192, 64, 4, 64, 2, 18, 14, 1, 9},
};
enum { DECOUPLED_CASES = sizeof decoupled_cases / sizeof *decoupled_cases };

/* A mouth: most places have nothing of it, some are all of it, in no order. */
static VvTensor face(Check *check, int places) {
    const VvTensor mask = check_tensor(check, VV_F32, 1, &places);
    for (int i = 0; i < places; i++) {
        const int kind = check_below(check, 5);
        check_put(mask, 0, i, kind < 3 ? 0 : kind == 3 ? 1 : check_between(check, 0.01, 0.99));
    }
    return mask;
}

static void decoupled(Check *check) {
    for (int i = 0; i < 2 * DECOUPLED_CASES; i++) {
        const DecoupledCase *c = &decoupled_cases[i / 2];
        const int d = c->heads * c->size, last = (c->first + c->tokens - 1) / c->places;
        const int lips = c->lip_step * last + c->lip_span,
                  contexts = c->shared + c->context_step * last + c->context_span;
        const VvTensor none = {0};
        VvDecoupled a = {.heads = c->heads,
                         .first = c->first,
                         .places = c->places,
                         .q = tokens(check, VV_BF16, c->n, c->tokens, d, 2),
                         .mask = face(check, c->places),
                         .lip_k = tokens(check, VV_BF16, c->n, lips, d, 2),
                         .lip_v = tokens(check, VV_BF16, c->n, lips, d, 1),
                         .lip_prior = i % 2 ? table(check, c->heads, c->lip_span) : none,
                         .lip_gate = i % 2 ? table(check, c->n, d) : none,
                         .lip_step = c->lip_step,
                         .lip_span = c->lip_span,
                         .context_k = tokens(check, VV_BF16, c->n, contexts, d, 2),
                         .context_v = tokens(check, VV_BF16, c->n, contexts, d, 1),
                         .context_gate = i % 2 ? none : table(check, c->n, d),
                         .shared = c->shared,
                         .context_step = c->context_step,
                         .context_span = c->context_span,
                         .dst = tokens(check, VV_BF16, c->n, c->tokens, d, 1)};
        VvDecoupled expected = a;
        check_case(check, "%dx%d from %d, %d places, %d heads of %d, lips %d, context %d and %d", c->n, c->tokens,
                   c->first, c->places, c->heads, c->size, c->lip_span, c->shared, c->context_span);
        expected.dst = check_twin(check, a.dst);
        check_status(check, check->kernels->decoupled(check->stream, &a), VV_KERNEL_OK);
        check_status(check, check->ref->decoupled(check->ref_stream, &expected), VV_KERNEL_OK);
        check_equal(check, a.dst, expected.dst, allowed(c->size));
        check_free_all(check);
    }
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

/* What goes by fours where rows allow it. */
static void rows(Check *check) {
    for (int i = 0; i < 8; i++) {
        const int n = 1 + i % 3, t = 1 + check_below(check, 9), d = 8 * (1 + check_below(check, 40));
        const VvDataType type = i % 2 ? VV_BF16 : VV_F32;
        const VvTensor h = tokens(check, VV_F32, n, t, d, 4), y = tokens(check, type, n, t, d, 4),
                       longer = tokens(check, VV_F32, n, t + 3, d, 4), wanted = check_twin(check, longer);
        const VvTensor scale = table(check, n, d), shift = table(check, n, d), got = tokens(check, type, n, t, d, 1),
                       expected = check_twin(check, got);
        const VvNorm sum = {.h = h, .y = y, .gate = shift, .scale = scale, .shift = shift, .dst = got};
        VvNorm wanted_sum = sum, of_sum = {.h = h, .scale = scale, .shift = shift, .dst = expected};
        const VvKernels *k = check->kernels, *ref = check->ref;
        check_case(check, "%dx%dx%d, %s", n, t, d, vv_type_name(type));
        wanted_sum.h = check_twin(check, h), wanted_sum.dst = check_twin(check, got);
        check_status(check, k->norm(check->stream, &sum), VV_KERNEL_OK);
        check_status(check, ref->norm(check->ref_stream, &wanted_sum), VV_KERNEL_OK);
        check_equal(check, h, wanted_sum.h, 4 * 12 * ldexp(1, -24));
        check_status(check, ref->norm(check->ref_stream, &of_sum), VV_KERNEL_OK);
        check_equal(check, got, expected, 3 * sqrt(d) * (4 + d / 2.0) * ldexp(1, -24));
        check_status(check, k->norm(check->stream, &(VvNorm){.h = h, .dst = got}), VV_KERNEL_OK);
        check_status(check, ref->norm(check->ref_stream, &(VvNorm){.h = h, .dst = expected}), VV_KERNEL_OK);
        check_equal(check, got, expected, 3 * sqrt(d) * (4 + d / 2.0) * ldexp(1, -24));
        check_status(check, k->insert(check->stream, i % 4, y, scale, longer), VV_KERNEL_OK);
        check_status(check, ref->insert(check->ref_stream, i % 4, y, scale, wanted), VV_KERNEL_OK);
        check_equal(check, longer, wanted, 0);
        const VvTensor factor = check_twin(check, expected);
        check_status(check, k->silu(check->stream, y, factor, got), VV_KERNEL_OK);
        check_status(check, ref->silu(check->ref_stream, y, factor, expected), VV_KERNEL_OK);
        check_equal(check, got, expected, 4 * (3 * sqrt(d) + 1) * ldexp(1, -21)); /* a few roundings of the product */
        const VvTensor angles = table(check, t, d / 2);
        check_status(check, k->rotary(check->stream, 2, y, angles, got), VV_KERNEL_OK);
        check_status(check, ref->rotary(check->ref_stream, 2, y, angles, expected), VV_KERNEL_OK);
        check_equal(check, got, expected, 2 * 8 * ldexp(1, -24));
        check_free_all(check);
    }
}

const NamedCheck vv_aligned_checks[] = {
    {"attention, aligned", attention},
    {"attention, weightless keys", weightless},
    {"decoupled, aligned", decoupled},
    {"rows, aligned", rows},
    {NULL, NULL},
};
