/* Connection, resume and liveness of one talk. */
#include "server/commands/assistant/line.h"

#include "server/base/log.h"

#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BACKOFF_FIRST 0.25
#define BACKOFF_MOST 5.0
#define PING_EVERY 5.0
#define SILENCE_MOST (20 * VV_SECOND) /* a connection without a word for so long is dead: pongs would have come */

struct VvLine {
    VvLineConfig config;
    char session[65];
    char resume[65];
    VvTalk *talk;
    VvClient *client; /* NULL between connections */
    ev_timer pump, retry, ping;
    double backoff;
    VvTime lost;  /* when the connection went; 0: it is there, or never was */
    VvTime heard; /* when the last message came */
    bool joined;  /* session.ready came at least once */
    bool ended;   /* the session ended, or we hang up: do not come back */
    bool was_busy;
    char why[600]; /* the fatal error that the server told, if any */
};

static void connect_line(VvLine *line);

static void finish(VvLine *line, const char *why) {
    line->ended = true;
    ev_timer_stop(line->config.loop, &line->pump);
    ev_timer_stop(line->config.loop, &line->retry);
    ev_timer_stop(line->config.loop, &line->ping);
    line->config.over(line->config.user, line, why);
}

/* ---- sending --------------------------------------------------------------------------------------------- */

static bool port_message(void *ctx, const VvMessage *message) {
    VvLine *line = ctx;
    return line->client && vv_client_send(line->client, message);
}

static bool port_media(void *ctx, const VvFrameHeader *header, const void *payload) {
    VvLine *line = ctx;
    return line->client && vv_client_send_media(line->client, header, payload);
}

static size_t port_queued(void *ctx) {
    VvLine *line = ctx;
    return line->client ? vv_client_queued(line->client) : 0;
}

static void pump(VvLine *line) {
    VvTime now = vv_now(), due = vv_talk_pump(line->talk, now);
    ev_timer_stop(line->config.loop, &line->pump);
    if (due) {
        ev_timer_set(&line->pump, due > now ? (double)(due - now) / (double)VV_SECOND : 0.0, 0.0);
        ev_timer_start(line->config.loop, &line->pump);
    }
    bool busy = !vv_talk_idle(line->talk);
    if (line->was_busy && !busy && line->config.idle)
        line->config.idle(line->config.user);
    line->was_busy = busy;
}

static void on_pump(struct ev_loop *loop, ev_timer *timer, int events) {
    (void)loop;
    (void)events;
    pump(timer->data);
}

static void on_ping(struct ev_loop *loop, ev_timer *timer, int events) {
    (void)loop;
    (void)events;
    VvLine *line = timer->data;
    VvTime now = vv_now();
    if (!line->client)
        return;
    if (now - line->heard > SILENCE_MOST) {
        vv_client_drop(line->client);
        return;
    }
    VvMessage message;
    vv_message_init(&message, VV_MSG_PING);
    message.body.Ping.t = now;
    vv_client_send(line->client, &message);
}

size_t vv_line_say(VvLine *line, const char *text, size_t size) {
    size_t refused = vv_talk_say(line->talk, text, size);
    pump(line);
    return refused;
}

/* ---- the connection -------------------------------------------------------------------------------------- */

static void opened(void *user, VvClient *client) {
    VvLine *line = user;
    VvMessage message;
    vv_message_init(&message, VV_MSG_SESSION_START);
    VvSessionStart *start = &message.body.SessionStart;
    start->role = VV_ROLE_BACKEND;
    if (line->session[0]) {
        snprintf(start->session, sizeof start->session, "%s", line->session);
        VV_MARK(start, SessionStart, session);
    }
    start->want = 1u << VV_WANT_EVENTS;
    VV_MARK(start, SessionStart, want);
    if (line->resume[0]) {
        snprintf(start->resume, sizeof start->resume, "%s", line->resume);
        VV_MARK(start, SessionStart, resume);
    }
    if (line->config.auto_interrupt) {
        start->auto_interrupt = true;
        VV_MARK(start, SessionStart, auto_interrupt);
    }
    line->heard = vv_now();
    line->why[0] = 0;
    vv_client_send(client, &message);
}

static void take_error(VvLine *line, const VvError *error) {
    if (!error->fatal)
        return;
    snprintf(line->why, sizeof line->why, "%s: %s", vv_err_name((VvErr)error->code), error->message);
    switch (error->code) {
    case VV_ERR_RESUME_UNKNOWN:
        line->resume[0] = 0; /* used up or too old */
        line->ended = !line->config.outlive_session;
        break;
    case VV_ERR_SERVER_FULL:
    case VV_ERR_DRAINING:
    case VV_ERR_RATE_LIMITED:
    case VV_ERR_TOO_SLOW:
    case VV_ERR_INTERNAL:
        break; /* may pass: try again */
    case VV_ERR_ROLE_TAKEN:
        line->ended = !line->joined; /* after a loss it may be our own old connection */
        break;
    default:
        line->ended = true;
    }
}

static void took(void *user, VvClient *client, const VvMessage *message) {
    VvLine *line = user;
    line->heard = vv_now();
    if (message->type == VV_MSG_SESSION_READY) {
        const VvSessionReady *ready = &message->body.SessionReady;
        snprintf(line->session, sizeof line->session, "%s", ready->session);
        snprintf(line->resume, sizeof line->resume, "%s", ready->resume_token);
        line->joined = true;
        line->lost = 0;
        line->backoff = BACKOFF_FIRST;
    } else if (message->type == VV_MSG_ERROR) {
        take_error(line, &message->body.Error);
    } else if (message->type == VV_MSG_SESSION_END) {
        line->ended = true;
        line->why[0] = 0;
        vv_client_close(client, 1000);
    }
    vv_talk_message(line->talk, message);
    pump(line);
}

static void took_text(void *user, VvClient *client, const char *text, size_t size) {
    (void)client;
    VvLine *line = user;
    if (line->config.text)
        line->config.text(line->config.user, text, size);
}

static void closed(void *user, VvClient *client, int code, const char *reason) {
    (void)client;
    VvLine *line = user;
    VvTime now = vv_now();
    line->client = NULL;
    vv_talk_lost(line->talk);
    if (!line->why[0] && !line->ended)
        snprintf(line->why, sizeof line->why, "connection closed: %d %s", code, reason ? reason : "");
    line->lost = line->lost ? line->lost : now;
    bool give_up = !line->joined || now - line->lost > line->config.patience * VV_SECOND;
    if (line->ended || give_up) {
        finish(line, line->why[0] ? line->why : NULL);
        return;
    }
    vv_log(VV_LOG_WARNING, "assistant", "session %s: %s; trying again in %.2f s", line->session, line->why,
           line->backoff);
    ev_timer_set(&line->retry, line->backoff, 0.0);
    ev_timer_start(line->config.loop, &line->retry);
    line->backoff = line->backoff * 2 < BACKOFF_MOST ? line->backoff * 2 : BACKOFF_MOST;
}

static void connect_line(VvLine *line) {
    static const VvClientEvents events = {.open = opened, .text = took_text, .message = took, .closed = closed};
    char token[2048];
    VvClientConfig config = {.url = line->config.url,
                             .token = line->config.token,
                             .insecure = line->config.insecure,
                             .events = &events,
                             .user = line};
    if (!config.token && line->config.sign &&
        line->config.sign(line->config.user, line->session, token, sizeof token) == 0 && token[0])
        config.token = token;
    line->client = vv_client_connect(line->config.clients, &config);
}

static void on_retry(struct ev_loop *loop, ev_timer *timer, int events) {
    (void)loop;
    (void)events;
    VvLine *line = timer->data;
    connect_line(line);
    if (!line->client)
        finish(line, "out of memory");
}

/* ---- life ------------------------------------------------------------------------------------------------ */

VvLine *vv_line_open(const VvLineConfig *config) {
    VvLine *line = calloc(1, sizeof *line);
    if (!line)
        return NULL;
    line->config = *config;
    line->backoff = BACKOFF_FIRST;
    snprintf(line->session, sizeof line->session, "%s", config->session ? config->session : "");
    VvTalkConfig talk = {.greeting = config->greeting,
                         .echo = config->echo,
                         .auto_interrupt = config->auto_interrupt,
                         .port = {port_message, port_media, port_queued, line}};
    line->talk = vv_talk_new(&talk);
    ev_timer_init(&line->pump, on_pump, 0.0, 0.0);
    ev_timer_init(&line->retry, on_retry, 0.0, 0.0);
    ev_timer_init(&line->ping, on_ping, PING_EVERY, PING_EVERY);
    line->pump.data = line->retry.data = line->ping.data = line;
    if (line->talk)
        connect_line(line);
    if (!line->client) {
        vv_line_free(&line);
        return NULL;
    }
    ev_timer_start(config->loop, &line->ping);
    return line;
}

void vv_line_hang_up(VvLine *line) {
    line->ended = true;
    line->why[0] = 0;
    if (line->client)
        vv_client_close(line->client, 1000);
    else
        finish(line, NULL);
}

void vv_line_free(VvLine **line) {
    if (!*line)
        return;
    ev_timer_stop((*line)->config.loop, &(*line)->pump);
    ev_timer_stop((*line)->config.loop, &(*line)->retry);
    ev_timer_stop((*line)->config.loop, &(*line)->ping);
    vv_talk_free(&(*line)->talk);
    free(*line);
    *line = NULL;
}

const VvTalk *vv_line_talk(const VvLine *line) {
    return line->talk;
}

const char *vv_line_session(const VvLine *line) {
    return line->session;
}
