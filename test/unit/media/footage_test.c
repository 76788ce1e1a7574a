/* Footage: every kind of file, told by its content, gives its frames at their times; and says what is wrong with it. */
#include "server/media/colours.h"
#include "server/media/footage.h"
#include "server/media/picture.h"
#include "server/media/vp8_codec.h"
#include "server/media/webm.h"
#include "server/media/y4m.h"
#include "test/unit/media/files.h"
#include "test/unit/media/synth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

enum { MOST = 512 };

static char path[64];

/* A name that promises the wrong kind. */
static int make_name(void **state) {
    (void)state;
    snprintf(path, sizeof path, "/tmp/visavis-footage-XXXXXX.gif");
    const int file = mkstemps(path, 4);
    return file < 0 ? -1 : close(file);
}

static int remove_file(void **state) {
    (void)state;
    return unlink(path);
}

static VvImage paint(int width, int height, int frame) {
    VvImage image;
    VvPicture picture;
    assert_int_equal(vv_picture_alloc(&picture, width, height), 0);
    assert_int_equal(vv_image_alloc(&image, width, height), 0);
    synth_picture(&picture, frame);
    vv_picture_to_rgb(&picture, image.rgb, width * 3);
    vv_picture_free(&picture);
    return image;
}

static double psnr(const VvImage *a, const VvImage *b) {
    double sum = 1e-9;
    const size_t count = (size_t)a->width * (size_t)a->height * 3;
    assert_int_equal(a->width, b->width);
    assert_int_equal(a->height, b->height);
    for (size_t i = 0; i < count; i++)
        sum += (a->rgb[i] - b->rgb[i]) * (a->rgb[i] - b->rgb[i]);
    return 10 * log10(255.0 * 255.0 * (double)count / sum);
}

static VvFootage *open_path(VvFootageKind kind) {
    VvFootage *footage;
    VvMediaProblem problem;
    if (vv_footage_open(path, MOST, &footage, &problem))
        fail_msg("%s", problem.text);
    assert_int_equal(vv_footage_kind(footage), kind);
    return footage;
}

/* The next frame is image `want`, nearly, at `time`. */
static void assert_frame(VvFootage *footage, const VvImage *want, VvTime time, double least) {
    VvFootageFrame frame;
    VvMediaProblem problem = {0};
    if (vv_footage_next(footage, &frame, &problem) != 1)
        fail_msg("%s", problem.text);
    assert_int_equal(frame.time, time);
    assert_true(psnr(frame.image, want) > least);
}

static void assert_over(VvFootage **footage) {
    VvFootageFrame frame;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(vv_footage_next(*footage, &frame, NULL), 0);
        assert_null(frame.image);
    }
    vv_footage_close(footage);
    assert_null(*footage);
}

static void save(File *file) {
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(file->data, 1, file->size, out), file->size);
    assert_int_equal(fclose(out), 0);
    file_free(file);
}

/* The problem that opening, or else reading, the file ends with; how many frames came before. */
static VvMediaProblem problem_of(int most, int *frames) {
    VvFootage *footage;
    VvFootageFrame frame;
    VvMediaProblem problem = {0};
    int got = 0;
    *frames = 0;
    if (vv_footage_open(path, most, &footage, &problem) == VV_MEDIA_OK)
        while ((got = vv_footage_next(footage, &frame, &problem)) == 1)
            ++*frames;
    assert_int_equal(got == 0 && footage != NULL, problem.error == VV_MEDIA_OK);
    vv_footage_close(&footage);
    return problem;
}

static void pictures(void **state) {
    (void)state;
    VvImage image = paint(50, 40, 3);
    assert_int_equal(vv_image_write_png(path, &image, NULL), VV_MEDIA_OK);
    VvFootage *footage = open_path(VV_FOOTAGE_PNG);
    assert_frame(footage, &image, 0, 130);
    assert_over(&footage);
    File file = {0};
    file_jpeg(&file, (JpegForm){JCS_RGB, 3, 95, false, false, NULL}, 50, 40, image.rgb);
    save(&file);
    footage = open_path(VV_FOOTAGE_JPEG);
    assert_frame(footage, &image, 0, 36);
    assert_over(&footage);
    vv_image_free(&image);
}

static void y4m_clips(void **state) {
    (void)state;
    enum { FRAMES = 5 };
    VvY4mWriter *writer;
    VvImage image[FRAMES];
    assert_int_equal(vv_y4m_writer_open(path, &(VvY4mForm){40, 30, 30000, 1001, true, true}, &writer, NULL), 0);
    for (int i = 0; i < FRAMES; i++) {
        image[i] = paint(40, 30, i);
        assert_int_equal(vv_y4m_write(writer, image[i].rgb, NULL), 0);
    }
    assert_int_equal(vv_y4m_writer_close(&writer, NULL), 0);
    VvFootage *footage = open_path(VV_FOOTAGE_Y4M);
    const VvTime times[FRAMES] = {0, 33366, 66733, 100100, 133466};
    for (int i = 0; i < FRAMES; i++) {
        assert_frame(footage, &image[i], times[i], 45);
        vv_image_free(&image[i]);
    }
    assert_over(&footage);
}

/* The rates at the ends of what a head can say: no time overflows, and none goes back. */
static void y4m_rates(void **state) {
    (void)state;
    static const struct {
        const char *rate;
        VvTime times[4];
    } cases[] = {{"1:3600", {0, 3600000000, 7200000000, 10800000000}},
                 {"2147483647:1", {0, 0, 0, 0}},
                 {"2147483647:2147483646", {0, 999999, 1999999, 2999999}},
                 {"3:7", {0, 2333333, 4666666, 7000000}}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char head[80];
        File file = {0};
        snprintf(head, sizeof head, "YUV4MPEG2 W1 H1 F%s\n", cases[i].rate);
        file_text(&file, head);
        for (int k = 0; k < 4; k++)
            file_text(&file, "FRAME\nyuv");
        save(&file);
        VvFootage *footage = open_path(VV_FOOTAGE_Y4M);
        for (int k = 0; k < 4; k++) {
            VvFootageFrame frame;
            assert_int_equal(vv_footage_next(footage, &frame, NULL), 1);
            assert_int_equal(frame.time, cases[i].times[k]);
        }
        assert_over(&footage);
    }
}

/* Adds frames of that size to a WebM file, with sound between, as the server's own encoder makes them. */
static void write_calls(VvWebm *webm, int width, int height, int from, int to) {
    VvVp8Encoder *encoder = vv_vp8_encoder_new(width, height, 25, 2000);
    VvPicture picture;
    assert_non_null(encoder);
    assert_int_equal(vv_picture_alloc(&picture, width, height), 0);
    for (int i = from; i < to; i++) {
        const uint8_t *data;
        size_t size;
        bool key;
        synth_picture(&picture, i);
        assert_int_equal(vv_vp8_encode(encoder, &picture, i == from, &data, &size, &key), 0);
        assert_int_equal(vv_webm_picture(webm, 40000 * i, data, size, key), 0);
        assert_int_equal(vv_webm_sound(webm, 40000 * i + 1000, 20000, (const uint8_t *)"\xf8\xff\xfe", 3), 0);
    }
    vv_picture_free(&picture);
    vv_vp8_encoder_free(&encoder);
}

/* The size changes in the middle, as it does when a telephone is turned. */
static void webm_clips(void **state) {
    (void)state;
    VvWebm *webm;
    assert_int_equal(vv_webm_open(&webm, path, &(VvWebmTracks){96, 64, 25, 1, 312}), 0);
    write_calls(webm, 96, 64, 0, 8);
    write_calls(webm, 64, 96, 8, 14);
    assert_int_equal(vv_webm_close(&webm), 0);
    VvFootage *footage = open_path(VV_FOOTAGE_WEBM);
    for (int i = 0; i < 14; i++) {
        VvImage image = paint(i < 8 ? 96 : 64, i < 8 ? 64 : 96, i);
        assert_frame(footage, &image, 40000 * i, 30);
        vv_image_free(&image);
    }
    assert_over(&footage);
    int frames;
    VvMediaProblem problem = problem_of(95, &frames);
    assert_int_equal(problem.error, VV_MEDIA_BAD_SIZE);
    assert_int_equal(frames, 0);
    assert_non_null(strstr(problem.text, "larger than 95 x 95"));
}

/* What encoders for files do: frames that are never shown, for others to refer to. Here every third one is told not to
 * be shown, by the bit of its head that says so. */
static void hidden_frames(void **state) {
    (void)state;
    enum { FRAMES = 30, SHOW = 0x10 };
    VvWebm *webm;
    VvPicture picture;
    VvVp8Encoder *encoder = vv_vp8_encoder_new(64, 48, 25, 600);
    assert_non_null(encoder);
    assert_int_equal(vv_picture_alloc(&picture, 64, 48), 0);
    assert_int_equal(vv_webm_open(&webm, path, &(VvWebmTracks){64, 48, 25, 0, 0}), 0);
    for (int i = 0; i < FRAMES; i++) {
        const uint8_t *data;
        uint8_t copy[65536];
        size_t size;
        bool key;
        synth_picture(&picture, i);
        assert_int_equal(vv_vp8_encode(encoder, &picture, i == 0, &data, &size, &key), 0);
        assert_in_range(size, 1, sizeof copy);
        memcpy(copy, data, size);
        assert_true(copy[0] & SHOW);
        if (i % 3 == 1)
            copy[0] ^= SHOW;
        assert_int_equal(vv_webm_picture(webm, 40000 * i, copy, size, key), 0);
    }
    assert_int_equal(vv_webm_close(&webm), 0);
    vv_vp8_encoder_free(&encoder);
    vv_picture_free(&picture);
    VvFootage *footage = open_path(VV_FOOTAGE_WEBM);
    for (int i = 0; i < FRAMES; i++)
        if (i % 3 != 1) {
            VvImage image = paint(64, 48, i);
            assert_frame(footage, &image, 40000 * i, 30);
            vv_image_free(&image);
        }
    assert_over(&footage);
}

/* A track that says in which range its pictures are is believed. */
static void ranges_of_colours(void **state) {
    (void)state;
    for (int range = 1; range <= 2; range++) {
        VvImage image = paint(64, 48, 3);
        VvPicture picture;
        VvVp8Encoder *encoder = vv_vp8_encoder_new(64, 48, 25, 4000);
        const uint8_t *data;
        size_t size;
        bool key;
        File file = {0}, tracks = {0};
        assert_non_null(encoder);
        assert_int_equal(vv_picture_alloc(&picture, 64, 48), 0);
        const VvColourPlanes planes = {64,
                                       48,
                                       false,
                                       {picture.plane[0], picture.plane[1], picture.plane[2]},
                                       {picture.stride[0], picture.stride[1], picture.stride[2]}};
        vv_colours_from_rgb(&planes, (VvColours){.full_range = range == 2}, image.rgb);
        assert_int_equal(vv_vp8_encode(encoder, &picture, true, &data, &size, &key), 0);
        file_ebml(&file, "webm");
        file_id(&file, 0x18538067);
        file_size(&file, UNKNOWN_SIZE, 8);
        file_track_of_colours(&tracks, 1, 1, "V_VP8", 1, range);
        file_master(&file, 0x1654AE6B, &tracks);
        file_id(&file, 0x1F43B675);
        file_size(&file, UNKNOWN_SIZE, 8);
        file_whole(&file, 0xE7, 0);
        file_block(&file, 0xA3, 1, 0, 0x80, data, size);
        save(&file);
        VvFootage *footage = open_path(VV_FOOTAGE_WEBM);
        assert_frame(footage, &image, 0, 30);
        assert_over(&footage);
        vv_picture_free(&picture);
        vv_vp8_encoder_free(&encoder);
        vv_image_free(&image);
    }
}

/* The whole frames before damage are given. */
static void damaged_clips(void **state) {
    (void)state;
    int frames;
    VvWebm *webm;
    assert_int_equal(vv_webm_open(&webm, path, &(VvWebmTracks){64, 48, 25, 1, 312}), 0);
    write_calls(webm, 64, 48, 0, 4);
    assert_int_equal(vv_webm_picture(webm, 400000, (const uint8_t *)"not VP8", 7, false), 0);
    assert_int_equal(vv_webm_close(&webm), 0);
    VvMediaProblem problem = problem_of(MOST, &frames);
    assert_int_equal(problem.error, VV_MEDIA_DAMAGED);
    assert_int_equal(frames, 4);
    assert_int_equal(strncmp(problem.text, path, strlen(path)), 0);
    assert_non_null(strstr(problem.text, ": a frame of the WebM file is not VP8"));

    File file = {0}, tracks = {0}; /* begins in the middle of a call */
    VvVp8Encoder *encoder = vv_vp8_encoder_new(64, 48, 25, 300);
    VvPicture picture;
    const uint8_t *data;
    size_t size;
    bool key;
    assert_int_equal(vv_picture_alloc(&picture, 64, 48), 0);
    file_ebml(&file, "webm");
    file_id(&file, 0x18538067);
    file_size(&file, UNKNOWN_SIZE, 8);
    file_track(&tracks, 1, 1, "V_VP8");
    file_master(&file, 0x1654AE6B, &tracks);
    file_id(&file, 0x1F43B675);
    file_size(&file, UNKNOWN_SIZE, 8);
    file_whole(&file, 0xE7, 0);
    file_block(&file, 0xA3, 1, 0, 0, NULL, 0); /* an empty one is no damage */
    for (int i = 0; i < 2; i++) {
        synth_picture(&picture, i);
        assert_int_equal(vv_vp8_encode(encoder, &picture, false, &data, &size, &key), 0);
    }
    file_block(&file, 0xA3, 1, 40, 0, data, size);
    save(&file);
    vv_picture_free(&picture);
    vv_vp8_encoder_free(&encoder);
    problem = problem_of(MOST, &frames);
    assert_int_equal(problem.error, VV_MEDIA_DAMAGED);
    assert_non_null(strstr(problem.text, "does not begin with a key frame"));
}

static void without_pictures(void **state) {
    (void)state;
    int frames;
    VvWebm *webm;
    assert_int_equal(vv_webm_open(&webm, path, &(VvWebmTracks){0, 0, 0, 1, 312}), 0);
    assert_int_equal(vv_webm_sound(webm, 0, 20000, (const uint8_t *)"\xf8\xff\xfe", 3), 0);
    assert_int_equal(vv_webm_close(&webm), 0);
    VvMediaProblem problem = problem_of(MOST, &frames);
    assert_int_equal(problem.error, VV_MEDIA_NO_PICTURES);
    assert_non_null(strstr(problem.text, "the WebM file has sound only"));

    File file = {0}, tracks = {0};
    file_ebml(&file, "webm");
    file_id(&file, 0x18538067);
    file_size(&file, UNKNOWN_SIZE, 8);
    file_track(&tracks, 1, 1, "V_AV1");
    file_track(&tracks, 2, 2, "A_OPUS");
    file_master(&file, 0x1654AE6B, &tracks);
    save(&file);
    problem = problem_of(MOST, &frames);
    assert_int_equal(problem.error, VV_MEDIA_CODEC);
    assert_non_null(strstr(problem.text, "the WebM file's pictures are V_AV1; V_VP8 is read"));
}

static void other_files(void **state) {
    (void)state;
    static const char *const texts[] = {"",    "hello", "GIF89a", "RIFF....WEBP", "....ftypmp42",
                                        "Yes", "\x1a?", "\xff?",  "\x89PN"};
    static const char *const kinds = "PNG, JPEG, Y4M (4:2:0 or 4:4:4), WebM (VP8)";
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char want[400];
        int frames;
        File file = {0};
        file_text(&file, texts[i]);
        file_text(&file, *texts[i] == 'Y' ? "\n" : "");
        save(&file);
        const VvMediaProblem problem = problem_of(MOST, &frames);
        assert_int_equal(problem.error, VV_MEDIA_UNKNOWN_KIND);
        snprintf(want, sizeof want, "%s: not a picture or clip that visavis reads: %s", path, kinds);
        assert_string_equal(problem.text, want);
    }
    VvFootage *footage;
    VvMediaProblem problem;
    assert_int_equal(vv_footage_open("/nowhere.webm", MOST, &footage, &problem), VV_MEDIA_UNREADABLE);
    assert_string_equal(problem.text, "/nowhere.webm: No such file or directory");
    assert_null(footage);
    assert_int_equal(vv_footage_open("test", MOST, &footage, &problem), VV_MEDIA_UNREADABLE);
    assert_string_equal(problem.text, "test: Is a directory");
}

/* Nothing needs to be sought in: a pipe will do. */
static void through_a_pipe(void **state) {
    (void)state;
    VvWebm *webm;
    assert_int_equal(vv_webm_open(&webm, path, &(VvWebmTracks){64, 48, 25, 1, 312}), 0);
    write_calls(webm, 64, 48, 0, 5);
    assert_int_equal(vv_webm_close(&webm), 0);
    char command[128];
    snprintf(command, sizeof command, "cat %s", path);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    VvFootage *footage;
    assert_int_equal(vv_footage_open_file(pipe, "-", MOST, &footage, NULL), VV_MEDIA_OK);
    for (int i = 0; i < 5; i++) {
        VvImage image = paint(64, 48, i);
        assert_frame(footage, &image, 40000 * i, 30);
        vv_image_free(&image);
    }
    assert_over(&footage);
    assert_int_equal(pclose(pipe), 0);
}

static void names(void **state) {
    (void)state;
    assert_string_equal(vv_footage_kind_name(VV_FOOTAGE_PNG), "PNG");
    assert_string_equal(vv_footage_kind_name(VV_FOOTAGE_WEBM), "WebM");
    for (int i = 0; i < VV_MEDIA_ERRORS; i++) {
        assert_true(strlen(vv_media_error_sentence((VvMediaError)i)) > 10);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(vv_media_error_name((VvMediaError)i), vv_media_error_name((VvMediaError)k));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures),      cmocka_unit_test(y4m_clips),
        cmocka_unit_test(y4m_rates),     cmocka_unit_test(webm_clips),
        cmocka_unit_test(hidden_frames), cmocka_unit_test(ranges_of_colours),
        cmocka_unit_test(damaged_clips), cmocka_unit_test(without_pictures),
        cmocka_unit_test(other_files),   cmocka_unit_test(through_a_pipe),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, make_name, remove_file);
}
