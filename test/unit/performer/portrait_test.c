/* The characters' portraits: there is one for each, it shows what the settings say, and looks at the camera with its
 * mouth shut; a new face of a settings file can be drawn, and what is wrong with the command is said. */
#include "server/media/image.h"
#include "weights/performer/commands.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SETTINGS "weights/performer/characters"
#define PORTRAITS "weights/characters"

static char root[64], out[96], part[104];

static int open_root(void **state) {
    (void)state;
    snprintf(root, sizeof root, "/tmp/portrait_test.XXXXXX");
    if (!mkdtemp(root))
        return -1;
    snprintf(out, sizeof out, "%s/face.png", root);
    snprintf(part, sizeof part, "%s.part", out);
    return 0;
}

static int remove_root(void **state) {
    (void)state;
    char command[96];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

/* The command's exit status; what it says goes nowhere. */
static int run(int count, const char *const words[]) {
    char *argv[12] = {strdup("portrait")};
    for (int i = 0; i < count; i++)
        argv[i + 1] = strdup(words[i]);
    const pid_t child = fork();
    if (child == 0) {
        if (!freopen("/dev/null", "w", stderr) || !freopen("/dev/null", "w", stdout))
            _exit(99);
        _exit(vv_performer_portrait(count + 1, argv));
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    for (int i = 0; i <= count; i++)
        free(argv[i]);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

#define portrait(...)                                                                                                  \
    run((int)(sizeof(const char *[]){__VA_ARGS__} / sizeof(char *)), (const char *const[]){__VA_ARGS__})

static void read_picture(const char *path, int side, VvImage *image) {
    VvMediaProblem problem;
    if (vv_image_open(path, 1024, image, &problem))
        fail_msg("%s", problem.text);
    assert_int_equal(image->width, side);
    assert_int_equal(image->height, side);
}

/* Mean of the absolute differences of two pictures of the same size. */
static double apart(const VvImage *a, const VvImage *b) {
    const int count = 3 * a->width * a->height;
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += abs(a->rgb[i] - b->rgb[i]);
    return sum / count;
}

static int is_settings(const struct dirent *entry) {
    const char *dot = strrchr(entry->d_name, '.');
    return dot && strcmp(dot, ".conf") == 0;
}

/* One for each character, and no two alike. */
static void all_there(void **state) {
    (void)state;
    struct dirent **files;
    VvImage image[16] = {{0}};
    const int count = scandir(SETTINGS, &files, is_settings, alphasort);
    assert_in_range(count, 8, 16);
    for (int i = 0; i < count; i++) {
        char path[400];
        snprintf(path, sizeof path, PORTRAITS "/%.*s.png", (int)strlen(files[i]->d_name) - 5, files[i]->d_name);
        read_picture(path, 256, &image[i]);
        for (int k = 0; k < i; k++)
            assert_true(apart(&image[i], &image[k]) > 15);
        free(files[i]);
    }
    free(files);
    for (int i = 0; i < count; i++)
        vv_image_free(&image[i]);
}

/* Compilers may differ in a bit here and there, which no eye sees. */
static void as_the_settings_say(void **state) {
    (void)state;
    VvImage shipped, drawn, large;
    assert_int_equal(portrait("elif", out), 0);
    read_picture(out, 256, &drawn);
    assert_int_equal(access(part, F_OK), -1);
    read_picture(PORTRAITS "/elif.png", 256, &shipped);
    assert_true(apart(&shipped, &drawn) < 0.5);
    assert_int_equal(portrait(SETTINGS "/elif.conf", out, "--size", "512"), 0);
    read_picture(out, 512, &large);
    vv_image_free(&drawn);
    assert_int_equal(vv_image_square(&large, 256, &drawn), 0);
    assert_true(apart(&shipped, &drawn) < 6); /* the same face, finer */
    vv_image_free(&shipped);
    vv_image_free(&drawn);
    vv_image_free(&large);
}

static void wrong(void **state) {
    (void)state;
    unlink(out);
    assert_int_equal(portrait("--help"), 0);
    assert_int_equal(portrait("amara"), 2);
    assert_int_equal(portrait("amara", out, "--size"), 2);
    assert_int_equal(portrait("amara", out, "--size", "300"), 2);
    assert_int_equal(portrait("amara", out, "--colour", "red"), 2);
    assert_int_equal(portrait("nobody", out), 1);
    assert_int_equal(portrait("amara", out, "--asset", "none"), 1);
    assert_int_equal(portrait("amara", "/nowhere/face.png"), 1);
    assert_int_equal(access(out, F_OK), -1);
    assert_int_equal(access(part, F_OK), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_there),
        cmocka_unit_test(as_the_settings_say),
        cmocka_unit_test(wrong),
    };
    return cmocka_run_group_tests_name("portrait", tests, open_root, remove_root);
}
