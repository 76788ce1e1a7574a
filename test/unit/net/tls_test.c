/* TLS: a session over it, and certificates read again. */
#include "server/base/metrics.h"
#include "test/unit/net/bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static Bench bench;
static char cert[128], key[128];

/* A new key and a certificate of its own for `name`, in place of the old files. */
static void make_certificate(const char *name) {
    char command[1024];
    snprintf(command, sizeof command,
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=%s -keyout "
             "%s -out "
             "%s 2>%s/.log",
             name, key, cert, bench.folder);
    assert_int_equal(system(command), 0);
}

static int open_bench(void **state) {
    (void)state;
    bench_init(&bench);
    snprintf(cert, sizeof cert, "%s/.cert.pem", bench.folder);
    snprintf(key, sizeof key, "%s/.key.pem", bench.folder);
    make_certificate("first");
    bench.config.tls_cert = cert;
    bench.config.tls_key = key;
    bench_open(&bench);
    return 0;
}

static int close_bench(void **state) {
    (void)state;
    bench_close(&bench);
    return 0;
}

/* The name in the certificate that a new connection is shown; "" if the handshake fails. `most`: highest version. */
static void shown_name(int most, char *name, int size) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)vv_server_port(bench.server)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(context, most);
    SSL *ssl = SSL_new(context);
    SSL_set_fd(ssl, fd);
    int done;
    const VvTime end = vv_now() + 30 * VV_SECOND;
    while ((done = SSL_connect(ssl)) != 1) {
        const int error = SSL_get_error(ssl, done);
        if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
            break;
        assert_true(vv_now() < end);
        ev_run(bench.loop, EVRUN_NOWAIT);
    }
    *name = '\0';
    if (done == 1) {
        X509 *shown = SSL_get1_peer_certificate(ssl);
        assert_non_null(shown);
        X509_NAME_get_text_by_NID(X509_get_subject_name(shown), NID_commonName, name, size);
        X509_free(shown);
    }
    SSL_free(ssl);
    SSL_CTX_free(context);
    close(fd);
    bench_settle(&bench);
}

static void test_a_session_over_tls(void **state) {
    (void)state;
    Told told;
    uint8_t payload[100000];
    VvFrameHeader header = {.kind = VV_KIND_USER_VIDEO, .codec = VV_CODEC_VP8, .length = sizeof payload};
    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (uint8_t)i;
    bench_connect(&bench, &(VvClientConfig){.insecure = true}, &told);
    bench_start(&bench, &told, "viewer");
    for (int i = 0; i < 20; i++)
        assert_true(vv_client_send_media(told.client, &header, payload));
    bench_until(&bench, &vv_double.media, 20);
    assert_int_equal(vv_double.media_bytes, 20 * sizeof payload);
    bench_send(told.client, "{\"type\":\"session.end\"}");
    bench_until_true(&bench, &told.closed);
    assert_string_equal(told.line[told.count - 1], "closed:1000");
}

static void test_a_client_that_checks(void **state) {
    (void)state;
    Told told;
    bench_connect(&bench, NULL, &told); /* it does not know who signed that */
    bench_until_true(&bench, &told.closed);
    assert_false(told.open);
    assert_string_equal(told.line[0], "closed:1006");
}

static void test_reload(void **state) {
    (void)state;
    char name[64];
    Told told;
    bench_connect(&bench, &(VvClientConfig){.insecure = true}, &told);
    bench_start(&bench, &told, "viewer");
    shown_name(TLS1_3_VERSION, name, sizeof name);
    assert_string_equal(name, "first");
    make_certificate("second");
    shown_name(TLS1_3_VERSION, name, sizeof name);
    assert_string_equal(name, "first");
    assert_int_equal(vv_server_reload(bench.server), 0);
    shown_name(TLS1_3_VERSION, name, sizeof name);
    assert_string_equal(name, "second");
    shown_name(TLS1_2_VERSION, name, sizeof name);
    assert_string_equal(name, "second");
    /* a key that does not fit leaves all as it was */
    char kept[128];
    snprintf(kept, sizeof kept, "%s/.kept.pem", bench.folder);
    assert_int_equal(rename(cert, kept), 0);
    make_certificate("third");
    assert_int_equal(rename(kept, cert), 0);
    assert_true(vv_server_reload(bench.server) < 0);
    shown_name(TLS1_3_VERSION, name, sizeof name);
    assert_string_equal(name, "second");
    assert_int_equal(unlink(key), 0);
    assert_true(vv_server_reload(bench.server) < 0);
    shown_name(TLS1_3_VERSION, name, sizeof name);
    assert_string_equal(name, "second");
    /* the connection from before goes on */
    const int before = told.count;
    bench_send(told.client, "{\"type\":\"ping\",\"t\":1}");
    bench_until(&bench, &told.count, before + 1);
    assert_string_equal(told.line[before], "pong");
}

static void test_old_versions(void **state) {
    (void)state;
    char name[64];
    shown_name(TLS1_1_VERSION, name, sizeof name);
    assert_string_equal(name, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_session_over_tls, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_a_client_that_checks, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_reload, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_old_versions, open_bench, close_bench),
    };
    return cmocka_run_group_tests_name("tls", tests, NULL, NULL);
}
