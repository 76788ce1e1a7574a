/* The avatar behind the seam: opened from its parts, with its workers and all memory that a step needs (model_step.h).
 */
#include "server/avatar/model.h"

#include "server/avatar/model_step.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH 16

VvModelTimes vv_model_times(const VvAvatar *avatar) {
    return ((const VvModel *)avatar)->times;
}

/* ---- states ------------------------------------------------------------------------------------------------------ */

static VvAvatarState *create(VvAvatar *avatar, uint64_t seed) {
    const VvModel *model = (const VvModel *)avatar;
    (void)seed; /* every item brings it */
    return vv_model_state_new(&model->sizes, model->parts.head);
}

static void destroy(VvAvatar *avatar, VvAvatarState **state) {
    (void)avatar;
    free(*state);
    *state = NULL;
}

static size_t snapshot(VvAvatar *avatar, const VvAvatarState *state, uint8_t *out, size_t room) {
    return vv_model_state_snapshot(&((const VvModel *)avatar)->sizes, state, out, room);
}

static VvAvatarState *restore(VvAvatar *avatar, const uint8_t *bytes, size_t size) {
    const VvModel *model = (const VvModel *)avatar;
    return vv_model_state_restore(&model->sizes, model->parts.head, bytes, size);
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static void close_model(VvAvatar **avatar) {
    VvModel *model = (VvModel *)*avatar;
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
    VvModelStaging *s = &model->staging;
    void *all[] = {s->speech, s->coarse, s->emotion, s->told, s->mask, s->fresh, s->z, s->head, s->characters, s->i420};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    free(model->worker);
    free(model);
}

static float *numbers(int items, int count) {
    return calloc((size_t)items * (size_t)count, sizeof(float));
}

static bool open_staging(VvModel *model, int items) {
    const VvDenoiserInfo *info = vv_denoiser_info(model->parts.denoiser);
    VvModelStaging *s = &model->staging;
    const size_t frames = (size_t)items * VV_WINDOW_FRAMES;
    bool good = true;
    if (!model->on_device) {
        s->speech = numbers(items, info->speech_tokens * info->speech);
        s->z = numbers(items, VV_WINDOW_FRAMES * model->sizes.z_count);
        good = s->speech && s->z;
    }
    s->coarse = numbers(items, info->fresh * info->around * info->coarse);
    s->emotion = numbers(items, VV_MODEL_EMOTION);
    s->told = numbers(items, info->fresh * 2 * info->told);
    s->mask = numbers(items, info->fresh * info->places);
    s->fresh = numbers(items, VV_WINDOW_FRAMES * model->sizes.z_count);
    s->head = calloc(frames, sizeof *s->head);
    s->characters = calloc(frames, sizeof *s->characters);
    s->i420 = calloc(frames, model->frame_bytes);
    return good && s->coarse && s->emotion && s->told && s->mask && s->fresh && s->head && s->characters && s->i420;
}

static VvKernelStatus open_workers(VvModel *model) {
    VvModelParts *parts = &model->parts;
    VvKernelStatus status = VV_KERNEL_OK;
    for (int i = 0; i < model->workers && status == VV_KERNEL_OK; i++) {
        VvModelWorker *worker = &model->worker[i];
        if (!model->on_device)
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
        const VvDenoiserWindow window = vv_model_staged(model);
        status = vv_model_device_open(&model->device, parts, model->avatar.info.max_batch, model->workers);
        if (status == VV_KERNEL_OK)
            status = vv_model_device_warm_up(&model->device, &window);
    } else if (status == VV_KERNEL_OK && model->workers > 1) {
        status = vv_denoiser_team_open(parts->denoiser, model->workers, 1, &model->together);
    }
    return status;
}

/* Each worker hears and draws once: in a step it may be another's turn again and again, and what libraries make for a
 * thread that is new to them would be made in some later step. Latents are dealt out, so steps alone reach everybody.
 */
static void first_touch(void *ctx, int index) {
    VvModel *model = ctx;
    VvModelWorker *worker = &model->worker[index];
    const int32_t character = 0;
    float *z = numbers(1, model->sizes.z_count);
    uint8_t *i420 = malloc(model->frame_bytes);
    const VvSpeechSteps steps = {.rows = worker->rows, .row_count = VV_SPEECH_ROWS, .count = 1};
    const VvCodecFrames frames = {.count = 1, .z = z, .characters = &character, .i420 = i420};
    worker->status = z && i420 ? vv_speech_encode(worker->speech, &steps) : VV_KERNEL_MEMORY;
    if (worker->status == VV_KERNEL_OK)
        worker->status = vv_codec_decode(worker->codec, &frames);
    free(z);
    free(i420);
}

/* Runs windows of one item and of as many as there are workers, so that what libraries make when they first see a
 * buffer is made. */
static int warm_up(VvModel *model) {
    const int count = model->workers < model->avatar.info.max_batch ? model->workers : model->avatar.info.max_batch;
    VvAvatarItem item[VV_POOL_WORKERS_MAX] = {0}, *items[VV_POOL_WORKERS_MAX] = {0};
    float *speech = numbers(VV_SPEECH_ROWS, VV_MEL_BANDS);
    int status = speech ? 0 : -ENOMEM;
    if (!model->on_device)
        vv_pool_run(model->pool, first_touch, model); /* a step would fail as this does */
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
        status = vv_model_step(&model->avatar, items, turn ? count : 1);
    for (int i = 0; i < count; i++) {
        free(item[i].state);
        for (int f = 0; f < VV_WINDOW_FRAMES; f++)
            vv_picture_free(&item[i].frames[f]);
    }
    free(speech);
    return status;
}

static void describe(VvModel *model, int max_batch) {
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
        .step = vv_model_step,
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
static int prepare(VvModel *model, const VvModelOptions *options, VvModelProblem *problem) {
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
    VvModel *model = calloc(1, sizeof *model);
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
