/* The 24-byte binary header. Bytes are read and written one by one, so that neither the machine's byte order nor
 * its alignment matters, and nothing is overlaid on what came from the network. */
#include "protocol/table.h"

/* Where each field lies in the header. */
enum {
    AT_VERSION = 0,
    AT_KIND = 1,
    AT_FLAGS = 2,
    AT_CODEC = 3,
    AT_SEQUENCE = 4,
    AT_PTS = 8,
    AT_UTTERANCE = 16,
    AT_LENGTH = 20,
};

static void put(uint8_t *out, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get(const uint8_t *in, int bytes) {
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++)
        value |= (uint64_t)in[i] << (8 * i);
    return value;
}

unsigned vv_kind_codecs(unsigned kind) {
    switch (kind) {
    case VV_KIND_USER_AUDIO:
    case VV_KIND_AVATAR_AUDIO:
        return 1U << VV_CODEC_OPUS;
    case VV_KIND_USER_VIDEO:
    case VV_KIND_AVATAR_VIDEO:
        return 1U << VV_CODEC_VP8;
    case VV_KIND_SPEECH:
        return 1U << VV_CODEC_OPUS | 1U << VV_CODEC_PCM;
    case VV_KIND_AVATAR_MOTION:
        return 1U << VV_CODEC_F16;
    default:
        return 0;
    }
}

void vv_frame_write(const VvFrameHeader *header, uint8_t out[VV_FRAME_HEADER_SIZE]) {
    put(out + AT_VERSION, VV_FRAME_VERSION, 1);
    put(out + AT_KIND, header->kind, 1);
    put(out + AT_FLAGS, header->flags, 1);
    put(out + AT_CODEC, header->codec, 1);
    put(out + AT_SEQUENCE, header->sequence, 4);
    put(out + AT_PTS, (uint64_t)header->pts, 8);
    put(out + AT_UTTERANCE, header->utterance, 4);
    put(out + AT_LENGTH, header->length, 4);
}

VvErr vv_frame_read(const uint8_t *data, size_t size, VvFrameHeader *header) {
    if (size < VV_FRAME_HEADER_SIZE)
        return VV_ERR_TRUNCATED;
    if (size > VV_MESSAGE_BYTES_MAX)
        return VV_ERR_TOO_LARGE;
    if (data[AT_VERSION] != VV_FRAME_VERSION)
        return VV_ERR_BAD_VERSION;
    unsigned codecs = vv_kind_codecs(data[AT_KIND]);
    if (codecs == 0)
        return VV_ERR_BAD_KIND;
    if ((data[AT_FLAGS] & ~VV_FLAG_ALL) != 0)
        return VV_ERR_BAD_FLAGS;
    if (data[AT_CODEC] > VV_CODEC_F16 || (codecs >> data[AT_CODEC] & 1U) == 0)
        return VV_ERR_BAD_CODEC;
    uint64_t pts = get(data + AT_PTS, 8);
    if (pts > INT64_MAX)
        return VV_ERR_BAD_FIELD;
    uint32_t length = (uint32_t)get(data + AT_LENGTH, 4);
    if (length != size - VV_FRAME_HEADER_SIZE)
        return VV_ERR_BAD_LENGTH;

    *header = (VvFrameHeader){
        .kind = data[AT_KIND],
        .flags = data[AT_FLAGS],
        .codec = data[AT_CODEC],
        .sequence = (uint32_t)get(data + AT_SEQUENCE, 4),
        .pts = (int64_t)pts,
        .utterance = (uint32_t)get(data + AT_UTTERANCE, 4),
        .length = length,
    };
    return VV_ERR_OK;
}
