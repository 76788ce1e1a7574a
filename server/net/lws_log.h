/* Where libwebsockets' own log lines go. */
#ifndef VV_LWS_LOG_H
#define VV_LWS_LOG_H

/* Sends the library's warnings and errors to our log, below the level of our own: most of them are about what some
 * remote side did, and whoever connects must not be able to fill the log. Any thread, any number of times. */
void vv_lws_log(void);

#endif
