/* The daemon's network side: opening, the loop, draining, closing.
 *
 * One iteration of the loop:
 *   1. Sockets and timers: the library's callbacks read, decode, write. Connections that end are only marked.
 *   2. `wake`, sent by media workers: vv_hub_poll says which seats have output; their sockets are asked to tell when
 * they take it. Nothing is written here, so that one wake for many seats becomes one write for each of them, in step 1
 *      of the next iteration.
 *   3. `finish`, before the loop sleeps: frees the connections that ended. It comes last because only then no callback
 *      that may hold a pointer to one is running, and before sleeping so that their seats are given back now, not at
 * the next event. */
#include "server/net/server.h"

#include "server/base/log.h"
#include "server/base/metrics.h"
#include "server/net/lws_log.h"
#include "server/net/net.h"
#include "server/net/origin.h"
#include "server/net/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SPARE_SOCKETS 256                 /* beyond max_connections: for the page, health, metrics */
#define SPARE_PER_ADDRESS 32              /* the same for one address */
#define FAREWELL_PATIENCE (3 * VV_SECOND) /* from the last session's end to the loop's, for closing */
#define HEADER_BYTES 16384                /* of a request */

/* ---- sockets ------------------------------------------------------------------------------------------- */

/* Whether a new socket is accepted at all; counts too many as refused. Who holds many sockets can make them all wait.
 */
static bool admit(VvServer *server, int fd) {
    const VvAddress address = vv_address_of_peer(fd);
    const int most = server->config.max_per_address + SPARE_PER_ADDRESS;
    if (server->sockets < server->config.max_connections + SPARE_SOCKETS &&
        vv_addresses_count(server->addresses, &address, VV_HELD_SOCKETS) < most)
        return true;
    vv_count(VV_COUNTER_CONNECTIONS_REFUSED, 1);
    return false;
}

static void socket_opened(VvServer *server, struct lws *wsi) {
    VvSocket *opened = calloc(1, sizeof *opened);
    if (!opened)
        return; /* its requests are answered as far as they need none */
    opened->address = vv_address_of_peer(lws_get_socket_fd(wsi));
    if (!vv_addresses_add(server->addresses, &opened->address, VV_HELD_SOCKETS)) {
        free(opened);
        return;
    }
    server->sockets++;
    lws_set_opaque_user_data(wsi, opened);
}

static void socket_gone(VvServer *server, struct lws *wsi) {
    VvSocket *gone = lws_get_opaque_user_data(wsi);
    if (!gone)
        return;
    lws_set_opaque_user_data(wsi, NULL);
    if (gone->connection)
        vv_connection_gone(gone->connection);
    vv_addresses_remove(server->addresses, &gone->address, VV_HELD_SOCKETS);
    server->sockets--;
    free(gone);
}

/* ---- the library's callbacks --------------------------------------------------------------------------- */

static int on_http(struct lws *wsi, enum lws_callback_reasons reason, void *space, void *in, size_t size) {
    (void)size;
    VvServer *server = lws_context_user(lws_get_context(wsi));
    switch (reason) {
    case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS:
        server->tls = space;
        return 0;
    case LWS_CALLBACK_FILTER_NETWORK_CONNECTION:
        return admit(server, (int)(intptr_t)in) ? 0 : -1;
    case LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED:
        socket_opened(server, wsi);
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        socket_gone(server, wsi);
        return 0;
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return vv_http_upgrade(server, wsi, in);
    case LWS_CALLBACK_HTTP:
        return vv_http_request(server, wsi, space, in);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return vv_http_write(wsi, space);
    case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
    case LWS_CALLBACK_CLOSED_HTTP:
        if (space)
            vv_http_end(space);
        return 0;
    default:
        return 0;
    }
}

/* The upgrade was vetted in this same call of the library's; only the claims have to be read again. */
static int accept_connection(VvServer *server, struct lws *wsi, VvSocket *from) {
    VvClaims claims;
    VvRefusal refusal;
    if (!from || !vv_http_vet(server, wsi, from, &claims, &refusal))
        return -1;
    from->connection = vv_connection_open(server, wsi, from, &claims);
    return from->connection ? 0 : -1;
}

static int on_session(struct lws *wsi, enum lws_callback_reasons reason, void *space, void *in, size_t size) {
    VvServer *server = lws_context_user(lws_get_context(wsi));
    VvSocket *from = lws_get_opaque_user_data(wsi);
    VvConnection *connection = from ? from->connection : NULL;
    switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
        return accept_connection(server, wsi, from);
    case LWS_CALLBACK_RECEIVE:
        return connection ? vv_connection_receive(connection, in, size) : -1;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return connection ? vv_connection_write(connection) : -1;
    case LWS_CALLBACK_CLOSED:
        if (connection) {
            from->connection = NULL;
            vv_connection_gone(connection);
        }
        return 0;
    default:
        return on_http(wsi, reason, space, in, size);
    }
}

/* The name of the first can never be asked for: it is no token. */
static const struct lws_protocols protocols[] = {
    {.name = "visavis pages", .callback = on_http, .per_session_data_size = sizeof(VvReply)},
    {.name = VV_PROTOCOL_NAME, .callback = on_session, .rx_buffer_size = 16384},
    {.name = NULL},
};

/* ---- the loop ------------------------------------------------------------------------------------------ */

static void each_output(void *user, VvSeat *seat) {
    (void)user;
    vv_connection_output(vv_seat_user(seat));
}

static void poll_hub(VvServer *server) {
    vv_hub_poll(server->hub, each_output, server);
    vv_gauge_set(VV_GAUGE_SESSIONS, vv_hub_sessions(server->hub));
}

/* Draining is done when no session is left and all connections were told; or, if some do not take it, a little later.
 */
static void check_drained(VvServer *server, VvTime now) {
    if (!server->draining || server->drained || vv_hub_sessions(server->hub) > 0)
        return;
    if (!server->emptied)
        server->emptied = now;
    vv_connections_end_idle(server);
    server->drained = server->connection_count == 0 || now - server->emptied > FAREWELL_PATIENCE;
    if (server->drained)
        ev_break(server->loop, EVBREAK_ALL);
}

static void on_wake(struct ev_loop *loop, ev_async *watcher, int events) {
    (void)loop, (void)events;
    VvServer *server = watcher->data;
    poll_hub(server);
}

static void on_tick(struct ev_loop *loop, ev_timer *watcher, int events) {
    (void)loop, (void)events;
    VvServer *server = watcher->data;
    poll_hub(server);
    vv_connections_tick(server, vv_now());
}

static void on_finish(struct ev_loop *loop, ev_prepare *watcher, int events) {
    (void)loop, (void)events;
    VvServer *server = watcher->data;
    vv_connections_reap(server);
    check_drained(server, vv_now());
}

static void wake(void *ctx) {
    VvServer *server = ctx;
    ev_async_send(server->loop, &server->wake);
}

static void created(void *ctx, const char *session) {
    const VvServer *server = ctx;
    if (server->config.created)
        server->config.created(server->config.ctx, session);
}

static void start_watchers(VvServer *server) {
    ev_async_init(&server->wake, on_wake);
    ev_timer_init(&server->tick, on_tick, 1, 1);
    ev_prepare_init(&server->finish, on_finish);
    server->wake.data = server->tick.data = server->finish.data = server;
    ev_async_start(server->loop, &server->wake);
    ev_timer_start(server->loop, &server->tick);
    ev_prepare_start(server->loop, &server->finish);
}

/* ---- opening ------------------------------------------------------------------------------------------- */

/* 0 if an address can be bound, or -errno. */
static int try_bind(const void *address, socklen_t size, int family) {
    const int yes = 1;
    int error = 0;
    const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) || bind(fd, address, size))
        error = -errno;
    if (fd >= 0)
        close(fd);
    return error;
}

/* Tries the address first: the library would only say that it failed. `v6` says which kind of socket is wanted. */
static int try_address(const VvServerConfig *config, bool *v6, char *why, size_t why_size) {
    const bool all = !config->address || !*config->address;
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)config->port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)config->port)};
    *v6 = all || strchr(config->address, ':');
    void *place = *v6 ? (void *)&in6.sin6_addr : (void *)&in.sin_addr;
    if (!all && inet_pton(*v6 ? AF_INET6 : AF_INET, config->address, place) != 1) {
        snprintf(why, why_size, "\"%s\" is not an IP address", config->address);
        return -EINVAL;
    }
    int error = *v6 ? try_bind(&in6, sizeof in6, AF_INET6) : try_bind(&in, sizeof in, AF_INET);
    if (all && (error == -EAFNOSUPPORT || error == -EADDRNOTAVAIL)) { /* a machine without IPv6 */
        *v6 = false;
        error = try_bind(&in, sizeof in, AF_INET);
    }
    if (error == -EADDRINUSE)
        snprintf(why, why_size, "port %d is in use by another program", config->port);
    else if (error == -EACCES)
        snprintf(why, why_size, "port %d needs root, or the capability CAP_NET_BIND_SERVICE", config->port);
    else if (error)
        snprintf(why, why_size, "cannot listen on %s port %d: %s", all ? "all addresses" : config->address,
                 config->port, strerror(-error));
    return error;
}

static int check_files(VvServer *server, char *why, size_t why_size) {
    const VvServerConfig *config = &server->config;
    char bad[256];
    if (!vv_origins_valid(config->origins, bad, sizeof bad)) {
        snprintf(why, why_size, "\"%s\" is not an origin such as https://call.example.org", bad);
        return -EINVAL;
    }
    server->web_root = open(config->web_root, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    if (server->web_root < 0) {
        const int error = errno;
        snprintf(why, why_size, "cannot open the page's folder %s: %s", config->web_root, strerror(error));
        return -error;
    }
    if (!config->tls_cert != !config->tls_key) {
        snprintf(why, why_size, "a certificate and its key are needed, both of them");
        return -EINVAL;
    }
    int error = config->tls_cert ? vv_tls_use(NULL, config->tls_cert, config->tls_key, why, why_size) : 0;
    if (!error && (config->token_secret_file || config->token_public_file))
        error = vv_tokens_open(config->token_secret_file, config->token_public_file, &server->tokens, why, why_size);
    return error;
}

/* On every response. The page loads nothing from elsewhere, runs no inline script, and may only be framed by itself. */
static const struct lws_protocol_vhost_options *security_headers(void) {
    static const struct lws_protocol_vhost_options headers[] = {
        {&headers[1], NULL, "content-security-policy:",
         "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' blob: data:; media-src 'self' blob:; "
         "worker-src 'self' blob:; style-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
         "frame-ancestors 'self'"},
        {&headers[2], NULL, "x-content-type-options:", "nosniff"},
        {&headers[3], NULL, "referrer-policy:", "no-referrer"},
        {&headers[4], NULL, "cross-origin-opener-policy:", "same-origin"},
        {&headers[5], NULL, "cross-origin-embedder-policy:", "require-corp"},
        {NULL, NULL, "permissions-policy:", "camera=(self), microphone=(self), display-capture=()"},
    };
    return headers;
}

static int open_listener(VvServer *server, bool v6, char *why, size_t why_size) {
    /* Finds sockets whose other side vanished without a word. */
    static const lws_retry_bo_t idle = {.secs_since_valid_ping = 20, .secs_since_valid_hangup = 40};
    const VvServerConfig *config = &server->config;
    void *loops[] = {server->loop};
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .options = LWS_SERVER_OPTION_LIBEV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS |
                   LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND |
                   (config->tls_cert ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0) |
                   (v6 ? 0 : LWS_SERVER_OPTION_DISABLE_IPV6),
        .foreign_loops = loops,
        .user = server,
        .server_string = "visavis",
        .pt_serv_buf_size = 16384,
        .max_http_header_data2 = HEADER_BYTES,
        .timeout_secs = 10,
        .protocols = protocols,
        .headers = security_headers(),
        .keepalive_timeout = 15,
        .retry_and_idle_policy = &idle,
        .alpn = "http/1.1", /* WebSockets over HTTP/2 share one socket, and then wait for each other */
    };
    if (config->tls_cert)
        info.provided_client_ssl_ctx = server->tls_unused = SSL_CTX_new(TLS_client_method());
    server->context = lws_create_context(&info);
    if (!server->context) {
        snprintf(why, why_size, "cannot start libwebsockets on libev (is libwebsockets-evlib-ev installed?)");
        return -EIO;
    }
    info.port = config->port;
    info.iface = config->address && *config->address ? config->address : NULL;
    info.ssl_cert_filepath = config->tls_cert;
    info.ssl_private_key_filepath = config->tls_key;
    info.ssl_options_set = SSL_OP_NO_SSLv3 | SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1;
    server->vhost = lws_create_vhost(server->context, &info);
    if (server->vhost)
        return 0;
    snprintf(why, why_size, "cannot listen on port %d", config->port);
    return -EIO;
}

int vv_server_open(const VvServerConfig *config, struct ev_loop *loop, VvServer **out, char *why, size_t why_size) {
    bool v6;
    *out = NULL;
    VvServer *server = calloc(1, sizeof *server);
    if (!server) {
        snprintf(why, why_size, "out of memory");
        return -ENOMEM;
    }
    server->config = *config;
    server->loop = loop;
    server->web_root = -1;
    server->output_room = VV_MESSAGE_BYTES_MAX;
    server->output = malloc(LWS_PRE + server->output_room);
    server->addresses = vv_addresses_new(config->max_connections + SPARE_SOCKETS);
    vv_lws_log();
    int error = server->output && server->addresses ? 0 : -ENOMEM;
    if (error)
        snprintf(why, why_size, "out of memory");
    if (!error)
        error = check_files(server, why, why_size);
    if (!error)
        error = try_address(config, &v6, why, why_size);
    if (!error)
        error = open_listener(server, v6, why, why_size);
    if (error)
        goto fail;
    start_watchers(server);
    VvHubConfig hub = config->hub;
    hub.wake = wake;
    hub.created = created;
    hub.ctx = server;
    error = vv_hub_open(&hub, &server->hub);
    if (error) {
        snprintf(why, why_size, "cannot start the sessions' threads: %s", strerror(-error));
        goto fail;
    }
    vv_gauge_set(VV_GAUGE_CAPACITY, vv_hub_capacity(server->hub));
    vv_gauge_set(VV_GAUGE_DRAINING, 0);
    *out = server;
    return 0;

fail:
    vv_server_close(&server);
    return error;
}

/* ---- the rest ------------------------------------------------------------------------------------------ */

const VvHub *vv_server_hub(const VvServer *server) {
    return server->hub;
}

int vv_server_port(const VvServer *server) {
    return lws_get_vhost_listen_port(server->vhost);
}

void vv_server_drain(VvServer *server) {
    if (server->draining)
        return;
    server->draining = true;
    vv_gauge_set(VV_GAUGE_DRAINING, 1);
    vv_log(VV_LOG_INFO, "net", "draining: %d sessions to end", vv_hub_sessions(server->hub));
    vv_hub_drain(server->hub, server->config.drain_patience);
}

int vv_server_reload(VvServer *server) {
    char why[512];
    if (!server->tls)
        return 0;
    const int error = vv_tls_use(server->tls, server->config.tls_cert, server->config.tls_key, why, sizeof why);
    if (error)
        vv_log(VV_LOG_ERROR, "net", "certificate not reloaded: %s", why);
    else
        vv_log(VV_LOG_INFO, "net", "certificate reloaded");
    return error;
}

void vv_server_close(VvServer **owned) {
    VvServer *server = *owned;
    if (!server)
        return;
    *owned = NULL;
    vv_connections_abandon(server);
    if (server->context)
        lws_context_destroy(server->context);
    if (server->hub)
        vv_hub_close(&server->hub);
    /* Only now: the hub's threads send wakes until they have ended. */
    ev_async_stop(server->loop, &server->wake);
    ev_timer_stop(server->loop, &server->tick);
    ev_prepare_stop(server->loop, &server->finish);
    SSL_CTX_free(server->tls_unused);
    vv_tokens_close(&server->tokens);
    vv_addresses_free(&server->addresses);
    if (server->web_root >= 0)
        close(server->web_root);
    free(server->output);
    free(server);
}
