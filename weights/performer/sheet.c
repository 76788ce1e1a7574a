/* visavis-performer sheet: contact sheets, to look at what the renderer does. */
#include "weights/performer/camera.h"
#include "weights/performer/chance.h"
#include "weights/performer/commands.h"
#include "weights/performer/expression.h"
#include "weights/performer/faces.h"
#include "weights/performer/picture_file.h"
#include "weights/performer/render.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Options {
    const char *asset, *characters, *out;
    uint64_t seed;
    int size, quality, columns, rows, face;
    int style, garment; /* -1: as the identity has it */
} Options;

/* A sheet in the making. */
typedef struct Sheet {
    const Options *options;
    VvStudio *studio;
    VvRenderer *renderer;
    VvFrame frame;
    uint8_t *rgb;
    int cell, columns, rows, filled;
} Sheet;

static bool open_sheet(Sheet *s, const Options *o, int columns, int rows) {
    memset(s, 0, sizeof *s);
    char error[256] = "";
    s->options = o;
    s->cell = o->size;
    s->columns = columns;
    s->rows = rows;
    s->studio = vv_studio_open(o->asset, error, sizeof error);
    s->renderer = vv_renderer_open();
    s->rgb = calloc((size_t)(columns * rows) * (size_t)(o->size * o->size), 3);
    if (!s->studio || !s->renderer || !vv_frame_open(&s->frame, o->size) || !s->rgb) {
        fprintf(stderr, "visavis-performer sheet: %s\n", error[0] ? error : "there is no memory");
        return false;
    }
    return true;
}

static void close_sheet(Sheet *s) {
    vv_renderer_close(&s->renderer);
    vv_studio_close(&s->studio);
    vv_frame_close(&s->frame);
    free(s->rgb);
}

static void put_cell(Sheet *s, const uint8_t *rgb) {
    const size_t row = (size_t)s->cell * 3, pitch = row * (size_t)s->columns;
    if (s->filled >= s->columns * s->rows)
        return;
    uint8_t *to =
        s->rgb + (size_t)(s->filled / s->columns) * pitch * (size_t)s->cell + (size_t)(s->filled % s->columns) * row;
    for (int y = 0; y < s->cell; y++)
        memcpy(to + (size_t)y * pitch, rgb + (size_t)y * row, row);
    s->filled++;
}

static bool write_sheet(const Sheet *s) {
    return vv_picture_write(s->options->out, s->rgb, s->columns * s->cell, s->rows * s->cell, s->options->quality);
}

static VvPerformer *person(const Sheet *s, uint64_t seed) {
    VvIdentity identity;
    VvScene scene;
    vv_identity_random(&identity, vv_studio_asset(s->studio), seed);
    vv_scene_random(&scene, seed);
    if (s->options->style >= 0)
        identity.style = (VvHairStyle)s->options->style;
    if (s->options->garment >= 0)
        identity.garment = (VvGarment)s->options->garment;
    return vv_performer_open(s->studio, &identity, &scene, s->cell);
}

static void shoot(Sheet *s, const VvPerformer *performer, const VvPose *pose) {
    vv_render(s->renderer, performer, NULL, pose, &s->frame);
    put_cell(s, s->frame.rgb);
}

/* ---- the kinds of sheet --------------------------------------------------------------------------------------- */

static bool people(Sheet *s) {
    static const int faces[3] = {VV_FACE_GRIN, VV_FACE_REST, VV_FACE_SMILE};
    for (int i = 0; i < s->columns * s->rows; i++) {
        VvPerformer *p = person(s, s->options->seed + (uint64_t)i);
        if (!p)
            return false;
        VvPose pose = vv_face_pose((VvFace)(s->options->face >= 0 ? s->options->face : faces[i % 3]));
        VvChance chance = vv_chance_of((uint64_t)i, "sheet", 0);
        pose.head[0] = vv_chance_range(&chance, -0.3f, 0.3f);
        pose.gaze[0] = -0.9f * pose.head[0];
        shoot(s, p, &pose);
        vv_performer_close(&p);
    }
    return true;
}

static bool faces(Sheet *s) {
    VvPerformer *p = person(s, s->options->seed);
    for (int i = 0; p && i < VV_FACES; i++) {
        const VvPose pose = vv_face_pose((VvFace)i);
        shoot(s, p, &pose);
    }
    const bool ok = p != NULL;
    vv_performer_close(&p);
    return ok;
}

static bool turns(Sheet *s) {
    for (int row = 0; row < s->rows; row++) {
        VvPerformer *p = person(s, s->options->seed + (uint64_t)row);
        if (!p)
            return false;
        for (int k = 0; k < s->columns; k++) {
            VvPose pose = vv_face_pose(VV_FACE_REST);
            pose.head[0] = -0.9f + 1.8f * (float)k / (float)(s->columns - 1);
            shoot(s, p, &pose);
        }
        vv_performer_close(&p);
    }
    return true;
}

static void mark(VvFrame *f, const float at[2], const uint8_t colour[3]) {
    const int radius = f->size / 256;
    for (int y = -radius; y <= radius; y++)
        for (int x = -radius; x <= radius; x++) {
            const int px = (int)at[0] + x, py = (int)at[1] + y;
            if (px >= 0 && py >= 0 && px < f->size && py < f->size)
                memcpy(f->rgb + 3 * (py * f->size + px), colour, 3);
        }
}

static bool truth(Sheet *s) {
    static const uint8_t seen[3] = {0, 255, 60}, hidden[3] = {255, 40, 40}, iris[3] = {255, 230, 0};
    static const int which[4] = {VV_FACE_REST, VV_FACE_SMILE, VV_FACE_LEFT, VV_FACE_AA};
    for (int row = 0; row < 2; row++)
        for (int k = 0; k < s->columns; k++) {
            VvPerformer *p = person(s, s->options->seed + (uint64_t)k);
            if (!p)
                return false;
            const VvPose pose = vv_face_pose((VvFace)which[k % 4]);
            VvFrame *f = &s->frame;
            vv_render(s->renderer, p, NULL, &pose, f);
            for (int i = 0; i < f->size * f->size && row == 1; i++) {
                f->rgb[3 * i] =
                    maxf(f->lip[i], f->hair[i] * 0.5f) > 255 ? 255 : (uint8_t)maxf(f->lip[i], f->hair[i] * 0.5f);
                f->rgb[3 * i + 1] = (uint8_t)(f->face[i] / 2);
                f->rgb[3 * i + 2] = (uint8_t)maxf(f->face[i] * 0.5f, f->hair[i] * 0.8f);
            }
            for (int l = 0; l < VV_LANDMARKS && row == 0; l++)
                mark(f, f->landmark[l], f->visible[l] ? seen : hidden);
            for (int e = 0; e < 2 && row == 0; e++)
                mark(f, f->iris[e], iris);
            put_cell(s, f->rgb);
            vv_performer_close(&p);
        }
    return true;
}

static bool webcams(Sheet *s) {
    const int count = s->columns * s->rows;
    float *scratch = calloc((size_t)(s->cell * s->cell) * 3, sizeof *scratch);
    VvFrame seen;
    bool ok = vv_frame_open(&seen, s->cell) && scratch;
    for (int i = 0; i < count && ok; i++) {
        VvPerformer *p = person(s, s->options->seed + (uint64_t)(i / 4));
        ok = p != NULL;
        if (!ok)
            break;
        VvWebcam webcam;
        vv_webcam_random(&webcam, s->options->seed + (uint64_t)i);
        VvPose pose = vv_face_pose(VV_FACE_SMILE);
        pose.head[0] = -0.05f;
        vv_render(s->renderer, p, NULL, &pose, &s->frame);
        vv_webcam_see(&webcam, &s->frame, NULL, 0, scratch, &seen);
        pose.head[0] = 0.05f; /* a second look, so that motion smears */
        vv_render(s->renderer, p, NULL, &pose, &s->frame);
        VvFrame before = seen;
        before.rgb = calloc((size_t)(s->cell * s->cell), 3);
        ok = before.rgb != NULL;
        if (ok) {
            memcpy(before.rgb, seen.rgb, (size_t)(s->cell * s->cell) * 3);
            vv_webcam_see(&webcam, &s->frame, &before, 1, scratch, &seen);
            put_cell(s, seen.rgb);
        }
        free(before.rgb);
        vv_performer_close(&p);
    }
    vv_frame_close(&seen);
    free(scratch);
    return ok;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The settings files of a folder, sorted; returns how many, at most `room`. The caller frees each. */
static int list_characters(const char *folder, char **paths, int room) {
    int count = 0;
    DIR *dir = opendir(folder);
    if (!dir) {
        fprintf(stderr, "visavis-performer sheet: %s: %s\n", folder, strerror(errno));
        return 0;
    }
    for (struct dirent *entry; count < room && (entry = readdir(dir));) {
        const char *dot = strrchr(entry->d_name, '.');
        if (dot && strcmp(dot, ".conf") == 0 && asprintf(&paths[count], "%s/%s", folder, entry->d_name) > 0)
            count++;
    }
    closedir(dir);
    qsort(paths, (size_t)count, sizeof *paths, by_name);
    return count;
}

static bool characters(Sheet *s) {
    char *paths[64], error[512] = "";
    const int count = list_characters(s->options->characters, paths, mini(64, s->columns * s->rows));
    bool ok = count > 0;
    for (int i = 0; i < count; i++) {
        VvIdentity identity;
        VvScene scene;
        ok = ok && vv_identity_load(&identity, &scene, vv_studio_asset(s->studio), paths[i], error, sizeof error);
        VvPerformer *p = ok ? vv_performer_open(s->studio, &identity, &scene, s->cell) : NULL;
        if (p) {
            const VvPose pose = vv_face_pose(s->options->face >= 0 ? (VvFace)s->options->face : VV_FACE_REST);
            shoot(s, p, &pose);
        }
        vv_performer_close(&p);
        free(paths[i]);
    }
    if (error[0])
        fprintf(stderr, "visavis-performer sheet: %s\n", error);
    return ok;
}

typedef struct Kind {
    const char *name;
    bool (*make)(Sheet *sheet);
    int columns, rows;
    const char *help;
} Kind;

static const Kind kinds[] = {
    {"people", people, 8, 5, "random people, consecutive seeds"},
    {"faces", faces, 4, 5, "one person's mouth shapes, expressions and turns"},
    {"turns", turns, 5, 3, "people from one side to the other"},
    {"truth", truth, 4, 2, "landmarks, irises and masks"},
    {"webcams", webcams, 8, 4, "through bad webcams"},
    {"characters", characters, 4, 2, "the shipped characters"},
};

/* ---- command line --------------------------------------------------------------------------------------------- */

static int help(FILE *out, int status) {
    fprintf(out, "usage: visavis-performer sheet KIND OUT.jpg [OPTION]...\n\n");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        fprintf(out, "  %-10s %s\n", kinds[i].name, kinds[i].help);
    fprintf(out,
            "\n  --seed N        of the first person (1)\n"
            "  --size N        of a cell: 256 or 512 pixels (256)\n"
            "  --columns N --rows N\n"
            "  --face N        which face everybody makes\n"
            "  --hair N        everybody's hair style, 0..%d\n"
            "  --garment N     everybody's garment, 0..%d\n"
            "  --quality N     of the JPEG file (88)\n"
            "  --asset FILE    the head asset (" VV_HEAD_ASSET ")\n"
            "  --characters FOLDER  (" VV_CHARACTERS ")\n",
            VV_HAIR_STYLES - 1, VV_GARMENTS - 1);
    return status;
}

static bool read_int(const char *name, const char *want, const char *value, long least, long most, int *out) {
    if (strcmp(name, want) != 0)
        return false;
    char *end = NULL;
    const long n = strtol(value, &end, 10);
    if (end == value || *end || n < least || n > most) {
        fprintf(stderr, "visavis-performer sheet: %s takes %ld to %ld, not \"%s\"\n", name, least, most, value);
        exit(2);
    }
    *out = (int)n;
    return true;
}

static bool read_option(Options *o, const char *name, const char *value) {
    int seed = 0;
    if (strcmp(name, "--asset") == 0)
        o->asset = value;
    else if (strcmp(name, "--characters") == 0)
        o->characters = value;
    else if (read_int(name, "--seed", value, 0, 1000000000, &seed))
        o->seed = (uint64_t)seed;
    else
        return read_int(name, "--size", value, 256, 512, &o->size) ||
               read_int(name, "--columns", value, 1, 32, &o->columns) ||
               read_int(name, "--rows", value, 1, 32, &o->rows) ||
               read_int(name, "--face", value, 0, VV_FACES - 1, &o->face) ||
               read_int(name, "--hair", value, 0, VV_HAIR_STYLES - 1, &o->style) ||
               read_int(name, "--garment", value, 0, VV_GARMENTS - 1, &o->garment) ||
               read_int(name, "--quality", value, 1, 100, &o->quality);
    return true;
}

int vv_performer_sheet(int argc, char **argv) {
    if (argc >= 2 && strcmp(argv[1], "--help") == 0)
        return help(stdout, 0);
    if (argc < 3 || argc % 2 == 0)
        return help(stderr, 2);
    const Kind *kind = NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, argv[1]) == 0)
            kind = &kinds[i];
    Options o = {.asset = VV_HEAD_ASSET,
                 .characters = VV_CHARACTERS,
                 .out = argv[2],
                 .seed = 1,
                 .size = 256,
                 .quality = 88,
                 .face = -1,
                 .style = -1,
                 .garment = -1};
    for (int i = 3; i + 1 < argc; i += 2)
        if (!read_option(&o, argv[i], argv[i + 1])) {
            fprintf(stderr, "visavis-performer sheet: there is no option \"%s\"\n", argv[i]);
            return 2;
        }
    if (!kind || (o.size != 256 && o.size != 512))
        return help(stderr, 2);
    Sheet sheet;
    const bool ok = open_sheet(&sheet, &o, o.columns ? o.columns : kind->columns, o.rows ? o.rows : kind->rows) &&
                    kind->make(&sheet) && write_sheet(&sheet);
    close_sheet(&sheet);
    return ok ? 0 : 1;
}
