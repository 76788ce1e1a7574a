/* What a batch step takes: a curve over the batch's size, the spread around it, and how long batches are held up.
 *
 * The curve is piecewise linear through knots at 1, 2, 4 ... and the largest batch. Each measured step pulls the two
 * knots around its size towards it, so that the curve follows a machine that gets busier. Spread and hold-up are what
 * all but one of the last 256 steps stayed below. One thread (the device's) adds; any thread reads. Every figure that
 * is read is one relaxed atomic: they are estimates, and a reader may see one older than another. */
#ifndef VV_STEP_TIME_H
#define VV_STEP_TIME_H

#include "server/base/clock.h"

#include <stdatomic.h>

#define VV_STEP_KNOTS_MAX 16
#define VV_STEP_HISTORY 256

/* The second largest of the last VV_STEP_HISTORY values, at least 0: beyond the 99th percentile, and a single accident
 * is no habit. */
typedef struct VvStepTail {
    float value[VV_STEP_HISTORY]; /* a ring; the adding thread's */
    unsigned count;
    _Atomic double second;
} VvStepTail;

typedef struct VvStepTime {
    int knots;
    int size[VV_STEP_KNOTS_MAX];            /* batch sizes, rising: 1, 2, 4 ... the largest */
    _Atomic double time[VV_STEP_KNOTS_MAX]; /* microseconds */
    VvStepTail excess;                      /* measured - expected */
    VvStepTail held;
} VvStepTime;

/* Knots for batches up to `max_batch` (at least 1, at most 2^15), all times 0. */
void vv_step_time_init(VvStepTime *steps, int max_batch);

/* Sets a knot's time. */
void vv_step_time_set(VvStepTime *steps, int knot, double microseconds);

/* Adding thread: a step of `batch` items took `microseconds`, and its timer fired `delay` late: that belongs to the
 * spread, not to the curve. */
void vv_step_time_add(VvStepTime *steps, int batch, double microseconds, double delay);

/* Adding thread: a batch that could have begun began this much later, because the device was busy; 0 if it was not. */
void vv_step_time_hold(VvStepTime *steps, double microseconds);

/* Any thread: the expected time of a step of `batch` items (clamped to 1 .. the largest), microseconds. */
double vv_step_time(const VvStepTime *steps, int batch);

/* Any thread: how much longer a step may take than expected, microseconds; at most half a window, since a stall longer
 * than that is an accident and not to be planned for. */
double vv_step_time_spread(const VvStepTime *steps);

/* Any thread: how long a batch may be held up by the steps before it, microseconds; at most half a window too. */
double vv_step_time_held(const VvStepTime *steps);

/* Any thread: windows a second that the device can make when busy all the time, with steps that leave time for another
 * one within the window. */
double vv_step_time_rate(const VvStepTime *steps);

#endif
