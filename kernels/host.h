/* Inside kernels/: memory and copies of the backends that work on the host. */
#ifndef VV_KERNELS_HOST_H
#define VV_KERNELS_HOST_H

#include "kernels/kernels.h"

VvKernelStatus vv_host_memory_open(size_t bytes, void **memory);
void vv_host_memory_close(void **memory);
VvKernelStatus vv_host_upload(VvStream *stream, const void *host, VvTensor dst);
VvKernelStatus vv_host_download(VvStream *stream, VvTensor src, void *host);
/* Nothing is ever outstanding. */
VvKernelStatus vv_host_wait(VvStream *stream);

#endif
