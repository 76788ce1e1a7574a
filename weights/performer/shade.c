/* The skin's, the cloth's and the hair's answer to light; eyes and mouth are in shade_eye.c and shade_mouth.c.
 *
 * Skin scatters: each colour has its own wrap around the terminator, red the widest, and red sees the smooth normal
 * where blue sees every pore. That, two highlights of different width and a reflection of the surroundings is all. */
#include "weights/performer/shade.h"
#include "weights/performer/expression.h"
#include "weights/performer/shade_parts.h"

VV_INLINE float highlight(float cosine, float roughness) {
    const float a = roughness * roughness, d = cosine * cosine * (a - 1) + 1;
    return a / (VV_PI * d * d);
}

VV_INLINE float fresnel(float cosine) {
    const float m = 1 - clamp01(cosine), s = m * m;
    return 0.028f + 0.972f * s * s * m;
}

/* ---- textures ------------------------------------------------------------------------------------------------- */

typedef struct Read {
    VvVec colour, slope;
    float shine, lip;
} Read;

VV_INLINE Read read_texture(const VvTexel *texels, int size, float u, float v) {
    const float x = u * (float)size - 0.5f, y = v * (float)size - 0.5f, bx = floorf(x), by = floorf(y);
    const float fx = x - bx, fy = y - by;
    const int x0 = maxi(0, mini(size - 1, (int)bx)), y0 = maxi(0, mini(size - 1, (int)by));
    const int x1 = maxi(0, mini(size - 1, (int)bx + 1)), y1 = maxi(0, mini(size - 1, (int)by + 1));
    const VvTexel *t[4] = {&texels[y0 * size + x0], &texels[y0 * size + x1], &texels[y1 * size + x0],
                           &texels[y1 * size + x1]};
    const float w[4] = {(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy};
    float sum[8] = {0};
    for (int k = 0; k < 4; k++) {
        const VvTexel *q = t[k];
        sum[0] += w[k] * (float)q->colour[0];
        sum[1] += w[k] * (float)q->colour[1];
        sum[2] += w[k] * (float)q->colour[2];
        sum[3] += w[k] * (float)q->shine;
        sum[4] += w[k] * (float)q->slope[0];
        sum[5] += w[k] * (float)q->slope[1];
        sum[6] += w[k] * (float)q->slope[2];
        sum[7] += w[k] * (float)q->lip;
    }
    const float per = 1 / (255.0f * 255.0f);
    return (Read){.colour = vec(sum[0] * sum[0] * per, sum[1] * sum[1] * per, sum[2] * sum[2] * per),
                  .slope = scale(vec(sum[4], sum[5], sum[6]), 1 / 127.0f),
                  .shine = sum[3] / 64,
                  .lip = sum[7] / 255};
}

VV_INLINE VvVec read_wrinkles(const VvStage *stage, float u, float v) {
    const VvRelief *map = stage->performer->studio->atlas->wrinkle;
    const float across = u * VV_FACE_TEXELS - 0.5f, up = v * VV_FACE_TEXELS - 0.5f;
    const int x = (int)across, y = (int)up;
    VvVec sum = vec(0, 0, 0);
    if (x < 0 || y < 0 || x >= VV_FACE_TEXELS - 1 || y >= VV_FACE_TEXELS - 1)
        return sum;
    const float fx = across - (float)x, fy = up - (float)y;
    for (int k = 0; k < 4; k++) {
        const VvRelief *r = &map[(y + (k >> 1)) * VV_FACE_TEXELS + x + (k & 1)];
        const float weight = stage->wrinkle[r->group] * (k & 1 ? fx : 1 - fx) * (k >> 1 ? fy : 1 - fy) / 127;
        sum = along(sum, vec(r->slope[0], r->slope[1], r->slope[2]), weight);
    }
    return sum;
}

/* ---- skin ----------------------------------------------------------------------------------------------------- */

VV_INLINE VvVec shade_skin(const VvStage *stage, const VvSurface *s, VvVec fine, const Read *r) {
    const VvScene *scene = stage->light->scene;
    const VvVec view = unit(sub(vec(0, VV_CAMERA_Y, VV_CAMERA_Z), s->point));
    const float smooth = dot(s->normal, scene->key), rough = dot(fine, scene->key), lit = s->lit;
    float red = clamp01((smooth + 0.34f) / 1.34f), green = clamp01((mix(smooth, rough, 0.6f) + 0.20f) / 1.20f);
    float blue = clamp01((rough + 0.14f) / 1.14f);
    red *= sqrtf(red);
    green *= 0.35f + 0.65f * green;
    blue *= 0.3f + 0.7f * blue;
    VvVec light = tint(vec(red * (sqrtf(lit) * 0.22f + lit * 0.78f), green * lit, blue * lit), scene->key_colour);
    const float open = clamp01((s->ambient.x + s->ambient.y + s->ambient.z) * 0.528f);
    const float rim = square(clamp01((dot(s->normal, scene->rim) + 0.25f) / 1.25f));
    light = add(add(light, scale(scene->rim_colour, rim * (0.25f + 0.75f * open))), s->ambient);
    VvVec c = tint(r->colour, light);

    const bool lip = r->lip > 0.3f;
    const VvVec half = unit(add(view, scene->key));
    const float nh = clamp01(dot(fine, half)), nv = clamp01(dot(fine, view)) + 0.02f;
    const float lobes = highlight(nh, lip ? 0.30f : 0.42f) * 0.72f + highlight(nh, lip ? 0.16f : 0.22f) * 0.28f;
    const float sharp =
        lobes * fresnel(dot(view, half)) * 0.25f / maxf(0.35f, nv) * clamp01(rough * 3) * clamp01(rough + 0.2f);
    c = add(c, scale(scene->key_colour, sharp * lit * r->shine * 2.6f));
    const VvVec half_rim = unit(add(view, scene->rim));
    const float rim_shine = highlight(clamp01(dot(fine, half_rim)), 0.40f) * fresnel(dot(view, half_rim)) * 0.25f /
                            maxf(0.25f, nv) * clamp01(dot(fine, scene->rim));
    c = add(c, scale(scene->rim_colour, rim_shine * r->shine * 0.9f * open));
    const VvVec bounce = sub(scale(fine, 2 * dot(fine, view)), view);
    const float m = 1 - nv, grazing = 0.028f + 0.35f * m * m * m * m;
    return add(c, scale(vv_light_from(stage->light->mirror, bounce), grazing * r->shine * open * open * 0.9f));
}

/* The jaw line as a height in texture space; below it is neck. */
VV_INLINE bool above_jaw(const VvStage *stage, float u, float v) {
    const float(*p)[2] = stage->chin;
    if (u <= p[0][0] || u >= p[16][0])
        return v > p[u <= p[0][0] ? 0 : 16][1] - 0.012f;
    int i = 0;
    while (i < 15 && u > p[i + 1][0])
        i++;
    return v > mix(p[i][1], p[i + 1][1], (u - p[i][0]) / (p[i + 1][0] - p[i][0] + 1e-6f)) - 0.012f;
}

VV_INLINE VvShaded shade_head(const VvStage *stage, const VvSurface *s) {
    const VvTexture *texture = &stage->performer->texture;
    const bool face = s->part == VV_PART_FACE;
    Read r = face ? read_texture(texture->face, texture->face_size, s->u, s->v)
                  : read_texture(texture->head, texture->head_size, s->u - 1, s->v);
    VvVec slope = scale(r.slope, stage->relief);
    if (face) {
        const VvVec fold = read_wrinkles(stage, s->u, s->v);
        slope = add(slope, fold);
        r.colour = tint(r.colour, blend(grey(1), vec(0.80f, 0.68f, 0.66f),
                                        clamp01(1.2f * length(fold)))); /* light is lost in folds */
    }
    const VvVec fine = unit(sub(s->normal, turn(&stage->figure->bones.head, slope)));
    return (VvShaded){.colour = shade_skin(stage, s, fine, &r),
                      .face = face && above_jaw(stage, s->u, s->v),
                      .lip = face && r.lip > 0.5f};
}

/* ---- cloth ---------------------------------------------------------------------------------------------------- */

/* Buttons and the seams of the strip that they sit on. */
static VvVec placket(VvVec c, VvVec p) {
    const float across = fabsf(p.x + 0.35f);
    c = scale(c, across < 0.95f ? 1.04f : 1);
    c = scale(c, mix(0.76f, 1, ramp(0, 0.12f, fabsf(across - 0.95f))));
    const float y = fmodf(p.y + 60.9f, 3.4f) - 1.7f, far = hypotf(p.x + 0.35f, y);
    if (far < 0.42f) {
        const VvVec button = blend(vec(0.75f, 0.75f, 0.73f), scale(c, 0.5f), c.x > 0.3f ? 0.15f : 0.7f);
        c = blend(c, button, ramp(0.42f, 0.34f, far) * (1 - 0.5f * ramp(0.3f, 0.2f, fabsf(far - 0.2f) * 3)));
    }
    return c;
}

/* The garment's own colour and weave; *grain raises or lowers it as its yarn does. */
static VvVec cloth_colour(const VvStage *stage, const VvSurface *s) {
    const VvIdentity *id = &stage->performer->identity;
    const VvVec p = s->point;
    const bool layered = id->garment == VV_GARMENT_JACKET || id->garment == VV_GARMENT_VNECK;
    VvVec c = id->cloth;
    float weave = 0.94f + 0.12f * noise(vec(p.x * 5.5f, p.y * 5.5f, p.z * 3));
    switch (s->part) {
    case VV_PART_CLOTH_UNDER:
        c = id->cloth_under;
        if (p.z > 0 && id->garment == VV_GARMENT_JACKET)
            c = placket(c, p);
        break;
    case VV_PART_COLLAR:
        c = layered ? id->cloth_under : id->cloth;
        c = scale(c, 1.04f);
        if (s->v > -0.5f) /* a row of stitches inside the edge */
            c = scale(c, mix(0.80f, 1, ramp(0.03f, 0.12f, fabsf(s->v - 3.6f))));
        break;
    case VV_PART_BAND: /* ribs across the edge */
        weave *= 0.86f + 0.22f * (0.5f + 0.5f * sinf(s->u * 22));
        break;
    case VV_PART_LAPEL:
        c = scale(c, 1.06f);
        break;
    default:
        if (id->garment == VV_GARMENT_SHIRT && p.z > 0)
            c = placket(c, p);
        if (id->garment == VV_GARMENT_TURTLENECK)
            weave *= 1 - 0.12f * ramp(3.4f, 1.2f, s->v) * ramp(0.2f, 0.8f, 0.5f + 0.5f * sinf(s->u * 7));
        if (id->garment == VV_GARMENT_TEE && s->v < 1.75f) /* the neckline's rib and its seam */
            weave *= (0.92f + 0.12f * sinf(s->u * 14)) * mix(0.78f, 1, ramp(0.02f, 0.08f, fabsf(s->v - 1.68f)));
        if (id->garment == VV_GARMENT_VNECK)
            weave *= 1 - 0.08f * ramp(3.6f, 1.4f, s->v) * ramp(0.2f, 0.8f, 0.5f + 0.5f * sinf(s->u * 7));
        break;
    }
    return scale(c, weave);
}

static VvVec shade_cloth(const VvStage *stage, VvSurface *s) {
    const VvScene *scene = stage->light->scene;
    const VvVec view = unit(sub(vec(0, VV_CAMERA_Y, VV_CAMERA_Z), s->point));
    const bool inside = dot(s->normal, view) < 0; /* a collar's: what its vertices know is of the other side */
    if (inside) {
        s->normal = scale(s->normal, -1);
        s->lit = vv_light_reaches_smoothly(stage->light, s->point, s->normal);
    }
    const VvVec c = cloth_colour(stage, s);
    const VvVec bounce =
        scale(vv_light_from(stage->light->mirror, s->normal), inside ? 1.6f : 0.9f); /* folds light each other */
    s->ambient = vec(maxf(s->ambient.x, bounce.x), maxf(s->ambient.y, bounce.y), maxf(s->ambient.z, bounce.z));
    const float key = clamp01((dot(s->normal, scene->key) + 0.12f) / 1.12f);
    VvVec light = add(scale(scene->key_colour, key * s->lit), s->ambient);
    light = add(light, scale(scene->rim_colour, clamp01(dot(s->normal, scene->rim)) * 0.7f));
    const float m = 1 - clamp01(dot(s->normal, view)), fuzz = m * m * m * 0.7f; /* fibres stand up at the edge */
    return add(tint(c, light), scale(tint(s->ambient, add(scale(c, 0.6f), grey(0.03f))), fuzz));
}

/* ---- hair: two highlights along the strand, one white, one coloured and shifted -------------------------------- */

VvVec vv_shade_hair(const VvStage *stage, VvVec point, VvVec direction, float along_strand, VvVec colour,
                    const float visible[9]) {
    const VvLight *light = stage->light;
    const VvScene *scene = light->scene;
    const VvVec view = unit(sub(vec(0, VV_CAMERA_Y, VV_CAMERA_Z), point));
    const VvVec q = vv_depth_project(&light->key, point);
    static const float kernel[3][2] = {{0, 0}, {1.5f, 0.7f}, {-1.2f, -1.0f}};
    float through = 0; /* light dies with the depth of hair above */
    for (int k = 0; k < 3; k++)
        through +=
            expf(-1.1f * maxf(0, vv_depth_at(&light->key, q.x + kernel[k][0], q.y + kernel[k][1]) - q.z - 0.2f)) / 3;
    const VvVec ambient = vv_harmonics_sum(light->head, visible);
    const float to_key = clamp(dot(direction, scene->key), -1, 1), to_view = clamp(dot(direction, view), -1, 1);
    const float across_key = sqrtf(1 - to_key * to_key);
    colour = scale(colour, mix(0.62f, 1.18f, ramp(0, 0.5f, along_strand)));
    const float lean = (asinf(to_key) + asinf(to_view)) * 0.5f;
    const float first = expf(-square(lean - 0.05f) / 0.0144f), second = expf(-square(lean + 0.08f) / 0.052f);
    const float front = clamp01(dot(view, scene->key) * 0.5f + 0.6f);
    VvVec c = tint(colour, add(scale(scene->key_colour, across_key * 0.75f * through), scale(ambient, 1.25f)));
    const VvVec shine = add(grey(0.065f * first), scale(colour, second * 0.9f));
    c = add(c, scale(tint(shine, scene->key_colour), through * front));
    c = add(c, scale(ambient, 0.018f * expf(-to_view * to_view * 3)));
    const float to_rim = dot(direction, scene->rim), across_rim = sqrtf(maxf(0, 1 - to_rim * to_rim));
    const VvVec up = unit(sub(point, vec(0, 3.5f, -0.5f)));
    const float seen = clamp01(dot(up, scene->rim) * 1.4f + 0.1f) * minf(1, visible[0] * 3.6f);
    return add(c,
               tint(add(scale(colour, across_rim * 0.8f), grey(0.03f * across_rim)), scale(scene->rim_colour, seen)));
}

/* ---- the stage ------------------------------------------------------------------------------------------------ */

static void set_wrinkles(VvStage *stage, const VvPose *pose) {
    const float *e = pose->expression, old = ramp(28, 78, stage->performer->identity.age);
    for (int s = 0; s < 2; s++) {
        const float brow = maxf(e[VV_BROW_INNER_UP_L + s], e[VV_BROW_OUTER_UP_L + s]);
        const float squint = maxf(e[VV_CHEEK_SQUINT_L + s], e[VV_EYE_SQUINT_L + s]), smile = e[VV_MOUTH_SMILE_L + s];
        stage->wrinkle[VV_WRINKLE_BROW_L + s] = 0.35f * old + (0.5f + 0.5f * old) * ramp(0.15f, 1, brow);
        stage->wrinkle[VV_WRINKLE_CROW_L + s] =
            0.35f * old + (0.55f + 0.6f * old) * ramp(0.1f, 0.9f, squint + 0.3f * smile);
        stage->wrinkle[VV_WRINKLE_CHEEK_L + s] =
            0.5f * old + (0.6f + 0.3f * old) * ramp(0.1f, 0.9f, smile + e[VV_NOSE_SNEER_L + s]);
    }
    stage->wrinkle[VV_WRINKLE_FROWN] =
        0.25f * old + 0.85f * ramp(0.15f, 0.9f, (e[VV_BROW_DOWN_L] + e[VV_BROW_DOWN_R]) * 0.5f);
    stage->wrinkle[VV_WRINKLE_NONE] = 0;
    for (int k = 0; k < VV_WRINKLES; k++)
        stage->wrinkle[k] *= 0.85f;
}

void vv_stage_set(VvStage *stage, const VvPose *pose) {
    const uint16_t *landmark = stage->performer->studio->asset->landmark;
    const VvVec *world = stage->figure->world;
    set_wrinkles(stage, pose);
    for (int e = 0; e < 2; e++)
        for (int k = 0; k < 6; k++) {
            const VvVec p = stage->projected[landmark[(e ? 36 : 42) + k]];
            stage->lid[e][k][0] = p.x;
            stage->lid[e][k][1] = p.y;
        }
    VvVec centre = vec(0, 0, 0), area = centre;
    for (int k = 60; k < 68; k++)
        centre = along(centre, world[landmark[k]], 0.125f);
    for (int k = 0; k < 8; k++)
        area = add(area, cross(sub(world[landmark[60 + k]], centre), sub(world[landmark[60 + (k + 1) % 8]], centre)));
    stage->mouth = centre;
    stage->mouth_area = 0.5f * length(area);
    stage->chin = (const float(*)[2])stage->performer->studio->atlas->landmark;
}

/* ---- any point ------------------------------------------------------------------------------------------------ */

/* Weights of the corners at a spot, right in perspective. */
VV_INLINE void weigh(const VvStage *stage, const VvSpot *spot, const uint16_t *v, float w[3]) {
    const VvVec a = stage->projected[v[0]], b = stage->projected[v[1]], c = stage->projected[v[2]];
    const float area = (b.x - a.x) * (c.y - a.y) - (c.x - a.x) * (b.y - a.y);
    w[0] = clamp01(((b.x - spot->x) * (c.y - spot->y) - (c.x - spot->x) * (b.y - spot->y)) / area);
    w[1] = clamp01(((c.x - spot->x) * (a.y - spot->y) - (a.x - spot->x) * (c.y - spot->y)) / area);
    const float over = w[0] + w[1];
    if (over > 1) {
        w[0] /= over;
        w[1] /= over;
    }
    w[2] = 1 - w[0] - w[1];
    w[0] *= a.z;
    w[1] *= b.z;
    w[2] *= c.z;
    const float sum = 1 / (w[0] + w[1] + w[2]);
    w[0] *= sum;
    w[1] *= sum;
    w[2] *= sum;
}

VV_INLINE VvVec mean(const VvVec *values, const uint16_t *v, const float w[3]) {
    return add(add(scale(values[v[0]], w[0]), scale(values[v[1]], w[1])), scale(values[v[2]], w[2]));
}

VV_FAST VvShaded vv_shade(const VvStage *stage, const VvSpot *spot) {
    const VvMesh *mesh = &stage->performer->mesh;
    const uint16_t *v = mesh->corner[spot->triangle];
    const float *uv = mesh->uv[spot->triangle], *lit = stage->lit;
    float w[3];
    weigh(stage, spot, v, w);
    VvSurface s = {.part = mesh->part[spot->triangle], .x = spot->x, .y = spot->y, .vertex = v[0]};
    s.point = mean(stage->figure->world, v, w);
    s.normal = unit(mean(stage->figure->normal, v, w));
    s.ambient = mean(stage->ambient, v, w);
    s.u = uv[0] * w[0] + uv[2] * w[1] + uv[4] * w[2];
    s.v = uv[1] * w[0] + uv[3] * w[1] + uv[5] * w[2];
    s.lit = lit[v[0]] * w[0] + lit[v[1]] * w[1] + lit[v[2]] * w[2];
    const float most = maxf(lit[v[0]], maxf(lit[v[1]], lit[v[2]])), least = minf(lit[v[0]], minf(lit[v[1]], lit[v[2]]));
    if (most - least > 0.12f && s.part != VV_PART_TEETH &&
        s.part != VV_PART_GUMS) /* a shadow's edge within the triangle */
        s.lit = vv_light_reaches_smoothly(stage->light, s.point, s.normal);
    switch (s.part) {
    case VV_PART_FACE:
    case VV_PART_HEAD:
        if (s.point.y < -7) { /* the neck comes out of a collar that was measured around it at rest */
            const VvVec room = scale(vv_light_from(stage->light->mirror, s.normal), 0.55f * ramp(-7, -9, s.point.y));
            s.ambient = vec(maxf(s.ambient.x, room.x), maxf(s.ambient.y, room.y), maxf(s.ambient.z, room.z));
        }
        return shade_head(stage, &s);
    case VV_PART_EYE_L:
    case VV_PART_EYE_R:
        return (VvShaded){.colour = vv_shade_eye(stage, &s), .face = true};
    case VV_PART_SOCKET_L:
    case VV_PART_SOCKET_R: {
        const VvVec flesh = tint(stage->performer->identity.skin, vec(0.8f, 0.45f, 0.42f));
        const VvVec light = add(s.ambient, scale(stage->light->scene->key_colour, 0.15f * s.lit));
        return (VvShaded){.colour = scale(tint(flesh, light), 0.6f), .face = true};
    }
    case VV_PART_MOUTH:
    case VV_PART_GUMS:
    case VV_PART_TEETH:
        return (VvShaded){.colour = vv_shade_mouth(stage, &s), .face = true, .lip = true};
    default:
        return (VvShaded){.colour = shade_cloth(stage, &s)};
    }
}
