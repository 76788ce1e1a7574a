/* Clients that misbehave, to see whether the others notice: one that sends far too much, one that never reads, one that
 * sends garbage. They live in a process of their own, so that they do not disturb the measuring. */
#ifndef VV_BAD_H
#define VV_BAD_H

#include "server/commands/bench/bench.h"

/* Runs the bad clients of options->be_bad against options->url until SIGTERM; then prints one line of JSON: for each
 * client how often it connected, was closed, was told an error, and what it sent. The process's exit status. */
int vv_bench_be_bad(const VvBenchOptions *options);

/* Reads "flood", "deaf", "garbage", "all", or several with commas; 0 if it is none of them. */
int vv_bad_parse(const char *text);

#endif
