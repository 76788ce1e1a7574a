/* Philox4x32-10: random numbers from a counter and a key, so that the same numbers come out wherever they are made. */
#include <math.h>

#include "kernels/kernels.h"

void vv_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t words[4]) {
    uint32_t x[4] = {counter[0], counter[1], counter[2], counter[3]}, k[2] = {key[0], key[1]};
    for (int round = 0; round < 10; round++) {
        const uint64_t a = (uint64_t)0xd2511f53 * x[0], b = (uint64_t)0xcd9e8d57 * x[2];
        const uint32_t next[4] = {(uint32_t)(b >> 32) ^ x[1] ^ k[0], (uint32_t)b, (uint32_t)(a >> 32) ^ x[3] ^ k[1],
                                  (uint32_t)a};
        memcpy(x, next, sizeof x);
        k[0] += 0x9e3779b9;
        k[1] += 0xbb67ae85;
    }
    memcpy(words, x, sizeof x);
}

void vv_philox_normals(uint64_t seed, uint64_t window, uint32_t stream, uint32_t index, float normals[4]) {
    const double turn = 6.283185307179586;
    uint32_t words[4];
    vv_philox((const uint32_t[]){index, (uint32_t)window, (uint32_t)(window >> 32), stream},
              (const uint32_t[]){(uint32_t)seed, (uint32_t)(seed >> 32)}, words);
    for (int i = 0; i < 4; i += 2) {
        const double u1 = ((words[i] >> 8) + 1) / 16777216.0, u2 = ((words[i + 1] >> 8) + 1) / 16777216.0;
        const double radius = sqrt(-2 * log(u1));
        normals[i] = (float)(radius * cos(turn * u2));
        normals[i + 1] = (float)(radius * sin(turn * u2));
    }
}
