/* Standard normal numbers from Philox4x32-10, as kernels.h defines them: a thread makes four. */
#include "kernels/cuda/launch.cuh"

namespace vv {
namespace {

/* Seeds and windows travel with the launch, so many at a time (a launch takes 4 KB of arguments). */
enum { ITEMS_MAX = 128 };

struct Noise {
    uint64_t seeds[ITEMS_MAX], windows[ITEMS_MAX];
    uint32_t number;
    Rows<float> dst;
    int rows, columns; /* of an item */
};

__device__ uint4 philox(uint4 x, uint2 key) {
#pragma unroll
    for (int round = 0; round < 10; round++) {
        const uint32_t a = __umulhi(0xd2511f53u, x.x), b = __umulhi(0xcd9e8d57u, x.z);
        x = make_uint4(b ^ x.y ^ key.x, 0xcd9e8d57u * x.z, a ^ x.w ^ key.y, 0xd2511f53u * x.x);
        key = make_uint2(key.x + 0x9e3779b9u, key.y + 0xbb67ae85u);
    }
    return x;
}

/* (0, 1], in steps of 2^-24: exact in f32. */
__device__ float uniform(uint32_t word) {
    return static_cast<float>((word >> 8) + 1) * (1.0f / 16777216.0f);
}

__device__ float2 normals(uint32_t a, uint32_t b) {
    const float radius = sqrtf(-2.0f * logf(uniform(a)));
    float sine, cosine;
    sincospif(2.0f * uniform(b), &sine, &cosine);
    return make_float2(radius * cosine, radius * sine);
}

__global__ void __launch_bounds__(256) noise_kernel(const Noise noise) {
    const uint32_t index = blockIdx.x * blockDim.x + threadIdx.x, item = blockIdx.y;
    const int64_t count = static_cast<int64_t>(noise.rows) * noise.columns, first = static_cast<int64_t>(index) * 4;
    if (first >= count)
        return;
    const uint64_t seed = noise.seeds[item], window = noise.windows[item];
    const uint4 words =
        philox(make_uint4(index, static_cast<uint32_t>(window), static_cast<uint32_t>(window >> 32), noise.number),
               make_uint2(static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)));
    const float2 a = normals(words.x, words.y), b = normals(words.z, words.w);
    const float numbers[4] = {a.x, a.y, b.x, b.y};
    for (int i = 0; i < 4 && first + i < count; i++) {
        const int row = static_cast<int>((first + i) / noise.columns),
                  c = static_cast<int>((first + i) % noise.columns);
        noise.dst.row(static_cast<int>(item) * noise.rows + row)[c] = numbers[i];
    }
}

} // namespace
} // namespace vv

VvKernelStatus vv_cuda_noise(VvStream *stream, const uint64_t seeds[], const uint64_t windows[], uint32_t number,
                             VvTensor dst) {
    const VvKernelStatus status = vv_check_noise(VV_CUDA_DEVICE, seeds, windows, dst);
    if (status != VV_KERNEL_OK)
        return status;
    const int items = dst.rank > 1 ? dst.shape[0] : 1;
    const size_t rows = vv_tensor_rows(dst) / static_cast<size_t>(items);
    for (int from = 0; from < items; from += vv::ITEMS_MAX) {
        const int count = items - from < vv::ITEMS_MAX ? items - from : vv::ITEMS_MAX;
        vv::Noise noise = {};
        for (int i = 0; i < count; i++) {
            noise.seeds[i] = seeds[from + i];
            noise.windows[i] = windows[from + i];
        }
        noise.number = number;
        noise.dst = vv::rows_of<float>(dst);
        noise.dst.data += static_cast<size_t>(from) * rows * static_cast<size_t>(dst.pitch);
        noise.rows = static_cast<int>(rows);
        noise.columns = dst.shape[dst.rank - 1];
        const size_t fours = (rows * static_cast<size_t>(noise.columns) + 3) / 4;
        const dim3 blocks(static_cast<unsigned>((fours + 255) / 256), static_cast<unsigned>(count));
        const VvKernelStatus launched = vv::launch(stream, vv::noise_kernel, blocks, 256, 0, noise);
        if (launched != VV_KERNEL_OK)
            return launched;
    }
    return VV_KERNEL_OK;
}
