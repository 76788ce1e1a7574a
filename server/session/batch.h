/* The batching policy, as pure functions on a list of windows: which come first, when to start, how many to take.
 *
 * A batch starts at the latest moment that still lets its first window be in time, so that others can join and inputs
 * are fresh; at once if its first window is urgent, or if it is full. It takes as many windows as it can without making
 * the first one late. If the first one is late anyway, it takes those that could not wait for the next batch. */
#ifndef VV_BATCH_H
#define VV_BATCH_H

#include "server/session/scheduler.h"
#include "server/session/step_time.h"

/* Windows in the order in which they are to be made: urgent ones first, then by deadline, then as they came. */
typedef struct VvPending {
    VvWindow *first;
    int count;
} VvPending;

/* Puts a window in its place. */
void vv_pending_add(VvPending *pending, VvWindow *window);

/* Takes the first window out; NULL if there is none. */
VvWindow *vv_pending_take(VvPending *pending);

/* When the next batch should start: some time in the past if at once; INT64_MAX if nothing is pending. */
VvTime vv_batch_start(const VvPending *pending, int max_batch, const VvStepTime *steps);

/* How many windows a batch that starts `now` takes: 1..max_batch, 0 if nothing is pending. */
int vv_batch_size(const VvPending *pending, int max_batch, VvTime now, const VvStepTime *steps);

#endif
