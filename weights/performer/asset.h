/* The head asset: the morphable head that every performer is made of (base mesh, expression and identity shapes).
 *
 * File: "VVHEAD1\0", the payload's size as 32 bits, then one zstd frame. The payload is little-endian:
 *   u32 vertices, texcoords, triangles, expressions, identities, landmarks
 *   f32 base[vertices][3]; f32 uv[texcoords][2]; u16 corner[triangles][3]; u16 texel[triangles][3]; u8 part[triangles]
 *   u16 landmark[landmarks]
 *   per expression: u32 count; u16 vertex[count]; i16 delta[3][count]
 *   per identity shape: i16 delta[3][vertices]
 * Deltas are in VV_ASSET_STEP. They are stored as planes of differences to a neighbouring vertex (vv_asset_neighbours),
 * low bytes first, then high bytes, because that is what zstd packs best. */
#ifndef VV_ASSET_H
#define VV_ASSET_H

#include "weights/performer/pose.h"
#include "weights/performer/vec.h"

#include <stddef.h>
#include <stdint.h>

#define VV_LANDMARKS 68
#define VV_SHAPES 100
#define VV_ASSET_STEP 0.0005f /* cm */
#define VV_ASSET_MAGIC "VVHEAD1"
#define VV_ASSET_VERTICES_MAX 40000
#define VV_ASSET_TRIANGLES_MAX 80000

/* What a triangle belongs to; the asset's own parts first, in upstream's order. "Left" is the subject's. */
typedef enum VvPart {
    VV_PART_FACE,
    VV_PART_HEAD,
    VV_PART_MOUTH,
    VV_PART_SOCKET_L,
    VV_PART_SOCKET_R,
    VV_PART_GUMS,
    VV_PART_TEETH,
    VV_PART_EYE_L,
    VV_PART_IRIS_L,
    VV_PART_EYE_R,
    VV_PART_IRIS_R,
    VV_PART_TEAR_L,
    VV_PART_TEAR_R,
    VV_PART_RIM_L,
    VV_PART_RIM_R,
    VV_PART_SHADE_L,
    VV_PART_SHADE_R,
    VV_PART_LASH_L,
    VV_PART_LASH_R,
    VV_PART_ASSET_COUNT,
    VV_PART_CLOTH = VV_PART_ASSET_COUNT
} VvPart;

/* Where parts lie in the vertex list of the upstream model: the mesh is fixed, the shapes only move it. */
enum {
    VV_FACE_VERTICES = 9409,  /* face skin: [0, this) */
    VV_SKIN_VERTICES = 11248, /* head and neck skin follow */
    VV_MOUTH_FROM = 11248,    /* mouth socket and eye sockets */
    VV_MOUTH_TO = 14062,
    VV_GUMS_FROM = 14062, /* gums and tongue */
    VV_GUMS_TO = 17039,
    VV_EYE_L_FROM = 21451, /* eyeballs */
    VV_EYE_R_FROM = 23021,
    VV_EYE_VERTICES = 770,
    VV_EYES_TO = 24591
};

typedef struct VvExpressionShape {
    int count;
    uint16_t *vertex; /* [count] */
    VvVec *delta;     /* [count], cm */
} VvExpressionShape;

typedef struct VvAsset {
    int vertices, texcoords, triangles;
    VvVec *base;           /* [vertices], cm: y up, z forward, x to the subject's left */
    float (*uv)[2];        /* [texcoords] */
    uint16_t (*corner)[3]; /* [triangles], vertices, counter-clockwise seen from outside */
    uint16_t (*texel)[3];  /* [triangles], texcoords */
    uint8_t *part;         /* [triangles], VvPart */
    uint16_t landmark[VV_LANDMARKS];
    VvExpressionShape expression[VV_EXPRESSIONS];
    int16_t *shape; /* [VV_SHAPES][vertices][3], in VV_ASSET_STEP */
} VvAsset;

/* Loads the asset. NULL with a sentence in `error` that names the file and what is wrong with it. Any thread; the
 * result is read-only from then on and may be shared. The caller closes it. */
VvAsset *vv_asset_open(const char *path, char *error, size_t error_size);

/* Frees it and clears the pointer; NULL is fine. */
void vv_asset_close(VvAsset **asset);

/* For every vertex a neighbour with a smaller index (itself for the first of each island); the reader and the writer of
 * deltas must agree on it. neighbour[vertices]. */
void vv_asset_neighbours(const uint16_t (*corner)[3], int triangles, int vertices, uint16_t *neighbour);

#endif
