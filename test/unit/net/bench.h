/* A server with the hub in memory, and clients of it, all on one loop of the test's. */
#ifndef VV_NET_BENCH_H
#define VV_NET_BENCH_H

#include "server/net/client.h"
#include "server/net/server.h"
#include "test/unit/net/hub_double.h"

#include <ev.h>

#define BENCH_LINES 4096

/* What a client was told, in order: "open", "pong", "error:bad_json", "session.ready", "media:5", "closed:1000", ... */
typedef struct Told {
    char line[BENCH_LINES][48];
    char ref[BENCH_LINES][24]; /* the ref of a message */
    int count;
    VvMessage last; /* the last valid message */
    VvClient *client;
    bool open, closed;
} Told;

typedef struct Bench {
    struct ev_loop *loop;
    VvServer *server;
    VvClients *clients;
    char folder[64]; /* of temporary files; also the web root */
    char url[128];
    VvServerConfig config;
} Bench;

/* Makes a folder with a page in it, and sensible limits; change `bench.config` before bench_open. */
void bench_init(Bench *bench);
void bench_open(Bench *bench);
void bench_close(Bench *bench);

/* Writes a file into the folder, and its path. */
void bench_file(Bench *bench, const char *name, const char *text, char path[128]);

/* Runs the loop until `*counter` is at least `least`. Fails the test if that never comes. */
void bench_until(Bench *bench, const int *counter, int least);
void bench_until_true(Bench *bench, const bool *flag);

/* Runs the loop while there is something to do at once. */
void bench_settle(Bench *bench);

/* A client that writes down what it is told. `config` may be NULL; its events are replaced. */
VvClient *bench_connect(Bench *bench, const VvClientConfig *config, Told *told);
void bench_send(VvClient *client, const char *text);

/* Sends the session.start of a role and waits for session.ready. */
void bench_start(Bench *bench, Told *told, const char *role);

/* The line that a client was told at a place. */
const char *bench_line(const Told *told, int at);

/* Sends raw bytes over a new socket, and gathers what comes until the server closes or a whole response is there.
 * Returns the HTTP status. */
int bench_http(Bench *bench, const char *request, char *response, size_t size);

/* GET of a path; "" as extra headers, or lines that end with \r\n. */
int bench_get(Bench *bench, const char *path, const char *headers, char *response, size_t size);

#endif
