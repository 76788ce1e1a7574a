/* What block.c and async.c tell each other of the block that runs. */
#ifndef VV_TEST_CUDA_EMU_BLOCK_H
#define VV_TEST_CUDA_EMU_BLOCK_H

#include <stdbool.h>

#include "test/cuda-emu/emu.h"

enum {
    EMU_FENCE_BYTES = 64,    /* behind every shared variable */
    EMU_NOT_A_NUMBER = 0xff, /* as every byte: NaN as f32, f64 and bf16 */
    EMU_VARIABLES_MAX = 64,  /* of a kernel */
    EMU_CHUNK = 16,          /* bytes that copies move at once */
    EMU_SHARED_BYTES = EMU_SHARED_MAX + EMU_VARIABLES_MAX * 2 * EMU_FENCE_BYTES + EMU_FENCE_BYTES
};

/* Where threads wait. */
typedef struct Meeting {
    unsigned short waiting[EMU_THREADS_MAX];
    int count;
} Meeting;

/* ---- block.c ----------------------------------------------------------------------------------------------------- */

/* A block's shared memory, the same for all; `emu_shared_used` bytes of it are in use. */
extern unsigned char emu_shared_memory[EMU_SHARED_BYTES];
size_t emu_shared_used(void);

/* Whether the bytes lie in one shared variable; shows where in memory each of them lies. */
bool emu_in_variable(const void *address, size_t bytes);
void emu_each_variable(void (*show)(size_t at, size_t bytes));

/* Of the thread that runs now, in its block. */
unsigned emu_thread_number(void);

/* The thread that runs now waits until it is woken; wakes all who wait. */
void emu_wait_at(Meeting *meeting);
void emu_wake(Meeting *meeting);

/* ---- async.c ----------------------------------------------------------------------------------------------------- */

/* A block begins; its last thread has ended. */
void emu_async_open(void);
void emu_async_close(void);

/* Something that is under way arrives: at random, or surely if `must`. False if nothing is under way. */
bool emu_async_arrives(bool must);

/* A copy_async of this thread has written a chunk. */
void emu_async_copied(const unsigned char *chunk, unsigned thread);

/* The thread that runs now ends. */
void emu_async_thread_ends(void);

/* How many wait at barriers in shared memory, and what one of them waits for; printed when nobody can go on. */
int emu_async_waiting(const char **why);

#endif
