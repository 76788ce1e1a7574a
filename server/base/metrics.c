/* Counters, gauges and histograms.
 *
 * A histogram has four buckets an octave from 16 us to 64 s, which is enough for a percentile that is right to a tenth
 * or so. /metrics shows fewer: Prometheus keeps a series for each bucket, and dashboards need round bounds. A shown
 * bound that lies inside a fine bucket gets its share of it, as if observations were spread evenly there.
 *
 * All atomics are relaxed: see metrics.h. */
#include "server/base/metrics.h"

#include <math.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>

#define PER_OCTAVE 4
#define OCTAVES 22                             /* 16 us << 22 = 67 s */
#define FIRST 16                               /* microseconds: the upper end of bucket 0 */
#define BUCKETS (1 + OCTAVES * PER_OCTAVE + 1) /* below FIRST; the octaves; beyond */

typedef struct Histogram {
    atomic_uint_fast64_t counts[BUCKETS];
    atomic_uint_fast64_t sum; /* microseconds */
} Histogram;

static atomic_uint_fast64_t counters[VV_COUNTER_COUNT];
static atomic_int_fast64_t gauges[VV_GAUGE_COUNT];
static Histogram histograms[VV_HISTOGRAM_COUNT];

/* ---- updating ------------------------------------------------------------------------------------------ */

void vv_count(VvCounter counter, uint64_t n) {
    atomic_fetch_add_explicit(&counters[counter], n, memory_order_relaxed);
}

void vv_gauge_set(VvGauge gauge, int64_t value) {
    atomic_store_explicit(&gauges[gauge], value, memory_order_relaxed);
}

void vv_gauge_add(VvGauge gauge, int64_t n) {
    atomic_fetch_add_explicit(&gauges[gauge], n, memory_order_relaxed);
}

/* Octave by the highest bit, quarter of it by the two bits below. */
static int bucket_of(uint64_t microseconds) {
    if (microseconds < FIRST)
        return 0;
    const int high = 63 - __builtin_clzll(microseconds);
    const int octave = high - 4; /* FIRST is 1 << 4 */
    if (octave >= OCTAVES)
        return BUCKETS - 1;
    return 1 + octave * PER_OCTAVE + (int)(microseconds >> (high - 2) & 3);
}

/* Lower end of a bucket, microseconds; that of bucket + 1 is its upper end. */
static double bucket_from(int bucket) {
    if (bucket == 0)
        return 0;
    const int octave = (bucket - 1) / PER_OCTAVE, quarter = (bucket - 1) % PER_OCTAVE;
    return ldexp(FIRST * (1 + quarter / (double)PER_OCTAVE), octave);
}

void vv_observe(VvHistogram histogram, VvTime microseconds) {
    const uint64_t value = microseconds > 0 ? (uint64_t)microseconds : 0;
    atomic_fetch_add_explicit(&histograms[histogram].counts[bucket_of(value)], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&histograms[histogram].sum, value, memory_order_relaxed);
}

/* ---- reading ------------------------------------------------------------------------------------------- */

uint64_t vv_counter(VvCounter counter) {
    return atomic_load_explicit(&counters[counter], memory_order_relaxed);
}

int64_t vv_gauge(VvGauge gauge) {
    return atomic_load_explicit(&gauges[gauge], memory_order_relaxed);
}

static uint64_t read_counts(VvHistogram histogram, uint64_t counts[BUCKETS]) {
    uint64_t total = 0;
    for (int i = 0; i < BUCKETS; i++)
        total += counts[i] = atomic_load_explicit(&histograms[histogram].counts[i], memory_order_relaxed);
    return total;
}

double vv_quantile(VvHistogram histogram, double q) {
    uint64_t counts[BUCKETS];
    const uint64_t total = read_counts(histogram, counts);
    if (!total)
        return 0;
    const double rank = fmin(fmax(q, 0), 1) * (double)total;
    double below = 0;
    for (int i = 0; i < BUCKETS - 1; i++) {
        const double here = (double)counts[i];
        if (here > 0 && below + here >= rank) {
            const double from = bucket_from(i), to = bucket_from(i + 1);
            return from + (to - from) * fmax(rank - below, 0) / here;
        }
        below += here;
    }
    return bucket_from(BUCKETS - 1); /* beyond: at least this */
}

/* How many observations lie below a bound. */
static double count_below(const uint64_t counts[BUCKETS], double bound) {
    double below = 0;
    for (int i = 0; i < BUCKETS - 1; i++) {
        const double from = bucket_from(i), to = bucket_from(i + 1);
        if (bound >= to)
            below += (double)counts[i];
        else if (bound > from)
            return below + (double)counts[i] * (bound - from) / (to - from);
    }
    return below;
}

/* ---- the text format ----------------------------------------------------------------------------------- */

typedef struct Text {
    char *out;
    size_t size, used;
    bool full;
} Text;

__attribute__((format(printf, 2, 3))) static void add(Text *text, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int size = vsnprintf(text->out + text->used, text->size - text->used, format, arguments);
    va_end(arguments);
    if (size < 0 || (size_t)size >= text->size - text->used)
        text->full = true;
    else
        text->used += (size_t)size;
}

static void add_head(Text *text, const char *name, const char *type, const char *help) {
    add(text, "# HELP visavis_%s %s.\n# TYPE visavis_%s %s\n", name, help, name, type);
}

static void add_histogram(Text *text, VvHistogram histogram, const char *name) {
    static const double bounds[] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                    0.05,   0.1,     0.25,   0.5,   1,      2.5,   5,    10};
    uint64_t counts[BUCKETS];
    const uint64_t total = read_counts(histogram, counts);
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
        add(text, "visavis_%s_bucket{le=\"%g\"} %.0f\n", name, bounds[i], floor(count_below(counts, bounds[i] * 1e6)));
    const uint64_t sum = atomic_load_explicit(&histograms[histogram].sum, memory_order_relaxed);
    add(text, "visavis_%s_bucket{le=\"+Inf\"} %llu\n", name, (unsigned long long)total);
    add(text, "visavis_%s_sum %.6f\n", name, (double)sum / 1e6);
    add(text, "visavis_%s_count %llu\n", name, (unsigned long long)total);
}

size_t vv_metrics_text(char *out, size_t size) {
    Text text = {.out = out, .size = size, .full = size == 0};
    if (text.full)
        return 0;
#define VV_COUNTER(NAME, wire, help)                                                                                   \
    add_head(&text, wire, "counter", help);                                                                            \
    add(&text, "visavis_%s %llu\n", wire, (unsigned long long)vv_counter(VV_COUNTER_##NAME));
#define VV_GAUGE(NAME, wire, help)                                                                                     \
    add_head(&text, wire, "gauge", help);                                                                              \
    add(&text, "visavis_%s %lld\n", wire, (long long)vv_gauge(VV_GAUGE_##NAME));
#define VV_HISTOGRAM(NAME, wire, help)                                                                                 \
    add_head(&text, wire, "histogram", help);                                                                          \
    add_histogram(&text, VV_HISTOGRAM_##NAME, wire);
#include "server/base/metrics.def"
#undef VV_COUNTER
#undef VV_GAUGE
#undef VV_HISTOGRAM
    return text.full ? 0 : text.used;
}
