/* Reads the denoiser's sizes, layers and tables from a file of weights. */
#include "server/avatar/denoiser_net.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH_MAX 4096
#define GRID_MAX 64
#define FRAMES_MAX 64

#define TIME_WAVES 64 /* these as in denoiser.py */
#define REFERENCE_TIME (-16)
#define ROTARY_BASE 100.0

typedef struct Builder {
    VvReader read;
    VvDenoiserNet *net;
    VvStream *stream; /* for uploads */
} Builder;

static bool good(const Builder *b) {
    return b->read.error == 0;
}

/* ---- sizes ------------------------------------------------------------------------------------------------------ */

static void read_rotary(Builder *b) {
    VvDenoiserSizes *size = &b->net->size;
    VvWeightsProblem problem;
    int64_t pairs[3] = {0};
    size_t count = 0;
    if (!good(b))
        return;
    const VvWeightsError status =
        vv_weights_ints(b->read.weights, "denoiser.rotary", 0, VV_HEAD_MAX / 2, pairs, 3, &count, &problem);
    if (status != VV_WEIGHTS_OK)
        vv_reader_fail(&b->read, -EINVAL, status, VV_KERNEL_OK, "%s", problem.text);
    else if (count != 3 || 2 * (pairs[0] + pairs[1] + pairs[2]) * size->heads != size->width)
        vv_reader_fail(&b->read, -EINVAL, VV_WEIGHTS_WRONG_VALUE, VV_KERNEL_OK,
                       "config: denoiser.rotary does not fill a head of denoiser.width %d / denoiser.heads %d",
                       size->width, size->heads);
    for (int i = 0; i < 3; i++)
        size->rotary[i] = (int)pairs[i];
}

static void read_config(Builder *b) {
    VvDenoiserSizes *s = &b->net->size;
    VvReader *r = &b->read;
    s->grid = vv_reader_size(r, "denoiser.grid", 2, GRID_MAX);
    s->latent = vv_reader_size(r, "denoiser.latent", 1, WIDTH_MAX);
    s->width = vv_reader_size(r, "denoiser.width", 1, WIDTH_MAX);
    s->heads = vv_reader_size(r, "denoiser.heads", 1, 64);
    s->blocks = vv_reader_size(r, "denoiser.blocks", 1, VV_DENOISER_BLOCKS_MAX);
    s->overlap = vv_reader_size(r, "denoiser.overlap", 1, FRAMES_MAX);
    s->whole = vv_reader_size(r, "denoiser.whole", 1, FRAMES_MAX);
    s->fresh = vv_reader_size(r, "denoiser.fresh", 1, FRAMES_MAX);
    s->speech = vv_reader_size(r, "denoiser.speech", 1, WIDTH_MAX);
    s->before = vv_reader_size(r, "denoiser.before", 0, FRAMES_MAX);
    s->after = vv_reader_size(r, "denoiser.after", 0, FRAMES_MAX);
    s->bank = vv_reader_size(r, "denoiser.bank", 1, WIDTH_MAX);
    s->told = vv_reader_size(r, "denoiser.told", 1, VV_DENOISER_TOLD_MAX);
    s->coarse = vv_reader_size(r, "denoiser.coarse", 1, FRAMES_MAX);
    s->emotion = vv_reader_size(r, "denoiser.emotion", 1, FRAMES_MAX);
    vv_reader_flag(r, "denoiser.decoupled", true); /* without: ablations, which are not shipped */
    vv_reader_flag(r, "denoiser.remember", true);
    read_rotary(b);
    if (good(b) && (s->grid % 2 || s->whole >= s->overlap))
        vv_reader_fail(r, -EINVAL, VV_WEIGHTS_WRONG_VALUE, VV_KERNEL_OK,
                       "config: denoiser.grid must be even, and denoiser.whole less than denoiser.overlap");
    s->places = s->grid * s->grid;
    s->pooled = s->places / 4;
    s->tokens = s->fresh * s->places;
    s->kept = s->pooled * (1 + s->overlap - s->whole) + s->places * s->whole;
    s->span = 2 * (s->before + 1 + s->after);
    s->heard = 2 * (s->before + s->fresh + s->after);
    s->around = s->before + 1 + s->after;
}

/* ---- layers ----------------------------------------------------------------------------------------------------- */

static VvLinear *open_layer(Builder *b, const char *name, const VvLinearSpec *spec) {
    VvDenoiserNet *net = b->net;
    VvLinear *layer = NULL;
    char what[160];
    if (!good(b))
        return NULL;
    snprintf(what, sizeof what, "denoiser.%s on %s", name, net->kernels->name);
    if (vv_reader_kernels(&b->read, net->kernels->linear_open(spec, &layer), what))
        net->opened[net->layers++] = layer;
    return layer;
}

/* Weights and bias of a layer, as they are in the file; both to be freed. */
typedef struct Values {
    float *weights, *bias;
} Values;

static Values read_values(Builder *b, const char *name, int in, int out) {
    Values v;
    v.weights = vv_reader_floats(&b->read, 2, (const int64_t[]){out, in}, "denoiser.%s.weight", name);
    v.bias = vv_reader_floats(&b->read, 1, (const int64_t[]){out}, "denoiser.%s.bias", name);
    return v;
}

static void free_values(Values *v) {
    free(v->weights);
    free(v->bias);
}

static VvLinear *layer(Builder *b, const char *name, VvLinearSpec spec) {
    Values v = read_values(b, name, spec.in, spec.out);
    spec.weights = v.weights;
    spec.bias = v.bias;
    VvLinear *opened = open_layer(b, name, &spec);
    free_values(&v);
    return opened;
}

static VvLinear *plain(Builder *b, const char *name, int in, int out) {
    return layer(b, name, (VvLinearSpec){.in = in, .out = out});
}

static VvLinear *squared(Builder *b, const char *name, int in, int out) {
    return layer(b, name, (VvLinearSpec){.in = in, .out = out, .activation = VV_ACTIVATION_SQUARED_RELU});
}

/* What is added to the residual stream. */
static VvLinear *onto(Builder *b, const char *name, int in, int out) {
    return layer(b, name, (VvLinearSpec){.in = in, .out = out, .residual = true});
}

/* ---- tables ----------------------------------------------------------------------------------------------------- */

/* Floats to the device; frees them. */
static VvTensor table(Builder *b, float *values, VvDataType type, int rank, const int shape[]) {
    VvDenoiserNet *net = b->net;
    const VvTensor made = vv_arena_take(&net->arena, type, rank, shape);
    if (good(b)) {
        const size_t count = vv_tensor_count(made);
        uint16_t *rounded = type == VV_BF16 ? malloc(count * sizeof *rounded) : NULL;
        for (size_t i = 0; rounded && i < count; i++)
            rounded[i] = vv_bf16_from_f32(values[i]);
        VvKernelStatus status = !made.rank || (type == VV_BF16 && !rounded) ? VV_KERNEL_MEMORY : VV_KERNEL_OK;
        if (status == VV_KERNEL_OK)
            status = net->kernels->upload(b->stream, rounded ? (const void *)rounded : values, made);
        if (status == VV_KERNEL_OK)
            status = net->kernels->wait(b->stream);
        vv_reader_kernels(&b->read, status, "the denoiser's tables");
        free(rounded);
    }
    free(values);
    return made;
}

static float *read_rows(Builder *b, const char *name, int rows, int columns) {
    return vv_reader_floats(&b->read, 2, (const int64_t[]){rows, columns}, "denoiser.%s", name);
}

static float *read_row(Builder *b, const char *name, int count) {
    return vv_reader_floats(&b->read, 1, (const int64_t[]){count}, "denoiser.%s", name);
}

static VvTensor matrix(Builder *b, const char *name, int rows, int columns) {
    return table(b, read_rows(b, name, rows, columns), VV_F32, 2, (const int[]){rows, columns});
}

/* Writes the angles of a frame's places: cos of all pairs of a head, then sin. Cells of a pooled frame lie between. */
static float *turn_frame(const VvDenoiserSizes *s, float *at, int time, bool pooled) {
    const int side = pooled ? s->grid / 2 : s->grid, half = s->width / s->heads / 2;
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++, at += 2 * half) {
            const double where[] = {time, pooled ? 2 * y + 0.5 : y, pooled ? 2 * x + 0.5 : x};
            int pair = 0;
            for (int axis = 0; axis < 3; axis++)
                for (int i = 0; i < s->rotary[axis]; i++, pair++) {
                    const double angle = where[axis] * pow(ROTARY_BASE, -(double)i / s->rotary[axis]);
                    at[pair] = (float)cos(angle);
                    at[half + pair] = (float)sin(angle);
                }
        }
    return at;
}

static VvTensor turns(Builder *b, bool kept) {
    const VvDenoiserSizes *s = &b->net->size;
    const int shape[] = {kept ? s->kept : s->tokens, s->width / s->heads};
    float *values = good(b) ? malloc((size_t)shape[0] * (size_t)shape[1] * sizeof *values) : NULL;
    if (good(b) && !values)
        vv_reader_fail(&b->read, -ENOMEM, VV_WEIGHTS_NO_MEMORY, VV_KERNEL_OK, "out of memory");
    float *at = values;
    if (at && kept) {
        at = turn_frame(s, at, REFERENCE_TIME, true);
        for (int time = -s->overlap; time < 0; time++)
            at = turn_frame(s, at, time, time < -s->whole);
    } else if (at) {
        for (int time = 0; time < s->fresh; time++)
            at = turn_frame(s, at, time, false);
    }
    return table(b, values, VV_F32, 2, shape);
}

/* ---- the first layer, and time ---------------------------------------------------------------------------------- */

/* Columns `first` to `first + count - 1` of a matrix [rows][columns]; NULL after an error. */
static float *columns_of(Builder *b, const float *values, int rows, int columns, int first, int count) {
    float *out = good(b) ? malloc((size_t)rows * (size_t)count * sizeof *out) : NULL;
    if (good(b) && !out)
        vv_reader_fail(&b->read, -ENOMEM, VV_WEIGHTS_NO_MEMORY, VV_KERNEL_OK, "out of memory");
    for (int i = 0; out && i < rows; i++)
        memcpy(out + (size_t)i * (size_t)count, values + (size_t)i * (size_t)columns + first,
               (size_t)count * sizeof *out);
    return out;
}

/* The first layer reads noisy latents, the reference's, the head mask and the lip mask. Only the first changes from
 * step to step, and the last never: so it is three, of which the last is a part of the places' embedding. */
static void read_enter(Builder *b) {
    VvDenoiserNet *net = b->net;
    const VvDenoiserSizes *s = &net->size;
    const int z = s->latent, d = s->width, in = 2 * z + 2;
    Values v = read_values(b, "enter", in, d);
    float *x = columns_of(b, v.weights, d, in, 0, z), *given = columns_of(b, v.weights, d, in, z, z + 1);
    net->enter_x = open_layer(b, "enter", &(VvLinearSpec){.in = z, .out = d, .residual = true, .weights = x});
    net->enter_given = open_layer(b, "enter", &(VvLinearSpec){.in = z + 1, .out = d, .weights = given, .bias = v.bias});
    float *lips = read_row(b, "lips", s->places), *embed = read_rows(b, "place_embed", s->places, d);
    float *place = columns_of(b, embed, s->places, d, 0, d);
    for (int p = 0; good(b) && p < s->places; p++)
        for (int i = 0; i < d; i++)
            place[p * d + i] += lips[p] * v.weights[i * in + in - 1];
    net->place = table(b, place, VV_F32, 2, (const int[]){s->places, d});
    for (int p = 0; good(b) && p < s->places; p++)
        if (!(lips[p] >= 0 && lips[p] <= 1))
            vv_reader_fail(&b->read, -EINVAL, VV_WEIGHTS_WRONG_VALUE, VV_KERNEL_OK, "denoiser.lips: %g is not in 0..1",
                           (double)lips[p]);
    net->lips = table(b, lips, VV_F32, 1, &s->places);
    net->place_embed = table(b, embed, VV_F32, 2, (const int[]){s->places, d});
    net->pool_embed = matrix(b, "pool_embed", s->pooled, d);
    free(given);
    free(x);
    free_values(&v);
}

/* bias + what time_in makes of the flow time of a step. */
static void add_time(const Values *time_in, double t, int width, float *bias) {
    for (int o = 0; o < width; o++) {
        double sum = (double)bias[o] + (double)time_in->bias[o];
        for (int k = 0; k < TIME_WAVES; k++) {
            const double angle = 100 * t * exp(-log(1000.0) * k / TIME_WAVES);
            sum += (double)time_in->weights[o * 2 * TIME_WAVES + k] * cos(angle) +
                   (double)time_in->weights[o * 2 * TIME_WAVES + TIME_WAVES + k] * sin(angle);
        }
        bias[o] = (float)sum;
    }
}

static void read_times(Builder *b) {
    VvDenoiserNet *net = b->net;
    const int d = net->size.width, emotion = net->size.emotion;
    Values time_in = read_values(b, "time_in", 2 * TIME_WAVES, d), feel = read_values(b, "emotion_in", emotion, d);
    float *bias = good(b) ? malloc((size_t)d * sizeof *bias) : NULL;
    if (good(b) && !bias)
        vv_reader_fail(&b->read, -ENOMEM, VV_WEIGHTS_NO_MEMORY, VV_KERNEL_OK, "out of memory");
    for (int i = 0; bias && i < net->steps; i++) {
        memcpy(bias, feel.bias, (size_t)d * sizeof *bias);
        add_time(&time_in, 1 - (double)i / net->steps, d, bias);
        net->feel[i] = open_layer(b, "emotion_in",
                                  &(VvLinearSpec){.in = emotion, .out = d, .weights = feel.weights, .bias = bias});
    }
    free(bias);
    free_values(&feel);
    free_values(&time_in);
}

/* ---- the parts --------------------------------------------------------------------------------------------------- */

static void read_context(Builder *b) {
    VvDenoiserNet *net = b->net;
    const int d = net->size.width, z = net->size.latent;
    net->enter_old = plain(b, "enter_old", 4 * z, d);
    net->enter_new = plain(b, "enter_new", z, d);
    net->enter_reference = plain(b, "enter_reference", 4 * z, d);
    net->context.qkv = plain(b, "context_block.qkv", d, 3 * d);
    net->context.out = onto(b, "context_block.out", d, d);
    net->context.wide = squared(b, "context_block.wide", d, 2 * d);
    net->context.narrow = onto(b, "context_block.narrow", 2 * d, d);
    net->turn_kept = turns(b, true);
}

static void read_condition(Builder *b) {
    VvDenoiserNet *net = b->net;
    const VvDenoiserSizes *s = &net->size;
    const int d = s->width, bank[] = {1, s->bank, d};
    net->speech_in = plain(b, "speech_in", s->speech, d);
    net->bank_q = plain(b, "bank_q", d, d);
    net->bank_out = onto(b, "bank_out", d, d);
    net->bank_keys = table(b, read_rows(b, "bank_keys", s->bank, d), net->kernels->compute, 3, bank);
    net->bank_values = table(b, read_rows(b, "bank_values", s->bank, d), net->kernels->compute, 3, bank);
    net->coarse_in = plain(b, "coarse_in", s->around * s->coarse, d);
    net->nobody = table(b, read_rows(b, "nobody", 1, d), VV_F32, 3, (const int[]){1, 1, d});
}

static void read_block(Builder *b, int index) {
    VvDenoiserBlock *block = &b->net->block[index];
    const VvDenoiserSizes *s = &b->net->size;
    const int d = s->width;
    char name[64];
#define NAMED(part) (snprintf(name, sizeof name, "blocks.%d." part, index), name)
    block->qkv = plain(b, NAMED("qkv"), d, 3 * d);
    block->out = onto(b, NAMED("out"), d, d);
    block->context_kv = plain(b, NAMED("context_kv"), d, 2 * d);
    block->cross_q = plain(b, NAMED("cross_q"), d, d);
    block->cross_out = onto(b, NAMED("cross_out"), d, d);
    block->lip_kv = plain(b, NAMED("lip_kv"), d, 2 * d);
    block->far_kv = plain(b, NAMED("far_kv"), d, 2 * d);
    block->wide = squared(b, NAMED("wide"), d, 4 * d);
    block->narrow = plain(b, NAMED("narrow"), 4 * d, d);
    block->table = table(b, read_rows(b, NAMED("table"), VV_MODS, d), VV_F32, 2, (const int[]){1, VV_MODS * d});
    block->prior = matrix(b, NAMED("prior"), s->heads, s->span);
#undef NAMED
}

static void read_all(Builder *b) {
    VvDenoiserNet *net = b->net;
    const VvDenoiserSizes *s = &net->size;
    const int d = s->width;
    read_enter(b);
    read_times(b);
    net->modulation = plain(b, "modulation", d, VV_MODS * d);
    net->told_in = plain(b, "told_in", 2 * s->told, d);
    net->told_out = plain(b, "told_out", d, d);
    read_context(b);
    read_condition(b);
    net->turn_new = turns(b, false);
    for (int i = 0; i < s->blocks; i++)
        read_block(b, i);
    net->leave = plain(b, "leave", d, s->latent);
    net->spread = read_row(b, "spread", s->latent);
    net->reference_mean = read_row(b, "reference_mean", s->latent);
    net->told_spread = read_row(b, "told_spread", s->told);
}

/* Divisors must not be nothing. */
static void check_spreads(Builder *b) {
    const VvDenoiserNet *net = b->net;
    for (int i = 0; good(b) && i < net->size.latent + net->size.told; i++) {
        const bool latent = i < net->size.latent;
        const float value = latent ? net->spread[i] : net->told_spread[i - net->size.latent];
        if (!(value > 1e-6f))
            vv_reader_fail(&b->read, -EINVAL, VV_WEIGHTS_WRONG_VALUE, VV_KERNEL_OK, "denoiser.%s: %g is no spread",
                           latent ? "spread" : "told_spread", (double)value);
    }
}

/* The tables' size, from the sizes alone. */
static size_t table_bytes(const VvDenoiserNet *net) {
    const VvDenoiserSizes *s = &net->size;
    const size_t d = (size_t)s->width, head = d / (size_t)s->heads,
                 floats = d * (size_t)(2 * s->places + s->pooled + 1 + 2 * s->bank) + (size_t)s->places +
                          head * (size_t)(s->tokens + s->kept) +
                          (size_t)s->blocks * (VV_MODS * d + (size_t)(s->heads * s->span));
    return floats * sizeof(float) + (size_t)(16 + 2 * s->blocks) * VV_ARENA_ALIGN;
}

int vv_denoiser_net_open(const VvWeights *weights, const VvKernels *kernels, int steps, VvDenoiserNet *net,
                         VvModelProblem *problem) {
    Builder b = {.read = {.weights = weights, .problem = problem}, .net = net};
    net->kernels = kernels;
    net->steps = steps;
    read_config(&b);
    vv_reader_finite(&b.read);
    if (good(&b))
        vv_reader_kernels(&b.read, vv_arena_open(&net->arena, kernels, table_bytes(net)), "the denoiser's tables");
    if (good(&b))
        vv_reader_kernels(&b.read, kernels->stream_open((VvTensor){0}, &b.stream), "the denoiser's tables");
    if (good(&b)) {
        read_all(&b);
        check_spreads(&b);
    }
    kernels->stream_close(&b.stream);
    net->parameters = b.read.parameters;
    return b.read.error;
}

void vv_denoiser_net_close(VvDenoiserNet *net) {
    while (net->layers)
        net->kernels->linear_close(&net->opened[--net->layers]);
    vv_arena_close(&net->arena);
    free(net->spread);
    free(net->reference_mean);
    free(net->told_spread);
    net->spread = net->reference_mean = net->told_spread = NULL;
}
