/* What the files of `visavis listen` share. Main thread. */
#ifndef VV_COMMAND_LISTEN_H
#define VV_COMMAND_LISTEN_H

#include "server/avatar/speech.h"

#include <stdbool.h>

#define VV_LISTEN_STEPS 50 /* of the encoder, a second */

typedef struct VvListenOptions {
    const char *file;
    char *weights, *kernels, *csv, *plot; /* NULL: not given */
    bool list, bench;
} VvListenOptions;

/* All that was heard, step by step. */
typedef struct VvHeard {
    const char *file;
    char kind[64];                   /* of the file */
    double seconds, spent;           /* of its sound, and what hearing it took */
    const VvKernels *kernels;        /* that computed */
    VvSpeechEncoder *encoder;        /* that heard: its names are used */
    const VvSpeechEncoderInfo *info; /* its */
    int opening;                     /* which of the mouth's numbers it is */
    int pause;                       /* which phone stands for nobody speaking; -1: none */
    int steps, room;                 /* that there are, that there is memory for */
    float *mouth;                    /* [steps][info->mouths] */
    float *loudness;                 /* [steps] amplitude, 0..1 */
    int *phone;                      /* [steps] the most probable */
    float *chance;                   /* [steps] its probability */
} VvHeard;

/* Opens the encoder that the options name, for runs of `steps`, and fills in what `heard` has of it. False after saying
 * on standard error what is wrong. */
bool vv_listen_open_encoder(const VvListenOptions *options, int steps, VvHeard *heard);

/* Prints what hearing a window of a call costs. False after saying on standard error what is wrong. */
bool vv_listen_bench(const VvListenOptions *options);

/* Reads the file and hears it. False after saying on standard error what is wrong. Close `heard` in either case. */
bool vv_listen_hear(const VvListenOptions *options, VvHeard *heard);
void vv_listen_close(VvHeard *heard);

/* The step behind the last one of the phone that sounds at `step`. Pure. */
int vv_listen_phone_end(const VvHeard *heard, int step);

/* The opening at a step in cm, at least 0. */
float vv_listen_opening(const VvHeard *heard, int step);

/* The largest opening of all, and a round number at least that large, for scales. */
float vv_listen_widest(const VvHeard *heard);
float vv_listen_scale(const VvHeard *heard);

/* Loudness on a scale from -60 dB (0) to 0 dB (1). */
float vv_listen_level(const VvHeard *heard, int step);

/* Prints curves and phones over time, `columns` steps in a line; and the phones as a list. */
void vv_listen_print(const VvHeard *heard, int columns);
void vv_listen_list(const VvHeard *heard);

/* Writes every step with all of the mouth's numbers; draws a picture (PATH.png, PATH.svg). False after saying on
 * standard error why the file could not be written. */
bool vv_listen_write_csv(const VvHeard *heard, const char *path);
bool vv_listen_draw(const VvHeard *heard, const char *path);

#endif
