/* What the files of this folder share: the server, its sockets and its connections. All of it belongs to the service
 * thread; the one exception is VvServer.wake, which any thread may send. */
#ifndef VV_NET_H
#define VV_NET_H

#include "server/base/ring.h"
#include "server/net/address.h"
#include "server/net/assembly.h"
#include "server/net/limit.h"
#include "server/net/server.h"
#include "server/net/token.h"

#include <ev.h>
#include <libwebsockets.h>
#include <openssl/ssl.h>

#define VV_SESSION_PATH "/v1/session"

typedef struct VvConnection VvConnection;

/* One accepted socket, whatever is spoken on it. It hangs on the library's wsi. */
typedef struct VvSocket {
    VvAddress address;
    VvConnection *connection; /* once upgraded */
} VvSocket;

struct VvServer {
    VvServerConfig config;
    struct ev_loop *loop;
    struct lws_context *context;
    struct lws_vhost *vhost;
    SSL_CTX *tls;        /* the library's, of the listening side; NULL: plain */
    SSL_CTX *tls_unused; /* ours: for connections that we never make; the library would lose its own */
    VvTokens *tokens;
    VvAddresses *addresses;
    VvHub *hub;
    int web_root; /* folder, for openat */
    int sockets, connection_count;
    bool draining, drained;
    VvTime emptied; /* when the last session was found to have ended while draining; 0: not yet */

    ev_async wake;     /* some seat has output, or a session ended */
    ev_timer tick;     /* once a second */
    ev_prepare finish; /* the end of each loop iteration */

    VvConnection *connections; /* all but the dead */
    VvConnection *dead;        /* to be freed at the end of the iteration */
    uint8_t *output;           /* LWS_PRE and one message, for all connections in turn */
    size_t output_room;
};

/* ---- http.c ------------------------------------------------------------------------------------------------- */

/* A response whose body is still being sent. */
typedef struct VvReply {
    int file;   /* body comes from here, or */
    char *text; /* from here: malloc'd */
    size_t size, sent;
} VvReply;

/* Why a connection may not be: HTTP status, an error's name and words for it. */
typedef struct VvRefusal {
    unsigned status;
    const char *error, *message;
} VvRefusal;

/* Whether the sender of the request now on `wsi` may open a session's WebSocket; fills its claims. True if so;
 * otherwise `refusal` says why not. */
bool vv_http_vet(VvServer *server, struct lws *wsi, const VvSocket *socket, VvClaims *claims, VvRefusal *refusal);

/* The library's HTTP callbacks. */
int vv_http_request(VvServer *server, struct lws *wsi, VvReply *reply, const char *path);
int vv_http_upgrade(VvServer *server, struct lws *wsi, const char *protocol);
int vv_http_write(struct lws *wsi, VvReply *reply);
void vv_http_end(VvReply *reply);

/* ---- connection.c ------------------------------------------------------------------------------------------- */

/* A WebSocket was accepted. NULL if out of memory. */
VvConnection *vv_connection_open(VvServer *server, struct lws *wsi, const VvSocket *socket, const VvClaims *claims);

/* A piece of a message came. Negative: close. */
int vv_connection_receive(VvConnection *connection, const void *piece, size_t size);

/* The socket takes more. Negative: close. */
int vv_connection_write(VvConnection *connection);

/* Some seat has output. */
void vv_connection_output(VvConnection *connection);

/* Ends it: `error` (VV_ERR_OK: no error message), what is queued, then a close frame with `code`. */
void vv_connection_end(VvConnection *connection, VvErr error, const char *message, int code);

/* The socket is gone; vv_connections_reap frees the rest. */
void vv_connection_gone(VvConnection *connection);

/* What happens once a second: deadlines. */
void vv_connections_tick(VvServer *server, VvTime now);

/* Frees the dead. To be called outside of the library's callbacks. */
void vv_connections_reap(VvServer *server);

/* Draining, and no session is left: closes what has no seat any more. */
void vv_connections_end_idle(VvServer *server);

/* Gives back all seats and forgets the sockets, which the caller destroys next. */
void vv_connections_abandon(VvServer *server);

#endif
