/* Log lines, written by a thread of their own so that no other thread ever waits for a disk or a terminal.
 *
 * Lines go into a bounded ring; when it is full they are dropped and counted, and the next line that fits says how
 * many. Before vv_log_open and after vv_log_close lines go straight to standard error. */
#ifndef VV_LOG_H
#define VV_LOG_H

#include <stdbool.h>

typedef enum VvLevel { VV_LOG_DEBUG, VV_LOG_INFO, VV_LOG_WARNING, VV_LOG_ERROR } VvLevel;

/* Starts the writer. `json`: one JSON object a line instead of text. Returns 0 or -errno. Main thread. */
int vv_log_open(VvLevel least, bool json);

/* Writes what is queued and stops the writer. Main thread, when no other thread logs any more. */
void vv_log_close(void);

/* The level by name ("debug", "info", "warning", "error"), or -1. */
int vv_log_level(const char *name);

/* One line about `part` ("net", "session", ...). Any thread; never blocks, never allocates. */
void vv_log(VvLevel level, const char *part, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
