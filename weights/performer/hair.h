/* Hair: some ten thousand strands, grown once per person, in clumps that swing. */
#ifndef VV_HAIR_H
#define VV_HAIR_H

#include "weights/performer/depth.h"
#include "weights/performer/identity.h"
#include "weights/performer/mesh.h"
#include "weights/performer/pose.h"

#define VV_HAIR_STRANDS_MAX 16000
#define VV_HAIR_POINTS_MAX 340000
#define VV_HAIR_CLUMPS 420

typedef struct VvHair {
    int strands, points;
    int *first;          /* [strands + 1], the first point of each strand */
    float *width;        /* [strands], in samples of the 1024 grid */
    uint16_t *clump;     /* [strands] */
    VvVec *colour;       /* [strands] */
    VvVec *point;        /* [points] at rest, head space, cm */
    float *along;        /* [points], 0 root .. 1 tip */
    float *head_weight;  /* [points] */
    float (*visible)[9]; /* [points], what light.c finds: visibility of the surroundings as spherical harmonics */
    VvVec clump_tip[VV_HAIR_CLUMPS];
    float clump_weight[VV_HAIR_CLUMPS]; /* head weight of the tip */
    float looseness;                    /* cm that a tip may swing, about; 0 for hair that does not */
} VvHair;

/* Where the tips of clumps have swung to. Belongs to one sequence of poses; plain values. */
typedef struct VvSway {
    VvVec offset[VV_HAIR_CLUMPS], speed[VV_HAIR_CLUMPS]; /* cm, cm/s; world axes */
    VvVec tip[VV_HAIR_CLUMPS], tip_speed[VV_HAIR_CLUMPS];
    int frames; /* since the start */
} VvSway;

/* Grows the identity's hair on its dressed mesh, whose normals must be there. False without memory; vv_hair_close
 * either way. */
bool vv_hair_open(VvHair *hair, const VvMesh *mesh, const VvAsset *asset, const VvIdentity *identity);
void vv_hair_close(VvHair *hair);

/* Moves the clumps on by one frame (1 / VV_POSE_FPS s) towards a pose. The first step after clearing a VvSway to zeros
 * hangs them at rest. */
void vv_sway_step(VvSway *sway, const VvHair *hair, const VvPose *pose);

#endif
