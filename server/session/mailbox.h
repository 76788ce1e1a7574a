/* An intrusive stack that many threads push to and one thread empties, without locks.
 *
 * A node is in at most one mailbox at a time. Pushing is the pusher's last touch of the object around the node, so the
 * taker may free it. The taker gets the nodes oldest first. */
#ifndef VV_MAILBOX_H
#define VV_MAILBOX_H

#include <stdatomic.h>
#include <stddef.h>

typedef struct VvNode {
    struct VvNode *next;
} VvNode;

typedef struct VvMailbox {
    _Atomic(VvNode *) top;
} VvMailbox;

/* The object of type `Type` whose member `member` the node is. */
#define VV_OBJECT(node, Type, member) ((Type *)(void *)((char *)(node)-offsetof(Type, member)))

/* Any thread. */
static inline void vv_mailbox_push(VvMailbox *box, VvNode *node) {
    VvNode *top = atomic_load_explicit(&box->top, memory_order_relaxed);
    do
        node->next = top;
    while (!atomic_compare_exchange_weak_explicit(&box->top, &top, node, memory_order_release, memory_order_relaxed));
}

/* The taker: everything pushed so far, oldest first, linked by `next`; NULL if empty. */
static inline VvNode *vv_mailbox_take(VvMailbox *box) {
    VvNode *node = atomic_exchange_explicit(&box->top, NULL, memory_order_acquire);
    VvNode *oldest = NULL;
    while (node) {
        VvNode *next = node->next;
        node->next = oldest;
        oldest = node;
        node = next;
    }
    return oldest;
}

#endif
