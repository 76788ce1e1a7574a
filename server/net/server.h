/* The daemon's network side: HTTP, WebSocket, TLS, tokens, limits. One service thread owns every socket. */
#ifndef VV_SERVER_H
#define VV_SERVER_H

#include "server/session/session.h"

#include <stdbool.h>
#include <stddef.h>

struct ev_loop;

typedef struct VvServer VvServer;

/* Strings must stay until vv_server_close. */
typedef struct VvServerConfig {
    const char *address;  /* interface to bind; NULL or "": all of them */
    int port;             /* 0: any free one */
    const char *web_root; /* folder of the page */
    const char *tls_cert; /* PEM files; NULL: plain */
    const char *tls_key;
    const char *token_secret_file; /* HS256 key; NULL: none */
    const char *token_public_file; /* RS256 public key, PEM; NULL: none */
    const char *origins; /* allowed Origins, separated by commas, compared exactly; NULL: the server's own only; "*" */
    int max_connections; /* in all */
    int max_per_address; /* from one address */
    int rate_messages;   /* a connection's messages a second before reading from it pauses */
    int rate_bytes;      /* and bytes a second */
    int max_errors;      /* protocol errors before a connection is closed */
    bool metrics_public; /* /metrics for everyone; else for this machine only */
    VvTime drain_patience; /* how long SIGTERM waits for what is being said */
    VvHubConfig hub;       /* wake, created and ctx are the server's own: leave them 0 */
    /* Called on the service thread for every new session that a viewer made (the demo's assistant); may be NULL. */
    void (*created)(void *ctx, const char *session);
    void *ctx;
} VvServerConfig;

/* Opens the listening socket and the hub on `loop` (libev, borrowed). Returns 0, or -errno with the reason in `why`
 * (such as "port 8080 is in use by another program"). */
int vv_server_open(const VvServerConfig *config, struct ev_loop *loop, VvServer **server, char *why, size_t why_size);

/* The port that it listens on. */
int vv_server_port(const VvServer *server);

/* Its hub, for what it can tell. */
const VvHub *vv_server_hub(const VvServer *server);

/* Begins to stop: no new connections or sessions; the loop is broken (ev_break) when the last session has ended. */
void vv_server_drain(VvServer *server);

/* Reads the certificate files again; running connections keep theirs. 0 or -errno, the old ones stay on failure. */
int vv_server_reload(VvServer *server);

void vv_server_close(VvServer **server);

/* Signs a token: HS256 with `secret_file` or RS256 with a private key file. Written to `out`; 0 or -errno. An empty
 * session or a role of -1 allows any. `seconds`: until it expires. */
int vv_token_sign(const char *secret_file, const char *private_file, const char *session, int role, long seconds,
                  char *out, size_t size, char *why, size_t why_size);

#endif
