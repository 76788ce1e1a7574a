/* Depth maps: the mesh seen from far away along one direction. Shadows, ambient visibility, and the fit of cloth and
 * hair all ask the same question of them, "how far out is the outermost surface here?". */
#ifndef VV_DEPTH_H
#define VV_DEPTH_H

#include "weights/performer/mesh.h"

#define VV_DEPTH_NONE (-1e9f)

typedef struct VvDepthMap {
    VvVec right, up, toward; /* `toward` points from the scene to the viewer: larger depth is nearer */
    VvVec centre;
    float per_cm; /* pixels */
    int size;     /* pixels a side */
    float *depth; /* [size * size], cm along `toward` from the centre; the owner is whoever aims the map */
} VvDepthMap;

/* Aims a map of size * size pixels at a cube of this half side around centre; depth is kept, not cleared. */
void vv_depth_aim(VvDepthMap *map, VvVec toward, VvVec centre, float half, int size, float *depth);

/* Clears the map and draws the visible triangles that face it; what is inside the head is left out. x, y and z are
 * scratch of mesh->vertices each. */
void vv_depth_draw(VvDepthMap *map, const VvMesh *mesh, const VvVec *points, float *x, float *y, float *z);

/* Adds a chain of points one pixel wide. */
void vv_depth_strand(VvDepthMap *map, const VvVec *points, int count);

/* Where a point falls: pixels and depth. */
VV_INLINE VvVec vv_depth_project(const VvDepthMap *map, VvVec p) {
    p = sub(p, map->centre);
    return vec(dot(p, map->right) * map->per_cm + (float)map->size * 0.5f,
               dot(p, map->up) * map->per_cm + (float)map->size * 0.5f, dot(p, map->toward));
}

/* The depth at a pixel; VV_DEPTH_NONE outside and where nothing is. */
VV_INLINE float vv_depth_at(const VvDepthMap *map, float x, float y) {
    const int column = (int)x, row = (int)y;
    if ((unsigned)column >= (unsigned)map->size || (unsigned)row >= (unsigned)map->size)
        return VV_DEPTH_NONE;
    return map->depth[row * map->size + column];
}

#endif
