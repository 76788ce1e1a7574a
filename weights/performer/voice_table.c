/* Who can speak: flite's three English voices, and espeak-ng's languages each with a set of its voice variants.
 * Variants that do not sound like a person (whisper, robot, croak) are left out.
 *
 * Held out: one flite voice, three espeak-ng variants in all languages, and one whole language. */
#include "weights/performer/voice.h"

#include <pthread.h>
#include <string.h>

typedef struct Variant {
    const char *name;
    bool feminine, held_out;
} Variant;

static const Variant variants[] = {
    {"m1", false, false},      {"m2", false, false},    {"m3", false, false},       {"m4", false, false},
    {"m5", false, false},      {"m6", false, false},    {"m7", false, true},        {"m8", false, false},
    {"f1", true, false},       {"f2", true, false},     {"f3", true, false},        {"f4", true, false},
    {"f5", true, true},        {"klatt", false, false}, {"klatt2", false, false},   {"klatt4", false, false},
    {"Andrea", true, false},   {"Annie", true, true},   {"Alicia", true, false},    {"linda", true, false},
    {"belinda", true, false},  {"steph", true, false},  {"anika", true, false},     {"adam", false, false},
    {"Michael", false, false}, {"Mario", false, false}, {"benjamin", false, false}, {"victor", false, false},
    {"rob", false, false},     {"Diogo", false, false}, {"quincy", false, false},   {"paul", false, false},
};

/* Languages as texts.h knows them, and espeak-ng's names for how they are spoken. */
static const struct {
    const char *language, *espeak;
} accents[] = {
    {"en", "en-us"},  {"en", "en"},     {"en", "en-gb-scotland"},
    {"en", "en-029"}, {"de", "de"},     {"fr", "fr"},
    {"es", "es"},     {"es", "es-419"}, {"it", "it"},
    {"pt", "pt"},     {"pt", "pt-br"},  {"nl", "nl"},
    {"sv", "sv"},     {"pl", "pl"},     {"cs", "cs"},
    {"ro", "ro"},     {"ca", "ca"},     {"tr", "tr"},
    {"fi", "fi"},     {"da", "da"},     {"nb", "nb"},
    {"hu", "hu"},     {"hr", "hr"},     {"ru", "ru"},
    {"uk", "uk"},     {"bg", "bg"},     {"el", "el"},
    {"hi", "hi"},     {"id", "id"},     {"sw", "sw"},
    {"vi", "vi"},     {"cmn", "cmn"},   {"fa", "fa"},
    {"ar", "ar"},     {"lv", "lv"},     {"lt", "lt"},
    {"et", "et"},     {"sk", "sk"},     {"is", "is"},
    {"ka", "ka"},     {"bn", "bn"},     {"ta", "ta"},
};

enum {
    VARIANTS = sizeof variants / sizeof *variants,
    ACCENTS = sizeof accents / sizeof *accents,
    FLITE = 3,
    VOICES = FLITE + ACCENTS * VARIANTS
};

#define HELD_OUT_LANGUAGE "pt"

static VvVoice table[VOICES];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void copy(char *to, size_t room, const char *first, const char *second, const char *third) {
    snprintf(to, room, "%s%s%s", first, second, third);
}

static void add_flite(VvVoice *voice, const char *speaker, bool feminine, bool held_out) {
    *voice = (VvVoice){.engine = VV_VOICE_FLITE, .licence = "BSD-like", .feminine = feminine, .held_out = held_out};
    copy(voice->name, sizeof voice->name, "flite-", speaker, "");
    copy(voice->language, sizeof voice->language, "en", "", "");
    copy(voice->speaker, sizeof voice->speaker, speaker, "", "");
}

static void build(void) {
    add_flite(&table[0], "slt", true, false);
    add_flite(&table[1], "rms", false, false);
    add_flite(&table[2], "awb", false, true);
    VvVoice *voice = table + FLITE;
    for (int a = 0; a < ACCENTS; a++)
        for (int v = 0; v < VARIANTS; v++, voice++) {
            *voice = (VvVoice){.engine = VV_VOICE_ESPEAK,
                               .licence = "GPL-3+ (program)",
                               .feminine = variants[v].feminine,
                               .held_out = variants[v].held_out || !strcmp(accents[a].language, HELD_OUT_LANGUAGE)};
            copy(voice->speaker, sizeof voice->speaker, accents[a].espeak, "+", variants[v].name);
            copy(voice->name, sizeof voice->name, "espeak-", voice->speaker, "");
            copy(voice->language, sizeof voice->language, accents[a].language, "", "");
        }
}

int vv_voice_count(void) {
    return VOICES;
}

const VvVoice *vv_voice_at(int index) {
    pthread_once(&once, build);
    return &table[index];
}

int vv_voice_named(const char *name) {
    for (int i = 0; i < VOICES; i++)
        if (!strcmp(vv_voice_at(i)->name, name))
            return i;
    return -1;
}
