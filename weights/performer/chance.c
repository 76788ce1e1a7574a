/* Seeded randomness by splitmix64: one word of state, good enough for behaviour, and trivially split by purpose. */
#include "weights/performer/chance.h"

#include <math.h>

static uint64_t mix(uint64_t x) {
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

VvChance vv_chance_of(uint64_t seed, const char *purpose, uint64_t number) {
    uint64_t name = UINT64_C(0xcbf29ce484222325);
    for (; *purpose; purpose++)
        name = (name ^ (uint8_t)*purpose) * UINT64_C(0x100000001b3);
    return (VvChance){.state = mix(mix(mix(seed) ^ name) + number)};
}

uint64_t vv_chance_bits(VvChance *chance) {
    return mix(chance->state += UINT64_C(0x9e3779b97f4a7c15));
}

static float unit(VvChance *chance) {
    return (float)(vv_chance_bits(chance) >> 40) * (1.0f / 16777216.0f);
}

float vv_chance_range(VvChance *chance, float low, float high) {
    return low + (high - low) * unit(chance);
}

int vv_chance_pick(VvChance *chance, int count) {
    return (int)((vv_chance_bits(chance) >> 32) * (uint64_t)count >> 32);
}

bool vv_chance_happens(VvChance *chance, float probability) {
    return unit(chance) < probability;
}

float vv_chance_normal(VvChance *chance, float mean, float deviation) {
    const float radius = sqrtf(-2.0f * logf(1.0f - unit(chance)));
    return mean + deviation * radius * cosf(6.2831853f * unit(chance));
}

float vv_chance_lognormal(VvChance *chance, float median, float spread) {
    return median * expf(vv_chance_normal(chance, 0, spread));
}

float vv_chance_wait(VvChance *chance, float mean) {
    return -mean * logf(1.0f - unit(chance));
}
