/* Settings files of people: `key = value`, one table says which keys there are and where each goes. */
#include "weights/performer/identity.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum Kind { KIND_NUMBER, KIND_COLOUR, KIND_NAME, KIND_HAIR, KIND_GARMENT, KIND_BACKGROUND, KIND_FLAG } Kind;

typedef struct Key {
    const char *name;
    Kind kind;
    bool of_scene;
    size_t offset;
    float least, most;
} Key;

#define OF(field) false, offsetof(VvIdentity, field)
#define OF_SCENE(field) true, offsetof(VvScene, field)

static const Key keys[] = {
    {"name", KIND_NAME, OF(name), 0, 0},
    {"feminine", KIND_FLAG, OF(feminine), 0, 1},
    {"age", KIND_NUMBER, OF(age), 18, 80},
    {"tone", KIND_NUMBER, OF(tone), 0, 1},
    {"skin", KIND_COLOUR, OF(skin), 0, 0},
    {"lip", KIND_COLOUR, OF(lip), 0, 0},
    {"lip-gloss", KIND_NUMBER, OF(lip_gloss), 0, 2},
    {"iris", KIND_COLOUR, OF(iris), 0, 0},
    {"redness", KIND_NUMBER, OF(redness), 0, 1},
    {"freckles", KIND_NUMBER, OF(freckles), 0, 1},
    {"stubble", KIND_NUMBER, OF(stubble), 0, 1},
    {"pores", KIND_NUMBER, OF(pores), 0, 2},
    {"hair", KIND_COLOUR, OF(hair), 0, 0},
    {"hair-style", KIND_HAIR, OF(style), 0, 0},
    {"hair-length", KIND_NUMBER, OF(hair_length), 0.5f, 1.5f},
    {"hair-part", KIND_NUMBER, OF(hair_part), -5, 5},
    {"hair-grey", KIND_NUMBER, OF(hair_grey), 0, 1},
    {"brow-width", KIND_NUMBER, OF(brow_width), 0.5f, 1.6f},
    {"brow-density", KIND_NUMBER, OF(brow_density), 0.5f, 1.5f},
    {"brow-arch", KIND_NUMBER, OF(brow_arch), -1, 1},
    {"garment", KIND_GARMENT, OF(garment), 0, 0},
    {"cloth", KIND_COLOUR, OF(cloth), 0, 0},
    {"cloth-under", KIND_COLOUR, OF(cloth_under), 0, 0},
    {"teeth", KIND_NUMBER, OF(teeth), 0.6f, 1.1f},
    {"background", KIND_BACKGROUND, OF_SCENE(background), 0, 0},
    {"back-centre", KIND_COLOUR, OF_SCENE(back_centre), 0, 0},
    {"back-edge", KIND_COLOUR, OF_SCENE(back_edge), 0, 0},
    {"exposure", KIND_NUMBER, OF_SCENE(exposure), 0.3f, 3},
};

static const char *const hair_styles[VV_HAIR_STYLES] = {"none", "buzz", "crop", "side", "swept",
                                                        "bob",  "long", "wavy", "tied", "curly"};
static const char *const garments[VV_GARMENTS] = {"tee", "shirt", "turtleneck", "jacket", "v-neck"};
static const char *const backgrounds[VV_BACKGROUNDS] = {"plain", "room", "lights"};

const char *vv_hair_style_name(VvHairStyle style) {
    return hair_styles[style];
}

const char *vv_garment_name(VvGarment garment) {
    return garments[garment];
}

static int find(const char *const *names, int count, const char *name) {
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

/* Where the value goes is inside a struct at an offset from the table. */
static bool set(const Key *key, const char *value, void *where) {
    char *end = NULL;
    int choice = 0;
    switch (key->kind) {
    case KIND_NUMBER: {
        const float number = strtof(value, &end);
        if (end == value || *end || !(number >= key->least && number <= key->most))
            return false;
        memcpy(where, &number, sizeof number);
        return true;
    }
    case KIND_FLAG: {
        const bool flag = strcmp(value, "yes") == 0;
        memcpy(where, &flag, sizeof flag);
        return flag || strcmp(value, "no") == 0;
    }
    case KIND_COLOUR: {
        if (strlen(value) != 7 || value[0] != '#')
            return false;
        const unsigned long hex = strtoul(value + 1, &end, 16);
        const VvVec colour = srgb((uint32_t)hex);
        memcpy(where, &colour, sizeof colour);
        return *end == '\0';
    }
    case KIND_NAME: {
        const size_t size = sizeof((VvIdentity *)NULL)->name;
        if (strlen(value) >= size)
            return false;
        memcpy(where, value, strlen(value) + 1);
        return true;
    }
    case KIND_HAIR:
        choice = find(hair_styles, VV_HAIR_STYLES, value);
        break;
    case KIND_GARMENT:
        choice = find(garments, VV_GARMENTS, value);
        break;
    case KIND_BACKGROUND:
        choice = find(backgrounds, VV_BACKGROUNDS, value);
        break;
    }
    const unsigned chosen = (unsigned)choice;
    _Static_assert(sizeof(VvHairStyle) == sizeof chosen && sizeof(VvGarment) == sizeof chosen &&
                       sizeof(VvBackground) == sizeof chosen,
                   "the enumerations are stored by their bytes");
    if (choice >= 0)
        memcpy(where, &chosen, sizeof chosen);
    return choice >= 0;
}

static char *trim(char *text) {
    while (*text == ' ')
        text++;
    size_t n = strlen(text);
    while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\n' || text[n - 1] == '\r'))
        text[--n] = '\0';
    return text;
}

/* One line; NULL if it is fine, else what is wrong with it. */
static const char *take(char *line, bool *seeded, VvIdentity *id, VvScene *scene, const VvAsset *asset) {
    char *text = trim(line), *equals = strchr(text, '=');
    if (*text == '\0' || *text == '#')
        return NULL;
    if (!equals)
        return "is not key = value";
    *equals = '\0';
    char *name = trim(text), *value = trim(equals + 1);
    if (strcmp(name, "seed") == 0) {
        char *end = NULL;
        const uint64_t seed = strtoull(value, &end, 10);
        if (end == value || *end || *seeded)
            return "has a bad seed, or a second one";
        vv_identity_random(id, asset, seed);
        vv_scene_random(scene, seed);
        *seeded = true;
        return NULL;
    }
    if (!*seeded)
        return "comes before the seed";
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
        if (strcmp(keys[k].name, name) == 0) {
            char *base = keys[k].of_scene ? (char *)scene : (char *)id;
            return set(&keys[k], value, base + keys[k].offset) ? NULL : "has a value that its key does not take";
        }
    return "has a key that there is not";
}

bool vv_identity_load(VvIdentity *id, VvScene *scene, const VvAsset *asset, const char *path, char *error,
                      size_t error_size) {
    FILE *file = fopen(path, "r");
    if (!file) {
        snprintf(error, error_size, "%s: cannot be opened: %s", path, strerror(errno));
        return false;
    }
    char line[256];
    bool seeded = false;
    const char *wrong = NULL;
    int number = 0;
    while (!wrong && fgets(line, sizeof line, file)) {
        number++;
        wrong = take(line, &seeded, id, scene, asset);
    }
    fclose(file);
    if (!wrong && !seeded)
        wrong = "no seed so far";
    if (wrong) {
        snprintf(error, error_size, "%s, line %d: %s", path, number, wrong);
        return false;
    }
    vv_identity_settle(id);
    return true;
}
