/* The benchmark's command line. */
#include "server/commands/bench/bad.h"
#include "server/commands/bench/bench.h"
#include "server/config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT(member) offsetof(VvBenchOptions, member)

static const VvOption table[] = {
    {"sessions", VV_OPTION_INT, AT(sessions), 1, 10000, "1", "N", "calls at the same time"},
    {"seconds", VV_OPTION_INT, AT(seconds), 1, 86400, "20", "S", "of measuring, after all have joined"},
    {"ramp", VV_OPTION_STRING, AT(ramp_text), 0, 0, NULL, "S",
     "seconds over which they join; without it a tenth of a second for each"},
    {"pace", VV_OPTION_STRING, AT(pace), 0, 0, "burst", "burst|real",
     "speech is sent as fast as credit allows, or as it is spoken"},
    {"size", VV_OPTION_STRING, AT(size), 0, 0, "256x256", "WxH", "the avatar's picture"},
    {"kbps", VV_OPTION_INT, AT(kbps), 50, 4000, "300", "N", "bit rate of its video"},
    {"camera-fps", VV_OPTION_INT, AT(camera_fps), 1, 25, "25", "N", "pictures a second that each user sends"},
    {"inspect", VV_OPTION_INT, AT(inspect), 0, 100, "1", "N", "calls whose pictures and sound are decoded and checked"},
    {"seed", VV_OPTION_INT, AT(seed), 0, 1000000000, "1", "N", "of pauses and interrupts"},
    {"url", VV_OPTION_STRING, AT(url), 0, 0, NULL, "URL", "a running daemon; without it one is started for the run"},
    {"token", VV_OPTION_STRING, AT(token), 0, 0, NULL, "TOKEN", "for that daemon"},
    {"pid", VV_OPTION_INT, AT(pid), 0, 1073741823, "0", "PID",
     "that daemon's process, if it is on this machine: for its CPU and memory"},
    {"daemon-args", VV_OPTION_STRING, AT(daemon_args), 0, 0, NULL, "ARGS",
     "more options for the daemon that is started, separated by spaces"},
    {"bad", VV_OPTION_STRING, AT(bad_names), 0, 0, NULL, "KINDS",
     "measure without and with misbehaving clients: flood, deaf, garbage, all"},
    {"be-bad", VV_OPTION_STRING, AT(be_bad_names), 0, 0, NULL, "KINDS", "be those clients, until SIGTERM"},
    {"churn", VV_OPTION_INT, AT(churn), 0, 10000000, "0", "N",
     "connect and disconnect N times instead, and show the daemon's memory"},
    {"json", VV_OPTION_STRING, AT(json), 0, 0, NULL, "FILE", "write the report; - is standard output"},
    {"html", VV_OPTION_STRING, AT(html), 0, 0, NULL, "FILE", "write it as a page with plots"},
    {"compare", VV_OPTION_STRING, AT(compare), 0, 0, NULL, "FILE", "print an older report (--json) beside this one"},
    {"slo", VV_OPTION_STRING, AT(slo), 0, 0, NULL, "LIST|FILE",
     "checks such as \"speech_to_frame_ms.p50<=150,counts.errors<=0\", or a file with one a line"},
    {NULL, VV_OPTION_FLAG, 0, 0, 0, NULL, NULL, NULL},
};

static bool complain(const char *what) {
    fprintf(stderr, "visavis bench: %s\n", what);
    return false;
}

/* The options that are more than a number or a text. */
static bool understand(VvBenchOptions *o) {
    char rest;
    o->ramp = o->sessions * 0.1;
    if (o->ramp_text && (sscanf(o->ramp_text, "%lf%c", &o->ramp, &rest) != 1 || !(o->ramp >= 0 && o->ramp < 86400)))
        return complain("--ramp is a number of seconds");
    o->real_time = strcmp(o->pace, "real") == 0;
    if (!o->real_time && strcmp(o->pace, "burst") != 0)
        return complain("--pace is burst or real");
    if (sscanf(o->size, "%dx%d%c", &o->width, &o->height, &rest) != 2 || o->width < 64 || o->width > 1024 ||
        o->height < 64 || o->height > 1024 || o->width % 2 || o->height % 2)
        return complain("--size is like 256x256: even numbers from 64 to 1024");
    if (o->bad_names && !(o->bad = vv_bad_parse(o->bad_names)))
        return complain("--bad is flood, deaf, garbage, several of them with commas, or all");
    if (o->be_bad_names && (!(o->be_bad = vv_bad_parse(o->be_bad_names)) || !o->url))
        return complain("--be-bad is flood, deaf, garbage or all, and needs --url");
    if (o->bad && o->churn)
        return complain("--bad and --churn are two runs");
    if (o->churn && o->churn < 10)
        return complain("--churn is at least 10");
    if (o->churn)
        o->inspect = 0; /* its calls are too short to look at */
    if (o->inspect > o->sessions)
        o->inspect = o->sessions;
    return true;
}

int vv_bench_options(int argc, char **argv, VvBenchOptions *options) {
    char why[512];
    *options = (VvBenchOptions){0};
    int status = vv_options_read(table, options, argc, argv, why, sizeof why);
    if (status > 0) {
        printf("usage: visavis bench [OPTION]...\n"
               "Measures a daemon from its clients' side, over real sockets. docs/benchmarks.md explains the figures.\n"
               "Exit status: 0; 1 if it could not measure; 2 for wrong usage; 3 if a check of --slo is violated.\n\n");
        vv_options_help(table);
        return -1;
    }
    if (status < 0)
        complain(why);
    return status < 0 || !understand(options) ? 2 : 0;
}

void vv_bench_options_free(VvBenchOptions *options) {
    vv_options_free(table, options);
}
