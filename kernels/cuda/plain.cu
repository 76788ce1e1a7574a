/* Layers in f32, in plain arithmetic. */
#include "kernels/cuda/plain.cuh"

namespace vv {
namespace {

enum { PLAIN_TILE = 64, PLAIN_STEP = 16, PLAIN_THREADS = 256, PLAIN_PITCH = PLAIN_TILE + 4 };

/* A block makes 64 x 64 of the destination, a thread 4 x 4 of them, one step of 16 along k after another. */
__global__ void __launch_bounds__(PLAIN_THREADS) plain_kernel(const PlainProduct p) {
    VV_SHARED(float, source, [PLAIN_STEP][PLAIN_PITCH]);
    VV_SHARED(float, weights, [PLAIN_STEP][PLAIN_PITCH]);
    const int thread = static_cast<int>(threadIdx.x), size = p.dst_height * p.dst_width;
    const int first_row = static_cast<int>(blockIdx.x) * PLAIN_TILE,
              first_column = static_cast<int>(blockIdx.y) * PLAIN_TILE;
    const int depth = p.kernel * p.kernel * p.in;
    const int my_k = thread % PLAIN_STEP, my_row = thread / PLAIN_STEP;
    int tap = my_k / p.in, channel = my_k % p.in;
    float sums[4][4] = {};
    for (int k = 0; k < depth; k += PLAIN_STEP) {
        const int down = p.kernel == 3 ? tap / 3 : 0, right = p.kernel == 3 ? tap % 3 : 0;
        for (int i = 0; i < PLAIN_TILE; i += PLAIN_THREADS / PLAIN_STEP) {
            const int row = first_row + my_row + i, n = row / size, place = row % size;
            const int y = place / p.dst_width * p.stride - p.kernel / 2 + down;
            const int x = place % p.dst_width * p.stride - p.kernel / 2 + right;
            const bool inside = row < p.rows && k + my_k < depth && y >= 0 && y < p.height && x >= 0 && x < p.width;
            const int64_t pixel = (static_cast<int64_t>(n) * p.height + y) * p.width + x;
            source[my_k][my_row + i] = inside ? p.src[pixel * p.src_pitch + channel] : 0.0f;
        }
        for (int i = thread; i < PLAIN_STEP * PLAIN_TILE; i += PLAIN_THREADS) {
            const int from = k + i / PLAIN_TILE, column = first_column + i % PLAIN_TILE;
            const bool inside = from < depth && column < p.out;
            weights[i / PLAIN_TILE][i % PLAIN_TILE] =
                inside ? p.weights[static_cast<int64_t>(from) * p.out + column] : 0.0f;
        }
        __syncthreads();
        for (int j = 0; j < PLAIN_STEP; j++) {
            float a[4], b[4];
            load(a, &source[j][thread / 16 * 4]);
            load(b, &weights[j][thread % 16 * 4]);
#pragma unroll
            for (int y = 0; y < 4; y++)
#pragma unroll
                for (int x = 0; x < 4; x++)
                    sums[y][x] += a[y] * b[x];
        }
        __syncthreads();
        channel += PLAIN_STEP;
        while (channel >= p.in) {
            channel -= p.in;
            tap++;
        }
    }
#pragma unroll
    for (int y = 0; y < 4; y++)
#pragma unroll
        for (int x = 0; x < 4; x++) {
            const int row = first_row + thread / 16 * 4 + y, column = first_column + thread % 16 * 4 + x;
            if (row < p.rows && column < p.out) {
                float value = sums[y][x] + p.bias[column];
                if (p.residual_data)
                    value += p.residual_data[static_cast<int64_t>(row) * p.residual_pitch + column];
                p.dst[static_cast<int64_t>(row) * p.dst_pitch + column] = activated(p.activation, value);
            }
        }
}

} // namespace

VvKernelStatus run_plain(VvStream *stream, const PlainProduct &product) {
    const dim3 blocks(static_cast<unsigned>(divide_up(product.rows, PLAIN_TILE)),
                      static_cast<unsigned>(divide_up(product.out, PLAIN_TILE)));
    return launch(stream, plain_kernel, blocks, PLAIN_THREADS, 0, product);
}

} // namespace vv
