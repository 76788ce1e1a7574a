/* Exact statistics over everything that was measured. */
#include "server/commands/bench/samples.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int reserve(VvSamples *samples, size_t more) {
    if (samples->room - samples->count >= more)
        return 0;
    size_t room = samples->room ? samples->room * 2 : 256;
    while (room < samples->count + more)
        room *= 2;
    double *value = room <= VV_SAMPLES_MAX * 2 ? realloc(samples->value, room * sizeof *value) : NULL;
    if (!value)
        return -1;
    samples->value = value;
    samples->room = room;
    return 0;
}

void vv_samples_add(VvSamples *samples, double value) {
    if (!isfinite(value) || samples->count >= VV_SAMPLES_MAX || reserve(samples, 1))
        samples->lost++;
    else
        samples->value[samples->count++] = value;
}

void vv_samples_merge(VvSamples *to, const VvSamples *from) {
    to->lost += from->lost;
    size_t fits = VV_SAMPLES_MAX - to->count < from->count ? VV_SAMPLES_MAX - to->count : from->count;
    if (!fits || reserve(to, fits))
        fits = 0;
    else
        memcpy(to->value + to->count, from->value, fits * sizeof *to->value);
    to->count += fits;
    to->lost += from->count - fits;
}

void vv_samples_clear(VvSamples *samples) {
    samples->count = 0;
    samples->lost = 0;
}

void vv_samples_free(VvSamples *samples) {
    free(samples->value);
    *samples = (VvSamples){0};
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void vv_samples_sort(VvSamples *samples) {
    if (samples->count)
        qsort(samples->value, samples->count, sizeof *samples->value, ascending);
}

double vv_samples_quantile(const VvSamples *samples, double q) {
    if (!samples->count)
        return 0;
    double at = (q < 0 ? 0 : q > 1 ? 1 : q) * (double)(samples->count - 1);
    size_t below = (size_t)at;
    if (below + 1 >= samples->count)
        return samples->value[samples->count - 1];
    double share = at - (double)below;
    return samples->value[below] * (1 - share) + samples->value[below + 1] * share;
}

double vv_samples_mean(const VvSamples *samples) {
    double sum = 0;
    for (size_t i = 0; i < samples->count; i++)
        sum += samples->value[i];
    return samples->count ? sum / (double)samples->count : 0;
}

double vv_correlation(const float *a, const float *b, size_t count) {
    double sa = 0, sb = 0, saa = 0, sbb = 0, sab = 0, n = (double)count;
    for (size_t i = 0; i < count; i++) {
        sa += (double)a[i];
        sb += (double)b[i];
    }
    if (!count)
        return 0;
    for (size_t i = 0; i < count; i++) {
        double x = (double)a[i] - sa / n, y = (double)b[i] - sb / n;
        saa += x * x;
        sbb += y * y;
        sab += x * y;
    }
    return saa > 0 && sbb > 0 ? sab / sqrt(saa * sbb) : 0;
}
