/* Sample-rate conversion by libspeexdsp, which knows nothing of where a stream begins and ends: this keeps time. */
#include "server/media/resample.h"

#include <speex/speex_resampler.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define QUALITY 6 /* flat to 0.2 dB at 90 % of the lower Nyquist rate, aliases below 80 dB, 3 ms (48 to 16 kHz) */

enum { RATE_LEAST = 1000, RATE_MOST = 384000 };

struct VvResampler {
    SpeexResamplerState *speex; /* NULL: the rates are the same */
    int from, to;
    int64_t taken, given; /* samples since the stream began */
};

VvResampler *vv_resampler_new(int from, int to) {
    if (from < RATE_LEAST || from > RATE_MOST || to < RATE_LEAST || to > RATE_MOST)
        return NULL;
    VvResampler *resampler = calloc(1, sizeof *resampler);
    if (!resampler)
        return NULL;
    resampler->from = from;
    resampler->to = to;
    if (from == to)
        return resampler;
    int error;
    resampler->speex = speex_resampler_init(1, (spx_uint32_t)from, (spx_uint32_t)to, QUALITY, &error);
    if (resampler->speex)
        vv_resampler_reset(resampler);
    else
        vv_resampler_free(&resampler);
    return resampler;
}

void vv_resampler_free(VvResampler **resampler) {
    if (*resampler) {
        if ((*resampler)->speex)
            speex_resampler_destroy((*resampler)->speex);
        free(*resampler);
        *resampler = NULL;
    }
}

/* Skipping half the filter at the beginning puts output sample 0 at the time of input sample 0. */
void vv_resampler_reset(VvResampler *resampler) {
    resampler->taken = resampler->given = 0;
    if (resampler->speex) {
        speex_resampler_reset_mem(resampler->speex);
        speex_resampler_skip_zeros(resampler->speex);
    }
}

static int process(VvResampler *resampler, const int16_t *in, int count, int16_t *out, int room) {
    if (count <= 0 || room <= 0)
        return 0;
    spx_uint32_t taken = (spx_uint32_t)count, given = (spx_uint32_t)room;
    speex_resampler_process_int(resampler->speex, 0, in, &taken, out, &given);
    return (int)given;
}

int vv_resample(VvResampler *resampler, const int16_t *in, int count, int16_t *out, int room) {
    int given;
    if (resampler->speex) {
        given = process(resampler, in, count, out, room);
    } else {
        given = count < room ? count : room;
        memcpy(out, in, (size_t)given * sizeof *out);
    }
    resampler->taken += count;
    resampler->given += given;
    return given;
}

/* Silence pushes out what the filter holds, up to the length that the stream should have. */
int vv_resampler_flush(VvResampler *resampler, int16_t *out, int room) {
    static const int16_t silence[256];
    const int64_t whole = (2 * resampler->taken * resampler->to + resampler->from) / (2 * (int64_t)resampler->from);
    const int64_t missing = resampler->speex ? whole - resampler->given : 0;
    const int wanted = missing < room ? (int)missing : room;
    int given = 0;
    while (given < wanted)
        given += process(resampler, silence, (int)(sizeof silence / sizeof *silence), out + given, wanted - given);
    vv_resampler_reset(resampler);
    return given;
}

int vv_resampler_delay(const VvResampler *resampler) {
    return resampler->speex ? speex_resampler_get_input_latency(resampler->speex) : 0;
}
