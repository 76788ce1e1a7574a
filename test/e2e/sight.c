/* See sight.h. */
#include "test/e2e/sight.h"

#include "server/media/opus_codec.h"
#include "server/media/vp8_codec.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FRAME_SAMPLES 1920 /* at 48 kHz */

typedef struct Seen {
    VvFrameHeader header;
    VvPatternReading reading;
} Seen;

struct Sight {
    Seen *seen;
    int count;
    double *sound; /* 48 kHz, from the first picture's time on */
    int64_t origin;
    int samples;
};

static int64_t sample_at(const Sight *sight, int64_t pts) {
    return (pts - sight->origin) * 48 / 1000;
}

static void see(Sight *sight, const Peer *peer) {
    VvVp8Decoder *decoder = vv_vp8_decoder_new();
    assert_non_null(decoder);
    int64_t late = 0;
    for (int i = 0; i < peer->frame_count; i++) {
        const PeerFrame *frame = &peer->frames[i];
        if (frame->header.kind != VV_KIND_AVATAR_VIDEO)
            continue;
        VvPicture picture;
        Seen *seen = &sight->seen[sight->count++];
        seen->header = frame->header;
        assert_int_equal(vv_vp8_decode(decoder, frame->payload, frame->header.length, 1024, 1024, &picture), 0);
        assert_true(vv_test_pattern_read(&picture, &seen->reading));
        /* Made for its time; or, where a machine was late with it, shown later than that, which is flagged. */
        const int64_t late_by = frame->header.pts / 40000 - seen->reading.frame;
        assert_true(late_by >= 0 && (late_by <= late || frame->header.flags & VV_FLAG_DISCONTINUITY));
        late = late_by;
    }
    vv_vp8_decoder_free(&decoder);
    assert_true(sight->count > 0);
}

static void hear(Sight *sight, const Peer *peer) {
    VvOpusDecoder *decoder = vv_opus_decoder_new(48000);
    assert_non_null(decoder);
    for (int i = 0; i < peer->frame_count; i++) {
        const PeerFrame *frame = &peer->frames[i];
        if (frame->header.kind != VV_KIND_AVATAR_AUDIO)
            continue;
        int16_t pcm[VV_OPUS_SAMPLES_MAX(48000)];
        const int samples =
            vv_opus_decode(decoder, frame->payload, frame->header.length, pcm, (int)(sizeof pcm / sizeof *pcm));
        assert_int_equal(samples, 960);
        const int64_t at = sample_at(sight, frame->header.pts);
        for (int k = 0; k < samples; k++)
            if (at + k >= 0 && at + k < sight->samples)
                sight->sound[at + k] = pcm[k] / 32768.0;
    }
    vv_opus_decoder_free(&decoder);
}

Sight *sight_open(const Peer *peer) {
    Sight *sight = calloc(1, sizeof *sight);
    assert_non_null(sight);
    const int pictures = peer_frames(peer, VV_KIND_AVATAR_VIDEO, -1);
    assert_true(pictures > 0);
    sight->seen = calloc((size_t)pictures, sizeof *sight->seen);
    assert_non_null(sight->seen);
    sight->origin = peer_frame(peer, VV_KIND_AVATAR_VIDEO, -1, 0)->header.pts;
    const int64_t last = peer_frame(peer, VV_KIND_AVATAR_VIDEO, -1, pictures - 1)->header.pts;
    sight->samples = (int)sample_at(sight, last) + FRAME_SAMPLES;
    sight->sound = calloc((size_t)sight->samples, sizeof *sight->sound);
    assert_non_null(sight->sound);
    see(sight, peer);
    hear(sight, peer);
    return sight;
}

void sight_close(Sight **sight) {
    free((*sight)->seen);
    free((*sight)->sound);
    free(*sight);
    *sight = NULL;
}

const VvPatternReading *sight_last(const Sight *sight) {
    return &sight->seen[sight->count - 1].reading;
}

static double correlation(const double *a, const double *b, int count) {
    double mean_a = 0, mean_b = 0, ab = 0, aa = 0, bb = 0;
    for (int i = 0; i < count; i++) {
        mean_a += a[i] / count;
        mean_b += b[i] / count;
    }
    for (int i = 0; i < count; i++) {
        ab += (a[i] - mean_a) * (b[i] - mean_b);
        aa += (a[i] - mean_a) * (a[i] - mean_a);
        bb += (b[i] - mean_b) * (b[i] - mean_b);
    }
    return ab / sqrt(aa * bb + 1e-30);
}

SightMatch sight_mouth(const Sight *sight, uint32_t utterance) {
    double mouth[1024], level[1024];
    int count = 0;
    for (int i = 0; i < sight->count; i++) {
        const Seen *seen = &sight->seen[i];
        if (seen->header.utterance != utterance)
            continue;
        assert_true(count < 1024);
        const int64_t at = sample_at(sight, seen->header.pts);
        double energy = 0;
        for (int k = 0; k < FRAME_SAMPLES; k++)
            energy += sight->sound[at + k] * sight->sound[at + k] / FRAME_SAMPLES;
        mouth[count] = (double)seen->reading.mouth;
        level[count++] = sqrt(energy);
    }
    assert_true(count > 2);
    return (SightMatch){.now = correlation(mouth, level, count),
                        .earlier = correlation(mouth, level + 1, count - 1),
                        .later = correlation(mouth + 1, level, count - 1),
                        .frames = count};
}
