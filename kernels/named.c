/* The backends by the names that users type. */
#include <string.h>

#include "kernels/cuda_load.h"
#include "kernels/kernels.h"

const VvKernels *vv_kernels_named(const char *name) {
    if (strcmp(name, "ref") == 0)
        return vv_kernels_ref();
    if (strcmp(name, "cpu") == 0)
        return vv_kernels_cpu(VV_CPU_AVX512, vv_cpu_prefers_bf16() ? VV_BF16 : VV_F32);
    if (strcmp(name, "cpu-f32") == 0)
        return vv_kernels_cpu(VV_CPU_AVX512, VV_F32);
    if (strcmp(name, "cpu-bf16") == 0)
        return vv_kernels_cpu(VV_CPU_AVX512, VV_BF16);
    if (strcmp(name, "cpu-avx2") == 0)
        return vv_cpu_isa() >= VV_CPU_AVX2 ? vv_kernels_cpu(VV_CPU_AVX2, VV_F32) : NULL;
    if (strcmp(name, "cpu-plain") == 0)
        return vv_kernels_cpu(VV_CPU_PLAIN, VV_F32);
    if (strcmp(name, "cuda") == 0)
        return vv_cuda()->kernels;
    return NULL;
}
