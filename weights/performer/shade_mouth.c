/* Inside the mouth: light comes through the lips' opening, so what lies deep behind a narrow opening is dark. */
#include "weights/performer/shade_parts.h"

VvVec vv_shade_mouth(const VvStage *stage, const VvSurface *s) {
    const VvIdentity *id = &stage->performer->identity;
    const VvScene *scene = stage->light->scene;
    const float *m = stage->figure->bones.head.m;
    const VvVec forward = vec(m[2], m[5], m[8]), across = vec(m[0], m[3], m[6]);
    const float deep = dot(sub(stage->mouth, s->point), forward), behind = square(maxf(deep, 0));
    const float tongue = stage->performer->mesh.tongue[s->vertex];
    const bool is_tongue = s->part == VV_PART_GUMS && tongue > 0;
    float open = stage->mouth_area / (stage->mouth_area + 1.2f + (is_tongue ? 1.3f : 3.2f) * behind);
    if (deep > 3)
        open *= 0.7f;
    VvVec c;
    float gloss = 0.3f;
    if (s->part == VV_PART_TEETH) {
        c = scale(tint(vec(0.74f, 0.685f, 0.575f), vec(1, 0.985f, 0.95f)), id->teeth);
        gloss = 0.8f;
        const float aside = fabsf(dot(sub(s->point, stage->mouth), across));
        open *= mix(1, 0.42f, ramp(0.8f, 2.9f, aside)) * 1.2f;
    } else if (is_tongue) {
        const VvVec p = stage->figure->posed[s->vertex];
        const float middle = dot(sub(s->point, stage->mouth), across);
        const float groove = 1 - 0.30f * expf(-square(middle / 0.16f)) * ramp(1.0f, 0.7f, tongue);
        open += 0.3f * ramp(0.5f, 1, tongue);
        c = scale(blend(vec(0.60f, 0.22f, 0.19f), vec(0.74f, 0.31f, 0.26f), ramp(0.5f, 1, tongue)),
                  (0.84f + 0.3f * noise(scale(s->point, 9))) * groove * (0.96f + 0.08f * noise(scale(p, 3))));
        gloss = 0.9f;
    } else if (s->part == VV_PART_GUMS) {
        c = vec(0.52f, 0.20f, 0.18f);
    } else {
        c = blend(vec(0.22f, 0.06f, 0.055f), tint(id->lip, vec(0.75f, 0.6f, 0.6f)), ramp(1.2f, 0, deep));
        open = maxf(open, 0.28f * ramp(1.0f, 0.1f, deep));
    }
    open = clamp01(open);
    const float key = clamp01((dot(s->normal, scene->key) + 0.3f) / 1.3f);
    const VvVec light = add(scale(scene->key_colour, key * (0.25f + 0.75f * s->lit)),
                            scale(vv_light_from(stage->light->mirror, s->normal), 2.2f));
    VvVec out = scale(tint(c, light), open);
    out = tint(out,
               blend(vec(1, 0.62f, 0.58f), grey(1), ramp(0.15f, 0.75f, open))); /* what light there is has met flesh */
    const VvVec view = unit(sub(vec(0, VV_CAMERA_Y, VV_CAMERA_Z), s->point));
    const float nh = clamp01(dot(s->normal, unit(add(view, scene->key))));
    const float d = nh * nh * (0.0484f - 1) + 1, shine = 0.0484f / (VV_PI * d * d);
    return add(out, scale(scene->key_colour, shine * 0.012f * gloss * open * (0.3f + 0.7f * s->lit)));
}
