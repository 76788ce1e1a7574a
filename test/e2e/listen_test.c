/* `visavis listen`: one voice in several kinds of files, what it prints and writes of it, and one clear line for
 * everything that is wrong. The encoder is that of the golden file, which never learnt anything: what it hears means
 * nothing, but is the same for the same sound. */
#include "test/e2e/daemon.h"
#include "test/e2e/loop.h"

#include "server/media/image.h"
#include "server/media/opus_codec.h"
#include "server/media/webm.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sndfile.h>

#define WEIGHTS "--weights=test/golden/speech.safetensors"
#define RATE 16000
#define STEP 320      /* samples */
#define SAMPLES 44900 /* not a whole number of steps */
#define STEPS ((SAMPLES + STEP - 1) / STEP)
#define ROW_MAX 64

static Run run;

/* Something like syllables: a buzz whose loudness rises and falls. In [-1, 1]. */
static double voice(double seconds) {
    const double loud = fmax(0, sin(6.2832 * 2.3 * seconds));
    double sum = 0;
    for (int i = 1; i < 20; i++)
        sum += sin(6.2832 * 120 * i * seconds) / i;
    return 0.2 * loud * sum;
}

/* A file of `samples` samples at `rate`, in `channels`; of stereo one is silent, the other twice as loud. */
static const char *make_sound(const char *name, int format, int rate, int channels, int samples) {
    const char *path = scratch_path(name);
    SF_INFO info = {.samplerate = rate, .channels = channels, .format = format};
    SNDFILE *file = sf_open(path, SFM_WRITE, &info);
    if (!file)
        fail_msg("%s: %s", name, sf_strerror(NULL));
    for (int i = 0; i < samples; i++) {
        const float frame[2] = {(float)(voice((double)i / rate) * channels), 0};
        assert_int_equal(sf_writef_float(file, frame, 1), 1);
    }
    assert_int_equal(sf_close(file), 0);
    return path;
}

static const char *make_wav(const char *name) {
    return make_sound(name, SF_FORMAT_WAV | SF_FORMAT_PCM_16, RATE, 1, SAMPLES);
}

/* The same voice as a browser would send it. */
static const char *make_webm(const char *name) {
    const char *path = scratch_path(name);
    VvOpusEncoder *encoder = vv_opus_encoder_new(64);
    assert_non_null(encoder);
    const int lookahead = vv_opus_encoder_lookahead(encoder);
    const VvWebmTracks tracks = {.channels = 1, .lookahead = lookahead};
    VvWebm *webm;
    assert_int_equal(vv_webm_open(&webm, path, &tracks), 0);
    for (int packet = 0; packet * 960 < SAMPLES * 3 + lookahead; packet++) {
        int16_t pcm[960];
        uint8_t bytes[VV_OPUS_PACKET_MAX];
        for (int i = 0; i < 960; i++)
            pcm[i] = (int16_t)lrint(32767 * voice((packet * 960 + i) / 48000.0));
        const int size = vv_opus_encode(encoder, pcm, bytes, sizeof bytes);
        assert_true(size > 0);
        assert_int_equal(vv_webm_sound(webm, packet * INT64_C(20000), 20000, bytes, (size_t)size), 0);
    }
    assert_int_equal(vv_webm_close(&webm), 0);
    vv_opus_encoder_free(&encoder);
    return path;
}

/* ---- what it writes ---------------------------------------------------------------------------------------------- */

/* The numbers of a file of comma-separated values. */
typedef struct Table {
    int rows;
    double chance[STEPS + ROW_MAX], loudness[STEPS + ROW_MAX], opening[STEPS + ROW_MAX];
} Table;

static Table read_table(const char *path) {
    Table table = {0};
    char line[512], phone[16];
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    assert_string_equal(line, "seconds,phone,chance,loudness,opening,jawOpen,mouthClose\n");
    while (fgets(line, sizeof line, file)) {
        double seconds, jaw, close;
        const int n = table.rows++;
        assert_true(n < STEPS + ROW_MAX);
        assert_int_equal(sscanf(line, "%lf,%15[^,],%lf,%lf,%lf,%lf,%lf", &seconds, phone, &table.chance[n],
                                &table.loudness[n], &table.opening[n], &jaw, &close),
                         7);
        assert_true(fabs(seconds - n * 0.02) < 1e-9);
        assert_true(strstr(" pau p b m iy ", phone) != NULL);
        assert_true(table.chance[n] >= 0.2 && table.chance[n] <= 1); /* the largest of five */
    }
    fclose(file);
    return table;
}

static Table listen_to(const char *sound, const char *csv_name) {
    char option[600];
    const char *csv = scratch_path(csv_name);
    snprintf(option, sizeof option, "--csv=%s", csv);
    run_visavis(&run, "listen", sound, WEIGHTS, "--kernels=ref", option);
    if (run.status || *run.err)
        fail_msg("status %d: %s", run.status, run.err);
    return read_table(csv);
}

/* Every step of the sound is there once, and its loudness is the sound's. */
static void a_wav(void **state) {
    (void)state;
    const Table table = listen_to(make_wav("voice.wav"), "wav.csv");
    assert_int_equal(table.rows, STEPS);
    for (int n = 2; n < STEPS - 2; n++) {
        double squares = 0;
        for (int i = 0; i < STEP; i++)
            squares += pow(voice((double)(n * STEP + i) / RATE), 2);
        assert_true(fabs(table.loudness[n] - sqrt(squares / STEP)) < 0.04);
    }
    assert_non_null(strstr(run.out, "WAV (Microsoft), 2.81 s"));
    assert_non_null(strstr(run.out, "|2.5 s"));
    assert_non_null(strstr(run.out, "█"));
}

/* Lossless files at other rates and with more channels hold the same voice, and so does what Opus made of it. */
static void other_kinds(void **state) {
    (void)state;
    const Table wav = listen_to(make_wav("voice.wav"), "wav.csv");
    const struct {
        const char *name;
        int format, rate, channels;
    } kinds[] = {
        {"voice.flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 48000, 2},
        {"voice.aiff", SF_FORMAT_AIFF | SF_FORMAT_FLOAT, 44100, 1},
        {"voice.ogg", SF_FORMAT_OGG | SF_FORMAT_VORBIS, 32000, 2},
        {"voice.opus", SF_FORMAT_OGG | SF_FORMAT_OPUS, 48000, 1},
        {"misleading.webm", SF_FORMAT_WAV | SF_FORMAT_PCM_24, 96000, 2},
        {NULL, 0, 0, 0}, /* WebM */
    };
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        const int samples = (int)((int64_t)SAMPLES * kinds[k].rate / RATE);
        const Table other = listen_to(
            kinds[k].name ? make_sound(kinds[k].name, kinds[k].format, kinds[k].rate, kinds[k].channels, samples)
                          : make_webm("voice.webm"),
            "other.csv");
        double off = 0, all = 0;
        assert_in_range(other.rows, STEPS - 1, STEPS + 3);
        for (int n = 2; n < STEPS - 2; n++) {
            off += pow(other.loudness[n] - wav.loudness[n], 2);
            all += pow(wav.loudness[n], 2);
        }
        if (!(off < 0.01 * all))
            fail_msg("%s: loudness is off by %g", kinds[k].name ? kinds[k].name : "WebM", sqrt(off / all));
    }
    assert_non_null(strstr(run.out, "WebM (Opus)"));
}

/* Backends agree: bf16 within its rounding. */
static void backends(void **state) {
    (void)state;
    const char *wav = make_wav("voice.wav"), *csv = scratch_path("cpu.csv");
    const Table ref = listen_to(wav, "wav.csv");
    char option[600];
    snprintf(option, sizeof option, "--csv=%s", csv);
    run_visavis(&run, "listen", wav, WEIGHTS, option);
    assert_int_equal(run.status, 0);
    const Table cpu = read_table(csv);
    double off = 0, all = 0;
    assert_int_equal(cpu.rows, ref.rows);
    for (int n = 0; n < ref.rows; n++) {
        off += pow(cpu.opening[n] - ref.opening[n], 2);
        all += pow(ref.opening[n], 2);
    }
    assert_true(sqrt(off / all) < 0.03);
}

/* The list's phones follow each other without gaps to the end. */
static void a_list(void **state) {
    (void)state;
    run_visavis(&run, "listen", make_wav("voice.wav"), WEIGHTS, "--list");
    assert_int_equal(run.status, 0);
    double reached = 0;
    int lines = 0;
    for (const char *at = strchr(run.out, '\n'); at && at[1]; at = strchr(at + 1, '\n')) {
        double from, to, chance, opening;
        char phone[16];
        assert_int_equal(sscanf(at + 1, "%lf %lf %15s %lf %lf", &from, &to, phone, &chance, &opening), 5);
        assert_true(fabs(from - reached) < 1e-9 && to > from && opening >= 0);
        reached = to;
        lines++;
    }
    assert_true(lines > 3);
    assert_true(fabs(reached - STEPS * 0.02) < 1e-9);
}

static void pictures(void **state) {
    (void)state;
    const char *wav = make_sound("a & <b>.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, RATE, 1, 5 * RATE);
    const char *png = scratch_path("out.png"), *svg = scratch_path("out.svg");
    char option[600], text[4096] = "";
    VvImage image;
    snprintf(option, sizeof option, "--plot=%s", png);
    run_visavis(&run, "listen", wav, WEIGHTS, option);
    assert_int_equal(run.status, 0);
    assert_int_equal(vv_image_open(png, 8192, &image, NULL), VV_MEDIA_OK);
    assert_true(image.width > 1000 && image.height > 2 * 150); /* two strips */
    int blue = 0;
    for (int i = 0; i < image.width * image.height; i++)
        blue += image.rgb[3 * i] == 0x1f && image.rgb[3 * i + 1] == 0x5f && image.rgb[3 * i + 2] == 0xa8;
    assert_true(blue > 1000);
    vv_image_free(&image);

    snprintf(option, sizeof option, "--plot=%s", svg);
    run_visavis(&run, "listen", wav, WEIGHTS, option);
    assert_int_equal(run.status, 0);
    FILE *file = fopen(svg, "r");
    assert_non_null(file);
    assert_true(fread(text, 1, sizeof text - 1, file) > 1000);
    assert_true(strncmp(text, "<svg ", 5) == 0);
    assert_non_null(strstr(text, "a &#38; &#60;b&#62;.wav  5.00 s"));
    assert_int_equal(fseek(file, -7, SEEK_END), 0);
    assert_non_null(fgets(text, sizeof text, file));
    assert_string_equal(text, "</svg>\n");
    fclose(file);
}

static void a_benchmark(void **state) {
    (void)state;
    double middle, best;
    run_visavis(&run, "listen", "--bench", WEIGHTS, "--kernels=ref");
    assert_int_equal(run.status, 0);
    assert_int_equal(
        sscanf(run.out, "ref: %lf ms of one processor's time a window of 26 steps, %lf at best", &middle, &best), 2);
    assert_true(best >= 0 && middle >= best);
}

/* ---- what is wrong ----------------------------------------------------------------------------------------------- */

#define refuse(wanted, words, ...)                                                                                     \
    do {                                                                                                               \
        run_visavis(&run, "listen", __VA_ARGS__);                                                                      \
        if (run.status != (wanted) || !strstr(run.err, words) || strchr(run.err, '\n') != strrchr(run.err, '\n'))      \
            fail_msg("status %d, expected %d and one line with \"%s\":\n%s", run.status, wanted, words, run.err);      \
    } while (0)

static void what_is_wrong(void **state) {
    (void)state;
    const char *wav = make_wav("good.wav"), *text = scratch_write("text", "neither sound nor weights, but long\n");
    const char *none = scratch_path("none"), *empty = scratch_write("empty", "");
    const char *silent = make_sound("silent.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, RATE, 1, 0);
    char option[600];
    refuse(2, "which sound", WEIGHTS);
    refuse(2, "--wings", wav, "--wings");
    refuse(2, ".png or .svg", wav, WEIGHTS, "--plot=out.gif");
    refuse(2, "--bench", wav, WEIGHTS, "--bench");
    refuse(1, "(unreadable)", none, WEIGHTS);
    refuse(1, "(", empty, WEIGHTS);
    refuse(1, "(unknown_kind)", text, WEIGHTS);
    refuse(1, "(no_sound)", silent, WEIGHTS);
    refuse(1, "quick", wav, WEIGHTS, "--kernels=quick");
    snprintf(option, sizeof option, "--weights=%s", none);
    refuse(1, "(unreadable)", wav, option);
    snprintf(option, sizeof option, "--weights=%s", text);
    refuse(1, text, wav, option);
    refuse(1, "speech.width", wav, "--weights=test/golden/codec.safetensors");
    snprintf(option, sizeof option, "--csv=%s/deep/out.csv", none);
    refuse(1, "(unwritable)", wav, WEIGHTS, option);
    snprintf(option, sizeof option, "--plot=%s/deep/out.png", none);
    refuse(1, "(unwritable)", wav, WEIGHTS, option);
    snprintf(option, sizeof option, "--plot=%s/deep/out.svg", none);
    refuse(1, "(unwritable)", wav, WEIGHTS, option);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        e2e_test(a_wav),    e2e_test(other_kinds), e2e_test(backends),      e2e_test(a_list),
        e2e_test(pictures), e2e_test(a_benchmark), e2e_test(what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
