/* The scheduler: windows of all sessions, made in batches by one thread per device.
 *
 * A session asks for its next window by submitting it with a deadline, and hears of it through `done`. The device's
 * thread waits until the earliest deadline leaves just enough time for the step, so that as many sessions as possible
 * share it and each is made from the newest input; windows with `urgent` set (speech waits for them) do not wait. What
 * the step costs is measured when the scheduler opens and at every step after. The policy itself is in batch.h, the
 * measured times in step_time.h. */
#ifndef VV_SCHEDULER_H
#define VV_SCHEDULER_H

#include "server/avatar/avatar.h"
#include "server/base/clock.h"

#include <stdbool.h>

/* One window of one session. Owned by the session, which fills the first part, submits it, and leaves it alone until
 * `done`; from then on, inside `done` too, it is the session's again. A session has one window submitted at a time, so
 * sessions x 1 bounds the queue, and no session can starve another. There is no way to take a window back: a session
 * that changed its mind ignores the frames (and says kept = 0 next time). */
typedef struct VvWindow {
    VvAvatarItem item;
    VvTime deadline; /* when the first frame should be ready, by vv_now */
    VvTime grace;    /* how much later it still reaches its frame's time; lateness counts from there */
    bool urgent;     /* start as soon as the device is free */

    /* Called by the device's thread; must neither block nor take long: the next batch waits for it. */
    void (*done)(void *ctx, struct VvWindow *window);
    void *ctx;

    /* Out: */
    int status;                          /* 0, or the step's negative errno: then frames and state are as before */
    int batch;                           /* items in its batch */
    VvTime submitted, started, finished; /* by vv_now; the last two are its step's */

    struct VvWindow *next; /* the scheduler's, while submitted */
} VvWindow;

typedef struct VvScheduler VvScheduler;

/* Starts the device's thread, which measures the step for batches of 1, 2, 4 ... on states of its own; returns when it
 * has (well under a second unless a single step takes longer). `avatar` is borrowed and must outlive the scheduler;
 * nothing else may call its `step`. Returns 0, or a negative errno: no memory, no thread, or what the step returned. */
int vv_scheduler_open(VvAvatar *avatar, VvScheduler **scheduler);

/* Runs everything that was submitted at once, without waiting for deadlines, then stops the thread, frees, and clears
 * the pointer. Nobody may submit any more. NULL inside is fine. */
void vv_scheduler_close(VvScheduler **scheduler);

/* Hands a window over; sets its `submitted`. Any thread, also from inside `done`; never blocks, takes no lock. */
void vv_scheduler_submit(VvScheduler *scheduler, VvWindow *window);

/* How long before its deadline a window should be submitted, microseconds: the time of a step as large as the batches
 * lately were, its spread, and how long batches lately were held up by the steps before them (nothing, with one
 * session; with many, the time in which windows gather). It is also how soon an urgent window can be counted on. Any
 * thread. */
VvTime vv_scheduler_lead(const VvScheduler *scheduler);

/* What a step of `batch` items takes, microseconds: measured, interpolated between the batches measured. Any thread. */
double vv_scheduler_step_time(const VvScheduler *scheduler, int batch);

/* How many processors of this machine a step keeps busy, on the average of its time, as measured when the scheduler
 * opened. Any thread. */
double vv_scheduler_processors(const VvScheduler *scheduler);

/* How many sessions this device can serve, each with a window every VV_WINDOW_FRAMES frames, when it is busy 80 % of
 * the time; by the times measured so far, so it changes a little as the scheduler learns. Any thread. */
int vv_scheduler_capacity(const VvScheduler *scheduler);

#endif
