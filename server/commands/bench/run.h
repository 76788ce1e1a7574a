/* One run of the benchmark: what bench.c does and describe.c writes down. */
#ifndef VV_BENCH_RUN_H
#define VV_BENCH_RUN_H

#include "server/commands/bench/process.h"
#include "server/commands/bench/record.h"

#include <ev.h>

typedef struct VvBench {
    VvBenchOptions options;
    VvBenchRun run;
    VvClips clips;
    VvCaller **callers;
    pid_t daemon; /* the one we started; 0: none */
    int daemon_out;
    pid_t watched; /* whose CPU and memory is looked at; 0: unknown */
    char url[512], log[64];
    ev_timer own, point, stop;
    VvTime own_due, recording_since; /* of the current stretch */
    double recorded;                 /* seconds of earlier stretches */
    VvTime point_at;
    VvUsage point_usage;
    double point_own;
    VvSamples own_lateness;
    VvBenchRecord record[2]; /* without, and with bad clients */
    double rss_before, rss_full, rss_after;
    json_t *old; /* the report to compare with; NULL: none */
    json_t *report, *seconds, *speech_points, *interrupt_points, *bad_clients;
} VvBench;

/* Fills bench->report with the run's setup and the machine, before it; and with everything that was found, after it. */
void vv_bench_describe_setup(VvBench *bench);
void vv_bench_describe(VvBench *bench);

/* The set of VV_BAD_* as "flood,deaf"; the same text that --bad takes. */
void vv_bench_bad_names(int bad, char *out, size_t size);

#endif
