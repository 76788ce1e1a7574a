/* Inside kernels/cuda: the stream, and the launchers that the table lists. A launcher checks its arguments, chooses a
 * kernel and puts it into the stream's queue; it does not wait. All return what kernels.h says; VV_KERNEL_BACKEND if
 * the driver refused. */
#ifndef VV_KERNELS_CUDA_H
#define VV_KERNELS_CUDA_H

#ifdef __cplusplus
extern "C" {
#endif

#include "kernels/check.h"

/* Where the table's tensors live. In the emulator the device is the host. */
#ifdef VV_CUDA_EMULATION
#define VV_CUDA_DEVICE VV_ON_CPU
#else
#define VV_CUDA_DEVICE VV_ON_CUDA
#endif

/* stream.cu: memory of the host that the device copies from and to by itself. */
typedef struct VvCudaPinned VvCudaPinned;

/* One thread's queue of work on the device that was current when it was opened. */
struct VvStream {
    struct CUstream_st *queue; /* CUDA's cudaStream_t */
    unsigned char *scratch;    /* on the device; not owned */
    size_t scratch_size;
    int device;
    int processors;        /* multiprocessors of the device: how many blocks run side by side */
    VvKernelStatus failed; /* the first error that waiting found; VV_KERNEL_OK */
    VvCudaPinned *pinned;
    struct cudnnContext *dnn; /* cuDNN's handle, for this stream alone; NULL: there is no cuDNN */
};

/* table.cu: the table itself. */
const VvKernels *vv_kernels_cuda(void);

/* stream.cu */
VvKernelStatus vv_cuda_memory_open(size_t bytes, void **memory);
void vv_cuda_memory_close(void **memory);
VvKernelStatus vv_cuda_stream_open(VvTensor scratch, VvStream **stream);
void vv_cuda_stream_close(VvStream **stream);
VvKernelStatus vv_cuda_wait(VvStream *stream);
VvKernelStatus vv_cuda_upload(VvStream *stream, const void *host, VvTensor dst);
VvKernelStatus vv_cuda_download(VvStream *stream, VvTensor src, void *host);
VvKernelStatus vv_cuda_record(VvStream *stream);
VvKernelStatus vv_cuda_recorded(VvStream *stream, VvRecording **recording);
VvKernelStatus vv_cuda_replay(VvStream *stream, const VvRecording *recording);
void vv_cuda_recording_close(VvRecording **recording);

/* dnn.cu: cuDNN's handle for a queue, which is closed after it; NULL: there is no cuDNN. Opens the library. */
struct cudnnContext *vv_cuda_dnn_open(struct CUstream_st *queue);
void vv_cuda_dnn_close(struct cudnnContext **handle);

/* What the driver's last error is for us; forgets it, so that the next call does not report it. */
VvKernelStatus vv_cuda_failed(void);

/* layers.cu */
VvKernelStatus vv_cuda_conv_open(const VvConvSpec *spec, VvConv **conv);
VvKernelStatus vv_cuda_conv_plan(VvConv *conv, VvTensor src, VvTensor dst, size_t *scratch);
VvKernelStatus vv_cuda_conv(VvStream *stream, const VvConv *conv, VvTensor src, VvTensor residual, VvTensor dst);
void vv_cuda_conv_close(VvConv **conv);
VvKernelStatus vv_cuda_linear_open(const VvLinearSpec *spec, VvLinear **linear);
VvKernelStatus vv_cuda_linear_plan(VvLinear *linear, VvTensor src, VvTensor dst, size_t *scratch);
VvKernelStatus vv_cuda_linear(VvStream *stream, const VvLinear *linear, VvTensor src, VvTensor residual, VvTensor dst);
void vv_cuda_linear_close(VvLinear **linear);

/* elements.cu, rearrange.cu, flow.cu */
VvKernelStatus vv_cuda_relu(VvStream *stream, VvTensor src, VvTensor dst);
VvKernelStatus vv_cuda_add(VvStream *stream, VvTensor a, VvTensor b, VvTensor dst);
VvKernelStatus vv_cuda_convert(VvStream *stream, VvTensor src, VvTensor dst);
VvKernelStatus vv_cuda_upsample2(VvStream *stream, VvTensor src, VvTensor dst);
VvKernelStatus vv_cuda_pixel_shuffle(VvStream *stream, int r, VvTensor src, VvTensor dst);
VvKernelStatus vv_cuda_unshuffle2(VvStream *stream, VvByteScale scale, VvTensor src, VvTensor dst);
VvKernelStatus vv_cuda_pool2_bytes(VvStream *stream, VvByteScale scale, VvTensor src, VvTensor dst);
VvKernelStatus vv_cuda_warp(VvStream *stream, const VvWarp *warp);
VvKernelStatus vv_cuda_blend(VvStream *stream, const VvBlend *blend);

/* tokens.cu */
VvKernelStatus vv_cuda_silu(VvStream *stream, VvTensor a, VvTensor b, VvTensor dst);
VvKernelStatus vv_cuda_flow_step(VvStream *stream, float dt, VvTensor x, VvTensor v, VvTensor dst);
VvKernelStatus vv_cuda_insert(VvStream *stream, int first, VvTensor src, VvTensor place, VvTensor dst);
VvKernelStatus vv_cuda_embed(VvStream *stream, int first, int places, VvTensor place, VvTensor frame, VvTensor h);
VvKernelStatus vv_cuda_rotary(VvStream *stream, int heads, VvTensor src, VvTensor angles, VvTensor dst);

/* norm.cu */
VvKernelStatus vv_cuda_norm(VvStream *stream, const VvNorm *norm);

/* noise.cu */
VvKernelStatus vv_cuda_noise(VvStream *stream, const uint64_t seeds[], const uint64_t windows[], uint32_t number,
                             VvTensor dst);

/* attention.cu, decoupled.cu */
VvKernelStatus vv_cuda_attention_plan(const VvAttention *attention, size_t *scratch);
VvKernelStatus vv_cuda_attention(VvStream *stream, const VvAttention *attention);
VvKernelStatus vv_cuda_decoupled_plan(const VvDecoupled *decoupled, size_t *scratch);
VvKernelStatus vv_cuda_decoupled(VvStream *stream, const VvDecoupled *decoupled);

#ifdef __cplusplus
}
#endif

#endif
