/* A CUDA engine that finds what the environment's VV_TEST_CUDA_STATE tells it to: built as a shared object for the test
 * of cuda_load.c. With VV_TEST_OTHER it is of another version, with VV_TEST_NAMELESS it has another name in its head.
 */
#include <stdlib.h>
#include <string.h>

#include "kernels/cuda_load.h"

static void probe_told(VvCudaProbe *probe) {
    const char *state = getenv("VV_TEST_CUDA_STATE"), *driver = getenv("VV_TEST_CUDA_DRIVER");
    *probe = (VvCudaProbe){.state = state ? (VvCudaState)atoi(state) : VV_CUDA_FAILED,
                           .devices = 1,
                           .driver = driver ? atoi(driver) : 0,
                           .runtime = 13000,
                           .cublas = 1301,
                           .major = 7,
                           .minor = 5,
                           .memory = (size_t)16 << 30,
                           .name = "Tesla of the test",
                           .error = "told to refuse"};
}

static const VvKernels *told_kernels(void) {
    static const VvKernels table = {.name = "told"};
    return &table;
}

extern const VvCudaEntry vv_cuda_entry;
const VvCudaEntry vv_cuda_entry = {
#ifdef VV_TEST_NAMELESS
    .magic = 1,
#else
    .magic = VV_CUDA_MAGIC,
#endif
#ifdef VV_TEST_OTHER
    .version = VV_CUDA_VERSION + 1,
#else
    .version = VV_CUDA_VERSION,
#endif
    .table_bytes = sizeof(VvKernels),
    .architectures = "80 90a",
    .probe = probe_told,
    .kernels = told_kernels,
};
