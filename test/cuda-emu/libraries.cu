/* NVIDIA's libraries as ways to compute a layer (kernels/cuda/blas.cu, dnn.cu): which layers they take, and that they
 * give what our own tiles give, asked for at once and recorded. Prints TAP.
 *
 * Built twice: for the emulator, on the stand-ins of test/cuda-emu, and by nvcc, on the libraries that are installed.
 * Where those or a device are not, the test says so, and that every layer is then refused in peace. */
#include <stdio.h>
#include <stdlib.h>

#include "kernels/cuda/library.cuh"

namespace vv {
namespace {

int number, failures;

void expect(bool truth, const char *what, const char *of) {
    printf("%sok %d - %s: %s\n", truth ? "" : "not ", ++number, of, what);
    failures += !truth;
}

void skip(const char *why, const char *of) {
    printf("ok %d - %s # SKIP %s\n", ++number, of, why);
}

/* ---- a layer and its pictures, on the device --------------------------------------------------------------------- */

struct Case {
    const char *name;
    const Way *way;
    int pictures, height, width, in, out, kernel, stride;
    int src_more, dst_more; /* what the pitches are larger than the channels by */
    VvActivation activation;
    VvDataType type;
    int residual; /* 2: of its own memory, not the destination's */
};

struct Bench {
    Shape shape;
    LayerWeights weights;
    Product product;
    void *src, *packed, *bias, *residual, *wanted, *got;
    size_t dst_bytes;
    unsigned char *before; /* the destination's, on the host */
};

/* From -1 to 1 in steps of a quarter: a bf16 holds them, and an f32 the sums of a short row. */
float made_up(uint32_t i) {
    return static_cast<float>((i * 2654435761u >> 16) % 9) / 4.0f - 1.0f;
}

/* What a plan promises of where rows begin, and no more. */
enum { ALIGNED = 16 };

void *behind(void *memory) {
    return static_cast<unsigned char *>(memory) + ALIGNED;
}

/* Device memory with numbers of a type, `scale` times made up ones; `host`: the same on the host, for the caller to
 * free. */
void *numbers(size_t count, VvDataType type, float scale, unsigned char **host) {
    const size_t bytes = count * vv_type_size(type);
    unsigned char *made = static_cast<unsigned char *>(malloc(bytes));
    void *device = nullptr;
    if (!made || vv_cuda_memory_open(bytes, &device) != VV_KERNEL_OK)
        exit(2);
    for (size_t i = 0; i < count; i++) {
        const float value = scale * made_up(static_cast<uint32_t>(i));
        if (type == VV_BF16)
            reinterpret_cast<uint16_t *>(made)[i] = vv_bf16_from_f32(value);
        else
            reinterpret_cast<float *>(made)[i] = value;
    }
    if (cudaMemcpy(device, made, bytes, cudaMemcpyHostToDevice) != cudaSuccess)
        exit(2);
    if (host)
        *host = made;
    else
        free(made);
    return device;
}

Shape shape_of(const Case &c) {
    Shape shape = {};
    shape.pictures = c.pictures, shape.height = c.height, shape.width = c.width;
    shape.dst_height = (c.height - 1) / c.stride + 1, shape.dst_width = (c.width - 1) / c.stride + 1;
    shape.rows = c.pictures * shape.dst_height * shape.dst_width;
    shape.in = c.in, shape.out = c.out, shape.kernel = c.kernel, shape.stride = c.stride;
    shape.src_pitch = c.in + c.src_more, shape.dst_pitch = c.out + c.dst_more;
    shape.activation = c.activation, shape.type = c.type, shape.residual = c.residual != 0;
    return shape;
}

/* Behind what counts, a row of weights that layers.cu packs has zeros. Here it has numbers, which nobody may use. */
Bench open_bench(const Case &c) {
    Bench bench = {};
    bench.shape = shape_of(c);
    const size_t pixels = static_cast<size_t>(c.pictures * c.height * c.width),
                 rows = static_cast<size_t>(bench.shape.rows);
    const size_t src_count = pixels * static_cast<size_t>(bench.shape.src_pitch) + ALIGNED / sizeof(Bf16);
    const size_t dst_count = rows * static_cast<size_t>(bench.shape.dst_pitch) + ALIGNED / vv_type_size(c.type);
    const int depth = divide_up(c.kernel * c.kernel * c.in, 32) * 32;
    bench.dst_bytes = dst_count * vv_type_size(c.type);
    bench.src = numbers(src_count, VV_BF16, 1, nullptr);
    bench.packed = numbers(static_cast<size_t>(c.out * depth), VV_BF16, 0.5f, nullptr);
    bench.bias = numbers(static_cast<size_t>(c.out), VV_F32, 3, nullptr);
    bench.residual = numbers(dst_count, c.type, 2, nullptr);
    bench.wanted = numbers(dst_count, c.type, 5, &bench.before);
    bench.got = numbers(dst_count, c.type, 5, nullptr);
    bench.weights = {nullptr, static_cast<const Bf16 *>(bench.packed), static_cast<const float *>(bench.bias), c.in,
                     depth};
    static_cast<Shape &>(bench.product) = bench.shape;
    bench.product.src = static_cast<const Bf16 *>(behind(bench.src));
    bench.product.weights = bench.weights.packed;
    bench.product.bias = bench.weights.bias;
    bench.product.residual_pitch = bench.shape.dst_pitch;
    bench.product.padded_in = c.in, bench.product.depth = depth;
    bench.product.pairs = 1;
    return bench;
}

void close_bench(Bench *bench) {
    void *memory[] = {bench->src, bench->packed, bench->bias, bench->residual, bench->wanted, bench->got};
    for (void *piece : memory)
        cudaFree(piece);
    free(bench->before);
}

/* With so many bytes of scratch memory, which begins where an arena may put it. */
VvStream *open_stream(size_t scratch_bytes, void **memory) {
    VvStream *stream = nullptr;
    VvTensor scratch = {};
    const int size[] = {static_cast<int>(scratch_bytes)};
    if (vv_cuda_memory_open(scratch_bytes + VV_ARENA_ALIGN, memory) != VV_KERNEL_OK)
        exit(2);
    if (scratch_bytes)
        scratch = vv_tensor(static_cast<unsigned char *>(*memory) + VV_ARENA_ALIGN, VV_U8, VV_CUDA_DEVICE, 1, size);
    if (vv_cuda_stream_open(scratch, &stream) != VV_KERNEL_OK)
        exit(2);
    return stream;
}

void set_destination(Bench *bench, const Case &c, void *dst) {
    bench->product.dst = behind(dst);
    bench->product.residual_data = c.residual == 0 ? nullptr : behind(c.residual == 1 ? dst : bench->residual);
}

unsigned char *to_host(const void *device, size_t bytes) {
    unsigned char *host = static_cast<unsigned char *>(malloc(bytes));
    if (!host || cudaMemcpy(host, device, bytes, cudaMemcpyDeviceToHost) != cudaSuccess)
        exit(2);
    return host;
}

float number_at(const unsigned char *numbers, VvDataType type, size_t i) {
    return type == VV_BF16 ? vv_f32_from_bf16(reinterpret_cast<const uint16_t *>(numbers)[i])
                           : reinterpret_cast<const float *>(numbers)[i];
}

/* Whether both destinations hold the same, what lies before and between their rows included, and not what they held. */
bool are_same(const Bench &bench) {
    const VvDataType type = bench.shape.type;
    const size_t first = ALIGNED / vv_type_size(type), count = bench.dst_bytes / vv_type_size(type);
    const size_t pitch = static_cast<size_t>(bench.shape.dst_pitch), out = static_cast<size_t>(bench.shape.out);
    unsigned char *wanted = to_host(bench.wanted, bench.dst_bytes), *got = to_host(bench.got, bench.dst_bytes);
    float apart = 0, size = 0;
    bool good = memcmp(got, bench.before, bench.dst_bytes) != 0;
    for (size_t i = 0; i < count; i++) {
        const float a = number_at(got, type, i), b = number_at(wanted, type, i);
        const bool between = i < first || (i - first) % pitch >= out;
        good = good && fabsf(a - b) < INFINITY && (!between || a == number_at(bench.before, type, i));
        apart = fmaxf(apart, fabsf(a - b));
        size = fmaxf(size, fabsf(b));
    }
    free(wanted);
    free(got);
    return good && apart <= 0.01f * size;
}

void start_over(const Bench &bench) {
    if (cudaMemcpy(bench.got, bench.before, bench.dst_bytes, cudaMemcpyHostToDevice) != cudaSuccess ||
        cudaDeviceSynchronize() != cudaSuccess)
        exit(2);
}

/* ---- what is expected -------------------------------------------------------------------------------------------- */

bool runs_at_once(const Case &c, Bench *bench, VvStream *stream, const void *state) {
    set_destination(bench, c, bench->got);
    return c.way->run(stream, state, bench->product) == VV_KERNEL_OK && vv_cuda_wait(stream) == VV_KERNEL_OK &&
           are_same(*bench);
}

/* Nothing is done while it is recorded; then as often as it is replayed, here once. */
bool runs_recorded(const Case &c, Bench *bench, VvStream *stream, const void *state) {
    start_over(*bench);
    set_destination(bench, c, bench->got);
    VvRecording *recording = nullptr;
    bool good = vv_cuda_record(stream) == VV_KERNEL_OK;
    good = c.way->run(stream, state, bench->product) == VV_KERNEL_OK && good;
    good = vv_cuda_recorded(stream, &recording) == VV_KERNEL_OK && good;
    good = good && !are_same(*bench) && vv_cuda_replay(stream, recording) == VV_KERNEL_OK &&
           vv_cuda_wait(stream) == VV_KERNEL_OK && are_same(*bench);
    vv_cuda_recording_close(&recording);
    return good;
}

/* Without the scratch memory that it asked for, a way that asked for some says so. */
bool needs_its_scratch(const Case &c, Bench *bench, size_t scratch, const void *state) {
    void *memory;
    VvStream *stream = open_stream(0, &memory);
    const VvKernelStatus status = c.way->run(stream, state, bench->product);
    vv_cuda_stream_close(&stream);
    vv_cuda_memory_close(&memory);
    return status == (scratch ? VV_KERNEL_SCRATCH : VV_KERNEL_OK);
}

void try_case(const Case &c) {
    Bench bench = open_bench(c);
    void *state, *memory;
    size_t scratch = 0;
    const VvKernelStatus status = c.way->open(bench.weights, bench.shape, &state, &scratch);
    expect(status == VV_KERNEL_OK, "is taken", c.name);
    if (status == VV_KERNEL_OK) {
        VvStream *stream = open_stream(scratch, &memory);
        set_destination(&bench, c, bench.wanted);
        expect(run_first_way(stream, bench.product, true) == VV_KERNEL_OK && vv_cuda_wait(stream) == VV_KERNEL_OK &&
                   runs_at_once(c, &bench, stream, state),
               "gives what our tiles give", c.name);
        expect(runs_recorded(c, &bench, stream, state), "and recorded", c.name);
        expect(needs_its_scratch(c, &bench, scratch, state), "in its scratch memory only", c.name);
        vv_cuda_stream_close(&stream);
        vv_cuda_memory_close(&memory);
        c.way->close(state);
    }
    close_bench(&bench);
}

/* The layers of the model, small: rows of tokens, slices of channels, pictures. Depths of 72 and 8 leave a rest behind
 * the rows of weights. */
const Case taken[] = {
    {"linear", &blas_way, 1, 1, 50, 64, 96, 1, 1, 0, 0, VV_ACTIVATION_NONE, VV_BF16, 0},
    {"linear, slices", &blas_way, 1, 1, 33, 40, 24, 1, 1, 8, 16, VV_ACTIVATION_RELU, VV_BF16, 0},
    {"linear, residual in place", &blas_way, 1, 1, 20, 32, 64, 1, 1, 0, 8, VV_ACTIVATION_NONE, VV_BF16, 1},
    {"linear to f32", &blas_way, 1, 1, 20, 64, 32, 1, 1, 0, 0, VV_ACTIVATION_NONE, VV_F32, 0},
    {"linear to f32, residual", &blas_way, 1, 1, 20, 64, 32, 1, 1, 8, 8, VV_ACTIVATION_RELU, VV_F32, 2},
    {"conv 1 x 1", &blas_way, 2, 5, 7, 16, 8, 1, 1, 0, 0, VV_ACTIVATION_RELU, VV_BF16, 2},
    {"conv 3 x 3", &dnn_way, 1, 8, 8, 32, 32, 3, 1, 0, 0, VV_ACTIVATION_RELU, VV_BF16, 0},
    {"conv 3 x 3, slices", &dnn_way, 2, 5, 7, 8, 16, 3, 1, 8, 8, VV_ACTIVATION_NONE, VV_BF16, 0},
    {"conv 3 x 3, residual in place", &dnn_way, 2, 6, 4, 16, 16, 3, 1, 0, 0, VV_ACTIVATION_RELU, VV_BF16, 1},
    {"conv 3 x 3, residual", &dnn_way, 1, 3, 9, 24, 8, 3, 1, 8, 8, VV_ACTIVATION_NONE, VV_BF16, 2},
    {"conv 3 x 3 by twos", &dnn_way, 2, 7, 6, 16, 24, 3, 2, 0, 0, VV_ACTIVATION_RELU, VV_BF16, 0},
};

/* What a library has no words for, or what the other one is for. */
const Case refused[] = {
    {"linear, squared", &blas_way, 1, 1, 20, 32, 32, 1, 1, 0, 0, VV_ACTIVATION_SQUARED_RELU, VV_BF16, 0},
    {"conv 1 x 1 by twos", &blas_way, 1, 6, 6, 32, 32, 1, 2, 0, 0, VV_ACTIVATION_NONE, VV_BF16, 0},
    {"conv 3 x 3 by cuBLASLt", &blas_way, 1, 6, 6, 32, 32, 3, 1, 0, 0, VV_ACTIVATION_NONE, VV_BF16, 0},
    {"conv 3 x 3, squared", &dnn_way, 1, 6, 6, 32, 32, 3, 1, 0, 0, VV_ACTIVATION_SQUARED_RELU, VV_BF16, 0},
    {"conv 3 x 3 to f32", &dnn_way, 1, 6, 6, 32, 32, 3, 1, 0, 0, VV_ACTIVATION_NONE, VV_F32, 0},
    {"linear by cuDNN", &dnn_way, 1, 1, 20, 32, 32, 1, 1, 0, 0, VV_ACTIVATION_NONE, VV_BF16, 0},
};

/* Asks with no more than a shape, which is enough to be refused by. */
void expect_refusal(const Case &c, const char *what) {
    const LayerWeights weights = {nullptr, nullptr, nullptr, c.in, divide_up(c.kernel * c.kernel * c.in, 32) * 32};
    void *state = &failures;
    size_t scratch = 7;
    expect(c.way->open(weights, shape_of(c), &state, &scratch) == VV_KERNEL_UNSUPPORTED && !state && scratch == 7, what,
           c.name);
}

bool has_library(const Way *way) {
    return way == &blas_way ? blas_version() > 0 : dnn_version() > 0;
}

} // namespace
} // namespace vv

int main() {
    using namespace vv;
    int devices = 0;
    const bool device = cudaGetDeviceCount(&devices) == cudaSuccess && devices > 0;
    const int versions[] = {blas_version(), dnn_version()};
    const char *const names[] = {"cuBLASLt", "cuDNN"};
    for (int i = 0; i < 2; i++) {
        if (versions[i])
            printf("# %s %d.%d\n", names[i], versions[i] / 100, versions[i] % 100);
        if (versions[i])
            expect(true, "has all functions", names[i]);
        else
            skip("not installed here", names[i]);
    }
    for (const Case &c : refused)
        expect_refusal(c, "is refused");
    for (const Case &c : taken) {
        if (device && has_library(c.way))
            try_case(c);
        else
            expect_refusal(c, device ? "is refused without the library" : "is refused without a device");
    }
    printf("1..%d\n", number);
    return failures != 0;
}
