/* Inside kernels/cpu: layers on oneDNN, and the stream they run on.
 *
 * oneDNN spreads work over OpenMP threads by itself; here every worker thread does its own work alone, since OpenMP's
 * barriers spin and ruin everything that shares the cores. Calls into it are made between vv_one_thread and
 * vv_threads_back. */
#ifndef VV_KERNELS_CPU_H
#define VV_KERNELS_CPU_H

#include <oneapi/dnnl/dnnl.h>

#include "kernels/kernels.h"

/* Limits OpenMP to the calling thread, and returns what its limit was, for vv_threads_back. */
int vv_one_thread(void);
void vv_threads_back(int threads);

/* The process's oneDNN engine, made at the first call, never given back; NULL if oneDNN fails. Any thread. */
dnnl_engine_t vv_dnnl_engine(void);

/* Our status for oneDNN's. */
VvKernelStatus vv_dnnl_status(dnnl_status_t status);

/* ---- stream.c ---------------------------------------------------------------------------------------------------- */

/* What an execution hands to oneDNN: its descriptions of the tensors, whose addresses change from run to run. */
enum { VV_BOUND_SRC, VV_BOUND_DST, VV_BOUND_SCRATCH, VV_BOUND_COUNT };

/* What a layer's plan looks like from the stream: which it is in the process, and what it binds. */
typedef struct VvBindable {
    uint64_t id; /* never used again */
    dnnl_memory_desc_t bound[VV_BOUND_COUNT];
} VvBindable;

VvKernelStatus vv_stream_open_cpu(VvTensor scratch, VvStream **stream);
void vv_stream_close_cpu(VvStream **stream);

/* The stream's scratch memory if it has `bytes` of it, else NULL. */
unsigned char *vv_stream_scratch(VvStream *stream, size_t bytes);

dnnl_stream_t vv_stream_dnnl(VvStream *stream);

/* The stream's own memory objects for `what`, made at the first run and kept, so that later runs allocate nothing.
 * NULL: out of memory. */
dnnl_memory_t *vv_stream_bind(VvStream *stream, const VvBindable *what);

/* ---- layers.c ---------------------------------------------------------------------------------------------------- */

VvKernelStatus vv_conv_open_cpu(const VvConvSpec *spec, VvConv **conv);
VvKernelStatus vv_conv_plan_cpu(VvConv *conv, VvTensor src, VvTensor dst, size_t *scratch);
VvKernelStatus vv_conv_cpu(VvStream *stream, const VvConv *conv, VvTensor src, VvTensor residual, VvTensor dst);
void vv_conv_close_cpu(VvConv **conv);
VvKernelStatus vv_linear_open_cpu(const VvLinearSpec *spec, VvLinear **linear);
VvKernelStatus vv_linear_plan_cpu(VvLinear *linear, VvTensor src, VvTensor dst, size_t *scratch);
VvKernelStatus vv_linear_cpu(VvStream *stream, const VvLinear *linear, VvTensor src, VvTensor residual, VvTensor dst);
void vv_linear_close_cpu(VvLinear **linear);

#endif
