/* The speech encoder on the kernel table.
 *
 * Tensors are [steps,1,channels], so that a range of steps is a range of batch items. Each layer computes just the
 * steps that the layers after it look at: what is wanted at the end, and what the taps in between reach. A layer's
 * input is gathered by normalising it once for each tap, into that tap's channels. The stream of numbers between the
 * layers is f32 and changes in place; the layers' products are of the table's compute type, the first and the heads,
 * which are small, f32. */
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
    int steps;      /* that a run gives */
    int heard;      /* that it reads: with the past of the first and what is ahead of the last */
    size_t scratch; /* bytes that the layers need */
};

/* What a worker keeps; f32. */
typedef struct Buffers {
    VvTensor pairs, h;             /* of all steps that are heard */
    VvTensor hidden, mouth, phone; /* of those that are wanted */
    VvTensor scratch;
    size_t end; /* of them in the arena */
} Buffers;

struct VvSpeechWorker {
    VvSpeechEncoder *encoder;
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
        p->status = p->net->kernels->norm(p->stream, src, (VvTensor){0}, (VvTensor){0}, dst);
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

/* b->pairs to the hidden states of the wanted steps, not yet normalised. */
static VvTensor graph(Pass *p, const Buffers *b) {
    VvTensor h = b->h;
    linear(p, p->net->enter, b->pairs, (VvTensor){0}, h);
    for (int i = 0; i < p->net->layers; i++)
        h = gated(p, &p->net->layer[i], h);
    return h;
}

static void heads(Pass *p, const Buffers *b, bool mouth, bool phone) {
    if (mouth)
        linear(p, p->net->mouth, b->hidden, (VvTensor){0}, b->mouth);
    if (phone)
        linear(p, p->net->phone, b->hidden, (VvTensor){0}, b->phone);
}

static Buffers take_buffers(VvArena *arena, const VvSpeechEncoder *e) {
    const VvSpeechNet *net = &e->net;
    Buffers b = {.pairs = take(arena, VV_F32, e->heard, VV_SPEECH_PAIR),
                 .h = take(arena, VV_F32, e->heard, net->width),
                 .hidden = take(arena, VV_F32, e->steps, net->width),
                 .mouth = take(arena, VV_F32, e->steps, net->mouths.count),
                 .phone = take(arena, VV_F32, e->steps, net->phones.count)};
    if (e->scratch) {
        const int bytes = (int)e->scratch;
        b.scratch = vv_arena_take(arena, VV_U8, 1, &bytes);
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

/* Walks the graph once, and learns what a worker needs. */
static VvKernelStatus plan(VvSpeechEncoder *e) {
    VvArena arena = vv_arena_plan(e->net.kernels);
    const Buffers b = take_buffers(&arena, e);
    Pass pass = {.net = &e->net, .arena = &arena, .scratch = &e->scratch};
    graph(&pass, &b);
    heads(&pass, &b, true, true);
    e->info.worker_bytes = arena.peak + (e->scratch + VV_ARENA_ALIGN - 1) / VV_ARENA_ALIGN * VV_ARENA_ALIGN;
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
    const VvKernelStatus status = plan(e);
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

/* Where the table records: all from the pairs to the normalised hidden states. */
static VvKernelStatus record(VvSpeechWorker *w) {
    const VvKernels *kernels = w->encoder->net.kernels;
    Pass pass = {.net = &w->encoder->net, .stream = w->stream, .arena = &w->arena};
    vv_arena_rewind(&w->arena, w->buffers.end);
    VvKernelStatus status = kernels->record(w->stream);
    if (status != VV_KERNEL_OK)
        return status;
    const VvTensor h = graph(&pass, &w->buffers);
    norm(&pass, h, w->buffers.hidden);
    status = kernels->recorded(w->stream, &w->recording);
    return pass.status != VV_KERNEL_OK ? pass.status : status;
}

VvKernelStatus vv_speech_worker_open(VvSpeechEncoder *encoder, VvSpeechWorker **worker) {
    const VvKernels *kernels = encoder->net.kernels;
    VvSpeechWorker *w = calloc(1, sizeof *w);
    *worker = NULL;
    if (!w)
        return VV_KERNEL_MEMORY;
    w->encoder = encoder;
    w->pairs = malloc((size_t)encoder->heard * VV_SPEECH_PAIR * sizeof *w->pairs);
    VvKernelStatus status = w->pairs ? VV_KERNEL_OK : VV_KERNEL_MEMORY;
    if (status == VV_KERNEL_OK)
        status = vv_arena_open(&w->arena, kernels, encoder->info.worker_bytes);
    if (status == VV_KERNEL_OK) {
        w->buffers = take_buffers(&w->arena, encoder);
        status = kernels->stream_open(w->buffers.scratch, &w->stream);
    }
    /* Libraries make some objects when they first see a buffer, and memory is touched: not in the first run. */
    if (status == VV_KERNEL_OK) {
        Pass pass = {.net = &encoder->net, .stream = w->stream, .arena = &w->arena};
        graph(&pass, &w->buffers);
        heads(&pass, &w->buffers, true, true);
        status = kernels->wait(w->stream);
        status = pass.status != VV_KERNEL_OK ? pass.status : status;
    }
    if (status == VV_KERNEL_OK && kernels->record)
        status = record(w);
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

/* The rows that the run hears, scaled as speech.py does; silence where there are none. */
static void gather(VvSpeechWorker *w, const VvSpeechSteps *s) {
    const VvSpeechEncoder *e = w->encoder;
    const int64_t first = ((int64_t)s->first - e->info.past) * VV_SPEECH_STEP_ROWS;
    float *pair = w->pairs;
    for (int i = 0; i < e->heard * VV_SPEECH_STEP_ROWS; i++, pair += VV_MEL_BANDS) {
        const int64_t at = first + i;
        const float *row = at >= 0 && at < s->row_count ? s->rows + at * VV_MEL_BANDS : NULL;
        for (int band = 0; band < VV_MEL_BANDS; band++)
            pair[band] = ((row ? row[band] : VV_MEL_SILENCE) - MEL_CENTRE) / MEL_SPREAD;
    }
}

/* The first `count` steps of a result to the host. */
static void download(Pass *p, VvTensor result, int count, float *host) {
    if (host && p->status == VV_KERNEL_OK)
        p->status = p->net->kernels->download(p->stream, vv_tensor_items(result, 0, count), host);
}

/* [1,count,width] seen as [count,1,width]. */
static VvTensor by_steps(VvTensor tokens) {
    tokens.shape[0] = tokens.shape[1];
    tokens.shape[1] = 1;
    return tokens;
}

VvKernelStatus vv_speech_encode(VvSpeechWorker *worker, const VvSpeechSteps *s) {
    const VvSpeechEncoder *e = worker->encoder;
    const Buffers *b = &worker->buffers;
    const int shape[] = {1, s->count, e->info.width};
    if (s->count < 1 || s->count > e->steps || s->row_count < 0)
        return VV_KERNEL_SHAPE;
    if (s->tokens.rank && !vv_tensor_is(s->tokens, s->tokens.type, 3, shape))
        return VV_KERNEL_SHAPE;
    Pass pass = {.net = &e->net, .stream = worker->stream, .arena = &worker->arena};
    vv_arena_rewind(&worker->arena, b->end);
    gather(worker, s);
    pass.status = e->net.kernels->upload(worker->stream, worker->pairs, b->pairs);
    if (worker->recording && !s->tokens.rank) {
        if (pass.status == VV_KERNEL_OK)
            pass.status = e->net.kernels->replay(worker->stream, worker->recording);
    } else {
        const VvTensor h = graph(&pass, b);
        if (s->tokens.rank)
            norm(&pass, vv_tensor_items(h, 0, s->count), by_steps(s->tokens));
        if (s->hidden || s->mouth || s->phone)
            norm(&pass, h, b->hidden);
    }
    heads(&pass, b, s->mouth, s->phone);
    download(&pass, b->hidden, s->count, s->hidden);
    download(&pass, b->mouth, s->count, s->mouth);
    download(&pass, b->phone, s->count, s->phone);
    const VvKernelStatus status = e->net.kernels->wait(worker->stream);
    return pass.status != VV_KERNEL_OK ? pass.status : status;
}
