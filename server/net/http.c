/* HTTP: the page's files, health, metrics, and who may open a WebSocket.
 *
 * A session's WebSocket is refused before the upgrade, so that nobody unknown reaches a message parser. A browser does
 * not let a page see the status or the body of a refused upgrade; therefore a plain GET of the same URL is vetted in
 * the same way and answers with the same JSON, and the page can ask why. */
#include "server/base/log.h"
#include "server/base/metrics.h"
#include "server/net/net.h"
#include "server/net/origin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BODY_PIECE 16384
#define SEND_SECONDS 30 /* for each piece of a body */
#define METRICS_BYTES 131072

/* ---- replies ------------------------------------------------------------------------------------------- */

typedef struct Head {
    unsigned status;
    const char *type; /* NULL: no body */
    size_t size;
    const char *tag; /* ETag; NULL: none */
    bool close;
} Head;

static int send_head(struct lws *wsi, const Head *head) {
    uint8_t buffer[LWS_PRE + 2048], *start = buffer + LWS_PRE, *at = start, *end = buffer + sizeof buffer - 1;
    const char *cache = "no-cache"; /* the page may keep it, but must ask each time */
    if (lws_add_http_header_status(wsi, head->status, &at, end))
        return -1;
    if (head->type && lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_CONTENT_TYPE, (const unsigned char *)head->type,
                                                   (int)strlen(head->type), &at, end))
        return -1;
    if (head->status != HTTP_STATUS_NOT_MODIFIED && lws_add_http_header_content_length(wsi, head->size, &at, end))
        return -1;
    if (lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_CACHE_CONTROL, (const unsigned char *)cache,
                                     (int)strlen(cache), &at, end))
        return -1;
    if (head->tag && lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_ETAG, (const unsigned char *)head->tag,
                                                  (int)strlen(head->tag), &at, end))
        return -1;
    if (head->status == HTTP_STATUS_METHOD_NOT_ALLOWED &&
        lws_add_http_header_by_name(wsi, (const unsigned char *)"allow:", (const unsigned char *)"GET, HEAD", 9, &at,
                                    end))
        return -1;
    if (head->close &&
        lws_add_http_header_by_token(wsi, WSI_TOKEN_CONNECTION, (const unsigned char *)"close", 5, &at, end))
        return -1;
    return lws_finalize_write_http_header(wsi, start, &at, end) ? -1 : 0;
}

void vv_http_end(VvReply *reply) {
    if (reply->file > 0)
        close(reply->file);
    free(reply->text); /* NOLINT(clang-analyzer-unix.Malloc): cleared below, so never twice */
    *reply = (VvReply){0};
}

static int complete(struct lws *wsi, VvReply *reply) {
    vv_http_end(reply);
    return lws_http_transaction_completed(wsi) ? -1 : 0;
}

int vv_http_write(struct lws *wsi, VvReply *reply) {
    uint8_t buffer[LWS_PRE + BODY_PIECE];
    if (!reply->size)
        return 0;
    const size_t left = reply->size - reply->sent, piece = left < BODY_PIECE ? left : BODY_PIECE;
    if (reply->text)
        memcpy(buffer + LWS_PRE, reply->text + reply->sent, piece);
    else if (pread(reply->file, buffer + LWS_PRE, piece, (off_t)reply->sent) != (ssize_t)piece)
        return -1; /* the file became shorter: the client sees that something is missing */
    const bool last = piece == left;
    if (lws_write(wsi, buffer + LWS_PRE, piece, last ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) < 0)
        return -1;
    reply->sent += piece;
    if (last)
        return complete(wsi, reply);
    lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, SEND_SECONDS);
    lws_callback_on_writable(wsi);
    return 0;
}

/* Sends the head; the body, which is in `reply` already, follows as the socket allows. */
static int begin_reply(struct lws *wsi, VvReply *reply, Head *head, bool body) {
    head->size = reply->size;
    vv_count(VV_COUNTER_HTTP_REQUESTS, 1);
    if (send_head(wsi, head))
        return -1;
    if (!body || !reply->size)
        return complete(wsi, reply);
    lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, SEND_SECONDS);
    lws_callback_on_writable(wsi);
    return 0;
}

static int reply_text(struct lws *wsi, VvReply *reply, unsigned status, const char *type, const char *text, bool body) {
    reply->text = strdup(text);
    if (!reply->text)
        return -1;
    reply->size = strlen(text);
    return begin_reply(wsi, reply, &(Head){.status = status, .type = type}, body);
}

/* ---- files --------------------------------------------------------------------------------------------- */

static const char *type_of(const char *path) {
    static const struct {
        const char *suffix, *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".mjs", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".json", "application/json"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".jpg", "image/jpeg"},
        {".ico", "image/x-icon"},
        {".wasm", "application/wasm"},
        {".wav", "audio/wav"},
        {".woff2", "font/woff2"},
        {".webmanifest", "application/manifest+json"},
        {".txt", "text/plain; charset=utf-8"},
        {".md", "text/plain; charset=utf-8"},
    };
    const size_t length = strlen(path);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        const size_t suffix = strlen(types[i].suffix);
        if (length > suffix && strcasecmp(path + length - suffix, types[i].suffix) == 0)
            return types[i].type;
    }
    return "application/octet-stream";
}

/* No part of a path may begin with a dot: no way up, and no hidden files. Nor may it be empty or have a backslash. */
static bool safe_path(const char *path) {
    if (*path != '/' || strchr(path, '\\'))
        return false;
    for (const char *part = path; part; part = strchr(part, '/')) {
        part++;
        if (*part == '.' || *part == '/')
            return false;
    }
    return true;
}

/* A regular file below the web root, or -1. */
static int open_file(const VvServer *server, const char *path, struct stat *status) {
    if (!safe_path(path))
        return -1;
    const int file = openat(server->web_root, path + 1, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (file >= 0 && (fstat(file, status) || !S_ISREG(status->st_mode))) {
        close(file);
        return -1;
    }
    return file;
}

static int reply_file(VvServer *server, struct lws *wsi, VvReply *reply, const char *path, bool body) {
    struct stat status;
    char name[1024], tag[64], known[128];
    const size_t length = strlen(path);
    const int wanted = snprintf(name, sizeof name, "%s%s", path, length && path[length - 1] == '/' ? "index.html" : "");
    const int file = wanted < (int)sizeof name ? open_file(server, name, &status) : -1;
    if (file < 0)
        return reply_text(wsi, reply, HTTP_STATUS_NOT_FOUND, "text/html; charset=utf-8",
                          "<!doctype html><html lang=\"en\"><title>Not here</title><h1>There is nothing here</h1>"
                          "<p>The page that you asked for does not exist. "
                          "<a href=\"/\">The call is on the front page.</a></p></html>\n",
                          body);
    snprintf(tag, sizeof tag, "\"%llx-%llx-%lx\"", (unsigned long long)status.st_size,
             (unsigned long long)status.st_mtim.tv_sec, (unsigned long)status.st_mtim.tv_nsec);
    if (lws_hdr_copy(wsi, known, sizeof known, WSI_TOKEN_HTTP_IF_NONE_MATCH) > 0 && strcmp(known, tag) == 0) {
        close(file);
        return begin_reply(wsi, reply, &(Head){.status = HTTP_STATUS_NOT_MODIFIED, .tag = tag}, false);
    }
    reply->file = file;
    reply->size = (size_t)status.st_size;
    return begin_reply(wsi, reply, &(Head){.status = HTTP_STATUS_OK, .type = type_of(name), .tag = tag}, body);
}

/* ---- vetting ------------------------------------------------------------------------------------------- */

/* "Authorization: Bearer TOKEN" or "?token=TOKEN". Empty: none. */
static void copy_token(struct lws *wsi, char *token, int size) {
    static const char bearer[] = "Bearer ", argument[] = "token=";
    const size_t head = sizeof bearer - 1, name = sizeof argument - 1;
    if (lws_hdr_copy(wsi, token, size, WSI_TOKEN_HTTP_AUTHORIZATION) > 0 && strncasecmp(token, bearer, head) == 0) {
        memmove(token, token + head, strlen(token + head) + 1);
        return;
    }
    for (int i = 0; lws_hdr_copy_fragment(wsi, token, size, WSI_TOKEN_HTTP_URI_ARGS, i) > 0; i++)
        if (strncmp(token, argument, name) == 0) {
            memmove(token, token + name, strlen(token + name) + 1);
            return;
        }
    *token = '\0';
}

/* A proxy on this machine makes everyone look local; it says so in these headers. */
static bool is_local(struct lws *wsi, const VvSocket *socket) {
    return socket->address.loopback && !lws_hdr_total_length(wsi, WSI_TOKEN_X_FORWARDED_FOR) &&
           !lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_VIA) && lws_hdr_custom_length(wsi, "forwarded:", 10) < 0;
}

static bool vet_origin(VvServer *server, struct lws *wsi, VvRefusal *refusal) {
    char origin[512], host[300];
    *refusal = (VvRefusal){HTTP_STATUS_FORBIDDEN, "forbidden_origin", "pages of this origin may not connect"};
    if (!lws_hdr_total_length(wsi, WSI_TOKEN_ORIGIN))
        return true; /* not a browser */
    if (lws_hdr_copy(wsi, origin, sizeof origin, WSI_TOKEN_ORIGIN) <= 0)
        return false;
    const bool has_host = lws_hdr_copy(wsi, host, sizeof host, WSI_TOKEN_HOST) > 0;
    if (!vv_origin_allowed(server->config.origins, origin, has_host ? host : NULL, server->tls != NULL))
        return false;
    /* Without a key, being local is all the protection there is. A page elsewhere can have its own name lead to this
     * machine, and would then be of the server's own origin; but the name is not the machine's. */
    return server->tokens || server->config.origins || vv_host_is_loopback(host);
}

static bool vet_token(VvServer *server, struct lws *wsi, const VvSocket *socket, VvClaims *claims, VvRefusal *refusal) {
    char token[VV_TOKEN_BYTES_MAX];
    *claims = (VvClaims){.role = -1};
    *refusal = (VvRefusal){HTTP_STATUS_UNAUTHORIZED, "unauthorized", NULL};
    if (!server->tokens) {
        refusal->message = "this server has no token key, so only its own machine may connect";
        return is_local(wsi, socket);
    }
    copy_token(wsi, token, sizeof token);
    refusal->message =
        *token ? vv_tokens_check(server->tokens, token, (long)time(NULL), claims) : "a token is required";
    OPENSSL_cleanse(token, sizeof token);
    return !refusal->message;
}

static bool vet_limits(VvServer *server, const VvSocket *socket, VvRefusal *refusal) {
    if (server->connection_count >= server->config.max_connections) {
        *refusal =
            (VvRefusal){HTTP_STATUS_SERVICE_UNAVAILABLE, "server_full", "the server has no room for connections"};
        return false;
    }
    *refusal = (VvRefusal){429, "rate_limited", "too many connections from this address"};
    return vv_addresses_count(server->addresses, &socket->address, VV_HELD_CONNECTIONS) <
           server->config.max_per_address;
}

bool vv_http_vet(VvServer *server, struct lws *wsi, const VvSocket *socket, VvClaims *claims, VvRefusal *refusal) {
    if (server->draining) {
        *refusal = (VvRefusal){HTTP_STATUS_SERVICE_UNAVAILABLE, "draining", "the server is shutting down"};
        return false;
    }
    return vet_origin(server, wsi, refusal) && vet_token(server, wsi, socket, claims, refusal) &&
           vet_limits(server, socket, refusal);
}

static void refusal_json(const VvRefusal *refusal, char *out, size_t size) {
    snprintf(out, size, "{\"error\":\"%s\",\"message\":\"%s\"}\n", refusal->error, refusal->message);
}

/* ---- the upgrade --------------------------------------------------------------------------------------- */

static bool offers_protocol(struct lws *wsi) {
    char list[128], *rest = list;
    if (lws_hdr_copy(wsi, list, sizeof list, WSI_TOKEN_PROTOCOL) <= 0)
        return false;
    for (const char *name; (name = strsep(&rest, ", \t"));)
        if (strcmp(name, VV_PROTOCOL_NAME) == 0)
            return true;
    return false;
}

static bool vet_upgrade(VvServer *server, struct lws *wsi, const char *protocol, VvRefusal *refusal) {
    VvClaims claims;
    char path[sizeof VV_SESSION_PATH + 1] = "";
    const VvSocket *socket = lws_get_opaque_user_data(wsi);
    if (lws_hdr_copy(wsi, path, sizeof path, WSI_TOKEN_GET_URI) <= 0 || strcmp(path, VV_SESSION_PATH) != 0)
        *refusal = (VvRefusal){HTTP_STATUS_NOT_FOUND, "not_found", "WebSockets are at " VV_SESSION_PATH};
    else if (strcasecmp(protocol, "websocket") != 0 || !lws_hdr_total_length(wsi, WSI_TOKEN_KEY))
        *refusal = (VvRefusal){HTTP_STATUS_BAD_REQUEST, "bad_upgrade", "only an upgrade to WebSocket is possible"};
    else if (!offers_protocol(wsi))
        *refusal = (VvRefusal){HTTP_STATUS_BAD_REQUEST, "bad_subprotocol", "the subprotocol must be " VV_PROTOCOL_NAME};
    else if (!socket)
        *refusal = (VvRefusal){HTTP_STATUS_INTERNAL_SERVER_ERROR, "internal", "out of memory"};
    else
        return vv_http_vet(server, wsi, socket, &claims, refusal);
    return false;
}

int vv_http_upgrade(VvServer *server, struct lws *wsi, const char *protocol) {
    VvRefusal refusal;
    uint8_t buffer[LWS_PRE + 512];
    char *json = (char *)buffer + LWS_PRE;
    if (vet_upgrade(server, wsi, protocol, &refusal))
        return 0;
    vv_count(VV_COUNTER_CONNECTIONS_REFUSED, 1);
    vv_log(VV_LOG_INFO, "net", "connection refused: %s (%s)", refusal.error, refusal.message);
    refusal_json(&refusal, json, sizeof buffer - LWS_PRE);
    const Head head = {.status = refusal.status, .type = "application/json", .size = strlen(json), .close = true};
    if (!send_head(wsi, &head))
        lws_write(wsi, (uint8_t *)json, head.size, LWS_WRITE_HTTP_FINAL);
    return -1;
}

/* ---- requests ------------------------------------------------------------------------------------------ */

static int reply_session(VvServer *server, struct lws *wsi, VvReply *reply, bool body) {
    VvClaims claims;
    char json[512];
    VvRefusal refusal;
    const VvSocket *socket = lws_get_opaque_user_data(wsi);
    if (!socket)
        return -1;
    if (vv_http_vet(server, wsi, socket, &claims, &refusal))
        refusal = (VvRefusal){426, "upgrade_required", "sessions are held over a WebSocket"};
    refusal_json(&refusal, json, sizeof json);
    return reply_text(wsi, reply, refusal.status, "application/json", json, body);
}

static int reply_ready(VvServer *server, struct lws *wsi, VvReply *reply, bool body) {
    const char *why = NULL;
    if (server->draining || !vv_hub_ready(server->hub))
        why = "draining\n";
    else if (vv_hub_sessions(server->hub) >= vv_hub_capacity(server->hub))
        why = "full\n";
    return reply_text(wsi, reply, why ? HTTP_STATUS_SERVICE_UNAVAILABLE : HTTP_STATUS_OK, "text/plain; charset=utf-8",
                      why ? why : "ready\n", body);
}

static int reply_metrics(VvServer *server, struct lws *wsi, VvReply *reply, bool body) {
    const VvSocket *socket = lws_get_opaque_user_data(wsi);
    if (!server->config.metrics_public && !(socket && is_local(wsi, socket)))
        return reply_text(wsi, reply, HTTP_STATUS_FORBIDDEN, "text/plain; charset=utf-8",
                          "metrics are for this machine only\n", body);
    reply->text = malloc(METRICS_BYTES);
    if (!reply->text)
        return -1;
    reply->size = vv_metrics_text(reply->text, METRICS_BYTES);
    return begin_reply(wsi, reply, &(Head){.status = HTTP_STATUS_OK, .type = "text/plain; version=0.0.4"}, body);
}

/* What is not GET or HEAD may have a body that nobody wants: the connection is closed. */
static int refuse_method(struct lws *wsi) {
    uint8_t buffer[LWS_PRE + 64];
    char *text = (char *)buffer + LWS_PRE;
    const int size = snprintf(text, 64, "only GET and HEAD are possible here\n");
    const Head head = {HTTP_STATUS_METHOD_NOT_ALLOWED, "text/plain; charset=utf-8", (size_t)size, NULL, true};
    vv_count(VV_COUNTER_HTTP_REQUESTS, 1);
    if (!send_head(wsi, &head))
        lws_write(wsi, (uint8_t *)text, head.size, LWS_WRITE_HTTP_FINAL);
    return -1;
}

int vv_http_request(VvServer *server, struct lws *wsi, VvReply *reply, const char *path) {
    static const struct {
        const char *path;
        int (*reply)(VvServer *server, struct lws *wsi, VvReply *reply, bool body);
    } routes[] = {
        {VV_SESSION_PATH, reply_session},
        {"/readyz", reply_ready},
        {"/metrics", reply_metrics},
    };
    const bool body = !lws_hdr_total_length(wsi, WSI_TOKEN_HEAD_URI);
    if (body && !lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI))
        return refuse_method(wsi);
    vv_http_end(reply);
    if (strcmp(path, "/healthz") == 0) /* that the loop lives is all there is to say */
        return reply_text(wsi, reply, HTTP_STATUS_OK, "text/plain; charset=utf-8", "ok\n", body);
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        if (strcmp(path, routes[i].path) == 0)
            return routes[i].reply(server, wsi, reply, body);
    return reply_file(server, wsi, reply, path, body);
}
