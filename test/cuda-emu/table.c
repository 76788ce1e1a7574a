/* The table that checkkernels calls cuda-emu: the CUDA backend's, with the emulator below it. */
#include "kernels/cuda/cuda.h"
#include "test/kernels/check.h"

const VvKernels *vv_kernels_emulated(void) {
    return vv_kernels_cuda();
}
