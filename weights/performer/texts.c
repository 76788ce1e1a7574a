/* Filling templates. */
#include "weights/performer/texts.h"

#include <stdio.h>
#include <string.h>

#define VV_TEXTS(language, KIND, EMOTION, ...)                                                                         \
    static const char *const language##_##KIND##_##EMOTION[] = {__VA_ARGS__, NULL};
#include "weights/performer/texts.def"

typedef struct List {
    const char *language;
    VvTextKind kind;
    VvEmotion emotion;
    const char *const *item;
} List;

#define VV_TEXTS(language, KIND, EMOTION, ...)                                                                         \
    {#language, VV_TEXT_##KIND, VV_EMOTION_##EMOTION, language##_##KIND##_##EMOTION},
static const List lists[] = {
#include "weights/performer/texts.def"
};

enum { LISTS = sizeof lists / sizeof *lists, TRIES = 400 };

static const List *find(const char *language, VvTextKind kind, VvEmotion emotion) {
    for (int i = 0; i < LISTS; i++)
        if (lists[i].kind == kind && lists[i].emotion == emotion && !strcmp(lists[i].language, language))
            return &lists[i];
    return NULL;
}

static const List *closest(const char *language, VvTextKind kind, VvEmotion emotion) {
    const List *list = find(language, kind, emotion);
    if (!list)
        list = find(language, kind, VV_EMOTION_NEUTRAL);
    if (!list)
        list = find(language, kind, VV_EMOTION_JOY); /* laughter */
    /* English has phonetically rich readings; elsewhere a statement must do. */
    if (!list && kind == VV_TEXT_READING)
        list = find(language, VV_TEXT_STATEMENT, VV_EMOTION_NEUTRAL);
    return list;
}

static const char *pick(const List *list, VvChance *chance) {
    int count = 0;
    while (list->item[count])
        count++;
    return list->item[vv_chance_pick(chance, count)];
}

/* Numbers of every length, so that dates, prices and telephone numbers come up. */
static void number(VvChance *chance, char out[16]) {
    static const int limits[] = {10, 20, 100, 1000, 10000};
    const int limit = limits[vv_chance_pick(chance, 5)];
    snprintf(out, 16, "%d", 2 + vv_chance_pick(chance, limit));
}

/* Appends `text` to `out`, filling its slots from the lists. Slots nest once ("{n} years ago"). */
static void fill(const char *language, const char *text, VvChance *chance, int depth, char *out, size_t *used) {
    static const struct {
        char letter;
        VvTextKind kind;
    } slots[] = {{'p', VV_TEXT_PERSON}, {'l', VV_TEXT_PLACE}, {'o', VV_TEXT_THING},
                 {'a', VV_TEXT_ACTION}, {'t', VV_TEXT_TIME},  {'w', VV_TEXT_WORD}};
    while (*text && *used + 1 < VV_VOICE_TEXT) {
        if (text[0] != '{' || !text[1] || text[2] != '}') {
            out[(*used)++] = *text++;
            continue;
        }
        char digits[16];
        const char *filler = digits;
        number(chance, digits);
        for (size_t i = 0; i < sizeof slots / sizeof *slots; i++)
            if (slots[i].letter == text[1]) {
                const List *list = closest(language, slots[i].kind, VV_EMOTION_NEUTRAL);
                filler = list ? pick(list, chance) : digits;
            }
        if (depth < 2)
            fill(language, filler, chance, depth + 1, out, used);
        text += 3;
    }
}

static bool is_divided(VvTextKind kind) {
    return kind == VV_TEXT_STATEMENT || kind == VV_TEXT_QUESTION || kind == VV_TEXT_ANSWER || kind == VV_TEXT_READING;
}

/* The first letter of a sentence is a capital where the filler began it. */
static void capitalise(char *text) {
    if (text[0] >= 'a' && text[0] <= 'z')
        text[0] = (char)(text[0] - 'a' + 'A');
}

bool vv_text_held_out(const char *text) {
    uint32_t hash = 2166136261u;
    for (; *text; text++)
        hash = (hash ^ (uint8_t)*text) * 16777619u;
    return (hash ^ hash >> 15) % 8 == 0;
}

bool vv_text_has(const char *language) {
    return find(language, VV_TEXT_STATEMENT, VV_EMOTION_NEUTRAL) != NULL;
}

void vv_text_make(const char *language, VvTextKind kind, VvEmotion emotion, bool held_out, VvChance *chance,
                  char out[VV_VOICE_TEXT]) {
    const char *known = vv_text_has(language) ? language : "any";
    for (int attempt = 0; attempt < TRIES; attempt++) {
        const List *list = closest(known, kind, emotion);
        size_t used = 0;
        fill(known, list ? pick(list, chance) : "{n}.", chance, 0, out, &used);
        /* A template cut at the limit must not end in half a character. */
        while (used && used + 1 >= VV_VOICE_TEXT && ((unsigned char)out[used - 1] & 0x80))
            used--;
        out[used] = 0;
        if (kind < VV_TEXT_PERSON)
            capitalise(out);
        if (!is_divided(kind) || vv_text_held_out(out) == held_out)
            return;
        /* A template without slots, or an emotion with a few: try a plain statement or number before giving up. */
        if (attempt == TRIES / 2)
            emotion = VV_EMOTION_NEUTRAL;
    }
}
