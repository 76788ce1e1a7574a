/* Coming and going. */
#include "server/commands/bench/churn.h"

#include "server/commands/bench/process.h"

#include <ev.h>

#define AT_ONCE 4
#define POINTS 10
#define LOOK_EVERY 0.005
#define PATIENCE (10 * VV_SECOND) /* for a first frame */
#define MIB 1048576.0

typedef struct Churn {
    VvBenchRun *run;
    VvBenchRecord *record;
    VvCaller *slot[AT_ONCE];
    VvTime since[AT_ONCE];
    int cycles, begun, done, failed;
    pid_t daemon;
    ev_timer look;
    json_t *points;
    double second_rss, last_rss; /* bytes */
    int second_done;
} Churn;

static void note_memory(Churn *churn) {
    VvUsage usage;
    if (!vv_process_usage(churn->daemon, &usage))
        return;
    json_array_append_new(churn->points, json_pack("{s:i, s:f, s:i}", "cycles", churn->done, "rss_mib",
                                                   usage.rss_bytes / MIB, "threads", usage.threads));
    churn->last_rss = usage.rss_bytes;
    if (json_array_size(churn->points) == 2) {
        churn->second_rss = usage.rss_bytes;
        churn->second_done = churn->done;
    }
}

/* One slot: leave when the first frame came, and begin again when the connection is gone. */
static void look_at(Churn *churn, int i, VvTime now) {
    VvCaller *caller = churn->slot[i];
    if (caller && vv_caller_connected(caller)) {
        if (vv_caller_seen(caller) || now - churn->since[i] > PATIENCE)
            vv_caller_leave(caller);
        return;
    }
    if (caller) {
        churn->failed += !vv_caller_seen(caller);
        churn->done++;
        vv_samples_merge(&churn->record->pool[VV_MEASURE_JOIN], vv_caller_samples(caller, VV_MEASURE_JOIN));
        vv_samples_merge(&churn->record->pool[VV_MEASURE_FIRST_FRAME],
                         vv_caller_samples(caller, VV_MEASURE_FIRST_FRAME));
        vv_caller_free(&churn->slot[i]);
        if ((int64_t)churn->done * POINTS / churn->cycles > (int64_t)(churn->done - 1) * POINTS / churn->cycles)
            note_memory(churn);
    }
    if (churn->begun == churn->cycles)
        return;
    churn->slot[i] = vv_caller_new(churn->run, churn->begun++, false);
    churn->since[i] = now;
    if (churn->slot[i])
        vv_caller_dial(churn->slot[i]);
    else
        churn->begun--; /* out of memory for a moment: try again */
}

static void on_look(struct ev_loop *loop, ev_timer *timer, int events) {
    (void)events;
    Churn *churn = timer->data;
    for (int i = 0; i < AT_ONCE; i++)
        look_at(churn, i, vv_now());
    if (churn->done >= churn->cycles)
        ev_break(loop, EVBREAK_ALL);
}

json_t *vv_bench_churn(VvBenchRun *run, int cycles, pid_t daemon, VvBenchRecord *record) {
    Churn churn = {.run = run, .record = record, .cycles = cycles, .daemon = daemon, .points = json_array()};
    note_memory(&churn); /* the first point is before any */
    ev_timer_init(&churn.look, on_look, 0.0, LOOK_EVERY);
    churn.look.data = &churn;
    ev_timer_start(run->loop, &churn.look);
    run->recording = true;
    ev_run(run->loop, 0);
    run->recording = false;
    ev_timer_stop(run->loop, &churn.look);
    double growth = churn.last_rss - churn.second_rss;
    int span = churn.done - churn.second_done;
    return json_pack("{s:i, s:i, s:f, s:f, s:o}", "cycles", churn.done, "failed", churn.failed, "growth_mib",
                     growth / MIB, "growth_bytes_per_cycle", span ? growth / span : 0.0, "points", churn.points);
}
