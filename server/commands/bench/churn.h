/* Connections that come and go, and what it does to the daemon's memory. */
#ifndef VV_CHURN_H
#define VV_CHURN_H

#include "server/commands/bench/record.h"

#include <jansson.h>
#include <sys/types.h>

/* Runs `cycles` of: connect, start, get the first frame while microphone and camera are sent, end; a few at a time.
 * New: the section "churn" of a report, with the memory of process `daemon` (0: unknown) at ten points. The times of
 * joining and of first frames go into `record`. */
json_t *vv_bench_churn(VvBenchRun *run, int cycles, pid_t daemon, VvBenchRecord *record);

#endif
