/* The film of a conversation: both tracks whole and in time, the voices in it, and a clear word for everything that can
 * be wrong with the command. Needs the voices' engines. */
#include "server/media/opus_codec.h"
#include "server/media/vp8_codec.h"
#include "server/media/webm_read.h"
#include "weights/performer/commands.h"
#include "weights/performer/dialogue.h"
#include "weights/performer/faces.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { SECONDS = 5, FRAMES = SECONDS * VV_POSE_FPS, PACKETS = SECONDS * 50, RATE = 16000 };

static char root[64], film[128], said[20000], reason[200];
static VvVoices *voices;

static int open_root(void **state) {
    (void)state;
    vv_voices_open(&voices, reason);
    snprintf(root, sizeof root, "/tmp/clip_test.XXXXXX");
    if (!mkdtemp(root))
        return -1;
    snprintf(film, sizeof film, "%s/film.webm", root);
    return 0;
}

static int remove_root(void **state) {
    (void)state;
    char command[128];
    vv_voices_close(&voices);
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

static void need_voices(void) {
    if (!voices) {
        print_message("skipped: %s\n", reason);
        skip();
    }
}

/* Runs the command in a process of its own, with files that may grow to `most` bytes; what it says is in `said`. */
static int run_limited(rlim_t most, int count, const char *const words[]) {
    char *argv[20] = {0}, log[128];
    snprintf(log, sizeof log, "%s/log", root);
    for (int i = 0; i < count; i++)
        argv[i + 1] = strdup(words[i]);
    const pid_t child = fork();
    if (child == 0) {
        const struct rlimit limit = {most, most};
        if (!freopen(log, "w", stderr) || !freopen("/dev/null", "w", stdout))
            _exit(100);
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        const int result = vv_performer_clip(count + 1, argv);
        fflush(stderr);
        _exit(result);
    }
    int status = 0;
    waitpid(child, &status, 0);
    for (int i = 0; i < count; i++)
        free(argv[i + 1]);
    FILE *file = fopen(log, "r");
    assert_non_null(file);
    said[fread(said, 1, sizeof said - 1, file)] = 0;
    fclose(file);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

#define RUN(...)                                                                                                       \
    run_limited(RLIM_INFINITY, (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)),                          \
                (const char *[]){__VA_ARGS__})

/* Neither the film nor a part of it. */
static bool nothing_left(void) {
    char part[140];
    snprintf(part, sizeof part, "%s.part", film);
    return access(film, F_OK) && access(part, F_OK);
}

/* The loudness of each frame's time. */
static void loudness_of(const int16_t *pcm, double loudness[FRAMES]) {
    for (int f = 0; f < FRAMES; f++) {
        double sum = 1;
        for (int i = f * RATE / VV_POSE_FPS; i < (f + 1) * RATE / VV_POSE_FPS; i++)
            sum += (double)pcm[i] * pcm[i];
        loudness[f] = log(sum);
    }
}

static double correlation(const double *a, const double *b, int count) {
    double ma = 0, mb = 0, ab = 0, aa = 0, bb = 0;
    for (int i = 0; i < count; i++) {
        ma += a[i] / count;
        mb += b[i] / count;
    }
    for (int i = 0; i < count; i++) {
        ab += (a[i] - ma) * (b[i] - mb);
        aa += (a[i] - ma) * (a[i] - ma);
        bb += (b[i] - mb) * (b[i] - mb);
    }
    return ab / sqrt(aa * bb + 1e-9);
}

/* What is heard is the conversation's two voices, without a shift in time. */
static void compare_sound(const int16_t *heard) {
    const VvConversationPlan plan = {.seed = 2, .seconds = SECONDS, .language = "en", .sex = {'f', 'm'}};
    VvConversation *c;
    double ours[FRAMES], theirs[FRAMES];
    assert_int_equal(vv_conversation_make(voices, &plan, &c), 0);
    for (int i = 0; i < c->samples; i++)
        c->side[0].pcm[i] = (int16_t)(c->side[0].pcm[i] + c->side[1].pcm[i]);
    loudness_of(heard, ours);
    loudness_of(c->side[0].pcm, theirs);
    const double together = correlation(ours, theirs, FRAMES);
    assert_true(together > 0.95);
    assert_true(correlation(ours + 1, theirs, FRAMES - 1) < together - 0.02);
    assert_true(correlation(ours, theirs + 1, FRAMES - 1) < together - 0.02);
    vv_conversation_free(&c);
}

static void a_film_is_whole(void **state) {
    (void)state;
    need_voices();
    static int16_t heard[(PACKETS + 1) * VV_OPUS_SAMPLES_MAX(RATE)];
    assert_int_equal(RUN(film, "--seconds", "5", "--seed", "2", "--characters", "elif,daniel"), 0);
    assert_non_null(strstr(said, "clip: 5 of 5 s, 0 min 00 s left"));
    FILE *file = fopen(film, "rb");
    assert_non_null(file);
    VvWebmReader *reader;
    VvMediaProblem problem;
    assert_int_equal(vv_webm_reader_open(file, &reader, &problem), 0);
    const VvWebmContent *content = vv_webm_reader_content(reader);
    assert_int_equal(content->width, 512);
    assert_int_equal(content->height, 256);
    assert_int_equal(content->channels, 1);
    assert_int_equal(content->lookahead, 312);
    VvVp8Decoder *vp8 = vv_vp8_decoder_new();
    VvOpusDecoder *opus = vv_opus_decoder_new(RATE);
    int pictures = 0, packets = 0, samples = 0;
    VvWebmBlock block;
    while (vv_webm_read(reader, &block, &problem) == 1) {
        if (block.sound) {
            assert_int_equal(block.time, packets++ * 20000);
            const int count = vv_opus_decode(opus, block.data, block.size, heard + samples, VV_OPUS_SAMPLES_MAX(RATE));
            assert_int_equal(count, RATE / 50);
            samples += count;
        } else {
            VvPicture picture;
            assert_int_equal(block.time, pictures++ * 40000);
            assert_int_equal(vv_vp8_decode(vp8, block.data, block.size, 512, 256, &picture), 0);
        }
    }
    assert_int_equal(pictures, FRAMES);
    assert_int_equal(packets, PACKETS);
    compare_sound(heard + 312 * RATE / 48000);
    vv_webm_reader_close(&reader);
    vv_vp8_decoder_free(&vp8);
    vv_opus_decoder_free(&opus);
    fclose(file);
    unlink(film);
}

static void names_what_is_wrong(void **state) {
    (void)state;
    char missing[140];
    snprintf(missing, sizeof missing, "%s/nowhere/film.webm", root);
    assert_int_equal(RUN(missing), 1);
    assert_non_null(strstr(said, "cannot write"));
    assert_non_null(strstr(said, "nowhere/film.webm: No such file or directory"));
    assert_int_equal(RUN(film, "--asset", "nowhere.vvh"), 1);
    assert_non_null(strstr(said, "nowhere.vvh"));
    assert_true(nothing_left());
    assert_int_equal(RUN(film, "--characters", "elif,nobody"), 1);
    assert_non_null(strstr(said, VV_CHARACTERS "/nobody.conf"));
    assert_int_equal(RUN(film, "--characters", "elif"), 1);
    assert_non_null(strstr(said, "two names"));
    assert_int_equal(RUN(film, "--characters", "elif,daniel,hugo"), 1);
    assert_true(nothing_left());
}

static void names_the_language(void **state) {
    (void)state;
    need_voices();
    assert_int_equal(RUN(film, "--language", "tlh"), 1);
    assert_non_null(strstr(said, "there are no two voices that speak tlh"));
    assert_true(nothing_left());
}

static void refuses_bad_command_lines(void **state) {
    (void)state;
    static const char *const bad[][2] = {{"--seconds", "4"},  {"--seconds", "601"}, {"--seconds", "ten"},
                                         {"--seed", "-1"},    {"--size", "300"},    {"--size", "256.5"},
                                         {"--colour", "red"}, {"--seconds", ""}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(RUN(film, bad[i][0], bad[i][1]), 2);
        assert_non_null(strstr(said, bad[i][0]));
        assert_non_null(strstr(said, "usage:"));
    }
    assert_int_equal(RUN(film, "--seed"), 2);
    assert_int_equal(RUN("--seed", "1"), 2);
    assert_int_equal(RUN("--help"), 0);
    assert_true(nothing_left());
}

static void a_full_disk_is_told(void **state) {
    (void)state;
    need_voices();
    const char *const words[] = {film, "--seconds", "5"};
    assert_int_equal(run_limited(300000, 3, words), 1);
    assert_non_null(strstr(said, "cannot write"));
    assert_non_null(strstr(said, "film.webm: File too large"));
    assert_true(nothing_left());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_film_is_whole),     cmocka_unit_test(names_what_is_wrong),
        cmocka_unit_test(names_the_language),  cmocka_unit_test(refuses_bad_command_lines),
        cmocka_unit_test(a_full_disk_is_told),
    };
    return cmocka_run_group_tests(tests, open_root, remove_root);
}
