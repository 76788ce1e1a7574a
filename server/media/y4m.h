/* Y4M: uncompressed clips, as video tools hand them to each other. 8-bit, 4:2:0 and 4:4:4, limited and full range, not
 * interlaced. The format does not say which matrix made its colours: BT.709 is assumed, and written, as everywhere
 * here. Chroma of 4:2:0 is repeated, whatever its siting.
 *
 * An object belongs to one thread at a time. */
#ifndef VV_Y4M_H
#define VV_Y4M_H

#include "server/media/media_error.h"
#include "server/media/picture.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct VvY4mForm {
    int width, height;
    int fps_numerator,
        fps_denominator; /* frames a second, as a fraction; 25 if the file does not say, 1/3600 at least */
    bool full_chroma;    /* 4:4:4 rather than 4:2:0 */
    bool full_range;     /* 0..255 rather than 16..235 and 16..240 */
} VvY4mForm;

typedef struct VvY4mReader VvY4mReader;
typedef struct VvY4mWriter VvY4mWriter;

/* Reads the head of a clip from `file`, which is borrowed until the reader is closed. No side may be longer than `most`
 * (1..VV_PICTURE_SIZE_MAX). On failure `*reader` is NULL. */
VvMediaError vv_y4m_reader_open(FILE *file, int most, VvY4mReader **reader, VvMediaProblem *problem);
void vv_y4m_reader_close(VvY4mReader **reader);

/* What the head says; lives as long as the reader. */
const VvY4mForm *vv_y4m_reader_form(const VvY4mReader *reader);

/* Reads the next frame as RGB, [height][width][3]. 1: there was one; 0: the clip is over; -1: `problem` says why
 * (CUT, DAMAGED, UNREADABLE). */
int vv_y4m_read(VvY4mReader *reader, uint8_t *rgb, VvMediaProblem *problem);

/* Creates a clip of that form (sizes 1..VV_PICTURE_SIZE_MAX, positive frame rate, else BAD_SIZE). The caller closes; on
 * failure `*writer` is NULL. */
VvMediaError vv_y4m_writer_open(const char *path, const VvY4mForm *form, VvY4mWriter **writer, VvMediaProblem *problem);

/* Adds a frame, [height][width][3]. UNWRITABLE: no more will be taken. */
VvMediaError vv_y4m_write(VvY4mWriter *writer, const uint8_t *rgb, VvMediaProblem *problem);

/* The same of a picture, to a clip of its size in 4:2:0 and limited range: bytes are kept as they are. */
VvMediaError vv_y4m_write_picture(VvY4mWriter *writer, const VvPicture *picture, VvMediaProblem *problem);

/* Completes the file and clears the pointer, NULL inside being fine. UNWRITABLE: the file is not whole; the caller may
 * want to remove it. */
VvMediaError vv_y4m_writer_close(VvY4mWriter **writer, VvMediaProblem *problem);

#endif
