/* The tests' bench. Waiting has a guard of half a minute, which only ends tests that hang. */
#include "test/unit/net/bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define GUARD (30 * VV_SECOND)

void bench_init(Bench *bench) {
    char path[128];
    *bench = (Bench){.folder = "/tmp/visavis-net-XXXXXX"};
    assert_non_null(mkdtemp(bench->folder));
    bench_file(bench, "index.html", "<!doctype html><title>page</title>", path);
    bench->config = (VvServerConfig){
        .address = "127.0.0.1",
        .web_root = bench->folder,
        .max_connections = 20,
        .max_per_address = 20,
        .rate_messages = 100000,
        .rate_bytes = 1 << 29,
        .max_errors = 5,
        .drain_patience = VV_SECOND,
    };
}

void bench_open(Bench *bench) {
    char why[512] = "";
    bench->loop = ev_loop_new(EVFLAG_AUTO);
    if (vv_server_open(&bench->config, bench->loop, &bench->server, why, sizeof why))
        fail_msg("server: %s", why);
    bench->clients = vv_clients_open(bench->loop);
    assert_non_null(bench->clients);
    snprintf(bench->url, sizeof bench->url, "%s://127.0.0.1:%d/v1/session", bench->config.tls_cert ? "wss" : "ws",
             vv_server_port(bench->server));
}

void bench_close(Bench *bench) {
    char command[128];
    vv_clients_close(&bench->clients);
    vv_server_close(&bench->server);
    if (bench->loop)
        ev_loop_destroy(bench->loop);
    snprintf(command, sizeof command, "rm -rf %s", bench->folder);
    assert_int_equal(system(command), 0);
}

void bench_file(Bench *bench, const char *name, const char *text, char path[128]) {
    snprintf(path, 128, "%s/%s", bench->folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

void bench_until(Bench *bench, const int *counter, int least) {
    const VvTime end = vv_now() + GUARD;
    while (*counter < least) {
        if (vv_now() > end)
            fail_msg("waited in vain: %d of %d", *counter, least);
        ev_run(bench->loop, EVRUN_ONCE);
    }
}

void bench_until_true(Bench *bench, const bool *flag) {
    const VvTime end = vv_now() + GUARD;
    while (!*flag) {
        if (vv_now() > end)
            fail_msg("waited in vain");
        ev_run(bench->loop, EVRUN_ONCE);
    }
}

void bench_settle(Bench *bench) {
    for (int i = 0; i < 50; i++)
        ev_run(bench->loop, EVRUN_NOWAIT);
}

/* ---- clients ------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static void tell(Told *told, const char *ref, const char *format, ...) {
    va_list arguments;
    if (told->count == BENCH_LINES)
        return;
    va_start(arguments, format);
    vsnprintf(told->line[told->count], sizeof told->line[0], format, arguments);
    va_end(arguments);
    snprintf(told->ref[told->count], sizeof told->ref[0], "%s", ref);
    told->count++;
}

static void on_open(void *user, VvClient *client) {
    (void)client;
    Told *told = user;
    told->open = true;
    tell(told, "", "open");
}

static void on_message(void *user, VvClient *client, const VvMessage *message) {
    (void)client;
    Told *told = user;
    told->last = *message;
    if (message->type == VV_MSG_ERROR)
        tell(told, message->ref, "error:%s", vv_err_name((VvErr)message->body.Error.code));
    else
        tell(told, message->ref, "%s", vv_message_name(message->type));
}

static void on_media(void *user, VvClient *client, const VvFrameHeader *header, const uint8_t *payload) {
    (void)client, (void)payload;
    tell(user, "", "media:%u", header->sequence);
}

static void on_closed(void *user, VvClient *client, int code, const char *reason) {
    (void)client, (void)reason;
    Told *told = user;
    told->closed = true;
    tell(told, "", "closed:%d", code);
}

static const VvClientEvents events = {.open = on_open, .message = on_message, .media = on_media, .closed = on_closed};

VvClient *bench_connect(Bench *bench, const VvClientConfig *config, Told *told) {
    VvClientConfig mine = config ? *config : (VvClientConfig){0};
    memset(told, 0, sizeof *told);
    mine.url = mine.url ? mine.url : bench->url;
    mine.events = &events;
    mine.user = told;
    told->client = vv_client_connect(bench->clients, &mine);
    assert_non_null(told->client);
    return told->client;
}

void bench_send(VvClient *client, const char *text) {
    assert_true(vv_client_send_raw(client, false, text, strlen(text)));
}

void bench_start(Bench *bench, Told *told, const char *role) {
    char text[128];
    bench_until_true(bench, &told->open);
    snprintf(text, sizeof text, "{\"type\":\"session.start\",\"role\":\"%s\",\"id\":\"start\"}", role);
    const int before = told->count;
    bench_send(told->client, text);
    bench_until(bench, &told->count, before + 1);
    assert_string_equal(told->line[before], "session.ready");
    assert_string_equal(told->ref[before], "start");
}

const char *bench_line(const Told *told, int at) {
    return at < told->count ? told->line[at] : "(nothing)";
}

/* ---- plain HTTP ---------------------------------------------------------------------------------------- */

static bool complete(const char *response, size_t size) {
    const char *end = strstr(response, "\r\n\r\n"), *length = strcasestr(response, "\ncontent-length:");
    if (end && (strncmp(response + 9, "101", 3) == 0 || strncmp(response + 9, "304", 3) == 0))
        return true; /* these have no body */
    return end && length && length < end && size - (size_t)(end + 4 - response) >= strtoul(length + 16, NULL, 10);
}

int bench_http(Bench *bench, const char *request, char *response, size_t size) {
    const VvTime end = vv_now() + GUARD;
    const bool head = strncmp(request, "HEAD", 4) == 0;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)vv_server_port(bench->server)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(write(fd, request, strlen(request)), (ssize_t)strlen(request));
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    size_t used = 0;
    for (;;) {
        const ssize_t got = read(fd, response + used, size - 1 - used);
        if (got > 0)
            used += (size_t)got;
        response[used] = '\0';
        if (got == 0 || (got < 0 && errno != EAGAIN) || complete(response, used) ||
            (head && strstr(response, "\r\n\r\n")))
            break;
        assert_true(vv_now() < end);
        ev_run(bench->loop, EVRUN_NOWAIT);
    }
    close(fd);
    bench_settle(bench);
    return strlen(response) > 12 ? atoi(response + 9) : 0;
}

int bench_get(Bench *bench, const char *path, const char *headers, char *response, size_t size) {
    char request[8192];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost:%d\r\n%s\r\n", path,
             vv_server_port(bench->server), headers);
    return bench_http(bench, request, response, size);
}
