/* Putting a WebSocket message together from the pieces in which it arrives, with a bound. */
#ifndef VV_ASSEMBLY_H
#define VV_ASSEMBLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct VvAssembly {
    uint8_t *bytes;
    size_t size, room;
} VvAssembly;

typedef enum VvAssembled {
    VV_ASSEMBLY_MORE,      /* kept; the message goes on */
    VV_ASSEMBLY_WHOLE,     /* `*data` and `*length` are the whole message, until the next call */
    VV_ASSEMBLY_TOO_LARGE, /* over `limit`, or out of memory */
} VvAssembled;

/* Adds a piece. A message that comes in one piece is handed back where it lies; others are copied. The buffer grows by
 * doubling up to `limit` bytes and is then kept: a connection in its stride allocates nothing. */
VvAssembled vv_assembly_add(VvAssembly *assembly, const void *piece, size_t size, bool first, bool last, size_t limit,
                            const uint8_t **data, size_t *length);

/* Keeps a copy of a whole message, so that it outlives the piece it came in. `data` may be what vv_assembly_add handed
 * out. False if out of memory. */
bool vv_assembly_hold(VvAssembly *assembly, const uint8_t *data, size_t length);

void vv_assembly_free(VvAssembly *assembly);

#endif
