/* Memory and copies of the backends that work on the host. */
#include "kernels/host.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/check.h"

VvKernelStatus vv_host_memory_open(size_t bytes, void **memory) {
    *memory = NULL;
    if (bytes == 0 || bytes > SIZE_MAX - VV_ARENA_ALIGN)
        return VV_KERNEL_MEMORY;
    const size_t rounded = (bytes + VV_ARENA_ALIGN - 1) / VV_ARENA_ALIGN * VV_ARENA_ALIGN;
    *memory = aligned_alloc(VV_ARENA_ALIGN, rounded);
    if (!*memory)
        return VV_KERNEL_MEMORY;
    memset(*memory, 0, rounded);
    return VV_KERNEL_OK;
}

void vv_host_memory_close(void **memory) {
    free(*memory);
    *memory = NULL;
}

VvKernelStatus vv_host_upload(VvStream *stream, const void *host, VvTensor dst) {
    (void)stream;
    const VvKernelStatus status = vv_check_copy(VV_ON_CPU, host, dst);
    if (status == VV_KERNEL_OK)
        memmove(dst.data, host, vv_tensor_bytes(dst));
    return status;
}

VvKernelStatus vv_host_download(VvStream *stream, VvTensor src, void *host) {
    (void)stream;
    const VvKernelStatus status = vv_check_copy(VV_ON_CPU, host, src);
    if (status == VV_KERNEL_OK)
        memmove(host, src.data, vv_tensor_bytes(src));
    return status;
}

VvKernelStatus vv_host_wait(VvStream *stream) {
    (void)stream;
    return VV_KERNEL_OK;
}
