/* visavis-performer convert: makes the head asset from the obj files of ICT-FaceKit's morphable head.
 *
 * Upstream ships generic_neutral_mesh.obj, one obj per expression (NAME.obj) and one per identity component
 * (identityNNN.obj), all with the same vertices in the same order. Faces are quads and triangles; their order tells the
 * part. The landmarks are upstream's 68 points as vertex numbers. */
#include "weights/performer/convert.h"
#include "weights/performer/asset.h"
#include "weights/performer/commands.h"
#include "weights/performer/expression.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

const int vv_upstream_part_end[VV_PART_ASSET_COUNT] = {9230,  11144, 13226, 13630, 14034, 17006, 21496,
                                                       22296, 23094, 23894, 24692, 24855, 25018, 25033,
                                                       25048, 25176, 25304, 25844, 26384};

static const uint16_t landmarks[VV_LANDMARKS] = {
    1225, 1888, 1052, 367,  1719, 1722, 2199, 1447, 966,  3661, 4390, 3927, 3924, 2608, 3272, 4088, 3443,
    268,  493,  1914, 2044, 1401, 3615, 4240, 4114, 2734, 2509, 978,  4527, 4942, 4857, 1140, 2075, 1147,
    4269, 3360, 1507, 1542, 1537, 1528, 1518, 1511, 3742, 3751, 3756, 3721, 3725, 3732, 5708, 5695, 2081,
    0,    4275, 6200, 6213, 6346, 6461, 5518, 5957, 5841, 5702, 5711, 5533, 6216, 6207, 6470, 5517, 5966};

/* A growing run of bytes. */
typedef struct Bytes {
    uint8_t *data;
    size_t size, room;
    bool failed;
} Bytes;

static void put(Bytes *out, const void *data, size_t size) {
    if (out->size + size > out->room) {
        const size_t room = (out->size + size) * 2;
        uint8_t *grown = realloc(out->data, room);
        if (!grown) {
            out->failed = true;
            return;
        }
        out->data = grown;
        out->room = room;
    }
    memcpy(out->data + out->size, data, size);
    out->size += size;
}

static void put_u16(Bytes *out, unsigned value) {
    const uint8_t b[2] = {(uint8_t)value, (uint8_t)(value >> 8)};
    put(out, b, sizeof b);
}

static void put_u32(Bytes *out, uint32_t value) {
    put_u16(out, value & 0xffff);
    put_u16(out, value >> 16);
}

static void put_float(Bytes *out, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_u32(out, bits);
}

/* What an obj file says; only the neutral mesh's texcoords and faces are kept. */
typedef struct Obj {
    int vertices, texcoords, triangles, faces;
    VvVec vertex[VV_ASSET_VERTICES_MAX];
    float uv[VV_ASSET_VERTICES_MAX][2];
    uint16_t corner[VV_ASSET_TRIANGLES_MAX][3], texel[VV_ASSET_TRIANGLES_MAX][3];
    uint8_t part[VV_ASSET_TRIANGLES_MAX];
} Obj;

/* "f v/t/n v/t/n ...": a fan of triangles of the part that the face's number tells. */
static bool read_face(Obj *obj, char *text) {
    int v[8], t[8], count = 0;
    for (char *word = strtok(text, " \r\n"); word; word = strtok(NULL, " \r\n")) {
        if (count == 8 || sscanf(word, "%d/%d", &v[count], &t[count]) != 2 || v[count] < 1 || t[count] < 1 ||
            v[count] > obj->vertices || t[count] > obj->texcoords)
            return false;
        count++;
    }
    int part = 0;
    while (part < VV_PART_ASSET_COUNT && obj->faces >= vv_upstream_part_end[part])
        part++;
    obj->faces++;
    if (part == VV_PART_ASSET_COUNT)
        return false;
    for (int k = 1; k + 1 < count; k++) {
        if (obj->triangles == VV_ASSET_TRIANGLES_MAX)
            return false;
        const int fan[3] = {0, k, k + 1};
        for (int i = 0; i < 3; i++) {
            obj->corner[obj->triangles][i] = (uint16_t)(v[fan[i]] - 1);
            obj->texel[obj->triangles][i] = (uint16_t)(t[fan[i]] - 1);
        }
        obj->part[obj->triangles++] = (uint8_t)part;
    }
    return count >= 3;
}

static bool read_obj(const char *folder, const char *name, bool faces, Obj *obj) {
    char path[4096], line[512];
    snprintf(path, sizeof path, "%s/%s.obj", folder, name);
    FILE *file = fopen(path, "r");
    if (!file) {
        fprintf(stderr, "visavis-performer convert: %s: %s\n", path, strerror(errno));
        return false;
    }
    obj->vertices = obj->texcoords = obj->triangles = obj->faces = 0;
    bool good = true;
    int number = 0;
    while (good && fgets(line, sizeof line, file)) {
        number++;
        if (line[0] == 'v' && line[1] == ' ') {
            VvVec *p = &obj->vertex[obj->vertices];
            good = obj->vertices < VV_ASSET_VERTICES_MAX && sscanf(line + 2, "%f %f %f", &p->x, &p->y, &p->z) == 3 &&
                   isfinite(p->x) && isfinite(p->y) && isfinite(p->z);
            obj->vertices++;
        } else if (faces && line[0] == 'v' && line[1] == 't') {
            float *t = obj->uv[obj->texcoords];
            good = obj->texcoords < VV_ASSET_VERTICES_MAX && sscanf(line + 3, "%f %f", &t[0], &t[1]) == 2 &&
                   isfinite(t[0]) && isfinite(t[1]);
            obj->texcoords++;
        } else if (faces && line[0] == 'f') {
            good = read_face(obj, line + 2);
        }
    }
    if (!good)
        fprintf(stderr, "visavis-performer convert: %s, line %d: not what the head model has there\n", path, number);
    else if (ferror(file) || (faces && obj->faces != vv_upstream_part_end[VV_PART_ASSET_COUNT - 1])) {
        fprintf(stderr, "visavis-performer convert: %s ends after %d vertices and %d faces, which is not all of it\n",
                path, obj->vertices, obj->faces);
        good = false;
    }
    fclose(file);
    return good;
}

/* Differences to the neighbour, as planes of low and high bytes. */
static void put_deltas(Bytes *out, const int16_t (*delta)[3], const uint16_t *vertex, int count,
                       const uint16_t *neighbour) {
    static uint8_t low[VV_ASSET_VERTICES_MAX], high[VV_ASSET_VERTICES_MAX];
    static bool moved[VV_ASSET_VERTICES_MAX];
    memset(moved, 0, sizeof moved);
    for (int i = 0; i < count; i++)
        moved[vertex[i]] = true;
    for (int axis = 0; axis < 3; axis++) {
        for (int i = 0; i < count; i++) {
            const int v = vertex[i], n = neighbour[v];
            const int before = n < v && moved[n] ? delta[n][axis] : 0;
            const uint16_t difference = (uint16_t)(delta[v][axis] - before);
            low[i] = (uint8_t)difference;
            high[i] = (uint8_t)(difference >> 8);
        }
        put(out, low, (size_t)count);
        put(out, high, (size_t)count);
    }
}

static bool put_shape(Bytes *out, const Obj *base, const char *folder, const char *name, bool sparse,
                      const uint16_t *neighbour) {
    static Obj obj;
    static int16_t delta[VV_ASSET_VERTICES_MAX][3];
    static uint16_t vertex[VV_ASSET_VERTICES_MAX];
    if (!read_obj(folder, name, false, &obj))
        return false;
    if (obj.vertices != base->vertices) {
        fprintf(stderr, "visavis-performer convert: %s.obj has %d vertices, not %d\n", name, obj.vertices,
                base->vertices);
        return false;
    }
    int count = 0;
    for (int i = 0; i < obj.vertices; i++) {
        const VvVec d = scale(sub(obj.vertex[i], base->vertex[i]), 1 / VV_ASSET_STEP);
        const float largest = maxf(fabsf(d.x), maxf(fabsf(d.y), fabsf(d.z)));
        if (!(largest < 32767)) {
            fprintf(stderr, "visavis-performer convert: %s.obj moves vertex %d too far\n", name, i);
            return false;
        }
        delta[i][0] = (int16_t)lrintf(d.x);
        delta[i][1] = (int16_t)lrintf(d.y);
        delta[i][2] = (int16_t)lrintf(d.z);
        if (!sparse || largest >= 0.5f)
            vertex[count++] = (uint16_t)i;
    }
    if (sparse) {
        put_u32(out, (uint32_t)count);
        for (int i = 0; i < count; i++)
            put_u16(out, vertex[i]);
    }
    put_deltas(out, (const int16_t(*)[3])delta, vertex, count, neighbour);
    return true;
}

static bool put_all(Bytes *out, const char *folder) {
    static Obj base;
    static uint16_t neighbour[VV_ASSET_VERTICES_MAX];
    if (!read_obj(folder, "generic_neutral_mesh", true, &base))
        return false;
    const uint32_t counts[6] = {(uint32_t)base.vertices,
                                (uint32_t)base.texcoords,
                                (uint32_t)base.triangles,
                                VV_EXPRESSIONS,
                                VV_SHAPES,
                                VV_LANDMARKS};
    for (int i = 0; i < 6; i++)
        put_u32(out, counts[i]);
    for (int i = 0; i < base.vertices; i++) {
        put_float(out, base.vertex[i].x);
        put_float(out, base.vertex[i].y);
        put_float(out, base.vertex[i].z);
    }
    for (int i = 0; i < base.texcoords; i++) {
        put_float(out, base.uv[i][0]);
        put_float(out, base.uv[i][1]);
    }
    for (int i = 0; i < base.triangles * 3; i++)
        put_u16(out, base.corner[i / 3][i % 3]);
    for (int i = 0; i < base.triangles * 3; i++)
        put_u16(out, base.texel[i / 3][i % 3]);
    put(out, base.part, (size_t)base.triangles);
    for (int i = 0; i < VV_LANDMARKS; i++)
        put_u16(out, landmarks[i]);
    vv_asset_neighbours((const uint16_t(*)[3])base.corner, base.triangles, base.vertices, neighbour);
    for (int e = 0; e < VV_EXPRESSIONS; e++)
        if (!put_shape(out, &base, folder, vv_expression_name(e), true, neighbour))
            return false;
    for (int s = 0; s < VV_SHAPES; s++) {
        char name[24];
        snprintf(name, sizeof name, "identity%03d", s);
        if (!put_shape(out, &base, folder, name, false, neighbour))
            return false;
    }
    return !out->failed;
}

static bool write_packed(const Bytes *payload, const char *path) {
    const size_t bound = ZSTD_compressBound(payload->size);
    uint8_t *packed = malloc(bound);
    ZSTD_CCtx *context = ZSTD_createCCtx();
    FILE *file = NULL;
    bool ok = false;
    if (!packed || !context)
        goto done;
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, ZSTD_maxCLevel());
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    const size_t size = ZSTD_compress2(context, packed, bound, payload->data, payload->size);
    if (ZSTD_isError(size))
        goto done;
    uint8_t head[12] = VV_ASSET_MAGIC;
    for (int i = 0; i < 4; i++)
        head[8 + i] = (uint8_t)(payload->size >> 8 * i);
    file = fopen(path, "wb");
    ok = file && fwrite(head, sizeof head, 1, file) == 1 && fwrite(packed, 1, size, file) == size;
    if (file && fclose(file) != 0)
        ok = false;
    if (ok)
        printf("%s: %zu bytes, %zu packed\n", path, payload->size, size + sizeof head);
done:
    if (!ok)
        fprintf(stderr, "visavis-performer convert: %s: %s\n", path, errno ? strerror(errno) : "cannot be packed");
    if (!ok && file)
        remove(path);
    ZSTD_freeCCtx(context);
    free(packed);
    return ok;
}

int vv_performer_convert(int argc, char **argv) {
    if (argc != 3 || argv[1][0] == '-') {
        fprintf(argc == 2 && strcmp(argv[1], "--help") == 0 ? stdout : stderr,
                "usage: visavis-performer convert FOLDER OUT\n\n"
                "Makes the head asset OUT from FOLDER, the FaceXModel folder of ICT-FaceKit.\n");
        return argc == 2 && strcmp(argv[1], "--help") == 0 ? 0 : 2;
    }
    Bytes payload = {0};
    const bool ok = put_all(&payload, argv[1]) && write_packed(&payload, argv[2]);
    free(payload.data);
    return ok ? 0 : 1;
}
