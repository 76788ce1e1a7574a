/* Drawings of rectangles and words, into a PNG or an SVG file. One thread's. */
#ifndef VV_COMMAND_LISTEN_CANVAS_H
#define VV_COMMAND_LISTEN_CANVAS_H

#include "server/media/media_error.h"

#include <stdint.h>

#define VV_CANVAS_LETTER 8  /* pixels from one letter to the next */
#define VV_CANVAS_HEIGHT 10 /* of a letter */

typedef struct VvCanvas VvCanvas;

/* Begins a white drawing for `path`: SVG if that ends with .svg, else PNG. NO_MEMORY, UNWRITABLE, BAD_SIZE (sides are
 * 1..VV_PICTURE_SIZE_MAX); on failure `*canvas` is NULL. */
VvMediaError vv_canvas_open(const char *path, int width, int height, VvCanvas **canvas, VvMediaProblem *problem);

/* Fills a rectangle with a colour, 0xRRGGBB; what is outside is not drawn. */
void vv_canvas_fill(VvCanvas *canvas, int x, int y, int width, int height, uint32_t colour);

/* Writes words from (x, y), their upper left corner. PNG has small letters, digits and .-/ only. */
void vv_canvas_text(VvCanvas *canvas, int x, int y, uint32_t colour, const char *text);

/* Completes the file and clears the pointer; NULL inside is fine. */
VvMediaError vv_canvas_close(VvCanvas **canvas, VvMediaProblem *problem);

#endif
