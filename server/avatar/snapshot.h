/* Bytes of a state's snapshot: numbers, little endian, one after another, and their sum. What a snapshot holds, and
 * what of it is believed, is each avatar's own. */
#ifndef VV_SNAPSHOT_H
#define VV_SNAPSHOT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define VV_FNV_BASIS UINT64_C(0xcbf29ce484222325)

/* The sum (FNV-1a) of `size` bytes, going on from `sum`: VV_FNV_BASIS for the first. */
static inline uint64_t vv_fnv(uint64_t sum, const void *bytes, size_t size) {
    const uint8_t *byte = bytes;
    for (size_t i = 0; i < size; i++)
        sum = (sum ^ byte[i]) * UINT64_C(0x100000001b3);
    return sum;
}

/* Writes the lowest `bytes` bytes of a number; returns where the next goes. */
static inline uint8_t *vv_snapshot_put(uint8_t *out, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++)
        *out++ = (uint8_t)(value >> (8 * i));
    return out;
}

/* The number in the next `bytes` bytes; *in moves on. */
static inline uint64_t vv_snapshot_get(const uint8_t **in, int bytes) {
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++)
        value |= (uint64_t) * (*in)++ << (8 * i);
    return value;
}

/* The same for a float, 4 bytes. */
static inline uint8_t *vv_snapshot_put_float(uint8_t *out, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return vv_snapshot_put(out, bits, 4);
}

static inline float vv_snapshot_get_float(const uint8_t **in) {
    const uint32_t bits = (uint32_t)vv_snapshot_get(in, 4);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

#endif
