/* The files of a dataset: arrays, sound, text, each written whole or not at all. */
#ifndef VV_DATASET_FILE_H
#define VV_DATASET_FILE_H

#include <stddef.h>
#include <stdint.h>

#define VV_PATH_MAX 1024
#define VV_ERROR_MAX (VV_PATH_MAX + 200)

/* All of these return 0, or a negative errno with `error` (VV_ERROR_MAX bytes) saying which file and why. They sync to
 * disk, so that a marker written after them is never true of less than what is there. */

/* `rows` x `columns` values as NumPy float16, row by row. `columns` 0: one dimension. */
int vv_file_half(const char *folder, const char *name, const float *values, int rows, int columns, char *error);

/* `count` bytes as NumPy uint8. */
int vv_file_bytes(const char *folder, const char *name, const uint8_t *values, int count, char *error);

/* 16-bit mono WAV. */
int vv_file_wav(const char *folder, const char *name, const int16_t *pcm, int samples, int rate, char *error);

/* Text under a temporary name, renamed when it is whole. */
int vv_file_text(const char *folder, const char *name, const char *text, char *error);

/* IEEE half precision, nearest even; what is too large becomes infinite. */
uint16_t vv_half(float value);

#endif
