/* The subcommand that makes a dataset. */
#include "weights/performer/dataset_video.h"
#include "weights/performer/faces.h"
#include "weights/performer/voice.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- dataset
 * ----------------------------------------------------------------------------------------------------------- */

static int dataset_help(FILE *out, int status) {
    fprintf(out, "usage: visavis-performer dataset FOLDER [OPTION]...\n"
                 "Makes conversations of two performers, with everything that is known of them, for training.\n"
                 "Run again to go on after an interruption.\n\n"
                 "  --size N            conversations (100)\n"
                 "  --seconds N         length of each (60)\n"
                 "  --seed N            the same seed makes the same dataset (1)\n"
                 "  --threads N         (one for each core)\n"
                 "  --language CODE     one language only, such as en\n"
                 "  --alignment FILE    phoneme times of recordings, which then speak too\n"
                 "  --festival          festival's voices speak too, those that are installed\n"
                 "  --pictures KIND     vp8, raw (10 MB a second), or none: sound, poses and labels only (vp8)\n"
                 "  --user KIND         how the user is seen: webcam, a bad one, or studio (webcam; with raw, studio)\n"
                 "  --characters FOLDER half of the avatar's parts are played by these, such as " VV_CHARACTERS "\n"
                 "  --always            those characters play all of the avatar's parts\n"
                 "  --every N           pictures of every Nth frame only (1)\n"
                 "  --picture-size N    256 or 512 pixels a side (256)\n"
                 "  --asset FILE        the head asset (" VV_HEAD_ASSET ")\n");
    return status;
}

/* What the command line says. */
typedef struct Wish {
    VvDatasetOptions options;
    VvVideoOptions video;
    int webcam; /* 1, 0, or -1: as the kind of pictures has it */
} Wish;

/* A number that is all of the word, within bounds. */
static bool number(const char *word, double low, double high, double *out) {
    char *end = NULL;
    *out = strtod(word, &end);
    return end != word && !*end && *out >= low && *out <= high;
}

/* A whole number, within bounds. */
static bool whole(const char *word, int low, int high, int *out) {
    double value = 0;
    const bool good = number(word, low, high, &value) && value == (int)value;
    *out = good ? (int)value : *out;
    return good;
}

/* The one of a list of names that it is. */
static bool one_of(const char *word, const char *const names[], int count, int *out) {
    for (int i = 0; i < count; i++)
        if (strcmp(word, names[i]) == 0) {
            *out = i;
            return true;
        }
    return false;
}

static bool read_option(Wish *wish, int option, const char *word) {
    static const char *const kinds[] = {"none", "raw", "vp8"}, *const views[] = {"studio", "webcam"};
    VvDatasetOptions *options = &wish->options;
    VvVideoOptions *video = &wish->video;
    double value = 0;
    int kind = 0;
    bool good = true;
    switch (option) {
    case 'n':
        return whole(word, 1, 999999, &options->conversations);
    case 's':
        return number(word, 5, 1800, &options->seconds);
    case 'r':
        good = number(word, 0, 9007199254740991.0, &value);
        options->seed = (uint64_t)value;
        return good;
    case 't':
        return whole(word, 1, 64, &options->threads);
    case 'l':
        options->language = word;
        return true;
    case 'a':
        options->alignment = word;
        return true;
    case 'f':
        options->festival = true;
        return true;
    case 'p':
        good = one_of(word, kinds, 3, &kind);
        video->kind = (VvPictures)kind;
        return good;
    case 'u':
        return one_of(word, views, 2, &wish->webcam);
    case 'e':
        return whole(word, 1, 100000, &video->every);
    case 'c':
        video->characters = word;
        return true;
    case 'w':
        video->always = true;
        return true;
    case 'z':
        return whole(word, 256, 512, &video->size) && (video->size == 256 || video->size == 512);
    case 'h':
        video->asset = word;
        return true;
    default:
        return false;
    }
}

/* Festival's voices are asked for; none may be there. */
static bool find_festival(void) {
    for (int v = vv_voice_count(); v < vv_voice_count_all(); v++)
        if (vv_voice_installed(v))
            return true;
    fprintf(stderr,
            "visavis-performer dataset: none of festival's voices is installed (make voices); going on without\n");
    return false;
}

int vv_dataset_command(int argc, char **argv) {
    static const struct option known[] = {
        {"size", 1, NULL, 'n'},     {"seconds", 1, NULL, 's'},  {"seed", 1, NULL, 'r'},
        {"threads", 1, NULL, 't'},  {"language", 1, NULL, 'l'}, {"alignment", 1, NULL, 'a'},
        {"pictures", 1, NULL, 'p'}, {"every", 1, NULL, 'e'},    {"picture-size", 1, NULL, 'z'},
        {"asset", 1, NULL, 'h'},    {"user", 1, NULL, 'u'},     {"characters", 1, NULL, 'c'},
        {"festival", 0, NULL, 'f'}, {"always", 0, NULL, 'w'},   {NULL, 0, NULL, 0}};
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    const int threads = cores < 1 ? 1 : cores > 64 ? 64 : (int)cores;
    Wish wish = {.options = {.seed = 1, .conversations = 100, .seconds = 60, .threads = threads, .progress = stderr},
                 .video = {.asset = VV_HEAD_ASSET, .kind = VV_PICTURES_VP8, .every = 1, .size = 256},
                 .webcam = -1};
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return dataset_help(stdout, 0);
    optind = 1;
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;)
        if (!read_option(&wish, option, optarg))
            return dataset_help(stderr, 2);
    if (optind + 1 != argc)
        return dataset_help(stderr, 2);
    wish.options.folder = argv[optind];
    wish.options.festival = wish.options.festival && find_festival();
    char error[VV_ERROR_MAX];
    VvDatasetVideo video = {0};
    const bool pictures = wish.video.kind != VV_PICTURES_NONE;
    wish.video.webcam = wish.webcam < 0 ? wish.video.kind == VV_PICTURES_VP8 : wish.webcam;
    int result = pictures ? vv_dataset_video_open(&video, &wish.video, error) : 0;
    if (!result) {
        wish.options.video = pictures ? &video : NULL;
        result = vv_dataset_make(&wish.options, error);
    }
    vv_dataset_video_close(&video);
    if (result)
        fprintf(stderr, "visavis-performer dataset: %s\n", error);
    return result ? 1 : 0;
}
