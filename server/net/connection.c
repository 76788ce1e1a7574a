/* One WebSocket of visavis.v1: what arrives goes to its seat, what the seat has goes out.
 *
 * In:   pieces -> whole message -> decoded and checked -> the seat. A message that finds the session's inbox full, or a
 *       sender over its rate, stops reading from the socket until a timer finds room again; so a flood waits in the
 *       flooder's own socket.
 * Out:  the connection's own answers (pong, error) first, then the seat's outbox, a few messages a turn and only while
 *       the kernel takes them, so that one fast reader does not hold up the rest.
 * End:  whoever ends a connection marks it (vv_connection_end); the close frame leaves when the answers have left. The
 *       socket's end takes it off the list of connections and onto that of the dead, and vv_connections_reap frees it
 * when no callback is running any more. */
#include "server/base/log.h"
#include "server/base/metrics.h"
#include "server/net/net.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define WRITES_A_TURN 16
#define ANSWER_BYTES 16384              /* answers that may wait; who lets more wait does not read them */
#define START_PATIENCE (10 * VV_SECOND) /* from connecting to session.start */
#define CLOSE_PATIENCE (5 * VV_SECOND)  /* from the decision to close to the socket's end */
#define INBOX_WAIT (20 * VV_MS)         /* until a message is offered to a full inbox again */
#define UNSENT_BYTES 65536 /* that the kernel may hold before we stop writing: the rest can still be dropped */

struct VvConnection {
    VvServer *server;
    struct lws *wsi; /* NULL once the socket is gone */
    VvConnection *next, **link;
    VvAddress address;
    VvClaims claims;
    VvSeat *seat; /* NULL before session.start and after the end */
    VvTime opened;
    bool started; /* a session.start was accepted */
    int errors;

    VvAssembly input;
    VvLimit limit;
    ev_timer resume; /* runs while reading is paused */
    bool held;       /* the whole message in `input` waits for room in the inbox */

    VvRing *answers; /* own messages, text */
    VvTime ending;   /* when its end was decided; 0: it is not */
    int close_code;
};

/* ---- ending -------------------------------------------------------------------------------------------- */

/* Who was closed for what it did may not come back with its token; who was merely lost may. */
static void leave_seat(VvConnection *connection) {
    const bool expelled = connection->close_code == LWS_CLOSE_STATUS_POLICY_VIOLATION ||
                          connection->close_code == LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE;
    if (connection->seat)
        vv_seat_leave(&connection->seat, !expelled);
}

/* Queues an own message. Who lets them pile up is closed without a word: it would not read that either. */
static void answer(VvConnection *connection, const VvMessage *message) {
    char text[4096];
    const size_t size = vv_message_encode(message, text, sizeof text);
    const VvSpan span = {text, size};
    if (!size || !vv_ring_push(connection->answers, 0, &span, 1)) {
        if (!connection->ending) {
            vv_count(VV_COUNTER_SLOW_CLIENTS, 1);
            vv_connection_end(connection, VV_ERR_OK, NULL, LWS_CLOSE_STATUS_POLICY_VIOLATION);
        }
        return;
    }
    lws_callback_on_writable(connection->wsi);
}

static void answer_error(VvConnection *connection, VvErr code, const char *id, const char *text, bool fatal) {
    VvMessage message;
    vv_message_init(&message, VV_MSG_ERROR);
    snprintf(message.ref, sizeof message.ref, "%s", id);
    message.body.Error.code = (int32_t)code;
    message.body.Error.fatal = fatal;
    snprintf(message.body.Error.message, sizeof message.body.Error.message, "%s", text);
    answer(connection, &message);
}

void vv_connection_end(VvConnection *connection, VvErr error, const char *message, int code) {
    if (connection->ending)
        return;
    connection->ending = vv_now();
    connection->close_code = code;
    ev_timer_stop(connection->server->loop, &connection->resume);
    if (error != VV_ERR_OK)
        answer_error(connection, error, "", message, true);
    leave_seat(connection);
    /* Reading goes on, to see the other side's close; what else comes is thrown away. */
    lws_rx_flow_control(connection->wsi, 1);
    lws_callback_on_writable(connection->wsi);
}

static int close_code_of(VvErr code) {
    switch (code) {
    case VV_ERR_TOO_LARGE:
        return LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE;
    case VV_ERR_DRAINING:
        return LWS_CLOSE_STATUS_GOINGAWAY;
    case VV_ERR_INTERNAL:
        return LWS_CLOSE_STATUS_UNEXPECTED_CONDITION;
    default:
        return LWS_CLOSE_STATUS_POLICY_VIOLATION;
    }
}

/* Answers a message that cannot be accepted. `fatal`: also if the code by itself is not. */
static void refuse(VvConnection *connection, const VvFault *fault, bool fatal) {
    fatal = fatal || vv_err_fatal(fault->code);
    vv_count(VV_COUNTER_PROTOCOL_ERRORS, 1);
    answer_error(connection, fault->code, fault->id, fault->text, fatal);
    if (fatal) {
        vv_log(VV_LOG_INFO, "net", "connection closed: %s (%s)", vv_err_name(fault->code), fault->text);
        vv_connection_end(connection, VV_ERR_OK, NULL, close_code_of(fault->code));
    } else if (++connection->errors > connection->server->config.max_errors) {
        vv_log(VV_LOG_INFO, "net", "connection closed after %d errors, the last: %s", connection->errors, fault->text);
        vv_connection_end(connection, VV_ERR_TOO_MANY_ERRORS, "too many protocol errors",
                          LWS_CLOSE_STATUS_POLICY_VIOLATION);
    }
}

__attribute__((format(printf, 4, 5))) static void refuse_words(VvConnection *connection, VvErr code, const char *id,
                                                               const char *format, ...) {
    VvFault fault = {.code = code};
    va_list arguments;
    snprintf(fault.id, sizeof fault.id, "%s", id);
    va_start(arguments, format);
    vsnprintf(fault.text, sizeof fault.text, format, arguments);
    va_end(arguments);
    refuse(connection, &fault, false);
}

/* ---- what arrives -------------------------------------------------------------------------------------- */

static void pong(VvConnection *connection, const VvMessage *ping) {
    const VvPing *body = &ping->body.Ping;
    VvMessage message;
    vv_message_init(&message, VV_MSG_PONG);
    snprintf(message.ref, sizeof message.ref, "%s", ping->id);
    message.body.Pong.t = body->t;
    message.body.Pong.t_server = connection->seat ? vv_seat_clock(connection->seat) : 0;
    answer(connection, &message);
    if (connection->seat)
        vv_seat_ping(connection->seat, body->t, VV_HAS(body, Ping, rtt) ? body->rtt : 0);
}

static void start(VvConnection *connection, VvMessage *message) {
    VvFault fault = {.code = VV_ERR_OK};
    if (connection->started) {
        refuse_words(connection, VV_ERR_ALREADY_STARTED, message->id, "this connection has its session already");
        return;
    }
    const char *why = vv_claims_apply(&connection->claims, &message->body.SessionStart);
    if (why) {
        refuse_words(connection, VV_ERR_UNAUTHORIZED, message->id, "%s", why);
        return;
    }
    const VvErr error = vv_hub_join(connection->server->hub, &message->body.SessionStart, message->id, connection,
                                    &connection->seat, &fault);
    if (error == VV_ERR_OK) {
        connection->started = true;
        return;
    }
    connection->seat = NULL;
    fault.code = error;
    if (!fault.id[0])
        snprintf(fault.id, sizeof fault.id, "%s", message->id);
    refuse(connection, &fault, true);
}

static int senders(VvRole role) {
    static const int sets[] = {
        [VV_ROLE_VIEWER] = VV_FROM_VIEWER,
        [VV_ROLE_BACKEND] = VV_FROM_BACKEND,
        [VV_ROLE_BOTH] = VV_FROM_CLIENT,
    };
    return sets[role];
}

/* False if the inbox is full: the same message must be offered again. */
static bool take_text(VvConnection *connection, const uint8_t *data, size_t size) {
    VvMessage message;
    VvFault fault;
    if (vv_message_decode((const char *)data, size, &message, &fault) != VV_ERR_OK) {
        refuse(connection, &fault, false);
    } else if (!(vv_message_from(message.type) & VV_FROM_CLIENT)) {
        refuse_words(connection, VV_ERR_BAD_DIRECTION, message.id, "%s is sent by the server",
                     vv_message_name(message.type));
    } else if (message.type == VV_MSG_PING) {
        pong(connection, &message);
    } else if (message.type == VV_MSG_SESSION_START) {
        start(connection, &message);
    } else if (!connection->seat) {
        refuse_words(connection, VV_ERR_NOT_STARTED, message.id, "session.start must come first, not %s",
                     vv_message_name(message.type));
    } else if (!(vv_message_from(message.type) & senders(vv_seat_role(connection->seat)))) {
        refuse_words(connection, VV_ERR_BAD_DIRECTION, message.id, "%s is not sent in this role",
                     vv_message_name(message.type));
    } else {
        const VvErr error = vv_seat_control(connection->seat, &message);
        if (error == VV_ERR_RATE_LIMITED)
            return false;
        if (error != VV_ERR_OK)
            refuse_words(connection, error, message.id, "%s was refused", vv_message_name(message.type));
    }
    return true;
}

static void take_media(VvConnection *connection, const uint8_t *data, size_t size) {
    VvFrameHeader header;
    if (!connection->seat) {
        refuse_words(connection, VV_ERR_NOT_STARTED, "", "session.start must come first, not media");
        return;
    }
    VvErr error = vv_frame_read(data, size, &header);
    if (error != VV_ERR_OK) {
        refuse_words(connection, error, "", "a binary message of %zu bytes is not valid", size);
        return;
    }
    error = vv_seat_media(connection->seat, &header, data + VV_FRAME_HEADER_SIZE);
    if (error != VV_ERR_OK)
        refuse_words(connection, error, "", "binary message of kind %d, number %u", header.kind, header.sequence);
}

/* ---- pausing ------------------------------------------------------------------------------------------- */

static void pause_reading(VvConnection *connection, VvTime wait) {
    if (connection->ending)
        return;
    lws_rx_flow_control(connection->wsi, 0);
    ev_timer_stop(connection->server->loop, &connection->resume);
    ev_timer_set(&connection->resume, (double)wait / VV_SECOND, 0);
    ev_timer_start(connection->server->loop, &connection->resume);
}

/* Books what was read; pauses if it was too much. */
static void charge(VvConnection *connection, int messages, size_t bytes) {
    const VvTime now = vv_now();
    if (connection->ending || vv_limit_take(&connection->limit, messages, bytes, now))
        return;
    if (!ev_is_active(&connection->resume))
        vv_count(VV_COUNTER_THROTTLED, 1);
    pause_reading(connection, vv_limit_wait(&connection->limit, now));
}

static void on_resume(struct ev_loop *loop, ev_timer *timer, int events) {
    (void)loop, (void)events;
    VvConnection *connection = timer->data;
    if (connection->held) {
        if (connection->seat && !take_text(connection, connection->input.bytes, connection->input.size)) {
            pause_reading(connection, INBOX_WAIT);
            return;
        }
        connection->held = false;
    }
    if (connection->ending)
        return;
    const VvTime wait = vv_limit_wait(&connection->limit, vv_now());
    if (wait > 0)
        pause_reading(connection, wait);
    else
        lws_rx_flow_control(connection->wsi, 1);
}

int vv_connection_receive(VvConnection *connection, const void *piece, size_t size) {
    const bool binary = lws_frame_is_binary(connection->wsi) != 0;
    const uint8_t *data;
    size_t length;
    if (connection->ending)
        return 0;
    vv_count(VV_COUNTER_BYTES_IN, size);
    switch (vv_assembly_add(&connection->input, piece, size, lws_is_first_fragment(connection->wsi) != 0,
                            lws_is_final_fragment(connection->wsi) != 0,
                            binary ? VV_MESSAGE_BYTES_MAX : VV_TEXT_BYTES_MAX, &data, &length)) {
    case VV_ASSEMBLY_MORE:
        charge(connection, 0, size);
        return 0;
    case VV_ASSEMBLY_TOO_LARGE:
        refuse_words(connection, VV_ERR_TOO_LARGE, "", "a %s message may have %d bytes", binary ? "binary" : "text",
                     binary ? VV_MESSAGE_BYTES_MAX : VV_TEXT_BYTES_MAX);
        return 0;
    case VV_ASSEMBLY_WHOLE:
        break;
    }
    vv_count(VV_COUNTER_MESSAGES_IN, 1);
    charge(connection, 1, size);
    if (binary) {
        take_media(connection, data, length);
    } else if (!take_text(connection, data, length)) {
        if (!vv_assembly_hold(&connection->input, data, length))
            return -1;
        connection->held = true;
        pause_reading(connection, INBOX_WAIT);
    }
    return 0;
}

/* ---- what leaves --------------------------------------------------------------------------------------- */

/* Copies a message behind the room that the library wants, and writes it. */
static int write_message(VvConnection *connection, const uint8_t *data, size_t size, bool binary) {
    VvServer *server = connection->server;
    if (size > server->output_room) {
        uint8_t *larger = realloc(server->output, LWS_PRE + size);
        if (!larger)
            return -1;
        server->output = larger;
        server->output_room = size;
    }
    memcpy(server->output + LWS_PRE, data, size);
    vv_count(VV_COUNTER_MESSAGES_OUT, 1);
    vv_count(VV_COUNTER_BYTES_OUT, size);
    return lws_write(connection->wsi, server->output + LWS_PRE, size, binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT) < 0
               ? -1
               : 0;
}

typedef enum Written { WRITTEN_ONE, WRITTEN_ALL, WRITTEN_FAILED } Written;

static Written write_one(VvConnection *connection) {
    VvRecord record;
    VvOutput kind;
    const uint8_t *data;
    size_t size;
    VvTime queued;
    if (vv_ring_peek(connection->answers, &record)) {
        const int error = write_message(connection, record.data, record.size, false);
        vv_ring_pop(connection->answers);
        return error ? WRITTEN_FAILED : WRITTEN_ONE;
    }
    if (!connection->seat || !vv_seat_peek(connection->seat, &kind, &data, &size, &queued))
        return WRITTEN_ALL;
    if (kind == VV_OUTPUT_CLOSE) {
        vv_seat_pop(connection->seat);
        vv_connection_end(connection, VV_ERR_OK, NULL, LWS_CLOSE_STATUS_NORMAL);
        return WRITTEN_ALL;
    }
    vv_observe(VV_HISTOGRAM_OUTBOX_WAIT, vv_now() - queued);
    const int error = write_message(connection, data, size, kind == VV_OUTPUT_BINARY);
    vv_seat_pop(connection->seat);
    return error ? WRITTEN_FAILED : WRITTEN_ONE;
}

int vv_connection_write(VvConnection *connection) {
    for (int i = 0; i < WRITES_A_TURN && !lws_send_pipe_choked(connection->wsi); i++) {
        const Written written = write_one(connection);
        if (written == WRITTEN_FAILED)
            return -1;
        if (written == WRITTEN_ONE)
            continue;
        if (!connection->ending)
            return 0;
        lws_close_reason(connection->wsi, (enum lws_close_status)connection->close_code, NULL, 0);
        return -1;
    }
    lws_callback_on_writable(connection->wsi);
    return 0;
}

void vv_connection_output(VvConnection *connection) {
    if (connection->wsi)
        lws_callback_on_writable(connection->wsi);
}

/* ---- life ---------------------------------------------------------------------------------------------- */

static void enlist(VvConnection *connection, VvConnection **list) {
    connection->next = *list;
    connection->link = list;
    if (connection->next)
        connection->next->link = &connection->next;
    *list = connection;
}

static void delist(VvConnection *connection) {
    *connection->link = connection->next;
    if (connection->next)
        connection->next->link = connection->link;
}

VvConnection *vv_connection_open(VvServer *server, struct lws *wsi, const VvSocket *socket, const VvClaims *claims) {
    const int unsent = UNSENT_BYTES;
    VvConnection *connection = calloc(1, sizeof *connection);
    VvRing *answers = vv_ring_new(ANSWER_BYTES);
    if (!connection || !answers || !vv_addresses_add(server->addresses, &socket->address, VV_HELD_CONNECTIONS)) {
        vv_ring_free(&answers);
        free(connection);
        return NULL;
    }
    connection->server = server;
    connection->wsi = wsi;
    connection->address = socket->address;
    connection->claims = *claims;
    connection->answers = answers;
    connection->opened = vv_now();
    vv_limit_init(&connection->limit, server->config.rate_messages, server->config.rate_bytes, connection->opened);
    ev_timer_init(&connection->resume, on_resume, 0, 0);
    connection->resume.data = connection;
    enlist(connection, &server->connections);
    server->connection_count++;
    setsockopt(lws_get_socket_fd(wsi), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
    vv_count(VV_COUNTER_CONNECTIONS, 1);
    vv_gauge_set(VV_GAUGE_OPEN_CONNECTIONS, server->connection_count);
    return connection;
}

void vv_connection_gone(VvConnection *connection) {
    VvServer *server = connection->server;
    connection->wsi = NULL;
    if (!connection->ending)
        connection->ending = vv_now();
    ev_timer_stop(server->loop, &connection->resume);
    vv_addresses_remove(server->addresses, &connection->address, VV_HELD_CONNECTIONS);
    server->connection_count--;
    vv_gauge_set(VV_GAUGE_OPEN_CONNECTIONS, server->connection_count);
    delist(connection);
    enlist(connection, &server->dead);
}

void vv_connections_reap(VvServer *server) {
    VvConnection *connection = server->dead;
    server->dead = NULL;
    for (VvConnection *next; connection; connection = next) {
        next = connection->next;
        leave_seat(connection);
        vv_assembly_free(&connection->input);
        vv_ring_free(&connection->answers);
        free(connection);
    }
}

void vv_connections_tick(VvServer *server, VvTime now) {
    for (VvConnection *connection = server->connections, *next; connection; connection = next) {
        next = connection->next;
        if (connection->ending && now - connection->ending > CLOSE_PATIENCE) {
            /* At once: a timer of the library's would be armed only by some later event. The shutdown makes it give up
             * what it still has to send. */
            shutdown(lws_get_socket_fd(connection->wsi), SHUT_RDWR);
            lws_set_timeout(connection->wsi, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_SYNC);
        }
        if (connection->ending)
            continue;
        if (!connection->started && now - connection->opened > START_PATIENCE)
            vv_connection_end(connection, VV_ERR_NOT_STARTED, "session.start did not come",
                              LWS_CLOSE_STATUS_POLICY_VIOLATION);
        else if (vv_limit_judge(&connection->limit, now))
            vv_connection_end(connection, VV_ERR_RATE_LIMITED, "far more messages or bytes than a call needs",
                              LWS_CLOSE_STATUS_POLICY_VIOLATION);
    }
}

void vv_connections_end_idle(VvServer *server) {
    for (VvConnection *connection = server->connections; connection; connection = connection->next)
        if (!connection->seat)
            vv_connection_end(connection, VV_ERR_OK, NULL, LWS_CLOSE_STATUS_GOINGAWAY);
}

void vv_connections_abandon(VvServer *server) {
    while (server->connections) {
        VvConnection *connection = server->connections;
        VvSocket *socket = lws_get_opaque_user_data(connection->wsi);
        socket->connection = NULL;
        vv_connection_gone(connection);
    }
    vv_connections_reap(server);
}
