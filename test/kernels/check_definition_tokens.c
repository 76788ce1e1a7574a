/* Small cases of the token operations worked out by hand, which the reference must meet too, and what is refused. */
#include <math.h>

#include "test/kernels/check.h"

static const double ln3 = 1.0986122886681098;

static VvTensor table(Check *check, int rows, int columns, const double numbers[]) {
    const VvTensor t = check_tensor(check, VV_F32, 2, (const int[]){rows, columns});
    check_put_all(t, numbers);
    return t;
}

static VvTensor tokens(Check *check, int count, int channels, const double numbers[]) {
    const VvTensor t = check_tensor(check, VV_F32, 3, (const int[]){1, count, channels});
    check_put_all(t, numbers);
    return t;
}

static void rows(Check *check) {
    const VvKernels *k = check->kernels;
    const VvTensor none = {0};
    check_case(check, "silu: half of the way up at 0, three quarters at ln 3");
    const VvTensor a = tokens(check, 1, 3, (const double[]){0, ln3, -ln3}),
                   b = tokens(check, 1, 3, (const double[]){5, 2, 4});
    check_status(check, k->silu(check->stream, a, none, a), VV_KERNEL_OK);
    check_numbers(check, a, (const double[]){0, 0.75 * ln3, -0.25 * ln3});
    check_put_all(a, (const double[]){0, ln3, -ln3});
    check_status(check, k->silu(check->stream, a, b, b), VV_KERNEL_OK);
    check_numbers(check, b, (const double[]){0, 1.5 * ln3, -ln3});
    check_case(check, "a step of the flow");
    const VvTensor x = tokens(check, 1, 2, (const double[]){1, 2}), v = tokens(check, 1, 2, (const double[]){4, -2});
    check_status(check, k->flow_step(check->stream, 0.5f, x, v, x), VV_KERNEL_OK);
    check_numbers(check, x, (const double[]){-1, 3});
    check_case(check, "norm of 3 and 4: the mean of squares is 12.5");
    VvNorm norm = {.h = tokens(check, 1, 2, (const double[]){3, 4}),
                   .dst = tokens(check, 1, 2, (const double[]){0, 0})};
    check_status(check, k->norm(check->stream, &norm), VV_KERNEL_OK);
    check_numbers(check, norm.dst, (const double[]){3 / sqrt(12.5), 4 / sqrt(12.5)});
    norm.scale = table(check, 1, 2, (const double[]){1, -1}), norm.shift = table(check, 1, 2, (const double[]){0.5, 2});
    check_status(check, k->norm(check->stream, &norm), VV_KERNEL_OK);
    check_numbers(check, norm.dst, (const double[]){6 / sqrt(12.5) + 0.5, 2});
    check_numbers(check, norm.h, (const double[]){3, 4});
    check_case(check, "norm of a sum: 1 and 2 more than 2 and 2, the first gated by 2");
    norm.h = tokens(check, 1, 2, (const double[]){1, 2});
    norm.y = norm.dst = tokens(check, 1, 2, (const double[]){1, 2});
    norm.gate = table(check, 1, 2, (const double[]){1, 0});
    check_status(check, k->norm(check->stream, &norm), VV_KERNEL_OK);
    check_numbers(check, norm.h, (const double[]){3, 4});
    check_numbers(check, norm.dst, (const double[]){6 / sqrt(12.5) + 0.5, 2});
    check_case(check, "and without a gate");
    norm = (VvNorm){.h = norm.h, .y = tokens(check, 1, 2, (const double[]){-3, -1}), .dst = norm.dst};
    check_status(check, k->norm(check->stream, &norm), VV_KERNEL_OK);
    check_numbers(check, norm.h, (const double[]){0, 3});
    check_numbers(check, norm.dst, (const double[]){0, sqrt(2)});
    check_free_all(check);
}

/* Rows of tensors of two items. */
static VvTensor two_items(Check *check, int count, const double numbers[]) {
    const VvTensor t = check_tensor(check, VV_F32, 3, (const int[]){2, count, 1});
    check_put_all(t, numbers);
    return t;
}

static void items(Check *check) {
    const VvKernels *k = check->kernels;
    const VvTensor none = {0}, place = table(check, 2, 1, (const double[]){10, 20}),
                   dst = two_items(check, 4, (const double[]){-1, -2, -3, -4, -5, -6, -7, -8});
    check_case(check, "three rows of two places behind the first");
    const VvTensor src = two_items(check, 3, (const double[]){1, 2, 3, 4, 5, 6});
    check_status(check, k->insert(check->stream, 1, src, place, dst), VV_KERNEL_OK);
    check_numbers(check, dst, (const double[]){-1, 11, 22, 13, -5, 14, 25, 16});
    check_case(check, "one row that both items share");
    check_status(check, k->insert(check->stream, 0, tokens(check, 1, 1, (const double[]){7}), none, dst), VV_KERNEL_OK);
    check_numbers(check, dst, (const double[]){7, 11, 22, 13, 7, 14, 25, 16});
    check_case(check, "one table's row added to two");
    const VvTensor both = table(check, 2, 2, (const double[]){1, 2, 3, 4}),
                   row = table(check, 1, 2, (const double[]){10, 20});
    check_status(check, k->add(check->stream, both, row, both), VV_KERNEL_OK);
    check_numbers(check, both, (const double[]){11, 22, 13, 24});
    check_free_all(check);
}

static void positions(Check *check) {
    const VvKernels *k = check->kernels;
    check_case(check, "tokens 3, 4, 5 of frames of two places");
    const VvTensor h = tokens(check, 3, 1, (const double[]){0, 1, 2}),
                   frame = tokens(check, 3, 1, (const double[]){100, 200, 300}),
                   place = table(check, 2, 1, (const double[]){10, 20});
    check_status(check, k->embed(check->stream, 3, 2, place, frame, h), VV_KERNEL_OK);
    check_numbers(check, h, (const double[]){220, 311, 322});
    check_case(check, "two heads, a quarter of a turn");
    const VvTensor x = tokens(check, 1, 4, (const double[]){1, 2, 3, 4}),
                   quarter = table(check, 1, 2, (const double[]){0, 1});
    const VvTensor dst = tokens(check, 1, 4, (const double[]){0, 0, 0, 0});
    check_status(check, k->rotary(check->stream, 2, x, quarter, dst), VV_KERNEL_OK);
    check_numbers(check, dst, (const double[]){-2, 1, -4, 3});
    check_case(check, "one head: the first pair rests, the second turns, in place");
    const VvTensor mixed = table(check, 1, 4, (const double[]){1, 0, 0, 1});
    check_status(check, k->rotary(check->stream, 1, x, mixed, x), VV_KERNEL_OK);
    check_numbers(check, x, (const double[]){1, -4, 3, 2});
    check_free_all(check);
}

/* The head's size is 4, so logits are halves of products; the cached key gets ln 3, the fresh one 0. */
static void attention(Check *check) {
    const VvTensor q = tokens(check, 1, 4, (const double[]){2 * ln3, 5, 0, 0});
    const VvTensor gate = table(check, 1, 4, (const double[]){1, 0, 0, -1});
    VvAttention a = {.heads = 1,
                     .q = q,
                     .cached_k = tokens(check, 1, 4, (const double[]){1, 0, 3, 0}),
                     .cached_v = tokens(check, 1, 4, (const double[]){4, 8, 0, 4}),
                     .k = tokens(check, 1, 4, (const double[]){0, 0, 0, 7}),
                     .v = tokens(check, 1, 4, (const double[]){8, 0, 4, 4}),
                     .dst = tokens(check, 1, 4, (const double[]){0, 0, 0, 0})};
    check_case(check, "three quarters of one, a quarter of the other");
    check_status(check, check->kernels->attention(check->stream, &a), VV_KERNEL_OK);
    check_numbers(check, a.dst, (const double[]){5, 6, 1, 4});
    check_case(check, "gated, into the query");
    a.gate = gate, a.dst = q;
    check_status(check, check->kernels->attention(check->stream, &a), VV_KERNEL_OK);
    check_numbers(check, q, (const double[]){10, 6, 1, 0});
    check_free_all(check);
}

/* Two places: the first all mouth, the second a quarter; tokens 1 and 2 are place 1 of frame 0 and place 0 of frame 1.
 * Keys are zeros, so weights are equal but for the prior. */
static void decoupled(Check *check) {
    const VvTensor mask = check_tensor(check, VV_F32, 1, (const int[]){2});
    check_put_all(mask, (const double[]){1, 0.25});
    const VvDecoupled a = {.heads = 1,
                           .first = 1,
                           .places = 2,
                           .q = tokens(check, 2, 1, (const double[]){3, 3}),
                           .mask = mask,
                           .lip_k = tokens(check, 4, 1, (const double[]){0, 0, 0, NAN}),
                           .lip_v = tokens(check, 4, 1, (const double[]){1, 3, 5, NAN}),
                           .lip_prior = table(check, 1, 2, (const double[]){0, ln3}),
                           .lip_gate = table(check, 1, 1, (const double[]){1}),
                           .lip_step = 1,
                           .lip_span = 2,
                           .context_k = tokens(check, 3, 1, (const double[]){0, 0, NAN}),
                           .context_v = tokens(check, 3, 1, (const double[]){10, 20, NAN}),
                           .context_gate = table(check, 1, 1, (const double[]){-0.5}),
                           .shared = 1,
                           .context_step = 1,
                           .context_span = 1,
                           .dst = tokens(check, 2, 1, (const double[]){0, 0})};
    check_case(check, "a quarter of 2.5 doubled and three of 15 halved; 4.5 doubled, its context not looked at");
    check_status(check, check->kernels->decoupled(check->stream, &a), VV_KERNEL_OK);
    check_numbers(check, a.dst, (const double[]){0.25 * 2.5 * 2 + 0.75 * 15 * 0.5, 4.5 * 2});
    check_free_all(check);
}

/* The published vectors of Philox4x32-10, and the first one's numbers by the formula. */
static void noise(Check *check) {
    static const uint32_t given[3][6] = {{0, 0, 0, 0, 0, 0},
                                         {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
                                         {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0}};
    static const uint32_t wanted[3][4] = {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
                                          {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
                                          {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}};
    for (int i = 0; i < 3; i++) {
        uint32_t words[4];
        check_case(check, "philox, vector %d", i);
        vv_philox(given[i], given[i] + 4, words);
        for (int j = 0; j < 4; j++)
            if (words[j] != wanted[i][j])
                check_fail(check, "word %d is %08x, wanted %08x", j, words[j], wanted[i][j]);
    }
    check_case(check, "four normal numbers of zeros");
    const VvTensor dst = tokens(check, 2, 2, (const double[]){0, 0, 0, 0});
    check_status(check, check->kernels->noise(check->stream, (const uint64_t[]){0}, (const uint64_t[]){0}, 0, dst),
                 VV_KERNEL_OK);
    check_numbers(check, dst, (const double[]){0.9911378, -0.9246624, -0.6176089, -0.4820686});
    check_free_all(check);
}

/* ---- refusals ---------------------------------------------------------------------------------------------------- */

static VvTensor blank(Check *check, VvDataType type, int n, int t, int d) {
    const VvTensor tensor = check_tensor(check, type, 3, (const int[]){n, t, d});
    check_fill(check, tensor, -1, 1);
    return tensor;
}

static VvTensor blank_table(Check *check, VvDataType type, int rows, int columns) {
    const VvTensor tensor = check_tensor(check, type, 2, (const int[]){rows, columns});
    check_fill(check, tensor, -1, 1);
    return tensor;
}

static void refuse_rows(Check *check) {
    const VvKernels *k = check->kernels;
    VvStream *s = check->stream;
    const VvTensor f = blank(check, VV_F32, 2, 3, 8), g = blank(check, VV_F32, 2, 3, 4),
                   b = blank(check, VV_BF16, 2, 3, 8);
    const VvTensor scale = blank_table(check, VV_F32, 2, 8), one = blank_table(check, VV_F32, 1, 8), none = {0};
    const VvTensor rough = blank_table(check, VV_BF16, 2, 8), angles = blank_table(check, VV_F32, 3, 4);
    const VvTensor shared = blank(check, VV_F32, 1, 3, 8), bytes = blank(check, VV_U8, 2, 3, 8);
    VvTensor away = f;
    away.device = VV_ON_CUDA;
    check_case(check, "rows");
    check_status(check, k->silu(s, f, g, f), VV_KERNEL_SHAPE);
    check_status(check, k->silu(s, f, b, f), VV_KERNEL_TYPE);
    check_status(check, k->silu(s, f, away, f), VV_KERNEL_DEVICE);
    check_status(check, k->flow_step(s, 1, b, b, b), VV_KERNEL_TYPE);
    check_status(check, k->flow_step(s, 1, f, g, f), VV_KERNEL_SHAPE);
    check_status(check, k->norm(s, &(VvNorm){.h = f, .scale = one, .dst = f}), VV_KERNEL_SHAPE);
    check_status(check, k->norm(s, &(VvNorm){.h = f, .scale = scale, .dst = g}), VV_KERNEL_SHAPE);
    check_status(check, k->norm(s, &(VvNorm){.h = f, .y = g, .dst = b}), VV_KERNEL_SHAPE);
    check_status(check, k->norm(s, &(VvNorm){.h = f, .y = b, .gate = one, .dst = b}), VV_KERNEL_SHAPE);
    check_status(check, k->norm(s, &(VvNorm){.h = f, .gate = scale, .dst = b}), VV_KERNEL_SHAPE); /* of nothing */
    check_status(check, k->norm(s, &(VvNorm){.h = b, .scale = scale, .dst = b}), VV_KERNEL_TYPE);
    check_status(check, k->norm(s, &(VvNorm){.h = f, .shift = rough, .dst = f}), VV_KERNEL_TYPE);
    check_status(check, k->norm(s, &(VvNorm){.h = f, .y = b, .gate = rough, .dst = b}), VV_KERNEL_TYPE);
    check_status(check, k->norm(s, &(VvNorm){.h = f, .y = bytes, .dst = b}), VV_KERNEL_TYPE);
    check_status(check, k->norm(s, &(VvNorm){.h = f, .dst = away}), VV_KERNEL_DEVICE);
    check_status(check, k->norm(s, &(VvNorm){.h = f, .y = away, .dst = b}), VV_KERNEL_DEVICE);
    check_status(check, k->add(s, f, shared, f), VV_KERNEL_OK);
    check_status(check, k->add(s, shared, f, shared), VV_KERNEL_SHAPE);
    check_status(check, k->add(s, f, blank(check, VV_F32, 1, 2, 8), f), VV_KERNEL_SHAPE);
    check_status(check, k->add(s, b, shared, b), VV_KERNEL_TYPE);
    check_status(check, k->silu(s, f, shared, f), VV_KERNEL_SHAPE);
    check_status(check, k->flow_step(s, 1, f, shared, f), VV_KERNEL_SHAPE);
    check_status(check, k->insert(s, 0, b, scale, f), VV_KERNEL_OK);
    check_status(check, k->insert(s, 1, f, none, f), VV_KERNEL_SHAPE); /* one row too many */
    check_status(check, k->insert(s, -1, shared, none, f), VV_KERNEL_SHAPE);
    check_status(check, k->insert(s, 0, blank(check, VV_F32, 3, 3, 8), none, f), VV_KERNEL_SHAPE);
    check_status(check, k->insert(s, 0, g, none, f), VV_KERNEL_SHAPE);
    check_status(check, k->insert(s, 0, shared, angles, f), VV_KERNEL_SHAPE);
    check_status(check, k->insert(s, 0, shared, none, b), VV_KERNEL_TYPE);
    check_status(check, k->insert(s, 0, bytes, none, f), VV_KERNEL_TYPE);
    check_status(check, k->insert(s, 0, shared, rough, f), VV_KERNEL_TYPE);
    check_status(check, k->insert(s, 0, shared, none, away), VV_KERNEL_DEVICE);
    check_status(check, k->embed(s, 0, 0, none, f, f), VV_KERNEL_SHAPE);
    check_status(check, k->embed(s, -1, 2, none, none, f), VV_KERNEL_SHAPE);
    check_status(check, k->embed(s, 0, 1, scale, none, f), VV_KERNEL_SHAPE);
    check_status(check, k->embed(s, 4, 2, scale, f, f), VV_KERNEL_SHAPE); /* frame 3 is wanted */
    check_status(check, k->embed(s, 3, 2, rough, f, f), VV_KERNEL_TYPE);
    check_status(check, k->rotary(s, 3, f, angles, f), VV_KERNEL_SHAPE);
    check_status(check, k->rotary(s, 1, f, angles, f), VV_KERNEL_SHAPE);
    check_status(check, k->rotary(s, 8, f, blank_table(check, VV_F32, 3, 1), f), VV_KERNEL_SHAPE); /* no pairs */
    check_status(check, k->rotary(s, 2, f, none, f), VV_KERNEL_SHAPE);
    check_status(check, k->rotary(s, 2, f, angles, b), VV_KERNEL_TYPE);
    check_status(check, k->noise(s, (const uint64_t[]){1, 2}, NULL, 0, f), VV_KERNEL_DEVICE);
    check_status(check, k->noise(s, (const uint64_t[]){1, 2}, (const uint64_t[]){1, 2}, 0, b), VV_KERNEL_TYPE);
    check_free_all(check);
}

static void refuse_attention(Check *check) {
    const VvKernels *k = check->kernels;
    const VvTensor q = blank(check, VV_F32, 2, 3, 8), none = {0};
    const VvAttention good = {.heads = 2,
                              .q = q,
                              .cached_k = blank(check, VV_F32, 1, 5, 8),
                              .cached_v = blank(check, VV_F32, 1, 5, 8),
                              .k = blank(check, VV_F32, 2, 4, 8),
                              .v = blank(check, VV_F32, 2, 4, 8),
                              .dst = blank(check, VV_F32, 2, 3, 8)};
    VvAttention bad = good;
    size_t scratch = 0;
    check_case(check, "attention");
    check_status(check, k->attention(check->stream, &good), VV_KERNEL_OK);
    bad.heads = 3;
    check_status(check, k->attention(check->stream, &bad), VV_KERNEL_SHAPE);
    check_status(check, k->attention_plan(&bad, &scratch), VV_KERNEL_SHAPE);
    bad = good, bad.v = blank(check, VV_F32, 2, 5, 8);
    check_status(check, k->attention(check->stream, &bad), VV_KERNEL_SHAPE);
    bad = good, bad.v = none;
    check_status(check, k->attention(check->stream, &bad), VV_KERNEL_SHAPE);
    bad = good, bad.k = bad.v = bad.cached_k = bad.cached_v = none;
    check_status(check, k->attention(check->stream, &bad), VV_KERNEL_SHAPE);
    bad = good, bad.cached_k = bad.cached_v = blank(check, VV_F32, 3, 5, 8);
    check_status(check, k->attention(check->stream, &bad), VV_KERNEL_SHAPE);
    bad = good, bad.gate = blank_table(check, VV_F32, 1, 8);
    check_status(check, k->attention(check->stream, &bad), VV_KERNEL_SHAPE);
    bad = good, bad.cached_v = blank(check, VV_BF16, 1, 5, 8);
    check_status(check, k->attention(check->stream, &bad), VV_KERNEL_TYPE);
    bad = good, bad.v.data = NULL;
    check_status(check, k->attention(check->stream, &bad), VV_KERNEL_DEVICE);
    check_status(check, k->attention_plan(&bad, &scratch), VV_KERNEL_OK);
    VvStream *bare = NULL;
    check_case(check, "no scratch");
    check_status(check, k->stream_open(none, &bare), VV_KERNEL_OK);
    check_status(check, k->attention(bare, &good), scratch ? VV_KERNEL_SCRATCH : VV_KERNEL_OK);
    k->stream_close(&bare);
    check_free_all(check);
}

static void refuse_decoupled(Check *check) {
    const VvKernels *k = check->kernels;
    const VvTensor mask = check_tensor(check, VV_F32, 1, (const int[]){2});
    check_fill(check, mask, 0, 1);
    const VvDecoupled good = {.heads = 2,
                              .first = 1,
                              .places = 2,
                              .q = blank(check, VV_F32, 1, 4, 8), /* frames 0, 1, 1, 2 */
                              .mask = mask,
                              .lip_k = blank(check, VV_F32, 1, 7, 8),
                              .lip_v = blank(check, VV_F32, 1, 7, 8),
                              .lip_step = 2,
                              .lip_span = 3,
                              .context_k = blank(check, VV_F32, 1, 9, 8),
                              .context_v = blank(check, VV_F32, 1, 9, 8),
                              .shared = 4,
                              .context_step = 1,
                              .context_span = 3,
                              .dst = blank(check, VV_F32, 1, 4, 8)};
    VvDecoupled bad = good;
    size_t scratch = 0;
    check_case(check, "decoupled");
    check_status(check, k->decoupled(check->stream, &good), VV_KERNEL_OK);
    check_status(check, k->decoupled_plan(&good, &scratch), VV_KERNEL_OK);
    bad.lip_span = 4; /* the last frame's last token is missing */
    check_status(check, k->decoupled(check->stream, &bad), VV_KERNEL_SHAPE);
    bad = good, bad.context_step = 2;
    check_status(check, k->decoupled(check->stream, &bad), VV_KERNEL_SHAPE);
    bad = good, bad.first = 3;
    check_status(check, k->decoupled(check->stream, &bad), VV_KERNEL_SHAPE);
    bad = good, bad.shared = bad.context_span = 0;
    check_status(check, k->decoupled(check->stream, &bad), VV_KERNEL_SHAPE);
    bad = good, bad.lip_step = -1;
    check_status(check, k->decoupled_plan(&bad, &scratch), VV_KERNEL_SHAPE);
    bad = good, bad.places = 3;
    check_status(check, k->decoupled(check->stream, &bad), VV_KERNEL_SHAPE);
    bad = good, bad.lip_prior = blank_table(check, VV_F32, 2, 4);
    check_status(check, k->decoupled(check->stream, &bad), VV_KERNEL_SHAPE);
    bad = good, bad.context_v = blank(check, VV_BF16, 1, 9, 8);
    check_status(check, k->decoupled(check->stream, &bad), VV_KERNEL_TYPE);
    bad = good, bad.lip_k.data = NULL;
    check_status(check, k->decoupled(check->stream, &bad), VV_KERNEL_DEVICE);
    check_free_all(check);
}

static void refusals(Check *check) {
    refuse_rows(check);
    refuse_attention(check);
    refuse_decoupled(check);
}

const NamedCheck vv_token_definition_checks[] = {
    {"rows by hand", rows},           {"items by hand", items},
    {"positions by hand", positions}, {"attention by hand", attention},
    {"decoupled by hand", decoupled}, {"noise by hand", noise},
    {"refusals of tokens", refusals}, {NULL, NULL},
};
