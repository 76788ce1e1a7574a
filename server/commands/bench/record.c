/* Gathering, stretch by stretch. */
#include "server/commands/bench/record.h"

#include "server/commands/bench/process.h"
#include "server/commands/bench/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* The daemon's figures that belong into a report. */
static const char *const histograms[] = {"window_lateness_seconds", "tick_lateness_seconds",   "step_seconds",
                                         "window_wait_seconds",     "speech_to_frame_seconds", "interrupt_seconds",
                                         "vp8_encode_seconds",      "vp8_decode_seconds",      "opus_encode_seconds",
                                         "opus_decode_seconds",     "inbox_wait_seconds",      "outbox_wait_seconds"};
static const char *const counters[] = {"windows_total",         "windows_late_total",   "frames_late_total",
                                       "frames_remade_total",   "frames_dropped_total", "starved_frames_total",
                                       "camera_dropped_total",  "mic_concealed_total",  "media_errors_total",
                                       "protocol_errors_total", "throttled_total",      "slow_clients_total",
                                       "log_dropped_total"};
#define HISTOGRAMS (sizeof histograms / sizeof *histograms)
#define COUNTERS (sizeof counters / sizeof *counters)
_Static_assert(HISTOGRAMS <= VV_RECORD_HISTOGRAMS && COUNTERS <= VV_RECORD_COUNTERS, "room in the record");

double vv_own_cpu(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Adds the daemon's figures with a sign: minus at a stretch's beginning, plus at its end. */
static bool add_scrape(VvBenchRecord *record, const char *url, double sign) {
    VvScrape *scrape = malloc(sizeof *scrape);
    char name[96];
    bool known = scrape && vv_scrape(url, scrape) == 0;
    for (size_t i = 0; i < HISTOGRAMS && known; i++) {
        double bound[VV_SCRAPE_BUCKETS], below[VV_SCRAPE_BUCKETS];
        VvRecordHistogram *histogram = &record->histogram[i];
        snprintf(name, sizeof name, "visavis_%s", histograms[i]);
        size_t buckets = vv_scrape_histogram(scrape, name, bound, below);
        if (!buckets || (histogram->buckets && histogram->buckets != buckets))
            continue;
        histogram->buckets = buckets;
        memcpy(histogram->bound, bound, sizeof bound);
        for (size_t b = 0; b < buckets; b++)
            histogram->count[b] += sign * below[b];
    }
    for (size_t i = 0; i < COUNTERS && known; i++) {
        snprintf(name, sizeof name, "visavis_%s", counters[i]);
        record->counter[i] += sign * vv_scrape_value(scrape, name, 0);
    }
    free(scrape);
    return known;
}

static void add_time(VvBenchRecord *record, pid_t pid, double sign) {
    VvUsage usage;
    double now = (double)vv_now() / (double)VV_SECOND;
    record->seconds += sign * now;
    record->bench_cpu += sign * vv_own_cpu();
    if (vv_process_usage(pid, &usage)) {
        record->daemon_cpu += sign * usage.cpu_seconds;
        record->cpu_known += sign * now;
    }
}

void vv_record_begin(VvBenchRecord *record, VvBenchRun *run, VvCaller **callers, int count, pid_t pid) {
    for (int i = 0; i < count; i++) {
        vv_samples_merge(&record->pool[VV_MEASURE_JOIN], vv_caller_samples(callers[i], VV_MEASURE_JOIN));
        vv_samples_merge(&record->pool[VV_MEASURE_FIRST_FRAME], vv_caller_samples(callers[i], VV_MEASURE_FIRST_FRAME));
        vv_caller_clear(callers[i]);
    }
    record->scraped = add_scrape(record, run->url, -1);
    add_time(record, pid, -1);
    run->recording = true;
}

void vv_record_end(VvBenchRecord *record, VvBenchRun *run, VvCaller **callers, int count, pid_t pid) {
    run->recording = false;
    add_time(record, pid, 1);
    record->scraped = add_scrape(record, run->url, 1) && record->scraped;
    for (int i = 0; i < count; i++) {
        for (int m = 0; m < VV_MEASURE_COUNT; m++) {
            VvSamples *samples = vv_caller_samples(callers[i], (VvMeasure)m);
            if (!samples->count)
                continue;
            vv_samples_merge(&record->pool[m], samples);
            vv_samples_sort(samples);
            vv_samples_add(&record->worst[m], vv_samples_quantile(samples, 0.99));
        }
        vv_caller_clear(callers[i]);
    }
}

json_t *vv_record_measures(VvBenchRecord *record) {
    json_t *measures = json_object();
    for (int m = 0; m < VV_MEASURE_COUNT; m++) {
        json_t *measure = vv_report_samples(&record->pool[m]);
        if (record->worst[m].count > 1) {
            vv_samples_sort(&record->worst[m]);
            json_object_set_new(measure, "session_p99_median", json_real(vv_samples_quantile(&record->worst[m], 0.5)));
            json_object_set_new(measure, "session_p99_worst", json_real(vv_samples_quantile(&record->worst[m], 1)));
        }
        json_object_set_new(measures, vv_measure_key((VvMeasure)m), measure);
    }
    return measures;
}

/* "window_lateness_seconds" becomes "window_lateness_ms". */
static void key_in_ms(const char *name, char *key, size_t size) {
    size_t length = strlen(name) - strlen("seconds");
    snprintf(key, size, "%.*sms", (int)length, name);
}

json_t *vv_record_server(const VvBenchRecord *record) {
    static const double nothing[VV_SCRAPE_BUCKETS];
    static const struct {
        const char *name;
        double q;
    } points[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}};
    json_t *server = json_object();
    for (size_t i = 0; i < HISTOGRAMS && record->scraped; i++) {
        const VvRecordHistogram *histogram = &record->histogram[i];
        char key[96];
        if (!histogram->buckets)
            continue;
        json_t *object = json_object();
        json_object_set_new(object, "count", json_integer((json_int_t)histogram->count[histogram->buckets - 1]));
        for (size_t p = 0; p < sizeof points / sizeof *points; p++) {
            double seconds =
                vv_scrape_quantile(histogram->bound, nothing, histogram->count, histogram->buckets, points[p].q);
            json_object_set_new(object, points[p].name, json_real(round(seconds * 1e6) / 1e3));
        }
        key_in_ms(histograms[i], key, sizeof key);
        json_object_set_new(server, key, object);
    }
    return server;
}

json_t *vv_record_counters(const VvBenchRecord *record) {
    json_t *object = json_object();
    for (size_t i = 0; i < COUNTERS && record->scraped; i++)
        json_object_set_new(object, counters[i], json_integer((json_int_t)record->counter[i]));
    return object;
}

void vv_record_free(VvBenchRecord *record) {
    for (int m = 0; m < VV_MEASURE_COUNT; m++) {
        vv_samples_free(&record->pool[m]);
        vv_samples_free(&record->worst[m]);
    }
}
