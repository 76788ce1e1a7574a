/* Single-producer single-consumer record ring.
 *
 * `head` counts bytes ever written, `tail` bytes ever released; both only grow, and positions are taken modulo the
 * power-of-two capacity. Each side owns one counter and reads the other's: release on publishing, acquire on
 * reading the other's, so a record's bytes are seen before its count is, and room is seen only after the consumer has
 * finished with it. A record never wraps: if it does not fit before the end, a padding record fills the lap. */
#include "server/base/ring.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 8u
#define PADDING UINT32_MAX

typedef struct Head {
    uint32_t tag;
    uint32_t size;
} Head;

struct VvRing {
    size_t capacity;
    uint8_t *bytes;
    /* On cache lines of their own: the two sides would otherwise steal the line from each other. */
    _Alignas(64) atomic_size_t head;
    _Alignas(64) atomic_size_t tail;
};

VvRing *vv_ring_new(size_t capacity) {
    size_t size = 64;
    while (size < capacity)
        size *= 2;
    VvRing *ring = aligned_alloc(64, sizeof *ring);
    if (!ring)
        return NULL;
    memset(ring, 0, sizeof *ring);
    ring->capacity = size;
    ring->bytes = aligned_alloc(64, size);
    if (!ring->bytes)
        vv_ring_free(&ring);
    return ring;
}

void vv_ring_free(VvRing **ring) {
    if (*ring) {
        free((*ring)->bytes);
        free(*ring);
        *ring = NULL;
    }
}

size_t vv_ring_cost(size_t size) {
    return sizeof(Head) + ((size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1));
}

static void write_head(VvRing *ring, size_t at, uint32_t tag, uint32_t size) {
    const Head head = {tag, size};
    memcpy(ring->bytes + at, &head, sizeof head);
}

bool vv_ring_push(VvRing *ring, uint32_t tag, const VvSpan *spans, int count) {
    size_t size = 0;
    for (int i = 0; i < count; i++)
        size += spans[i].size;
    const size_t cost = vv_ring_cost(size);
    size_t head = atomic_load_explicit(&ring->head, memory_order_relaxed); /* own counter */
    const size_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
    const size_t lap = ring->capacity - (head & (ring->capacity - 1));
    const size_t skip = cost > lap ? lap : 0;
    if (cost > ring->capacity || cost + skip > ring->capacity - (head - tail))
        return false;
    if (skip) {
        write_head(ring, head & (ring->capacity - 1), PADDING, (uint32_t)(skip - sizeof(Head)));
        head += skip;
    }
    size_t at = head & (ring->capacity - 1);
    write_head(ring, at, tag, (uint32_t)size);
    at += sizeof(Head);
    for (int i = 0; i < count; i++) {
        if (spans[i].size)
            memcpy(ring->bytes + at, spans[i].data, spans[i].size);
        at += spans[i].size;
    }
    atomic_store_explicit(&ring->head, head + cost, memory_order_release);
    return true;
}

size_t vv_ring_room(const VvRing *ring) {
    const size_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    const size_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
    const size_t unused = ring->capacity - (head - tail);
    const size_t lap = ring->capacity - (head & (ring->capacity - 1));
    /* Either it fits before the end of the lap, or the rest of the lap is lost to it. */
    const size_t before = unused < lap ? unused : lap;
    const size_t after = unused > lap ? unused - lap : 0;
    const size_t room = before > after ? before : after;
    return room > sizeof(Head) ? room - sizeof(Head) : 0;
}

bool vv_ring_peek(VvRing *ring, VvRecord *record) {
    for (;;) {
        const size_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed); /* own counter */
        if (tail == atomic_load_explicit(&ring->head, memory_order_acquire))
            return false;
        const size_t at = tail & (ring->capacity - 1);
        Head head;
        memcpy(&head, ring->bytes + at, sizeof head);
        if (head.tag != PADDING) {
            *record = (VvRecord){head.tag, head.size, ring->bytes + at + sizeof head};
            return true;
        }
        atomic_store_explicit(&ring->tail, tail + vv_ring_cost(head.size), memory_order_release);
    }
}

void vv_ring_pop(VvRing *ring) {
    const size_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    Head head;
    memcpy(&head, ring->bytes + (tail & (ring->capacity - 1)), sizeof head);
    atomic_store_explicit(&ring->tail, tail + vv_ring_cost(head.size), memory_order_release);
}

size_t vv_ring_used(const VvRing *ring) {
    const size_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
    const size_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    return head - tail;
}

size_t vv_ring_capacity(const VvRing *ring) {
    return ring->capacity;
}
