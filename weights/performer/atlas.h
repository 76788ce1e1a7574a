/* What the renderer needs to know about the asset and no person changes: where on the head each texel lies, its fine
 * relief and blotches, the outline of the lips, and where expressions fold the skin. Made once, read-only, shared by
 * threads. */
#ifndef VV_ATLAS_H
#define VV_ATLAS_H

#include "weights/performer/asset.h"

#include <stdbool.h>

#define VV_FACE_TEXELS 768 /* a side */
#define VV_HEAD_TEXELS 512

/* Groups of wrinkles; the first three come in pairs, left first. */
typedef enum VvWrinkle {
    VV_WRINKLE_NONE,
    VV_WRINKLE_BROW_L, /* across the forehead, when brows rise */
    VV_WRINKLE_BROW_R,
    VV_WRINKLE_CROW_L, /* beside the eyes, when they narrow */
    VV_WRINKLE_CROW_R,
    VV_WRINKLE_CHEEK_L, /* from the nose to the mouth, when it smiles */
    VV_WRINKLE_CHEEK_R,
    VV_WRINKLE_FROWN, /* between the brows */
    VV_WRINKLES
} VvWrinkle;

typedef struct VvRelief {
    int8_t slope[3]; /* of the height field in head space, 127 is steep */
    uint8_t group;   /* VvWrinkle; 0 in fine relief */
} VvRelief;

typedef struct VvSheet {
    int size;           /* texels a side */
    int part;           /* VV_PART_FACE or VV_PART_HEAD */
    float u0;           /* u of the left edge */
    VvVec *position;    /* [size * size] on the base mesh */
    int32_t *triangle;  /* [size * size], -1 where there is none */
    uint8_t *covered;   /* [size * size] */
    VvRelief *relief;   /* [size * size], pores and fine lines */
    float (*blotch)[2]; /* [size * size], coarse and fine, around 0 */
} VvSheet;

typedef struct VvAtlas {
    const VvAsset *asset;
    VvSheet face, head;
    float landmark[VV_LANDMARKS][2]; /* u, v */
    float *lip;                      /* [face], signed distance to the lips' outline in uv, negative inside */
    VvRelief *wrinkle;               /* [face] */
} VvAtlas;

/* NULL without memory. The asset must outlive it. Any thread. */
VvAtlas *vv_atlas_open(const VvAsset *asset);
void vv_atlas_close(VvAtlas **atlas);

/* A point of the face's skin by texture coordinates: its triangle's vertices and their weights. False where there is
 * none. */
bool vv_atlas_bind(const VvAtlas *atlas, float u, float v, uint16_t vertex[3], float weight[3]);

#endif
