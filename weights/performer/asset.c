/* Reads the head asset. Every count is checked before it is used, so that a damaged file is an error and not a crash.
 */
#include "weights/performer/asset.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define PAYLOAD_MAX (64u << 20)

/* What is left of the payload. */
typedef struct Reader {
    const uint8_t *at;
    size_t left;
    bool short_of; /* something was asked for that is not there */
} Reader;

static const uint8_t *take(Reader *reader, size_t size) {
    if (reader->short_of || size > reader->left) {
        reader->short_of = true;
        return NULL;
    }
    const uint8_t *at = reader->at;
    reader->at += size;
    reader->left -= size;
    return at;
}

static uint32_t take_u32(Reader *reader) {
    const uint8_t *b = take(reader, 4);
    return b ? (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24 : 0;
}

static void take_u16s(Reader *reader, uint16_t *out, size_t count) {
    const uint8_t *b = take(reader, count * 2);
    for (size_t i = 0; b && i < count; i++)
        out[i] = (uint16_t)(b[2 * i] | b[2 * i + 1] << 8);
}

static void take_floats(Reader *reader, float *out, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const uint32_t bits = take_u32(reader);
        memcpy(&out[i], &bits, sizeof bits);
        if (!(fabsf(out[i]) < 1e6f)) /* NaN too */
            reader->short_of = true;
    }
}

void vv_asset_neighbours(const uint16_t (*corner)[3], int triangles, int vertices, uint16_t *neighbour) {
    for (int i = 0; i < vertices; i++)
        neighbour[i] = (uint16_t)i;
    for (int t = 0; t < triangles; t++)
        for (int k = 0; k < 3; k++) {
            const uint16_t a = corner[t][k];
            for (int j = 1; j < 3; j++) {
                const uint16_t b = corner[t][(k + j) % 3];
                if (b < a && (neighbour[a] == a || b > neighbour[a]))
                    neighbour[a] = b;
            }
        }
}

/* One shape: three planes of 16-bit differences, each as its low bytes and then its high bytes. `vertex` maps entries
 * to vertices (NULL: entry i is vertex i); value[vertices] is scratch. */
static void take_deltas(Reader *reader, const uint16_t *vertex, int count, const uint16_t *neighbour, int16_t *value,
                        int vertices, int16_t *out) {
    for (int axis = 0; axis < 3; axis++) {
        const uint8_t *low = take(reader, (size_t)count), *high = take(reader, (size_t)count);
        if (!low || !high)
            return;
        memset(value, 0, sizeof *value * (size_t)vertices);
        for (int i = 0; i < count; i++) {
            const int v = vertex ? vertex[i] : i;
            const int16_t before = neighbour[v] < v ? value[neighbour[v]] : 0;
            value[v] = (int16_t)(uint16_t)(before + (low[i] | high[i] << 8));
            out[3 * i + axis] = value[v];
        }
    }
}

static bool fail(char *error, size_t size, const char *path, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static bool fail(char *error, size_t size, const char *path, const char *format, ...) {
    char what[160];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    snprintf(error, size, "%s: %s", path, what);
    return false;
}

/* Decompresses the file into *payload, which the caller frees. */
static bool unpack(const char *path, uint8_t **payload, size_t *payload_size, char *error, size_t error_size) {
    bool ok = false;
    uint8_t *packed = NULL;
    FILE *file = fopen(path, "rb");
    if (!file)
        return fail(error, error_size, path, "cannot be opened: %s", strerror(errno));
    uint8_t head[12];
    long size = -1;
    if (fseek(file, 0, SEEK_END) == 0)
        size = ftell(file);
    rewind(file);
    if (size < (long)sizeof head || size > (long)PAYLOAD_MAX || fread(head, sizeof head, 1, file) != 1 ||
        memcmp(head, VV_ASSET_MAGIC, 8) != 0) {
        fail(error, error_size, path, "is not a head asset (its first bytes are not %s)", VV_ASSET_MAGIC);
        goto done;
    }
    *payload_size = (size_t)head[8] | (size_t)head[9] << 8 | (size_t)head[10] << 16 | (size_t)head[11] << 24;
    const size_t packed_size = (size_t)size - sizeof head;
    if (*payload_size > PAYLOAD_MAX) {
        fail(error, error_size, path, "claims %zu bytes, more than any head has", *payload_size);
        goto done;
    }
    packed = malloc(packed_size + 1);
    *payload = malloc(*payload_size + 1);
    if (!packed || !*payload) {
        fail(error, error_size, path, "there is no memory for it");
        goto done;
    }
    if (fread(packed, 1, packed_size, file) != packed_size) {
        fail(error, error_size, path, "cannot be read: %s", strerror(errno));
        goto done;
    }
    const size_t got = ZSTD_decompress(*payload, *payload_size, packed, packed_size);
    if (ZSTD_isError(got) || got != *payload_size) {
        fail(error, error_size, path, "is damaged or cut short (%s)",
             ZSTD_isError(got) ? ZSTD_getErrorName(got) : "it is smaller than it says");
        goto done;
    }
    ok = true;
done:
    free(packed);
    fclose(file);
    return ok;
}

static bool below(const uint16_t *values, size_t count, int limit) {
    for (size_t i = 0; i < count; i++)
        if (values[i] >= limit)
            return false;
    return true;
}

static bool take_mesh(VvAsset *a, Reader *r, const char *path, char *error, size_t error_size) {
    const uint32_t counts[6] = {take_u32(r), take_u32(r), take_u32(r), take_u32(r), take_u32(r), take_u32(r)};
    if (counts[0] < VV_EYES_TO || counts[0] > VV_ASSET_VERTICES_MAX || counts[1] < 3 ||
        counts[1] > VV_ASSET_VERTICES_MAX || counts[2] < 1 || counts[2] > VV_ASSET_TRIANGLES_MAX)
        return fail(error, error_size, path, "has an impossible mesh (%u vertices, %u texcoords, %u triangles)",
                    counts[0], counts[1], counts[2]);
    if (counts[3] != VV_EXPRESSIONS || counts[4] != VV_SHAPES || counts[5] != VV_LANDMARKS)
        return fail(error, error_size, path,
                    "has %u expressions, %u shapes and %u landmarks, where %d, %d and %d are needed", counts[3],
                    counts[4], counts[5], VV_EXPRESSIONS, VV_SHAPES, VV_LANDMARKS);
    a->vertices = (int)counts[0];
    a->texcoords = (int)counts[1];
    a->triangles = (int)counts[2];
    const size_t vertices = counts[0], triangles = counts[2];
    a->base = calloc(vertices, sizeof *a->base);
    a->uv = calloc(counts[1], sizeof *a->uv);
    a->corner = calloc(triangles, sizeof *a->corner);
    a->texel = calloc(triangles, sizeof *a->texel);
    a->part = calloc(triangles, 1);
    a->shape = calloc(vertices * VV_SHAPES, 3 * sizeof *a->shape);
    if (!a->base || !a->uv || !a->corner || !a->texel || !a->part || !a->shape)
        return fail(error, error_size, path, "there is no memory for it");
    take_floats(r, &a->base[0].x, vertices * 3);
    take_floats(r, a->uv[0], counts[1] * (size_t)2);
    take_u16s(r, a->corner[0], triangles * 3);
    take_u16s(r, a->texel[0], triangles * 3);
    const uint8_t *part = take(r, triangles);
    take_u16s(r, a->landmark, VV_LANDMARKS);
    if (r->short_of)
        return fail(error, error_size, path, "ends within its mesh, or holds numbers that are none");
    memcpy(a->part, part, triangles);
    bool parts = true;
    for (size_t t = 0; t < triangles; t++)
        parts = parts && part[t] < VV_PART_ASSET_COUNT;
    if (!below(a->corner[0], triangles * 3, a->vertices) || !below(a->texel[0], triangles * 3, a->texcoords) ||
        !below(a->landmark, VV_LANDMARKS, a->vertices) || !parts)
        return fail(error, error_size, path, "has triangles, landmarks or parts out of range");
    return true;
}

static bool take_shapes(VvAsset *a, Reader *r, const char *path, char *error, size_t error_size) {
    const size_t vertices = (size_t)a->vertices;
    bool ok = false;
    uint16_t *neighbour = calloc(vertices, sizeof *neighbour);
    int16_t *scratch = calloc(vertices, sizeof *scratch), *delta = calloc(vertices, 3 * sizeof *delta);
    if (!neighbour || !scratch || !delta) {
        fail(error, error_size, path, "there is no memory for it");
        goto done;
    }
    vv_asset_neighbours((const uint16_t(*)[3])a->corner, a->triangles, a->vertices, neighbour);
    for (int e = 0; e < VV_EXPRESSIONS; e++) {
        VvExpressionShape *shape = &a->expression[e];
        const uint32_t count = take_u32(r);
        if (count > vertices) {
            fail(error, error_size, path, "expression %d moves %u vertices of %zu", e, count, vertices);
            goto done;
        }
        shape->vertex = calloc(count + 1, sizeof *shape->vertex);
        shape->delta = calloc(count + 1, sizeof *shape->delta);
        if (!shape->vertex || !shape->delta) {
            fail(error, error_size, path, "there is no memory for it");
            goto done;
        }
        take_u16s(r, shape->vertex, count);
        if (!below(shape->vertex, count, a->vertices)) {
            fail(error, error_size, path, "expression %d moves a vertex that is not there", e);
            goto done;
        }
        take_deltas(r, shape->vertex, (int)count, neighbour, scratch, a->vertices, delta);
        shape->count = (int)count;
        for (uint32_t i = 0; i < count; i++)
            shape->delta[i] = scale(vec(delta[3 * i], delta[3 * i + 1], delta[3 * i + 2]), VV_ASSET_STEP);
    }
    for (size_t s = 0; s < VV_SHAPES; s++)
        take_deltas(r, NULL, a->vertices, neighbour, scratch, a->vertices, a->shape + s * vertices * 3);
    if (r->short_of || r->left != 0) {
        fail(error, error_size, path, r->short_of ? "ends within its shapes" : "has %zu bytes too many", r->left);
        goto done;
    }
    ok = true;
done:
    free(neighbour);
    free(scratch);
    free(delta);
    return ok;
}

VvAsset *vv_asset_open(const char *path, char *error, size_t error_size) {
    uint8_t *payload = NULL;
    size_t size = 0;
    VvAsset *asset = calloc(1, sizeof *asset);
    if (!asset) {
        fail(error, error_size, path, "there is no memory for it");
        return NULL;
    }
    bool ok = unpack(path, &payload, &size, error, error_size);
    Reader reader = {payload, size, false};
    ok = ok && take_mesh(asset, &reader, path, error, error_size) &&
         take_shapes(asset, &reader, path, error, error_size);
    free(payload);
    if (!ok)
        vv_asset_close(&asset);
    return asset;
}

void vv_asset_close(VvAsset **asset) {
    VvAsset *a = *asset;
    if (!a)
        return;
    for (int e = 0; e < VV_EXPRESSIONS; e++) {
        free(a->expression[e].vertex);
        free(a->expression[e].delta);
    }
    free(a->base);
    free(a->uv);
    free(a->corner);
    free(a->texel);
    free(a->part);
    free(a->shape);
    free(a);
    *asset = NULL;
}
