/* EBML (RFC 8794), the tree of elements that WebM is made of: elements of bytes in memory. Internal to this folder. */
#ifndef VV_EBML_H
#define VV_EBML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The size of an element that goes on until something follows that is not its own. */
#define VV_EBML_UNKNOWN UINT64_MAX

typedef struct VvEbmlBytes {
    const uint8_t *data;
    size_t size;
} VvEbmlBytes;

/* How many bytes a variable number takes, from its first: 1..8, or 9 for none at all. */
int vv_ebml_length(uint8_t first);

/* The value of a variable number of that length without its marker; VV_EBML_UNKNOWN if all its bits are set. */
uint64_t vv_ebml_size(const uint8_t *bytes, int length);

/* Takes the next element off the front of `rest`: its id with the marker, and its content. False at the end, and with
 * `*damaged` set where there is no element or it reaches beyond the end. */
bool vv_ebml_next(VvEbmlBytes *rest, uint32_t *id, VvEbmlBytes *content, bool *damaged);

/* An element's content as a whole number; false unless it has 0 to 8 bytes. */
bool vv_ebml_whole(VvEbmlBytes content, uint64_t *value);

/* An element's content as text, made printable, cut where `room` ends, always terminated. */
void vv_ebml_text(VvEbmlBytes content, char *text, size_t room);

#endif
