/* Inside the renderer: a prepared person. */
#ifndef VV_PERFORMER_H
#define VV_PERFORMER_H

#include "weights/performer/atlas.h"
#include "weights/performer/bristle.h"
#include "weights/performer/hair.h"
#include "weights/performer/light.h"
#include "weights/performer/mesh.h"
#include "weights/performer/texture.h"

/* What does not change from person to person. */
typedef struct VvStudio {
    VvAsset *asset;
    VvAtlas *atlas;
    VvBristles lashes;
} VvStudio;

/* Read-only once it is open; threads may share it. */
typedef struct VvPerformer {
    const VvStudio *studio;
    VvIdentity identity;
    VvScene scene;
    float exposure;
    VvMesh mesh;
    VvHair hair;
    VvTexture texture;
    VvTransfer transfer;
    VvBristles bristles;     /* lashes and brows */
    int size;                /* pixels a side */
    float *background;       /* [size * size * 3], linear light */
    uint8_t *background_rgb; /* the same, as it is seen */
} VvPerformer;

#endif
