/* Draws depth maps. */
#include "weights/performer/depth.h"

void vv_depth_aim(VvDepthMap *map, VvVec toward, VvVec centre, float half, int size, float *depth) {
    map->toward = toward;
    map->right = unit(cross(fabsf(toward.y) > 0.95f ? vec(1, 0, 0) : vec(0, 1, 0), toward));
    map->up = cross(toward, map->right);
    map->centre = centre;
    map->size = size;
    map->per_cm = (float)size / (2 * half);
    map->depth = depth;
}

static inline void draw_triangle(VvDepthMap *map, const float *x, const float *y, const float *z,
                                 const uint16_t *corner) {
    const int a = corner[0], b = corner[1], c = corner[2], size = map->size;
    const float area = (x[b] - x[a]) * (y[c] - y[a]) - (x[c] - x[a]) * (y[b] - y[a]);
    if (area <= 1e-9f) /* turned away */
        return;
    const float limit = (float)(size - 1);
    const int left = (int)maxf(0, ceilf(minf(x[a], minf(x[b], x[c])) - 0.5f));
    const int right = (int)minf(limit, floorf(maxf(x[a], maxf(x[b], x[c])) - 0.5f));
    const int low = (int)maxf(0, ceilf(minf(y[a], minf(y[b], y[c])) - 0.5f));
    const int high = (int)minf(limit, floorf(maxf(y[a], maxf(y[b], y[c])) - 0.5f));
    const float per_area = 1 / area;
    for (int row = low; row <= high; row++) {
        const float py = (float)row + 0.5f;
        for (int column = left; column <= right; column++) {
            const float px = (float)column + 0.5f;
            const float wa = (x[b] - px) * (y[c] - py) - (x[c] - px) * (y[b] - py);
            const float wb = (x[c] - px) * (y[a] - py) - (x[a] - px) * (y[c] - py), wc = area - wa - wb;
            if (wa < 0 || wb < 0 || wc < 0)
                continue;
            const float depth = (wa * z[a] + wb * z[b] + wc * z[c]) * per_area;
            float *q = &map->depth[row * size + column];
            *q = maxf(*q, depth);
        }
    }
}

VV_FAST void vv_depth_draw(VvDepthMap *map, const VvMesh *mesh, const VvVec *points, float *x, float *y, float *z) {
    for (int i = 0; i < map->size * map->size; i++)
        map->depth[i] = VV_DEPTH_NONE;
    for (int i = 0; i < mesh->vertices; i++) {
        const VvVec p = vv_depth_project(map, points[i]);
        x[i] = p.x;
        y[i] = p.y;
        z[i] = p.z;
    }
    for (int t = 0; t < mesh->triangles; t++) {
        const int part = mesh->part[t];
        if ((part < VV_PART_MOUTH || part > VV_PART_TEETH) && !mesh->hidden[t])
            draw_triangle(map, x, y, z, mesh->corner[t]);
    }
}

void vv_depth_strand(VvDepthMap *map, const VvVec *points, int count) {
    VvVec from = vv_depth_project(map, points[0]);
    for (int i = 1; i < count; i++) {
        const VvVec to = vv_depth_project(map, points[i]);
        const int steps = (int)minf(1e4f, maxf(fabsf(to.x - from.x), fabsf(to.y - from.y))) + 1;
        for (int k = 0; k < steps; k++) {
            const VvVec p = blend(from, to, (float)k / (float)steps);
            const int column = (int)p.x, row = (int)p.y;
            if ((unsigned)column < (unsigned)map->size && (unsigned)row < (unsigned)map->size) {
                float *q = &map->depth[row * map->size + column];
                *q = maxf(*q, p.z);
            }
        }
        from = to;
    }
}
