/* visavis-performer exam: pictures of many people at rest, in neutral talk and with each emotion, and the truth about
 * them, for a reader of faces that knows nothing of the renderer (weights/eval/outside_reader). */
#include "weights/performer/articulation.h"
#include "weights/performer/chance.h"
#include "weights/performer/commands.h"
#include "weights/performer/dataset_file.h"
#include "weights/performer/dialogue.h"
#include "weights/performer/emotion.h"
#include "weights/performer/expression.h"
#include "weights/performer/faces.h"
#include "weights/performer/render.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SIZE = 256, PICTURE = SIZE * SIZE * 3, TALK = 10, FRAMES_MAX = 1 + TALK + 2 * VV_Emotion_COUNT };

/* A conversation long enough that somebody says something neutral in it, nearly always; else the next is tried. */
static const double talk_seconds = 60;
enum { TALK_TRIES = 20 };

typedef struct Options {
    const char *folder, *asset, *characters;
    uint64_t seed;
    int identities;
} Options;

typedef struct Exam {
    const Options *options;
    VvStudio *studio;
    VvRenderer *renderer;
    VvVoices *voices;
    VvFrame frame;
    uint8_t *rgb; /* [FRAMES_MAX][PICTURE] of the person at hand */
    int filled;
    json_t *frames; /* of the person at hand */
    json_t *people;
    struct timespec start;
    char error[VV_ERROR_MAX];
} Exam;

/* ---- pictures --------------------------------------------------------------------------------------------------- */

static double rounded(double value) {
    return round(value * 1000) / 1000;
}

/* Draws a pose, keeps the picture, and notes what it is meant to show and where the landmarks are. */
static void shoot(Exam *exam, const VvPerformer *performer, const VvPose *pose, const char *meant, double strength) {
    VvFrame *frame = &exam->frame;
    vv_render(exam->renderer, performer, NULL, pose, frame);
    memcpy(exam->rgb + (size_t)exam->filled++ * PICTURE, frame->rgb, PICTURE);
    json_t *points = json_array(), *weights = json_array();
    for (int i = 0; i < VV_LANDMARKS; i++)
        json_array_append_new(points, json_pack("[f, f]", rounded((double)frame->landmark[i][0]),
                                                rounded((double)frame->landmark[i][1])));
    for (int i = 0; i < VV_EXPRESSIONS; i++)
        json_array_append_new(weights, json_real(rounded((double)frame->pose.expression[i])));
    json_array_append_new(exam->frames,
                          json_pack("{s:s, s:f, s:f, s:o, s:o}", "meant", meant, "strength", strength, "lip_gap",
                                    rounded((double)frame->lip_gap), "expression", weights, "landmarks", points));
}

/* A face before the camera, the head turned a little by chance, the eyes on the camera. */
static VvPose facing(VvChance *chance) {
    VvPose pose = {.vergence = 0.03f};
    for (int i = 0; i < 3; i++)
        pose.head[i] = vv_chance_normal(chance, 0, 0.04f);
    for (int i = 0; i < 2; i++)
        pose.gaze[i] = -pose.head[i];
    return pose;
}

/* ---- neutral talk ----------------------------------------------------------------------------------------------- */

typedef struct Opening {
    float gap;
    int frame;
} Opening;

static int by_gap(const void *a, const void *b) {
    const Opening *x = a, *y = b;
    return x->gap != y->gap ? (x->gap > y->gap) - (x->gap < y->gap) : x->frame - y->frame;
}

/* Whether the avatar's side says something without emotion at this frame, and has none left from before. */
static bool talks_plainly(const VvConversation *c, int frame) {
    const int32_t at = frame * VV_FRAME_SAMPLES + VV_FRAME_SAMPLES / 2;
    for (int e = 1; e < VV_Emotion_COUNT; e++)
        if (c->side[0].affect[frame][e] > 0.1f)
            return false;
    for (int i = 0; i < c->acts; i++) {
        const VvAct *act = &c->act[i];
        const bool telling = act->kind == VV_ACT_SURPRISE || act->kind == VV_ACT_CONCERN || act->kind == VV_ACT_SMILE ||
                             act->kind == VV_ACT_LAUGH || act->kind == VV_ACT_AWAY;
        const float time = (float)at / VV_VOICE_RATE;
        if (act->side == 0 && telling && time >= act->begin && time < act->begin + act->length)
            return false;
    }
    bool plain = false;
    for (int i = 0; i < c->utterances; i++) {
        const VvUtterance *said = &c->utterance[i];
        if (said->side == 0 && at > said->begin - VV_VOICE_RATE / 2 && at < said->end + VV_VOICE_RATE / 2) {
            if (said->emotion != VV_EMOTION_NEUTRAL)
                return false;
            plain = plain || (at >= said->begin && at < said->end);
        }
    }
    return plain;
}

/* TALK poses of a real conversation's neutral talk, spread evenly from the most closed mouth to the most open. The
 * number of poses that it had to choose from, fewer than TALK being too few; negative errno. */
static int pick_talk(const VvConversation *c, VvPose poses[TALK]) {
    Opening *openings = calloc((size_t)c->frames, sizeof *openings);
    int count = 0;
    if (!openings)
        return -ENOMEM;
    for (int f = 0; f < c->frames; f++)
        if (talks_plainly(c, f)) {
            const VvPose *pose = &c->side[0].pose[f];
            openings[count++] = (Opening){vv_lip_gap(pose->expression), f};
        }
    qsort(openings, (size_t)count, sizeof *openings, by_gap);
    for (int k = 0; k < TALK && count >= TALK; k++)
        poses[k] = c->side[0].pose[openings[k * (count - 1) / (TALK - 1)].frame];
    free(openings);
    return count;
}

static bool talk(Exam *exam, const VvPerformer *performer, uint64_t seed) {
    VvPose poses[TALK];
    int found = 0;
    for (uint64_t k = 0; found < TALK && k < TALK_TRIES; k++) {
        const VvConversationPlan plan = {.seed = seed * TALK_TRIES + k, .seconds = talk_seconds};
        VvConversation *c = NULL;
        const int result = vv_conversation_make(exam->voices, &plan, &c);
        found = result ? result : pick_talk(c, poses);
        vv_conversation_free(&c);
        if (found < 0) {
            snprintf(exam->error, sizeof exam->error, "no conversation: %s", strerror(-found));
            return false;
        }
    }
    if (found < TALK) {
        snprintf(exam->error, sizeof exam->error, "%d conversations without neutral talk", TALK_TRIES);
        return false;
    }
    for (int k = 0; k < TALK; k++)
        shoot(exam, performer, &poses[k], "talk", 1);
    return true;
}

/* ---- one person ------------------------------------------------------------------------------------------------- */

static bool write_person(Exam *exam, const char *name) {
    char file[64];
    const int number = (int)json_array_size(exam->people);
    snprintf(file, sizeof file, "person-%04d.npy", number);
    if (vv_file_bytes(exam->options->folder, file, exam->rgb, exam->filled * PICTURE, exam->error))
        return false;
    json_array_append_new(exam->people,
                          json_pack("{s:s, s:s, s:o}", "name", name, "pictures", file, "frames", exam->frames));
    exam->frames = NULL;
    return true;
}

/* All pictures of one person, whose head turns and talk the seed draws. */
static bool examine(Exam *exam, const VvIdentity *identity, const VvScene *scene, const char *name, uint64_t seed) {
    VvPerformer *performer = vv_performer_open(exam->studio, identity, scene, SIZE);
    VvChance chance = vv_chance_of(seed, "exam", 0);
    exam->filled = 0;
    json_decref(exam->frames);
    exam->frames = json_array();
    if (!performer || !exam->frames) {
        snprintf(exam->error, sizeof exam->error, "there is no memory");
        vv_performer_close(&performer);
        return false;
    }
    VvPose pose = facing(&chance);
    shoot(exam, performer, &pose, vv_emotion_name(VV_EMOTION_NEUTRAL), 1);
    for (int e = 1; e < VV_Emotion_COUNT; e++)
        for (int half = 0; half <= 1; half++) {
            const float strength = half ? 0.5f : 1;
            pose = facing(&chance);
            vv_emotion_face((VvEmotion)e, strength, pose.expression);
            shoot(exam, performer, &pose, vv_emotion_name((VvEmotion)e), (double)strength);
        }
    const bool ok = talk(exam, performer, seed) && write_person(exam, name);
    vv_performer_close(&performer);
    return ok;
}

static void report(const Exam *exam, int all) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const int done = (int)json_array_size(exam->people);
    const double took = (double)(now.tv_sec - exam->start.tv_sec) + (double)(now.tv_nsec - exam->start.tv_nsec) * 1e-9;
    fprintf(stderr, "\r%d of %d people, %.0f s left  %s", done, all, took / done * (all - done),
            done == all ? "\n" : "");
}

static bool examine_random(Exam *exam, int all) {
    const Options *o = exam->options;
    for (int i = 0; i < o->identities; i++) {
        const uint64_t seed = o->seed * 100000 + (uint64_t)i;
        VvIdentity identity;
        VvScene scene;
        vv_identity_random(&identity, vv_studio_asset(exam->studio), seed);
        vv_scene_random(&scene, seed);
        if (!examine(exam, &identity, &scene, "", seed))
            return false;
        report(exam, all);
    }
    return true;
}

static bool examine_character(Exam *exam, const char *file, uint64_t seed) {
    char path[VV_PATH_MAX], error[512] = "";
    VvIdentity identity;
    VvScene scene;
    snprintf(path, sizeof path, "%s/%s", exam->options->characters, file);
    if (!vv_identity_load(&identity, &scene, vv_studio_asset(exam->studio), path, error, sizeof error)) {
        snprintf(exam->error, sizeof exam->error, "%s", error);
        return false;
    }
    return examine(exam, &identity, &scene, identity.name, seed);
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

static int is_settings(const struct dirent *entry) {
    const char *dot = strrchr(entry->d_name, '.');
    return dot && strcmp(dot, ".conf") == 0;
}

static bool open_exam(Exam *exam) {
    const Options *o = exam->options;
    char reason[200] = "", before[VV_PATH_MAX];
    if (mkdir(o->folder, 0777) && errno != EEXIST) {
        snprintf(exam->error, sizeof exam->error, "cannot make the folder %s: %s", o->folder, strerror(errno));
        return false;
    }
    snprintf(before, sizeof before, "%s/exam.json", o->folder);
    unlink(before); /* of an earlier exam, whose pictures are about to go */
    if (vv_voices_open(&exam->voices, reason)) {
        snprintf(exam->error, sizeof exam->error, "%s", reason);
        return false;
    }
    exam->studio = vv_studio_open(o->asset, exam->error, sizeof exam->error);
    if (!exam->studio)
        return false;
    exam->renderer = vv_renderer_open();
    exam->rgb = malloc((size_t)FRAMES_MAX * PICTURE);
    exam->people = json_array();
    if (!exam->renderer || !exam->rgb || !exam->people || !vv_frame_open(&exam->frame, SIZE)) {
        snprintf(exam->error, sizeof exam->error, "there is no memory");
        return false;
    }
    return true;
}

static void close_exam(Exam *exam) {
    vv_voices_close(&exam->voices);
    vv_renderer_close(&exam->renderer);
    vv_studio_close(&exam->studio);
    vv_frame_close(&exam->frame);
    free(exam->rgb);
    json_decref(exam->frames);
    json_decref(exam->people);
}

/* Everybody's pictures, then exam.json, which thus speaks of nothing that is not there. */
static bool hold_exam(Exam *exam) {
    const Options *o = exam->options;
    struct dirent **entry = NULL;
    const int characters = scandir(o->characters, &entry, is_settings, alphasort);
    if (characters < 0) {
        snprintf(exam->error, sizeof exam->error, "%s: %s", o->characters, strerror(errno));
        return false;
    }
    clock_gettime(CLOCK_MONOTONIC, &exam->start);
    bool ok = examine_random(exam, o->identities + characters);
    for (int i = 0; i < characters; i++) {
        ok = ok && examine_character(exam, entry[i]->d_name, (uint64_t)i);
        if (ok)
            report(exam, o->identities + characters);
        free(entry[i]);
    }
    free(entry);
    json_t *whole =
        ok ? json_pack("{s:i, s:I, s:O}", "size", SIZE, "seed", (json_int_t)o->seed, "people", exam->people) : NULL;
    char *text = whole ? json_dumps(whole, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    if (ok && !text)
        snprintf(exam->error, sizeof exam->error, "there is no memory");
    ok = text && vv_file_text(o->folder, "exam.json", text, exam->error) == 0;
    free(text);
    json_decref(whole);
    return ok;
}

static int help(FILE *out, int status) {
    fprintf(out,
            "usage: visavis-performer exam FOLDER [OPTION]...\n"
            "Draws people at rest, in neutral talk and with each emotion, and writes the truth beside the pictures,\n"
            "for a reader of faces that knows nothing of the renderer.\n\n"
            "  --identities N        random people (200), besides the characters\n"
            "  --seed N              the same seed draws the same people (1)\n"
            "  --asset FILE          the head asset (" VV_HEAD_ASSET ")\n"
            "  --characters FOLDER   (" VV_CHARACTERS ")\n");
    return status;
}

/* A whole number within bounds that is all of the word. */
static bool number(const char *word, long low, long high, long *out) {
    char *end = NULL;
    *out = strtol(word, &end, 10);
    return end != word && !*end && *out >= low && *out <= high;
}

int vv_performer_exam(int argc, char **argv) {
    enum { IDENTITIES = 1000, SEED, ASSET, CHARACTERS, HELP };
    static const struct option known[] = {
        {"identities", 1, NULL, IDENTITIES}, {"seed", 1, NULL, SEED}, {"asset", 1, NULL, ASSET},
        {"characters", 1, NULL, CHARACTERS}, {"help", 0, NULL, HELP}, {NULL, 0, NULL, 0}};
    Options options = {.asset = VV_HEAD_ASSET, .characters = VV_CHARACTERS, .seed = 1, .identities = 200};
    optind = 1;
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        long value = 0;
        if (option == IDENTITIES && number(optarg, 0, 9000, &value))
            options.identities = (int)value;
        else if (option == SEED && number(optarg, 0, 1000000000, &value))
            options.seed = (uint64_t)value;
        else if (option == ASSET)
            options.asset = optarg;
        else if (option == CHARACTERS)
            options.characters = optarg;
        else
            return option == HELP ? help(stdout, 0) : help(stderr, 2);
    }
    if (optind + 1 != argc)
        return help(stderr, 2);
    options.folder = argv[optind];
    Exam exam = {.options = &options};
    const bool ok = open_exam(&exam) && hold_exam(&exam);
    if (!ok)
        fprintf(stderr, "visavis-performer exam: %s\n", exam.error);
    close_exam(&exam);
    return ok ? 0 : 1;
}
