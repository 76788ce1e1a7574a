/* Pictures of what the codec keeps: original, decoded and their difference side by side, to PNG files or a Y4M clip.
 * One thread's. */
#ifndef VV_COMMAND_CODEC_SIDE_BY_SIDE_H
#define VV_COMMAND_CODEC_SIDE_BY_SIDE_H

#include "server/base/clock.h"
#include "server/media/media_error.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct VvSideBySide VvSideBySide;

/* Prepares to write pictures of `side` pixels a side, shown `interval` after each other, to `path`: NAME.png (the
 * first picture only), NAME.y4m, or else a folder, made if need be, of 000000.png, 000001.png, ... The caller closes;
 * on failure `*out` is NULL. */
VvMediaError vv_side_by_side_open(const char *path, int side, VvTime interval, VvSideBySide **out,
                                  VvMediaProblem *problem);

/* Adds a picture: both are [side][side][3] RGB. */
VvMediaError vv_side_by_side_add(VvSideBySide *out, const uint8_t *original, const uint8_t *decoded,
                                 VvMediaProblem *problem);

/* Completes what is written and clears the pointer; NULL inside is fine. */
VvMediaError vv_side_by_side_close(VvSideBySide **out, VvMediaProblem *problem);

#endif
