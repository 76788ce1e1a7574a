/* Pictures: I420 (8-bit planar YUV 4:2:0), BT.709 limited range throughout, since that is what browsers assume of VP8.
 */
#ifndef VV_PICTURE_H
#define VV_PICTURE_H

#include <stdbool.h>
#include <stdint.h>

#define VV_PICTURE_SIZE_MAX 8192 /* pixels, width and height */

/* Chroma planes are (width + 1) / 2 by (height + 1) / 2. */
typedef struct VvPicture {
    int width, height;
    uint8_t *plane[3]; /* Y, U (Cb), V (Cr) */
    int stride[3];     /* bytes */
} VvPicture;

/* One plane of bytes. */
typedef struct VvPlane {
    uint8_t *bytes;
    int stride; /* bytes */
    int width, height;
} VvPlane;

typedef struct VvYuv {
    uint8_t y, u, v;
} VvYuv;

/* Allocates the planes in one block, 64-byte aligned rows, contents undefined. 0 or -ENOMEM / -EINVAL
 * (sizes 1..VV_PICTURE_SIZE_MAX). Release with vv_picture_free, which also accepts a zeroed picture. */
int vv_picture_alloc(VvPicture *picture, int width, int height);
void vv_picture_free(VvPicture *picture);

/* Copies between pictures of the same size. */
void vv_picture_copy(VvPicture *to, const VvPicture *from);

/* Scales to the size of `to`, each axis for itself: the mean of the area covered where it shrinks, linear between
 * centres where it grows. Any sizes 1..VV_PICTURE_SIZE_MAX and any views; the two must not share bytes. A flat picture
 * stays exactly so, and every sample is within 1 of the exact one. Allocates nothing; about 100 KiB of stack. */
void vv_picture_scale(VvPicture *to, const VvPicture *from);

/* The same for a single plane. */
void vv_plane_scale(const VvPlane *to, const VvPlane *from);

/* A view of a rectangle (even x and y, inside the picture) of `of`; shares its bytes, and is never freed itself. */
VvPicture vv_picture_crop(const VvPicture *of, int x, int y, int width, int height);

/* Fills a rectangle, clipped to the picture; x, y, width and height are rounded down to even, except that a rectangle
 * which reaches the right or lower border also takes an odd last column or row. */
void vv_picture_fill(VvPicture *picture, int x, int y, int width, int height, VvYuv colour);

/* R'G'B' 0..255 to Y'CbCr of BT.709, limited range (Y 16..235, C 16..240), and back. */
VvYuv vv_rgb_to_yuv(uint8_t r, uint8_t g, uint8_t b);
void vv_yuv_to_rgb(VvYuv colour, uint8_t rgb[3]);

/* Packed RGB (3 bytes a pixel, `stride` bytes a row) to I420 and back, the same matrix; chroma is the mean of its
 * 2 x 2 block (of the 1 or 2 pixels there are at odd borders), and is repeated on the way back. */
void vv_picture_from_rgb(VvPicture *to, const uint8_t *rgb, int stride);
void vv_picture_to_rgb(const VvPicture *from, uint8_t *rgb, int stride);

#endif
