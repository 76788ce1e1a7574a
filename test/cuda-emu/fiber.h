/* Fibers: stacks between which one processor thread switches. */
#ifndef VV_TEST_CUDA_EMU_FIBER_H
#define VV_TEST_CUDA_EMU_FIBER_H

#include <stddef.h>

/* Which sanitizers look on: gcc and clang say it in different words. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EMU_ASAN
#endif
#if __has_feature(thread_sanitizer)
#define EMU_TSAN
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define EMU_ASAN
#endif
#ifdef __SANITIZE_THREAD__
#define EMU_TSAN
#endif

typedef struct Fiber {
    void *stack_pointer; /* where it was left; x86-64 */
    void *context;       /* ucontext_t, elsewhere */
    void *stack;         /* its lowest byte; NULL for a thread's own stack */
    size_t stack_size;
    void *asan, *tsan; /* what the sanitizers keep */
} Fiber;

/* Makes a fiber that, when first switched to, calls entry(), which must never return. Ends the program if there is no
 * memory. Fibers are never freed: the emulator keeps them for the next block. */
void fiber_open(Fiber *fiber, void (*entry)(void));

/* Describes the calling thread's own stack, so that fibers can switch back to it. */
void fiber_adopt(Fiber *fiber);

/* Leaves `from`, which is running, and goes on where `to` was left. */
void fiber_switch(Fiber *from, Fiber *to);

/* What a fiber's entry calls first. */
void fiber_entered(void);

#endif
