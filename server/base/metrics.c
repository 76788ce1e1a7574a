/* Counters, gauges, histograms.
 *
 * A histogram has four buckets an octave from 16 microseconds up to a minute, so that a quantile read from it is within
 * a tenth of the truth; what is shown to Prometheus is coarser. All updates are relaxed: see metrics.h. */
#include "server/base/metrics.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>

#define OCTAVE 4
#define LOWEST 4 /* 2^4 = 16 us */
#define BUCKETS (OCTAVE * 22 + 1)

typedef struct Histogram {
    _Atomic uint64_t bucket[BUCKETS];
    _Atomic uint64_t sum, count;
} Histogram;

typedef struct Name {
    const char *wire, *help;
} Name;

#define VV_COUNTER(NAME, wire, help) {wire, help},
#define VV_GAUGE(NAME, wire, help)
#define VV_HISTOGRAM(NAME, wire, help)
static const Name counter_names[] = {
#include "server/base/metrics.def"
};
#undef VV_COUNTER
#undef VV_GAUGE
#undef VV_HISTOGRAM
#define VV_COUNTER(NAME, wire, help)
#define VV_GAUGE(NAME, wire, help) {wire, help},
#define VV_HISTOGRAM(NAME, wire, help)
static const Name gauge_names[] = {
#include "server/base/metrics.def"
};
#undef VV_COUNTER
#undef VV_GAUGE
#undef VV_HISTOGRAM
#define VV_COUNTER(NAME, wire, help)
#define VV_GAUGE(NAME, wire, help)
#define VV_HISTOGRAM(NAME, wire, help) {wire, help},
static const Name histogram_names[] = {
#include "server/base/metrics.def"
};

static _Atomic uint64_t counters[VV_COUNTER_COUNT];
static _Atomic int64_t gauges[VV_GAUGE_COUNT];
static Histogram histograms[VV_HISTOGRAM_COUNT];

void vv_count(VvCounter counter, uint64_t n) {
    atomic_fetch_add_explicit(&counters[counter], n, memory_order_relaxed);
}

uint64_t vv_counter(VvCounter counter) {
    return atomic_load_explicit(&counters[counter], memory_order_relaxed);
}

void vv_gauge_set(VvGauge gauge, int64_t value) {
    atomic_store_explicit(&gauges[gauge], value, memory_order_relaxed);
}

void vv_gauge_add(VvGauge gauge, int64_t n) {
    atomic_fetch_add_explicit(&gauges[gauge], n, memory_order_relaxed);
}

int64_t vv_gauge(VvGauge gauge) {
    return atomic_load_explicit(&gauges[gauge], memory_order_relaxed);
}

/* Bucket 0 is below 16 us; bucket 1 + 4 k + j covers [2^(4+k) (1 + j/4), 2^(4+k) (1 + (j+1)/4)). */
static int bucket_of(uint64_t us) {
    if (us < (UINT64_C(1) << LOWEST))
        return 0;
    const int octave = 63 - __builtin_clzll(us);
    const int part = (int)(us >> (octave - 2) & (OCTAVE - 1));
    const int bucket = 1 + OCTAVE * (octave - LOWEST) + part;
    return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

static double bucket_start(int bucket) {
    if (bucket <= 0)
        return 0;
    const int octave = (bucket - 1) / OCTAVE, part = (bucket - 1) % OCTAVE;
    return (double)(UINT64_C(1) << (LOWEST + octave)) * (1 + part / (double)OCTAVE);
}

void vv_observe(VvHistogram which, VvTime microseconds) {
    const uint64_t us = microseconds > 0 ? (uint64_t)microseconds : 0;
    Histogram *histogram = &histograms[which];
    atomic_fetch_add_explicit(&histogram->bucket[bucket_of(us)], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->sum, us, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->count, 1, memory_order_relaxed);
}

double vv_quantile(VvHistogram which, double q) {
    uint64_t bucket[BUCKETS], total = 0;
    for (int i = 0; i < BUCKETS; i++)
        total += bucket[i] = atomic_load_explicit(&histograms[which].bucket[i], memory_order_relaxed);
    if (!total)
        return 0;
    const double target = q * (double)total;
    double below = 0;
    for (int i = 0; i < BUCKETS; i++) {
        const double here = (double)bucket[i];
        if (here > 0 && below + here >= target) {
            const double share = (target - below) / here;
            return bucket_start(i) + share * (bucket_start(i + 1) - bucket_start(i));
        }
        below += here;
    }
    return bucket_start(BUCKETS);
}

/* ---- text ----------------------------------------------------------------------------------------------------------
 */

typedef struct Text {
    char *at;
    size_t room;
    bool full;
} Text;

static void add(Text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(Text *text, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const int size = vsnprintf(text->at, text->room, format, args);
    va_end(args);
    if (size < 0 || (size_t)size >= text->room) {
        text->full = true;
        return;
    }
    text->at += size;
    text->room -= (size_t)size;
}

/* Whole octaves are enough for a graph: 16 us, 32 us ... 34 s. */
static void add_histogram(Text *text, const Histogram *histogram, const Name *name) {
    uint64_t below = 0;
    add(text, "# HELP visavis_%s %s\n# TYPE visavis_%s histogram\n", name->wire, name->help, name->wire);
    for (int i = 0; i < BUCKETS; i++) {
        below += atomic_load_explicit(&histogram->bucket[i], memory_order_relaxed);
        if (i % OCTAVE == 0 && i + 1 < BUCKETS)
            add(text, "visavis_%s_bucket{le=\"%.9g\"} %" PRIu64 "\n", name->wire, bucket_start(i + 1) / 1e6, below);
    }
    const double sum = (double)atomic_load_explicit(&histogram->sum, memory_order_relaxed) / 1e6;
    add(text, "visavis_%s_bucket{le=\"+Inf\"} %" PRIu64 "\nvisavis_%s_sum %.9g\nvisavis_%s_count %" PRIu64 "\n",
        name->wire, below, name->wire, sum, name->wire, below);
}

size_t vv_metrics_text(char *out, size_t size) {
    Text text = {out, size, false};
    for (int i = 0; i < VV_COUNTER_COUNT; i++)
        add(&text, "# HELP visavis_%s %s\n# TYPE visavis_%s counter\nvisavis_%s %" PRIu64 "\n", counter_names[i].wire,
            counter_names[i].help, counter_names[i].wire, counter_names[i].wire, vv_counter((VvCounter)i));
    for (int i = 0; i < VV_GAUGE_COUNT; i++)
        add(&text, "# HELP visavis_%s %s\n# TYPE visavis_%s gauge\nvisavis_%s %" PRId64 "\n", gauge_names[i].wire,
            gauge_names[i].help, gauge_names[i].wire, gauge_names[i].wire, vv_gauge((VvGauge)i));
    for (int i = 0; i < VV_HISTOGRAM_COUNT; i++)
        add_histogram(&text, &histograms[i], &histogram_names[i]);
    return text.full ? 0 : (size_t)(text.at - out);
}
