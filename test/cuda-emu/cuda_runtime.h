/* What the sources in kernels/cuda know of CUDA, for a C++ compiler without it: found in the place of the toolkit's
 * header of this name. Kernels run in the emulator (emu.h), device memory is host memory, and everything asked of a
 * stream is done when the call returns. */
#ifndef VV_TEST_CUDA_EMU_CUDA_RUNTIME_H
#define VV_TEST_CUDA_EMU_CUDA_RUNTIME_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "test/cuda-emu/emu.h"

#define VV_CUDA_EMULATION

/* ---- the language ------------------------------------------------------------------------------------------------ */

#define __global__ static
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __align__(bytes) alignas(bytes)

#define threadIdx emu_thread_at
#define blockIdx emu_block_at
#define blockDim emu_block_size
#define gridDim emu_grid_size

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {
    }
};

struct alignas(8) float2 {
    float x, y;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
struct alignas(8) uint2 {
    uint32_t x, y;
};
struct alignas(16) uint4 {
    uint32_t x, y, z, w;
};
struct alignas(4) uchar4 {
    unsigned char x, y, z, w;
};

static inline float2 make_float2(float x, float y) {
    return {x, y};
}
static inline float4 make_float4(float x, float y, float z, float w) {
    return {x, y, z, w};
}
static inline uint2 make_uint2(uint32_t x, uint32_t y) {
    return {x, y};
}
static inline uint4 make_uint4(uint32_t x, uint32_t y, uint32_t z, uint32_t w) {
    return {x, y, z, w};
}
static inline uchar4 make_uchar4(unsigned char x, unsigned char y, unsigned char z, unsigned char w) {
    return {x, y, z, w};
}

/* A block's shared memory; the macros' other halves are in kernels/cuda/instructions.cuh. */
#define VV_SHARED(type, name, dimensions)                                                                              \
    static const char name##_key = 0;                                                                                  \
    typedef type name##_type dimensions;                                                                               \
    name##_type &name = *static_cast<name##_type *>(emu_shared(&name##_key, sizeof(name##_type), alignof(name##_type)))
#define VV_DYNAMIC_SHARED(name) unsigned char *const name = emu_dynamic_shared()

/* ---- functions of the device ------------------------------------------------------------------------------------- */

static inline void __syncthreads() {
    emu_block_meets();
}

static inline void emu_need_all_lanes(unsigned mask) {
    if (mask != 0xffffffffu)
        emu_die("an operation of some lanes of a warp only (mask %08x)", mask);
}

static inline void __syncwarp(unsigned mask = 0xffffffffu) {
    emu_need_all_lanes(mask);
    emu_warp_meets(EMU_SYNC, nullptr, nullptr);
}

template <typename T> static inline T emu_from_lane(unsigned mask, T value, unsigned lane) {
    static_assert(sizeof(T) <= 8, "what a lane can hand on");
    emu_need_all_lanes(mask);
    EmuPart part = {};
    memcpy(&part.wide, &value, sizeof value);
    memcpy(&value, &emu_warp_meets(EMU_SHUFFLE, &part, nullptr)[lane].wide, sizeof value);
    return value;
}

template <typename T> static inline T __shfl_sync(unsigned mask, T value, int lane, int width = 32) {
    return emu_from_lane(mask, value, (emu_lane & ~(unsigned)(width - 1)) | ((unsigned)lane & (unsigned)(width - 1)));
}
template <typename T> static inline T __shfl_xor_sync(unsigned mask, T value, int bits, int = 32) {
    return emu_from_lane(mask, value, (emu_lane ^ (unsigned)bits) % 32);
}
template <typename T> static inline T __shfl_down_sync(unsigned mask, T value, unsigned by, int width = 32) {
    const unsigned last = emu_lane | (unsigned)(width - 1);
    return emu_from_lane(mask, value, emu_lane + by <= last ? emu_lane + by : emu_lane);
}
template <typename T> static inline T __shfl_up_sync(unsigned mask, T value, unsigned by, int width = 32) {
    const unsigned in = emu_lane & (unsigned)(width - 1);
    return emu_from_lane(mask, value, in >= by ? emu_lane - by : emu_lane);
}

static inline unsigned __ballot_sync(unsigned mask, int predicate) {
    emu_need_all_lanes(mask);
    EmuPart part = {};
    part.words[0] = predicate != 0;
    const EmuPart *parts = emu_warp_meets(EMU_VOTE, &part, nullptr);
    unsigned votes = 0;
    for (unsigned lane = 0; lane < EMU_LANES; lane++)
        votes |= parts[lane].words[0] << lane;
    return votes;
}
static inline int __any_sync(unsigned mask, int predicate) {
    return __ballot_sync(mask, predicate) != 0;
}
static inline int __all_sync(unsigned mask, int predicate) {
    return __ballot_sync(mask, predicate) == 0xffffffffu;
}

template <typename T> static inline T __ldg(const T *address) {
    return *address;
}
template <typename T> static inline T atomicAdd(T *address, T value) {
    const T before = *address;
    *address = before + value;
    return before;
}
template <typename T> static inline T atomicMax(T *address, T value) {
    const T before = *address;
    *address = before > value ? before : value;
    return before;
}
template <typename T> static inline T atomicExch(T *address, T value) {
    const T before = *address;
    *address = value;
    return before;
}
static inline void __threadfence() {
}

static inline unsigned __umulhi(unsigned a, unsigned b) {
    return (unsigned)((uint64_t)a * b >> 32);
}
static inline int __popc(unsigned bits) {
    return __builtin_popcount(bits);
}
static inline int __ffs(int bits) {
    return __builtin_ffs(bits);
}
static inline float rsqrtf(float x) {
    return 1.0f / sqrtf(x);
}
static inline float __fdividef(float a, float b) {
    return a / b;
}
static inline float __uint_as_float(unsigned bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}
static inline unsigned __float_as_uint(float value) {
    unsigned bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}
static inline void sincospif(float x, float *sine, float *cosine) {
    *sine = (float)sin(3.141592653589793 * (double)x);
    *cosine = (float)cos(3.141592653589793 * (double)x);
}
static inline int min(int a, int b) {
    return a < b ? a : b;
}
static inline int max(int a, int b) {
    return a > b ? a : b;
}

/* ---- the run time ------------------------------------------------------------------------------------------------ */

enum cudaError_t {
    cudaSuccess = 0,
    cudaErrorInvalidValue = 1,
    cudaErrorMemoryAllocation = 2,
    cudaErrorNotSupported = 801
};
enum cudaMemcpyKind {
    cudaMemcpyHostToHost,
    cudaMemcpyHostToDevice,
    cudaMemcpyDeviceToHost,
    cudaMemcpyDeviceToDevice,
    cudaMemcpyDefault
};
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 };
enum cudaDeviceAttr {
    cudaDevAttrMultiProcessorCount = 16,
    cudaDevAttrComputeCapabilityMajor = 75,
    cudaDevAttrComputeCapabilityMinor = 76
};
typedef struct CUstream_st *cudaStream_t;
typedef struct CUevent_st *cudaEvent_t;
enum { cudaStreamNonBlocking = 1, cudaEventDisableTiming = 2 };

struct cudaLaunchAttribute;
struct cudaLaunchConfig_t {
    dim3 gridDim, blockDim;
    size_t dynamicSmemBytes;
    cudaStream_t stream;
    cudaLaunchAttribute *attrs;
    unsigned numAttrs;
};

/* A launch that was captured: a copy of its parameters, and how to do it. */
struct EmuLaunch {
    EmuLaunch *next;
    EmuSize blocks, threads;
    size_t shared;
    void (*body)(void *);
    alignas(16) unsigned char context[];
};
struct CUgraph_st {
    EmuLaunch *first, **last;
};
typedef CUgraph_st *cudaGraph_t, *cudaGraphExec_t;

/* What the calling thread captures now. */
inline thread_local cudaGraph_t emu_recording;

template <typename... Parameters, typename... Arguments>
static inline cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t *config, void (*kernel)(Parameters...),
                                             Arguments &&...arguments) {
    auto body = [=] { kernel(static_cast<Parameters>(arguments)...); };
    const EmuSize blocks = {config->gridDim.x, config->gridDim.y, config->gridDim.z};
    const EmuSize threads = {config->blockDim.x, config->blockDim.y, config->blockDim.z};
    void (*call)(void *) = [](void *context) { (*static_cast<decltype(body) *>(context))(); };
    if (!emu_recording) {
        emu_launch(blocks, threads, config->dynamicSmemBytes, call, &body);
        return cudaSuccess;
    }
    EmuLaunch *kept = static_cast<EmuLaunch *>(malloc(sizeof *kept + sizeof body));
    if (!kept)
        return cudaErrorMemoryAllocation;
    *kept = {nullptr, blocks, threads, config->dynamicSmemBytes, call};
    memcpy(kept->context, static_cast<const void *>(&body), sizeof body);
    *emu_recording->last = kept;
    emu_recording->last = &kept->next;
    return cudaSuccess;
}
template <typename Kernel> static inline cudaError_t cudaFuncSetAttribute(Kernel *, cudaFuncAttribute, int value) {
    return value <= EMU_SHARED_MAX ? cudaSuccess : cudaErrorInvalidValue;
}

/* How many multiprocessors there are decides how work is cut into blocks; with the order of threads, that changes too.
 * Few, so that small tests fill them; one; or so many that they do not. */
static inline unsigned emu_seed() {
    const char *seed = getenv("VV_EMU_SEED");
    return seed ? static_cast<unsigned>(strtoull(seed, nullptr, 0)) : 1;
}
static inline int emu_processors() {
    return emu_seed() % 3 == 2 ? 1 : emu_seed() % 3 == 0 ? 100 : 4;
}
/* Odd seeds bring a Hopper device, 9.0, even ones an older one, 8.0. */
static inline cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int) {
    *value = attribute == cudaDevAttrMultiProcessorCount      ? emu_processors()
             : attribute == cudaDevAttrComputeCapabilityMajor ? (emu_seed() % 2 ? 9 : 8)
                                                              : 0;
    return cudaSuccess;
}
static inline cudaError_t cudaGetDeviceCount(int *count) {
    *count = 1;
    return cudaSuccess;
}
static inline cudaError_t cudaGetDevice(int *device) {
    *device = 0;
    return cudaSuccess;
}
static inline cudaError_t cudaSetDevice(int) {
    return cudaSuccess;
}
static inline cudaError_t cudaGetLastError() {
    return cudaSuccess;
}
static inline cudaError_t cudaPeekAtLastError() {
    return cudaSuccess;
}
static inline const char *cudaGetErrorString(cudaError_t error) {
    return error == cudaSuccess ? "no error" : "an error of the emulator";
}

static inline cudaError_t cudaMalloc(void **memory, size_t bytes) {
    *memory = aligned_alloc(256, (bytes + 255) / 256 * 256);
    return *memory ? cudaSuccess : cudaErrorMemoryAllocation;
}
static inline cudaError_t cudaFree(void *memory) {
    free(memory);
    return cudaSuccess;
}
static inline cudaError_t cudaMallocHost(void **memory, size_t bytes) {
    return cudaMalloc(memory, bytes);
}
static inline cudaError_t cudaFreeHost(void *memory) {
    return cudaFree(memory);
}
static inline cudaError_t cudaMemcpyAsync(void *dst, const void *src, size_t bytes, cudaMemcpyKind, cudaStream_t) {
    memmove(dst, src, bytes);
    return cudaSuccess;
}
static inline cudaError_t cudaMemcpy(void *dst, const void *src, size_t bytes, cudaMemcpyKind) {
    memmove(dst, src, bytes);
    return cudaSuccess;
}
static inline cudaError_t cudaMemcpy2D(void *dst, size_t dst_pitch, const void *src, size_t src_pitch, size_t width,
                                       size_t height, cudaMemcpyKind) {
    for (size_t i = 0; i < height; i++)
        memmove(static_cast<char *>(dst) + i * dst_pitch, static_cast<const char *>(src) + i * src_pitch, width);
    return cudaSuccess;
}
static inline cudaError_t cudaMemsetAsync(void *dst, int value, size_t bytes, cudaStream_t) {
    memset(dst, value, bytes);
    return cudaSuccess;
}
static inline cudaError_t cudaMemset(void *dst, int value, size_t bytes) {
    memset(dst, value, bytes);
    return cudaSuccess;
}
static inline cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned) {
    *stream = nullptr;
    return cudaSuccess;
}
static inline cudaError_t cudaStreamDestroy(cudaStream_t) {
    return cudaSuccess;
}
static inline cudaError_t cudaStreamSynchronize(cudaStream_t) {
    return cudaSuccess;
}
static inline cudaError_t cudaDeviceSynchronize() {
    return cudaSuccess;
}

/* Events tell times that mean nothing: which of several ways is taken for the fastest changes with the seed. */
static inline cudaError_t cudaEventCreate(cudaEvent_t *event) {
    *event = nullptr;
    return cudaSuccess;
}
static inline cudaError_t cudaEventDestroy(cudaEvent_t) {
    return cudaSuccess;
}
static inline cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t) {
    return cudaSuccess;
}
static inline cudaError_t cudaEventSynchronize(cudaEvent_t) {
    return cudaSuccess;
}
static inline cudaError_t cudaEventElapsedTime(float *milliseconds, cudaEvent_t, cudaEvent_t) {
    *milliseconds = static_cast<float>(emu_random_below(1000) + 1) / 1000.0f;
    return cudaSuccess;
}

/* Capture: launches are kept with their parameters, and done when the graph is launched. */
enum cudaStreamCaptureMode { cudaStreamCaptureModeThreadLocal = 1 };

static inline cudaError_t cudaStreamBeginCapture(cudaStream_t, cudaStreamCaptureMode) {
    if (emu_recording)
        return cudaErrorInvalidValue;
    emu_recording = static_cast<cudaGraph_t>(malloc(sizeof *emu_recording));
    if (!emu_recording)
        return cudaErrorMemoryAllocation;
    *emu_recording = {nullptr, &emu_recording->first};
    return cudaSuccess;
}
static inline cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t *graph) {
    *graph = emu_recording;
    emu_recording = nullptr;
    return *graph ? cudaSuccess : cudaErrorInvalidValue;
}
static inline cudaError_t cudaGraphInstantiate(cudaGraphExec_t *executable, cudaGraph_t graph, unsigned long long = 0) {
    *executable = static_cast<cudaGraphExec_t>(malloc(sizeof **executable));
    if (!*executable)
        return cudaErrorMemoryAllocation;
    **executable = {graph->first, nullptr}; /* takes the launches over */
    *graph = {nullptr, nullptr};
    return cudaSuccess;
}
static inline cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t) {
    for (EmuLaunch *kept = graph->first; kept; kept = kept->next)
        emu_launch(kept->blocks, kept->threads, kept->shared, kept->body, kept->context);
    return cudaSuccess;
}
static inline cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
    while (graph->first) {
        EmuLaunch *next = graph->first->next;
        free(graph->first);
        graph->first = next;
    }
    free(graph);
    return cudaSuccess;
}
static inline cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) {
    return cudaGraphDestroy(graph);
}

#endif
