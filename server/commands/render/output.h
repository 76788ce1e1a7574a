/* Where a rendered video goes: a WebM film, a Y4M clip with a WAV file beside it, or a folder of PNG files with one in
 * it. What is written has ".part" at its name's end until it is whole. One thread's. */
#ifndef VV_RENDER_OUTPUT_H
#define VV_RENDER_OUTPUT_H

#include "server/media/media_error.h"
#include "server/media/picture.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct VvRenderOutput VvRenderOutput;

/* Begins. The kind is told by the name's ending; any name without one is a folder's, which must not be there yet, or be
 * empty. UNWRITABLE, UNKNOWN_KIND (another ending), NO_MEMORY. The caller closes; on failure `*out` is NULL. */
VvMediaError vv_render_output_open(const char *path, int width, int height, VvRenderOutput **out,
                                   VvMediaProblem *problem);

/* Whether an output of this name would take the place of a file that is there. */
bool vv_render_output_replaces(const char *path, const char *file);

/* Adds a frame and its 40 ms of sound, 1920 samples at 48 kHz. */
VvMediaError vv_render_output_add(VvRenderOutput *out, const VvPicture *picture, const int16_t *sound,
                                  VvMediaProblem *problem);

/* Clears the pointer; NULL inside is fine. With `whole` completes what was written and gives it its name; otherwise,
 * and on an error, removes it. */
VvMediaError vv_render_output_close(VvRenderOutput **out, bool whole, VvMediaProblem *problem);

#endif
