/* Files, voice and codecs. */
#include "server/commands/doctor/doctor.h"

#include "server/base/clock.h"
#include "server/commands/assistant/voice.h"
#include "server/commands/page.h"
#include "server/media/log_mel.h"
#include "server/media/opus_codec.h"
#include "server/media/picture.h"
#include "server/media/vp8_codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- files ----------------------------------------------------------------------------------------------- */

void vv_doctor_page(VvFindings *findings) {
    char folder[PATH_MAX];
    if (vv_page_find(folder)) {
        vv_finding_add(findings, "page", VV_HEALTH_OK, "%s", folder);
        return;
    }
    VvFinding *finding = vv_finding_add(findings, "page", VV_HEALTH_MISSING,
                                        "no web-demo/index.html beside the program, "
                                        "nor in %s/share/visavis",
                                        VV_PREFIX);
    snprintf(finding->fix, sizeof finding->fix,
             "install visavis (make install), run it from its build, or give serve the folder with --web-root");
}

void vv_doctor_voice(VvFindings *findings) {
    VvClip clip = {0};
    VvTime begin = vv_now();
    int result = vv_voice_open();
    if (!result)
        result = vv_voice_say("Hello.", &clip);
    double ms = (double)(vv_now() - begin) / 1000.0;
    if (!result && clip.samples) {
        vv_finding_add(findings, "voice", VV_HEALTH_OK, "flite says a word of %.2f s in %.0f ms",
                       (double)clip.samples / VV_VOICE_RATE, ms);
    } else {
        VvFinding *finding = vv_finding_add(findings, "voice", VV_HEALTH_MISSING, "flite does not speak");
        snprintf(finding->fix, sizeof finding->fix, "install flite1-dev and build visavis again");
    }
    vv_clip_free(&clip);
    vv_voice_close();
}

/* ---- codecs ---------------------------------------------------------------------------------------------- */

#define SIDE 256
#define FRAMES 250  /* of video */
#define PACKETS 500 /* of audio */

/* Seconds of one core that each direction takes for a second of media; negative: it failed. */
typedef struct Speed {
    double video_out, video_in, audio_out, audio_in, features;
} Speed;

static double seconds_since(VvTime begin) {
    return (double)(vv_thread_cpu() - begin) / (double)VV_SECOND;
}

/* A texture that moves, so that the encoder has honest work. */
static void draw(VvPicture *picture, int frame) {
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            picture->plane[0][y * picture->stride[0] + x] = (uint8_t)(40 + ((x + 3 * frame) ^ y) % 160);
    for (int p = 1; p < 3; p++)
        for (int y = 0; y < SIDE / 2; y++)
            memset(picture->plane[p] + y * picture->stride[p], 128, SIDE / 2);
}

static bool measure_video(Speed *speed) {
    VvPicture picture = {0}, seen;
    VvVp8Encoder *encoder = vv_vp8_encoder_new(SIDE, SIDE, 25, 300);
    VvVp8Decoder *decoder = vv_vp8_decoder_new();
    bool good = encoder && decoder && vv_picture_alloc(&picture, SIDE, SIDE) == 0;
    for (int i = 0; i < FRAMES && good; i++) {
        const uint8_t *data;
        size_t size;
        bool key;
        draw(&picture, i);
        VvTime begin = vv_thread_cpu();
        good = vv_vp8_encode(encoder, &picture, i == 0, &data, &size, &key) == 0;
        speed->video_out += seconds_since(begin);
        begin = vv_thread_cpu();
        good = good && (!size || vv_vp8_decode(decoder, data, size, SIDE, SIDE, &seen) == 0);
        speed->video_in += seconds_since(begin);
    }
    speed->video_out *= 25.0 / FRAMES;
    speed->video_in *= 25.0 / FRAMES;
    vv_picture_free(&picture);
    vv_vp8_encoder_free(&encoder);
    vv_vp8_decoder_free(&decoder);
    return good;
}

static bool measure_audio(Speed *speed) {
    static float rows[VV_MEL_BANDS * (320 / VV_MEL_HOP + 1)];
    VvOpusEncoder *encoder = vv_opus_encoder_new(32);
    VvOpusDecoder *decoder = vv_opus_decoder_new(VV_MEL_RATE);
    VvLogMel *mel = vv_log_mel_new();
    bool good = encoder && decoder && mel;
    uint32_t noise = 1;
    for (int i = 0; i < PACKETS && good; i++) {
        int16_t pcm[960], heard[VV_OPUS_SAMPLES_MAX(VV_MEL_RATE)];
        uint8_t packet[VV_OPUS_PACKET_MAX];
        for (int n = 0; n < 960; n++) {
            noise = noise * 1664525u + 1013904223u;
            int wave = (n * 7 + i * 13) % 218 - 109; /* a saw tooth of 220 Hz with some noise on it */
            pcm[n] = (int16_t)(wave * 60 + (int)(noise >> 22) - 512);
        }
        VvTime begin = vv_thread_cpu();
        int size = vv_opus_encode(encoder, pcm, packet, sizeof packet);
        speed->audio_out += seconds_since(begin);
        begin = vv_thread_cpu();
        int count =
            size > 0 ? vv_opus_decode(decoder, packet, (size_t)size, heard, VV_OPUS_SAMPLES_MAX(VV_MEL_RATE)) : -1;
        speed->audio_in += seconds_since(begin);
        begin = vv_thread_cpu();
        good = count == 320;
        if (good)
            vv_log_mel_push(mel, heard, count, rows, 320 / VV_MEL_HOP + 1);
        speed->features += seconds_since(begin);
    }
    speed->audio_out *= 50.0 / PACKETS;
    speed->audio_in *= 50.0 / PACKETS;
    speed->features *= 50.0 / PACKETS;
    vv_opus_encoder_free(&encoder);
    vv_opus_decoder_free(&decoder);
    vv_log_mel_free(&mel);
    return good;
}

void vv_doctor_codecs(VvFindings *findings) {
    Speed speed = {0};
    if (!measure_video(&speed) || !measure_audio(&speed)) {
        VvFinding *finding = vv_finding_add(findings, "codecs", VV_HEALTH_MISSING, "VP8 or Opus does not work");
        snprintf(finding->fix, sizeof finding->fix, "install libvpx-dev and libopus-dev and build visavis again");
        return;
    }
    int cores = (int)sysconf(_SC_NPROCESSORS_ONLN);
    /* Both of a session's audio tracks are heard by the avatar: two sets of features. */
    double session = speed.video_out + speed.video_in + speed.audio_out + speed.audio_in + 2 * speed.features;
    const int sessions = vv_sessions_estimate(session, cores);
    vv_finding_add(findings, "VP8", VV_HEALTH_OK, "%.2f ms to encode a 256x256 frame, %.2f ms to decode one",
                   speed.video_out * 40, speed.video_in * 40);
    vv_finding_add(findings, "Opus", VV_HEALTH_OK, "%.0f us to encode 20 ms, %.0f us to decode",
                   speed.audio_out * 20000, speed.audio_in * 20000);
    vv_finding_add(findings, "media", sessions ? VV_HEALTH_OK : VV_HEALTH_NOTE,
                   "a session's media takes %.1f %% of a core: about %d sessions, before the avatar's own work",
                   session * 100, sessions);
}
