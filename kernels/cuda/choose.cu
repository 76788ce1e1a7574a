/* Which way a plan takes: all that can are tried on numbers made up here, on the device itself, when the plan is made.
 * A way that gives other results than the first is passed over, so nothing depends on a library being right.
 *
 * VISAVIS_CUDA_WAY in the environment: the name of a way, or a part of it ("128x64", "wgmma", "cublas"), leaves only
 * those besides the first; "all" adds Hopper's to what is tried; unset or empty, all but Hopper's are. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cuda/ways.cuh"

namespace vv {
namespace {

enum { WAYS_MAX = 32, KNOWN_MAX = 1024, THREADS = 256, BLOCKS = 128 };
#ifdef VV_CUDA_EMULATION
enum { REPEATS = 1, ROUNDS = 1 }; /* its times mean nothing */
#else
enum { REPEATS = 3, ROUNDS = 2 };
#endif

/* Results of two ways may differ by what the order of sums, a bias in bf16 and the last rounding make: a hundredth of
 * the largest number is more than that, and less than any mistake. */
constexpr float APART = 0.01f;

/* ---- numbers to try on ------------------------------------------------------------------------------------------- */

/* Numbers from -1 to 1, the same every time. */
__global__ void __launch_bounds__(THREADS) fill_kernel(Bf16 *numbers, int64_t count) {
    for (int64_t i = static_cast<int64_t>(blockIdx.x) * THREADS + threadIdx.x; i < count; i += BLOCKS * THREADS) {
        const uint32_t mixed = static_cast<uint32_t>(i) * 2654435761u;
        put(numbers + i, static_cast<float>(mixed >> 16) / 32768.0f - 1.0f);
    }
}

/* The largest difference (infinite where one is no number) and the largest number, as the bits of floats, which order
 * as the floats do. */
template <typename T>
__global__ void __launch_bounds__(THREADS)
    apart_kernel(Rows<const T> got, Rows<const T> wanted, int rows, int columns, unsigned *most) {
    float apart = 0, size = 0;
    bool odd = false;
    const int64_t count = static_cast<int64_t>(rows) * columns;
    for (int64_t i = static_cast<int64_t>(blockIdx.x) * THREADS + threadIdx.x; i < count; i += BLOCKS * THREADS) {
        const int row = static_cast<int>(i / columns), column = static_cast<int>(i % columns);
        const float a = to_f32(got.row(row)[column]), b = to_f32(wanted.row(row)[column]);
        odd = odd || !(fabsf(a - b) < INFINITY);
        apart = fmaxf(apart, fabsf(a - b));
        size = fmaxf(size, fabsf(b));
    }
    atomicMax(most, __float_as_uint(odd ? INFINITY : apart));
    atomicMax(most + 1, __float_as_uint(size));
}

/* Tensors, and a stream without what copies need. */
struct Trial {
    VvStream stream;
    void *src, *wanted, *got, *scratch;
    unsigned *most;
    cudaEvent_t begin, end;
    Product product;
};

size_t src_bytes(const Shape &shape) {
    return static_cast<size_t>(shape.pictures) * static_cast<size_t>(shape.height * shape.width) *
           static_cast<size_t>(shape.src_pitch) * sizeof(Bf16);
}

size_t dst_bytes(const Shape &shape) {
    return static_cast<size_t>(shape.rows) * static_cast<size_t>(shape.dst_pitch) * vv_type_size(shape.type);
}

/* An f32 of two such numbers is a number too. */
VvKernelStatus fill(Trial *trial, void *memory, size_t bytes) {
    return launch(&trial->stream, fill_kernel, dim3(BLOCKS), THREADS, 0, static_cast<Bf16 *>(memory),
                  static_cast<int64_t>(bytes / sizeof(Bf16)));
}

void close_trial(Trial *trial) {
    vv_cuda_dnn_close(&trial->stream.dnn);
    if (trial->stream.queue)
        cudaStreamDestroy(trial->stream.queue);
    void *memory[] = {trial->src, trial->wanted, trial->got, trial->scratch, trial->most};
    for (void *piece : memory)
        cudaFree(piece);
    if (trial->begin)
        cudaEventDestroy(trial->begin);
    if (trial->end)
        cudaEventDestroy(trial->end);
}

VvKernelStatus open_stream(Trial *trial, size_t scratch) {
    VvStream *stream = &trial->stream;
    stream->scratch = static_cast<unsigned char *>(trial->scratch);
    stream->scratch_size = scratch;
    if (cudaGetDevice(&stream->device) != cudaSuccess ||
        cudaDeviceGetAttribute(&stream->processors, cudaDevAttrMultiProcessorCount, stream->device) != cudaSuccess ||
        cudaStreamCreateWithFlags(&stream->queue, cudaStreamNonBlocking) != cudaSuccess ||
        cudaEventCreate(&trial->begin) != cudaSuccess || cudaEventCreate(&trial->end) != cudaSuccess)
        return vv_cuda_failed();
    stream->dnn = vv_cuda_dnn_open(stream->queue);
    return VV_KERNEL_OK;
}

/* The residual is the destination, as in most of the model's layers. */
VvKernelStatus open_trial(const LayerWeights &weights, const Shape &shape, size_t scratch, Trial *trial) {
    void *most = nullptr;
    VvKernelStatus status = vv_cuda_memory_open(src_bytes(shape), &trial->src);
    if (status == VV_KERNEL_OK)
        status = vv_cuda_memory_open(dst_bytes(shape), &trial->wanted);
    if (status == VV_KERNEL_OK)
        status = vv_cuda_memory_open(dst_bytes(shape), &trial->got);
    if (status == VV_KERNEL_OK)
        status = vv_cuda_memory_open(2 * sizeof(unsigned), &most);
    if (status == VV_KERNEL_OK && scratch)
        status = vv_cuda_memory_open(scratch, &trial->scratch);
    if (status == VV_KERNEL_OK)
        status = open_stream(trial, scratch);
    if (status == VV_KERNEL_OK)
        status = fill(trial, trial->src, src_bytes(shape));
    if (status == VV_KERNEL_OK)
        status = fill(trial, trial->wanted, dst_bytes(shape));
    trial->most = static_cast<unsigned *>(most);
    static_cast<Shape &>(trial->product) = shape;
    trial->product.src = static_cast<const Bf16 *>(trial->src);
    trial->product.weights = weights.packed;
    trial->product.bias = weights.bias;
    trial->product.residual_pitch = shape.dst_pitch;
    trial->product.padded_in = weights.padded_in;
    trial->product.depth = weights.depth;
    trial->product.pairs = shape.out % 2 == 0;
    return status;
}

void set_destination(Trial *trial, void *dst) {
    trial->product.dst = dst;
    trial->product.residual_data = trial->product.residual ? dst : nullptr;
}

/* Whether a way gives what the first one gave. */
bool is_right(Trial *trial, const Way *way, const void *state) {
    const Product &p = trial->product;
    float most[2] = {}; /* the bits that the device made */
    set_destination(trial, trial->got);
    if (fill(trial, trial->got, dst_bytes(p)) != VV_KERNEL_OK ||
        cudaMemsetAsync(trial->most, 0, sizeof most, trial->stream.queue) != cudaSuccess ||
        way->run(&trial->stream, state, p) != VV_KERNEL_OK)
        return false;
    const VvKernelStatus status = with_float_type(p.type, [&](auto type) {
        using T = decltype(type);
        const Rows<const T> got = {static_cast<const T *>(trial->got), p.dst_pitch};
        const Rows<const T> wanted = {static_cast<const T *>(trial->wanted), p.dst_pitch};
        return launch(&trial->stream, apart_kernel<T>, dim3(BLOCKS), THREADS, 0, got, wanted, p.rows, p.out,
                      trial->most);
    });
    if (status != VV_KERNEL_OK || cudaStreamSynchronize(trial->stream.queue) != cudaSuccess ||
        cudaMemcpy(most, trial->most, sizeof most, cudaMemcpyDeviceToHost) != cudaSuccess)
        return false;
    return most[0] <= APART * most[1];
}

/* Some runs as the model asks for them: in a recording, where what a call costs
 * the host does not count. A way that cannot be recorded is none. */
VvKernelStatus record_runs(Trial *trial, const Way *way, const void *state, VvRecording **recording) {
    VvKernelStatus status = vv_cuda_record(&trial->stream);
    if (status != VV_KERNEL_OK)
        return status;
    for (int i = 0; i < REPEATS && status == VV_KERNEL_OK; i++)
        status = way->run(&trial->stream, state, trial->product);
    const VvKernelStatus ended = vv_cuda_recorded(&trial->stream, recording);
    return status == VV_KERNEL_OK ? ended : status;
}

/* Milliseconds of a run, the best of some; negative if it fails. */
float time_of(Trial *trial, const Way *way, const void *state) {
    float best = -1;
    VvRecording *recording = nullptr;
    bool good = record_runs(trial, way, state, &recording) == VV_KERNEL_OK;
    for (int round = 0; round < ROUNDS && good; round++) {
        float time = 0;
        good = cudaEventRecord(trial->begin, trial->stream.queue) == cudaSuccess &&
               vv_cuda_replay(&trial->stream, recording) == VV_KERNEL_OK &&
               cudaEventRecord(trial->end, trial->stream.queue) == cudaSuccess &&
               cudaEventSynchronize(trial->end) == cudaSuccess &&
               cudaEventElapsedTime(&time, trial->begin, trial->end) == cudaSuccess;
        best = best < 0 || time < best ? time : best;
    }
    vv_cuda_recording_close(&recording);
    cudaGetLastError(); /* so that the next call does not report it */
    return good ? best : -1;
}

/* ---- what is known ----------------------------------------------------------------------------------------------- */

/* Layers of one shape are many, and batches of one size are planned by several: each shape is tried once. */
struct Known {
    Shape shape;
    const Way *way;
};

Known known[KNOWN_MAX];
int known_count;
pthread_mutex_t knowing = PTHREAD_MUTEX_INITIALIZER;

const Way *known_way(const Shape &shape) {
    const Way *way = nullptr;
    pthread_mutex_lock(&knowing);
    for (int i = 0; i < known_count && !way; i++)
        if (same_shape(known[i].shape, shape))
            way = known[i].way;
    pthread_mutex_unlock(&knowing);
    return way;
}

void remember(const Shape &shape, const Way *way) {
    pthread_mutex_lock(&knowing);
    if (known_count < KNOWN_MAX)
        known[known_count++] = {shape, way};
    pthread_mutex_unlock(&knowing);
}

/* ---- choosing ---------------------------------------------------------------------------------------------------- */

/* Whether a way is to be tried. Hopper's are only where they are asked for: no device has run them yet, and a kernel
 * that waits for what never comes would keep the device for ever. */
bool is_wanted(const Way *way, bool is_hoppers) {
    const char *only = getenv("VISAVIS_CUDA_WAY");
    if (!only || !*only)
        return !is_hoppers;
    return strcmp(only, "all") == 0 || strstr(way->name, only);
}

/* The ways to try, the first one first. */
int list_ways(const Way *(&ways)[WAYS_MAX]) {
    const Way *const libraries[] = {&blas_way, &dnn_way};
    int count = 0;
    for (int i = 0; i < tile_way_count; i++)
        if (i == 0 || is_wanted(&tile_ways[i], false))
            ways[count++] = &tile_ways[i];
    for (int i = 0; i < hopper_way_count; i++)
        if (is_wanted(&hopper_ways[i], true))
            ways[count++] = &hopper_ways[i];
    for (const Way *way : libraries)
        if (is_wanted(way, false))
            ways[count++] = way;
    return count;
}

/* The first way must run; each other one that is right and faster takes its place. */
VvKernelStatus try_all(const LayerWeights &weights, const Shape &shape, const Way **best) {
    const Way *ways[WAYS_MAX];
    void *state[WAYS_MAX] = {};
    bool can[WAYS_MAX] = {};
    size_t scratch = 0;
    Trial trial = {};
    const int count = list_ways(ways);
    for (int i = 0; i < count; i++)
        can[i] = ways[i]->open(weights, shape, &state[i], &scratch) == VV_KERNEL_OK;
    VvKernelStatus status = open_trial(weights, shape, scratch, &trial);
    if (status == VV_KERNEL_OK) {
        set_destination(&trial, trial.wanted);
        status = ways[0]->run(&trial.stream, state[0], trial.product);
    }
    float least = -1;
    for (int i = 0; i < count && status == VV_KERNEL_OK; i++) {
        if (!can[i] || !is_right(&trial, ways[i], state[i]))
            continue;
        const float time = time_of(&trial, ways[i], state[i]);
        if (time >= 0 && (least < 0 || time < least))
            least = time, *best = ways[i];
    }
    close_trial(&trial);
    for (int i = 0; i < count; i++)
        if (can[i] && ways[i]->close)
            ways[i]->close(state[i]);
    return status;
}

} // namespace

VvKernelStatus choose_way(const LayerWeights &weights, const Shape &shape, Plan *plan, size_t *scratch) {
    *plan = {shape, known_way(shape), nullptr};
    if (!plan->way) {
        plan->way = &tile_ways[0];
        const VvKernelStatus status = try_all(weights, shape, &plan->way);
        if (status != VV_KERNEL_OK)
            return status;
        remember(shape, plan->way);
    }
    const VvKernelStatus status = plan->way->open(weights, shape, &plan->state, scratch);
    if (status != VV_KERNEL_UNSUPPORTED)
        return status;
    plan->way = &tile_ways[0]; /* it could when it was tried: less memory now, say */
    return plan->way->open(weights, shape, &plan->state, scratch);
}

void close_plan(Plan *plan) {
    if (plan->way && plan->way->close)
        plan->way->close(plan->state);
    *plan = Plan();
}

} // namespace vv
