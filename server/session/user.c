/* The user's microphone and camera.
 *
 * Rows of features gather in one buffer while the last step reads another: the two are swapped by vv_user_fill. The
 * camera's picture is scaled only when a step asks for it, a few times a second, out of the decoder's own picture. */
#include "server/session/user.h"

#include "server/base/metrics.h"
#include "server/media/opus_codec.h"
#include "server/media/voice_activity.h"
#include "server/media/vp8_codec.h"

#include <stdlib.h>
#include <string.h>

#define CAMERA_MAX_WIDTH 1280
#define CAMERA_MAX_HEIGHT 720
#define CONCEAL_MAX 10 /* packets; after a longer gap the stream starts over */
#define AWAY_AFTER (2 * VV_SECOND)
#define MUTED_AFTER (VV_SECOND / 2)
#define KEY_EVERY (VV_SECOND / 2) /* key frames are not asked for more often */
#define PACKET_SAMPLES (VV_MEL_RATE / 50)

struct VvUser {
    /* Microphone. */
    VvOpusDecoder *opus;
    VvLogMel *log_mel;
    VvVoiceActivity voice;
    bool heard_any;
    uint32_t audio_sequence; /* of the last packet */
    VvTime audio_at;
    VvTime speaking_since;
    bool speaking;
    int64_t audio_lost;
    int packet_samples; /* of the last packet */
    float *rows;        /* gathering: VV_USER_ROWS_MAX rows, used as a ring from `first` */
    float *shown;       /* what the last step was given */
    int row_first, row_count;

    /* Camera. */
    VvVp8Decoder *vp8;
    bool seen_any, need_key, away;
    uint32_t video_sequence;
    VvTime video_at, video_pts, key_asked;
    int64_t camera_dropped;
    VvPicture decoded; /* view into the decoder; width 0: none */
    VvPicture scaled;  /* storage of VV_CAMERA_WIDTH x VV_CAMERA_HEIGHT */
    VvPicture camera;  /* view into `scaled` at the camera's own proportions */
    bool camera_new;
    int16_t pcm[VV_OPUS_SAMPLES_MAX(VV_MEL_RATE)];
};

VvUser *vv_user_new(void) {
    VvUser *user = calloc(1, sizeof *user);
    if (!user)
        return NULL;
    user->opus = vv_opus_decoder_new(VV_MEL_RATE);
    user->log_mel = vv_log_mel_new();
    user->vp8 = vv_vp8_decoder_new();
    user->rows = calloc(VV_USER_ROWS_MAX * VV_MEL_BANDS, sizeof *user->rows);
    user->shown = calloc(VV_USER_ROWS_MAX * VV_MEL_BANDS, sizeof *user->shown);
    if (!user->opus || !user->log_mel || !user->vp8 || !user->rows || !user->shown ||
        vv_picture_alloc(&user->scaled, VV_CAMERA_WIDTH, VV_CAMERA_HEIGHT) < 0)
        vv_user_free(&user);
    else
        vv_user_restart(user);
    return user;
}

void vv_user_free(VvUser **pointer) {
    VvUser *user = *pointer;
    if (!user)
        return;
    vv_opus_decoder_free(&user->opus);
    vv_log_mel_free(&user->log_mel);
    vv_vp8_decoder_free(&user->vp8);
    vv_picture_free(&user->scaled);
    free(user->rows);
    free(user->shown);
    free(user);
    *pointer = NULL;
}

void vv_user_restart(VvUser *user) {
    user->heard_any = user->seen_any = false;
    user->need_key = true;
    user->key_asked = 0;
    vv_log_mel_reset(user->log_mel);
    vv_voice_activity_init(&user->voice);
    user->packet_samples = PACKET_SAMPLES;
}

/* ---- microphone ------------------------------------------------------------------------------------------------ */

static void gather(VvUser *user, const float *row, VvTime now) {
    const int at = (user->row_first + user->row_count) % VV_USER_ROWS_MAX;
    memcpy(user->rows + at * VV_MEL_BANDS, row, VV_MEL_BANDS * sizeof *row);
    if (user->row_count < VV_USER_ROWS_MAX)
        user->row_count++;
    else /* the oldest is dropped: the avatar was not asked for a second */
        user->row_first = (user->row_first + 1) % VV_USER_ROWS_MAX;
    const bool speaking = vv_voice_activity_push(&user->voice, row);
    if (speaking && !user->speaking_since)
        user->speaking_since = now;
    else if (!speaking)
        user->speaking_since = 0;
}

static void hear(VvUser *user, int samples, VvTime now) {
    const VvTime start = vv_now();
    float rows[VV_OPUS_SAMPLES_MAX(VV_MEL_RATE) / VV_MEL_HOP + 1][VV_MEL_BANDS];
    const int count = vv_log_mel_push(user->log_mel, user->pcm, samples, rows[0], (int)(sizeof rows / sizeof *rows));
    for (int i = 0; i < count; i++)
        gather(user, rows[i], now);
    vv_observe(VV_HISTOGRAM_FEATURES, vv_now() - start);
}

static void conceal(VvUser *user, uint32_t missing, const uint8_t *next, size_t size, VvTime now) {
    for (uint32_t i = 0; i < missing; i++) {
        const bool last = i + 1 == missing;
        const int samples =
            vv_opus_conceal(user->opus, last ? next : NULL, last ? size : 0, user->pcm, user->packet_samples);
        if (samples > 0)
            hear(user, samples, now);
    }
    user->audio_lost += missing;
    vv_count(VV_COUNTER_MIC_CONCEALED, missing);
}

static void report_speaking(VvUser *user, VvUserNews *news) {
    const bool speaking = user->speaking_since != 0;
    news->speaking_changed |= speaking != user->speaking;
    user->speaking = speaking;
}

void vv_user_audio(VvUser *user, const VvFrameHeader *header, const uint8_t *packet, VvTime now, VvUserNews *news) {
    const uint32_t step = header->sequence - user->audio_sequence;
    if (user->heard_any && step > 1 && step <= CONCEAL_MAX)
        conceal(user, step - 1, packet, header->length, now);
    user->heard_any = true;
    user->audio_sequence = header->sequence;
    user->audio_at = now;
    const VvTime start = vv_now();
    int samples =
        vv_opus_decode(user->opus, packet, header->length, user->pcm, (int)(sizeof user->pcm / sizeof *user->pcm));
    vv_observe(VV_HISTOGRAM_OPUS_DECODE, vv_now() - start);
    if (samples < 0) {
        vv_count(VV_COUNTER_MEDIA_ERRORS, 1);
        news->bad_media = true;
        conceal(user, 1, NULL, 0, now);
    } else if (samples > 0) {
        user->packet_samples = samples;
        hear(user, samples, now);
    }
    vv_count(VV_COUNTER_MIC_PACKETS, 1);
    report_speaking(user, news);
}

bool vv_user_speaking(const VvUser *user) {
    return user->speaking;
}

VvTime vv_user_speaking_for(const VvUser *user) {
    return user->speaking_since && user->audio_at > user->speaking_since ? user->audio_at - user->speaking_since : 0;
}

int64_t vv_user_audio_lost(const VvUser *user) {
    return user->audio_lost;
}

/* ---- camera ---------------------------------------------------------------------------------------------------- */

static void drop_frame(VvUser *user, VvTime now, VvUserNews *news) {
    user->camera_dropped++;
    vv_count(VV_COUNTER_CAMERA_DROPPED, 1);
    if (!user->key_asked || now - user->key_asked > KEY_EVERY) {
        user->key_asked = now;
        news->want_key = true;
    }
}

void vv_user_video(VvUser *user, const VvFrameHeader *header, const uint8_t *frame, VvTime pts, VvTime now,
                   VvUserNews *news) {
    const bool key = vv_vp8_is_key(frame, header->length, NULL, NULL);
    if (user->seen_any && header->sequence != user->video_sequence + 1)
        user->need_key = true; /* deltas after a gap decode without an error, and wrongly */
    user->seen_any = true;
    user->video_sequence = header->sequence;
    user->video_at = now;
    if (user->need_key && !key) {
        drop_frame(user, now, news);
        return;
    }
    const VvTime start = vv_now();
    VvPicture picture;
    const int status = vv_vp8_decode(user->vp8, frame, header->length, CAMERA_MAX_WIDTH, CAMERA_MAX_HEIGHT, &picture);
    vv_observe(VV_HISTOGRAM_VP8_DECODE, vv_now() - start);
    if (status < 0) {
        vv_count(VV_COUNTER_MEDIA_ERRORS, 1);
        news->bad_media = true;
        user->need_key = true;
        user->decoded.width = 0; /* the view may be gone */
        drop_frame(user, now, news);
        return;
    }
    user->need_key = false;
    user->decoded = picture;
    user->video_pts = pts;
    user->camera_new = true;
    vv_count(VV_COUNTER_CAMERA_FRAMES, 1);
    if (user->away) {
        user->away = false;
        news->away_changed = true;
    }
}

bool vv_user_away(const VvUser *user) {
    return user->away;
}

int64_t vv_user_camera_dropped(const VvUser *user) {
    return user->camera_dropped;
}

/* Scales the newest picture into `scaled`, keeping its proportions. */
static void take_picture(VvUser *user) {
    int width = VV_CAMERA_WIDTH, height = user->decoded.height * VV_CAMERA_WIDTH / user->decoded.width;
    if (height > VV_CAMERA_HEIGHT) {
        height = VV_CAMERA_HEIGHT;
        width = user->decoded.width * VV_CAMERA_HEIGHT / user->decoded.height;
    }
    width = width < 2 ? 2 : width & ~1;
    height = height < 2 ? 2 : height & ~1;
    user->camera = vv_picture_crop(&user->scaled, 0, 0, width, height);
    vv_picture_scale(&user->camera, &user->decoded);
}

/* ---- both ------------------------------------------------------------------------------------------------------ */

void vv_user_tick(VvUser *user, VvTime now, VvUserNews *news) {
    if (user->heard_any && now - user->audio_at > MUTED_AFTER) {
        /* Muted or gone: no rows come that could end the speaking. */
        user->speaking_since = 0;
        report_speaking(user, news);
    }
    if (user->seen_any && !user->away && now - user->video_at > AWAY_AFTER) {
        user->away = true;
        news->away_changed = true;
    }
}

void vv_user_fill(VvUser *user, VvAvatarItem *item, VvTime now, VvTime now_pts) {
    const int before_end = VV_USER_ROWS_MAX - user->row_first;
    const int head = user->row_count < before_end ? user->row_count : before_end;
    const size_t row_bytes = VV_MEL_BANDS * sizeof(float);
    memcpy(user->shown, user->rows + user->row_first * VV_MEL_BANDS, (size_t)head * row_bytes);
    memcpy(user->shown + head * VV_MEL_BANDS, user->rows, (size_t)(user->row_count - head) * row_bytes);
    item->user = user->shown;
    item->user_rows = user->row_count;
    user->row_first = user->row_count = 0;
    item->user_muted = !user->heard_any || now - user->audio_at > MUTED_AFTER;

    const bool there = user->decoded.width > 0 && !user->away;
    item->camera_new = there && user->camera_new;
    if (item->camera_new)
        take_picture(user);
    user->camera_new = false;
    item->camera = there ? &user->camera : NULL;
    item->camera_age = now_pts > user->video_pts ? now_pts - user->video_pts : 0;
}
