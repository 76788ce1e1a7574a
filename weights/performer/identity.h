/* Who a performer is (VvIdentity) and where they sit (VvScene): plain values, drawn by chance from a seed or read from
 * a small settings file. Nothing here holds memory of its own. */
#ifndef VV_IDENTITY_H
#define VV_IDENTITY_H

#include "weights/performer/asset.h"

#include <stdbool.h>

typedef enum VvHairStyle {
    VV_HAIR_NONE,
    VV_HAIR_BUZZ,
    VV_HAIR_CROP,
    VV_HAIR_SIDE,
    VV_HAIR_SWEPT,
    VV_HAIR_BOB,
    VV_HAIR_LONG,
    VV_HAIR_WAVY,
    VV_HAIR_TIED,
    VV_HAIR_CURLY,
    VV_HAIR_STYLES
} VvHairStyle;

typedef enum VvGarment {
    VV_GARMENT_TEE,
    VV_GARMENT_SHIRT,
    VV_GARMENT_TURTLENECK,
    VV_GARMENT_JACKET,
    VV_GARMENT_VNECK,
    VV_GARMENTS
} VvGarment;

/* A person. Colours are linear light. */
typedef struct VvIdentity {
    uint64_t seed; /* of everything that the fields below leave open: strands, freckles, folds */
    char name[32];
    float shape[VV_SHAPES];     /* weights of the asset's identity shapes */
    float rest[VV_EXPRESSIONS]; /* this face at ease, built into the mesh: weight 0 in a pose means this */
    bool feminine;
    float age;  /* years, 18..80: wrinkles, grey hair */
    float tone; /* 0 the lightest skin .. 1 the darkest */
    VvVec skin, lip, hair, brow, iris;
    float redness, freckles, stubble, pores; /* 0..1 */
    float lip_colour, lip_gloss;             /* how much of `lip` is seen; highlight */
    VvHairStyle style;
    float hair_length;                         /* 1 is usual */
    float hair_part;                           /* x of the parting, cm */
    float hair_grey;                           /* share of grey strands */
    float brow_width, brow_density, brow_arch; /* 1, 1, 0 are usual */
    VvGarment garment;
    VvVec cloth, cloth_under; /* the outer garment; what shows below a jacket or a V-neck */
    float teeth;              /* whiteness, about 1 */
} VvIdentity;

#define VV_SCENE_LIGHTS 24

typedef enum VvBackground {
    VV_BACKGROUND_PLAIN,
    VV_BACKGROUND_ROOM,
    VV_BACKGROUND_LIGHTS,
    VV_BACKGROUNDS
} VvBackground;

/* Light and background. Directions point to the light, in camera space (x right in the picture is the subject's left).
 */
typedef struct VvScene {
    uint64_t seed;
    VvVec key, key_colour, rim, rim_colour;
    int lights;
    struct {
        VvVec direction, colour;
    } light[VV_SCENE_LIGHTS]; /* the surroundings, as a few broad lights */
    VvBackground background;
    VvVec back_edge, back_centre;
    float exposure; /* 1 is right for medium skin; vv_performer_open adapts it to the skin in part, as a camera does */
} VvScene;

/* A random person: same seed, same person. Any thread. */
void vv_identity_random(VvIdentity *identity, const VvAsset *asset, uint64_t seed);

/* Whether that person is feminine, without the asset. Any thread. */
bool vv_identity_feminine(uint64_t seed);

/* A random place. Any thread. */
void vv_scene_random(VvScene *scene, uint64_t seed);

/* A person and a place from a settings file: lines of `key = value`, `#` begins a comment. `seed` comes first and draws
 * everything; the other keys (docs/performer.md lists them) override it. False with a sentence in `error` that names
 * file, line and key. Any thread. */
bool vv_identity_load(VvIdentity *identity, VvScene *scene, const VvAsset *asset, const char *path, char *error,
                      size_t error_size);

/* Derives what depends on other fields (lip, brow and hair colours limited by the skin's) after fields were changed. */
void vv_identity_settle(VvIdentity *identity);

/* The name of a hair style or garment, as settings files spell it. */
const char *vv_hair_style_name(VvHairStyle style);
const char *vv_garment_name(VvGarment garment);

#endif
