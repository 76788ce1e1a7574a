/* A rendered performance: the windows and frames of a call with the same seed and speech, the whole of the sound, and
 * an end soon after it. */
#include "server/commands/render/render.h"
#include "server/session/playout.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { SIDE = 64, STEPS = 64, SEED = 77, RATE = 24000, SPEECH = 2 * RATE + 777, PICTURE = SIDE * SIDE * 3 / 2 };

static char root[64];

static int open_root(void **state) {
    (void)state;
    snprintf(root, sizeof root, "/tmp/render_test.XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state) {
    (void)state;
    char command[96];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

static const char *in_root(const char *name) {
    static char path[4][160];
    static int next;
    char *to = path[next++ % 4];
    snprintf(to, sizeof path[0], "%s/%s", root, name);
    return to;
}

/* ---- an avatar that writes down what it is asked for ------------------------------------------------------------- */

typedef struct Asked {
    uint64_t seed, window;
    int kept, speech_frames, character, style, user_rows;
    bool muted, camera;
    VvAffect affect;
    float speech[VV_SPEECH_ROWS][VV_MEL_BANDS];
    uint8_t frames[VV_WINDOW_FRAMES][PICTURE];
} Asked;

typedef struct Recorder {
    VvAvatar avatar; /* first */
    VvAvatar *inner;
    const VvAvatarState *watched; /* steps of other states are passed on only */
    Asked *asked;                 /* [STEPS] */
    int count;
    int fail_at; /* step that fails; -1: none */
} Recorder;

static void keep_picture(const VvPicture *picture, uint8_t *out) {
    for (int p = 0; p < 3; p++) {
        const int width = p ? SIDE / 2 : SIDE;
        for (int y = 0; y < width; y++, out += width)
            memcpy(out, picture->plane[p] + (ptrdiff_t)y * picture->stride[p], (size_t)width);
    }
}

static int step(VvAvatar *avatar, VvAvatarItem *items[], int count) {
    Recorder *r = (Recorder *)(void *)avatar;
    VvAvatarItem *item = items[0];
    if (item->state != r->watched || r->count == STEPS)
        return r->inner->step(r->inner, items, count);
    if (r->count == r->fail_at)
        return -EIO;
    item->pts = (int64_t)r->count * VV_WINDOW_FRAMES * VV_FRAME_US; /* a call does not begin at 0, and shows it */
    const int status = r->inner->step(r->inner, items, count);
    Asked *asked = &r->asked[r->count++];
    *asked = (Asked){.seed = item->seed,
                     .window = item->window,
                     .kept = item->kept,
                     .speech_frames = item->speech_frames,
                     .character = item->character,
                     .style = item->style,
                     .user_rows = item->user_rows,
                     .muted = item->user_muted,
                     .camera = item->camera != NULL,
                     .affect = item->affect};
    memcpy(asked->speech, item->speech, sizeof asked->speech);
    for (int i = 0; i < VV_WINDOW_FRAMES; i++)
        keep_picture(&item->frames[i], asked->frames[i]);
    return status;
}

static VvAvatarState *create(VvAvatar *avatar, uint64_t seed) {
    Recorder *r = (Recorder *)(void *)avatar;
    VvAvatarState *state = r->inner->create(r->inner, seed);
    if (seed == SEED)
        r->watched = state;
    return state;
}

static void destroy(VvAvatar *avatar, VvAvatarState **state) {
    Recorder *r = (Recorder *)(void *)avatar;
    r->inner->destroy(r->inner, state);
}

static void open_recorder(Recorder *r, int lookahead) {
    *r = (Recorder){.fail_at = -1};
    assert_int_equal(vv_test_pattern_open(SIDE, SIDE, &r->inner), 0);
    r->asked = calloc(STEPS, sizeof *r->asked);
    assert_non_null(r->asked);
    r->avatar = *r->inner;
    r->avatar.info.lookahead_frames = lookahead;
    r->avatar.step = step;
    r->avatar.create = create;
    r->avatar.destroy = destroy;
}

static void close_recorder(Recorder *r) {
    r->inner->close(&r->inner);
    free(r->asked);
}

/* ---- the same speech, rendered and in a call -----------------------------------------------------------------------
 */

static void make_speech(int16_t *pcm) {
    for (int i = 0; i < SPEECH; i++)
        pcm[i] = (int16_t)lround(9000 * sin(i * 0.05) * (0.5 - 0.5 * cos(i * 0.0011)));
}

static const char *write_speech(const int16_t *pcm) {
    const char *path = in_root("speech.wav");
    VvSoundWriter *writer;
    assert_int_equal(vv_sound_writer_open(path, RATE, &writer, NULL), VV_MEDIA_OK);
    assert_int_equal(vv_sound_write(writer, pcm, SPEECH, NULL), VV_MEDIA_OK);
    assert_int_equal(vv_sound_writer_close(&writer, NULL), VV_MEDIA_OK);
    return path;
}

static bool go_on(void *ctx, int64_t frames) {
    int64_t *left = ctx;
    assert_true(frames > 0);
    return !left || --*left > 0;
}

static int64_t render(VvAvatar *avatar, const char *speech, const char *out, int64_t *windows,
                      VvMediaProblem *problem) {
    VvPerformance p = {.avatar = avatar,
                       .seed = SEED,
                       .character = 1,
                       .affect = {.label = 1, .intensity = 0.5f},
                       .progress = go_on,
                       .ctx = windows};
    assert_int_equal(vv_sound_open(speech, &p.sound, problem), VV_MEDIA_OK);
    assert_int_equal(vv_render_output_open(out, SIDE, SIDE, &p.out, problem), VV_MEDIA_OK);
    const int64_t frames = vv_perform(&p, problem);
    assert_int_equal(vv_render_output_close(&p.out, frames >= 0, NULL), VV_MEDIA_OK);
    vv_sound_close(&p.sound);
    return frames;
}

/* What a call's worker does, for one session. */
typedef struct Called {
    VvPlayout playout;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool done;
    int video, audio;
} Called;

static void on_media(void *ctx, VvFrameHeader *header, const uint8_t *payload) {
    Called *called = ctx;
    (void)payload;
    *(header->kind == VV_KIND_AVATAR_VIDEO ? &called->video : &called->audio) += 1;
}

static void on_started(void *ctx, const VvUtterance *utterance, VvTime pts) {
    (void)ctx, (void)utterance, (void)pts;
}

static void on_done(void *ctx, VvWindow *window) {
    Called *called = ctx;
    (void)window;
    pthread_mutex_lock(&called->lock);
    called->done = true;
    pthread_cond_signal(&called->wake);
    pthread_mutex_unlock(&called->lock);
}

static bool take_done(Called *called) {
    pthread_mutex_lock(&called->lock);
    const bool done = called->done;
    called->done = false;
    pthread_mutex_unlock(&called->lock);
    return done;
}

static void open_call(Called *called, VvAvatar *avatar, VvScheduler *scheduler) {
    static const VvPlayoutEvents events = {on_media, on_started};
    *called = (Called){.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};
    VvPlayout *playout = &called->playout;
    *playout = (VvPlayout){.avatar = avatar,
                           .scheduler = scheduler,
                           .speech = vv_speech_new(),
                           .user = vv_user_new(),
                           .events = &events,
                           .ctx = called,
                           .epoch = vv_now(),
                           .seed = SEED,
                           .character = 1,
                           .affect = {.label = 1, .intensity = 0.5f},
                           .window = {.done = on_done, .ctx = called}};
    assert_true(playout->speech && playout->user);
    assert_int_equal(vv_playout_open(playout), 0);
}

/* A call whose speech is there before its first frame, until it has made so many windows. */
static void call(VvAvatar *avatar, const int16_t *pcm, int windows) {
    static Called called;
    VvScheduler *scheduler;
    VvUtterance finished;
    VvSpeechBegin begin = {.utterance = 1, .codec = VV_SPEECH_PCM, .rate = RATE};
    assert_int_equal(vv_scheduler_open(avatar, &scheduler), 0);
    open_call(&called, avatar, scheduler);
    VvPlayout *playout = &called.playout;
    assert_int_equal(vv_speech_begin(playout->speech, &begin, 0), 0);
    assert_true(vv_speech_put(playout->speech, 1, true, true, (const uint8_t *)pcm, SPEECH * sizeof *pcm));
    vv_speech_decode(playout->speech);
    vv_playout_run(playout, true, vv_now());
    while (playout->windows < windows) {
        if (take_done(&called))
            vv_playout_made(playout);
        vv_playout_step(playout, vv_now());
        vv_speech_decode(playout->speech);
        vv_speech_finish(playout->speech, &finished);
        usleep(1000);
    }
    vv_playout_run(playout, false, vv_now());
    vv_scheduler_close(&scheduler); /* makes what was asked for last */
    assert_true(called.video > 0 && called.audio == 2 * called.video);
    vv_playout_close(playout);
    vv_user_free(&playout->user);
    vv_speech_free(&playout->speech);
}

static void compare(const Recorder *rendered, const Recorder *called, int windows) {
    assert_true(rendered->count >= windows && called->count >= windows);
    for (int i = 0; i < windows; i++) {
        const Asked *a = &rendered->asked[i], *b = &called->asked[i];
        assert_int_equal(a->seed, b->seed);
        assert_int_equal(a->window, b->window);
        assert_int_equal(a->window, i);
        assert_int_equal(a->kept, b->kept);
        assert_int_equal(a->speech_frames, b->speech_frames);
        assert_int_equal(a->character, b->character);
        assert_int_equal(a->style, b->style);
        assert_int_equal(a->user_rows, b->user_rows);
        assert_int_equal(a->muted, b->muted);
        assert_int_equal(a->camera, b->camera);
        assert_memory_equal(&a->affect, &b->affect, sizeof a->affect);
        assert_memory_equal(a->speech, b->speech, sizeof a->speech);
        assert_memory_equal(a->frames, b->frames, sizeof a->frames);
    }
}

static void as_in_a_call(void **state) {
    (void)state;
    static int16_t pcm[SPEECH];
    make_speech(pcm);
    const char *speech = write_speech(pcm);
    for (int lookahead = 0; lookahead <= VV_SPEECH_AHEAD_FRAMES; lookahead += VV_SPEECH_AHEAD_FRAMES) {
        Recorder rendered, called;
        VvMediaProblem problem;
        open_recorder(&rendered, lookahead);
        open_recorder(&called, lookahead);
        const int64_t frames = render(&rendered.avatar, speech, in_root("out.y4m"), NULL, &problem);
        const int spoken = (SPEECH * VV_FPS + RATE - 1) / RATE;
        assert_int_equal(frames, spoken + VV_RENDER_TAIL_FRAMES);
        const int windows = (int)(frames + VV_WINDOW_FRAMES - 1) / VV_WINDOW_FRAMES;
        assert_int_equal(rendered.count, windows);
        call(&called.avatar, pcm, windows);
        compare(&rendered, &called, windows);
        int heard = 0;
        for (int i = 0; i < windows; i++)
            heard += rendered.asked[i].speech_frames;
        assert_int_equal(heard, spoken);
        close_recorder(&rendered);
        close_recorder(&called);
    }
}

/* What is heard in the video is what was in the file, from its first sample to its last, and then silence. */
static void all_of_the_sound(void **state) {
    (void)state;
    static int16_t pcm[SPEECH], heard[4 * SPEECH];
    Recorder r;
    VvMediaProblem problem;
    VvSound *sound;
    make_speech(pcm);
    open_recorder(&r, 0);
    const int64_t frames = render(&r.avatar, write_speech(pcm), in_root("pictures"), NULL, &problem);
    assert_int_equal(vv_sound_open(in_root("pictures/sound.wav"), &sound, &problem), VV_MEDIA_OK);
    assert_int_equal(vv_sound_rate(sound), VV_AUDIO_RATE);
    int count = 0;
    for (int got; (got = vv_sound_read(sound, heard + count, 4 * SPEECH - count, &problem)) > 0;)
        count += got;
    vv_sound_close(&sound);
    assert_int_equal(count, frames * VV_FRAME_SAMPLES);
    double off = 0;
    for (int i = 0; i < SPEECH; i++)
        off = fmax(off, fabs((double)heard[2 * i] - pcm[i]));
    assert_true(off < 200); /* resampled from 24 to 48 kHz */
    for (int i = 2 * SPEECH + 200; i < count; i++)
        assert_int_equal(heard[i], 0);
    for (int64_t i = 0; i <= frames; i++) {
        char name[40];
        snprintf(name, sizeof name, "pictures/%06lld.png", (long long)i);
        assert_int_equal(access(in_root(name), R_OK), i < frames ? 0 : -1);
    }
    close_recorder(&r);
}

/* A device that fails, and a user who stops: said, and nothing left. */
static void cut_short(void **state) {
    (void)state;
    static int16_t pcm[SPEECH];
    VvMediaProblem problem;
    Recorder r;
    make_speech(pcm);
    const char *speech = write_speech(pcm);
    open_recorder(&r, 0);
    r.fail_at = 3;
    assert_int_equal(render(&r.avatar, speech, in_root("failed"), NULL, &problem), -1);
    assert_non_null(strstr(problem.text, "could not make its frames"));
    assert_int_equal(problem.error, VV_MEDIA_UNSUPPORTED);
    int64_t windows = 4;
    r.fail_at = -1;
    assert_int_equal(render(&r.avatar, speech, in_root("stopped.y4m"), &windows, &problem), -1);
    assert_int_equal(problem.error, VV_MEDIA_OK);
    static const char *const names[] = {"failed",           "failed.part", "stopped.y4m",
                                        "stopped.y4m.part", "stopped.wav", "stopped.wav.part"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(access(in_root(names[i]), F_OK), -1);
    close_recorder(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_in_a_call),
        cmocka_unit_test(all_of_the_sound),
        cmocka_unit_test(cut_short),
    };
    return cmocka_run_group_tests_name("render", tests, open_root, remove_root);
}
