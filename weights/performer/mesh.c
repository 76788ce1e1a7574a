/* Builds a person's head from the asset. */
#include "weights/performer/mesh.h"
#include "weights/performer/expression.h"

#include <stdlib.h>
#include <string.h>

/* Drawn otherwise (iris, lashes) or not at all. */
static bool is_drawn(int part) {
    return part != VV_PART_IRIS_L && part != VV_PART_IRIS_R && part < VV_PART_TEAR_L;
}

void vv_mesh_express(const VvAsset *asset, int expression, float weight, VvVec *points) {
    const VvExpressionShape *shape = &asset->expression[expression];
    for (int i = 0; i < shape->count; i++) {
        VvVec *p = &points[shape->vertex[i]];
        *p = along(*p, shape->delta[i], weight);
    }
}

VV_FAST void vv_mesh_normals(const VvMesh *mesh, const VvVec *points, VvVec *normals) {
    memset(normals, 0, sizeof *normals * (size_t)mesh->vertices);
    for (int t = 0; t < mesh->triangles; t++) {
        const int a = mesh->corner[t][0], b = mesh->corner[t][1], c = mesh->corner[t][2];
        const VvVec n = cross(sub(points[b], points[a]), sub(points[c], points[a]));
        normals[a] = add(normals[a], n);
        normals[b] = add(normals[b], n);
        normals[c] = add(normals[c], n);
    }
    for (int i = 0; i < mesh->vertices; i++)
        normals[i] = unit(normals[i]);
}

static int root(int *parent, int x) {
    while (parent[x] != x)
        x = parent[x] = parent[parent[x]];
    return x;
}

void vv_mesh_islands(const VvAsset *asset, int part, int *island) {
    for (int i = 0; i < asset->texcoords; i++)
        island[i] = i;
    for (int t = 0; t < asset->triangles; t++)
        for (int k = 1; k < 3 && asset->part[t] == part; k++) {
            const int a = root(island, asset->texel[t][0]), b = root(island, asset->texel[t][k]);
            island[maxi(a, b)] = mini(a, b);
        }
    for (int i = 0; i < asset->texcoords; i++)
        island[i] = root(island, i);
}

/* The tongue is the two large islands of the gums' texture that stay near the middle. */
static bool find_tongue(VvMesh *mesh, const VvAsset *asset) {
    int *island = malloc(sizeof *island * (size_t)asset->texcoords);
    int *size = calloc((size_t)asset->texcoords, sizeof *size);
    float *reach = calloc((size_t)asset->texcoords, sizeof *reach);
    const bool ok = island && size && reach;
    if (ok) {
        vv_mesh_islands(asset, VV_PART_GUMS, island);
        for (int t = 0; t < asset->triangles; t++)
            for (int k = 0; k < 3 && asset->part[t] == VV_PART_GUMS; k++) {
                const int i = island[asset->texel[t][0]];
                size[i] += k == 0;
                reach[i] = maxf(reach[i], asset->base[asset->corner[t][k]].x);
            }
        for (int t = 0; t < asset->triangles; t++)
            for (int k = 0; k < 3 && asset->part[t] == VV_PART_GUMS; k++) {
                const int i = island[asset->texel[t][0]], v = asset->corner[t][k];
                if (size[i] > 400 && reach[i] < 2.2f)
                    mesh->tongue[v] = 0.001f + 0.999f * ramp(4.5f, 9.8f, asset->base[v].z);
            }
    }
    free(island);
    free(size);
    free(reach);
    return ok;
}

/* The distance between pairs of landmarks' vertices by height, and what one unit of a shape adds to it. */
static void measure_gap(const VvMesh *mesh, const VvAsset *asset, int expression, const int (*pairs)[2], int count,
                        float *gap, float *change) {
    const VvExpressionShape *shape = &asset->expression[expression];
    *gap = *change = 0;
    for (int k = 0; k < count; k++) {
        const int up = asset->landmark[pairs[k][0]], low = asset->landmark[pairs[k][1]];
        *gap += (mesh->rest[up].y - mesh->rest[low].y) / (float)count;
        for (int i = 0; i < shape->count; i++) {
            *change += shape->vertex[i] == up ? shape->delta[i].y / (float)count : 0;
            *change -= shape->vertex[i] == low ? shape->delta[i].y / (float)count : 0;
        }
    }
}

/* The neutral lips are open by about a millimetre: closes them by as much mouthClose as this face needs. */
static void close_lips(VvMesh *mesh, const VvAsset *asset) {
    static const int pairs[3][2] = {{61, 67}, {62, 66}, {63, 65}};
    float gap, change;
    measure_gap(mesh, asset, VV_MOUTH_CLOSE, pairs, 3, &gap, &change);
    vv_mesh_express(asset, VV_MOUTH_CLOSE, clamp((gap - 0.015f) / (1e-6f - change), -0.05f, 0.25f), mesh->rest);
}

/* The blink shape shuts the mean eye; a wider one needs more of it. */
static void fit_blinks(VvMesh *mesh, const VvAsset *asset) {
    static const int pairs[2][2][2] = {{{43, 47}, {44, 46}}, {{37, 41}, {38, 40}}};
    for (int e = 0; e < 2; e++) {
        float gap, change;
        measure_gap(mesh, asset, e ? VV_EYE_BLINK_R : VV_EYE_BLINK_L, pairs[e], 2, &gap, &change);
        mesh->blink[e] = clamp((gap + 0.08f) / (1e-6f - change), 0.8f, 1.5f);
    }
}

#define LIDS_AT_EASE 0.64f /* cm between the lids; of what a face has more, a quarter stays */

/* Some shapes are stern, sleepy or startled by themselves. At ease the mouth's corners are not far below its middle,
 * and the eyes are open but do not stare: adds what smile, eyeWide and eyeBlink that takes. */
static void ease(VvMesh *mesh, const VvAsset *asset) {
    static const int corners[4][2] = {{54, 62}, {54, 66}, {48, 62}, {48, 66}};
    static const int lids[2][2][2] = {{{43, 47}, {44, 46}}, {{37, 41}, {38, 40}}};
    float lift, left, right;
    measure_gap(mesh, asset, VV_MOUTH_SMILE_L, corners, 4, &lift, &left);
    measure_gap(mesh, asset, VV_MOUTH_SMILE_R, corners, 4, &lift, &right);
    const float smile = clamp((0.04f - lift) / maxf(0.05f, left + right), 0, 0.32f);
    vv_mesh_express(asset, VV_MOUTH_SMILE_L, smile, mesh->rest);
    vv_mesh_express(asset, VV_MOUTH_SMILE_R, smile, mesh->rest);
    for (int e = 0; e < 2; e++) {
        float gap, change;
        measure_gap(mesh, asset, e ? VV_EYE_WIDE_R : VV_EYE_WIDE_L, lids[e], 2, &gap, &change);
        const float wide = clamp((LIDS_AT_EASE - gap) / maxf(0.05f, change), 0, 0.8f);
        vv_mesh_express(asset, e ? VV_EYE_WIDE_R : VV_EYE_WIDE_L, wide, mesh->rest);
        measure_gap(mesh, asset, e ? VV_EYE_BLINK_R : VV_EYE_BLINK_L, lids[e], 2, &gap, &change);
        const float down = clamp(0.75f * (gap - LIDS_AT_EASE) / maxf(0.05f, -change), 0, 0.5f);
        vv_mesh_express(asset, e ? VV_EYE_BLINK_R : VV_EYE_BLINK_L, down, mesh->rest);
    }
}

static void place_eyes(VvMesh *mesh) {
    for (int e = 0; e < 2; e++) {
        const VvVec *p = mesh->rest + (e ? VV_EYE_R_FROM : VV_EYE_L_FROM);
        VvVec low = p[0], high = p[0];
        for (int i = 1; i < VV_EYE_VERTICES; i++) {
            low = vec(minf(low.x, p[i].x), minf(low.y, p[i].y), minf(low.z, p[i].z));
            high = vec(maxf(high.x, p[i].x), maxf(high.y, p[i].y), maxf(high.z, p[i].z));
        }
        const float radius = (high.x - low.x + high.y - low.y) * 0.25f;
        mesh->eye[e] = vec((low.x + high.x) / 2, (low.y + high.y) / 2, low.z + radius);
        mesh->eye_radius[e] = radius;
    }
}

static void shape_head(VvMesh *mesh, const VvAsset *asset, const VvIdentity *identity) {
    memcpy(mesh->rest, asset->base, sizeof *mesh->rest * (size_t)asset->vertices);
    for (int s = 0; s < VV_SHAPES; s++) {
        const int16_t *d = asset->shape + (size_t)s * (size_t)asset->vertices * 3;
        const float weight = identity->shape[s] * VV_ASSET_STEP;
        for (int i = 0; i < asset->vertices && weight != 0; i++)
            mesh->rest[i] = along(mesh->rest[i], vec(d[3 * i], d[3 * i + 1], d[3 * i + 2]), weight);
    }
    place_eyes(mesh); /* before the expression at ease: no expression moves the eyeballs */
    for (int e = 0; e < VV_EXPRESSIONS; e++)
        if (identity->rest[e] != 0)
            vv_mesh_express(asset, e, identity->rest[e], mesh->rest);
    ease(mesh, asset);
    close_lips(mesh, asset);
    fit_blinks(mesh, asset);
}

bool vv_mesh_open(VvMesh *mesh, const VvAsset *asset, const VvIdentity *identity) {
    memset(mesh, 0, sizeof *mesh);
    mesh->rest = calloc(VV_MESH_VERTICES_MAX, sizeof *mesh->rest);
    mesh->normal = calloc(VV_MESH_VERTICES_MAX, sizeof *mesh->normal);
    mesh->head_weight = calloc(VV_MESH_VERTICES_MAX, sizeof *mesh->head_weight);
    mesh->tongue = calloc(VV_MESH_VERTICES_MAX, sizeof *mesh->tongue);
    mesh->corner = calloc(VV_MESH_TRIANGLES_MAX, sizeof *mesh->corner);
    mesh->part = calloc(VV_MESH_TRIANGLES_MAX, sizeof *mesh->part);
    mesh->uv = calloc(VV_MESH_TRIANGLES_MAX, sizeof *mesh->uv);
    mesh->hidden = calloc(VV_MESH_TRIANGLES_MAX, sizeof *mesh->hidden);
    if (!mesh->rest || !mesh->normal || !mesh->head_weight || !mesh->tongue || !mesh->corner || !mesh->part ||
        !mesh->uv || !mesh->hidden || !find_tongue(mesh, asset))
        return false;
    shape_head(mesh, asset, identity);
    for (int t = 0; t < asset->triangles; t++) {
        if (!is_drawn(asset->part[t]))
            continue;
        const int n = mesh->triangles++;
        mesh->part[n] = asset->part[t];
        for (int k = 0; k < 3; k++) {
            mesh->corner[n][k] = asset->corner[t][k];
            mesh->uv[n][2 * k] = asset->uv[asset->texel[t][k]][0];
            mesh->uv[n][2 * k + 1] = asset->uv[asset->texel[t][k]][1];
        }
    }
    for (int i = 0; i < asset->vertices; i++) {
        const VvVec p = asset->base[i];
        mesh->head_weight[i] = i >= VV_SKIN_VERTICES ? 1 : ramp(-13.0f, -5.5f, p.y + 0.4f * p.z);
    }
    mesh->vertices = mesh->head_vertices = asset->vertices;
    mesh->head_triangles = mesh->triangles;
    return true;
}

void vv_mesh_close(VvMesh *mesh) {
    free(mesh->rest);
    free(mesh->normal);
    free(mesh->head_weight);
    free(mesh->tongue);
    free(mesh->corner);
    free(mesh->part);
    free(mesh->uv);
    free(mesh->hidden);
    memset(mesh, 0, sizeof *mesh);
}
