/* Small vectors, ramps and noise that all of the renderer is written in. Everything is inline and pure. */
#ifndef VV_VEC_H
#define VV_VEC_H

#include <math.h>
#include <stdint.h>

#define VV_PI 3.14159265f

/* Hot functions are compiled twice, and the loader picks by processor; sanitizers do not work with that. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) &&               \
    !defined(__SANITIZE_THREAD__) && !defined(VV_PLAIN)
#define VV_FAST __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define VV_FAST
#endif
#define VV_INLINE static inline __attribute__((always_inline, unused))

typedef struct VvVec {
    float x, y, z;
} VvVec;

VV_INLINE VvVec vec(float x, float y, float z) {
    return (VvVec){x, y, z};
}
VV_INLINE VvVec grey(float value) {
    return (VvVec){value, value, value};
}
VV_INLINE VvVec add(VvVec a, VvVec b) {
    return vec(a.x + b.x, a.y + b.y, a.z + b.z);
}
VV_INLINE VvVec sub(VvVec a, VvVec b) {
    return vec(a.x - b.x, a.y - b.y, a.z - b.z);
}
VV_INLINE VvVec scale(VvVec a, float s) {
    return vec(a.x * s, a.y * s, a.z * s);
}
/* Component by component: colours. */
VV_INLINE VvVec tint(VvVec a, VvVec b) {
    return vec(a.x * b.x, a.y * b.y, a.z * b.z);
}
/* a + b * s. */
VV_INLINE VvVec along(VvVec a, VvVec b, float s) {
    return vec(a.x + b.x * s, a.y + b.y * s, a.z + b.z * s);
}
VV_INLINE float dot(VvVec a, VvVec b) {
    return a.x * b.x + a.y * b.y + a.z * b.z;
}
VV_INLINE VvVec cross(VvVec a, VvVec b) {
    return vec(a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x);
}
VV_INLINE float length(VvVec a) {
    return sqrtf(dot(a, a));
}
VV_INLINE VvVec unit(VvVec a) {
    const float square = dot(a, a);
    return square > 1e-20f ? scale(a, 1.0f / sqrtf(square)) : vec(0, 0, 1);
}
VV_INLINE float clamp(float x, float low, float high) {
    return x < low ? low : x > high ? high : x;
}
VV_INLINE float clamp01(float x) {
    return clamp(x, 0, 1);
}
VV_INLINE float mix(float a, float b, float t) {
    return a + (b - a) * t;
}
VV_INLINE VvVec blend(VvVec a, VvVec b, float t) {
    return vec(mix(a.x, b.x, t), mix(a.y, b.y, t), mix(a.z, b.z, t));
}
/* 0 at `from`, 1 at `to`, smooth between and flat outside; `from` may be the larger. */
VV_INLINE float ramp(float from, float to, float x) {
    const float t = clamp01((x - from) / (to - from));
    return t * t * (3.0f - 2.0f * t);
}
VV_INLINE float square(float x) {
    return x * x;
}
VV_INLINE float minf(float a, float b) {
    return a < b ? a : b;
}
VV_INLINE float maxf(float a, float b) {
    return a > b ? a : b;
}
VV_INLINE int mini(int a, int b) {
    return a < b ? a : b;
}
VV_INLINE int maxi(int a, int b) {
    return a > b ? a : b;
}
/* A bell of this width around a centre. */
VV_INLINE float bell(VvVec p, VvVec centre, float width) {
    const VvVec d = sub(p, centre);
    return expf(-dot(d, d) / (2.0f * width * width));
}

/* Rotation matrices, row by row. */
typedef struct VvTurn {
    float m[9];
} VvTurn;

VV_INLINE VvVec turn(const VvTurn *t, VvVec p) {
    const float *m = t->m;
    return vec(m[0] * p.x + m[1] * p.y + m[2] * p.z, m[3] * p.x + m[4] * p.y + m[5] * p.z,
               m[6] * p.x + m[7] * p.y + m[8] * p.z);
}
VV_INLINE VvVec turn_back(const VvTurn *t, VvVec p) {
    const float *m = t->m;
    return vec(m[0] * p.x + m[3] * p.y + m[6] * p.z, m[1] * p.x + m[4] * p.y + m[7] * p.z,
               m[2] * p.x + m[5] * p.y + m[8] * p.z);
}

/* ---- noise: the same on every machine ------------------------------------------------------------------------- */

VV_INLINE uint32_t hash(uint32_t x) {
    x ^= x >> 16;
    x *= 0x7feb352dU;
    x ^= x >> 15;
    x *= 0x846ca68bU;
    return x ^ x >> 16;
}
VV_INLINE float hash01(uint32_t x) {
    return (float)(hash(x) >> 8) * (1.0f / 16777216.0f);
}
VV_INLINE float lattice(int x, int y, int z) {
    return hash01((uint32_t)x * 73856093u ^ (uint32_t)y * 19349663u ^ (uint32_t)z * 83492791u);
}
/* Smooth value noise in [0, 1) with features of size 1. */
static inline __attribute__((unused)) float noise(VvVec p) {
    const float bx = floorf(p.x), by = floorf(p.y), bz = floorf(p.z);
    const int x = (int)bx, y = (int)by, z = (int)bz;
    float fx = p.x - bx, fy = p.y - by, fz = p.z - bz;
    fx = fx * fx * (3 - 2 * fx);
    fy = fy * fy * (3 - 2 * fy);
    fz = fz * fz * (3 - 2 * fz);
    const float near = mix(mix(lattice(x, y, z), lattice(x + 1, y, z), fx),
                           mix(lattice(x, y + 1, z), lattice(x + 1, y + 1, z), fx), fy);
    const float far = mix(mix(lattice(x, y, z + 1), lattice(x + 1, y, z + 1), fx),
                          mix(lattice(x, y + 1, z + 1), lattice(x + 1, y + 1, z + 1), fx), fy);
    return mix(near, far, fz);
}
/* Octaves of noise around 0. */
static inline __attribute__((unused)) float clouds(VvVec p, int octaves) {
    float sum = 0, part = 0.5f;
    for (int i = 0; i < octaves; i++) {
        sum += part * (noise(p) - 0.5f);
        p = scale(p, 2.03f);
        part *= 0.5f;
    }
    return sum;
}

/* 0xRRGGBB in sRGB to linear light. */
static inline __attribute__((unused)) VvVec srgb(uint32_t hex) {
    float c[3];
    for (int i = 0; i < 3; i++) {
        const float f = (float)(hex >> (16 - 8 * i) & 255u) / 255.0f;
        c[i] = f < 0.04045f ? f / 12.92f : powf((f + 0.055f) / 1.055f, 2.4f);
    }
    return vec(c[0], c[1], c[2]);
}

#endif
