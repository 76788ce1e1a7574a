/* What the parts of `visavis bench` share: options, measures, counts. */
#ifndef VV_BENCH_H
#define VV_BENCH_H

#include "server/base/clock.h"
#include "server/commands/bench/samples.h"

#include <stdbool.h>
#include <stdint.h>

#define VV_MEASURE(NAME, key, doc) VV_MEASURE_##NAME,
typedef enum VvMeasure {
#include "server/commands/bench/measures.def"
    VV_MEASURE_COUNT
} VvMeasure;
#undef VV_MEASURE

/* A measure's key in reports, and what it is in words. */
const char *vv_measure_key(VvMeasure measure);
const char *vv_measure_words(VvMeasure measure);

enum { VV_BAD_FLOOD = 1, VV_BAD_DEAF = 2, VV_BAD_GARBAGE = 4, VV_BAD_ALL = 7 };

typedef struct VvBenchOptions {
    char *url;         /* NULL: start a daemon of our own */
    char *token;       /* NULL: none */
    int pid;           /* the daemon's, if it is local; 0: unknown */
    char *daemon_args; /* more options for our own daemon */
    int sessions;
    int seconds;    /* of measuring, after everybody has joined */
    double ramp;    /* seconds over which sessions join */
    bool real_time; /* speech at the pace of speaking; else as fast as credit allows */
    int width, height, kbps;
    int camera_fps; /* pictures a second that each user sends */
    int inspect;    /* sessions whose pictures and sound are decoded and checked */
    int seed;
    int bad;    /* set of VV_BAD_* */
    int be_bad; /* we are the process of the bad clients */
    int churn;  /* connect and disconnect cycles instead of the measuring; 0: none */
    char *json, *html, *compare, *slo;
    char *ramp_text, *pace, *size, *bad_names, *be_bad_names; /* as they were given */
} VvBenchOptions;

/* Reads the command line. 0; -1: help was printed; 2: it is wrong, and why was printed. Free in any case. */
int vv_bench_options(int argc, char **argv, VvBenchOptions *options);
void vv_bench_options_free(VvBenchOptions *options);

/* Numbers that are counted, not timed. */
typedef struct VvBenchCounts {
    uint64_t joined, refused, lost;                   /* sessions; connections that broke while they should not */
    uint64_t utterances, finished, interrupts, stuck; /* stuck: playback.finished did not come */
    uint64_t errors;                                  /* `error` messages */
    uint64_t frames, audio;                           /* messages received */
    uint64_t bytes_in, bytes_out;
    uint64_t missing_frames; /* gaps in the sequence numbers of frames */
    uint64_t missing_audio;
    uint64_t pts_jumps;   /* frames whose pts is not 40 ms after the one before, without a discontinuity flag */
    uint64_t unpaired;    /* frames for whose moment no audio came */
    uint64_t late_speech; /* interrupted utterances heard for longer than a window in media time */
    uint64_t windows, windows_late, starved, dropped_video, dropped_camera, lost_audio; /* from stats */
} VvBenchCounts;

#endif
