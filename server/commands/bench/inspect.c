/* Decoding and reading of one session's media. */
#include "server/commands/bench/inspect.h"

#include "server/avatar/test_pattern.h"
#include "server/commands/bench/samples.h"
#include "server/media/opus_codec.h"
#include "server/media/vp8_codec.h"

#include <math.h>
#include <stdlib.h>

#define FRAMES 32768 /* in memory, as a ring: 21 minutes */
#define RATE 48000
#define PACKET_US 20000
#define SIDE_MAX 1024

typedef struct Moment {
    int64_t number;  /* of the frame, pts / 40 ms; the slot is that modulo FRAMES */
    float mouth;     /* negative: not seen */
    float energy[2]; /* of the frame's two audio packets; negative: not heard */
    bool spoken;
} Moment;

struct VvInspector {
    VvVp8Decoder *video;
    VvOpusDecoder *audio;
    uint32_t next_video, next_audio; /* sequence numbers */
    bool started_video, started_audio;
    VvInspection found;
    Moment moments[FRAMES];
};

VvInspector *vv_inspector_new(void) {
    VvInspector *inspector = calloc(1, sizeof *inspector);
    if (!inspector)
        return NULL;
    inspector->video = vv_vp8_decoder_new();
    inspector->audio = vv_opus_decoder_new(RATE);
    for (size_t i = 0; i < FRAMES; i++)
        inspector->moments[i].number = -1;
    if (!inspector->video || !inspector->audio)
        vv_inspector_free(&inspector);
    return inspector;
}

void vv_inspector_free(VvInspector **inspector) {
    if (!*inspector)
        return;
    vv_vp8_decoder_free(&(*inspector)->video);
    vv_opus_decoder_free(&(*inspector)->audio);
    free(*inspector);
    *inspector = NULL;
}

static Moment *moment_at(VvInspector *inspector, int64_t pts) {
    int64_t number = pts / VV_FRAME_US;
    Moment *moment = &inspector->moments[number % FRAMES];
    if (moment->number != number)
        *moment = (Moment){.number = number, .mouth = -1, .energy = {-1, -1}};
    return moment;
}

static void take_picture(VvInspector *inspector, const VvFrameHeader *header, const uint8_t *payload) {
    VvPicture picture;
    VvPatternReading reading;
    /* After a gap deltas decode to nonsense without an error: the decoder starts again and waits for a key frame. */
    if (inspector->started_video && header->sequence != inspector->next_video && !(header->flags & VV_FLAG_KEY)) {
        inspector->found.broken++;
        return;
    }
    inspector->started_video = true;
    inspector->next_video = header->sequence + 1;
    if (vv_vp8_decode(inspector->video, payload, header->length, SIDE_MAX, SIDE_MAX, &picture)) {
        inspector->found.broken++;
        return;
    }
    inspector->found.pictures++;
    if (!vv_test_pattern_read(&picture, &reading)) {
        inspector->found.unreadable++;
        return;
    }
    const int64_t mask = (1 << VV_TEST_PATTERN_CLOCK_BITS) - 1;
    if (reading.frame == (uint32_t)(header->pts / VV_FRAME_US & mask))
        inspector->found.agree++;
    else
        inspector->found.differ++;
    Moment *moment = moment_at(inspector, header->pts);
    moment->mouth = reading.mouth;
    moment->spoken = header->utterance != 0;
}

static void take_sound(VvInspector *inspector, const VvFrameHeader *header, const uint8_t *payload) {
    int16_t pcm[VV_OPUS_SAMPLES_MAX(RATE)];
    int count = vv_opus_decode(inspector->audio, payload, header->length, pcm, VV_OPUS_SAMPLES_MAX(RATE));
    bool first = !inspector->started_audio;
    bool gap = inspector->started_audio && header->sequence != inspector->next_audio;
    inspector->started_audio = true;
    inspector->next_audio = header->sequence + 1;
    if (count <= 0) {
        inspector->found.broken++;
        return;
    }
    if (first || gap)
        return; /* the decoder settles in the first packet after a gap */
    double energy = 0;
    for (int i = 0; i < count; i++)
        energy += (double)pcm[i] * pcm[i];
    Moment *moment = moment_at(inspector, header->pts);
    moment->energy[header->pts / PACKET_US % 2] = (float)(energy / count / (32768.0 * 32768.0));
}

void vv_inspector_take(VvInspector *inspector, const VvFrameHeader *header, const uint8_t *payload) {
    if (header->kind == VV_KIND_AVATAR_VIDEO)
        take_picture(inspector, header, payload);
    else if (header->kind == VV_KIND_AVATAR_AUDIO)
        take_sound(inspector, header, payload);
}

/* The loudness at a frame, on the mouth's scale; negative if it was not heard whole. */
static float loudness(const Moment *moment) {
    if (moment->number < 0 || moment->energy[0] < 0 || moment->energy[1] < 0)
        return -1;
    float level = sqrtf((moment->energy[0] + moment->energy[1]) / 2) / VV_TEST_PATTERN_MOUTH_FULL;
    return level < 1 ? level : 1;
}

static size_t pair_up(const VvInspector *inspector, int lag, float *mouth, float *sound) {
    size_t count = 0;
    for (size_t i = 0; i < FRAMES; i++) {
        const Moment *seen = &inspector->moments[i];
        if (seen->number < VV_INSPECT_LAGS || seen->mouth < 0 || !seen->spoken)
            continue;
        const Moment *heard = &inspector->moments[(seen->number - lag) % FRAMES];
        float level = heard->number == seen->number - lag ? loudness(heard) : -1;
        if (level < 0)
            continue;
        mouth[count] = seen->mouth;
        sound[count++] = level;
    }
    return count;
}

void vv_inspector_result(const VvInspector *inspector, VvInspection *result) {
    float *mouth = malloc(FRAMES * sizeof *mouth), *sound = malloc(FRAMES * sizeof *sound);
    *result = inspector->found;
    for (int lag = -VV_INSPECT_LAGS; lag <= VV_INSPECT_LAGS && mouth && sound; lag++) {
        size_t count = pair_up(inspector, lag, mouth, sound);
        result->lips[lag + VV_INSPECT_LAGS] = vv_correlation(mouth, sound, count);
        if (lag == 0)
            result->spoken = count;
    }
    free(mouth);
    free(sound);
}
