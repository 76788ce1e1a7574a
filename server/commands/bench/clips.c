/* Synthetic users: flite's voice is the microphone and the avatar's speech, moving gradients are the camera. */
#include "server/commands/bench/clips.h"

#include "server/media/opus_codec.h"
#include "server/media/picture.h"
#include "server/media/resample.h"
#include "server/media/vp8_codec.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 320
#define HEIGHT 240
#define MIC_RATE 48000
#define PACKET 960 /* samples */

static const char *const texts[VV_CLIPS_UTTERANCES] = {
    "Good morning. I hope you slept well, because we have a long day before us.",
    "The quick brown fox jumps over the lazy dog, and nobody knows why.",
    "That is a good question, let me think about it for a moment.",
    "Papa bought a big brown bear, and Mama made some marmalade.",
};
static const char user_text[] = "Well, I wanted to ask you something about my journey to the sea.";

static int keep(VvCoded *coded, const uint8_t *data, size_t size, bool key) {
    coded->data = malloc(size ? size : 1);
    if (!coded->data)
        return -ENOMEM;
    memcpy(coded->data, data, size);
    coded->size = size;
    coded->key = key;
    return 0;
}

/* The user's sentence at 48 kHz, then quiet with a little noise until the clip's end. */
static int make_sound(int16_t *pcm, size_t samples) {
    VvClip clip;
    VvResampler *resampler = vv_resampler_new(VV_VOICE_RATE, MIC_RATE);
    int result = resampler ? vv_voice_say(user_text, &clip) : -ENOMEM;
    if (!result) {
        size_t fits = samples / 3 < clip.samples ? samples / 3 : clip.samples;
        int made = vv_resample(resampler, clip.pcm, (int)fits, pcm, (int)samples);
        uint32_t noise = 1;
        for (size_t i = made > 0 ? (size_t)made : 0; i < samples; i++) {
            noise = noise * 1664525u + 1013904223u;
            pcm[i] = (int16_t)((int)(noise >> 28) - 8);
        }
        vv_clip_free(&clip);
    }
    vv_resampler_free(&resampler);
    return result;
}

static int make_microphone(VvClips *clips) {
    const size_t samples = (size_t)VV_CLIPS_PACKETS * PACKET;
    int16_t *pcm = calloc(samples, sizeof *pcm);
    VvOpusEncoder *encoder = vv_opus_encoder_new(32);
    int result = pcm && encoder ? make_sound(pcm, samples) : -ENOMEM;
    for (int i = 0; i < VV_CLIPS_PACKETS && !result; i++) {
        uint8_t packet[VV_OPUS_PACKET_MAX];
        int size = vv_opus_encode(encoder, pcm + (size_t)i * PACKET, packet, sizeof packet);
        result = size < 0 ? size : keep(&clips->packet[i], packet, (size_t)size, true);
    }
    vv_opus_encoder_free(&encoder);
    free(pcm);
    return result;
}

/* A soft background and a bright disc that goes round: enough motion for honest VP8 frames. */
static void draw(VvPicture *picture, int frame) {
    const double angle = 6.283185307 * frame / VV_CLIPS_FRAMES;
    const double cx = WIDTH / 2.0 + 60 * cos(angle), cy = HEIGHT / 2.0 + 40 * sin(angle);
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            double dx = x - cx, dy = y - cy;
            int ground = 60 + (x * 80) / WIDTH + (y * 40) / HEIGHT;
            picture->plane[0][y * picture->stride[0] + x] = (uint8_t)(dx * dx + dy * dy < 2500 ? 200 : ground);
        }
    for (int p = 1; p < 3; p++)
        for (int y = 0; y < HEIGHT / 2; y++)
            for (int x = 0; x < WIDTH / 2; x++)
                picture->plane[p][y * picture->stride[p] + x] = (uint8_t)(118 + 20 * p + (x * 10) / WIDTH);
}

static int make_camera(VvClips *clips) {
    VvPicture picture = {0};
    VvVp8Encoder *encoder = vv_vp8_encoder_new(WIDTH, HEIGHT, 25, 250);
    int result = encoder ? vv_picture_alloc(&picture, WIDTH, HEIGHT) : -ENOMEM;
    for (int i = 0; i < VV_CLIPS_FRAMES && !result; i++) {
        const uint8_t *data;
        size_t size;
        bool key;
        draw(&picture, i);
        result = vv_vp8_encode(encoder, &picture, i == 0, &data, &size, &key);
        if (!result)
            result = keep(&clips->frame[i], data, size, key);
    }
    vv_picture_free(&picture);
    vv_vp8_encoder_free(&encoder);
    return result;
}

int vv_clips_make(VvClips *clips) {
    memset(clips, 0, sizeof *clips);
    int result = vv_voice_open();
    for (int i = 0; i < VV_CLIPS_UTTERANCES && !result; i++) {
        clips->text[i] = texts[i];
        result = vv_voice_say(texts[i], &clips->utterance[i]);
    }
    if (!result)
        result = make_microphone(clips);
    if (!result)
        result = make_camera(clips);
    vv_voice_close();
    return result;
}

void vv_clips_free(VvClips *clips) {
    for (int i = 0; i < VV_CLIPS_PACKETS; i++)
        free(clips->packet[i].data);
    for (int i = 0; i < VV_CLIPS_FRAMES; i++)
        free(clips->frame[i].data);
    for (int i = 0; i < VV_CLIPS_UTTERANCES; i++)
        vv_clip_free(&clips->utterance[i]);
    memset(clips, 0, sizeof *clips);
}
