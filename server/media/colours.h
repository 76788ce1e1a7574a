/* Between RGB and the planes of files, whose colours come in more ways than a call's (server/media/picture.h): full or
 * limited range, two matrices, chroma halved or not. Exact to rounding rather than fast. Any thread. */
#ifndef VV_COLOURS_H
#define VV_COLOURS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct VvColours {
    bool full_range; /* 0..255, rather than 16..235 for Y and 16..240 for U and V */
    bool bt601;      /* the matrix of BT.601, rather than of BT.709 */
} VvColours;

/* Y, U and V of a picture. */
typedef struct VvColourPlanes {
    int width, height;
    bool full_chroma; /* 4:4:4 rather than 4:2:0, whose U and V are (width + 1) / 2 x (height + 1) / 2 */
    uint8_t *plane[3];
    int stride[3]; /* bytes */
} VvColourPlanes;

/* To rgb[height][width][3]; halved chroma is repeated. */
void vv_colours_to_rgb(const VvColourPlanes *from, VvColours colours, uint8_t *rgb);

/* From rgb[height][width][3]; halved chroma is the mean of its 2 x 2 block (of what there is of it at odd borders). */
void vv_colours_from_rgb(const VvColourPlanes *to, VvColours colours, const uint8_t *rgb);

#endif
