/* Checks of attention and of decoupled cross-attention. */
#include <math.h>

#include "test/kernels/check.h"

static const VvDataType floats[] = {VV_F32, VV_BF16};

/* Queries and keys reach so far, so that some weights are large and others small. */
static const double reach = 2;

/* What results may be apart, for values up to 1 and gates up to 1 (so factors up to 2). A logit is a sum of `size`
 * products up to reach^2, off by at most as many roundings of itself, divided by the root of size; weights are off by a
 * factor of exp of that, which counts twice, in the sum too; the exponential by 4e-7. Of bf16 the weights are rounded,
 * by 2^-9 of themselves, and their exponential is off by 1e-4, in the sum too. */
static double allowed(VvDataType type, int size) {
    const double logit = reach * reach * sqrt(size) * size * ldexp(1, -24);
    return 2 * (2 * logit + 1e-6 + (type == VV_BF16 ? ldexp(1, -9) + 2e-4 : 0));
}

static VvTensor tokens(Check *check, VvDataType type, int n, int t, int d, double size) {
    if (t == 0)
        return (VvTensor){0};
    const VvTensor tensor = check_view(check, type, check_below(check, 3), 3, (const int[]){n, t, d});
    check_fill(check, tensor, -size, size);
    return tensor;
}

static VvTensor table(Check *check, int rows, int columns) {
    if (check_below(check, 2))
        return (VvTensor){0};
    const VvTensor tensor = check_view(check, VV_F32, check_below(check, 2), 2, (const int[]){rows, columns});
    check_fill(check, tensor, -1, 1);
    return tensor;
}

static void put_nan(Check *check, VvTensor tensor) {
    if (tensor.rank)
        check_put(tensor, (size_t)check_below(check, (int)vv_tensor_rows(tensor)), check_below(check, tensor.shape[2]),
                  NAN);
}

/* ---- attention --------------------------------------------------------------------------------------------------- */

typedef struct AttentionCase {
    int n, queries, cached, fresh, heads, size;
} AttentionCase;

/* Tiles are 6 queries, blocks 96; panels 16 keys, sets multiples of 32: one, one more, one less; then the denoiser's.
 */
static const AttentionCase cases[] = {
    {1, 1, 0, 1, 1, 1},     {2, 3, 1, 5, 2, 2},      {1, 5, 7, 0, 1, 3},    {2, 7, 17, 31, 3, 16},
    {1, 49, 33, 15, 2, 31}, {1, 47, 16, 48, 1, 64},  {2, 6, 40, 64, 4, 8},  {1, 97, 65, 1, 2, 65},
    {1, 193, 9, 3, 1, 7},   {1, 13, 0, 100, 1, 256}, {2, 2, 32, 32, 5, 33}, {1, 20, 272, 320, 4, 64},
};
enum { CASES = sizeof cases / sizeof *cases };

static void run_attention(Check *check, VvAttention *a, VvTensor want) {
    VvAttention expected = *a;
    size_t scratch = 0, none = 0;
    expected.dst = want;
    check_status(check, check->kernels->attention_plan(a, &scratch), VV_KERNEL_OK);
    check_status(check, check->ref->attention_plan(&expected, &none), VV_KERNEL_OK);
    if (scratch > CHECK_SCRATCH)
        check_fail(check, "wants %zu bytes of scratch", scratch);
    check_status(check, check->kernels->attention(check->stream, a), VV_KERNEL_OK);
    check_status(check, check->ref->attention(check->ref_stream, &expected), VV_KERNEL_OK);
    check_equal(check, a->dst, want, allowed(a->q.type, a->q.shape[2] / a->heads));
}

static void attention(Check *check) {
    for (int i = 0; i < 4 * CASES; i++) {
        const AttentionCase *c = &cases[i / 4];
        const VvDataType type = floats[i % 2];
        const int d = c->heads * c->size, caches = check_below(check, 2) ? c->n : 1;
        VvAttention a = {.heads = c->heads,
                         .q = tokens(check, type, c->n, c->queries, d, reach),
                         .cached_k = tokens(check, type, caches, c->cached, d, reach),
                         .cached_v = tokens(check, type, caches, c->cached, d, 1),
                         .k = tokens(check, type, c->n, c->fresh, d, reach),
                         .v = tokens(check, type, c->n, c->fresh, d, 1),
                         .gate = table(check, c->n, d),
                         .dst = tokens(check, type, c->n, c->queries, d, 1)};
        check_case(check, "%dx%d of %d cached (%d) and %d fresh, %d heads of %d, %s%s", c->n, c->queries, c->cached,
                   caches, c->fresh, c->heads, c->size, vv_type_name(type), a.gate.rank ? ", gated" : "");
        if (i & 2) { /* what is no number must reach just what it belongs to */
            put_nan(check, a.q);
            put_nan(check, a.v);
        }
        run_attention(check, &a, check_twin(check, a.dst));
        const VvTensor into_query = check_twin(check, a.q), apart = a.dst;
        a.q = a.dst = into_query;
        check_status(check, check->kernels->attention(check->stream, &a), VV_KERNEL_OK);
        check_equal(check, into_query, apart, 0);
        check_free_all(check);
    }
}

/* Logits of hundreds, all high, all low, or one far above: the softmax must neither overflow nor lose the rest. */
static void large_logits(Check *check) {
    static const double middles[] = {0, 12, -12};
    for (int i = 0; i < 6; i++) {
        const VvDataType type = floats[i % 2];
        check_case(check, "keys around %g, %s", middles[i / 2], vv_type_name(type));
        VvAttention a = {.heads = 1,
                         .q = tokens(check, type, 1, 7, 64, 0),
                         .k = tokens(check, type, 1, 37, 64, 2),
                         .v = tokens(check, type, 1, 37, 64, 1),
                         .dst = tokens(check, type, 1, 7, 64, 1)};
        check_fill(check, a.q, 8, 10);
        check_fill(check, a.k, middles[i / 2] - 1, middles[i / 2] + 1);
        const VvTensor want = check_twin(check, a.dst);
        VvAttention expected = a;
        expected.dst = want;
        check_status(check, check->kernels->attention(check->stream, &a), VV_KERNEL_OK);
        check_status(check, check->ref->attention(check->ref_stream, &expected), VV_KERNEL_OK);
        /* Logits up to 1040, of 64 products each: roundings of 64 * 2^-24 of that at the very most. */
        check_equal(check, a.dst, want, 2 * 1040 * 64 * ldexp(1, -24) + allowed(type, 1));
        check_free_all(check);
    }
}

/* ---- decoupled --------------------------------------------------------------------------------------------------- */

typedef struct DecoupledCase {
    int n, tokens, first, places, heads, size, lip_step, lip_span, shared, context_step, context_span;
} DecoupledCase;

static const DecoupledCase decoupled_cases[] = {
    {1, 1, 0, 1, 1, 1, 1, 1, 1, 0, 0},        {2, 7, 3, 4, 2, 3, 1, 2, 0, 1, 3},
    {1, 40, 5, 9, 1, 16, 2, 18, 5, 1, 9},     {2, 13, 0, 5, 3, 32, 3, 33, 31, 0, 4},
    {1, 128, 64, 64, 4, 64, 2, 18, 33, 1, 9}, {1, 70, 1, 60, 2, 31, 0, 16, 40, 2, 1},
    {1, 9, 2, 100, 1, 65, 2, 5, 100, 1, 0},
};
enum { DECOUPLED_CASES = sizeof decoupled_cases / sizeof *decoupled_cases };

/* Places that are all mouth, none, or in between. */
static VvTensor regions(Check *check, int places) {
    const VvTensor mask = check_tensor(check, VV_F32, 1, &places);
    for (int i = 0; i < places; i++) {
        const int kind = check_below(check, 3);
        check_put(mask, 0, i, kind < 2 ? kind : check_between(check, 0, 1));
    }
    return mask;
}

static VvDecoupled random_decoupled(Check *check, const DecoupledCase *c, VvDataType type) {
    const int d = c->heads * c->size, last = (c->first + c->tokens - 1) / c->places;
    const int lips = last * c->lip_step + c->lip_span + check_below(check, 2);
    const int contexts = c->shared + last * c->context_step + c->context_span + check_below(check, 2);
    return (VvDecoupled){.heads = c->heads,
                         .first = c->first,
                         .places = c->places,
                         .q = tokens(check, type, c->n, c->tokens, d, reach),
                         .mask = regions(check, c->places),
                         .lip_k = tokens(check, type, c->n, lips, d, reach),
                         .lip_v = tokens(check, type, c->n, lips, d, 1),
                         .lip_prior = table(check, c->heads, c->lip_span),
                         .lip_gate = table(check, c->n, d),
                         .lip_step = c->lip_step,
                         .lip_span = c->lip_span,
                         .context_k = tokens(check, type, c->n, contexts, d, reach),
                         .context_v = tokens(check, type, c->n, contexts, d, 1),
                         .context_gate = table(check, c->n, d),
                         .shared = c->shared,
                         .context_step = c->context_step,
                         .context_span = c->context_span,
                         .dst = tokens(check, type, c->n, c->tokens, d, 1)};
}

static void run_decoupled(Check *check, VvDecoupled *a) {
    VvDecoupled expected = *a;
    size_t scratch = 0;
    expected.dst = check_twin(check, a->dst);
    check_status(check, check->kernels->decoupled_plan(a, &scratch), VV_KERNEL_OK);
    if (scratch > CHECK_SCRATCH)
        check_fail(check, "wants %zu bytes of scratch", scratch);
    check_status(check, check->kernels->decoupled(check->stream, a), VV_KERNEL_OK);
    check_status(check, check->ref->decoupled(check->ref_stream, &expected), VV_KERNEL_OK);
    check_equal(check, a->dst, expected.dst, allowed(a->q.type, a->q.shape[2] / a->heads));
}

static void decoupled(Check *check) {
    for (int i = 0; i < 4 * DECOUPLED_CASES; i++) {
        const DecoupledCase *c = &decoupled_cases[i / 4];
        const VvDataType type = floats[i % 2];
        check_case(check, "%dx%d from %d, %d places, %d heads of %d, lips %d by %d, context %d and %d by %d, %s", c->n,
                   c->tokens, c->first, c->places, c->heads, c->size, c->lip_span, c->lip_step, c->shared,
                   c->context_span, c->context_step, vv_type_name(type));
        VvDecoupled a = random_decoupled(check, c, type);
        if (i & 2) {
            put_nan(check, a.q);
            put_nan(check, a.lip_v);
            put_nan(check, a.context_v);
        }
        run_decoupled(check, &a);
        const VvTensor into_query = check_twin(check, a.q), apart = a.dst;
        a.q = a.dst = into_query;
        check_status(check, check->kernels->decoupled(check->stream, &a), VV_KERNEL_OK);
        check_equal(check, into_query, apart, 0);
        check_free_all(check);
    }
}

/* Where the mask leaves one branch alone, the other may be anything. */
static void one_branch(Check *check) {
    for (int i = 0; i < 4; i++) {
        const VvDataType type = floats[i % 2];
        check_case(check, "%s only, %s", i / 2 ? "lips" : "context", vv_type_name(type));
        VvDecoupled a = random_decoupled(check, &decoupled_cases[2], type);
        check_fill(check, a.mask, i / 2, i / 2);
        const VvTensor unseen = i / 2 ? a.context_k : a.lip_k;
        for (size_t row = 0; row < vv_tensor_rows(unseen); row++)
            for (int c = 0; c < unseen.shape[2]; c++)
                check_put(unseen, row, c, NAN);
        run_decoupled(check, &a);
        for (size_t row = 0; row < vv_tensor_rows(a.dst); row++)
            if (isnan(check_get(a.dst, row, 0)))
                check_fail(check, "row %zu saw the other branch", row);
        check_free_all(check);
    }
}

/* ---- nothing allocated ------------------------------------------------------------------------------------------- */

static void allocations(Check *check) {
    VvDecoupled d = random_decoupled(check, &decoupled_cases[4], check->kernels->compute);
    VvAttention a = {.heads = 4, .q = d.q, .k = d.lip_k, .v = d.lip_v, .dst = d.dst};
    check_case(check, "both");
    const long before = check_allocations();
    check_status(check, check->kernels->attention(check->stream, &a), VV_KERNEL_OK);
    check_status(check, check->kernels->decoupled(check->stream, &d), VV_KERNEL_OK);
    if (check_allocations() != before)
        check_fail(check, "%ld allocations", check_allocations() - before);
    if (before == 0)
        check_fail(check, "allocations are not counted");
    check_free_all(check);
}

const NamedCheck vv_attention_checks[] = {
    {"attention", attention},
    {"attention of large logits", large_logits},
    {"decoupled", decoupled},
    {"decoupled, one branch", one_branch},
    {"attention allocates nothing", allocations},
    {NULL, NULL},
};
