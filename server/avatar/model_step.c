/* A step of the model: every item through speech and head, denoiser and codec. */
#include "server/avatar/model_step.h"

#include "server/base/clock.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* ---- speech and head --------------------------------------------------------------------------------------------- */

static int character_of(const VvModel *model, const VvAvatarItem *item) {
    return item->character >= 0 && item->character < model->parts.characters ? item->character : 0;
}

/* What an item is to hear, of the rows that the worker holds. */
static VvSpeechSteps heard_of(const VvModel *model, const VvModelWorker *worker) {
    const VvDenoiserInfo *info = vv_denoiser_info(model->parts.denoiser);
    return (VvSpeechSteps){.rows = worker->rows,
                           .row_count = VV_SPEECH_ROWS,
                           .first = 2 * (VV_SPEECH_PAST_FRAMES - info->before),
                           .count = info->speech_tokens};
}

static VvKernelStatus hear(VvModel *model, VvModelWorker *worker, int index) {
    const VvDenoiserInfo *info = vv_denoiser_info(model->parts.denoiser);
    VvSpeechSteps steps = heard_of(model, worker);
    steps.hidden = model->staging.speech + (ptrdiff_t)index * info->speech_tokens * info->speech;
    return vv_speech_encode(worker->speech, &steps);
}

/* How loud it is in each frame of the rows, and around each new frame for the denoiser. */
static void measure(VvModel *model, VvModelWorker *worker, int index) {
    const VvDenoiserInfo *info = vv_denoiser_info(model->parts.denoiser);
    float *coarse = model->staging.coarse + (ptrdiff_t)index * info->fresh * info->around * info->coarse;
    for (int frame = 0; frame < VV_SPEECH_ROWS / VV_HOPS; frame++)
        vv_model_loudness(worker->rows + (ptrdiff_t)frame * VV_HOPS * VV_MEL_BANDS, worker->loudness[frame]);
    for (int frame = 0; frame < info->fresh; frame++, coarse += info->around * info->coarse)
        memcpy(coarse, worker->loudness[VV_SPEECH_PAST_FRAMES + frame - info->before],
               (size_t)(info->around * info->coarse) * sizeof *coarse);
}

/* What the head does in the new frames, and what the denoiser is told of it. */
static void move_head(VvModel *model, const VvModelWorker *worker, int index) {
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
    vv_model_emotion(&item->affect, emotion);
    vv_model_user(item, user);
    vv_head_rest(head, &rest);
    for (int f = 0; f < VV_WINDOW_FRAMES; f++, told += 2 * info->told, mask += info->places) {
        memcpy(heard, worker->loudness[VV_SPEECH_PAST_FRAMES + f], sizeof user[f]);
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

static VvKernelStatus denoise(VvModel *model, VvDenoiserTeam *team, int member, int index) {
    const VvAvatarItem *item = model->items[index];
    const VvDenoiserInfo *info = vv_denoiser_info(model->parts.denoiser);
    const VvModelStaging *s = &model->staging;
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
static int next_of(VvModel *model, int list, int count) {
    /* Relaxed: what the workers made is passed on where they meet. */
    const int next = atomic_fetch_add_explicit(&model->next[list], 1, memory_order_relaxed);
    return next < count ? next : -1;
}

/* Items that are dealt out, one to a worker: as many rounds as every worker has one. */
static int dealt(const VvModel *model) {
    return model->count / model->workers * model->workers;
}

/* ---- codec ------------------------------------------------------------------------------------------------------- */

/* Whether a frame's latents are numbers. */
static bool is_finite(const VvModel *model, int index) {
    const float *dz = model->staging.fresh + (ptrdiff_t)index * model->sizes.z_count;
    bool all = true;
    for (int i = 0; i < model->sizes.z_count; i++)
        all = all && isfinite(dz[i]);
    return all;
}

/* The frames from `first` on, of which it is said how many they are and where their latents are. */
static VvKernelStatus draw(VvModel *model, VvCodecWorker *codec, int first, VvCodecFrames frames) {
    const VvModelStaging *s = &model->staging;
    for (int i = first; i < first + frames.count; i++) {
        if (!is_finite(model, i))
            return VV_KERNEL_BACKEND;
        s->characters[i] = character_of(model, model->items[i / VV_WINDOW_FRAMES]);
    }
    frames.characters = s->characters + first;
    frames.i420 = s->i420 + (size_t)first * model->frame_bytes;
    return vv_codec_decode(codec, &frames);
}

/* One frame at a time: in a batch it would cost a processor the same. */
static VvKernelStatus decode(VvModel *model, VvModelWorker *worker, int index) {
    const VvDenoiserInfo *info = vv_denoiser_info(model->parts.denoiser);
    const VvModelStaging *s = &model->staging;
    const int count = model->sizes.z_count, who = character_of(model, model->items[index / VV_WINDOW_FRAMES]);
    const float *dz = s->fresh + (ptrdiff_t)index * count, *still = model->parts.z + (ptrdiff_t)who * count;
    float *z = s->z + (ptrdiff_t)index * count;
    for (int i = 0; i < count; i++)
        z[i] = still[i] + dz[i] * info->spread[i % info->latent];
    return draw(model, worker->codec, index, (VvCodecFrames){.count = 1, .z = z});
}

/* ---- on a device ------------------------------------------------------------------------------------------------- */

VvDenoiserWindow vv_model_staged(const VvModel *model) {
    const VvModelStaging *s = &model->staging;
    return (VvDenoiserWindow){
        .coarse = s->coarse, .emotion = s->emotion, .told = s->told, .mask = s->mask, .fresh = s->fresh};
}

/* What the device is to know of an item, beside what all items have in staging. */
static void put(VvModel *model, const VvModelWorker *worker, int index) {
    const VvAvatarItem *item = model->items[index];
    const VvDenoiserInfo *info = vv_denoiser_info(model->parts.denoiser);
    const VvSpeechSteps steps = heard_of(model, worker);
    const ptrdiff_t frame = model->sizes.z_count;
    VvModelDevice *device = &model->device;
    vv_model_device_put(device, model->count, index, &steps);
    memcpy(device->overlap + index * info->overlap * frame,
           item->state->dz + vv_model_state_kept(item->state, item->kept) * frame,
           (size_t)(info->overlap * frame) * sizeof(float));
    memcpy(device->reference + index * frame, model->parts.reference + character_of(model, item) * frame,
           (size_t)frame * sizeof(float));
    device->seeds[index] = item->seed;
    device->windows[index] = item->window;
}

/* Speech, then latents, of all items. */
static VvKernelStatus denoise_all(VvModel *model, VvModelTimes *times) {
    const VvDenoiserWindow window = vv_model_staged(model);
    const VvTime begin = vv_now();
    VvTensor tokens;
    VvKernelStatus status = vv_model_device_hear(&model->device, model->count, &tokens);
    const VvTime heard = vv_now();
    if (status == VV_KERNEL_OK)
        status = vv_model_device_denoise(&model->device, model->count, tokens, &window);
    times->speech += heard - begin;
    times->denoise = vv_now() - heard;
    return status;
}

/* The frames from `first` on, a piece of them: its pictures fit into the memory that copies go through. */
static VvKernelStatus decode_piece(VvModel *model, VvCodecWorker *codec, int first) {
    const int left = model->count * VV_WINDOW_FRAMES - first;
    const int count = left < VV_MODEL_DEVICE_FRAMES ? left : VV_MODEL_DEVICE_FRAMES;
    const VvTensor latents = vv_tensor_items(model->device.z, first, count);
    return draw(model, codec, first, (VvCodecFrames){.count = count, .latents = latents});
}

/* ---- the step ---------------------------------------------------------------------------------------------------- */

static void note(VvModelWorker *worker, VvKernelStatus status) {
    if (worker->status == VV_KERNEL_OK)
        worker->status = status;
}

/* Whether no worker has met an error. */
static bool all_well(const VvModel *model) {
    for (int i = 0; i < model->workers; i++)
        if (model->worker[i].status != VV_KERNEL_OK)
            return false;
    return true;
}

/* The calling thread's worker measures; the others do not ask for the time. */
static VvTime now_for(const VvModel *model, int index) {
    return index ? 0 : model->on_device ? vv_now() : vv_thread_cpu();
}

/* The first part: speech and head of the items that this worker gets. On a device, what there is to be heard. */
static void prepare(VvModel *model, int index, VvModelTimes *times) {
    VvModelWorker *worker = &model->worker[index];
    for (int i; (i = next_of(model, 0, model->count)) >= 0;) {
        const VvTime begin = now_for(model, index);
        vv_model_rows(model->items[i], model->ahead, worker->rows);
        if (model->on_device)
            put(model, worker, i);
        else
            note(worker, hear(model, worker, i));
        const VvTime heard = now_for(model, index);
        measure(model, worker, i);
        move_head(model, worker, i);
        times->speech += heard - begin;
        times->head += now_for(model, index) - heard;
    }
}

/* The second part. */
static void make_latents(VvModel *model, int index, VvModelTimes *times) {
    VvModelWorker *worker = &model->worker[index];
    if (model->on_device) {
        if (index == 0)
            note(worker, denoise_all(model, times));
        return;
    }
    const VvTime begin = now_for(model, index);
    for (int i = index; i < dealt(model); i += model->workers)
        note(worker, denoise(model, worker->alone, 0, i));
    for (int i = dealt(model); i < model->count; i++)
        note(worker, denoise(model, model->together, index, i));
    times->denoise = now_for(model, index) - begin;
}

/* The third part. */
static void make_frames(VvModel *model, int index) {
    VvModelWorker *worker = &model->worker[index];
    const int frames = model->count * VV_WINDOW_FRAMES, piece = VV_MODEL_DEVICE_FRAMES;
    if (model->on_device) {
        if (index < model->device.codecs)
            for (int i; (i = next_of(model, 1, (frames + piece - 1) / piece)) >= 0;)
                note(worker, decode_piece(model, model->device.codec[index], i * piece));
        return;
    }
    for (int i; (i = next_of(model, 1, frames)) >= 0;)
        note(worker, decode(model, worker, i));
}

static void copy_plane(VvPicture *to, int plane, const uint8_t *from, int width, int height) {
    for (int y = 0; y < height; y++)
        memcpy(to->plane[plane] + (ptrdiff_t)y * to->stride[plane], from + (ptrdiff_t)y * width, (size_t)width);
}

/* Pictures to the caller, and the state moves on. */
static void deliver(VvModel *model, int index) {
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

static void work(void *ctx, int index) {
    VvModel *model = ctx;
    VvModelTimes times = {0};
    model->worker[index].status = VV_KERNEL_OK;
    prepare(model, index, &times);
    vv_pool_meet(model->pool);
    make_latents(model, index, &times);
    vv_pool_meet(model->pool);
    const VvTime denoised = now_for(model, index);
    make_frames(model, index);
    vv_pool_meet(model->pool);
    const VvTime decoded = now_for(model, index);
    if (all_well(model))
        for (int i; (i = next_of(model, 2, model->count)) >= 0;)
            deliver(model, i);
    times.decode = decoded - denoised;
    times.deliver = now_for(model, index) - decoded;
    if (index == 0)
        model->times = times;
}

static bool valid(const VvModel *model, const VvAvatarItem *item) {
    bool fits = item && item->state && item->speech && item->kept >= 0 && item->kept <= VV_WINDOW_FRAMES &&
                item->user_rows >= 0;
    for (int i = 0; i < VV_WINDOW_FRAMES; i++)
        fits = fits && item->frames[i].plane[0] && item->frames[i].width == model->avatar.info.width &&
               item->frames[i].height == model->avatar.info.height;
    return fits;
}

int vv_model_step(VvAvatar *avatar, VvAvatarItem *items[], int count) {
    VvModel *model = (VvModel *)avatar;
    if (count < 0 || count > avatar->info.max_batch)
        return -EINVAL;
    for (int i = 0; i < count; i++)
        if (!valid(model, items[i]))
            return -EINVAL;
    if (count == 0)
        return 0;
    model->items = items;
    model->count = count;
    for (int i = 0; i < VV_MODEL_LISTS; i++)
        atomic_store_explicit(&model->next[i], 0, memory_order_relaxed); /* the run's begin passes it on */
    vv_pool_run(model->pool, work, model);
    for (int i = 0; i < model->workers; i++)
        if (model->worker[i].status != VV_KERNEL_OK)
            return model->worker[i].status == VV_KERNEL_MEMORY ? -ENOMEM : -EIO;
    if (model->on_device)
        return 0; /* what the denoiser's parts take there, nobody knows */
    const VvDenoiserTimes denoiser = vv_denoiser_times(dealt(model) ? model->worker[0].alone : model->together);
    model->times.context = denoiser.context;
    model->times.condition = denoiser.condition;
    model->times.flow = denoiser.steps;
    return 0;
}
