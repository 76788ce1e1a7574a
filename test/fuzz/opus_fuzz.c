/* Opus packets from anywhere, through everything that a session does with them.
 *
 * Input: one byte (its low two bits choose the rate), then packets, each with its length before it in two bytes, little
 * endian. Every packet is measured, decoded, and used as the one after a gap. */
#include "server/media/opus_codec.h"

#include <errno.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition) {
    if (!condition)
        abort();
}

static void one_packet(VvOpusDecoder *decoder, int rate, const uint8_t *packet, size_t size) {
    int16_t out[VV_OPUS_SAMPLES_MAX(48000)];
    const int most = VV_OPUS_SAMPLES_MAX(rate);
    const int samples = vv_opus_packet_samples(packet, size, rate);
    require(samples == -EBADMSG || (samples > 0 && samples <= most));
    if (size % 3 == 0) {
        const int gap = rate / 400 * (1 + (int)(size / 3) % 48);
        require(vv_opus_conceal(decoder, packet, size, out, gap) == gap);
    }
    const int decoded = vv_opus_decode(decoder, packet, size, out, most);
    require(decoded == samples || decoded == -EBADMSG);
    if (samples > 1)
        require(vv_opus_decode(decoder, packet, size, out, samples - 1) == -ENOSPC);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const int rates[] = {16000, 24000, 48000, 16000};
    if (size == 0)
        return 0;
    const int rate = rates[data[0] & 3];
    VvOpusDecoder *decoder = vv_opus_decoder_new(rate);
    require(decoder != NULL);
    data++, size--;
    while (size >= 2) {
        const size_t wanted = data[0] | (size_t)data[1] << 8;
        data += 2, size -= 2;
        const size_t length = wanted < size ? wanted : size;
        one_packet(decoder, rate, data, length);
        data += length, size -= length;
    }
    vv_opus_decoder_free(&decoder);
    return 0;
}
