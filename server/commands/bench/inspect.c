/* Decoding and reading of one session's media. */
#include "server/commands/bench/inspect.h"

#include "server/avatar/test_pattern.h"
#include "server/base/clock.h"
#include "server/commands/bench/samples.h"
#include "server/media/opus_codec.h"
#include "server/media/vp8_codec.h"

#include <math.h>
#include <stdlib.h>

#define FRAMES 16384 /* remembered, as a ring: 11 minutes */
#define RATE 48000
#define BLOCK 120                      /* samples in 2.5 ms: the grain in which loudness is kept */
#define BLOCKS (RATE / BLOCK / VV_FPS) /* in a frame */
#define SIDE_MAX 1024

/* A frame's time: what the picture showed, and how loud it was. Slots are reused, so each carries its frame's number,
 * pts / 40 ms. */
typedef struct Moment {
    int64_t number;
    float mouth; /* negative: not seen */
    bool spoken;
    float energy[BLOCKS];  /* sums of squares */
    int16_t heard[BLOCKS]; /* samples in each, BLOCK when it is whole */
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
        *moment = (Moment){.number = number, .mouth = -1};
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
    /* Audio is not on the frames' grid: its presentation time counts to the sample. */
    int64_t first_sample = (header->pts * RATE + VV_SECOND / 2) / VV_SECOND;
    for (int i = 0; i < count; i++) {
        int64_t block = (first_sample + i) / BLOCK;
        Moment *moment = moment_at(inspector, block / BLOCKS * VV_FRAME_US);
        moment->energy[block % BLOCKS] += (float)pcm[i] * (float)pcm[i];
        moment->heard[block % BLOCKS]++;
    }
}

void vv_inspector_take(VvInspector *inspector, const VvFrameHeader *header, const uint8_t *payload) {
    if (header->kind == VV_KIND_AVATAR_VIDEO)
        take_picture(inspector, header, payload);
    else if (header->kind == VV_KIND_AVATAR_AUDIO)
        take_sound(inspector, header, payload);
}

/* The loudness of the 40 ms that begin at a block, on the mouth's scale; negative if they were not heard whole. */
static float loudness(const VvInspector *inspector, int64_t from) {
    double energy = 0;
    for (int64_t block = from; block < from + BLOCKS; block++) {
        const Moment *moment = &inspector->moments[block / BLOCKS % FRAMES];
        if (moment->number != block / BLOCKS || moment->heard[block % BLOCKS] != BLOCK)
            return -1;
        energy += (double)moment->energy[block % BLOCKS];
    }
    float level = (float)(sqrt(energy * VV_FPS / RATE) / 32768) / VV_TEST_PATTERN_MOUTH_FULL;
    return level < 1 ? level : 1;
}

static size_t pair_up(const VvInspector *inspector, int steps, float *mouth, float *sound) {
    size_t count = 0;
    for (size_t i = 0; i < FRAMES; i++) {
        const Moment *seen = &inspector->moments[i];
        if (seen->number < VV_INSPECT_STEPS || seen->mouth < 0 || !seen->spoken)
            continue;
        float level = loudness(inspector, seen->number * BLOCKS - steps);
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
    for (int steps = -VV_INSPECT_STEPS; steps <= VV_INSPECT_STEPS && mouth && sound; steps++) {
        size_t count = pair_up(inspector, steps, mouth, sound);
        result->lips[steps + VV_INSPECT_STEPS] = vv_correlation(mouth, sound, count);
        if (steps == 0)
            result->spoken = count;
    }
    free(mouth);
    free(sound);
}
