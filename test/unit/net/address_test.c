/* Addresses and the table of them. */
#include "server/net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static VvAddress v4(const char *text) {
    struct sockaddr_in in = {.sin_family = AF_INET};
    assert_int_equal(inet_pton(AF_INET, text, &in.sin_addr), 1);
    return vv_address_from((const struct sockaddr *)&in);
}

static VvAddress v6(const char *text) {
    struct sockaddr_in6 in = {.sin6_family = AF_INET6};
    assert_int_equal(inet_pton(AF_INET6, text, &in.sin6_addr), 1);
    return vv_address_from((const struct sockaddr *)&in);
}

static bool same(VvAddress a, VvAddress b) {
    return a.prefix == b.prefix && a.v6 == b.v6;
}

static void test_who_counts_as_one(void **state) {
    (void)state;
    assert_true(same(v4("192.0.2.1"), v6("::ffff:192.0.2.1")));
    assert_false(same(v4("192.0.2.1"), v4("192.0.2.2")));
    assert_true(same(v6("2001:db8:1:2::1"), v6("2001:db8:1:2:ffff::9")));
    assert_false(same(v6("2001:db8:1:2::1"), v6("2001:db8:1:3::1")));
    assert_false(same(v4("0.0.0.0"), v6("::")));
}

static void test_loopback(void **state) {
    (void)state;
    assert_true(v4("127.0.0.1").loopback);
    assert_true(v4("127.9.9.9").loopback);
    assert_true(v6("::1").loopback);
    assert_true(v6("::ffff:127.0.0.1").loopback);
    assert_false(v4("128.0.0.1").loopback);
    assert_false(v6("::2").loopback);
    assert_false(v6("::7f00:1").loopback);
}

static void test_counting(void **state) {
    (void)state;
    const VvAddress a = v4("192.0.2.1"), b = v4("192.0.2.2"), c = v6("2001:db8::1");
    VvAddresses *addresses = vv_addresses_new(2);
    assert_true(vv_addresses_add(addresses, &a, VV_HELD_SOCKETS));
    assert_true(vv_addresses_add(addresses, &a, VV_HELD_SOCKETS));
    assert_true(vv_addresses_add(addresses, &a, VV_HELD_CONNECTIONS));
    assert_true(vv_addresses_add(addresses, &b, VV_HELD_SOCKETS));
    assert_false(vv_addresses_add(addresses, &c, VV_HELD_SOCKETS)); /* full */
    assert_int_equal(vv_addresses_count(addresses, &a, VV_HELD_SOCKETS), 2);
    assert_int_equal(vv_addresses_count(addresses, &a, VV_HELD_CONNECTIONS), 1);
    assert_int_equal(vv_addresses_count(addresses, &c, VV_HELD_SOCKETS), 0);
    vv_addresses_remove(addresses, &a, VV_HELD_SOCKETS);
    vv_addresses_remove(addresses, &a, VV_HELD_SOCKETS);
    assert_false(vv_addresses_add(addresses, &c, VV_HELD_SOCKETS)); /* `a` still holds a connection */
    vv_addresses_remove(addresses, &a, VV_HELD_CONNECTIONS);
    assert_true(vv_addresses_add(addresses, &c, VV_HELD_SOCKETS));
    assert_int_equal(vv_addresses_count(addresses, &b, VV_HELD_SOCKETS), 1);
    vv_addresses_remove(addresses, &a, VV_HELD_SOCKETS); /* unknown: nothing happens */
    assert_int_equal(vv_addresses_count(addresses, &b, VV_HELD_SOCKETS), 1);
    vv_addresses_free(&addresses);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_counts_as_one),
        cmocka_unit_test(test_loopback),
        cmocka_unit_test(test_counting),
    };
    return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
