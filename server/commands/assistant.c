/* The assistant's thread: one loop, one line for each session. */
#include "server/commands/assistant.h"

#include "server/base/log.h"
#include "server/base/ring.h"
#include "server/commands/assistant/line.h"
#include "server/commands/assistant/voice.h"

#include <errno.h>
#include <ev.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JOINS_BYTES 16384 /* names that may wait for the thread: some 150 */
#define LINES_MAX 1024
#define PATIENCE 60 /* seconds, as long as a session waits for its backend */

typedef struct Member {
    VvLine *line;
    bool again; /* the session ended and was made anew before the line noticed: join it when the line is over */
} Member;

struct VvAssistant {
    VvAssistantConfig config;
    char *url, *greeting;
    pthread_t thread;
    bool running; /* the thread was started */

    /* Names to join. The ring has one consumer, the thread, which takes no lock; the mutex makes several producers one,
     * and nobody holds it for longer than a push of a name. */
    VvRing *joins;
    pthread_mutex_t producer;
    atomic_uint_fast64_t dropped;

    struct ev_loop *loop;
    ev_async wake;
    ev_prepare reap;
    atomic_bool stopping;
    VvClients *clients;
    Member lines[LINES_MAX], over[LINES_MAX];
    size_t line_count, over_count;
};

/* ---- the thread ------------------------------------------------------------------------------------------ */

static int sign(void *user, const char *session, char *out, size_t size) {
    VvAssistant *assistant = user;
    return assistant->config.token ? assistant->config.token(assistant->config.ctx, session, out, size) : -ENOENT;
}

static void line_over(void *user, VvLine *line, const char *why) {
    VvAssistant *assistant = user;
    if (why)
        vv_log(VV_LOG_WARNING, "assistant", "left session %s: %s", vv_line_session(line), why);
    for (size_t i = 0; i < assistant->line_count; i++)
        if (assistant->lines[i].line == line) {
            assistant->over[assistant->over_count++] = assistant->lines[i]; /* its own callback: freed later */
            assistant->lines[i] = assistant->lines[--assistant->line_count];
            return;
        }
}

/* Whether a URL is this very machine's. */
static bool on_loopback(const char *url) {
    static const char *const hosts[] = {"wss://localhost", "wss://127.", "wss://[::1]"};
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
        if (strncmp(url, hosts[i], strlen(hosts[i])) == 0)
            return true;
    return false;
}

static void join_session(VvAssistant *assistant, const char *session) {
    for (size_t i = 0; i < assistant->line_count; i++)
        if (strcmp(vv_line_session(assistant->lines[i].line), session) == 0) {
            assistant->lines[i].again = true;
            return;
        }
    VvLineConfig config = {.loop = assistant->loop,
                           .clients = assistant->clients,
                           .url = assistant->url,
                           .session = session,
                           .greeting = assistant->greeting,
                           .echo = true,
                           /* Our own daemon's certificate names its public host, not the loopback we reach it by. */
                           .insecure = on_loopback(assistant->url),
                           .patience = PATIENCE,
                           .sign = sign,
                           .over = line_over,
                           .user = assistant};
    /* Lines that are over still need their place in `over`. */
    VvLine *line = assistant->line_count + assistant->over_count < LINES_MAX ? vv_line_open(&config) : NULL;
    if (line)
        assistant->lines[assistant->line_count++] = (Member){.line = line};
    else
        vv_log(VV_LOG_ERROR, "assistant", "cannot join session %s", session);
}

static void reap(struct ev_loop *loop, ev_prepare *prepare, int events) {
    (void)loop;
    (void)events;
    VvAssistant *assistant = prepare->data;
    while (assistant->over_count) {
        Member member = assistant->over[--assistant->over_count];
        char session[65];
        snprintf(session, sizeof session, "%s", vv_line_session(member.line));
        vv_line_free(&member.line);
        if (member.again)
            join_session(assistant, session);
    }
}

static void woken(struct ev_loop *loop, ev_async *async, int events) {
    (void)events;
    VvAssistant *assistant = async->data;
    VvRecord record;
    while (vv_ring_peek(assistant->joins, &record)) {
        char session[65];
        snprintf(session, sizeof session, "%.*s", (int)record.size, (const char *)record.data);
        vv_ring_pop(assistant->joins);
        join_session(assistant, session);
    }
    if (atomic_load(&assistant->stopping))
        ev_break(loop, EVBREAK_ALL);
}

static void *run(void *arg) {
    VvAssistant *assistant = arg;
    ev_run(assistant->loop, 0);
    vv_clients_close(&assistant->clients);
    while (assistant->line_count)
        vv_line_free(&assistant->lines[--assistant->line_count].line);
    while (assistant->over_count)
        vv_line_free(&assistant->over[--assistant->over_count].line);
    return NULL;
}

/* ---- the owner's side ------------------------------------------------------------------------------------ */

static void close_assistant(VvAssistant **assistant) {
    VvAssistant *a = *assistant;
    if (!a)
        return;
    if (a->running) {
        atomic_store(&a->stopping, true);
        ev_async_send(a->loop, &a->wake);
        pthread_join(a->thread, NULL);
    }
    vv_clients_close(&a->clients);
    if (a->loop)
        ev_loop_destroy(a->loop);
    vv_ring_free(&a->joins);
    pthread_mutex_destroy(&a->producer);
    vv_voice_close();
    free(a->url);
    free(a->greeting);
    free(a);
    *assistant = NULL;
}

int vv_assistant_start(const VvAssistantConfig *config, VvAssistant **assistant) {
    VvAssistant *a = calloc(1, sizeof *a);
    *assistant = NULL;
    if (!a)
        return -ENOMEM;
    a->config = *config;
    pthread_mutex_init(&a->producer, NULL);
    a->url = strdup(config->url);
    a->greeting = strdup(config->greeting ? config->greeting : "");
    a->joins = vv_ring_new(JOINS_BYTES);
    a->loop = ev_loop_new(EVFLAG_AUTO);
    int result = -ENOMEM;
    if (!a->url || !a->greeting || !a->joins || !a->loop)
        goto error;
    result = vv_voice_open(); /* here, so that a missing voice is told now; from now on only the thread uses it */
    if (result)
        goto error;
    result = -ENOMEM;
    a->clients = vv_clients_open(a->loop);
    if (!a->clients)
        goto error;
    ev_async_init(&a->wake, woken);
    ev_prepare_init(&a->reap, reap);
    a->wake.data = a->reap.data = a;
    ev_async_start(a->loop, &a->wake);
    ev_prepare_start(a->loop, &a->reap);
    result = -pthread_create(&a->thread, NULL, run, a);
    if (result)
        goto error;
    a->running = true;
    *assistant = a;
    return 0;
error:
    close_assistant(&a);
    return result;
}

void vv_assistant_join(VvAssistant *assistant, const char *session) {
    VvSpan span = {session, strlen(session)};
    pthread_mutex_lock(&assistant->producer);
    bool taken = vv_ring_push(assistant->joins, 0, &span, 1);
    pthread_mutex_unlock(&assistant->producer);
    if (taken) {
        ev_async_send(assistant->loop, &assistant->wake);
        return;
    }
    atomic_fetch_add(&assistant->dropped, 1);
    vv_log(VV_LOG_WARNING, "assistant", "too many sessions at once: does not join %s", session);
}

uint64_t vv_assistant_dropped(const VvAssistant *assistant) {
    return atomic_load(&assistant->dropped);
}

void vv_assistant_stop(VvAssistant **assistant) {
    close_assistant(assistant);
}
