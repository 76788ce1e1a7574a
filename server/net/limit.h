/* How much one connection may send: two token buckets, for messages and for bytes, and a judge of those who never stop.
 *
 * Nothing is thrown away. Who sends faster than the buckets fill is not read from for a while, so that it waits in its
 * own socket. Time is given by the caller. */
#ifndef VV_LIMIT_H
#define VV_LIMIT_H

#include "server/base/clock.h"

#include <stdbool.h>
#include <stddef.h>

#define VV_LIMIT_PATIENCE 30 /* seconds of being paused most of the time before a connection is given up */

typedef struct VvBucket {
    double rate, room, level; /* tokens a second, at most, now; may be negative */
} VvBucket;

typedef struct VvLimit {
    VvBucket messages, bytes;
    VvTime filled;       /* when the buckets were last filled up */
    VvTime paused_since; /* of a pause that lasts; -1: none */
    VvTime judged;       /* when vv_limit_judge was last asked */
    VvTime paused;       /* time paused since then */
    int seconds;         /* judgements in a row that found it paused for more than half of the time */
} VvLimit;

/* Full buckets of one second's worth. */
void vv_limit_init(VvLimit *limit, int messages, int bytes, VvTime now);

/* Takes from the buckets. False if one is empty: the caller stops reading and asks vv_limit_wait. */
bool vv_limit_take(VvLimit *limit, int messages, size_t bytes, VvTime now);

/* How long reading must still pause, microseconds; 0 if it may go on, which also ends the pause. Reading goes on when a
 * tenth of each bucket is full, so that it does not stop again at once. */
VvTime vv_limit_wait(VvLimit *limit, VvTime now);

/* To be asked about once a second: whether the connection was paused most of the time, VV_LIMIT_PATIENCE times in a
 * row. */
bool vv_limit_judge(VvLimit *limit, VvTime now);

#endif
