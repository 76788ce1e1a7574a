/* How many sessions this machine can carry, measured, so that one more is refused instead of spoiling all. */
#ifndef VV_CAPACITY_H
#define VV_CAPACITY_H

#include "server/session/scheduler.h"

typedef struct VvCapacity {
    double media_us; /* CPU time of codecs and features for one session, each second, microseconds */
    double step_us;  /* CPU time of the avatar's steps for one session, each second */
    int cores;       /* that the media workers may use */
    int sessions;    /* the result */
} VvCapacity;

/* Measures codecs on generated material (about 0.1 s) and takes the step's time from the scheduler. Any thread. */
VvCapacity vv_capacity_measure(const VvScheduler *scheduler, const VvAvatarInfo *info, int workers);

#endif
