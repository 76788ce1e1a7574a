/* The benchmark's command line. */
#include "server/commands/bench/bad.h"
#include "server/commands/bench/bench.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "Usage: visavis bench [OPTION]...\n"
    "Measures a daemon from its clients' side, over real sockets. docs/benchmarks.md explains the figures.\n"
    "\n"
    "  --sessions N       calls at the same time (1)\n"
    "  --seconds S        of measuring, after all have joined (20)\n"
    "  --ramp S           seconds over which they join (a tenth of a second each)\n"
    "  --pace burst|real  speech is sent as fast as credit allows, or as it is spoken (burst)\n"
    "  --size WxH         of the avatar's picture (256x256)\n"
    "  --kbps N           of its video (300)\n"
    "  --camera-fps N     pictures a second that each user sends, 1..25 (25)\n"
    "  --inspect N        calls whose pictures and sound are decoded and checked (1)\n"
    "  --seed N           of pauses and interrupts (1)\n"
    "\n"
    "  --url URL          a running daemon; without it one is started for the run\n"
    "  --token TOKEN      for --url\n"
    "  --pid PID          of the daemon at --url, if it runs on this machine: for its CPU and memory\n"
    "  --daemon-arg ARG   one more argument for the daemon that is started; repeat it for more\n"
    "\n"
    "  --bad KIND         adds misbehaving clients: flood, deaf, garbage, all; measures without and with them\n"
    "  --churn N          connects and disconnects N times instead, and shows the daemon's memory\n"
    "\n"
    "  --json FILE        writes the report; \"-\" is standard output\n"
    "  --html FILE        writes it as a page with plots\n"
    "  --compare FILE     prints an older report (--json) beside this one\n"
    "  --slo LIST|FILE    checks, such as \"measures.speech_to_frame_ms.p50<=150,counts.errors<=0\", or a file with\n"
    "                     one a line; exit status 3 if one is violated\n"
    "  --help\n";

enum {
    URL = 1,
    TOKEN,
    PID,
    DAEMON_ARG,
    SESSIONS,
    SECONDS,
    RAMP,
    PACE,
    SIZE,
    KBPS,
    CAMERA,
    INSPECT,
    SEED,
    BAD,
    BE_BAD,
    CHURN,
    JSON,
    HTML,
    COMPARE,
    SLO,
    HELP
};

static const struct option table[] = {{"url", required_argument, NULL, URL},
                                      {"token", required_argument, NULL, TOKEN},
                                      {"pid", required_argument, NULL, PID},
                                      {"daemon-arg", required_argument, NULL, DAEMON_ARG},
                                      {"sessions", required_argument, NULL, SESSIONS},
                                      {"seconds", required_argument, NULL, SECONDS},
                                      {"ramp", required_argument, NULL, RAMP},
                                      {"pace", required_argument, NULL, PACE},
                                      {"size", required_argument, NULL, SIZE},
                                      {"kbps", required_argument, NULL, KBPS},
                                      {"camera-fps", required_argument, NULL, CAMERA},
                                      {"inspect", required_argument, NULL, INSPECT},
                                      {"seed", required_argument, NULL, SEED},
                                      {"bad", required_argument, NULL, BAD},
                                      {"be-bad", required_argument, NULL, BE_BAD}, /* for our own child */
                                      {"churn", required_argument, NULL, CHURN},
                                      {"json", required_argument, NULL, JSON},
                                      {"html", required_argument, NULL, HTML},
                                      {"compare", required_argument, NULL, COMPARE},
                                      {"slo", required_argument, NULL, SLO},
                                      {"help", no_argument, NULL, HELP},
                                      {0}};

/* A whole number within bounds; else says so and returns false. */
static bool number(const char *name, const char *text, long least, long most, long *value) {
    char *end;
    *value = strtol(text, &end, 10);
    if (end != text && !*end && *value >= least && *value <= most)
        return true;
    fprintf(stderr, "visavis bench: --%s is a number from %ld to %ld, not '%s'\n", name, least, most, text);
    return false;
}

static bool take_number(int option, const char *name, VvBenchOptions *o) {
    static const struct {
        int option;
        long least, most;
    } bounds[] = {{PID, 1, 1L << 30}, {SESSIONS, 1, 10000}, {SECONDS, 1, 86400}, {KBPS, 50, 4000},
                  {CAMERA, 1, 25},    {INSPECT, 0, 100},    {SEED, 0, 1L << 40}, {CHURN, 10, 10000000}};
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        long value;
        if (bounds[i].option != option)
            continue;
        if (!number(name, optarg, bounds[i].least, bounds[i].most, &value))
            return false;
        o->pid = option == PID ? value : o->pid;
        o->sessions = option == SESSIONS ? (int)value : o->sessions;
        o->seconds = option == SECONDS ? (int)value : o->seconds;
        o->kbps = option == KBPS ? (int)value : o->kbps;
        o->camera_fps = option == CAMERA ? (int)value : o->camera_fps;
        o->inspect = option == INSPECT ? (int)value : o->inspect;
        o->seed = option == SEED ? (uint64_t)value : o->seed;
        o->churn = option == CHURN ? (int)value : o->churn;
        return true;
    }
    return false;
}

static bool complain(const char *what) {
    fprintf(stderr, "visavis bench: %s\n", what);
    return false;
}

static bool take(int option, const char *name, VvBenchOptions *o) {
    char rest;
    switch (option) {
    case URL:
        o->url = optarg;
        return true;
    case TOKEN:
        o->token = optarg;
        return true;
    case DAEMON_ARG:
        if (o->daemon_arg_count == VV_BENCH_ARGS_MAX)
            return complain("too many --daemon-arg");
        o->daemon_args[o->daemon_arg_count++] = optarg;
        return true;
    case RAMP:
        if (sscanf(optarg, "%lf%c", &o->ramp, &rest) == 1 && isfinite(o->ramp) && o->ramp >= 0 && o->ramp < 86400)
            return true;
        return complain("--ramp is a number of seconds");
    case PACE:
        o->real_time = strcmp(optarg, "real") == 0;
        return o->real_time || strcmp(optarg, "burst") == 0 || complain("--pace is burst or real");
    case SIZE:
        if (sscanf(optarg, "%dx%d%c", &o->width, &o->height, &rest) == 2 && o->width >= 64 && o->width <= 1024 &&
            o->height >= 64 && o->height <= 1024 && o->width % 2 == 0 && o->height % 2 == 0)
            return true;
        return complain("--size is like 256x256: even numbers from 64 to 1024");
    case BAD:
        return (o->bad = vv_bad_parse(optarg)) || complain("--bad is flood, deaf, garbage or all");
    case BE_BAD:
        return (o->be_bad = vv_bad_parse(optarg)) || complain("--be-bad is flood, deaf, garbage or all");
    case JSON:
        o->json = optarg;
        return true;
    case HTML:
        o->html = optarg;
        return true;
    case COMPARE:
        o->compare = optarg;
        return true;
    case SLO:
        o->slo = optarg;
        return true;
    default:
        return take_number(option, name, o);
    }
}

int vv_bench_options(int argc, char **argv, VvBenchOptions *o) {
    *o = (VvBenchOptions){.sessions = 1,
                          .seconds = 20,
                          .ramp = -1,
                          .width = 256,
                          .height = 256,
                          .kbps = 300,
                          .camera_fps = 25,
                          .inspect = 1,
                          .seed = 1};
    optind = 0;
    for (int option, at = 0; (option = getopt_long(argc, argv, "", table, &at)) != -1;) {
        if (option == HELP) {
            fputs(usage, stdout);
            return -1;
        }
        if (option == '?' || !take(option, table[at].name, o)) {
            fprintf(stderr, "Try 'visavis bench --help'.\n");
            return 2;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "visavis bench: what is '%s'? Try 'visavis bench --help'.\n", argv[optind]);
        return 2;
    }
    if (o->ramp < 0)
        o->ramp = o->sessions * 0.1;
    if (o->inspect > o->sessions)
        o->inspect = o->sessions;
    if (o->bad && o->churn) {
        fprintf(stderr, "visavis bench: --bad and --churn are two runs\n");
        return 2;
    }
    return 0;
}
