/* A model whose device fails goes on with its spare kernels: the same step, the same sessions. */
#include "server/avatar/model_spare.h"
#include "test/unit/avatar/model_rig.h"

static int calls_left = -1; /* until a call fails, and all after it; -1: none does */

static VvKernelStatus frail_blend(VvStream *stream, const VvBlend *what) {
    if (calls_left == 0)
        return VV_KERNEL_BACKEND;
    calls_left -= calls_left > 0;
    return vv_kernels_named("cpu-f32")->blend(stream, what);
}

static VvAvatar *open_spare(const VvKernels *kernels, const VvKernels *spare) {
    const VvModelOptions options = {.workers = 1, .max_batch = 4};
    VvAvatar *avatar = NULL;
    VvModelProblem problem;
    if (vv_model_spare_open(MODEL, kernels, spare, &options, &avatar, &problem))
        fail_msg("%s", problem.text);
    return avatar;
}

static VvKernels frail_table(void) {
    VvKernels frail = *vv_kernels_named("cpu-f32");
    frail.name = "frail";
    frail.blend = frail_blend;
    calls_left = -1;
    return frail;
}

/* Wherever in a step the device is lost, two sessions go on as if it had not been. */
static void goes_on_as_if_nothing_had_happened(void **state) {
    (void)state;
    const VvKernels frail = frail_table();
    VvAvatar *avatar = open_spare(&frail, vv_kernels_named("cpu-f32")), *whole = open_model(1);
    Rig *a[2], *b[2];
    VvAvatarItem *items[2], *wanted[2];
    assert_int_equal(avatar->info.max_batch, 4);
    assert_string_equal(avatar->info.characters, "ann,bob");
    for (int i = 0; i < 2; i++) {
        a[i] = rig_new(avatar, (uint64_t)i);
        b[i] = rig_new(whole, (uint64_t)i);
        items[i] = &a[i]->item, wanted[i] = &b[i]->item;
    }
    for (int window = 0; window < 4; window++) {
        if (window == 2)
            calls_left = 7; /* in the second session's frames */
        for (int i = 0; i < 2; i++) {
            speak(a[i], i + 1, 5 * window);
            speak(b[i], i + 1, 5 * window);
            items[i]->kept = wanted[i]->kept = window ? VV_WINDOW_FRAMES : 0;
            items[i]->window = wanted[i]->window = (uint64_t)window;
        }
        assert_int_equal(avatar->step(avatar, items, 2), 0);
        assert_int_equal(whole->step(whole, wanted, 2), 0);
        assert_int_equal(vv_model_on_spare(avatar), window >= 2);
        for (int i = 0; i < 2; i++) {
            assert_true(same_frames(a[i], b[i]));
            assert_same_state(avatar, a[i], b[i]);
        }
    }
    /* States made before and after are alike. */
    size_t size;
    uint8_t *bytes = snapshot_of(avatar, a[0], &size);
    VvAvatarState *restored = avatar->restore(avatar, bytes, size);
    assert_non_null(restored);
    avatar->destroy(avatar, &restored);
    free(bytes);
    for (int i = 0; i < 2; i++) {
        rig_free(avatar, a[i]);
        rig_free(whole, b[i]);
    }
    avatar->close(&avatar);
    whole->close(&whole);
}

/* With nothing to go on with, the step's error is passed on, every time, and nothing has changed. */
static void says_so_when_there_is_no_spare(void **state) {
    (void)state;
    const VvKernels frail = frail_table(), *spare = &frail;
    VvAvatar *avatar = open_spare(&frail, spare);
    Rig *rig = rig_new(avatar, 7), *fresh = rig_new(avatar, 7);
    VvAvatarItem *item = &rig->item;
    speak(rig, 2, 0);
    calls_left = 0;
    for (int i = 0; i < 3; i++)
        assert_int_equal(avatar->step(avatar, &item, 1), -EIO);
    assert_false(vv_model_on_spare(avatar));
    assert_same_state(avatar, rig, fresh);
    calls_left = -1;
    assert_int_equal(avatar->step(avatar, &item, 1), 0); /* the device is back */
    rig_free(avatar, fresh);
    rig_free(avatar, rig);
    avatar->close(&avatar);
    assert_null(avatar);
}

/* Wrong items are the caller's fault, not the device's. */
static void stays_with_its_device_otherwise(void **state) {
    (void)state;
    const VvKernels frail = frail_table();
    VvAvatar *avatar = open_spare(&frail, vv_kernels_named("cpu-f32"));
    Rig *rig = rig_new(avatar, 7);
    VvAvatarItem *item = &rig->item;
    rig->item.kept = -1;
    assert_int_equal(avatar->step(avatar, &item, 1), -EINVAL);
    assert_false(vv_model_on_spare(avatar));
    rig->item.kept = 0;
    assert_int_equal(avatar->step(avatar, &item, 1), 0);
    rig_free(avatar, rig);
    avatar->close(&avatar);
    VvModelProblem problem;
    const VvModelOptions options = {.workers = 1};
    assert_int_equal(vv_model_spare_open("test/golden/none", &frail, &frail, &options, &avatar, &problem), -EINVAL);
    assert_null(avatar);
    assert_true(problem.text[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_on_as_if_nothing_had_happened),
        cmocka_unit_test(says_so_when_there_is_no_spare),
        cmocka_unit_test(stays_with_its_device_otherwise),
    };
    return cmocka_run_group_tests_name("model_spare", tests, NULL, NULL);
}
