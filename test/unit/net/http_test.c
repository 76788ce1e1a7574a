/* The HTTP side of the server: files, health, metrics, and every refusal of an upgrade by its name. */
#include "server/base/metrics.h"
#include "test/unit/net/bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SECRET "0123456789abcdef0123456789abcdef"

static Bench bench;
static char response[400000];
static char secret[128];

static int init(void **state) {
    (void)state;
    bench_init(&bench);
    return 0;
}

static int open_bench(void **state) {
    init(state);
    bench_open(&bench);
    return 0;
}

static int open_keyed_bench(void **state) {
    init(state);
    bench_file(&bench, ".secret", SECRET, secret);
    bench.config.token_secret_file = secret;
    bench_open(&bench);
    return 0;
}

static int close_bench(void **state) {
    (void)state;
    bench_close(&bench);
    return 0;
}

static int get(const char *path) {
    return bench_get(&bench, path, "", response, sizeof response);
}

static void has(const char *text) {
    if (!strcasestr(response, text))
        fail_msg("no \"%s\" in: %.2000s", text, response);
}

static const char *body(void) {
    const char *end = strstr(response, "\r\n\r\n");
    assert_non_null(end);
    return end + 4;
}

/* ---- files --------------------------------------------------------------------------------------------- */

static void test_types_and_headers(void **state) {
    (void)state;
    static const char *const types[][2] = {
        {"a.js", "text/javascript; charset=utf-8"},
        {"a.mjs", "text/javascript; charset=utf-8"},
        {"a.css", "text/css; charset=utf-8"},
        {"a.svg", "image/svg+xml"},
        {"a.wasm", "application/wasm"},
        {"a.json", "application/json"},
        {"a.wav", "audio/wav"},
        {"a.unknown", "application/octet-stream"},
    };
    char path[128], line[128];
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        bench_file(&bench, types[i][0], "content", path);
        snprintf(path, sizeof path, "/%s", types[i][0]);
        assert_int_equal(get(path), 200);
        snprintf(line, sizeof line, "\ncontent-type: %s\r\n", types[i][1]);
        has(line);
        assert_string_equal(body(), "content");
    }
    assert_int_equal(get("/"), 200);
    assert_string_equal(body(), "<!doctype html><title>page</title>");
    has("\ncontent-type: text/html; charset=utf-8\r\n");
    has("\ncontent-security-policy: default-src 'self'; connect-src 'self' ws: wss:;");
    has("\nx-content-type-options: nosniff\r\n");
    has("\nreferrer-policy: no-referrer\r\n");
    has("\ncross-origin-opener-policy: same-origin\r\n");
    has("\ncross-origin-embedder-policy: require-corp\r\n");
    has("\ncache-control: no-cache\r\n");
}

static void test_large_file_and_head(void **state) {
    (void)state;
    enum { SIZE = 300000 };
    char path[128], *text = malloc(SIZE + 1);
    for (int i = 0; i < SIZE; i++)
        text[i] = (char)('a' + i % 23);
    text[SIZE] = '\0';
    bench_file(&bench, "large.txt", text, path);
    assert_int_equal(get("/large.txt"), 200);
    assert_int_equal(strlen(body()), SIZE);
    assert_string_equal(body(), text);
    free(text);
    assert_int_equal(
        bench_http(&bench, "HEAD /large.txt HTTP/1.1\r\nHost: localhost\r\n\r\n", response, sizeof response), 200);
    has("\ncontent-length: 300000\r\n");
    assert_string_equal(body(), "");
}

static void test_etag(void **state) {
    (void)state;
    char headers[256];
    assert_int_equal(get("/index.html"), 200);
    const char *tag = strcasestr(response, "\netag: ");
    assert_non_null(tag);
    snprintf(headers, sizeof headers, "If-None-Match: %.*s\r\n", (int)strcspn(tag + 7, "\r"), tag + 7);
    assert_int_equal(bench_get(&bench, "/index.html", headers, response, sizeof response), 304);
    assert_int_equal(bench_get(&bench, "/index.html", "If-None-Match: \"other\"\r\n", response, sizeof response), 200);
}

static void test_not_found_and_no_way_up(void **state) {
    (void)state;
    static const char *const paths[] = {
        "/nothing.html",
        "/../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc/passwd",
        "/sub/../../etc/passwd",
        "//etc/passwd",
        "/.hidden",
        "/sub/.hidden",
        "/%5c..%5cetc",
        "/sub",
        "/link.txt",
        "/sub/",
        "/index.html/",
        "/index.html%00.js",
    };
    char path[256];
    bench_file(&bench, ".hidden", "hidden", path);
    snprintf(path, sizeof path, "%s/sub", bench.folder);
    assert_int_equal(mkdir(path, 0755), 0);
    bench_file(&bench, "sub/.hidden", "hidden", path);
    snprintf(path, sizeof path, "%s/link.txt", bench.folder);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        const int status = get(paths[i]);
        if (status != 404 && status != 403 && status != 400 && status != 0)
            fail_msg("%s: %d", paths[i], status);
        assert_null(strstr(response, "root:"));
        assert_null(strstr(response, "hidden\n"));
    }
    assert_int_equal(get("/nothing.html"), 404);
    has("There is nothing here");
}

static void test_methods(void **state) {
    (void)state;
    assert_int_equal(bench_http(&bench, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc", response,
                                sizeof response),
                     405);
    has("\nallow: GET, HEAD\r\n");
    bench_http(&bench, "DELETE /index.html HTTP/1.1\r\nHost: localhost\r\n\r\n", response, sizeof response);
    assert_int_equal(get("/index.html"), 200);
}

/* ---- health and metrics -------------------------------------------------------------------------------- */

static void test_health(void **state) {
    (void)state;
    assert_int_equal(get("/healthz"), 200);
    assert_string_equal(body(), "ok\n");
    assert_int_equal(get("/readyz"), 200);
    vv_double.capacity = 0;
    assert_int_equal(get("/readyz"), 503);
    assert_string_equal(body(), "full\n");
    vv_server_drain(bench.server);
    assert_int_equal(get("/readyz"), 503);
    assert_string_equal(body(), "draining\n");
    assert_int_equal(get("/healthz"), 200);
}

static void test_metrics(void **state) {
    (void)state;
    const char *proxied = "X-Forwarded-For: 192.0.2.1\r\n";
    assert_int_equal(get("/metrics"), 200);
    has("\nvisavis_connections_total ");
    has("\nvisavis_opus_decode_seconds_bucket{le=\"+Inf\"} ");
    assert_int_equal(bench_get(&bench, "/metrics", proxied, response, sizeof response), 403);
    vv_server_close(&bench.server);
    char why[256];
    bench.config.metrics_public = true;
    assert_int_equal(vv_server_open(&bench.config, bench.loop, &bench.server, why, sizeof why), 0);
    assert_int_equal(bench_get(&bench, "/metrics", proxied, response, sizeof response), 200);
}

/* ---- upgrades ------------------------------------------------------------------------------------------ */

#define UPGRADE                                                                                                        \
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"                                       \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define V1 "Sec-WebSocket-Protocol: visavis.v1\r\n"

static void upgrade(const char *path, const char *headers, int status, const char *error) {
    char line[128];
    const uint64_t before = vv_counter(VV_COUNTER_CONNECTIONS_REFUSED);
    assert_int_equal(bench_get(&bench, path, headers, response, sizeof response), status);
    if (status == 101)
        return;
    snprintf(line, sizeof line, "{\"error\":\"%s\",\"message\":\"", error);
    assert_memory_equal(body(), line, strlen(line));
    has("\ncontent-type: application/json\r\n");
    assert_int_equal(vv_counter(VV_COUNTER_CONNECTIONS_REFUSED), before + 1);
}

static void test_refused_upgrades(void **state) {
    (void)state;
    upgrade("/", UPGRADE V1, 404, "not_found");
    upgrade("/v1/session/x", UPGRADE V1, 404, "not_found");
    upgrade("/v1/session", UPGRADE, 400, "bad_subprotocol");
    upgrade("/v1/session", UPGRADE "Sec-WebSocket-Protocol: visavis.v2\r\n", 400, "bad_subprotocol");
    upgrade("/v1/session", UPGRADE "Sec-WebSocket-Protocol: visavis pages\r\n", 400, "bad_subprotocol");
    upgrade("/v1/session",
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n" V1, 400,
            "bad_upgrade");
    upgrade("/v1/session", UPGRADE V1 "Origin: http://evil.example\r\n", 403, "forbidden_origin");
    upgrade("/v1/session", UPGRADE V1 "X-Forwarded-For: 192.0.2.1\r\n", 401, "unauthorized");
    upgrade("/v1/session", UPGRADE V1 "Forwarded: for=192.0.2.1\r\n", 401, "unauthorized");
    upgrade("/v1/session", UPGRADE "Sec-WebSocket-Protocol: other, visavis.v1\r\n", 101, "");
    has("\nSec-WebSocket-Protocol: visavis.v1\r\n");
    assert_int_equal(vv_double.joins, 0);
}

/* A page of another site whose name was made to lead here is of the server's own origin, but has not its name. */
static void test_rebound_name(void **state) {
    (void)state;
    char request[1024];
    snprintf(request, sizeof request,
             "GET /v1/session HTTP/1.1\r\nHost: evil.example:80\r\nOrigin: http://evil.example\r\n" UPGRADE V1 "\r\n");
    assert_int_equal(bench_http(&bench, request, response, sizeof response), 403);
    snprintf(request, sizeof request,
             "GET /v1/session HTTP/1.1\r\nHost: localhost:80\r\nOrigin: http://localhost\r\n" UPGRADE V1 "\r\n");
    assert_int_equal(bench_http(&bench, request, response, sizeof response), 101);
}

static void test_a_page_may_ask_why(void **state) {
    (void)state;
    char path[VV_TEXT_BYTES_MAX], token[4096], why[256];
    assert_int_equal(get("/v1/session"), 401);
    assert_string_equal(body(), "{\"error\":\"unauthorized\",\"message\":\"a token is required\"}\n");
    assert_int_equal(get("/v1/session?token=a.b.c"), 401);
    assert_string_equal(
        body(), "{\"error\":\"unauthorized\",\"message\":\"the token is malformed or its signature is wrong\"}\n");
    assert_int_equal(vv_token_sign(secret, NULL, "", -1, -60, token, sizeof token, why, sizeof why), 0);
    snprintf(path, sizeof path, "/v1/session?x=1&token=%s", token);
    assert_int_equal(get(path), 401);
    has("the token has expired");
    assert_int_equal(vv_token_sign(secret, NULL, "", -1, 60, token, sizeof token, why, sizeof why), 0);
    snprintf(path, sizeof path, "/v1/session?x=1&token=%s", token);
    assert_int_equal(get(path), 426);
    has("{\"error\":\"upgrade_required\"");
}

static void test_tokens_and_claims(void **state) {
    (void)state;
    Told told;
    char token[4096], why[256], url[8192];
    bench_connect(&bench, NULL, &told);
    bench_until_true(&bench, &told.closed);
    assert_string_equal(told.line[0], "closed:401");
    bench_connect(&bench, &(VvClientConfig){.token = "a.b.c"}, &told);
    bench_until_true(&bench, &told.closed);
    assert_string_equal(told.line[0], "closed:401");
    assert_int_equal(vv_token_sign(secret, NULL, "room", VV_ROLE_VIEWER, 60, token, sizeof token, why, sizeof why), 0);
    bench_connect(&bench, &(VvClientConfig){.token = token}, &told);
    bench_start(&bench, &told, "viewer");
    assert_string_equal(vv_double.session, "room"); /* the token's, since none was named */
    snprintf(url, sizeof url, "%s?token=%s", bench.url, token);
    bench_connect(&bench, &(VvClientConfig){.url = url}, &told);
    bench_send(told.client, "{\"type\":\"session.start\",\"role\":\"backend\",\"session\":\"room\"}");
    bench_until(&bench, &told.count, 3);
    assert_string_equal(told.line[1], "error:unauthorized");
    assert_string_equal(told.line[2], "closed:1008");
    bench_connect(&bench, &(VvClientConfig){.token = token}, &told);
    bench_send(told.client, "{\"type\":\"session.start\",\"role\":\"viewer\",\"session\":\"other\"}");
    bench_until(&bench, &told.count, 3);
    assert_string_equal(told.line[1], "error:unauthorized");
    assert_int_equal(vv_double.joins, 1);
}

static void test_listed_origins(void **state) {
    (void)state;
    bench.config.origins = "https://good.example";
    bench_open(&bench);
    upgrade("/v1/session", UPGRADE V1 "Origin: https://good.example.evil\r\n", 403, "forbidden_origin");
    upgrade("/v1/session", UPGRADE V1 "Origin: https://good.example\r\n", 101, "");
    upgrade("/v1/session", UPGRADE V1, 101, ""); /* not a browser */
}

static void test_connection_limits(void **state) {
    (void)state;
    Told told[4];
    bench.config.max_per_address = 2;
    bench_open(&bench);
    for (int i = 0; i < 2; i++) {
        bench_connect(&bench, NULL, &told[i]);
        bench_until_true(&bench, &told[i].open);
    }
    upgrade("/v1/session", UPGRADE V1, 429, "rate_limited");
    vv_client_close(told[0].client, 1000);
    bench_until_true(&bench, &told[0].closed);
    bench_settle(&bench);
    bench_connect(&bench, NULL, &told[2]);
    bench_until_true(&bench, &told[2].open);
    vv_server_close(&bench.server);
    char why[256];
    bench.config.max_connections = 1;
    assert_int_equal(vv_server_open(&bench.config, bench.loop, &bench.server, why, sizeof why), 0);
    snprintf(bench.url, sizeof bench.url, "ws://127.0.0.1:%d/v1/session", vv_server_port(bench.server));
    bench_connect(&bench, NULL, &told[3]);
    bench_until_true(&bench, &told[3].open);
    upgrade("/v1/session", UPGRADE V1, 503, "server_full");
}

/* ---- opening ------------------------------------------------------------------------------------------- */

static void cannot_open(const VvServerConfig *config, const char *reason) {
    VvServer *server;
    char why[512] = "";
    assert_true(vv_server_open(config, bench.loop, &server, why, sizeof why) < 0);
    assert_null(server);
    if (!strstr(why, reason))
        fail_msg("\"%s\" does not say \"%s\"", why, reason);
}

static void test_why_it_cannot_open(void **state) {
    (void)state;
    char path[128];
    VvServerConfig config = bench.config;
    config.port = vv_server_port(bench.server);
    cannot_open(&config, "is in use by another program");
    config = bench.config;
    config.web_root = "/nowhere/at/all";
    cannot_open(&config, "cannot open the page's folder /nowhere/at/all: No such file");
    config = bench.config;
    config.address = "not-an-address";
    cannot_open(&config, "\"not-an-address\" is not an IP address");
    config = bench.config;
    config.address = "192.0.2.1"; /* not one of this machine's */
    cannot_open(&config, "cannot listen on 192.0.2.1 port 0");
    config = bench.config;
    config.origins = "good.example";
    cannot_open(&config, "\"good.example\" is not an origin");
    config = bench.config;
    config.token_secret_file = "/nowhere/secret";
    cannot_open(&config, "cannot read the key /nowhere/secret");
    config = bench.config;
    bench_file(&bench, "cert.pem", "no certificate", path);
    config.tls_cert = path;
    cannot_open(&config, "both of them");
    config.tls_key = path;
    cannot_open(&config, "cannot use the certificate");
    config.tls_key = "/nowhere/key.pem";
    cannot_open(&config, "cannot read the certificate's key /nowhere/key.pem: No such file");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_types_and_headers, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_large_file_and_head, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_etag, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_not_found_and_no_way_up, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_methods, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_health, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_metrics, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_refused_upgrades, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_rebound_name, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_a_page_may_ask_why, open_keyed_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_tokens_and_claims, open_keyed_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_listed_origins, init, close_bench),
        cmocka_unit_test_setup_teardown(test_connection_limits, init, close_bench),
        cmocka_unit_test_setup_teardown(test_why_it_cannot_open, open_bench, close_bench),
    };
    return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
