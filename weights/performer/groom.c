/* Grows single strands: combed by the style's rule, pulled down, kept out of the skull, the face and the clothes. */
#include "weights/performer/groom.h"
#include "weights/performer/texture.h"

#include <string.h>

const VvVec vv_skull_centre = {0, 3.5f, -0.5f};

static const VvStyle styles[VV_HAIR_STYLES] = {
    [VV_HAIR_NONE] = {0},
    [VV_HAIR_BUZZ] = {9000, 3, 0.55f, 1.2f, 0.1f, 0.9f, 0, 0.05f, 0.6f, 0, 0},
    [VV_HAIR_CROP] = {11000, 7, 3.4f, 1.5f, 1.1f, 0.5f, 0.05f, 0.06f, 0.6f, 0.5f, 0},
    [VV_HAIR_SIDE] = {11000, 10, 6.2f, 1.6f, 1.5f, 0.4f, 0.16f, 0.06f, 0.6f, 0.5f, 0.15f},
    [VV_HAIR_SWEPT] = {11000, 11, 8.5f, 1.7f, 1.3f, 0.5f, 0.09f, 0.06f, 0.6f, 0.35f, 0.1f},
    [VV_HAIR_BOB] = {7500, 16, 17, 2.1f, 1.15f, 0.35f, 0.3f, 0.05f, 0.6f, 0.55f, 0.8f},
    [VV_HAIR_LONG] = {6000, 20, 37, 2.5f, 1.2f, 0.35f, 0.3f, 0.18f, 0.5f, 0.55f, 1.2f},
    [VV_HAIR_WAVY] = {6600, 24, 33, 2.3f, 1.3f, 0.35f, 0.3f, 0.5f, 0.65f, 0.55f, 1.2f},
    [VV_HAIR_TIED] = {9000, 13, 17, 1.5f, 0.35f, 0.12f, 0, 0.05f, 0.6f, 0.45f, 0},
    [VV_HAIR_CURLY] = {10500, 13, 3.4f, 1.6f, 2.8f, 1.2f, 0.02f, 0.38f, 3.2f, 0.3f, 0.25f},
};

const VvStyle *vv_style_of(VvHairStyle style) {
    return &styles[style];
}

static bool is_short(VvHairStyle s) {
    return s >= VV_HAIR_CROP && s <= VV_HAIR_SWEPT;
}
static bool is_long(VvHairStyle s) {
    return s >= VV_HAIR_BOB && s <= VV_HAIR_WAVY;
}

static bool is_ear(VvVec base, float from) {
    return fabsf(base.x) > from && base.y < 4.6f && base.z < 1.8f && base.z > -2.6f;
}

bool vv_groom_is_scalp(VvVec base) {
    return !is_ear(base, 7.9f) && vv_texture_hairline(base) > 0;
}

/* ---- the skull as a radius by direction ----------------------------------------------------------------------- */

static void splat(VvGroom *g, VvVec p) {
    const VvVec q = sub(p, vv_skull_centre);
    const float r = length(q);
    if (r < 1)
        return;
    const int row = mini((int)(acosf(clamp(q.y / r, -1, 1)) / VV_PI * VV_SKULL_ROWS), VV_SKULL_ROWS - 1);
    const int column = (int)((atan2f(q.x, q.z) / (2 * VV_PI) + 0.5f) * VV_SKULL_COLUMNS) % VV_SKULL_COLUMNS;
    g->skull[row][column] = maxf(g->skull[row][column], r);
}

/* Fills holes with the mean of what is around them; `smooth`: all cells, over a wider window, never much lower. */
static void spread(VvGroom *g, bool smooth) {
    float before[VV_SKULL_ROWS][VV_SKULL_COLUMNS];
    const int wide = smooth ? 2 : 1;
    memcpy(before, g->skull, sizeof before);
    for (int y = 0; y < VV_SKULL_ROWS; y++)
        for (int x = 0; x < VV_SKULL_COLUMNS; x++) {
            float sum = 0;
            int count = 0;
            for (int row = maxi(0, y - 1); row <= mini(VV_SKULL_ROWS - 1, y + 1); row++)
                for (int d = -wide; d <= wide; d++) {
                    const float r = before[row][(x + d + VV_SKULL_COLUMNS) % VV_SKULL_COLUMNS];
                    sum += r;
                    count += r > 0 || smooth;
                }
            if (smooth)
                g->skull[y][x] = maxf(before[y][x] * 0.975f, sum / (float)count);
            else if (before[y][x] == 0 && count > 0)
                g->skull[y][x] = sum / (float)count;
        }
}

void vv_groom_measure(VvGroom *g, const VvMesh *mesh, const VvAsset *asset) {
    enum { FINE = 6 };
    g->covers_ears = is_long(g->identity->style);
    memset(g->skull, 0, sizeof g->skull);
    for (int t = 0; t < mesh->head_triangles; t++) {
        const VvVec a = mesh->rest[mesh->corner[t][0]], b = mesh->rest[mesh->corner[t][1]],
                    c = mesh->rest[mesh->corner[t][2]];
        const VvVec base = asset->base[mesh->corner[t][0]];
        if (mesh->part[t] > VV_PART_HEAD || a.y < -11.5f || (!g->covers_ears && base.z < 1.2f && is_ear(base, 7.75f)))
            continue;
        for (int u = 0; u <= FINE; u++)
            for (int v = 0; v <= FINE - u; v++)
                splat(g, add(add(scale(a, (float)u / FINE), scale(b, (float)v / FINE)),
                             scale(c, (float)(FINE - u - v) / FINE)));
    }
    for (int i = 0; i < 6; i++)
        if (i < 3 || g->covers_ears)
            spread(g, i >= 3);
    vv_depth_aim(&g->front, vec(0, 0, 1), vec(0, -8, 0), 30, VV_BODY_SIZE, g->front_depth);
    vv_depth_aim(&g->back, vec(0, 0, -1), vec(0, -8, 0), 30, VV_BODY_SIZE, g->back_depth);
    vv_depth_draw(&g->front, mesh, mesh->rest, g->x, g->y, g->z);
    vv_depth_draw(&g->back, mesh, mesh->rest, g->x, g->y, g->z);
}

float vv_groom_skull(const VvGroom *g, VvVec d) {
    const float r = length(d) + 1e-6f;
    const float row = clamp(acosf(clamp(d.y / r, -1, 1)) / VV_PI * VV_SKULL_ROWS - 0.5f, 0, VV_SKULL_ROWS - 1.01f);
    float column = (atan2f(d.x, d.z) / (2 * VV_PI) + 0.5f) * VV_SKULL_COLUMNS - 0.5f;
    column = column < 0 ? column + VV_SKULL_COLUMNS : column;
    const int y = (int)row, x = (int)column % VV_SKULL_COLUMNS, next = (x + 1) % VV_SKULL_COLUMNS;
    const float fy = row - (float)y, fx = column - floorf(column);
    return mix(mix(g->skull[y][x], g->skull[y][next], fx), mix(g->skull[y + 1][x], g->skull[y + 1][next], fx), fy);
}

/* ---- combing -------------------------------------------------------------------------------------------------- */

static VvVec tangential(VvVec d, VvVec normal) {
    return sub(d, scale(normal, dot(d, normal)));
}

/* The direction a style combs a root's hair in. */
static VvVec comb_of(const VvGroom *g, const VvRoot *root) {
    const VvVec at = root->base, away = sub(at, vec(0, 13.0f, -6.0f));
    const float part = g->identity->hair_part, side = at.x > part ? 1.0f : -1.0f;
    VvVec comb;
    switch (g->identity->style) {
    case VV_HAIR_CROP: { /* forward from the crown, up at the front; down over the sides */
        const float front = ramp(-2, 8, at.z) * ramp(9, 12, at.y), flank = ramp(9.5f, 6.0f, at.y);
        comb = unit(vec(away.x * 0.6f + 0.25f * at.x, away.y * 0.35f - 0.25f + front * 0.9f,
                        away.z * 0.9f + front * 0.4f + 0.2f));
        comb.x += front * 0.55f * (part > 0 ? -1.0f : 1.0f);
        comb = blend(comb, vec(0, -1, -0.55f), 0.85f * flank);
        break;
    }
    case VV_HAIR_SIDE: {
        comb = blend(vec(0, -1, -0.65f), vec(side > 0 ? 0.9f : -1.0f, 0.35f, -0.35f), ramp(8.0f, 10.5f, at.y));
        if (at.z > 5 && ramp(8.0f, 10.5f, at.y) > 0.5f)
            comb = add(comb, vec(0, 0.75f, -0.1f));
        break;
    }
    case VV_HAIR_SWEPT:
        if (at.y < 6.5f && at.z > -1) {
            comb = vec(0, -1, -0.6f);
        } else {
            comb = vec(at.x * 0.05f, 0.35f * ramp(6, 12, at.y) - 0.35f * ramp(8, 2, at.y), -1);
            comb.y += at.z > 4 ? 0.32f : 0;
        }
        break;
    case VV_HAIR_BOB:
    case VV_HAIR_LONG:
    case VV_HAIR_WAVY:
        comb = blend(vec(at.x * 0.02f, -1, -0.15f), vec(side * 0.9f, 0.05f, -0.22f), ramp(7.5f, 10.5f, at.y));
        if (at.z > 2) /* back from the forehead, not along it */
            comb = add(comb, scale(vec(0, 0.55f, -0.35f), ramp(1.6f, 0.1f, root->above) * ramp(7.5f, 9.5f, at.y)));
        break;
    case VV_HAIR_TIED:
        comb = unit(sub(vec(0, 8.5f, -10.5f), at));
        break;
    case VV_HAIR_CURLY:
        comb = root->normal;
        break;
    default:
        comb = vec(away.x, -0.5f, away.z);
        break;
    }
    return unit(tangential(comb, root->normal));
}

/* Near the hairline hair lies flatter. */
static float lift_of(const VvGroom *g, const VvRoot *root) {
    const float near = ramp(0, 2.6f, root->above);
    float lift = g->style->lift;
    if (is_long(g->identity->style) || g->identity->style == VV_HAIR_SIDE || g->identity->style == VV_HAIR_SWEPT)
        lift *= mix(0.4f, 1, near);
    if (is_short(g->identity->style)) /* and flat above the ears */
        lift *= mix(0.2f, 1, ramp(7.5f, 11.8f, root->base.y));
    return lift;
}

/* The strand's direction after one step; `t` is how far along it is, `outward` points away from the skull's centre. */
static VvVec bend(const VvGroom *g, VvVec d, VvVec comb, VvVec at, VvVec outward, float t, float step) {
    switch (g->identity->style) {
    case VV_HAIR_TIED: {
        VvVec knot = unit(sub(vec(0, 8.5f, -10.8f), at));
        knot = sub(knot, scale(outward, dot(knot, outward) * 0.8f));
        return unit(add(scale(d, 0.5f), scale(unit(knot), 0.6f)));
    }
    case VV_HAIR_CROP:
    case VV_HAIR_SIDE:
    case VV_HAIR_SWEPT: {
        const float hug = (0.07f + (g->identity->style == VV_HAIR_SIDE ? 0.25f : 0.1f) * ramp(9, 6, at.y)) * t;
        d = add(d, scale(tangential(comb, outward), 0.28f));
        d = unit(add(d, add(vec(0, -g->style->gravity, 0), scale(outward, -hug))));
        if (g->identity->style == VV_HAIR_SWEPT)
            return unit(add(d, vec(0, -0.12f * ramp(0, -6, at.z), -0.1f)));
        const float flank = ramp(11.5f, 8, at.y) * ramp(7, 1, at.z); /* down and close to the head at the sides */
        return unit(
            add(d, vec(-outward.x * 0.42f * flank, -0.55f * flank, -outward.z * 0.42f * flank - 0.15f * flank)));
    }
    case VV_HAIR_BOB:
    case VV_HAIR_LONG:
    case VV_HAIR_WAVY: {
        const bool bob = g->identity->style == VV_HAIR_BOB;
        const float hug = at.y > 2.5f ? 0.10f : bob ? 0.05f : 0;
        d = unit(add(
            d, vec(-outward.x * hug - (bob && t > 0.55f ? 0.35f * outward.x : 0), -0.34f * step, -outward.z * hug)));
        if (at.y < 1 && g->identity->style == VV_HAIR_LONG && t > 0.7f)
            d = unit(add(d, vec(at.x > 0 ? -0.10f : 0.10f, 0, 0.02f)));
        return d;
    }
    default:
        return d;
    }
}

/* Long hair parts before the face and falls beside it. */
static VvVec clear_face(const VvGroom *g, const VvRoot *root, VvVec p) {
    const float behind = mix(1.5f, -4.0f, ramp(-2, -7, p.y));
    const float before = ramp(behind, behind + 3.2f, p.z) * ramp(11.0f, 8.0f, p.y);
    const float want = mix(6.9f, 7.7f, ramp(7, 0, p.y));
    if (before <= 0 || fabsf(p.x) >= want)
        return p;
    const float split = root->base.y < 9 ? 0 : g->identity->hair_part;
    p.x = mix(p.x, root->base.x > split ? want : -want, before * 0.55f);
    p.z -= 0.22f * before;
    return p;
}

/* Hair that reaches the shoulders lies before or behind them. */
static VvVec clear_body(const VvGroom *g, const VvRoot *root, VvVec p, float layer, float step) {
    const VvVec f = vv_depth_project(&g->front, p), b = vv_depth_project(&g->back, p);
    const float front = vv_depth_at(&g->front, f.x, f.y), back = -vv_depth_at(&g->back, b.x, b.y);
    if (front < -100)
        return p;
    const float low = back - 0.15f - layer * 0.4f, high = front + 0.15f + layer * 0.4f;
    if (p.z < high && p.z > low)
        p.z += clamp((root->base.z > -1.5f ? high : low) - p.z, -0.9f * step, 0.9f * step);
    return p;
}

/* How high above the skull's layer short hair may stand here: barbers cut it to a shape. Full on top, tight at the
 * sides and the nape, with a crest in front where it is combed up. */
static float ceiling(const VvGroom *g, VvVec at, float layer) {
    const VvHairStyle style = g->identity->style;
    const float top = ramp(5.0f, 11.5f, at.y), crest = ramp(9.5f, 12.5f, at.y) * ramp(1.5f, 6, at.z);
    const float least = 0.12f + layer * mix(0.10f, 0.55f, top);
    switch (style) {
    case VV_HAIR_CROP:
        return least + top * (0.35f + 0.35f * crest);
    case VV_HAIR_SIDE:
        return least + top * (0.30f + 0.9f * crest);
    case VV_HAIR_SWEPT:
        return least + top * (0.15f + 0.95f * crest);
    default:
        return 1e9f;
    }
}

static void curl(const VvGroom *g, float length_cm, float phase, VvVec out[VV_STRAND_POINTS]) {
    const int points = g->style->points;
    const bool curly = g->identity->style == VV_HAIR_CURLY, wavy = g->identity->style == VV_HAIR_WAVY;
    for (int i = 1; i < points; i++) {
        const float t = (float)i / (float)(points - 1), turns = t * length_cm * g->style->curls + phase;
        const VvVec d = unit(sub(out[i], out[i - 1])), a = unit(cross(d, vec(0.3f, 0.2f, 1))), b = cross(d, a);
        const float size = g->style->curl * ramp(0, 0.5f, curly ? t * 2 : t) * (wavy ? mix(0.4f, 1.5f, t) : 1);
        out[i] = add(out[i], add(scale(a, size * cosf(turns)), scale(b, size * sinf(turns))));
    }
}

void vv_groom_strand(const VvGroom *g, const VvRoot *root, float length_cm, float layer, float unruly, float phase,
                     VvVec out[VV_STRAND_POINTS]) {
    const VvHairStyle style = g->identity->style;
    const int points = g->style->points;
    const float step = length_cm / (float)(points - 1);
    const VvVec comb = comb_of(g, root), b = root->base;
    VvVec d = unit(along(comb, root->normal, lift_of(g, root))), at = root->at;
    const bool deep = style >= VV_HAIR_SIDE && style <= VV_HAIR_WAVY;
    const float stray = style == VV_HAIR_CURLY ? 0.05f : style == VV_HAIR_BOB ? 0.09f : is_long(style) ? 0.12f : 0.16f;
    out[0] = along(at, root->normal, deep ? 0.02f : -0.1f);
    const VvVec wind = sub(vec(noise(scale(b, 0.5f)), noise(scale(add(b, vec(31, 7, 3)), 0.5f)),
                               noise(scale(add(b, vec(3, 17, 53)), 0.5f))),
                           grey(0.5f));
    for (int i = 1; i < points; i++) {
        const float t = (float)i / (float)(points - 1), piece = i <= 2 ? step * 0.4f : step;
        const VvVec outward = unit(sub(at, vv_skull_centre));
        d = bend(g, d, comb, at, outward, t, step);
        d = unit(along(d, wind, stray * unruly));
        VvVec next = along(at, d, piece);
        if (is_long(style))
            next = clear_face(g, root, next);
        VvVec rel = sub(next, vv_skull_centre);
        const float rise = ramp(0, 1, t * length_cm / (style >= VV_HAIR_BOB ? 3.5f : 1.8f));
        const float bare = vv_groom_skull(g, rel) + 0.08f, skull = bare + minf(layer * rise, ceiling(g, next, layer));
        const float most = bare + ceiling(g, next, layer) + 0.15f * unruly;
        const float far = length(rel);
        if (far < skull || far > most)
            next = along(vv_skull_centre, unit(rel), far < skull ? skull : mix(far, most, 0.8f));
        if (next.y < -8 && is_long(style))
            next = clear_body(g, root, next, layer, step);
        const VvVec way = sub(next, at);
        if (length(way) > 1e-4f) {
            d = unit(way);
            next = along(at, d, piece);
        }
        rel = sub(next, vv_skull_centre);
        if (length(rel) < skull - 0.02f)
            next = along(vv_skull_centre, unit(rel), skull - 0.02f);
        out[i] = at = next;
    }
    curl(g, length_cm, phase, out);
}
