/* Plain sockets: HTTP, and WebSockets that do what no proper client would. While something is waited for, the peers'
 * loop runs on. */
#ifndef E2E_WIRE_H
#define E2E_WIRE_H

#include "test/e2e/daemon.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- HTTP ------------------------------------------------------------------------------------------------------ */

typedef struct Reply {
    int status;      /* 0: the daemon hung up without an answer */
    char head[8192]; /* status line and headers */
    char body[262144];
    size_t size; /* of the body as it came */
} Reply;

/* One request, `path` sent as it is; `headers` are lines ending in CRLF, or "". Reads until the daemon closes: the
 * request says "Connection: close". */
void http_request(Reply *reply, const Daemon *daemon, const char *method, const char *path, const char *headers);

/* GET, and its status. */
int http_status(const Daemon *daemon, const char *path);

/* The value of a header (name in any case), or NULL. Good until the next call. */
const char *http_header(const Reply *reply, const char *name);

/* A figure of /metrics, by its name without "visavis_". Fails if there is none. */
double metric(const Daemon *daemon, const char *name);

/* Waits until it is exactly, or at least, `value`. */
void metric_until(const Daemon *daemon, const char *name, double value);
void metric_at_least(const Daemon *daemon, const char *name, double value);

/* ---- sockets --------------------------------------------------------------------------------------------------- */

/* A connected socket, not blocking. `receive`: bytes of its receive buffer, 0: as the system likes. */
int wire_connect(const Daemon *daemon, int receive);

/* Sends all of it, and fails if the other side does not take it. */
void wire_send(int fd, const void *data, size_t size);

/* Sends what is taken at once; returns the bytes, or -1 if the other side is gone. */
long wire_send_some(int fd, const void *data, size_t size);

/* What has come, waiting for at least a byte; 0: closed by the other side, in whatever way. */
size_t wire_receive(int fd, void *data, size_t room);

/* Waits for the other side to close, throwing away what comes. */
void wire_await_closed(int fd);

/* ---- WebSockets -------------------------------------------------------------------------------------------------- */

/* Asks for an upgrade at `path`, with `headers` (lines ending in CRLF) beside the necessary ones but the subprotocol;
 * a Host among them takes the place of the daemon's own.
 * Returns the status; `reply` is filled if it is not 101 (NULL: not wanted), and the socket is then closed. */
int wire_upgrade(int fd, const Daemon *daemon, const char *path, const char *headers, Reply *reply);

/* Connects and upgrades as visavis.v1, which must work. */
int wire_session(const Daemon *daemon, int receive);

enum { WIRE_CONTINUATION = 0, WIRE_TEXT = 1, WIRE_BINARY = 2, WIRE_CLOSE = 8, WIRE_PING = 9, WIRE_FINAL = 0x80 };

/* Writes a masked frame to `out` and returns its size (at most 14 more than the payload's). `first` is the first byte:
 * the opcode, with WIRE_FINAL for a whole message. */
size_t wire_frame(uint8_t *out, int first, const void *payload, size_t size);

/* Writes and sends it. */
void wire_send_frame(int fd, int first, const void *payload, size_t size);

/* Reads frames until the other side is done, keeping the text of the last error message and the close code (1006: it
 * sent none). Closes the socket. */
typedef struct WireEnd {
    char error[64]; /* its code; "" if none came */
    int code;
} WireEnd;

WireEnd wire_end(int fd);

#endif
