/* The codec's outside: plans every batch size, keeps the characters, and carries bytes to the graphs and back. */
#include "server/avatar/codec.h"
#include "server/avatar/codec_graph.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define BATCHES_MAX 10 /* of VV_CODEC_BATCH_MAX: 1, 2, 4, 5, 8, 16, 32, 64, and the setup's own */

struct VvCodec {
    VvCodecNet net;
    VvCodecSetup setup;
    VvCodecInfo info;
    VvArena arena; /* the cast's */
    VvCodecCast cast;
    int batch[BATCHES_MAX]; /* sizes that are planned, ascending; the first is 1, the last setup.batch */
    int batches;
    size_t scratch; /* bytes that the layers need */
};

/* What a worker keeps between graphs, for the largest batch. */
typedef struct Buffers {
    VvTensor z, which, still, frames, i420, scratch;
    size_t end; /* of them in the arena; graphs take what they need behind it */
} Buffers;

struct VvCodecWorker {
    VvCodec *codec;
    VvStream *stream;
    VvArena arena;
    Buffers buffers;
    VvRecording *decoding[BATCHES_MAX]; /* where the table records: the decoder's graph of every batch, to I420 */
    VvCodecWatch *watch;
    void *watch_ctx;
};

/* ---- planning --------------------------------------------------------------------------------------------------- */

/* Batches: powers of two, and five, as a window has five frames. Others are made of these. */
static void choose_batches(VvCodec *codec) {
    static const int sizes[] = {1, 2, 4, 5, 8, 16, 32, 64};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (sizes[i] < codec->setup.batch)
            codec->batch[codec->batches++] = sizes[i];
    codec->batch[codec->batches++] = codec->setup.batch;
}

static Buffers take_buffers(VvArena *arena, const VvCodec *codec) {
    const VvCodecSizes *size = &codec->net.size;
    const int n = codec->setup.batch, picture = codec->info.picture;
    Buffers b;
    b.z = vv_arena_take_nhwc(arena, VV_F32, n, size->grid, size->grid, size->latent);
    b.which = vv_arena_take(arena, VV_I32, 1, &n);
    b.still = vv_arena_take_nhwc(arena, VV_F32, n, 1, 1, 2);
    b.frames = vv_arena_take_nhwc(arena, VV_U8, n, picture, picture, 3);
    b.i420 = vv_arena_take(arena, VV_U8, 3, (const int[]){n, picture / 2 * 3, picture});
    b.scratch = (VvTensor){0};
    if (codec->scratch) {
        const int bytes = (int)codec->scratch;
        b.scratch = vv_arena_take(arena, VV_U8, 1, &bytes);
    }
    b.end = arena->used;
    return b;
}

/* To frames, to I420, or to both. */
static void decode_graph(VvCodecPass *pass, const VvCodec *codec, const Buffers *b, int n, bool rgb, bool i420) {
    const VvTensor none = {0};
    const VvCodecDecode decode = {.cast = &codec->cast,
                                  .which = vv_tensor(b->which.data, VV_I32, b->which.device, 1, &n),
                                  .still = vv_tensor_items(b->still, 0, n),
                                  .z = vv_tensor_items(b->z, 0, n),
                                  .frames = rgb ? vv_tensor_items(b->frames, 0, n) : none,
                                  .i420 = i420 ? vv_tensor_items(b->i420, 0, n) : none};
    vv_codec_graph_decode(pass, &decode);
}

/* Walks every graph once for every batch, and learns what a worker needs. */
static VvKernelStatus plan(VvCodec *codec) {
    VvArena arena = vv_arena_plan(codec->net.kernels);
    const Buffers b = take_buffers(&arena, codec);
    VvCodecPass pass = {.net = &codec->net, .arena = &arena, .scratch = &codec->scratch};
    const VvCodecCast one = vv_codec_cast_member(&codec->cast, 0);
    vv_codec_graph_appearance(&pass, &one);
    for (int i = 0; i < codec->batches; i++) {
        const int n = codec->batch[i];
        vv_arena_rewind(&arena, b.end);
        vv_codec_graph_motion(&pass, vv_tensor_items(b.frames, 0, n), vv_tensor_items(b.z, 0, n));
        vv_arena_rewind(&arena, b.end);
        decode_graph(&pass, codec, &b, n, true, true);
    }
    codec->info.worker_bytes = arena.peak + (codec->scratch + VV_ARENA_ALIGN - 1) / VV_ARENA_ALIGN * VV_ARENA_ALIGN;
    return arena.failed ? VV_KERNEL_MEMORY : pass.status;
}

/* Memory for the characters, and for one more that workers warm up with. */
static VvKernelStatus open_cast(VvCodec *codec) {
    const int all = codec->setup.characters + 1;
    VvArena counting = vv_arena_plan(codec->net.kernels);
    vv_codec_cast_take(&counting, &codec->net, all);
    if (counting.failed)
        return VV_KERNEL_MEMORY;
    codec->info.maps_bytes = counting.peak / (size_t)all;
    const VvKernelStatus status = vv_arena_open(&codec->arena, codec->net.kernels, counting.peak);
    if (status == VV_KERNEL_OK)
        codec->cast = vv_codec_cast_take(&codec->arena, &codec->net, all);
    return status;
}

int vv_codec_open(const VvWeights *weights, const VvCodecSetup *setup, VvCodec **codec, VvCodecProblem *problem) {
    VvCodecProblem unwanted;
    VvCodec *c = calloc(1, sizeof *c);
    problem = problem ? problem : &unwanted;
    *codec = NULL;
    *problem = (VvCodecProblem){.weights = VV_WEIGHTS_NO_MEMORY, .text = "out of memory"};
    if (!c)
        return -ENOMEM;
    int error = -EINVAL;
    if (setup->batch < 1 || setup->batch > VV_CODEC_BATCH_MAX || setup->characters < 1 ||
        setup->characters > VV_CODEC_CHARACTERS_MAX) {
        *problem = (VvCodecProblem){.kernels = VV_KERNEL_SHAPE, .text = "no such batch, or number of characters"};
        goto fail;
    }
    c->setup = *setup;
    error = vv_codec_net_open(weights, setup->kernels, &c->net, problem);
    if (error)
        goto fail;
    const VvCodecSizes *size = &c->net.size;
    c->info = (VvCodecInfo){.grid = size->grid,
                            .latent = size->latent,
                            .z_count = size->grid * size->grid * size->latent,
                            .picture = 32 * size->grid,
                            .parameters = c->net.parameters};
    choose_batches(c);
    VvKernelStatus status = open_cast(c);
    if (status == VV_KERNEL_OK)
        status = plan(c);
    if (status != VV_KERNEL_OK) {
        *problem = (VvCodecProblem){.kernels = status};
        snprintf(problem->text, sizeof problem->text, "the codec on %s: %s", setup->kernels->name,
                 vv_kernel_status_text(status));
        error = status == VV_KERNEL_MEMORY ? -ENOMEM : -ENOTSUP;
        goto fail;
    }
    *problem = (VvCodecProblem){0};
    *codec = c;
    return 0;

fail:
    vv_codec_close(&c);
    return error;
}

void vv_codec_close(VvCodec **codec) {
    if (!*codec)
        return;
    vv_codec_net_close(&(*codec)->net);
    vv_arena_close(&(*codec)->arena);
    free(*codec);
    *codec = NULL;
}

const VvCodecInfo *vv_codec_info(const VvCodec *codec) {
    return &codec->info;
}

/* ---- workers ---------------------------------------------------------------------------------------------------- */

void vv_codec_watch(VvCodecWorker *worker, VvCodecWatch *watch, void *ctx) {
    worker->watch = watch;
    worker->watch_ctx = ctx;
}

/* A run whose buffers begin behind the worker's own. */
static VvCodecPass begin(VvCodecWorker *w) {
    vv_arena_rewind(&w->arena, w->buffers.end);
    return (VvCodecPass){
        .net = &w->codec->net, .stream = w->stream, .arena = &w->arena, .watch = w->watch, .watch_ctx = w->watch_ctx};
}

/* The host's bytes from and to the device, unless something failed before. */
static void upload(VvCodecPass *pass, const void *host, VvTensor dst) {
    if (pass->status == VV_KERNEL_OK)
        pass->status = pass->net->kernels->upload(pass->stream, host, dst);
}

static void download(VvCodecPass *pass, VvTensor src, void *host) {
    if (pass->status == VV_KERNEL_OK)
        pass->status = pass->net->kernels->download(pass->stream, src, host);
}

static void convert(VvCodecPass *pass, VvTensor src, VvTensor dst) {
    if (pass->status == VV_KERNEL_OK)
        pass->status = pass->net->kernels->convert(pass->stream, src, dst);
}

/* When all that was asked for is done: the first error, or the device's. */
static VvKernelStatus finish(VvCodecPass *pass) {
    const VvKernelStatus status = pass->net->kernels->wait(pass->stream);
    return pass->status != VV_KERNEL_OK ? pass->status : status;
}

/* The number of the largest planned batch that `left` frames fill; and its size. */
static int next_number(const VvCodec *codec, int left) {
    int i = codec->batches - 1;
    while (codec->batch[i] > left)
        i--;
    return i;
}

static int next_batch(const VvCodec *codec, int left) {
    return codec->batch[next_number(codec, left)];
}

/* Records what decoding the batch numbered `i` takes, but for copies. */
static VvKernelStatus record_decoding(VvCodecWorker *w, int i) {
    const VvCodec *codec = w->codec;
    const VvKernels *kernels = codec->net.kernels;
    const Buffers *b = &w->buffers;
    const int n = codec->batch[i];
    VvCodecPass pass = begin(w);
    pass.watch = NULL;
    VvKernelStatus status = kernels->record(w->stream);
    if (status != VV_KERNEL_OK)
        return status;
    decode_graph(&pass, codec, b, n, false, true);
    status = kernels->recorded(w->stream, &w->decoding[i]);
    return pass.status != VV_KERNEL_OK ? pass.status : status;
}

/* Runs every graph once for every batch, or records it: libraries make some objects when they first see a buffer, and
 * the memory is touched, so that nothing of that is left for the first frames. */
static VvKernelStatus warm_up(VvCodecWorker *w) {
    VvCodec *codec = w->codec;
    const Buffers *b = &w->buffers;
    const VvCodecCast spare = vv_codec_cast_member(&codec->cast, codec->setup.characters);
    int32_t which[VV_CODEC_BATCH_MAX];
    for (int i = 0; i < VV_CODEC_BATCH_MAX; i++)
        which[i] = codec->setup.characters;
    VvCodecPass pass = begin(w);
    upload(&pass, which, b->which);
    vv_codec_graph_appearance(&pass, &spare);
    const bool records = codec->net.kernels->record != NULL;
    for (int i = 0; i < codec->batches && !records; i++) {
        const int n = codec->batch[i];
        vv_arena_rewind(&w->arena, b->end);
        vv_codec_graph_motion(&pass, vv_tensor_items(b->frames, 0, n), vv_tensor_items(b->z, 0, n));
        vv_arena_rewind(&w->arena, b->end);
        decode_graph(&pass, codec, b, n, true, true);
    }
    VvKernelStatus status = finish(&pass);
    for (int i = 0; i < codec->batches && records && status == VV_KERNEL_OK; i++)
        status = record_decoding(w, i);
    return status;
}

VvKernelStatus vv_codec_worker_open(VvCodec *codec, VvCodecWorker **worker) {
    VvCodecWorker *w = calloc(1, sizeof *w);
    *worker = NULL;
    if (!w)
        return VV_KERNEL_MEMORY;
    w->codec = codec;
    VvKernelStatus status = vv_arena_open(&w->arena, codec->net.kernels, codec->info.worker_bytes);
    if (status == VV_KERNEL_OK) {
        w->buffers = take_buffers(&w->arena, codec);
        status = codec->net.kernels->stream_open(w->buffers.scratch, &w->stream);
    }
    if (status == VV_KERNEL_OK)
        status = warm_up(w);
    if (status == VV_KERNEL_OK)
        *worker = w;
    else
        vv_codec_worker_close(&w);
    return status;
}

void vv_codec_worker_close(VvCodecWorker **worker) {
    if (!*worker)
        return;
    for (int i = 0; i < BATCHES_MAX; i++)
        if ((*worker)->decoding[i])
            (*worker)->codec->net.kernels->recording_close(&(*worker)->decoding[i]);
    (*worker)->codec->net.kernels->stream_close(&(*worker)->stream);
    vv_arena_close(&(*worker)->arena);
    free(*worker);
    *worker = NULL;
}

/* ---- the three things that it does --------------------------------------------------------------------------------
 */

VvKernelStatus vv_codec_appearance(VvCodecWorker *worker, int character, const uint8_t *portrait) {
    if (character < 0 || character >= worker->codec->setup.characters)
        return VV_KERNEL_SHAPE;
    VvCodecPass pass = begin(worker);
    const VvCodecCast one = vv_codec_cast_member(&worker->codec->cast, character);
    upload(&pass, portrait, one.portraits);
    vv_codec_graph_appearance(&pass, &one);
    return finish(&pass);
}

VvKernelStatus vv_codec_motion(VvCodecWorker *worker, int count, const uint8_t *frames, float *z) {
    const VvCodecInfo *info = &worker->codec->info;
    const size_t frame_bytes = (size_t)info->picture * (size_t)info->picture * 3;
    VvCodecPass pass = begin(worker);
    if (count < 1)
        return VV_KERNEL_SHAPE;
    for (int done = 0, n; done < count; done += n) {
        n = next_batch(worker->codec, count - done);
        const VvTensor seen = vv_tensor_items(worker->buffers.frames, 0, n);
        const VvTensor result = vv_tensor_items(worker->buffers.z, 0, n);
        vv_arena_rewind(&worker->arena, worker->buffers.end);
        upload(&pass, frames + (size_t)done * frame_bytes, seen);
        vv_codec_graph_motion(&pass, seen, result);
        download(&pass, result, z + (size_t)done * (size_t)info->z_count);
    }
    return finish(&pass);
}

/* `n` of the frames, from `first`. */
static void decode_batch(VvCodecPass *pass, VvCodecWorker *worker, const VvCodecFrames *f, int first, int n) {
    const VvCodec *codec = worker->codec;
    const Buffers *b = &worker->buffers;
    const size_t at = (size_t)first, pixels = (size_t)codec->info.picture * (size_t)codec->info.picture;
    const VvTensor frames = vv_tensor_items(b->frames, 0, n), i420 = vv_tensor_items(b->i420, 0, n);
    vv_arena_rewind(&worker->arena, b->end);
    if (f->latents.rank)
        convert(pass, vv_tensor_items(f->latents, first, n), vv_tensor_items(b->z, 0, n));
    else
        upload(pass, f->z + at * (size_t)codec->info.z_count, vv_tensor_items(b->z, 0, n));
    upload(pass, f->characters + at, vv_tensor(b->which.data, VV_I32, b->which.device, 1, &n));
    const VvRecording *recording = worker->decoding[next_number(codec, n)];
    if (recording && f->i420 && !f->rgb && !worker->watch) {
        if (pass->status == VV_KERNEL_OK)
            pass->status = codec->net.kernels->replay(pass->stream, recording);
    } else {
        decode_graph(pass, codec, b, n, f->rgb || !f->i420, f->i420);
    }
    if (f->rgb)
        download(pass, frames, f->rgb + at * pixels * 3);
    if (f->i420)
        download(pass, i420, f->i420 + at * (pixels / 2 * 3));
}

VvKernelStatus vv_codec_decode(VvCodecWorker *worker, const VvCodecFrames *frames) {
    const VvCodecInfo *info = &worker->codec->info;
    VvCodecPass pass = begin(worker);
    if (frames->count < 1)
        return VV_KERNEL_SHAPE;
    if (frames->latents.rank &&
        !vv_tensor_is(frames->latents, VV_F32, 4, (const int[]){frames->count, info->grid, info->grid, info->latent}))
        return VV_KERNEL_SHAPE;
    for (int i = 0; i < frames->count; i++)
        if (frames->characters[i] < 0 || frames->characters[i] >= worker->codec->setup.characters)
            return VV_KERNEL_SHAPE;
    for (int done = 0, n; done < frames->count; done += n) {
        n = next_batch(worker->codec, frames->count - done);
        decode_batch(&pass, worker, frames, done, n);
    }
    return finish(&pass);
}
