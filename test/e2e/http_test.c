/* HTTP: the page's files, health, figures, and that nothing else can be had. */
#include "test/e2e/loop.h"
#include "test/e2e/peer.h"
#include "test/e2e/wire.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static Reply reply;

static void get(const Daemon *daemon, const char *path) {
    http_request(&reply, daemon, "GET", path, "");
}

static void expect_header(const char *name, const char *value) {
    const char *got = http_header(&reply, name);
    if (!got || strcmp(got, value) != 0)
        fail_msg("%s: %s, not %s", name, got ? got : "(none)", value);
}

static void expect_safe_headers(void) {
    expect_header("X-Content-Type-Options", "nosniff");
    expect_header("Referrer-Policy", "no-referrer");
    expect_header("Cache-Control", "no-cache");
    assert_non_null(strstr(http_header(&reply, "Content-Security-Policy"), "default-src 'self'"));
    assert_null(strstr(http_header(&reply, "Content-Security-Policy"), "unsafe"));
    assert_null(http_header(&reply, "Access-Control-Allow-Origin"));
}

static void the_page(void **state) {
    (void)state;
    Daemon *daemon = daemon_start("--workers=2");
    static const struct {
        const char *path, *file, *type;
    } files[] = {
        {"/", "index.html", "text/html; charset=utf-8"},
        {"/index.html", "index.html", "text/html; charset=utf-8"},
        {"/?session=demo&token=x", "index.html", "text/html; charset=utf-8"},
        {"/protocol.js", "protocol.js", "text/javascript; charset=utf-8"},
        {"/style.css", "style.css", "text/css; charset=utf-8"},
        {"/icon.svg", "icon.svg", "image/svg+xml"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[256], *text = calloc(1, sizeof reply.body);
        snprintf(path, sizeof path, "web-demo/%s", files[i].file);
        FILE *file = fopen(path, "r");
        assert_non_null(file);
        const size_t size = fread(text, 1, sizeof reply.body, file);
        fclose(file);
        get(daemon, files[i].path);
        assert_int_equal(reply.status, 200);
        expect_header("Content-Type", files[i].type);
        expect_safe_headers();
        assert_int_equal(reply.size, size);
        assert_memory_equal(reply.body, text, size);
        assert_int_equal(atoi(http_header(&reply, "Content-Length")), (int)size);
        free(text);
        /* The head alone, and nothing at all if it is known already. */
        char known[256];
        snprintf(known, sizeof known, "If-None-Match: %s\r\n", http_header(&reply, "ETag"));
        http_request(&reply, daemon, "HEAD", files[i].path, "");
        assert_int_equal(reply.status, 200);
        assert_int_equal(atoi(http_header(&reply, "Content-Length")), (int)size);
        assert_int_equal(reply.size, 0);
        http_request(&reply, daemon, "GET", files[i].path, known);
        assert_int_equal(reply.status, 304);
        assert_int_equal(reply.size, 0);
    }
    daemon_stop(&daemon);
}

static void only_the_page(void **state) {
    (void)state;
    const char *root = scratch_path("root");
    shell("mkdir -p '%s/sub/.git' && cd '%s' && echo page >index.html && echo in >sub/page.txt && echo hidden >.secret "
          "&& echo hidden >sub/.git/config && echo outside >../outside.txt && ln -s ../outside.txt link.txt "
          "&& mkfifo pipe && printf '%%0.s-' $(seq 200000) >large.bin",
          root, root);
    Daemon *daemon = daemon_start("--web-root", root);
    get(daemon, "/sub/page.txt");
    assert_int_equal(reply.status, 200);
    expect_header("Content-Type", "text/plain; charset=utf-8");
    assert_string_equal(reply.body, "in\n");
    get(daemon, "/large.bin");
    assert_int_equal(reply.size, 200000);
    expect_header("Content-Type", "application/octet-stream");
    static const char *const nothing[] = {
        "/none",
        "/sub",
        "/sub/",
        "/index.html/",
        "/pipe",
        "/link.txt",
        "/.secret",
        "/%2esecret",
        "/sub/.git/config",
        "/../outside.txt",
        "/..%2foutside.txt",
        "/%2e%2e/outside.txt",
        "/%2e%2e%2foutside.txt",
        "/sub/../../outside.txt",
        "/sub/..%2f..%2foutside.txt",
        "/sub/%252e%252e/outside.txt",
        "//outside.txt",
        "/\\..\\outside.txt",
        "/..\\outside.txt",
        "/%5c..%5coutside.txt",
        "/etc/passwd",
        "//etc/passwd",
        "/../../../../../../etc/passwd",
        "/index.html%00.txt",
    };
    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++) {
        get(daemon, nothing[i]);
        if (reply.status && (reply.status < 400 || reply.status > 404))
            fail_msg("%s: %d", nothing[i], reply.status);
        assert_null(strstr(reply.body, "hidden"));
        assert_null(strstr(reply.body, "outside"));
        assert_null(strstr(reply.body, "root:"));
    }
    get(daemon, "/index.html%0d%0aSet-Cookie:%20a=b%0d%0a%0d%0aforged"); /* is not answered with what it asked for */
    assert_null(http_header(&reply, "Set-Cookie"));
    assert_null(strstr(reply.body, "forged"));
    get(daemon, "/none");
    assert_int_equal(reply.status, 404);
    expect_header("Content-Type", "text/html; charset=utf-8");
    expect_safe_headers();
    static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS", "PATCH"};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        http_request(&reply, daemon, methods[i], "/index.html", "Content-Length: 0\r\n");
        if (reply.status < 400 || reply.status > 501)
            fail_msg("%s: %d", methods[i], reply.status);
        assert_null(strstr(reply.body, "page\n"));
    }
    http_request(&reply, daemon, "POST", "/healthz", "Content-Length: 0\r\n");
    assert_int_equal(reply.status, 405);
    expect_header("Allow", "GET, HEAD");
    daemon_stop(&daemon);
}

/* A request on a connection that stays: both are answered, in order. */
static void connections_are_kept(void **state) {
    (void)state;
    Daemon *daemon = daemon_start("--workers=2");
    static const char two[] = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
                              "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    static char text[16384];
    size_t size = 0, got;
    const int fd = wire_connect(daemon, 0);
    wire_send(fd, two, strlen(two));
    while ((got = wire_receive(fd, text + size, sizeof text - 1 - size)))
        size += got;
    close(fd);
    text[size] = '\0';
    const char *first = strstr(text, "\r\n\r\nok\n"), *second = strstr(text, "\r\n\r\nready\n");
    assert_true(first && second && first < second);
    daemon_stop(&daemon);
}

/* ---- figures -------------------------------------------------------------------------------------------------------
 */

static bool is_name(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (!isalnum((unsigned char)text[i]) && text[i] != '_' && text[i] != ':')
            return false;
    return size > 0 && !isdigit((unsigned char)*text);
}

/* One line of the text format: a comment, or name{label="value"} number. Returns the name's length, 0 for a comment. */
static size_t check_line(const char *line) {
    if (strncmp(line, "# HELP ", 7) == 0 || strncmp(line, "# TYPE ", 7) == 0) {
        const size_t name = strcspn(line + 7, " ");
        assert_true(is_name(line + 7, name));
        if (line[2] == 'T') {
            const char *type = line + 8 + name;
            assert_true(strcmp(type, "counter") == 0 || strcmp(type, "gauge") == 0 || strcmp(type, "histogram") == 0);
        }
        return 0;
    }
    const size_t name = strcspn(line, "{ ");
    const char *at = line + name;
    if (*at == '{') {
        const char *label = at + 1, *equals = strchr(label, '=');
        assert_true(equals && is_name(label, (size_t)(equals - label)) && equals[1] == '"');
        const char *end = strchr(equals + 2, '"');
        assert_true(end && end[1] == '}');
        at = end + 2;
    }
    if (!is_name(line, name) || *at != ' ')
        fail_msg("not a line of figures: %s", line);
    char *end;
    strtod(at + 1, &end);
    assert_true(end > at + 1 && !*end);
    return name;
}

/* Histograms: buckets that never shrink, the last of them +Inf and equal to the count. */
typedef struct Buckets {
    char name[128];
    double last;
    bool infinite;
} Buckets;

static void check_bucket(Buckets *buckets, const char *line, size_t name) {
    const double value = strtod(strrchr(line, ' '), NULL);
    if (name > 7 && strncmp(line + name - 7, "_bucket", 7) == 0) {
        if (strncmp(buckets->name, line, name) != 0 || buckets->name[name])
            *buckets = (Buckets){.last = 0};
        snprintf(buckets->name, sizeof buckets->name, "%.*s", (int)name, line);
        assert_false(buckets->infinite);
        assert_true(value >= buckets->last);
        buckets->last = value;
        buckets->infinite = strstr(line, "le=\"+Inf\"") != NULL;
    } else if (name > 6 && strncmp(line + name - 6, "_count", 6) == 0) {
        assert_true(strncmp(buckets->name, line, name - 6) == 0 && buckets->infinite);
        assert_true(value == buckets->last);
    }
}

static int check_figures(const Daemon *daemon) {
    int count = 0;
    Buckets buckets = {.last = 0};
    get(daemon, "/metrics");
    assert_int_equal(reply.status, 200);
    expect_header("Content-Type", "text/plain; version=0.0.4");
    assert_true(reply.size > 0 && reply.body[reply.size - 1] == '\n');
    for (char *rest = reply.body, *line; *rest && (line = strsep(&rest, "\n")) && rest;) {
        const size_t name = check_line(line);
        if (name) {
            assert_int_equal(strncmp(line, "visavis_", 8), 0);
            check_bucket(&buckets, line, name);
            count++;
        }
    }
    return count;
}

static void figures(void **state) {
    (void)state;
    Daemon *daemon = daemon_start("--workers=2");
    get(daemon, "/healthz");
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.body, "ok\n");
    get(daemon, "/readyz");
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.body, "ready\n");
    assert_true(check_figures(daemon) > 50);
    static const char *const growing[] = {"connections_total",       "http_requests_total",     "received_bytes_total",
                                          "sent_bytes_total",        "received_messages_total", "sent_messages_total",
                                          "sessions_started_total",  "frames_sent_total",       "windows_total",
                                          "utterances_total",        "batches_total",           "step_seconds_count",
                                          "vp8_encode_seconds_count"};
    double before[sizeof growing / sizeof *growing];
    const size_t count = sizeof growing / sizeof *growing;
    for (size_t i = 0; i < count; i++)
        before[i] = metric(daemon, growing[i]);
    assert_true(metric(daemon, "sessions") == 0 && metric(daemon, "connections") == 0);
    Peer *both = peer_join(daemon, "{\"type\":\"session.start\",\"role\":\"both\",\"session\":\"s\"}");
    assert_true(metric(daemon, "sessions") == 1 && metric(daemon, "connections") == 1);
    peer_say(both, VV_SPEECH_PCM, 16000, 0.4);
    peer_await(both, VV_MSG_PLAYBACK_FINISHED, 1);
    for (size_t i = 0; i < count; i++)
        if (metric(daemon, growing[i]) <= before[i])
            fail_msg("%s did not grow", growing[i]);
    assert_true(check_figures(daemon) > 50);
    peer_leave(both);
    metric_until(daemon, "sessions", 0);
    metric_until(daemon, "connections", 0);
    /* For this machine only, and a proxy on it is not this machine. */
    http_request(&reply, daemon, "GET", "/metrics", "X-Forwarded-For: 203.0.113.9\r\n");
    assert_int_equal(reply.status, 403);
    daemon_stop(&daemon);
    daemon = daemon_start("--metrics-public");
    http_request(&reply, daemon, "GET", "/metrics", "X-Forwarded-For: 203.0.113.9\r\n");
    assert_int_equal(reply.status, 200);
    daemon_stop(&daemon);
}

/* A page cannot see why an upgrade was refused; a plain GET of the same address tells it. */
static void why_refused(void **state) {
    (void)state;
    Daemon *daemon = daemon_start("--workers=2");
    get(daemon, "/v1/session");
    assert_int_equal(reply.status, 426);
    http_request(&reply, daemon, "GET", "/v1/session", "Origin: http://evil.example\r\n");
    assert_int_equal(reply.status, 403);
    assert_non_null(strstr(reply.body, "\"forbidden_origin\""));
    daemon_stop(&daemon);
    const char *secret = scratch_write("secret", "correct horse battery staple, 32 bytes and more\n");
    daemon = daemon_start("--token-secret-file", secret);
    get(daemon, "/v1/session?token=wrong");
    assert_int_equal(reply.status, 401);
    expect_header("Content-Type", "application/json");
    assert_non_null(strstr(reply.body, "\"unauthorized\""));
    daemon_stop(&daemon);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        e2e_test(the_page), e2e_test(only_the_page), e2e_test(connections_are_kept),
        e2e_test(figures),  e2e_test(why_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
