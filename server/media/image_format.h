/* What image.c knows of the formats of pictures, and footage.c of how files begin. Internal to this folder. */
#ifndef VV_IMAGE_FORMAT_H
#define VV_IMAGE_FORMAT_H

#include "server/media/image.h"

/* The first byte of a file of each kind. */
enum { VV_PNG_FIRST = 0x89, VV_JPEG_FIRST = 0xff, VV_Y4M_FIRST = 'Y', VV_WEBM_FIRST = 0x1a };

/* As vv_image_read, of a file that begins with the format's first byte. `image` comes zeroed and stays so on failure.
 */
VvMediaError vv_png_read(FILE *file, int most, VvImage *image, VvMediaProblem *problem);
VvMediaError vv_jpeg_read(FILE *file, int most, VvImage *image, VvMediaProblem *problem);

/* BAD_SIZE unless both are 1..most. */
VvMediaError vv_image_check_size(int64_t width, int64_t height, int most, VvMediaProblem *problem);

#endif
