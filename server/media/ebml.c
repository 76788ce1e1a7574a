/* EBML in memory. */
#include "server/media/ebml.h"

int vv_ebml_length(uint8_t first) {
    int length = 1;
    while (length < 9 && !(first & 0x100 >> length))
        length++;
    return length;
}

uint64_t vv_ebml_size(const uint8_t *bytes, int length) {
    const uint64_t most = (UINT64_C(1) << 7 * length) - 1;
    uint64_t value = bytes[0];
    for (int i = 1; i < length; i++)
        value = value << 8 | bytes[i];
    value &= most;
    return value == most ? VV_EBML_UNKNOWN : value;
}

bool vv_ebml_next(VvEbmlBytes *rest, uint32_t *id, VvEbmlBytes *content, bool *damaged) {
    if (rest->size == 0)
        return false;
    const uint8_t *at = rest->data;
    const size_t id_length = (size_t)vv_ebml_length(at[0]);
    *damaged = true;
    if (id_length > 4 || id_length + 1 > rest->size)
        return false;
    *id = 0;
    for (size_t i = 0; i < id_length; i++)
        *id = *id << 8 | at[i];
    const size_t size_length = (size_t)vv_ebml_length(at[id_length]);
    if (size_length > 8 || id_length + size_length > rest->size)
        return false;
    const uint64_t size = vv_ebml_size(at + id_length, (int)size_length);
    const size_t head = id_length + size_length;
    if (size > rest->size - head)
        return false;
    *damaged = false;
    *content = (VvEbmlBytes){at + head, (size_t)size};
    *rest = (VvEbmlBytes){at + head + size, rest->size - head - (size_t)size};
    return true;
}

bool vv_ebml_whole(VvEbmlBytes content, uint64_t *value) {
    if (content.size > 8)
        return false;
    *value = 0;
    for (size_t i = 0; i < content.size; i++)
        *value = *value << 8 | content.data[i];
    return true;
}

void vv_ebml_text(VvEbmlBytes content, char *text, size_t room) {
    size_t length = 0;
    for (; length < content.size && length < room - 1 && content.data[length] != 0; length++) {
        const uint8_t byte = content.data[length];
        text[length] = (char)(byte >= ' ' && byte <= '~' ? byte : '?');
    }
    text[length] = '\0';
}
