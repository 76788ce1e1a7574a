/* The avatar behind the seam: windows that follow each other, frames that are taken back, sessions beside each other,
 * numbers that are none, a device that fails, and no allocation in a step. */
#include "test/unit/avatar/model_rig.h"

#include <malloc.h>

static void tells_what_it_is(void **state) {
    (void)state;
    VvAvatar *avatar = open_model(1);
    assert_string_equal(avatar->info.name, "visavis nano");
    assert_string_equal(avatar->info.characters, "ann,bob");
    assert_string_equal(avatar->info.styles, "plain");
    assert_int_equal(avatar->info.width, 128);
    assert_int_equal(avatar->info.height, 128);
    assert_int_equal(avatar->info.max_batch, 8);
    assert_in_range(avatar->info.lookahead_frames, 1, VV_SPEECH_AHEAD_FRAMES);
    assert_true(avatar->info.state_bytes > 15 * 16 * 5 * sizeof(float));
    avatar->close(&avatar);
    assert_null(avatar);
}

/* ---- time -------------------------------------------------------------------------------------------------------- */

/* The same seed and the same items give the same frames; another seed, voice or character others. */
static void same_seed_same_frames(void **state) {
    (void)state;
    VvAvatar *avatar = open_model(1);
    Rig *a = rig_new(avatar, 7), *b = rig_new(avatar, 7), *seed = rig_new(avatar, 8), *voice = rig_new(avatar, 7);
    for (int i = 0; i < 4; i++) {
        speak_on(avatar, a, 2, i ? 5 : 0, 5 * i);
        speak_on(avatar, b, 2, i ? 5 : 0, 5 * i);
        speak_on(avatar, seed, 2, i ? 5 : 0, 5 * i);
        speak_on(avatar, voice, 4, i ? 5 : 0, 5 * i);
        assert_true(same_frames(a, b));
        assert_true(frames_apart(a, seed) > 2);
        assert_true(frames_apart(a, voice) > 2);
        assert_false(same_picture(&a->item.frames[0], &a->item.frames[4]));
    }
    b->item.character = 1;
    rig_step(avatar, b, 5, 20);
    a->item.character = 0;
    rig_step(avatar, a, 5, 20);
    assert_true(frames_apart(a, b) > 8);
    rig_free(avatar, voice);
    rig_free(avatar, seed);
    rig_free(avatar, b);
    rig_free(avatar, a);
    avatar->close(&avatar);
}

/* A window that is thrown away whole leaves no trace; made again it is the same. */
static void what_was_not_sent_leaves_no_trace(void **state) {
    (void)state;
    VvAvatar *avatar = open_model(1);
    Rig *straight = rig_new(avatar, 7), *winding = rig_new(avatar, 7);
    int64_t frame = 0;
    for (int i = 0; i < 6; i++) {
        const int kept = i; /* 0 to 5 frames of the window before */
        frame += kept;
        speak_on(avatar, straight, 2, kept, frame);
        speak(winding, 5, frame + 3); /* something else first, after as many frames */
        winding->item.window = straight->item.window;
        rig_step(avatar, winding, kept, frame + 3);
        assert_false(same_frames(straight, winding));
        speak(winding, 2, frame);
        rig_step(avatar, winding, 0, frame);
        assert_true(same_frames(straight, winding));
        assert_same_state(avatar, straight, winding);
    }
    rig_free(avatar, winding);
    rig_free(avatar, straight);
    avatar->close(&avatar);
}

/* Of a window, the frames kept stay; the frame after them is made anew from there. So after k kept frames the state is
 * that of a session which was shown k frames fewer of it: every number differs from every other. */
static void every_number_of_kept_frames_counts(void **state) {
    (void)state;
    VvAvatar *avatar = open_model(1);
    Rig *rig[VV_WINDOW_FRAMES + 1];
    for (int kept = 0; kept <= VV_WINDOW_FRAMES; kept++) {
        rig[kept] = rig_new(avatar, 7);
        speak_on(avatar, rig[kept], 2, 0, 0);
        speak(rig[kept], 2, 5); /* the same to hear for all */
        rig[kept]->item.window = 1;
        rig_step(avatar, rig[kept], kept, 5);
        for (int other = 0; other < kept; other++)
            assert_false(same_frames(rig[kept], rig[other]));
    }
    for (int kept = 0; kept <= VV_WINDOW_FRAMES; kept++)
        rig_free(avatar, rig[kept]);
    avatar->close(&avatar);
}

/* A session's begin: frames said to be kept of a window that was never made are none. */
static void begins_at_rest(void **state) {
    (void)state;
    VvAvatar *avatar = open_model(1);
    Rig *a = rig_new(avatar, 7), *b = rig_new(avatar, 7);
    speak(a, 2, 0);
    speak(b, 2, 0);
    rig_step(avatar, a, 0, 0);
    rig_step(avatar, b, 5, 0);
    assert_true(same_frames(a, b));
    assert_same_state(avatar, a, b);
    rig_free(avatar, b);
    rig_free(avatar, a);
    avatar->close(&avatar);
}

/* Speech that is not there yet is not heard, whatever the rows hold. */
static void unspoken_frames_are_silent(void **state) {
    (void)state;
    VvAvatar *avatar = open_model(1);
    Rig *a = rig_new(avatar, 7), *b = rig_new(avatar, 7);
    speak(a, 2, 0);
    speak(b, 2, 0);
    a->item.speech_frames = b->item.speech_frames = 0;
    for (int i = VV_SPEECH_PAST_FRAMES * VV_HOPS * VV_MEL_BANDS; i < VV_SPEECH_ROWS * VV_MEL_BANDS; i++)
        b->speech[i] = VV_MEL_SILENCE;
    rig_step(avatar, a, 0, 0);
    rig_step(avatar, b, 0, 0);
    assert_true(same_frames(a, b));
    b->item.speech_frames = a->item.speech_frames = VV_WINDOW_FRAMES; /* now it is */
    rig_step(avatar, a, 0, 0);
    rig_step(avatar, b, 0, 0);
    assert_false(same_frames(a, b));
    rig_free(avatar, b);
    rig_free(avatar, a);
    avatar->close(&avatar);
}

/* ---- snapshots --------------------------------------------------------------------------------------------------- */

/* A session restored at any point goes on as the one that went on. */
static void restored_sessions_go_on(void **state) {
    (void)state;
    VvAvatar *avatar = open_model(1);
    Rig *rig = rig_new(avatar, 7), *other = rig_new(avatar, 7);
    int64_t frame = 0;
    for (int i = 0; i < 8; i++) {
        size_t size;
        uint8_t *bytes = snapshot_of(avatar, rig, &size);
        avatar->destroy(avatar, &other->item.state);
        other->item.state = avatar->restore(avatar, bytes, size);
        assert_non_null(other->item.state);
        assert_same_state(avatar, rig, other);
        free(bytes);
        const int kept = i ? 1 + i % VV_WINDOW_FRAMES : 0;
        frame += kept;
        other->item.window = rig->item.window;
        speak_on(avatar, rig, 3, kept, frame);
        speak_on(avatar, other, 3, kept, frame);
        assert_true(same_frames(rig, other));
    }
    rig_free(avatar, other);
    rig_free(avatar, rig);
    avatar->close(&avatar);
}

/* Writes a snapshot's checksum (FNV-1a) anew. */
static void sign(uint8_t *bytes, size_t size) {
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < size - 8; i++)
        sum = (sum ^ bytes[i]) * UINT64_C(0x100000001b3);
    for (int i = 0; i < 8; i++)
        bytes[size - 8 + (size_t)i] = (uint8_t)(sum >> (8 * i));
}

static void refuses_snapshots_that_are_none(void **state) {
    (void)state;
    VvAvatar *avatar = open_model(1);
    Rig *rig = rig_new(avatar, 7);
    speak_on(avatar, rig, 3, 0, 0);
    size_t size;
    uint8_t *bytes = snapshot_of(avatar, rig, &size);
    assert_int_equal(avatar->snapshot(avatar, rig->item.state, bytes, size - 1), size);
    assert_null(avatar->restore(avatar, bytes, size - 1));
    assert_null(avatar->restore(avatar, bytes, size + 1));
    assert_null(avatar->restore(avatar, bytes, 0));
    for (size_t i = 0; i < size; i += i < 64 ? 1 : 37) { /* a bit changed somewhere */
        bytes[i] ^= (uint8_t)(1 << i % 8);
        assert_null(avatar->restore(avatar, bytes, size));
        bytes[i] ^= (uint8_t)(1 << i % 8);
    }
    const size_t heads = 28, latents = size - 8 - 15 * 16 * 5 * 4;
    const struct {
        size_t at;
        uint8_t byte[4];
    } wrong[] = {{0, {'V', 'V', 'M', 'X'}},        /* of something else */
                 {4, {2, 0, 0, 0}},                /* a later version */
                 {8, {1, 2, 3, 4}},                /* of other weights */
                 {24, {2, 0, 0, 0}},               /* neither made nor not */
                 {heads, {0, 0, 0xc0, 0x7f}},      /* no number, in what is told */
                 {heads, {0, 0, 0x80, 0x7f}},      /* infinite */
                 {heads + 9 * 4, {0, 0, 0, 0x40}}, /* a memory of 2 */
                 {latents, {0, 0, 0xc0, 0x7f}},    /* no number, in the latents */
                 {size - 12, {0, 0, 0x80, 0xff}}}; /* minus infinity, at their end */
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uint8_t was[4];
        memcpy(was, bytes + wrong[i].at, 4);
        memcpy(bytes + wrong[i].at, wrong[i].byte, 4);
        sign(bytes, size);
        assert_null(avatar->restore(avatar, bytes, size));
        memcpy(bytes + wrong[i].at, was, 4);
    }
    sign(bytes, size);
    VvAvatarState *restored = avatar->restore(avatar, bytes, size);
    assert_non_null(restored);
    avatar->destroy(avatar, &restored);
    free(bytes);
    rig_free(avatar, rig);
    avatar->close(&avatar);
}

/* ---- sessions beside each other ---------------------------------------------------------------------------------- */

#define SESSIONS 5
#define WINDOWS 3

/* Some windows of several sessions in one step each; or one after the other, each alone. */
static void run_sessions(VvAvatar *avatar, Rig *rigs[SESSIONS], bool together) {
    VvAvatarItem *items[SESSIONS];
    for (int i = 0; i < SESSIONS; i++) {
        rigs[i] = rig_new(avatar, (uint64_t)(100 + i));
        items[i] = &rigs[i]->item;
    }
    for (int window = 0; window < WINDOWS; window++) {
        for (int i = 0; i < SESSIONS; i++) {
            speak(rigs[i], i, 5 * window);
            items[i]->kept = window ? 5 - i % 3 : 0;
            items[i]->window = (uint64_t)window;
            if (!together)
                assert_int_equal(avatar->step(avatar, &items[i], 1), 0);
        }
        if (together)
            assert_int_equal(avatar->step(avatar, items, SESSIONS), 0);
    }
}

/* What a session gets does not depend on who else is there, nor on how many workers make it: but for the order in which
 * sums of products are added where they share an item, and its rounding to bytes. */
static void a_batch_gives_what_single_sessions_get(void **state) {
    (void)state;
    Rig *alone[SESSIONS], *rigs[SESSIONS];
    VvAvatar *one = open_model(1);
    run_sessions(one, alone, false);
    for (int workers = 1; workers <= 3; workers++) {
        VvAvatar *avatar = open_model(workers);
        for (int together = 0; together < 2; together++) {
            run_sessions(avatar, rigs, together);
            for (int i = 0; i < SESSIONS; i++) {
                assert_in_range(frames_apart(rigs[i], alone[i]), 0, workers > 1);
                rig_free(avatar, rigs[i]);
            }
        }
        avatar->close(&avatar);
    }
    for (int i = 0; i < SESSIONS; i++)
        rig_free(one, alone[i]);
    one->close(&one);
}

static void runs_on_every_backend(void **state) {
    (void)state;
    static const char *const names[] = {"ref", "cpu-avx2", "cpu-plain", "cpu-bf16"};
    VvAvatar *exact = open_model(1);
    Rig *wanted = rig_new(exact, 7);
    for (int i = 0; i < 3; i++)
        speak_on(exact, wanted, 2, i ? 5 : 0, 5 * i);
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        const VvKernels *kernels = vv_kernels_named(names[k]);
        if (!kernels) {
            print_message("# %s: not on this machine, as it is set up\n", names[k]);
            continue;
        }
        VvAvatar *avatar = open_model_on(MODEL, kernels, 2, 2);
        Rig *rig = rig_new(avatar, 7);
        for (int i = 0; i < 3; i++)
            speak_on(avatar, rig, 2, i ? 5 : 0, 5 * i);
        const int apart = frames_apart(rig, wanted);
        print_message("# %s: frames of the third window differ by %d\n", names[k], apart);
        assert_in_range(apart, 0, kernels->compute == VV_BF16 ? 12 : 1);
        rig_free(avatar, rig);
        avatar->close(&avatar);
    }
    rig_free(exact, wanted);
    exact->close(&exact);
}

/* ---- what must not harm ------------------------------------------------------------------------------------------ */

static void fill_frames(Rig *rig) {
    for (int i = 0; i < VV_WINDOW_FRAMES; i++)
        vv_picture_fill(&rig->item.frames[i], 0, 0, 128, 128, (VvYuv){50, 60, 70});
}

static void refuses_wrong_items(void **state) {
    (void)state;
    VvAvatar *avatar = open_model(1);
    Rig *rig = rig_new(avatar, 7), *other = rig_new(avatar, 7);
    VvAvatarItem *items[] = {&other->item, &rig->item}, *many[9];
    fill_frames(rig);
    fill_frames(other);
    const VvAvatarItem good = rig->item;
    for (int i = 0; i < 8; i++) {
        rig->item = good;
        if (i == 0)
            rig->item.kept = -1;
        else if (i == 1)
            rig->item.kept = VV_WINDOW_FRAMES + 1;
        else if (i == 2)
            rig->item.state = NULL;
        else if (i == 3)
            rig->item.speech = NULL;
        else if (i == 4)
            rig->item.user_rows = -1;
        else if (i == 5)
            rig->item.frames[4].width = 126;
        else if (i == 6)
            rig->item.frames[2].height = 130;
        else
            rig->item.frames[0].plane[0] = NULL;
        assert_int_equal(avatar->step(avatar, items, 2), -EINVAL);
        assert_true(same_frames(other, other));
        assert_int_equal(other->item.frames[0].plane[0][0], 50);
    }
    rig->item = good;
    for (int i = 0; i < 9; i++)
        many[i] = &rig->item;
    assert_int_equal(avatar->step(avatar, many, 9), -EINVAL);
    assert_int_equal(avatar->step(avatar, many, -1), -EINVAL);
    assert_int_equal(avatar->step(avatar, many, 0), 0);
    Rig *fresh = rig_new(avatar, 7);
    assert_same_state(avatar, fresh, rig);
    assert_same_state(avatar, fresh, other);
    rig_free(avatar, fresh);
    rig_free(avatar, other);
    rig_free(avatar, rig);
    avatar->close(&avatar);
}

/* What is no number is heard as silence, and no session beside is touched. */
static void survives_what_is_no_number(void **state) {
    (void)state;
    VvAvatar *avatar = open_model(1);
    Rig *bad = rig_new(avatar, 7), *beside = rig_new(avatar, 7), *alone = rig_new(avatar, 7),
        *silent = rig_new(avatar, 7);
    VvAvatarItem *items[] = {&bad->item, &beside->item};
    for (int window = 0; window < 3; window++) {
        speak(beside, 2, 5 * window);
        for (int i = 0; i < VV_SPEECH_ROWS * VV_MEL_BANDS; i++)
            bad->speech[i] = i % 2 ? NAN : -INFINITY;
        for (int i = 0; i < USER_ROWS * VV_MEL_BANDS; i++)
            bad->user[i] = NAN;
        bad->item.user_rows = USER_ROWS;
        bad->item.affect = (VvAffect){.label = 77, .intensity = NAN, .valence = NAN, .arousal = INFINITY};
        bad->item.character = window ? -5 : 99;
        bad->item.kept = beside->item.kept = silent->item.kept = window ? 5 : 0;
        bad->item.window = beside->item.window = silent->item.window = (uint64_t)window;
        silent->item.affect = (VvAffect){0};
        assert_int_equal(avatar->step(avatar, items, 2), 0);
        VvAvatarItem *one = &silent->item;
        assert_int_equal(avatar->step(avatar, &one, 1), 0);
        assert_true(same_frames(bad, silent));
        alone->item.window = beside->item.window;
        speak(alone, 2, 5 * window);
        rig_step(avatar, alone, window ? 5 : 0, 5 * window);
        assert_true(same_frames(beside, alone));
    }
    rig_free(avatar, silent);
    rig_free(avatar, alone);
    rig_free(avatar, beside);
    rig_free(avatar, bad);
    avatar->close(&avatar);
}

/* A device that fails when it is told to. */
static int calls_left = -1; /* until a call fails; -1: none does */

static bool fails(void) {
    return calls_left >= 0 && calls_left-- == 0;
}

static VvKernelStatus frail_decoupled(VvStream *stream, const VvDecoupled *what) {
    return fails() ? VV_KERNEL_BACKEND : vv_kernels_named("cpu-f32")->decoupled(stream, what);
}

static VvKernelStatus frail_blend(VvStream *stream, const VvBlend *what) {
    return fails() ? VV_KERNEL_BACKEND : vv_kernels_named("cpu-f32")->blend(stream, what);
}

static VvKernelStatus frail_silu(VvStream *stream, VvTensor a, VvTensor b, VvTensor dst) {
    return fails() ? VV_KERNEL_BACKEND : vv_kernels_named("cpu-f32")->silu(stream, a, b, dst);
}

/* Wherever it fails, nothing has changed, and the next step is as if nothing had happened. */
static void a_step_that_fails_changes_nothing(void **state) {
    (void)state;
    VvKernels frail = *vv_kernels_named("cpu-f32");
    frail.decoupled = frail_decoupled;
    frail.blend = frail_blend;
    frail.silu = frail_silu;
    VvAvatar *avatar = open_model_on(MODEL, &frail, 1, 8);
    Rig *rig = rig_new(avatar, 7), *twin = rig_new(avatar, 7);
    speak_on(avatar, rig, 2, 0, 0);
    speak_on(avatar, twin, 2, 0, 0);
    VvAvatarItem *item = &rig->item;
    int failures = 0;
    for (int call = 0;; call++) {
        fill_frames(rig);
        speak(rig, 4, 3);
        rig->item.kept = 3;
        rig->item.window = 1;
        calls_left = call;
        const int status = avatar->step(avatar, &item, 1);
        const bool failed = calls_left < 0;
        calls_left = -1;
        if (!failed)
            break;
        failures++;
        assert_int_equal(status, -EIO);
        assert_same_state(avatar, rig, twin);
        for (int i = 0; i < VV_WINDOW_FRAMES; i++)
            assert_int_equal(rig->item.frames[i].plane[0][i], 50);
    }
    assert_true(failures > 5 + 2 * 3); /* frames, and steps times blocks, at least */
    speak_on(avatar, twin, 4, 3, 3);
    assert_true(same_frames(rig, twin));
    assert_same_state(avatar, rig, twin);
    rig_free(avatar, twin);
    rig_free(avatar, rig);
    avatar->close(&avatar);
}

static void nothing_is_allocated_in_a_step(void **state) {
    (void)state;
    for (int workers = 1; workers <= 3; workers++) {
        VvAvatar *avatar = open_model(workers);
        Rig *rigs[SESSIONS];
        VvAvatarItem *items[SESSIONS];
        for (int i = 0; i < SESSIONS; i++) {
            rigs[i] = rig_new(avatar, (uint64_t)i);
            speak(rigs[i], i, 0);
            items[i] = &rigs[i]->item;
        }
        const size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
        int status = 0;
        for (int count = 1; count <= SESSIONS; count++)
            status |= avatar->step(avatar, items, count);
        const size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
        assert_int_equal(status, 0);
        assert_int_equal(after, before);
        for (int i = 0; i < SESSIONS; i++)
            rig_free(avatar, rigs[i]);
        avatar->close(&avatar);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_what_it_is),
        cmocka_unit_test(same_seed_same_frames),
        cmocka_unit_test(what_was_not_sent_leaves_no_trace),
        cmocka_unit_test(every_number_of_kept_frames_counts),
        cmocka_unit_test(begins_at_rest),
        cmocka_unit_test(unspoken_frames_are_silent),
        cmocka_unit_test(restored_sessions_go_on),
        cmocka_unit_test(refuses_snapshots_that_are_none),
        cmocka_unit_test(a_batch_gives_what_single_sessions_get),
        cmocka_unit_test(runs_on_every_backend),
        cmocka_unit_test(refuses_wrong_items),
        cmocka_unit_test(survives_what_is_no_number),
        cmocka_unit_test(a_step_that_fails_changes_nothing),
        cmocka_unit_test(nothing_is_allocated_in_a_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
