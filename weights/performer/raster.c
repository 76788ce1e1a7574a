/* Fills the sample grid. */
#include "weights/performer/raster.h"

#include <stdlib.h>
#include <string.h>

enum { TILE = 16, TILES = VV_GRID / TILE, NARROW = 12 };

bool vv_grid_open(VvGrid *grid) {
    grid->depth = calloc((size_t)VV_GRID * VV_GRID_ROW, sizeof *grid->depth);
    grid->id = calloc((size_t)VV_GRID * VV_GRID_ROW, sizeof *grid->id);
    grid->tile = calloc((size_t)TILES * TILES, sizeof *grid->tile);
    grid->stale = calloc((size_t)TILES * TILES, sizeof *grid->stale);
    return grid->depth && grid->id && grid->tile && grid->stale;
}

void vv_grid_close(VvGrid *grid) {
    free(grid->depth);
    free(grid->id);
    free(grid->tile);
    free(grid->stale);
    memset(grid, 0, sizeof *grid);
}

void vv_grid_clear(VvGrid *grid) {
    memset(grid->depth, 0, sizeof *grid->depth * VV_GRID * VV_GRID_ROW);
    memset(grid->stale, 1, (size_t)TILES * TILES);
    memset(grid->id, 0xff, sizeof *grid->id * VV_GRID * VV_GRID_ROW);
}

static inline void draw_triangle(VvGrid *grid, VvVec a, VvVec b, VvVec c, bool two_sided, uint32_t id) {
    const float area = (b.x - a.x) * (c.y - a.y) - (c.x - a.x) * (b.y - a.y);
    if (area >= -1e-6f && (!two_sided || area < 1e-6f)) /* y points down: what faces the camera has negative area */
        return;
    const int left = (int)maxf(0, ceilf(minf(a.x, minf(b.x, c.x)) - 0.5f));
    const int right = (int)minf(VV_GRID - 1, floorf(maxf(a.x, maxf(b.x, c.x)) - 0.5f));
    const int top = (int)maxf(0, ceilf(minf(a.y, minf(b.y, c.y)) - 0.5f));
    const int bottom = (int)minf(VV_GRID - 1, floorf(maxf(a.y, maxf(b.y, c.y)) - 0.5f));
    if (right < left || bottom < top)
        return;
    const float per = 1 / area;
    const float wa_x = -(c.y - b.y) * per, wa_y = (c.x - b.x) * per, wb_x = -(a.y - c.y) * per,
                wb_y = (a.x - c.x) * per;
    const float x0 = (float)left + 0.5f, y0 = (float)top + 0.5f;
    float wa_row = ((b.x - x0) * (c.y - y0) - (c.x - x0) * (b.y - y0)) * per;
    float wb_row = ((c.x - x0) * (a.y - y0) - (a.x - x0) * (c.y - y0)) * per;
    const float z_a = a.z - c.z, z_b = b.z - c.z;
    const int wide = right - left + 1;
    for (int y = top; y <= bottom; y++, wa_row += wa_y, wb_row += wb_y) {
        float *depth = grid->depth + (size_t)y * VV_GRID_ROW + left;
        uint32_t *ids = grid->id + (size_t)y * VV_GRID_ROW + left;
        if (wide < NARROW) { /* most triangles are a few samples: vectors would not pay */
            float wa = wa_row, wb = wb_row;
            for (int x = 0; x < wide; x++, wa += wa_x, wb += wb_x) {
                if (wa < 0 || wb < 0 || wa + wb > 1)
                    continue;
                const float z = c.z + wa * z_a + wb * z_b;
                if (z > depth[x]) {
                    depth[x] = z;
                    ids[x] = id;
                }
            }
            continue;
        }
        for (int x = 0; x < wide; x++) {
            const float wa = wa_row + wa_x * (float)x, wb = wb_row + wb_x * (float)x, wc = 1 - wa - wb;
            const float z = c.z + wa * z_a + wb * z_b;
            const bool seen = (minf(wa, minf(wb, wc)) >= 0) & (z > depth[x]);
            depth[x] = seen ? z : depth[x];
            ids[x] = seen ? id : ids[x];
        }
    }
}

VV_FAST void vv_grid_mesh(VvGrid *grid, const VvMesh *mesh, const VvVec *projected, bool mouth_shut) {
    for (int t = 0; t < mesh->triangles; t++) {
        if (mesh->hidden[t] || (mouth_shut && (mesh->part[t] == VV_PART_TEETH || mesh->part[t] == VV_PART_GUMS)))
            continue;
        const uint16_t *v = mesh->corner[t];
        const bool two_sided = mesh->part[t] == VV_PART_MOUTH || mesh->part[t] == VV_PART_COLLAR;
        draw_triangle(grid, projected[v[0]], projected[v[1]], projected[v[2]], two_sided, (uint32_t)t);
    }
}

/* The farthest depth in each tile: a strand piece behind that of all its tiles cannot be seen. */
VV_FAST void vv_grid_note(VvGrid *grid) {
    for (int ty = 0; ty < TILES; ty++)
        for (int tx = 0; tx < TILES; tx++) {
            float least = 1e9f;
            if (!grid->stale[ty * TILES + tx])
                continue;
            for (int y = 0; y < TILE; y++) {
                const float *row = grid->depth + (size_t)(ty * TILE + y) * VV_GRID_ROW + tx * TILE;
                for (int x = 0; x < TILE; x++)
                    least = minf(least, row[x]);
            }
            grid->tile[ty * TILES + tx] = least;
            grid->stale[ty * TILES + tx] = 0;
        }
}

bool vv_grid_may_see(VvGrid *grid, VvVec from, VvVec to) {
    const int x0 = (int)clamp(minf(from.x, to.x), -1e4f, 1e4f) / TILE,
              x1 = (int)clamp(maxf(from.x, to.x), -1e4f, 1e4f) / TILE;
    const int y0 = (int)clamp(minf(from.y, to.y), -1e4f, 1e4f) / TILE,
              y1 = (int)clamp(maxf(from.y, to.y), -1e4f, 1e4f) / TILE;
    const float nearest = maxf(from.z, to.z);
    bool seen = false;
    for (int y = maxi(y0, 0); y <= mini(y1, TILES - 1); y++)
        for (int x = maxi(x0, 0); x <= mini(x1, TILES - 1); x++)
            if (nearest > grid->tile[y * TILES + x]) {
                grid->stale[y * TILES + x] = 1;
                seen = true;
            }
    return seen;
}

/* 16.16 fixed point of the square root of a colour channel, scaled to ten bits. */
static inline int channel(float light) {
    return (int)(sqrtf(clamp(light * 0.5f, 0, 1)) * 1022.0f * 65536.0f + 32768.0f);
}

void vv_grid_strand(VvGrid *grid, VvVec from, VvVec from_colour, VvVec to, VvVec to_colour, float width) {
    float dx = to.x - from.x, dy = to.y - from.y;
    const bool steep = fabsf(dy) > fabsf(dx);
    if ((steep ? dy : dx) < 0) { /* along the major axis, always forwards */
        const VvVec p = from, c = from_colour;
        from = to;
        from_colour = to_colour;
        to = p;
        to_colour = c;
        dx = -dx;
        dy = -dy;
    }
    const float major = steep ? dy : dx;
    if (!(major >= 1e-3f && major < 4 * VV_GRID))
        return;
    const float per = 1 / major, half = width * 0.5f * sqrtf(dx * dx + dy * dy) * per;
    const float start = steep ? from.y : from.x, end = steep ? to.y : to.x, slope = (steep ? dx : dy) * per;
    const int first = (int)clamp(ceilf(start - 0.5f), 0, VV_GRID),
              last = (int)clamp(ceilf(end - 0.5f) - 1, -1, VV_GRID - 1);
    const float skip = (float)first + 0.5f - start, dz = (to.z - from.z) * per;
    float across = (steep ? from.x : from.y) + slope * skip, z = from.z + dz * skip;
    int r = channel(from_colour.x), g = channel(from_colour.y), b = channel(from_colour.z);
    const int dr = (int)((float)(channel(to_colour.x) - r) * per), dg = (int)((float)(channel(to_colour.y) - g) * per),
              db = (int)((float)(channel(to_colour.z) - b) * per);
    r += (int)((float)dr * skip);
    g += (int)((float)dg * skip);
    b += (int)((float)db * skip);
    const int along_step = steep ? VV_GRID_ROW : 1, across_step = steep ? 1 : VV_GRID_ROW;
    for (int i = first; i <= last; i++, across += slope, z += dz, r += dr, g += dg, b += db) {
        if (!(across > -16 && across < VV_GRID + 16))
            continue;
        int low = (int)(across - half + 16.5f) - 16, high = (int)(across + half + 16.5f) - 17;
        if (high < low)
            low = high = (int)(across + 16) - 16;
        low = maxi(low, 0);
        high = mini(high, VV_GRID - 1);
        const uint32_t id = VV_SAMPLE_HAIR | ((uint32_t)(r >> 16) & 1023u) << 20 | ((uint32_t)(g >> 16) & 1023u) << 10 |
                            ((uint32_t)(b >> 16) & 1023u);
        for (int k = low; k <= high; k++) {
            const int n = i * along_step + k * across_step;
            if (z > grid->depth[n]) {
                grid->depth[n] = z;
                grid->id[n] = id;
            }
        }
    }
}
