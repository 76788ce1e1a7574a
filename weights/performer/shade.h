/* Colour at a point of the person: skin, eyes, cloth, mouth. All of it is linear light. */
#ifndef VV_SHADE_H
#define VV_SHADE_H

#include "weights/performer/performer.h"
#include "weights/performer/skinning.h"

/* What shading needs to know of a frame. */
typedef struct VvStage {
    const VvPerformer *performer;
    const VvFigure *figure;
    const VvLight *light;
    const VvVec *projected; /* [vertices], samples */
    const VvVec *ambient;   /* [vertices] */
    const float *lit;       /* [vertices] */
    float wrinkle[VV_WRINKLES];
    float relief;           /* strength of fine relief: less in small pictures, where it would flicker */
    float lid[2][6][2];     /* eyelid landmarks, samples */
    VvVec mouth;            /* centre of the lips' opening */
    float mouth_area;       /* cm^2 */
    const float (*chin)[2]; /* landmarks' u, v: the jaw line ends the face mask */
} VvStage;

/* One point on a triangle: its part, weights of the corners and the place in the picture, in samples. */
typedef struct VvSpot {
    int triangle;
    float x, y;
} VvSpot;

/* What a spot turned out to be. */
typedef struct VvShaded {
    VvVec colour;
    bool face, lip; /* belongs to the face mask, to the lip mask */
} VvShaded;

/* Fills in what follows from pose, figure and projection; the pointers and `relief` must be set. */
void vv_stage_set(VvStage *stage, const VvPose *pose);

VvShaded vv_shade(const VvStage *stage, const VvSpot *spot);

/* Shades one end of a piece of hair: point, direction of the strand, how far along it is, its colour and visibility. */
VvVec vv_shade_hair(const VvStage *stage, VvVec point, VvVec direction, float along, VvVec colour,
                    const float visible[9]);

#endif
