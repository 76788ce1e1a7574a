/* Token buckets, in time of the test's own. */
#include "protocol/vv_protocol.h"
#include "server/net/limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_within_the_rate(void **state) {
    (void)state;
    VvLimit limit;
    vv_limit_init(&limit, 100, 1000000, 0);
    for (int i = 0; i < 1000; i++) /* 100 a second for ten seconds, after the burst is used up */
        assert_true(vv_limit_take(&limit, 1, 1000, i * 10 * VV_MS));
}

static void test_messages_pause_until_a_tenth_is_there(void **state) {
    (void)state;
    VvLimit limit;
    vv_limit_init(&limit, 100, 1000000, 0);
    int taken = 0;
    while (vv_limit_take(&limit, 1, 10, 0))
        taken++;
    assert_int_equal(taken, 100);
    assert_int_equal(vv_limit_wait(&limit, 0), 110 * VV_MS); /* from -1 to 10 at 100 a second */
    assert_int_equal(vv_limit_wait(&limit, 60 * VV_MS), 50 * VV_MS);
    assert_int_equal(vv_limit_wait(&limit, 110 * VV_MS), 0);
    taken = 0;
    while (vv_limit_take(&limit, 1, 10, 110 * VV_MS))
        taken++;
    assert_int_equal(taken, 10);
}

static void test_bytes_pause_too(void **state) {
    (void)state;
    VvLimit limit;
    vv_limit_init(&limit, 1000, 1000000, 0);
    assert_true(vv_limit_take(&limit, 1, 1000000, 0));
    assert_false(vv_limit_take(&limit, 1, 100000, 0));
    assert_int_equal(vv_limit_wait(&limit, 0), 200 * VV_MS);
}

static void test_the_largest_message_fits_any_rate(void **state) {
    (void)state;
    VvLimit limit;
    vv_limit_init(&limit, 10, 16384, 0);
    assert_true(vv_limit_take(&limit, 1, VV_MESSAGE_BYTES_MAX, 0));
}

static void test_buckets_do_not_overflow(void **state) {
    (void)state;
    VvLimit limit;
    vv_limit_init(&limit, 100, 1000000, 0);
    int taken = 0;
    while (vv_limit_take(&limit, 1, 1, 3600 * VV_SECOND))
        taken++;
    assert_int_equal(taken, 100);
}

/* Sends without end; returns at which second it is given up, or 0 within 100 seconds. */
static int judge_for(int flooding, int quiet) {
    VvLimit limit;
    vv_limit_init(&limit, 100, 1000000, 0);
    VvTime now = 0, wait = 0;
    for (int second = 1; second <= 100; second++) {
        const bool floods = (second - 1) % (flooding + quiet) < flooding;
        while (now < second * VV_SECOND) {
            if (floods && wait == 0)
                while (vv_limit_take(&limit, 1, 1, now))
                    ;
            now += 10 * VV_MS;
            wait = vv_limit_wait(&limit, now);
        }
        if (vv_limit_judge(&limit, now))
            return second;
    }
    return 0;
}

static void test_who_never_stops_is_given_up(void **state) {
    (void)state;
    assert_int_equal(judge_for(1, 0), VV_LIMIT_PATIENCE);
    assert_int_equal(judge_for(25, 5), 0); /* a burst of speech, however long its credit lets it be */
    assert_int_equal(judge_for(0, 1), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_within_the_rate),         cmocka_unit_test(test_messages_pause_until_a_tenth_is_there),
        cmocka_unit_test(test_bytes_pause_too),         cmocka_unit_test(test_the_largest_message_fits_any_rate),
        cmocka_unit_test(test_buckets_do_not_overflow), cmocka_unit_test(test_who_never_stops_is_given_up),
    };
    return cmocka_run_group_tests_name("limit", tests, NULL, NULL);
}
