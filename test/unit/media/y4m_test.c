/* Y4M: what is written comes back in all four forms; known colours have their known samples; heads of every kind, and
 * what is refused. */
#include "server/media/y4m.h"
#include "test/unit/media/files.h"
#include "test/unit/media/synth.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

enum { MOST = 512 };

static char path[64];

static int make_name(void **state) {
    (void)state;
    snprintf(path, sizeof path, "/tmp/visavis-y4m-XXXXXX");
    const int file = mkstemp(path);
    return file < 0 ? -1 : close(file);
}

static int remove_file(void **state) {
    (void)state;
    return unlink(path);
}

/* Smooth, so that 4:2:0 loses little; `frame` moves it. */
static void paint(uint8_t *rgb, int width, int height, int frame) {
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            uint8_t *pixel = rgb + 3 * (y * width + x);
            pixel[0] = (uint8_t)(127 + 100 * sin(0.11 * x + frame));
            pixel[1] = (uint8_t)(127 + 100 * sin(0.13 * y + 0.05 * x + 2 * frame));
            pixel[2] = (uint8_t)(127 + 100 * cos(0.07 * (x + y)));
        }
}

static void write_clip(const VvY4mForm *form, const uint8_t *rgb, int frames) {
    VvY4mWriter *writer;
    VvMediaProblem problem;
    const size_t size = 3 * (size_t)form->width * (size_t)form->height;
    assert_int_equal(vv_y4m_writer_open(path, form, &writer, &problem), VV_MEDIA_OK);
    for (int i = 0; i < frames; i++)
        assert_int_equal(vv_y4m_write(writer, rgb + (size_t)i * size, &problem), VV_MEDIA_OK);
    assert_int_equal(vv_y4m_writer_close(&writer, &problem), VV_MEDIA_OK);
    assert_null(writer);
}

static void assert_form(const VvY4mForm *got, const VvY4mForm *want) {
    assert_int_equal(got->width, want->width);
    assert_int_equal(got->height, want->height);
    assert_int_equal(got->fps_numerator, want->fps_numerator);
    assert_int_equal(got->fps_denominator, want->fps_denominator);
    assert_int_equal(got->full_chroma, want->full_chroma);
    assert_int_equal(got->full_range, want->full_range);
}

static void comes_back(void **state) {
    (void)state;
    enum { FRAMES = 3 };
    const int sizes[][2] = {{1, 1}, {2, 2}, {33, 17}, {64, 48}};
    for (int form = 0; form < 4; form++)
        for (size_t i = 0; i < 4; i++) {
            const VvY4mForm want = {sizes[i][0], sizes[i][1], 30000, 1001, form & 1, form & 2};
            const int size = 3 * want.width * want.height;
            uint8_t *rgb = malloc((size_t)size * FRAMES), *back = malloc((size_t)size);
            assert_true(rgb && back);
            for (int k = 0; k < FRAMES; k++)
                paint(rgb + k * size, want.width, want.height, k);
            write_clip(&want, rgb, FRAMES);
            VvY4mReader *reader;
            VvMediaProblem problem;
            FILE *file = fopen(path, "rb");
            assert_non_null(file);
            assert_int_equal(vv_y4m_reader_open(file, MOST, &reader, &problem), VV_MEDIA_OK);
            assert_form(vv_y4m_reader_form(reader), &want);
            /* Rounding to samples, and for 4:2:0 colours that differ within a block of 2 x 2. */
            const int most = want.full_chroma ? 2 : 26;
            for (int k = 0; k < FRAMES; k++) {
                double sum = 0;
                assert_int_equal(vv_y4m_read(reader, back, &problem), 1);
                for (int b = 0; b < size; b++) {
                    const int error = back[b] - rgb[k * size + b];
                    assert_in_range(error + most, 0, 2 * most);
                    sum += error;
                }
                assert_true(fabs(sum / size) < 0.5 || size < 16);
            }
            assert_int_equal(vv_y4m_read(reader, back, &problem), 0);
            vv_y4m_reader_close(&reader);
            assert_null(reader);
            fclose(file);
            free(back);
            free(rgb);
        }
}

/* BT.709 worked by hand: Y = 0.2126 R + 0.7152 G + 0.0722 B, Cb = (B - Y) / 1.8556, Cr = (R - Y) / 1.5748, in limited
 * and full range. */
static void known_colours(void **state) {
    (void)state;
    static const struct {
        uint8_t rgb[3], limited[3], full[3];
    } known[] = {{{0, 0, 0}, {16, 128, 128}, {0, 128, 128}},     {{255, 255, 255}, {235, 128, 128}, {255, 128, 128}},
                 {{255, 0, 0}, {63, 102, 240}, {54, 99, 255}},   {{0, 255, 0}, {173, 42, 26}, {182, 30, 12}},
                 {{0, 0, 255}, {32, 240, 118}, {18, 255, 116}},  {{128, 128, 128}, {126, 128, 128}, {128, 128, 128}},
                 {{255, 0, 255}, {78, 214, 230}, {73, 226, 244}}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        for (int form = 0; form < 4; form++) {
            const VvY4mForm y4m = {2, 2, 25, 1, form & 1, form & 2};
            const uint8_t *want = form & 2 ? known[i].full : known[i].limited;
            uint8_t rgb[12], samples[12];
            const size_t chroma = y4m.full_chroma ? 4 : 1, size = 4 + 2 * chroma;
            for (int p = 0; p < 4; p++)
                memcpy(rgb + 3 * p, known[i].rgb, 3);
            write_clip(&y4m, rgb, 1);
            FILE *file = fopen(path, "rb");
            assert_non_null(file);
            assert_int_equal(fseek(file, -(long)size, SEEK_END), 0);
            assert_int_equal(fread(samples, 1, size, file), size);
            fclose(file);
            for (size_t s = 0; s < size; s++)
                assert_int_equal(samples[s], want[s < 4 ? 0 : s < 4 + chroma ? 1 : 2]);
        }
}

static VvMediaError open_text(const char *head, VvY4mForm *form, VvMediaProblem *problem) {
    File text = {0};
    VvY4mReader *reader;
    file_text(&text, head);
    FILE *file = file_open(&text);
    const VvMediaError error = vv_y4m_reader_open(file, MOST, &reader, problem);
    assert_int_equal(error == VV_MEDIA_OK, reader != NULL);
    if (reader)
        *form = *vv_y4m_reader_form(reader);
    vv_y4m_reader_close(&reader);
    fclose(file);
    file_free(&text);
    return error;
}

static void heads(void **state) {
    (void)state;
    static const struct {
        const char *head;
        VvY4mForm form;
    } good[] = {
        {"YUV4MPEG2 W64 H48\n", {64, 48, 25, 1, false, false}},
        {"YUV4MPEG2 H48 W64 F30:1 Ip A0:0 C420jpeg\n", {64, 48, 30, 1, false, false}},
        {"YUV4MPEG2 W1 H1 F0:0 I? C420mpeg2 XYSCSS=420MPEG2\n", {1, 1, 25, 1, false, false}},
        {"YUV4MPEG2 W512 H512 F60000:1001 C420paldv XCOLORRANGE=LIMITED\n", {512, 512, 60000, 1001, false, false}},
        {"YUV4MPEG2  W64  H48 C444 XCOLORRANGE=FULL Zunknown\n", {64, 48, 25, 1, true, true}},
        {"YUV4MPEG2 W64 H48 C420 XFOO\n", {64, 48, 25, 1, false, false}},
    };
    static const struct {
        const char *head;
        VvMediaError error;
        const char *word;
    } bad[] = {
        {"YUV4MPEG2 W64 H48", VV_MEDIA_CUT, "ends too early"},
        {"YUV4MPEG W64 H48\n", VV_MEDIA_UNKNOWN_KIND, "begin"},
        {"YUV4MPEG2W64 H48\n", VV_MEDIA_UNKNOWN_KIND, "begin"},
        {"Yes, a text\n", VV_MEDIA_UNKNOWN_KIND, "begin"},
        {"YUV4MPEG2\n", VV_MEDIA_BAD_SIZE, "no size"},
        {"YUV4MPEG2 W64\n", VV_MEDIA_BAD_SIZE, "no size"},
        {"YUV4MPEG2 W0 H48\n", VV_MEDIA_BAD_SIZE, "no size"},
        {"YUV4MPEG2 W64 H513\n", VV_MEDIA_BAD_SIZE, "64 x 513; at most 512 x 512"},
        {"YUV4MPEG2 W-64 H48\n", VV_MEDIA_DAMAGED, "W-64"},
        {"YUV4MPEG2 W H48\n", VV_MEDIA_DAMAGED, "says W"},
        {"YUV4MPEG2 W64x H48\n", VV_MEDIA_DAMAGED, "W64x"},
        {"YUV4MPEG2 W4294967360 H48\n", VV_MEDIA_DAMAGED, "W4294967360"},
        {"YUV4MPEG2 W99999999999999999999999 H48\n", VV_MEDIA_DAMAGED, "W99999"},
        {"YUV4MPEG2 W64 H48 F25\n", VV_MEDIA_DAMAGED, "F25"},
        {"YUV4MPEG2 W64 H48 F25:0\n", VV_MEDIA_DAMAGED, "F25:0"},
        {"YUV4MPEG2 W64 H48 F1:3601\n", VV_MEDIA_DAMAGED, "F1:3601"},
        {"YUV4MPEG2 W64 H48 F0:1\n", VV_MEDIA_DAMAGED, "F0:1"},
        {"YUV4MPEG2 W64 H48 F25:1x\n", VV_MEDIA_DAMAGED, "F25:1x"},
        {"YUV4MPEG2 W64 H48 It\n", VV_MEDIA_UNSUPPORTED, "interlaced"},
        {"YUV4MPEG2 W64 H48 C422\n", VV_MEDIA_COLOURS, "422; 420 and 444"},
        {"YUV4MPEG2 W64 H48 C420p10\n", VV_MEDIA_COLOURS, "420p10"},
        {"YUV4MPEG2 W64 H48 Cmono\n", VV_MEDIA_COLOURS, "mono"},
        {"YUV4MPEG2 W64 H48 C444alpha\n", VV_MEDIA_COLOURS, "444alpha"},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        VvY4mForm form;
        VvMediaProblem problem;
        if (open_text(good[i].head, &form, &problem))
            fail_msg("%s: %s", good[i].head, problem.text);
        assert_form(&form, &good[i].form);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        VvY4mForm form;
        VvMediaProblem problem = {0};
        const VvMediaError error = open_text(bad[i].head, &form, &problem);
        if (error != bad[i].error)
            print_error("%s gives %s\n", bad[i].head, vv_media_error_name(error));
        assert_int_equal(error, bad[i].error);
        assert_int_equal(problem.error, error);
        assert_non_null(strstr(problem.text, bad[i].word));
    }
    char line[2000] = "YUV4MPEG2 W64 H48 X";
    memset(line + strlen(line), 'x', 1500);
    strcpy(line + 1519, "\n");
    VvY4mForm form;
    assert_int_equal(open_text(line, &form, NULL), VV_MEDIA_UNKNOWN_KIND);
}

/* Reads all frames; how many there were, and how it ended in *end. */
static int read_all(const File *clip, size_t size, int *end, VvMediaProblem *problem) {
    VvY4mReader *reader;
    uint8_t rgb[3 * 6 * 4];
    int frames = 0;
    FILE *file = file_open_part(clip, size);
    assert_int_equal(vv_y4m_reader_open(file, MOST, &reader, problem), VV_MEDIA_OK);
    while ((*end = vv_y4m_read(reader, rgb, problem)) == 1)
        frames++;
    vv_y4m_reader_close(&reader);
    fclose(file);
    return frames;
}

static void frames(void **state) {
    (void)state;
    static const char head[] = "YUV4MPEG2 W6 H4 C420\n";
    static const uint8_t planes[36];
    VvMediaProblem problem = {0};
    File clip = {0};
    int end;
    file_text(&clip, head);
    assert_int_equal(read_all(&clip, clip.size, &end, &problem), 0);
    assert_int_equal(end, 0);
    file_text(&clip, "FRAME\n");
    file_put(&clip, planes, 36);
    file_text(&clip, "FRAME Ip XFOO\n");
    file_put(&clip, planes, 36);
    assert_int_equal(read_all(&clip, clip.size, &end, &problem), 2);
    assert_int_equal(end, 0);
    /* Cut anywhere but between frames, the whole ones are given and the cut is told. */
    const size_t first = sizeof head - 1 + 6 + 36;
    for (size_t size = sizeof head - 1; size <= clip.size; size++) {
        const bool between = size == sizeof head - 1 || size == first || size == clip.size;
        problem.error = VV_MEDIA_OK;
        assert_int_equal(read_all(&clip, size, &end, &problem), (size >= first) + (size == clip.size));
        assert_int_equal(end, between ? 0 : -1);
        assert_int_equal(problem.error, between ? VV_MEDIA_OK : VV_MEDIA_CUT);
    }
    clip.data[sizeof head - 1 + 2] = 'M';
    assert_int_equal(read_all(&clip, clip.size, &end, &problem), 0);
    assert_int_equal(end, -1);
    assert_int_equal(problem.error, VV_MEDIA_DAMAGED);
    assert_string_equal(problem.text, "the Y4M file has no frame where there must be one");
    file_free(&clip);
}

/* A picture's own bytes, whatever the width of its rows in memory; pictures of another form are refused. */
static void pictures(void **state) {
    (void)state;
    enum { WIDTH = 6, HEIGHT = 5, CHROMA = 3, BYTES = WIDTH * HEIGHT + 2 * CHROMA * CHROMA };
    static const char head[] = "YUV4MPEG2 W6 H5 F25:1 Ip A1:1 C420jpeg XCOLORRANGE=LIMITED\nFRAME\n";
    VvY4mForm form = {.width = WIDTH, .height = HEIGHT, .fps_numerator = 25, .fps_denominator = 1};
    VvPicture picture = {0};
    VvY4mWriter *writer;
    VvMediaProblem problem;
    uint8_t wanted[BYTES], *at = wanted;
    assert_int_equal(vv_picture_alloc(&picture, WIDTH, HEIGHT), 0);
    assert_true(picture.stride[0] > WIDTH);
    for (int p = 0; p < 3; p++)
        for (int y = 0; y < (p ? CHROMA : HEIGHT); y++)
            for (int x = 0; x < (p ? CHROMA : WIDTH); x++)
                *at++ = picture.plane[p][y * picture.stride[p] + x] = (uint8_t)(100 * p + 10 * y + x);
    assert_int_equal(vv_y4m_writer_open(path, &form, &writer, &problem), VV_MEDIA_OK);
    assert_int_equal(vv_y4m_write_picture(writer, &picture, &problem), VV_MEDIA_OK);
    assert_int_equal(vv_y4m_writer_close(&writer, &problem), VV_MEDIA_OK);
    char text[sizeof head + BYTES + 8];
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fread(text, 1, sizeof text, file), sizeof head - 1 + BYTES);
    fclose(file);
    assert_memory_equal(text, head, sizeof head - 1);
    assert_memory_equal(text + sizeof head - 1, wanted, BYTES);

    const VvY4mForm others[] = {{8, 5, 25, 1, 0, 0}, {6, 4, 25, 1, 0, 0}, {6, 5, 25, 1, 1, 0}, {6, 5, 25, 1, 0, 1}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_int_equal(vv_y4m_writer_open(path, &others[i], &writer, &problem), VV_MEDIA_OK);
        assert_int_equal(vv_y4m_write_picture(writer, &picture, &problem), VV_MEDIA_BAD_SIZE);
        assert_int_equal(vv_y4m_writer_close(&writer, &problem), VV_MEDIA_OK);
    }
    vv_picture_free(&picture);
}

static void what_cannot_be_written(void **state) {
    (void)state;
    static uint8_t rgb[3 * 256 * 256];
    VvY4mWriter *writer;
    VvMediaProblem problem;
    VvY4mForm form = {256, 256, 25, 1, true, true};
    assert_int_equal(vv_y4m_writer_open("/nowhere/at.y4m", &form, &writer, &problem), VV_MEDIA_UNWRITABLE);
    assert_string_equal(problem.text, "/nowhere/at.y4m: No such file or directory");
    assert_null(writer);
    assert_int_equal(vv_y4m_writer_open("/dev/full", &form, &writer, &problem), VV_MEDIA_OK);
    vv_y4m_write(writer, rgb, &problem);
    assert_int_equal(vv_y4m_write(writer, rgb, &problem), VV_MEDIA_UNWRITABLE);
    assert_int_equal(vv_y4m_write(writer, rgb, NULL), VV_MEDIA_UNWRITABLE);
    assert_int_equal(vv_y4m_writer_close(&writer, &problem), VV_MEDIA_UNWRITABLE);
    assert_non_null(strstr(problem.text, "the Y4M file: "));
    assert_null(writer);
    const VvY4mForm bad[] = {{0, 2, 25, 1, 0, 0}, {2, 8193, 25, 1, 0, 0}, {2, 2, 0, 1, 0, 0}, {2, 2, 25, -1, 0, 0}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(vv_y4m_writer_open(path, &bad[i], &writer, &problem), VV_MEDIA_BAD_SIZE);
        assert_null(writer);
    }
    assert_int_equal(vv_y4m_writer_close(&writer, &problem), VV_MEDIA_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back), cmocka_unit_test(known_colours), cmocka_unit_test(heads),
        cmocka_unit_test(frames),     cmocka_unit_test(pictures),      cmocka_unit_test(what_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, make_name, remove_file);
}
