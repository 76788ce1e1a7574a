/* Checks of what works element by element, and of rearrangements. */
#include <math.h>

#include "test/kernels/check.h"

/* Sizes around vector lengths: 1, odd, and either side of 16 and 64. */
static const int shapes[][4] = {
    {1, 1, 1, 1},  {1, 1, 1, 3},  {1, 3, 5, 7},   {2, 2, 3, 15}, {1, 4, 4, 16},   {3, 1, 5, 17},
    {1, 7, 9, 31}, {2, 8, 8, 32}, {1, 5, 33, 33}, {1, 3, 3, 63}, {1, 16, 16, 65}, {1, 1, 129, 2},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };
static const VvDataType floats[] = {VV_F32, VV_BF16};

/* A random picture between -4 and 4, as a slice or dense. */
static VvTensor source(Check *check, VvDataType type, const int s[4]) {
    const VvTensor tensor = check_slice(check, type, check_below(check, 3), s[0], s[1], s[2], s[3]);
    check_fill(check, tensor, type == VV_U8 ? 0 : -4, 4);
    return tensor;
}

/* Some numbers that are special: NaN without and with all its bits, infinities, zeros, the least and the largest. */
static void put_specials(Check *check, VvTensor tensor) {
    const double special[] = {NAN, nan("0x7ffffffffffff"), INFINITY, -INFINITY, 0.0, -0.0, 1e-38, -1e-40, 3.3e38};
    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        check_put(tensor, (size_t)check_below(check, (int)vv_tensor_rows(tensor)),
                  check_below(check, tensor.shape[tensor.rank - 1]), special[i]);
}

static void relu(Check *check) {
    for (int i = 0; i < 2 * SHAPES; i++) {
        const int *s = shapes[i / 2];
        check_case(check, "%dx%dx%dx%d %s", s[0], s[1], s[2], s[3], vv_type_name(floats[i % 2]));
        const VvTensor src = source(check, floats[i % 2], s), got = source(check, floats[i % 2], s);
        put_specials(check, src);
        const VvTensor want = check_twin(check, got), in_place = check_twin(check, src);
        check_status(check, check->kernels->relu(check->stream, src, got), VV_KERNEL_OK);
        check_status(check, check->ref->relu(check->ref_stream, src, want), VV_KERNEL_OK);
        check_equal(check, got, want, 0); /* exact but for the type's rounding, of which there is none */
        check_status(check, check->kernels->relu(check->stream, in_place, in_place), VV_KERNEL_OK);
        check_equal(check, in_place, want, 0);
        check_free_all(check);
    }
}

static void add(Check *check) {
    for (int i = 0; i < 2 * SHAPES; i++) {
        const int *s = shapes[i / 2];
        check_case(check, "%dx%dx%dx%d %s", s[0], s[1], s[2], s[3], vv_type_name(floats[i % 2]));
        const VvTensor a = source(check, floats[i % 2], s), b = source(check, floats[i % 2], s);
        const VvTensor got = source(check, floats[i % 2], s), want = check_twin(check, got), sum = check_twin(check, a);
        put_specials(check, b);
        check_status(check, check->kernels->add(check->stream, a, b, got), VV_KERNEL_OK);
        check_status(check, check->ref->add(check->ref_stream, a, b, want), VV_KERNEL_OK);
        check_equal(check, got, want, 0); /* one rounding, the same on both sides up to the type's epsilon */
        check_status(check, check->kernels->add(check->stream, sum, b, sum), VV_KERNEL_OK);
        check_equal(check, sum, got, 0);
        check_free_all(check);
    }
}

/* One item of b for all of a's, of pictures and of tables. */
static void add_shared(Check *check) {
    for (int i = 0; i < 4 * SHAPES; i++) {
        const int *s = shapes[i / 4], items = 1 + check_below(check, 4), rank = i & 2 ? 4 : 2;
        const int many[] = {items, rank == 2 ? s[3] : s[1], s[2], s[3]}, one[] = {1, many[1], s[2], s[3]};
        const VvDataType type = floats[i % 2];
        check_case(check, "%d items of rank %d, %d columns, %s", items, rank, s[3], vv_type_name(type));
        const VvTensor a = check_view(check, type, check_below(check, 3), rank, many),
                       b = check_view(check, type, check_below(check, 3), rank, one),
                       got = check_view(check, type, check_below(check, 3), rank, many);
        check_fill(check, a, -4, 4);
        check_fill(check, b, -4, 4);
        put_specials(check, b);
        const VvTensor want = check_twin(check, got), sum = check_twin(check, a);
        check_status(check, check->kernels->add(check->stream, a, b, got), VV_KERNEL_OK);
        check_status(check, check->ref->add(check->ref_stream, a, b, want), VV_KERNEL_OK);
        check_status(check, check->kernels->add(check->stream, sum, b, sum), VV_KERNEL_OK);
        check_equal(check, got, want, 0);
        check_equal(check, sum, got, 0);
        check_free_all(check);
    }
}

static void convert(Check *check) {
    for (int i = 0; i < 4 * SHAPES; i++) {
        const int *s = shapes[i / 4];
        const VvDataType from = floats[i % 2], to = floats[i / 2 % 2];
        check_case(check, "%dx%dx%dx%d %s to %s", s[0], s[1], s[2], s[3], vv_type_name(from), vv_type_name(to));
        const VvTensor src = source(check, from, s), got = source(check, to, s), want = check_twin(check, got);
        put_specials(check, src);
        check_status(check, check->kernels->convert(check->stream, src, got), VV_KERNEL_OK);
        check_status(check, check->ref->convert(check->ref_stream, src, want), VV_KERNEL_OK);
        for (size_t row = 0; row < vv_tensor_rows(got); row++) /* rounding is defined: bit for bit */
            for (int c = 0; c < s[3]; c++)
                if (!check_within(check_get(got, row, c), check_get(want, row, c), 0, 0))
                    check_fail(check, "row %zu, channel %d: got %.9g, wanted %.9g", row, c, check_get(got, row, c),
                               check_get(want, row, c));
        check_free_all(check);
    }
}

static void upsample2(Check *check) {
    for (int i = 0; i < 2 * SHAPES; i++) {
        const int *s = shapes[i / 2];
        check_case(check, "%dx%dx%dx%d %s", s[0], s[1], s[2], s[3], vv_type_name(floats[i % 2]));
        const VvTensor src = source(check, floats[i % 2], s);
        const VvTensor got = source(check, floats[i % 2], (const int[]){s[0], 2 * s[1], 2 * s[2], s[3]});
        const VvTensor want = check_twin(check, got);
        check_status(check, check->kernels->upsample2(check->stream, src, got), VV_KERNEL_OK);
        check_status(check, check->ref->upsample2(check->ref_stream, src, want), VV_KERNEL_OK);
        check_equal(check, got, want, 0);
        check_free_all(check);
    }
}

static void pixel_shuffle(Check *check) {
    for (int i = 0; i < 16 * SHAPES; i++) {
        const int *s = shapes[i / 16], r = 1 + i / 4 % 4;
        const VvDataType from = floats[i % 2], to = floats[i / 2 % 2];
        check_case(check, "%dx%dx%dx%d by %d, %s to %s", s[0], s[1], s[2], s[3], r, vv_type_name(from),
                   vv_type_name(to));
        const VvTensor src = source(check, from, (const int[]){s[0], s[1], s[2], s[3] * r * r});
        const VvTensor got = source(check, to, (const int[]){s[0], s[1] * r, s[2] * r, s[3]});
        const VvTensor want = check_twin(check, got);
        check_status(check, check->kernels->pixel_shuffle(check->stream, r, src, got), VV_KERNEL_OK);
        check_status(check, check->ref->pixel_shuffle(check->ref_stream, r, src, want), VV_KERNEL_OK);
        check_equal(check, got, want, 0);
        check_free_all(check);
    }
}

/* A picture of even size, of bytes or of floats. */
static VvTensor even(Check *check, VvDataType type, const int s[4]) {
    const VvTensor tensor = check_slice(check, type, check_below(check, 2), s[0], 2 * s[1], 2 * s[2], s[3]);
    if (type == VV_U8)
        check_fill(check, tensor, 0, 256);
    else
        check_fill(check, tensor, -4, 4);
    return tensor;
}

static VvByteScale some_scale(Check *check) {
    if (check_below(check, 2))
        return VV_BYTES_SYMMETRIC;
    return (VvByteScale){(float)check_between(check, -10, 300), (float)check_between(check, -2, 2)};
}

/* |byte - mean| <= 555 here, times a scale of at most 2: a rounding of the difference in float is seen that large. */
static const double scaled_rounding = 555 * 2 / 8388608.0;

static void unshuffle2(Check *check) {
    static const VvDataType sources[] = {VV_U8, VV_F32, VV_BF16};
    for (int i = 0; i < 6 * SHAPES; i++) {
        const int *s = shapes[i / 6];
        const VvDataType from = sources[i % 3], to = floats[i / 3 % 2];
        check_case(check, "%dx%dx%dx%d %s to %s", s[0], s[1], s[2], s[3], vv_type_name(from), vv_type_name(to));
        const VvTensor src = even(check, from, s), got = source(check, to, (const int[]){s[0], s[1], s[2], 4 * s[3]});
        const VvTensor want = check_twin(check, got);
        const VvByteScale scale = some_scale(check);
        check_status(check, check->kernels->unshuffle2(check->stream, scale, src, got), VV_KERNEL_OK);
        check_status(check, check->ref->unshuffle2(check->ref_stream, scale, src, want), VV_KERNEL_OK);
        check_equal(check, got, want, from == VV_U8 ? scaled_rounding : 0);
        check_free_all(check);
    }
}

static void pool2_bytes(Check *check) {
    static const VvDataType targets[] = {VV_U8, VV_F32, VV_BF16};
    for (int i = 0; i < 3 * SHAPES; i++) {
        const int *s = shapes[i / 3];
        const VvDataType to = targets[i % 3];
        check_case(check, "%dx%dx%dx%d to %s", s[0], s[1], s[2], s[3], vv_type_name(to));
        const VvTensor src = even(check, VV_U8, s), got = source(check, to, s), want = check_twin(check, got);
        const VvByteScale scale = some_scale(check);
        check_status(check, check->kernels->pool2_bytes(check->stream, scale, src, got), VV_KERNEL_OK);
        check_status(check, check->ref->pool2_bytes(check->ref_stream, scale, src, want), VV_KERNEL_OK);
        check_equal(check, got, want, to == VV_U8 ? 0 : scaled_rounding);
        check_free_all(check);
    }
}

const NamedCheck vv_element_checks[] = {
    {"relu", relu},
    {"add", add},
    {"add, shared", add_shared},
    {"convert", convert},
    {"upsample2", upsample2},
    {"pixel_shuffle", pixel_shuffle},
    {"unshuffle2", unshuffle2},
    {"pool2_bytes", pool2_bytes},
    {NULL, NULL},
};
