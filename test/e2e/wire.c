/* See wire.h. */
#include "test/e2e/wire.h"

#include "protocol/vv_protocol.h"
#include "test/e2e/loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- sockets --------------------------------------------------------------------------------------------------- */

int wire_connect(const Daemon *daemon, int receive) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)daemon->port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (receive)
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive, sizeof receive), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

static void await_socket(int fd, short events) {
    const VvTime guard = e2e_guard();
    struct pollfd wait = {.fd = fd, .events = events};
    while (poll(&wait, 1, 0) == 0) {
        if (vv_now() > guard)
            fail_msg("waited in vain for a socket to %s", events == POLLIN ? "tell something" : "take something");
        e2e_turn();
    }
}

long wire_send_some(int fd, const void *data, size_t size) {
    const ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    return (long)sent;
}

void wire_send(int fd, const void *data, size_t size) {
    const char *at = data;
    while (size) {
        const long sent = wire_send_some(fd, at, size);
        if (sent < 0)
            fail_msg("the daemon took no more: %s", strerror(errno));
        at += sent;
        size -= (size_t)sent;
        if (!sent)
            await_socket(fd, POLLOUT);
    }
}

size_t wire_receive(int fd, void *data, size_t room) {
    ssize_t got;
    do {
        await_socket(fd, POLLIN);
        got = recv(fd, data, room, 0);
    } while (got < 0 && (errno == EAGAIN || errno == EINTR));
    return got > 0 ? (size_t)got : 0;
}

void wire_await_closed(int fd) {
    char waste[4096];
    while (wire_receive(fd, waste, sizeof waste))
        continue;
}

/* ---- HTTP ------------------------------------------------------------------------------------------------------ */

/* Reads the head, and what came with it; returns how much that is. The status is 0 if there is no answer. */
static size_t read_head(int fd, Reply *reply, char *rest, size_t room) {
    size_t size = 0;
    char *end = NULL;
    reply->status = 0;
    while (!end) {
        const size_t got = wire_receive(fd, reply->head + size, sizeof reply->head - 1 - size);
        if (!got)
            return 0;
        size += got;
        reply->head[size] = '\0';
        end = strstr(reply->head, "\r\n\r\n");
    }
    end += 4;
    const size_t left = size - (size_t)(end - reply->head);
    assert_true(left <= room);
    memcpy(rest, end, left);
    *end = '\0';
    if (sscanf(reply->head, "HTTP/1.%*d %d ", &reply->status) != 1)
        fail_msg("not an answer: %s", reply->head);
    return left;
}

static void read_body(int fd, Reply *reply) {
    while (true) {
        assert_true(reply->size < sizeof reply->body - 1);
        const size_t got = wire_receive(fd, reply->body + reply->size, sizeof reply->body - 1 - reply->size);
        if (!got)
            break;
        reply->size += got;
    }
    reply->body[reply->size] = '\0';
}

void http_request(Reply *reply, const Daemon *daemon, const char *method, const char *path, const char *headers) {
    char request[8192];
    const int size =
        snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: localhost:%d\r\n%sConnection: close\r\n\r\n", method,
                 path, daemon->port, headers);
    assert_true(size < (int)sizeof request);
    const int fd = wire_connect(daemon, 0);
    wire_send(fd, request, (size_t)size);
    reply->size = read_head(fd, reply, reply->body, sizeof reply->body - 1);
    read_body(fd, reply);
    close(fd);
}

int http_status(const Daemon *daemon, const char *path) {
    static Reply reply;
    http_request(&reply, daemon, "GET", path, "");
    return reply.status;
}

const char *http_header(const Reply *reply, const char *name) {
    static char value[2048];
    const size_t length = strlen(name);
    for (const char *line = strstr(reply->head, "\r\n"); line && line[2]; line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line + 2, name, length) == 0 && line[2 + length] == ':') {
            const char *from = line + 3 + length;
            from += strspn(from, " ");
            snprintf(value, sizeof value, "%.*s", (int)strcspn(from, "\r"), from);
            return value;
        }
    return NULL;
}

double metric(const Daemon *daemon, const char *name) {
    static Reply reply;
    char wanted[128];
    http_request(&reply, daemon, "GET", "/metrics", "");
    assert_int_equal(reply.status, 200);
    snprintf(wanted, sizeof wanted, "\nvisavis_%s ", name);
    const char *at = strstr(reply.body, wanted);
    if (!at)
        fail_msg("/metrics has no %s", name);
    return strtod(at + strlen(wanted), NULL);
}

typedef struct Figure {
    const Daemon *daemon;
    const char *name;
    double value;
    bool more;
} Figure;

static bool figure_is(void *arg) {
    const Figure *figure = arg;
    const double now = metric(figure->daemon, figure->name);
    return now == figure->value || (figure->more && now > figure->value);
}

void metric_until(const Daemon *daemon, const char *name, double value) {
    Figure figure = {daemon, name, value, false};
    e2e_until(figure_is, &figure, name);
}

void metric_at_least(const Daemon *daemon, const char *name, double value) {
    Figure figure = {daemon, name, value, true};
    e2e_until(figure_is, &figure, name);
}

/* ---- WebSockets -------------------------------------------------------------------------------------------------- */

int wire_upgrade(int fd, const Daemon *daemon, const char *path, const char *headers, Reply *reply) {
    static Reply own;
    char request[8192], host[64], rest[sizeof own.head];
    reply = reply ? reply : &own;
    snprintf(host, sizeof host, "Host: localhost:%d\r\n", daemon->port);
    const int size = snprintf(request, sizeof request,
                              "GET %s HTTP/1.1\r\n%sUpgrade: websocket\r\nConnection: Upgrade\r\n"
                              "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
                              path, strstr(headers, "Host: ") ? "" : host, headers);
    assert_true(size < (int)sizeof request);
    wire_send(fd, request, (size_t)size);
    reply->size = read_head(fd, reply, rest, sizeof rest);
    if (reply->status == 101) {
        assert_int_equal(reply->size, 0); /* the daemon speaks only when spoken to */
        assert_string_equal(http_header(reply, "Sec-WebSocket-Protocol"), VV_PROTOCOL_NAME);
        assert_string_equal(http_header(reply, "Sec-WebSocket-Accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        return 101;
    }
    memcpy(reply->body, rest, reply->size);
    read_body(fd, reply);
    close(fd);
    return reply->status;
}

int wire_session(const Daemon *daemon, int receive) {
    const int fd = wire_connect(daemon, receive);
    assert_int_equal(wire_upgrade(fd, daemon, "/v1/session", "Sec-WebSocket-Protocol: visavis.v1\r\n", NULL), 101);
    return fd;
}

size_t wire_frame(uint8_t *out, int first, const void *payload, size_t size) {
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    const uint8_t *from = payload;
    size_t at = 0;
    out[at++] = (uint8_t)first;
    if (size < 126) {
        out[at++] = (uint8_t)(0x80 | size);
    } else if (size < 65536) {
        out[at++] = 0x80 | 126;
        out[at++] = (uint8_t)(size >> 8);
        out[at++] = (uint8_t)size;
    } else {
        out[at++] = 0x80 | 127;
        for (int shift = 56; shift >= 0; shift -= 8)
            out[at++] = (uint8_t)((uint64_t)size >> shift);
    }
    memcpy(out + at, mask, 4);
    at += 4;
    for (size_t i = 0; i < size; i++)
        out[at++] = from[i] ^ mask[i % 4];
    return at;
}

void wire_send_frame(int fd, int first, const void *payload, size_t size) {
    uint8_t *frame = malloc(size + 14);
    assert_non_null(frame);
    wire_send(fd, frame, wire_frame(frame, first, payload, size));
    free(frame);
}

/* Exactly so many bytes, or false at the end. */
static bool read_whole(int fd, uint8_t *to, size_t size) {
    while (size) {
        const size_t got = wire_receive(fd, to, size);
        if (!got)
            return false;
        to += got;
        size -= got;
    }
    return true;
}

/* One frame of the daemon's; it never splits or masks. Returns the first byte, or -1 at the end. */
static int read_frame(int fd, uint8_t *payload, size_t room, size_t *size) {
    uint8_t head[10];
    if (!read_whole(fd, head, 2))
        return -1;
    *size = head[1];
    const size_t more = head[1] == 126 ? 2 : head[1] == 127 ? 8 : 0;
    if (more) {
        if (!read_whole(fd, head + 2, more))
            return -1;
        *size = 0;
        for (size_t i = 0; i < more; i++)
            *size = *size << 8 | head[2 + i];
    }
    assert_true(*size <= room);
    return read_whole(fd, payload, *size) ? head[0] : -1;
}

WireEnd wire_end(int fd) {
    static uint8_t payload[VV_MESSAGE_BYTES_MAX];
    WireEnd end = {.code = 1006};
    size_t size;
    for (int first; (first = read_frame(fd, payload, sizeof payload, &size)) >= 0;) {
        VvMessage message;
        VvFault fault;
        if (first == (WIRE_FINAL | WIRE_TEXT) &&
            vv_message_decode((const char *)payload, size, &message, &fault) == VV_ERR_OK &&
            message.type == VV_MSG_ERROR)
            snprintf(end.error, sizeof end.error, "%s", vv_err_name((VvErr)message.body.Error.code));
        if (first == (WIRE_FINAL | WIRE_CLOSE) && size >= 2)
            end.code = payload[0] << 8 | payload[1];
        if (first == (WIRE_FINAL | WIRE_CLOSE))
            break;
    }
    close(fd);
    return end;
}
