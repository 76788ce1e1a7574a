/* The Origin check. Everything is parsed before it is compared: text that begins the same is not the same host. */
#include "server/net/origin.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef struct Origin {
    bool tls;
    char host[256];
    int port;
} Origin;

/* host, host:port, [v6] or [v6]:port, and nothing after it. */
static bool parse_host(const char *text, size_t size, Origin *origin) {
    const char *end = text + size;
    const char *host_end = size && *text == '[' ? memchr(text, ']', size) : memchr(text, ':', size);
    if (size && *text == '[') {
        if (!host_end)
            return false;
        host_end++;
    } else if (!host_end) {
        host_end = end;
    }
    const size_t length = (size_t)(host_end - text);
    if (length == 0 || length >= sizeof origin->host)
        return false;
    for (size_t i = 0; i < length; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (!isalnum(c) && !strchr("-._[]:", c))
            return false;
        origin->host[i] = (char)tolower(c);
    }
    origin->host[length] = '\0';
    origin->port = origin->tls ? 443 : 80;
    if (host_end == end)
        return true;
    if (*host_end++ != ':' || host_end == end || end - host_end > 5)
        return false;
    origin->port = 0;
    for (; host_end < end; host_end++) {
        if (!isdigit((unsigned char)*host_end))
            return false;
        origin->port = origin->port * 10 + (*host_end - '0');
    }
    return origin->port > 0 && origin->port <= 65535;
}

static bool parse_origin(const char *text, size_t size, Origin *origin) {
    static const char http[] = "http://", https[] = "https://";
    const size_t plain = sizeof http - 1, secure = sizeof https - 1;
    if (size >= secure && strncasecmp(text, https, secure) == 0) {
        origin->tls = true;
        return parse_host(text + secure, size - secure, origin);
    }
    origin->tls = false;
    return size >= plain && strncasecmp(text, http, plain) == 0 && parse_host(text + plain, size - plain, origin);
}

static bool same(const Origin *a, const Origin *b) {
    return a->tls == b->tls && a->port == b->port && strcmp(a->host, b->host) == 0;
}

/* The next entry of a list, without the blanks around it. False at its end. */
static bool next_entry(const char **list, const char **entry, size_t *size) {
    if (!**list)
        return false;
    const char *start = *list, *end = strchrnul(start, ',');
    *list = *end ? end + 1 : end;
    while (start < end && isspace((unsigned char)*start))
        start++;
    while (end > start && isspace((unsigned char)end[-1]))
        end--;
    *entry = start;
    *size = (size_t)(end - start);
    return true;
}

bool vv_origin_allowed(const char *list, const char *text, const char *host, bool tls) {
    Origin origin, other;
    const char *entry;
    size_t size;
    const bool valid = parse_origin(text, strlen(text), &origin); /* "null" is not */
    if (!list || !*list) {
        other.tls = tls;
        return valid && host && parse_host(host, strlen(host), &other) && same(&origin, &other);
    }
    while (next_entry(&list, &entry, &size))
        if ((size == 1 && *entry == '*') || (valid && parse_origin(entry, size, &other) && same(&origin, &other)))
            return true;
    return false;
}

bool vv_origins_valid(const char *list, char *bad, size_t bad_size) {
    Origin origin;
    const char *entry;
    size_t size;
    while (list && next_entry(&list, &entry, &size))
        if (!(size == 1 && *entry == '*') && !parse_origin(entry, size, &origin)) {
            snprintf(bad, bad_size, "%.*s", (int)size, entry);
            return false;
        }
    return true;
}

bool vv_host_is_loopback(const char *host) {
    Origin origin = {.tls = false};
    struct in_addr v4;
    if (!parse_host(host, strlen(host), &origin))
        return false;
    if (strcmp(origin.host, "localhost") == 0 || strcmp(origin.host, "[::1]") == 0)
        return true;
    return inet_pton(AF_INET, origin.host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}
