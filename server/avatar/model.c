/* The avatar behind the seam: a step takes every item through speech and head, denoiser and codec.
 *
 * All workers do the step together, in three parts between which they wait for each other. In the first and the last
 * they take what is next of a list: an item's speech or head; a frame. In the second, items are dealt out, as many to
 * each worker; what is left over is made by all together. Everything lies in staging memory
 * until all of it is made: a step that failed has changed nothing.
 *
 * On a device (model_device.h) the first part is the same; the others are the calling thread's, for all items at once.
 */
#include "server/avatar/model.h"

#include "server/avatar/model_device.h"
#include "server/avatar/model_inputs.h"
#include "server/avatar/model_parts.h"
#include "server/avatar/model_pool.h"
#include "server/avatar/model_state.h"
#include "server/base/clock.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH 16
#define FRAMES_AROUND_MAX 64

/* One worker's part of the device. */
typedef struct Worker {
    VvSpeechWorker *speech;
    VvCodecWorker *codec;
    VvDenoiserTeam *alone; /* a team of its own */
    float *rows;           /* VV_SPEECH_ROWS of log-mel */
    VvKernelStatus status; /* of its part of the step */
} Worker;

/* What an item becomes, on its way to its pictures; an array each, for all items. */
typedef struct Staging {
    float *speech, *coarse, *emotion, *told, *mask, *fresh, *z;
    VvHeadFrame *head;   /* [items][VV_WINDOW_FRAMES] */
    int32_t *characters; /* [items][VV_WINDOW_FRAMES] */
    uint8_t *i420;       /* [items][VV_WINDOW_FRAMES][side * 3 / 2][side] */
} Staging;

typedef struct Model {
    VvAvatar avatar; /* first: the seam's pointer is ours */
    VvModelParts parts;
    VvModelSizes sizes;
    VvPool *pool;
    VvDenoiserTeam *together; /* all workers' team; NULL if there is only one */
    bool on_device;           /* where workers have no teams and codecs of their own */
    VvModelDevice device;
    int workers, ahead;
    size_t frame_bytes; /* of a frame's planes */
    Worker *worker;
    Staging staging;
    VvModelTimes times;

    /* The step at hand: */
    VvAvatarItem **items;
    int count;
    atomic_int next[2]; /* of the lists of the first and the last part */
} Model;

/* ---- speech and head --------------------------------------------------------------------------------------------- */

static int character_of(const Model *model, const VvAvatarItem *item) {
    return item->character >= 0 && item->character < model->parts.characters ? item->character : 0;
}

/* The item's speech tokens, and the loudness around each new frame. */
static VvKernelStatus hear(Model *model, Worker *worker, int index) {
    const VvDenoiserInfo *info = vv_denoiser_info(model->parts.denoiser);
    float *coarse = model->staging.coarse + (ptrdiff_t)index * info->fresh * info->around * info->coarse;
    vv_model_rows(model->items[index], model->ahead, worker->rows);
    for (int frame = 0; frame < info->fresh; frame++)
        for (int i = 0; i < info->around; i++, coarse += info->coarse) {
            const int at = VV_SPEECH_PAST_FRAMES + frame - info->before + i;
            vv_model_loudness(worker->rows + (ptrdiff_t)at * VV_HOPS * VV_MEL_BANDS, coarse);
        }
    const VvSpeechSteps steps = {.rows = worker->rows,
                                 .row_count = VV_SPEECH_ROWS,
                                 .first = 2 * (VV_SPEECH_PAST_FRAMES - info->before),
                                 .count = info->speech_tokens,
                                 .hidden =
                                     model->staging.speech + (ptrdiff_t)index * info->speech_tokens * info->speech};
    return vv_speech_encode(worker->speech, &steps);
}

/* What the head does in the new frames, and what the denoiser is told of it. */
static void move_head(Model *model, Worker *worker, int index) {
    const VvAvatarItem *item = model->items[index];
    const VvAvatarState *state = item->state;
    const VvDenoiserInfo *info = vv_denoiser_info(model->parts.denoiser);
    const VvHead *head = model->parts.head;
    const int kept = vv_model_state_kept(state, item->kept);
    float *emotion = model->staging.emotion + (ptrdiff_t)index * VV_MODEL_EMOTION;
    float *told = model->staging.told + (ptrdiff_t)index * info->fresh * 2 * info->told;
    float *mask = model->staging.mask + (ptrdiff_t)index * info->fresh * info->places;
    VvHeadFrame *frames = model->staging.head + (ptrdiff_t)index * VV_WINDOW_FRAMES, rest;
    float user[VV_WINDOW_FRAMES][VV_MODEL_LOUDNESS], heard[2 * VV_MODEL_LOUDNESS];
    vv_model_rows(item, model->ahead, worker->rows);
    vv_model_emotion(&item->affect, emotion);
    vv_model_user(item, user);
    vv_head_rest(head, &rest);
    for (int f = 0; f < VV_WINDOW_FRAMES; f++, told += 2 * info->told, mask += info->places) {
        vv_model_loudness(worker->rows + (VV_SPEECH_PAST_FRAMES + f) * VV_HOPS * VV_MEL_BANDS, heard);
        memcpy(heard + VV_MODEL_LOUDNESS, user[f], sizeof user[f]);
        vv_head_step(head, item->seed, state->sent + (uint64_t)(kept + f), heard, emotion,
                     f ? &frames[f - 1] : &state->head[kept], &frames[f]);
        for (int i = 0; i < info->told; i++) {
            told[i] = frames[f].told[i] / info->told_spread[i];
            told[info->told + i] = rest.told[i] / info->told_spread[i];
        }
        vv_head_mask(head, frames[f].told, mask);
    }
}

/* ---- denoiser ---------------------------------------------------------------------------------------------------- */

static VvKernelStatus denoise(Model *model, VvDenoiserTeam *team, int member, int index) {
    const VvAvatarItem *item = model->items[index];
    const VvDenoiserInfo *info = vv_denoiser_info(model->parts.denoiser);
    const Staging *s = &model->staging;
    const ptrdiff_t at = index, frame = model->sizes.z_count;
    const VvDenoiserWindow window = {
        .overlap = item->state->dz + vv_model_state_kept(item->state, item->kept) * frame,
        .reference = model->parts.reference + character_of(model, item) * frame,
        .speech = s->speech + at * info->speech_tokens * info->speech,
        .coarse = s->coarse + at * info->fresh * info->around * info->coarse,
        .emotion = s->emotion + at * VV_MODEL_EMOTION,
        .told = s->told + at * info->fresh * 2 * info->told,
        .mask = s->mask + at * info->fresh * info->places,
        .seeds = &item->seed,
        .windows = &item->window,
        .fresh = s->fresh + at * VV_WINDOW_FRAMES * frame,
    };
    return vv_denoiser_run(team, member, &window);
}

/* The next of a list of `count`; -1 when there is none. */
static int next_of(Model *model, int list, int count) {
    /* Relaxed: what the workers made is passed on where they meet. */
    const int next = atomic_fetch_add_explicit(&model->next[list], 1, memory_order_relaxed);
    return next < count ? next : -1;
}

/* Items that are dealt out, one to a worker: as many rounds as every worker has one. */
static int dealt(const Model *model) {
    return model->count / model->workers * model->workers;
}

/* ---- codec ------------------------------------------------------------------------------------------------------- */

/* The latents of an item's frame, ready for the codec. */
static VvKernelStatus place_frame(Model *model, int index) {
    const VvDenoiserInfo *info = vv_denoiser_info(model->parts.denoiser);
    const Staging *s = &model->staging;
    const int count = model->sizes.z_count, who = character_of(model, model->items[index / VV_WINDOW_FRAMES]);
    const float *dz = s->fresh + (ptrdiff_t)index * count, *still = model->parts.z + (ptrdiff_t)who * count;
    float *z = s->z + (ptrdiff_t)index * count;
    for (int i = 0; i < count; i++) {
        if (!isfinite(dz[i]))
            return VV_KERNEL_BACKEND;
        z[i] = still[i] + dz[i] * info->spread[i % info->latent];
    }
    s->characters[index] = who;
    return VV_KERNEL_OK;
}

/* `count` frames, whose latents are there. */
static VvKernelStatus draw(Model *model, VvCodecWorker *codec, int index, int count) {
    const Staging *s = &model->staging;
    const VvCodecFrames frames = {.count = count,
                                  .z = s->z + (ptrdiff_t)index * model->sizes.z_count,
                                  .characters = s->characters + index,
                                  .i420 = s->i420 + (size_t)index * model->frame_bytes};
    return vv_codec_decode(codec, &frames);
}

/* One at a time: in a batch it would cost a processor the same. */
static VvKernelStatus decode(Model *model, Worker *worker, int index) {
    const VvKernelStatus status = place_frame(model, index);
    return status == VV_KERNEL_OK ? draw(model, worker->codec, index, 1) : status;
}

/* ---- on a device ------------------------------------------------------------------------------------------------- */

/* Where all items' inputs are, but for those that the device gathers. */
static VvDenoiserWindow staged(const Model *model) {
    const Staging *s = &model->staging;
    return (VvDenoiserWindow){.speech = s->speech,
                              .coarse = s->coarse,
                              .emotion = s->emotion,
                              .told = s->told,
                              .mask = s->mask,
                              .fresh = s->fresh};
}

static VvKernelStatus denoise_all(Model *model) {
    const VvDenoiserInfo *info = vv_denoiser_info(model->parts.denoiser);
    const ptrdiff_t frame = model->sizes.z_count;
    VvModelDevice *device = &model->device;
    for (int i = 0; i < model->count; i++) {
        const VvAvatarItem *item = model->items[i];
        const float *overlap = item->state->dz + vv_model_state_kept(item->state, item->kept) * frame;
        memcpy(device->overlap + i * info->overlap * frame, overlap, (size_t)(info->overlap * frame) * sizeof(float));
        memcpy(device->reference + i * frame, model->parts.reference + character_of(model, item) * frame,
               (size_t)frame * sizeof(float));
        device->seeds[i] = item->seed;
        device->windows[i] = item->window;
    }
    const VvDenoiserWindow window = staged(model);
    return vv_model_device_denoise(device, &window, model->count);
}

static VvKernelStatus decode_all(Model *model) {
    const int frames = model->count * VV_WINDOW_FRAMES;
    VvKernelStatus status = VV_KERNEL_OK;
    for (int i = 0; i < frames && status == VV_KERNEL_OK; i++)
        status = place_frame(model, i);
    /* A piece at a time: its pictures fit into the memory that copies go through. */
    for (int i = 0; i < frames && status == VV_KERNEL_OK; i += VV_MODEL_DEVICE_FRAMES) {
        const int left = frames - i;
        status = draw(model, model->device.codec, i, left < VV_MODEL_DEVICE_FRAMES ? left : VV_MODEL_DEVICE_FRAMES);
    }
    return status;
}

/* ---- the step ---------------------------------------------------------------------------------------------------- */

static void note(Worker *worker, VvKernelStatus status) {
    if (worker->status == VV_KERNEL_OK)
        worker->status = status;
}

/* Whether no worker has met an error so far. */
static bool all_well(const Model *model) {
    for (int i = 0; i < model->workers; i++)
        if (model->worker[i].status != VV_KERNEL_OK)
            return false;
    return true;
}

/* The calling thread's worker measures; the others do not ask for the time. */
static VvTime now_for(int index) {
    return index == 0 ? vv_thread_cpu() : 0;
}

static void work(void *ctx, int index) {
    Model *model = ctx;
    Worker *worker = &model->worker[index];
    VvModelTimes times = {0};
    worker->status = VV_KERNEL_OK;
    for (int i; (i = next_of(model, 0, 2 * model->count)) >= 0;) {
        const VvTime begin = now_for(index);
        if (i % 2)
            move_head(model, worker, i / 2);
        else
            note(worker, hear(model, worker, i / 2));
        *(i % 2 ? &times.head : &times.speech) += now_for(index) - begin;
    }
    vv_pool_meet(model->pool);
    const VvTime prepared = now_for(index);
    if (model->on_device) {
        if (index == 0 && all_well(model))
            note(worker, denoise_all(model));
    } else {
        for (int i = index; i < dealt(model); i += model->workers)
            note(worker, denoise(model, worker->alone, 0, i));
        for (int i = dealt(model); i < model->count; i++)
            note(worker, denoise(model, model->together, index, i));
    }
    vv_pool_meet(model->pool);
    const VvTime denoised = now_for(index);
    if (model->on_device) {
        if (index == 0 && worker->status == VV_KERNEL_OK)
            note(worker, decode_all(model));
    } else {
        for (int i; (i = next_of(model, 1, model->count * VV_WINDOW_FRAMES)) >= 0;)
            note(worker, decode(model, worker, i));
    }
    vv_pool_meet(model->pool);
    times.denoise = denoised - prepared;
    times.decode = now_for(index) - denoised;
    if (index == 0)
        model->times = times;
}

static void copy_plane(VvPicture *to, int plane, const uint8_t *from, int width, int height) {
    for (int y = 0; y < height; y++)
        memcpy(to->plane[plane] + (ptrdiff_t)y * to->stride[plane], from + (ptrdiff_t)y * width, (size_t)width);
}

/* Pictures to the caller, and the state moves on. */
static void deliver(Model *model, int index) {
    VvAvatarItem *item = model->items[index];
    const int side = model->avatar.info.width;
    const size_t luma = (size_t)side * (size_t)side, chroma = luma / 4;
    for (int f = 0; f < VV_WINDOW_FRAMES; f++) {
        const uint8_t *from = model->staging.i420 + (size_t)(index * VV_WINDOW_FRAMES + f) * model->frame_bytes;
        copy_plane(&item->frames[f], 0, from, side, side);
        copy_plane(&item->frames[f], 1, from + luma, side / 2, side / 2);
        copy_plane(&item->frames[f], 2, from + luma + chroma, side / 2, side / 2);
    }
    vv_model_state_advance(&model->sizes, item->state, vv_model_state_kept(item->state, item->kept),
                           model->staging.fresh + (ptrdiff_t)index * VV_WINDOW_FRAMES * model->sizes.z_count,
                           model->staging.head + (ptrdiff_t)index * VV_WINDOW_FRAMES);
}

static bool valid(const Model *model, const VvAvatarItem *item) {
    bool fits = item && item->state && item->speech && item->kept >= 0 && item->kept <= VV_WINDOW_FRAMES &&
                item->user_rows >= 0;
    for (int i = 0; i < VV_WINDOW_FRAMES; i++)
        fits = fits && item->frames[i].plane[0] && item->frames[i].width == model->avatar.info.width &&
               item->frames[i].height == model->avatar.info.height;
    return fits;
}

static int step(VvAvatar *avatar, VvAvatarItem *items[], int count) {
    Model *model = (Model *)avatar;
    if (count < 0 || count > avatar->info.max_batch)
        return -EINVAL;
    for (int i = 0; i < count; i++)
        if (!valid(model, items[i]))
            return -EINVAL;
    if (count == 0)
        return 0;
    model->items = items;
    model->count = count;
    for (int i = 0; i < 2; i++)
        atomic_store_explicit(&model->next[i], 0, memory_order_relaxed); /* the run's begin passes it on */
    vv_pool_run(model->pool, work, model);
    for (int i = 0; i < model->workers; i++)
        if (model->worker[i].status != VV_KERNEL_OK)
            return model->worker[i].status == VV_KERNEL_MEMORY ? -ENOMEM : -EIO;
    const VvTime begin = vv_thread_cpu();
    for (int i = 0; i < count; i++)
        deliver(model, i);
    const VvDenoiserTimes denoiser = model->on_device
                                         ? vv_model_device_times(&model->device, count)
                                         : vv_denoiser_times(dealt(model) ? model->worker[0].alone : model->together);
    model->times.context = denoiser.context;
    model->times.condition = denoiser.condition;
    model->times.flow = denoiser.steps;
    model->times.deliver = vv_thread_cpu() - begin;
    return 0;
}

VvModelTimes vv_model_times(const VvAvatar *avatar) {
    return ((const Model *)avatar)->times;
}

/* ---- states ------------------------------------------------------------------------------------------------------ */

static VvAvatarState *create(VvAvatar *avatar, uint64_t seed) {
    const Model *model = (const Model *)avatar;
    (void)seed; /* every item brings it */
    return vv_model_state_new(&model->sizes, model->parts.head);
}

static void destroy(VvAvatar *avatar, VvAvatarState **state) {
    (void)avatar;
    free(*state);
    *state = NULL;
}

static size_t snapshot(VvAvatar *avatar, const VvAvatarState *state, uint8_t *out, size_t room) {
    return vv_model_state_snapshot(&((const Model *)avatar)->sizes, state, out, room);
}

static VvAvatarState *restore(VvAvatar *avatar, const uint8_t *bytes, size_t size) {
    const Model *model = (const Model *)avatar;
    return vv_model_state_restore(&model->sizes, model->parts.head, bytes, size);
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static void close_model(VvAvatar **avatar) {
    Model *model = (Model *)*avatar;
    *avatar = NULL;
    if (!model)
        return;
    vv_pool_close(&model->pool);
    for (int i = 0; model->worker && i < model->workers; i++) {
        vv_speech_worker_close(&model->worker[i].speech);
        vv_codec_worker_close(&model->worker[i].codec);
        vv_denoiser_team_close(&model->worker[i].alone);
        free(model->worker[i].rows);
    }
    vv_denoiser_team_close(&model->together);
    vv_model_device_close(&model->device);
    vv_model_parts_close(&model->parts);
    Staging *s = &model->staging;
    void *all[] = {s->speech, s->coarse, s->emotion, s->told, s->mask, s->fresh, s->z, s->head, s->characters, s->i420};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    free(model->worker);
    free(model);
}

static float *numbers(int items, int count) {
    return calloc((size_t)items * (size_t)count, sizeof(float));
}

static bool open_staging(Model *model, int items) {
    const VvDenoiserInfo *info = vv_denoiser_info(model->parts.denoiser);
    Staging *s = &model->staging;
    const size_t frames = (size_t)items * VV_WINDOW_FRAMES;
    s->speech = numbers(items, info->speech_tokens * info->speech);
    s->coarse = numbers(items, info->fresh * info->around * info->coarse);
    s->emotion = numbers(items, VV_MODEL_EMOTION);
    s->told = numbers(items, info->fresh * 2 * info->told);
    s->mask = numbers(items, info->fresh * info->places);
    s->fresh = numbers(items, VV_WINDOW_FRAMES * model->sizes.z_count);
    s->z = numbers(items, VV_WINDOW_FRAMES * model->sizes.z_count);
    s->head = calloc(frames, sizeof *s->head);
    s->characters = calloc(frames, sizeof *s->characters);
    s->i420 = calloc(frames, model->frame_bytes);
    return s->speech && s->coarse && s->emotion && s->told && s->mask && s->fresh && s->z && s->head && s->characters &&
           s->i420;
}

static VvKernelStatus open_workers(Model *model) {
    VvModelParts *parts = &model->parts;
    VvKernelStatus status = VV_KERNEL_OK;
    for (int i = 0; i < model->workers && status == VV_KERNEL_OK; i++) {
        Worker *worker = &model->worker[i];
        status = vv_speech_worker_open(parts->speech, &worker->speech);
        if (status == VV_KERNEL_OK && !model->on_device)
            status = vv_codec_worker_open(parts->codec, &worker->codec);
        if (status == VV_KERNEL_OK && !model->on_device)
            status = vv_denoiser_team_open(parts->denoiser, 1, 1, &worker->alone);
        worker->rows = numbers(VV_SPEECH_ROWS, VV_MEL_BANDS);
        if (status == VV_KERNEL_OK && !worker->rows)
            status = VV_KERNEL_MEMORY;
    }
    if (status == VV_KERNEL_OK && model->on_device) {
        const VvDenoiserWindow window = staged(model);
        status = vv_model_device_open(&model->device, parts->denoiser, parts->codec, model->avatar.info.max_batch);
        if (status == VV_KERNEL_OK)
            status = vv_model_device_warm_up(&model->device, &window);
    } else if (status == VV_KERNEL_OK && model->workers > 1) {
        status = vv_denoiser_team_open(parts->denoiser, model->workers, 1, &model->together);
    }
    return status;
}

/* Runs windows of one item and of as many as there are workers, so that what libraries make when they first see a
 * buffer is made. */
static int warm_up(Model *model) {
    const int count = model->workers < model->avatar.info.max_batch ? model->workers : model->avatar.info.max_batch;
    VvAvatarItem item[VV_POOL_WORKERS_MAX] = {0}, *items[VV_POOL_WORKERS_MAX] = {0};
    float *speech = numbers(VV_SPEECH_ROWS, VV_MEL_BANDS);
    int status = speech ? 0 : -ENOMEM;
    for (int i = 0; i < count; i++) {
        item[i].state = create(&model->avatar, 0);
        item[i].speech = speech;
        items[i] = &item[i];
        if (!item[i].state)
            status = -ENOMEM;
        for (int f = 0; f < VV_WINDOW_FRAMES && !status; f++)
            status = vv_picture_alloc(&item[i].frames[f], model->avatar.info.width, model->avatar.info.height);
    }
    for (int turn = 0; turn < 2 && !status; turn++)
        status = step(&model->avatar, items, turn ? count : 1);
    for (int i = 0; i < count; i++) {
        free(item[i].state);
        for (int f = 0; f < VV_WINDOW_FRAMES; f++)
            vv_picture_free(&item[i].frames[f]);
    }
    free(speech);
    return status;
}

static void describe(Model *model, int max_batch) {
    const VvCodecInfo *codec = vv_codec_info(model->parts.codec);
    const VvDenoiserInfo *denoiser = vv_denoiser_info(model->parts.denoiser);
    const VvHeadInfo *head = vv_head_info(model->parts.head);
    model->sizes = (VvModelSizes){
        .z_count = codec->z_count, .told = head->told, .width = head->width, .weights = model->parts.mark};
    model->ahead = denoiser->after + (vv_speech_encoder_info(model->parts.speech)->ahead + 1) / 2;
    model->frame_bytes = (size_t)codec->picture * (size_t)codec->picture * 3 / 2;
    model->avatar = (VvAvatar){
        .info = {.name = "visavis nano",
                 .width = codec->picture,
                 .height = codec->picture,
                 .lookahead_frames = model->ahead,
                 .max_batch = max_batch,
                 .characters = model->parts.names,
                 .styles = "plain",
                 .state_bytes = vv_model_state_bytes(&model->sizes)},
        .create = create,
        .destroy = destroy,
        .snapshot = snapshot,
        .restore = restore,
        .step = step,
        .close = close_model,
    };
}

/* Fills in what was left open; false if an option is out of its bounds. */
static bool complete(VvModelOptions *options, VvModelProblem *problem) {
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (options->workers == 0)
        options->workers = processors < 1 ? 1 : processors > 8 ? 8 : (int)processors;
    if (options->steps == 0)
        options->steps = VV_MODEL_STEPS;
    if (options->max_batch == 0)
        options->max_batch = BATCH;
    const char *wrong = options->workers < 1 || options->workers > VV_POOL_WORKERS_MAX      ? "workers"
                        : options->steps < 1 || options->steps > VV_DENOISER_STEPS_MAX      ? "steps"
                        : options->max_batch < 1 || options->max_batch > VV_MODEL_BATCH_MAX ? "max_batch"
                                                                                            : NULL;
    if (wrong) {
        *problem = (VvModelProblem){.kernels = VV_KERNEL_SHAPE};
        snprintf(problem->text, sizeof problem->text, "the option %s is out of its bounds", wrong);
    }
    return !wrong;
}

/* All but the parts, which are there. 0 or -errno. */
static int prepare(Model *model, const VvModelOptions *options, VvModelProblem *problem) {
    model->workers = options->workers;
    model->on_device = vv_model_is_device(model->parts.kernels);
    describe(model, options->max_batch);
    model->worker = calloc((size_t)options->workers, sizeof *model->worker);
    int status = model->worker && open_staging(model, options->max_batch) ? 0 : -ENOMEM;
    if (!status)
        status = vv_pool_open(options->workers, &model->pool);
    const VvKernelStatus kernels = status ? VV_KERNEL_OK : open_workers(model);
    if (kernels != VV_KERNEL_OK)
        status = kernels == VV_KERNEL_MEMORY ? -ENOMEM : -ENOTSUP;
    if (!status)
        status = warm_up(model);
    if (status) {
        *problem = (VvModelProblem){.kernels = kernels};
        snprintf(problem->text, sizeof problem->text, "the model on %s: %s", model->parts.kernels->name,
                 kernels == VV_KERNEL_OK ? strerror(-status) : vv_kernel_status_text(kernels));
    }
    return status;
}

int vv_model_open(const char *folder, const VvKernels *kernels, const VvModelOptions *options, VvAvatar **avatar,
                  VvModelProblem *problem) {
    VvModelProblem unwanted;
    VvModelOptions wanted = *options;
    problem = problem ? problem : &unwanted;
    *problem = (VvModelProblem){.weights = VV_WEIGHTS_NO_MEMORY, .text = "out of memory"};
    *avatar = NULL;
    if (!complete(&wanted, problem))
        return -EINVAL;
    Model *model = calloc(1, sizeof *model);
    if (!model)
        return -ENOMEM;
    VvAvatar *opened = &model->avatar;
    const int frames = wanted.max_batch * VV_WINDOW_FRAMES;
    const int at_once = !vv_model_is_device(kernels)      ? 1
                        : frames < VV_MODEL_DEVICE_FRAMES ? frames
                                                          : VV_MODEL_DEVICE_FRAMES;
    int status = vv_model_parts_open(folder, kernels, wanted.steps, at_once, &model->parts, problem);
    if (!status)
        status = prepare(model, &wanted, problem);
    if (status) {
        close_model(&opened);
        return status;
    }
    *problem = (VvModelProblem){0};
    *avatar = opened;
    return 0;
}
