/* Cuts garments.
 *
 * All layers share one torso: nine rings from the neck to below the picture, as functions of angle (0 in front, towards
 * the subject's left). Where a ring would cut into the neck, a map of the neck's radius by height and angle pushes it
 * out. What lies on top (collars, lapels, ribbed edges) is laid over the layers below by looking at them from above and
 * from the front, as gravity and the chest would have it. */
#include "weights/performer/cloth.h"
#include "weights/performer/chance.h"
#include "weights/performer/depth.h"

#include <stdlib.h>
#include <string.h>

#define AXIS_Z (-1.2f) /* the neck's axis */
#define NECK_ROWS 64
#define NECK_COLUMNS 96
#define NECK_LOW (-22.0f)
#define NECK_PER_CM 4.0f
#define MAP_SIZE 256
#define MAP_HALF 26.0f
#define RINGS 9
#define ROWS 44
#define COLUMNS 112

/* A neckline: heights at the side, in front and behind, and how sharply the front dips. */
typedef struct Neckline {
    float side, front, back, dip;
} Neckline;

/* rx: half width; front, back: z; then heights at side, front, back (rings 0 and 1 take theirs from the neckline). */
typedef struct Ring {
    float rx, front, back, y_side, y_front, y_back;
} Ring;

typedef struct Tailor {
    VvMesh *mesh;
    const VvIdentity *identity;
    VvVec folds; /* where in the noise this garment's folds are */
    Ring ring[RINGS];
    Neckline neckline;
    float neck[NECK_ROWS][NECK_COLUMNS];
    VvDepthMap top, front;
    float top_depth[MAP_SIZE * MAP_SIZE], front_depth[MAP_SIZE * MAP_SIZE];
    float x[VV_MESH_VERTICES_MAX], y[VV_MESH_VERTICES_MAX], z[VV_MESH_VERTICES_MAX];
    float uv[VV_MESH_VERTICES_MAX][2]; /* of cloth vertices */
} Tailor;

static const Ring torso_rings[RINGS] = {
    {6.9f, 3.3f, -6.7f, 0, 0, 0},
    {7.35f, 4.2f, -7.3f, 0, 0, 0},
    {8.3f, 4.9f, -8.0f, -12, -15, -11},
    {13.2f, 6.0f, -9.6f, -13.2f, -18, -12.8f},
    {18.2f, 7.3f, -10.6f, -15.6f, -22, -17},
    {21.3f, 8.2f, -11, -18.6f, -26, -22},
    {22.8f, 8.6f, -11, -23.5f, -31, -27},
    {23.3f, 8.8f, -11, -31, -38, -34},
    {23.5f, 8.8f, -11, -48, -50, -48},
};

static const Neckline crew = {-10.9f, -13.7f, -9.9f, 1.7f}, turtle = {-8.6f, -10.6f, -7.6f, 1.7f};
static const Neckline shirt_open = {-10.6f, -16.6f, -9.6f, 2.4f}, shirt_closed = {-11.3f, -13.2f, -10.3f, 1.7f};
static const Neckline jacket = {-10.7f, -14.0f, -9.3f, 1.7f};

static float height(float cosine, float side, float front, float back, float dip) {
    return cosine > 0 ? mix(side, front, powf(cosine, dip)) : mix(side, back, -cosine);
}

static float neckline_at(const Neckline *n, float angle) {
    return height(cosf(angle), n->side, n->front, n->back, n->dip);
}

/* ---- the neck's radius ---------------------------------------------------------------------------------------- */

static void splat_neck(Tailor *t, VvVec p) {
    const int row = (int)((p.y - NECK_LOW) * NECK_PER_CM);
    const int column = (int)((atan2f(p.x, p.z - AXIS_Z) / (2 * VV_PI) + 0.5f) * NECK_COLUMNS);
    if (p.y < NECK_LOW || row >= NECK_ROWS)
        return;
    float *r = &t->neck[row][mini(column, NECK_COLUMNS - 1)];
    *r = maxf(*r, hypotf(p.x, p.z - AXIS_Z));
}

/* Mean of the cells around one that hold something; `hollow`: only for cells that hold nothing. */
static void spread_neck(Tailor *t, bool hollow) {
    static const int around[3] = {-1, 0, 1};
    float before[NECK_ROWS][NECK_COLUMNS];
    memcpy(before, t->neck, sizeof before);
    for (int y = 0; y < NECK_ROWS; y++)
        for (int x = 0; x < NECK_COLUMNS; x++) {
            float sum = 0;
            int count = 0;
            for (int k = 0; k < 9; k++) {
                const int row = y + around[k / 3], column = (x + around[k % 3] + NECK_COLUMNS) % NECK_COLUMNS;
                if (row >= 0 && row < NECK_ROWS && before[row][column] > 0) {
                    sum += before[row][column];
                    count++;
                }
            }
            if (count > 0 && (!hollow || before[y][x] == 0))
                t->neck[y][x] = sum / (float)count;
        }
}

static void measure_neck(Tailor *t) {
    const VvMesh *mesh = t->mesh;
    memset(t->neck, 0, sizeof t->neck);
    for (int i = 0; i < mesh->head_triangles; i++) {
        if (mesh->part[i] > VV_PART_HEAD)
            continue;
        const VvVec a = mesh->rest[mesh->corner[i][0]], b = mesh->rest[mesh->corner[i][1]],
                    c = mesh->rest[mesh->corner[i][2]];
        if (a.y > -7 || (a.y > -9 && a.z > 6.2f)) /* the head, the chin */
            continue;
        for (int u = 0; u <= 8; u++)
            for (int v = 0; v <= 8 - u; v++)
                splat_neck(t,
                           add(add(scale(a, (float)u / 8), scale(b, (float)v / 8)), scale(c, (float)(8 - u - v) / 8)));
    }
    for (int i = 0; i < 6; i++)
        spread_neck(t, i < 4);
}

static float neck_radius(const Tailor *t, float y, float angle) {
    const float row = clamp((y - NECK_LOW) * NECK_PER_CM - 0.5f, 0, NECK_ROWS - 1.01f);
    float column = (angle / (2 * VV_PI) + 0.5f) * NECK_COLUMNS - 0.5f;
    column = column < 0 ? column + NECK_COLUMNS : column;
    const int r = (int)row, c = (int)column % NECK_COLUMNS, next = (c + 1) % NECK_COLUMNS;
    const float fr = row - (float)r, fc = column - floorf(column);
    return mix(mix(t->neck[r][c], t->neck[r][next], fc), mix(t->neck[r + 1][c], t->neck[r + 1][next], fc), fr);
}

/* Draws shoulders in that begin too high for any neckline: garments are cut for a neck that widens no faster. */
static void slim_shoulders(Tailor *t) {
    VvMesh *mesh = t->mesh;
    const float neck = 0.5f * (neck_radius(t, -8, VV_PI / 2) + neck_radius(t, -8, -VV_PI / 2));
    for (int i = 0; i < VV_SKIN_VERTICES; i++) {
        VvVec *p = &mesh->rest[i];
        const float most = neck + 0.6f + 0.42f * maxf(0, -8.0f - p->y), over = fabsf(p->x) - most;
        if (over > 0)
            p->x = copysignf(most + 0.12f * over, p->x) * ramp(-7.5f, -9, p->y) + p->x * ramp(-9, -7.5f, p->y);
    }
    measure_neck(t);
}

/* ---- the torso ------------------------------------------------------------------------------------------------ */

static float spline(float before, float a, float b, float after, float t) {
    return 0.5f * (2 * a + (b - before) * t + (2 * before - 5 * a + 4 * b - after) * t * t +
                   (3 * a - before - 3 * b + after) * t * t * t);
}

static Ring ring_at(const Tailor *t, float row) {
    const int i = mini((int)row, RINGS - 2);
    const float f = row - (float)i;
    float out[6], r[4][6];
    for (int k = 0; k < 4; k++)
        memcpy(r[k], &t->ring[maxi(0, mini(RINGS - 1, i + k - 1))], sizeof r[k]);
    for (int k = 0; k < 6; k++)
        out[k] = i < 2 ? mix(r[1][k], r[2][k], f) : spline(r[0][k], r[1][k], r[2][k], r[3][k], f);
    return (Ring){out[0], out[1], out[2], out[3], out[4], out[5]};
}

/* Keeps a point of the torso off the neck: the neckline's rim rolls in, the rest stays `lift` outside. */
static VvVec clear_neck(const Tailor *t, VvVec p, float row, float lift) {
    const float r = hypotf(p.x, p.z - AXIS_Z), neck = neck_radius(t, p.y, atan2f(p.x, p.z - AXIS_Z));
    float want = maxf(r + lift, neck + 0.35f + lift);
    const float rim = neck + 0.22f + 1.1f * lift; /* outer layers leave room for a collar below them */
    if (row < 1)
        want = mix(neck - 0.3f + 1.3f * lift, rim, row);
    else if (row < 2)
        want = maxf(mix(rim, r + lift, ramp(1.2f, 2, row)), rim + 0.06f);
    if (r < 0.1f)
        return p;
    return vec(p.x * want / r, p.y + lift * 0.6f * ramp(1.0f, 2.5f, row), (p.z - AXIS_Z) * want / r + AXIS_Z);
}

/* The torso at a row (0 the neckline's inside .. 8 below the picture) and an angle; `lift` cm further out. */
static VvVec torso(const Tailor *t, float row, float angle, float lift) {
    const Ring ring = ring_at(t, row);
    const float c = cosf(angle), s = sinf(angle), edge = neckline_at(&t->neckline, angle);
    const Ring *yoke = &t->ring[2];
    float y = height(c, ring.y_side, ring.y_front, ring.y_back, 1.7f);
    if (row < 1)
        y = mix(edge - 0.5f, edge + 0.25f, row);
    else if (row < 2)
        y = mix(edge + 0.25f, minf(edge - 0.6f, height(c, yoke->y_side, yoke->y_front, yoke->y_back, 1.7f)),
                square(row - 1) * 0.6f + (row - 1) * 0.4f);
    else
        y = minf(y, mix(edge - 0.6f, y, clamp01(row - 2)) - 0.3f * (row - 2));
    const float squareness = row < 2 ? 1 : mix(1, 0.86f, ramp(0, 1, (row - 2) / 2));
    const float sx = copysignf(powf(fabsf(s), squareness), s), cz = copysignf(powf(fabsf(c), squareness), c);
    VvVec p = vec(ring.rx * sx, y, c > 0 ? ring.front * cz + AXIS_Z * (1 - cz) : -ring.back * cz + AXIS_Z * (1 + cz));
    if (row >= 2) {
        const float fold = clouds(add(vec(p.x * 0.16f, p.y * 0.10f, p.z * 0.16f), t->folds), 3);
        p = along(p, unit(vec(p.x * 0.5f, 2, p.z)), fold * 1.6f * clamp01((row - 2) / 2));
    }
    return clear_neck(t, p, row, lift);
}

/* ---- sheets of cloth ------------------------------------------------------------------------------------------ */

static int put(Tailor *t, VvVec p, float u, float v) {
    VvMesh *mesh = t->mesh;
    const int n = mini(mesh->vertices, VV_MESH_VERTICES_MAX - 1);
    mesh->rest[n] = p;
    mesh->head_weight[n] = 0;
    t->uv[n][0] = u;
    t->uv[n][1] = v;
    mesh->vertices = n + 1;
    return n;
}

static void put_triangle(Tailor *t, int part, int a, int b, int c) {
    VvMesh *mesh = t->mesh;
    if (mesh->triangles >= VV_MESH_TRIANGLES_MAX)
        return;
    const int n = mesh->triangles++, corner[3] = {a, b, c};
    for (int k = 0; k < 3; k++) {
        mesh->corner[n][k] = (uint16_t)corner[k];
        mesh->uv[n][2 * k] = t->uv[corner[k]][0];
        mesh->uv[n][2 * k + 1] = t->uv[corner[k]][1];
    }
    mesh->part[n] = (uint8_t)part;
}

/* Joins rows * columns vertices from `first`, row by row; `closed` joins the last column to the first. Columns go to
 * the subject's left seen from the front, rows downwards. */
static void weave(Tailor *t, int part, int first, int rows, int columns, bool closed) {
    for (int r = 0; r + 1 < rows; r++)
        for (int c = 0; c < (closed ? columns : columns - 1); c++) {
            const int a = first + r * columns + c, b = first + r * columns + (c + 1) % columns;
            put_triangle(t, part, a, a + columns, b);
            put_triangle(t, part, b, a + columns, b + columns);
        }
}

/* A whole layer around the body; uv: angle * 10 cm, row. */
static void put_body(Tailor *t, int part, const Neckline *neckline, float lift) {
    t->neckline = *neckline;
    const int first = t->mesh->vertices;
    for (int r = 0; r < ROWS; r++)
        for (int c = 0; c < COLUMNS; c++) {
            const float angle = 2 * VV_PI * (float)c / COLUMNS, row = 8.0f * (float)r / (ROWS - 1);
            put(t, torso(t, row, angle, lift), angle * 10, row);
        }
    weave(t, part, first, ROWS, COLUMNS, true);
}

/* The angle at which the torso's row is `x` away from the middle. */
static float angle_at_x(const Tailor *t, float row, float x, float lift) {
    float low = 0, high = VV_PI / 2;
    for (int i = 0; i < 12; i++) {
        const float middle = (low + high) / 2;
        if (torso(t, row, middle, lift).x < x)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* How far the edge of an open layer is from the middle at a height: beside this neck at the top. */
typedef float Opening(const Tailor *t, float y);

static float jacket_opening(const Tailor *t, float y) {
    const float widest = neck_radius(t, -11, VV_PI / 2) + 0.9f;
    return clamp(mix(widest, 0.6f, (-11.5f - y) / 15.5f), 0.6f, widest);
}
static float v_opening(const Tailor *t, float y) {
    const float widest = neck_radius(t, -11, VV_PI / 2) + 0.3f;
    return clamp(mix(widest, 0.0f, (-11.3f - y) / 7.2f), 0, widest);
}

/* The edge's angle at a row: height and angle depend on each other, a few rounds settle it. */
static float edge_angle(const Tailor *t, float row, Opening *opening, float lift) {
    float angle = 0.3f;
    for (int i = 0; i < 5; i++)
        angle = angle_at_x(t, row, opening(t, torso(t, row, angle, lift).y), lift);
    return angle;
}

/* A layer that is open in front, from one edge around the back to the other. */
static void put_open_body(Tailor *t, int part, const Neckline *neckline, Opening *opening, float lift) {
    t->neckline = *neckline;
    const int first = t->mesh->vertices;
    for (int r = 0; r < ROWS; r++) {
        const float row = 8.0f * (float)r / (ROWS - 1), edge = edge_angle(t, row, opening, lift);
        for (int c = 0; c < COLUMNS; c++) {
            const float across = (float)c / (COLUMNS - 1), angle = edge + (2 * VV_PI - 2 * edge) * across;
            VvVec p = torso(t, row, angle, lift);
            if (c == 0 || c == COLUMNS - 1) /* the edge turns in */
                p = add(p, vec(0, 0, -0.7f * lift));
            put(t, p, angle * 10, row);
        }
    }
    weave(t, part, first, ROWS, COLUMNS, false);
}

/* ---- what lies on top ----------------------------------------------------------------------------------------- */

static void look(Tailor *t) {
    vv_depth_aim(&t->top, vec(0, 1, 0), vec(0, -20, 0), MAP_HALF, MAP_SIZE, t->top_depth);
    vv_depth_aim(&t->front, vec(0, 0, 1), vec(0, -20, 0), MAP_HALF, MAP_SIZE, t->front_depth);
    /* Only cloth below the neckline matters; the head above would hide it from the top. */
    VvMesh body = *t->mesh;
    body.corner += body.head_triangles;
    body.part += body.head_triangles;
    body.hidden += body.head_triangles;
    body.triangles -= body.head_triangles;
    vv_depth_draw(&t->top, &body, body.rest, t->x, t->y, t->z);
    vv_depth_draw(&t->front, &body, body.rest, t->x, t->y, t->z);
}

/* The outermost surface at a place of a map and right beside it. */
static float highest(const VvDepthMap *map, VvVec at) {
    float most = VV_DEPTH_NONE;
    for (int k = 0; k < 9; k++) {
        const int column = k % 3 - 1, row = k / 3 - 1;
        most = maxf(most, vv_depth_at(map, at.x + (float)column * 1.3f, at.y + (float)row * 1.3f));
    }
    return most;
}

/* Lays a point onto what is below it and behind it. */
static VvVec rest_on(const Tailor *t, VvVec p, float gap) {
    const VvVec above = vv_depth_project(&t->top, p);
    const float floor = highest(&t->top, above) + t->top.centre.y + gap;
    if (p.z < 2.5f && floor > p.y && floor < p.y + 6) /* shoulders, not the chest */
        p.y = floor;
    const VvVec before = vv_depth_project(&t->front, p);
    const float wall = highest(&t->front, before) + t->front.centre.z + gap;
    if (p.z > 0 && wall > p.z && wall < p.z + 4)
        p.z = wall;
    return p;
}

/* Evens out rows of a sheet where it was laid onto something ragged; the first `keep` rows stay. */
static void smooth_sheet(Tailor *t, int first, int rows, int columns, int keep) {
    VvVec *p = t->mesh->rest + first;
    for (int r = keep; r < rows; r++)
        for (int pass = 0; pass < 14; pass++) {
            VvVec before = p[r * columns];
            for (int c = 1; c + 1 < columns; c++) {
                const VvVec here = p[r * columns + c];
                p[r * columns + c] = add(scale(here, 0.5f), scale(add(before, p[r * columns + c + 1]), 0.25f));
                before = here;
            }
        }
}

/* How a collar is cut and worn. Angles in radians on each side of the middle; the rest in cm. */
typedef struct Cut {
    float gap, stand_gap; /* where the fold ends, and the stand below it */
    float front, dip;     /* height of the fold in front, how sharply it gets there */
    float leaf, point;    /* length behind, and at the points */
    float slant;          /* how far the points lean outwards */
    float spread, flare;  /* how far the leaf stands off, behind and at the points */
    bool tucked;          /* behind, it lies under another garment */
} Cut;

static const Cut collar_closed = {0.10f, 0.0f, -12.2f, 1.7f, 3.3f, 5.6f, 0.42f, 0.1f, 1.5f, true};
static const Cut collar_open = {0.18f, 0.03f, -15.1f, 2.4f, 3.4f, 3.4f, 0.52f, 1.0f, 1.5f, false};

enum { STAND_ROWS = 3, LEAF_ROWS = 13, LEAF_COLUMNS = 121 };

/* Row r of a collar (0..2 the stand, upwards; then the leaf, downwards) at `across`: 0 at the subject's left end of the
 * fold, 1 at the right. */
static VvVec collar_point(const Tailor *t, const Cut *cut, int r, float across) {
    const float end = 1 - minf(across, 1 - across) * 2, side = across < 0.5f ? 1.0f : -1.0f;
    const float gap = r < STAND_ROWS ? cut->stand_gap : cut->gap;
    const float fold = gap + (2 * VV_PI - 2 * gap) * across;
    const float y = height(cosf(fold), -9.1f, cut->front, -7.9f, cut->dip);
    const float from_middle = fold > VV_PI ? fold - 2 * VV_PI : fold, neck = neck_radius(t, y, from_middle);
    if (r < STAND_ROWS) { /* in front its foot stays outside the chest */
        const float low = 1 - (float)r / STAND_ROWS, foot = neck_radius(t, y - 2.4f * low, from_middle);
        const float radius =
            mix(neck, maxf(neck, foot), square(low) * ramp(0.4f, 0.9f, cosf(fold))) + 0.28f + 0.17f * low;
        return vec(radius * sinf(fold), y - 2.4f * low + 0.25f, radius * cosf(fold) + AXIS_Z);
    }
    const float f = (float)(r - STAND_ROWS) / (LEAF_ROWS - STAND_ROWS - 1), near_point = ramp(0.5f, 1, end);
    const float leaf = mix(cut->leaf, cut->point, ramp(0.80f, 1, end));
    const float angle = fold + side * cut->slant * square(ramp(0.72f, 1, end)) * f;
    const float stand_off = mix(cut->spread, cut->flare, near_point);
    const float free = neck + 0.42f + minf(0.30f, 0.06f + 0.24f * stand_off) * sinf(f * VV_PI) + stand_off * f;
    const float skin = cut->tucked ? neck_radius(t, y - leaf * f, from_middle) + 0.3f : 0; /* it widens below */
    const float radius = maxf(free, skin);
    const VvVec p =
        vec(radius * sinf(angle), y + 0.25f * (1 - square(1 - f)) - leaf * f, radius * cosf(angle) + AXIS_Z);
    return cut->tucked && near_point <= 0 ? p : rest_on(t, p, 0.20f + 0.20f * f);
}

/* A shirt collar: a stand around the neck, a fold, and a leaf that comes down to two points. */
static void put_collar(Tailor *t, const Cut *cut) {
    look(t);
    const int first = t->mesh->vertices;
    for (int r = 0; r < LEAF_ROWS; r++)
        for (int c = 0; c < LEAF_COLUMNS; c++) {
            const float across = (float)c / (LEAF_COLUMNS - 1);
            const float v = r < STAND_ROWS ? -1 : 4 * (float)(r - STAND_ROWS) / (LEAF_ROWS - STAND_ROWS - 1);
            put(t, collar_point(t, cut, r, across), across * 40, v);
        }
    smooth_sheet(t, first, LEAF_ROWS, LEAF_COLUMNS, STAND_ROWS + 1);
    weave(t, VV_PART_COLLAR, first, LEAF_ROWS, LEAF_COLUMNS, false);
}

/* The rolled top of a turtleneck: a tube folded over, from inside the neck to its hem. */
static void put_roll(Tailor *t) {
    enum { ROLL_ROWS = 12, ROLL_COLUMNS = 96 };
    const int first = t->mesh->vertices;
    for (int r = 0; r < ROLL_ROWS; r++)
        for (int c = 0; c < ROLL_COLUMNS; c++) {
            const float angle = 2 * VV_PI * (float)c / ROLL_COLUMNS, f = (float)r / (ROLL_ROWS - 1);
            const float top = neckline_at(&turtle, angle) + 0.55f, down = 3.3f * maxf(0, f - 0.12f) / 0.88f;
            const float y =
                top - (f < 0.12f ? 0.8f * (0.12f - f) / 0.12f : down) + 0.10f * sinf(angle * 5 + t->folds.x);
            const float neck = neck_radius(t, minf(y, top - 0.4f), angle > VV_PI ? angle - 2 * VV_PI : angle);
            const float out = 0.20f + 0.62f * sinf(clamp01(f * 1.12f) * VV_PI * 0.86f) + 0.25f * f;
            put(t, vec((neck + out) * sinf(angle), y, (neck + out) * cosf(angle) + AXIS_Z), angle * 7, f * 3);
        }
    weave(t, VV_PART_BAND, first, ROLL_ROWS, ROLL_COLUMNS, true);
}

/* The two edges of an open layer: `width` cm of it folded outwards, by row. */
static void put_edges(Tailor *t, int part, Opening *opening, float lift, float (*width)(float y), float raise) {
    enum { ACROSS = 7, DOWN = 61 };
    for (int s = 0; s < 2; s++) {
        const float side = s ? -1.0f : 1.0f;
        const int first = t->mesh->vertices;
        for (int r = 0; r < DOWN; r++) {
            const float row = 0.8f + 7.2f * (float)r / (DOWN - 1), edge = edge_angle(t, row, opening, lift);
            const VvVec at_edge = torso(t, row, edge, lift);
            const float wide = width(at_edge.y);
            for (int c = 0; c < ACROSS; c++) {
                const float f = (float)(s ? ACROSS - 1 - c : c) / (ACROSS - 1);
                const float angle = angle_at_x(t, row, at_edge.x + wide * f, lift);
                const float roll =
                    raise * (0.35f + 0.65f * sinf(minf(1, f * 1.25f) * VV_PI * 0.5f)) * (f > 0.95f ? 0.15f : 1);
                VvVec p = torso(t, row, angle, lift);
                p = add(p, vec(0, roll * 0.3f * ramp(-0.2f, 0.8f, sinf(angle)), roll));
                p.x *= side;
                put(t, p, (float)r * 0.5f, wide * f);
            }
        }
        weave(t, part, first, DOWN, ACROSS, false);
    }
}

static float lapel_width(float y) {
    const float notch = ramp(0.7f, 0.05f, fabsf(y + 15.2f));
    return (y > -15.2f ? mix(2.6f, 3.3f, ramp(-11, -15, y)) : mix(4.2f, 1.0f, ramp(-15, -30, y))) - 1.6f * notch;
}
static float band_width(float y) {
    (void)y;
    return 1.25f;
}

/* Skin that a layer covers is not drawn; a margin below the neckline stays, so that no gap opens when the head turns.
 */
static void hide_skin(Tailor *t, const Neckline *neckline) {
    VvMesh *mesh = t->mesh;
    for (int i = 0; i < mesh->head_triangles; i++) {
        bool below = mesh->part[i] <= VV_PART_HEAD;
        for (int k = 0; k < 3 && below; k++) {
            const VvVec p = mesh->rest[mesh->corner[i][k]];
            const float edge = neckline_at(neckline, atan2f(p.x / 7, (p.z - AXIS_Z) / 6));
            below = p.y < edge - (p.y < -12.5f ? 0.8f : 1.4f);
        }
        mesh->hidden[i] = below;
    }
}

bool vv_cloth_open(VvMesh *mesh, const VvAsset *asset, const VvIdentity *identity) {
    (void)asset;
    Tailor *t = calloc(1, sizeof *t);
    if (!t)
        return false;
    t->mesh = mesh;
    t->identity = identity;
    VvChance chance = vv_chance_of(identity->seed, "cloth", 0);
    t->folds.x = vv_chance_range(&chance, 0, 40);
    t->folds.y = vv_chance_range(&chance, 0, 40);
    t->folds.z = vv_chance_range(&chance, 0, 40);
    const bool collared = vv_chance_happens(&chance, 0.5f);
    memcpy(t->ring, torso_rings, sizeof t->ring);
    measure_neck(t);
    slim_shoulders(t);
    switch (identity->garment) {
    case VV_GARMENT_SHIRT:
        put_body(t, VV_PART_CLOTH, &shirt_open, 0);
        hide_skin(t, &shirt_open);
        put_collar(t, &collar_open);
        break;
    case VV_GARMENT_TURTLENECK:
        t->ring[0] = (Ring){6.0f, 5.0f, -6.2f, 0, 0, 0};
        t->ring[1] = (Ring){6.45f, 5.7f, -6.9f, 0, 0, 0};
        t->ring[2].rx = 8.1f;
        t->ring[2].y_front = -14.2f;
        put_body(t, VV_PART_CLOTH, &turtle, 0);
        hide_skin(t, &turtle);
        put_roll(t);
        break;
    case VV_GARMENT_JACKET:
        put_body(t, VV_PART_CLOTH_UNDER, &shirt_closed, 0);
        hide_skin(t, &shirt_closed);
        put_collar(t, &collar_closed);
        put_open_body(t, VV_PART_CLOTH, &jacket, jacket_opening, 0.7f);
        put_edges(t, VV_PART_LAPEL, jacket_opening, 0.7f, lapel_width, 0.45f);
        break;
    case VV_GARMENT_VNECK: {
        const Neckline *under = collared ? &shirt_open : &crew;
        put_body(t, VV_PART_CLOTH_UNDER, under, 0);
        hide_skin(t, under);
        put_open_body(t, VV_PART_CLOTH, &jacket, v_opening, 0.60f);
        put_edges(t, VV_PART_BAND, v_opening, 0.60f, band_width, 0.30f);
        if (collared) /* worn over the knit */
            put_collar(t, &collar_open);
        break;
    }
    case VV_GARMENT_TEE:
    case VV_GARMENTS:
        put_body(t, VV_PART_CLOTH, &crew, 0);
        hide_skin(t, &crew);
        break;
    }
    free(t);
    return true;
}
