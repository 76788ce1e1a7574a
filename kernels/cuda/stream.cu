/* The device's memory, streams, copies and recordings.
 *
 * Copies go through memory of the host that is pinned, where the device fetches and puts it by itself while others
 * compute. A stream has a piece of it: an upload is put there at once, a download lies there until `wait` hands it to
 * the caller. What does not fit goes straight, which is right too, but the caller then waits for it. */
#include <stdlib.h>
#include <string.h>

#include "kernels/cuda/launch.cuh"

enum { PINNED_BYTES = 8 << 20, PINNED_ALIGN = 256, DOWNLOADS_MAX = 64 };

/* A download that `wait` will hand over. */
struct VvCudaDownload {
    void *host;
    size_t at, bytes;
};

struct VvCudaPinned {
    unsigned char *memory;
    size_t used; /* since the last wait */
    VvCudaDownload downloads[DOWNLOADS_MAX];
    int count;
};

struct VvRecording {
    cudaGraphExec_t graph;
};

VvKernelStatus vv_cuda_failed(void) {
    return cudaGetLastError() == cudaErrorMemoryAllocation ? VV_KERNEL_MEMORY : VV_KERNEL_BACKEND;
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

VvKernelStatus vv_cuda_memory_open(size_t bytes, void **memory) {
    *memory = nullptr;
    if (bytes == 0)
        return VV_KERNEL_MEMORY;
    if (cudaMalloc(memory, bytes) != cudaSuccess) {
        *memory = nullptr;
        return vv_cuda_failed();
    }
    /* Before anything on a stream that does not wait for the device's own queue. */
    if (cudaMemset(*memory, 0, bytes) == cudaSuccess && cudaDeviceSynchronize() == cudaSuccess)
        return VV_KERNEL_OK;
    vv_cuda_memory_close(memory);
    return vv_cuda_failed();
}

void vv_cuda_memory_close(void **memory) {
    if (*memory)
        cudaFree(*memory);
    *memory = nullptr;
}

/* ---- streams ----------------------------------------------------------------------------------------------------- */

static VvKernelStatus open_parts(VvStream *stream) {
    stream->pinned = static_cast<VvCudaPinned *>(calloc(1, sizeof *stream->pinned));
    if (!stream->pinned)
        return VV_KERNEL_MEMORY;
    void *memory = nullptr;
    if (cudaGetDevice(&stream->device) != cudaSuccess ||
        cudaDeviceGetAttribute(&stream->processors, cudaDevAttrMultiProcessorCount, stream->device) != cudaSuccess ||
        cudaStreamCreateWithFlags(&stream->queue, cudaStreamNonBlocking) != cudaSuccess ||
        cudaMallocHost(&memory, PINNED_BYTES) != cudaSuccess)
        return vv_cuda_failed();
    stream->pinned->memory = static_cast<unsigned char *>(memory);
    stream->dnn = vv_cuda_dnn_open(stream->queue);
    return VV_KERNEL_OK;
}

VvKernelStatus vv_cuda_stream_open(VvTensor scratch, VvStream **stream) {
    *stream = nullptr;
    if (scratch.rank && (scratch.type != VV_U8 || !vv_tensor_is_dense(scratch)))
        return VV_KERNEL_TYPE;
    if (scratch.rank && (!scratch.data || scratch.device != VV_CUDA_DEVICE))
        return VV_KERNEL_DEVICE;
    VvStream *made = static_cast<VvStream *>(calloc(1, sizeof *made));
    if (!made)
        return VV_KERNEL_MEMORY;
    made->scratch = static_cast<unsigned char *>(scratch.data);
    made->scratch_size = vv_tensor_bytes(scratch);
    const VvKernelStatus status = open_parts(made);
    if (status != VV_KERNEL_OK)
        vv_cuda_stream_close(&made);
    *stream = made;
    return status;
}

void vv_cuda_stream_close(VvStream **stream) {
    VvStream *closing = *stream;
    *stream = nullptr;
    if (!closing)
        return;
    if (closing->queue)
        cudaStreamSynchronize(closing->queue);
    vv_cuda_dnn_close(&closing->dnn);
    if (closing->queue)
        cudaStreamDestroy(closing->queue);
    if (closing->pinned && closing->pinned->memory)
        cudaFreeHost(closing->pinned->memory);
    free(closing->pinned);
    free(closing);
}

VvKernelStatus vv_cuda_wait(VvStream *stream) {
    VvCudaPinned *pinned = stream->pinned;
    if (cudaStreamSynchronize(stream->queue) != cudaSuccess) {
        const VvKernelStatus status = vv_cuda_failed();
        if (stream->failed == VV_KERNEL_OK)
            stream->failed = status;
    }
    for (int i = 0; i < pinned->count && stream->failed == VV_KERNEL_OK; i++)
        memcpy(pinned->downloads[i].host, pinned->memory + pinned->downloads[i].at, pinned->downloads[i].bytes);
    pinned->used = 0;
    pinned->count = 0;
    return stream->failed;
}

/* ---- copies ------------------------------------------------------------------------------------------------------ */

/* Takes `bytes` of the pinned memory; false: there are no more until the next wait. */
static bool take_pinned(VvCudaPinned *pinned, size_t bytes, size_t *at) {
    if (bytes > PINNED_BYTES - pinned->used)
        return false;
    *at = pinned->used;
    pinned->used += (bytes + PINNED_ALIGN - 1) / PINNED_ALIGN * PINNED_ALIGN;
    if (pinned->used > PINNED_BYTES)
        pinned->used = PINNED_BYTES;
    return true;
}

VvKernelStatus vv_cuda_upload(VvStream *stream, const void *host, VvTensor dst) {
    const VvKernelStatus status = vv_check_copy(VV_CUDA_DEVICE, host, dst);
    if (status != VV_KERNEL_OK)
        return status;
    const size_t bytes = vv_tensor_bytes(dst);
    const void *from = host;
    size_t at;
    if (take_pinned(stream->pinned, bytes, &at)) {
        memcpy(stream->pinned->memory + at, host, bytes);
        from = stream->pinned->memory + at;
    }
    return cudaMemcpyAsync(dst.data, from, bytes, cudaMemcpyHostToDevice, stream->queue) == cudaSuccess
               ? VV_KERNEL_OK
               : vv_cuda_failed();
}

VvKernelStatus vv_cuda_download(VvStream *stream, VvTensor src, void *host) {
    const VvKernelStatus status = vv_check_copy(VV_CUDA_DEVICE, host, src);
    if (status != VV_KERNEL_OK)
        return status;
    VvCudaPinned *pinned = stream->pinned;
    const size_t bytes = vv_tensor_bytes(src);
    void *to = host;
    size_t at;
    if (pinned->count < DOWNLOADS_MAX && take_pinned(pinned, bytes, &at)) {
        pinned->downloads[pinned->count++] = {host, at, bytes};
        to = pinned->memory + at;
    }
    return cudaMemcpyAsync(to, src.data, bytes, cudaMemcpyDeviceToHost, stream->queue) == cudaSuccess
               ? VV_KERNEL_OK
               : vv_cuda_failed();
}

/* ---- recordings -------------------------------------------------------------------------------------------------- */

VvKernelStatus vv_cuda_record(VvStream *stream) {
    return cudaStreamBeginCapture(stream->queue, cudaStreamCaptureModeThreadLocal) == cudaSuccess ? VV_KERNEL_OK
                                                                                                  : vv_cuda_failed();
}

VvKernelStatus vv_cuda_recorded(VvStream *stream, VvRecording **recording) {
    *recording = nullptr;
    cudaGraph_t graph = nullptr;
    if (cudaStreamEndCapture(stream->queue, &graph) != cudaSuccess || !graph)
        return vv_cuda_failed();
    VvRecording *made = static_cast<VvRecording *>(calloc(1, sizeof *made));
    VvKernelStatus status = made ? VV_KERNEL_OK : VV_KERNEL_MEMORY;
    if (made && cudaGraphInstantiate(&made->graph, graph, 0) != cudaSuccess) {
        made->graph = nullptr;
        status = vv_cuda_failed();
    }
    cudaGraphDestroy(graph);
    if (status != VV_KERNEL_OK)
        vv_cuda_recording_close(&made);
    *recording = made;
    return status;
}

VvKernelStatus vv_cuda_replay(VvStream *stream, const VvRecording *recording) {
    return cudaGraphLaunch(recording->graph, stream->queue) == cudaSuccess ? VV_KERNEL_OK : vv_cuda_failed();
}

void vv_cuda_recording_close(VvRecording **recording) {
    if (*recording && (*recording)->graph)
        cudaGraphExecDestroy((*recording)->graph);
    free(*recording);
    *recording = nullptr;
}
