/* A model's folder that is not as it should be: every file that is missing, damaged or does not fit the others is
 * named.
 */
#include "test/unit/avatar/model_rig.h"

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* A folder of links to the small model's files, to be spoilt. */
typedef struct Folder {
    char path[64];
} Folder;

static const char *const files[] = {"codec.safetensors", "speech.safetensors", "denoiser.safetensors",
                                    "head.safetensors",  "characters/ann.png", "characters/bob.png"};
#define FILES (sizeof files / sizeof *files)

static void path_in(const Folder *folder, const char *file, char path[PATH_MAX]) {
    snprintf(path, PATH_MAX, "%s/%s", folder->path, file);
}

static void link_file(const Folder *folder, const char *file, const char *target) {
    char path[PATH_MAX], whole[PATH_MAX];
    path_in(folder, file, path);
    unlink(path);
    assert_non_null(realpath(target, whole));
    assert_int_equal(symlink(whole, path), 0);
}

static void write_file(const Folder *folder, const char *file, const void *bytes, size_t size) {
    char path[PATH_MAX];
    path_in(folder, file, path);
    unlink(path);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, size, out), size);
    assert_int_equal(fclose(out), 0);
}

static Folder make_folder(void) {
    Folder folder = {"/tmp/visavis-model-XXXXXX"};
    char path[PATH_MAX];
    assert_non_null(mkdtemp(folder.path));
    path_in(&folder, "characters", path);
    assert_int_equal(mkdir(path, 0700), 0);
    for (size_t i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, "%s/%s", MODEL, files[i]);
        link_file(&folder, files[i], path);
    }
    return folder;
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *walk) {
    (void)about, (void)kind, (void)walk;
    return remove(path);
}

static void remove_folder(const Folder *folder) {
    assert_int_equal(nftw(folder->path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* It cannot be opened, and says why. */
static void assert_refused(const char *path, const VvModelOptions *options, const char *says) {
    VvAvatar *avatar = (VvAvatar *)&path;
    VvModelProblem problem;
    assert_int_equal(vv_model_open(path, vv_kernels_ref(), options, &avatar, &problem), -EINVAL);
    assert_null(avatar);
    if (!strstr(problem.text, says))
        fail_msg("\"%s\" does not say \"%s\"", problem.text, says);
    assert_int_equal(vv_model_open(path, vv_kernels_ref(), options, &avatar, NULL), -EINVAL);
}

static const VvModelOptions one = {.workers = 1, .max_batch = 1};

static void opens_a_folder_that_is_whole(void **state) {
    (void)state;
    const Folder folder = make_folder();
    write_file(&folder, "characters/README.md", "no portrait", 11);
    write_file(&folder, "characters/a b.png", "nor this", 8);
    VvAvatar *avatar = open_model_on(folder.path, vv_kernels_ref(), 1, 1);
    assert_string_equal(avatar->info.characters, "ann,bob");
    avatar->close(&avatar);
    remove_folder(&folder);
}

static void names_what_is_missing(void **state) {
    (void)state;
    assert_refused("test/golden/no-such-folder", &one, "no-such-folder/characters");
    for (size_t i = 0; i < 4; i++) {
        const Folder folder = make_folder();
        char path[PATH_MAX];
        path_in(&folder, files[i], path);
        assert_int_equal(unlink(path), 0);
        assert_refused(folder.path, &one, files[i]);
        remove_folder(&folder);
    }
    const Folder folder = make_folder();
    char path[PATH_MAX];
    for (size_t i = 4; i < FILES; i++) {
        path_in(&folder, files[i], path);
        assert_int_equal(unlink(path), 0);
    }
    assert_refused(folder.path, &one, "there is no portrait");
    remove_folder(&folder);
}

static void names_what_is_damaged(void **state) {
    (void)state;
    for (size_t i = 0; i < FILES; i++) {
        char whole[PATH_MAX];
        snprintf(whole, sizeof whole, "%s/%s", MODEL, files[i]);
        FILE *in = fopen(whole, "rb");
        assert_non_null(in);
        static unsigned char bytes[1 << 20];
        const size_t size = fread(bytes, 1, sizeof bytes, in);
        fclose(in);
        assert_in_range(size, 1000, sizeof bytes - 1);
        const Folder folder = make_folder();
        write_file(&folder, files[i], bytes, size / 2); /* cut */
        assert_refused(folder.path, &one, files[i]);
        bytes[size - size / 4] ^= 0x40; /* a bit turned */
        write_file(&folder, files[i], bytes, size);
        assert_refused(folder.path, &one, files[i]);
        write_file(&folder, files[i], "", 0);
        assert_refused(folder.path, &one, files[i]);
        remove_folder(&folder);
    }
}

/* Weights that are good, but of another model. */
static void names_what_does_not_fit(void **state) {
    (void)state;
    static const struct {
        const char *file, *target, *says;
    } swaps[] = {
        {"codec.safetensors", "test/golden/codec.safetensors", "codec.safetensors: grid"},
        {"denoiser.safetensors", "test/golden/denoiser.safetensors", "the server: overlap is 10 there and 4 here"},
        {"head.safetensors", "test/golden/model/denoiser.safetensors", "head.safetensors: "},
        {"speech.safetensors", "test/golden/head.safetensors", "speech.safetensors: "},
        {"denoiser.safetensors", "test/golden/model/codec.safetensors", "denoiser.safetensors: "},
    };
    for (size_t i = 0; i < sizeof swaps / sizeof *swaps; i++) {
        const Folder folder = make_folder();
        link_file(&folder, swaps[i].file, swaps[i].target);
        assert_refused(folder.path, &one, swaps[i].says);
        remove_folder(&folder);
    }
}

static void names_options_out_of_bounds(void **state) {
    (void)state;
    const struct {
        VvModelOptions options;
        const char *says;
    } wrong[] = {{{.workers = -1}, "workers"},     {{.workers = 33}, "workers"},
                 {{.steps = -1}, "steps"},         {{.steps = 33}, "steps"},
                 {{.max_batch = -1}, "max_batch"}, {{.max_batch = VV_MODEL_BATCH_MAX + 1}, "max_batch"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_refused(MODEL, &wrong[i].options, wrong[i].says);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_a_folder_that_is_whole), cmocka_unit_test(names_what_is_missing),
        cmocka_unit_test(names_what_is_damaged),        cmocka_unit_test(names_what_does_not_fit),
        cmocka_unit_test(names_options_out_of_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
