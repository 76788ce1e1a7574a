/* Who can speak: flite's three English voices, espeak-ng's languages each with a set of its voice variants, and
 * festival's voices where they are installed. Variants that do not sound like a person (whisper, robot, croak) are left
 * out.
 *
 * Held out: one flite voice, three espeak-ng variants in all languages, one whole language, and one festival voice. */
#include "weights/performer/voice_engine.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

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

/* festival's voices of real speakers, each in a package of its own. Left out, because their times do not fit their
 * sound (timing_test.c tells how that is measured): kal and ked, 15 ms early and as uncertain; mv; and the Russian one,
 * whose labels are off by up to 45 ms. */
static const struct {
    const char *name, *folder, *language, *licence;
    bool feminine, held_out;
} festival[] = {
    {"slt-hts", "us/cmu_us_slt_arctic_hts", "en", "BSD-like", true, false},
    {"lp", "italian/lp_diphone", "it", "GPL-2+", true, false},
    {"pc", "italian/pc_diphone", "it", "GPL-2+", false, false},
    {"ph", "czech/czech_ph", "cs", "GPL-2+", false, false},
    {"dita", "czech/czech_dita", "cs", "GPL-3+", true, false},
    {"krb", "czech/czech_krb", "cs", "GPL-3+", false, true},
    {"machac", "czech/czech_machac", "cs", "GPL-3+", false, false},
    {"lj", "finnish/suo_fi_lj_diphone", "fi", "LGPL-2+", true, false},
    {"hi-nsk", "hindi/hindi_NSK_diphone", "hi", "GPL-2+", false, false},
    {"mr-nsk", "marathi/marathi_NSK_diphone", "mr", "GPL-2+", false, false},
    {"te-nsk", "telugu/telugu_NSK_diphone", "te", "GPL-2+", false, false},
    {"ona", "catalan/upc_ca_ona_hts", "ca", "LGPL-2.1+", true, false},
};

enum {
    VARIANTS = sizeof variants / sizeof *variants,
    ACCENTS = sizeof accents / sizeof *accents,
    FESTIVAL = sizeof festival / sizeof *festival,
    FLITE = 3,
    VOICES = FLITE + ACCENTS * VARIANTS
};

#define HELD_OUT_LANGUAGE "pt"

static VvVoice table[VOICES + FESTIVAL];
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
    for (int f = 0; f < FESTIVAL; f++, voice++) {
        *voice = (VvVoice){.engine = VV_VOICE_FESTIVAL,
                           .licence = festival[f].licence,
                           .feminine = festival[f].feminine,
                           .held_out = festival[f].held_out};
        copy(voice->name, sizeof voice->name, "festival-", festival[f].name, "");
        copy(voice->speaker, sizeof voice->speaker, festival[f].name, "", "");
        copy(voice->language, sizeof voice->language, festival[f].language, "", "");
    }
}

int vv_voice_count(void) {
    return VOICES;
}

int vv_voice_count_all(void) {
    return VOICES + FESTIVAL;
}

const char *vv_festival_folder(const VvVoice *voice) {
    return voice->engine == VV_VOICE_FESTIVAL ? festival[voice - table - VOICES].folder : NULL;
}

bool vv_voice_installed(int index) {
    const char *folder = vv_festival_folder(vv_voice_at(index));
    char path[128];
    copy(path, sizeof path, "/usr/share/festival/voices/", folder ? folder : "", "");
    return !folder || (access(path, F_OK) == 0 && access("/usr/bin/festival", X_OK) == 0);
}

const VvVoice *vv_voice_at(int index) {
    pthread_once(&once, build);
    return &table[index];
}

int vv_voice_named(const char *name) {
    for (int i = 0; i < VOICES + FESTIVAL; i++)
        if (!strcmp(vv_voice_at(i)->name, name))
            return i;
    return -1;
}
