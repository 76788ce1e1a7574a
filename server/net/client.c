/* The client side of visavis.v1 on libwebsockets.
 *
 * Callbacks of the library come from the loop. A client is never freed inside one of them: it is marked, and the loop's
 * `prepare` step, which runs when all events of an iteration were handled, tells its owner (`closed`) and frees it. The
 * owner may therefore call anything from any callback, and a connection that fails at once is told of like any other.
 */
#include "server/net/client.h"

#include "server/net/assembly.h"
#include "server/net/lws_log.h"

#include <ev.h>
#include <libwebsockets.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define QUEUE_BYTES_MAX ((size_t)8 << 20)
#define WRITES_A_TURN 16 /* messages written before other sockets get their turn */
#define CODE_LOST 1006

/* One message waiting to be written; the library wants room before it. */
typedef struct Output {
    struct Output *next;
    size_t size;
    bool binary;
    uint8_t bytes[]; /* LWS_PRE, then the message */
} Output;

typedef enum Stage { STAGE_CONNECTING, STAGE_OPEN, STAGE_CLOSING, STAGE_GONE } Stage;

struct VvClient {
    VvClients *clients;
    VvClient *next, **link; /* in the list of all */
    struct lws *wsi;
    Stage stage;
    VvClientEvents events;
    void *user;
    char *authorization;
    bool deaf;
    Output *first, **last;
    size_t queued;
    VvAssembly input;
    int close_code; /* what we close with, or what the other side said */
    char reason[128];
};

struct VvClients {
    struct ev_loop *loop;
    struct lws_context *context;
    SSL_CTX *tls; /* our own: with several contexts in a process the library loses track of those it made */
    ev_prepare prepare;
    VvClient *all;
    bool closing;
};

/* ---- life ---------------------------------------------------------------------------------------------- */

static void free_client(VvClient *client) {
    *client->link = client->next;
    if (client->next)
        client->next->link = client->link;
    while (client->first) {
        Output *output = client->first;
        client->first = output->next;
        free(output);
    }
    vv_assembly_free(&client->input);
    free(client->authorization);
    free(client);
}

/* Marks a client as ended; the `prepare` step does the rest. The first word on why is the one that counts. */
static void end_client(VvClient *client, int code, const char *reason, size_t length) {
    if (client->stage == STAGE_GONE)
        return;
    client->stage = STAGE_GONE;
    client->wsi = NULL;
    if (!client->close_code) {
        client->close_code = code;
        snprintf(client->reason, sizeof client->reason, "%.*s", (int)length, reason);
    }
}

static void reap(struct ev_loop *loop, ev_prepare *watcher, int events) {
    (void)loop, (void)events;
    VvClients *clients = watcher->data;
    VvClient *client = clients->all;
    while (client) {
        if (client->stage != STAGE_GONE) {
            client = client->next;
            continue;
        }
        if (client->events.closed)
            client->events.closed(client->user, client, client->close_code, client->reason);
        free_client(client);
        client = clients->all; /* from the start: the callback may have made new ones */
    }
}

/* ---- what arrives -------------------------------------------------------------------------------------- */

static void receive_text(VvClient *client, const uint8_t *data, size_t size) {
    const char *text = (const char *)data;
    if (client->events.text)
        client->events.text(client->user, client, text, size);
    if (!client->events.message)
        return;
    VvMessage message;
    VvFault fault;
    if (vv_message_decode(text, size, &message, &fault) == VV_ERR_OK)
        client->events.message(client->user, client, &message);
}

static void receive_media(VvClient *client, const uint8_t *data, size_t size) {
    VvFrameHeader header;
    if (client->events.media && vv_frame_read(data, size, &header) == VV_ERR_OK)
        client->events.media(client->user, client, &header, data + VV_FRAME_HEADER_SIZE);
}

static int receive(VvClient *client, const void *piece, size_t size) {
    const uint8_t *data;
    size_t length;
    if (client->stage != STAGE_OPEN)
        return 0; /* we are closing: the rest is of no interest */
    switch (vv_assembly_add(&client->input, piece, size, lws_is_first_fragment(client->wsi),
                            lws_is_final_fragment(client->wsi), VV_MESSAGE_BYTES_MAX, &data, &length)) {
    case VV_ASSEMBLY_MORE:
        return 0;
    case VV_ASSEMBLY_TOO_LARGE:
        client->close_code = 1009;
        lws_close_reason(client->wsi, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, NULL, 0);
        return -1;
    case VV_ASSEMBLY_WHOLE:
        if (lws_frame_is_binary(client->wsi))
            receive_media(client, data, length);
        else
            receive_text(client, data, length);
    }
    return 0;
}

/* ---- what leaves --------------------------------------------------------------------------------------- */

static int write_some(VvClient *client) {
    for (int i = 0; client->first; i++) {
        if (i == WRITES_A_TURN || lws_send_pipe_choked(client->wsi)) {
            lws_callback_on_writable(client->wsi);
            return 0;
        }
        Output *output = client->first;
        const enum lws_write_protocol kind = output->binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT;
        const int written = lws_write(client->wsi, output->bytes + LWS_PRE, output->size, kind);
        client->first = output->next;
        if (!client->first)
            client->last = &client->first;
        client->queued -= output->size;
        free(output);
        if (written < 0)
            return -1;
    }
    if (client->stage != STAGE_CLOSING)
        return 0;
    if (lws_partial_buffered(client->wsi)) { /* a close frame must not cut a message in two */
        lws_callback_on_writable(client->wsi);
        return 0;
    }
    lws_close_reason(client->wsi, (enum lws_close_status)client->close_code, NULL, 0);
    return -1;
}

/* A piece of output for the caller to fill; NULL if there is no room. */
static Output *reserve(VvClient *client, size_t size) {
    if ((client->stage != STAGE_CONNECTING && client->stage != STAGE_OPEN) || size > QUEUE_BYTES_MAX - client->queued)
        return NULL;
    Output *output = malloc(sizeof *output + LWS_PRE + size);
    if (output)
        *output = (Output){.size = size};
    return output;
}

static void append(VvClient *client, Output *output) {
    *client->last = output;
    client->last = &output->next;
    client->queued += output->size;
    if (client->stage == STAGE_OPEN)
        lws_callback_on_writable(client->wsi);
}

bool vv_client_send(VvClient *client, const VvMessage *message) {
    char text[VV_TEXT_BYTES_MAX];
    const size_t size = vv_message_encode(message, text, sizeof text);
    return size > 0 && vv_client_send_raw(client, false, text, size);
}

bool vv_client_send_media(VvClient *client, const VvFrameHeader *header, const void *payload) {
    Output *output = reserve(client, VV_FRAME_HEADER_SIZE + (size_t)header->length);
    if (!output)
        return false;
    output->binary = true;
    vv_frame_write(header, output->bytes + LWS_PRE);
    if (header->length)
        memcpy(output->bytes + LWS_PRE + VV_FRAME_HEADER_SIZE, payload, header->length);
    append(client, output);
    return true;
}

bool vv_client_send_raw(VvClient *client, bool binary, const void *data, size_t size) {
    Output *output = reserve(client, size);
    if (!output)
        return false;
    output->binary = binary;
    if (size)
        memcpy(output->bytes + LWS_PRE, data, size);
    append(client, output);
    return true;
}

size_t vv_client_queued(const VvClient *client) {
    return client->queued;
}

/* ---- the library's callbacks --------------------------------------------------------------------------- */

static int add_authorization(VvClient *client, uint8_t **at, size_t room) {
    if (!client->authorization)
        return 0;
    return lws_add_http_header_by_token(client->wsi, WSI_TOKEN_HTTP_AUTHORIZATION,
                                        (const unsigned char *)client->authorization,
                                        (int)strlen(client->authorization), at, *at + room);
}

static int opened(VvClient *client) {
    if (client->stage == STAGE_CLOSING) {
        lws_callback_on_writable(client->wsi);
        return 0;
    }
    client->stage = STAGE_OPEN;
    if (client->deaf)
        lws_rx_flow_control(client->wsi, 0);
    if (client->first)
        lws_callback_on_writable(client->wsi);
    if (client->events.open)
        client->events.open(client->user, client);
    return 0;
}

static void peer_closes(VvClient *client, const uint8_t *frame, size_t size) {
    if (client->close_code)
        return;
    client->close_code = size >= 2 ? frame[0] << 8 | frame[1] : 1005; /* 1005: a close frame without a code */
    if (size > 2)
        snprintf(client->reason, sizeof client->reason, "%.*s", (int)(size - 2), (const char *)frame + 2);
}

/* Refused with an HTTP status, or there was nobody. */
static void refused(VvClient *client, const char *reason, size_t length) {
    const unsigned status = client->wsi ? lws_http_client_http_response(client->wsi) : 0;
    const bool answered = status >= 400 && status < 600;
    end_client(client, answered ? (int)status : CODE_LOST, reason ? reason : "no connection",
               reason ? strnlen(reason, length) : 13);
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *space, void *in, size_t size) {
    (void)space;
    VvClient *client = lws_get_opaque_user_data(wsi);
    if (!client || client->clients->closing || client->stage == STAGE_GONE)
        return 0;
    client->wsi = wsi;
    switch (reason) {
    case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
        return add_authorization(client, in, size);
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        return opened(client);
    case LWS_CALLBACK_CLIENT_RECEIVE:
        return receive(client, in, size);
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        return write_some(client);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        peer_closes(client, in, size);
        return 0;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        refused(client, in, size);
        lws_set_opaque_user_data(wsi, NULL); /* the client may be freed before the library's side is */
        return 0;
    case LWS_CALLBACK_CLIENT_CLOSED:
    case LWS_CALLBACK_WSI_DESTROY:
        end_client(client, CODE_LOST, "connection lost", 15);
        lws_set_opaque_user_data(wsi, NULL);
        return 0;
    default:
        return 0;
    }
}

/* ---- the interface ------------------------------------------------------------------------------------- */

static const struct lws_protocols protocols[] = {
    {.name = VV_PROTOCOL_NAME, .callback = on_event, .rx_buffer_size = 16384},
    {.name = NULL},
};

static bool open_context(VvClients *clients) {
    void *loops[] = {clients->loop};
    clients->tls = SSL_CTX_new(TLS_client_method());
    if (!clients->tls || SSL_CTX_set_default_verify_paths(clients->tls) != 1 ||
        SSL_CTX_set_min_proto_version(clients->tls, TLS1_2_VERSION) != 1)
        return false;
    const struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .protocols = protocols,
        .options = LWS_SERVER_OPTION_LIBEV | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT,
        .provided_client_ssl_ctx = clients->tls,
        .foreign_loops = loops,
        .pt_serv_buf_size = 16384,
    };
    clients->context = lws_create_context(&info);
    return clients->context != NULL;
}

VvClients *vv_clients_open(struct ev_loop *loop) {
    VvClients *clients = calloc(1, sizeof *clients);
    if (!clients)
        return NULL;
    vv_lws_log();
    clients->loop = loop;
    ev_prepare_init(&clients->prepare, reap);
    clients->prepare.data = clients;
    ev_prepare_start(loop, &clients->prepare);
    if (!open_context(clients))
        vv_clients_close(&clients);
    return clients;
}

void vv_clients_close(VvClients **owned) {
    VvClients *clients = *owned;
    if (!clients)
        return;
    *owned = NULL;
    clients->closing = true;
    ev_prepare_stop(clients->loop, &clients->prepare);
    if (clients->context)
        lws_context_destroy(clients->context);
    while (clients->all)
        free_client(clients->all); /* NOLINT(clang-analyzer-unix.Malloc): it takes itself off the list */
    SSL_CTX_free(clients->tls);
    free(clients);
}

/* Reads ws://host[:port]/path. The parts point into `url`, which is cut up for it. */
static bool parse_url(char *url, const char **host, int *port, const char **path, bool *secure) {
    const char *scheme;
    if (lws_parse_uri(url, &scheme, host, port, path) || !**host || *port < 1 || *port > 65535)
        return false;
    *secure = strcmp(scheme, "wss") == 0;
    if (!*secure && strcmp(scheme, "ws") != 0)
        return false;
    return true;
}

static void start(VvClient *client, const VvClientConfig *config, const char *host, int port, const char *path,
                  bool secure) {
    /* No pings of the client's own: a connection that must not be answered (deaf) stays as it is. */
    static const lws_retry_bo_t no_pings = {0};
    char host_port[300], absolute[2048];
    const bool v6 = strchr(host, ':') != NULL;
    snprintf(host_port, sizeof host_port, v6 ? "[%s]:%d" : "%s:%d", host, port);
    snprintf(absolute, sizeof absolute, "/%s", path);
    int flags = secure ? LCCSCF_USE_SSL : 0;
    if (secure && config->insecure)
        flags |= LCCSCF_ALLOW_SELFSIGNED | LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK | LCCSCF_ALLOW_EXPIRED |
                 LCCSCF_ALLOW_INSECURE;
    const struct lws_client_connect_info info = {
        .context = client->clients->context,
        .address = host,
        .port = port,
        .ssl_connection = flags,
        .path = absolute,
        .host = host_port,
        .origin = config->origin,
        .protocol = VV_PROTOCOL_NAME,
        .pwsi = &client->wsi,
        .retry_and_idle_policy = &no_pings,
        .opaque_user_data = client,
        .alpn = "http/1.1",
    };
    if (!lws_client_connect_via_info(&info))
        end_client(client, CODE_LOST, "cannot connect", 14);
    /* The library's timers on libev are armed only after some event of its own: make one. */
    lws_cancel_service(client->clients->context);
}

VvClient *vv_client_connect(VvClients *clients, const VvClientConfig *config) {
    const char *host, *path;
    int port;
    bool secure;
    char *url = strdup(config->url);
    VvClient *client = calloc(1, sizeof *client);
    if (!url || !client || !parse_url(url, &host, &port, &path, &secure))
        goto fail;
    if (config->token && asprintf(&client->authorization, "Bearer %s", config->token) < 0) {
        client->authorization = NULL;
        goto fail;
    }
    client->clients = clients;
    client->deaf = config->deaf;
    client->user = config->user;
    if (config->events)
        client->events = *config->events;
    client->last = &client->first;
    client->next = clients->all;
    client->link = &clients->all;
    if (client->next)
        client->next->link = &client->next;
    clients->all = client;
    start(client, config, host, port, path, secure);
    free(url);
    return client;

fail:
    free(url);
    free(client);
    return NULL;
}

void vv_client_close(VvClient *client, int code) {
    if (client->stage == STAGE_CLOSING || client->stage == STAGE_GONE)
        return;
    const bool open = client->stage == STAGE_OPEN;
    client->stage = STAGE_CLOSING;
    client->close_code = code ? code : 1000;
    if (open) {
        if (client->deaf)
            lws_rx_flow_control(client->wsi, 1); /* to see the other side's close */
        lws_callback_on_writable(client->wsi);
    }
}

void vv_client_drop(VvClient *client) {
    if (client->stage == STAGE_GONE || !client->wsi)
        return;
    if (client->stage != STAGE_CONNECTING && client->deaf)
        lws_rx_flow_control(client->wsi, 1); /* to see the end */
    if (client->stage == STAGE_OPEN)
        client->stage = STAGE_CLOSING;
    client->close_code = CODE_LOST;
    snprintf(client->reason, sizeof client->reason, "dropped");
    shutdown(lws_get_socket_fd(client->wsi), SHUT_RDWR);
}
