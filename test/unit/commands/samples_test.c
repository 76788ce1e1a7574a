/* The benchmark's statistics: exact quantiles, bounds, and correlation. */
#include "server/commands/bench/plot.h"
#include "server/commands/bench/samples.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void near(double a, double b) {
    assert_true(fabs(a - b) <= 1e-9 * (1 + fabs(b)));
}

static void quantiles_are_exact(void **state) {
    (void)state;
    VvSamples samples = {0};
    near(vv_samples_quantile(&samples, 0.5), 0);
    /* 0..1000 in a shuffled order: 3 and 1001 have no common divisor */
    for (int i = 0; i <= 1000; i++)
        vv_samples_add(&samples, (i * 3) % 1001);
    vv_samples_sort(&samples);
    assert_int_equal(samples.count, 1001);
    near(vv_samples_quantile(&samples, 0), 0);
    near(vv_samples_quantile(&samples, 0.5), 500);
    near(vv_samples_quantile(&samples, 0.99), 990);
    near(vv_samples_quantile(&samples, 0.9995), 999.5);
    near(vv_samples_quantile(&samples, 1), 1000);
    near(vv_samples_quantile(&samples, 7), 1000);
    near(vv_samples_mean(&samples), 500);
    vv_samples_free(&samples);
}

static void one_and_two_values(void **state) {
    (void)state;
    VvSamples samples = {0};
    vv_samples_add(&samples, 3);
    near(vv_samples_quantile(&samples, 0), 3);
    near(vv_samples_quantile(&samples, 0.99), 3);
    vv_samples_add(&samples, 1);
    vv_samples_sort(&samples);
    near(vv_samples_quantile(&samples, 0.25), 1.5);
    vv_samples_free(&samples);
}

static void keeps_no_nonsense(void **state) {
    (void)state;
    VvSamples samples = {0}, more = {0};
    vv_samples_add(&samples, NAN);
    vv_samples_add(&samples, INFINITY);
    vv_samples_add(&samples, 2);
    assert_int_equal(samples.count, 1);
    assert_int_equal(samples.lost, 2);
    vv_samples_add(&more, 4);
    vv_samples_merge(&more, &samples);
    assert_int_equal(more.count, 2);
    assert_int_equal(more.lost, 2);
    near(vv_samples_mean(&more), 3);
    vv_samples_clear(&more);
    near(vv_samples_mean(&more), 0);
    vv_samples_merge(&more, &(VvSamples){0});
    assert_int_equal(more.count, 0);
    vv_samples_free(&samples);
    vv_samples_free(&more);
}

static void correlates(void **state) {
    (void)state;
    float a[100], b[100], c[100], flat[100];
    for (int i = 0; i < 100; i++) {
        a[i] = (float)sin(i * 0.3);
        b[i] = 3 * a[i] + 7;
        c[i] = -a[i];
        flat[i] = 5;
    }
    assert_true(fabs(vv_correlation(a, b, 100) - 1) < 1e-6);
    assert_true(fabs(vv_correlation(a, c, 100) + 1) < 1e-6);
    near(vv_correlation(a, flat, 100), 0);
    near(vv_correlation(a, b, 0), 0);
}

static void ticks_are_round(void **state) {
    (void)state;
    near(vv_plot_step(100, 5), 20);
    near(vv_plot_step(7, 5), 1);
    near(vv_plot_step(1.1, 6), 0.2);
    near(vv_plot_step(13, 5), 2);
    near(vv_plot_step(4000, 5), 1000);
    near(vv_plot_step(0, 5), 1);
    near(vv_plot_step(-3, 5), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_are_exact), cmocka_unit_test(one_and_two_values),
        cmocka_unit_test(keeps_no_nonsense),   cmocka_unit_test(correlates),
        cmocka_unit_test(ticks_are_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
