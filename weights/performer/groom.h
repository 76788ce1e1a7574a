/* Inside hair.c and groom.c: how one strand grows. */
#ifndef VV_GROOM_H
#define VV_GROOM_H

#include "weights/performer/hair.h"

#define VV_STRAND_POINTS 32
#define VV_SKULL_COLUMNS 160
#define VV_SKULL_ROWS 96
#define VV_BODY_SIZE 160

/* A style in numbers. */
typedef struct VvStyle {
    int strands, points;
    float length;      /* cm */
    float width;       /* samples */
    float depth;       /* of the layer that strands fill above the skull, cm */
    float lift;        /* how steeply roots leave the skin */
    float gravity;     /* pull down on short hair, per step */
    float curl, curls; /* cm, turns per cm * 2 pi */
    float clumping;    /* how much strands follow their clump */
    float looseness;   /* swing of tips, cm */
} VvStyle;

typedef struct VvGroom {
    const VvIdentity *identity;
    const VvStyle *style;
    bool covers_ears;
    float skull[VV_SKULL_ROWS][VV_SKULL_COLUMNS]; /* distance of the outermost surface from the skull's centre */
    VvDepthMap front, back;
    float front_depth[VV_BODY_SIZE * VV_BODY_SIZE], back_depth[VV_BODY_SIZE * VV_BODY_SIZE];
    float x[VV_MESH_VERTICES_MAX], y[VV_MESH_VERTICES_MAX], z[VV_MESH_VERTICES_MAX];
} VvGroom;

/* A root on the scalp. */
typedef struct VvRoot {
    VvVec at, normal, base; /* on this person; there on the base mesh */
    float above;            /* the hairline, cm */
} VvRoot;

extern const VvVec vv_skull_centre;
const VvStyle *vv_style_of(VvHairStyle style);

/* Measures the skull and the body. */
void vv_groom_measure(VvGroom *groom, const VvMesh *mesh, const VvAsset *asset);

/* The skull's radius in a direction from its centre. */
float vv_groom_skull(const VvGroom *groom, VvVec direction);

/* Grows one strand of this length in a layer this high; `unruly` scales its random bends, `phase` turns its curls. */
void vv_groom_strand(const VvGroom *groom, const VvRoot *root, float length, float layer, float unruly, float phase,
                     VvVec out[VV_STRAND_POINTS]);

/* Whether a place on the base mesh is the scalp or sideburns, not an ear. */
bool vv_groom_is_scalp(VvVec base);

#endif
