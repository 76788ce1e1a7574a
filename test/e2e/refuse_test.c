/* Who may not in: upgrades and starts that are refused, each by its name, while a call beside them goes on. */
#include "server/net/server.h"
#include "test/e2e/loop.h"
#include "test/e2e/peer.h"
#include "test/e2e/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define SUBPROTOCOL "Sec-WebSocket-Protocol: visavis.v1\r\n"
#define PATH "/v1/session"
#define WITNESS "{\"type\":\"session.start\",\"role\":\"viewer\",\"session\":\"witness\"}"
#define ANY (-1)

/* Expects an upgrade to end so; `error` is the name in the body. Returns the socket if it was accepted (101). */
static int expect(const Daemon *daemon, const char *path, const char *headers, int status, const char *error) {
    static Reply reply;
    char named[64];
    const int fd = wire_connect(daemon, 0);
    const int got = wire_upgrade(fd, daemon, path, headers, &reply);
    if (got != status)
        fail_msg("%s with %s: %d, not %d", path, headers, got, status);
    if (status == 101)
        return fd;
    snprintf(named, sizeof named, "{\"error\":\"%s\",\"message\":\"", error);
    if (strncmp(reply.body, named, strlen(named)) != 0)
        fail_msg("%s with %s: not %s: %s", path, headers, error, reply.body);
    return -1;
}

/* Copies `text` with the daemon's port in place of each '#'. */
static void with_port(char *out, const Daemon *daemon, const char *text) {
    for (; *text; text++)
        out += *text == '#' ? sprintf(out, "%d", daemon->port) : sprintf(out, "%c", *text);
    *out = '\0';
}

static void expect_origin(const Daemon *daemon, bool allowed, const char *host, const char *origin) {
    char headers[1024], host_port[256], origin_port[256];
    with_port(host_port, daemon, host);
    with_port(origin_port, daemon, origin);
    snprintf(headers, sizeof headers, "Host: %s\r\n" SUBPROTOCOL "Origin: %s\r\n", host_port, origin_port);
    const int fd = expect(daemon, PATH, headers, allowed ? 101 : 403, "forbidden_origin");
    if (allowed)
        close(fd);
}

static void upgrades(void **state) {
    (void)state;
    Daemon *daemon = daemon_start("--workers=2");
    Peer *witness = peer_join(daemon, WITNESS);
    const double refused = metric(daemon, "connections_refused_total");
    expect(daemon, PATH, "", 400, "bad_subprotocol");
    expect(daemon, PATH, "Sec-WebSocket-Protocol: visavis.v2, visavis\r\n", 400, "bad_subprotocol");
    expect(daemon, PATH, "Sec-WebSocket-Protocol: xvisavis.v1\r\n", 400, "bad_subprotocol");
    expect(daemon, "/", SUBPROTOCOL, 404, "not_found");
    expect(daemon, "/v1/session/", SUBPROTOCOL, 404, "not_found");
    expect(daemon, "/v1/sessions", SUBPROTOCOL, 404, "not_found");
    expect(daemon, "/v1/../v1/session2", SUBPROTOCOL, 404, "not_found");
    assert_int_equal((int)(metric(daemon, "connections_refused_total") - refused), 7);
    close(expect(daemon, PATH, "Sec-WebSocket-Protocol: chat, visavis.v1\r\n", 101, NULL));
    peer_expect_well(witness, daemon);
    peer_leave(witness);
    daemon_stop(&daemon);
}

static void origins(void **state) {
    (void)state;
    Daemon *daemon = daemon_start("--workers=2");
    Peer *witness = peer_join(daemon, WITNESS);
    expect_origin(daemon, true, "localhost:#", "http://localhost:#");
    expect_origin(daemon, true, "127.0.0.1:#", "http://127.0.0.1:#");
    static const char *const foreign[] = {
        "http://localhost:#.evil.example", /* begins with the right one */
        "http://localhost:#@evil.example",
        "http://localhost:#/",
        "http://localhost:1",
        "http://localhost",
        "https://localhost:#",
        "http://127.0.0.1:#",
        "http://evil.localhost:#",
        "http://evil.example/http://localhost:#",
        "http://evil.example, http://localhost:#",
        "null",
        "file://",
        "localhost:#",
    };
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        expect_origin(daemon, false, "localhost:#", foreign[i]);
    /* A page elsewhere whose name leads to this machine is of the server's own origin, but not of this machine. */
    expect_origin(daemon, false, "rebound.example:#", "http://rebound.example:#");
    /* Somebody else behind a proxy on this machine. */
    expect(daemon, PATH, SUBPROTOCOL "X-Forwarded-For: 203.0.113.9\r\n", 401, "unauthorized");
    expect(daemon, PATH, SUBPROTOCOL "Forwarded: for=203.0.113.9\r\n", 401, "unauthorized");
    peer_expect_well(witness, daemon);
    peer_leave(witness);
    daemon_stop(&daemon);

    daemon = daemon_start("--origins=https://call.example.org, http://other.example:8443");
    expect_origin(daemon, true, "localhost:#", "https://call.example.org");
    expect_origin(daemon, true, "localhost:#", "https://CALL.example.org:443");
    expect_origin(daemon, true, "localhost:#", "http://other.example:8443");
    static const char *const other[] = {
        "https://call.example.org.evil.example",
        "https://call.example.orgx",
        "https://call.example.org:8443",
        "http://call.example.org",
        "https://xcall.example.org",
        "http://localhost:#",
    };
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        expect_origin(daemon, false, "localhost:#", other[i]);
    daemon_stop(&daemon);
}

/* ---- tokens ------------------------------------------------------------------------------------------------------ */

#define SECRET "correct horse battery staple, 32 bytes and more"

static const char *sign(const char *secret, const char *key, const char *session, int role, long seconds) {
    static char token[2048];
    char why[256];
    if (vv_token_sign(secret, key, session, role, seconds, token, sizeof token, why, sizeof why))
        fail_msg("no token: %s", why);
    return token;
}

static void base64url(const char *text, char *out) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const size_t size = strlen(text);
    for (size_t i = 0; i < size; i += 3) {
        uint32_t bits = 0;
        for (size_t k = 0; k < 3; k++)
            bits = bits << 8 | (i + k < size ? (uint8_t)text[i + k] : 0);
        for (size_t k = 0; k < 4 && i + k <= size; k++)
            *out++ = digits[bits >> (18 - 6 * k) & 63];
    }
    *out = '\0';
}

/* A token that says it needs no signature, with the signature given ("": none). */
static const char *unsigned_token(const char *algorithm, const char *signature) {
    static char token[1024];
    char head[128], claims[128], a[256], b[256];
    snprintf(head, sizeof head, "{\"alg\":\"%s\",\"typ\":\"JWT\"}", algorithm);
    snprintf(claims, sizeof claims, "{\"exp\":%ld}", (long)time(NULL) + 1000);
    base64url(head, a);
    base64url(claims, b);
    snprintf(token, sizeof token, "%s.%s.%s", a, b, signature);
    return token;
}

static void expect_token(const Daemon *daemon, bool allowed, const char *token) {
    char headers[4096], path[4096];
    snprintf(headers, sizeof headers, SUBPROTOCOL "Authorization: Bearer %s\r\n", token);
    snprintf(path, sizeof path, PATH "?token=%s", token);
    const int first = expect(daemon, PATH, headers, allowed ? 101 : 401, "unauthorized");
    const int second = expect(daemon, path, SUBPROTOCOL, allowed ? 101 : 401, "unauthorized");
    if (allowed) {
        close(first);
        close(second);
    }
}

static void expect_start(const Daemon *daemon, const char *token, const char *role, const char *session, VvErr error) {
    Peer *peer = peer_connect(daemon, &(PeerOptions){.token = token});
    assert_true(peer->open);
    peer_send(peer, "{\"type\":\"session.start\",\"role\":\"%s\"%s%s%s}", role, session ? ",\"session\":\"" : "",
              session ? session : "", session ? "\"" : "");
    if (error == VV_ERR_OK) {
        peer_await(peer, VV_MSG_SESSION_READY, 1);
        peer_leave(peer);
        return;
    }
    assert_true(peer_await_error(peer, error, 1)->fatal);
    peer_await_closed(peer, 1008);
    assert_int_equal(peer->frame_count, 0);
}

static void secret_tokens(void **state) {
    (void)state;
    const char *secret = scratch_write("secret", SECRET "\n");
    const char *other = scratch_write("other", "another secret, of thirty-two bytes and more\n");
    char option[512];
    snprintf(option, sizeof option, "--token-secret-file=%s", secret);
    Daemon *daemon = daemon_start(option);
    Peer *witness = peer_connect(daemon, &(PeerOptions){.token = sign(secret, NULL, "", ANY, 100)});
    peer_send(witness, WITNESS);
    peer_await(witness, VV_MSG_SESSION_READY, 1);

    expect(daemon, PATH, SUBPROTOCOL, 401, "unauthorized");
    expect(daemon, PATH, SUBPROTOCOL "Authorization: Basic dXNlcjpwYXNz\r\n", 401, "unauthorized");
    expect_token(daemon, true, sign(secret, NULL, "", ANY, 100));
    expect_token(daemon, false, sign(secret, NULL, "", ANY, -10)); /* expired */
    expect_token(daemon, false, sign(other, NULL, "", ANY, 100));
    expect_token(daemon, false, "a.b.c");
    expect_token(daemon, false, "....");
    expect_token(daemon, false, unsigned_token("none", ""));
    expect_token(daemon, false, unsigned_token("none", "AAAA"));
    expect_token(daemon, false, unsigned_token("HS256", "AAAA"));
    expect_token(daemon, false, unsigned_token("HS512", "AAAA"));
    char changed[2048]; /* one letter of the signature is another */
    snprintf(changed, sizeof changed, "%s", sign(secret, NULL, "", ANY, 100));
    char *letter = strrchr(changed, '.') + 5;
    *letter = *letter == 'A' ? 'B' : 'A';
    expect_token(daemon, false, changed);

    const char *viewer = sign(secret, NULL, "mine", VV_ROLE_VIEWER, 100);
    expect_start(daemon, viewer, "viewer", "mine", VV_ERR_OK);
    expect_start(daemon, viewer, "viewer", NULL, VV_ERR_OK); /* the token names it */
    expect_start(daemon, viewer, "viewer", "yours", VV_ERR_UNAUTHORIZED);
    expect_start(daemon, viewer, "backend", "mine", VV_ERR_UNAUTHORIZED);
    expect_start(daemon, viewer, "both", "mine", VV_ERR_UNAUTHORIZED);
    expect_start(daemon, viewer, "viewer", "witness", VV_ERR_UNAUTHORIZED);
    expect_start(daemon, sign(secret, NULL, "mine", VV_ROLE_BACKEND, 100), "viewer", "mine", VV_ERR_UNAUTHORIZED);
    expect_start(daemon, sign(secret, NULL, "", VV_ROLE_BOTH, 100), "backend", "any", VV_ERR_OK);

    Run made; /* and the command makes ones that are good */
    run_visavis(&made, "token", "--secret-file", secret, "--session", "mine", "--role", "viewer");
    assert_int_equal(made.status, 0);
    made.out[strcspn(made.out, "\n")] = '\0';
    expect_start(daemon, made.out, "viewer", "mine", VV_ERR_OK);
    expect_start(daemon, made.out, "backend", "mine", VV_ERR_UNAUTHORIZED);
    peer_expect_well(witness, daemon);
    peer_leave(witness);
    daemon_stop(&daemon);
}

static void rsa_tokens(void **state) {
    (void)state;
    const char *key = scratch_path("rsa.pem"), *public = scratch_path("rsa.pub");
    shell("openssl genrsa -out '%s' 2048 2>/dev/null && openssl rsa -in '%s' -pubout -out '%s' 2>/dev/null", key, key,
          public);
    char option[512];
    snprintf(option, sizeof option, "--token-public-file=%s", public);
    Daemon *daemon = daemon_start(option);
    expect_token(daemon, true, sign(NULL, key, "", ANY, 100));
    expect_token(daemon, false, sign(NULL, key, "", ANY, -10));
    /* Signed with the public key as if it were a secret, which everyone has. */
    expect_token(daemon, false, sign(public, NULL, "", ANY, 100));
    expect_token(daemon, false, unsigned_token("none", ""));
    expect_token(daemon, false, unsigned_token("RS256", "AAAA"));
    expect_start(daemon, sign(NULL, key, "mine", VV_ROLE_VIEWER, 100), "viewer", "mine", VV_ERR_OK);
    expect_start(daemon, sign(NULL, key, "mine", VV_ROLE_VIEWER, 100), "viewer", "yours", VV_ERR_UNAUTHORIZED);
    daemon_stop(&daemon);
}

/* ---- room -------------------------------------------------------------------------------------------------------- */

static void connections_are_counted(void **state) {
    (void)state;
    Daemon *daemon = daemon_start("--max-per-address=3");
    Peer *witness = peer_join(daemon, WITNESS);
    const int one = expect(daemon, PATH, SUBPROTOCOL, 101, NULL), two = expect(daemon, PATH, SUBPROTOCOL, 101, NULL);
    expect(daemon, PATH, SUBPROTOCOL, 429, "rate_limited");
    peer_expect_well(witness, daemon); /* other requests of the same address are still answered */
    close(one);
    metric_until(daemon, "connections", 2);
    close(expect(daemon, PATH, SUBPROTOCOL, 101, NULL));
    close(two);
    peer_leave(witness);
    daemon_stop(&daemon);

    daemon = daemon_start("--max-connections=2");
    witness = peer_join(daemon, WITNESS);
    const int other = expect(daemon, PATH, SUBPROTOCOL, 101, NULL);
    expect(daemon, PATH, SUBPROTOCOL, 503, "server_full");
    close(other);
    metric_until(daemon, "connections", 1);
    close(expect(daemon, PATH, SUBPROTOCOL, 101, NULL));
    peer_expect_well(witness, daemon);
    peer_leave(witness);
    daemon_stop(&daemon);
}

static void starts(void **state) {
    (void)state;
    Daemon *daemon = daemon_start("--capacity=1");
    Peer *witness = peer_join(daemon, WITNESS);
    assert_int_equal(http_status(daemon, "/readyz"), 503);
    static const struct {
        const char *start;
        VvErr error;
    } refused[] = {
        {"\"role\":\"viewer\",\"session\":\"other\"", VV_ERR_SERVER_FULL},
        {"\"role\":\"viewer\"", VV_ERR_SERVER_FULL},
        {"\"role\":\"viewer\",\"session\":\"witness\"", VV_ERR_ROLE_TAKEN},
        {"\"role\":\"both\",\"session\":\"witness\"", VV_ERR_ROLE_TAKEN},
        {"\"role\":\"backend\",\"session\":\"witness\",\"character\":\"nobody\"", VV_ERR_UNKNOWN_CHARACTER},
        {"\"role\":\"backend\",\"session\":\"witness\",\"style\":\"none\"", VV_ERR_UNKNOWN_STYLE},
        {"\"role\":\"viewer\",\"resume\":\"00000000000000000000000000000000\"", VV_ERR_RESUME_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        Peer *peer = peer_connect(daemon, NULL);
        peer_send(peer, "{\"type\":\"session.start\",\"id\":\"x%zu\",%s}", i, refused[i].start);
        assert_true(peer_await_error(peer, refused[i].error, 1)->fatal);
        char id[16];
        snprintf(id, sizeof id, "x%zu", i);
        assert_string_equal(peer_message(peer, VV_MSG_ERROR, 0)->message->ref, id);
        peer_await_closed(peer, 1008);
        peer_expect_well(witness, daemon);
    }
    Peer *backend = peer_join(daemon, "{\"type\":\"session.start\",\"role\":\"backend\",\"session\":\"witness\"}");
    assert_true(metric(daemon, "sessions_refused_total") >= 2);
    peer_leave(witness);
    peer_await_closed(backend, 1000);
    metric_until(daemon, "sessions", 0); /* and there is room again */
    peer_leave(peer_join(daemon, WITNESS));
    daemon_stop(&daemon);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        e2e_test(upgrades),
        e2e_test(origins),
        e2e_test(secret_tokens),
        e2e_test(rsa_tokens),
        e2e_test(connections_are_counted),
        e2e_test(starts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
