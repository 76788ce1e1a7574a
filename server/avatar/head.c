/* The head generator: a gated recurrent unit and a mixture of normal distributions. */
#include "server/avatar/head.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define MIXTURE_MAX 16
#define INPUT_MAX 128
#define MASK_MAX 128
#define GRID_MAX 64

#define NORMAL 1 /* numbers of the noise: 0 is the denoiser's */
#define CHOICE 2

#define LOG_SPREAD_MIN (-6.0f) /* as in head.py */
#define LOG_SPREAD_MAX 2.0f

typedef struct Layer {
    int in, out;
    float *weights, *bias;
} Layer;

struct VvHead {
    VvHeadInfo info;
    int mixture;
    Layer enter, input, hidden, out, mask_in, mask_out; /* input and hidden: the GRU's, its gates r, z, n */
    float *mean, *spread, *low, *high;
};

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static Layer read_layer(VvReader *r, const char *weights, const char *bias, int in, int out) {
    Layer layer = {.in = in, .out = out};
    layer.weights = vv_reader_floats(r, 2, (const int64_t[]){out, in}, "head.%s", weights);
    layer.bias = vv_reader_floats(r, 1, (const int64_t[]){out}, "head.%s", bias);
    return layer;
}

static void free_layer(Layer *layer) {
    free(layer->weights);
    free(layer->bias);
}

static void read_head(VvReader *r, VvHead *h) {
    VvHeadInfo *info = &h->info;
    info->width = vv_reader_size(r, "head.width", 1, VV_HEAD_WIDTH_MAX);
    h->mixture = vv_reader_size(r, "head.mixture", 1, MIXTURE_MAX);
    info->told = vv_reader_size(r, "head.told", VV_HEAD_POSE, VV_HEAD_TOLD_MAX);
    info->heard = vv_reader_size(r, "head.heard", 1, INPUT_MAX / 4);
    info->emotion = vv_reader_size(r, "head.emotion", 1, INPUT_MAX / 4);
    const int grid = vv_reader_size(r, "head.grid", 1, GRID_MAX), units = vv_reader_size(r, "head.mask", 1, MASK_MAX);
    const int width = info->width;
    info->places = grid * grid;
    vv_reader_finite(r);
    h->enter = read_layer(r, "enter.weight", "enter.bias", info->told + info->heard + info->emotion, width);
    h->input = read_layer(r, "memory.weight_ih_l0", "memory.bias_ih_l0", width, 3 * width);
    h->hidden = read_layer(r, "memory.weight_hh_l0", "memory.bias_hh_l0", width, 3 * width);
    h->out = read_layer(r, "out.weight", "out.bias", width, h->mixture * (1 + 2 * info->told));
    h->mask_in = read_layer(r, "mask_in.weight", "mask_in.bias", VV_HEAD_POSE, units);
    h->mask_out = read_layer(r, "mask_out.weight", "mask_out.bias", units, info->places);
    const int64_t told = info->told;
    h->mean = vv_reader_floats(r, 1, &told, "head.mean");
    h->spread = vv_reader_floats(r, 1, &told, "head.spread");
    h->low = vv_reader_floats(r, 1, &told, "head.low");
    h->high = vv_reader_floats(r, 1, &told, "head.high");
    for (int i = 0; r->error == 0 && i < info->told; i++)
        if (!(h->spread[i] > 1e-9f) || !(h->low[i] < h->high[i]))
            vv_reader_fail(r, -EINVAL, VV_WEIGHTS_WRONG_VALUE, VV_KERNEL_OK,
                           "head: number %d has no spread, or no room between low and high", i);
    info->low = h->low;
    info->high = h->high;
    info->parameters = r->parameters;
}

int vv_head_open(const VvWeights *weights, VvHead **head, VvModelProblem *problem) {
    VvModelProblem unwanted;
    VvHead *h = calloc(1, sizeof *h);
    problem = problem ? problem : &unwanted;
    *head = NULL;
    *problem = (VvModelProblem){.weights = VV_WEIGHTS_NO_MEMORY, .text = "out of memory"};
    if (!h)
        return -ENOMEM;
    VvReader reader = {.weights = weights, .problem = problem};
    read_head(&reader, h);
    if (reader.error) {
        vv_head_close(&h);
        return reader.error;
    }
    *problem = (VvModelProblem){0};
    *head = h;
    return 0;
}

void vv_head_close(VvHead **head) {
    VvHead *h = *head;
    *head = NULL;
    if (!h)
        return;
    free_layer(&h->enter);
    free_layer(&h->input);
    free_layer(&h->hidden);
    free_layer(&h->out);
    free_layer(&h->mask_in);
    free_layer(&h->mask_out);
    free(h->mean);
    free(h->spread);
    free(h->low);
    free(h->high);
    free(h);
}

const VvHeadInfo *vv_head_info(const VvHead *head) {
    return &head->info;
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

static float sigmoid(float x) {
    return 1 / (1 + expf(-x));
}

static void apply(const Layer *layer, const float *x, float *y) {
    for (int o = 0; o < layer->out; o++) {
        const float *w = layer->weights + (size_t)o * (size_t)layer->in;
        float sum = layer->bias[o];
        for (int i = 0; i < layer->in; i++)
            sum += w[i] * x[i];
        y[o] = sum;
    }
}

static void silu(float *x, int count) {
    for (int i = 0; i < count; i++)
        x[i] *= sigmoid(x[i]);
}

/* PyTorch's GRU: r, z, n. */
static void remember(const VvHead *h, const float *x, const float *before, float *after) {
    const int width = h->info.width;
    float input[3 * VV_HEAD_WIDTH_MAX], hidden[3 * VV_HEAD_WIDTH_MAX];
    apply(&h->input, x, input);
    apply(&h->hidden, before, hidden);
    for (int i = 0; i < width; i++) {
        const float reset = sigmoid(input[i] + hidden[i]), keep = sigmoid(input[width + i] + hidden[width + i]);
        const float fresh = tanhf(input[2 * width + i] + reset * hidden[2 * width + i]);
        after[i] = (1 - keep) * fresh + keep * before[i];
    }
}

/* A number in (0, 1]. */
static float uniform(uint64_t seed, uint64_t number) {
    const uint32_t counter[] = {0, (uint32_t)number, (uint32_t)(number >> 32), CHOICE};
    const uint32_t key[] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t words[4];
    vv_philox(counter, key, words);
    return (float)((words[0] >> 8) + 1) / (float)(1 << 24);
}

/* Which of the distributions: by their shares, of which `logits` tell. */
static int choose(const float *logits, int count, float chance) {
    float share[MIXTURE_MAX], most = logits[0], total = 0, sum = 0;
    int chosen = 0;
    for (int i = 1; i < count; i++)
        most = fmaxf(most, logits[i]);
    for (int i = 0; i < count; i++)
        total += share[i] = expf(logits[i] - most);
    for (int i = 0; i < count; i++)
        chosen += (sum += share[i] / total) < chance;
    return chosen < count ? chosen : count - 1;
}

void vv_head_rest(const VvHead *head, VvHeadFrame *frame) {
    *frame = (VvHeadFrame){0};
    for (int i = 0; i < head->info.told; i++)
        frame->told[i] = -head->mean[i] / head->spread[i];
}

void vv_head_step(const VvHead *head, uint64_t seed, uint64_t number, const float *heard, const float *emotion,
                  const VvHeadFrame *before, VvHeadFrame *after) {
    const VvHeadInfo *info = &head->info;
    const int told = info->told, mixture = head->mixture;
    float given[VV_HEAD_TOLD_MAX + INPUT_MAX] = {0}, x[VV_HEAD_WIDTH_MAX] = {0}, normals[VV_HEAD_TOLD_MAX + 4] = {0};
    float out[MIXTURE_MAX * (1 + 2 * VV_HEAD_TOLD_MAX)] = {0};
    VvHeadFrame next = {0};
    for (int i = 0; i < told; i++)
        given[i] = before->told[i];
    for (int i = 0; i < info->heard; i++)
        given[told + i] = heard[i];
    for (int i = 0; i < info->emotion; i++)
        given[told + info->heard + i] = emotion[i];
    apply(&head->enter, given, x);
    silu(x, info->width);
    remember(head, x, before->memory, next.memory);
    apply(&head->out, next.memory, out);
    for (int i = 0; i < told; i += 4)
        vv_philox_normals(seed, number, NORMAL, (uint32_t)i / 4, normals + i);
    const int chosen = choose(out, mixture, uniform(seed, number));
    const float *change = out + mixture + (ptrdiff_t)chosen * told, *width = change + (ptrdiff_t)mixture * told;
    for (int i = 0; i < told; i++) {
        const float spread = expf(fminf(fmaxf(width[i], LOG_SPREAD_MIN), LOG_SPREAD_MAX));
        const float value = before->told[i] + change[i] + spread * normals[i];
        next.told[i] = fmaxf(fminf(value, head->high[i]), head->low[i]);
    }
    *after = next;
}

void vv_head_mask(const VvHead *head, const float *told, float *mask) {
    float inner[MASK_MAX] = {0};
    apply(&head->mask_in, told, inner);
    silu(inner, head->mask_in.out);
    apply(&head->mask_out, inner, mask);
    for (int i = 0; i < head->info.places; i++)
        mask[i] = sigmoid(mask[i]);
}
