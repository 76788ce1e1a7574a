/* What the benchmark reads of others: URLs, /metrics, the daemon's ready line, /proc, the names of bad clients. */
#include "server/base/metrics.h"
#include "server/commands/bench/bad.h"
#include "server/commands/bench/process.h"
#include "server/commands/bench/scrape.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void splits_urls(void **state) {
    (void)state;
    char host[64];
    int port;
    bool tls;
    assert_true(vv_url_split("ws://localhost:8080/v1/session", host, sizeof host, &port, &tls));
    assert_string_equal(host, "localhost");
    assert_int_equal(port, 8080);
    assert_false(tls);
    assert_true(vv_url_split("wss://a.example", host, sizeof host, &port, &tls));
    assert_string_equal(host, "a.example");
    assert_int_equal(port, 443);
    assert_true(tls);
    assert_true(vv_url_split("http://[::1]:99/x", host, sizeof host, &port, &tls));
    assert_string_equal(host, "::1");
    assert_int_equal(port, 99);
    static const char *const wrong[] = {"",         "ws://",     "ftp://a",   "ws://a:0",  "ws://a:70000",
                                        "ws://a:b", "ws://a:8x", "ws://[::1", "ws://:80/", "localhost:80"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(vv_url_split(wrong[i], host, sizeof host, &port, &tls));
    char small[4];
    assert_false(vv_url_split("ws://localhost", small, sizeof small, &port, &tls));
}

static VvScrape before, after;

static void write_metrics(VvScrape *scrape) {
    scrape->size = vv_metrics_text(scrape->text, sizeof scrape->text - 1);
    assert_true(scrape->size > 0);
    scrape->text[scrape->size] = 0;
}

/* What the daemon writes, the benchmark reads: the text comes from the daemon's own function. */
static void reads_what_the_daemon_writes(void **state) {
    (void)state;
    double bound[VV_SCRAPE_BUCKETS], first[VV_SCRAPE_BUCKETS], second[VV_SCRAPE_BUCKETS];
    vv_count(VV_COUNTER_WINDOWS, 5);
    vv_observe(VV_HISTOGRAM_STEP, 1000000); /* what was there before must not count */
    write_metrics(&before);
    assert_true(fabs(vv_scrape_value(&before, "visavis_windows_total", -1) - 5) < 0.1);
    assert_true(fabs(vv_scrape_value(&before, "visavis_windows", -1) + 1) < 0.1); /* whole names only */
    vv_count(VV_COUNTER_WINDOWS, 2);
    for (int i = 0; i < 99; i++)
        vv_observe(VV_HISTOGRAM_STEP, 3000);
    vv_observe(VV_HISTOGRAM_STEP, 50000);
    write_metrics(&after);
    assert_true(fabs(vv_scrape_value(&after, "visavis_windows_total", -1) - 7) < 0.1);
    size_t buckets = vv_scrape_histogram(&before, "visavis_step_seconds", bound, first);
    assert_true(buckets > 3);
    assert_int_equal(vv_scrape_histogram(&after, "visavis_step_seconds", bound, second), buckets);
    assert_true(isinf(bound[buckets - 1]));
    for (size_t i = 1; i < buckets; i++)
        assert_true(bound[i] > bound[i - 1] && second[i] >= second[i - 1]);
    assert_true(fabs(second[buckets - 1] - first[buckets - 1] - 100) < 0.1);
    double p50 = vv_scrape_quantile(bound, first, second, buckets, 0.5);
    double p999 = vv_scrape_quantile(bound, first, second, buckets, 0.999);
    assert_true(p50 > 0.001 && p50 < 0.006); /* within a bucket of 3 ms */
    assert_true(p999 > 0.02 && p999 < 0.2);
    assert_int_equal(vv_scrape_histogram(&after, "visavis_no_such_seconds", bound, second), 0);
}

static void interpolates_in_buckets(void **state) {
    (void)state;
    const double bound[] = {0.001, 0.002, INFINITY}, none[] = {0, 0, 0}, some[] = {10, 30, 40};
    assert_true(fabs(vv_scrape_quantile(bound, none, some, 3, 0.125) - 0.0005) < 1e-9);
    assert_true(fabs(vv_scrape_quantile(bound, none, some, 3, 0.5) - 0.0015) < 1e-9);
    assert_true(fabs(vv_scrape_quantile(bound, none, some, 3, 0.99) - 0.002) < 1e-9); /* beyond: the last bound */
    assert_true(fabs(vv_scrape_quantile(bound, some, some, 3, 0.5)) < 1e-9);
    assert_true(fabs(vv_scrape_quantile(bound, none, some, 0, 0.5)) < 1e-9);
}

static void finds_the_ready_line(void **state) {
    (void)state;
    char url[100];
    assert_true(
        vv_ready_url("visavis: serving http://localhost:41234 (test-pattern, up to 66 sessions)", url, sizeof url));
    assert_string_equal(url, "ws://localhost:41234/v1/session");
    assert_true(vv_ready_url("ready at https://[::1]:8443/, enjoy", url, sizeof url));
    assert_string_equal(url, "wss://[::1]:8443/v1/session");
    assert_false(vv_ready_url("starting", url, sizeof url));
    assert_false(vv_ready_url("http://", url, sizeof url));
    assert_false(vv_ready_url("http://localhost:41234", url, 20));
    /* through a pipe, in pieces, after other lines */
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    static const char text[] = "one line\nanother\nserving http://localhost:5\n";
    assert_int_equal(write(ends[1], text, sizeof text - 1), sizeof text - 1);
    assert_int_equal(vv_process_ready(ends[0], 60, url, sizeof url), 0);
    assert_string_equal(url, "ws://localhost:5/v1/session");
    close(ends[1]);
    assert_true(vv_process_ready(ends[0], 60, url, sizeof url) < 0); /* ended */
    close(ends[0]);
}

static void reads_proc(void **state) {
    (void)state;
    VvUsage usage;
    static const char text[] = "4321 (a ) b) S 1 2 3 4 5 6 7 8 9 10 250 50 13 14 15 16 17 18 19 20 1000 21 22";
    assert_true(vv_usage_parse(text, 100, 4096, &usage));
    assert_true(fabs(usage.cpu_seconds - 3) < 1e-9);
    assert_int_equal(usage.threads, 17);
    assert_true(fabs(usage.rss_bytes - 1000 * 4096.0) < 0.1);
    assert_false(vv_usage_parse("4321 (x) S 1 2 3", 100, 4096, &usage));
    assert_false(vv_usage_parse("", 100, 4096, &usage));
    assert_true(vv_process_usage(getpid(), &usage));
    assert_true(usage.rss_bytes > 100000 && usage.threads >= 1);
    assert_false(vv_process_usage(0, &usage));
}

static void knows_the_bad(void **state) {
    (void)state;
    assert_int_equal(vv_bad_parse("all"), VV_BAD_ALL);
    assert_int_equal(vv_bad_parse("flood,garbage"), VV_BAD_FLOOD | VV_BAD_GARBAGE);
    assert_int_equal(vv_bad_parse("deaf"), VV_BAD_DEAF);
    assert_int_equal(vv_bad_parse("flood,"), VV_BAD_FLOOD);
    assert_int_equal(vv_bad_parse("flo"), 0);
    assert_int_equal(vv_bad_parse("flood,evil"), 0);
    assert_int_equal(vv_bad_parse(""), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_urls),
        cmocka_unit_test(reads_what_the_daemon_writes),
        cmocka_unit_test(interpolates_in_buckets),
        cmocka_unit_test(finds_the_ready_line),
        cmocka_unit_test(reads_proc),
        cmocka_unit_test(knows_the_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
