/* The speech encoder on the kernel table.
 *
 * Tensors are [steps,1,channels], so that a range of steps is a range of batch items. Each layer computes just the
 * steps that the layers after it look at: what is wanted at the end, and what the taps in between reach. A layer's
 * input is gathered by normalising it once for each tap, into that tap's channels. The stream of numbers between the
 * layers is f32 and changes in place; the layers' products are of the table's compute type, the first and the heads,
 * which are small, f32.
 *
 * Many items lie one after another along the steps, each with its own past and what is ahead of it. So an item's wanted
 * steps never reach another's; the steps in between do, and are left out at the end. */
#include "server/avatar/speech.h"
#include "server/avatar/speech_net.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define MEL_CENTRE (-9.0f) /* as in speech.py */
#define MEL_SPREAD 5.0f

struct VvSpeechEncoder {
    VvSpeechNet net;
    VvSpeechEncoderInfo info;
    int steps; /* that a run gives of an item */
    int heard; /* that it reads of one: with the past of the first and what is ahead of the last */
};

/* What a worker keeps; f32. */
typedef struct Buffers {
    VvTensor pairs, h;     /* of all steps that are heard */
    VvTensor hidden;       /* of those that are wanted */
    VvTensor mouth, phone; /* the same, of a single item */
    size_t end;            /* of them in the arena */
} Buffers;

struct VvSpeechWorker {
    VvSpeechEncoder *encoder;
    int items;
    VvStream *stream;
    VvRecording *recording; /* NULL: the table records nothing */
    VvArena arena;
    Buffers buffers;
    float *pairs; /* on the host */
};

/* One walk through the layers: a plan, or a run. Nothing more is done after the first error. */
typedef struct Pass {
    const VvSpeechNet *net;
    VvStream *stream; /* NULL: this is a plan */
    VvArena *arena;
    size_t *scratch; /* a plan raises it to what the layers need */
    VvKernelStatus status;
} Pass;

/* ---- steps ------------------------------------------------------------------------------------------------------- */

static VvTensor take(VvArena *arena, VvDataType type, int steps, int channels) {
    return vv_arena_take(arena, type, 3, (const int[]){steps, 1, channels});
}

/* Whether a kernel is to be called: in a run, as long as all is well. */
static bool runs(Pass *p) {
    if (p->arena->failed && p->status == VV_KERNEL_OK)
        p->status = VV_KERNEL_MEMORY;
    return p->stream && p->status == VV_KERNEL_OK;
}

static void linear(Pass *p, VvLinear *layer, VvTensor src, VvTensor residual, VvTensor dst) {
    const VvKernels *k = p->net->kernels;
    if (runs(p))
        p->status = k->linear(p->stream, layer, src, residual, dst);
    else if (p->status == VV_KERNEL_OK)
        p->status = k->linear_plan(layer, src, dst, p->scratch);
}

static void norm(Pass *p, VvTensor src, VvTensor dst) {
    if (runs(p))
        p->status = p->net->kernels->norm(p->stream, &(VvNorm){.h = src, .dst = dst});
}

static void silu(Pass *p, VvTensor gate, VvTensor value, VvTensor dst) {
    if (runs(p))
        p->status = p->net->kernels->silu(p->stream, gate, value, dst);
}

/* ---- the graph --------------------------------------------------------------------------------------------------- */

/* Changes h to what the layer makes of it, and returns the part of it that could be made. */
static VvTensor gated(Pass *p, const VvSpeechLayer *layer, VvTensor h) {
    const VvSpeechNet *net = p->net;
    const VvDataType type = net->kernels->compute;
    const size_t mark = p->arena->used;
    const int steps = h.shape[0] - layer->back - layer->ahead, width = net->width;
    const VvTensor seen = take(p->arena, type, steps, net->taps * width);
    const VvTensor both = take(p->arena, type, steps, 2 * width);
    const VvTensor inner = take(p->arena, type, steps, width);
    const VvTensor kept = vv_tensor_items(h, layer->back, steps);
    for (int i = 0; i < net->taps; i++)
        norm(p, vv_tensor_items(h, layer->back + layer->offset[i], steps), vv_tensor_channels(seen, i * width, width));
    linear(p, layer->taps, seen, (VvTensor){0}, both);
    silu(p, vv_tensor_channels(both, 0, width), vv_tensor_channels(both, width, width), inner);
    linear(p, layer->out, inner, kept, kept);
    vv_arena_rewind(p->arena, mark);
    return kept;
}

/* Steps [items * each,1,channels], seen as a row for each item. */
static VvTensor by_item(VvTensor steps, int items) {
    return vv_tensor(steps.data, steps.type, steps.device, 2,
                     (const int[]){items, steps.shape[0] / items * steps.shape[2]});
}

/* b->pairs to b->hidden. */
static void graph(Pass *p, const VvSpeechEncoder *e, int items, const Buffers *b) {
    const int width = p->net->width;
    VvTensor h = b->h;
    linear(p, p->net->enter, b->pairs, (VvTensor){0}, h);
    for (int i = 0; i < p->net->layers; i++)
        h = gated(p, &p->net->layer[i], h);
    norm(p, h, items == 1 ? b->hidden : h);
    if (items > 1 && runs(p))
        p->status = p->net->kernels->convert(
            p->stream, vv_tensor_channels(by_item(b->h, items), e->info.past * width, e->steps * width),
            by_item(b->hidden, items));
}

static void heads(Pass *p, const Buffers *b, bool mouth, bool phone) {
    if (mouth)
        linear(p, p->net->mouth, b->hidden, (VvTensor){0}, b->mouth);
    if (phone)
        linear(p, p->net->phone, b->hidden, (VvTensor){0}, b->phone);
}

static Buffers take_buffers(VvArena *arena, const VvSpeechEncoder *e, int items) {
    const VvSpeechNet *net = &e->net;
    Buffers b = {.pairs = take(arena, VV_F32, items * e->heard, VV_SPEECH_PAIR),
                 .h = take(arena, VV_F32, items * e->heard, net->width),
                 .hidden = take(arena, VV_F32, items * e->steps, net->width)};
    if (items == 1) {
        b.mouth = take(arena, VV_F32, e->steps, net->mouths.count);
        b.phone = take(arena, VV_F32, e->steps, net->phones.count);
    }
    b.end = arena->used;
    return b;
}

/* ---- the encoder ------------------------------------------------------------------------------------------------- */

static void describe(VvSpeechEncoder *e) {
    const VvSpeechNet *net = &e->net;
    e->info = (VvSpeechEncoderInfo){.width = net->width,
                                    .mouths = net->mouths.count,
                                    .phones = net->phones.count,
                                    .mouth = net->mouths.name,
                                    .phone = net->phones.name,
                                    .parameters = net->parameters};
    for (int i = 0; i < net->layers; i++) {
        e->info.past += net->layer[i].back;
        e->info.ahead += net->layer[i].ahead;
    }
    e->heard = e->info.past + e->steps + e->info.ahead;
}

static size_t aligned(size_t bytes) {
    return (bytes + VV_ARENA_ALIGN - 1) / VV_ARENA_ALIGN * VV_ARENA_ALIGN;
}

/* Walks the graph once for so many items, and learns what a worker needs: all bytes, and of these the scratch's. */
static VvKernelStatus plan(VvSpeechEncoder *e, int items, size_t *bytes, size_t *scratch) {
    VvArena arena = vv_arena_plan(e->net.kernels);
    const Buffers b = take_buffers(&arena, e, items);
    Pass pass = {.net = &e->net, .arena = &arena, .scratch = scratch};
    *scratch = 0;
    graph(&pass, e, items, &b);
    heads(&pass, &b, items == 1, items == 1);
    *bytes = arena.peak + aligned(*scratch);
    return arena.failed ? VV_KERNEL_MEMORY : pass.status;
}

int vv_speech_encoder_open(const VvWeights *weights, const VvKernels *kernels, int steps, VvSpeechEncoder **encoder,
                           VvModelProblem *problem) {
    VvModelProblem unwanted;
    VvSpeechEncoder *e = calloc(1, sizeof *e);
    problem = problem ? problem : &unwanted;
    *encoder = NULL;
    *problem = (VvModelProblem){.weights = VV_WEIGHTS_NO_MEMORY, .text = "out of memory"};
    if (!e)
        return -ENOMEM;
    int error = -EINVAL;
    if (steps < 1 || steps > VV_SPEECH_STEPS_MAX) {
        *problem = (VvModelProblem){.kernels = VV_KERNEL_SHAPE, .text = "no such number of steps"};
        goto fail;
    }
    e->steps = steps;
    error = vv_speech_net_open(weights, kernels, &e->net, problem);
    if (error)
        goto fail;
    describe(e);
    size_t scratch;
    const VvKernelStatus status = plan(e, 1, &e->info.worker_bytes, &scratch);
    if (status != VV_KERNEL_OK) {
        *problem = (VvModelProblem){.kernels = status};
        snprintf(problem->text, sizeof problem->text, "the speech encoder on %s: %s", kernels->name,
                 vv_kernel_status_text(status));
        error = status == VV_KERNEL_MEMORY ? -ENOMEM : -ENOTSUP;
        goto fail;
    }
    *problem = (VvModelProblem){0};
    *encoder = e;
    return 0;

fail:
    vv_speech_encoder_close(&e);
    return error;
}

void vv_speech_encoder_close(VvSpeechEncoder **encoder) {
    if (!*encoder)
        return;
    vv_speech_net_close(&(*encoder)->net);
    free(*encoder);
    *encoder = NULL;
}

const VvSpeechEncoderInfo *vv_speech_encoder_info(const VvSpeechEncoder *encoder) {
    return &encoder->info;
}

/* ---- workers ----------------------------------------------------------------------------------------------------- */

/* Where the table records: all from the pairs to the hidden states. */
static VvKernelStatus record(VvSpeechWorker *w) {
    const VvKernels *kernels = w->encoder->net.kernels;
    Pass pass = {.net = &w->encoder->net, .stream = w->stream, .arena = &w->arena};
    vv_arena_rewind(&w->arena, w->buffers.end);
    VvKernelStatus status = kernels->record(w->stream);
    if (status != VV_KERNEL_OK)
        return status;
    graph(&pass, w->encoder, w->items, &w->buffers);
    status = kernels->recorded(w->stream, &w->recording);
    return pass.status != VV_KERNEL_OK ? pass.status : status;
}

static VvKernelStatus open_memory(VvSpeechWorker *w, size_t bytes, size_t scratch) {
    const VvSpeechEncoder *e = w->encoder;
    w->pairs = calloc((size_t)w->items * (size_t)e->heard, VV_SPEECH_PAIR * sizeof *w->pairs);
    VvKernelStatus status = w->pairs ? vv_arena_open(&w->arena, e->net.kernels, bytes) : VV_KERNEL_MEMORY;
    if (status != VV_KERNEL_OK)
        return status;
    const int room = (int)scratch;
    VvTensor memory = {0};
    if (scratch)
        memory = vv_arena_take(&w->arena, VV_U8, 1, &room);
    w->buffers = take_buffers(&w->arena, e, w->items);
    return e->net.kernels->stream_open(memory, &w->stream);
}

/* Libraries make some objects when they first see a buffer, and memory is touched: not in the first run. */
static VvKernelStatus warm_up(VvSpeechWorker *w) {
    const VvKernels *kernels = w->encoder->net.kernels;
    Pass pass = {.net = &w->encoder->net, .stream = w->stream, .arena = &w->arena};
    graph(&pass, w->encoder, w->items, &w->buffers);
    heads(&pass, &w->buffers, w->items == 1, w->items == 1);
    VvKernelStatus status = kernels->wait(w->stream);
    status = pass.status != VV_KERNEL_OK ? pass.status : status;
    return status == VV_KERNEL_OK && kernels->record ? record(w) : status;
}

VvKernelStatus vv_speech_worker_open(VvSpeechEncoder *encoder, VvSpeechWorker **worker) {
    return vv_speech_worker_open_many(encoder, 1, worker);
}

VvKernelStatus vv_speech_worker_open_many(VvSpeechEncoder *encoder, int items, VvSpeechWorker **worker) {
    size_t bytes, scratch;
    *worker = NULL;
    if (items < 1 || items > VV_SPEECH_ITEMS_MAX)
        return VV_KERNEL_SHAPE;
    VvSpeechWorker *w = calloc(1, sizeof *w);
    if (!w)
        return VV_KERNEL_MEMORY;
    w->encoder = encoder;
    w->items = items;
    VvKernelStatus status = plan(encoder, items, &bytes, &scratch);
    if (status == VV_KERNEL_OK)
        status = open_memory(w, bytes, scratch);
    if (status == VV_KERNEL_OK)
        status = warm_up(w);
    if (status == VV_KERNEL_OK)
        *worker = w;
    else
        vv_speech_worker_close(&w);
    return status;
}

void vv_speech_worker_close(VvSpeechWorker **worker) {
    if (!*worker)
        return;
    if ((*worker)->recording)
        (*worker)->encoder->net.kernels->recording_close(&(*worker)->recording);
    (*worker)->encoder->net.kernels->stream_close(&(*worker)->stream);
    vv_arena_close(&(*worker)->arena);
    free((*worker)->pairs);
    free(*worker);
    *worker = NULL;
}

/* ---- a run ------------------------------------------------------------------------------------------------------- */

void vv_speech_encode_put(VvSpeechWorker *w, int item, const VvSpeechSteps *s) {
    const VvSpeechEncoder *e = w->encoder;
    const int64_t first = ((int64_t)s->first - e->info.past) * VV_SPEECH_STEP_ROWS;
    float *pair = w->pairs + (ptrdiff_t)item * e->heard * VV_SPEECH_PAIR;
    /* Scaled as speech.py does; silence where there are no rows. */
    for (int i = 0; i < e->heard * VV_SPEECH_STEP_ROWS; i++, pair += VV_MEL_BANDS) {
        const int64_t at = first + i;
        const float *row = at >= 0 && at < s->row_count ? s->rows + at * VV_MEL_BANDS : NULL;
        for (int band = 0; band < VV_MEL_BANDS; band++)
            pair[band] = ((row ? row[band] : VV_MEL_SILENCE) - MEL_CENTRE) / MEL_SPREAD;
    }
}

/* What was laid down to the hidden states, of all items. */
static Pass run(VvSpeechWorker *w) {
    const VvSpeechEncoder *e = w->encoder;
    Pass pass = {.net = &e->net, .stream = w->stream, .arena = &w->arena};
    vv_arena_rewind(&w->arena, w->buffers.end);
    pass.status = e->net.kernels->upload(w->stream, w->pairs, w->buffers.pairs);
    if (!w->recording)
        graph(&pass, e, w->items, &w->buffers);
    else if (pass.status == VV_KERNEL_OK)
        pass.status = e->net.kernels->replay(w->stream, w->recording);
    return pass;
}

/* When all that was asked for is done: the first error, or the device's. */
static VvKernelStatus finish(const Pass *p) {
    const VvKernelStatus status = p->net->kernels->wait(p->stream);
    return p->status != VV_KERNEL_OK ? p->status : status;
}

/* The first `count` steps of a result to the host. */
static void download(Pass *p, VvTensor result, int count, float *host) {
    if (host && p->status == VV_KERNEL_OK)
        p->status = p->net->kernels->download(p->stream, vv_tensor_items(result, 0, count), host);
}

VvKernelStatus vv_speech_encode(VvSpeechWorker *worker, const VvSpeechSteps *s) {
    const Buffers *b = &worker->buffers;
    if (s->count < 1 || s->count > worker->encoder->steps || s->row_count < 0 || worker->items != 1)
        return VV_KERNEL_SHAPE;
    vv_speech_encode_put(worker, 0, s);
    Pass pass = run(worker);
    heads(&pass, b, s->mouth, s->phone);
    download(&pass, b->hidden, s->count, s->hidden);
    download(&pass, b->mouth, s->count, s->mouth);
    download(&pass, b->phone, s->count, s->phone);
    return finish(&pass);
}

VvKernelStatus vv_speech_encode_many(VvSpeechWorker *worker, VvTensor *tokens) {
    const Pass pass = run(worker);
    const VvTensor hidden = worker->buffers.hidden;
    *tokens = vv_tensor(hidden.data, hidden.type, hidden.device, 3,
                        (const int[]){worker->items, worker->encoder->steps, hidden.shape[2]});
    return finish(&pass);
}
