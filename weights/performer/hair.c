/* A head of hair: roots by area over the scalp, clumps first, then every strand drawn towards its clump. And the
 * springs that let clumps swing, so that hair does not move like a helmet. */
#include "weights/performer/hair.h"
#include "weights/performer/chance.h"
#include "weights/performer/groom.h"
#include "weights/performer/skinning.h"
#include "weights/performer/texture.h"

#include <stdlib.h>
#include <string.h>

/* The scalp's triangles and their areas, summed up, to draw roots by area. */
typedef struct Scalp {
    int *triangle;
    float *area_to;
    int count;
} Scalp;

typedef struct Grower {
    VvHair *hair;
    const VvMesh *mesh;
    const VvAsset *asset;
    const VvIdentity *identity;
    VvGroom *groom;
    Scalp scalp;
    VvChance chance;
    VvVec clump_root[VV_HAIR_CLUMPS], clump_path[VV_HAIR_CLUMPS][VV_STRAND_POINTS];
    float clump_light[VV_HAIR_CLUMPS];
} Grower;

static bool has_parting(VvHairStyle s) {
    return s == VV_HAIR_SIDE || (s >= VV_HAIR_BOB && s <= VV_HAIR_WAVY);
}

static bool open_scalp(Grower *g) {
    const VvAsset *a = g->asset;
    g->scalp.triangle = calloc((size_t)a->triangles, sizeof *g->scalp.triangle);
    g->scalp.area_to = calloc((size_t)a->triangles, sizeof *g->scalp.area_to);
    if (!g->scalp.triangle || !g->scalp.area_to)
        return false;
    float area = 0;
    for (int t = 0; t < a->triangles; t++) {
        const uint16_t *v = a->corner[t];
        const VvVec base = scale(add(add(a->base[v[0]], a->base[v[1]]), a->base[v[2]]), 1 / 3.0f);
        if (a->part[t] > VV_PART_HEAD || !vv_groom_is_scalp(base))
            continue;
        const VvVec *p = g->mesh->rest;
        float weight = 1; /* denser along the hairline in front, and at the parting, where skin would show */
        if (base.z > 0)
            weight += 1.3f * ramp(2.2f, 0, vv_texture_hairline(base));
        if (has_parting(g->identity->style) && base.y > 8.5f)
            weight += 2.2f * expf(-square(base.x - g->identity->hair_part) / 1.2f);
        area += 0.5f * length(cross(sub(p[v[1]], p[v[0]]), sub(p[v[2]], p[v[0]]))) * weight;
        g->scalp.triangle[g->scalp.count] = t;
        g->scalp.area_to[g->scalp.count++] = area;
    }
    return g->scalp.count > 0;
}

static VvRoot draw_root(Grower *g) {
    const Scalp *s = &g->scalp;
    const float want = vv_chance_range(&g->chance, 0, s->area_to[s->count - 1]);
    int low = 0, high = s->count - 1;
    while (low < high) {
        const int middle = (low + high) / 2;
        if (s->area_to[middle] < want)
            low = middle + 1;
        else
            high = middle;
    }
    float a = vv_chance_range(&g->chance, 0, 1), b = vv_chance_range(&g->chance, 0, 1);
    if (a + b > 1) {
        a = 1 - a;
        b = 1 - b;
    }
    const float c = 1 - a - b;
    const uint16_t *v = g->asset->corner[s->triangle[low]];
    const VvVec *p = g->mesh->rest, *n = g->mesh->normal, *q = g->asset->base;
    VvRoot root;
    root.at = add(add(scale(p[v[0]], a), scale(p[v[1]], b)), scale(p[v[2]], c));
    root.normal = unit(add(add(scale(n[v[0]], a), scale(n[v[1]], b)), scale(n[v[2]], c)));
    root.base = add(add(scale(q[v[0]], a), scale(q[v[1]], b)), scale(q[v[2]], c));
    root.above = vv_texture_hairline(root.base);
    return root;
}

/* How long hair grows at a root: short at the sides and nape of short styles, shorter from lower roots of long ones. */
static float length_at(Grower *g, const VvRoot *root) {
    const VvVec b = root->base;
    const VvHairStyle style = g->identity->style;
    const float shortest = style == VV_HAIR_BOB ? 0.93f : style == VV_HAIR_LONG ? 0.86f : 0.75f; /* cut how evenly */
    float l = g->groom->style->length * g->identity->hair_length * vv_chance_range(&g->chance, shortest, 1.05f);
    if (style >= VV_HAIR_CROP && style <= VV_HAIR_SWEPT) {
        const float side = ramp(9.5f, 5.0f, b.y), back = ramp(2, -6, b.z) * 0.5f;
        l *= mix(1, style == VV_HAIR_CROP ? 0.36f : style == VV_HAIR_SIDE ? 0.32f : 0.45f, maxf(side, back));
        l *= b.y < 1.5f ? 0.55f : 1;
        if (b.y < 6.5f && b.z > -1 && style == VV_HAIR_SWEPT)
            l *= 0.4f;
        if (b.y < 6.2f && b.z > -3.2f) /* over the ear and in the sideburn */
            l *= 0.5f;
        l *= mix(0.55f, 1, clamp01(root->above / 1.2f));
    } else if (style >= VV_HAIR_BOB && style <= VV_HAIR_WAVY) {
        l = maxf(2, l - maxf(0, 10 - b.y) * (style == VV_HAIR_BOB ? 0.82f : 0.7f));
    } else if (style == VV_HAIR_TIED) {
        l = minf(l, length(sub(b, vec(0, 8.5f, -9))) * 1.22f);
    } else if (style == VV_HAIR_CURLY) {
        l *= mix(0.45f, 1, ramp(0, 5, root->above));
    }
    return l;
}

/* How high above the skull a strand floats. */
static float layer_at(Grower *g, const VvRoot *root) {
    const VvHairStyle style = g->identity->style;
    float layer = g->groom->style->depth * (vv_chance_range(&g->chance, 0, 0.9f) + 0.1f);
    const float near = ramp(0, 2.6f, root->above);
    if (style >= VV_HAIR_SIDE && style != VV_HAIR_CURLY)
        layer *= mix(0.22f, 1, near);
    if (style == VV_HAIR_CURLY)
        layer *= mix(0.35f, 1, ramp(0, 4.5f, root->above));
    if (style >= VV_HAIR_CROP && style <= VV_HAIR_SWEPT)
        layer *= mix(0.12f, 1, ramp(5.5f, 11, root->base.y));
    if (has_parting(style) && root->base.y > 8)
        layer *= mix(0.30f, 1, ramp(0, 4.5f, fabsf(root->base.x - g->identity->hair_part)));
    if (style >= VV_HAIR_BOB && style <= VV_HAIR_WAVY)
        layer *= mix(0.75f, 1.1f, ramp(4, 12, root->base.y));
    return layer;
}

/* Where a strand's curls begin: waves run through neighbours, tight curls are each their own. */
static float phase_at(Grower *g, const VvRoot *root, uint32_t number) {
    const float own = hash01(number) * 2 * VV_PI;
    return g->identity->style == VV_HAIR_WAVY ? noise(scale(root->base, 0.28f)) * 11 + 0.16f * own : own;
}

static void grow_clumps(Grower *g) {
    for (int i = 0; i < VV_HAIR_CLUMPS; i++) {
        const VvRoot root = draw_root(g);
        const float l = length_at(g, &root), layer = layer_at(g, &root);
        vv_groom_strand(g->groom, &root, l, layer, 0.8f, phase_at(g, &root, (uint32_t)i), g->clump_path[i]);
        g->clump_root[i] = root.at;
        g->clump_light[i] = vv_chance_range(&g->chance, 0.86f, 1.14f);
    }
}

/* The nearest clump, on the same side of the parting. */
static int clump_of(const Grower *g, VvVec at, float base_y) {
    int best = 0;
    float nearest = 1e9f;
    const float part = g->identity->hair_part;
    const bool parted = has_parting(g->identity->style) && base_y > 9;
    for (int k = 0; k < VV_HAIR_CLUMPS; k++) {
        const VvVec d = sub(g->clump_root[k], at);
        if (dot(d, d) < nearest && !(parted && (g->clump_root[k].x - part) * (at.x - part) < 0)) {
            nearest = dot(d, d);
            best = k;
        }
    }
    return best;
}

static void add_strand(Grower *g, const VvVec *path, int points, float width, float light, int clump) {
    VvHair *h = g->hair;
    if (h->strands == VV_HAIR_STRANDS_MAX || h->points + points > VV_HAIR_POINTS_MAX)
        return;
    const float grey_share =
        clamp01(g->identity->hair_grey * 1.25f - 0.2f + vv_chance_range(&g->chance, -0.35f, 0.35f));
    const VvVec colour =
        blend(g->identity->hair, vec(0.36f, 0.355f, 0.35f), grey_share * ramp(0, 0.2f, g->identity->hair_grey));
    h->width[h->strands] = width;
    h->clump[h->strands] = (uint16_t)clump;
    h->colour[h->strands] = scale(colour, light);
    for (int i = 0; i < points; i++) {
        const int n = h->points++;
        const VvVec p = path[i];
        h->point[n] = p;
        h->along[n] = (float)i / (float)(points - 1);
        h->head_weight[n] = ramp(-14, -4.5f, p.y + 0.3f * p.z + (p.z < 0 ? 2 : 0));
    }
    h->first[++h->strands] = h->points;
}

static bool falls_into_face(const VvVec *path, int points) {
    for (int k = 2; k < points; k++)
        if (path[k].z > 0 && fabsf(path[k].x) < 5.6f && path[k].y < 7.5f)
            return true;
    return false;
}

static void grow_strand(Grower *g, int number) {
    const VvStyle *style = g->groom->style;
    const VvHairStyle kind = g->identity->style;
    const VvRoot root = draw_root(g);
    if (root.above < 0.5f && vv_chance_range(&g->chance, 0, 1) > 0.30f + 1.4f * root.above)
        return;
    const float l = length_at(g, &root), layer = layer_at(g, &root);
    const float thin = mix(0.62f, 1, ramp(0, 1.2f, root.above));
    VvVec path[VV_STRAND_POINTS];
    vv_groom_strand(g->groom, &root, l, layer, 1, phase_at(g, &root, hash((uint32_t)(number * 3 + (int)kind))), path);
    const int clump = clump_of(g, root.at, root.base.y);
    const VvVec off = scale(sub(root.at, g->clump_root[clump]), 0.55f);
    const float apart = vv_chance_range(&g->chance, -0.25f, 0.25f);
    for (int k = 1; k < style->points; k++) {
        const float t = (float)k / (float)(style->points - 1);
        VvVec to = along(g->clump_path[clump][k], off, 1 - 0.45f * t);
        to.x += apart * t * 0.4f;
        path[k] = blend(path[k], to, style->clumping * ramp(0, 0.7f, t));
    }
    if (kind >= VV_HAIR_BOB && kind <= VV_HAIR_WAVY && falls_into_face(path, style->points))
        return;
    const float stray = mix(1, 0.6f, ramp(0.65f, 1, layer / style->depth)); /* what stands off the mass is fine */
    const float width = style->width * thin * stray * vv_chance_range(&g->chance, 0.75f, 1.2f);
    add_strand(g, path, style->points, width, g->clump_light[clump] * vv_chance_range(&g->chance, 0.9f, 1.12f), clump);
}

/* The bun of tied hair. */
static void grow_bun(Grower *g) {
    enum { HAIRS = 1600, POINTS = 14 };
    VvVec centre = vec(0, 8.6f, 0);
    centre.z = -vv_groom_skull(g->groom, sub(vec(0, 8.5f, -10), vv_skull_centre)) * 0.80f - 1.9f;
    for (int i = 0; i < HAIRS; i++) {
        VvVec path[POINTS];
        const float from = vv_chance_range(&g->chance, 0, 6.28f), tilt = vv_chance_range(&g->chance, -1.2f, 1.2f);
        const float twist = vv_chance_range(&g->chance, -0.5f, 0.5f), r = 2.5f * cosf(tilt * 0.9f);
        for (int k = 0; k < POINTS; k++) {
            const float a = from + (float)k * 0.2f;
            path[k] = add(centre, vec(r * cosf(a), r * sinf(a) + 0.2f * sinf(a * 2 + (float)i),
                                      2.1f * sinf(tilt + twist * (float)k * 0.08f)));
        }
        add_strand(g, path, POINTS, 1.6f, vv_chance_range(&g->chance, 0.8f, 1.2f), 0);
    }
}

static void note_tips(Grower *g) {
    const int last = g->groom->style->points - 1;
    for (int i = 0; i < VV_HAIR_CLUMPS; i++) {
        const VvVec p = g->clump_path[i][last];
        g->hair->clump_tip[i] = p;
        g->hair->clump_weight[i] = ramp(-14, -4.5f, p.y + 0.3f * p.z + (p.z < 0 ? 2 : 0));
    }
    g->hair->looseness = g->groom->style->looseness;
}

static bool open_arrays(VvHair *h) {
    memset(h, 0, sizeof *h);
    h->first = calloc(VV_HAIR_STRANDS_MAX + 1, sizeof *h->first);
    h->width = calloc(VV_HAIR_STRANDS_MAX, sizeof *h->width);
    h->clump = calloc(VV_HAIR_STRANDS_MAX, sizeof *h->clump);
    h->colour = calloc(VV_HAIR_STRANDS_MAX, sizeof *h->colour);
    h->point = calloc(VV_HAIR_POINTS_MAX, sizeof *h->point);
    h->along = calloc(VV_HAIR_POINTS_MAX, sizeof *h->along);
    h->head_weight = calloc(VV_HAIR_POINTS_MAX, sizeof *h->head_weight);
    h->visible = calloc(VV_HAIR_POINTS_MAX, sizeof *h->visible);
    return h->first && h->width && h->clump && h->colour && h->point && h->along && h->head_weight && h->visible;
}

bool vv_hair_open(VvHair *hair, const VvMesh *mesh, const VvAsset *asset, const VvIdentity *identity) {
    bool ok = false;
    if (!open_arrays(hair))
        return false;
    if (identity->style == VV_HAIR_NONE)
        return true;
    Grower *g = calloc(1, sizeof *g);
    if (!g)
        return false;
    *g = (Grower){.hair = hair, .mesh = mesh, .asset = asset, .identity = identity};
    g->chance = vv_chance_of(identity->seed, "strands", 0);
    g->groom = calloc(1, sizeof *g->groom);
    if (!g->groom || !open_scalp(g))
        goto done;
    g->groom->identity = identity;
    g->groom->style = vv_style_of(identity->style);
    vv_groom_measure(g->groom, mesh, asset);
    grow_clumps(g);
    for (int i = 0; i < g->groom->style->strands; i++)
        grow_strand(g, i);
    if (identity->style == VV_HAIR_TIED)
        grow_bun(g);
    note_tips(g);
    ok = true;
done:
    free(g->scalp.triangle);
    free(g->scalp.area_to);
    free(g->groom);
    free(g);
    return ok;
}

void vv_hair_close(VvHair *h) {
    free(h->first);
    free(h->width);
    free(h->clump);
    free(h->colour);
    free(h->point);
    free(h->along);
    free(h->head_weight);
    free(h->visible);
    memset(h, 0, sizeof *h);
}

/* Each tip hangs on a damped spring from where the head would carry it. What pulls it off is its anchor's acceleration.
 */
void vv_sway_step(VvSway *sway, const VvHair *hair, const VvPose *pose) {
    enum { PIECES = 4 };
    const float step = 1.0f / VV_POSE_FPS, piece = step / PIECES, limit = hair->looseness;
    const VvBones bones = vv_bones_of(pose);
    for (int i = 0; i < VV_HAIR_CLUMPS; i++) {
        const VvVec tip = vv_bones_place(&bones, hair->clump_tip[i], hair->clump_weight[i]);
        const VvVec speed = sway->frames > 0 ? scale(sub(tip, sway->tip[i]), 1 / step) : vec(0, 0, 0);
        const VvVec pull = sway->frames > 1 ? scale(sub(speed, sway->tip_speed[i]), 0.35f / step) : vec(0, 0, 0);
        const float rate = 12.0f + 5.0f * hash01((uint32_t)i * 7 + 3); /* radians a second */
        VvVec x = sway->offset[i], v = sway->speed[i];
        for (int k = 0; k < PIECES && limit > 0; k++) {
            const VvVec force = sub(sub(scale(x, -rate * rate), scale(v, 0.7f * rate)), pull);
            v = along(v, force, piece);
            x = along(x, v, piece);
        }
        const float far = length(x);
        if (far > limit && far > 0) {
            x = scale(x, limit / far);
            v = scale(v, 0.5f);
        }
        sway->offset[i] = x;
        sway->speed[i] = v;
        sway->tip[i] = tip;
        sway->tip_speed[i] = speed;
    }
    sway->frames = mini(sway->frames + 1, 2);
}
