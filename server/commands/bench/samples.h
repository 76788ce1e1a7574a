/* A set of measurements, kept whole, so that its quantiles are exact. */
#ifndef VV_SAMPLES_H
#define VV_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

#define VV_SAMPLES_MAX 8000000 /* in one set; what comes beyond is counted, not kept */

typedef struct VvSamples {
    double *value;
    size_t count, room;
    uint64_t lost; /* not kept: too many, or out of memory */
} VvSamples;

/* Adds one; values that are not finite count as lost. */
void vv_samples_add(VvSamples *samples, double value);

/* Adds all of `from`. */
void vv_samples_merge(VvSamples *to, const VvSamples *from);

/* Forgets all values, keeps the memory. */
void vv_samples_clear(VvSamples *samples);

void vv_samples_free(VvSamples *samples);

/* Sorts; needed before vv_samples_quantile. */
void vv_samples_sort(VvSamples *samples);

/* The value below which the share `q` (0..1) of the sorted values lies, interpolated between neighbours (the n values
 * stand at 0, 1/(n-1), ..., 1). 0 without values. */
double vv_samples_quantile(const VvSamples *samples, double q);

double vv_samples_mean(const VvSamples *samples);

/* Pearson's correlation of two series of `count` values; 0 where it is not defined. */
double vv_correlation(const float *a, const float *b, size_t count);

#endif
