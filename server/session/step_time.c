/* What a batch step takes: the curve and its spread. */
#include "server/session/step_time.h"

#include "server/avatar/avatar.h"

#define RATE 0.125 /* share of the error that one step corrects */
#define WINDOW_US ((double)(VV_WINDOW_FRAMES * VV_FRAME_US))

void vv_step_time_init(VvStepTime *steps, int max_batch) {
    steps->knots = 0;
    for (int size = 1; size < max_batch && steps->knots < VV_STEP_KNOTS_MAX - 1; size *= 2)
        steps->size[steps->knots++] = size;
    steps->size[steps->knots++] = max_batch;
    for (int i = 0; i < VV_STEP_KNOTS_MAX; i++)
        atomic_init(&steps->time[i], 0.0);
    steps->excess.count = steps->held.count = 0;
    atomic_init(&steps->excess.second, 0.0);
    atomic_init(&steps->held.second, 0.0);
}

static double load(const _Atomic double *value) {
    return atomic_load_explicit(value, memory_order_relaxed); /* an estimate that orders nothing */
}

static void store(_Atomic double *value, double x) {
    atomic_store_explicit(value, x, memory_order_relaxed); /* one writer; readers may be a step behind */
}

static void move(_Atomic double *value, double by) {
    const double moved = load(value) + by;
    store(value, moved > 1 ? moved : 1); /* no step takes no time */
}

void vv_step_time_set(VvStepTime *steps, int knot, double microseconds) {
    store(&steps->time[knot], microseconds);
}

/* The knot at or below `batch`, and how far `batch` is on the way to the next one (0..1). */
static int find(const VvStepTime *steps, int batch, double *way) {
    int low = 0;
    while (low + 2 < steps->knots && steps->size[low + 1] <= batch)
        low++;
    *way = 0;
    if (steps->knots == 1 || batch <= steps->size[low])
        return low;
    const double from = steps->size[low];
    const double to = steps->size[low + 1];
    *way = batch < to ? (batch - from) / (to - from) : 1;
    return low;
}

double vv_step_time(const VvStepTime *steps, int batch) {
    double way;
    const int low = find(steps, batch, &way);
    const double from = load(&steps->time[low]);
    return way > 0 ? from + way * (load(&steps->time[low + 1]) - from) : from;
}

static double second_largest(const VvStepTail *tail) {
    const unsigned kept = tail->count < VV_STEP_HISTORY ? tail->count : VV_STEP_HISTORY;
    float first = 0;
    float second = 0;
    for (unsigned i = 0; i < kept; i++) {
        const float value = tail->value[i];
        const float smaller = value < first ? value : first;
        first = value > first ? value : first;
        second = smaller > second ? smaller : second;
    }
    return second;
}

static void add_to_tail(VvStepTail *tail, double value) {
    tail->value[tail->count % VV_STEP_HISTORY] = (float)value;
    tail->count++;
    /* Keeps its place in the ring and stays "full" when the number would wrap. */
    if (tail->count == 2 * VV_STEP_HISTORY)
        tail->count = VV_STEP_HISTORY;
    store(&tail->second, second_largest(tail));
}

static double read_tail(const VvStepTail *tail) {
    const double value = load(&tail->second);
    return value < WINDOW_US / 2 ? value : WINDOW_US / 2;
}

void vv_step_time_add(VvStepTime *steps, int batch, double microseconds, double delay) {
    double way;
    const int low = find(steps, batch, &way);
    const double expected = vv_step_time(steps, batch);
    const double error = microseconds - expected;

    /* One accident must not bend the curve: no step counts as more than twice the expected. */
    const double limit = expected > 1 ? expected : 1;
    const double pull = RATE * (error < limit ? error : limit) / (way * way + (1 - way) * (1 - way));
    move(&steps->time[low], pull * (1 - way));
    if (way > 0)
        move(&steps->time[low + 1], pull * way);

    add_to_tail(&steps->excess, error + (delay > 0 ? delay : 0));
}

void vv_step_time_hold(VvStepTime *steps, double microseconds) {
    add_to_tail(&steps->held, microseconds);
}

double vv_step_time_spread(const VvStepTime *steps) {
    return read_tail(&steps->excess);
}

double vv_step_time_held(const VvStepTime *steps) {
    return read_tail(&steps->held);
}

double vv_step_time_rate(const VvStepTime *steps) {
    double best = 0;
    for (int i = 0; i < steps->knots; i++) {
        const double time = load(&steps->time[i]);
        if (time <= 0 || (i > 0 && 2 * time > WINDOW_US))
            continue;
        const double rate = steps->size[i] * (double)VV_SECOND / time;
        best = rate > best ? rate : best;
    }
    return best;
}
