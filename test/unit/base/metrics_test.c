/* Counters, gauges, quantiles and the text that Prometheus reads. */
#include "server/base/metrics.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_counters_and_gauges(void **state) {
    (void)state;
    const uint64_t before = vv_counter(VV_COUNTER_WINDOWS);
    vv_count(VV_COUNTER_WINDOWS, 1);
    vv_count(VV_COUNTER_WINDOWS, 41);
    assert_int_equal(vv_counter(VV_COUNTER_WINDOWS) - before, 42);
    vv_gauge_set(VV_GAUGE_SESSIONS, 5);
    vv_gauge_add(VV_GAUGE_SESSIONS, -7);
    assert_int_equal(vv_gauge(VV_GAUGE_SESSIONS), -2);
}

static void near(double value, double expected, double share) {
    if (!(fabs(value - expected) <= share * expected))
        fail_msg("%g is not within %g of %g", value, share * expected, expected);
}

static void test_quantiles(void **state) {
    (void)state;
    assert_true(vv_quantile(VV_HISTOGRAM_STEP, 0.5) == 0); /* nothing observed */
    for (int i = 1; i <= 100000; i++)
        vv_observe(VV_HISTOGRAM_STEP, i * 10); /* evenly from 10 us to 1 s */
    near(vv_quantile(VV_HISTOGRAM_STEP, 0.5), 500000, 0.01);
    near(vv_quantile(VV_HISTOGRAM_STEP, 0.9), 900000, 0.01);
    near(vv_quantile(VV_HISTOGRAM_STEP, 0.99), 990000, 0.06);
    near(vv_quantile(VV_HISTOGRAM_STEP, 0.01), 10000, 0.02);
    near(vv_quantile(VV_HISTOGRAM_STEP, 1), 1000000, 0.06);
    double last = 0;
    for (int i = 0; i <= 100; i++) {
        const double value = vv_quantile(VV_HISTOGRAM_STEP, i / 100.0);
        assert_true(value >= last);
        last = value;
    }
}

static void test_one_value_is_within_its_bucket(void **state) {
    (void)state;
    static const int64_t values[] = {0, 15, 16, 19, 20, 1000, 123456, 63000000};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        /* each histogram is used once: there is no way to clear one */
        const VvHistogram histogram = (VvHistogram)i;
        if (histogram == VV_HISTOGRAM_STEP)
            continue;
        vv_observe(histogram, values[i]);
        const double value = vv_quantile(histogram, 0.5);
        if (values[i] < 16)
            assert_true(value >= 0 && value <= 16);
        else
            assert_true(value >= (double)values[i] / 1.25 && value <= (double)values[i] * 1.25);
    }
}

static void test_extremes(void **state) {
    (void)state;
    vv_observe(VV_HISTOGRAM_TICK, -5);
    assert_true(vv_quantile(VV_HISTOGRAM_TICK, 0.5) <= 16);
    vv_observe(VV_HISTOGRAM_INTERRUPT, INT64_MAX / 2);
    assert_true(vv_quantile(VV_HISTOGRAM_INTERRUPT, 0.5) >= 58e6);
}

/* ---- text ---------------------------------------------------------------------------------------------- */

static double value_of(const char *text, const char *name) {
    char line[200];
    snprintf(line, sizeof line, "\n%s ", name);
    const char *at = strstr(text, line);
    if (!at)
        fail_msg("no %s", name);
    return atof(at + strlen(line));
}

static void test_text(void **state) {
    (void)state;
    char *text = malloc(65536);
    const size_t size = vv_metrics_text(text, 65535);
    assert_true(size > 1000);
    text[size] = '\0';
    assert_int_equal(strlen(text), size);
    assert_int_equal(text[size - 1], '\n');
    assert_non_null(strstr(text, "# TYPE visavis_windows_total counter\n"));
    assert_non_null(strstr(text, "# HELP visavis_sessions "));
    assert_non_null(strstr(text, "# TYPE visavis_step_seconds histogram\n"));
    assert_true(value_of(text, "visavis_sessions") == -2);
    assert_true(value_of(text, "visavis_step_seconds_count") == 100000);
    assert_true(value_of(text, "visavis_step_seconds_bucket{le=\"+Inf\"}") == 100000);
    near(value_of(text, "visavis_step_seconds_sum"), 50000.5, 1e-9);
    near(value_of(text, "visavis_step_seconds_bucket{le=\"0.131072\"}"), 13107, 1e-4);
    near(value_of(text, "visavis_step_seconds_bucket{le=\"0.524288\"}"), 52428, 1e-4);
    assert_true(value_of(text, "visavis_step_seconds_bucket{le=\"1.048576\"}") == 100000);
    /* every line is a comment or a name and a number; buckets of a histogram never fall */
    double last = 0;
    for (char *rest = text, *line; (line = strsep(&rest, "\n")) && *line;) {
        if (*line == '#')
            continue;
        assert_memory_equal(line, "visavis_", 8);
        char *end;
        const char *number = strrchr(line, ' ');
        assert_non_null(number);
        const double value = strtod(number + 1, &end);
        assert_true(*end == '\0');
        if (strstr(line, "_bucket{le=\"1.6e-05\"}"))
            last = 0;
        if (strstr(line, "_bucket{")) {
            assert_true(value >= last);
            last = value;
        }
    }
    free(text);
}

static void test_text_needs_room(void **state) {
    (void)state;
    char small[1000];
    assert_int_equal(vv_metrics_text(small, sizeof small), 0);
    assert_int_equal(vv_metrics_text(small, 0), 0);
}

enum { THREADS = 4, TIMES = 100000 };

static void *count_and_observe(void *unused) {
    for (int i = 0; i < TIMES; i++) {
        vv_count(VV_COUNTER_BATCHES, 1);
        vv_observe(VV_HISTOGRAM_OUTBOX_WAIT, i);
    }
    return unused;
}

static void test_many_threads(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    char *text = malloc(65536);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_and_observe, NULL), 0);
    for (int i = 0; i < 20; i++)
        assert_true(vv_metrics_text(text, 65535) > 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(vv_counter(VV_COUNTER_BATCHES), THREADS * TIMES);
    text[vv_metrics_text(text, 65535)] = '\0';
    assert_true(value_of(text, "visavis_outbox_wait_seconds_count") == THREADS * TIMES);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counters_and_gauges),
        cmocka_unit_test(test_quantiles),
        cmocka_unit_test(test_one_value_is_within_its_bucket),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_text_needs_room),
        cmocka_unit_test(test_many_threads),
    };
    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
