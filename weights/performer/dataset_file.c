/* Writing a dataset's files. Everything here is little endian, as every machine that trains is. */
#include "weights/performer/dataset_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

uint16_t vv_half(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint32_t sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u)
        return (uint16_t)(sign | 0x7e00u); /* NaN */
    if (magnitude >= 0x477ff000u)
        return (uint16_t)(sign | 0x7c00u);
    uint32_t mantissa = magnitude, shift = 13, offset = 112u << 23;
    if (magnitude < 0x38800000u) { /* subnormal in half precision */
        const uint32_t exponent = magnitude >> 23;
        if (exponent < 102)
            return (uint16_t)sign;
        mantissa = (magnitude & 0x7fffffu) | 0x800000u;
        shift = 126 - exponent;
        offset = 0;
    }
    const uint32_t kept = (mantissa - offset) >> shift, rest = mantissa & ((1u << shift) - 1), half = 1u << (shift - 1);
    return (uint16_t)(sign | (kept + (rest > half || (rest == half && (kept & 1)))));
}

static int fail(const char *path, int cause, char *error) {
    snprintf(error, VV_ERROR_MAX, "cannot write %s: %s", path, strerror(cause));
    return -cause;
}

static int join(char path[VV_PATH_MAX], const char *folder, const char *name, char *error) {
    if (snprintf(path, VV_PATH_MAX, "%s/%s", folder, name) < VV_PATH_MAX)
        return 0;
    snprintf(error, VV_ERROR_MAX, "the name of the folder %.200s... is too long", folder);
    return -ENAMETOOLONG;
}

/* Syncs and closes. `cause` is why it is closed early, or 0. */
static int finish(FILE *file, const char *path, int cause, char *error) {
    errno = 0;
    if (!cause && (fflush(file) || fsync(fileno(file))))
        cause = errno ? errno : EIO;
    if (fclose(file) && !cause)
        cause = errno ? errno : EIO;
    return cause ? fail(path, cause, error) : 0;
}

static int append(FILE *file, const void *bytes, size_t size) {
    errno = 0;
    return fwrite(bytes, 1, size, file) == size ? 0 : errno ? errno : EIO;
}

/* Writes head and body to a file and syncs it. */
static int write_file(const char *path, const void *head, size_t head_size, const void *body, size_t size,
                      char *error) {
    FILE *file = fopen(path, "wb");
    if (!file)
        return fail(path, errno, error);
    int cause = append(file, head, head_size);
    if (!cause)
        cause = append(file, body, size);
    return finish(file, path, cause, error);
}

/* ---- arrays ---------------------------------------------------------------------------------------------------- */

enum { NPY_HEAD = 128 };

static const struct {
    const char *name;
    size_t size;
} types[] = {{"|u1", 1}, {"<i4", 4}, {"<f2", 2}, {"<f4", 4}};

/* NumPy's format 1.0: magic, version, length, then a Python dictionary padded to a multiple of 64. Returns the bytes of
 * all values. */
static size_t npy_head(VvArrayType type, const int shape[VV_ARRAY_DIMENSIONS], char head[NPY_HEAD + 1]) {
    char dimensions[64];
    int length = 0;
    size_t size = types[type].size;
    for (int d = 0; d < VV_ARRAY_DIMENSIONS && (d == 0 || shape[d] > 0); d++) {
        length += snprintf(dimensions + length, sizeof dimensions - (size_t)length, d ? " %d," : "%d,", shape[d]);
        size *= (size_t)shape[d];
    }
    if (shape[1] > 0)
        dimensions[length - 1] = 0; /* Python wants the comma only after a single number */
    memset(head, ' ', NPY_HEAD + 1);
    memcpy(head, "\x93NUMPY\x01\x00\x76\x00", 10);
    length = snprintf(head + 10, NPY_HEAD - 9, "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }",
                      types[type].name, dimensions);
    head[10 + length] = ' ';
    head[NPY_HEAD - 1] = '\n';
    return size;
}

int vv_array_open(VvArrayFile *array, const char *folder, const char *name, VvArrayType type,
                  const int shape[VV_ARRAY_DIMENSIONS], char *error) {
    char head[NPY_HEAD + 1];
    *array = (VvArrayFile){.left = npy_head(type, shape, head)};
    const int result = join(array->path, folder, name, error);
    if (result)
        return result;
    array->file = fopen(array->path, "wb");
    if (!array->file)
        return fail(array->path, errno, error);
    const int cause = append(array->file, head, NPY_HEAD);
    if (cause) {
        finish(array->file, array->path, cause, error);
        array->file = NULL;
    }
    return -cause;
}

int vv_array_write(VvArrayFile *array, const void *values, size_t size, char *error) {
    if (size > array->left)
        return fail(array->path, EINVAL, error);
    const int cause = append(array->file, values, size);
    if (cause)
        return fail(array->path, cause, error);
    array->left -= size;
    return 0;
}

int vv_array_close(VvArrayFile *array, char *error) {
    if (!array->file)
        return 0;
    const int result = finish(array->file, array->path, array->left ? EIO : 0, error);
    array->file = NULL;
    return result;
}

int vv_file_array(const char *folder, const char *name, VvArrayType type, const int shape[VV_ARRAY_DIMENSIONS],
                  const void *values, char *error) {
    VvArrayFile array;
    int result = vv_array_open(&array, folder, name, type, shape, error);
    if (result)
        return result;
    result = vv_array_write(&array, values, array.left, error);
    char unsaid[VV_ERROR_MAX];
    const int closed = vv_array_close(&array, result ? unsaid : error);
    return result ? result : closed;
}

int vv_file_half(const char *folder, const char *name, const float *values, int rows, int columns, char *error) {
    const size_t count = (size_t)rows * (size_t)(columns ? columns : 1);
    uint16_t *halves = malloc(count * sizeof *halves + 1);
    if (!halves) {
        snprintf(error, VV_ERROR_MAX, "out of memory for %s/%s", folder, name);
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++)
        halves[i] = vv_half(values[i]);
    const int result =
        vv_file_array(folder, name, VV_ARRAY_FLOAT16, (const int[VV_ARRAY_DIMENSIONS]){rows, columns}, halves, error);
    free(halves);
    return result;
}

int vv_file_bytes(const char *folder, const char *name, const uint8_t *values, int count, char *error) {
    return vv_file_array(folder, name, VV_ARRAY_UINT8, (const int[VV_ARRAY_DIMENSIONS]){count}, values, error);
}

static void put(uint8_t *at, uint32_t value, int bytes) {
    for (int i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

int vv_file_wav(const char *folder, const char *name, const int16_t *pcm, int samples, int rate, char *error) {
    char path[VV_PATH_MAX];
    uint8_t head[44];
    const int result = join(path, folder, name, error);
    if (result)
        return result;
    const uint32_t size = (uint32_t)samples * 2;
    memcpy(head, "RIFF....WAVEfmt ", 16);
    memcpy(head + 36, "data", 4);
    put(head + 4, size + 36, 4);
    put(head + 16, 16, 4);
    put(head + 20, 1, 2); /* PCM, one channel, 16 bits */
    put(head + 22, 1, 2);
    put(head + 24, (uint32_t)rate, 4);
    put(head + 28, (uint32_t)rate * 2, 4);
    put(head + 32, 2, 2);
    put(head + 34, 16, 2);
    put(head + 40, size, 4);
    return write_file(path, head, sizeof head, pcm, size, error);
}

int vv_file_text(const char *folder, const char *name, const char *text, char *error) {
    char path[VV_PATH_MAX], partial[VV_PATH_MAX + 8];
    int result = join(path, folder, name, error);
    if (result)
        return result;
    snprintf(partial, sizeof partial, "%s.tmp", path);
    result = write_file(partial, "", 0, text, strlen(text), error);
    if (result)
        return result;
    return rename(partial, path) ? fail(path, errno, error) : 0;
}
