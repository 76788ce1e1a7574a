/* What the files of `visavis codec` share. Main thread, unless said. */
#ifndef VV_COMMAND_CODEC_H
#define VV_COMMAND_CODEC_H

#include "server/avatar/codec.h"

#define VV_CODEC_THREADS_MAX 64
#define VV_CODEC_WINDOW 5 /* frames that go through the codec at once, as in a call */

typedef struct VvCodecOptions {
    const char *file; /* NULL: a benchmark */
    char *weights, *portrait, *out, *kernels;
    int threads, batch, seconds; /* 0: not given */
    bool frames, bench;
} VvCodecOptions;

/* Reads the weights (found beside the program if none are given) and opens a codec with room for one character. NULL
 * after saying why not on standard error. */
VvCodec *vv_codec_command_open(const VvCodecOptions *options, const VvKernels *kernels, int batch);

/* Encodes and decodes options->file. The program's exit status. */
int vv_codec_view(const VvCodecOptions *options);

/* Prints what decoding costs. The program's exit status. */
int vv_codec_bench(const VvCodecOptions *options);

#endif
