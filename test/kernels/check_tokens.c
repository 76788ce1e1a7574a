/* Checks of what works on token rows: SiLU, a step of the flow, norm, rows put in their places, embeddings, rotary
 * positions, noise. */
#include <math.h>

#include "test/kernels/check.h"

/* Items, tokens, channels: 1, odd, either side of vector lengths; then the denoiser's. */
static const int shapes[][3] = {{1, 1, 1},  {1, 1, 3},  {2, 3, 5},  {1, 7, 15}, {3, 2, 16},   {2, 5, 17},
                                {1, 4, 31}, {2, 2, 64}, {1, 3, 65}, {1, 3, 66}, {1, 33, 256}, {2, 5, 130}};
enum { SHAPES = sizeof shapes / sizeof *shapes };
static const VvDataType floats[] = {VV_F32, VV_BF16};

static VvTensor tokens(Check *check, VvDataType type, const int s[3]) {
    const VvTensor tensor = check_view(check, type, check_below(check, 3), 3, s);
    check_fill(check, tensor, -4, 4);
    return tensor;
}

/* A table, or none. */
static VvTensor table(Check *check, int rows, int columns, bool there) {
    if (!there)
        return (VvTensor){0};
    const VvTensor tensor = check_view(check, VV_F32, check_below(check, 3), 2, (const int[]){rows, columns});
    check_fill(check, tensor, -2, 2);
    return tensor;
}

static void put_nan(Check *check, VvTensor tensor) {
    check_put(tensor, (size_t)check_below(check, (int)vv_tensor_rows(tensor)),
              check_below(check, tensor.shape[tensor.rank - 1]), NAN);
}

static void silu(Check *check) {
    for (int i = 0; i < 4 * SHAPES; i++) {
        const int *s = shapes[i / 4];
        const VvDataType type = floats[i % 2];
        const bool gated = i / 2 % 2;
        check_case(check, "%dx%dx%d %s%s", s[0], s[1], s[2], vv_type_name(type), gated ? ", gated" : "");
        const VvTensor a = tokens(check, type, s), b = tokens(check, type, s), got = tokens(check, type, s);
        check_fill(check, a, -30, 30);
        put_nan(check, a);
        const VvTensor want = check_twin(check, got), in_place = check_twin(check, a),
                       factor = gated ? b : (VvTensor){0};
        check_status(check, check->kernels->silu(check->stream, a, factor, got), VV_KERNEL_OK);
        check_status(check, check->ref->silu(check->ref_stream, a, factor, want), VV_KERNEL_OK);
        check_status(check, check->kernels->silu(check->stream, in_place, factor, in_place), VV_KERNEL_OK);
        /* The exponential and a quotient, each off by a few roundings of numbers up to 120. */
        check_equal(check, got, want, 120 * ldexp(1, -21));
        check_equal(check, in_place, got, 0);
        check_free_all(check);
    }
}

static void flow_step(Check *check) {
    for (int i = 0; i < SHAPES; i++) {
        const int *s = shapes[i];
        const float dt = (float)check_between(check, -1, 1);
        check_case(check, "%dx%dx%d by %g", s[0], s[1], s[2], (double)dt);
        const VvTensor x = tokens(check, VV_F32, s), v = tokens(check, VV_F32, s), got = tokens(check, VV_F32, s);
        put_nan(check, v);
        const VvTensor want = check_twin(check, got), in_place = check_twin(check, x);
        check_status(check, check->kernels->flow_step(check->stream, dt, x, v, got), VV_KERNEL_OK);
        check_status(check, check->ref->flow_step(check->ref_stream, dt, x, v, want), VV_KERNEL_OK);
        check_status(check, check->kernels->flow_step(check->stream, dt, in_place, v, in_place), VV_KERNEL_OK);
        check_equal(check, got, want, 8 * ldexp(1, -24)); /* a rounded product, up to 4, and a sum up to 8 */
        check_equal(check, in_place, got, 0);
        check_free_all(check);
    }
}

/* What is normed is compared for the same sums: where these nearly vanish, their roundings would count. */
static void norm_case(Check *check, VvNorm norm) {
    VvNorm of_sums = {.scale = norm.scale, .shift = norm.shift, .dst = check_twin(check, norm.dst)}, sums = norm;
    const int d = norm.h.shape[2];
    sums.h = check_twin(check, norm.h);
    sums.dst = check_twin(check, norm.dst);
    check_status(check, check->kernels->norm(check->stream, &norm), VV_KERNEL_OK);
    check_status(check, check->ref->norm(check->ref_stream, &sums), VV_KERNEL_OK);
    check_equal(check, norm.h, sums.h, norm.y.rank ? 4 * 12 * ldexp(1, -24) : 0); /* a product up to 12, and a sum */
    of_sums.h = norm.h;
    check_status(check, check->ref->norm(check->ref_stream, &of_sums), VV_KERNEL_OK);
    /* Normed numbers are at most sqrt(D), thrice so much with the scale; a sum of D squares is off by D roundings at
     * most, its root by half that. */
    check_equal(check, norm.dst, of_sums.dst, 3 * sqrt(d) * (4 + d / 2.0) * ldexp(1, -24));
}

static void norm(Check *check) {
    for (int i = 0; i < 8 * SHAPES; i++) {
        const int *s = shapes[i / 8];
        const VvDataType to = floats[i % 2];
        const VvNorm norm = {.h = tokens(check, VV_F32, s),
                             .scale = table(check, s[0], s[2], i & 2),
                             .shift = table(check, s[0], s[2], i & 4),
                             .dst = tokens(check, to, s)};
        check_case(check, "%dx%dx%d to %s%s%s", s[0], s[1], s[2], vv_type_name(to), norm.scale.rank ? ", scale" : "",
                   norm.shift.rank ? ", shift" : "");
        if (check_below(check, 2))
            put_nan(check, norm.h);
        norm_case(check, norm);
        if (to == VV_F32) {
            VvNorm in_place = norm;
            in_place.dst = norm.h;
            check_status(check, check->kernels->norm(check->stream, &in_place), VV_KERNEL_OK);
            check_equal(check, norm.h, norm.dst, 0);
        }
        check_free_all(check);
    }
}

static void norm_of_sum(Check *check) {
    for (int i = 0; i < 16 * SHAPES; i++) {
        const int *s = shapes[i / 16];
        const VvDataType to = floats[i % 2], from = floats[i / 2 % 2];
        const VvNorm norm = {.h = tokens(check, VV_F32, s),
                             .y = tokens(check, from, s),
                             .gate = table(check, s[0], s[2], i & 4),
                             .scale = table(check, s[0], s[2], i & 8),
                             .shift = table(check, s[0], s[2], i & 8),
                             .dst = tokens(check, to, s)};
        VvNorm in_place = norm;
        check_case(check, "%dx%dx%d + %s to %s%s%s", s[0], s[1], s[2], vv_type_name(from), vv_type_name(to),
                   norm.gate.rank ? ", gated" : "", norm.scale.rank ? ", adaptive" : "");
        if (check_below(check, 2))
            put_nan(check, norm.y);
        in_place.h = check_twin(check, norm.h);
        norm_case(check, norm);
        if (from == to) { /* into what was added */
            in_place.dst = norm.y;
            check_status(check, check->kernels->norm(check->stream, &in_place), VV_KERNEL_OK);
            check_equal(check, in_place.h, norm.h, 0);
            check_equal(check, in_place.dst, norm.dst, 0);
        }
        check_free_all(check);
    }
}

static void insert(Check *check) {
    for (int i = 0; i < 8 * SHAPES; i++) {
        const int *s = shapes[i / 8], first = check_below(check, 5), places = 1 + check_below(check, 5);
        const int one[] = {i & 4 ? 1 : s[0], s[1], s[2]}, longer[] = {s[0], first + s[1] + check_below(check, 4), s[2]};
        const VvTensor src = tokens(check, floats[i % 2], one), place = table(check, places, s[2], i & 2);
        const VvTensor got = tokens(check, VV_F32, longer), want = check_twin(check, got);
        check_case(check, "%dx%dx%d %s from %d of %d to %d items%s", one[0], s[1], s[2], vv_type_name(src.type), first,
                   longer[1], s[0], place.rank ? ", by place" : "");
        put_nan(check, src);
        check_status(check, check->kernels->insert(check->stream, first, src, place, got), VV_KERNEL_OK);
        check_status(check, check->ref->insert(check->ref_stream, first, src, place, want), VV_KERNEL_OK);
        check_equal(check, got, want, 0); /* one rounding, the same on both sides */
        check_free_all(check);
    }
}

static void embed(Check *check) {
    for (int i = 0; i < 4 * SHAPES; i++) {
        const int *s = shapes[i / 4], first = check_below(check, 9), places = 1 + check_below(check, 5);
        const VvTensor got = tokens(check, VV_F32, s), want = check_twin(check, got);
        const VvTensor place = table(check, places, s[2], i & 1);
        const int frames[3] = {s[0], (first + s[1] - 1) / places + 1 + check_below(check, 2), s[2]};
        const VvTensor frame = i & 2 ? tokens(check, VV_F32, frames) : (VvTensor){0};
        check_case(check, "%dx%dx%d from %d, %d places%s%s", s[0], s[1], s[2], first, places,
                   place.rank ? ", by place" : "", frame.rank ? ", by frame" : "");
        check_status(check, check->kernels->embed(check->stream, first, places, place, frame, got), VV_KERNEL_OK);
        check_status(check, check->ref->embed(check->ref_stream, first, places, place, frame, want), VV_KERNEL_OK);
        check_equal(check, got, want, 2 * 10 * ldexp(1, -24)); /* two sums, each rounded, up to 10 */
        check_free_all(check);
    }
}

static void rotary(Check *check) {
    static const int heads[] = {1, 2, 3};
    for (int i = 0; i < 6 * SHAPES; i++) {
        const int head = heads[i % 3], *s = shapes[i / 6], half = s[2] < VV_HEAD_MAX / 2 ? s[2] : VV_HEAD_MAX / 2;
        const int shape[3] = {s[0], s[1], 2 * half * head};
        const VvDataType type = floats[i / 3 % 2];
        const VvTensor src = tokens(check, type, shape), got = tokens(check, type, shape),
                       want = check_twin(check, got);
        const VvTensor angles = table(check, s[1], 2 * half, true);
        check_case(check, "%dx%dx%d %s, %d heads", shape[0], shape[1], shape[2], vv_type_name(type), head);
        check_fill(check, angles, -1, 1);
        put_nan(check, src);
        check_status(check, check->kernels->rotary(check->stream, head, src, angles, got), VV_KERNEL_OK);
        check_status(check, check->ref->rotary(check->ref_stream, head, src, angles, want), VV_KERNEL_OK);
        check_status(check, check->kernels->rotary(check->stream, head, src, angles, src), VV_KERNEL_OK);
        check_equal(check, got, want, 2 * 8 * ldexp(1, -24)); /* two products up to 4 and their sum, rounded */
        check_equal(check, src, got, 0);
        check_free_all(check);
    }
}

/* ---- noise ------------------------------------------------------------------------------------------------------- */

static uint64_t random64(Check *check) {
    const uint64_t high = check_random(check);
    return high << 32 | check_random(check);
}

static void noise(Check *check) {
    static const int more[][3] = {{2, 64, 12}, {1, 320, 16}, {3, 1, 255}, {1, 1, 257}};
    for (int i = 0; i < SHAPES + 4; i++) {
        const int *s = i < SHAPES ? shapes[i] : more[i - SHAPES];
        const VvTensor got = tokens(check, VV_F32, s), want = check_twin(check, got);
        const uint64_t seeds[3] = {random64(check), random64(check), 7}, windows[3] = {random64(check), 3, 0};
        const uint32_t number = check_random(check);
        check_case(check, "%dx%dx%d", s[0], s[1], s[2]);
        check_status(check, check->kernels->noise(check->stream, seeds, windows, number, got), VV_KERNEL_OK);
        check_status(check, check->ref->noise(check->ref_stream, seeds, windows, number, want), VV_KERNEL_OK);
        check_equal(check, got, want,
                    6 * ldexp(1, -21)); /* a logarithm, a root, a sine: roundings of numbers up to 6 */
        check_free_all(check);
    }
}

/* Mean, spread and tails of many numbers, and their independence of the numbers beside them: each within 5 standard
 * deviations of what chance allows. */
static void noise_is_normal(Check *check) {
    enum { COUNT = 1 << 16 };
    const VvTensor t = check_tensor(check, VV_F32, 2, (const int[]){1, COUNT});
    double sum = 0, squares = 0, beside = 0, far = 0, last = 0;
    check_case(check, "%d numbers", COUNT);
    check_status(check, check->kernels->noise(check->stream, (const uint64_t[]){42}, (const uint64_t[]){1}, 0, t),
                 VV_KERNEL_OK);
    for (int i = 0; i < COUNT; i++) {
        const double x = check_get(t, 0, i);
        sum += x, squares += x * x, beside += x * last, far += fabs(x) > 2;
        last = x;
    }
    const double allowed = 5 / sqrt(COUNT);
    if (!check_within(sum / COUNT, 0, allowed, 0) || !check_within(squares / COUNT, 1, allowed * sqrt(2), 0) ||
        !check_within(beside / COUNT, 0, allowed, 0) || !check_within(far / COUNT, 0.0455, allowed * 0.208, 0))
        check_fail(check, "mean %g, spread %g, neighbours %g, beyond two %g", sum / COUNT, squares / COUNT,
                   beside / COUNT, far / COUNT);
    check_free_all(check);
}

const NamedCheck vv_token_checks[] = {
    {"silu", silu},
    {"flow_step", flow_step},
    {"norm", norm},
    {"norm of a sum", norm_of_sum},
    {"insert", insert},
    {"embed", embed},
    {"rotary", rotary},
    {"noise", noise},
    {"noise is normal", noise_is_normal},
    {NULL, NULL},
};
