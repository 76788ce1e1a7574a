/* Random people and places. Variety comes from wide ranges; plausibility from drawing correlated things together (skin
 * and hair, age and grey) and from choosing, of two dozen drawn face shapes, the one that fits the gender best. */
#include "weights/performer/identity.h"
#include "weights/performer/chance.h"
#include "weights/performer/expression.h"

#include <string.h>

#define CANDIDATES 24

static const uint32_t skin_tones[] = {0xE7BEA6, 0xE1B196, 0xD3A083, 0xBD8A6A, 0x9D6F53, 0x7B5442, 0x5D4034, 0x48322A};
static const uint32_t hair_colours[] = {0x14100e, 0x1e1512, 0x2e1f17, 0x46301f, 0x5f4028,
                                        0x7a5634, 0xa37a48, 0xc9a66b, 0x6e2f19};
static const uint32_t lipsticks[] = {0xb8505a, 0xc0626a, 0xa83c46, 0xc97a78, 0x9a3a44};
static const uint32_t irises[] = {0x5a3a22, 0x3d2616, 0x6b4a2a, 0x5f7a94, 0x6f8a6a, 0x7a8c98, 0x4a2e1a, 0x86713f};
static const uint32_t cloths[] = {0x2c3e56, 0x8c2f39, 0xe6e2da, 0x3a3a3e, 0x4a6a5a, 0x7a8fa8,
                                  0xc2a878, 0x5a4a6a, 0x1f2328, 0xb9c4cf, 0x6b7f4f, 0xa8573a};
static const uint32_t jackets[] = {0x23272e, 0x2b3446, 0x3b3b3b, 0x4a3f36, 0x5b5f66};
static const uint32_t backs[] = {0x3b4450, 0x5a5f66, 0x2d3138, 0x6d6a63, 0x3f4a44, 0x53485a, 0x8a8f95, 0x41566b};

#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))

static VvVec tone_colour(float tone) {
    const float at = clamp01(tone) * ((float)COUNT(skin_tones) - 1.001f);
    const int i = (int)at;
    return blend(srgb(skin_tones[i]), srgb(skin_tones[i + 1]), at - (float)i);
}

/* How masculine a face shape reads, from widths and heights between landmarks, cm. */
static float masculinity(const VvAsset *asset, const float *weights) {
    static const int needed[] = {4, 12, 2, 14, 27, 33, 8, 19, 37, 31, 35, 51, 57};
    VvVec at[VV_LANDMARKS];
    for (int i = 0; i < COUNT(needed); i++) {
        const int vertex = asset->landmark[needed[i]];
        VvVec p = asset->base[vertex];
        for (int s = 0; s < 40; s++) {
            const int16_t *d = asset->shape + ((size_t)s * (size_t)asset->vertices + (size_t)vertex) * 3;
            p = along(p, vec(d[0], d[1], d[2]), weights[s] * VV_ASSET_STEP);
        }
        at[needed[i]] = p;
    }
    return (at[12].x - at[4].x) * 0.8f + (at[14].x - at[2].x) * 0.25f + (at[35].x - at[31].x) * 1.4f -
           (at[19].y - at[37].y) * 1.2f + (at[27].y - at[33].y) * 0.6f + (at[33].y - at[8].y) * 0.7f -
           (at[51].y - at[57].y) + at[19].z * 0.3f;
}

static void draw_shape(VvIdentity *id, const VvAsset *asset, VvChance *c) {
    float best = -1e9f, weights[VV_SHAPES];
    for (int k = 0; k < CANDIDATES; k++) {
        for (int i = 0; i < VV_SHAPES; i++)
            weights[i] = clamp(vv_chance_normal(c, 0, 1), -2, 2) * (i < 20 ? 0.85f : 0.65f);
        const float score = masculinity(asset, weights) * (id->feminine ? -1.0f : 1.0f);
        if (score > best) {
            best = score;
            memcpy(id->shape, weights, sizeof weights);
        }
    }
}

/* A face at ease is pleasant and awake: corners of the mouth a little up, brows low, lids neither wide nor heavy. */
static void draw_rest(VvIdentity *id, VvChance *c) {
    memset(id->rest, 0, sizeof id->rest);
    const float smile = vv_chance_range(c, 0.26f, 0.40f), lid = vv_chance_range(c, 0.02f, 0.14f);
    const float cheek = vv_chance_range(c, 0.04f, 0.12f), uneven = vv_chance_range(c, -0.02f, 0.02f);
    id->rest[VV_MOUTH_SMILE_L] = smile + uneven;
    id->rest[VV_MOUTH_SMILE_R] = smile - uneven;
    id->rest[VV_CHEEK_SQUINT_L] = id->rest[VV_CHEEK_SQUINT_R] = cheek;
    id->rest[VV_EYE_SQUINT_L] = id->rest[VV_EYE_SQUINT_R] = lid;
    id->rest[VV_BROW_OUTER_UP_L] = id->rest[VV_BROW_OUTER_UP_R] = vv_chance_range(c, 0, 0.06f);
}

static void draw_skin(VvIdentity *id, VvChance *c) {
    id->tone = vv_chance_range(c, 0, 0.95f);
    id->skin = scale(tone_colour(id->tone), vv_chance_range(c, 0.92f, 1.04f));
    id->redness = vv_chance_range(c, 0.45f, 1.0f);
    const bool freckled = vv_chance_happens(c, 0.35f);
    const float freckles = vv_chance_range(c, 0.4f, 1);
    id->freckles = id->tone < 0.3f && freckled ? freckles : 0;
    id->pores = vv_chance_range(c, 0.7f, 1.2f) * mix(0.9f, 1.25f, ramp(30, 70, id->age));
    const bool unshaven = vv_chance_happens(c, 0.6f);
    const float stubble = vv_chance_range(c, 0.25f, 0.95f);
    id->stubble = id->feminine ? 0 : unshaven ? stubble : 0.12f;
    const VvVec own = tint(id->skin, blend(vec(0.80f, 0.43f, 0.44f), vec(0.78f, 0.54f, 0.54f), id->tone));
    const bool painted = vv_chance_happens(c, 0.65f);
    const VvVec stick = srgb(lipsticks[vv_chance_pick(c, COUNT(lipsticks))]);
    const float strength = vv_chance_range(c, 0.35f, 0.8f), shine = vv_chance_range(c, 0, 1);
    const bool lipstick = id->feminine && painted;
    id->lip = lipstick ? blend(own, stick, strength * (1 - 0.55f * id->tone)) : own;
    id->lip_colour = lipstick ? 0.9f : 0.78f;
    id->lip_gloss = lipstick ? mix(0.9f, 1.3f, shine) : mix(0.55f, 0.8f, shine);
}

static void draw_hair(VvIdentity *id, VvChance *c) {
    static const VvHairStyle feminine[] = {VV_HAIR_BOB,  VV_HAIR_LONG, VV_HAIR_WAVY, VV_HAIR_TIED, VV_HAIR_LONG,
                                           VV_HAIR_WAVY, VV_HAIR_BOB,  VV_HAIR_TIED, VV_HAIR_SIDE};
    static const VvHairStyle masculine[] = {VV_HAIR_CROP, VV_HAIR_SIDE,  VV_HAIR_SWEPT, VV_HAIR_BUZZ, VV_HAIR_CROP,
                                            VV_HAIR_SIDE, VV_HAIR_CURLY, VV_HAIR_SWEPT, VV_HAIR_CROP};
    const float light = vv_chance_range(c, 0, 1) * (id->tone > 0.55f ? 0.25f : id->tone > 0.35f ? 0.55f : 1);
    const int colour = mini((int)(light * (float)COUNT(hair_colours)), COUNT(hair_colours) - 1);
    id->hair = scale(srgb(hair_colours[colour]), vv_chance_range(c, 0.9f, 1.15f));
    id->hair_grey = clamp01(ramp(38, 72, id->age) * vv_chance_range(c, 0.5f, 1.25f));
    const int pick = vv_chance_pick(c, COUNT(feminine));
    id->style = id->feminine ? feminine[pick] : masculine[pick];
    const bool swap = vv_chance_happens(c, 0.4f), shave = vv_chance_happens(c, 0.5f),
               bald = vv_chance_happens(c, 0.12f);
    if (id->style == VV_HAIR_CURLY && id->tone < 0.45f)
        id->style = VV_HAIR_SIDE;
    if (id->tone > 0.6f && swap)
        id->style = id->feminine || !shave ? VV_HAIR_CURLY : VV_HAIR_BUZZ;
    if (!id->feminine && id->age > 40 && bald)
        id->style = VV_HAIR_NONE;
    id->hair_length = vv_chance_range(c, 0.88f, 1.12f);
    const float side = vv_chance_happens(c, 0.5f) ? 1.0f : -1.0f, from_middle = vv_chance_range(c, 1.5f, 3.5f);
    const bool middle = vv_chance_happens(c, 0.4f);
    id->hair_part = side * from_middle;
    if (id->feminine && middle)
        id->hair_part *= 0.12f;
    if (id->style == VV_HAIR_SIDE)
        id->hair_part = side * (from_middle * 0.6f + 2.2f);
}

static void draw_clothes(VvIdentity *id, VvChance *c) {
    id->garment = (VvGarment)vv_chance_pick(c, VV_GARMENTS);
    id->cloth = srgb(cloths[vv_chance_pick(c, COUNT(cloths))]);
    id->cloth_under = srgb(vv_chance_happens(c, 0.6f) ? 0xe4e4e2 : 0xb7c6d8);
    const VvVec jacket = srgb(jackets[vv_chance_pick(c, COUNT(jackets))]);
    if (id->garment == VV_GARMENT_JACKET)
        id->cloth = jacket;
}

void vv_identity_settle(VvIdentity *id) {
    const float dark = id->skin.y * 0.22f;
    id->brow = scale(blend(id->hair, vec(0.02f, 0.014f, 0.01f), 0.5f), 0.7f);
    id->brow = blend(id->brow, vec(0.16f, 0.155f, 0.15f), 0.7f * id->hair_grey);
    if (id->brow.y > dark)
        id->brow = scale(id->brow, dark / id->brow.y);
}

bool vv_identity_feminine(uint64_t seed) {
    VvChance c = vv_chance_of(seed, "identity", 0);
    return vv_chance_happens(&c, 0.5f);
}

void vv_identity_random(VvIdentity *id, const VvAsset *asset, uint64_t seed) {
    memset(id, 0, sizeof *id);
    id->seed = seed;
    VvChance c = vv_chance_of(seed, "identity", 0);
    id->feminine = vv_chance_happens(&c, 0.5f);
    id->age = clamp(vv_chance_lognormal(&c, 34, 0.38f), 18, 80);
    VvChance shape = vv_chance_of(seed, "shape", 0), rest = vv_chance_of(seed, "rest", 0);
    VvChance skin = vv_chance_of(seed, "skin", 0), hair = vv_chance_of(seed, "hair", 0);
    VvChance clothes = vv_chance_of(seed, "clothes", 0);
    draw_shape(id, asset, &shape);
    draw_rest(id, &rest);
    draw_skin(id, &skin);
    draw_hair(id, &hair);
    draw_clothes(id, &clothes);
    id->brow_width = id->feminine ? vv_chance_range(&c, 0.72f, 0.95f) : vv_chance_range(&c, 0.95f, 1.25f);
    id->brow_density = vv_chance_range(&c, 0.85f, 1.15f);
    id->brow_arch = id->feminine ? vv_chance_range(&c, 0.2f, 0.8f) : vv_chance_range(&c, -0.2f, 0.3f);
    int iris = vv_chance_pick(&c, COUNT(irises));
    if (id->tone > 0.5f)
        iris = iris % 2 ? 1 : 6;
    id->iris = srgb(irises[iris]);
    id->iris = blend(id->iris, grey(0.3f * id->iris.x + 0.6f * id->iris.y + 0.1f * id->iris.z), 0.35f);
    id->teeth = vv_chance_range(&c, 0.86f, 1.02f) * mix(1, 0.93f, ramp(40, 70, id->age));
    vv_identity_settle(id);
}

static void add_light(VvScene *scene, VvVec direction, VvVec colour) {
    scene->light[scene->lights].direction = unit(direction);
    scene->light[scene->lights++].colour = colour;
}

void vv_scene_random(VvScene *s, uint64_t seed) {
    memset(s, 0, sizeof *s);
    s->seed = seed;
    VvChance c = vv_chance_of(seed, "scene", 0);
    const float side = vv_chance_happens(&c, 0.5f) ? 1.0f : -1.0f;
    const float azimuth = side * vv_chance_range(&c, 0.40f, 0.80f), height = vv_chance_range(&c, 0.42f, 0.72f);
    s->key = vec(sinf(azimuth) * cosf(height), sinf(height), cosf(azimuth) * cosf(height));
    const float warm = vv_chance_range(&c, -0.05f, 0.08f);
    s->key_colour = scale(vec(1 + warm, 0.97f, 0.93f - warm * 1.2f), vv_chance_range(&c, 1.15f, 1.45f));
    const float behind = -2.35f * side;
    s->rim = unit(vec(sinf(behind), 0.45f, cosf(behind)));
    s->rim_colour = scale(vec(0.95f, 0.98f, 1.06f), vv_chance_range(&c, 0.25f, 0.9f));
    const VvVec ambient = scale(vec(0.98f, 1, 1.05f), vv_chance_range(&c, 0.34f, 0.46f));
    for (int k = 0; k < 16; k++) {
        const float up = 1 - ((float)k + 0.5f) / 8, around = (float)k * 2.399963f, r = sqrtf(1 - up * up);
        const float strength = (0.35f + 0.65f * ramp(-0.6f, 0.8f, up)) * VV_PI * 0.25f;
        add_light(s, vec(r * cosf(around), up, r * sinf(around)), scale(ambient, strength));
    }
    add_light(s, vec(-sinf(azimuth) * 1.1f, 0.15f, 0.8f),
              scale(vec(0.95f, 0.97f, 1.02f), vv_chance_range(&c, 0.35f, 0.75f)));
    add_light(s, vec(0, -0.75f, 0.6f), scale(vec(1, 0.9f, 0.82f), 0.22f));
    const VvVec back = srgb(backs[vv_chance_pick(&c, COUNT(backs))]);
    s->back_edge = scale(back, 0.75f);
    s->back_centre = scale(add(back, grey(0.03f)), vv_chance_range(&c, 1.6f, 2.3f));
    s->background = (VvBackground)vv_chance_pick(&c, VV_BACKGROUNDS);
    s->exposure = vv_chance_range(&c, 0.96f, 1.05f);
}
