/* Bounded reassembly of messages. */
#include "server/net/assembly.h"

#include <stdlib.h>
#include <string.h>

static bool reserve(VvAssembly *assembly, size_t size) {
    if (size <= assembly->room)
        return true;
    size_t room = assembly->room ? assembly->room : 4096;
    while (room < size)
        room *= 2;
    uint8_t *bytes = realloc(assembly->bytes, room);
    if (!bytes)
        return false;
    assembly->bytes = bytes;
    assembly->room = room;
    return true;
}

VvAssembled vv_assembly_add(VvAssembly *assembly, const void *piece, size_t size, bool first, bool last, size_t limit,
                            const uint8_t **data, size_t *length) {
    if (first)
        assembly->size = 0;
    if (size > limit - assembly->size)
        return VV_ASSEMBLY_TOO_LARGE;
    if (first && last) {
        *data = piece;
        *length = size;
        return VV_ASSEMBLY_WHOLE;
    }
    if (!reserve(assembly, assembly->size + size))
        return VV_ASSEMBLY_TOO_LARGE;
    if (size)
        memcpy(assembly->bytes + assembly->size, piece, size);
    assembly->size += size;
    *data = assembly->bytes;
    *length = assembly->size;
    return last ? VV_ASSEMBLY_WHOLE : VV_ASSEMBLY_MORE;
}

bool vv_assembly_hold(VvAssembly *assembly, const uint8_t *data, size_t length) {
    if (data != assembly->bytes) {
        if (!reserve(assembly, length))
            return false;
        memcpy(assembly->bytes, data, length);
    }
    assembly->size = length;
    return true;
}

void vv_assembly_free(VvAssembly *assembly) {
    free(assembly->bytes);
    *assembly = (VvAssembly){0};
}
