/* The small model of test/golden/model (weights/train/export_denoiser.py --random 3 --model test/golden/model), opened
 * for tests, and sessions that speak. */
#ifndef VV_TEST_MODEL_RIG_H
#define VV_TEST_MODEL_RIG_H

#include "server/avatar/model.h"
#include "test/unit/avatar/rig.h"

#define MODEL "test/golden/model"

static inline VvAvatar *open_model_on(const char *folder, const VvKernels *kernels, int workers, int max_batch) {
    const VvModelOptions options = {.workers = workers, .max_batch = max_batch};
    VvAvatar *avatar = NULL;
    VvModelProblem problem;
    if (vv_model_open(folder, kernels, &options, &avatar, &problem))
        fail_msg("%s", problem.text);
    return avatar;
}

static inline VvAvatar *open_model(int workers) {
    return open_model_on(MODEL, vv_kernels_named("cpu-f32"), workers, 8);
}

/* A voice of its own for every `voice`, rows of a window that begins at frame `frame`; a user, and a mood. */
static inline void speak(Rig *rig, int voice, int64_t frame) {
    for (int row = 0; row < VV_SPEECH_ROWS; row++)
        for (int band = 0; band < VV_MEL_BANDS; band++) {
            const double at = (double)(row + (frame - VV_SPEECH_PAST_FRAMES) * VV_HOPS);
            rig->speech[row * VV_MEL_BANDS + band] =
                (float)(-7 + 3 * sin(at * 0.31 + voice + band * 0.02) + 2 * sin(at * 0.09 + band * 0.11 * voice));
        }
    for (int i = 0; i < USER_ROWS * VV_MEL_BANDS; i++)
        rig->user[i] = (float)(-8 + 2 * sin(0.01 * (double)(i + frame) + voice));
    rig->item.user_rows = USER_ROWS;
    rig->item.affect = (VvAffect){.label = voice % 8, .intensity = 0.7f, .valence = 0.4f, .arousal = -0.2f};
    rig->item.character = voice % 2;
}

/* The next window of a session: `kept` of the last one were sent, so it begins at `frame`. */
static inline void speak_on(VvAvatar *avatar, Rig *rig, int voice, int kept, int64_t frame) {
    speak(rig, voice, frame);
    rig->item.window += kept > 0;
    rig_step(avatar, rig, kept, frame);
}

static inline bool same_frames(const Rig *a, const Rig *b) {
    bool same = true;
    for (int i = 0; i < VV_WINDOW_FRAMES; i++)
        same = same && same_picture(&a->item.frames[i], &b->item.frames[i]);
    return same;
}

/* The largest difference of two samples of the two windows' frames. */
static inline int frames_apart(const Rig *a, const Rig *b) {
    int worst = 0;
    for (int i = 0; i < VV_WINDOW_FRAMES; i++) {
        const VvPicture *x = &a->item.frames[i], *y = &b->item.frames[i];
        for (int p = 0; p < 3; p++)
            for (int row = 0; row < (p ? x->height / 2 : x->height); row++)
                for (int column = 0; column < (p ? x->width / 2 : x->width); column++) {
                    const int off = x->plane[p][row * x->stride[p] + column] - y->plane[p][row * y->stride[p] + column];
                    worst = abs(off) > worst ? abs(off) : worst;
                }
    }
    return worst;
}

/* The state's snapshot, to be freed. */
static inline uint8_t *snapshot_of(VvAvatar *avatar, const Rig *rig, size_t *size) {
    *size = avatar->snapshot(avatar, rig->item.state, NULL, 0);
    uint8_t *bytes = malloc(*size + 1);
    assert_non_null(bytes);
    bytes[*size] = 0x5a;
    assert_int_equal(avatar->snapshot(avatar, rig->item.state, bytes, *size), *size);
    assert_int_equal(bytes[*size], 0x5a);
    return bytes;
}

static inline void assert_same_state(VvAvatar *avatar, const Rig *a, const Rig *b) {
    size_t size, other;
    uint8_t *x = snapshot_of(avatar, a, &size), *y = snapshot_of(avatar, b, &other);
    assert_int_equal(size, other);
    assert_memory_equal(x, y, size);
    free(y);
    free(x);
}

#endif
