/* Time: monotonic microseconds, in one type of its own. Wall-clock time is never used for media. */
#ifndef VV_CLOCK_H
#define VV_CLOCK_H

#include <stdint.h>

typedef int64_t VvTime; /* microseconds, of the monotonic clock or of a media clock */

#define VV_SECOND INT64_C(1000000)
#define VV_MS INT64_C(1000)

/* The monotonic clock now. Any thread. */
VvTime vv_now(void);

/* CPU time that the calling thread has used. */
VvTime vv_thread_cpu(void);

#endif
