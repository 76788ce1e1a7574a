/* Films: both tracks whole and in time, the file there only when it is whole, and errors by their names. */
#include "server/media/footage.h"
#include "server/media/movie.h"
#include "server/media/sound.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { SIDE = 96, FPS = 25, FRAMES = 60, SOUND = VV_MOVIE_RATE / FPS };

static char root[64], path[96], part[104];
static const VvMovieForm form = {.width = SIDE, .height = SIDE, .fps = FPS, .video_kbps = 800, .sound_kbps = 64};

static int open_root(void **state) {
    (void)state;
    snprintf(root, sizeof root, "/tmp/movie_test.XXXXXX");
    if (!mkdtemp(root))
        return -1;
    snprintf(path, sizeof path, "%s/film.webm", root);
    snprintf(part, sizeof part, "%s.part", path);
    return 0;
}

static int remove_root(void **state) {
    (void)state;
    char command[96];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

static bool there(const char *name) {
    return access(name, F_OK) == 0;
}

/* A frame's brightness and the sound's level both rise with its number. */
static uint8_t brightness(int number) {
    return (uint8_t)(40 + 3 * number);
}

static int add(VvMovie *film, VvPicture *picture, int number) {
    int16_t sound[SOUND];
    vv_picture_fill(picture, 0, 0, SIDE, SIDE, (VvYuv){brightness(number), 128, 128});
    for (int i = 0; i < SOUND; i++)
        sound[i] = (int16_t)lround(200.0 * number * sin((number * SOUND + i) * 0.05));
    return vv_movie_add(film, picture, sound);
}

static void look(void) {
    VvFootage *footage;
    VvFootageFrame frame;
    VvMediaProblem problem;
    assert_int_equal(vv_footage_open(path, SIDE, &footage, &problem), VV_MEDIA_OK);
    for (int f = 0; f < FRAMES; f++) {
        assert_int_equal(vv_footage_next(footage, &frame, &problem), 1);
        assert_int_equal(frame.time, (VvTime)f * VV_SECOND / FPS);
        uint8_t wanted[3];
        vv_yuv_to_rgb((VvYuv){brightness(f), 128, 128}, wanted);
        assert_in_range(abs(frame.image->rgb[3 * (SIDE * SIDE / 2)] - wanted[0]), 0, 12);
    }
    assert_int_equal(vv_footage_next(footage, &frame, &problem), 0);
    vv_footage_close(&footage);
}

static void listen(void) {
    static int16_t heard[FRAMES * SOUND];
    VvSound *sound;
    VvMediaProblem problem;
    assert_int_equal(vv_sound_open(path, &sound, &problem), VV_MEDIA_OK);
    int count = 0;
    for (int got; (got = vv_sound_read(sound, heard + count, FRAMES * SOUND - count, &problem)) > 0;)
        count += got;
    vv_sound_close(&sound);
    assert_in_range(count, FRAMES * SOUND - 960, FRAMES * SOUND);
    for (int f = 10; f < FRAMES - 1; f++) {
        double energy = 0;
        for (int i = 0; i < SOUND; i++)
            energy += (double)heard[f * SOUND + i] * heard[f * SOUND + i] / SOUND;
        const double level = sqrt(2 * energy) / 200; /* the number of the frame that it was given with */
        if (fabs(level - f) > 1.5)
            fail_msg("frame %d sounds like frame %.1f", f, level);
    }
}

static void pictures_with_sound(void **state) {
    (void)state;
    VvPicture picture = {0};
    VvMovie *film;
    assert_int_equal(vv_picture_alloc(&picture, SIDE, SIDE), 0);
    assert_int_equal(vv_movie_open(&film, path, &form), 0);
    for (int f = 0; f < FRAMES; f++) {
        assert_int_equal(add(film, &picture, f), 0);
        assert_true(there(part) && !there(path));
    }
    assert_int_equal(vv_movie_close(&film, true), 0);
    assert_null(film);
    assert_true(there(path) && !there(part));
    vv_picture_free(&picture);
    look();
    listen();
}

static void not_wanted_after_all(void **state) {
    (void)state;
    VvPicture picture = {0};
    VvMovie *film;
    assert_int_equal(vv_picture_alloc(&picture, SIDE, SIDE), 0);
    unlink(path);
    assert_int_equal(vv_movie_open(&film, path, &form), 0);
    assert_int_equal(add(film, &picture, 0), 0);
    assert_int_equal(vv_movie_close(&film, false), 0);
    assert_true(!there(path) && !there(part));
    assert_int_equal(vv_movie_close(&film, true), 0); /* nothing is fine */
    vv_picture_free(&picture);
}

static void refused(void **state) {
    (void)state;
    static const struct {
        VvMovieForm form;
        int error;
    } wrong[] = {
        {{.width = SIDE, .height = SIDE, .fps = 24, .video_kbps = 1, .sound_kbps = 1}, -EINVAL},
        {{.width = SIDE, .height = SIDE, .fps = 25, .video_kbps = 0, .sound_kbps = 1}, -EINVAL},
        {{.width = SIDE, .height = SIDE, .fps = 25, .video_kbps = 1, .sound_kbps = 0}, -EINVAL},
        {{.width = 0, .height = SIDE, .fps = 25, .video_kbps = 1, .sound_kbps = 1}, -EINVAL},
        {{.width = SIDE, .height = 5000, .fps = 25, .video_kbps = 1, .sound_kbps = 1}, -EINVAL},
    };
    VvMovie *film;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(vv_movie_open(&film, path, &wrong[i].form), wrong[i].error);
        assert_null(film);
        assert_true(!there(part));
    }
    char name[PATH_MAX + 8];
    snprintf(name, sizeof name, "%s/no/film.webm", root);
    assert_int_equal(vv_movie_open(&film, name, &form), -ENOENT);
    memset(name, 'x', PATH_MAX);
    name[PATH_MAX] = '\0';
    assert_int_equal(vv_movie_open(&film, name, &form), -ENAMETOOLONG);
}

/* A disk that fills up while the film is written: the error is named, and nothing stays. */
static void full_disk(void **state) {
    (void)state;
    const pid_t child = fork();
    if (child == 0) {
        const struct rlimit limit = {6000, 6000};
        VvPicture picture = {0};
        VvMovie *film;
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        if (vv_picture_alloc(&picture, SIDE, SIDE) || vv_movie_open(&film, path, &form))
            _exit(2);
        int result = 0;
        for (int f = 0; f < 50 * FRAMES && !result; f++)
            result = add(film, &picture, f % FRAMES);
        const int again = add(film, &picture, 0), closed = vv_movie_close(&film, true);
        _exit(result == -EFBIG && again == -EFBIG && closed == -EFBIG && !there(part) && !there(path) ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_with_sound),
        cmocka_unit_test(not_wanted_after_all),
        cmocka_unit_test(refused),
        cmocka_unit_test(full_disk),
    };
    return cmocka_run_group_tests_name("movie", tests, open_root, remove_root);
}
