/* From a file to what is heard in it: sound, log-mel, encoder, chunk by chunk. Memory holds one chunk of features and
 * the results, 3 kB a second. */
#include "server/base/clock.h"
#include "server/commands/avatar.h"
#include "server/commands/listen/listen.h"
#include "server/media/resample.h"
#include "server/media/sound.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WEIGHTS "speech.safetensors"
#define CHUNK 128              /* steps at once */
#define BLOCK 4800             /* samples read at once, of whatever rate */
#define PCM_ROOM (BLOCK + 512) /* of those at VV_MEL_RATE, which is the lowest: also what the resampler held back */
#define STEPS_MOST (24 * 3600 * VV_LISTEN_STEPS) /* a day */
#define STEP_SAMPLES (VV_SPEECH_STEP_ROWS * VV_MEL_HOP)

_Static_assert(VV_MEL_RATE / STEP_SAMPLES == VV_LISTEN_STEPS, "a step's length");

/* A file that is being heard. */
typedef struct Ear {
    VvHeard *heard;
    VvSound *sound;
    VvResampler *resampler;
    VvLogMel *mel;
    VvSpeechWorker *worker;
    int64_t samples; /* that were taken */
    float *rows;     /* of log-mel, from step `begin` on */
    int begin, row_count;
    float *logits; /* [CHUNK][phones] */
    int16_t source[BLOCK], pcm[PCM_ROOM];
} Ear;

static bool fail(const char *what) {
    fprintf(stderr, "visavis listen: %s\n", what);
    return false;
}

static bool fail_named(const char *text, const char *name) {
    fprintf(stderr, "visavis listen: %s (%s)\n", text, name);
    return false;
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static int index_of(const char *const names[], int count, const char *name) {
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

bool vv_listen_open_encoder(const VvListenOptions *options, int steps, VvHeard *h) {
    char folder[PATH_MAX], path[PATH_MAX + sizeof WEIGHTS];
    VvWeights *weights = NULL;
    VvWeightsProblem unread;
    VvModelProblem problem;
    const char *name = options->kernels ? options->kernels : "cpu";
    h->kernels = vv_kernels_named(name);
    if (!h->kernels)
        return fail_named("no such kernels here", name);
    if (!options->weights && !vv_weights_find(folder))
        return fail("no weights are installed; name a file with --weights");
    snprintf(path, sizeof path, "%s/" WEIGHTS, options->weights ? "" : folder);
    if (vv_weights_open(options->weights ? options->weights : path, &weights, &unread) != VV_WEIGHTS_OK)
        return fail_named(unread.text, vv_weights_error_name(unread.error));
    const int error = vv_speech_encoder_open(weights, h->kernels, steps, &h->encoder, &problem);
    vv_weights_close(&weights);
    if (error)
        return fail_named(problem.text, problem.weights ? vv_weights_error_name(problem.weights)
                                                        : vv_kernel_status_text(problem.kernels));
    h->info = vv_speech_encoder_info(h->encoder);
    h->opening = index_of(h->info->mouth, h->info->mouths, "opening");
    h->pause = index_of(h->info->phone, h->info->phones, "pau");
    return h->opening >= 0 || fail("these weights do not tell how far a mouth is open");
}

/* Rows that are kept at most: what a chunk hears, and what one block of sound adds. */
static size_t rows_room(const VvSpeechEncoderInfo *info) {
    return (size_t)(info->past + CHUNK + info->ahead + 1) * VV_SPEECH_STEP_ROWS + PCM_ROOM / VV_MEL_HOP + 1;
}

static bool open_ear(const VvListenOptions *options, Ear *ear) {
    VvMediaProblem problem;
    VvHeard *h = ear->heard;
    if (vv_sound_open(options->file, &ear->sound, &problem))
        return fail_named(problem.text, vv_media_error_name(problem.error));
    snprintf(h->kind, sizeof h->kind, "%s", vv_sound_kind(ear->sound));
    if (!vv_listen_open_encoder(options, CHUNK, h))
        return false;
    ear->resampler = vv_resampler_new(vv_sound_rate(ear->sound), VV_MEL_RATE);
    ear->mel = vv_log_mel_new();
    ear->rows = malloc(rows_room(h->info) * VV_MEL_BANDS * sizeof *ear->rows);
    ear->logits = malloc(CHUNK * (size_t)h->info->phones * sizeof *ear->logits);
    if (!ear->resampler || !ear->mel || !ear->rows || !ear->logits)
        return fail("out of memory");
    const VvKernelStatus status = vv_speech_worker_open(h->encoder, &ear->worker);
    return status == VV_KERNEL_OK || fail(vv_kernel_status_text(status));
}

static void close_ear(Ear *ear) {
    vv_speech_worker_close(&ear->worker);
    vv_log_mel_free(&ear->mel);
    vv_resampler_free(&ear->resampler);
    vv_sound_close(&ear->sound);
    free(ear->rows);
    free(ear->logits);
}

void vv_listen_close(VvHeard *heard) {
    vv_speech_encoder_close(&heard->encoder);
    free(heard->mouth);
    free(heard->loudness);
    free(heard->phone);
    free(heard->chance);
    *heard = (VvHeard){0};
}

/* ---- hearing ----------------------------------------------------------------------------------------------------- */

/* An array with room for `count` elements; false if there is no memory, `*array` staying as it was. */
static bool grow(void **array, size_t count, size_t size) {
    void *grown = realloc(*array, count * size);
    if (grown)
        *array = grown;
    return grown != NULL;
}

static bool make_room(VvHeard *h, int count) {
    if (h->steps + count <= h->room)
        return true;
    const size_t room = (size_t)(h->room ? h->room : 16 * CHUNK) * 2;
    void *mouth = h->mouth, *loudness = h->loudness, *phone = h->phone, *chance = h->chance;
    const bool good = grow(&mouth, room * (size_t)h->info->mouths, sizeof *h->mouth) &&
                      grow(&loudness, room, sizeof *h->loudness) && grow(&phone, room, sizeof *h->phone) &&
                      grow(&chance, room, sizeof *h->chance);
    h->mouth = mouth;
    h->loudness = loudness;
    h->phone = phone;
    h->chance = chance;
    h->room = good ? (int)room : h->room;
    return good;
}

/* The most probable phone of a step, and how probable it is. */
static void decide(VvHeard *h, int step, const float *logits) {
    int best = 0;
    double sum = 0;
    for (int i = 1; i < h->info->phones; i++)
        best = logits[i] > logits[best] ? i : best;
    for (int i = 0; i < h->info->phones; i++)
        sum += exp((double)logits[i] - (double)logits[best]);
    h->phone[step] = best;
    h->chance[step] = (float)(1 / sum);
}

/* Hears the next `count` steps, whose rows are there, and forgets those that no later step needs. */
static bool hear_chunk(Ear *ear, int count) {
    VvHeard *h = ear->heard;
    if (!make_room(h, count))
        return fail("out of memory");
    const VvSpeechSteps steps = {.rows = ear->rows,
                                 .row_count = ear->row_count,
                                 .first = h->steps - ear->begin,
                                 .count = count,
                                 .mouth = h->mouth + (size_t)h->steps * (size_t)h->info->mouths,
                                 .phone = ear->logits};
    const VvKernelStatus status = vv_speech_encode(ear->worker, &steps);
    if (status != VV_KERNEL_OK)
        return fail(vv_kernel_status_text(status));
    for (int i = 0; i < count; i++) {
        const float *row = ear->rows + (size_t)(steps.first + i) * VV_SPEECH_STEP_ROWS * VV_MEL_BANDS;
        h->loudness[h->steps + i] = (vv_mel_amplitude(row) + vv_mel_amplitude(row + VV_MEL_BANDS)) / 2;
        decide(h, h->steps + i, ear->logits + (size_t)i * (size_t)h->info->phones);
    }
    h->steps += count;
    const int kept = h->steps - h->info->past > ear->begin ? h->steps - h->info->past : ear->begin;
    const int gone = (kept - ear->begin) * VV_SPEECH_STEP_ROWS;
    ear->row_count -= gone;
    ear->begin = kept;
    memmove(ear->rows, ear->rows + (size_t)gone * VV_MEL_BANDS,
            (size_t)ear->row_count * VV_MEL_BANDS * sizeof *ear->rows);
    return true;
}

/* Takes the samples in ear->pcm; hears as many chunks as have what is ahead of them. */
static bool take(Ear *ear, int count) {
    const VvHeard *h = ear->heard;
    ear->samples += count;
    ear->row_count += vv_log_mel_push(ear->mel, ear->pcm, count, ear->rows + (size_t)ear->row_count * VV_MEL_BANDS,
                                      PCM_ROOM / VV_MEL_HOP + 1);
    while (ear->row_count >= (h->steps - ear->begin + CHUNK + h->info->ahead) * VV_SPEECH_STEP_ROWS)
        if (!hear_chunk(ear, CHUNK))
            return false;
    return true;
}

/* The last step is filled up with silence, and so is what its features need. */
static bool end(Ear *ear) {
    const VvHeard *h = ear->heard;
    if (!take(ear, vv_resampler_flush(ear->resampler, ear->pcm, PCM_ROOM)))
        return false;
    ear->heard->seconds = (double)ear->samples / VV_MEL_RATE;
    const int left = (int)(ear->samples % STEP_SAMPLES);
    const int silence = (left ? STEP_SAMPLES - left : 0) + VV_MEL_AHEAD;
    memset(ear->pcm, 0, (size_t)silence * sizeof *ear->pcm);
    if (!take(ear, silence))
        return false;
    for (int more; (more = ear->row_count / VV_SPEECH_STEP_ROWS - (h->steps - ear->begin)) > 0;)
        if (!hear_chunk(ear, more < CHUNK ? more : CHUNK))
            return false;
    return true;
}

static bool hear_all(Ear *ear) {
    VvMediaProblem problem;
    int count;
    const VvTime began = vv_now();
    while ((count = vv_sound_read(ear->sound, ear->source, BLOCK, &problem)) > 0) {
        if (ear->samples / STEP_SAMPLES > STEPS_MOST)
            return fail("the sound is too long");
        if (!take(ear, vv_resample(ear->resampler, ear->source, count, ear->pcm, PCM_ROOM)))
            return false;
    }
    if (count < 0)
        return fail_named(problem.text, vv_media_error_name(problem.error));
    if (!end(ear))
        return false;
    ear->heard->spent = (double)(vv_now() - began) / (double)VV_SECOND;
    return true;
}

bool vv_listen_hear(const VvListenOptions *options, VvHeard *heard) {
    *heard = (VvHeard){.file = options->file};
    Ear *ear = calloc(1, sizeof *ear);
    if (!ear)
        return fail("out of memory");
    ear->heard = heard;
    const bool good = open_ear(options, ear) && hear_all(ear);
    close_ear(ear);
    free(ear);
    return good;
}

/* ---- what others ask --------------------------------------------------------------------------------------------- */

int vv_listen_phone_end(const VvHeard *heard, int step) {
    int end = step + 1;
    while (end < heard->steps && heard->phone[end] == heard->phone[step])
        end++;
    return end;
}

float vv_listen_opening(const VvHeard *heard, int step) {
    return fmaxf(0, heard->mouth[(size_t)step * (size_t)heard->info->mouths + (size_t)heard->opening]);
}

float vv_listen_widest(const VvHeard *heard) {
    float widest = 0;
    for (int i = 0; i < heard->steps; i++)
        widest = fmaxf(widest, vv_listen_opening(heard, i));
    return widest;
}

float vv_listen_scale(const VvHeard *heard) {
    return fmaxf(1, ceilf(vv_listen_widest(heard) * 2) / 2);
}

float vv_listen_level(const VvHeard *heard, int step) {
    return fmaxf(0, fminf(1, 1 + 20 * log10f(fmaxf(heard->loudness[step], 1e-9f)) / 60));
}
