/* Reads the speech encoder's sizes and layers from a file of weights. */
#include "server/avatar/speech_net.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH_MAX 2048
#define OFFSET_MAX 64 /* steps */

/* ---- sizes and names --------------------------------------------------------------------------------------------- */

static void refuse(VvReader *r, const char *key, const char *why) {
    vv_reader_fail(r, -EINVAL, VV_WEIGHTS_WRONG_VALUE, VV_KERNEL_OK, "config: %s %s", key, why);
}

/* Whether the config could be read; if not, its own words are the problem. */
static bool found(VvReader *r, VvWeightsError error, const VvWeightsProblem *problem) {
    if (error != VV_WEIGHTS_OK)
        vv_reader_fail(r, -EINVAL, error, VV_KERNEL_OK, "%s", problem->text);
    return error == VV_WEIGHTS_OK;
}

/* How far a layer's taps reach. Whether they look around its own step. */
static bool measure(VvSpeechLayer *layer, int taps) {
    int least = layer->offset[0], most = layer->offset[0];
    for (int i = 1; i < taps; i++) {
        least = layer->offset[i] < least ? layer->offset[i] : least;
        most = layer->offset[i] > most ? layer->offset[i] : most;
    }
    layer->back = -least;
    layer->ahead = most;
    return least <= 0 && most >= 0;
}

/* All layers' offsets in one list. */
static void read_offsets(VvReader *r, VvSpeechNet *net) {
    static const char key[] = "speech.offsets";
    VvWeightsProblem problem;
    int64_t numbers[VV_SPEECH_LAYERS_MAX * VV_SPEECH_TAPS_MAX];
    const size_t room = sizeof numbers / sizeof *numbers;
    size_t count = 0;
    if (r->error ||
        !found(r, vv_weights_ints(r->weights, key, -OFFSET_MAX, OFFSET_MAX, numbers, room, &count, &problem), &problem))
        return;
    if (count != (size_t)net->layers * (size_t)net->taps) {
        refuse(r, key, "has not speech.taps numbers for each layer");
        return;
    }
    for (size_t i = 0; i < count; i++)
        net->layer[i / (size_t)net->taps].offset[i % (size_t)net->taps] = (int)numbers[i];
    for (int i = 0; i < net->layers; i++)
        if (!measure(&net->layer[i], net->taps))
            refuse(r, key, "has a layer that does not look around its own step");
}

/* A string of names with single spaces between them. */
static void read_names(VvReader *r, const char *key, VvSpeechNames *names) {
    VvWeightsProblem problem;
    const char *text = NULL;
    if (r->error || !found(r, vv_weights_string(r->weights, key, sizeof names->text - 1, &text, &problem), &problem))
        return;
    snprintf(names->text, sizeof names->text, "%s", text);
    bool good = *text != '\0' && !strstr(text, "  ") && *text != ' ' && text[strlen(text) - 1] != ' ';
    char *rest = NULL;
    for (char *name = strtok_r(names->text, " ", &rest); name && good; name = strtok_r(NULL, " ", &rest)) {
        good = names->count < VV_SPEECH_NAMES_MAX;
        if (good)
            names->name[names->count++] = name;
    }
    if (!good)
        refuse(r, key, "is not a list of names");
}

static void read_config(VvReader *r, VvSpeechNet *net) {
    net->width = vv_reader_size(r, "speech.width", 1, WIDTH_MAX);
    net->layers = vv_reader_size(r, "speech.layers", 1, VV_SPEECH_LAYERS_MAX);
    net->taps = vv_reader_size(r, "speech.taps", 1, VV_SPEECH_TAPS_MAX);
    read_offsets(r, net);
    read_names(r, "speech.mouth", &net->mouths);
    read_names(r, "speech.phones", &net->phones);
}

/* ---- layers ------------------------------------------------------------------------------------------------------ */

typedef struct Numbers {
    float *weight, *bias; /* [out][in], [out] */
} Numbers;

static Numbers read_layer(VvReader *r, const char *name, int in, int out) {
    const int64_t shape[] = {out, in};
    Numbers numbers;
    numbers.weight = vv_reader_floats(r, 2, shape, "speech.%s.weight", name);
    numbers.bias = vv_reader_floats(r, 1, shape, "speech.%s.bias", name);
    return numbers;
}

/* Makes the layer, if all is well still, and frees the numbers. */
static VvLinear *open_layer(VvReader *r, const VvKernels *kernels, const char *name, VvLinearSpec spec,
                            Numbers numbers) {
    VvLinear *opened = NULL;
    char what[96];
    snprintf(what, sizeof what, "speech.%s on %s", name, kernels->name);
    spec.weights = numbers.weight;
    spec.bias = numbers.bias;
    if (!r->error)
        vv_reader_kernels(r, kernels->linear_open(&spec, &opened), what);
    free(numbers.weight);
    free(numbers.bias);
    return opened;
}

static VvLinear *linear(VvReader *r, const VvKernels *kernels, const char *name, VvLinearSpec spec) {
    return open_layer(r, kernels, name, spec, read_layer(r, name, spec.in, spec.out));
}

/* The mouth's head, times what its numbers were divided by in training. */
static VvLinear *mouth(VvReader *r, const VvSpeechNet *net) {
    const VvLinearSpec spec = {.in = net->width, .out = net->mouths.count};
    const int64_t shape[] = {spec.out};
    const Numbers numbers = read_layer(r, "mouth", spec.in, spec.out);
    const size_t parameters = r->parameters;
    float *scale = vv_reader_floats(r, 1, shape, "speech.mouth_scale");
    r->parameters = parameters; /* the scale is none */
    for (int o = 0; o < spec.out && !r->error; o++) {
        for (int i = 0; i < spec.in; i++)
            numbers.weight[(size_t)o * (size_t)spec.in + (size_t)i] *= scale[o];
        numbers.bias[o] *= scale[o];
    }
    free(scale);
    return open_layer(r, net->kernels, "mouth", spec, numbers);
}

static void read_layers(VvReader *r, VvSpeechNet *net) {
    const VvKernels *kernels = net->kernels;
    const int width = net->width;
    const VvLinearSpec taps = {.in = net->taps * width, .out = 2 * width};
    const VvLinearSpec out = {.in = width, .out = width, .residual = true};
    char name[64];
    net->enter = linear(r, kernels, "enter", (VvLinearSpec){.in = VV_SPEECH_PAIR, .out = width});
    for (int i = 0; i < net->layers; i++) {
        snprintf(name, sizeof name, "layers.%d.taps", i);
        net->layer[i].taps = linear(r, kernels, name, taps);
        snprintf(name, sizeof name, "layers.%d.out", i);
        net->layer[i].out = linear(r, kernels, name, out);
    }
    net->mouth = mouth(r, net);
    net->phone = linear(r, kernels, "phone", (VvLinearSpec){.in = width, .out = net->phones.count});
}

int vv_speech_net_open(const VvWeights *weights, const VvKernels *kernels, VvSpeechNet *net, VvModelProblem *problem) {
    VvReader reader = {.weights = weights, .problem = problem};
    net->kernels = kernels;
    read_config(&reader, net);
    if (!reader.error)
        vv_reader_finite(&reader);
    if (!reader.error)
        read_layers(&reader, net);
    net->parameters = reader.parameters;
    return reader.error;
}

void vv_speech_net_close(VvSpeechNet *net) {
    if (!net->kernels)
        return;
    net->kernels->linear_close(&net->enter);
    for (int i = 0; i < net->layers; i++) {
        net->kernels->linear_close(&net->layer[i].taps);
        net->kernels->linear_close(&net->layer[i].out);
    }
    net->kernels->linear_close(&net->mouth);
    net->kernels->linear_close(&net->phone);
}
