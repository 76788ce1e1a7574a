/* Our own ways to compute a layer (kernels/cuda/tiles.cu, hopper.cu), each by itself: a plan tries them against the
 * first and passes over those that differ, so nobody else would miss one that is wrong. Numbers are whole and small, so
 * that every order of sums gives the same, and are compared bit for bit with the formula. Prints TAP.
 *
 * Built twice: for the emulator, and by nvcc for a device. VV_WAYS in the environment: a part of the names of the ways
 * that are tried. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cuda/ways.cuh"

namespace vv {
namespace {

struct Case {
    int pictures, height, width, in, out, kernel, stride;
    int src_more, dst_more; /* what the pitches are larger than the channels by */
};

/* Rows and columns that fill tiles, and that do not; depths of less than a step, of more than all stages, and with a
 * rest. */
const Case cases[] = {
    {1, 1, 1, 8, 8, 1, 1, 0, 0},       {1, 1, 70, 64, 64, 1, 1, 8, 0},   {1, 1, 128, 256, 128, 1, 1, 0, 8},
    {1, 1, 200, 72, 264, 1, 1, 0, 0},  {3, 1, 43, 208, 192, 1, 1, 0, 0}, {1, 1, 131, 512, 72, 1, 1, 0, 0},
    {1, 1, 130, 136, 512, 1, 1, 0, 0}, {1, 1, 150, 24, 16, 1, 1, 0, 0},  {2, 7, 9, 24, 16, 1, 2, 8, 16},
    {2, 9, 11, 16, 24, 3, 1, 0, 0},    {1, 19, 17, 8, 200, 3, 2, 8, 8},  {2, 8, 8, 208, 192, 3, 1, 0, 0},
    {1, 16, 16, 64, 128, 3, 1, 0, 0},  {1, 11, 12, 96, 96, 3, 1, 0, 0},  {1, 17, 16, 40, 256, 3, 1, 16, 0},
};

struct Layer {
    Shape shape;
    int depth, residual;                         /* 2: of its own memory, not the destination's */
    float *src, *weights, *bias, *before, *more; /* on the host; weights as packed */
    void *on_device[6];                          /* those, and the destination */
};
enum { SRC, WEIGHTS, BIAS, BEFORE, MORE, DST };

int number, failures;

void expect(bool truth, const char *what, const char *of) {
    printf("%sok %d - %s: %s\n", truth ? "" : "not ", ++number, of, what);
    failures += !truth;
}

/* From -2 to 2, on the host and on the device. */
float *numbers(size_t count, VvDataType type, uint32_t salt, void **device) {
    const size_t bytes = count * vv_type_size(type);
    float *made = static_cast<float *>(malloc(count * sizeof(float)));
    void *as_type = malloc(bytes);
    if (!made || !as_type || vv_cuda_memory_open(bytes, device) != VV_KERNEL_OK)
        exit(2);
    for (size_t i = 0; i < count; i++) {
        made[i] = static_cast<float>(((static_cast<uint32_t>(i) + salt) * 2654435761u >> 16) % 5) - 2.0f;
        if (type == VV_BF16)
            static_cast<uint16_t *>(as_type)[i] = vv_bf16_from_f32(made[i]);
        else
            static_cast<float *>(as_type)[i] = made[i];
    }
    if (cudaMemcpy(*device, as_type, bytes, cudaMemcpyHostToDevice) != cudaSuccess)
        exit(2);
    free(as_type);
    return made;
}

/* What comes behind the taps in a packed row is zeros in layers.cu. Here it is not, and must meet zeros of the source.
 */
Layer open_layer(const Case &c, VvActivation activation, VvDataType type, int residual) {
    Layer layer = {};
    Shape &shape = layer.shape;
    shape.pictures = c.pictures, shape.height = c.height, shape.width = c.width;
    shape.dst_height = (c.height - 1) / c.stride + 1, shape.dst_width = (c.width - 1) / c.stride + 1;
    shape.rows = c.pictures * shape.dst_height * shape.dst_width;
    shape.in = c.in, shape.out = c.out, shape.kernel = c.kernel, shape.stride = c.stride;
    shape.src_pitch = c.in + c.src_more, shape.dst_pitch = c.out + c.dst_more;
    shape.activation = activation, shape.type = type, shape.residual = residual != 0;
    layer.depth = divide_up(c.kernel * c.kernel * c.in, 32) * 32;
    layer.residual = residual;
    const size_t pixels = static_cast<size_t>(c.pictures * c.height * c.width);
    const size_t dst_count = static_cast<size_t>(shape.rows * shape.dst_pitch);
    layer.src = numbers(pixels * static_cast<size_t>(shape.src_pitch), VV_BF16, 0, &layer.on_device[SRC]);
    layer.weights = numbers(static_cast<size_t>(c.out * layer.depth), VV_BF16, 1, &layer.on_device[WEIGHTS]);
    layer.bias = numbers(static_cast<size_t>(c.out), VV_F32, 2, &layer.on_device[BIAS]);
    layer.before = numbers(dst_count, type, 3, &layer.on_device[BEFORE]);
    layer.more = numbers(dst_count, type, 4, &layer.on_device[MORE]);
    if (vv_cuda_memory_open(dst_count * vv_type_size(type), &layer.on_device[DST]) != VV_KERNEL_OK)
        exit(2);
    return layer;
}

void close_layer(Layer *layer) {
    float *on_host[] = {layer->src, layer->weights, layer->bias, layer->before, layer->more};
    for (float *piece : on_host)
        free(piece);
    for (void *piece : layer->on_device)
        cudaFree(piece);
}

/* The formula, of one number. */
float wanted(const Layer &layer, int row, int column) {
    const Shape &s = layer.shape;
    const int size = s.dst_height * s.dst_width, n = row / size, y = row % size / s.dst_width, x = row % s.dst_width;
    const size_t at = static_cast<size_t>(row) * static_cast<size_t>(s.dst_pitch) + static_cast<size_t>(column);
    float sum = layer.bias[column];
    if (layer.residual)
        sum += layer.residual == 1 ? layer.before[at] : layer.more[at];
    for (int tap = 0; tap < s.kernel * s.kernel; tap++) {
        const int from_y = y * s.stride + tap / s.kernel - s.kernel / 2;
        const int from_x = x * s.stride + tap % s.kernel - s.kernel / 2;
        if (from_y < 0 || from_x < 0 || from_y >= s.height || from_x >= s.width)
            continue;
        const float *pixel = layer.src + ((n * s.height + from_y) * s.width + from_x) * s.src_pitch;
        const float *weights = layer.weights + column * layer.depth + tap * s.in;
        for (int c = 0; c < s.in; c++)
            sum += pixel[c] * weights[c];
    }
    sum = s.activation == VV_ACTIVATION_NONE || sum > 0 ? sum : 0;
    return s.activation == VV_ACTIVATION_SQUARED_RELU ? sum * sum : sum;
}

/* Whether the destination holds what it should, between its rows what it held before. */
bool is_right(const Layer &layer) {
    const Shape &s = layer.shape;
    const size_t count = static_cast<size_t>(s.rows * s.dst_pitch), size = vv_type_size(s.type);
    void *got = malloc(count * size);
    if (!got || cudaMemcpy(got, layer.on_device[DST], count * size, cudaMemcpyDeviceToHost) != cudaSuccess)
        exit(2);
    bool right = true;
    for (size_t i = 0; i < count && right; i++) {
        const int row = static_cast<int>(i) / s.dst_pitch, column = static_cast<int>(i) % s.dst_pitch;
        const float want = column < s.out ? wanted(layer, row, column) : layer.before[i];
        right = s.type == VV_BF16 ? static_cast<uint16_t *>(got)[i] == vv_bf16_from_f32(want)
                                  : static_cast<float *>(got)[i] == want;
        if (!right)
            printf("# row %d, column %d should be %g\n", row, column, static_cast<double>(want));
    }
    free(got);
    return right;
}

bool runs_right(VvStream *stream, const Way &way, const void *state, const Layer &layer) {
    const Shape &s = layer.shape;
    Product product = {};
    static_cast<Shape &>(product) = s;
    product.src = static_cast<const Bf16 *>(layer.on_device[SRC]);
    product.weights = static_cast<const Bf16 *>(layer.on_device[WEIGHTS]);
    product.bias = static_cast<const float *>(layer.on_device[BIAS]);
    product.dst = layer.on_device[DST];
    product.residual_data = layer.residual == 0   ? nullptr
                            : layer.residual == 1 ? layer.on_device[DST]
                                                  : layer.on_device[MORE];
    product.residual_pitch = s.dst_pitch;
    product.padded_in = s.in, product.depth = layer.depth;
    product.pairs = 1;
    const size_t bytes = static_cast<size_t>(s.rows * s.dst_pitch) * vv_type_size(s.type);
    /* Copies are in another queue than the stream's. */
    return cudaMemcpy(layer.on_device[DST], layer.on_device[BEFORE], bytes, cudaMemcpyDeviceToDevice) == cudaSuccess &&
           cudaDeviceSynchronize() == cudaSuccess && way.run(stream, state, product) == VV_KERNEL_OK &&
           vv_cuda_wait(stream) == VV_KERNEL_OK && is_right(layer);
}

/* All cases that the way takes, each with a residual or two, an activation and a type that change from case to case. */
void try_way(const Way &way, VvStream *stream, bool here) {
    int taken = 0, wrong = 0, turn = 0;
    for (const Case &c : cases)
        for (int residual = 0; residual < 3; residual++, turn++) {
            Layer layer = open_layer(c, static_cast<VvActivation>((turn / 2 + residual) % 3),
                                     turn % 2 ? VV_F32 : VV_BF16, residual);
            const LayerWeights weights = {nullptr, static_cast<const Bf16 *>(layer.on_device[WEIGHTS]),
                                          static_cast<const float *>(layer.on_device[BIAS]), c.in, layer.depth};
            void *state = nullptr;
            size_t scratch = 0;
            if (way.open(weights, layer.shape, &state, &scratch) == VV_KERNEL_OK) {
                taken++;
                const bool right = scratch == 0 && runs_right(stream, way, state, layer);
                if (!right)
                    printf("# %d x %d x %d x %d to %d, %d x %d by %d, pitches %d and %d more, residual %d\n",
                           c.pictures, c.height, c.width, c.in, c.out, c.kernel, c.kernel, c.stride, c.src_more,
                           c.dst_more, residual);
                wrong += !right;
                if (way.close)
                    way.close(state);
            }
            close_layer(&layer);
        }
    if (here)
        printf("# %s: %d cases\n", way.name, taken);
    expect(here ? taken > 0 && wrong == 0 : taken == 0,
           here ? "gives what the formula gives" : "is not for this device", way.name);
}

} // namespace
} // namespace vv

int main() {
    using namespace vv;
    int devices = 0, major = 0, minor = 0;
    if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
        printf("ok 1 - our own ways # SKIP no device\n1..1\n");
        return 0;
    }
    cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0);
    cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, 0);
    printf("# a device of %d.%d\n", major, minor);
    const char *only = getenv("VV_WAYS");
    VvStream *stream = nullptr;
    if (vv_cuda_stream_open(VvTensor(), &stream) != VV_KERNEL_OK)
        return 2;
    for (int i = 0; i < tile_way_count; i++)
        if (!only || strstr(tile_ways[i].name, only))
            try_way(tile_ways[i], stream, true);
    for (int i = 0; i < hopper_way_count; i++)
        if (!only || strstr(hopper_ways[i].name, only))
            try_way(hopper_ways[i], stream, major == 9 && minor == 0);
    vv_cuda_stream_close(&stream);
    printf("1..%d\n", number);
    return failures != 0;
}
