/* Draws frames: pose, light, samples, colours, bristles, pixels. */
#include "weights/performer/render.h"
#include "weights/performer/background.h"
#include "weights/performer/cloth.h"
#include "weights/performer/performer.h"
#include "weights/performer/raster.h"
#include "weights/performer/shade.h"

#include <stdlib.h>
#include <string.h>

enum { SIZE_MAX_PIXELS = 512, SAMPLES_MAX = 16, BUCKETS = 6 };

struct VvRenderer {
    VvFilm film;
    VvGrid grid;
    VvFigure figure;
    VvLight light;
    VvStage stage;
    VvVec *projected, *ambient;
    float *lit, *x, *y, *z, *shadow;
    VvVec *hair_world, *hair_colour;
    uint8_t *hair_shaded;
    int *hair_order;
    float *picture; /* [size * size * 3] linear; red below 0: nothing but background */
};

/* ---- opening and closing -------------------------------------------------------------------------------------- */

VvStudio *vv_studio_open(const char *asset_path, char *error, size_t error_size) {
    VvStudio *studio = calloc(1, sizeof *studio);
    if (!studio)
        return NULL;
    studio->asset = vv_asset_open(asset_path, error, error_size);
    if (!studio->asset)
        goto failed;
    studio->atlas = vv_atlas_open(studio->asset);
    if (!studio->atlas || !vv_bristles_add_lashes(&studio->lashes, studio->atlas)) {
        if (error_size > 0)
            error[0] = '\0';
        goto failed;
    }
    return studio;
failed:
    vv_studio_close(&studio);
    return NULL;
}

void vv_studio_close(VvStudio **studio) {
    if (!*studio)
        return;
    vv_atlas_close(&(*studio)->atlas);
    vv_asset_close(&(*studio)->asset);
    free(*studio);
    *studio = NULL;
}

const VvAsset *vv_studio_asset(const VvStudio *studio) {
    return studio->asset;
}

static bool prepare(VvPerformer *p) {
    const VvAtlas *atlas = p->studio->atlas;
    const VvAsset *asset = p->studio->asset;
    float *brow = calloc((size_t)VV_FACE_TEXELS * VV_FACE_TEXELS, sizeof *brow);
    bool ok = brow && vv_mesh_open(&p->mesh, asset, &p->identity) && vv_cloth_open(&p->mesh, asset, &p->identity);
    if (ok) {
        vv_mesh_normals(&p->mesh, p->mesh.rest, p->mesh.normal);
        p->bristles = p->studio->lashes;
        vv_bristles_add_brows(&p->bristles, atlas, &p->identity, brow);
        ok = vv_texture_open(&p->texture, atlas, &p->identity, brow) &&
             vv_hair_open(&p->hair, &p->mesh, asset, &p->identity) &&
             vv_transfer_open(&p->transfer, &p->mesh, asset, &p->hair);
        if (ok && p->size == 256)
            vv_texture_halve(&p->texture);
    }
    free(brow);
    return ok;
}

VvPerformer *vv_performer_open(const VvStudio *studio, const VvIdentity *identity, const VvScene *scene, int size) {
    const size_t pixels = (size_t)size * (size_t)size;
    VvPerformer *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->studio = studio;
    p->identity = *identity;
    p->scene = *scene;
    p->size = size;
    p->exposure = scene->exposure * mix(0.88f, 1.2f, identity->tone);
    p->background = calloc(pixels * 3, sizeof *p->background);
    p->background_rgb = calloc(pixels * 3, 1);
    if (!p->background || !p->background_rgb || !prepare(p)) {
        vv_performer_close(&p);
        return NULL;
    }
    VvFilm film;
    vv_film_open(&film);
    vv_background_draw(scene, size, p->background);
    for (size_t i = 0; i < pixels; i++)
        vv_film_expose(&film, p->background + 3 * i, p->exposure, p->background_rgb + 3 * i);
    return p;
}

void vv_performer_close(VvPerformer **performer) {
    VvPerformer *p = *performer;
    if (!p)
        return;
    vv_mesh_close(&p->mesh);
    vv_hair_close(&p->hair);
    vv_texture_close(&p->texture);
    vv_transfer_close(&p->transfer);
    free(p->background);
    free(p->background_rgb);
    free(p);
    *performer = NULL;
}

const VvHair *vv_performer_hair(const VvPerformer *performer) {
    return &performer->hair;
}

const VvIdentity *vv_performer_identity(const VvPerformer *performer) {
    return &performer->identity;
}

VvRenderer *vv_renderer_open(void) {
    const size_t vertices = VV_MESH_VERTICES_MAX;
    VvRenderer *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->figure.posed = calloc(vertices, sizeof *r->figure.posed);
    r->figure.world = calloc(vertices, sizeof *r->figure.world);
    r->figure.normal = calloc(vertices, sizeof *r->figure.normal);
    r->projected = calloc(vertices, sizeof *r->projected);
    r->ambient = calloc(vertices, sizeof *r->ambient);
    r->lit = calloc(vertices, sizeof *r->lit);
    r->x = calloc(vertices, sizeof *r->x);
    r->y = calloc(vertices, sizeof *r->y);
    r->z = calloc(vertices, sizeof *r->z);
    r->shadow = calloc((size_t)VV_SHADOW_SIZE * VV_SHADOW_SIZE, sizeof *r->shadow);
    r->hair_world = calloc(VV_HAIR_POINTS_MAX, sizeof *r->hair_world);
    r->hair_colour = calloc(VV_HAIR_POINTS_MAX, sizeof *r->hair_colour);
    r->hair_shaded = calloc(VV_HAIR_POINTS_MAX, 1);
    r->hair_order = calloc(VV_HAIR_STRANDS_MAX, sizeof *r->hair_order);
    r->picture = calloc((size_t)SIZE_MAX_PIXELS * SIZE_MAX_PIXELS * 3, sizeof *r->picture);
    if (!vv_grid_open(&r->grid) || !r->figure.posed || !r->figure.world || !r->figure.normal || !r->projected ||
        !r->ambient || !r->lit || !r->x || !r->y || !r->z || !r->shadow || !r->hair_world || !r->hair_colour ||
        !r->hair_shaded || !r->hair_order || !r->picture)
        vv_renderer_close(&r);
    else
        vv_film_open(&r->film);
    return r;
}

void vv_renderer_close(VvRenderer **renderer) {
    VvRenderer *r = *renderer;
    if (!r)
        return;
    vv_grid_close(&r->grid);
    free(r->figure.posed);
    free(r->figure.world);
    free(r->figure.normal);
    free(r->projected);
    free(r->ambient);
    free(r->lit);
    free(r->x);
    free(r->y);
    free(r->z);
    free(r->shadow);
    free(r->hair_world);
    free(r->hair_colour);
    free(r->hair_shaded);
    free(r->hair_order);
    free(r->picture);
    free(r);
    *renderer = NULL;
}

bool vv_frame_open(VvFrame *frame, int size) {
    const size_t pixels = (size_t)size * (size_t)size;
    memset(frame, 0, sizeof *frame);
    frame->size = size;
    frame->rgb = calloc(pixels * 3, 1);
    frame->face = calloc(pixels, 1);
    frame->lip = calloc(pixels, 1);
    frame->hair = calloc(pixels, 1);
    return frame->rgb && frame->face && frame->lip && frame->hair;
}

void vv_frame_close(VvFrame *frame) {
    free(frame->rgb);
    free(frame->face);
    free(frame->lip);
    free(frame->hair);
    memset(frame, 0, sizeof *frame);
}

/* ---- hair ----------------------------------------------------------------------------------------------------- */

VV_FAST static void place_hair(VvRenderer *r, const VvHair *hair, const VvSway *sway) {
    const VvBones *bones = &r->figure.bones;
    for (int s = 0; s < hair->strands; s++) {
        const VvVec swing = sway ? sway->offset[hair->clump[s]] : vec(0, 0, 0);
        for (int i = hair->first[s]; i < hair->first[s + 1]; i++) {
            const VvVec p = vv_bones_place(bones, hair->point[i], hair->head_weight[i]);
            r->hair_world[i] = along(p, swing, square(hair->along[i]));
        }
    }
}

static VvVec colour_of(VvRenderer *r, const VvHair *hair, int strand, int i) {
    if (!r->hair_shaded[i]) {
        const VvVec before = r->hair_world[maxi(i - 1, hair->first[strand])];
        const VvVec after = r->hair_world[mini(i + 1, hair->first[strand + 1] - 1)];
        r->hair_colour[i] = vv_shade_hair(&r->stage, r->hair_world[i], unit(sub(after, before)), hair->along[i],
                                          hair->colour[strand], hair->visible[i]);
        r->hair_shaded[i] = 1;
    }
    return r->hair_colour[i];
}

static void draw_strand(VvRenderer *r, const VvHair *hair, int strand, bool even) {
    const int first = hair->first[strand], last = hair->first[strand + 1] - 1;
    VvVec from = vv_grid_project(r->hair_world[first]);
    for (int i = first + 1; i <= last; i++) {
        const VvVec to = vv_grid_project(r->hair_world[i]);
        if (vv_grid_may_see(&r->grid, from, to)) {
            const float t = hair->along[i], width = hair->width[strand] * (even ? 1 : 1.05f - 0.55f * t * t);
            const VvVec from_colour = colour_of(r, hair, strand, i - 1), to_colour = colour_of(r, hair, strand, i);
            vv_grid_strand(&r->grid, from, from_colour, to, to_colour, width);
        }
        from = to;
    }
}

/* Strands from front to back in a few buckets: between buckets the grid notes what is hidden by now. */
static void draw_hair(VvRenderer *r, const VvPerformer *p) {
    static const float nearer_than[BUCKETS - 1] = {5, 2, -1, -4, -7};
    const VvHair *hair = &p->hair;
    int count[BUCKETS + 1] = {0}, next[BUCKETS];
    memset(r->hair_shaded, 0, (size_t)hair->points);
    for (int pass = 0; pass < 2; pass++) {
        for (int s = 0; s < hair->strands; s++) {
            const float z = r->hair_world[(hair->first[s] + hair->first[s + 1]) / 2].z;
            int b = 0;
            while (b < BUCKETS - 1 && z <= nearer_than[b])
                b++;
            if (pass == 0)
                count[b + 1]++;
            else
                r->hair_order[next[b]++] = s;
        }
        for (int b = 0; b < BUCKETS && pass == 0; b++) {
            count[b + 1] += count[b];
            next[b] = count[b];
        }
    }
    for (int b = 0; b < BUCKETS; b++) {
        vv_grid_note(&r->grid);
        for (int k = count[b]; k < count[b + 1]; k++)
            draw_strand(r, hair, r->hair_order[k], p->identity.style == VV_HAIR_BUZZ);
    }
}

/* ---- pixels --------------------------------------------------------------------------------------------------- */

/* What a pixel's samples add up to. */
typedef struct Sum {
    VvVec colour;
    int face, lip, hair;
} Sum;

/* Samples of one part at about one depth are shaded once, at their middle. */
static void shade_group(const VvRenderer *r, const VvPerformer *p, const uint32_t *id, const float *depth, int count,
                        int k, const float (*at)[2], uint32_t *done, Sum *sum) {
    const int part = p->mesh.part[id[k]];
    const float distance = 1 / depth[k];
    float x = 0, y = 0;
    int members = 0;
    for (int j = k; j < count; j++) {
        if (*done >> j & 1u || id[j] & VV_SAMPLE_HAIR || p->mesh.part[id[j]] != part ||
            fabsf(1 / depth[j] - distance) >= 0.35f)
            continue;
        *done |= 1u << j;
        x += at[j][0];
        y += at[j][1];
        members++;
    }
    const VvSpot spot = {(int)id[k], x / (float)members, y / (float)members};
    const VvShaded shaded = vv_shade(&r->stage, &spot);
    sum->colour = along(sum->colour, shaded.colour, (float)members);
    sum->face += shaded.face ? members : 0;
    sum->lip += shaded.lip ? members : 0;
}

/* `per` samples a side: a constant where this is inlined. */
VV_INLINE void resolve_pixel(VvRenderer *r, const VvPerformer *p, VvFrame *frame, int px, int py, int per) {
    const int count = per * per, n = py * frame->size + px;
    uint32_t id[SAMPLES_MAX], all = VV_SAMPLE_NONE, done = 0;
    bool same = true;
    float depth[SAMPLES_MAX], at[SAMPLES_MAX][2], *out = r->picture + 3 * (size_t)n;
    for (int k = 0; k < count; k++) {
        const int x = px * per + k % per, y = py * per + k / per;
        const size_t i = (size_t)y * VV_GRID_ROW + (size_t)x;
        id[k] = r->grid.id[i];
        depth[k] = r->grid.depth[i];
        at[k][0] = (float)x + 0.5f;
        at[k][1] = (float)y + 0.5f;
        all &= id[k];
        same &= id[k] == id[0];
    }
    if (all == VV_SAMPLE_NONE) {
        out[0] = -1;
        frame->face[n] = frame->lip[n] = frame->hair[n] = 0;
        return;
    }
    Sum sum = {.colour = vec(0, 0, 0)};
    if (same && !(id[0] & VV_SAMPLE_HAIR)) { /* well inside a triangle */
        const VvSpot spot = {(int)id[0], ((float)px + 0.5f) * (float)per, ((float)py + 0.5f) * (float)per};
        const VvShaded shaded = vv_shade(&r->stage, &spot);
        out[0] = shaded.colour.x;
        out[1] = shaded.colour.y;
        out[2] = shaded.colour.z;
        frame->face[n] = shaded.face ? 255 : 0;
        frame->lip[n] = shaded.lip ? 255 : 0;
        frame->hair[n] = 0;
        return;
    }
    for (int k = 0; k < count; k++) {
        if (done >> k & 1u)
            continue;
        if (id[k] == VV_SAMPLE_NONE) {
            const float *back = p->background + 3 * (size_t)n;
            sum.colour = add(sum.colour, vec(back[0], back[1], back[2]));
        } else if (id[k] & VV_SAMPLE_HAIR) {
            sum.colour = add(sum.colour, vv_hair_sample(id[k]));
            sum.hair++;
        } else {
            shade_group(r, p, id, depth, count, k, (const float(*)[2])at, &done, &sum);
        }
    }
    const float per_sample = 1 / (float)count;
    out[0] = sum.colour.x * per_sample;
    out[1] = sum.colour.y * per_sample;
    out[2] = sum.colour.z * per_sample;
    frame->face[n] = (uint8_t)(sum.face * 255 / count);
    frame->lip[n] = (uint8_t)(sum.lip * 255 / count);
    frame->hair[n] = (uint8_t)(sum.hair * 255 / count);
}

VV_FAST static void resolve_picture(VvRenderer *r, const VvPerformer *p, VvFrame *frame) {
    for (int y = 0; y < frame->size; y++)
        for (int x = 0; x < frame->size; x++) {
            if (frame->size == 256)
                resolve_pixel(r, p, frame, x, y, 4);
            else
                resolve_pixel(r, p, frame, x, y, 2);
        }
}

/* From light to pixels. */
VV_FAST static void expose_picture(const VvRenderer *r, const VvPerformer *p, VvFrame *frame) {
    for (size_t i = 0; i < (size_t)frame->size * (size_t)frame->size; i++) {
        if (r->picture[3 * i] < 0)
            memcpy(frame->rgb + 3 * i, p->background_rgb + 3 * i, 3);
        else
            vv_film_expose(&r->film, r->picture + 3 * i, p->exposure, frame->rgb + 3 * i);
    }
}

/* ---- bristles ------------------------------------------------------------------------------------------------- */

static VvVec bristle_point(const VvRenderer *r, const VvBristle *b, int k) {
    VvVec p = vec(0, 0, 0), n = p;
    for (int i = 0; i < 3; i++) {
        p = along(p, r->figure.world[b->vertex[k][i]], b->weight[k][i]);
        n = along(n, r->figure.normal[b->vertex[k][i]], b->weight[k][i]);
    }
    return along(p, unit(n), b->lift[k]);
}

/* Blends a colour into the four pixels around a place, where nothing is before it. */
static void dab(VvRenderer *r, int size, VvVec at, VvVec colour, float opacity) {
    const int per = VV_GRID / size;
    const float x = at.x / (float)per - 0.5f, y = at.y / (float)per - 0.5f;
    if (!(x >= 0 && y >= 0 && x < (float)(size - 1) && y < (float)(size - 1)))
        return;
    const int left = (int)x, top = (int)y;
    const float fx = x - (float)left, fy = y - (float)top;
    for (int k = 0; k < 4; k++) {
        const int px = left + (k & 1), py = top + (k >> 1);
        const size_t sample = (size_t)(py * per + per / 2) * VV_GRID_ROW + (size_t)(px * per + per / 2);
        float *out = r->picture + 3 * (size_t)(py * size + px);
        if (at.z * 1.0009f < r->grid.depth[sample] || out[0] < 0)
            continue;
        const float a = opacity * (k & 1 ? fx : 1 - fx) * (k >> 1 ? fy : 1 - fy);
        out[0] += (colour.x - out[0]) * a;
        out[1] += (colour.y - out[1]) * a;
        out[2] += (colour.z - out[2]) * a;
    }
}

static void draw_bristles(VvRenderer *r, const VvPerformer *p, int size) {
    const float pixels = (float)size / VV_GRID, fine = (float)size / 512.0f;
    const VvVec lash = vec(0.006f, 0.005f, 0.004f);
    for (int n = 0; n < p->bristles.count; n++) {
        const VvBristle *b = &p->bristles.bristle[n];
        const bool brow = b->kind == VV_BRISTLE_BROW;
        const uint16_t v = b->vertex[0][0];
        const VvVec light = add(scale(p->scene.key_colour, 0.6f * r->lit[v]), r->ambient[v]);
        const VvVec colour = brow ? tint(p->identity.brow, light) : lash;
        const float base = b->strength * fine * (brow ? 1 : p->identity.feminine ? 1.15f : 0.65f);
        VvVec from = vv_grid_project(bristle_point(r, b, 0));
        for (int k = 1; k < VV_BRISTLE_POINTS; k++) {
            const VvVec to = vv_grid_project(bristle_point(r, b, k));
            const float dx = (to.x - from.x) * pixels, dy = (to.y - from.y) * pixels;
            const int steps = (int)minf(64, maxf(fabsf(dx), fabsf(dy))) + 1;
            const float opacity = base * (1 - 0.2f * (float)(k - 1)) * sqrtf(dx * dx + dy * dy) / (float)steps;
            for (int i = 0; i < steps; i++)
                dab(r, size, blend(from, to, ((float)i + 0.5f) / (float)steps), colour, minf(opacity, 1));
            from = to;
        }
    }
}

/* ---- truth ---------------------------------------------------------------------------------------------------- */

/* Whether nothing is nearer than this point: some sample around it must be as deep, and no hair. */
static bool is_visible(const VvRenderer *r, VvVec p) {
    const float slack = 0.7f; /* cm */
    for (int k = 0; k < 9; k++) {
        const int right = k % 3 - 1, down = k / 3 - 1;
        const float x = p.x + (float)right * 2, y = p.y + (float)down * 2;
        if (!(x >= 0 && y >= 0 && x < VV_GRID && y < VV_GRID))
            continue;
        const size_t sample = (size_t)y * VV_GRID_ROW + (size_t)x;
        const float depth = r->grid.depth[sample];
        if (depth > 0 && !(r->grid.id[sample] & VV_SAMPLE_HAIR) && 1 / p.z < 1 / depth + slack)
            return true;
    }
    return false;
}

static void tell_truth(const VvRenderer *r, const VvPerformer *p, VvFrame *frame) {
    static const int lids[2][2][2] = {{{43, 47}, {44, 46}}, {{37, 41}, {38, 40}}};
    static const int lips[3][2] = {{61, 67}, {62, 66}, {63, 65}};
    const uint16_t *landmark = p->studio->asset->landmark;
    const float pixels = (float)frame->size / VV_GRID;
    for (int l = 0; l < VV_LANDMARKS; l++) {
        const VvVec at = r->projected[landmark[l]];
        frame->landmark[l][0] = at.x * pixels;
        frame->landmark[l][1] = at.y * pixels;
        frame->visible[l] = is_visible(r, at);
    }
    const VvVec *posed = r->figure.posed;
    for (int e = 0; e < 2; e++) {
        const VvVec iris = vv_grid_project(along(r->figure.eye[e], r->figure.gaze[e], 1.06f * p->mesh.eye_radius[e]));
        frame->iris[e][0] = iris.x * pixels;
        frame->iris[e][1] = iris.y * pixels;
        frame->lid_gap[e] = 0;
        for (int k = 0; k < 2; k++)
            frame->lid_gap[e] += 0.5f * (posed[landmark[lids[e][k][0]]].y - posed[landmark[lids[e][k][1]]].y);
    }
    frame->lip_gap = 0;
    for (int k = 0; k < 3; k++)
        frame->lip_gap += (posed[landmark[lips[k][0]]].y - posed[landmark[lips[k][1]]].y) / 3;
}

/* ---- a frame -------------------------------------------------------------------------------------------------- */

/* What must not pierce what is before it is pushed back a little: eyeballs behind lids, the mouth's socket behind lips.
 */
static void project(VvRenderer *r, const VvMesh *mesh) {
    for (int i = 0; i < mesh->vertices; i++)
        r->projected[i] = vv_grid_project(r->figure.world[i]);
    for (int i = VV_EYE_L_FROM; i < VV_EYES_TO; i++)
        r->projected[i].z *= 0.9982f;
    for (int i = VV_MOUTH_FROM; i < VV_MOUTH_TO; i++)
        r->projected[i].z *= 0.9980f;
}

static void light_person(VvRenderer *r, const VvPerformer *p, const VvPose *pose) {
    const VvMesh *mesh = &p->mesh;
    vv_light_turn(&r->light, &p->scene, &r->figure.bones.head);
    vv_light_ambient(&r->light, &p->transfer, mesh, pose, r->ambient);
    vv_light_aim(&r->light, r->shadow);
    vv_depth_draw(&r->light.key, mesh, r->figure.world, r->x, r->y, r->z);
    for (int s = 0; s < p->hair.strands; s++)
        vv_depth_strand(&r->light.key, r->hair_world + p->hair.first[s], p->hair.first[s + 1] - p->hair.first[s]);
    vv_light_shadows(&r->light, mesh, &r->figure, r->lit);
}

void vv_render(VvRenderer *r, const VvPerformer *p, const VvSway *sway, const VvPose *pose, VvFrame *frame) {
    frame->pose = *pose;
    vv_pose_lids(&frame->pose);
    vv_skin(&r->figure, &p->mesh, p->studio->asset, &frame->pose);
    place_hair(r, &p->hair, sway);
    light_person(r, p, &frame->pose);
    project(r, &p->mesh);
    r->stage = (VvStage){.performer = p,
                         .figure = &r->figure,
                         .light = &r->light,
                         .projected = r->projected,
                         .ambient = r->ambient,
                         .lit = r->lit,
                         .relief = frame->size < 512 ? 0.42f : 0.50f};
    vv_stage_set(&r->stage, &frame->pose);
    vv_grid_clear(&r->grid);
    vv_grid_mesh(&r->grid, &p->mesh, r->projected, r->stage.mouth_area < 0.02f);
    draw_hair(r, p);
    resolve_picture(r, p, frame);
    draw_bristles(r, p, frame->size);
    expose_picture(r, p, frame);
    tell_truth(r, p, frame);
}
