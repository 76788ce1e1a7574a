/* JPEG by libjpeg, turned upright.
 *
 * libjpeg calls a function for errors that must not return, so this one jumps; and only warns of damage that it then
 * paints over in grey: here that is an error. Everything that a jump must not
 * lose is in one structure that the jumping function does not own. */
#include "server/media/image_format.h"

#include <errno.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

/* A progressive file may go over the whole picture again and again; real ones do about ten times. */
enum { SCANS_MAX = 100, EXIF_MARKER = JPEG_APP0 + 1, EXIF_MAX = 0xffff };

typedef struct Work {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf escape;
    FILE *file;
    VvMediaError error;
    VvMediaProblem *problem;
    int most;
    int orientation;
    VvImage image;
} Work;

/* ---- what libjpeg reports ----------------------------------------------------------------------------------- */

static Work *work_of(j_common_ptr jpeg) {
    return jpeg->client_data;
}

static VvMediaError error_of(int code) {
    switch (code) {
    case JERR_NO_SOI:
        return VV_MEDIA_UNKNOWN_KIND;
    case JERR_INPUT_EMPTY:
    case JERR_INPUT_EOF:
    case JWRN_JPEG_EOF:
        return VV_MEDIA_CUT;
    case JERR_FILE_READ:
        return VV_MEDIA_UNREADABLE;
    case JERR_OUT_OF_MEMORY:
        return VV_MEDIA_NO_MEMORY;
    case JERR_CONVERSION_NOTIMPL:
    case JERR_BAD_J_COLORSPACE:
        return VV_MEDIA_COLOURS;
    case JERR_EMPTY_IMAGE:
    case JERR_IMAGE_TOO_BIG:
        return VV_MEDIA_BAD_SIZE;
    case JERR_BAD_PRECISION:
    case JERR_SOF_UNSUPPORTED:
    case JERR_ARITH_NOTIMPL:
    case JERR_NOT_COMPILED:
    case JERR_NOTIMPL:
        return VV_MEDIA_UNSUPPORTED;
    default:
        return VV_MEDIA_DAMAGED;
    }
}

static _Noreturn void give_up(j_common_ptr jpeg) {
    Work *work = work_of(jpeg);
    if (!work->error) {
        char text[JMSG_LENGTH_MAX];
        jpeg->err->format_message(jpeg, text);
        work->error = vv_media_fail(work->problem, error_of(jpeg->err->msg_code), "the JPEG file: %s", text);
    }
    longjmp(work->escape, 1);
}

static void error_exit(j_common_ptr jpeg) {
    give_up(jpeg);
}

/* Warnings (level -1) of what cannot be shown as it was; others (stray bytes between markers) do no harm. */
static void emit_message(j_common_ptr jpeg, int level) {
    const int code = jpeg->err->msg_code;
    if (level < 0 && (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE ||
                      code == JWRN_MUST_RESYNC || code == JWRN_BOGUS_PROGRESSION))
        give_up(jpeg);
}

static void progress_monitor(j_common_ptr jpeg) {
    Work *work = work_of(jpeg);
    if (work->jpeg.input_scan_number > SCANS_MAX) {
        work->error = vv_media_fail(work->problem, VV_MEDIA_DAMAGED, "the JPEG file has more than %d scans", SCANS_MAX);
        give_up(jpeg);
    }
}

/* ---- EXIF --------------------------------------------------------------------------------------------------- */

/* A TIFF file in miniature, in the byte order that it says. */
typedef struct Tiff {
    const uint8_t *data;
    size_t size;
    bool big_endian;
} Tiff;

/* 0 where there is nothing. */
static unsigned read_16(const Tiff *tiff, size_t at) {
    if (tiff->size < 2 || at > tiff->size - 2)
        return 0;
    const uint8_t *byte = tiff->data + at;
    return tiff->big_endian ? (unsigned)(byte[0] << 8 | byte[1]) : (unsigned)(byte[1] << 8 | byte[0]);
}

static size_t read_32(const Tiff *tiff, size_t at) {
    const size_t first = read_16(tiff, at), second = read_16(tiff, at + 2);
    return tiff->big_endian ? first << 16 | second : second << 16 | first;
}

/* 1..8 as EXIF counts the ways to hold a camera; 1 (upright) if nothing is said. */
static int orientation_of(const uint8_t *data, size_t size) {
    enum { HEAD = 6, ENTRY = 12, ORIENTATION = 0x112, SHORT = 3 };
    if (size < HEAD + 8 || memcmp(data, "Exif\0\0", HEAD) != 0)
        return 1;
    Tiff tiff = {data + HEAD, size - HEAD, data[HEAD] == 'M'};
    if (memcmp(tiff.data, tiff.big_endian ? "MM" : "II", 2) != 0 || read_16(&tiff, 2) != 42)
        return 1;
    const size_t directory = read_32(&tiff, 4);
    const unsigned entries = read_16(&tiff, directory);
    for (unsigned i = 0; i < entries; i++) {
        const size_t entry = directory + 2 + (size_t)i * ENTRY;
        if (read_16(&tiff, entry) == ORIENTATION && read_16(&tiff, entry + 2) == SHORT) {
            const unsigned value = read_16(&tiff, entry + 8);
            return value >= 1 && value <= 8 ? (int)value : 1;
        }
    }
    return 1;
}

/* Where the pixel at (x, y) of the upright image is in the image as it was taken: for each orientation, whether the
 * axes are exchanged, and which of the two, as it was taken, runs backwards. */
static const struct {
    bool swap, back_x, back_y;
} turns[9] = {
    [1] = {false, false, false}, [2] = {false, true, false}, [3] = {false, true, true}, [4] = {false, false, true},
    [5] = {true, false, false},  [6] = {true, false, true},  [7] = {true, true, true},  [8] = {true, true, false}};

static VvMediaError turn_upright(VvImage *image, int orientation, VvMediaProblem *problem) {
    const bool swap = turns[orientation].swap;
    VvImage turned;
    if (orientation == 1)
        return VV_MEDIA_OK;
    if (vv_image_alloc(&turned, swap ? image->height : image->width, swap ? image->width : image->height))
        return vv_media_fail(problem, VV_MEDIA_NO_MEMORY, "there is not enough memory");
    uint8_t *out = turned.rgb;
    for (int y = 0; y < turned.height; y++)
        for (int x = 0; x < turned.width; x++, out += 3) {
            int from_x = swap ? y : x, from_y = swap ? x : y;
            from_x = turns[orientation].back_x ? image->width - 1 - from_x : from_x;
            from_y = turns[orientation].back_y ? image->height - 1 - from_y : from_y;
            memcpy(out, image->rgb + ((size_t)from_y * (size_t)image->width + (size_t)from_x) * 3, 3);
        }
    vv_image_free(image);
    *image = turned;
    return VV_MEDIA_OK;
}

/* ---- reading ------------------------------------------------------------------------------------------------ */

static void decode(Work *work) {
    struct jpeg_decompress_struct *jpeg = &work->jpeg;
    jpeg_create_decompress(jpeg);
    jpeg_stdio_src(jpeg, work->file);
    jpeg_save_markers(jpeg, EXIF_MARKER, EXIF_MAX);
    jpeg_read_header(jpeg, TRUE);
    work->error = vv_image_check_size(jpeg->image_width, jpeg->image_height, work->most, work->problem);
    if (work->error)
        return;
    for (jpeg_saved_marker_ptr marker = jpeg->marker_list; marker; marker = marker->next)
        if (marker->marker == EXIF_MARKER && work->orientation == 1)
            work->orientation = orientation_of(marker->data, marker->data_length);
    work->progress.progress_monitor = progress_monitor;
    jpeg->progress = &work->progress;
    jpeg->out_color_space = JCS_RGB;
    if (vv_image_alloc(&work->image, (int)jpeg->image_width, (int)jpeg->image_height)) {
        work->error = vv_media_fail(work->problem, VV_MEDIA_NO_MEMORY, "there is not enough memory");
        return;
    }
    jpeg_start_decompress(jpeg);
    while (jpeg->output_scanline < jpeg->output_height) {
        uint8_t *row = work->image.rgb + (size_t)jpeg->output_scanline * jpeg->output_width * 3;
        jpeg_read_scanlines(jpeg, &row, 1);
    }
    jpeg_finish_decompress(jpeg);
}

static void guarded_decode(Work *work) {
    if (setjmp(work->escape) == 0)
        decode(work);
}

VvMediaError vv_jpeg_read(FILE *file, int most, VvImage *image, VvMediaProblem *problem) {
    Work work = {.file = file, .problem = problem, .most = most, .orientation = 1};
    work.jpeg.err = jpeg_std_error(&work.errors);
    work.jpeg.client_data = &work;
    work.errors.error_exit = error_exit;
    work.errors.emit_message = emit_message;
    guarded_decode(&work);
    jpeg_destroy_decompress(&work.jpeg);
    if (!work.error)
        work.error = turn_upright(&work.image, work.orientation, problem);
    if (work.error)
        vv_image_free(&work.image);
    *image = work.image;
    return work.error;
}
