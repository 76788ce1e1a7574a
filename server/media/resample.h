/* Streaming sample-rate conversion, mono int16. One object belongs to one thread at a time. */
#ifndef VV_RESAMPLE_H
#define VV_RESAMPLE_H

#include <stdint.h>

typedef struct VvResampler VvResampler;

/* From and to any of 1000 .. 384000 Hz; equal rates copy. NULL if out of memory or a rate is outside. */
VvResampler *vv_resampler_new(int from, int to);
void vv_resampler_free(VvResampler **resampler);

/* Forgets everything heard: the next sample begins a new stream. */
void vv_resampler_reset(VvResampler *resampler);

/* Converts `count` samples; writes at most `room`, returns how many (always all that the input allows if
 * room >= count * to / from + 2; with less, input is lost). Time is kept: output sample n is at the time of input
 * sample n * from / to; the filter's delay is taken out at the stream's beginning, and what it holds back comes with
 * vv_resampler_flush. */
int vv_resample(VvResampler *resampler, const int16_t *in, int count, int16_t *out, int room);

/* The samples still inside, so that the whole output is round(all input * to / from) samples; there are at most
 * vv_resampler_delay * to / from + 2. Then resets. Returns how many. */
int vv_resampler_flush(VvResampler *resampler, int16_t *out, int room);

/* Input samples that the filter holds back: output for input sample n comes with input sample n + this. */
int vv_resampler_delay(const VvResampler *resampler);

#endif
