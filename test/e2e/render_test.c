/* `visavis render`: speech from files of several kinds in; films, clips and folders out, with the whole sound, as many
 * frames as it lasts and a few more, the same bytes for the same seed; and one clear line for everything that is wrong.
 */
#include "test/e2e/daemon.h"
#include "test/e2e/loop.h"

#include "server/avatar/test_pattern.h"
#include "server/media/footage.h"
#include "server/media/image.h"
#include "server/media/sound.h"
#include "test/e2e/peer.h"

#include <math.h>
#include <setjmp.h>
#include <sndfile.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define PATTERN "--avatar=test-pattern"
#define TAIL 12 /* frames after the sound's end */
enum { RATE = 24000, MOST = 256, SAMPLES = 4 * 48000, FRAMES_MOST = 200 };

static Run run;
static int16_t sound[SAMPLES];

/* Speech-like sound of so many samples, in a file of that format. */
static const char *make_speech(const char *name, int format, int rate, int channels, int count) {
    const char *path = scratch_path(name);
    SF_INFO info = {.samplerate = rate, .channels = channels, .format = format};
    SNDFILE *file = sf_open(path, SFM_WRITE, &info);
    assert_non_null(file);
    make_tone(sound, count, rate);
    for (int i = 0; i < count; i++) {
        const int16_t frame[2] = {sound[i], sound[i]};
        assert_int_equal(sf_writef_short(file, frame, 1), 1);
    }
    assert_int_equal(sf_close(file), 0);
    return path;
}

static const char *option(const char *name, const char *value) {
    static char options[4][600];
    static int next;
    char *to = options[next++ % 4];
    snprintf(to, sizeof options[0], "--%s=%s", name, value);
    return to;
}

/* What was made: every frame's picture read, and the sound. */
typedef struct Made {
    int frames;
    VvPatternReading reading[FRAMES_MOST];
    int samples;
    int16_t sound[SAMPLES];
} Made;

static Made made;

static void see_image(const VvImage *image) {
    VvPicture picture = {0};
    assert_true(made.frames < FRAMES_MOST);
    assert_int_equal(vv_picture_alloc(&picture, image->width, image->height), 0);
    vv_picture_from_rgb(&picture, image->rgb, 3 * image->width);
    assert_true(vv_test_pattern_read(&picture, &made.reading[made.frames]));
    assert_int_equal(made.reading[made.frames].frame, made.frames);
    made.frames++;
    vv_picture_free(&picture);
}

static void see(const char *path) {
    VvFootage *footage;
    VvFootageFrame frame;
    VvMediaProblem problem;
    made.frames = 0;
    if (vv_footage_open(path, MOST, &footage, &problem))
        fail_msg("%s", problem.text);
    while (vv_footage_next(footage, &frame, &problem) == 1) {
        assert_int_equal(frame.time, (VvTime)made.frames * 40000);
        see_image(frame.image);
    }
    vv_footage_close(&footage);
}

static void see_folder(const char *path) {
    char name[400];
    VvImage image;
    made.frames = 0;
    for (;;) {
        snprintf(name, sizeof name, "%s/%06d.png", path, made.frames);
        if (vv_image_open(name, MOST, &image, NULL))
            break;
        see_image(&image);
        vv_image_free(&image);
    }
}

static void hear(const char *path) {
    VvSound *heard;
    VvMediaProblem problem;
    made.samples = 0;
    if (vv_sound_open(path, &heard, &problem))
        fail_msg("%s", problem.text);
    assert_int_equal(vv_sound_rate(heard), 48000);
    for (int got; (got = vv_sound_read(heard, made.sound + made.samples, SAMPLES - made.samples, &problem)) > 0;)
        made.samples += got;
    vv_sound_close(&heard);
}

static double level(int frame) {
    double energy = 0;
    for (int i = frame * 1920; i < (frame + 1) * 1920; i++)
        energy += (double)made.sound[i] * made.sound[i] / 1920;
    return fmin(sqrt(energy) / 32768 / (double)VV_TEST_PATTERN_MOUTH_FULL, 1);
}

/* The mouth follows the sound of its own frame, and both rest at the end. */
static void expect_in_step(int spoken) {
    assert_int_equal(made.frames, spoken + TAIL);
    assert_in_range(made.samples, made.frames * 1920 - 960, made.frames * 1920);
    double most = 0, off = 0;
    for (int i = 0; i < spoken - 1; i++) {
        most = fmax(most, level(i));
        off = fmax(off, fabs(level(i) - (double)made.reading[i].mouth));
    }
    if (!(most > 0.3 && off < 0.1))
        fail_msg("the loudest is %.2f; mouth and sound are apart by %.2f", most, off);
    for (int i = spoken + 2; i < made.frames - 1; i++) {
        assert_true(level(i) < 0.01);
        assert_true(made.reading[i].mouth < 0.05f);
    }
}

static int frames_of(int count, int rate) {
    return (count * 25 + rate - 1) / rate;
}

static void every_output(void **state) {
    (void)state;
    const int count = RATE + 5000;
    const char *speech = make_speech("speech.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, RATE, 1, count);
    const char *film = scratch_path("film.webm"), *clip = scratch_path("clip.y4m"), *wav = scratch_path("clip.wav");
    const char *folder = scratch_path("pictures");
    run_visavis(&run, "render", option("speech", speech), option("out", film), PATTERN);
    assert_int_equal(run.status, 0);
    assert_string_equal(run.out, "");
    assert_non_null(strstr(run.err, "frames of 256 x 256"));
    see(film);
    hear(film);
    expect_in_step(frames_of(count, RATE));
    run_visavis(&run, "render", option("speech", speech), option("out", clip), PATTERN, "--quiet");
    assert_int_equal(run.status, 0);
    assert_string_equal(run.err, "");
    see(clip);
    hear(wav);
    assert_int_equal(made.samples, made.frames * 1920);
    expect_in_step(frames_of(count, RATE));
    assert_int_equal(mkdir(folder, 0777), 0); /* an empty one is as good as none */
    run_visavis(&run, "render", option("speech", speech), option("out", folder), PATTERN);
    assert_int_equal(run.status, 0);
    see_folder(folder);
    hear(scratch_path("pictures/sound.wav"));
    expect_in_step(frames_of(count, RATE));
}

static void every_input(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int format, rate, channels;
    } files[] = {
        {"a.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_24, 44100, 2}, {"a.flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 16000, 1},
        {"a.ogg", SF_FORMAT_OGG | SF_FORMAT_VORBIS, 22050, 2}, {"a.opus", SF_FORMAT_OGG | SF_FORMAT_OPUS, 48000, 1},
        {"b.wav", SF_FORMAT_WAV | SF_FORMAT_ULAW, 8000, 1},
    };
    const char *out = scratch_path("out.webm");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        const int count = files[i].rate * 6 / 5;
        const char *speech = make_speech(files[i].name, files[i].format, files[i].rate, files[i].channels, count);
        run_visavis(&run, "render", option("speech", speech), option("out", out), PATTERN, "--quiet");
        assert_int_equal(run.status, 0);
        see(out);
        hear(out);
        expect_in_step(30);
    }
    /* Its own film says it again, a little longer for the rest at its end. */
    const char *again = scratch_path("again.webm");
    run_visavis(&run, "render", option("speech", out), option("out", again), PATTERN, "--quiet");
    assert_int_equal(run.status, 0);
    see(again);
    assert_in_range(made.frames, 30 + 2 * TAIL - 1, 30 + 2 * TAIL);
}

/* A moment is a film too. */
static void one_sample(void **state) {
    (void)state;
    const char *speech = make_speech("one.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 1, 1);
    const char *out = scratch_path("one.webm");
    run_visavis(&run, "render", option("speech", speech), option("out", out), PATTERN, "--quiet");
    assert_int_equal(run.status, 0);
    see(out);
    assert_int_equal(made.frames, 1 + TAIL);
}

static void seeds(void **state) {
    (void)state;
    const char *speech = make_speech("seed.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 1, 32000);
    static const char *const names[] = {"1.webm", "2.webm", "3.webm", "4.webm"};
    static const char *const more[] = {"--seed=5", "--seed=5", "--seed=6", "--emotion=joy:0.75"};
    for (int i = 0; i < 4; i++) {
        run_visavis(&run, "render", option("speech", speech), option("out", scratch_path(names[i])), more[i], PATTERN);
        assert_int_equal(run.status, 0);
    }
    shell("cmp '%s' '%s'", scratch_path("1.webm"), scratch_path("2.webm"));
    shell("! cmp -s '%s' '%s'", scratch_path("1.webm"), scratch_path("3.webm"));
    see(scratch_path("4.webm"));
    assert_int_equal(made.reading[20].label, 1);
    see(scratch_path("1.webm"));
    assert_int_equal(made.reading[20].label, 0);
}

/* Without --out the film lies where the command was given, by the speech's name. */
static void by_default(void **state) {
    (void)state;
    const char *speech = make_speech("my speech.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 1, 3200);
    shell("mkdir -p '%s/here' && program=$(realpath \"$VISAVIS\") && cd '%s/here' && \"$program\" render --quiet "
          "--speech '%s' " PATTERN,
          scratch_folder(), scratch_folder(), speech);
    see(scratch_path("here/my speech.webm"));
    assert_int_equal(made.frames, 5 + TAIL);
}

/* A disk that fills up: files may not grow beyond some kilobytes. */
static void a_full_disk(void **state) {
    (void)state;
    char speech[300];
    snprintf(speech, sizeof speech, "%s", make_speech("speech.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 1, 32000));
    static const char *const names[] = {"full.webm", "full.y4m", "full"};
    for (int i = 0; i < 3; i++) {
        const char *out = scratch_path(names[i]), *said = scratch_path("said");
        shell("(ulimit -f 2; \"$VISAVIS\" render " PATTERN " --quiet --speech '%s' --out '%s' 2>'%s'; test $? = 1)",
              speech, out, said);
        shell("grep -q '(unwritable)$' '%s' && test $(wc -l <'%s') = 1", said, said);
        shell("! ls -d '%s'* 2>/dev/null", scratch_path(i < 2 ? names[i] : "full/"));
        shell("! ls -d '%s'/*.part 2>/dev/null", scratch_folder());
    }
}

/* One line that says what is wrong, and nothing left behind. */
static void refuse(int status, const char *words, const char *speech, const char *out, const char *more) {
    const char *const arguments[] = {"render", option("speech", speech), option("out", out), PATTERN, more, NULL};
    run_list(&run, NULL, NULL, arguments);
    const char *end = strchr(run.err, '\n');
    if (run.status != status || !strstr(run.err, words) || !end || end[1])
        fail_msg("status %d, expected %d and one line with \"%s\":\n%s", run.status, status, words, run.err);
    char part[600];
    snprintf(part, sizeof part, "%s.part", out);
    assert_int_equal(access(part, F_OK), -1);
}

static void what_is_wrong(void **state) {
    (void)state;
    const char *out = scratch_path("wrong.webm"), *none = scratch_path("none.wav");
    const char *speech = make_speech("good.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 1, 32000);
    const char *silent = make_speech("silent.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 1, 0);
    const char *text = scratch_write("text.wav", "RIFF is what this says, but it is none\n");
    char nowhere[300], full[300];
    snprintf(nowhere, sizeof nowhere, "%s/nowhere/film.webm", scratch_folder());
    snprintf(full, sizeof full, "%s", scratch_folder());
    refuse(1, "No such file or directory (unreadable)", none, out, NULL);
    refuse(1, "(unknown_kind)", text, out, NULL);
    refuse(1, "(no_sound)", silent, out, NULL);
    refuse(1, "(no_sound)", scratch_write("empty.wav", ""), out, NULL);
    refuse(1, "(unreadable)", full, out, NULL);
    refuse(1, "No such file or directory (unwritable)", speech, nowhere, NULL);
    refuse(1, "(unwritable)", speech, full, NULL); /* a folder with something in it */
    refuse(1, "FILE.webm, FILE.y4m or a folder", speech, scratch_path("film.mp4"), NULL);
    refuse(2, "there are: face,bars", speech, out, "--character=nobody");
    refuse(2, "there is no style", speech, out, "--style=nobody");
    refuse(2, "--emotion", speech, out, "--emotion=bliss");
    refuse(2, "--emotion", speech, out, "--emotion=joy:2");
    refuse(2, "--emotion", speech, out, "--emotion=joy:");
    refuse(2, "--seed", speech, out, "--seed=-1");
    refuse(2, "replace the speech", speech, speech, NULL);
    refuse(2, "replace the speech", speech, scratch_path("good.y4m"), NULL); /* its sound's file would */
    refuse(2, "steps must be", speech, out, "--steps=1000");
    refuse(1, "there are: model, test-pattern", speech, out, "--avatar=nobody");
    run_visavis(&run, "render", option("speech", speech), option("out", out), "--weights", none);
    assert_int_equal(run.status, 1);
    assert_non_null(strstr(run.err, none));
    run_visavis(&run, "render", PATTERN);
    assert_int_equal(run.status, 2);
    assert_non_null(strstr(run.err, "--speech"));
    assert_int_equal(access(out, F_OK), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        e2e_test(every_output), e2e_test(every_input), e2e_test(one_sample),    e2e_test(seeds),
        e2e_test(by_default),   e2e_test(a_full_disk), e2e_test(what_is_wrong),
    };
    return cmocka_run_group_tests_name("render", tests, NULL, NULL);
}
