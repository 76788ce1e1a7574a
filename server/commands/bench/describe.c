/* Writes a run down: the sections of its report. */
#include "server/commands/bench/report.h"
#include "server/commands/bench/run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void describe_machine(json_t *report) {
    char line[512], cpu[256] = "unknown processor";
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "model name : %255[^\n]", cpu) == 1)
            break;
    if (file)
        fclose(file);
    json_object_set_new(report, "machine",
                        json_pack("{s:s, s:i}", "cpu", cpu, "cores", (int)sysconf(_SC_NPROCESSORS_ONLN)));
}

void vv_bench_describe_setup(VvBench *bench) {
    const VvBenchOptions *o = &bench->options;
    char size[32], date[32];
    time_t now = time(NULL);
    struct tm utc;
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    snprintf(size, sizeof size, "%dx%d", o->width, o->height);
    json_object_set_new(bench->report, "visavis_bench", json_integer(1));
    json_object_set_new(bench->report, "version", json_string(VV_VERSION));
    json_object_set_new(bench->report, "date", json_string(date));
    json_object_set_new(bench->report, "setup",
                        json_pack("{s:i, s:i, s:s, s:s, s:i, s:i, s:f, s:i, s:s}", "sessions", o->sessions, "seconds",
                                  o->churn ? 0 : o->seconds, "pace", o->real_time ? "at real-time pace" : "in bursts",
                                  "size", size, "kbps", o->kbps, "camera_fps", o->camera_fps, "ramp", o->ramp, "seed",
                                  o->seed, "url", o->url ? o->url : "a daemon of its own"));
    describe_machine(bench->report);
}

static void describe_use(VvBench *bench, const VvBenchRecord *record) {
    const double mib = 1048576.0;
    int sessions = (int)bench->run.counts.joined;
    json_t *daemon = json_object();
    if (record->cpu_known > 0 && sessions) {
        double cores = record->daemon_cpu / record->cpu_known;
        json_object_set_new(daemon, "cpu_cores", json_real(cores));
        json_object_set_new(daemon, "cpu_percent_per_session", json_real(100 * cores / sessions));
    }
    if (bench->rss_full > 0 && sessions) {
        json_object_set_new(daemon, "rss_mib_before", json_real(bench->rss_before / mib));
        json_object_set_new(daemon, "rss_mib_full", json_real(bench->rss_full / mib));
        json_object_set_new(daemon, "rss_mib_after", json_real(bench->rss_after / mib));
        json_object_set_new(daemon, "rss_mib_per_session",
                            json_real((bench->rss_full - bench->rss_before) / mib / sessions));
    }
    json_object_set_new(bench->report, "daemon", daemon);
    json_object_set_new(bench->report, "bench",
                        json_pack("{s:f}", "cpu_cores", record->seconds > 0 ? record->bench_cpu / record->seconds : 0));
}

static void describe_isolation(VvBench *bench) {
    static const VvMeasure compared[] = {VV_MEASURE_INTERVAL,  VV_MEASURE_JITTER, VV_MEASURE_SPEECH_TO_FRAME,
                                         VV_MEASURE_INTERRUPT, VV_MEASURE_SKEW,   VV_MEASURE_ROUND_TRIP,
                                         VV_MEASURE_OWN};
    json_t *isolation = json_object(), *ratios = json_object();
    json_t *without = vv_record_measures(&bench->record[0]), *with = vv_record_measures(&bench->record[1]);
    char names[64];
    vv_bench_bad_names(bench->options.bad, names, sizeof names);
    for (size_t i = 0; i < sizeof compared / sizeof *compared; i++) {
        const char *key = vv_measure_key(compared[i]);
        double before = json_number_value(json_object_get(json_object_get(without, key), "p99"));
        double after = json_number_value(json_object_get(json_object_get(with, key), "p99"));
        if (before > 0)
            json_object_set_new(ratios, key, json_real(after / before));
    }
    json_object_set_new(isolation, "bad", json_string(names));
    json_object_set_new(isolation, "ratio_p99", ratios);
    json_object_set_new(isolation, "without", without);
    json_object_set_new(isolation, "with", with);
    json_object_set_new(isolation, "server_with", vv_record_server(&bench->record[1]));
    json_object_set(isolation, "clients", bench->bad_clients);
    json_object_set_new(bench->report, "isolation", isolation);
}

static void describe_inspection(VvBench *bench) {
    int count = bench->options.inspect;
    VvInspection *found = calloc(count ? (size_t)count : 1, sizeof *found);
    for (int i = 0; i < count && found; i++)
        vv_inspector_result(vv_caller_inspector(bench->callers[i]), &found[i]);
    if (count && found)
        json_object_set_new(bench->report, "inspection", vv_report_inspection(found, count));
    free(found);
}

void vv_bench_describe(VvBench *bench) {
    const VvBenchRecord *record = &bench->record[0];
    json_object_set_new(bench->report, "measures", vv_record_measures(&bench->record[0]));
    json_object_set_new(bench->report, "server", vv_record_server(record));
    describe_use(bench, record);
    json_t *counts = vv_report_counts(&bench->run.counts), *more = vv_record_counters(record);
    json_object_update(counts, more);
    json_decref(more);
    json_object_set_new(bench->report, "counts", counts);
    if (bench->run.complaint[0])
        json_object_set_new(bench->report, "complaint", json_string(bench->run.complaint));
    describe_inspection(bench);
    if (bench->options.bad)
        describe_isolation(bench);
    json_object_set_new(bench->report, "timeline",
                        json_pack("{s:O, s:{s:O, s:O}}", "seconds", bench->seconds, "points", "speech_to_frame",
                                  bench->speech_points, "interrupt", bench->interrupt_points));
}

void vv_bench_bad_names(int bad, char *out, size_t size) {
    snprintf(out, size, "%s%s%s", bad & VV_BAD_FLOOD ? ",flood" : "", bad & VV_BAD_DEAF ? ",deaf" : "",
             bad & VV_BAD_GARBAGE ? ",garbage" : "");
    memmove(out, out + 1, strlen(out)); /* the first comma */
}
