/* Images: 8-bit RGB, three bytes a pixel, rows without gaps; from PNG and JPEG files, to PNG files, and to the squares
 * that the avatar's model works on. Not for the hot path: these functions allocate and read files. Any thread, one
 * image at a time. */
#ifndef VV_IMAGE_H
#define VV_IMAGE_H

#include "server/media/media_error.h"

#include <stdint.h>
#include <stdio.h>

typedef struct VvImage {
    int width, height;
    uint8_t *rgb; /* [height][width][3]; NULL if there is no image */
} VvImage;

/* Contents undefined. 0 or -ENOMEM / -EINVAL (sizes 1..VV_PICTURE_SIZE_MAX). Release with vv_image_free, which also
 * accepts a zeroed image, and leaves one. */
int vv_image_alloc(VvImage *image, int width, int height);
void vv_image_free(VvImage *image);

/* Reads a PNG or JPEG file, whichever its first bytes say it is, from where `file` stands; no side longer than `most`
 * (1..VV_PICTURE_SIZE_MAX). Transparency is laid over middle grey (128); 16 bits become 8, palettes and grey RGB;
 * photographs are turned upright as their EXIF orientation says; colour profiles and gamma are ignored, so sRGB is
 * assumed. Damage that decoders would gloss over is an error here. On failure the image is zeroed. */
VvMediaError vv_image_read(FILE *file, int most, VvImage *image, VvMediaProblem *problem);

/* The same from a path; the problem's text names it. */
VvMediaError vv_image_open(const char *path, int most, VvImage *image, VvMediaProblem *problem);

/* Writes the image as PNG. UNWRITABLE: the file is not whole; the caller may want to remove it. */
VvMediaError vv_image_write_png(const char *path, const VvImage *image, VvMediaProblem *problem);

/* Cuts the largest square out of the middle and scales it to `size` x `size` (1..VV_PICTURE_SIZE_MAX) by
 * vv_plane_scale: the mean of the area where it shrinks, linear where it grows. `to` is allocated here. 0, -ENOMEM or
 * -EINVAL, `to` being zeroed then. */
int vv_image_square(const VvImage *from, int size, VvImage *to);

#endif
