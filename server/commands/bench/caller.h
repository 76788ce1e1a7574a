/* One simulated call: a user with microphone and camera, and the backend that makes the avatar speak, on one socket
 * (role "both"). It behaves as a page and an assistant would, and measures what comes back. */
#ifndef VV_CALLER_H
#define VV_CALLER_H

#include "server/commands/bench/bench.h"
#include "server/commands/bench/clips.h"
#include "server/commands/bench/inspect.h"
#include "server/net/client.h"

struct ev_loop;

/* What all callers of a run share. */
typedef struct VvBenchRun {
    const VvBenchOptions *options;
    const char *url;
    struct ev_loop *loop;
    VvClients *clients;
    const VvClips *clips;
    bool recording; /* samples and counts are kept only while this is set */
    VvBenchCounts counts;
    VvSamples second;                                       /* frame intervals since the timeline's last point */
    void (*point)(void *ctx, VvMeasure measure, double ms); /* every sample that is kept; may be NULL */
    void *ctx;
    char complaint[600]; /* the newest error that a server told, or why a connection closed */
} VvBenchRun;

typedef struct VvCaller VvCaller;

/* Makes a caller; nothing happens until vv_caller_dial. NULL if out of memory. `inspected`: decode what comes. */
VvCaller *vv_caller_new(VvBenchRun *run, int index, bool inspected);

/* Connects. From then on everything runs by the loop. */
void vv_caller_dial(VvCaller *caller);

/* Ends the session and closes the connection; it is gone when vv_caller_connected says so. */
void vv_caller_leave(VvCaller *caller);

/* Whether it has a connection; whether session.ready came on it; whether it got a frame. */
bool vv_caller_connected(const VvCaller *caller);
bool vv_caller_joined(const VvCaller *caller);
bool vv_caller_seen(const VvCaller *caller);

/* Its samples of a measure since the last vv_caller_clear. */
VvSamples *vv_caller_samples(VvCaller *caller, VvMeasure measure);
void vv_caller_clear(VvCaller *caller);

/* NULL unless it is inspected. */
const VvInspector *vv_caller_inspector(const VvCaller *caller);

/* After the clients' context was closed, or when it is not connected. */
void vv_caller_free(VvCaller **caller);

#endif
