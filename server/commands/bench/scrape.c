/* A tiny HTTP client and a reader of the Prometheus text format. */
#include "server/commands/bench/scrape.h"

#include <errno.h>
#include <math.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

bool vv_url_split(const char *url, char *host, size_t host_size, int *port, bool *tls) {
    static const struct {
        const char *scheme;
        int port;
        bool tls;
    } schemes[] = {{"ws://", 80, false}, {"wss://", 443, true}, {"http://", 80, false}, {"https://", 443, true}};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t length = strlen(schemes[i].scheme);
        if (strncmp(url, schemes[i].scheme, length) != 0)
            continue;
        const char *begin = url + length;
        const char *end = begin + strcspn(begin, "/?"), *colon = NULL;
        *port = schemes[i].port;
        *tls = schemes[i].tls;
        if (*begin == '[') { /* an IPv6 address */
            const char *close = memchr(begin, ']', (size_t)(end - begin));
            if (!close)
                return false;
            colon = close + 1 < end && close[1] == ':' ? close + 1 : NULL;
            begin++;
            if ((size_t)(close - begin) >= host_size)
                return false;
            snprintf(host, host_size, "%.*s", (int)(close - begin), begin);
        } else {
            colon = memchr(begin, ':', (size_t)(end - begin));
            size_t size = (size_t)((colon ? colon : end) - begin);
            if (!size || size >= host_size)
                return false;
            snprintf(host, host_size, "%.*s", (int)size, begin);
        }
        if (colon) {
            char *rest;
            long number = strtol(colon + 1, &rest, 10);
            if (rest != end || rest == colon + 1 || number < 1 || number > 65535)
                return false;
            *port = (int)number;
        }
        return true;
    }
    return false;
}

static int dial(const char *host, int port) {
    char service[8];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    struct timeval patience = {.tv_sec = 2};
    int fd = -1;
    snprintf(service, sizeof service, "%d", port);
    if (getaddrinfo(host, service, &hints, &list))
        return -EHOSTUNREACH;
    for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, 0);
        if (fd < 0)
            continue;
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        if (connect(fd, a->ai_addr, a->ai_addrlen)) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    return fd < 0 ? -ECONNREFUSED : fd;
}

int vv_scrape(const char *url, VvScrape *scrape) {
    char host[256], request[400];
    int port;
    bool tls;
    scrape->size = 0;
    scrape->text[0] = 0;
    if (!vv_url_split(url, host, sizeof host, &port, &tls))
        return -EINVAL;
    if (tls)
        return -EPROTONOSUPPORT;
    int fd = dial(host, port);
    if (fd < 0)
        return fd;
    int size = snprintf(request, sizeof request, "GET /metrics HTTP/1.0\r\nHost: %s:%d\r\n\r\n", host, port);
    ssize_t got = send(fd, request, (size_t)size, MSG_NOSIGNAL);
    while (got > 0 && scrape->size < sizeof scrape->text - 1) {
        got = recv(fd, scrape->text + scrape->size, sizeof scrape->text - 1 - scrape->size, 0);
        scrape->size += got > 0 ? (size_t)got : 0;
    }
    close(fd);
    scrape->text[scrape->size] = 0;
    if (strncmp(scrape->text, "HTTP/1.", 7) != 0 || strncmp(scrape->text + 8, " 200", 4) != 0)
        return got < 0 ? -ETIMEDOUT : -EPROTO;
    return 0;
}

/* The line that begins with `name` as a whole word, or NULL. */
static const char *line_of(const char *text, const char *name) {
    size_t length = strlen(name);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, length) == 0 && (line[length] == ' ' || line[length] == '{'))
            return line;
    }
    return NULL;
}

double vv_scrape_value(const VvScrape *scrape, const char *name, double missing) {
    const char *line = line_of(scrape->text, name);
    return line ? strtod(line + strlen(name), NULL) : missing;
}

size_t vv_scrape_histogram(const VvScrape *scrape, const char *name, double bound[VV_SCRAPE_BUCKETS],
                           double below[VV_SCRAPE_BUCKETS]) {
    char bucket[160];
    size_t count = 0;
    snprintf(bucket, sizeof bucket, "%s_bucket", name);
    const char *line = line_of(scrape->text, bucket);
    while (line && count < VV_SCRAPE_BUCKETS) {
        const char *le = strstr(line, "le=\""), *end = strchr(line, '\n');
        char *rest;
        if (!le || (end && le > end))
            break;
        bound[count] = strtod(le + 4, &rest); /* reads "+Inf" as well */
        if (*rest != '"' || rest[1] != '}')
            break;
        below[count++] = strtod(rest + 2, NULL);
        line = end && strncmp(end + 1, bucket, strlen(bucket)) == 0 ? end + 1 : NULL;
    }
    return count;
}

double vv_scrape_quantile(const double *bound, const double *before, const double *after, size_t buckets, double q) {
    double total = buckets ? after[buckets - 1] - before[buckets - 1] : 0;
    if (!(total > 0))
        return 0;
    double wanted = q * total;
    for (size_t i = 0; i < buckets; i++) {
        double here = after[i] - before[i];
        if (here < wanted)
            continue;
        double floor = i ? bound[i - 1] : 0, under = i ? after[i - 1] - before[i - 1] : 0;
        if (!isfinite(bound[i]))
            return floor;
        return here > under ? floor + (bound[i] - floor) * (wanted - under) / (here - under) : bound[i];
    }
    return bound[buckets - 1];
}
