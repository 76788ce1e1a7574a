/* `visavis codec`: a picture and a clip through the codec of the golden file, what it writes, and one clear line for
 * everything that is wrong. */
#include "test/e2e/daemon.h"
#include "test/e2e/loop.h"

#include "server/media/image.h"
#include "server/media/y4m.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WEIGHTS "--weights=test/golden/codec.safetensors"
#define SIDE 96   /* of its pictures */
#define WIDTH 120 /* of the files', so that they are cut */
#define FRAMES 23 /* of the clip: not a whole number of chunks */

static Run run;

/* A picture whose colours tell its place and its number. */
static VvImage make_image(int number) {
    VvImage image;
    assert_int_equal(vv_image_alloc(&image, WIDTH, SIDE), 0);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < WIDTH; x++) {
            uint8_t *pixel = image.rgb + 3 * (y * WIDTH + x);
            pixel[0] = (uint8_t)(2 * x);
            pixel[1] = (uint8_t)(2 * y);
            pixel[2] = (uint8_t)(10 * number);
        }
    return image;
}

static const char *make_png(const char *name) {
    const char *path = scratch_path(name);
    VvImage image = make_image(5);
    assert_int_equal(vv_image_write_png(path, &image, NULL), VV_MEDIA_OK);
    vv_image_free(&image);
    return path;
}

static const char *make_clip(const char *name) {
    const char *path = scratch_path(name);
    const VvY4mForm form = {
        .width = WIDTH, .height = SIDE, .fps_numerator = 25, .fps_denominator = 1, .full_chroma = true};
    VvY4mWriter *writer;
    assert_int_equal(vv_y4m_writer_open(path, &form, &writer, NULL), VV_MEDIA_OK);
    for (int n = 0; n < FRAMES; n++) {
        VvImage image = make_image(n);
        assert_int_equal(vv_y4m_write(writer, image.rgb, NULL), VV_MEDIA_OK);
        vv_image_free(&image);
    }
    assert_int_equal(vv_y4m_writer_close(&writer, NULL), VV_MEDIA_OK);
    return path;
}

/* The picture of that number in what was written: the original on the left, within `off`; the difference on the right
 * is that of the two others, four times. */
static void expect_side_by_side(const uint8_t *rgb, int number, int off) {
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            const uint8_t *row = rgb + 3 * y * 3 * SIDE;
            const uint8_t *original = row + 3 * x, *decoded = row + 3 * (x + SIDE),
                          *difference = row + 3 * (x + 2 * SIDE);
            const int wanted[3] = {2 * (x + (WIDTH - SIDE) / 2), 2 * y, 10 * number};
            for (int c = 0; c < 3; c++) {
                const int apart = 4 * abs(original[c] - decoded[c]), shown = apart > 255 ? 255 : apart;
                assert_true(abs(original[c] - wanted[c]) <= off);
                assert_true(abs(difference[c] - shown) <= 10 * off);
            }
        }
}

static double number_behind(const char *text, const char *words) {
    const char *at = strstr(text, words);
    if (!at)
        fail_msg("no \"%s\" in:\n%s", words, text);
    return at ? strtod(at + strlen(words), NULL) : 0;
}

static void a_picture(void **state) {
    (void)state;
    const char *png = make_png("face.png"), *out = scratch_path("out.png");
    char option[600];
    VvImage image;
    snprintf(option, sizeof option, "--out=%s", out);
    run_visavis(&run, "codec", png, WEIGHTS, option);
    assert_int_equal(run.status, 0);
    assert_string_equal(run.err, "");
    const double psnr = number_behind(run.out, "PSNR ");
    assert_true(psnr > 5 && psnr < 60);
    assert_int_equal(vv_image_open(out, 4096, &image, NULL), VV_MEDIA_OK);
    assert_int_equal(image.width, 3 * SIDE);
    assert_int_equal(image.height, SIDE);
    expect_side_by_side(image.rgb, 5, 0);
    vv_image_free(&image);
}

/* The same frames in the same order whatever the number of threads. */
static void a_clip(void **state) {
    (void)state;
    const char *clip = make_clip("clip.y4m");
    char option[600], lines[sizeof run.out] = "";
    for (int threads = 1; threads <= 3; threads += 2) {
        char many[32];
        const char *out = scratch_path(threads == 1 ? "one.y4m" : "three.y4m");
        snprintf(many, sizeof many, "--threads=%d", threads);
        snprintf(option, sizeof option, "--out=%s", out);
        run_visavis(&run, "codec", clip, WEIGHTS, option, many, "--frames", "--kernels=cpu-f32");
        assert_int_equal(run.status, 0);
        char *first = strstr(run.out, "frame 0:"), *end = strstr(run.out, "23 frames; PSNR");
        assert_true(first && end);
        *end = '\0';
        for (int n = 0; n < FRAMES; n++) {
            char words[32];
            snprintf(words, sizeof words, "frame %d: ", n);
            assert_true(number_behind(first, words) > 5);
        }
        if (threads == 1)
            snprintf(lines, sizeof lines, "%s", first);
        else
            assert_string_equal(first, lines);

        FILE *file = fopen(out, "rb");
        VvY4mReader *reader;
        uint8_t *rgb = malloc(3 * 3 * SIDE * SIDE);
        assert_true(file && rgb);
        assert_int_equal(vv_y4m_reader_open(file, 4096, &reader, NULL), VV_MEDIA_OK);
        const VvY4mForm *form = vv_y4m_reader_form(reader);
        assert_int_equal(form->width, 3 * SIDE);
        assert_int_equal(form->fps_numerator, 25 * form->fps_denominator);
        for (int n = 0; n < FRAMES; n++) {
            assert_int_equal(vv_y4m_read(reader, rgb, NULL), 1);
            expect_side_by_side(rgb, n, 3); /* twice through YUV */
        }
        assert_int_equal(vv_y4m_read(reader, rgb, NULL), 0);
        vv_y4m_reader_close(&reader);
        free(rgb);
        fclose(file);
    }
}

static void a_folder_and_a_portrait(void **state) {
    (void)state;
    const char *clip = make_clip("moving.y4m"), *folder = scratch_path("pictures");
    char out[600], portrait[600], name[700];
    VvImage image;
    snprintf(out, sizeof out, "--out=%s", folder);
    snprintf(portrait, sizeof portrait, "--portrait=%s", make_png("portrait.png"));
    run_visavis(&run, "codec", clip, WEIGHTS, out);
    assert_int_equal(run.status, 0);
    const double own = number_behind(run.out, "PSNR ");
    run_visavis(&run, "codec", clip, WEIGHTS, out, portrait); /* over those of the first run */
    assert_int_equal(run.status, 0);
    assert_true(number_behind(run.out, "PSNR ") != own);
    for (int n = 0; n < FRAMES; n++) {
        snprintf(name, sizeof name, "%s/%06d.png", folder, n);
        assert_int_equal(vv_image_open(name, 4096, &image, NULL), VV_MEDIA_OK);
        vv_image_free(&image);
    }
}

#define refuse(wanted, words, ...)                                                                                     \
    do {                                                                                                               \
        run_visavis(&run, "codec", __VA_ARGS__);                                                                       \
        if (run.status != (wanted) || !strstr(run.err, words) || strchr(run.err, '\n') != strrchr(run.err, '\n'))      \
            fail_msg("status %d, expected %d and one line with \"%s\":\n%s", run.status, wanted, words, run.err);      \
    } while (0)

static void what_is_wrong(void **state) {
    (void)state;
    const char *png = make_png("good.png"), *text = scratch_write("text", "neither picture nor weights, but long\n");
    const char *none = scratch_path("none");
    char option[600];
    refuse(2, "which picture", WEIGHTS);
    refuse(2, "--wings", png, "--wings");
    refuse(2, "threads", png, WEIGHTS, "--threads=0");
    refuse(2, "--bench", png, WEIGHTS, "--bench");
    refuse(2, "--seconds", png, WEIGHTS, "--seconds=3");
    refuse(1, "(unreadable)", none, WEIGHTS);
    refuse(1, "(unknown_kind)", text, WEIGHTS);
    refuse(1, "quick", png, WEIGHTS, "--kernels=quick");
    snprintf(option, sizeof option, "--weights=%s", none);
    refuse(1, "(unreadable)", png, option);
    snprintf(option, sizeof option, "--weights=%s", text);
    refuse(1, text, png, option);
    refuse(1, "codec.grid", png, "--weights=test/golden/weights_sample.safetensors");
    snprintf(option, sizeof option, "--portrait=%s", text);
    refuse(1, "(unknown_kind)", png, WEIGHTS, option);
    snprintf(option, sizeof option, "--out=%s/deep/out.png", none);
    refuse(1, "(unwritable)", png, WEIGHTS, option);
}

/* Every backend that this machine has prints its rows; that of the reference is there everywhere. */
static void a_benchmark(void **state) {
    (void)state;
    run_visavis(&run, "codec", "--bench", WEIGHTS, "--kernels=ref", "--seconds=1", "--threads=2", "--batch=3");
    assert_int_equal(run.status, 0);
    const char *row = strstr(run.out, "\nref ");
    assert_non_null(row);
    int threads, batch;
    double best, middle, processor;
    assert_int_equal(sscanf(row, " ref %d %d %lf %lf %lf", &threads, &batch, &best, &middle, &processor), 5);
    assert_int_equal(threads, 2);
    assert_int_equal(batch, 3);
    assert_true(best > 0 && middle >= best && processor > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        e2e_test(a_picture),     e2e_test(a_clip),      e2e_test(a_folder_and_a_portrait),
        e2e_test(what_is_wrong), e2e_test(a_benchmark),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
