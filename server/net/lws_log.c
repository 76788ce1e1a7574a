/* libwebsockets' log lines. */
#include "server/net/lws_log.h"

#include "server/base/log.h"

#include <libwebsockets.h>
#include <string.h>

static void emit(int level, const char *line) {
    (void)level;
    vv_log(VV_LOG_DEBUG, "lws", "%.*s", (int)strcspn(line, "\n"), line);
}

void vv_lws_log(void) {
    lws_set_log_level(LLL_ERR | LLL_WARN, emit);
}
