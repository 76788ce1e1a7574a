/* The device's thread.
 *
 * Windows come in through a stack that any thread pushes onto with one compare-and-swap and that the device's thread
 * empties with one exchange; an eventfd wakes it, written by whoever pushed onto the empty stack. Everything behind
 * that (the ordered list of pending windows, the batch) belongs to the device's thread alone. Nothing is allocated
 * after opening: windows are linked through themselves. */
#include "server/session/scheduler.h"

#include "server/base/metrics.h"
#include "server/session/batch.h"
#include "server/session/step_time.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define LOAD 0.8                 /* share of the time that the device may be busy */
#define MEASURE_US (400 * VV_MS) /* for all batch sizes together */
#define TIMER_US 250             /* how late timers fire, until it is known */
#define MEASURE_RUNS 5           /* of one batch size, at most */
#define DEPTH_ONE 64             /* unit of `depth` */
#define SEED UINT64_C(0x9e3779b97f4a7c15)

struct VvScheduler {
    VvAvatar *avatar;
    int max_batch;
    int wake; /* eventfd */
    pthread_t thread;
    bool running;
    sem_t measured;
    int measure_status; /* these are written before `measured` is posted */
    double processors;

    _Atomic(VvWindow *) submitted; /* newest first */
    atomic_bool stopping;
    atomic_int depth; /* the size of batches lately, as a slowly falling peak, x DEPTH_ONE */
    VvStepTime steps;

    /* The device's thread's: */
    VvPending pending;
    VvAvatarItem **items; /* the batch */
    VvWindow **windows;
};

/* ---- measuring ------------------------------------------------------------------------------------------------ */

/* What one step needs, made for the measurement only. */
typedef struct Rig {
    VvAvatarItem *items;
    VvAvatarItem **pointers;
    float *speech, *user;
    VvPicture camera;
    int count;
} Rig;

static void rig_close(VvAvatar *avatar, Rig *rig) {
    for (int i = 0; rig->items && i < rig->count; i++) {
        if (rig->items[i].state)
            avatar->destroy(avatar, &rig->items[i].state);
        for (int f = 0; f < VV_WINDOW_FRAMES; f++)
            vv_picture_free(&rig->items[i].frames[f]);
    }
    vv_picture_free(&rig->camera);
    free(rig->speech);
    free(rig->user);
    free(rig->pointers);
    free(rig->items);
}

static void fill_noise(float *rows, int count, uint64_t *random) {
    for (int i = 0; i < count * VV_MEL_BANDS; i++) {
        *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        rows[i] = VV_MEL_SILENCE + (float)(*random >> 40) * (10.0f / (1 << 24));
    }
}

static int rig_item(VvAvatar *avatar, Rig *rig, VvAvatarItem *item) {
    item->state = avatar->create(avatar, SEED);
    if (!item->state)
        return -ENOMEM;
    item->seed = SEED;
    item->speech = rig->speech;
    item->speech_frames = VV_WINDOW_FRAMES;
    item->user = rig->user;
    item->user_rows = VV_WINDOW_FRAMES * VV_HOPS;
    item->camera = &rig->camera;
    item->camera_new = true;
    int status = 0;
    for (int f = 0; f < VV_WINDOW_FRAMES && !status; f++)
        status = vv_picture_alloc(&item->frames[f], avatar->info.width, avatar->info.height);
    return status;
}

/* Items as a talking, looking user would give them. */
static int rig_open(VvAvatar *avatar, int count, Rig *rig) {
    *rig = (Rig){.count = count};
    rig->items = calloc((size_t)count, sizeof *rig->items);
    rig->pointers = calloc((size_t)count, sizeof(VvAvatarItem *));
    rig->speech = calloc(VV_SPEECH_ROWS * VV_MEL_BANDS, sizeof *rig->speech);
    rig->user = calloc(VV_WINDOW_FRAMES * VV_HOPS * VV_MEL_BANDS, sizeof *rig->user);
    int status = rig->items && rig->pointers && rig->speech && rig->user ? 0 : -ENOMEM;
    if (!status)
        status = vv_picture_alloc(&rig->camera, VV_CAMERA_WIDTH, VV_CAMERA_HEIGHT);
    if (!status) {
        uint64_t random = SEED;
        fill_noise(rig->speech, VV_SPEECH_ROWS, &random);
        fill_noise(rig->user, VV_WINDOW_FRAMES * VV_HOPS, &random);
        vv_picture_fill(&rig->camera, 0, 0, VV_CAMERA_WIDTH, VV_CAMERA_HEIGHT, (VvYuv){110, 120, 140});
    }
    for (int i = 0; i < count && !status; i++) {
        status = rig_item(avatar, rig, &rig->items[i]);
        rig->pointers[i] = &rig->items[i];
    }
    return status;
}

/* One step of `batch` items, as the next window of each. */
static int rig_step(VvAvatar *avatar, Rig *rig, int batch, VvTime *time) {
    const VvTime from = vv_now();
    const int status = avatar->step(avatar, rig->pointers, batch);
    *time = vv_now() - from;
    for (int i = 0; i < batch; i++) {
        rig->items[i].kept = VV_WINDOW_FRAMES;
        rig->items[i].window++;
        rig->items[i].pts += VV_WINDOW_FRAMES * VV_FRAME_US;
    }
    return status;
}

static int compare_times(const void *a, const void *b) {
    const VvTime x = *(const VvTime *)a;
    const VvTime y = *(const VvTime *)b;
    return (x > y) - (x < y);
}

/* Processor time of all threads. While the step is measured, only it works. */
static VvTime processor_time(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return time.tv_sec * VV_SECOND + time.tv_nsec / 1000;
}

/* The median of a few runs of each batch size, after one to warm up. When the time for it is used up, the larger sizes
 * are taken to cost as much per item as the last one measured; the steps to come correct it. */
static int measure(VvScheduler *s) {
    VvAvatar *avatar = s->avatar;
    Rig rig;
    VvTime warm;
    int status = rig_open(avatar, s->max_batch, &rig);
    if (!status)
        status = rig_step(avatar, &rig, 1, &warm);
    const VvTime begin = vv_now(), busy = processor_time(), end = begin + MEASURE_US;
    double per_item = 0;
    for (int k = 0; k < s->steps.knots && !status; k++) {
        const int batch = s->steps.size[k];
        VvTime times[MEASURE_RUNS];
        int runs = 0;
        while (runs < MEASURE_RUNS && (vv_now() < end || k == 0) && !status)
            status = rig_step(avatar, &rig, batch, &times[runs++]);
        if (runs) {
            qsort(times, (size_t)runs, sizeof times[0], compare_times);
            per_item = (double)(times[runs / 2] > 0 ? times[runs / 2] : 1) / batch;
        }
        vv_step_time_set(&s->steps, k, per_item * batch);
        for (int i = 0; i < runs; i++)
            vv_step_time_add(&s->steps, batch, (double)times[i], TIMER_US);
    }
    const VvTime took = vv_now() - begin;
    s->processors = took > 0 ? (double)(processor_time() - busy) / (double)took : 1;
    rig_close(avatar, &rig);
    return status;
}

/* ---- the device's thread -------------------------------------------------------------------------------------- */

/* Moves what was submitted into the ordered list. The stack gives newest first; turned round, windows of the same
 * deadline keep the order in which they came. */
static void gather(VvScheduler *s) {
    /* Acquire: pairs with the push, so that the windows' contents are seen. */
    VvWindow *stack = atomic_exchange_explicit(&s->submitted, NULL, memory_order_acquire);
    VvWindow *oldest = NULL;
    while (stack) {
        VvWindow *next = stack->next;
        stack->next = oldest;
        oldest = stack;
        stack = next;
    }
    while (oldest) {
        VvWindow *next = oldest->next;
        vv_pending_add(&s->pending, oldest);
        oldest = next;
    }
}

/* Sleeps until something is submitted or `until` comes; says whether it was the latter. */
static bool sleep_until(VvScheduler *s, VvTime until) {
    struct timespec timeout;
    if (until != INT64_MAX) {
        const VvTime now = vv_now();
        const VvTime wait = until > now ? until - now : 0;
        timeout = (struct timespec){.tv_sec = wait / VV_SECOND, .tv_nsec = wait % VV_SECOND * 1000};
    }
    struct pollfd wake = {.fd = s->wake, .events = POLLIN};
    if (ppoll(&wake, 1, until == INT64_MAX ? NULL : &timeout, NULL) <= 0)
        return vv_now() >= until;
    /* Cleared before the stack is emptied: a push after this writes it again. */
    eventfd_t count;
    (void)eventfd_read(s->wake, &count);
    return false;
}

static void remember_depth(VvScheduler *s, int size) {
    int depth = atomic_load_explicit(&s->depth, memory_order_relaxed); /* one writer, an estimate */
    depth -= depth / DEPTH_ONE;
    const int now = size * DEPTH_ONE;
    atomic_store_explicit(&s->depth, now > depth ? now : depth, memory_order_relaxed);
}

static void finish(VvWindow *window, int status, int batch, VvTime started, VvTime finished) {
    window->status = status;
    window->batch = batch;
    window->started = started;
    window->finished = finished;
    const VvTime late = finished - window->deadline - window->grace;
    vv_count(VV_COUNTER_WINDOWS, 1);
    if (late > 0)
        vv_count(VV_COUNTER_WINDOWS_LATE, 1);
    vv_observe(VV_HISTOGRAM_LATENESS, late > 0 ? late : 0);
    vv_observe(VV_HISTOGRAM_WINDOW_WAIT, started - window->submitted);
    window->done(window->ctx, window); /* from here on it is the session's */
}

/* How long the first pending window, `size` being made with it, was kept from beginning when it had to. */
static double held_up(const VvScheduler *s, int size, VvTime now) {
    const VvWindow *first = s->pending.first;
    const double needs = vv_step_time(&s->steps, size) + vv_step_time_spread(&s->steps);
    const VvTime begin = first->deadline - (VvTime)needs;
    const VvTime possible = begin > first->submitted ? begin : first->submitted;
    return now > possible ? (double)(now - possible) : 0;
}

/* Makes one batch of `size` windows. `alarm`: when the timer that begins it was to fire; 0 if none did. */
static void run_batch(VvScheduler *s, int size, VvTime alarm) {
    remember_depth(s, size);
    vv_step_time_hold(&s->steps, alarm ? 0 : held_up(s, size, vv_now()));
    for (int i = 0; i < size; i++) {
        s->windows[i] = vv_pending_take(&s->pending);
        s->items[i] = &s->windows[i]->item;
    }
    const VvTime started = vv_now();
    const int status = s->avatar->step(s->avatar, s->items, size);
    const VvTime finished = vv_now();
    if (!status)
        vv_step_time_add(&s->steps, size, (double)(finished - started), alarm ? (double)(started - alarm) : 0);
    vv_count(VV_COUNTER_BATCHES, 1);
    vv_observe(VV_HISTOGRAM_STEP, finished - started);
    for (int i = 0; i < size; i++)
        finish(s->windows[i], status, size, started, finished);
}

static void *device_thread(void *arg) {
    VvScheduler *s = arg;
    s->measure_status = measure(s);
    const bool usable = !s->measure_status;
    sem_post(&s->measured);
    VvTime alarm = 0;
    while (usable) {
        /* Acquire: whatever was submitted before the stop is seen by the gather after it. */
        const bool stopping = atomic_load_explicit(&s->stopping, memory_order_acquire);
        gather(s);
        const VvTime start = stopping ? INT64_MIN : vv_batch_start(&s->pending, s->max_batch, &s->steps);
        const VvTime now = vv_now();
        if (s->pending.count && start <= now) {
            const int size = vv_batch_size(&s->pending, s->max_batch, now, &s->steps);
            run_batch(s, size, alarm);
            alarm = 0;
        } else if (stopping) {
            break;
        } else {
            alarm = sleep_until(s, start) ? start : 0;
        }
    }
    return NULL;
}

/* ---- any thread ----------------------------------------------------------------------------------------------- */

void vv_scheduler_submit(VvScheduler *s, VvWindow *window) {
    window->submitted = vv_now();
    VvWindow *head = atomic_load_explicit(&s->submitted, memory_order_relaxed); /* the exchange below checks it */
    do
        window->next = head;
    while (!atomic_compare_exchange_weak_explicit(&s->submitted, &head, window, memory_order_release,
                                                  memory_order_relaxed));
    /* From here on the window may already be done and gone. Whoever found the stack empty wakes the thread, for all
     * that push onto it until the thread empties it. */
    if (!head)
        (void)eventfd_write(s->wake, 1);
}

double vv_scheduler_step_time(const VvScheduler *s, int batch) {
    return vv_step_time(&s->steps, batch);
}

double vv_scheduler_processors(const VvScheduler *s) {
    return s->processors;
}

VvTime vv_scheduler_lead(const VvScheduler *s) {
    const int depth = atomic_load_explicit(&s->depth, memory_order_relaxed); /* an estimate */
    const double step = vv_step_time(&s->steps, (depth + DEPTH_ONE / 2) / DEPTH_ONE);
    return (VvTime)(step + vv_step_time_spread(&s->steps) + vv_step_time_held(&s->steps)) + 1;
}

int vv_scheduler_capacity(const VvScheduler *s) {
    const double windows = vv_step_time_rate(&s->steps) * LOAD * VV_WINDOW_FRAMES / VV_FPS;
    return windows < INT32_MAX ? (int)windows : INT32_MAX;
}

int vv_scheduler_open(VvAvatar *avatar, VvScheduler **scheduler) {
    *scheduler = NULL;
    VvScheduler *s = calloc(1, sizeof *s);
    if (!s)
        return -ENOMEM;
    int status = -ENOMEM;
    s->avatar = avatar;
    s->max_batch = avatar->info.max_batch > 0 ? avatar->info.max_batch : 1;
    s->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    sem_init(&s->measured, 0, 0);
    atomic_init(&s->submitted, NULL);
    atomic_init(&s->stopping, false);
    atomic_init(&s->depth, DEPTH_ONE);
    vv_step_time_init(&s->steps, s->max_batch);
    s->items = calloc((size_t)s->max_batch, sizeof(VvAvatarItem *));
    s->windows = calloc((size_t)s->max_batch, sizeof(VvWindow *));
    if (s->wake < 0)
        status = -errno;
    if (s->wake < 0 || !s->items || !s->windows)
        goto error;
    status = -pthread_create(&s->thread, NULL, device_thread, s);
    if (status)
        goto error;
    s->running = true;
    while (sem_wait(&s->measured))
        ; /* interrupted by a signal */
    status = s->measure_status;
    if (status)
        goto error;
    *scheduler = s;
    return 0;
error:
    vv_scheduler_close(&s);
    return status;
}

void vv_scheduler_close(VvScheduler **scheduler) {
    VvScheduler *s = *scheduler;
    if (!s)
        return;
    *scheduler = NULL;
    if (s->running) {
        atomic_store_explicit(&s->stopping, true, memory_order_release);
        (void)eventfd_write(s->wake, 1);
        pthread_join(s->thread, NULL);
    }
    if (s->wake >= 0)
        close(s->wake);
    sem_destroy(&s->measured);
    free(s->items);
    free(s->windows);
    free(s);
}
