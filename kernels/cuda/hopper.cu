/* Hopper's ways: the product of product.cuh by Hopper's own instructions. docs/cuda.md tells how it works.
 *
 * A block's first warpgroup fetches, the others multiply, 64 rows each. STAGES stages go round between them, each with
 * two barriers: `full` ends a phase when the stage has been fetched, `empty` when it has been read. A stage holds 64
 * numbers along k, of M rows of the source and of N columns of the weights: rows of 128 bytes, their chunks exchanged
 * as chunk_at says, which is a layout that products read.
 *
 * Rows of the source are gathered by copy_async_or_zeros, as the tiles' are. The weights of a stage are one piece of
 * packed memory, whatever the tile, and come by one copy_bulk. */
#include <pthread.h>
#include <stdlib.h>

#include "kernels/cuda/instructions_hopper.cuh"
#include "kernels/cuda/product.cuh"

namespace vv {
namespace {

enum {
    DEEP = 64, /* numbers along k, of a stage */
    ROW_BYTES = DEEP * 2,
    EIGHT_BYTES = 8 * ROW_BYTES, /* of eight rows: exchanges of chunks repeat after as much */
    GROUP = 128,                 /* threads of a warpgroup */
    WARPS = GROUP / 32,
    PACK_THREADS = 256
};

/* A block's tile. BLOCKS: how many a multiprocessor is to hold side by side. */
template <int M_, int N_, int STAGES_, int BLOCKS_> struct WideTile {
    static constexpr int M = M_, N = N_, STAGES = STAGES_, BLOCKS = BLOCKS_;
    static constexpr int THREADS = GROUP * (1 + M / 64);
    static constexpr int SOURCE_BYTES = M * ROW_BYTES, STAGE_BYTES = (M + N) * ROW_BYTES, BYTES = STAGES * STAGE_BYTES;
    /* Copies of so many stages stay under way while the one before them is handed over. Those who multiply give a stage
     * back when they have begun with the next, so one stage is theirs, one is being handed over: the rest. */
    static constexpr int UNDER_WAY = STAGES - 2;
    static_assert(SOURCE_BYTES % EIGHT_BYTES == 0 && UNDER_WAY > 0, "tiles begin with whole eights");
};

typedef WideTile<64, 64, 4, 3> SmallWide;
typedef WideTile<128, 64, 4, 2> HighWide;
typedef WideTile<128, 128, 6, 1> MiddleWide;
typedef WideTile<128, 192, 5, 1> BroadWide;
typedef WideTile<128, 256, 4, 1> LargeWide;

template <int STAGES> struct Barriers { uint64_t full[STAGES], empty[STAGES]; };

/* ---- packed weights ---------------------------------------------------------------------------------------------- */

/* [step][out][64 numbers], chunks exchanged: whichever columns a tile has, a step's are one piece, and lie in it as in
 * a stage. All plans of a layer share them. */
struct Packed {
    const Bf16 *of; /* LayerWeights::packed */
    unsigned char *data;
    int steps, users;
    Packed *next;
};

Packed *all_packed;
pthread_mutex_t packing = PTHREAD_MUTEX_INITIALIZER;

__global__ void __launch_bounds__(PACK_THREADS)
    pack_kernel(const Bf16 *weights, int depth, int out, int64_t chunks, unsigned char *packed) {
    const int64_t i = static_cast<int64_t>(blockIdx.x) * PACK_THREADS + threadIdx.x;
    if (i >= chunks)
        return;
    const int chunk = static_cast<int>(i % (DEEP / 8)), n = static_cast<int>(i / (DEEP / 8) % out);
    const int64_t step = i / (DEEP / 8) / out, k = step * DEEP + chunk * 8;
    const uint4 numbers = k < depth ? *reinterpret_cast<const uint4 *>(weights + n * static_cast<int64_t>(depth) + k)
                                    : make_uint4(0, 0, 0, 0);
    *reinterpret_cast<uint4 *>(chunk_at<DEEP>(packed + step * out * ROW_BYTES, n, chunk)) = numbers;
}

VvKernelStatus pack(const LayerWeights &weights, int out, Packed *packed) {
    const int64_t chunks = static_cast<int64_t>(packed->steps) * out * (DEEP / 8);
    void *data;
    VvKernelStatus status = vv_cuda_memory_open(static_cast<size_t>(chunks) * 16, &data);
    packed->data = static_cast<unsigned char *>(data);
    if (status != VV_KERNEL_OK)
        return status;
    VvStream stream = {}; /* CUDA's own queue */
    const dim3 blocks(static_cast<unsigned>((chunks + PACK_THREADS - 1) / PACK_THREADS));
    status =
        launch(&stream, pack_kernel, blocks, PACK_THREADS, 0, weights.packed, weights.depth, out, chunks, packed->data);
    if (status == VV_KERNEL_OK && cudaStreamSynchronize(stream.queue) != cudaSuccess)
        status = vv_cuda_failed();
    return status;
}

void drop_packed(void *state) {
    Packed *packed = static_cast<Packed *>(state);
    pthread_mutex_lock(&packing);
    if (--packed->users == 0) {
        Packed **at = &all_packed;
        while (*at != packed)
            at = &(*at)->next;
        *at = packed->next;
        cudaFree(packed->data);
        free(packed);
    }
    pthread_mutex_unlock(&packing);
}

/* Finds a layer's packed weights, or makes them. */
VvKernelStatus take_packed(const LayerWeights &weights, int out, void **state) {
    VvKernelStatus status = VV_KERNEL_OK;
    pthread_mutex_lock(&packing);
    Packed *packed = all_packed;
    while (packed && packed->of != weights.packed)
        packed = packed->next;
    if (!packed) {
        packed = static_cast<Packed *>(malloc(sizeof *packed));
        if (packed)
            *packed = {weights.packed, nullptr, divide_up(weights.depth, DEEP), 0, nullptr};
        status = packed ? pack(weights, out, packed) : VV_KERNEL_MEMORY;
        if (status == VV_KERNEL_OK) {
            packed->next = all_packed;
            all_packed = packed;
        } else if (packed) {
            cudaFree(packed->data);
            free(packed);
        }
    }
    if (status == VV_KERNEL_OK)
        packed->users++;
    pthread_mutex_unlock(&packing);
    *state = status == VV_KERNEL_OK ? packed : nullptr;
    return status;
}

/* ---- the kernel -------------------------------------------------------------------------------------------------- */

#ifdef VV_HOPPER

/* The first warpgroup: one thread asks for the weights of stage after stage, all gather the source. Each of its warps
 * arrives at a stage's barrier once its copies have come. */
template <typename T>
__device__ __forceinline__ void fetch_stages(const Product &p, const unsigned char *weights, int steps,
                                             unsigned char *stages, Barriers<T::STAGES> &barriers) {
    const int first_column = static_cast<int>(blockIdx.y) * T::N;
    const unsigned bytes = static_cast<unsigned>(min(T::N, p.out - first_column) * ROW_BYTES);
    const int thread = static_cast<int>(threadIdx.x);
    FetchSource<T::M, GROUP, DEEP, true> source(p, static_cast<int>(blockIdx.x) * T::M, thread);
    weights += static_cast<int64_t>(first_column) * ROW_BYTES;
    for (int s = 0; s < steps + T::UNDER_WAY; s++) {
        if (s < steps) {
            unsigned char *stage = stages + s % T::STAGES * T::STAGE_BYTES;
            barrier_wait(&barriers.empty[s % T::STAGES], s / T::STAGES % 2 ^ 1);
            if (thread == 0) {
                uint64_t *full = &barriers.full[s % T::STAGES];
                barrier_arrive_expecting(full, bytes);
                copy_bulk(stage + T::SOURCE_BYTES, weights, bytes, full);
            }
            weights += static_cast<int64_t>(p.out) * ROW_BYTES;
            source(stage);
        }
        copy_commit();
        if (s >= T::UNDER_WAY) {
            copy_wait<T::UNDER_WAY>();
            fence_async();
            __syncwarp();
            if (lane_id() == 0)
                barrier_arrive(&barriers.full[(s - T::UNDER_WAY) % T::STAGES]);
        }
    }
}

/* Describes a tile of rows of 128 bytes, from a multiple of 1024 bytes on; product_multiply has the bits. */
static __device__ __forceinline__ uint64_t describe(const unsigned char *tile) {
    return static_cast<uint64_t>(shared_address(tile) / 16) | static_cast<uint64_t>(EIGHT_BYTES / 16) << 32 |
           static_cast<uint64_t>(1) << 62;
}

/* Another warpgroup: multiplies 64 rows of stage after stage. */
template <typename T>
__device__ __forceinline__ void multiply_stages(float (&sums)[T::N / 2], int group, int steps,
                                                const unsigned char *stages, Barriers<T::STAGES> &barriers) {
    product_hold(sums);
    for (int s = 0; s < steps; s++) {
        const unsigned char *stage = stages + s % T::STAGES * T::STAGE_BYTES;
        const uint64_t a = describe(stage + group * 64 * ROW_BYTES), b = describe(stage + T::SOURCE_BYTES);
        barrier_wait(&barriers.full[s % T::STAGES], s / T::STAGES % 2);
        product_fence();
#pragma unroll
        for (int k = 0; k < DEEP / 16; k++)
            product_multiply(sums, a + 2 * k, b + 2 * k); /* 16 numbers further on: 32 bytes */
        product_commit();
        product_wait<1>(); /* the step before has been read */
        if (s > 0 && lane_id() == 0)
            barrier_arrive(&barriers.empty[(s - 1) % T::STAGES]);
    }
    product_wait<0>();
    product_hold(sums);
}

#endif

/* Nothing on other architectures: open_wide does not let it come to that. */
template <typename T, typename Out>
__global__ void __launch_bounds__(T::THREADS, T::BLOCKS)
    wide_kernel(const Product p, const unsigned char *weights, int steps) {
#ifdef VV_HOPPER
    VV_DYNAMIC_SHARED(stages);
    VV_SHARED(Barriers<T::STAGES>, barriers, );
    if (threadIdx.x == 0) {
        for (int i = 0; i < T::STAGES; i++) {
            barrier_init(&barriers.full[i], WARPS + 1); /* those who gather, and who asks for the weights */
            barrier_init(&barriers.empty[i], WARPS * (T::M / 64));
        }
        barrier_init_done();
    }
    __syncthreads();
    const int group = static_cast<int>(threadIdx.x) / GROUP - 1;
    if (group < 0) {
        fetch_stages<T>(p, weights, steps, stages, barriers);
    } else {
        float sums[T::N / 2] = {};
        multiply_stages<T>(sums, group, steps, stages, barriers);
        const int lane = static_cast<int>(lane_id()), warp = static_cast<int>(threadIdx.x) / 32 % WARPS;
        const int row = static_cast<int>(blockIdx.x) * T::M + group * 64 + warp * 16 + lane / 4;
        const int column = static_cast<int>(blockIdx.y) * T::N + lane % 4 * 2;
#pragma unroll
        for (int j = 0; j < T::N / 8; j++) {
            finish<Out>(p, row, column + 8 * j, sums[4 * j], sums[4 * j + 1]);
            finish<Out>(p, row + 8, column + 8 * j, sums[4 * j + 2], sums[4 * j + 3]);
        }
    }
#endif
}

/* ---- ways -------------------------------------------------------------------------------------------------------- */

bool is_hopper() {
    int device, major, minor;
    return cudaGetDevice(&device) == cudaSuccess &&
           cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device) == cudaSuccess &&
           cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device) == cudaSuccess && major == 9 &&
           minor == 0;
}

/* Not where 64 of the rows or columns of every tile would be empty: a smaller one is there. */
template <typename T>
VvKernelStatus open_wide(const LayerWeights &weights, const Shape &shape, void **state, size_t *) {
    *state = nullptr;
    const bool fits = shape.rows > T::M - 64 && shape.out > T::N - 64;
    return fits && is_hopper() ? take_packed(weights, shape.out, state) : VV_KERNEL_UNSUPPORTED;
}

template <typename T> VvKernelStatus run_wide(VvStream *stream, const void *state, const Product &product) {
    const Packed *packed = static_cast<const Packed *>(state);
    const dim3 blocks(static_cast<unsigned>(divide_up(product.rows, T::M)),
                      static_cast<unsigned>(divide_up(product.out, T::N)));
    return with_float_type(product.type, [&](auto type) {
        return launch(stream, wide_kernel<T, decltype(type)>, blocks, T::THREADS, T::BYTES, product,
                      static_cast<const unsigned char *>(packed->data), packed->steps);
    });
}

template <typename T> constexpr Way wide_way(const char *name) {
    return {name, open_wide<T>, run_wide<T>, drop_packed};
}

} // namespace

const Way hopper_ways[] = {wide_way<SmallWide>("wgmma 64x64"), wide_way<HighWide>("wgmma 128x64"),
                           wide_way<MiddleWide>("wgmma 128x128"), wide_way<BroadWide>("wgmma 128x192"),
                           wide_way<LargeWide>("wgmma 128x256")};
const int hopper_way_count = sizeof hopper_ways / sizeof *hopper_ways;

} // namespace vv
