/* The matrix product that linear layers and convolutions are, on tensor cores: bf16 by bf16, summed in f32.
 *
 *   dst[m, n] = act(residual[m, n] + bias[n] + sum over k of source(m, k) * weights[n, k])
 *
 * A row m is a pixel of the destination, a column n one of its channels. Of a 1 x 1 layer k is the source's channel; of
 * a 3 x 3 one it runs over the nine taps, the channels of a tap side by side (padded to a multiple of 8), so that eight
 * numbers behind each other are always eight channels of one pixel, 16 bytes: nothing is ever unfolded into memory.
 *
 * A block makes a tile of the destination. It walks along k in steps of 32: tiles of source and weights come into
 * shared memory by copies that run beside the products (STAGES tiles are under way), and go from there to registers in
 * the shape that tensor cores take. Bias, residual, activation and rounding happen in registers on the way out. */
#ifndef VV_KERNELS_CUDA_PRODUCT_CUH
#define VV_KERNELS_CUDA_PRODUCT_CUH

#include "kernels/cuda/ways.cuh"

namespace vv {

enum { STEP = 32, CHUNKS = STEP / 8 }; /* along k; a chunk is 8 numbers, 16 bytes */

/* A block's tile, and how its warps share it: WARPS_M by WARPS_N of them. */
template <int M_, int N_, int WARPS_M_, int WARPS_N_> struct Tile {
    static constexpr int M = M_, N = N_, WARPS_M = WARPS_M_, WARPS_N = WARPS_N_;
    static constexpr int THREADS = 32 * WARPS_M * WARPS_N, STAGES = 4;
    static constexpr int WARP_M = M / WARPS_M, WARP_N = N / WARPS_N;
    static constexpr int STAGE_BYTES = (M + N) * STEP * 2, BYTES = STAGES * STAGE_BYTES;
    static_assert(WARP_M % 16 == 0 && WARP_N % 16 == 0, "whole matrices");
};

/* Where a chunk of a tile's row lies, rows of `step` numbers: the chunks of neighbouring rows change places, so that
 * the eight rows that a matrix is loaded from lie in different banks. Bits 4 and up of the place are exchanged by the
 * bits from 7 on, which is also what Hopper calls its swizzled layouts. */
template <int step = STEP>
static __device__ __forceinline__ unsigned char *chunk_at(unsigned char *tile, int row, int chunk) {
    return tile + row * step * 2 + (chunk ^ (row * step / 64 % (step / 8))) * 16;
}

/* Fetches `rows` rows of the source in steps of `step` numbers, `threads` threads together; TOGETHER if chunks are
 * whole and aligned. A thread has one column of chunks, of every EVERY-th row. Where the column is in k, and where the
 * rows are in the picture, is carried along instead of being divided anew. */
template <int rows, int threads, int step, bool TOGETHER> struct FetchSource {
    static constexpr int EVERY = threads / (step / 8), ROWS = rows / EVERY;
    static_assert(rows % EVERY == 0, "every thread fetches as many rows");
    const Product &p;
    const int chunk, first; /* the thread's column and first row */
    int tap, channel;       /* of the chunk */
    int64_t picture[ROWS];  /* the picture's first pixel */
    int y[ROWS], x[ROWS];   /* the first tap's; far outside for rows that are not there */

    __device__ FetchSource(const Product &product, int first_row, int thread)
        : p(product), chunk(thread % (step / 8)), first(thread / (step / 8)), tap(0), channel(chunk * 8) {
#pragma unroll
        for (int i = 0; i < ROWS; i++) {
            const int row = first_row + first + i * EVERY, size = p.dst_height * p.dst_width;
            const bool there = row < p.rows;
            const int n = there ? row / size : 0, place = there ? row % size : 0;
            picture[i] = static_cast<int64_t>(n) * p.height * p.width;
            y[i] = there ? place / p.dst_width * p.stride - p.kernel / 2 : -(1 << 20);
            x[i] = place % p.dst_width * p.stride - p.kernel / 2;
        }
        settle();
    }

    /* The channel has run over its tap's end. */
    __device__ __forceinline__ void settle() {
        while (channel >= p.padded_in) {
            channel -= p.padded_in;
            tap++;
        }
    }

    /* Eight channels, of which some may not be there, one by one: for sources that are not aligned. */
    __device__ __forceinline__ void gather(unsigned char *to, const Bf16 *from, int count) const {
        uint32_t words[4];
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const uint32_t low = 2 * i < count ? from[2 * i].bits : 0;
            const uint32_t high = 2 * i + 1 < count ? from[2 * i + 1].bits : 0;
            words[i] = low | high << 16;
        }
        *reinterpret_cast<uint4 *>(to) = make_uint4(words[0], words[1], words[2], words[3]);
    }

    /* Begins to fill a tile, and moves on by a step. */
    __device__ __forceinline__ void operator()(unsigned char *tile) {
        const int down = p.kernel == 3 ? tap / 3 : 0, right = p.kernel == 3 ? tap % 3 : 0;
#pragma unroll
        for (int i = 0; i < ROWS; i++) {
            const int at_y = y[i] + down, at_x = x[i] + right;
            const bool inside = tap < p.kernel * p.kernel &&
                                static_cast<unsigned>(at_y) < static_cast<unsigned>(p.height) &&
                                static_cast<unsigned>(at_x) < static_cast<unsigned>(p.width);
            const Bf16 *from =
                inside ? p.src + (picture[i] + static_cast<int64_t>(at_y) * p.width + at_x) * p.src_pitch + channel
                       : p.src;
            unsigned char *to = chunk_at<step>(tile, first + i * EVERY, chunk);
            if constexpr (TOGETHER)
                copy_async_or_zeros(to, from, inside);
            else
                gather(to, from, inside ? min(8, p.in - channel) : 0);
        }
        channel += step;
        settle();
    }
};

/* The same of a stage: a tile of the source, one of the weights behind it. */
template <typename T, bool TOGETHER> struct Fetch {
    static constexpr int EVERY = T::THREADS / CHUNKS, COLUMNS = (T::N + EVERY - 1) / EVERY;
    FetchSource<T::M, T::THREADS, STEP, TOGETHER> source;
    int first_column, k; /* of the tile; of the chunk */

    __device__ Fetch(const Product &product, int first_row, int column)
        : source(product, first_row, static_cast<int>(threadIdx.x)), first_column(column), k(source.chunk * 8) {
    }

    /* Begins to fill a stage, and moves on by a step. */
    __device__ __forceinline__ void operator()(unsigned char *stage) {
        const Product &p = source.p;
        source(stage);
#pragma unroll
        for (int i = 0; i < COLUMNS; i++) {
            const int column = source.first + i * EVERY, n = first_column + column;
            if (column < T::N)
                copy_async_or_zeros(chunk_at(stage + T::M * STEP * 2, column, source.chunk),
                                    p.weights + static_cast<int64_t>(n < p.out ? n : 0) * p.depth + k, n < p.out);
        }
        k += STEP;
    }
};

static __device__ __forceinline__ void load_pair(float (&pair)[2], const float *at) {
    const float2 v = *reinterpret_cast<const float2 *>(at);
    pair[0] = v.x, pair[1] = v.y;
}
static __device__ __forceinline__ void load_pair(float (&pair)[2], const Bf16 *at) {
    const uint32_t v = *reinterpret_cast<const uint32_t *>(at);
    pair[0] = low_f32(v), pair[1] = high_f32(v);
}
static __device__ __forceinline__ void store_pair(float *at, float first, float second) {
    *reinterpret_cast<float2 *>(at) = make_float2(first, second);
}
static __device__ __forceinline__ void store_pair(Bf16 *at, float first, float second) {
    *reinterpret_cast<uint32_t *>(at) = pack_bf16(first, second);
}

/* Two neighbouring sums of a row on their way out. */
template <typename Out>
static __device__ __forceinline__ void finish(const Product &p, int row, int column, float first, float second) {
    if (row >= p.rows || column >= p.out)
        return;
    const bool both = column + 1 < p.out;
    float sums[2] = {first + p.bias[column], both ? second + p.bias[column + 1] : 0};
    if (p.residual_data) {
        const Out *from =
            static_cast<const Out *>(p.residual_data) + static_cast<int64_t>(row) * p.residual_pitch + column;
        float more[2] = {};
        if (p.pairs) {
            load_pair(more, from);
        } else {
            more[0] = to_f32(from[0]);
            if (both)
                more[1] = to_f32(from[1]);
        }
        sums[0] += more[0], sums[1] += more[1];
    }
    Out *to = static_cast<Out *>(p.dst) + static_cast<int64_t>(row) * p.dst_pitch + column;
    sums[0] = activated(p.activation, sums[0]), sums[1] = activated(p.activation, sums[1]);
    if (p.pairs) {
        store_pair(to, sums[0], sums[1]);
    } else {
        put(to, sums[0]);
        if (both)
            put(to + 1, sums[1]);
    }
}

template <typename T, bool TOGETHER, typename Out>
__global__ void __launch_bounds__(T::THREADS) product_kernel(const Product p) {
    VV_DYNAMIC_SHARED(shared);
    const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(lane_id());
    const int first_row = static_cast<int>(blockIdx.x) * T::M, first_column = static_cast<int>(blockIdx.y) * T::N;
    const int warp_row = warp / T::WARPS_N * T::WARP_M, warp_column = warp % T::WARPS_N * T::WARP_N;
    constexpr int ROWS = T::WARP_M / 16, COLUMNS = T::WARP_N / 8; /* matrices of a warp's part */
    float sums[ROWS][COLUMNS][4] = {};
    Fetch<T, TOGETHER> fetch(p, first_row, first_column);
    const int steps = p.depth / STEP;
    for (int s = 0; s < T::STAGES - 1; s++) {
        if (s < steps)
            fetch(shared + s * T::STAGE_BYTES);
        copy_commit();
    }
    for (int s = 0; s < steps; s++) {
        copy_wait<T::STAGES - 2>(); /* the step's own stage has come */
        __syncthreads();            /* for everybody; and nobody reads the last step's stage any more */
        const int next = s + T::STAGES - 1;
        if (next < steps)
            fetch(shared + next % T::STAGES * T::STAGE_BYTES);
        copy_commit();
        unsigned char *source = shared + s % T::STAGES * T::STAGE_BYTES, *weights = source + T::M * STEP * 2;
#pragma unroll
        for (int half = 0; half < STEP / 16; half++) {
            uint32_t a[ROWS][4];
#pragma unroll
            for (int i = 0; i < ROWS; i++)
                load_matrices(a[i], chunk_at(source, warp_row + 16 * i + lane % 16, 2 * half + lane / 16));
#pragma unroll
            for (int j = 0; j < COLUMNS; j += 2) {
                uint32_t b[4]; /* of columns j and j + 1: the upper half of k, the lower one */
                load_matrices(
                    b, chunk_at(weights, warp_column + 8 * j + lane % 8 + lane / 16 * 8, 2 * half + lane / 8 % 2));
#pragma unroll
                for (int i = 0; i < ROWS; i++) {
                    multiply_add(sums[i][j], a[i], b[0], b[1]);
                    multiply_add(sums[i][j + 1], a[i], b[2], b[3]);
                }
            }
        }
    }
#pragma unroll
    for (int i = 0; i < ROWS; i++)
#pragma unroll
        for (int j = 0; j < COLUMNS; j++) {
            const int row = first_row + warp_row + 16 * i + lane / 4;
            const int column = first_column + warp_column + 8 * j + lane % 4 * 2;
            finish<Out>(p, row, column, sums[i][j][0], sums[i][j][1]);
            finish<Out>(p, row + 8, column, sums[i][j][2], sums[i][j][3]);
        }
}

} // namespace vv

#endif
