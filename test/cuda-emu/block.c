/* Threads of a block as fibers: whose turn it is, who waits for whom, and the block's memory. */
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/cuda-emu/block.h"
#include "test/cuda-emu/fiber.h"

#ifdef EMU_ASAN
#include <sanitizer/asan_interface.h>
#define FENCE(address, size) __asan_poison_memory_region(address, size)
#define UNFENCE(address, size) __asan_unpoison_memory_region(address, size)
#else
#define FENCE(address, size) ((void)(address), (void)(size))
#define UNFENCE(address, size) ((void)(address), (void)(size))
#endif

EmuSize emu_thread_at, emu_block_at, emu_block_size, emu_grid_size;
unsigned emu_lane;

enum { COPIES_MAX = 256 /* outstanding, of one thread */ };

typedef struct Copy {
    void *dst;
    const void *src;
    int group;
} Copy;

typedef struct Thread {
    Fiber fiber;
    EmuSize at;
    unsigned number;
    Copy copies[COPIES_MAX];
    int copy_count, group; /* the group that copies now join */
} Thread;

typedef struct Warp {
    Meeting meeting;
    EmuTogether together;
    EmuPart parts[2][EMU_LANES]; /* of this meeting, and of the last one, which lanes may still look at */
    int turn;
} Warp;

/* A shared variable: where it lies in the block's memory. */
typedef struct Variable {
    const void *key; /* NULL: the dynamic memory */
    size_t at, size;
} Variable;

static Thread threads[EMU_THREADS_MAX];
_Alignas(1024) unsigned char emu_shared_memory[EMU_SHARED_BYTES];

static struct {
    int opened, count, ended;
    unsigned short ready[EMU_THREADS_MAX]; /* threads that can go on, but for the current one */
    int ready_count;
    Thread *current;
    Fiber host;
    void (*body)(void *);
    void *context;
    Meeting block;
    Warp warps[EMU_THREADS_MAX / EMU_LANES];
    size_t shared_used, dynamic_size;
    unsigned char *dynamic;
    Variable variables[EMU_VARIABLES_MAX];
    int variable_count;
    uint64_t random;
} emu;

static pthread_mutex_t launching = PTHREAD_MUTEX_INITIALIZER;

void emu_die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fflush(stdout);
    fprintf(stderr, "cuda-emu: block %u %u %u, thread %u %u %u: ", emu_block_at.x, emu_block_at.y, emu_block_at.z,
            emu_thread_at.x, emu_thread_at.y, emu_thread_at.z);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    abort();
}

/* splitmix64 */
uint32_t emu_random_below(uint32_t below) {
    uint64_t x = emu.random += 0x9e3779b97f4a7c15;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return (uint32_t)((x >> 32) * below >> 32);
}

/* ---- whose turn it is -------------------------------------------------------------------------------------------- */

/* Goes on with any thread that can; with the host when all have ended. The current thread is left where it is. */
static void yield(void) {
    Thread *left = emu.current, *next = NULL;
    while (emu_async_arrives(emu.ready_count == 0) && emu.ready_count == 0)
        ;
    if (emu.ready_count > 0) {
        const uint32_t chosen = emu_random_below((uint32_t)emu.ready_count);
        next = &threads[emu.ready[chosen]];
        emu.ready[chosen] = emu.ready[--emu.ready_count];
    } else if (emu.ended < emu.count) {
        const char *why;
        const int waiting = emu_async_waiting(&why);
        emu_die(
            "nobody can go on: some of %d threads have ended or wait elsewhere (%d ended, %d at the block's barrier, "
            "%d at barriers in shared memory%s)",
            emu.count, emu.ended, emu.block.count, waiting, why);
    }
    emu.current = next;
    if (next) {
        emu_thread_at = next->at;
        emu_lane = next->number % EMU_LANES;
    }
    if (next != left)
        fiber_switch(left ? &left->fiber : &emu.host, next ? &next->fiber : &emu.host);
}

static void make_ready(unsigned thread) {
    emu.ready[emu.ready_count++] = (unsigned short)thread;
}

/* The current thread waits until `wanted` are there. True for the last one, which does not wait. */
static bool meet(Meeting *meeting, int wanted) {
    meeting->waiting[meeting->count++] = (unsigned short)emu.current->number;
    return meeting->count == wanted;
}

void emu_wake(Meeting *meeting) {
    for (int i = 0; i < meeting->count; i++)
        make_ready(meeting->waiting[i]);
    meeting->count = 0;
}

void emu_wait_at(Meeting *meeting) {
    meeting->waiting[meeting->count++] = (unsigned short)emu.current->number;
    yield();
}

unsigned emu_thread_number(void) {
    return emu.current->number;
}

static void part(Meeting *meeting) {
    emu_wake(meeting);
    yield(); /* the last one to come is not always the first to go on */
}

void emu_block_meets(void) {
    if (meet(&emu.block, emu.count))
        part(&emu.block);
    else
        yield();
}

const EmuPart *emu_warp_meets(EmuTogether together, const EmuPart *mine, void (*finish)(EmuPart parts[EMU_LANES])) {
    Warp *warp = &emu.warps[emu.current->number / EMU_LANES];
    const int turn = warp->turn;
    if (warp->meeting.count && warp->together != together)
        emu_die("lanes of a warp meet in different operations (%d and %d)", (int)together, (int)warp->together);
    warp->together = together;
    if (mine)
        warp->parts[turn][emu_lane] = *mine;
    if (meet(&warp->meeting, EMU_LANES)) {
        warp->turn = !turn;
        if (finish)
            finish(warp->parts[turn]);
        part(&warp->meeting);
    } else {
        yield();
    }
    return warp->parts[turn];
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

/* A new variable, behind the others and a fence. */
static void *take_shared(const void *key, size_t size, size_t align) {
    const size_t at = (emu.shared_used + EMU_FENCE_BYTES + align - 1) / align * align;
    if (size > EMU_SHARED_MAX || at + size + EMU_FENCE_BYTES > EMU_SHARED_BYTES ||
        emu.variable_count == EMU_VARIABLES_MAX)
        emu_die("more shared memory than a block has");
    emu.shared_used = at + size;
    emu.variables[emu.variable_count++] = (Variable){key, at, size};
    UNFENCE(emu_shared_memory + at, size);
    return emu_shared_memory + at;
}

void *emu_shared(const void *key, size_t size, size_t align) {
    for (int i = 0; i < emu.variable_count; i++)
        if (emu.variables[i].key == key)
            return emu_shared_memory + emu.variables[i].at;
    return take_shared(key, size, align);
}

unsigned char *emu_dynamic_shared(void) {
    if (!emu.dynamic)
        emu_die("no dynamic shared memory was asked for");
    return emu.dynamic;
}

static void open_shared(void) {
    emu.shared_used = 0;
    emu.variable_count = 0;
    emu.dynamic = emu.dynamic_size ? take_shared(NULL, emu.dynamic_size, 1024) : NULL;
}

/* Whether the fences are as they were (the address sanitizer has seen to it at once); then all is as before the block.
 */
static void close_shared(void) {
    const size_t used = emu.shared_used + EMU_FENCE_BYTES;
#ifndef EMU_ASAN
    for (size_t i = 0, variable = 0; i < used; i++) {
        if (variable < (size_t)emu.variable_count && i == emu.variables[variable].at)
            i += emu.variables[variable++].size;
        if (emu_shared_memory[i] != EMU_NOT_A_NUMBER)
            emu_die("some thread wrote outside its shared variables");
    }
#endif
    UNFENCE(emu_shared_memory, used);
    memset(emu_shared_memory, EMU_NOT_A_NUMBER, used);
    FENCE(emu_shared_memory, used);
}

size_t emu_shared_used(void) {
    return emu.shared_used;
}

bool emu_in_variable(const void *address, size_t bytes) {
    const unsigned char *first = address;
    for (int i = 0; i < emu.variable_count; i++) {
        const unsigned char *variable = emu_shared_memory + emu.variables[i].at;
        if (first >= variable && first + bytes <= variable + emu.variables[i].size)
            return true;
    }
    return false;
}

void emu_each_variable(void (*show)(size_t at, size_t bytes)) {
    for (int i = 0; i < emu.variable_count; i++)
        show(emu.variables[i].at, emu.variables[i].size);
}

uint32_t emu_shared_address(const void *address) {
    if (!emu_in_variable(address, 1))
        emu_die("the shared address of what is not in shared memory");
    return (uint32_t)((const unsigned char *)address - emu_shared_memory);
}

/* NULL: zeros. */
static void copy_now(Thread *thread, unsigned char *dst, const void *src) {
    if (src)
        memcpy(dst, src, EMU_CHUNK);
    else
        memset(dst, 0, EMU_CHUNK);
    emu_async_copied(dst, thread->number);
}

void emu_copy(void *dst, const void *src) {
    if ((uintptr_t)dst % EMU_CHUNK || (uintptr_t)src % EMU_CHUNK)
        emu_die("an asynchronous copy of misaligned addresses");
    if (!emu_in_variable(dst, EMU_CHUNK))
        emu_die("an asynchronous copy to outside of shared memory");
    if (emu.current->copy_count == COPIES_MAX)
        emu_die("more than %d asynchronous copies of a thread", COPIES_MAX);
    if (emu_random_below(4) == 0)
        copy_now(emu.current, dst, src);
    else
        emu.current->copies[emu.current->copy_count++] = (Copy){dst, src, emu.current->group};
}

void emu_copy_commit(void) {
    emu.current->group++;
}

void emu_copy_wait(int groups) {
    Thread *thread = emu.current;
    int done = 0;
    while (done < thread->copy_count && thread->copies[done].group < thread->group - groups)
        copy_now(thread, thread->copies[done].dst, thread->copies[done].src), done++;
    thread->copy_count -= done;
    memmove(thread->copies, thread->copies + done, (size_t)thread->copy_count * sizeof *thread->copies);
}

/* ---- blocks ------------------------------------------------------------------------------------------------------ */

/* A fiber's life: one thread of every block, for ever. */
static void live(void) {
    fiber_entered();
    for (;;) {
        emu.body(emu.context);
        if (emu.current->copy_count)
            emu_die("ends with asynchronous copies that it never waited for");
        emu_async_thread_ends();
        emu.ended++;
        yield();
    }
}

static void run_block(void) {
    open_shared();
    emu_async_open();
    emu.ended = emu.ready_count = 0;
    emu.current = NULL;
    for (unsigned i = 0; i < (unsigned)emu.count; i++) {
        const EmuSize size = emu_block_size;
        Thread *thread = &threads[i];
        thread->at = (EmuSize){i % size.x, i / size.x % size.y, i / size.x / size.y};
        thread->number = i;
        thread->copy_count = thread->group = 0;
        make_ready(i);
    }
    yield();
    emu_async_close();
    close_shared();
}

static void open_emulator(void) {
    if (!emu.opened) {
        const char *seed = getenv("VV_EMU_SEED");
        emu.random = seed ? strtoull(seed, NULL, 0) : 1;
        memset(emu_shared_memory, EMU_NOT_A_NUMBER, EMU_SHARED_BYTES);
        FENCE(emu_shared_memory, EMU_SHARED_BYTES);
    }
    for (; emu.opened < emu.count; emu.opened++)
        fiber_open(&threads[emu.opened].fiber, live);
    fiber_adopt(&emu.host);
}

static size_t common_factor(size_t a, size_t b) {
    while (b) {
        const size_t rest = a % b;
        a = b, b = rest;
    }
    return a;
}

void emu_launch(EmuSize grid, EmuSize block, size_t dynamic_shared, void (*body)(void *), void *context) {
    pthread_mutex_lock(&launching);
    const size_t blocks = (size_t)grid.x * grid.y * grid.z, count = (size_t)block.x * block.y * block.z;
    if (!blocks || !count || count > EMU_THREADS_MAX || count % EMU_LANES || grid.y > 65535 || grid.z > 65535 ||
        block.z > 64 || dynamic_shared > EMU_SHARED_MAX)
        emu_die("a launch of %u %u %u blocks of %u %u %u threads with %zu bytes", grid.x, grid.y, grid.z, block.x,
                block.y, block.z, dynamic_shared);
    emu.count = (int)count;
    emu.body = body;
    emu.context = context;
    emu.dynamic_size = dynamic_shared;
    emu_grid_size = grid;
    emu_block_size = block;
    open_emulator();
    /* Any block may come first: a walk over all of them by a step that shares no factor with their number. */
    size_t step = 1 + emu_random_below((uint32_t)blocks), at = emu_random_below((uint32_t)blocks);
    while (common_factor(step, blocks) != 1)
        step++;
    for (size_t i = 0; i < blocks; i++, at = (at + step) % blocks) {
        emu_block_at =
            (EmuSize){(unsigned)(at % grid.x), (unsigned)(at / grid.x % grid.y), (unsigned)(at / grid.x / grid.y)};
        run_block();
    }
    pthread_mutex_unlock(&launching);
}
