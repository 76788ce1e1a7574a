/* The Origin check: a table of who may and who may not. */
#include "server/net/origin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *list, *origin, *host;
    bool tls, allowed;
} cases[] = {
    /* the server's own */
    {NULL, "http://localhost:8080", "localhost:8080", false, true},
    {"", "http://localhost:8080", "localhost:8080", false, true},
    {NULL, "http://LOCALHOST:8080", "localhost:8080", false, true},
    {NULL, "https://call.example.org", "call.example.org", true, true},
    {NULL, "https://call.example.org:443", "call.example.org", true, true},
    {NULL, "http://call.example.org", "call.example.org:80", false, true},
    {NULL, "http://[::1]:8080", "[::1]:8080", false, true},
    {NULL, "http://localhost:8081", "localhost:8080", false, false},
    {NULL, "https://localhost:8080", "localhost:8080", false, false},
    {NULL, "http://localhost:8080", "localhost:8080", true, false},
    {NULL, "http://127.0.0.1:8080", "localhost:8080", false, false},
    {NULL, "http://localhost:8080", NULL, false, false},
    {NULL, "null", "localhost:8080", false, false},
    {NULL, "", "localhost:8080", false, false},
    /* from a list, exactly */
    {"http://good.example", "http://good.example", "other", false, true},
    {" https://a.example , http://good.example:81", "http://good.example:81", "other", false, true},
    {"http://good.example", "http://good.example:80", "other", false, true},
    {"http://good.example", "HTTP://Good.Example", "other", false, true},
    {"http://good.example", "http://good.example.evil", "other", false, false},
    {"http://good.example", "http://good.example:8080", "other", false, false},
    {"http://good.example", "http://evil/http://good.example", "other", false, false},
    {"http://good.example", "http://good.example@evil", "other", false, false},
    {"http://good.example", "http://good.example/", "other", false, false},
    {"http://good.example", "http://goodXexample", "other", false, false},
    {"http://good.example", "http://sub.good.example", "other", false, false},
    {"http://good.example", "http://good.exampl", "other", false, false},
    {"http://good.example", "https://good.example", "other", false, false},
    {"http://good.example", "ws://good.example", "other", false, false},
    {"http://good.example", "http://", "other", false, false},
    {"http://good.example", "http://good.example:", "other", false, false},
    {"http://good.example", "http://good.example:0080x", "other", false, false},
    {"http://good.example", "http://good.example:123456", "other", false, false},
    {"http://good.example", "http://own", "own", false, false}, /* a list replaces the server's own */
    {"*", "http://anyone", "other", false, true},
    {"*", "null", "other", false, true},
    {"http://*", "http://anyone", "other", false, false},
};

static void test_table(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (vv_origin_allowed(cases[i].list, cases[i].origin, cases[i].host, cases[i].tls) != cases[i].allowed)
            fail_msg("case %zu: list %s, origin %s, host %s", i, cases[i].list ? cases[i].list : "-", cases[i].origin,
                     cases[i].host ? cases[i].host : "-");
}

static void test_lists(void **state) {
    (void)state;
    char bad[64] = "";
    assert_true(vv_origins_valid(NULL, bad, sizeof bad));
    assert_true(vv_origins_valid("*", bad, sizeof bad));
    assert_true(vv_origins_valid("http://a, https://b:444", bad, sizeof bad));
    assert_false(vv_origins_valid("http://a, b.example", bad, sizeof bad));
    assert_string_equal(bad, "b.example");
}

static void test_loopback_hosts(void **state) {
    (void)state;
    assert_true(vv_host_is_loopback("localhost"));
    assert_true(vv_host_is_loopback("LocalHost:8080"));
    assert_true(vv_host_is_loopback("127.0.0.1:8080"));
    assert_true(vv_host_is_loopback("[::1]:8080"));
    assert_false(vv_host_is_loopback("127.0.0.1.evil.example:8080"));
    assert_false(vv_host_is_loopback("localhost.evil.example"));
    assert_false(vv_host_is_loopback("192.168.1.2"));
    assert_false(vv_host_is_loopback(""));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_loopback_hosts),
    };
    return cmocka_run_group_tests_name("origin", tests, NULL, NULL);
}
