/* Lights a person. */
#include "weights/performer/light.h"
#include "weights/performer/expression.h"

#include <stdlib.h>
#include <string.h>

enum { DIRECTIONS = 56, MAP = 192 };

/* How much of each band of the surroundings counts: higher ones ring. */
static const float window[9] = {1, 0.95f, 0.95f, 0.95f, 0.7f, 0.7f, 0.7f, 0.7f, 0.7f};

typedef struct Survey {
    const VvMesh *mesh;
    const VvHair *hair;
    VvDepthMap map;
    float depth[MAP * MAP];
    VvVec points[VV_MESH_VERTICES_MAX], normals[VV_MESH_VERTICES_MAX];
    float x[VV_MESH_VERTICES_MAX], y[VV_MESH_VERTICES_MAX], z[VV_MESH_VERTICES_MAX];
} Survey;

/* A direction's share of what vertices see. */
VV_FAST static void see_mesh(const Survey *s, VvVec direction, const float y[9], float (*out)[9]) {
    for (int i = 0; i < s->mesh->vertices; i++) {
        const float facing = dot(s->normals[i], direction);
        if (facing <= 0)
            continue;
        const VvVec p = vv_depth_project(&s->map, along(s->points[i], s->normals[i], 0.18f));
        float open = 0;
        for (int k = 0; k < 4; k++) {
            const float before = vv_depth_at(&s->map, p.x + (float)(k & 1) - 0.5f, p.y + (float)(k >> 1) - 0.5f);
            open += clamp01(1 - (before - p.z - 0.12f) / 0.25f);
        }
        const float weight = facing * open / DIRECTIONS;
        for (int k = 0; k < 9; k++)
            out[i][k] += weight * y[k];
    }
}

/* Hair lets light through: the deeper, the less. */
static void see_hair(const Survey *s, const float y[9]) {
    for (int i = 0; i < s->hair->points; i++) {
        const VvVec p = vv_depth_project(&s->map, s->hair->point[i]);
        const float before = vv_depth_at(&s->map, p.x, p.y);
        const float weight = 2.0f / DIRECTIONS * expf(-1.5f * maxf(0, before - p.z - 0.12f));
        for (int k = 0; k < 9; k++)
            s->hair->visible[i][k] += weight * y[k];
    }
}

static void look_around(Survey *s, float (*out)[9], bool with_hair) {
    for (int k = 0; k < DIRECTIONS; k++) {
        const float up = 1 - ((float)k + 0.5f) * 2 / DIRECTIONS, around = (float)k * 2.399963f, r = sqrtf(1 - up * up);
        const VvVec direction = vec(r * cosf(around), up, r * sinf(around));
        float y[9];
        vv_harmonics(direction, y);
        vv_depth_aim(&s->map, direction, vec(0, -3, 0), 26, MAP, s->depth);
        vv_depth_draw(&s->map, s->mesh, s->points, s->x, s->y, s->z);
        for (int i = 0; i < s->hair->strands; i++)
            vv_depth_strand(&s->map, s->hair->point + s->hair->first[i], s->hair->first[i + 1] - s->hair->first[i]);
        see_mesh(s, direction, y, out);
        if (with_hair)
            see_hair(s, y);
    }
}

bool vv_transfer_open(VvTransfer *transfer, const VvMesh *mesh, const VvAsset *asset, const VvHair *hair) {
    transfer->rest = calloc((size_t)mesh->vertices, sizeof *transfer->rest);
    transfer->open = calloc((size_t)mesh->vertices, sizeof *transfer->open);
    Survey *s = calloc(1, sizeof *s);
    const bool ok = transfer->rest && transfer->open && s;
    if (ok) {
        s->mesh = mesh;
        s->hair = hair;
        memcpy(s->points, mesh->rest, sizeof *s->points * (size_t)mesh->vertices);
        memcpy(s->normals, mesh->normal, sizeof *s->normals * (size_t)mesh->vertices);
        look_around(s, transfer->rest, true);
        vv_mesh_express(asset, VV_JAW_OPEN, 0.85f, s->points);
        vv_mesh_express(asset, VV_EYE_BLINK_L, 1, s->points);
        vv_mesh_express(asset, VV_EYE_BLINK_R, 1, s->points);
        vv_mesh_normals(mesh, s->points, s->normals);
        look_around(s, transfer->open, false);
    }
    free(s);
    return ok;
}

void vv_transfer_close(VvTransfer *transfer) {
    free(transfer->rest);
    free(transfer->open);
    memset(transfer, 0, sizeof *transfer);
}

static void shine(float out[9][3], VvVec direction, VvVec colour) {
    float y[9];
    vv_harmonics(direction, y);
    for (int k = 0; k < 9; k++) {
        out[k][0] += colour.x * y[k] * window[k];
        out[k][1] += colour.y * y[k] * window[k];
        out[k][2] += colour.z * y[k] * window[k];
    }
}

void vv_light_turn(VvLight *light, const VvScene *scene, const VvTurn *head) {
    light->scene = scene;
    memset(light->world, 0, sizeof light->world);
    memset(light->head, 0, sizeof light->head);
    for (int i = 0; i < scene->lights; i++) {
        shine(light->world, scene->light[i].direction, scene->light[i].colour);
        shine(light->head, turn_back(head, scene->light[i].direction), scene->light[i].colour);
    }
    for (int k = 0; k < 9; k++)
        for (int c = 0; c < 3; c++)
            light->mirror[k][c] = light->world[k][c] * 0.5f * (k == 0 ? 1 : k < 4 ? 0.85f : 0.6f);
}

VV_FAST void vv_light_ambient(const VvLight *light, const VvTransfer *transfer, const VvMesh *mesh, const VvPose *pose,
                              VvVec *ambient) {
    const float jaw = clamp01(pose->expression[VV_JAW_OPEN] * 1.3f);
    const float shut[2] = {clamp01(pose->expression[VV_EYE_BLINK_L]), clamp01(pose->expression[VV_EYE_BLINK_R])};
    for (int i = 0; i < mesh->vertices; i++) {
        float open = 0, seen[9];
        if (i < VV_SKIN_VERTICES)
            open = mesh->rest[i].y > 1 ? shut[mesh->rest[i].x > 0 ? 0 : 1] : jaw;
        for (int k = 0; k < 9; k++)
            seen[k] = mix(transfer->rest[i][k], transfer->open[i][k], open);
        const float weight = mesh->head_weight[i];
        VvVec a = vec(0, 0, 0), b = a;
        if (weight > 0)
            a = vv_harmonics_sum(light->head, seen);
        if (weight < 1)
            b = vv_harmonics_sum(light->world, seen);
        ambient[i] = blend(b, a, weight);
    }
}

VV_FAST void vv_light_shadows(const VvLight *light, const VvMesh *mesh, const VvFigure *figure, float *lit) {
    for (int i = 0; i < mesh->vertices; i++)
        lit[i] = dot(figure->normal[i], light->scene->key) < -0.45f
                     ? 0
                     : vv_light_reaches(light, figure->world[i], figure->normal[i]);
}

void vv_light_aim(VvLight *light, float *depth) {
    vv_depth_aim(&light->key, light->scene->key, vec(0, -3, 0), 24, VV_SHADOW_SIZE, depth);
}
