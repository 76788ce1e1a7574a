/* The embedded voice assistant: a backend that needs nothing else installed. It greets who joins and says aloud what
 * the viewer types. It talks to the daemon as any backend does, over a WebSocket. */
#ifndef VV_ASSISTANT_H
#define VV_ASSISTANT_H

#include <stddef.h>
#include <stdint.h>

typedef struct VvAssistant VvAssistant;

typedef struct VvAssistantConfig {
    const char *url;      /* ws://host:port/v1/session or wss:// */
    const char *greeting; /* said when a session begins; NULL or "": nothing */
    /* Writes a token (NUL-terminated) that lets it join `session` as backend; 0, or negative if there is none. NULL: no
     * token is needed. Called on the assistant's thread. */
    int (*token)(void *ctx, const char *session, char *out, size_t size);
    void *ctx;
} VvAssistantConfig;

/* Starts the assistant's thread: one for all sessions. `url` and `greeting` are copied. 0, or -errno with nothing
 * started (-ENOENT: no voice). */
int vv_assistant_start(const VvAssistantConfig *config, VvAssistant **assistant);

/* Asks it to join a session as backend. Any thread but its own; returns at once. With too many sessions waiting to be
 * joined the request is dropped, logged and counted. */
void vv_assistant_join(VvAssistant *assistant, const char *session);

/* Requests to join that were dropped. Any thread. */
uint64_t vv_assistant_dropped(const VvAssistant *assistant);

/* Leaves all sessions, ends the thread, frees it. NULL inside is fine. */
void vv_assistant_stop(VvAssistant **assistant);

#endif
