/* The dataset folder: the same bytes on one and two threads, whole conversations only, going on after an interruption,
 * clear words when the disk does not play along, and a Python loader that reads what was written. Needs the voices'
 * engines. */
#include "weights/performer/dataset.h"
#include "weights/performer/dataset_state.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char root[64];
static bool voices_there;
static char reason[VV_ERROR_MAX];

static int open_root(void **state) {
    (void)state;
    VvVoices *voices;
    voices_there = vv_voices_open(&voices, reason) == 0;
    vv_voices_close(&voices);
    snprintf(root, sizeof root, "/tmp/dataset_test.XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

static void need_voices(void) {
    if (!voices_there) {
        print_message("skipped: %s\n", reason);
        skip();
    }
}

static VvDatasetOptions options_of(const char *folder, int threads) {
    return (VvDatasetOptions){.folder = folder, .seed = 7, .conversations = 4, .seconds = 10, .threads = threads};
}

static char *inside(char path[256], const char *folder, const char *name) {
    snprintf(path, 256, "%s/%s%s%s", root, folder, *name ? "/" : "", name);
    return path;
}

static bool there(const char *folder, const char *name) {
    char path[256];
    return access(inside(path, folder, name), F_OK) == 0;
}

static bool same_tree(const char *a, const char *b) {
    char command[256];
    snprintf(command, sizeof command, "diff -r '%s/%s' '%s/%s' >/dev/null", root, a, root, b);
    return system(command) == 0;
}

static void one_thread_or_two(void **state) {
    (void)state;
    need_voices();
    char a[256], b[256], error[VV_ERROR_MAX];
    const VvDatasetOptions one = options_of(inside(a, "one", ""), 1), two = options_of(inside(b, "two", ""), 2);
    assert_int_equal(vv_dataset_make(&one, error), 0);
    assert_int_equal(vv_dataset_make(&two, error), 0);
    assert_true(there("one", "000003/complete"));
    assert_true(same_tree("one", "two"));
    VvDatasetOptions other = options_of(inside(b, "other", ""), 1);
    other.seed = 8;
    other.conversations = 1;
    assert_int_equal(vv_dataset_make(&other, error), 0);
    assert_false(same_tree("one/000000", "other/000000"));
}

/* Follows the first: what one run leaves, the next finishes. */
static void goes_on_after_an_interruption(void **state) {
    (void)state;
    need_voices();
    char path[256], error[VV_ERROR_MAX];
    /* Conversation 1 lost its marker and half of a file; 2 is gone; 3 is whole and must not be touched. */
    assert_int_equal(unlink(inside(path, "two", "000001/complete")), 0);
    assert_int_equal(truncate(inside(path, "two", "000001/pose-0.npy"), 100), 0);
    FILE *left = fopen(inside(path, "two", "000001/complete.tmp"), "w");
    assert_non_null(left);
    fclose(left);
    char command[300];
    snprintf(command, sizeof command, "rm -r '%s'", inside(path, "two", "000002"));
    assert_int_equal(system(command), 0);
    struct stat before, after;
    assert_int_equal(stat(inside(path, "two", "000003/pose-0.npy"), &before), 0);
    const VvDatasetOptions two = options_of(inside(path, "two", ""), 2);
    assert_int_equal(vv_dataset_make(&two, error), 0);
    assert_true(same_tree("one", "two"));
    char whole[256];
    assert_int_equal(stat(inside(whole, "two", "000003/pose-0.npy"), &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
}

/* Killed in the middle, as by a power cut: nothing half made counts as whole, and the next run ends with the same
 * bytes. */
static void survives_being_killed(void **state) {
    (void)state;
    need_voices();
    char path[256], error[VV_ERROR_MAX];
    const VvDatasetOptions options = options_of(inside(path, "killed", ""), 1);
    const pid_t child = fork();
    if (child == 0) {
        vv_dataset_make(&options, error);
        _exit(0);
    }
    while (!there("killed", "000001/audio-0.wav"))
        usleep(1000);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(vv_dataset_make(&options, error), 0);
    assert_true(same_tree("one", "killed"));
}

static void says_what_is_wrong(void **state) {
    (void)state;
    need_voices();
    char path[256], error[VV_ERROR_MAX];
    /* A file where the folder should be. */
    FILE *file = fopen(inside(path, "file", ""), "w");
    assert_non_null(file);
    fclose(file);
    VvDatasetOptions options = options_of(path, 1);
    assert_int_equal(vv_dataset_make(&options, error), -ENOTDIR);
    assert_non_null(strstr(error, "Not a directory"));
    options.folder = "/proc/nowhere";
    assert_int_equal(vv_dataset_make(&options, error), -ENOENT);
    assert_non_null(strstr(error, "cannot make the folder /proc/nowhere"));
    /* Another dataset's folder. */
    options = options_of(inside(path, "one", ""), 1);
    options.seed = 99;
    assert_int_equal(vv_dataset_make(&options, error), -EEXIST);
    assert_non_null(strstr(error, "\"seed\""));
    options = options_of(path, 0);
    assert_int_equal(vv_dataset_make(&options, error), -EINVAL);
    /* A manifest that is none. */
    mkdir(inside(path, "broken", ""), 0777);
    file = fopen(inside(path, "broken", "manifest.json"), "w");
    assert_non_null(file);
    fputs("{\"version\": ", file);
    fclose(file);
    options = options_of(inside(path, "broken", ""), 1);
    assert_int_equal(vv_dataset_make(&options, error), -EBADMSG);
    assert_non_null(strstr(error, "broken/manifest.json"));
}

static void a_full_disk_is_told(void **state) {
    (void)state;
    char path[256], error[VV_ERROR_MAX];
    const uint8_t bytes[64] = {0};
    assert_int_equal(vv_file_bytes("/dev", "full", bytes, 64, error), -ENOSPC);
    assert_string_equal(error, "cannot write /dev/full: No space left on device");
    need_voices();
    /* The whole run, with files that may not grow: it stops, says where, and marks nothing. */
    const pid_t child = fork();
    if (child == 0) {
        const struct rlimit small = {100000, 100000};
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &small);
        const VvDatasetOptions options = options_of(inside(path, "full", ""), 2);
        const int result = vv_dataset_make(&options, error);
        _exit(result == -EFBIG && strstr(error, "cannot write ") && strstr(error, "File too large") ? 0 : 1);
    }
    int status = 1;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    assert_true(there("full", "manifest.json"));
    for (int i = 0; i < 4; i++) {
        char name[32];
        snprintf(name, sizeof name, "%06d/complete", i);
        assert_false(there("full", name));
    }
}

static void halves_are_rounded(void **state) {
    (void)state;
    assert_int_equal(vv_half(0), 0);
    assert_int_equal(vv_half(-0.0f), 0x8000);
    assert_int_equal(vv_half(1), 0x3c00);
    assert_int_equal(vv_half(-2.5f), 0xc100);
    assert_int_equal(vv_half(65504), 0x7bff);
    assert_int_equal(vv_half(65520), 0x7c00);
    assert_int_equal(vv_half(1e9f), 0x7c00);
    assert_int_equal(vv_half(NAN), 0x7e00);
    assert_int_equal(vv_half(0x1p-24f), 1);
    assert_int_equal(vv_half(0x1p-26f), 0);
    assert_int_equal(vv_half(0x1p-14f), 0x0400);
    assert_int_equal(vv_half(1 + 0x1p-11f), 0x3c00); /* a tie goes to even */
    assert_int_equal(vv_half(1 + 0x3p-11f), 0x3c02);
    assert_int_equal(vv_half(1 + 0x1p-11f + 0x1p-20f), 0x3c01);
    /* Every half comes back as itself. */
    for (uint32_t h = 0; h < 0x7c00; h++) {
        const float value =
            h < 0x400 ? ldexpf((float)h, -24) : ldexpf((float)(0x400 + (h & 0x3ff)), (int)(h >> 10) - 25);
        assert_int_equal(vv_half(value), h);
    }
}

/* ---- the loader
 * -------------------------------------------------------------------------------------------------------- */

/* The sums that the loader prints, worked out from the conversation itself. */
static void describe(const VvConversation *c, int index, int side, char line[300]) {
    long long audio = 0, pose = 0, state = 0, phone = 0;
    float *states = vv_state_rows(c, side);
    uint8_t *phones = vv_phone_rows(c, side);
    assert_non_null(states);
    assert_non_null(phones);
    for (int i = 0; i < c->samples; i++)
        audio += abs(c->side[side].pcm[i]);
    for (int i = 0; i < c->frames * VV_POSE_COLUMNS; i++)
        pose += vv_half(((const float *)c->side[side].pose)[i]);
    for (int i = 0; i < c->frames * VV_STATE_COLUMNS; i++)
        state += vv_half(states[i]);
    for (int i = 0; i < c->frames * 4; i++)
        phone += phones[i];
    free(states);
    free(phones);
    snprintf(line, 300, "%d %d frames %d dialogue %d acts %d audio %lld pose %lld state %lld phones %lld\n", index,
             side, c->frames, c->utterances, c->acts, audio, pose, state, phone);
}

static const char *python_with_numpy(void) {
    static const char *const names[] = {"python3", "/usr/bin/python3"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char command[100];
        snprintf(command, sizeof command, "%s -c 'import numpy' 2>/dev/null", names[i]);
        if (system(command) == 0)
            return names[i];
    }
    return NULL;
}

static void the_loader_agrees(void **state) {
    (void)state;
    need_voices();
    const char *python = python_with_numpy();
    if (!python) {
        print_message("skipped: python3-numpy is not installed\n");
        skip();
    }
    static char printed[20000];
    char command[300], path[256];
    snprintf(command, sizeof command, "%s weights/train/dataset.py '%s' 2>&1", python, inside(path, "one", ""));
    FILE *loader = popen(command, "r");
    assert_non_null(loader);
    printed[fread(printed, 1, sizeof printed - 1, loader)] = 0;
    assert_int_equal(pclose(loader), 0);
    VvVoices *voices;
    char error[200];
    assert_int_equal(vv_voices_open(&voices, error), 0);
    const VvDatasetOptions one = options_of(path, 1);
    for (int i = 0; i < one.conversations; i++) {
        VvConversation *c;
        const VvConversationPlan plan = vv_dataset_plan(&one, i);
        assert_int_equal(vv_conversation_make(voices, &plan, &c), 0);
        for (int s = 0; s < VV_SIDES; s++) {
            char line[300];
            describe(c, i, s, line);
            if (!strstr(printed, line))
                fail_msg("the loader did not print %s", line);
        }
        vv_conversation_free(&c);
    }
    vv_voices_close(&voices);
    /* And it refuses what is not whole. */
    assert_int_equal(truncate(inside(path, "killed", "000000/state-1.npy"), 200), 0);
    snprintf(command, sizeof command, "%s weights/train/dataset.py '%s/killed' 2>&1", python, root);
    loader = popen(command, "r");
    assert_non_null(loader);
    printed[fread(printed, 1, sizeof printed - 1, loader)] = 0;
    assert_int_not_equal(pclose(loader), 0);
    assert_non_null(strstr(printed, "state-1.npy is missing or not whole"));
}

/* ---- pictures
 * ---------------------------------------------------------------------------------------------------------- */

typedef struct Shown {
    int begun, ended, frames[VV_SIDES], wrong;
    bool fails;
} Shown;

static int begin_pictures(void *user, const char *folder, const VvConversation *c, void **ctx, char *error) {
    Shown *shown = user;
    (void)c;
    shown->begun++;
    memset(shown->frames, 0, sizeof shown->frames);
    *ctx = shown;
    return vv_file_text(folder, "video-0.txt", "pictures", error);
}

static int show_picture(void *ctx, int side, int frame, const VvPose *pose, char *error) {
    Shown *shown = ctx;
    (void)error;
    shown->wrong += frame != shown->frames[side]++ || !pose || !(pose->breath >= 0);
    return 0;
}

static int end_pictures(void *ctx, char *error) {
    Shown *shown = ctx;
    shown->ended++;
    snprintf(error, VV_ERROR_MAX, "no pictures today");
    return shown->fails ? -EIO : 0;
}

static void pictures_are_shown_in_order(void **state) {
    (void)state;
    need_voices();
    char path[256], error[VV_ERROR_MAX];
    Shown shown = {0};
    const VvDatasetVideo video = {.begin = begin_pictures,
                                  .show = show_picture,
                                  .end = end_pictures,
                                  .user = &shown,
                                  .kind = "raw",
                                  .size = 256,
                                  .every = 1};
    VvDatasetOptions options = options_of(inside(path, "pictures", ""), 1);
    options.conversations = 2;
    options.video = &video;
    shown.fails = true;
    assert_int_equal(vv_dataset_make(&options, error), -EIO);
    assert_string_equal(error, "no pictures today");
    assert_false(there("pictures", "000000/complete"));
    shown.fails = false;
    assert_int_equal(vv_dataset_make(&options, error), 0);
    assert_int_equal(shown.begun, 3);
    assert_int_equal(shown.ended, 3);
    assert_int_equal(shown.wrong, 0);
    assert_int_equal(shown.frames[0], 250);
    assert_int_equal(shown.frames[1], 250);
    assert_true(there("pictures", "000001/video-0.txt") && there("pictures", "000001/complete"));
}

static void splits_are_what_they_say(void **state) {
    (void)state;
    int count[VV_SPLITS] = {0};
    const VvDatasetOptions options = options_of("", 1);
    for (int i = 0; i < 2000; i++) {
        const VvSplit split = vv_dataset_split(options.seed, i);
        const VvConversationPlan plan = vv_dataset_plan(&options, i);
        count[split]++;
        assert_int_equal(plan.held_out_voice, split == VV_SPLIT_TEST);
        assert_int_equal(plan.held_out_text, split != VV_SPLIT_TRAIN);
        assert_int_equal(plan.held_out_identity, split != VV_SPLIT_TRAIN);
    }
    assert_in_range(count[VV_SPLIT_TRAIN], 1520, 1680);
    assert_in_range(count[VV_SPLIT_VALID], 150, 250);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_thread_or_two),        cmocka_unit_test(goes_on_after_an_interruption),
        cmocka_unit_test(survives_being_killed),    cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(a_full_disk_is_told),      cmocka_unit_test(halves_are_rounded),
        cmocka_unit_test(the_loader_agrees),        cmocka_unit_test(pictures_are_shown_in_order),
        cmocka_unit_test(splits_are_what_they_say),
    };
    return cmocka_run_group_tests(tests, open_root, remove_root);
}
