/* One piece of memory, taken from front to back; planning counts the same steps without it. */
#include "kernels/kernels.h"

VvArena vv_arena_plan(const VvKernels *kernels) {
    return (VvArena){.kernels = kernels};
}

static size_t aligned(size_t bytes) {
    return (bytes + VV_ARENA_ALIGN - 1) / VV_ARENA_ALIGN * VV_ARENA_ALIGN;
}

VvKernelStatus vv_arena_open(VvArena *arena, const VvKernels *kernels, size_t size) {
    void *memory = NULL;
    *arena = (VvArena){0};
    if (size > SIZE_MAX - VV_ARENA_ALIGN)
        return VV_KERNEL_MEMORY;
    size = size ? aligned(size) : VV_ARENA_ALIGN;
    const VvKernelStatus status = kernels->memory_open(size, &memory);
    if (status == VV_KERNEL_OK)
        *arena = (VvArena){.kernels = kernels, .memory = memory, .size = size};
    return status;
}

void vv_arena_close(VvArena *arena) {
    void *memory = arena->memory;
    if (memory)
        arena->kernels->memory_close(&memory);
    *arena = (VvArena){0};
}

VvTensor vv_arena_take(VvArena *arena, VvDataType type, int rank, const int shape[]) {
    VvTensor tensor = vv_tensor(NULL, type, arena->kernels->device, rank, shape);
    const size_t bytes = aligned(vv_tensor_bytes(tensor));
    if (bytes == 0 || (arena->memory && bytes > arena->size - arena->used)) {
        arena->failed = true;
        return (VvTensor){0};
    }
    if (arena->memory)
        tensor.data = arena->memory + arena->used;
    arena->used += bytes;
    if (arena->used > arena->peak)
        arena->peak = arena->used;
    return tensor;
}

VvTensor vv_arena_take_nhwc(VvArena *arena, VvDataType type, int n, int h, int w, int c) {
    return vv_arena_take(arena, type, 4, (const int[]){n, h, w, c});
}

void vv_arena_rewind(VvArena *arena, size_t mark) {
    if (mark <= arena->used)
        arena->used = mark;
}
