/* A hub in memory, for the tests of the network side: it implements session.h, remembers what the network told it, and
 * says what the tests want. Everything belongs to the loop's thread, but for vv_double_push. */
#ifndef VV_HUB_DOUBLE_H
#define VV_HUB_DOUBLE_H

#include "server/session/session.h"

#define DOUBLE_SEATS 64

typedef struct VvDouble {
    int capacity;        /* joining beyond it is refused (server_full) */
    int inbox_full;      /* so many controls are refused (rate_limited) before one is taken */
    int joins, leaves;   /* seats given and given back */
    int controls;        /* control messages taken */
    int media;           /* binary messages taken */
    int pings;           /* vv_seat_ping */
    size_t media_bytes;  /* their payloads */
    VvTime ping_client;  /* the last ping's */
    char last_text[128]; /* text of the last dialogue.turn */
    char session[65];    /* of the last session.start */
    bool draining;
    VvSeat *seats[DOUBLE_SEATS];
} VvDouble;

/* The state of the hub that is open, and of the one that was. */
extern VvDouble vv_double;

/* Puts output on a seat's outbox and wakes the network; any one thread a seat. False if it is full. */
bool vv_double_push(VvSeat *seat, VvOutput kind, const void *data, size_t size);

/* Ends all sessions: each seat is told session.end, and closed. */
void vv_double_end_all(void);

#endif
