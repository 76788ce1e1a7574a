/* Fibers: a few instructions on x86-64, ucontext elsewhere (which asks the kernel at every switch). */
#include "test/cuda-emu/fiber.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef EMU_ASAN
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef EMU_TSAN
#include <sanitizer/tsan_interface.h>
#endif

enum { STACK_BYTES = 256 << 10 };

#ifdef __x86_64__

void emu_switch_stacks(void **save, void *load);
/* What a function must keep goes on the stack that is left, and comes from the one that is entered. */
__asm__(".text\n"
        ".globl emu_switch_stacks\n"
        ".type emu_switch_stacks, @function\n"
        "emu_switch_stacks:\n"
        "    pushq %rbp\n    pushq %rbx\n    pushq %r12\n    pushq %r13\n    pushq %r14\n    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %r15\n    popq %r14\n    popq %r13\n    popq %r12\n    popq %rbx\n    popq %rbp\n"
        "    ret\n"
        ".size emu_switch_stacks, . - emu_switch_stacks\n");

/* A stack as if emu_switch_stacks had been called on it by nobody, at the first instruction of `entry`: six registers,
 * the address to return to, and one word so that the stack is aligned as behind a call. */
static void prepare(Fiber *fiber, void (*entry)(void)) {
    uintptr_t *top = (uintptr_t *)(void *)((char *)fiber->stack + fiber->stack_size);
    top[-1] = 0;
    top[-2] = (uintptr_t)entry;
    for (int i = 3; i <= 8; i++)
        top[-i] = 0;
    fiber->stack_pointer = &top[-8];
}

static void change(Fiber *from, Fiber *to) {
    emu_switch_stacks(&from->stack_pointer, to->stack_pointer);
}

#else

#include <ucontext.h>

static void *need_context(void) {
    void *context = calloc(1, sizeof(ucontext_t));
    if (!context)
        abort();
    return context;
}

static void prepare(Fiber *fiber, void (*entry)(void)) {
    ucontext_t *context = fiber->context = need_context();
    getcontext(context);
    context->uc_stack.ss_sp = fiber->stack;
    context->uc_stack.ss_size = fiber->stack_size;
    makecontext(context, entry, 0);
}

static void change(Fiber *from, Fiber *to) {
    if (!from->context)
        from->context = need_context();
    swapcontext(from->context, to->context);
}

#endif

void fiber_open(Fiber *fiber, void (*entry)(void)) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    *fiber = (Fiber){.stack_size = STACK_BYTES};
    char *memory =
        mmap(NULL, page + STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    /* The page below must not be touched: a stack that is too small faults instead of running into another. */
    if (memory == MAP_FAILED || mprotect(memory, page, PROT_NONE) != 0) {
        perror("cuda-emu: a fiber's stack");
        abort();
    }
    fiber->stack = memory + page;
#ifdef EMU_TSAN
    fiber->tsan = __tsan_create_fiber(0);
#endif
    prepare(fiber, entry);
}

void fiber_adopt(Fiber *fiber) {
    void *context = fiber->context;
    *fiber = (Fiber){.context = context};
#ifdef EMU_TSAN
    fiber->tsan = __tsan_get_current_fiber();
#endif
}

#ifdef EMU_ASAN
/* The fiber that was left last: where the sanitizer's picture of its stack belongs. */
static Fiber *left;
#endif

void fiber_entered(void) {
#ifdef EMU_ASAN
    const void *stack;
    size_t size;
    __sanitizer_finish_switch_fiber(NULL, &stack, &size);
    if (!left->stack_size) { /* a thread's own stack: learnt here */
        left->stack = (void *)(uintptr_t)stack;
        left->stack_size = size;
    }
#endif
}

void fiber_switch(Fiber *from, Fiber *to) {
#ifdef EMU_ASAN
    left = from;
    __sanitizer_start_switch_fiber(&from->asan, to->stack, to->stack_size);
#endif
#ifdef EMU_TSAN
    __tsan_switch_to_fiber(to->tsan, 0);
#endif
    change(from, to);
#ifdef EMU_ASAN
    const void *stack;
    size_t size;
    __sanitizer_finish_switch_fiber(from->asan, &stack, &size);
    if (!left->stack_size) {
        left->stack = (void *)(uintptr_t)stack;
        left->stack_size = size;
    }
#endif
}
