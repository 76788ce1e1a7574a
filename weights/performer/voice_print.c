/* The table of voices: what there is to train on, of whom, under which licence, and what is held out. */
#include "weights/performer/commands.h"
#include "weights/performer/voice_recorded.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One line of the table: all of a source, language and licence. */
typedef struct Group {
    const char *language, *source, *licence;
    bool real;
    int speakers, held_out, clips, with_text;
    double hours;
} Group;

enum { GROUPS = 200, SPEAKERS = 512 };

typedef struct Table {
    Group group[GROUPS];
    int count;
    const VvRecording *speaker[SPEAKERS]; /* a clip of each */
    int speakers;
} Table;

static Group *group_of(Table *table, const char *language, const char *source, const char *licence) {
    for (int i = 0; i < table->count; i++)
        if (!strcmp(table->group[i].language, language) && !strcmp(table->group[i].source, source) &&
            !strcmp(table->group[i].licence, licence))
            return &table->group[i];
    if (table->count == GROUPS)
        return &table->group[GROUPS - 1];
    table->group[table->count] = (Group){.language = language, .source = source, .licence = licence};
    return &table->group[table->count++];
}

/* Returns how many of the table's voices are not installed. */
static int add_synthetic(Table *table) {
    static const char *const sources[] = {
        [VV_VOICE_FLITE] = "flite", [VV_VOICE_ESPEAK] = "espeak-ng", [VV_VOICE_FESTIVAL] = "festival"};
    int missing = 0;
    for (int v = 0; v < vv_voice_count_all(); v++) {
        const VvVoice *voice = vv_voice_at(v);
        if (!vv_voice_installed(v)) {
            missing++;
            continue;
        }
        Group *group = group_of(table, voice->language, sources[voice->engine], voice->licence);
        group->speakers++;
        group->held_out += voice->held_out;
    }
    return missing;
}

/* Whether an earlier clip is by the same speaker; there are few speakers, so looking is cheap enough. */
static bool is_known(const Table *table, const char *speaker) {
    for (int i = 0; i < table->speakers; i++)
        if (!strcmp(table->speaker[i]->speaker, speaker))
            return true;
    return false;
}

static void add_recorded(Table *table, const VvRecordings *recordings) {
    for (int i = 0; i < recordings->count; i++) {
        const VvRecording *clip = &recordings->item[i];
        Group *group = group_of(table, clip->language, clip->package, clip->licence);
        group->real = true;
        group->hours += vv_recording_seconds(clip) / 3600;
        group->clips++;
        group->with_text += clip->text != NULL;
        if (table->speakers < SPEAKERS && !is_known(table, clip->speaker)) {
            table->speaker[table->speakers++] = clip;
            group->speakers++;
            group->held_out += clip->held_out;
        }
    }
}

static int by_language(const void *a, const void *b) {
    const Group *x = a, *y = b;
    const int kind = (int)x->real - (int)y->real, language = strcmp(x->language, y->language);
    return kind ? kind : language ? language : strcmp(x->source, y->source);
}

static void print_group(FILE *out, const Group *group) {
    char hours[24] = "unlimited", text[24] = "exact times";
    if (group->real) {
        snprintf(hours, sizeof hours, "%.2f", group->hours);
        snprintf(text, sizeof text, "%d of %d", group->with_text, group->clips);
    }
    fprintf(out, "%-18s %-31s %-9s %8d %8d %10s %12s  %s\n", group->language, group->source,
            group->real ? "real" : "synthetic", group->speakers, group->held_out, hours, text, group->licence);
}

static void print_held_out(FILE *out, const Table *table) {
    fprintf(out, "\nHeld out, besides synthetic voices:");
    for (int i = 0; i < table->speakers; i++)
        if (table->speaker[i]->held_out)
            fprintf(out, " %s", table->speaker[i]->speaker);
    fprintf(out, "\n");
}

int vv_voices_print(FILE *out) {
    VvRecordings recordings;
    Table *table = calloc(1, sizeof *table);
    const int result = table ? vv_recordings_open(&recordings, "") : -ENOMEM;
    if (result) {
        free(table);
        return result;
    }
    const int missing = add_synthetic(table);
    add_recorded(table, &recordings);
    qsort(table->group, (size_t)table->count, sizeof *table->group, by_language);
    fprintf(out, "%-18s %-31s %-9s %8s %8s %10s %12s  %s\n", "language", "source", "kind", "speakers", "held out",
            "hours", "texts", "licence");
    double hours = 0, without = 0;
    for (int i = 0; i < table->count; i++) {
        print_group(out, &table->group[i]);
        hours += table->group[i].hours;
        without += table->group[i].with_text ? 0 : table->group[i].hours;
    }
    fprintf(out, "\n%d synthetic voices; %d recordings of %d speakers, %.2f hours, of which %.2f without texts\n",
            vv_voice_count_all() - missing, recordings.count, table->speakers, hours, without);
    if (table->speakers)
        print_held_out(out, table);
    else
        fprintf(out, "No recordings are installed: make voices\n");
    if (missing)
        fprintf(out, "%d of festival's voices are not installed: make voices\n", missing);
    vv_recordings_close(&recordings);
    free(table);
    return 0;
}

int vv_voices_command(int argc, char **argv) {
    if (argc > 1) {
        const bool help = !strcmp(argv[1], "--help");
        fprintf(help ? stdout : stderr,
                "usage: visavis-performer voices\nPrints who can speak: languages, speakers, hours, "
                "licences, and which are held out of training.\n");
        return help ? 0 : 2;
    }
    const int result = vv_voices_print(stdout);
    if (result)
        fprintf(stderr, "visavis-performer voices: %s\n", strerror(-result));
    return result ? 1 : 0;
}
