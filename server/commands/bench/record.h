/* What is gathered while callers call: pooled samples, the daemon's own figures, a timeline. A record covers one or
 * more stretches of time; between them nothing is kept. */
#ifndef VV_RECORD_H
#define VV_RECORD_H

#include "server/commands/bench/caller.h"
#include "server/commands/bench/scrape.h"

#include <jansson.h>
#include <sys/types.h>

#define VV_RECORD_HISTOGRAMS 16
#define VV_RECORD_COUNTERS 16

typedef struct VvRecordHistogram {
    size_t buckets;
    double bound[VV_SCRAPE_BUCKETS], count[VV_SCRAPE_BUCKETS]; /* cumulated, over all stretches */
} VvRecordHistogram;

typedef struct VvBenchRecord {
    VvSamples pool[VV_MEASURE_COUNT];
    VvSamples worst[VV_MEASURE_COUNT]; /* each session's p99 in each stretch */
    VvRecordHistogram histogram[VV_RECORD_HISTOGRAMS];
    double counter[VV_RECORD_COUNTERS]; /* the daemon's counters, what they rose by */
    bool scraped;
    double seconds, daemon_cpu, bench_cpu; /* of all stretches */
    double cpu_known;                      /* seconds for which daemon_cpu is known */
} VvBenchRecord;

/* Begins a stretch: clears the callers' samples (those of joining go to the pool first), notes the daemon's figures
 * (`pid` 0: unknown), and sets run->recording. */
void vv_record_begin(VvBenchRecord *record, VvBenchRun *run, VvCaller **callers, int count, pid_t pid);

/* Ends it and adds what was gathered. */
void vv_record_end(VvBenchRecord *record, VvBenchRun *run, VvCaller **callers, int count, pid_t pid);

/* New: sections "measures", "server" and the daemon's counters of a report; sorts the pool. */
json_t *vv_record_measures(VvBenchRecord *record);
json_t *vv_record_server(const VvBenchRecord *record);
json_t *vv_record_counters(const VvBenchRecord *record);

void vv_record_free(VvBenchRecord *record);

/* CPU seconds that this process has used. */
double vv_own_cpu(void);

#endif
