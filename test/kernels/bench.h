/* What the parts of the benchmark share. */
#ifndef VV_TEST_KERNELS_BENCH_H
#define VV_TEST_KERNELS_BENCH_H

#include "test/kernels/check.h"

enum { REPEATS = 15 };

typedef struct Bench {
    const VvKernels *kernels, *ref;
    VvStream *stream, *ref_stream;
    VvArena arena;
    double peak_flops, peak_bytes; /* a second, the plainest case */
    double total;                  /* seconds of a frame so far */
} Bench;

/* One operation to be timed. */
typedef struct Job {
    const VvKernels *kernels;
    VvStream *stream;
    void (*run)(const struct Job *job);
    VvConv *conv;
    VvLinear *linear;
    VvTensor a, b, c;
    VvWarp warp;
    VvBlend blend;
    VvNorm norm;
    VvAttention attention;
    VvDecoupled decoupled;
} Job;

/* The best of several runs, in seconds; 0: one run. */
double bench_best(const Job *job, int repeats);

/* Ends the program with a word about it unless the status is good. */
void bench_must(VvKernelStatus status, const char *what);

/* A picture, or token rows, of small numbers. */
VvTensor bench_some(Bench *bench, VvDataType type, int n, int h, int w, int c);
VvTensor bench_tokens(Bench *bench, VvDataType type, int n, int t, int d);

/* Prints a line: seconds here and in the reference, `amount` of operations or bytes, what of it a second is the peak.
 */
void bench_row(Bench *bench, const char *name, int times, double seconds, double ref, double amount, double peak);

/* Times a job on both tables and prints its line; `bytes` is what it reads and writes. */
void bench_bytes(Bench *bench, const char *name, int times, Job job, double bytes);

/* A matrix product's operations a second; prints its line if asked to. */
double bench_linear(Bench *bench, int rows, int in, int out, int repeats, bool print);

/* The denoiser's operations (bench_tokens.c). */
void bench_window(Bench *bench);

#endif
