/* The painted skin of one person. */
#ifndef VV_TEXTURE_H
#define VV_TEXTURE_H

#include "weights/performer/atlas.h"
#include "weights/performer/identity.h"

/* Colour is stored as the square root of linear light: eight bits are enough then. */
typedef struct VvTexel {
    uint8_t colour[3], shine; /* shine: 64 is usual */
    int8_t slope[3];          /* fine relief, 127 is steep */
    uint8_t lip;              /* 255 on the lips */
} VvTexel;

typedef struct VvTexture {
    VvTexel *face, *head;     /* [face_size squared], [head_size squared] */
    int face_size, head_size; /* texels a side */
} VvTexture;

/* Paints a person's skin; brow_shade is what vv_bristles_add_brows drew. False without memory; vv_texture_close either
 * way. */
bool vv_texture_open(VvTexture *texture, const VvAtlas *atlas, const VvIdentity *identity, const float *brow_shade);

/* Halves both sheets, for small pictures: texels finer than pixels would flicker as the head moves. */
void vv_texture_halve(VvTexture *texture);
void vv_texture_close(VvTexture *texture);

/* Signed height above the hairline, cm on the base head: positive where hair grows. */
float vv_texture_hairline(VvVec base_position);

#endif
