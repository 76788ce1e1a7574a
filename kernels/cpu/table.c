/* The CPU backend's tables: one per instruction set of its own kernels and type its layers prefer. */
#include "kernels/cpu/attend.h"
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/vector/vector.h"
#include "kernels/host.h"

/* Below AVX2, or on another architecture, only the plain kernels are built. */
#if defined(__x86_64__)
#define FOR_X86(yes, no) yes
#else
#define FOR_X86(yes, no) no
#endif

VvCpuIsa vv_cpu_isa(void) {
    const int isa = (int)dnnl_get_effective_cpu_isa();
    const bool avx2 = FOR_X86(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"), false);
    const bool avx512 = FOR_X86(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                                    __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"),
                                false);
    if (avx512 && (isa & dnnl_cpu_isa_avx512_core) == dnnl_cpu_isa_avx512_core)
        return VV_CPU_AVX512;
    return avx2 && (isa & dnnl_cpu_isa_avx2) == dnnl_cpu_isa_avx2 ? VV_CPU_AVX2 : VV_CPU_PLAIN;
}

bool vv_cpu_has_amx(void) {
    const int isa = (int)dnnl_get_effective_cpu_isa();
    return (isa & dnnl_cpu_isa_avx512_core_amx) == dnnl_cpu_isa_avx512_core_amx;
}

bool vv_cpu_prefers_bf16(void) {
    /* AVX-512's own bf16 instructions are twice as fast as f32 on AMD's processors and slower on Intel's. */
    const int isa = (int)dnnl_get_effective_cpu_isa();
    const bool amd = FOR_X86(__builtin_cpu_is("amd"), false);
    return vv_cpu_has_amx() || (amd && (isa & dnnl_cpu_isa_avx512_core_bf16) == dnnl_cpu_isa_avx512_core_bf16);
}

bool vv_cpu_has_bf16_products(void) {
    const int isa = (int)dnnl_get_effective_cpu_isa();
    return FOR_X86(__builtin_cpu_supports("avx512bf16") != 0, false) &&
           (isa & dnnl_cpu_isa_avx512_core_bf16) == dnnl_cpu_isa_avx512_core_bf16;
}

#define TABLE(label, isa, type)                                                                                        \
    {                                                                                                                  \
        .name = label, .device = VV_ON_CPU, .compute = (type), .memory_open = vv_host_memory_open,                     \
        .memory_close = vv_host_memory_close, .stream_open = vv_stream_open_cpu, .stream_close = vv_stream_close_cpu,  \
        .wait = vv_host_wait, .upload = vv_host_upload, .download = vv_host_download, .conv_open = vv_conv_open_cpu,   \
        .conv_plan = vv_conv_plan_cpu, .conv = vv_conv_cpu, .conv_close = vv_conv_close_cpu,                           \
        .linear_open = vv_linear_open_cpu, .linear_plan = vv_linear_plan_cpu, .linear = vv_linear_cpu,                 \
        .linear_close = vv_linear_close_cpu, .relu = vv_relu_##isa, .add = vv_add_##isa, .convert = vv_convert_##isa,  \
        .upsample2 = vv_upsample2_##isa, .pixel_shuffle = vv_pixel_shuffle_##isa, .unshuffle2 = vv_unshuffle2_##isa,   \
        .pool2_bytes = vv_pool2_bytes_##isa, .warp = vv_warp_##isa, .blend = vv_blend_##isa, .silu = vv_silu_##isa,    \
        .flow_step = vv_flow_step_##isa, .norm = vv_norm_##isa, .insert = vv_insert_##isa, .embed = vv_embed_##isa,    \
        .rotary = vv_rotary_##isa, .attention_plan = vv_attention_plan_##isa, .attention = vv_attention_##isa,         \
        .decoupled_plan = vv_decoupled_plan_##isa, .decoupled = vv_decoupled_##isa, .noise = vv_noise_##isa,           \
    }

static const VvKernels tables[][2] = {
    [VV_CPU_PLAIN] = {TABLE("cpu plain f32", plain, VV_F32), TABLE("cpu plain bf16", plain, VV_BF16)},
#if defined(__x86_64__)
    [VV_CPU_AVX2] = {TABLE("cpu avx2 f32", avx2, VV_F32), TABLE("cpu avx2 bf16", avx2, VV_BF16)},
    [VV_CPU_AVX512] = {TABLE("cpu avx512 f32", avx512, VV_F32), TABLE("cpu avx512 bf16", avx512, VV_BF16)},
#endif
};

const VvKernels *vv_kernels_cpu(VvCpuIsa isa, VvDataType compute) {
    const VvCpuIsa here = vv_cpu_isa();
    const bool able = compute == VV_F32 || (compute == VV_BF16 && here >= VV_CPU_AVX512);
    return able ? &tables[isa < here ? isa : here][compute == VV_BF16] : NULL;
}
