/* Inside shading: a point on a surface, and the parts that have files of their own. */
#ifndef VV_SHADE_PARTS_H
#define VV_SHADE_PARTS_H

#include "weights/performer/raster.h"
#include "weights/performer/shade.h"

typedef struct VvSurface {
    int part, vertex; /* vertex: one of the triangle's, to tell the tongue */
    float x, y;       /* samples */
    VvVec point, normal, ambient;
    float lit, u, v;
} VvSurface;

VvVec vv_shade_eye(const VvStage *stage, const VvSurface *surface);
VvVec vv_shade_mouth(const VvStage *stage, const VvSurface *surface);

#endif
