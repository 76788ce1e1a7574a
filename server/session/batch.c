/* The batching policy. */
#include "server/session/batch.h"

#include <stddef.h>

static bool goes_before(const VvWindow *a, const VvWindow *b) {
    if (a->urgent != b->urgent)
        return a->urgent;
    return a->deadline < b->deadline;
}

void vv_pending_add(VvPending *pending, VvWindow *window) {
    VvWindow **place = &pending->first;
    while (*place && !goes_before(window, *place))
        place = &(*place)->next;
    window->next = *place;
    *place = window;
    pending->count++;
}

VvWindow *vv_pending_take(VvPending *pending) {
    VvWindow *window = pending->first;
    if (window) {
        pending->first = window->next;
        pending->count--;
        window->next = NULL;
    }
    return window;
}

VvTime vv_batch_start(const VvPending *pending, int max_batch, const VvStepTime *steps) {
    if (!pending->first)
        return INT64_MAX;
    if (pending->first->urgent || pending->count >= max_batch)
        return INT64_MIN;
    return pending->first->deadline - (VvTime)(vv_step_time(steps, pending->count) + vv_step_time_spread(steps));
}

int vv_batch_size(const VvPending *pending, int max_batch, VvTime now, const VvStepTime *steps) {
    if (!pending->first)
        return 0;
    const VvTime first = pending->first->deadline;
    const VvTime spread = (VvTime)vv_step_time_spread(steps);
    const bool late = now + (VvTime)vv_step_time(steps, 1) > first;
    int size = 1;
    for (const VvWindow *w = pending->first->next; w && size < max_batch; w = w->next, size++) {
        const VvTime end = now + (VvTime)vv_step_time(steps, size + 1);
        const VvTime next_end = end + (VvTime)vv_step_time(steps, size + 1) + spread;
        const bool cannot_wait = w->urgent || w->deadline < next_end;
        if (late ? !cannot_wait : end > first)
            break;
    }
    return size;
}
