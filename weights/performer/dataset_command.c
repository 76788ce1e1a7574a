/* The subcommands that make a dataset and print the table of voices. */
#include "weights/performer/dataset.h"
#include "weights/performer/voice_recorded.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- dataset
 * ----------------------------------------------------------------------------------------------------------- */

static void dataset_help(FILE *out) {
    fprintf(out, "usage: visavis-performer dataset FOLDER [OPTION]...\n"
                 "Makes conversations of two performers, with everything that is known of them, for training.\n"
                 "Run again to go on after an interruption.\n\n"
                 "  --size N         conversations (100)\n"
                 "  --seconds N      length of each (60)\n"
                 "  --seed N         the same seed makes the same dataset (1)\n"
                 "  --threads N      (one for each core)\n"
                 "  --language CODE  one language only, such as en\n"
                 "  --alignment FILE phoneme times of recordings, which then speak too\n"
                 "  --no-video       sound, poses and labels only\n");
}

/* A number that is all of the word, within bounds. */
static bool number(const char *word, double low, double high, double *out) {
    char *end = NULL;
    *out = strtod(word, &end);
    return end != word && !*end && *out >= low && *out <= high;
}

int vv_dataset_command(int argc, char **argv, const VvDatasetVideo *video) {
    enum { SIZE = 1000, SECONDS, SEED, THREADS, LANGUAGE, ALIGNMENT, NO_VIDEO, HELP };
    static const struct option known[] = {
        {"size", 1, NULL, SIZE},       {"seconds", 1, NULL, SECONDS},     {"seed", 1, NULL, SEED},
        {"threads", 1, NULL, THREADS}, {"language", 1, NULL, LANGUAGE},   {"no-video", 0, NULL, NO_VIDEO},
        {"help", 0, NULL, HELP},       {"alignment", 1, NULL, ALIGNMENT}, {NULL, 0, NULL, 0}};
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    VvDatasetOptions options = {.seed = 1,
                                .conversations = 100,
                                .seconds = 60,
                                .threads = cores < 1    ? 1
                                           : cores > 64 ? 64
                                                        : (int)cores,
                                .video = video,
                                .progress = stderr};
    optind = 1;
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        double value = 0;
        bool good = true;
        if (option == SIZE && (good = number(optarg, 1, 999999, &value)))
            options.conversations = (int)value;
        else if (option == SECONDS && (good = number(optarg, 5, 1800, &value)))
            options.seconds = value;
        else if (option == SEED && (good = number(optarg, 0, 9007199254740991.0, &value)))
            options.seed = (uint64_t)value;
        else if (option == THREADS && (good = number(optarg, 1, 64, &value)))
            options.threads = (int)value;
        else if (option == LANGUAGE)
            options.language = optarg;
        else if (option == ALIGNMENT)
            options.alignment = optarg;
        else if (option == NO_VIDEO)
            options.video = NULL;
        else if (option == HELP) {
            dataset_help(stdout);
            return 0;
        } else
            good = false;
        if (!good) {
            dataset_help(stderr);
            return 2;
        }
    }
    if (optind + 1 != argc) {
        dataset_help(stderr);
        return 2;
    }
    options.folder = argv[optind];
    char error[VV_ERROR_MAX];
    if (vv_dataset_make(&options, error)) {
        fprintf(stderr, "visavis-performer dataset: %s\n", error);
        return 1;
    }
    return 0;
}

/* ---- voices
 * ------------------------------------------------------------------------------------------------------------ */

/* One line of the table: all of a source and language. */
typedef struct Group {
    const char *language, *source, *licence;
    bool real;
    int speakers, held_out, clips, with_text;
    double hours;
} Group;

enum { GROUPS = 200 };

static Group *group_of(Group *groups, int *count, const char *language, const char *source, const char *licence) {
    for (int i = 0; i < *count; i++)
        if (!strcmp(groups[i].language, language) && !strcmp(groups[i].source, source))
            return &groups[i];
    if (*count == GROUPS)
        return &groups[GROUPS - 1];
    groups[*count] = (Group){.language = language, .source = source, .licence = licence};
    return &groups[(*count)++];
}

static void add_synthetic(Group *groups, int *count) {
    for (int v = 0; v < vv_voice_count(); v++) {
        const VvVoice *voice = vv_voice_at(v);
        const char *source = voice->engine == VV_VOICE_FLITE ? "flite" : "espeak-ng";
        Group *group = group_of(groups, count, voice->language, source, voice->licence);
        group->speakers++;
        group->held_out += voice->held_out;
    }
}

/* Whether an earlier clip of the list is by the same speaker; lists are short of speakers, so looking is cheap enough.
 */
static bool seen(const char *speakers[], int count, const char *speaker) {
    for (int i = 0; i < count; i++)
        if (!strcmp(speakers[i], speaker))
            return true;
    return false;
}

static void add_recorded(const VvRecordings *recordings, Group *groups, int *count) {
    const char *speakers[512];
    int known = 0;
    for (int i = 0; i < recordings->count; i++) {
        const VvRecording *clip = &recordings->item[i];
        Group *group = group_of(groups, count, clip->language, clip->package, clip->licence);
        group->real = true;
        group->hours += vv_recording_seconds(clip) / 3600;
        group->clips++;
        group->with_text += clip->text != NULL;
        if (known < 512 && !seen(speakers, known, clip->speaker)) {
            speakers[known++] = clip->speaker;
            group->speakers++;
            group->held_out += clip->held_out;
        }
    }
}

static int by_group(const void *a, const void *b) {
    const Group *x = a, *y = b;
    const int order = (int)x->real - (int)y->real;
    return order                          ? order
           : strcmp(x->source, y->source) ? strcmp(x->source, y->source)
                                          : strcmp(x->language, y->language);
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

int vv_voices_print(FILE *out) {
    VvRecordings recordings;
    Group groups[GROUPS];
    int count = 0;
    const int result = vv_recordings_open(&recordings, "");
    if (result)
        return result;
    add_synthetic(groups, &count);
    add_recorded(&recordings, groups, &count);
    qsort(groups, (size_t)count, sizeof *groups, by_group);
    fprintf(out, "%-18s %-31s %-9s %8s %8s %10s %12s  %s\n", "language", "source", "kind", "speakers", "held out",
            "hours", "texts", "licence");
    double hours = 0, without = 0;
    for (int i = 0; i < count; i++) {
        print_group(out, &groups[i]);
        hours += groups[i].hours;
        without += groups[i].with_text ? 0 : groups[i].hours;
    }
    fprintf(out, "\n%d synthetic voices; %d recordings, %.2f hours, of which %.2f without texts\n", vv_voice_count(),
            recordings.count, hours, without);
    if (!recordings.count)
        fprintf(out, "No recordings are installed: make voices\n");
    vv_recordings_close(&recordings);
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
