/* Any bytes as a binary message: what the reader takes, the writer gives back byte for byte. */
#include "protocol/vv_protocol.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    VvFrameHeader header;
    if (vv_frame_read(data, size, &header) != VV_ERR_OK)
        return 0;
    uint8_t written[VV_FRAME_HEADER_SIZE];
    vv_frame_write(&header, written);
    if (memcmp(written, data, sizeof written) != 0 || header.length + sizeof written != size || header.pts < 0)
        abort();
    return 0;
}
