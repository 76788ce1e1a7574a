/* The signal of test/golden/log_mel.bin, in integer arithmetic modulo 2^32 so that weights/train/log_mel.py makes the
 * very same: silence, a rising chirp as a triangle wave, noise that grows, silence, full-scale clicks. One second at 16
 * kHz. */
#ifndef VV_TEST_GOLDEN_SIGNAL_H
#define VV_TEST_GOLDEN_SIGNAL_H

#include <stdint.h>
#include <stdlib.h>

enum { GOLDEN_COUNT = 16000, GOLDEN_ROWS = (GOLDEN_COUNT + 120 - 400) / 160 + 1 };

/* Division that rounds down, as Python's does. */
static inline int32_t floor_div(int32_t a, int32_t b) {
    return a / b - (a % b != 0 && a < 0);
}

static inline void golden_signal(int16_t pcm[GOLDEN_COUNT]) {
    uint32_t seed = 1, phase = 0;
    for (int32_t i = 0; i < GOLDEN_COUNT; i++) {
        int32_t value = 0;
        seed = seed * 1664525u + 1013904223u;
        const int32_t noise = (int32_t)(seed >> 16) - 32768;
        if (i >= 1600 && i < 9600) {
            phase += (uint32_t)(i - 1600) * 240000u + 20000000u;
            value = floor_div(abs((int32_t)(phase >> 16) - 32768) * 2 - 32768, 2);
        }
        if (i >= 8000 && i < 13600)
            value = floor_div(value + floor_div(noise * (i - 8000), 11200), 2);
        if (i >= 15200 && i % 200 == 0)
            value = i % 400 ? -32768 : 32767;
        pcm[i] = (int16_t)value;
    }
}

#endif
