/* Making a dataset: threads take the conversations that are missing, one by one, and mark each when it is whole. */
#include "weights/performer/dataset.h"

#include "weights/performer/dataset_state.h"
#include "weights/performer/emotion.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char *const splits[VV_SPLITS] = {"train", "valid", "test"};

VvSplit vv_dataset_split(uint64_t seed, int index) {
    VvChance chance = vv_chance_of(seed, "split", (uint64_t)index);
    const float x = vv_chance_range(&chance, 0, 1);
    return x < .8f ? VV_SPLIT_TRAIN : x < .9f ? VV_SPLIT_VALID : VV_SPLIT_TEST;
}

VvConversationPlan vv_dataset_plan(const VvDatasetOptions *options, int index) {
    const VvSplit split = vv_dataset_split(options->seed, index);
    const VvCharacter *character = options->video ? vv_cast_turn(&options->video->cast, index) : NULL;
    VvChance chance = vv_chance_of(options->seed, "conversation", (uint64_t)index);
    return (VvConversationPlan){.sex = {!character                     ? 0
                                        : character->identity.feminine ? 'f'
                                                                       : 'm'},
                                .seed = vv_chance_bits(&chance),
                                .seconds = options->seconds,
                                .language = options->language,
                                .held_out_voice = split == VV_SPLIT_TEST,
                                .held_out_text = split != VV_SPLIT_TRAIN,
                                .held_out_identity = split != VV_SPLIT_TRAIN};
}

/* ---- the manifest
 * ------------------------------------------------------------------------------------------------------ */

static json_t *names(const char *(*name)(int), int count) {
    json_t *list = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(list, json_string(name(i)));
    return list;
}

static const char *phone_name(int index) {
    return vv_phone_name((VvPhone)index);
}

static const char *emotion_name(int index) {
    return vv_emotion_name((VvEmotion)index);
}

static json_t *pictures_json(const VvDatasetVideo *video) {
    if (!video)
        return json_null();
    json_t *cast = json_array();
    for (int i = 0; i < video->cast.count; i++)
        json_array_append_new(cast, json_string(video->cast.character[i].name));
    return json_pack("{s:s, s:i, s:i, s:b, s:o, s:b}", "kind", video->kind, "size", video->size, "every", video->every,
                     "webcam", video->webcam, "characters", cast, "always", video->cast.always);
}

static json_t *manifest_json(const VvDatasetOptions *options) {
    json_t *divided = json_object();
    for (int s = 0; s < VV_SPLITS; s++)
        json_object_set_new(divided, splits[s], json_array());
    for (int i = 0; i < options->conversations; i++)
        json_array_append_new(json_object_get(divided, splits[vv_dataset_split(options->seed, i)]), json_integer(i));
    return json_pack("{s:i, s:I, s:f, s:s, s:o, s:b, s:b, s:i, s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:o}", "version",
                     VV_DATASET_VERSION, "seed", (json_int_t)options->seed, "seconds", options->seconds, "language",
                     options->language ? options->language : "all", "pictures", pictures_json(options->video),
                     "recordings", options->alignment != NULL, "festival", options->festival, "conversations",
                     options->conversations, "fps", VV_POSE_FPS, "rate", VV_VOICE_RATE, "splits", divided, "pose",
                     names(vv_pose_column, VV_POSE_COLUMNS), "state", names(vv_state_column, VV_STATE_COLUMNS), "truth",
                     names(vv_truth_column, VV_TRUTH_COLUMNS), "phones", names(phone_name, VV_PHONES), "emotions",
                     names(emotion_name, VV_Emotion_COUNT));
}

/* An existing manifest must be of the same dataset; it may be of a smaller one. */
static int check_manifest(const VvDatasetOptions *options, json_t *ours, char *error) {
    char path[VV_PATH_MAX];
    static const char *const same[] = {"version",  "seed", "seconds", "language", "pictures", "recordings",
                                       "festival", "pose", "state",   "truth",    "phones"};
    snprintf(path, sizeof path, "%s/manifest.json", options->folder);
    if (access(path, F_OK))
        return 0;
    json_error_t fault;
    json_t *theirs = json_load_file(path, 0, &fault);
    if (!theirs) {
        snprintf(error, VV_ERROR_MAX, "%s is not readable as a manifest: %s", path, fault.text);
        return -EBADMSG;
    }
    int result = 0;
    for (size_t i = 0; i < sizeof same / sizeof *same && !result; i++)
        if (!json_equal(json_object_get(ours, same[i]), json_object_get(theirs, same[i]))) {
            snprintf(error, VV_ERROR_MAX, "%s holds another dataset (its \"%s\" differs); give another folder",
                     options->folder, same[i]);
            result = -EEXIST;
        }
    const json_int_t had = json_integer_value(json_object_get(theirs, "conversations"));
    if (!result && had > options->conversations)
        json_object_set_new(ours, "conversations", json_integer(had)), result = 1; /* larger already: leave it */
    json_decref(theirs);
    return result;
}

static int write_manifest(const VvDatasetOptions *options, char *error) {
    if (mkdir(options->folder, 0777) && errno != EEXIST) {
        const int cause = errno;
        snprintf(error, VV_ERROR_MAX, "cannot make the folder %s: %s", options->folder, strerror(cause));
        return -cause;
    }
    json_t *manifest = manifest_json(options);
    int result = manifest ? check_manifest(options, manifest, error) : -ENOMEM;
    if (!result) {
        char *text = json_dumps(manifest, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
        result = text ? vv_file_text(options->folder, "manifest.json", text, error) : -ENOMEM;
        free(text);
    }
    if (result == -ENOMEM)
        snprintf(error, VV_ERROR_MAX, "out of memory");
    json_decref(manifest);
    return result > 0 ? 0 : result;
}

/* ---- one conversation
 * -------------------------------------------------------------------------------------------------- */

typedef struct Work {
    const VvDatasetOptions *options;
    VvVoices *voices;
    VvRecordings recordings;
    pthread_mutex_t lock; /* of the rest */
    int next, made, missing;
    int result;
    struct timespec start;
    char *error;
} Work;

static bool is_complete(const char *folder) {
    char path[VV_PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/complete", folder);
    return access(path, F_OK) == 0;
}

/* Removes what an interrupted run left in the folder. */
static void sweep(const char *folder) {
    DIR *dir = opendir(folder);
    if (!dir)
        return;
    for (const struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
}

/* The marker lists what must be there, and how large. */
static int mark_complete(const char *folder, char *error) {
    json_t *sizes = json_object();
    DIR *dir = opendir(folder);
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        struct stat about;
        if (entry->d_name[0] != '.' && !fstatat(dirfd(dir), entry->d_name, &about, 0))
            json_object_set_new(sizes, entry->d_name, json_integer(about.st_size));
    }
    if (dir)
        closedir(dir);
    char *text = json_dumps(sizes, JSON_SORT_KEYS | JSON_INDENT(1));
    json_decref(sizes);
    const int result = text ? vv_file_text(folder, "complete", text, error) : -ENOMEM;
    if (!text)
        snprintf(error, VV_ERROR_MAX, "out of memory for %s", folder);
    free(text);
    return result;
}

static int show_frames(const VvDatasetVideo *video, const char *folder, const VvConversation *c, char *error) {
    void *ctx = NULL;
    int result = video->begin(video->user, folder, c, &ctx, error);
    if (result)
        return result;
    for (int s = 0; s < VV_SIDES && !result; s++)
        for (int f = 0; f < c->frames && !result; f++)
            result = video->show(ctx, s, f, &c->side[s].pose[f], error);
    char unsaid[VV_ERROR_MAX]; /* what comes after a failure is its consequence */
    const int ended = video->end(ctx, result ? unsaid : error);
    return result ? result : ended;
}

static int make_one(const Work *work, int index, char *error) {
    const VvDatasetOptions *options = work->options;
    char folder[VV_PATH_MAX];
    if (snprintf(folder, sizeof folder, "%s/%06d", options->folder, index) >= VV_PATH_MAX - 32) {
        snprintf(error, VV_ERROR_MAX, "the folder's name is too long");
        return -ENAMETOOLONG;
    }
    if (is_complete(folder))
        return 1;
    if (mkdir(folder, 0777) && errno != EEXIST) {
        const int cause = errno;
        snprintf(error, VV_ERROR_MAX, "cannot make the folder %s: %s", folder, strerror(cause));
        return -cause;
    }
    sweep(folder);
    VvConversationPlan plan = vv_dataset_plan(options, index);
    plan.festival = options->festival;
    if (options->alignment)
        plan.recordings = &work->recordings;
    VvConversation *c = NULL;
    int result = vv_conversation_make(work->voices, &plan, &c);
    if (result)
        snprintf(error, VV_ERROR_MAX, "conversation %d cannot be made: %s", index,
                 result == -EPIPE ? "the synthesis process has ended" : strerror(-result));
    const VvCharacter *character = options->video ? vv_cast_turn(&options->video->cast, index) : NULL;
    if (!result && character)
        c->side[0].character = character->name;
    if (!result)
        result = vv_dataset_write(c, vv_dataset_split(options->seed, index), folder, error);
    if (!result && options->video)
        result = show_frames(options->video, folder, c, error);
    if (!result)
        result = mark_complete(folder, error);
    vv_conversation_free(&c);
    return result;
}

/* ---- all of them
 * ------------------------------------------------------------------------------------------------------- */

static void report(Work *work) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const double spent = (double)(now.tv_sec - work->start.tv_sec) + 1e-9 * (double)(now.tv_nsec - work->start.tv_nsec);
    const double left = spent / work->made * (work->missing - work->made);
    fprintf(work->options->progress,
            "dataset: %d of %d conversations (%.1f min each), %.0f an hour, %d min %02d s left\n",
            work->options->conversations - work->missing + work->made, work->options->conversations,
            work->options->seconds / 60, work->made / spent * 3600, (int)left / 60, (int)left % 60);
    fflush(work->options->progress);
}

static void *work_on(void *data) {
    Work *work = data;
    pthread_mutex_lock(&work->lock);
    while (!work->result && work->next < work->options->conversations) {
        const int index = work->next++;
        char error[VV_ERROR_MAX] = "";
        pthread_mutex_unlock(&work->lock);
        const int result = make_one(work, index, error);
        pthread_mutex_lock(&work->lock);
        if (result < 0 && !work->result) {
            work->result = result;
            memcpy(work->error, error, VV_ERROR_MAX);
        }
        if (result == 0) {
            work->made++;
            if (work->options->progress)
                report(work);
        }
    }
    pthread_mutex_unlock(&work->lock);
    return NULL;
}

static int count_missing(const VvDatasetOptions *options) {
    int missing = 0;
    for (int i = 0; i < options->conversations; i++) {
        char folder[VV_PATH_MAX];
        snprintf(folder, sizeof folder, "%s/%06d", options->folder, i);
        missing += !is_complete(folder);
    }
    return missing;
}

static int open_recordings(Work *work, char *error) {
    const char *file = work->options->alignment;
    int line = 0;
    if (!file)
        return 0;
    int result = vv_recordings_open(&work->recordings, "");
    if (!result)
        result = vv_recordings_align(&work->recordings, "", file, &line);
    if (result < 0) {
        if (result == -EBADMSG)
            snprintf(error, VV_ERROR_MAX, "%s, line %d: not a clip's name, a tab, and its phones with their times",
                     file, line);
        else
            snprintf(error, VV_ERROR_MAX, "cannot read %s: %s", file, strerror(-result));
        vv_recordings_close(&work->recordings);
        return result;
    }
    return 0;
}

int vv_dataset_make(const VvDatasetOptions *options, char error[VV_ERROR_MAX]) {
    error[0] = 0;
    if (options->conversations < 1 || options->conversations > 999999 || options->threads < 1 ||
        options->threads > 64 || !(options->seconds >= 5 && options->seconds <= 1800)) {
        snprintf(error, VV_ERROR_MAX, "1 to 999999 conversations of 5 to 1800 seconds, on 1 to 64 threads");
        return -EINVAL;
    }
    Work work = {.options = options, .error = error};
    char reason[200];
    int result = write_manifest(options, error);
    if (result)
        return result;
    result = open_recordings(&work, error);
    if (result)
        return result;
    result = vv_voices_open(&work.voices, reason); /* before there are threads */
    if (result) {
        snprintf(error, VV_ERROR_MAX, "%s", reason);
        vv_recordings_close(&work.recordings);
        return result;
    }
    work.missing = count_missing(options);
    clock_gettime(CLOCK_MONOTONIC, &work.start);
    pthread_mutex_init(&work.lock, NULL);
    pthread_t threads[64];
    int started = 0;
    while (started < options->threads && !pthread_create(&threads[started], NULL, work_on, &work))
        started++;
    if (!started)
        work_on(&work);
    for (int i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    pthread_mutex_destroy(&work.lock);
    vv_voices_close(&work.voices);
    vv_recordings_close(&work.recordings);
    return work.result;
}
