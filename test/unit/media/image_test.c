/* Images: every form of PNG and JPEG becomes the RGB that it means; what is cut, damaged, too large or something else
 * is refused by its name; squares are cut and scaled as defined. */
#include "server/media/image.h"
#include "server/media/picture.h"
#include "test/unit/media/files.h"
#include "test/unit/media/synth.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

enum { MOST = 512 };

/* A smooth RGB picture with colours everywhere. */
static uint8_t *paint(int width, int height) {
    VvPicture picture;
    uint8_t *rgb = malloc((size_t)width * (size_t)height * 3);
    assert_non_null(rgb);
    assert_int_equal(vv_picture_alloc(&picture, width, height), 0);
    synth_picture(&picture, 4);
    vv_picture_to_rgb(&picture, rgb, width * 3);
    vv_picture_free(&picture);
    return rgb;
}

static VvMediaError read_part(const File *file, size_t size, int most, VvImage *image, VvMediaProblem *problem) {
    FILE *opened = file_open_part(file, size);
    const VvMediaError error = vv_image_read(opened, most, image, problem);
    assert_int_equal(error == VV_MEDIA_OK, image->rgb != NULL);
    fclose(opened);
    return error;
}

static VvImage read_whole(const File *file) {
    VvImage image;
    VvMediaProblem problem;
    if (read_part(file, file->size, MOST, &image, &problem))
        fail_msg("%s", problem.text);
    return image;
}

static void assert_refused(const File *file, VvMediaError error, const char *word) {
    VvImage image;
    VvMediaProblem problem = {0};
    assert_int_equal(read_part(file, file->size, MOST, &image, &problem), error);
    assert_int_equal(problem.error, error);
    assert_non_null(strstr(problem.text, word));
}

static double psnr(const uint8_t *a, const uint8_t *b, size_t count) {
    double sum = 1e-9;
    for (size_t i = 0; i < count; i++)
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    return 10 * log10(255.0 * 255.0 * (double)count / sum);
}

/* ---- PNG ------------------------------------------------------------------------------------------------------- */

/* Sample i (of the form's bits) of the rows that `fill_rows` made. */
static unsigned sample_of(const uint8_t *row, int bits, int i) {
    if (bits == 16)
        return (unsigned)(row[2 * i] << 8 | row[2 * i + 1]);
    return (unsigned)(row[i * bits / 8] >> (8 - bits - i * bits % 8)) & ((1u << bits) - 1);
}

static int channels_of(int colour) {
    return (colour == PNG_COLOR_TYPE_RGB || colour == PNG_COLOR_TYPE_RGB_ALPHA ? 3 : 1) +
           (colour & PNG_COLOR_MASK_ALPHA ? 1 : 0);
}

/* What a pixel of the form means, by the PNG specification: 8-bit RGB over grey. */
static void meaning(PngForm form, const uint8_t *row, int x, uint8_t rgb[3]) {
    const int channels = channels_of(form.colour);
    const double full = (1 << form.bits) - 1;
    double colour[3], alpha = 1;
    if (form.colour == PNG_COLOR_TYPE_PALETTE) {
        const unsigned entry = sample_of(row, form.bits, x);
        colour[0] = (uint8_t)(17 * entry), colour[1] = (uint8_t)(255 - 13 * entry), colour[2] = (uint8_t)(5 * entry);
        alpha = form.transparent ? (uint8_t)(255 - 9 * entry) / 255.0 : 1;
    } else {
        bool clear = form.transparent;
        for (int c = 0; c < 3; c++) {
            const unsigned value = sample_of(row, form.bits, x * channels + (channels > 2 ? c : 0));
            colour[c] = floor(value / full * 255 + 0.5);
            clear = clear && value == 1;
        }
        if (form.colour & PNG_COLOR_MASK_ALPHA)
            alpha = floor(sample_of(row, form.bits, x * channels + channels - 1) / full * 255 + 0.5) / 255;
        alpha = clear ? 0 : alpha;
    }
    for (int c = 0; c < 3; c++)
        rgb[c] = (uint8_t)floor(colour[c] * alpha + 128 * (1 - alpha) + 0.5 - 1e-9);
}

static void check_png(PngForm form, int width, int height, uint32_t *seed) {
    const size_t stride = ((size_t)width * (size_t)(channels_of(form.colour) * form.bits) + 7) / 8;
    uint8_t *rows = malloc(stride * (size_t)height);
    assert_non_null(rows);
    for (size_t i = 0; i < stride * (size_t)height; i++)
        rows[i] = (uint8_t)(i % 7 == 3 ? 0 : i % 7 == 4 ? 1 : synth_next(seed) >> 4);
    if (form.transparent && form.colour != PNG_COLOR_TYPE_PALETTE)
        for (size_t i = 0; i < stride; i++) /* a row whose pixels are clear */
            rows[i] = (uint8_t)(form.bits == 16 ? (int)i % 2 : 255 / ((1 << form.bits) - 1));
    File file = {0};
    file_png(&file, form, width, height, rows, stride);
    VvImage image = read_whole(&file);
    assert_int_equal(image.width, width);
    assert_int_equal(image.height, height);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            uint8_t want[3];
            meaning(form, rows + (size_t)y * stride, x, want);
            assert_memory_equal(image.rgb + ((size_t)y * (size_t)width + (size_t)x) * 3, want, 3);
        }
    vv_image_free(&image);
    file_free(&file);
    free(rows);
}

static void every_form_of_png(void **state) {
    (void)state;
    static const struct {
        int colour, bits[6];
    } kinds[] = {{PNG_COLOR_TYPE_GRAY, {1, 2, 4, 8, 16}},
                 {PNG_COLOR_TYPE_PALETTE, {1, 2, 4, 8}},
                 {PNG_COLOR_TYPE_RGB, {8, 16}},
                 {PNG_COLOR_TYPE_GRAY_ALPHA, {8, 16}},
                 {PNG_COLOR_TYPE_RGB_ALPHA, {8, 16}}};
    uint32_t seed = 3;
    for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++)
        for (const int *bits = kinds[kind].bits; *bits; bits++)
            for (int form = 0; form < 4; form++) {
                const bool transparent = form & 1 && !(kinds[kind].colour & PNG_COLOR_MASK_ALPHA);
                const PngForm png = {kinds[kind].colour, *bits, form & 2, transparent};
                check_png(png, 37, 21, &seed);
                check_png(png, 1, 1, &seed);
                check_png(png, 64, 3, &seed);
            }
}

static void png_comes_back_as_it_went(void **state) {
    (void)state;
    const int sizes[][2] = {{1, 1}, {3, 2}, {255, 17}, {64, 64}};
    char path[] = "/tmp/visavis-image-XXXXXX";
    const int unused = mkstemp(path);
    assert_true(unused >= 0);
    close(unused);
    for (size_t i = 0; i < 4; i++) {
        VvImage image = {sizes[i][0], sizes[i][1], paint(sizes[i][0], sizes[i][1])}, back;
        VvMediaProblem problem;
        assert_int_equal(vv_image_write_png(path, &image, &problem), VV_MEDIA_OK);
        assert_int_equal(vv_image_open(path, MOST, &back, &problem), VV_MEDIA_OK);
        assert_int_equal(back.width, image.width);
        assert_int_equal(back.height, image.height);
        assert_memory_equal(back.rgb, image.rgb, (size_t)image.width * (size_t)image.height * 3);
        vv_image_free(&back);
        vv_image_free(&image);
    }
    unlink(path);
}

static void png_that_cannot_be_written(void **state) {
    (void)state;
    VvImage image = {64, 64, paint(64, 64)};
    VvMediaProblem problem;
    assert_int_equal(vv_image_write_png("/nowhere/at/all.png", &image, &problem), VV_MEDIA_UNWRITABLE);
    assert_string_equal(problem.text, "/nowhere/at/all.png: No such file or directory");
    assert_int_equal(vv_image_write_png("/dev/full", &image, &problem), VV_MEDIA_UNWRITABLE);
    assert_string_equal(problem.text, "/dev/full: No space left on device");
    vv_image_free(&image);
}

/* Every cut is seen, the last one too: the picture is whole by then, but the file is not. */
static void every_cut_of_png(void **state) {
    (void)state;
    uint8_t *rgb = paint(40, 30);
    for (int interlaced = 0; interlaced < 2; interlaced++) {
        File file = {0};
        file_png(&file, (PngForm){PNG_COLOR_TYPE_RGB, 8, interlaced, false}, 40, 30, rgb, 120);
        for (size_t size = 0; size < file.size; size++) {
            VvImage image;
            VvMediaProblem problem;
            assert_int_equal(read_part(&file, size, MOST, &image, &problem), size == 0  ? VV_MEDIA_CUT
                                                                             : size < 8 ? VV_MEDIA_UNKNOWN_KIND
                                                                                        : VV_MEDIA_CUT);
        }
        file_free(&file);
    }
    free(rgb);
}

/* The checks of PNG itself find every changed bit but those of what is not needed. */
static void changed_bits_of_png(void **state) {
    (void)state;
    uint8_t *rgb = paint(24, 16);
    File file = {0};
    file_png(&file, (PngForm){PNG_COLOR_TYPE_RGB, 8, false, false}, 24, 16, rgb, 72);
    for (size_t byte = 0; byte < file.size; byte++) {
        VvImage image;
        VvMediaProblem problem;
        file.data[byte] ^= (uint8_t)(1 << byte % 8);
        assert_int_not_equal(read_part(&file, file.size, MOST, &image, &problem), VV_MEDIA_OK);
        file.data[byte] ^= (uint8_t)(1 << byte % 8);
    }
    file.data[40] ^= 1; /* inside the picture's data */
    assert_refused(&file, VV_MEDIA_DAMAGED, "the PNG file is damaged");
    file_free(&file);
    free(rgb);
}

/* ---- JPEG ------------------------------------------------------------------------------------------------------- */

static void every_form_of_jpeg(void **state) {
    (void)state;
    static const JpegForm forms[] = {{JCS_RGB, 3, 95, false, false, NULL},
                                     {JCS_RGB, 3, 95, true, false, NULL},
                                     {JCS_RGB, 3, 95, false, true, NULL},
                                     {JCS_GRAYSCALE, 1, 95, false, false, NULL},
                                     {JCS_GRAYSCALE, 1, 95, true, false, NULL}};
    const int sizes[][2] = {{1, 1}, {8, 8}, {97, 61}, {130, 33}};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        for (size_t k = 0; k < 4; k++) {
            const size_t pixels = (size_t)sizes[k][0] * (size_t)sizes[k][1];
            uint8_t *rgb = paint(sizes[k][0], sizes[k][1]);
            uint8_t *grey = malloc(pixels);
            assert_non_null(grey);
            for (size_t p = 0; p < pixels; p++)
                grey[p] = rgb[3 * p + 1];
            if (forms[i].components == 1)
                for (size_t p = 0; p < 3 * pixels; p++)
                    rgb[p] = grey[p / 3];
            File file = {0};
            file_jpeg(&file, forms[i], sizes[k][0], sizes[k][1], forms[i].components == 1 ? grey : rgb);
            VvImage image = read_whole(&file);
            assert_int_equal(image.width, sizes[k][0]);
            assert_int_equal(image.height, sizes[k][1]);
            assert_true(psnr(image.rgb, rgb, 3 * pixels) > 36);
            vv_image_free(&image);
            file_free(&file);
            free(grey);
            free(rgb);
        }
}

/* A picture with a red, a green and a blue corner, upright: (row, column) 0 0, 0 1, 1 0 of a grid of 2 x 2, the last
 * one white; taken as a camera held in that orientation takes it. By EXIF 2.3, 4.6.4 A: where the first row and the
 * first column of what was taken are in what was seen. */
static void orientations(void **state) {
    (void)state;
    enum { WIDTH = 48, HEIGHT = 32 }; /* upright */
    static const uint8_t corner[2][2][3] = {{{230, 20, 20}, {20, 230, 20}}, {{20, 20, 230}, {240, 240, 240}}};
    static const char *const first[9] = {"",         "top left",  "top right",    "bottom right", "bottom left",
                                         "left top", "right top", "right bottom", "left bottom"};
    for (int orientation = 1; orientation <= 8; orientation++)
        for (int big_endian = 0; big_endian < 2; big_endian++) {
            const bool swap = first[orientation][0] == 'l' || first[orientation][0] == 'r'; /* rows are columns */
            const bool from_right = strstr(first[orientation], "right"),
                       from_bottom = strstr(first[orientation], "bottom");
            const int width = swap ? HEIGHT : WIDTH, height = swap ? WIDTH : HEIGHT;
            uint8_t *taken = malloc(3 * WIDTH * HEIGHT);
            assert_non_null(taken);
            for (int y = 0; y < height; y++)
                for (int x = 0; x < width; x++) {
                    int seen_x = swap ? y : x, seen_y = swap ? x : y;
                    seen_x = from_right ? WIDTH - 1 - seen_x : seen_x;
                    seen_y = from_bottom ? HEIGHT - 1 - seen_y : seen_y;
                    memcpy(taken + 3 * (y * width + x), corner[seen_y * 2 / HEIGHT][seen_x * 2 / WIDTH], 3);
                }
            File exif = {0}, file = {0};
            file_exif(&exif, orientation, big_endian);
            file_jpeg(&file, (JpegForm){JCS_RGB, 3, 98, false, false, &exif}, width, height, taken);
            VvImage image = read_whole(&file);
            assert_int_equal(image.width, WIDTH);
            assert_int_equal(image.height, HEIGHT);
            for (int y = 0; y < 2; y++)
                for (int x = 0; x < 2; x++)
                    for (int c = 0; c < 3; c++) {
                        const int middle = (2 * y + 1) * HEIGHT / 4 * WIDTH + (2 * x + 1) * WIDTH / 4;
                        const uint8_t got = image.rgb[3 * middle + c];
                        assert_in_range(got + 6 - corner[y][x][c], 0, 12);
                    }
            vv_image_free(&image);
            file_free(&file);
            file_free(&exif);
            free(taken);
        }
}

/* An EXIF block that makes no sense turns nothing, wherever it ends. */
static void damaged_orientations(void **state) {
    (void)state;
    uint8_t *rgb = paint(16, 8);
    for (int big_endian = 0; big_endian < 2; big_endian++) {
        File whole = {0};
        file_exif(&whole, 6, big_endian);
        for (size_t change = 0; change < whole.size + 40; change++) {
            File exif = {0}, file = {0};
            file_put(&exif, whole.data, change < whole.size ? change : whole.size);
            if (change >= whole.size) /* byte by byte from the byte order on, set to 255 */
                exif.data[6 + (change - whole.size) % (whole.size - 6)] = 255;
            file_jpeg(&file, (JpegForm){JCS_RGB, 3, 90, false, false, &exif}, 16, 8, rgb);
            VvImage image = read_whole(&file);
            const bool turned = image.width == 8;
            assert_int_equal(image.width * image.height, 128);
            if (change < 38) /* the value is not there, or not both of its bytes */
                assert_false(turned);
            vv_image_free(&image);
            file_free(&file);
            file_free(&exif);
        }
        file_free(&whole);
    }
    free(rgb);
}

static void every_cut_of_jpeg(void **state) {
    (void)state;
    uint8_t *rgb = paint(40, 30);
    for (int progressive = 0; progressive < 2; progressive++) {
        File file = {0};
        file_jpeg(&file, (JpegForm){JCS_RGB, 3, 90, progressive, false, NULL}, 40, 30, rgb);
        for (size_t size = 0; size < file.size; size++) {
            VvImage image;
            VvMediaProblem problem;
            const VvMediaError error = read_part(&file, size, MOST, &image, &problem);
            assert_true(error == VV_MEDIA_CUT || (size == 1 && error == VV_MEDIA_UNKNOWN_KIND));
        }
        file_free(&file);
    }
    free(rgb);
}

/* Where the marker 0xff `byte` stands the first time from `at` on. */
static size_t find_marker(const File *file, uint8_t byte, size_t at) {
    for (; at + 1 < file->size; at++)
        if (file->data[at] == 0xff && file->data[at + 1] == byte)
            return at;
    fail();
    return 0;
}

/* One scan again and again costs the reader the whole picture each time. */
static void endless_scans(void **state) {
    (void)state;
    uint8_t *rgb = paint(64, 64);
    File file = {0}, endless = {0};
    file_jpeg(&file, (JpegForm){JCS_RGB, 3, 50, false, true, NULL}, 64, 64, rgb);
    const size_t first = find_marker(&file, 0xda, 0), end = file.size - 2;
    size_t second = find_marker(&file, 0xc4, first); /* its own tables come before the next scan */
    assert_true(second < end);
    file_put(&endless, file.data, second);
    for (int i = 0; i < 200; i++)
        file_put(&endless, file.data + first, second - first);
    file_put(&endless, file.data + second, file.size - second);
    assert_refused(&endless, VV_MEDIA_DAMAGED, "more than 100 scans");
    file_free(&endless);
    file_free(&file);
    free(rgb);
}

static void jpeg_that_is_not_read(void **state) {
    (void)state;
    uint8_t *samples = calloc(16 * 16, 4);
    assert_non_null(samples);
    File file = {0};
    file_jpeg(&file, (JpegForm){JCS_CMYK, 4, 90, false, false, NULL}, 16, 16, samples);
    assert_refused(&file, VV_MEDIA_COLOURS, "JPEG");
    file_free(&file);
    file_jpeg(&file, (JpegForm){JCS_RGB, 3, 90, false, false, NULL}, 16, 16, samples);
    const size_t frame = find_marker(&file, 0xc0, 0);
    file.data[frame + 1] = 0xc3; /* lossless */
    assert_refused(&file, VV_MEDIA_UNSUPPORTED, "JPEG");
    file.data[frame + 1] = 0xc0;
    file.data[frame + 4] = 12; /* bits a sample */
    assert_refused(&file, VV_MEDIA_UNSUPPORTED, "JPEG");
    file.data[frame + 4] = 8;
    const size_t scan = find_marker(&file, 0xda, 0);
    file.data[scan + 14] = 0xff, file.data[scan + 15] = 0xd9; /* the picture's data end at once */
    assert_refused(&file, VV_MEDIA_DAMAGED, "JPEG");
    file_free(&file);
    free(samples);
}

/* ---- both ----------------------------------------------------------------------------------------------------------
 */

static void other_files(void **state) {
    (void)state;
    static const char *const texts[] = {"",         "hello",           "GIF89a",           "RIFF....WEBP",
                                        "\xff\xfe", "\x89PNG\r\n\x1a", "\x89PnG\r\n\x1a\n"};
    static const VvMediaError errors[] = {VV_MEDIA_CUT,          VV_MEDIA_UNKNOWN_KIND, VV_MEDIA_UNKNOWN_KIND,
                                          VV_MEDIA_UNKNOWN_KIND, VV_MEDIA_UNKNOWN_KIND, VV_MEDIA_UNKNOWN_KIND,
                                          VV_MEDIA_UNKNOWN_KIND};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        File file = {0};
        file_text(&file, texts[i]);
        assert_refused(&file, errors[i], "");
        file_free(&file);
    }
    VvImage image = {1, 1, NULL};
    VvMediaProblem problem;
    assert_int_equal(vv_image_open("/nowhere.png", MOST, &image, &problem), VV_MEDIA_UNREADABLE);
    assert_string_equal(problem.text, "/nowhere.png: No such file or directory");
    assert_int_equal(image.width, 0);
    assert_int_equal(vv_image_open("Makefile", MOST, &image, &problem), VV_MEDIA_UNKNOWN_KIND);
    assert_string_equal(problem.text, "Makefile: this is neither PNG nor JPEG");
    assert_int_equal(vv_image_open("test", MOST, &image, NULL), VV_MEDIA_UNREADABLE);
}

static void sizes_are_bounded(void **state) {
    (void)state;
    uint8_t *rgb = paint(40, 20);
    File files[2] = {{0}};
    file_png(&files[0], (PngForm){PNG_COLOR_TYPE_RGB, 8, false, false}, 40, 20, rgb, 120);
    file_jpeg(&files[1], (JpegForm){JCS_RGB, 3, 90, false, false, NULL}, 40, 20, rgb);
    for (int i = 0; i < 2; i++) {
        VvImage image;
        VvMediaProblem problem;
        assert_int_equal(read_part(&files[i], files[i].size, 39, &image, &problem), VV_MEDIA_BAD_SIZE);
        assert_string_equal(problem.text, "the picture is 40 x 20; at most 39 x 39 are read");
        assert_int_equal(read_part(&files[i], files[i].size, 40, &image, &problem), VV_MEDIA_OK);
        vv_image_free(&image);
        file_free(&files[i]);
    }
    free(rgb);
}

/* A head that asks for the largest size, and nothing behind it: refused for its size, or cut, before that much memory
 * is filled. */
static void huge_heads(void **state) {
    (void)state;
    uint8_t *rgb = paint(16, 16);
    File file = {0};
    file_jpeg(&file, (JpegForm){JCS_RGB, 3, 90, true, false, NULL}, 16, 16, rgb);
    const size_t frame = find_marker(&file, 0xc2, 0);
    memset(file.data + frame + 5, 0xff, 4); /* more than libjpeg takes */
    assert_refused(&file, VV_MEDIA_BAD_SIZE, "65500");
    memset(file.data + frame + 5, 0xf0, 4);
    assert_refused(&file, VV_MEDIA_BAD_SIZE, "the picture is 61680 x 61680");
    memset(file.data + frame + 5, 0, 4);
    assert_refused(&file, VV_MEDIA_BAD_SIZE, "");
    file_free(&file);
    free(rgb);
}

/* ---- squares
 * --------------------------------------------------------------------------------------------------------- */

/* A picture whose middle is known: 3 to the left and 2 above are another colour. */
static void square_is_the_middle(void **state) {
    (void)state;
    const int sizes[][2] = {{30, 20}, {20, 31}, {21, 20}, {17, 17}, {1, 5}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const int width = sizes[i][0], height = sizes[i][1], side = width < height ? width : height;
        const int left = (width - side) / 2, top = (height - side) / 2;
        VvImage image = {width, height, paint(width, height)}, square;
        assert_int_equal(vv_image_square(&image, side, &square), 0);
        assert_int_equal(square.width, side);
        assert_int_equal(square.height, side);
        for (int y = 0; y < side; y++)
            assert_memory_equal(square.rgb + y * side * 3, image.rgb + ((top + y) * width + left) * 3,
                                (size_t)side * 3);
        vv_image_free(&square);
        vv_image_free(&image);
    }
}

/* Halving is the mean of four, colour by colour; a flat picture stays so at any size; a ramp keeps its place. */
static void square_is_scaled(void **state) {
    (void)state;
    VvImage image = {64, 48, paint(64, 48)}, square;
    assert_int_equal(vv_image_square(&image, 24, &square), 0);
    for (int y = 0; y < 24; y++)
        for (int x = 0; x < 24; x++)
            for (int c = 0; c < 3; c++) {
                const uint8_t *at = image.rgb + ((2 * y) * 64 + 8 + 2 * x) * 3 + c;
                const int mean = at[0] + at[3] + at[64 * 3] + at[65 * 3];
                assert_in_range(4 * square.rgb[(y * 24 + x) * 3 + c] + 3 - mean, 0, 6);
            }
    vv_image_free(&square);
    for (int y = 0; y < 48; y++)
        for (int x = 0; x < 64; x++)
            for (int c = 0; c < 3; c++)
                image.rgb[(y * 64 + x) * 3 + c] = (uint8_t)(c == 0 ? 77 : c == 1 ? 2 * x + 20 : 3 * y + 10);
    const int sizes[] = {1, 7, 48, 100, 511};
    for (int i = 0; i < 5; i++) {
        const int size = sizes[i];
        assert_int_equal(vv_image_square(&image, size, &square), 0);
        for (int y = size / 8; y < size - size / 8; y++)
            for (int x = size / 8; x < size - size / 8; x++) {
                const uint8_t *rgb = square.rgb + ((size_t)y * (size_t)size + (size_t)x) * 3;
                assert_int_equal(rgb[0], 77);
                assert_true(fabs(rgb[1] - (2 * ((x + 0.5) * 48 / size - 0.5 + 8) + 20)) <= 1);
                assert_true(fabs(rgb[2] - (3 * ((y + 0.5) * 48 / size - 0.5) + 10)) <= 1);
            }
        vv_image_free(&square);
    }
    assert_int_equal(vv_image_square(&image, 0, &square), -EINVAL);
    assert_null(square.rgb);
    assert_int_equal(vv_image_square(&image, 8193, &square), -EINVAL);
    vv_image_free(&image);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_of_png),
        cmocka_unit_test(png_comes_back_as_it_went),
        cmocka_unit_test(png_that_cannot_be_written),
        cmocka_unit_test(every_cut_of_png),
        cmocka_unit_test(changed_bits_of_png),
        cmocka_unit_test(every_form_of_jpeg),
        cmocka_unit_test(orientations),
        cmocka_unit_test(damaged_orientations),
        cmocka_unit_test(every_cut_of_jpeg),
        cmocka_unit_test(endless_scans),
        cmocka_unit_test(jpeg_that_is_not_read),
        cmocka_unit_test(other_files),
        cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(huge_heads),
        cmocka_unit_test(square_is_the_middle),
        cmocka_unit_test(square_is_scaled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
