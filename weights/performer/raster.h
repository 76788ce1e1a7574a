/* The sample grid: what is nearest at every sample of the picture. The grid is 1024 samples a side whatever the
 * picture's size, so that strands of hair are as fine in a small picture as in a large one and do not shimmer. */
#ifndef VV_RASTER_H
#define VV_RASTER_H

#include "weights/performer/mesh.h"

#define VV_GRID 1024
#define VV_GRID_ROW (VV_GRID + 16) /* a row's pitch: no power of two, or columns share cache lines */

/* The camera: on the z axis at this height and distance, cm; focal length in picture widths. */
#define VV_CAMERA_Y 0.6f
#define VV_CAMERA_Z 80.0f
#define VV_CAMERA_FOCAL 2.1875f

/* What a sample shows: a triangle's number, nothing, or the colour of hair (vv_hair_sample). */
#define VV_SAMPLE_NONE 0xffffffffu
#define VV_SAMPLE_HAIR 0x80000000u

typedef struct VvGrid {
    float *depth;   /* [VV_GRID][VV_GRID_ROW], 1 / distance: larger is nearer */
    uint32_t *id;   /* [VV_GRID][VV_GRID_ROW] */
    float *tile;    /* scratch: what is farthest in each tile, as far as noted */
    uint8_t *stale; /* scratch: tiles that were drawn into since */
} VvGrid;

bool vv_grid_open(VvGrid *grid);
void vv_grid_close(VvGrid *grid);
void vv_grid_clear(VvGrid *grid);

/* Where a point in the world falls: x right and y down in samples, z is 1 / distance. */
VV_INLINE VvVec vv_grid_project(VvVec p) {
    const float near = 1 / (VV_CAMERA_Z - p.z), focal = VV_CAMERA_FOCAL * VV_GRID * near;
    return vec(VV_GRID * 0.5f + p.x * focal, VV_GRID * 0.5f - (p.y - VV_CAMERA_Y) * focal, near);
}

/* Draws the mesh's visible triangles at these projected corners; with the mouth shut, nothing that only an open one
 * shows. */
void vv_grid_mesh(VvGrid *grid, const VvMesh *mesh, const VvVec *projected, bool mouth_shut);

/* Between the last mesh or strand and the next strands: notes what is hidden. Strands behind that are skipped whole. */
void vv_grid_note(VvGrid *grid);

/* Whether a piece of a strand may be seen, as far as noted; if so it is taken to be drawn next. */
bool vv_grid_may_see(VvGrid *grid, VvVec from, VvVec to);

/* Draws a piece of a strand, `width` samples wide, between two projected points; linear light at both. */
void vv_grid_strand(VvGrid *grid, VvVec from, VvVec from_colour, VvVec to, VvVec to_colour, float width);

/* Hair colours are stored in samples as square roots, ten bits each, of up to 2. */
VV_INLINE VvVec vv_hair_sample(uint32_t id) {
    const float unit10 = 1 / 1023.0f;
    const float r = (float)(id >> 20 & 1023u) * unit10, g = (float)(id >> 10 & 1023u) * unit10,
                b = (float)(id & 1023u) * unit10;
    return vec(2 * r * r, 2 * g * g, 2 * b * b);
}

#endif
