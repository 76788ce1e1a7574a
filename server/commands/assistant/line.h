/* A talk on a connection: joins a session as backend, keeps the connection, resumes it when it is lost.
 *
 * Belongs to the thread of its loop. */
#ifndef VV_LINE_H
#define VV_LINE_H

#include "server/commands/assistant/talk.h"
#include "server/net/client.h"

typedef struct VvLine VvLine;

typedef struct VvLineConfig {
    struct ev_loop *loop;
    VvClients *clients; /* of the same loop */
    const char *url;
    const char *session;  /* its name; copied */
    const char *token;    /* NULL: none, or `sign` makes one for every connection */
    const char *greeting; /* as VvTalkConfig's; borrowed, as are url and token */
    bool echo, auto_interrupt, insecure;
    int patience;         /* seconds for which a lost connection is tried again */
    bool outlive_session; /* when the session cannot be resumed, join it as a new one */

    /* Writes a token for the session, 0 or negative; may be NULL. */
    int (*sign)(void *user, const char *session, char *out, size_t size);
    /* Every text message as it came; may be NULL. */
    void (*text)(void *user, const char *text, size_t size);
    /* Everything was said; may be NULL. */
    void (*idle)(void *user);
    /* The line has ended, for good: free it, but not inside this call. `why` is NULL when the session simply ended. */
    void (*over)(void *user, VvLine *line, const char *why);
    void *user;
} VvLineConfig;

/* Begins to connect. NULL if the URL is not one or out of memory. */
VvLine *vv_line_open(const VvLineConfig *config);

/* Says text as vv_talk_say. */
size_t vv_line_say(VvLine *line, const char *text, size_t size);

/* Ends the line politely: `over` follows. */
void vv_line_hang_up(VvLine *line);

/* Frees a line that is over, or whose clients' context was closed. */
void vv_line_free(VvLine **line);

const VvTalk *vv_line_talk(const VvLine *line);
const char *vv_line_session(const VvLine *line);

#endif
