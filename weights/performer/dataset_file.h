/* The files of a dataset: arrays, sound, text, each written whole or not at all. */
#ifndef VV_DATASET_FILE_H
#define VV_DATASET_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define VV_PATH_MAX 1024
#define VV_ERROR_MAX (VV_PATH_MAX + 200)

/* All of these return 0, or a negative errno with `error` (VV_ERROR_MAX bytes) saying which file and why. They sync to
 * disk, so that a marker written after them is never true of less than what is there. */

/* `rows` x `columns` values as NumPy float16, row by row. `columns` 0: one dimension. */
int vv_file_half(const char *folder, const char *name, const float *values, int rows, int columns, char *error);

/* `count` bytes as NumPy uint8. */
int vv_file_bytes(const char *folder, const char *name, const uint8_t *values, int count, char *error);

/* What the values of an array are. */
typedef enum VvArrayType { VV_ARRAY_UINT8, VV_ARRAY_INT32, VV_ARRAY_FLOAT16, VV_ARRAY_FLOAT32 } VvArrayType;

#define VV_ARRAY_DIMENSIONS 4

/* A whole array of up to VV_ARRAY_DIMENSIONS dimensions; those after the last are 0. Values lie row by row. */
int vv_file_array(const char *folder, const char *name, VvArrayType type, const int shape[VV_ARRAY_DIMENSIONS],
                  const void *values, char *error);

/* An array that is written piece by piece, because it may be larger than memory. Zeroed: closed. */
typedef struct VvArrayFile {
    FILE *file;
    size_t left; /* bytes that are still to come */
    char path[VV_PATH_MAX];
} VvArrayFile;

int vv_array_open(VvArrayFile *array, const char *folder, const char *name, VvArrayType type,
                  const int shape[VV_ARRAY_DIMENSIONS], char *error);

/* Appends `size` bytes of values; more than the shape has room for is -EINVAL. */
int vv_array_write(VvArrayFile *array, const void *values, size_t size, char *error);

/* Closes it, or does nothing if it is closed. Less than the shape says is -EIO. */
int vv_array_close(VvArrayFile *array, char *error);

/* 16-bit mono WAV. */
int vv_file_wav(const char *folder, const char *name, const int16_t *pcm, int samples, int rate, char *error);

/* Text under a temporary name, renamed when it is whole. */
int vv_file_text(const char *folder, const char *name, const char *text, char *error);

/* IEEE half precision, nearest even; what is too large becomes infinite. */
uint16_t vv_half(float value);

#endif
