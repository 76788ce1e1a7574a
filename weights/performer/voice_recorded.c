/* Finding the recordings: each package has its own way of naming files and keeping texts. */
#include "weights/performer/voice_recorded.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* How a source names its languages, speakers and texts. */
typedef enum Kind {
    STAMPS,  /* NAME_desc_LANG.ogg, text in NAME.txt in the line LANG.utf8= */
    DIALOGS, /* LEVEL/LANG/ID.ogg, text in another folder's LEVEL/dialogs_LANG.lua; a part of ID says who */
    PROMPTS, /* one folder, one speaker, no texts */
    WORDS,   /* LANG/..., letters, syllables and words, no texts */
} Kind;

typedef struct Source {
    const char *folder, *name, *package, *licence, *language;
    Kind kind;
} Source;

static const Source sources[] = {
    {"/usr/share/tuxpaint/stamps", "tuxpaint", "tuxpaint-stamps-default", "GPL-2", NULL, STAMPS},
    {"/usr/share/games/fillets-ng/sound", "fillets", "fillets-ng-data", "GPL-2+", NULL, DIALOGS},
    {"/usr/share/asterisk/sounds/en_US_f_Allison", "asterisk-allison-en", "asterisk-core-sounds-en-g722",
     "CC-BY-SA-3.0", "en", PROMPTS},
    {"/usr/share/asterisk/sounds/es_MX_f_Allison", "asterisk-allison-es", "asterisk-core-sounds-es-g722",
     "CC-BY-SA-3.0", "es", PROMPTS},
    {"/usr/share/asterisk/sounds/fr_CA_f_June", "asterisk-june", "asterisk-core-sounds-fr-g722", "CC-BY-SA-3.0", "fr",
     PROMPTS},
    {"/usr/share/asterisk/sounds/it_IT_m_Carlo", "asterisk-carlo", "asterisk-core-sounds-it-g722", "CC-BY-3.0", "it",
     PROMPTS},
    {"/usr/share/asterisk/sounds/ru_RU_f_IvrvoiceRU", "asterisk-ivrvoice", "asterisk-core-sounds-ru-g722",
     "CC-BY-SA-3.0", "ru", PROMPTS},
    {"/usr/share/asterisk/sounds/es", "asterisk-es-co", "asterisk-prompt-es-co", "GPL-2+", "es", PROMPTS},
    {"/usr/share/asterisk/sounds/fr", "asterisk-armelle", "asterisk-prompt-fr-armelle", "GPL-2+", "fr", PROMPTS},
    {"/usr/share/asterisk/sounds/it_IT_f_Menardi", "asterisk-menardi", "asterisk-prompt-it-menardi-wav", "CC-BY-SA-3.0",
     "it", PROMPTS},
    {"/usr/share/klettres", "klettres", "klettres-data", "GPL-2+", NULL, WORDS},
    {"/usr/share/ktuberling/sounds", "ktuberling", "ktuberling-data", "GPL-2+", NULL, WORDS},
};

/* Speakers never trained on; Greek, Danish and Portuguese with them are whole languages. Among the Dutch others are
 * lines of the held-out speaker. */
static const char *const held_out[] = {"tuxpaint-el",  "tuxpaint-da",       "tuxpaint-pt_BR", "asterisk-menardi",
                                       "fillets-nl-m", "fillets-nl-others", "klettres-pt_BR", "ktuberling-el",
                                       "klettres-da",  "ktuberling-da",     "ktuberling-pt"};

typedef struct Search {
    VvRecordings *found;
    int room;
    const char *root;
    const Source *source;
} Search;

static bool ends_with(const char *name, const char *end) {
    const size_t length = strlen(name), tail = strlen(end);
    return length >= tail && !strcmp(name + length - tail, end);
}

static bool is_audio(const char *name) {
    static const char *const ends[] = {".ogg", ".wav", ".g722", ".gsm"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (ends_with(name, ends[i]))
            return true;
    return false;
}

/* The whole file, terminated; NULL if it cannot be read. The caller frees. */
static char *read_text(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    char *text = NULL;
    size_t room = 0;
    const ssize_t got = getdelim(&text, &room, 0, file);
    fclose(file);
    if (got < 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* A copy of [from, to) with white space at the ends removed; NULL when nothing is left. */
static char *copy_trimmed(const char *from, const char *to) {
    while (from < to && isspace((unsigned char)*from))
        from++;
    while (to > from && isspace((unsigned char)to[-1]))
        to--;
    return to > from ? strndup(from, (size_t)(to - from)) : NULL;
}

/* ---- texts ------------------------------------------------------------------------------------------ */

/* The line "LANG.utf8=" of the stamp's text file. */
static char *stamp_text(const char *path, const char *language) {
    char file[1024], key[32];
    const char *end = strstr(path, "_desc_");
    snprintf(file, sizeof file, "%.*s.txt", (int)(end - path), path);
    snprintf(key, sizeof key, "\n%s.utf8=", language);
    char *all = read_text(file), *text = NULL;
    const char *line = all ? strstr(all, key) : NULL;
    if (line) {
        line += strlen(key);
        text = copy_trimmed(line, line + strcspn(line, "\r\n"));
    }
    free(all);
    return text;
}

/* In dialogs_LANG.lua: dialogId("ID", ...) and after it dialogStr("the text in LANG"). */
static char *dialog_text(const char *root, const char *level, const char *language, const char *id) {
    char file[1280], key[128];
    snprintf(file, sizeof file, "%s/usr/share/games/fillets-ng/script/%s/dialogs_%s.lua", root, level, language);
    snprintf(key, sizeof key, "dialogId(\"%s\"", id);
    char *all = read_text(file), *text = NULL;
    const char *entry = all ? strstr(all, key) : NULL;
    const char *quoted = entry ? strstr(entry, "dialogStr(\"") : NULL;
    if (quoted) {
        quoted += strlen("dialogStr(\"");
        const char *end = strchr(quoted, '"');
        text = end ? copy_trimmed(quoted, end) : NULL;
    }
    free(all);
    return text;
}

/* ---- one file --------------------------------------------------------------------------------------- */

static bool is_held_out(const char *speaker) {
    for (size_t i = 0; i < sizeof held_out / sizeof *held_out; i++)
        if (!strcmp(speaker, held_out[i]))
            return true;
    return false;
}

/* Fills language, speaker and text from a stamp's path. */
static void describe_stamp(VvRecording *clip, const char *name) {
    const char *language = strstr(name, "_desc_") + strlen("_desc_");
    snprintf(clip->language, sizeof clip->language, "%.*s", (int)strcspn(language, "."), language);
    snprintf(clip->speaker, sizeof clip->speaker, "tuxpaint-%s", clip->language);
    clip->text = stamp_text(clip->path, clip->language);
}

/* Who speaks is a part of the ID, such as bar-m-videt: m and v are the two fish. Some of their lines have no such part
 * and are among the others'. */
static const char *role_of(const char *id) {
    for (const char *part = id; part; part = strchr(part, '-')) {
        part += *part == '-';
        if ((*part == 'm' || *part == 'v') && (part[1] == '-' || !part[1]))
            return *part == 'm' ? "m" : "v";
    }
    return "others";
}

/* From .../sound/LEVEL/LANG/ID.ogg, where LEVEL may be a path. False for a clip that is no speech: effects are kept as
 * of other languages. */
static bool describe_dialog(VvRecording *clip, const char *root, const char *folder) {
    static const char *const spoken[][2] = {{"cs", "fillets-ng-data-cs"}, {"nl", "fillets-ng-data-nl"}};
    char level[128] = "", id[96] = "";
    const char *below = clip->path + strlen(root) + strlen(folder) + 1;
    const char *name = strrchr(below, '/'), *language = name;
    while (language && language > below && language[-1] != '/')
        language--;
    if (!name || language <= below)
        return false;
    snprintf(level, sizeof level, "%.*s", (int)(language - below) - 1, below);
    snprintf(id, sizeof id, "%.*s", (int)strcspn(name + 1, "."), name + 1);
    snprintf(clip->language, sizeof clip->language, "%.*s", (int)(name - language), language);
    clip->package = NULL;
    for (size_t i = 0; i < sizeof spoken / sizeof *spoken; i++)
        if (!strcmp(clip->language, spoken[i][0]))
            clip->package = spoken[i][1];
    if (!clip->package)
        return false;
    snprintf(clip->speaker, sizeof clip->speaker, "fillets-%s-%s", clip->language, role_of(id));
    clip->text = dialog_text(root, level, clip->language, id);
    return true;
}

static void describe_word(VvRecording *clip, const Source *source, const char *root) {
    const char *below = clip->path + strlen(root) + strlen(source->folder) + 1;
    snprintf(clip->language, sizeof clip->language, "%.*s", (int)strcspn(below, "/"), below);
    snprintf(clip->speaker, sizeof clip->speaker, "%s-%s", source->name, clip->language);
}

/* Whether the same prompt is there in the better codec, too: packages may be installed side by side. */
static bool has_better(const char *path) {
    char better[1100];
    const char *dot = strrchr(path, '.');
    snprintf(better, sizeof better, "%.*s.g722", (int)(dot - path), path);
    return strcmp(better, path) != 0 && access(better, F_OK) == 0;
}

static int add_clip(Search *search, const char *path, const char *name) {
    const Source *source = search->source;
    if (!is_audio(name) || (source->kind == STAMPS && !strstr(name, "_desc_")))
        return 0;
    if (source->kind == PROMPTS && has_better(path))
        return 0;
    if (search->found->count == search->room) {
        const int room = search->room ? search->room * 2 : 4096;
        VvRecording *grown = realloc(search->found->item, (size_t)room * sizeof *grown);
        if (!grown)
            return -ENOMEM;
        search->found->item = grown;
        search->room = room;
    }
    VvRecording clip = {.path = strdup(path), .package = source->package, .licence = source->licence};
    if (!clip.path)
        return -ENOMEM;
    if (source->kind == STAMPS)
        describe_stamp(&clip, name);
    if (source->kind == DIALOGS && !describe_dialog(&clip, search->root, source->folder)) {
        free(clip.path);
        return 0;
    }
    if (source->kind == WORDS)
        describe_word(&clip, source, search->root);
    if (source->kind == PROMPTS) {
        snprintf(clip.language, sizeof clip.language, "%s", source->language);
        snprintf(clip.speaker, sizeof clip.speaker, "%s", source->name);
    }
    clip.held_out = is_held_out(clip.speaker);
    search->found->item[search->found->count++] = clip;
    return 0;
}

static int search_folder(Search *search, const char *folder, int depth) {
    DIR *dir = depth < 8 ? opendir(folder) : NULL;
    int result = 0;
    if (!dir)
        return 0;
    for (const struct dirent *entry; !result && (entry = readdir(dir));) {
        char path[1024];
        struct stat about;
        if (entry->d_name[0] == '.' ||
            snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) >= (int)sizeof path || stat(path, &about))
            continue;
        result =
            S_ISDIR(about.st_mode) ? search_folder(search, path, depth + 1) : add_clip(search, path, entry->d_name);
    }
    closedir(dir);
    return result;
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const VvRecording *)a)->path, ((const VvRecording *)b)->path);
}

int vv_recordings_open(VvRecordings *recordings, const char *root) {
    *recordings = (VvRecordings){0};
    Search search = {.found = recordings, .root = root};
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        char folder[1024];
        snprintf(folder, sizeof folder, "%s%s", root, sources[i].folder);
        search.source = &sources[i];
        const int result = search_folder(&search, folder, 0);
        if (result) {
            vv_recordings_close(recordings);
            return result;
        }
    }
    if (recordings->count)
        qsort(recordings->item, (size_t)recordings->count, sizeof *recordings->item, by_path);
    return 0;
}

void vv_recordings_close(VvRecordings *recordings) {
    for (int i = 0; i < recordings->count; i++) {
        free(recordings->item[i].path);
        free(recordings->item[i].text);
        free(recordings->item[i].segment);
    }
    free(recordings->item);
    *recordings = (VvRecordings){0};
}
