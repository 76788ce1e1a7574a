/* The assistant on real sockets, against the real server in this process: greeting and echo by its own thread, and a
 * line that loses its connection in mid-speech, resumes, and leaves nothing unsaid. */
#include "server/commands/assistant.h"
#include "server/commands/assistant/line.h"
#include "server/commands/assistant/voice.h"
#include "server/net/client.h"
#include "server/net/server.h"

#include <arpa/inet.h>
#include <ev.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#define GUARD 120.0 /* seconds; only ends a test that hangs */
#define FILES 256

static struct ev_loop *loop;
static VvAvatar *avatar;
static VvServer *server;
static VvClients *clients;
static VvClient *viewer;
static VvAssistant *assistant;
static char url[64];
static char story[8192]; /* what the viewer was told, in order */
static char said[1024];  /* what it heard to its end, in order */
static char now[64];     /* what it hears */

/* ---- the server and a viewer ----------------------------------------------------------------------------- */

static void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void tell(const char *format, ...) {
    size_t used = strlen(story);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(story + used, sizeof story - used, format, arguments);
    va_end(arguments);
}

static void viewer_open(void *user, VvClient *client) {
    (void)user;
    VvMessage message;
    vv_message_init(&message, VV_MSG_SESSION_START);
    message.body.SessionStart.role = VV_ROLE_VIEWER;
    snprintf(message.body.SessionStart.session, sizeof message.body.SessionStart.session, "call");
    VV_MARK(&message.body.SessionStart, SessionStart, session);
    vv_client_send(client, &message);
    viewer = client;
}

static void viewer_finished(const VvPlaybackFinished *playback) {
    tell("finished%s; ", playback->interrupted ? " interrupted" : "");
    if (!playback->interrupted)
        snprintf(said + strlen(said), sizeof said - strlen(said), "%s ", now);
}

static void viewer_message(void *user, VvClient *client, const VvMessage *message) {
    (void)user;
    (void)client;
    if (message->type == VV_MSG_PLAYBACK_STARTED) {
        snprintf(now, sizeof now, "%.63s", message->body.PlaybackStarted.text);
        tell("started \"%s\"; ", now);
    } else if (message->type == VV_MSG_PLAYBACK_FINISHED)
        viewer_finished(&message->body.PlaybackFinished);
    else if (message->type == VV_MSG_ERROR)
        tell("error %s; ", message->body.Error.message);
}

static void viewer_closed(void *user, VvClient *client, int code, const char *reason) {
    (void)user;
    (void)client;
    (void)code;
    (void)reason;
    viewer = NULL;
}

static const VvClientEvents viewer_events = {.open = viewer_open, .message = viewer_message, .closed = viewer_closed};

static void on_created(void *ctx, const char *session) {
    (void)ctx;
    if (assistant)
        vv_assistant_join(assistant, session);
}

static int set_up(void **state) {
    (void)state;
    char why[512] = "";
    story[0] = said[0] = 0;
    loop = ev_loop_new(EVFLAG_AUTO);
    if (vv_test_pattern_open(64, 64, &avatar))
        return -1;
    VvServerConfig config = {.address = "127.0.0.1",
                             .web_root = ".",
                             .max_connections = 20,
                             .max_per_address = 20,
                             .rate_messages = 100000,
                             .rate_bytes = 1 << 29,
                             .max_errors = 5,
                             .drain_patience = VV_SECOND,
                             .hub = {.avatar = avatar, .workers = 1, .capacity = 4, .resume_seconds = 60},
                             .created = on_created};
    if (vv_server_open(&config, loop, &server, why, sizeof why)) {
        print_error("server: %s\n", why);
        return -1;
    }
    clients = vv_clients_open(loop);
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/v1/session", vv_server_port(server));
    return clients ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    vv_assistant_stop(&assistant);
    vv_clients_close(&clients);
    vv_server_close(&server);
    avatar->close(&avatar);
    ev_loop_destroy(loop);
    viewer = NULL;
    return 0;
}

static void on_guard(struct ev_loop *l, ev_timer *timer, int events) {
    (void)l;
    (void)timer;
    (void)events;
    fail_msg("hangs; so far: %s", story);
}

/* Runs the loop until `done` says so. */
static void run_until(bool (*done)(void)) {
    ev_timer guard;
    ev_timer_init(&guard, on_guard, GUARD, 0.0);
    ev_timer_start(loop, &guard);
    while (!done())
        ev_run(loop, EVRUN_ONCE);
    ev_timer_stop(loop, &guard);
}

static const char *awaited;

static bool awaited_came(void) {
    return strstr(story, awaited) != NULL;
}

static void await_story(const char *text) {
    awaited = text;
    run_until(awaited_came);
}

static void type(const char *text) {
    VvMessage message;
    vv_message_init(&message, VV_MSG_DIALOGUE_TURN);
    message.body.DialogueTurn.speaker = VV_SPEAKER_USER;
    snprintf(message.body.DialogueTurn.text, sizeof message.body.DialogueTurn.text, "%s", text);
    assert_true(vv_client_send(viewer, &message));
}

static void call_in(void) {
    VvClientConfig config = {.url = url, .events = &viewer_events};
    assert_non_null(vv_client_connect(clients, &config));
}

static bool viewer_gone(void) {
    return !viewer;
}

static void greets_and_echoes(void **state) {
    (void)state;
    VvAssistantConfig config = {.url = url, .greeting = "Hi."};
    assert_int_equal(vv_assistant_start(&config, &assistant), 0);
    call_in();
    await_story("started \"Hi.\"; finished; ");
    type("Yes. No.");
    await_story("started \"Yes.\"; finished; started \"No.\"; finished; ");
    VvMessage message;
    vv_message_init(&message, VV_MSG_SESSION_END);
    assert_true(vv_client_send(viewer, &message));
    run_until(viewer_gone);
    assert_string_equal(story, "started \"Hi.\"; finished; started \"Yes.\"; finished; started \"No.\"; finished; ");
    assert_int_equal(vv_assistant_dropped(assistant), 0);
    /* and the same session's name again: the assistant left it, so it greets again */
    story[0] = 0;
    call_in();
    await_story("started \"Hi.\"; ");
}

static void stops_in_mid_sentence(void **state) {
    (void)state;
    VvAssistantConfig config = {.url = url, .greeting = "This is a long sentence that nobody is going to hear."};
    assert_int_equal(vv_assistant_start(&config, &assistant), 0);
    call_in();
    await_story("started");
    vv_assistant_stop(&assistant);
    assert_null(assistant);
    vv_assistant_stop(&assistant); /* nothing to stop */
}

/* ---- a line that loses its connection -------------------------------------------------------------------- */

static VvLine *line;
static int readies, resumed, idles;
static bool over;

static void line_text(void *user, const char *text, size_t size) {
    (void)user;
    if (size > 23 && memcmp(text, "{\"type\":\"session.ready\"", 23) == 0) {
        readies++;
        resumed += memmem(text, size, "\"resumed\":true", 14) != NULL;
    }
}

static void line_idle(void *user) {
    (void)user;
    idles++;
}

static void line_over(void *user, VvLine *which, const char *why) {
    (void)user;
    assert_ptr_equal(which, line);
    assert_null(why);
    over = true;
}

/* Whether a file of ours is the client's end of a connection to the server. */
static bool is_client_end(int fd) {
    struct sockaddr_in peer;
    socklen_t size = sizeof peer;
    return getpeername(fd, (struct sockaddr *)&peer, &size) == 0 && peer.sin_family == AF_INET &&
           ntohs(peer.sin_port) == vv_server_port(server);
}

static bool line_ready(void) {
    return readies > 0;
}

static bool line_ready_again(void) {
    return readies > 1;
}

static bool line_idle_again(void) {
    return idles > 0;
}

static bool line_is_over(void) {
    return over;
}

static void resumes_in_mid_speech(void **state) {
    (void)state;
    bool before[FILES];
    assert_int_equal(vv_voice_open(), 0);
    call_in();
    readies = resumed = idles = 0;
    over = false;
    while (!viewer)
        ev_run(loop, EVRUN_ONCE);
    for (int fd = 0; fd < FILES; fd++)
        before[fd] = is_client_end(fd);
    VvLineConfig config = {.loop = loop,
                           .clients = clients,
                           .url = url,
                           .session = "call",
                           .patience = 60,
                           .text = line_text,
                           .idle = line_idle,
                           .over = line_over};
    line = vv_line_open(&config);
    assert_non_null(line);
    assert_int_equal(vv_line_say(line, "One. Two. Three. Four. Five.", 28), 0);
    run_until(line_ready);
    await_story("started \"One.\"");
    int cut = 0;
    for (int fd = 0; fd < FILES; fd++)
        if (!before[fd] && is_client_end(fd))
            cut += shutdown(fd, SHUT_RDWR) == 0;
    assert_int_equal(cut, 1);
    run_until(line_ready_again);
    assert_int_equal(resumed, 1);
    run_until(line_idle_again);
    await_story("started \"Five.\"; finished; ");
    /* Each was heard, in order, each to its end: the one that was cut was begun anew. */
    assert_string_equal(said, "One. Two. Three. Four. Five. ");
    assert_int_equal(vv_talk_counts(vv_line_talk(line)).lost, 0);
    vv_line_hang_up(line);
    run_until(line_is_over);
    vv_line_free(&line);
    assert_null(line);
    vv_voice_close();
}

static void ends_with_its_session(void **state) {
    (void)state;
    assert_int_equal(vv_voice_open(), 0);
    readies = 0;
    over = false;
    call_in();
    while (!viewer)
        ev_run(loop, EVRUN_ONCE);
    VvLineConfig config = {.loop = loop,
                           .clients = clients,
                           .url = url,
                           .session = "call",
                           .patience = 60,
                           .text = line_text,
                           .over = line_over};
    line = vv_line_open(&config);
    run_until(line_ready);
    VvMessage message;
    vv_message_init(&message, VV_MSG_SESSION_END);
    assert_true(vv_client_send(viewer, &message));
    run_until(line_is_over);
    vv_line_free(&line);
    vv_voice_close();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(greets_and_echoes),
        TEST(stops_in_mid_sentence),
        TEST(resumes_in_mid_speech),
        TEST(ends_with_its_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
