/* Reads the codec's sizes and layers from a file of weights. */
#include "server/avatar/codec_net.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GRID_MAX 64       /* pictures of 2048 pixels */
#define CHANNELS_MAX 1024 /* of any layer, and so of twice that where two meet */

#define FLOW_SCALE 0.25f /* as in codec.py */

/* Reading goes on until the first error, which stays. */
typedef struct Reader {
    const VvWeights *weights;
    VvCodecNet *net;
    VvCodecProblem *problem;
    float *values; /* of the tensor at hand */
    size_t room;   /* floats */
    int error;     /* 0 or -errno */
} Reader;

static void fail(Reader *r, int error, VvWeightsError weights, VvKernelStatus kernels, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

static void fail(Reader *r, int error, VvWeightsError weights, VvKernelStatus kernels, const char *format, ...) {
    va_list args;
    r->error = error;
    *r->problem = (VvCodecProblem){.weights = weights, .kernels = kernels};
    va_start(args, format);
    vsnprintf(r->problem->text, sizeof r->problem->text, format, args);
    va_end(args);
}

/* Whether all is well still; if not, the weights' own words are the problem. */
static bool check(Reader *r, VvWeightsError status, const VvWeightsProblem *problem) {
    if (status != VV_WEIGHTS_OK)
        fail(r, status == VV_WEIGHTS_NO_MEMORY ? -ENOMEM : -EINVAL, status, VV_KERNEL_OK, "%s", problem->text);
    return r->error == 0;
}

/* ---- sizes ------------------------------------------------------------------------------------------------------ */

static void read_size(Reader *r, const char *key, int most, int *value) {
    VvWeightsProblem problem;
    int64_t number = 0;
    if (!r->error && check(r, vv_weights_int(r->weights, key, 1, most, &number, &problem), &problem))
        *value = (int)number;
}

/* A list with a number for each level. */
static void read_sizes(Reader *r, const char *key, int least, int most, int *values, size_t levels) {
    VvWeightsProblem problem;
    int64_t numbers[VV_CODEC_LEVELS] = {0};
    size_t count = 0;
    if (r->error ||
        !check(r, vv_weights_ints(r->weights, key, least, most, numbers, levels, &count, &problem), &problem))
        return;
    if (count != levels)
        fail(r, -EINVAL, VV_WEIGHTS_WRONG_VALUE, VV_KERNEL_OK, "config: %s has %zu numbers, not %zu", key, count,
             levels);
    for (size_t i = 0; i < count; i++)
        values[i] = (int)numbers[i];
}

static void read_config(Reader *r) {
    VvCodecSizes *size = &r->net->size;
    read_size(r, "codec.grid", GRID_MAX, &size->grid);
    read_size(r, "codec.latent", CHANNELS_MAX, &size->latent);
    read_sizes(r, "codec.motion", 1, CHANNELS_MAX, size->motion, VV_CODEC_MOTION);
    read_sizes(r, "codec.trunk", 1, CHANNELS_MAX, size->trunk, VV_CODEC_LEVELS);
    read_sizes(r, "codec.maps", 1, CHANNELS_MAX, size->maps, VV_CODEC_LEVELS);
    read_sizes(r, "codec.decoder", 1, CHANNELS_MAX, size->decoder, VV_CODEC_LEVELS);
    read_sizes(r, "codec.residual", 0, VV_CODEC_BLOCKS_MAX, size->residual, VV_CODEC_LEVELS);
}

/* ---- layers ----------------------------------------------------------------------------------------------------- */

/* The tensor codec.NAME.PART as floats, appended to those that are there. */
static float *read_tensor(Reader *r, const char *name, const char *part, int rank, const int64_t *shape, size_t at) {
    VvWeightsProblem problem;
    VvWeightsTensor tensor;
    char full[96];
    snprintf(full, sizeof full, "codec.%s.%s", name, part);
    if (!check(r, vv_weights_get(r->weights, full, rank, shape, VV_WEIGHTS_FLOATS, &tensor, &problem), &problem))
        return NULL;
    if (at + tensor.count > r->room) {
        float *values = realloc(r->values, (at + tensor.count) * sizeof *values);
        if (!values) {
            fail(r, -ENOMEM, VV_WEIGHTS_NO_MEMORY, VV_KERNEL_OK, "out of memory");
            return NULL;
        }
        r->values = values;
        r->room = at + tensor.count;
    }
    check(r, vv_weights_to_f32(&tensor, r->values + at, &problem), &problem);
    r->net->parameters += tensor.count;
    return r->values + at;
}

/* Reads the weights and bias of that name into r->values, weights first; `spec` has all but these. */
static bool read_layer(Reader *r, const char *name, VvConvSpec *spec) {
    const int64_t shape[] = {spec->out, spec->in, spec->kernel, spec->kernel};
    const size_t count = (size_t)spec->out * (size_t)spec->in * (size_t)spec->kernel * (size_t)spec->kernel;
    if (r->error || !read_tensor(r, name, "weight", 4, shape, 0) || !read_tensor(r, name, "bias", 1, shape, count))
        return false;
    spec->weights = r->values; /* only now: reading the bias may have moved them */
    spec->bias = r->values + count;
    return true;
}

static VvCodecLayer open_layer(Reader *r, const char *name, const VvConvSpec *spec) {
    VvCodecLayer opened = {.out = spec->out, .stride = spec->stride};
    const VvKernelStatus status = r->net->kernels->conv_open(spec, &opened.conv);
    if (status != VV_KERNEL_OK)
        fail(r, status == VV_KERNEL_MEMORY ? -ENOMEM : -ENOTSUP, VV_WEIGHTS_OK, status, "codec.%s on %s: %s", name,
             r->net->kernels->name, vv_kernel_status_text(status));
    else
        r->net->opened[r->net->layers++] = opened.conv;
    return opened;
}

static VvCodecLayer layer(Reader *r, const char *name, VvConvSpec spec) {
    return read_layer(r, name, &spec) ? open_layer(r, name, &spec) : (VvCodecLayer){0};
}

/* A name with numbers in it. */
static const char *named(char text[64], const char *format, ...) __attribute__((format(printf, 2, 3)));

static const char *named(char text[64], const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(text, 64, format, args);
    va_end(args);
    return text;
}

/* 3 x 3, with or without ReLU. */
static VvCodecLayer conv(Reader *r, const char *name, int in, int out, VvActivation activation) {
    return layer(r, name, (VvConvSpec){.in = in, .out = out, .kernel = 3, .stride = 1, .activation = activation});
}

/* 3 x 3 and ReLU, to half the size. */
static VvCodecLayer down(Reader *r, const char *name, int in, int out) {
    return layer(r, name,
                 (VvConvSpec){.in = in, .out = out, .kernel = 3, .stride = 2, .activation = VV_ACTIVATION_RELU});
}

static VvCodecBlock block(Reader *r, const char *name, int channels) {
    char text[64];
    VvCodecBlock opened;
    opened.a = conv(r, named(text, "%s.a", name), channels, channels, VV_ACTIVATION_RELU);
    opened.b = layer(r, named(text, "%s.b", name),
                     (VvConvSpec){.in = channels,
                                  .out = channels,
                                  .kernel = 3,
                                  .stride = 1,
                                  .activation = VV_ACTIVATION_RELU,
                                  .residual = true});
    return opened;
}

static void read_motion(Reader *r) {
    char text[64];
    VvCodecNet *net = r->net;
    const int *w = net->size.motion;
    net->motion.stem = conv(r, "motion.stem", 12, w[0], VV_ACTIVATION_RELU);
    for (int i = 0; i < VV_CODEC_MOTION - 1; i++) {
        net->motion.down[i] = down(r, named(text, "motion.down.%d", i), w[i], w[i + 1]);
        net->motion.block[i] = block(r, named(text, "motion.block.%d", i), w[i + 1]);
    }
    net->motion.last = block(r, "motion.last", w[VV_CODEC_MOTION - 1]);
    net->motion.out = conv(r, "motion.out", w[VV_CODEC_MOTION - 1], net->size.latent, VV_ACTIVATION_NONE);
}

static void read_appearance(Reader *r) {
    char text[64];
    VvCodecNet *net = r->net;
    const int *w = net->size.trunk;
    net->appearance.stem = conv(r, "appearance.stem", 12, w[0], VV_ACTIVATION_RELU);
    for (int i = 0; i < VV_CODEC_LEVELS - 1; i++) {
        net->appearance.down[i] = down(r, named(text, "appearance.down.%d", i), w[i], w[i + 1]);
        net->appearance.block[i] = block(r, named(text, "appearance.block.%d", i), w[i + 1]);
    }
    for (int i = 0; i < VV_CODEC_LEVELS; i++)
        net->appearance.maps[i] = layer(
            r, named(text, "appearance.maps.%d", i),
            (VvConvSpec){
                .in = w[i], .out = net->size.maps[i], .kernel = 1, .stride = 1, .activation = VV_ACTIVATION_RELU});
}

/* A layer that gives flow, with codec.py's FLOW_SCALE in its weights. */
static VvCodecLayer flow(Reader *r, const char *name, VvConvSpec spec) {
    if (!read_layer(r, name, &spec))
        return (VvCodecLayer){0};
    const size_t count = (size_t)spec.out * ((size_t)spec.in * 9 + 1);
    for (size_t i = 0; i < count; i++)
        r->values[i] *= FLOW_SCALE;
    return open_layer(r, name, &spec);
}

/* The decoder's first layer. codec.py gives it z, z - z0 and the maps; this one takes z, z0 and the maps:
 *   a z + b (z - z0) = (a + b) z - b z0 */
static VvCodecLayer enter_coarsest(Reader *r, const char *name, VvConvSpec spec) {
    if (!read_layer(r, name, &spec))
        return (VvCodecLayer){0};
    const size_t latent = (size_t)r->net->size.latent * 9; /* weights of an output for z */
    for (int o = 0; o < spec.out; o++) {
        float *a = r->values + (size_t)o * (size_t)spec.in * 9, *b = a + latent;
        for (size_t i = 0; i < latent; i++) {
            a[i] += b[i];
            b[i] = -b[i];
        }
    }
    return open_layer(r, name, &spec);
}

static void read_decoder(Reader *r) {
    char text[64];
    VvCodecNet *net = r->net;
    const int *w = net->size.decoder, *m = net->size.maps;
    for (int i = 0; i < VV_CODEC_LEVELS; i++) {
        const bool coarsest = i == VV_CODEC_LEVELS - 1;
        const VvConvSpec spec = {.in = m[i] + (coarsest ? 2 * net->size.latent : w[i + 1]),
                                 .out = w[i],
                                 .kernel = 3,
                                 .stride = 1,
                                 .activation = VV_ACTIVATION_RELU};
        named(text, "decoder.enter.%d", i);
        net->decoder.enter[i] = coarsest ? enter_coarsest(r, text, spec) : layer(r, text, spec);
        for (int j = 0; j < net->size.residual[i]; j++)
            net->decoder.block[i][j] = block(r, named(text, "decoder.block.%d.%d", i, j), w[i]);
    }
    net->decoder.flow16 = flow(r, "decoder.flow16", (VvConvSpec){.in = w[3], .out = 3 * 16, .kernel = 3, .stride = 1});
    net->decoder.flow32 = flow(r, "decoder.flow32", (VvConvSpec){.in = w[2], .out = 3 * 4, .kernel = 3, .stride = 1});
    net->decoder.flow64 =
        flow(r, "decoder.flow64", (VvConvSpec){.in = w[1], .out = 3, .kernel = 3, .stride = 1, .residual = true});
    net->decoder.out = conv(r, "decoder.out", w[0], 4 * 4, VV_ACTIVATION_NONE);
}

int vv_codec_net_open(const VvWeights *weights, const VvKernels *kernels, VvCodecNet *net, VvCodecProblem *problem) {
    Reader reader = {.weights = weights, .net = net, .problem = problem};
    VvWeightsProblem finite;
    net->kernels = kernels;
    read_config(&reader);
    if (!reader.error && check(&reader, vv_weights_check_finite(weights, &finite), &finite)) {
        read_motion(&reader);
        read_appearance(&reader);
        read_decoder(&reader);
    }
    free(reader.values);
    return reader.error;
}

void vv_codec_net_close(VvCodecNet *net) {
    while (net->layers)
        net->kernels->conv_close(&net->opened[--net->layers]);
}
