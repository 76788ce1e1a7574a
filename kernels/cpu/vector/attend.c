/* Attention of one head: packing, products, softmax.
 *
 * Products run over "numbers": floats, or, where the processor multiplies them (compiled with AVX512-BF16), pairs of
 * bf16 in one word. Rows on the left lie as they are; what is on the right is packed in panels of 16 columns, one
 * number deep after another, so that a panel is read from front to back: keys    [columns / 16][padded / pair][16], a
 * column a key, its depth the head's channels values  [padded / 16][columns / pair][16], a column a channel, its depth
 * the keys Of a tile of the result, 6 rows by up to 4 vectors, all sums stay in registers. */
#include <math.h>

#include "kernels/cpu/attend.h"
#include "kernels/cpu/vector/lanes.h"

#ifdef __AVX512BF16__
typedef uint32_t Number;
enum { PAIR = 2 };
#else
typedef float Number;
enum { PAIR = 1 };
#endif

enum {
    PANEL = 16,
    TILE_ROWS = 6,
    TILE_LANES = LANES == 16 ? 4 : 2, /* as many sums as registers allow */
};

/* ---- products ---------------------------------------------------------------------------------------------------- */

VV_ALWAYS_INLINE Lanes multiply_add(Number left, const Number *right, Lanes sum) {
#ifdef __AVX512BF16__
    const __m512i pairs = _mm512_set1_epi32((int)left);
    return (Lanes)_mm512_dpbf16_ps((__m512)sum, (__m512bh)pairs, (__m512bh)_mm512_loadu_si512(right));
#else
    return left * lanes_load(right) + sum;
#endif
}

/* One tile; `next` numbers from one vector of the right to the next one beside it. */
VV_ALWAYS_INLINE void tile(int vectors, const Number *left, ptrdiff_t left_pitch, const Number *right, ptrdiff_t next,
                           int depth, float *out, ptrdiff_t out_pitch) {
    Lanes sum[TILE_ROWS][TILE_LANES] = {0};
    for (int i = 0; i < depth; i++) {
#pragma GCC unroll 6
        for (int row = 0; row < TILE_ROWS; row++)
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++)
                sum[row][v] =
                    multiply_add(left[row * left_pitch + i], right + v * next + (ptrdiff_t)i * PANEL, sum[row][v]);
    }
#pragma GCC unroll 6
    for (int row = 0; row < TILE_ROWS; row++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++)
            lanes_store(out + row * out_pitch + v * LANES, sum[row][v]);
}

/* out = left times the packed right; as many rows as tiles have, columns a multiple of VV_ATTEND_STEP. */
static void multiply(const Number *left, ptrdiff_t left_pitch, const Number *right, int rows, int depth, int columns,
                     float *out) {
    const ptrdiff_t panel = (ptrdiff_t)depth * PANEL, next = LANES < PANEL ? LANES : panel;
    for (int c = 0; c < columns;) {
        const Number *from = right + c / PANEL * panel + c % PANEL;
        const bool narrow = LANES == PANEL && columns - c < TILE_LANES * LANES;
        for (int row = 0; row < rows; row += TILE_ROWS) {
            float *to = out + (ptrdiff_t)row * columns + c;
            if (narrow)
                tile(2, left + row * left_pitch, left_pitch, from, next, depth, to, columns);
            else
                tile(TILE_LANES, left + row * left_pitch, left_pitch, from, next, depth, to, columns);
        }
        c += narrow ? 2 * LANES : TILE_LANES * LANES;
    }
}

/* ---- packing ----------------------------------------------------------------------------------------------------- */

#ifdef __AVX512BF16__
/* Which of the 32 channels from `c` on are there. */
VV_ALWAYS_INLINE __mmask32 channels_from(int c, int size) {
    return size - c >= 32 ? 0xffffffff : c < size ? ((__mmask32)1 << (size - c)) - 1 : 0;
}

/* A row of a head as numbers, zeros behind it. */
VV_ALWAYS_INLINE void take(const VvAttendWork *work, const void *from, Number *to) {
    for (int c = 0; c < work->padded; c += 32)
        _mm512_storeu_si512(to + c / 2,
                            _mm512_maskz_loadu_epi16(channels_from(c, work->size), (const uint16_t *)from + c));
}
#else
VV_ALWAYS_INLINE void take_row(VvDataType type, const void *restrict from, int size, int padded, Number *restrict to) {
    for (int i = 0; i < size; i++)
        to[i] = load(from, type, i);
    for (int i = size; i < padded; i++)
        to[i] = 0;
}

/* A row of a head as numbers, zeros behind it. */
VV_ALWAYS_INLINE void take(const VvAttendWork *work, const void *from, Number *to) {
    if (work->type == VV_F32)
        take_row(VV_F32, from, work->size, work->padded, to);
    else
        take_row(VV_BF16, from, work->size, work->padded, to);
}
#endif

#if LANES == 16
/* A square of 16 by 16 numbers turned: rows `from_pitch` bytes apart become columns. */
VV_ALWAYS_INLINE void turn(const void *from, ptrdiff_t from_pitch, Number *to) {
    __m512i a[16], b[16];
    for (int i = 0; i < 16; i++)
        a[i] = _mm512_loadu_si512((const char *)from + i * from_pitch);
    for (int i = 0; i < 16; i += 2) { /* pairs of rows, then fours, then quarters of registers */
        b[i] = _mm512_unpacklo_epi32(a[i], a[i + 1]);
        b[i + 1] = _mm512_unpackhi_epi32(a[i], a[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        a[i] = _mm512_unpacklo_epi64(b[i], b[i + 2]);
        a[i + 1] = _mm512_unpackhi_epi64(b[i], b[i + 2]);
        a[i + 2] = _mm512_unpacklo_epi64(b[i + 1], b[i + 3]);
        a[i + 3] = _mm512_unpackhi_epi64(b[i + 1], b[i + 3]);
    }
    for (int i = 0; i < 16; i += 8)
        for (int j = 0; j < 4; j++) {
            b[i + j] = _mm512_shuffle_i32x4(a[i + j], a[i + j + 4], 0x88);
            b[i + j + 4] = _mm512_shuffle_i32x4(a[i + j], a[i + j + 4], 0xdd);
        }
    for (int j = 0; j < 8; j++) {
        a[j] = _mm512_shuffle_i32x4(b[j], b[j + 8], 0x88);
        a[j + 8] = _mm512_shuffle_i32x4(b[j], b[j + 8], 0xdd);
    }
    for (int i = 0; i < 16; i++)
        _mm512_storeu_si512(to + i * PANEL, a[i]);
}
#else
VV_ALWAYS_INLINE void turn(const void *from, ptrdiff_t from_pitch, Number *to) {
    for (int i = 0; i < PANEL; i++)
        for (int j = 0; j < PANEL; j++)
            to[j * PANEL + i] = ((const Number *)(const void *)((const char *)from + i * from_pitch))[j];
}
#endif

/* The keys from `first` to the end of their panel. */
static void pack_key_panel(const VvAttendWork *work, const VvKeys *keys, int first, Number *panel) {
    const VvDataType own = PAIR == 2 ? VV_BF16 : VV_F32;
    const int depth = work->padded / PAIR;
    const void *from = moved_const(keys->k, work->type, (ptrdiff_t)first * keys->k_pitch);
    ptrdiff_t from_pitch = keys->k_pitch * (ptrdiff_t)vv_type_size(own);
    Number rows[PANEL * VV_HEAD_MAX / PAIR];
    if (work->type != own || keys->count - first < PANEL || work->size < work->padded) { /* not as they are */
        for (int i = 0; i < PANEL; i++) {
            if (first + i < keys->count)
                take(work, moved_const(from, work->type, (ptrdiff_t)i * keys->k_pitch), rows + i * depth);
            else
                memset(rows + i * depth, 0, (size_t)depth * sizeof *rows);
        }
        from = rows;
        from_pitch = depth * (ptrdiff_t)sizeof *rows;
    }
    for (int i = 0; i < depth; i += PANEL)
        turn((const Number *)from + i, from_pitch, panel + i * PANEL);
}

#ifdef __AVX512BF16__
/* Values `first` and the one behind it, as row `row` of all panels. */
static void pack_value_row(const VvAttendWork *work, const VvKeys *keys, int first, int row) {
    const uint16_t *even = (const uint16_t *)keys->v + (ptrdiff_t)first * keys->v_pitch, *odd = even + keys->v_pitch;
    Number *to = (Number *)work->values + (ptrdiff_t)row * PANEL;
    for (int c = 0; c < work->padded; c += PANEL, to += work->columns / PAIR * PANEL) {
        const __mmask16 there = (__mmask16)channels_from(c, work->size);
        const __mmask16 first_there = first < keys->count ? there : 0;
        const __mmask16 second_there = first + 1 < keys->count ? there : 0;
        const __m512i low = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(first_there, even + c));
        const __m512i high = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(second_there, odd + c));
        _mm512_storeu_si512(to, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
    }
}
#else
/* Value `first` as row `row` of all panels. */
static void pack_value_row(const VvAttendWork *work, const VvKeys *keys, int first, int row) {
    Number whole[VV_HEAD_MAX];
    if (first < keys->count)
        take(work, moved_const(keys->v, work->type, (ptrdiff_t)first * keys->v_pitch), whole);
    else
        memset(whole, 0, sizeof whole);
    Number *to = (Number *)work->values + (ptrdiff_t)row * PANEL;
    for (int c = 0; c < work->padded; c += PANEL, to += work->columns * PANEL)
        memcpy(to, whole + c, PANEL * sizeof *to);
}
#endif

static void pack(VvAttendWork *work, int set, VvKeys keys) {
    const int column = set ? work->second : 0;
    work->count[set] = keys.count;
    for (int i = 0; i < keys.count; i += PANEL)
        pack_key_panel(work, &keys, i, (Number *)work->keys + (ptrdiff_t)(column + i) * (work->padded / PAIR));
    for (int i = 0; i < (keys.count + VV_ATTEND_STEP - 1) / VV_ATTEND_STEP * VV_ATTEND_STEP; i += PAIR)
        pack_value_row(work, &keys, i, (column + i) / PAIR);
}

/* ---- softmax ----------------------------------------------------------------------------------------------------- */

/* Where the weights of products with values lie: in the logits' place, of bf16 in the front half of each row. */
VV_ALWAYS_INLINE void store_weights(float *row, int column, Lanes weights) {
#ifdef __AVX512BF16__
    _mm256_storeu_si256((__m256i *)(void *)((uint16_t *)row + column), (__m256i)_mm512_cvtneps_pbh((__m512)weights));
#else
    lanes_store(row + column, weights);
#endif
}

/* A row of logits to weights, in place. Returns 1 / their sum. */
static float soften(const VvAttendWork *work, float *row) {
    const float scale = 1.44269504f / sqrtf((float)work->size); /* powers of 2 instead of e */
    if (work->prior)
        for (int i = 0; i < work->count[0]; i++)
            row[i] += work->prior[i] * sqrtf((float)work->size);
    for (int i = work->count[0]; i < work->second; i++)
        row[i] = -INFINITY;
    for (int i = work->second + work->count[1]; i < work->columns; i++)
        row[i] = -INFINITY;
    Lanes most[2] = {lanes_load(row), lanes_load(row + LANES)};
    for (int i = 2 * LANES; i < work->columns; i += 2 * LANES) {
        most[0] = lanes_larger(most[0], lanes_load(row + i));
        most[1] = lanes_larger(most[1], lanes_load(row + i + LANES));
    }
    most[0] = lanes_larger(most[0], most[1]);
    const float top = lanes_most(most[0]) * scale;
    Lanes sum[2] = {{0}, {0}};
    for (int i = 0; i < work->columns; i += 2 * LANES)
        for (int j = 0; j < 2; j++) {
            const Lanes weights = lanes_exp2(lanes_load(row + i + j * LANES) * scale - top, PAIR == 2);
            sum[j] += weights;
            store_weights(row, i + j * LANES, weights);
        }
    return 1 / lanes_sum(sum[0] + sum[1]);
}

static void answer(VvAttendWork *work, const void *const queries[], int rows) {
    const int depth = work->padded / PAIR, whole = (rows + TILE_ROWS - 1) / TILE_ROWS * TILE_ROWS;
    Number *left = work->queries;
    for (int i = 0; i < rows; i++)
        take(work, queries[i], left + (ptrdiff_t)i * depth);
    memset(left + (ptrdiff_t)rows * depth, 0, (size_t)(whole - rows) * (size_t)depth * sizeof *left);
    multiply(left, depth, work->keys, whole, depth, work->columns, work->logits);
    for (int i = 0; i < rows; i++)
        work->share[i] = soften(work, work->logits + (ptrdiff_t)i * work->columns);
    multiply((const Number *)(const void *)work->logits, work->columns, work->values, whole, work->columns / PAIR,
             work->padded, work->out);
}

const VvAttend VV_CPU(vv_attend) = {pack, answer};
