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

/* Writes head and body to a file and syncs it. */
static int write_file(const char *path, const void *head, size_t head_size, const void *body, size_t size,
                      char *error) {
    FILE *file = fopen(path, "wb");
    if (!file)
        return fail(path, errno, error);
    errno = 0;
    int bad = fwrite(head, 1, head_size, file) != head_size || fwrite(body, 1, size, file) != size || fflush(file) ||
              fsync(fileno(file));
    int cause = bad ? (errno ? errno : EIO) : 0;
    if (fclose(file) && !cause)
        cause = errno ? errno : EIO;
    return cause ? fail(path, cause, error) : 0;
}

static void join(char path[VV_PATH_MAX], const char *folder, const char *name) {
    snprintf(path, VV_PATH_MAX, "%s/%s", folder, name);
}

/* NumPy's format 1.0: magic, version, length, then a Python dictionary padded to a multiple of 64. */
static int write_npy(const char *folder, const char *name, const char *type, int rows, int columns, const void *body,
                     size_t size, char *error) {
    char path[VV_PATH_MAX], head[129], shape[32];
    join(path, folder, name);
    if (columns)
        snprintf(shape, sizeof shape, "(%d, %d)", rows, columns);
    else
        snprintf(shape, sizeof shape, "(%d,)", rows);
    memset(head, ' ', sizeof head);
    memcpy(head, "\x93NUMPY\x01\x00\x76\x00", 10);
    const int length =
        snprintf(head + 10, sizeof head - 10, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", type, shape);
    head[10 + length] = ' ';
    head[127] = '\n';
    return write_file(path, head, 128, body, size, error);
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
    const int result = write_npy(folder, name, "<f2", rows, columns, halves, count * sizeof *halves, error);
    free(halves);
    return result;
}

int vv_file_bytes(const char *folder, const char *name, const uint8_t *values, int count, char *error) {
    return write_npy(folder, name, "|u1", count, 0, values, (size_t)count, error);
}

static void put(uint8_t *at, uint32_t value, int bytes) {
    for (int i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

int vv_file_wav(const char *folder, const char *name, const int16_t *pcm, int samples, int rate, char *error) {
    char path[VV_PATH_MAX];
    join(path, folder, name);
    uint8_t head[44];
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
    join(path, folder, name);
    snprintf(partial, sizeof partial, "%s.tmp", path);
    const int result = write_file(partial, "", 0, text, strlen(text), error);
    if (result)
        return result;
    return rename(partial, path) ? fail(path, errno, error) : 0;
}
