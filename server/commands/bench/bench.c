/* `visavis bench`: the run from start to report. Everything that is measured happens on one loop in one thread; what
 * would disturb it (starting processes, reading /metrics) happens between the stretches that are recorded. */
#include "server/commands/commands.h"

#include "server/commands/bench/bad.h"
#include "server/commands/bench/churn.h"
#include "server/commands/bench/report.h"
#include "server/commands/bench/run.h"

#include <errno.h>
#include <ev.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define OWN_TICK 0.01
#define SETTLE 2.0        /* seconds after the last has joined, before recording */
#define BAD_ROUNDS 3      /* stretches without and with bad clients, in turn: what drifts hits both */
#define POINTS_MOST 20000 /* single measurements in the timeline */

/* ---- the loop -------------------------------------------------------------------------------------------- */

static void on_stop(struct ev_loop *loop, ev_timer *timer, int events) {
    (void)timer;
    (void)events;
    ev_break(loop, EVBREAK_ALL);
}

static void run_loop(VvBench *bench, double seconds) {
    ev_now_update(bench->run.loop);
    ev_timer_set(&bench->stop, seconds, 0.0);
    ev_timer_start(bench->run.loop, &bench->stop);
    ev_run(bench->run.loop, 0);
    ev_timer_stop(bench->run.loop, &bench->stop);
}

/* Our own lateness: whatever this timer is late, everything we measure may be. */
static void on_own(struct ev_loop *loop, ev_timer *timer, int events) {
    (void)loop;
    (void)events;
    VvBench *bench = timer->data;
    VvTime now = vv_now(), late = now - bench->own_due;
    if (bench->run.recording && bench->own_due)
        vv_samples_add(&bench->own_lateness, late > 0 ? (double)late / 1000.0 : 0);
    bench->own_due = now + (VvTime)(OWN_TICK * 1e6);
}

/* A single measurement that the timeline shows. */
static void take_point(void *ctx, VvMeasure measure, double ms) {
    VvBench *bench = ctx;
    json_t *list = measure == VV_MEASURE_SPEECH_TO_FRAME ? bench->speech_points
                   : measure == VV_MEASURE_INTERRUPT     ? bench->interrupt_points
                                                         : NULL;
    double t = bench->recorded + (double)(vv_now() - bench->recording_since) / (double)VV_SECOND;
    if (list && json_array_size(list) < POINTS_MOST)
        json_array_append_new(list, json_pack("[f, f]", round(t * 100) / 100, round(ms * 100) / 100));
}

/* A second of the timeline. */
static void on_point(struct ev_loop *loop, ev_timer *timer, int events) {
    (void)loop;
    (void)events;
    VvBench *bench = timer->data;
    VvUsage usage = {0};
    VvTime now = vv_now();
    double own = vv_own_cpu(), span = (double)(now - bench->point_at) / (double)VV_SECOND;
    bool known = vv_process_usage(bench->watched, &usage);
    VvSamples *interval = &bench->run.second;
    if (bench->run.recording && interval->count && span > 0.5) {
        vv_samples_sort(interval);
        double t = bench->recorded + (double)(now - bench->recording_since) / (double)VV_SECOND;
        json_t *point = json_pack("{s:f, s:i, s:f, s:f, s:f, s:f}", "t", round(t * 100) / 100, "frames",
                                  (int)interval->count, "interval_p50", vv_samples_quantile(interval, 0.5),
                                  "interval_p99", vv_samples_quantile(interval, 0.99), "interval_max",
                                  vv_samples_quantile(interval, 1), "bench_cpu", (own - bench->point_own) / span);
        if (known) {
            json_object_set_new(point, "daemon_cpu",
                                json_real((usage.cpu_seconds - bench->point_usage.cpu_seconds) / span));
            json_object_set_new(point, "rss_mib", json_real(usage.rss_bytes / 1048576.0));
        }
        json_array_append_new(bench->seconds, point);
    }
    vv_samples_clear(interval);
    bench->point_at = now;
    bench->point_own = own;
    bench->point_usage = usage;
}

/* ---- the daemon ------------------------------------------------------------------------------------------ */

#define DAEMON_ARGS 64

/* What the daemon said before it gave up. */
static void show_log(const VvBench *bench) {
    char line[512];
    FILE *log = fopen(bench->log, "r");
    while (log && fgets(line, sizeof line, log))
        fprintf(stderr, "    %s", line);
    if (log)
        fclose(log);
}

static int start_daemon(VvBench *bench) {
    const char *argv[DAEMON_ARGS] = {"visavis",           "serve", "--address",         "127.0.0.1", "--port", "0",
                                     "--max-connections", "65000", "--max-per-address", "65000"};
    char *more = bench->options.daemon_args, *rest;
    int count = 10;
    for (char *arg = more ? strtok_r(more, " ", &rest) : NULL; arg && count < DAEMON_ARGS - 1;
         arg = strtok_r(NULL, " ", &rest))
        argv[count++] = arg;
    snprintf(bench->log, sizeof bench->log, "/tmp/visavis-bench-%ld.log", (long)getpid());
    bench->daemon = vv_process_start((char *const *)(uintptr_t)argv, &bench->daemon_out, bench->log);
    if (bench->daemon < 0) {
        fprintf(stderr, "visavis bench: cannot start a daemon: %s\n", strerror(-bench->daemon));
        bench->daemon = 0;
        return -1;
    }
    int result = vv_process_ready(bench->daemon_out, 20, bench->url, sizeof bench->url);
    if (result) {
        fprintf(stderr, "visavis bench: the daemon did not become ready: %s\n", strerror(-result));
        show_log(bench);
        return -1;
    }
    bench->watched = bench->daemon;
    return 0;
}

static double rss(const VvBench *bench) {
    VvUsage usage;
    return vv_process_usage(bench->watched, &usage) ? usage.rss_bytes : 0;
}

/* ---- bad clients ----------------------------------------------------------------------------------------- */

static pid_t start_bad(VvBench *bench, int *out) {
    char names[64];
    const char *argv[] = {"visavis", "bench", "--be-bad", names, "--url", bench->url, NULL, NULL, NULL};
    vv_bench_bad_names(bench->options.bad, names, sizeof names);
    if (bench->options.token) {
        argv[6] = "--token";
        argv[7] = bench->options.token;
    }
    return vv_process_start((char *const *)(uintptr_t)argv, out, "/dev/null");
}

/* Ends them, and adds what they tell to what earlier ones told. */
static void stop_bad(VvBench *bench, pid_t pid, int out) {
    char text[2048];
    const char *name, *key;
    json_t *client, *value;
    vv_process_stop(pid, 5);
    ssize_t got = read(out, text, sizeof text - 1);
    close(out);
    text[got > 0 ? got : 0] = 0;
    json_t *told = json_loads(text, 0, NULL);
    json_object_foreach(told, name, client) {
        json_t *sum = json_object_get(bench->bad_clients, name);
        if (!sum) {
            sum = json_object();
            json_object_set_new(bench->bad_clients, name, sum);
        }
        json_object_foreach(client, key, value) json_object_set_new(
            sum, key, json_integer(json_integer_value(json_object_get(sum, key)) + json_integer_value(value)));
    }
    json_decref(told);
}

/* ---- measuring ------------------------------------------------------------------------------------------- */

static int join_all(VvBench *bench) {
    int count = bench->options.sessions;
    bench->callers = calloc((size_t)count, sizeof *bench->callers);
    for (int i = 0; bench->callers && i < count; i++) {
        bench->callers[i] = vv_caller_new(&bench->run, i, i < bench->options.inspect);
        if (!bench->callers[i])
            return -1;
    }
    if (!bench->callers)
        return -1;
    for (int i = 0; i < count; i++) {
        vv_caller_dial(bench->callers[i]);
        run_loop(bench, bench->options.ramp / count);
    }
    run_loop(bench, SETTLE);
    if (!bench->run.counts.joined) {
        fprintf(stderr, "visavis bench: nobody could join: %s\n", bench->run.complaint);
        return -1;
    }
    return 0;
}

static void stretch(VvBench *bench, VvBenchRecord *record, double seconds) {
    int count = bench->options.sessions;
    vv_record_begin(record, &bench->run, bench->callers, count, bench->watched);
    bench->own_due = 0;
    bench->recording_since = bench->point_at = vv_now();
    bench->point_own = vv_own_cpu();
    vv_process_usage(bench->watched, &bench->point_usage);
    ev_now_update(bench->run.loop);
    ev_timer_again(bench->run.loop, &bench->point);
    run_loop(bench, seconds);
    bench->recorded += (double)(vv_now() - bench->recording_since) / (double)VV_SECOND;
    vv_record_end(record, &bench->run, bench->callers, count, bench->watched);
    vv_samples_merge(&record->pool[VV_MEASURE_OWN], &bench->own_lateness);
    vv_samples_clear(&bench->own_lateness);
}

static void measure(VvBench *bench) {
    double seconds = bench->options.seconds;
    if (!bench->options.bad) {
        stretch(bench, &bench->record[0], seconds);
        bench->rss_full = rss(bench);
        return;
    }
    for (int round = 0; round < BAD_ROUNDS; round++) {
        int out;
        stretch(bench, &bench->record[0], seconds / BAD_ROUNDS);
        bench->rss_full = round ? bench->rss_full : rss(bench); /* later the bad clients' sessions are in it */
        pid_t bad = start_bad(bench, &out);
        if (bad < 0) {
            fprintf(stderr, "visavis bench: cannot start the bad clients: %s\n", strerror(-bad));
            return;
        }
        run_loop(bench, SETTLE);
        stretch(bench, &bench->record[1], seconds / BAD_ROUNDS);
        stop_bad(bench, bad, out);
        run_loop(bench, SETTLE);
    }
}

static void leave_all(VvBench *bench) {
    int open = 1;
    for (int i = 0; bench->callers && i < bench->options.sessions; i++)
        if (bench->callers[i])
            vv_caller_leave(bench->callers[i]);
    for (int turn = 0; turn < 50 && open; turn++) {
        run_loop(bench, 0.1);
        open = 0;
        for (int i = 0; bench->callers && i < bench->options.sessions; i++)
            open += bench->callers[i] && vv_caller_connected(bench->callers[i]);
    }
    run_loop(bench, 1.0); /* the daemon frees a session after its end */
}

/* Writes and prints what was asked for. The program's exit status. */
static int deliver(const VvBench *bench) {
    const VvBenchOptions *o = &bench->options;
    FILE *out = o->json && strcmp(o->json, "-") == 0 ? stderr : stdout; /* the table makes way for JSON */
    vv_report_print(bench->report, out);
    if (bench->old)
        vv_report_compare(bench->old, bench->report, out);
    int json = o->json ? vv_report_save(bench->report, o->json) : 0;
    int html = o->html ? vv_report_html(bench->report, o->html) : 0;
    if (json)
        fprintf(stderr, "visavis bench: cannot write %s: %s\n", o->json, strerror(-json));
    if (html)
        fprintf(stderr, "visavis bench: cannot write %s: %s\n", o->html, strerror(-html));
    if (o->slo)
        fprintf(out, "\nchecked\n");
    int violations = o->slo ? vv_slo_check(bench->report, o->slo, out) : 0;
    return json || html || violations < 0 ? 1 : violations ? 3 : 0;
}

static int open_bench(VvBench *bench) {
    bench->report = json_object();
    bench->seconds = json_array();
    bench->speech_points = json_array();
    bench->interrupt_points = json_array();
    bench->bad_clients = json_object();
    bench->daemon_out = -1;
    bench->run.options = &bench->options;
    bench->run.clips = &bench->clips;
    bench->run.url = bench->url;
    bench->run.loop = EV_DEFAULT;
    bench->run.point = take_point;
    bench->run.ctx = bench;
    ev_timer_init(&bench->own, on_own, OWN_TICK, OWN_TICK);
    ev_timer_init(&bench->point, on_point, 1.0, 1.0);
    ev_timer_init(&bench->stop, on_stop, 0.0, 0.0);
    bench->own.data = bench->point.data = bench;
    char why[400];
    if (bench->options.compare && !(bench->old = vv_report_load(bench->options.compare, why, sizeof why))) {
        fprintf(stderr, "visavis bench: %s\n", why); /* now, not after the run; and before --json overwrites it */
        return -1;
    }
    if (vv_clips_make(&bench->clips)) {
        fprintf(stderr, "visavis bench: cannot make its media: `visavis doctor` says what is missing\n");
        return -1;
    }
    bench->watched = (pid_t)bench->options.pid;
    if (bench->options.url)
        snprintf(bench->url, sizeof bench->url, "%s", bench->options.url);
    else if (start_daemon(bench))
        return -1;
    bench->run.clients = vv_clients_open(bench->run.loop);
    if (!bench->run.clients) {
        fprintf(stderr, "visavis bench: out of memory\n");
        return -1;
    }
    ev_timer_start(bench->run.loop, &bench->own);
    ev_timer_start(bench->run.loop, &bench->point);
    return 0;
}

static void close_bench(VvBench *bench) {
    ev_timer_stop(bench->run.loop, &bench->own);
    ev_timer_stop(bench->run.loop, &bench->point);
    vv_clients_close(&bench->run.clients);
    for (int i = 0; bench->callers && i < bench->options.sessions; i++)
        vv_caller_free(&bench->callers[i]);
    free(bench->callers);
    if (bench->daemon) {
        int status = vv_process_stop(bench->daemon, 15);
        if (status && bench->watched) {
            fprintf(stderr, "visavis bench: the daemon ended with status %d:\n", status);
            show_log(bench);
        }
        unlink(bench->log);
    }
    if (bench->daemon_out >= 0)
        close(bench->daemon_out);
    vv_clips_free(&bench->clips);
    vv_record_free(&bench->record[0]);
    vv_record_free(&bench->record[1]);
    vv_samples_free(&bench->own_lateness);
    vv_samples_free(&bench->run.second);
    json_decref(bench->report);
    json_decref(bench->old);
    json_decref(bench->seconds);
    json_decref(bench->speech_points);
    json_decref(bench->interrupt_points);
    json_decref(bench->bad_clients);
}

static int run_bench(VvBench *bench) {
    vv_bench_describe_setup(bench);
    bench->rss_before = rss(bench);
    if (bench->options.churn) {
        json_t *churn = vv_bench_churn(&bench->run, bench->options.churn, bench->watched, &bench->record[0]);
        json_object_set_new(bench->report, "churn", churn);
    } else {
        if (join_all(bench))
            return -1;
        measure(bench);
        leave_all(bench);
        bench->rss_after = rss(bench);
    }
    vv_bench_describe(bench);
    return 0;
}

int vv_command_bench(int argc, char **argv) {
    VvBench *bench = calloc(1, sizeof *bench);
    int status = bench ? vv_bench_options(argc, argv, &bench->options) : 1;
    if (status) {
        if (bench)
            vv_bench_options_free(&bench->options);
        free(bench);
        return status < 0 ? 0 : status;
    }
    if (bench->options.be_bad)
        status = vv_bench_be_bad(&bench->options);
    else
        status = open_bench(bench) || run_bench(bench) ? 1 : deliver(bench);
    if (!bench->options.be_bad)
        close_bench(bench);
    vv_bench_options_free(&bench->options);
    free(bench);
    return status;
}
