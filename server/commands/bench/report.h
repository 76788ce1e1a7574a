/* The benchmark's report: one JSON object, of which the table, the page, the comparison and the checks are views.
 *
 *   setup      what was run            measures   at the clients, {count, mean, p50, p90, p99, max, cdf, ...}
 *   machine    where                   server     the daemon's own histograms of the same time, {count, p50, p90, p99}
 *   daemon     its CPU and memory      counts     what is counted, and the daemon's counters
 *   bench      the benchmark's CPU     inspection what decoding the media showed
 *   timeline   a point a second        isolation, churn   of --bad and --churn
 *
 * All objects are jansson's, with its rules of ownership: "new" ones belong to the caller. */
#ifndef VV_REPORT_H
#define VV_REPORT_H

#include "server/commands/bench/bench.h"
#include "server/commands/bench/inspect.h"

#include <jansson.h>
#include <stdio.h>

/* New: the summary of a measure; sorts it. `cdf` has the 101 quantiles 0 %, 1 %, ... 100 %. */
json_t *vv_report_samples(VvSamples *samples);

/* New: the counts under their names. */
json_t *vv_report_counts(const VvBenchCounts *counts);

/* New: what inspecting showed, all inspected sessions together. */
json_t *vv_report_inspection(const VvInspection *inspections, int count);

/* Writes the report as JSON; "-" is standard output. 0 or -errno. */
int vv_report_save(const json_t *report, const char *path);

/* New: reads a report; NULL, with the reason in `why`, if it is none. */
json_t *vv_report_load(const char *path, char *why, size_t size);

/* The number at a dotted path such as "measures.av_skew_ms.p99"; a path that begins with the name of a measure is one
 * below "measures". False if there is none. */
bool vv_report_number(const json_t *report, const char *path, double *value);

/* Prints the table. */
void vv_report_print(const json_t *report, FILE *out);

/* Prints every number that both reports can have: old, new, ratio. Returns how many both have. */
int vv_report_compare(const json_t *old, const json_t *new, FILE *out);

/* Writes the page: HTML with its style and plots inside. 0 or -errno. */
int vv_report_html(const json_t *report, const char *path);

/* Checks "path<=value" items, separated by commas or line ends, # begins a comment; or, if the text has no comparison
 * in it, the file of that name. Prints one line for each. Returns the violations (a number that is not there is one),
 * or -EINVAL with the reason printed. */
int vv_slo_check(const json_t *report, const char *text, FILE *out);

#endif
