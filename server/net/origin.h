/* Whether a page may connect: browsers say in the Origin header which site a script came from. */
#ifndef VV_ORIGIN_H
#define VV_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>

/* `list`: allowed origins ("https://call.example.org"), separated by commas; "*" allows all; NULL or "": only the
 * server's own, which is `host` (the Host header) under https if `tls`, else http. Scheme, host and port are compared,
 * exactly but for the case of letters; a default port may be left out. Pure; any thread. */
bool vv_origin_allowed(const char *list, const char *origin, const char *host, bool tls);

/* Whether a list can be used; if not, its first bad entry is written to `bad`. */
bool vv_origins_valid(const char *list, char *bad, size_t size);

/* Whether a Host header names this machine itself: localhost or a loopback address, with any port. */
bool vv_host_is_loopback(const char *host);

#endif
