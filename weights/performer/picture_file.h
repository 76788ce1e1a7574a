/* Pictures in files. */
#ifndef VV_PICTURE_FILE_H
#define VV_PICTURE_FILE_H

#include <stdbool.h>
#include <stdint.h>

/* Writes rgb[height][width][3] as JPEG; quality 1..100. False with a message on standard error. */
bool vv_picture_write(const char *path, const uint8_t *rgb, int width, int height, int quality);

#endif
