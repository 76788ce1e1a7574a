/* Any bytes as a text message. What decodes must encode, and decode again to the same; what does not must be refused
 * in words that can be sent back. */
#include "protocol/vv_protocol.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition) {
    if (!condition)
        abort();
}

/* The `error` message that answers a refused one. */
static void answer(const VvFault *fault, VvErr code) {
    static char out[VV_TEXT_BYTES_MAX];
    VvMessage error;
    require(fault->code == code && fault->text[0] != '\0');
    vv_message_init(&error, VV_MSG_ERROR);
    error.body.Error.code = (int32_t)code;
    error.body.Error.fatal = vv_err_fatal(code);
    memcpy(error.ref, fault->id, sizeof error.ref);
    memcpy(error.body.Error.message, fault->text, sizeof fault->text);
    require(vv_message_encode(&error, out, sizeof out) > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char out[VV_TEXT_BYTES_MAX];
    static VvMessage message, again;
    VvFault fault;
    VvErr code = vv_message_decode((const char *)data, size, &message, &fault);
    if (code != VV_ERR_OK) {
        answer(&fault, code);
        return 0;
    }
    size_t written = vv_message_encode(&message, out, sizeof out);
    /* A number may grow by some digits as it is written anew; only by that can a message outgrow the limit. */
    require(written > 0 || size > VV_TEXT_BYTES_MAX - 1024);
    if (written == 0)
        return 0;
    require(vv_message_decode(out, written, &again, &fault) == VV_ERR_OK);
    require(memcmp(&message, &again, vv_message_size(message.type)) == 0);
    return 0;
}
