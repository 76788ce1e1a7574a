/* The mesh of one person at rest: the asset's head with this person's shape, and the garment that cloth.c adds to it.
 */
#ifndef VV_MESH_H
#define VV_MESH_H

#include "weights/performer/asset.h"
#include "weights/performer/identity.h"

#include <stdbool.h>

/* Parts of a garment; the first is VV_PART_CLOTH, the last must fit a byte. */
enum {
    VV_PART_CLOTH_UNDER = VV_PART_CLOTH + 1, /* what shows below a jacket or a V-neck */
    VV_PART_COLLAR,
    VV_PART_BAND, /* ribbed edges */
    VV_PART_LAPEL,
    VV_PARTS
};

#define VV_MESH_VERTICES_MAX 60000
#define VV_MESH_TRIANGLES_MAX 110000

typedef struct VvMesh {
    int vertices, triangles;
    int head_vertices, head_triangles; /* those of the head come first */
    VvVec *rest;                       /* [vertices], cm, as in the asset */
    VvVec *normal;                     /* [vertices] at rest */
    uint16_t (*corner)[3];             /* [triangles] */
    uint8_t *part;                     /* [triangles] */
    float (*uv)[6];                    /* [triangles]: u, v of each corner; cloth: cm along its edge, cm away from it */
    float *head_weight;                /* [vertices]: 1 follows the head, 0 stays with the shoulders */
    float *tongue;                     /* [vertices]: 0 is no tongue, 1 its tip */
    bool *hidden;                      /* [triangles]: below the garment */
    VvVec eye[2];                      /* centres of the eyeballs, left first */
    float eye_radius[2];
    float blink[2]; /* how much of the blink shape shuts each of these eyes */
} VvMesh;

/* The head of this person, without clothes. False without memory; vv_mesh_close either way. Any thread. */
bool vv_mesh_open(VvMesh *mesh, const VvAsset *asset, const VvIdentity *identity);
void vv_mesh_close(VvMesh *mesh);

/* Vertex normals of points over the mesh's triangles. */
void vv_mesh_normals(const VvMesh *mesh, const VvVec *points, VvVec *normals);

/* Adds weight times an expression to points. */
void vv_mesh_express(const VvAsset *asset, int expression, float weight, VvVec *points);

/* Islands of texture space: island[texcoords] gets the smallest texcoord that each is connected to by triangles of
 * `part`. */
void vv_mesh_islands(const VvAsset *asset, int part, int *island);

#endif
