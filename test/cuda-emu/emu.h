/* The emulator's core: runs a grid of blocks of threads on one processor, to check CUDA kernels where no GPU is.
 *
 * Every thread of a block is a fiber with a stack of its own. A fiber runs until it must wait for others (a barrier, an
 * operation of a whole warp) or ends; then one that can go on is chosen at random. The same seed gives the same order,
 * another seed another: a kernel that relies on an order that nothing promises fails under some seed. Blocks run one
 * after another, in a random order too.
 *
 * Shared memory is filled with bytes that are no number in any floating type, before every block, and fenced: with the
 * address sanitizer every access outside is found, without it a write. Asynchronous copies happen either at once or as
 * late as they may, at random. What a real device would let pass in silence ends the program with a message: a barrier
 * that not all threads reach, lanes of a warp that meet in different operations, misaligned addresses, copies that
 * nobody waits for.
 *
 * What a Hopper device has besides is in async.c: barriers in shared memory, bulk copies, products of a warpgroup.
 *
 * Launches from several threads take turns. VV_EMU_SEED in the environment sets the seed. */
#ifndef VV_TEST_CUDA_EMU_H
#define VV_TEST_CUDA_EMU_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { EMU_THREADS_MAX = 1024, EMU_LANES = 32, EMU_SHARED_MAX = 227 << 10 };

typedef struct EmuSize {
    unsigned x, y, z;
} EmuSize;

/* Of the thread that runs now. */
extern EmuSize emu_thread_at, emu_block_at, emu_block_size, emu_grid_size;
extern unsigned emu_lane;

/* Runs body(context) once for every thread of every block; returns when all have ended. */
void emu_launch(EmuSize grid, EmuSize block, size_t dynamic_shared, void (*body)(void *), void *context);

/* A number below `below`, of the order that the seed gives. */
uint32_t emu_random_below(uint32_t below);

/* Ends the program with a message that names the thread, printf-like. */
void emu_die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* ---- waiting ----------------------------------------------------------------------------------------------------- */

/* All threads of the block meet. */
void emu_block_meets(void);

/* What the lanes of a warp can do together. */
typedef enum EmuTogether {
    EMU_SYNC,
    EMU_SHUFFLE,
    EMU_VOTE,
    EMU_LOAD_MATRIX,
    EMU_MULTIPLY,
    EMU_PRODUCT_FENCE,
    EMU_PRODUCT,
    EMU_PRODUCT_COMMIT,
    EMU_PRODUCT_WAIT
} EmuTogether;

/* What one lane brings, or is given. */
typedef struct EmuPart {
    union {
        uint32_t words[12];
        uint64_t wide;
        const void *address;
        struct {
            float *sums;
            uint64_t a, b; /* descriptors */
            int count;     /* of sums */
        } product;
    };
} EmuPart;

/* All lanes of the warp meet, each with its part. The last one to come calls finish(parts) unless that is NULL. Returns
 * the parts of all lanes, which stay until the lane's next meeting. */
const EmuPart *emu_warp_meets(EmuTogether together, const EmuPart *mine, void (*finish)(EmuPart parts[EMU_LANES]));

/* ---- memory ------------------------------------------------------------------------------------------------------ */

/* The block's variable that belongs to `key`, made when first asked for. */
void *emu_shared(const void *key, size_t size, size_t align);

/* The block's dynamic shared memory. */
unsigned char *emu_dynamic_shared(void);

/* A shared address as instructions take it: the number of the byte. */
uint32_t emu_shared_address(const void *address);

/* Copies 16 bytes to shared memory, zeros if `src` is NULL: at once, or when the thread waits. */
void emu_copy(void *dst, const void *src);

/* Ends a group of copies; waits until all but the last `groups` are done. */
void emu_copy_commit(void);
void emu_copy_wait(int groups);

/* ---- Hopper (async.c); kernels/cuda/instructions_hopper.cuh says what each is ------------------------------------ */

void emu_barrier_init(uint64_t *at, unsigned count);
void emu_barrier_init_done(void);
void emu_barrier_arrive(const uint64_t *at, unsigned bytes); /* 0: tells of none */
void emu_barrier_wait(const uint64_t *at, unsigned parity);
void emu_copy_bulk(void *dst, const void *src, unsigned bytes, const uint64_t *at);
void emu_async_fence(void);
void emu_product_fence(void);
void emu_product_multiply(float *sums, int count, uint64_t a, uint64_t b);
void emu_product_commit(void);
void emu_product_wait(int groups);

#ifdef __cplusplus
}
#endif

#endif
