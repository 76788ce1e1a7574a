/* Whole windows through the CUDA backend against the processor's: the small model of test/golden/model, sessions that
 * follow their own states, batches rounded up, pieces of frames, recordings. On the emulated table; with
 * VV_TEST_KERNELS=cuda on the device itself. */
#include "server/avatar/model_device.h"
#include "server/avatar/model_spare.h"
#include "test/unit/avatar/model_rig.h"

#include "kernels/cuda/cuda.h"

#define WINDOWS 2

static const VvKernels *table(void) {
    const char *name = getenv("VV_TEST_KERNELS");
    return name ? vv_kernels_named(name) : vv_kernels_cuda();
}

static void has_a_table(void **state) {
    (void)state;
    assert_non_null(table());
    assert_non_null(table()->record);
    print_message("# %s\n", table()->name);
}

/* bf16 against f32: the frames of a window, and of the one that follows from it, are as near as bf16 comes elsewhere.
 */
static void windows_are_the_processors(void **state) {
    (void)state;
    VvAvatar *exact = open_model(1), *avatar = open_model_on(MODEL, table(), 1, 2);
    Rig *wanted = rig_new(exact, 7), *rig = rig_new(avatar, 7);
    for (int i = 0; i < WINDOWS; i++) {
        speak_on(exact, wanted, 2, i ? 4 : 0, 4 * i);
        speak_on(avatar, rig, 2, i ? 4 : 0, 4 * i);
        const int apart = frames_apart(rig, wanted);
        print_message("# window %d: frames differ by %d of 255\n", i, apart);
        assert_in_range(apart, 0, 12);
    }
    rig_free(avatar, rig);
    rig_free(exact, wanted);
    avatar->close(&avatar);
    exact->close(&exact);
}

/* ---- a batch ----------------------------------------------------------------------------------------------------- */

enum { SESSIONS = 7 }; /* frames enough for more than one piece */

/* The vectors of three voices that are encoded at once, on the device: those that each gets alone. */
static void voices_get_what_each_gets_alone(void **state) {
    (void)state;
    enum { VOICES = 3, STEPS = 12, ROWS = 80 };
    static float rows[VOICES][ROWS * VV_MEL_BANDS];
    const VvKernels *kernels = table();
    VvWeights *weights = NULL;
    VvSpeechEncoder *encoder = NULL;
    VvSpeechWorker *one = NULL, *many = NULL;
    VvStream *stream = NULL;
    VvTensor tokens;
    assert_int_equal(vv_weights_open(MODEL "/speech.safetensors", &weights, NULL), VV_WEIGHTS_OK);
    assert_int_equal(vv_speech_encoder_open(weights, kernels, STEPS, &encoder, NULL), 0);
    assert_int_equal(vv_speech_worker_open(encoder, &one), VV_KERNEL_OK);
    assert_int_equal(vv_speech_worker_open_many(encoder, VOICES, &many), VV_KERNEL_OK);
    assert_int_equal(kernels->stream_open((VvTensor){0}, &stream), VV_KERNEL_OK);
    const int width = vv_speech_encoder_info(encoder)->width, count = STEPS * width;
    float *got = calloc((size_t)VOICES * (size_t)count, sizeof *got), *wanted = calloc((size_t)count, sizeof *wanted);
    VvSpeechSteps steps[VOICES];
    assert_true(got && wanted);
    for (int i = 0; i < VOICES; i++) {
        for (int n = 0; n < ROWS * VV_MEL_BANDS; n++)
            rows[i][n] = (float)(-7 + 4 * sin(0.003 * n * (i + 1)));
        steps[i] =
            (VvSpeechSteps){.rows = rows[i], .row_count = ROWS, .first = 10 + i, .count = STEPS, .hidden = wanted};
        vv_speech_encode_put(many, i, &steps[i]);
    }
    assert_int_equal(vv_speech_encode_many(many, &tokens), VV_KERNEL_OK);
    assert_int_equal(kernels->download(stream, tokens, got), VV_KERNEL_OK);
    assert_int_equal(kernels->wait(stream), VV_KERNEL_OK);
    for (int i = 0; i < VOICES; i++) {
        double off = 0, all = 0;
        assert_int_equal(vv_speech_encode(one, &steps[i]), VV_KERNEL_OK);
        for (int n = 0; n < count; n++) {
            off += pow((double)got[i * count + n] - (double)wanted[n], 2);
            all += pow((double)wanted[n], 2);
        }
        print_message("# voice %d: off by %.1e\n", i, sqrt(off / all));
        assert_true(sqrt(off / all) <= 1e-2);
    }
    free(got);
    free(wanted);
    kernels->stream_close(&stream);
    vv_speech_worker_close(&many);
    vv_speech_worker_close(&one);
    vv_speech_encoder_close(&encoder);
    vv_weights_close(&weights);
}

/* A session's second window: voices, moods and characters differ, and so does how much of the first one was sent; one
 * user is muted, one avatar is silent, one hears what is no number. */
static void go_on(Rig *rig, int session) {
    speak(rig, session, 5);
    rig->item.kept = VV_WINDOW_FRAMES - session % 3;
    rig->item.window = 1;
    rig->item.user_muted = session == 1;
    rig->item.speech_frames = session == 2 ? 0 : VV_WINDOW_FRAMES;
    for (int i = 0; session == 4 && i < VV_SPEECH_ROWS * VV_MEL_BANDS; i += 3)
        rig->speech[i] = NAN;
}

/* A session of `avatar` in the state that `rig`, of another model, is in. */
static Rig *rig_like(VvAvatar *avatar, VvAvatar *other, const Rig *rig) {
    size_t size;
    uint8_t *bytes = snapshot_of(other, rig, &size);
    Rig *twin = rig_new(avatar, rig->item.seed);
    avatar->destroy(avatar, &twin->item.state);
    twin->item.state = avatar->restore(avatar, bytes, size);
    assert_non_null(twin->item.state);
    free(bytes);
    return twin;
}

/* Sessions in the midst of their calls, made in one step: each gets what the processor makes of it, and what it gets
 * alone, but for sums that are cut into other parts, and so rounded otherwise. */
static void a_batch_gives_what_single_sessions_get(void **state) {
    (void)state;
    static const bool tried_alone[SESSIONS] = {[0] = true, [4] = true, [SESSIONS - 1] = true};
    VvAvatar *exact = open_model(1), *avatar = open_model_on(MODEL, table(), 2, SESSIONS);
    Rig *wanted[SESSIONS], *together[SESSIONS];
    VvAvatarItem *items[SESSIONS];
    assert_true(SESSIONS * VV_WINDOW_FRAMES > VV_MODEL_DEVICE_FRAMES);
    for (int i = 0; i < SESSIONS; i++) {
        wanted[i] = rig_new(exact, (uint64_t)(100 + i));
        speak_on(exact, wanted[i], i, 0, 0);
        together[i] = rig_like(avatar, exact, wanted[i]);
        items[i] = &together[i]->item;
        go_on(together[i], i);
    }
    assert_int_equal(avatar->step(avatar, items, SESSIONS), 0);
    for (int i = 0; i < SESSIONS; i++) {
        Rig *alone = rig_like(avatar, exact, wanted[i]);
        VvAvatarItem *item = &alone->item, *other = &wanted[i]->item;
        go_on(wanted[i], i);
        assert_int_equal(exact->step(exact, &other, 1), 0);
        const int off = frames_apart(together[i], wanted[i]);
        print_message("# session %d: frames differ by %d from the processor's\n", i, off);
        assert_in_range(off, 0, 12);
        if (tried_alone[i]) {
            go_on(alone, i);
            assert_int_equal(avatar->step(avatar, &item, 1), 0);
            assert_in_range(frames_apart(together[i], alone), 0, 6);
        }
        for (int before = 0; before < i; before++)
            assert_true(frames_apart(together[i], together[before]) > 6);
        rig_free(avatar, alone);
    }
    for (int i = 0; i < SESSIONS; i++) {
        rig_free(avatar, together[i]);
        rig_free(exact, wanted[i]);
    }
    avatar->close(&avatar);
    exact->close(&exact);
}

/* ---- what goes wrong --------------------------------------------------------------------------------------------- */

/* Noise whose last item begins with what is no number, when it is told to. */
static bool spoilt;

static VvKernelStatus spoilt_noise(VvStream *stream, const uint64_t seeds[], const uint64_t windows[], uint32_t number,
                                   VvTensor dst) {
    static const float none = NAN;
    const VvKernelStatus status = table()->noise(stream, seeds, windows, number, dst);
    VvTensor first = vv_tensor_items(dst, dst.shape[0] - 1, 1);
    first.shape[1] = first.shape[2] = first.pitch = 1;
    return spoilt && status == VV_KERNEL_OK ? table()->upload(stream, &none, first) : status;
}

/* Latents of one session that are no numbers: the step fails, and no session has changed. */
static void latents_that_are_no_numbers_are_refused(void **state) {
    (void)state;
    VvKernels kernels = *table();
    kernels.noise = spoilt_noise;
    spoilt = false;
    VvAvatar *avatar = open_model_on(MODEL, &kernels, 1, 2);
    Rig *rig[2], *fresh = rig_new(avatar, 7);
    VvAvatarItem *items[2];
    for (int i = 0; i < 2; i++) {
        rig[i] = rig_new(avatar, 7);
        items[i] = &rig[i]->item;
        speak(rig[i], i, 0);
        for (int f = 0; f < VV_WINDOW_FRAMES; f++)
            vv_picture_fill(&items[i]->frames[f], 0, 0, 128, 128, (VvYuv){50, 60, 70});
    }
    spoilt = true;
    assert_int_equal(avatar->step(avatar, items, 2), -EIO);
    spoilt = false;
    for (int i = 0; i < 2; i++) {
        assert_same_state(avatar, rig[i], fresh);
        for (int f = 0; f < VV_WINDOW_FRAMES; f++)
            for (int p = 0; p < 3; p++)
                assert_int_equal(items[i]->frames[f].plane[p][7], 50 + 10 * p);
    }
    assert_int_equal(avatar->step(avatar, items, 2), 0); /* nothing of it is left */
    assert_true(frames_apart(rig[0], rig[1]) > 6);
    for (int i = 0; i < 2; i++)
        rig_free(avatar, rig[i]);
    rig_free(avatar, fresh);
    avatar->close(&avatar);
}

/* A device that is lost between two windows: the same step is made by the processor, and the session goes on. */
static bool lost;

static VvKernelStatus frail_wait(VvStream *stream) {
    return lost ? VV_KERNEL_BACKEND : table()->wait(stream);
}

static void a_lost_device_is_replaced(void **state) {
    (void)state;
    VvKernels frail = *table();
    const VvModelOptions options = {.workers = 1, .max_batch = 1};
    VvAvatar *avatar = NULL, *exact = open_model(1);
    VvModelProblem problem;
    frail.wait = frail_wait;
    lost = false;
    assert_int_equal(vv_model_spare_open(MODEL, &frail, vv_kernels_named("cpu-f32"), &options, &avatar, &problem), 0);
    Rig *rig = rig_new(avatar, 7), *wanted = rig_new(exact, 7);
    for (int i = 0; i < 3; i++) {
        lost = i > 0;
        speak_on(avatar, rig, 2, i ? 5 : 0, 5 * i);
        speak_on(exact, wanted, 2, i ? 5 : 0, 5 * i);
        assert_int_equal(vv_model_on_spare(avatar), lost);
        assert_in_range(frames_apart(rig, wanted), 0, 12);
    }
    lost = false;
    rig_free(avatar, rig);
    rig_free(exact, wanted);
    avatar->close(&avatar);
    exact->close(&exact);
}

int main(void) {
    /* Layers run in one way only: to try all takes the emulator minutes, and checkkernels does it. */
    if (!getenv("VV_TEST_KERNELS"))
        setenv("VISAVIS_CUDA_WAY", "none but the first", 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_a_table),
        cmocka_unit_test(windows_are_the_processors),
        cmocka_unit_test(voices_get_what_each_gets_alone),
        cmocka_unit_test(a_batch_gives_what_single_sessions_get),
        cmocka_unit_test(latents_that_are_no_numbers_are_refused),
        cmocka_unit_test(a_lost_device_is_replaced),
    };
    return cmocka_run_group_tests_name("windows on the CUDA table", tests, NULL, NULL);
}
