/* The CUDA backend's table. */
#include "kernels/cuda/launch.cuh"

const VvKernels *vv_kernels_cuda(void) {
    static const VvKernels table = {
#ifdef VV_CUDA_EMULATION
        "cuda-emu",
#else
        "cuda",
#endif
        VV_CUDA_DEVICE,
        VV_BF16,
        vv_cuda_memory_open,
        vv_cuda_memory_close,
        vv_cuda_stream_open,
        vv_cuda_stream_close,
        vv_cuda_wait,
        vv_cuda_upload,
        vv_cuda_download,
        vv_cuda_conv_open,
        vv_cuda_conv_plan,
        vv_cuda_conv,
        vv_cuda_conv_close,
        vv_cuda_linear_open,
        vv_cuda_linear_plan,
        vv_cuda_linear,
        vv_cuda_linear_close,
        vv_cuda_relu,
        vv_cuda_add,
        vv_cuda_convert,
        vv_cuda_upsample2,
        vv_cuda_pixel_shuffle,
        vv_cuda_unshuffle2,
        vv_cuda_pool2_bytes,
        vv_cuda_warp,
        vv_cuda_blend,
        vv_cuda_silu,
        vv_cuda_flow_step,
        vv_cuda_norm,
        vv_cuda_insert,
        vv_cuda_embed,
        vv_cuda_rotary,
        vv_cuda_attention_plan,
        vv_cuda_attention,
        vv_cuda_decoupled_plan,
        vv_cuda_decoupled,
        vv_cuda_noise,
        vv_cuda_record,
        vv_cuda_recorded,
        vv_cuda_replay,
        vv_cuda_recording_close,
    };
    return &table;
}
