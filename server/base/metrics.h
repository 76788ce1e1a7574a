/* Counters, gauges and histograms, for /metrics and for the sessions' own statistics.
 *
 * All of them are defined in metrics.def. Updating is one relaxed atomic addition: the values are statistics, nothing
 * is ordered by them, and a reader may see one of two related figures before the other. */
#ifndef VV_METRICS_H
#define VV_METRICS_H

#include "server/base/clock.h"

#include <stddef.h>
#include <stdint.h>

#define VV_COUNTER(NAME, wire, help) VV_COUNTER_##NAME,
#define VV_GAUGE(...)
#define VV_HISTOGRAM(...)
typedef enum VvCounter {
#include "server/base/metrics.def"
    VV_COUNTER_COUNT
} VvCounter;
#undef VV_COUNTER
#undef VV_GAUGE
#undef VV_HISTOGRAM

#define VV_COUNTER(...)
#define VV_GAUGE(NAME, wire, help) VV_GAUGE_##NAME,
#define VV_HISTOGRAM(...)
typedef enum VvGauge {
#include "server/base/metrics.def"
    VV_GAUGE_COUNT
} VvGauge;
#undef VV_COUNTER
#undef VV_GAUGE
#undef VV_HISTOGRAM

#define VV_COUNTER(...)
#define VV_GAUGE(...)
#define VV_HISTOGRAM(NAME, wire, help) VV_HISTOGRAM_##NAME,
typedef enum VvHistogram {
#include "server/base/metrics.def"
    VV_HISTOGRAM_COUNT
} VvHistogram;
#undef VV_COUNTER
#undef VV_GAUGE
#undef VV_HISTOGRAM

/* Any thread: adds to a counter. */
void vv_count(VvCounter counter, uint64_t n);

/* Any thread: sets or adds to a gauge. */
void vv_gauge_set(VvGauge gauge, int64_t value);
void vv_gauge_add(VvGauge gauge, int64_t n);

/* Any thread: one observation, in microseconds; negative ones count as 0. */
void vv_observe(VvHistogram histogram, VvTime microseconds);

/* Any thread: the current value. */
uint64_t vv_counter(VvCounter counter);
int64_t vv_gauge(VvGauge gauge);

/* Any thread: the value below which the share `q` (0..1) of all observations lies, microseconds, interpolated within
 * its bucket; 0 without observations. */
double vv_quantile(VvHistogram histogram, double q);

/* Writes all of it in the Prometheus text format, names prefixed "visavis_". Returns the length, or 0 if `size` is too
 * small (64 KiB is enough). Any thread. */
size_t vv_metrics_text(char *out, size_t size);

#endif
