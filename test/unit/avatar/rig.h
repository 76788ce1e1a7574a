/* One session's side of the avatar, for tests: an item with speech, a user and pictures of its own. */
#ifndef VV_TEST_RIG_H
#define VV_TEST_RIG_H

#include "server/avatar/test_pattern.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define USER_ROWS (VV_WINDOW_FRAMES * VV_HOPS)

typedef struct Rig {
    VvAvatarItem item;
    float speech[VV_SPEECH_ROWS * VV_MEL_BANDS];
    float user[USER_ROWS * VV_MEL_BANDS];
} Rig;

static inline uint64_t next_random(uint64_t *random) {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random;
}

static inline float random_unit(uint64_t *random) {
    return (float)(next_random(random) >> 40) / (float)(1 << 24);
}

/* Makes `count` log-mel rows whose amplitude is `amplitude`. */
static inline void set_rows(float *rows, int count, float amplitude) {
    const float flat[VV_MEL_BANDS] = {0};
    const float unit = vv_mel_amplitude(flat);
    const float value = logf(amplitude * amplitude / (unit * unit) + expf(VV_MEL_SILENCE));
    for (int i = 0; i < count * VV_MEL_BANDS; i++)
        rows[i] = value;
}

/* The speech of new frame `frame` of the window. */
static inline void set_speech(Rig *rig, int frame, float amplitude) {
    set_rows(rig->speech + (VV_SPEECH_PAST_FRAMES + frame) * VV_HOPS * VV_MEL_BANDS, VV_HOPS, amplitude);
}

static inline Rig *rig_new(VvAvatar *avatar, uint64_t seed) {
    Rig *rig = calloc(1, sizeof *rig);
    assert_non_null(rig);
    set_rows(rig->speech, VV_SPEECH_ROWS, 0);
    set_rows(rig->user, USER_ROWS, 0);
    rig->item.state = avatar->create(avatar, seed);
    rig->item.seed = seed;
    rig->item.speech = rig->speech;
    rig->item.speech_frames = VV_WINDOW_FRAMES;
    rig->item.user = rig->user;
    assert_non_null(rig->item.state);
    for (int i = 0; i < VV_WINDOW_FRAMES; i++)
        assert_int_equal(vv_picture_alloc(&rig->item.frames[i], avatar->info.width, avatar->info.height), 0);
    return rig;
}

static inline void rig_free(VvAvatar *avatar, Rig *rig) {
    avatar->destroy(avatar, &rig->item.state);
    assert_null(rig->item.state);
    for (int i = 0; i < VV_WINDOW_FRAMES; i++)
        vv_picture_free(&rig->item.frames[i]);
    free(rig);
}

/* The next window: `kept` frames of the last one were sent, so the first new one is at frame number `frame`. */
static inline void rig_step(VvAvatar *avatar, Rig *rig, int kept, int64_t frame) {
    VvAvatarItem *items[] = {&rig->item};
    rig->item.kept = kept;
    rig->item.pts = frame * VV_FRAME_US;
    assert_int_equal(avatar->step(avatar, items, 1), 0);
}

static inline bool same_picture(const VvPicture *a, const VvPicture *b) {
    if (a->width != b->width || a->height != b->height)
        return false;
    for (int p = 0; p < 3; p++)
        for (int y = 0; y < (p ? (a->height + 1) / 2 : a->height); y++)
            if (memcmp(a->plane[p] + (ptrdiff_t)y * a->stride[p], b->plane[p] + (ptrdiff_t)y * b->stride[p],
                       (size_t)(p ? (a->width + 1) / 2 : a->width)) != 0)
                return false;
    return true;
}

static inline VvPicture picture_of(int width, int height) {
    VvPicture picture;
    assert_int_equal(vv_picture_alloc(&picture, width, height), 0);
    return picture;
}

static inline VvAvatar *pattern_of(int width, int height) {
    VvAvatar *avatar;
    assert_int_equal(vv_test_pattern_open(width, height, &avatar), 0);
    return avatar;
}

#endif
