/* Poses a mesh. */
#include "weights/performer/skinning.h"
#include "weights/performer/expression.h"

#include <string.h>

/* The eye's optical axis, which the iris shows, points this much further out than where it looks. */
#define KAPPA 0.055f
/* The eyeball mesh's pole, where the cornea bulges, is modelled turned out by this. */
#define POLE 0.080f

static VvTurn product(const VvTurn *a, const VvTurn *b) {
    VvTurn out;
    for (int i = 0; i < 9; i++) {
        const float *row = a->m + i / 3 * 3, *column = b->m + i % 3;
        out.m[i] = row[0] * column[0] + row[1] * column[3] + row[2] * column[6];
    }
    return out;
}

VvBones vv_bones_of(const VvPose *pose) {
    const float cy = cosf(pose->head[0]), sy = sinf(pose->head[0]), cp = cosf(-pose->head[1]),
                sp = sinf(-pose->head[1]);
    const float cr = cosf(-pose->head[2]), sr = sinf(-pose->head[2]);
    const VvTurn yaw = {{cy, 0, sy, 0, 1, 0, -sy, 0, cy}}, pitch = {{1, 0, 0, 0, cp, -sp, 0, sp, cp}},
                 roll = {{cr, -sr, 0, sr, cr, 0, 0, 0, 1}};
    const VvTurn nod = product(&pitch, &roll);
    const VvVec shift = vec(pose->shift[0], pose->shift[1], pose->shift[2]);
    const float breath = pose->breath;
    VvBones bones = {.head = product(&yaw, &nod), .shift = add(shift, vec(0, 0.06f * breath, 0))};
    bones.breath = add(scale(shift, 0.45f), vec(0, 0.22f * breath, 0.10f * breath));
    return bones;
}

void vv_pose_lids(VvPose *pose) {
    float *e = pose->expression;
    const float out = clamp(pose->gaze[0] / 0.55f, -1, 1), up = clamp(pose->gaze[1] / 0.45f, -1, 1);
    e[VV_EYE_LOOK_OUT_L] = e[VV_EYE_LOOK_IN_R] = maxf(out, 0);
    e[VV_EYE_LOOK_IN_L] = e[VV_EYE_LOOK_OUT_R] = maxf(-out, 0);
    for (int i = 0; i < 2; i++) { /* but shut lids are shut, wherever the eye looks */
        const float open = 1 - clamp01(e[VV_EYE_BLINK_L + i]);
        e[VV_EYE_LOOK_UP_L + i] = open * maxf(up, 0);
        e[VV_EYE_LOOK_DOWN_L + i] = open * maxf(-up, 0);
    }
}

/* Turns the eyeballs' meshes to their gaze; returns directions in head space. */
static void turn_eyes(VvFigure *figure, const VvMesh *mesh, const VvPose *pose, VvVec gaze[2]) {
    static const int blink[2] = {VV_EYE_BLINK_L, VV_EYE_BLINK_R};
    const float pitch = pose->gaze[1], cp = cosf(pitch), sp = sinf(pitch);
    for (int e = 0; e < 2; e++) {
        const float outward = e ? -1.0f : 1.0f, yaw = pose->gaze[0] + outward * (KAPPA - pose->vergence);
        gaze[e] = vec(sinf(yaw) * cp, sp, cosf(yaw) * cp);
        const float mesh_yaw = yaw - outward * POLE, cy = cosf(mesh_yaw), sy = sinf(mesh_yaw);
        /* A closed lid would be pierced by the cornea: the ball gives way. */
        const float size = 1 - 0.055f * clamp01(pose->expression[blink[e]]);
        const int from = e ? VV_EYE_R_FROM : VV_EYE_L_FROM;
        for (int i = from; i < from + VV_EYE_VERTICES; i++) {
            const VvVec q = sub(mesh->rest[i], mesh->eye[e]);
            const float y = q.y * cp + q.z * sp, z = -q.y * sp + q.z * cp;
            figure->posed[i] = along(mesh->eye[e], vec(q.x * cy + z * sy, y, -q.x * sy + z * cy), size);
        }
    }
}

/* Up and forward: the tip most, and it curls. */
static void lift_tongue(VvFigure *figure, const VvMesh *mesh, float amount) {
    for (int i = VV_GUMS_FROM; i < VV_GUMS_TO && amount > 0; i++)
        if (mesh->tongue[i] > 0) {
            const float t = mesh->tongue[i] * amount;
            figure->posed[i] =
                add(figure->posed[i], vec(0, 0.70f * t + 0.40f * t * mesh->tongue[i], 1.40f * t * mesh->tongue[i]));
        }
}

VV_FAST static void place(VvFigure *figure, const VvMesh *mesh) {
    for (int i = 0; i < mesh->vertices; i++)
        figure->world[i] = vv_bones_place(&figure->bones, figure->posed[i], mesh->head_weight[i]);
}

void vv_skin(VvFigure *figure, const VvMesh *mesh, const VvAsset *asset, const VvPose *pose) {
    memcpy(figure->posed, mesh->rest, sizeof *figure->posed * (size_t)mesh->vertices);
    for (int e = 0; e < VV_EXPRESSIONS; e++) {
        const float fit = e == VV_EYE_BLINK_L ? mesh->blink[0] : e == VV_EYE_BLINK_R ? mesh->blink[1] : 1;
        if (fabsf(pose->expression[e]) > 1e-4f)
            vv_mesh_express(asset, e, pose->expression[e] * fit, figure->posed);
    }
    lift_tongue(figure, mesh, pose->tongue);
    VvVec gaze[2];
    turn_eyes(figure, mesh, pose, gaze);
    figure->bones = vv_bones_of(pose);
    place(figure, mesh);
    vv_mesh_normals(mesh, figure->world, figure->normal);
    for (int e = 0; e < 2; e++) {
        figure->gaze[e] = turn(&figure->bones.head, gaze[e]);
        figure->eye[e] = vv_bones_place(&figure->bones, mesh->eye[e], 1);
    }
}
