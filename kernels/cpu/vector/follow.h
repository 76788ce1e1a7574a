/* Inside kernels/cpu/vector: where a flow field leads, for a block of pixels of one row at a time; warping and blending
 * sample there. Arrays of a block are filled to a whole number of vectors' worth of useful values, no further. */
#ifndef VV_KERNELS_CPU_FOLLOW_H
#define VV_KERNELS_CPU_FOLLOW_H

#include <math.h>

#include "kernels/check.h"
#include "kernels/cpu/vector/vector.h"

enum {
    BLOCK = 128,       /* pixels */
    BLOCK_CELLS = 256, /* of the flow under them */
};

/* Bilinear taps of a block: pixel numbers of the picture, and weights that add up to 1 (times what is seen). */
typedef struct Taps {
    int32_t at[4][BLOCK];
    float weight[4][BLOCK];
} Taps;

/* The item that destination item n reads. */
static inline int chosen(const VvTensor *src, const VvTensor *which, int n) {
    int item = which->rank ? ((const int32_t *)which->data)[n] : src->shape[0] == 1 ? 0 : n;
    if (item < 0)
        item = 0;
    return item < src->shape[0] ? item : src->shape[0] - 1;
}

/* A picture's size, the flow over it, and how far one unit of it leads. */
typedef struct Course {
    VvTensor flow, occlusion; /* occlusion of rank 0: none */
    int height, width;
    float scale_y, scale_x;
    int block; /* pixels to take at a time, so that the cells under them fit */
} Course;

static inline Course course_of(VvTensor flow, VvTensor occlusion, VvFlowUnit unit, int height, int width) {
    const int rows = flow.shape[1], cells = flow.shape[2];
    const ptrdiff_t fitting = (ptrdiff_t)(BLOCK_CELLS - 2) * width / cells;
    return (Course){.flow = flow,
                    .occlusion = occlusion,
                    .height = height,
                    .width = width,
                    .scale_y = vv_flow_scale(unit, height, rows),
                    .scale_x = vv_flow_scale(unit, width, cells),
                    .block = fitting < 1       ? 1
                             : fitting < BLOCK ? (int)fitting
                                               : BLOCK};
}

/* Where pixel `x` lies among the cells; what is negative is 0, said without a comparison, which GCC would make a branch
 * of and then not vectorise. */
VV_ALWAYS_INLINE float cell_at(int x, float cells_per_pixel) {
    const float at = ((float)x + 0.5f) * cells_per_pixel - 0.5f;
    return 0.5f * (at + fabsf(at));
}

/* One channel of the flow over a block: first between two rows of cells, then between columns. */
VV_ALWAYS_INLINE void enlarge(const VvTensor *field, ptrdiff_t upper, ptrdiff_t lower, float part, int cell, int cells,
                              int count, const int32_t *first, const int32_t *second, const float *across, float *out) {
    float mixed[BLOCK_CELLS];
    const float *a = (const float *)field->data + upper, *b = (const float *)field->data + lower;
    for (int i = 0; i < cells; i++)
        mixed[i] =
            (1 - part) * a[(ptrdiff_t)(cell + i) * field->pitch] + part * b[(ptrdiff_t)(cell + i) * field->pitch];
    for (int i = 0; i < count; i++)
        out[i] = (1 - across[i]) * mixed[first[i]] + across[i] * mixed[second[i]];
}

/* The flow, and the occlusion if `seen` is asked for, over pixels x to x + count of row y of item n. */
VV_ALWAYS_INLINE void flow_over(const Course *course, int n, int y, int x, int count, float *dx, float *dy,
                                float *seen) {
    const VvTensor *flow = &course->flow;
    const int rows = flow->shape[1], columns = flow->shape[2];
    const float per_pixel = (float)columns / (float)course->width;
    const float down = cell_at(y, (float)rows / (float)course->height);
    const int upper = (int)down, lower = upper + 1 < rows ? upper + 1 : upper;
    int32_t first[BLOCK], second[BLOCK];
    float across[BLOCK];
    const int cell = (int)cell_at(x, per_pixel);
    for (int i = 0; i < count; i++) {
        const float at = cell_at(x + i, per_pixel);
        const int32_t whole = (int32_t)at;
        first[i] = whole - cell;
        second[i] = whole + (whole < columns - 1) - cell;
        across[i] = at - (float)whole;
    }
    const int cells = second[count - 1] + 1;
    VvTensor field = *flow;
    enlarge(&field, row_at(flow, n, upper), row_at(flow, n, lower), down - (float)upper, cell, cells, count, first,
            second, across, dx);
    field.data = (float *)flow->data + 1;
    enlarge(&field, row_at(flow, n, upper), row_at(flow, n, lower), down - (float)upper, cell, cells, count, first,
            second, across, dy);
    if (seen) {
        field = course->occlusion;
        enlarge(&field, row_at(&field, n, upper), row_at(&field, n, lower), down - (float)upper, cell, cells, count,
                first, second, across, seen);
    }
}

/* The position among 0..size-1; NaN and what lies before the border is 0. */
VV_ALWAYS_INLINE float inside(float at, int size) {
    const float low = at > 0 ? at : 0, last = (float)(size - 1);
    return low < last ? low : last;
}

/* The taps of pixels x to x + count of row y of item n; `count` at most course->block. */
VV_ALWAYS_INLINE void follow(const Course *course, int n, int y, int x, int count, Taps *taps) {
    float dx[BLOCK], dy[BLOCK], seen[BLOCK];
    const bool occluded = course->occlusion.rank != 0;
    flow_over(course, n, y, x, count, dx, dy, occluded ? seen : NULL);
    for (int i = 0; i < count; i++)
        seen[i] = occluded ? sigmoid_of(seen[i] + VV_OCCLUSION_BIAS) : 1.0f;
    const int width = course->width, height = course->height;
    for (int i = 0; i < count; i++) {
        const float px = inside((float)(x + i) + dx[i] * course->scale_x, width);
        const float py = inside((float)y + dy[i] * course->scale_y, height);
        const int32_t left = (int32_t)px, top = (int32_t)py;
        const int32_t right = left + 1 < width ? left + 1 : left, bottom = top + 1 < height ? top + 1 : top;
        const float wx = px - (float)left, wy = py - (float)top;
        taps->at[0][i] = top * width + left;
        taps->at[1][i] = top * width + right;
        taps->at[2][i] = bottom * width + left;
        taps->at[3][i] = bottom * width + right;
        taps->weight[0][i] = (1 - wy) * (1 - wx) * seen[i];
        taps->weight[1][i] = (1 - wy) * wx * seen[i];
        taps->weight[2][i] = wy * (1 - wx) * seen[i];
        taps->weight[3][i] = wy * wx * seen[i];
    }
}

#endif
