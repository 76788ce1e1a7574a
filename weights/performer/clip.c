/* visavis-performer clip: two performers in conversation, side by side, as a film with sound. */
#include "server/media/movie.h"
#include "server/media/resample.h"
#include "weights/performer/commands.h"
#include "weights/performer/dialogue.h"
#include "weights/performer/faces.h"
#include "weights/performer/render.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    TEXT_MAX = 1200,
    SOUND = VV_MOVIE_RATE / VV_POSE_FPS, /* samples of a picture's time */
    SOUND_KBPS = 64,
    KBPS_256 = 3000 /* of a 256 x 256 picture */
};

typedef struct Options {
    const char *out, *asset, *folder, *language;
    char *characters; /* two names with a comma between them, or NULL */
    double seconds;
    uint64_t seed;
    int size;
} Options;

struct Clip;

/* One side's half of the picture, drawn by a thread of its own. */
typedef struct Half {
    struct Clip *clip;
    int side;
    VvPerformer *performer;
    VvRenderer *renderer;
    VvFrame frame;
    VvSway sway;
} Half;

typedef struct Clip {
    const Options *options;
    VvVoices *voices;
    VvStudio *studio;
    VvConversation *conversation;
    Half half[VV_SIDES];
    pthread_barrier_t barrier; /* passed before and after each frame is drawn */
    uint8_t *rgb;              /* both halves */
    VvPicture picture;
    int16_t *sound; /* both voices, at VV_MOVIE_RATE, with room for whole pictures */
    VvMovie *film;
    char error[TEXT_MAX];
} Clip;

static bool fail(Clip *clip, const char *what, const char *name, const char *why) {
    snprintf(clip->error, sizeof clip->error, "%s%s%s%s", what, name, *why ? ": " : "", why);
    return false;
}

/* ---- who and what ----------------------------------------------------------------------------------------------- */

/* Reads the characters' settings, where there are any; `sex` gets what their voices should be. */
static bool load_characters(Clip *clip, VvIdentity identity[VV_SIDES], VvScene scene[VV_SIDES], char sex[VV_SIDES]) {
    char *rest = clip->options->characters;
    for (int s = 0; s < VV_SIDES && rest; s++) {
        char path[TEXT_MAX], *name = strsep(&rest, ",");
        if (!*name || (s == 0) != (rest != NULL))
            return fail(clip, "--characters takes two names, such as amara,hugo", "", "");
        const bool file = strchr(name, '/') != NULL;
        snprintf(path, sizeof path, file ? "%s%s" : "%s/%s.conf", file ? "" : clip->options->folder, name);
        if (!vv_identity_load(&identity[s], &scene[s], vv_studio_asset(clip->studio), path, clip->error,
                              sizeof clip->error))
            return false;
        sex[s] = identity[s].feminine ? 'f' : 'm';
    }
    return true;
}

static bool converse(Clip *clip, const char sex[VV_SIDES]) {
    const Options *o = clip->options;
    VvConversationPlan plan = {.seed = o->seed, .seconds = o->seconds, .language = o->language};
    memcpy(plan.sex, sex, sizeof plan.sex);
    const int result = vv_conversation_make(clip->voices, &plan, &clip->conversation);
    if (result == -EINVAL)
        return fail(clip, "there are no two voices that speak ", o->language, "visavis-performer voices lists them");
    return result ? fail(clip, "the conversation cannot be made", "", strerror(-result)) : true;
}

static bool open_half(Clip *clip, int side, const VvIdentity *identity, const VvScene *scene) {
    Half *half = &clip->half[side];
    half->clip = clip;
    half->side = side;
    half->performer = vv_performer_open(clip->studio, identity, scene, clip->options->size);
    half->renderer = vv_renderer_open();
    return vv_frame_open(&half->frame, clip->options->size) && half->performer && half->renderer;
}

static bool cast(Clip *clip) {
    VvIdentity identity[VV_SIDES];
    VvScene scene[VV_SIDES];
    char sex[VV_SIDES] = {0}, reason[200];
    clip->studio = vv_studio_open(clip->options->asset, clip->error, sizeof clip->error);
    if (!clip->studio || !load_characters(clip, identity, scene, sex))
        return false;
    if (vv_voices_open(&clip->voices, reason))
        return fail(clip, reason, "", "");
    if (!converse(clip, sex))
        return false;
    for (int s = 0; s < VV_SIDES; s++) {
        const uint64_t seed = clip->conversation->side[s].identity;
        if (!clip->options->characters) {
            vv_identity_random(&identity[s], vv_studio_asset(clip->studio), seed);
            vv_scene_random(&scene[s], seed);
        }
        if (!open_half(clip, s, &identity[s], &scene[s]))
            return false;
    }
    return true;
}

/* ---- sound ------------------------------------------------------------------------------------------------------ */

/* Both voices in one, at the encoder's rate. */
static bool mix_sound(Clip *clip) {
    const VvConversation *c = clip->conversation;
    const int room = c->frames * SOUND + VV_MOVIE_RATE;
    int16_t *mixed = calloc((size_t)c->samples, sizeof *mixed);
    clip->sound = calloc((size_t)room, sizeof *clip->sound);
    VvResampler *resampler = vv_resampler_new(VV_VOICE_RATE, VV_MOVIE_RATE);
    const bool good = mixed && clip->sound && resampler;
    for (int i = 0; i < c->samples && good; i++) {
        const int sum = c->side[0].pcm[i] + c->side[1].pcm[i];
        mixed[i] = (int16_t)(sum > INT16_MAX ? INT16_MAX : sum < INT16_MIN ? INT16_MIN : sum);
    }
    if (good) {
        const int count = vv_resample(resampler, mixed, c->samples, clip->sound, room);
        vv_resampler_flush(resampler, clip->sound + count, room - count);
    }
    vv_resampler_free(&resampler);
    free(mixed);
    return good;
}

/* ---- pictures --------------------------------------------------------------------------------------------------- */

static void draw(Half *half, int number) {
    const Clip *clip = half->clip;
    const VvPose *pose = &clip->conversation->side[half->side].pose[number];
    const size_t row = (size_t)clip->options->size * 3;
    vv_sway_step(&half->sway, vv_performer_hair(half->performer), pose);
    vv_render(half->renderer, half->performer, &half->sway, pose, &half->frame);
    for (int y = 0; y < clip->options->size; y++)
        memcpy(clip->rgb + (size_t)(2 * y + half->side) * row, half->frame.rgb + (size_t)y * row, row);
}

/* The second half's thread. */
static void *draw_all(void *data) {
    Half *half = data;
    for (int f = 0; f < half->clip->conversation->frames; f++) {
        pthread_barrier_wait(&half->clip->barrier);
        draw(half, f);
        pthread_barrier_wait(&half->clip->barrier);
    }
    return NULL;
}

/* ---- the film --------------------------------------------------------------------------------------------------- */

static bool open_film(Clip *clip) {
    const int size = clip->options->size;
    const VvMovieForm form = {.width = 2 * size,
                              .height = size,
                              .fps = VV_POSE_FPS,
                              .video_kbps = 2 * KBPS_256 * size / 256 * size / 256,
                              .sound_kbps = SOUND_KBPS};
    clip->rgb = calloc((size_t)size * (size_t)size, 6);
    if (!clip->rgb || vv_picture_alloc(&clip->picture, 2 * size, size))
        return false;
    const int result = vv_movie_open(&clip->film, clip->options->out, &form);
    return result ? fail(clip, "cannot write ", clip->options->out, strerror(-result)) : true;
}

static int add_frame(Clip *clip, int number) {
    vv_picture_from_rgb(&clip->picture, clip->rgb, 3 * clip->picture.width);
    return vv_movie_add(clip->film, &clip->picture, clip->sound + (size_t)number * SOUND);
}

static void report(const Clip *clip, const struct timespec *start, int done) {
    struct timespec now;
    if (done % VV_POSE_FPS)
        return;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const double spent = (double)(now.tv_sec - start->tv_sec) + 1e-9 * (double)(now.tv_nsec - start->tv_nsec);
    const int left = (int)(spent / done * (clip->conversation->frames - done));
    fprintf(stderr, "clip: %d of %d s, %d min %02d s left\n", done / VV_POSE_FPS,
            clip->conversation->frames / VV_POSE_FPS, left / 60, left % 60);
}

/* Draws, codes and writes; this thread draws the first half. */
static bool film(Clip *clip) {
    struct timespec start;
    pthread_t other;
    if (pthread_barrier_init(&clip->barrier, NULL, 2))
        return false;
    if (pthread_create(&other, NULL, draw_all, &clip->half[1])) {
        pthread_barrier_destroy(&clip->barrier);
        return false;
    }
    clock_gettime(CLOCK_MONOTONIC, &start);
    int result = 0;
    for (int f = 0; f < clip->conversation->frames; f++) {
        pthread_barrier_wait(&clip->barrier);
        if (!result)
            draw(&clip->half[0], f);
        pthread_barrier_wait(&clip->barrier);
        if (!result)
            result = add_frame(clip, f);
        if (!result)
            report(clip, &start, f + 1);
    }
    pthread_join(other, NULL);
    pthread_barrier_destroy(&clip->barrier);
    return result ? fail(clip, "cannot write ", clip->options->out, strerror(-result)) : true;
}

static bool finish(Clip *clip) {
    const int result = vv_movie_close(&clip->film, true);
    return result ? fail(clip, "cannot write ", clip->options->out, strerror(-result)) : true;
}

/* A film that has not become whole is removed. */
static void close_clip(Clip *clip) {
    vv_movie_close(&clip->film, false);
    vv_picture_free(&clip->picture);
    for (int s = 0; s < VV_SIDES; s++) {
        vv_performer_close(&clip->half[s].performer);
        vv_renderer_close(&clip->half[s].renderer);
        vv_frame_close(&clip->half[s].frame);
    }
    vv_conversation_free(&clip->conversation);
    vv_voices_close(&clip->voices);
    vv_studio_close(&clip->studio);
    free(clip->rgb);
    free(clip->sound);
}

/* ---- command line ----------------------------------------------------------------------------------------------- */

static int help(FILE *out, int status) {
    fprintf(out, "usage: visavis-performer clip OUT.webm [OPTION]...\n\n"
                 "Makes a film of two performers in conversation, with sound (VP8 and Opus).\n\n"
                 "  --seconds N          length, 5 to 600 (20)\n"
                 "  --seed N             what they say and do, and who they are (1)\n"
                 "  --language CODE      what they speak (en)\n"
                 "  --size N             of each half: 256 or 512 pixels (256)\n"
                 "  --characters A,B     two of the shipped characters, such as amara,hugo, or settings files\n"
                 "  --folder FOLDER      where the characters are (" VV_CHARACTERS ")\n"
                 "  --asset FILE         the head asset (" VV_HEAD_ASSET ")\n");
    return status;
}

static bool number(const char *word, double low, double high, double *out) {
    char *end = NULL;
    const double value = strtod(word, &end);
    if (end == word || *end || !(value >= low && value <= high))
        return false;
    *out = value;
    return true;
}

static bool read_option(Options *o, const char *name, char *value) {
    double seed = 0, size = 0;
    if (strcmp(name, "--seconds") == 0)
        return number(value, 5, 600, &o->seconds);
    if (strcmp(name, "--seed") == 0 && number(value, 0, 9007199254740991.0, &seed)) {
        o->seed = (uint64_t)seed;
        return true;
    }
    if (strcmp(name, "--size") == 0 && number(value, 256, 512, &size) && (size <= 256 || size >= 512)) {
        o->size = (int)size;
        return true;
    }
    if (strcmp(name, "--language") == 0)
        o->language = value;
    else if (strcmp(name, "--characters") == 0)
        o->characters = value;
    else if (strcmp(name, "--folder") == 0)
        o->folder = value;
    else if (strcmp(name, "--asset") == 0)
        o->asset = value;
    else
        return false;
    return true;
}

int vv_performer_clip(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return help(stdout, 0);
    if (argc < 2 || argc % 2 || argv[1][0] == '-')
        return help(stderr, 2);
    Options options = {.out = argv[1],
                       .asset = VV_HEAD_ASSET,
                       .folder = VV_CHARACTERS,
                       .language = "en",
                       .seconds = 20,
                       .seed = 1,
                       .size = 256};
    for (int i = 2; i + 1 < argc; i += 2)
        if (!read_option(&options, argv[i], argv[i + 1])) {
            fprintf(stderr, "visavis-performer clip: %s cannot be \"%s\"\n\n", argv[i], argv[i + 1]);
            return help(stderr, 2);
        }
    Clip *clip = calloc(1, sizeof *clip);
    if (!clip)
        return 1;
    clip->options = &options;
    /* What is most likely to be wrong comes first: nobody waits for a film that cannot be written. */
    const bool good = open_film(clip) && cast(clip) && mix_sound(clip) && film(clip) && finish(clip);
    if (!good)
        fprintf(stderr, "visavis-performer clip: %s\n", clip->error[0] ? clip->error : "out of memory");
    close_clip(clip);
    free(clip);
    return good ? 0 : 1;
}
