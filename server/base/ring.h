/* A bounded queue of records between exactly one producer thread and one consumer thread, without locks.
 *
 * Records are variable-sized byte strings with a tag; each lies contiguously in the ring, so the consumer reads it
 * in place. Pushing copies; nothing allocates after vv_ring_new. What happens when it is full is the producer's
 * business: push says so, and the producer drops, waits for credit, or counts. */
#ifndef VV_RING_H
#define VV_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct VvRing VvRing;

typedef struct VvSpan {
    const void *data;
    size_t size;
} VvSpan;

typedef struct VvRecord {
    uint32_t tag;
    uint32_t size;
    const uint8_t *data; /* aligned to 8 bytes; valid until vv_ring_pop */
} VvRecord;

/* A ring of `capacity` bytes, rounded up to a power of two (at least 64). NULL if out of memory. */
VvRing *vv_ring_new(size_t capacity);

/* Frees a ring that neither side uses any more, and clears the pointer. NULL inside is fine. */
void vv_ring_free(VvRing **ring);

/* Producer: appends one record made of `count` spans. False, and nothing appended, if it does not fit. */
bool vv_ring_push(VvRing *ring, uint32_t tag, const VvSpan *spans, int count);

/* Producer: bytes that could still be pushed as one record, at the least. */
size_t vv_ring_room(const VvRing *ring);

/* Consumer: the oldest record, in place. False if the ring is empty. */
bool vv_ring_peek(VvRing *ring, VvRecord *record);

/* Consumer: drops the record that vv_ring_peek showed. */
void vv_ring_pop(VvRing *ring);

/* Any thread: bytes in use, records' heads and padding included. */
size_t vv_ring_used(const VvRing *ring);

/* The capacity after rounding. */
size_t vv_ring_capacity(const VvRing *ring);

/* What a record of `size` bytes takes of the capacity, its head included. A record that would run over the end of the
 * ring also takes the rest of the lap. */
size_t vv_ring_cost(size_t size);

#endif
