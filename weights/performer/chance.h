/* Seeded randomness: everything that a performer does by chance comes from here, so that a seed makes the same bytes on
 * any number of threads. A generator belongs to whoever made it; there is no global state. */
#ifndef VV_CHANCE_H
#define VV_CHANCE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct VvChance {
    uint64_t state;
} VvChance;

/* The generator of one purpose: the same seed, purpose and number always give the same sequence, and different ones
 * unrelated sequences, so that a draw more in one place changes nothing elsewhere. */
VvChance vv_chance_of(uint64_t seed, const char *purpose, uint64_t number);

/* 64 random bits. */
uint64_t vv_chance_bits(VvChance *chance);

/* Uniform in [low, high). */
float vv_chance_range(VvChance *chance, float low, float high);

/* A whole number in [0, count); count at least 1. */
int vv_chance_pick(VvChance *chance, int count);

/* True with this probability. */
bool vv_chance_happens(VvChance *chance, float probability);

/* Normally distributed. */
float vv_chance_normal(VvChance *chance, float mean, float deviation);

/* Log-normally distributed with this median; `spread` is the deviation of its logarithm. */
float vv_chance_lognormal(VvChance *chance, float median, float spread);

/* Exponentially distributed. */
float vv_chance_wait(VvChance *chance, float mean);

#endif
