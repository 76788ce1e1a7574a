/* Scaling of pictures, each axis for itself: the mean of the area that an output sample covers where the axis shrinks,
 * with its fractions of samples at both ends; linear interpolation between centres where it grows.
 *
 * Rows are worked on as lines of 15-bit samples, and each step where there is least to do. Where the height shrinks,
 * the source rows of an output row are summed by their weights into one line, which is then scaled along its length.
 * Where it grows, every source row is scaled along its length once, and output rows are blended from two such lines.
 *
 * Whole rows are summed and blended in 16-bit arithmetic over blocks of a constant length, which compilers turn into
 * vector code for any machine. Along a line, samples are taken one by one: growing, by interpolation; shrinking, as
 * differences of the line's running sum at the edges of neighbouring samples, which costs the same for any ratio and
 * has no branch to mispredict; only halving, what most cameras' pictures need, is a loop over blocks too.
 *
 * Products are cut off at 1/128 of a level, half of which is added beforehand, and the output is rounded: a flat
 * picture stays as it is, and every sample is within 1 of the exact one, at any size. All memory is on the stack. */
#include "server/media/picture.h"

#include <stddef.h>
#include <string.h>

#define BLOCK 32     /* samples of a row that are worked on at once */
#define LINE_BITS 7  /* a line's samples are 128 times the bytes */
#define ROWS_MAX 256 /* rows of bytes that a 16-bit sum holds */
#define WEIGHT_BITS 16

typedef struct Scratch {
    uint16_t sum[VV_PICTURE_SIZE_MAX]; /* of whole rows of bytes */
    uint16_t padded[BLOCK + VV_PICTURE_SIZE_MAX + BLOCK];
    uint16_t *line; /* into padded: as long as the source is wide, and one sample more at both ends */
    uint32_t integral[VV_PICTURE_SIZE_MAX + 1]; /* [i]: of the line's samples before i */
    uint16_t scaled[2][VV_PICTURE_SIZE_MAX];    /* lines as long as the output is wide */
} Scratch;

/* How to get from a sum of whole rows to their share of the line: times `gain`, which brings the sum near 16 bits,
 * then times `share` / 65536. */
typedef struct Shrink {
    uint16_t gain, share;
} Shrink;

/* ---- rows, into a line ----------------------------------------------------------------------------------- */

static uint16_t product(uint16_t a, uint16_t b) {
    return (uint16_t)(((uint32_t)a * b) >> WEIGHT_BITS);
}

static void line_begin(uint16_t *line, int width, uint16_t value) {
    for (int x = 0; x < width; x += BLOCK)
        for (int i = 0; i < BLOCK; i++)
            line[x + i] = value;
}

static void line_add_row(uint16_t *restrict line, const uint8_t *restrict row, int width, uint16_t weight) {
    int x = 0;
    for (; x + BLOCK <= width; x += BLOCK)
        for (int i = 0; i < BLOCK; i++)
            line[x + i] = (uint16_t)(line[x + i] + product((uint16_t)(row[x + i] << LINE_BITS), weight));
    for (; x < width; x++)
        line[x] = (uint16_t)(line[x] + product((uint16_t)(row[x] << LINE_BITS), weight));
}

static void line_from_row(uint16_t *restrict line, const uint8_t *restrict row, int width) {
    int x = 0;
    for (; x + BLOCK <= width; x += BLOCK)
        for (int i = 0; i < BLOCK; i++)
            line[x + i] = (uint16_t)(row[x + i] << LINE_BITS);
    for (; x < width; x++)
        line[x] = (uint16_t)(row[x] << LINE_BITS);
}

static void sum_add_row(uint16_t *restrict sum, const uint8_t *restrict row, int width) {
    int x = 0;
    for (; x + BLOCK <= width; x += BLOCK)
        for (int i = 0; i < BLOCK; i++)
            sum[x + i] = (uint16_t)(sum[x + i] + row[x + i]);
    for (; x < width; x++)
        sum[x] = (uint16_t)(sum[x] + row[x]);
}

static void line_add_sum(uint16_t *restrict line, const uint16_t *restrict sum, int width, Shrink shrink) {
    for (int x = 0; x < width; x += BLOCK)
        for (int i = 0; i < BLOCK; i++)
            line[x + i] = (uint16_t)(line[x + i] + product((uint16_t)(sum[x + i] * shrink.gain), shrink.share));
}

static uint8_t *row_of(const VvPlane *plane, int64_t y) {
    return plane->bytes + (ptrdiff_t)y * plane->stride;
}

/* A weight of `part` / `whole`. */
static uint16_t weight_of(int64_t part, int64_t whole) {
    const int64_t weight = ((part << WEIGHT_BITS) + whole / 2) / whole;
    return (uint16_t)(weight > UINT16_MAX ? UINT16_MAX : weight);
}

static Shrink shrink_of(int from, int to) {
    int bits = LINE_BITS; /* of gain */
    while (bits > 0 && from >= (to << (8 - bits)))
        bits--;
    return (Shrink){(uint16_t)(1 << bits), weight_of((int64_t)to << LINE_BITS, (int64_t)from << bits)};
}

/* Line y of `height`, which is less than there are rows. Positions are in `height`-ths of a row. */
static void sum_rows(Scratch *scratch, const VvPlane *from, int height, int y, Shrink shrink) {
    const int64_t begin = (int64_t)y * from->height, end = begin + from->height;
    const int64_t first = (begin + height - 1) / height, last = end / height; /* the whole rows */
    const int before = (int)(first * height - begin), behind = (int)(end - last * height);
    uint16_t *line = scratch->line;
    const int cuts = (before > 0) + (behind > 0) + (int)((last - first + ROWS_MAX - 1) / ROWS_MAX);
    line_begin(line, from->width, (uint16_t)((cuts + 1) / 2));
    if (before > 0)
        line_add_row(line, row_of(from, first - 1), from->width, weight_of(before, from->height));
    for (int64_t row = first; row < last;) {
        const int64_t stop = row + ROWS_MAX < last ? row + ROWS_MAX : last;
        line_begin(scratch->sum, from->width, 0);
        for (; row < stop; row++)
            sum_add_row(scratch->sum, row_of(from, row), from->width);
        line_add_sum(line, scratch->sum, from->width, shrink);
    }
    if (behind > 0)
        line_add_row(line, row_of(from, last), from->width, weight_of(behind, from->height));
}

/* ---- along a line ---------------------------------------------------------------------------------------- */

static void line_halve(uint16_t *restrict out, int width, const uint16_t *restrict line) {
    int x = 0;
    for (; x + BLOCK <= width; x += BLOCK)
        for (int i = 0; i < BLOCK; i++)
            out[x + i] = (uint16_t)((line[2 * (x + i)] + line[2 * (x + i) + 1] + 1) >> 1);
    for (; x < width; x++)
        out[x] = (uint16_t)((line[2 * x] + line[2 * x + 1] + 1) >> 1);
}

/* Positions are in 2^-32 of a sample, the fractions of samples in 2^-16. */
static void line_shrink(uint16_t *restrict out, int width, const uint16_t *restrict line, int length,
                        uint32_t *restrict integral) {
    const uint64_t step = ((uint64_t)length << 32) / (uint64_t)width;
    const uint64_t inverse = ((uint64_t)width << 32) / (uint64_t)length;
    uint32_t sum = 0;
    for (int i = 0; i < length; i++) {
        integral[i] = sum;
        sum += line[i];
    }
    integral[length] = sum;
    uint64_t at = 0, before = 0;
    for (int x = 0; x < width; x++) {
        at += step;
        const uint64_t i = at >> 32, part = (at >> 16) & 0xffff;
        const uint64_t up_to = ((uint64_t)integral[i] << 16) + line[i] * part;
        out[x] = (uint16_t)(((up_to - before) * inverse + ((uint64_t)1 << 47)) >> 48);
        before = up_to;
    }
}

/* Positions are in 2^-32 of a sample, from the centre of the one before the first. */
static void line_grow(uint16_t *restrict out, int width, const uint16_t *restrict line, int length) {
    const uint64_t step = ((uint64_t)length << 32) / (uint64_t)width;
    uint64_t at = step / 2 + ((uint64_t)1 << 31);
    for (int x = 0; x < width; x++, at += step) {
        const uint16_t *two = line + (at >> 32) - 1;
        const int32_t part = (int32_t)((at >> 16) & 0xffff);
        out[x] = (uint16_t)((two[0] * 65536 + (two[1] - two[0]) * part + 32768) >> 16);
    }
}

/* Scales the scratch's line of `length` samples to `width`. */
static void line_scale(Scratch *scratch, uint16_t *out, int width, int length) {
    uint16_t *line = scratch->line;
    line[-1] = line[0];
    line[length] = line[length - 1];
    if (length == 2 * width)
        line_halve(out, width, line);
    else if (length > width)
        line_shrink(out, width, line, length, scratch->integral);
    else
        line_grow(out, width, line, length);
}

/* ---- planes and pictures ----------------------------------------------------------------------------------- */

static uint8_t byte_of(uint16_t sample) {
    return (uint8_t)((uint16_t)(sample + (1 << (LINE_BITS - 1))) >> LINE_BITS);
}

static void bytes_of_line(uint8_t *restrict out, int width, const uint16_t *restrict line) {
    int x = 0;
    for (; x + BLOCK <= width; x += BLOCK)
        for (int i = 0; i < BLOCK; i++)
            out[x + i] = byte_of(line[x + i]);
    for (; x < width; x++)
        out[x] = byte_of(line[x]);
}

static uint16_t blend(uint16_t a, uint16_t b, uint16_t weight_a, uint16_t weight_b) {
    return (uint16_t)(product(a, weight_a) + product(b, weight_b) + 1);
}

static void bytes_of_two(uint8_t *restrict out, int width, const uint16_t *a, const uint16_t *b, uint16_t weight_a,
                         uint16_t weight_b) {
    int x = 0;
    for (; x + BLOCK <= width; x += BLOCK)
        for (int i = 0; i < BLOCK; i++)
            out[x + i] = byte_of(blend(a[x + i], b[x + i], weight_a, weight_b));
    for (; x < width; x++)
        out[x] = byte_of(blend(a[x], b[x], weight_a, weight_b));
}

static void scale_down(Scratch *scratch, const VvPlane *to, const VvPlane *from) {
    const Shrink shrink = shrink_of(from->height, to->height);
    for (int y = 0; y < to->height; y++) {
        sum_rows(scratch, from, to->height, y, shrink);
        line_scale(scratch, scratch->scaled[0], to->width, from->width);
        bytes_of_line(row_of(to, y), to->width, scratch->scaled[0]);
    }
}

/* Positions are in halves of a `to->height`-th of a row, from the centre of the first. */
static void scale_up(Scratch *scratch, const VvPlane *to, const VvPlane *from) {
    const int unit = 2 * to->height, last = (from->height - 1) * unit;
    int ready = 0; /* rows that have been scaled; the last two are there, each in its parity's place */
    for (int y = 0; y < to->height; y++) {
        int at = (2 * y + 1) * from->height - to->height;
        at = at < 0 ? 0 : at > last ? last : at;
        const int row = at / unit, part = at % unit, below = part > 0 ? row + 1 : row;
        for (; ready <= below; ready++) {
            line_from_row(scratch->line, row_of(from, ready), from->width);
            line_scale(scratch, scratch->scaled[ready % 2], to->width, from->width);
        }
        bytes_of_two(row_of(to, y), to->width, scratch->scaled[row % 2], scratch->scaled[below % 2],
                     weight_of(unit - part, unit), weight_of(part, unit));
    }
}

static VvPlane plane_of(const VvPicture *picture, int p) {
    return (VvPlane){picture->plane[p], picture->stride[p], p ? (picture->width + 1) / 2 : picture->width,
                     p ? (picture->height + 1) / 2 : picture->height};
}

/* Zeroes what a line's ends read beyond what was written: half a microsecond, and no line is ever undefined. */
static void scratch_begin(Scratch *scratch) {
    memset(scratch->padded, 0, sizeof scratch->padded);
    memset(scratch->scaled, 0, sizeof scratch->scaled);
    scratch->line = scratch->padded + BLOCK;
}

static void scale_plane(Scratch *scratch, const VvPlane *to, const VvPlane *from) {
    if (from->height > to->height)
        scale_down(scratch, to, from);
    else
        scale_up(scratch, to, from);
}

void vv_plane_scale(const VvPlane *to, const VvPlane *from) {
    Scratch scratch;
    scratch_begin(&scratch);
    scale_plane(&scratch, to, from);
}

void vv_picture_scale(VvPicture *to, const VvPicture *from) {
    if (to->width == from->width && to->height == from->height) {
        vv_picture_copy(to, from);
        return;
    }
    Scratch scratch;
    scratch_begin(&scratch);
    for (int p = 0; p < 3; p++) {
        const VvPlane out = plane_of(to, p), in = plane_of(from, p);
        scale_plane(&scratch, &out, &in);
    }
}
