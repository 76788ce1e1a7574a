/* The monotonic clock. */
#include "server/base/clock.h"

#include <time.h>

static VvTime read_clock(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return (VvTime)t.tv_sec * VV_SECOND + t.tv_nsec / 1000;
}

VvTime vv_now(void) {
    return read_clock(CLOCK_MONOTONIC);
}

VvTime vv_thread_cpu(void) {
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}
