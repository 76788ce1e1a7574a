/* Measures what one session costs. The load that is allowed leaves a fifth of the machine for what is not measured
 * here: sockets, bursts, and others on the same machine. */
#include "server/session/capacity.h"

#include "server/base/clock.h"
#include "server/media/log_mel.h"
#include "server/media/opus_codec.h"
#include "server/media/vp8_codec.h"

#include <math.h>
#include <unistd.h>

#define LOAD 0.8
#define OVERHEAD 1.25 /* of everything around the codecs, from profiles of the whole daemon */
#define CAMERA_FPS 12.5
#define ROUNDS 12

static double per_round(VvTime start) {
    return (double)(vv_thread_cpu() - start) / ROUNDS;
}

/* One second of a session's video, microseconds: encoding the avatar, decoding a camera of the same size. */
static double measure_video(int width, int height) {
    VvPicture picture = {0};
    VvVp8Encoder *encoder = vv_vp8_encoder_new(width, height, VV_FPS, 300);
    VvVp8Decoder *decoder = vv_vp8_decoder_new();
    double encode = 0, decode = 0;
    if (encoder && decoder && vv_picture_alloc(&picture, width, height) == 0) {
        vv_picture_fill(&picture, 0, 0, width, height, (VvYuv){60, 120, 130});
        for (int i = 0; i < ROUNDS; i++) {
            for (int bar = 0; bar < 6; bar++) /* something moves */
                vv_picture_fill(&picture, (i * 8 + bar * 40) % width, bar * height / 6, 24, height / 6,
                                (VvYuv){(uint8_t)(40 + 30 * bar), (uint8_t)(90 + i * 5), 140});
            const uint8_t *data;
            size_t size;
            bool key;
            VvPicture out;
            const VvTime start = vv_thread_cpu();
            if (vv_vp8_encode(encoder, &picture, false, &data, &size, &key) < 0 || !size)
                continue;
            const VvTime middle = vv_thread_cpu();
            vv_vp8_decode(decoder, data, size, width, height, &out);
            encode += (double)(middle - start) / ROUNDS;
            decode += (double)(vv_thread_cpu() - middle) / ROUNDS;
        }
    }
    vv_picture_free(&picture);
    vv_vp8_encoder_free(&encoder);
    vv_vp8_decoder_free(&decoder);
    return encode * VV_FPS + decode * CAMERA_FPS;
}

/* One second of a session's audio: the avatar's packets, the user's packets and features of both. */
static double measure_audio(void) {
    VvOpusEncoder *encoder = vv_opus_encoder_new(32);
    VvOpusDecoder *decoder = vv_opus_decoder_new(VV_MEL_RATE);
    VvLogMel *mel = vv_log_mel_new();
    double packet = 0;
    if (encoder && decoder && mel) {
        int16_t pcm[960], heard[VV_OPUS_SAMPLES_MAX(VV_MEL_RATE)];
        uint8_t bytes[VV_OPUS_PACKET_MAX];
        float rows[VV_OPUS_SAMPLES_MAX(VV_MEL_RATE) / VV_MEL_HOP + 1][VV_MEL_BANDS];
        for (int i = 0; i < 960; i++)
            pcm[i] = (int16_t)lround(6000 * sin(i * 0.03) + 3000 * sin(i * 0.21));
        const VvTime start = vv_thread_cpu();
        for (int i = 0; i < ROUNDS; i++) {
            const int size = vv_opus_encode(encoder, pcm, bytes, sizeof bytes);
            const int samples =
                size > 0 ? vv_opus_decode(decoder, bytes, (size_t)size, heard, VV_OPUS_SAMPLES_MAX(VV_MEL_RATE)) : 0;
            if (samples > 0) /* twice: the avatar's speech is heard by the avatar too */
                for (int twice = 0; twice < 2; twice++)
                    vv_log_mel_push(mel, heard, samples, rows[0], (int)(sizeof rows / sizeof *rows));
        }
        packet = per_round(start);
    }
    vv_opus_encoder_free(&encoder);
    vv_opus_decoder_free(&decoder);
    vv_log_mel_free(&mel);
    return packet * 50;
}

VvCapacity vv_capacity_measure(const VvScheduler *scheduler, const VvAvatarInfo *info, int workers) {
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    VvCapacity capacity = {.cores = online > 0 ? (int)online : 1};
    if (workers < capacity.cores)
        capacity.cores = workers;
    capacity.media_us = (measure_video(info->width, info->height) + measure_audio()) * OVERHEAD;
    const int batch = info->max_batch < 16 ? info->max_batch : 16;
    /* On the CPU the avatar's threads compete with the media workers for the same cores. */
    capacity.step_us = vv_scheduler_step_time(scheduler, batch) * vv_scheduler_processors(scheduler) / batch * VV_FPS /
                       VV_WINDOW_FRAMES;
    const double cores = LOAD * capacity.cores * (double)VV_SECOND;
    const int carried = (int)(cores / (capacity.media_us + capacity.step_us));
    const int stepped = vv_scheduler_capacity(scheduler);
    capacity.sessions = carried < stepped ? carried : stepped;
    if (capacity.sessions < 1)
        capacity.sessions = 1;
    return capacity;
}
