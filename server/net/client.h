/* A client of visavis.v1: a WebSocket to a daemon, on an event loop of the caller's. Used by the assistant, the
 * benchmark and the tests. All functions and callbacks belong to the loop's thread; many clients share one loop. */
#ifndef VV_CLIENT_H
#define VV_CLIENT_H

#include "protocol/vv_protocol.h"
#include "server/base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ev_loop;

typedef struct VvClients VvClients; /* the context that clients of one loop share */
typedef struct VvClient VvClient;

typedef struct VvClientEvents {
    void (*open)(void *user, VvClient *client);                                /* connected; may send now */
    void (*text)(void *user, VvClient *client, const char *text, size_t size); /* any text message, raw */
    void (*message)(void *user, VvClient *client, const VvMessage *message);   /* the same, if valid */
    void (*media)(void *user, VvClient *client, const VvFrameHeader *, const uint8_t *payload);
    /* Once; also when it never opened. `code`: the close code of whoever closed; 1006 if the connection was lost or
     * there was none; an HTTP status (400 .. 599) if the server refused to upgrade. */
    void (*closed)(void *user, VvClient *client, int code, const char *reason);
} VvClientEvents;

/* Opens and closes the context on `loop` (libev, borrowed). NULL on failure. Closing drops all its clients without
 * further callbacks. */
VvClients *vv_clients_open(struct ev_loop *loop);
void vv_clients_close(VvClients **clients);

typedef struct VvClientConfig {
    const char *url;              /* ws://host:port/v1/session or wss:// */
    const char *token;            /* sent as Authorization: Bearer; NULL: none */
    const char *origin;           /* Origin header; NULL: none */
    bool insecure;                /* wss: take any certificate (tests) */
    bool deaf;                    /* never reads from the socket (the benchmark's client that never reads) */
    const VvClientEvents *events; /* any callback may be NULL */
    void *user;
} VvClientConfig;

/* Starts to connect. NULL if the URL is not one or out of memory; `closed` tells of later failures, never from inside
 * this call. The client is owned by `clients` and is gone after its `closed` callback returned. */
VvClient *vv_client_connect(VvClients *clients, const VvClientConfig *config);

/* Queue a message; sent in order as the socket allows. False if its output queue (8 MiB) is full or it is closing. */
bool vv_client_send(VvClient *client, const VvMessage *message);
bool vv_client_send_media(VvClient *client, const VvFrameHeader *header, const void *payload);

/* Anything at all, for tests: text or binary as it is. */
bool vv_client_send_raw(VvClient *client, bool binary, const void *data, size_t size);

/* Bytes queued and not yet written. */
size_t vv_client_queued(const VvClient *client);

/* Sends what is queued, then closes with `code` (1000). */
void vv_client_close(VvClient *client, int code);

/* Drops the socket at once, as a lost network does: no close frame. */
void vv_client_drop(VvClient *client);

#endif
