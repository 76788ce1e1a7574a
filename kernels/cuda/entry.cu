/* The shared object's only symbol: what the program looks up, and how devices are found. The emulator needs neither. */
#include "kernels/cuda/library.cuh"
#include "kernels/cuda_load.h"

#ifndef VV_CUDA_EMULATION
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whether the object holds code for the current device: its smallest kernel, and whether the driver finds it. */
static __global__ void nothing() {
}

static bool has_code() {
    cudaFuncAttributes attributes;
    const bool found = cudaFuncGetAttributes(&attributes, nothing) == cudaSuccess;
    cudaGetLastError();
    return found;
}

static void describe(VvCudaProbe *probe, int device) {
    cudaDeviceProp properties;
    if (cudaGetDeviceProperties(&properties, device) != cudaSuccess) {
        cudaGetLastError();
        return;
    }
    probe->major = properties.major;
    probe->minor = properties.minor;
    probe->memory = properties.totalGlobalMem;
    snprintf(probe->name, sizeof probe->name, "%.127s", properties.name);
}

static VvCudaState state_of(cudaError_t error) {
    switch (error) {
    case cudaSuccess:
        return VV_CUDA_READY;
    case cudaErrorInsufficientDriver:
    case cudaErrorStubLibrary:
    case cudaErrorSystemDriverMismatch:
        return VV_CUDA_NO_DRIVER;
    case cudaErrorNoDevice:
        return VV_CUDA_NO_DEVICE;
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorInvalidDeviceFunction:
        return VV_CUDA_UNSUPPORTED;
    default:
        return VV_CUDA_FAILED;
    }
}

static void probe_devices(VvCudaProbe *probe) {
    memset(probe, 0, sizeof *probe);
    setenv("CUDA_MODULE_LOADING", "EAGER", 0); /* so that the first windows find every kernel loaded */
    cudaDriverGetVersion(&probe->driver);
    cudaRuntimeGetVersion(&probe->runtime);
    const cudaError_t error = cudaGetDeviceCount(&probe->devices); /* leaves its argument when it fails: 0 */
    cudaGetLastError();
    if (error == cudaSuccess && probe->devices == 0) {
        probe->state = VV_CUDA_NO_DEVICE;
        return;
    }
    /* The first one, as every thread has it without asking; CUDA_VISIBLE_DEVICES puts another in its place. */
    if (error == cudaSuccess)
        describe(probe, 0);
    const cudaError_t chosen = error == cudaSuccess ? cudaSetDevice(0) : error;
    cudaGetLastError();
    probe->state = state_of(chosen);
    if (chosen != cudaSuccess) {
        snprintf(probe->error, sizeof probe->error, "%.127s", cudaGetErrorString(chosen));
        return;
    }
    if (!has_code()) {
        probe->state = VV_CUDA_UNSUPPORTED;
        return;
    }
    probe->cublas = vv::blas_version();
    probe->cudnn = vv::dnn_version();
}

extern "C" __attribute__((visibility("default"))) const VvCudaEntry vv_cuda_entry = {
    VV_CUDA_MAGIC, VV_CUDA_VERSION, sizeof(VvKernels), VV_CUDA_ARCHS, probe_devices, vv_kernels_cuda};

#endif
