/* Whole windows through the CUDA backend against the processor's: the small model of test/golden/model, sessions that
 * follow their own states, batches rounded up, recordings. On the emulated table; with VV_TEST_KERNELS=cuda on the
 * device itself. */
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

/* Three sessions in one step are made as a batch of three; each gets what it gets alone. */
static void a_batch_gives_what_single_sessions_get(void **state) {
    (void)state;
    enum { SESSIONS = 3 };
    VvAvatar *avatar = open_model_on(MODEL, table(), 2, SESSIONS);
    Rig *together[SESSIONS], *alone[SESSIONS];
    VvAvatarItem *items[SESSIONS];
    for (int i = 0; i < SESSIONS; i++) {
        together[i] = rig_new(avatar, (uint64_t)(100 + i));
        alone[i] = rig_new(avatar, (uint64_t)(100 + i));
        speak(together[i], i, 0);
        speak_on(avatar, alone[i], i, 0, 0);
        items[i] = &together[i]->item;
    }
    assert_int_equal(avatar->step(avatar, items, SESSIONS), 0);
    for (int i = 0; i < SESSIONS; i++) {
        const int apart = frames_apart(together[i], alone[i]);
        print_message("# session %d: frames differ by %d\n", i, apart);
        assert_in_range(apart, 0, 6); /* sums may be cut into other parts, and so rounded otherwise */
        for (int other = 0; other < i; other++)
            assert_true(frames_apart(together[i], together[other]) > 6);
    }
    for (int i = 0; i < SESSIONS; i++) {
        rig_free(avatar, together[i]);
        rig_free(avatar, alone[i]);
    }
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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_a_table),
        cmocka_unit_test(windows_are_the_processors),
        cmocka_unit_test(a_batch_gives_what_single_sessions_get),
        cmocka_unit_test(a_lost_device_is_replaced),
    };
    return cmocka_run_group_tests_name("windows on the CUDA table", tests, NULL, NULL);
}
