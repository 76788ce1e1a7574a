/* PNG by libpng.
 *
 * libpng tells errors by jumping out of the call. Everything that a jump must not lose is in one structure that the
 * jumping function does not own, and is released afterwards in one place. */
#include "server/media/image_format.h"
#include "server/media/picture.h"

#include <errno.h>
#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

enum { GREY = 128, SIGNATURE = 8, CHUNK_MAX = 4 << 20 };

typedef struct Work {
    jmp_buf escape;
    FILE *file;
    png_structp png;
    png_infop info;
    VvMediaError error;
    VvMediaProblem *problem;
    int most;
    int width, height;
    uint8_t *rgba;        /* what is being read */
    const VvImage *write; /* or NULL */
} Work;

static void fail(png_structp png, png_const_charp text) {
    Work *work = png_get_error_ptr(png);
    if (!work->error)
        work->error = vv_media_fail(work->problem, VV_MEDIA_DAMAGED, "the PNG file is damaged: %s", text);
    longjmp(work->escape, 1);
}

static void ignore(png_structp png, png_const_charp text) {
    (void)png;
    (void)text;
}

static void read_bytes(png_structp png, png_bytep bytes, size_t count) {
    Work *work = png_get_io_ptr(png);
    if (fread(bytes, 1, count, work->file) == count)
        return;
    work->error = ferror(work->file) ? vv_media_fail(work->problem, VV_MEDIA_UNREADABLE, "%s", strerror(errno))
                                     : vv_media_fail(work->problem, VV_MEDIA_CUT, "the PNG file ends too early");
    longjmp(work->escape, 1);
}

static void write_bytes(png_structp png, png_bytep bytes, size_t count) {
    Work *work = png_get_io_ptr(png);
    if (fwrite(bytes, 1, count, work->file) == count)
        return;
    work->error = vv_media_fail(work->problem, VV_MEDIA_UNWRITABLE, "%s", strerror(errno));
    longjmp(work->escape, 1);
}

static void flush_bytes(png_structp png) {
    (void)png;
}

/* ---- reading ------------------------------------------------------------------------------------------------ */

/* Has libpng make 8-bit RGBA of whatever the file holds. */
static void ask_for_rgba(png_structp png) {
    png_set_expand(png);
    png_set_scale_16(png);
    png_set_gray_to_rgb(png);
    png_set_add_alpha(png, 0xff, PNG_FILLER_AFTER);
}

static void decode(Work *work) {
    png_set_read_fn(work->png, work, read_bytes);
    png_set_user_limits(work->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX); /* the size is checked here, and named */
    png_set_chunk_malloc_max(work->png, CHUNK_MAX);
    png_set_sig_bytes(work->png, SIGNATURE);
    png_read_info(work->png, work->info);
    const png_uint_32 width = png_get_image_width(work->png, work->info);
    const png_uint_32 height = png_get_image_height(work->png, work->info);
    work->error = vv_image_check_size(width, height, work->most, work->problem);
    if (work->error)
        return;
    ask_for_rgba(work->png);
    const int passes = png_set_interlace_handling(work->png);
    png_read_update_info(work->png, work->info);
    work->rgba = malloc((size_t)width * height * 4);
    if (!work->rgba) {
        work->error = vv_media_fail(work->problem, VV_MEDIA_NO_MEMORY, "there is not enough memory");
        return;
    }
    work->width = (int)width;
    work->height = (int)height;
    for (int pass = 0; pass < passes; pass++)
        for (png_uint_32 y = 0; y < height; y++)
            png_read_row(work->png, work->rgba + (size_t)y * width * 4, NULL);
    png_read_end(work->png, NULL);
}

static void guarded_decode(Work *work) {
    if (setjmp(work->escape) == 0)
        decode(work);
}

static void lay_over_grey(const uint8_t *rgba, VvImage *image) {
    const size_t pixels = (size_t)image->width * (size_t)image->height;
    for (size_t i = 0; i < pixels; i++) {
        const unsigned alpha = rgba[4 * i + 3];
        for (size_t c = 0; c < 3; c++)
            image->rgb[3 * i + c] = (uint8_t)((rgba[4 * i + c] * alpha + GREY * (255 - alpha) + 127) / 255);
    }
}

VvMediaError vv_png_read(FILE *file, int most, VvImage *image, VvMediaProblem *problem) {
    uint8_t signature[SIGNATURE];
    if (fread(signature, 1, sizeof signature, file) != sizeof signature || png_sig_cmp(signature, 0, SIGNATURE) != 0)
        return vv_media_fail(problem, VV_MEDIA_UNKNOWN_KIND, "this begins like a PNG file, but is none");
    Work work = {.file = file, .problem = problem, .most = most};
    work.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &work, fail, ignore);
    work.info = work.png ? png_create_info_struct(work.png) : NULL;
    if (work.info)
        guarded_decode(&work);
    else
        work.error = vv_media_fail(problem, VV_MEDIA_NO_MEMORY, "there is not enough memory");
    png_destroy_read_struct(&work.png, &work.info, NULL);
    if (!work.error && vv_image_alloc(image, work.width, work.height))
        work.error = vv_media_fail(problem, VV_MEDIA_NO_MEMORY, "there is not enough memory");
    if (!work.error)
        lay_over_grey(work.rgba, image);
    free(work.rgba);
    return work.error;
}

/* ---- writing ------------------------------------------------------------------------------------------------ */

static void encode(Work *work) {
    const VvImage *image = work->write;
    png_set_write_fn(work->png, work, write_bytes, flush_bytes);
    png_set_IHDR(work->png, work->info, (png_uint_32)image->width, (png_uint_32)image->height, 8, PNG_COLOR_TYPE_RGB,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(work->png, work->info);
    for (int y = 0; y < image->height; y++)
        png_write_row(work->png, image->rgb + (size_t)y * (size_t)image->width * 3);
    png_write_end(work->png, NULL);
}

static void guarded_encode(Work *work) {
    if (setjmp(work->escape) == 0)
        encode(work);
}

VvMediaError vv_image_write_png(const char *path, const VvImage *image, VvMediaProblem *problem) {
    VvMediaProblem local;
    Work work = {.problem = problem ? problem : &local, .write = image};
    work.file = fopen(path, "wbe");
    if (!work.file) {
        work.error = vv_media_fail(work.problem, VV_MEDIA_UNWRITABLE, "%s", strerror(errno));
        goto done;
    }
    work.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &work, fail, ignore);
    work.info = work.png ? png_create_info_struct(work.png) : NULL;
    if (work.info)
        guarded_encode(&work);
    else
        work.error = vv_media_fail(work.problem, VV_MEDIA_NO_MEMORY, "there is not enough memory");
    png_destroy_write_struct(&work.png, &work.info);
    if (fclose(work.file) != 0 && !work.error)
        work.error = vv_media_fail(work.problem, VV_MEDIA_UNWRITABLE, "%s", strerror(errno));
done:
    if (work.error)
        vv_media_name_file(work.problem, path);
    return work.error;
}
