/* Sound files of many kinds give the same tone at the right length; what is no sound, or none at all, is said so. */
#include "server/media/movie.h"
#include "server/media/opus_codec.h"
#include "server/media/sound.h"
#include "server/media/webm.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <sndfile.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define HZ 300.0
#define LEVEL 0.5
enum { ROOM = 200000 };

static char root[64];
static int16_t heard[ROOM];

static int open_root(void **state) {
    (void)state;
    snprintf(root, sizeof root, "/tmp/sound_test.XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state) {
    (void)state;
    char command[96];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

static const char *in_root(const char *name) {
    static char path[4][160];
    static int next;
    char *to = path[next++ % 4];
    snprintf(to, sizeof path[0], "%s/%s", root, name);
    return to;
}

static double tone(double seconds) {
    return LEVEL * sin(2 * 3.14159265358979 * HZ * seconds);
}

/* A tone; of several channels the first has it twice as loud as the mean, the second nothing, the others the mean. */
static const char *write_file(int format, int rate, int channels, int frames) {
    const char *path = in_root("file");
    SF_INFO info = {.samplerate = rate, .channels = channels, .format = format};
    SNDFILE *file = sf_open(path, SFM_WRITE, &info);
    if (!file)
        fail_msg("%s", sf_strerror(NULL));
    float *samples = calloc((size_t)(frames * channels) + 1, sizeof *samples);
    for (int i = 0; i < frames; i++)
        for (int c = 0; c < channels; c++)
            samples[i * channels + c] = (float)(tone((double)i / rate) * (channels == 1 ? 1
                                                                          : c == 0      ? 1.9
                                                                          : c == 1      ? 0.1
                                                                                        : 1));
    assert_int_equal(sf_writef_float(file, samples, frames), frames);
    assert_int_equal(sf_close(file), 0);
    free(samples);
    return path;
}

/* Reads all of a file in blocks of odd sizes; returns the samples. */
static int read_all(const char *path, int *rate) {
    VvMediaProblem problem = {0};
    VvSound *sound;
    if (vv_sound_open(path, &sound, &problem))
        fail_msg("%s", problem.text);
    *rate = vv_sound_rate(sound);
    int count = 0, got, turn = 0;
    while ((got = vv_sound_read(sound, heard + count, 1 + turn++ % 1777, &problem)) > 0) {
        count += got;
        assert_true(count < ROOM - 1777);
    }
    if (got < 0)
        fail_msg("%s", problem.text);
    assert_int_equal(vv_sound_read(sound, heard + count, 10, &problem), 0); /* and stays at its end */
    vv_sound_close(&sound);
    assert_null(sound);
    return count;
}

/* The largest distance to the tone, which may be late by some samples. */
static double distance_late(int from, int to, int rate, int late) {
    double most = 0;
    for (int i = from; i < to; i++)
        most = fmax(most, fabs(heard[i] / 32768.0 - tone((double)(i - late) / rate)));
    return most;
}

static double distance(int from, int to, int rate) {
    return distance_late(from, to, rate, 0);
}

/* The same within half a millisecond: the encoder's filters for voices turn the phase of low tones a little. */
static double distance_about(int from, int to) {
    double least = INFINITY;
    for (int late = -24; late <= 24; late++)
        least = fmin(least, distance_late(from, to, 48000, late));
    return least;
}

static void kinds_and_rates(void **state) {
    (void)state;
    static const struct {
        int format, rate, channels, out;
        double off;
    } files[] = {
        {SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 1, 16000, 1e-4},
        {SF_FORMAT_WAV | SF_FORMAT_PCM_16, 24000, 2, 24000, 1e-4},
        {SF_FORMAT_WAV | SF_FORMAT_FLOAT, 48000, 6, 48000, 1e-4},
        {SF_FORMAT_WAV | SF_FORMAT_PCM_U8, 8000, 1, 48000, 0.02},
        {SF_FORMAT_WAV | SF_FORMAT_PCM_24, 96000, 1, 48000, 0.01},
        {SF_FORMAT_WAV | SF_FORMAT_PCM_16, 192000, 2, 48000, 0.01},
        {SF_FORMAT_AIFF | SF_FORMAT_PCM_16, 44100, 2, 48000, 0.01},
        {SF_FORMAT_AU | SF_FORMAT_ULAW, 8000, 1, 48000, 0.03},
        {SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 44100, 1, 48000, 0.01},
        {SF_FORMAT_FLAC | SF_FORMAT_PCM_24, 11025, 2, 48000, 0.01},
        {SF_FORMAT_OGG | SF_FORMAT_VORBIS, 22050, 2, 48000, 0.05},
        {SF_FORMAT_OGG | SF_FORMAT_OPUS, 48000, 1, 48000, 0.05},
        {SF_FORMAT_OGG | SF_FORMAT_OPUS, 16000, 1, 16000, 0.05},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        const int frames = files[i].rate * 3 / 2 + 17;
        const char *path = write_file(files[i].format, files[i].rate, files[i].channels, frames);
        int rate;
        const int count = read_all(path, &rate);
        assert_int_equal(rate, files[i].out);
        const double wanted = (double)frames * rate / files[i].rate;
        if (fabs(count - wanted) > 1)
            fail_msg("file %zu: %d samples, not %.0f", i, count, wanted);
        const double off = distance(rate / 20, count - rate / 20, rate);
        if (!(off < files[i].off))
            fail_msg("file %zu: off by %.4f", i, off);
    }
}

/* Rates that calls know are passed on bit by bit. */
static void untouched(void **state) {
    (void)state;
    VvSoundWriter *writer;
    const char *path = in_root("same.wav");
    static int16_t pcm[5000];
    for (int i = 0; i < 5000; i++)
        pcm[i] = (int16_t)(i * 7919 % 65536 - 32768);
    assert_int_equal(vv_sound_writer_open(path, 16000, &writer, NULL), VV_MEDIA_OK);
    assert_int_equal(vv_sound_write(writer, pcm, 1234, NULL), VV_MEDIA_OK);
    assert_int_equal(vv_sound_write(writer, pcm + 1234, 5000 - 1234, NULL), VV_MEDIA_OK);
    assert_int_equal(vv_sound_writer_close(&writer, NULL), VV_MEDIA_OK);
    assert_null(writer);
    int rate;
    assert_int_equal(read_all(path, &rate), 5000);
    assert_int_equal(rate, 16000);
    assert_memory_equal(heard, pcm, sizeof pcm);
}

/* Louder than files can be is as loud as can be; what is no number is silent. */
static void wild_samples(void **state) {
    (void)state;
    const char *path = in_root("wild");
    const float samples[6] = {3.0f, -3.0f, NAN, INFINITY, -INFINITY, 0.25f};
    SF_INFO info = {.samplerate = 48000, .channels = 1, .format = SF_FORMAT_WAV | SF_FORMAT_FLOAT};
    SNDFILE *file = sf_open(path, SFM_WRITE, &info);
    assert_int_equal(sf_write_float(file, samples, 6), 6);
    sf_close(file);
    int rate;
    assert_int_equal(read_all(path, &rate), 6);
    const int16_t wanted[6] = {32767, -32768, 0, 32767, -32768, 8192};
    assert_memory_equal(heard, wanted, sizeof wanted);
}

/* A WebM with a hole of half a second in its sound, as recorders make it: time goes on. */
static void webm(void **state) {
    (void)state;
    enum { PACKETS = 100, HOLE_FROM = 40, HOLE_TO = 65, PACKET = 960 };
    const char *path = in_root("file.webm");
    VvOpusEncoder *opus = vv_opus_encoder_new(64);
    const int lookahead = vv_opus_encoder_lookahead(opus);
    const VvWebmTracks tracks = {.channels = 1, .lookahead = lookahead};
    VvWebm *out;
    assert_int_equal(vv_webm_open(&out, path, &tracks), 0);
    for (int p = 0; p < PACKETS; p++) {
        int16_t pcm[PACKET];
        uint8_t data[VV_OPUS_PACKET_MAX];
        for (int i = 0; i < PACKET; i++)
            pcm[i] = (int16_t)lround(32768 * tone((p * PACKET + i) / 48000.0));
        const int size = vv_opus_encode(opus, pcm, data, sizeof data);
        assert_true(size > 0);
        if (p < HOLE_FROM || p >= HOLE_TO)
            assert_int_equal(vv_webm_sound(out, p * 20000, 20000, data, (size_t)size), 0);
    }
    assert_int_equal(vv_webm_close(&out), 0);
    vv_opus_encoder_free(&opus);
    int rate;
    assert_int_equal(read_all(path, &rate), PACKETS * PACKET - lookahead);
    assert_int_equal(rate, 48000);
    const double before = distance_about(4800, HOLE_FROM * PACKET - lookahead);
    const double after = distance_about(HOLE_TO * PACKET + 4800, PACKETS * PACKET - lookahead);
    if (!(before < 0.1 && after < 0.1))
        fail_msg("off by %.3f before the hole, %.3f after it", before, after);
    for (int i = HOLE_FROM * PACKET; i < HOLE_TO * PACKET - lookahead; i++)
        assert_int_equal(heard[i], 0);
}

static void expect_refusal(const char *path, VvMediaError error, const char *words) {
    VvMediaProblem problem = {0};
    VvSound *sound = NULL;
    assert_int_equal(vv_sound_open(path, &sound, &problem), error);
    assert_null(sound);
    if (!strstr(problem.text, words) || !strstr(problem.text, path))
        fail_msg("no \"%s\" in: %s", words, problem.text);
    assert_int_equal(vv_sound_open(path, &sound, NULL), error); /* nobody need ask why */
}

static const char *write_bytes(const char *name, const void *bytes, size_t size) {
    const char *path = in_root(name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    return path;
}

static void refused(void **state) {
    (void)state;
    static const char text[] = "Dear diary, this is no sound at all, however long one listens to it.\n";
    expect_refusal(in_root("none"), VV_MEDIA_UNREADABLE, "No such file");
    expect_refusal(root, VV_MEDIA_UNREADABLE, "directory");
    expect_refusal(write_bytes("empty", "", 0), VV_MEDIA_NO_SOUND, "empty");
    expect_refusal(write_bytes("text", text, sizeof text), VV_MEDIA_UNKNOWN_KIND, "WAV, FLAC");
    expect_refusal(write_bytes("ebml", "\x1a\x45", 2), VV_MEDIA_UNKNOWN_KIND, "begins like");
    expect_refusal(write_file(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 1, 0), VV_MEDIA_NO_SOUND, "not one sample");
    expect_refusal(write_file(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 800, 1, 100), VV_MEDIA_UNSUPPORTED, "800 samples");
    expect_refusal(write_file(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 65, 10), VV_MEDIA_UNSUPPORTED, "65 channels");
}

/* A film without sound, and one whose last packets are missing. */
static void damaged_films(void **state) {
    (void)state;
    const char *path = in_root("film.webm");
    VvPicture picture = {0};
    VvMovie *film;
    static int16_t silence[1920];
    const VvMovieForm form = {.width = 64, .height = 64, .fps = 25, .video_kbps = 100, .sound_kbps = 32};
    assert_int_equal(vv_picture_alloc(&picture, 64, 64), 0);
    vv_picture_fill(&picture, 0, 0, 64, 64, (VvYuv){100, 128, 128});
    assert_int_equal(vv_movie_open(&film, path, &form), 0);
    for (int i = 0; i < 50; i++)
        assert_int_equal(vv_movie_add(film, &picture, silence), 0);
    assert_int_equal(vv_movie_close(&film, true), 0);
    int rate;
    assert_in_range(read_all(path, &rate), 2 * 48000 - 960, 2 * 48000);
    assert_int_equal(truncate(path, 700), 0);
    VvSound *sound;
    VvMediaProblem problem = {0};
    VvMediaError error = vv_sound_open(path, &sound, &problem);
    int got = 1;
    while (!error && got > 0)
        got = vv_sound_read(sound, heard, ROOM, &problem);
    assert_true(error == VV_MEDIA_CUT || (got < 0 && problem.error == VV_MEDIA_CUT));
    assert_non_null(strstr(problem.text, path));
    vv_sound_close(&sound);
    vv_picture_free(&picture);
}

static void unwritable(void **state) {
    (void)state;
    static int16_t pcm[4096];
    VvMediaProblem problem = {0};
    VvSoundWriter *writer;
    assert_int_equal(vv_sound_writer_open(in_root("no/such/file.wav"), 48000, &writer, &problem), VV_MEDIA_UNWRITABLE);
    assert_null(writer);
    assert_non_null(strstr(problem.text, "No such file"));
    const pid_t child = fork();
    if (child == 0) { /* files may not grow: as on a full disk */
        const struct rlimit limit = {10000, 10000};
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        VvMediaError error = vv_sound_writer_open(in_root("full.wav"), 48000, &writer, &problem);
        for (int i = 0; i < 10 && !error; i++)
            error = vv_sound_write(writer, pcm, 4096, &problem);
        const bool told = error == VV_MEDIA_UNWRITABLE && strstr(problem.text, "full.wav: ");
        const bool closed = vv_sound_writer_close(&writer, &problem) == VV_MEDIA_UNWRITABLE;
        _exit(told && closed ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_and_rates), cmocka_unit_test(untouched),
        cmocka_unit_test(wild_samples),    cmocka_unit_test(webm),
        cmocka_unit_test(refused),         cmocka_unit_test(damaged_films),
        cmocka_unit_test(unwritable),
    };
    return cmocka_run_group_tests_name("sound", tests, open_root, remove_root);
}
