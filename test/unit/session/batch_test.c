/* The batching policy and the estimate of the step's time: pure functions, so every number is exact. */
#include "server/session/batch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Steps of 1, 2, 4 and 6 items: 40, 60, 100 and 140 ms. */
static VvStepTime *some_steps(void) {
    static VvStepTime steps;
    static const double times[] = {40000, 60000, 100000, 140000};
    vv_step_time_init(&steps, 6);
    assert_int_equal(steps.knots, 4);
    for (int i = 0; i < steps.knots; i++)
        vv_step_time_set(&steps, i, times[i]);
    return &steps;
}

static void assert_near(double value, double expected) {
    if (!(fabs(value - expected) <= 1e-6 * fabs(expected) + 1e-6))
        fail_msg("%f is not %f", value, expected);
}

static VvPending pending_of(VvWindow *windows, const VvTime *deadlines, int count) {
    VvPending pending = {0};
    for (int i = 0; i < count; i++) {
        windows[i] = (VvWindow){.deadline = deadlines[i]};
        vv_pending_add(&pending, &windows[i]);
    }
    return pending;
}

static void list_keeps_its_order(void **state) {
    (void)state;
    static VvWindow windows[200];
    VvPending pending = {0};
    uint32_t random = 3;
    for (int i = 0; i < 200; i++) {
        random = random * 1664525u + 1013904223u;
        windows[i] = (VvWindow){.deadline = random >> 28, .urgent = (random >> 20 & 7) == 0, .submitted = i};
        vv_pending_add(&pending, &windows[i]);
    }
    assert_int_equal(pending.count, 200);
    const VvWindow *before = vv_pending_take(&pending);
    for (int i = 1; i < 200; i++) {
        const VvWindow *w = vv_pending_take(&pending);
        assert_true(before->urgent >= w->urgent);
        if (before->urgent == w->urgent) {
            assert_true(before->deadline <= w->deadline);
            if (before->deadline == w->deadline)
                assert_true(before->submitted < w->submitted);
        }
        before = w;
    }
    assert_null(vv_pending_take(&pending));
    assert_int_equal(pending.count, 0);
}

static void batch_starts_as_late_as_it_can(void **state) {
    (void)state;
    VvStepTime *steps = some_steps();
    VvWindow windows[6];
    VvPending pending = {0};
    assert_int_equal(vv_batch_start(&pending, 6, steps), INT64_MAX);
    const VvTime deadlines[] = {1000000, 900000, 2000000, 900000, 3000000, 950000};
    pending = pending_of(windows, deadlines, 1);
    assert_int_equal(vv_batch_start(&pending, 6, steps), 960000);
    pending = pending_of(windows, deadlines, 2);
    assert_int_equal(vv_batch_start(&pending, 6, steps), 840000);
    pending = pending_of(windows, deadlines, 3);
    assert_int_equal(vv_batch_start(&pending, 6, steps), 820000);
    vv_step_time_add(steps, 2, 60000 + 8000, 0); /* the curve moves by an eighth of it */
    vv_step_time_add(steps, 2, 61000 - 8000, 5000);
    vv_step_time_add(steps, 2, 60000, 5000); /* 5 ms of spread */
    pending = pending_of(windows, deadlines, 2);
    assert_int_equal(vv_batch_start(&pending, 6, steps), 900000 - 60000 - 5000);
    pending = pending_of(windows, deadlines, 6);
    assert_int_equal(vv_batch_start(&pending, 6, steps), INT64_MIN); /* full */
    pending = pending_of(windows, deadlines, 2);
    windows[5] = (VvWindow){.deadline = 5000000, .urgent = true};
    vv_pending_add(&pending, &windows[5]);
    assert_int_equal(vv_batch_start(&pending, 6, steps), INT64_MIN); /* urgent */
}

static int size_of(const VvTime *deadlines, int count, VvTime now) {
    VvWindow windows[8];
    const VvPending pending = pending_of(windows, deadlines, count);
    return vv_batch_size(&pending, 6, now, some_steps());
}

static void batch_takes_what_lets_the_first_be_in_time(void **state) {
    (void)state;
    assert_int_equal(size_of(NULL, 0, 0), 0);
    const VvTime same[] = {100000, 100000, 100000, 100000, 100000, 100000, 100000, 100000};
    assert_int_equal(size_of(same, 8, -1000000), 6); /* no more than fit */
    assert_int_equal(size_of(same, 8, -40000), 6);   /* 140 ms: just */
    assert_int_equal(size_of(same, 8, -39999), 5);
    assert_int_equal(size_of(same, 8, 0), 4);
    assert_int_equal(size_of(same, 8, 1), 3);
    assert_int_equal(size_of(same, 8, 40000), 2);
    assert_int_equal(size_of(same, 8, 40001), 1);
    assert_int_equal(size_of(same, 8, 60000), 1);
}

/* Once the first is late whatever is done, those go with it that would be late after it; others wait. */
static void late_batch_takes_what_cannot_wait(void **state) {
    (void)state;
    const VvTime deadlines[] = {10000, 90000, 119999, 200001, 200002};
    assert_int_equal(size_of(deadlines, 5, 0), 3);
    const VvTime overload[] = {-9, -8, -7, -6, -5, -4, -3, -2};
    assert_int_equal(size_of(overload, 8, 0), 6);
    const VvTime alone[] = {-1, 1000000};
    assert_int_equal(size_of(alone, 2, 0), 1);
}

static void times_are_interpolated(void **state) {
    (void)state;
    const VvStepTime *steps = some_steps();
    static const double expected[] = {40000, 40000, 60000, 80000, 100000, 120000, 140000, 140000};
    for (int batch = 0; batch <= 7; batch++)
        assert_near(vv_step_time(steps, batch), expected[batch]);
    VvStepTime one;
    vv_step_time_init(&one, 1);
    assert_int_equal(one.knots, 1);
    vv_step_time_set(&one, 0, 7);
    assert_near(vv_step_time(&one, 1), 7);
    assert_near(vv_step_time(&one, 9), 7);
    VvStepTime large;
    vv_step_time_init(&large, 1 << 15);
    assert_int_equal(large.knots, 16);
    assert_int_equal(large.size[15], 1 << 15);
}

static void curve_follows_the_machine(void **state) {
    (void)state;
    VvStepTime *steps = some_steps();
    for (int i = 0; i < 600; i++)
        vv_step_time_add(steps, 1 + i % 6, 20000 + 15000.0 * (1 + i % 6), 0);
    for (int batch = 1; batch <= 6; batch++)
        if (!(fabs(vv_step_time(steps, batch) - (20000 + 15000.0 * batch)) < 1))
            fail_msg("batch %d: %f", batch, vv_step_time(steps, batch));
    /* One accident moves it by no more than an eighth. */
    vv_step_time_add(steps, 1, 10000000, 0);
    assert_near(vv_step_time(steps, 1) / 35000, 1.125);
    /* Steps of no time at all leave a positive curve. */
    for (int i = 0; i < 600; i++)
        vv_step_time_add(steps, 1 + i % 6, 0, 0);
    for (int batch = 1; batch <= 6; batch++)
        assert_true(vv_step_time(steps, batch) >= 1);
}

static void spread_is_the_second_largest_of_256(void **state) {
    (void)state;
    VvStepTime steps;
    vv_step_time_init(&steps, 1);
    vv_step_time_set(&steps, 0, 1000);
    assert_near(vv_step_time_spread(&steps), 0);
    vv_step_time_add(&steps, 1, 1000, 300); /* a late timer counts, but one is an accident */
    assert_near(vv_step_time_spread(&steps), 0);
    assert_near(vv_step_time(&steps, 1), 1000);
    for (int i = 0; i < 254; i++)
        vv_step_time_add(&steps, 1, 1000, i % 50);
    assert_near(vv_step_time_spread(&steps), 49);
    vv_step_time_add(&steps, 1, 1000, 200);
    assert_near(vv_step_time_spread(&steps), 200);
    vv_step_time_add(&steps, 1, 1000, 180); /* 300, the oldest, is forgotten */
    assert_near(vv_step_time_spread(&steps), 180);
    for (int i = 0; i < 1000; i++)
        vv_step_time_add(&steps, 1, 1000, 1);
    assert_near(vv_step_time_spread(&steps), 1);
    for (int i = 0; i < 256; i++)
        vv_step_time_add(&steps, 1, vv_step_time(&steps, 1), 5000000);
    assert_near(vv_step_time_spread(&steps), 100000); /* half a window, at most */
}

static void hold_ups_are_kept_apart_from_the_spread(void **state) {
    (void)state;
    VvStepTime *steps = some_steps();
    vv_step_time_hold(steps, 15000);
    vv_step_time_hold(steps, 12000);
    assert_near(vv_step_time_held(steps), 12000);
    assert_near(vv_step_time_spread(steps), 0);
    for (int i = 0; i < 256; i++)
        vv_step_time_hold(steps, 0);
    assert_near(vv_step_time_held(steps), 0);
    for (int i = 0; i < 256; i++)
        vv_step_time_hold(steps, 1e9);
    assert_near(vv_step_time_held(steps), 100000); /* half a window, at most */
}

static void rate_leaves_time_for_another_step(void **state) {
    (void)state;
    VvStepTime *steps = some_steps();
    assert_near(vv_step_time_rate(steps), 40); /* 4 in 100 ms; the larger step would take more than half a window */
    vv_step_time_set(steps, 3, 100000);
    assert_near(vv_step_time_rate(steps), 60);
    for (int i = 0; i < 4; i++)
        vv_step_time_set(steps, i, 500000); /* slower than real time: what one at a time gives */
    assert_near(vv_step_time_rate(steps), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list_keeps_its_order),
        cmocka_unit_test(batch_starts_as_late_as_it_can),
        cmocka_unit_test(batch_takes_what_lets_the_first_be_in_time),
        cmocka_unit_test(late_batch_takes_what_cannot_wait),
        cmocka_unit_test(times_are_interpolated),
        cmocka_unit_test(curve_follows_the_machine),
        cmocka_unit_test(spread_is_the_second_largest_of_256),
        cmocka_unit_test(hold_ups_are_kept_apart_from_the_spread),
        cmocka_unit_test(rate_leaves_time_for_another_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
