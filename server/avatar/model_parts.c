/* Opens the model's files: weights, then characters. */
#include "server/avatar/model_parts.h"

#include "server/avatar/avatar.h"
#include "server/avatar/model_inputs.h"
#include "server/avatar/snapshot.h"
#include "server/media/image.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 64
#define PORTRAIT_MOST 4096 /* pixels of a side */

typedef struct Opening {
    const char *folder;
    VvModelParts *parts;
    VvModelProblem *problem;
    int steps, frames, error;
    struct dirent **files; /* the portraits' */
    int count;
} Opening;

static bool refuse(Opening *o, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));

static bool refuse(Opening *o, int error, const char *format, ...) {
    va_list args;
    va_start(args, format);
    *o->problem = (VvModelProblem){0};
    vsnprintf(o->problem->text, sizeof o->problem->text, format, args);
    va_end(args);
    o->error = error;
    return false;
}

/* What a part said, with its file's name before it. */
static bool blame(Opening *o, int error, const char *file, VvWeightsError weights, VvKernelStatus kernels,
                  const char *text) {
    refuse(o, error, "%s: %.320s", file, text);
    o->problem->weights = weights;
    o->problem->kernels = kernels;
    return false;
}

/* ---- weights ----------------------------------------------------------------------------------------------------- */

/* A mark of the weights' checksum, mixed into the others'. */
static void add_mark(VvModelParts *parts, const VvWeights *weights) {
    const char *sum = vv_weights_checksum(weights);
    parts->mark = vv_fnv(parts->mark, sum, strlen(sum));
}

static bool open_codec(Opening *o, const char *file, const VvWeights *weights) {
    VvCodecProblem problem;
    const VvCodecSetup setup = {.kernels = o->parts->kernels, .characters = o->count, .batch = o->frames};
    const int error = vv_codec_open(weights, &setup, &o->parts->codec, &problem);
    return !error || blame(o, error, file, problem.weights, problem.kernels, problem.text);
}

static bool open_speech(Opening *o, const char *file, const VvWeights *weights) {
    VvModelProblem problem;
    const int steps = 2 * (VV_SPEECH_PAST_FRAMES + VV_WINDOW_FRAMES + VV_SPEECH_AHEAD_FRAMES);
    const VvDenoiserInfo *denoiser = vv_denoiser_info(o->parts->denoiser);
    const int wanted = denoiser->speech_tokens < steps ? denoiser->speech_tokens : steps;
    const int error = vv_speech_encoder_open(weights, o->parts->kernels, wanted, &o->parts->speech, &problem);
    return !error || blame(o, error, file, problem.weights, problem.kernels, problem.text);
}

static bool open_denoiser(Opening *o, const char *file, const VvWeights *weights) {
    VvModelProblem problem;
    const int error = vv_denoiser_open(weights, o->parts->kernels, o->steps, &o->parts->denoiser, &problem);
    return !error || blame(o, error, file, problem.weights, problem.kernels, problem.text);
}

static bool open_head(Opening *o, const char *file, const VvWeights *weights) {
    VvModelProblem problem;
    const int error = vv_head_open(weights, &o->parts->head, &problem);
    return !error || blame(o, error, file, problem.weights, problem.kernels, problem.text);
}

typedef bool OpenPart(Opening *o, const char *file, const VvWeights *weights);

static bool open_file(Opening *o, const char *file, OpenPart *part) {
    char path[PATH_MAX];
    VvWeights *weights = NULL;
    VvWeightsProblem problem;
    snprintf(path, sizeof path, "%s/%s", o->folder, file);
    const VvWeightsError error = vv_weights_open(path, &weights, &problem);
    if (error != VV_WEIGHTS_OK)
        return blame(o, error == VV_WEIGHTS_NO_MEMORY ? -ENOMEM : -EINVAL, file, error, VV_KERNEL_OK, problem.text);
    add_mark(o->parts, weights);
    const bool good = part(o, file, weights);
    vv_weights_close(&weights);
    return good;
}

/* One number that two of the parts, or a part and the server, must agree on. */
static bool agree(Opening *o, const char *file, const char *what, int has, const char *other, int wanted) {
    return has == wanted ||
           refuse(o, -EINVAL, "%s does not fit %s: %s is %d there and %d here", file, other, what, wanted, has);
}

static bool check_parts(Opening *o) {
    const VvCodecInfo *codec = vv_codec_info(o->parts->codec);
    const VvSpeechEncoderInfo *speech = vv_speech_encoder_info(o->parts->speech);
    const VvDenoiserInfo *denoiser = vv_denoiser_info(o->parts->denoiser);
    const VvHeadInfo *head = vv_head_info(o->parts->head);
    const char *d = "denoiser.safetensors", *c = "codec.safetensors", *h = "head.safetensors";
    if (!agree(o, d, "grid", denoiser->grid, c, codec->grid) ||
        !agree(o, d, "latent", denoiser->latent, c, codec->latent) ||
        !agree(o, d, "overlap", denoiser->overlap, "the server", VV_OVERLAP_FRAMES) ||
        !agree(o, d, "fresh", denoiser->fresh, "the server", VV_WINDOW_FRAMES) ||
        !agree(o, d, "coarse", denoiser->coarse, "the server", VV_MODEL_LOUDNESS) ||
        !agree(o, d, "speech", denoiser->speech, "speech.safetensors", speech->width) ||
        !agree(o, h, "heard", head->heard, "the server", 2 * VV_MODEL_LOUDNESS) ||
        !agree(o, h, "emotion", head->emotion, d, denoiser->emotion) ||
        !agree(o, h, "emotion", head->emotion, "the server", VV_MODEL_EMOTION) ||
        !agree(o, h, "told", head->told, d, denoiser->told) ||
        !agree(o, h, "places", head->places, d, denoiser->places))
        return false;
    /* What is beyond the past counts as silence; what is beyond the future would be missed. */
    const int ahead = denoiser->after + (speech->ahead + 1) / 2;
    if (ahead > VV_SPEECH_AHEAD_FRAMES || denoiser->before > VV_SPEECH_PAST_FRAMES)
        return refuse(o, -EINVAL,
                      "%s and speech.safetensors hear %d frames ahead and %d back: the server has %d and %d", d, ahead,
                      denoiser->before, VV_SPEECH_AHEAD_FRAMES, VV_SPEECH_PAST_FRAMES);
    return true;
}

/* ---- characters -------------------------------------------------------------------------------------------------- */

/* Whether it is a portrait's file: a name of letters, digits, '-' and '_', and an ending that is known. */
static int is_portrait(const struct dirent *entry) {
    const char *dot = strrchr(entry->d_name, '.');
    const size_t length = dot ? (size_t)(dot - entry->d_name) : 0;
    const char *letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    return length > 0 && length <= NAME_MAX_BYTES && strspn(entry->d_name, letters) == length &&
           (strcmp(dot, ".png") == 0 || strcmp(dot, ".jpg") == 0 || strcmp(dot, ".jpeg") == 0);
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* The portrait's maps go to the codec, its latents are kept here. */
static bool meet_character(Opening *o, VvCodecWorker *worker, int index, const char *file) {
    VvModelParts *parts = o->parts;
    const VvDenoiserInfo *denoiser = vv_denoiser_info(parts->denoiser);
    const VvCodecInfo *codec = vv_codec_info(parts->codec);
    VvImage image = {0}, square = {0};
    VvMediaProblem problem;
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/characters/%s", o->folder, file);
    bool good = vv_image_open(path, PORTRAIT_MOST, &image, &problem) == VV_MEDIA_OK;
    if (!good)
        refuse(o, -EINVAL, "%s", problem.text);
    if (good && vv_image_square(&image, codec->picture, &square))
        good = refuse(o, -ENOMEM, "out of memory");
    float *z = parts->z + index * codec->z_count, *reference = parts->reference + index * codec->z_count;
    VvKernelStatus status = VV_KERNEL_OK;
    if (good) {
        status = vv_codec_appearance(worker, index, square.rgb);
        status = status == VV_KERNEL_OK ? vv_codec_motion(worker, 1, square.rgb, z) : status;
        good = status == VV_KERNEL_OK || refuse(o, -ENOTSUP, "characters/%s: %s", file, vv_kernel_status_text(status));
    }
    for (int i = 0; good && i < codec->z_count; i++)
        reference[i] = (z[i] - denoiser->reference_mean[i % denoiser->latent]) / denoiser->spread[i % denoiser->latent];
    vv_image_free(&square);
    vv_image_free(&image);
    return good;
}

static void add_name(VvModelParts *parts, const char *file) {
    const size_t at = strlen(parts->names), length = (size_t)(strrchr(file, '.') - file);
    snprintf(parts->names + at, NAME_MAX_BYTES + 2, "%s%.*s", at ? "," : "", (int)length, file);
}

static bool meet_all(Opening *o) {
    VvModelParts *parts = o->parts;
    const int count = o->count;
    const size_t numbers = (size_t)count * (size_t)vv_codec_info(parts->codec)->z_count;
    VvCodecWorker *worker = NULL;
    parts->names = calloc((size_t)count, NAME_MAX_BYTES + 2);
    parts->z = calloc(numbers, sizeof(float));
    parts->reference = calloc(numbers, sizeof(float));
    const VvKernelStatus status = vv_codec_worker_open(parts->codec, &worker);
    bool good = parts->names && parts->z && parts->reference && status == VV_KERNEL_OK;
    if (!good)
        refuse(o, status == VV_KERNEL_BACKEND ? -ENOTSUP : -ENOMEM, "the codec cannot be run: %s",
               vv_kernel_status_text(status == VV_KERNEL_OK ? VV_KERNEL_MEMORY : status));
    for (int i = 0; i < count && good; i++) {
        good = meet_character(o, worker, i, o->files[i]->d_name);
        add_name(parts, o->files[i]->d_name);
    }
    parts->characters = count;
    vv_codec_worker_close(&worker);
    return good;
}

/* Whose portraits there are. */
static bool find_characters(Opening *o) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/characters", o->folder);
    o->count = scandir(path, &o->files, is_portrait, by_name);
    if (o->count < 0)
        return refuse(o, errno == ENOMEM ? -ENOMEM : -EINVAL, "%s: %s", path, strerror(errno));
    if (o->count == 0)
        return refuse(o, -EINVAL, "%s: there is no portrait, NAME.png or NAME.jpg", path);
    return o->count <= VV_MODEL_CHARACTERS_MAX ||
           refuse(o, -EINVAL, "%s: %d portraits, %d at most", path, o->count, VV_MODEL_CHARACTERS_MAX);
}

int vv_model_parts_open(const char *folder, const VvKernels *kernels, int steps, int frames, VvModelParts *parts,
                        VvModelProblem *problem) {
    Opening o = {.folder = folder, .parts = parts, .problem = problem, .steps = steps, .frames = frames};
    parts->kernels = kernels;
    parts->mark = VV_FNV_BASIS;
    const bool good = find_characters(&o) && open_file(&o, "codec.safetensors", open_codec) &&
                      open_file(&o, "denoiser.safetensors", open_denoiser) &&
                      open_file(&o, "speech.safetensors", open_speech) &&
                      open_file(&o, "head.safetensors", open_head) && check_parts(&o) && meet_all(&o);
    for (int i = 0; i < o.count; i++)
        free(o.files[i]);
    free(o.files);
    return good ? 0 : o.error;
}

void vv_model_parts_close(VvModelParts *parts) {
    vv_codec_close(&parts->codec);
    vv_speech_encoder_close(&parts->speech);
    vv_denoiser_close(&parts->denoiser);
    vv_head_close(&parts->head);
    free(parts->names);
    free(parts->z);
    free(parts->reference);
    *parts = (VvModelParts){0};
}
