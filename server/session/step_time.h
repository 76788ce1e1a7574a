/* What a batch step takes: a curve over the batch's size, and the spread around it.
 *
 * The curve is piecewise linear through knots at 1, 2, 4 ... and the largest batch. Each measured step pulls the two
 * knots around its size towards it, so that the curve follows a machine that gets busier. The spread is the 99th
 * percentile of how much longer than expected the last 256 steps took. One thread (the device's) adds; any thread
 * reads. Every figure is one relaxed atomic: they are estimates, and a reader may see one older than another. */
#ifndef VV_STEP_TIME_H
#define VV_STEP_TIME_H

#include "server/base/clock.h"

#include <stdatomic.h>

#define VV_STEP_KNOTS_MAX 16
#define VV_STEP_HISTORY 256

typedef struct VvStepTime {
    int knots;
    int size[VV_STEP_KNOTS_MAX];            /* batch sizes, rising: 1, 2, 4 ... the largest */
    _Atomic double time[VV_STEP_KNOTS_MAX]; /* microseconds */
    _Atomic double spread;                  /* microseconds, >= 0 */
    float excess[VV_STEP_HISTORY];          /* measured - expected, a ring; the adding thread's */
    unsigned count;                         /* steps added */
} VvStepTime;

/* Knots for batches up to `max_batch` (at least 1, at most 2^15), all times 0. */
void vv_step_time_init(VvStepTime *steps, int max_batch);

/* Sets a knot's time. */
void vv_step_time_set(VvStepTime *steps, int knot, double microseconds);

/* Adding thread: a step of `batch` items took `microseconds`, and began `delay` later than it should have (a late
 * timer): the delay belongs to the spread, not to the curve. */
void vv_step_time_add(VvStepTime *steps, int batch, double microseconds, double delay);

/* Any thread: the expected time of a step of `batch` items (clamped to 1 .. the largest), microseconds. */
double vv_step_time(const VvStepTime *steps, int batch);

/* Any thread: how much longer a step may take than expected, microseconds; at most half a window, since a stall longer
 * than that is an accident and not to be planned for. */
double vv_step_time_spread(const VvStepTime *steps);

/* Any thread: windows a second that the device can make when busy all the time, with steps that leave time for another
 * one within the window. */
double vv_step_time_rate(const VvStepTime *steps);

#endif
