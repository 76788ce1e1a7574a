/* Inside kernels/cpu: what attention is made of. Keys and values of one head are packed for products; a block of
 * queries is then answered at a time: products with the keys, softmax, products with the values.
 *
 * There is one of these per instruction set and per way to multiply (vector/attend.c); what walks over items, heads and
 * tokens is vector/attention.c and vector/decoupled.c. */
#ifndef VV_KERNELS_CPU_ATTEND_H
#define VV_KERNELS_CPU_ATTEND_H

#include "kernels/kernels.h"

enum {
    VV_ATTEND_ROWS = 96, /* queries of a block: keys and values are read once for all of them */
    VV_ATTEND_STEP = 32, /* what head sizes and sets of keys are rounded up to */
};

/* One head's keys and values of one set, as they lie in their tensors. */
typedef struct VvKeys {
    const void *k, *v;
    int k_pitch, v_pitch, count;
} VvKeys;

/* One head's attention in scratch memory. */
typedef struct VvAttendWork {
    VvDataType type;               /* of queries, keys and values */
    int size, padded;              /* channels of a head; rounded up */
    int columns;                   /* keys of both sets, each set rounded up */
    int second;                    /* the second set's first column */
    int count[2];                  /* keys of each set */
    const float *prior;            /* added to the first set's logits; NULL: nothing */
    void *keys, *values, *queries; /* packed; `queries` also rows of VV_ATTEND_ROWS */
    float *logits;                 /* [VV_ATTEND_ROWS][columns], the weights in their place */
    float *out;                    /* [VV_ATTEND_ROWS][padded], to be multiplied by `share` */
    float share[VV_ATTEND_ROWS];   /* 1 / sum of weights */
} VvAttendWork;

typedef struct VvAttend {
    /* Packs a set's keys and values, at most as many as the work was laid out for. */
    void (*pack)(VvAttendWork *work, int set, VvKeys keys);
    /* Answers `rows` queries: row i of work->out, times work->share[i]. */
    void (*answer)(VvAttendWork *work, const void *const queries[], int rows);
} VvAttend;

/* Bytes of scratch for heads of `size` channels and sets of at most so many keys. */
size_t vv_attend_bytes(int size, int first, int second);

/* Lays a head's work out in `scratch`, for sets of at most so many keys; both are empty. */
void vv_attend_lay_out(VvAttendWork *work, VvDataType type, int size, int first, int second, unsigned char *scratch);

/* Whether the processor multiplies pairs of bf16 by itself (AVX512-BF16), and oneDNN's limit allows it. */
bool vv_cpu_has_bf16_products(void);

extern const VvAttend vv_attend_plain, vv_attend_avx2, vv_attend_avx512, vv_attend_avx512bf16;

#endif
