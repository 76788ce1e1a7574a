/* Short hairs that ride on the skin: lashes and brows. Each is a few points bound to triangles of the head, so that
 * they move with every expression; they are drawn with alpha over the finished picture. */
#ifndef VV_BRISTLE_H
#define VV_BRISTLE_H

#include "weights/performer/atlas.h"
#include "weights/performer/identity.h"

#define VV_BRISTLE_POINTS 5
#define VV_BRISTLES_MAX 1400

typedef enum VvBristleKind { VV_BRISTLE_UPPER_LASH, VV_BRISTLE_LOWER_LASH, VV_BRISTLE_BROW } VvBristleKind;

typedef struct VvBristle {
    VvBristleKind kind;
    uint16_t vertex[VV_BRISTLE_POINTS][3];
    float weight[VV_BRISTLE_POINTS][3];
    float lift[VV_BRISTLE_POINTS]; /* cm above the skin */
    float strength;                /* opacity at the root, 0..1 */
} VvBristle;

typedef struct VvBristles {
    int count;
    VvBristle bristle[VV_BRISTLES_MAX];
} VvBristles;

/* Appends the lashes, which are the same on everybody, as far as there is room. False without memory. */
bool vv_bristles_add_lashes(VvBristles *bristles, const VvAtlas *atlas);

/* Appends the person's brows, and draws their density into shade[VV_FACE_TEXELS squared], 0..1: the skin below them. */
void vv_bristles_add_brows(VvBristles *bristles, const VvAtlas *atlas, const VvIdentity *identity, float *shade);

#endif
