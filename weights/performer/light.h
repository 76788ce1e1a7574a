/* Light: the surroundings as spherical harmonics, met at every vertex by what it can see of them; and one key light
 * with shadows. */
#ifndef VV_LIGHT_H
#define VV_LIGHT_H

#include "weights/performer/depth.h"
#include "weights/performer/hair.h"
#include "weights/performer/identity.h"
#include "weights/performer/skinning.h"

#define VV_SHADOW_SIZE 320

/* What each vertex sees of the surroundings, in two poses that frames blend: face at rest, and jaw open with eyes shut.
 */
typedef struct VvTransfer {
    float (*rest)[9], (*open)[9]; /* [mesh vertices] */
} VvTransfer;

/* The light of one frame. */
typedef struct VvLight {
    const VvScene *scene;
    float world[9][3], head[9][3]; /* surroundings, in world space and turned into the head's */
    float mirror[9][3];            /* softened, for reflections */
    VvDepthMap key;                /* what the key light sees */
} VvLight;

/* Works out a person's transfer, and hair->visible. False without memory; vv_transfer_close either way. */
bool vv_transfer_open(VvTransfer *transfer, const VvMesh *mesh, const VvAsset *asset, const VvHair *hair);
void vv_transfer_close(VvTransfer *transfer);

/* The surroundings for a head turned like this. */
void vv_light_turn(VvLight *light, const VvScene *scene, const VvTurn *head);

/* Ambient light per vertex; ambient[mesh vertices]. */
void vv_light_ambient(const VvLight *light, const VvTransfer *transfer, const VvMesh *mesh, const VvPose *pose,
                      VvVec *ambient);

/* Key light per vertex after shadows, 0..1, from light->key, which must be drawn. */
void vv_light_shadows(const VvLight *light, const VvMesh *mesh, const VvFigure *figure, float *lit);

/* Aims light->key at the person; depth[VV_SHADOW_SIZE squared]. */
void vv_light_aim(VvLight *light, float *depth);

/* The nine real spherical harmonics of a direction. */
VV_INLINE void vv_harmonics(VvVec d, float y[9]) {
    y[0] = 0.282095f;
    y[1] = 0.488603f * d.y;
    y[2] = 0.488603f * d.z;
    y[3] = 0.488603f * d.x;
    y[4] = 1.092548f * d.x * d.y;
    y[5] = 1.092548f * d.y * d.z;
    y[6] = 0.315392f * (3 * d.z * d.z - 1);
    y[7] = 1.092548f * d.x * d.z;
    y[8] = 0.546274f * (d.x * d.x - d.y * d.y);
}

VV_INLINE VvVec vv_harmonics_sum(const float light[9][3], const float y[9]) {
    VvVec sum = vec(0, 0, 0);
    for (int k = 0; k < 9; k++)
        sum = along(sum, vec(light[k][0], light[k][1], light[k][2]), y[k]);
    return vec(maxf(sum.x, 0), maxf(sum.y, 0), maxf(sum.z, 0));
}

/* Light from a direction. */
VV_INLINE VvVec vv_light_from(const float light[9][3], VvVec direction) {
    float y[9];
    vv_harmonics(direction, y);
    return vv_harmonics_sum(light, y);
}

/* Share of the key light that reaches a point with this normal: a soft kernel on the shadow map. */
VV_INLINE float vv_light_reaches(const VvLight *light, VvVec p, VvVec normal) {
    static const float kernel[16][2] = {{.1f, .2f},   {-.5f, .3f},  {.4f, -.4f},  {-.3f, -.6f},
                                        {.8f, .1f},   {-.9f, -.1f}, {.2f, .9f},   {-.1f, -.95f},
                                        {.55f, .6f},  {-.6f, .75f}, {.7f, -.65f}, {-.75f, -.5f},
                                        {.35f, .45f}, {-.2f, .55f}, {.05f, -.4f}, {-.45f, -.1f}};
    const VvVec q = vv_depth_project(&light->key, along(p, normal, 0.30f));
    float sum = 0;
    for (int k = 0; k < 16; k++) {
        const float before = vv_depth_at(&light->key, q.x + kernel[k][0] * 4.2f, q.y + kernel[k][1] * 4.2f);
        sum += clamp01(1 - (before - q.z - 0.15f) / 0.3f);
    }
    return sum / 16;
}

/* The same for a single pixel at a shadow's edge: a tent over all texels around, which no strand of hair slips through.
 */
VV_INLINE float vv_light_reaches_smoothly(const VvLight *light, VvVec p, VvVec normal) {
    enum { TAPS = 8 };
    const VvVec q = vv_depth_project(&light->key, along(p, normal, 0.30f));
    const float x = floorf(q.x - 0.5f), y = floorf(q.y - 0.5f);
    float sum = 0, all = 0;
    for (int k = 0; k < TAPS * TAPS; k++) {
        const int right = k % TAPS - TAPS / 2 + 1, up = k / TAPS - TAPS / 2 + 1;
        const float at_x = x + (float)right + 0.5f, at_y = y + (float)up + 0.5f;
        const float weight = (TAPS / 2.0f - fabsf(at_x - q.x)) * (TAPS / 2.0f - fabsf(at_y - q.y));
        sum += weight * clamp01(1 - (vv_depth_at(&light->key, at_x, at_y) - q.z - 0.15f) / 0.3f);
        all += weight;
    }
    return sum / all;
}

#endif
