/* Reads a daemon's /metrics: a plain HTTP GET on a blocking socket, between measurements, never during one. */
#ifndef VV_SCRAPE_H
#define VV_SCRAPE_H

#include <stdbool.h>
#include <stddef.h>

#define VV_SCRAPE_BYTES (256 * 1024)
#define VV_SCRAPE_BUCKETS 64

typedef struct VvScrape {
    size_t size;
    char text[VV_SCRAPE_BYTES]; /* NUL-terminated */
} VvScrape;

/* Splits ws://host:port/path (or wss, http, https). False if it is no such URL. */
bool vv_url_split(const char *url, char *host, size_t host_size, int *port, bool *tls);

/* Fetches http://host:port/metrics, waiting at most 2 s. 0 or -errno (-EPROTONOSUPPORT for TLS). */
int vv_scrape(const char *url, VvScrape *scrape);

/* A sample's value by its whole name; `missing` if it is not there. Pure. */
double vv_scrape_value(const VvScrape *scrape, const char *name, double missing);

/* A histogram: upper bounds (seconds, rising, the last infinite) and how many observations lie at or below each.
 * Returns the number of buckets, 0 if there is none of this name. Pure. */
size_t vv_scrape_histogram(const VvScrape *scrape, const char *name, double bound[VV_SCRAPE_BUCKETS],
                           double below[VV_SCRAPE_BUCKETS]);

/* The quantile of what came between two scrapes of one histogram, interpolated within its bucket, seconds. Beyond the
 * last finite bound: that bound. 0 without observations. Pure. */
double vv_scrape_quantile(const double *bound, const double *before, const double *after, size_t buckets, double q);

#endif
