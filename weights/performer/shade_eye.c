/* Eyes, worked out rather than modelled: the sclera with veins, an iris that is seen refracted through the cornea, lids
 * that darken what is near them, a wet line and the key light's reflection. */
#include "weights/performer/shade_parts.h"

#define IRIS 0.40f /* radians from the pole to the iris's edge */

typedef struct Eye {
    const VvStage *stage;
    VvVec u, normal, gaze, right, up, view; /* u: from the centre, a unit */
    VvVec point, centre;
    float radius, angle;                       /* angle from the gaze */
    float below_upper, above_lower, occlusion; /* cm from the lids, in the picture */
    int side;
} Eye;

static float line_y(const float (*p)[2], float x) {
    if (x <= p[0][0])
        return p[0][1];
    for (int i = 0; i < 3; i++)
        if (x <= p[i + 1][0])
            return mix(p[i][1], p[i + 1][1], (x - p[i][0]) / (p[i + 1][0] - p[i][0] + 1e-6f));
    return p[3][1];
}

/* Lids shade the ball below them: distances are taken in the picture, from the lid's landmarks. */
static void measure_lids(Eye *eye, float x, float y) {
    static const int upper[4] = {0, 1, 2, 3}, lower[4] = {0, 5, 4, 3};
    const float(*lid)[2] = eye->stage->lid[eye->side];
    const float per_cm = VV_CAMERA_FOCAL * VV_GRID / (VV_CAMERA_Z - 9);
    const bool mirrored = lid[0][0] > lid[3][0];
    float up[4][2], low[4][2];
    for (int k = 0; k < 4; k++) {
        const int from = mirrored ? 3 - k : k;
        for (int c = 0; c < 2; c++) {
            up[k][c] = lid[upper[from]][c];
            low[k][c] = lid[lower[from]][c];
        }
    }
    eye->below_upper = (y - line_y((const float(*)[2])up, x)) / per_cm;
    eye->above_lower = (line_y((const float(*)[2])low, x) - y) / per_cm;
    const float corner = minf(fabsf(x - up[0][0]), fabsf(up[3][0] - x)) / per_cm;
    eye->occlusion = (1 - 0.78f * expf(-maxf(eye->below_upper, 0) / 0.17f)) *
                     (1 - 0.40f * expf(-maxf(eye->above_lower, 0) / 0.10f)) * (1 - 0.45f * expf(-corner / 0.22f));
}

static VvVec sclera(const Eye *eye) {
    const float corner = ramp(0.55f, 0.95f, fabsf(dot(eye->u, eye->right)));
    const VvVec c = blend(vec(0.51f, 0.475f, 0.45f), vec(0.42f, 0.28f, 0.23f),
                          clamp01(corner * 0.8f + (noise(scale(eye->u, 9)) - 0.5f) * 0.12f + 0.05f));
    const float vein =
        ramp(0.025f, 0, fabsf(noise(scale(eye->u, 14)) - 0.5f)) * ramp(IRIS * 1.4f, IRIS * 2.6f, eye->angle);
    return blend(c, vec(0.47f, 0.23f, 0.20f), vein * 0.28f);
}

/* The iris is a plane behind the cornea; the view is refracted onto it. */
static VvVec iris(const Eye *eye) {
    const VvVec colour = eye->stage->performer->identity.iris, key = eye->stage->light->scene->key;
    const float ratio = 1 / 1.34f, cosine = dot(eye->normal, eye->view),
                bent = 1 - ratio * ratio * (1 - cosine * cosine);
    const VvVec ray = unit(add(scale(eye->view, -ratio), scale(eye->normal, ratio * cosine - sqrtf(maxf(bent, 0)))));
    const float plane = eye->radius * cosf(IRIS) - 0.03f;
    const VvVec q = sub(eye->point, eye->centre);
    const VvVec hit = along(q, ray, (dot(q, eye->gaze) - plane) / maxf(0.05f, -dot(ray, eye->gaze)));
    const float a = dot(hit, eye->right), b = dot(hit, eye->up), full = eye->radius * sinf(IRIS);
    const float r = sqrtf(a * a + b * b) / full, around = atan2f(b, a), pupil = 0.36f;
    const float fibre =
        noise(vec(around * 11, r * 3, (float)eye->side * 7 + 1)) * 0.6f + noise(vec(around * 27, r * 2.2f, 5)) * 0.4f;
    VvVec c = blend(tint(colour, vec(1.35f, 1.05f, 0.7f)), colour, ramp(0.36f, 0.62f, r + (fibre - 0.5f) * 0.15f));
    c = scale(c, (0.45f + 1.15f * fibre) * (1 - 0.80f * ramp(0.78f, 1, r)));
    const float in_pupil = ramp(pupil + 0.05f, pupil - 0.02f, r);
    c = blend(c, grey(0.004f), in_pupil);
    const float caustic =
        -(a * dot(key, eye->right) + b * dot(key, eye->up)) / full; /* light gathers across from its source */
    return scale(c, 0.85f + 0.65f * clamp01(caustic) * (1 - in_pupil));
}

static VvVec reflections(const Eye *eye, float lit) {
    const VvLight *light = eye->stage->light;
    const VvVec key = light->scene->key, key_colour = light->scene->key_colour, view = eye->view, n = eye->normal;
    const float nh = clamp01(dot(n, unit(add(view, key))));
    const float d = nh * nh * (0.0144f - 1) + 1, glow = 0.0144f / (VV_PI * d * d);
    VvVec c = scale(key_colour, ramp(0.9935f, 0.9972f, nh) * 1.2f * clamp01(eye->below_upper / 0.10f));
    c = add(c, scale(key_colour, glow * 0.0075f * clamp01(eye->below_upper / 0.15f)));
    const float m = 1 - clamp01(dot(n, view)), grazing = 0.03f + 0.6f * m * m * m * m * m;
    const VvVec bounce = sub(scale(n, 2 * dot(n, view)), view);
    c = add(c, scale(vv_light_from(light->mirror, bounce), grazing * eye->occlusion * 1.2f));
    const VvVec fill = unit(vec(-key.x * 0.9f, key.y * 0.6f, key.z)); /* a second, fainter window */
    c = add(c, scale(key_colour,
                     0.10f * ramp(0.985f, 0.995f, dot(n, unit(add(view, fill)))) * clamp01(eye->below_upper / 0.1f)));
    const float wet = expf(-square(eye->above_lower) / 0.0012f) * 0.35f * (0.3f + 0.7f * lit);
    return add(c, grey(0.25f * wet));
}

VvVec vv_shade_eye(const VvStage *stage, const VvSurface *s) {
    Eye eye = {.stage = stage, .side = s->part == VV_PART_EYE_R, .point = s->point};
    const VvFigure *figure = stage->figure;
    const float *m = figure->bones.head.m;
    eye.centre = figure->eye[eye.side];
    eye.gaze = figure->gaze[eye.side];
    eye.radius = length(sub(s->point, eye.centre));
    eye.u = unit(sub(s->point, eye.centre));
    eye.view = unit(sub(vec(0, VV_CAMERA_Y, VV_CAMERA_Z), s->point));
    eye.right = unit(cross(vec(m[1], m[4], m[7]), eye.gaze));
    eye.up = cross(eye.gaze, eye.right);
    const float cosine = clamp(dot(eye.u, eye.gaze), -1, 1);
    eye.angle = acosf(cosine);
    eye.normal = eye.u;
    if (eye.angle < IRIS * 1.15f) { /* the cornea bulges */
        const VvVec outward = unit(sub(eye.u, scale(eye.gaze, cosine)));
        eye.normal =
            unit(along(eye.u, outward, ramp(IRIS * 1.15f, IRIS * 0.75f, eye.angle) * 0.28f * eye.angle / IRIS));
    }
    measure_lids(&eye, s->x, s->y);
    const float in_iris = ramp(IRIS * 1.06f, IRIS * 0.93f, eye.angle);
    VvVec c = sclera(&eye);
    if (in_iris > 0)
        c = blend(c, iris(&eye), in_iris);
    const float key = square(clamp01((dot(eye.normal, stage->light->scene->key) + 0.25f) / 1.25f));
    const VvVec ambient = vv_light_from(stage->light->mirror, s->normal);
    const VvVec light = add(scale(stage->light->scene->key_colour, key * 0.9f * (0.35f + 0.65f * s->lit)), ambient);
    return add(scale(tint(c, light), eye.occlusion), reflections(&eye, s->lit));
}
