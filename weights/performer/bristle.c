/* Grows lashes and brows. */
#include "weights/performer/bristle.h"
#include "weights/performer/chance.h"
#include "weights/performer/mesh.h"

#include <stdlib.h>
#include <string.h>

#define LAST (VV_BRISTLE_POINTS - 1)

/* ---- lashes ---------------------------------------------------------------------------------------------------
 * The asset has lash cards, strips of texture from the lid outwards; hairs are drawn along them. */

enum { STRIPS_MAX = 32 };

typedef struct Strip {
    int island;
    float u0, u1, v0, v1;
    float near_v0, near_v1; /* mean distance of either edge to the eye's centre */
    int count0, count1, count;
    float y; /* mean height */
} Strip;

static Strip *strip_of(Strip *strips, int *count, int island) {
    for (int i = 0; i < *count; i++)
        if (strips[i].island == island)
            return &strips[i];
    if (*count == STRIPS_MAX)
        return &strips[0];
    strips[*count] = (Strip){.island = island, .u0 = 1e9f, .u1 = -1e9f, .v0 = 1e9f, .v1 = -1e9f};
    return &strips[(*count)++];
}

static int find_strips(const VvAsset *a, int part, const int *island, Strip *strips) {
    const VvVec eye = vec(part == VV_PART_LASH_L ? 3.09f : -3.09f, 3.61f, 7.9f);
    int count = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int t = 0; t < a->triangles; t++)
            for (int k = 0; k < 3 && a->part[t] == part; k++) {
                Strip *s = strip_of(strips, &count, island[a->texel[t][k]]);
                const float u = a->uv[a->texel[t][k]][0], v = a->uv[a->texel[t][k]][1];
                const VvVec p = a->base[a->corner[t][k]];
                if (pass == 0) {
                    s->u0 = minf(s->u0, u);
                    s->u1 = maxf(s->u1, u);
                    s->v0 = minf(s->v0, v);
                    s->v1 = maxf(s->v1, v);
                    s->y += p.y;
                    s->count++;
                } else if (v < s->v0 + 0.15f * (s->v1 - s->v0)) {
                    s->near_v0 += length(sub(p, eye));
                    s->count0++;
                } else if (v > s->v1 - 0.15f * (s->v1 - s->v0)) {
                    s->near_v1 += length(sub(p, eye));
                    s->count1++;
                }
            }
    return count;
}

/* Binds a point of a strip; false where the strip has no triangle. */
static bool bind_on_strip(const VvAsset *a, int part, const int *island, int of, float u, float v, VvBristle *b,
                          int point) {
    for (int t = 0; t < a->triangles; t++) {
        if (a->part[t] != part || island[a->texel[t][0]] != of)
            continue;
        float x[3], y[3];
        for (int k = 0; k < 3; k++) {
            x[k] = a->uv[a->texel[t][k]][0];
            y[k] = a->uv[a->texel[t][k]][1];
        }
        const float area = (x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0]);
        if (fabsf(area) < 1e-12f)
            continue;
        const float w0 = ((x[1] - u) * (y[2] - v) - (x[2] - u) * (y[1] - v)) / area;
        const float w1 = ((x[2] - u) * (y[0] - v) - (x[0] - u) * (y[2] - v)) / area;
        if (w0 < -0.01f || w1 < -0.01f || w0 + w1 > 1.01f)
            continue;
        memcpy(b->vertex[point], a->corner[t], sizeof b->vertex[point]);
        b->weight[point][0] = w0;
        b->weight[point][1] = w1;
        b->weight[point][2] = 1 - w0 - w1;
        return true;
    }
    return false;
}

static void grow_on_strip(VvBristles *all, const VvAsset *a, int part, const int *island, const Strip *s, VvChance *c) {
    const bool root_low = s->near_v0 / ((float)s->count0 + 1e-9f) < s->near_v1 / ((float)s->count1 + 1e-9f);
    const bool upper = s->y / (float)maxi(1, s->count) > 3.3f;
    const int hairs = upper ? 30 : 7;
    for (int i = 0; i < hairs && all->count < VV_BRISTLES_MAX; i++) {
        VvBristle b = {.kind = upper ? VV_BRISTLE_UPPER_LASH : VV_BRISTLE_LOWER_LASH,
                       .strength = upper ? 0.34f : 0.14f};
        const float at = mix(s->u0, s->u1, ((float)i + vv_chance_range(c, 0.1f, 0.9f)) / (float)hairs);
        const float slant = vv_chance_range(c, -0.02f, 0.02f);
        const float reach = upper ? vv_chance_range(c, 0.45f, 0.8f) : vv_chance_range(c, 0.3f, 0.5f);
        bool good = true;
        for (int k = 0; k < VV_BRISTLE_POINTS && good; k++) {
            const float t = (float)k / LAST * reach, out = t * 0.98f + 0.01f;
            const float v = root_low ? mix(s->v0, s->v1, out) : mix(s->v1, s->v0, out);
            good = bind_on_strip(a, part, island, s->island, at + slant * t * t, v, &b, k);
        }
        if (good)
            all->bristle[all->count++] = b;
    }
}

bool vv_bristles_add_lashes(VvBristles *all, const VvAtlas *atlas) {
    const VvAsset *a = atlas->asset;
    int *island = malloc(sizeof *island * (size_t)a->texcoords);
    if (!island)
        return false;
    VvChance chance = vv_chance_of(0, "lashes", 0);
    for (int part = VV_PART_LASH_L; part <= VV_PART_LASH_R; part++) {
        Strip strips[STRIPS_MAX];
        vv_mesh_islands(a, part, island);
        const int count = find_strips(a, part, island, strips);
        for (int i = 0; i < count; i++)
            grow_on_strip(all, a, part, island, &strips[i], &chance);
    }
    free(island);
    return true;
}

/* ---- brows ---------------------------------------------------------------------------------------------------- */

/* One hair: a quadratic curve in texture space. */
typedef struct Stroke {
    float x[3], y[3]; /* root, middle, tip */
    float width, strength;
} Stroke;

static void at_stroke(const Stroke *s, float t, float *x, float *y) {
    const float a = (1 - t) * (1 - t), b = 2 * t * (1 - t), c = t * t;
    *x = a * s->x[0] + b * s->x[1] + c * s->x[2];
    *y = a * s->y[0] + b * s->y[1] + c * s->y[2];
}

static void shade_stroke(float *shade, const Stroke *s) {
    enum { STEPS = 20, T = VV_FACE_TEXELS };
    for (int i = 0; i <= STEPS; i++) {
        const float t = (float)i / STEPS;
        float x, y;
        at_stroke(s, t, &x, &y);
        x *= T;
        y *= T;
        const float width = s->width * (1 - 0.75f * t), strength = s->strength * (1 - 0.5f * t);
        for (int k = 0; k < 25; k++) {
            const int column = (int)x + k % 5 - 2, row = (int)y + k / 5 - 2;
            if (column < 0 || row < 0 || column >= T || row >= T)
                continue;
            const float far = hypotf((float)column + 0.5f - x, (float)row + 0.5f - y);
            float *q = &shade[row * T + column];
            *q = maxf(*q, strength * clamp01(width + 0.5f - far));
        }
    }
}

static float on_curve(const float p[5], float t) {
    const int k = mini((int)(t * 4), 3);
    const float f = t * 4 - (float)k, a = p[maxi(k - 1, 0)], b = p[k], c = p[k + 1], d = p[mini(k + 2, 4)];
    return 0.5f * (2 * b + (c - a) * f + (2 * a - 5 * b + 4 * c - d) * f * f + (3 * b - a - 3 * c + d) * f * f * f);
}

/* Hairs stand up at the inner end, lie along the brow further out, and the brow tapers towards its tail. */
static Stroke brow_stroke(const float px[5], const float py[5], float side, const VvIdentity *id, VvChance *c) {
    Stroke s;
    const float t = vv_chance_range(c, 0, 0.985f);
    const float across = vv_chance_range(c, -0.5f, 0.5f) + vv_chance_range(c, -0.5f, 0.5f);
    const float taper = (t < 0.25f ? 0.75f + t : 1) * (t > 0.5f ? 1 - (t - 0.5f) / 0.5f * 0.60f : 1);
    const float thick = 0.0150f * id->brow_width * taper;
    float angle = t < 0.12f ? 1.2f : mix(1.0f, 0.02f, clamp01((t - 0.1f) / 0.5f));
    angle += -across * 0.6f * (1 - 0.6f * t) + vv_chance_normal(c, 0, 0.10f) - (t > 0.5f ? 0.28f * (t - 0.5f) : 0);
    const float dx = cosf(angle) * side, dy = sinf(angle);
    const float reach = vv_chance_range(c, 0.015f, 0.028f) * (t > 0.75f ? 0.75f : 1) * (t < 0.1f ? 0.65f : 1);
    s.x[0] = on_curve(px, t);
    s.y[0] = on_curve(py, t) + across * thick;
    s.x[1] = s.x[0] + dx * reach * 0.5f;
    s.y[1] = s.y[0] + dy * reach * 0.55f;
    s.x[2] = s.x[0] + dx * reach;
    s.y[2] = s.y[0] + dy * reach * 0.72f;
    s.width = vv_chance_range(c, 0.6f, 1.0f) * mix(1, 0.7f, ramp(0.6f, 1, t));
    /* Both ends are sparse, and so are the edges: the brow has no outline. */
    const float ends = mix(0.35f, 1, ramp(0, 0.22f, t)) * mix(1, 0.22f, ramp(0.58f, 0.98f, t));
    s.strength = vv_chance_range(c, 0.45f, 1) * ends * (1 - 0.5f * fabsf(across));
    return s;
}

static void grow_stroke(VvBristles *all, const VvAtlas *atlas, const Stroke *s) {
    if (all->count == VV_BRISTLES_MAX)
        return;
    VvBristle *b = &all->bristle[all->count];
    b->kind = VV_BRISTLE_BROW;
    b->strength = s->strength * 0.55f;
    for (int k = 0; k < VV_BRISTLE_POINTS; k++) {
        const float t = (float)k / LAST;
        float u, v;
        at_stroke(s, t, &u, &v);
        b->lift[k] = 0.01f + 0.09f * t;
        if (!vv_atlas_bind(atlas, u, v, b->vertex[k], b->weight[k]))
            return;
    }
    all->count++;
}

void vv_bristles_add_brows(VvBristles *all, const VvAtlas *atlas, const VvIdentity *id, float *shade) {
    memset(shade, 0, sizeof *shade * VV_FACE_TEXELS * VV_FACE_TEXELS);
    VvChance chance = vv_chance_of(id->seed, "brows", 0);
    for (int s = 0; s < 2; s++) {
        float px[5], py[5]; /* inner .. outer end */
        for (int i = 0; i < 5; i++) {
            const float *mark = atlas->landmark[s ? 26 - i : 17 + i];
            px[4 - i] = mark[0];
            py[4 - i] = mark[1] - 0.015f;
        }
        const float side = s ? 1.0f : -1.0f;
        px[0] += side * 0.003f;
        py[2] += id->brow_arch * 0.007f;
        py[3] += id->brow_arch * 0.005f;
        px[4] -= side * 0.011f;
        py[4] += 0.006f;
        const int hairs = (int)(400 * id->brow_density * sqrtf(id->brow_width));
        for (int i = 0; i < hairs; i++) {
            const Stroke stroke = brow_stroke(px, py, side, id, &chance);
            shade_stroke(shade, &stroke);
            grow_stroke(all, atlas, &stroke);
        }
    }
}
