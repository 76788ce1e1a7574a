/* Token buckets. */
#include "server/net/limit.h"

#include "protocol/vv_protocol.h"

#include <math.h>

void vv_limit_init(VvLimit *limit, int messages, int bytes, VvTime now) {
    /* The largest message must fit, however slow the rate. */
    const double room = fmax(bytes, 2.0 * VV_MESSAGE_BYTES_MAX);
    *limit = (VvLimit){
        .messages = {messages, messages, messages},
        .bytes = {bytes, room, room},
        .filled = now,
        .paused_since = -1,
        .judged = now,
    };
}

static void fill(VvLimit *limit, VvTime now) {
    const double seconds = (double)(now - limit->filled) / VV_SECOND;
    VvBucket *buckets[] = {&limit->messages, &limit->bytes};
    for (int i = 0; i < 2; i++)
        buckets[i]->level = fmin(buckets[i]->room, buckets[i]->level + buckets[i]->rate * seconds);
    limit->filled = now;
}

bool vv_limit_take(VvLimit *limit, int messages, size_t bytes, VvTime now) {
    fill(limit, now);
    limit->messages.level -= messages;
    limit->bytes.level -= (double)bytes;
    if (limit->messages.level >= 0 && limit->bytes.level >= 0)
        return true;
    if (limit->paused_since < 0)
        limit->paused_since = now;
    return false;
}

static VvTime until_tenth(const VvBucket *bucket) {
    const double missing = bucket->room / 10 - bucket->level;
    return missing > 0 ? (VvTime)ceil(missing / bucket->rate * VV_SECOND) : 0;
}

/* Books the pause up to now, and begins to count anew. */
static void book(VvLimit *limit, VvTime now) {
    if (limit->paused_since >= 0) {
        limit->paused += now - limit->paused_since;
        limit->paused_since = now;
    }
}

VvTime vv_limit_wait(VvLimit *limit, VvTime now) {
    fill(limit, now);
    const VvTime messages = until_tenth(&limit->messages), bytes = until_tenth(&limit->bytes);
    const VvTime wait = messages > bytes ? messages : bytes;
    if (wait == 0) {
        book(limit, now);
        limit->paused_since = -1;
    }
    return wait;
}

bool vv_limit_judge(VvLimit *limit, VvTime now) {
    book(limit, now);
    limit->seconds = limit->paused * 2 > now - limit->judged ? limit->seconds + 1 : 0;
    limit->paused = 0;
    limit->judged = now;
    return limit->seconds >= VV_LIMIT_PATIENCE;
}
