/* Works out the atlas from the asset. */
#include "weights/performer/atlas.h"

#include <stdlib.h>
#include <string.h>

/* ---- positions ------------------------------------------------------------------------------------------------ */

/* Barycentric weights of a point in a triangle given in two coordinates; false for a flat triangle. */
static bool weights_of(const float x[3], const float y[3], float px, float py, float w[3]) {
    const float area = (x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0]);
    if (fabsf(area) < 1e-9f)
        return false;
    w[0] = ((x[1] - px) * (y[2] - py) - (x[2] - px) * (y[1] - py)) / area;
    w[1] = ((x[2] - px) * (y[0] - py) - (x[0] - px) * (y[2] - py)) / area;
    w[2] = 1 - w[0] - w[1];
    return true;
}

static void corners_uv(const VvAsset *asset, int triangle, float x[3], float y[3]) {
    for (int k = 0; k < 3; k++) {
        x[k] = asset->uv[asset->texel[triangle][k]][0];
        y[k] = asset->uv[asset->texel[triangle][k]][1];
    }
}

/* Fills the texels of one triangle, and a rim around it so that bilinear reads at seams find skin. */
static void place_triangle(VvSheet *sheet, const VvAsset *asset, int triangle) {
    float x[3], y[3], w[3];
    corners_uv(asset, triangle, x, y);
    const float size = (float)sheet->size;
    for (int k = 0; k < 3; k++) {
        x[k] = (x[k] - sheet->u0) * size - 0.5f;
        y[k] = y[k] * size - 0.5f;
    }
    const int left = (int)maxf(0, floorf(minf(x[0], minf(x[1], x[2]))) - 1);
    const int right = (int)minf(size - 1, ceilf(maxf(x[0], maxf(x[1], x[2]))) + 1);
    const int low = (int)maxf(0, floorf(minf(y[0], minf(y[1], y[2]))) - 1);
    const int high = (int)minf(size - 1, ceilf(maxf(y[0], maxf(y[1], y[2]))) + 1);
    const VvVec a = asset->base[asset->corner[triangle][0]], b = asset->base[asset->corner[triangle][1]],
                c = asset->base[asset->corner[triangle][2]];
    for (int row = low; row <= high; row++)
        for (int column = left; column <= right; column++) {
            const int i = row * sheet->size + column;
            if (!weights_of(x, y, (float)column, (float)row, w))
                return;
            const float least = minf(w[0], minf(w[1], w[2]));
            const uint8_t how = least >= -1e-4f ? 2 : least > -0.6f ? 1 : 0;
            if (how <= sheet->covered[i])
                continue;
            sheet->covered[i] = how;
            sheet->triangle[i] = triangle;
            sheet->position[i] = add(add(scale(a, w[0]), scale(b, w[1])), scale(c, w[2]));
        }
}

static VvVec noise_slope(VvVec p, float frequency) {
    const float step = 0.35f / frequency, here = noise(scale(p, frequency));
    return vec(noise(scale(vec(p.x + step, p.y, p.z), frequency)) - here,
               noise(scale(vec(p.x, p.y + step, p.z), frequency)) - here,
               noise(scale(vec(p.x, p.y, p.z + step), frequency)) - here);
}

static void set_slope(VvRelief *relief, VvVec slope, float strength) {
    relief->slope[0] = (int8_t)clamp(slope.x * strength, -127, 127);
    relief->slope[1] = (int8_t)clamp(slope.y * strength, -127, 127);
    relief->slope[2] = (int8_t)clamp(slope.z * strength, -127, 127);
}

static bool open_sheet(VvSheet *sheet, const VvAsset *asset, int part, int size, float u0) {
    const size_t count = (size_t)size * (size_t)size;
    sheet->size = size;
    sheet->part = part;
    sheet->u0 = u0;
    sheet->position = calloc(count, sizeof *sheet->position);
    sheet->triangle = calloc(count, sizeof *sheet->triangle);
    sheet->covered = calloc(count, 1);
    sheet->relief = calloc(count, sizeof *sheet->relief);
    sheet->blotch = calloc(count, sizeof *sheet->blotch);
    if (!sheet->position || !sheet->triangle || !sheet->covered || !sheet->relief || !sheet->blotch)
        return false;
    for (size_t i = 0; i < count; i++)
        sheet->triangle[i] = -1;
    for (int t = 0; t < asset->triangles; t++)
        if (asset->part[t] == part)
            place_triangle(sheet, asset, t);
    for (size_t i = 0; i < count; i++) {
        if (!sheet->covered[i])
            continue;
        const VvVec p = sheet->position[i];
        const VvVec coarse = noise_slope(p, 5), fine = noise_slope(p, 11),
                    finest = noise_slope(vec(p.x, p.y, p.z + 40), 19);
        set_slope(&sheet->relief[i], add(add(scale(coarse, 0.5f), scale(fine, 0.7f)), scale(finest, 0.6f)), 110);
        sheet->blotch[i][0] = clouds(scale(p, 0.55f), 4);
        sheet->blotch[i][1] = clouds(scale(p, 2.6f), 3);
    }
    return true;
}

static void close_sheet(VvSheet *sheet) {
    free(sheet->position);
    free(sheet->triangle);
    free(sheet->covered);
    free(sheet->relief);
    free(sheet->blotch);
}

/* ---- lips ----------------------------------------------------------------------------------------------------- */

enum { LIP_POINTS = 12, LIP_SUB = 8, LIP_OUTLINE = LIP_POINTS * LIP_SUB };

static float outline_distance(float (*p)[2], int count, float x, float y) {
    float nearest = 1e9f;
    bool inside = false;
    for (int i = 0, j = count - 1; i < count; j = i++) {
        const float bx = p[i][0] - p[j][0], by = p[i][1] - p[j][1];
        const float t = clamp01(((x - p[j][0]) * bx + (y - p[j][1]) * by) / (bx * bx + by * by + 1e-12f));
        const float dx = x - p[j][0] - t * bx, dy = y - p[j][1] - t * by;
        nearest = minf(nearest, dx * dx + dy * dy);
        if ((p[i][1] > y) != (p[j][1] > y) && x < -bx * (y - p[i][1]) / (p[j][1] - p[i][1]) + p[i][0])
            inside = !inside;
    }
    return inside ? -sqrtf(nearest) : sqrtf(nearest);
}

/* The twelve outer lip landmarks as a smooth closed curve. */
static void lip_outline(const VvAtlas *atlas, float out[LIP_OUTLINE][2]) {
    for (int i = 0; i < LIP_OUTLINE; i++) {
        const int at = i / LIP_SUB;
        const float t = (float)(i % LIP_SUB) / LIP_SUB;
        const float *p[4];
        for (int k = 0; k < 4; k++)
            p[k] = atlas->landmark[48 + (at + k + LIP_POINTS - 1) % LIP_POINTS];
        for (int k = 0; k < 2; k++)
            out[i][k] = 0.5f * (2 * p[1][k] + (p[2][k] - p[0][k]) * t +
                                (2 * p[0][k] - 5 * p[1][k] + 4 * p[2][k] - p[3][k]) * t * t +
                                (3 * p[1][k] - p[0][k] - 3 * p[2][k] + p[3][k]) * t * t * t);
    }
}

static void find_lips(VvAtlas *atlas) {
    float outline[LIP_OUTLINE][2];
    lip_outline(atlas, outline);
    for (int i = 0; i < VV_FACE_TEXELS * VV_FACE_TEXELS; i++) {
        const float u = ((float)(i % VV_FACE_TEXELS) + 0.5f) / VV_FACE_TEXELS;
        const float v = ((float)(i / VV_FACE_TEXELS) + 0.5f) / VV_FACE_TEXELS;
        const bool near = u > 0.34f && u < 0.66f && v > 0.3f && v < 0.56f;
        atlas->lip[i] = near ? outline_distance(outline, LIP_OUTLINE, u, v) : 1;
    }
}

/* ---- wrinkles: heights as functions of the place on the base head --------------------------------------------- */

/* A furrow every period, sharp below and round above. */
static float furrows(float phase) {
    return -powf(0.5f + 0.5f * cosf(phase), 5);
}

static float to_segment(float px, float py, float ax, float ay, float bx, float by) {
    const float dx = bx - ax, dy = by - ay, t = clamp01(((px - ax) * dx + (py - ay) * dy) / (dx * dx + dy * dy));
    return hypotf(px - ax - t * dx, py - ay - t * dy);
}

static float wrinkle_height(int group, VvVec p) {
    const float x = fabsf(p.x), wobble = noise(scale(p, 0.8f)) * 1.6f + noise(scale(p, 2.3f)) * 0.5f;
    switch (group) {
    case VV_WRINKLE_BROW_L:
        return furrows((p.y - 0.06f * x * x * 0.5f) * 5.4f + wobble) * ramp(6.5f, 7.3f, p.y) * ramp(10.6f, 9.4f, p.y) *
               ramp(5.6f, 3.6f, x);
    case VV_WRINKLE_CROW_L: {
        const float dx = x - 4.3f, dy = p.y - 3.35f, far = hypotf(dx, dy), angle = atan2f(dy, dx);
        return furrows(angle * 9 + wobble) * ramp(0.45f, 0.9f, far) * ramp(2.3f, 1.3f, far) *
               ramp(1.0f, 0.7f, fabsf(angle));
    }
    case VV_WRINKLE_CHEEK_L: {
        const float line =
            minf(to_segment(x, p.y, 1.95f, -0.55f, 2.9f, -2.2f), to_segment(x, p.y, 2.9f, -2.2f, 3.25f, -4.0f));
        return -expf(-square(line / 0.20f)) * ramp(-4.4f, -3.2f, p.y);
    }
    case VV_WRINKLE_FROWN:
        return -(expf(-square((x - 0.62f - 0.07f * (p.y - 6)) / 0.13f))) * ramp(5.0f, 5.6f, p.y) *
               ramp(7.4f, 6.6f, p.y);
    default:
        return 0;
    }
}

static int wrinkle_group(VvVec p) {
    const float x = fabsf(p.x);
    if (p.z < 3)
        return VV_WRINKLE_NONE;
    if (p.y > 4.9f && p.y < 7.5f && x < 1.4f)
        return VV_WRINKLE_FROWN;
    if (p.y > 6.4f && p.y < 10.7f)
        return p.x > 0 ? VV_WRINKLE_BROW_L : VV_WRINKLE_BROW_R;
    if (x > 4.3f && x < 7 && p.y > 1 && p.y < 5.5f)
        return p.x > 0 ? VV_WRINKLE_CROW_L : VV_WRINKLE_CROW_R;
    if (x > 1.2f && x < 4.2f && p.y < 0.2f && p.y > -4.8f)
        return p.x > 0 ? VV_WRINKLE_CHEEK_L : VV_WRINKLE_CHEEK_R;
    return VV_WRINKLE_NONE;
}

/* The right side's heights are the left's, mirrored. */
static void find_wrinkles(VvAtlas *atlas) {
    static const int height_of[VV_WRINKLES] = {0,
                                               VV_WRINKLE_BROW_L,
                                               VV_WRINKLE_BROW_L,
                                               VV_WRINKLE_CROW_L,
                                               VV_WRINKLE_CROW_L,
                                               VV_WRINKLE_CHEEK_L,
                                               VV_WRINKLE_CHEEK_L,
                                               VV_WRINKLE_FROWN};
    const float step = 0.04f;
    for (int i = 0; i < VV_FACE_TEXELS * VV_FACE_TEXELS; i++) {
        if (!atlas->face.covered[i])
            continue;
        const VvVec p = atlas->face.position[i];
        const int group = wrinkle_group(p), of = height_of[group];
        if (!group)
            continue;
        const float here = wrinkle_height(of, p);
        const VvVec slope = vec(wrinkle_height(of, vec(p.x + step, p.y, p.z)) - here,
                                wrinkle_height(of, vec(p.x, p.y + step, p.z)) - here,
                                wrinkle_height(of, vec(p.x, p.y, p.z + step)) - here);
        set_slope(&atlas->wrinkle[i], slope, 0.16f / step * 127);
        atlas->wrinkle[i].group = (uint8_t)group;
    }
}

/* ---- the whole ------------------------------------------------------------------------------------------------ */

static void find_landmarks(VvAtlas *atlas, const VvAsset *asset) {
    for (int l = 0; l < VV_LANDMARKS; l++)
        for (int t = 0; t < asset->triangles; t++)
            for (int k = 0; k < 3 && asset->part[t] == VV_PART_FACE; k++)
                if (asset->corner[t][k] == asset->landmark[l])
                    memcpy(atlas->landmark[l], asset->uv[asset->texel[t][k]], sizeof atlas->landmark[l]);
}

VvAtlas *vv_atlas_open(const VvAsset *asset) {
    VvAtlas *atlas = calloc(1, sizeof *atlas);
    if (!atlas)
        return NULL;
    const size_t texels = (size_t)VV_FACE_TEXELS * VV_FACE_TEXELS;
    atlas->asset = asset;
    atlas->lip = calloc(texels, sizeof *atlas->lip);
    atlas->wrinkle = calloc(texels, sizeof *atlas->wrinkle);
    if (!atlas->lip || !atlas->wrinkle || !open_sheet(&atlas->face, asset, VV_PART_FACE, VV_FACE_TEXELS, 0) ||
        !open_sheet(&atlas->head, asset, VV_PART_HEAD, VV_HEAD_TEXELS, 1)) {
        vv_atlas_close(&atlas);
        return NULL;
    }
    find_landmarks(atlas, asset);
    find_lips(atlas);
    find_wrinkles(atlas);
    return atlas;
}

void vv_atlas_close(VvAtlas **atlas) {
    if (!*atlas)
        return;
    close_sheet(&(*atlas)->face);
    close_sheet(&(*atlas)->head);
    free((*atlas)->lip);
    free((*atlas)->wrinkle);
    free(*atlas);
    *atlas = NULL;
}

bool vv_atlas_bind(const VvAtlas *atlas, float u, float v, uint16_t vertex[3], float weight[3]) {
    const int x = (int)(u * VV_FACE_TEXELS), y = (int)(v * VV_FACE_TEXELS);
    if (x < 0 || y < 0 || x >= VV_FACE_TEXELS || y >= VV_FACE_TEXELS)
        return false;
    const int t = atlas->face.triangle[y * VV_FACE_TEXELS + x];
    float cx[3], cy[3];
    if (t < 0)
        return false;
    corners_uv(atlas->asset, t, cx, cy);
    memcpy(vertex, atlas->asset->corner[t], 3 * sizeof *vertex);
    return weights_of(cx, cy, u, v, weight);
}
