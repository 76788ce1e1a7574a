/* Opus by libopus, set up for speech in calls. */
#include "server/media/opus_codec.h"

#include <errno.h>
#include <limits.h>
#include <opus/opus.h>
#include <stdbool.h>
#include <stdlib.h>

#define ENCODER_RATE 48000
#define ENCODER_FRAME 960
#define MAX_FRAMES 48 /* in one packet, by the format */

struct VvOpusDecoder {
    OpusDecoder *opus;
    int rate;
};

struct VvOpusEncoder {
    OpusEncoder *opus;
    int lookahead;
};

static int error_of(int opus_error) {
    switch (opus_error) {
    case OPUS_BAD_ARG:
        return -EINVAL;
    case OPUS_BUFFER_TOO_SMALL:
        return -ENOSPC;
    case OPUS_ALLOC_FAIL:
        return -ENOMEM;
    case OPUS_INVALID_PACKET:
    case OPUS_INTERNAL_ERROR:
        return -EBADMSG;
    default:
        return -EIO;
    }
}

/* ---- decoding ------------------------------------------------------------------------------------------- */

VvOpusDecoder *vv_opus_decoder_new(int rate) {
    VvOpusDecoder *decoder = calloc(1, sizeof *decoder);
    if (!decoder)
        return NULL;
    int error;
    decoder->rate = rate;
    decoder->opus = opus_decoder_create(rate, 1, &error);
    if (!decoder->opus)
        vv_opus_decoder_free(&decoder);
    return decoder;
}

void vv_opus_decoder_free(VvOpusDecoder **decoder) {
    if (*decoder) {
        if ((*decoder)->opus)
            opus_decoder_destroy((*decoder)->opus);
        free(*decoder);
        *decoder = NULL;
    }
}

void vv_opus_decoder_reset(VvOpusDecoder *decoder) {
    opus_decoder_ctl(decoder->opus, OPUS_RESET_STATE);
}

int vv_opus_packet_samples(const uint8_t *packet, size_t size, int rate) {
    const uint8_t *frames[MAX_FRAMES];
    opus_int16 sizes[MAX_FRAMES];
    uint8_t head;
    int payload;
    if (size == 0 || size > INT_MAX || opus_packet_parse(packet, (int)size, &head, frames, sizes, &payload) < 1)
        return -EBADMSG;
    return opus_packet_get_nb_samples(packet, (int)size, rate);
}

/* The whole packet is parsed before the decoder sees it: what is refused has not touched the decoder's state, and a
 * packet of size 0 is an error here where libopus would take it for a lost one. */
int vv_opus_decode(VvOpusDecoder *decoder, const uint8_t *packet, size_t size, int16_t *out, int room) {
    const int samples = vv_opus_packet_samples(packet, size, decoder->rate);
    if (samples < 0)
        return samples;
    if (samples > room)
        return -ENOSPC;
    const int decoded = opus_decode(decoder->opus, packet, (int)size, out, samples, 0);
    return decoded < 0 ? error_of(decoded) : decoded;
}

/* libopus itself conceals all but the packet's last frame when asked to decode error correction into a longer
 * stretch, and all of it when the packet carries none. */
int vv_opus_conceal(VvOpusDecoder *decoder, const uint8_t *next, size_t next_size, int16_t *out, int samples) {
    if (samples < 1 || samples > VV_OPUS_SAMPLES_MAX(decoder->rate) || samples % (decoder->rate / 400))
        return -EINVAL;
    const bool use_next = next && vv_opus_packet_samples(next, next_size, decoder->rate) > 0;
    const int made = use_next ? opus_decode(decoder->opus, next, (int)next_size, out, samples, 1)
                              : opus_decode(decoder->opus, NULL, 0, out, samples, 0);
    return made < 0 ? error_of(made) : made;
}

/* ---- encoding ------------------------------------------------------------------------------------------- */

/* Speech at variable rate, ready for 5 % loss: packets carry a coarse copy of the one before. Audio goes up to 12 kHz,
 * beyond any speech synthesiser's voice: with 20 kHz, libopus has no bits left for that copy at 32 kbit/s. */
static int configure(OpusEncoder *opus, int kbps) {
    int error = opus_encoder_ctl(opus, OPUS_SET_BITRATE(kbps * 1000));
    if (!error)
        error = opus_encoder_ctl(opus, OPUS_SET_COMPLEXITY(5));
    if (!error)
        error = opus_encoder_ctl(opus, OPUS_SET_VBR(1));
    if (!error)
        error = opus_encoder_ctl(opus, OPUS_SET_MAX_BANDWIDTH(OPUS_BANDWIDTH_SUPERWIDEBAND));
    if (!error)
        error = opus_encoder_ctl(opus, OPUS_SET_INBAND_FEC(1));
    if (!error)
        error = opus_encoder_ctl(opus, OPUS_SET_PACKET_LOSS_PERC(5));
    return error;
}

VvOpusEncoder *vv_opus_encoder_new(int kbps) {
    if (kbps < 1 || kbps > INT_MAX / 1000)
        return NULL;
    VvOpusEncoder *encoder = calloc(1, sizeof *encoder);
    if (!encoder)
        return NULL;
    int error;
    encoder->opus = opus_encoder_create(ENCODER_RATE, 1, OPUS_APPLICATION_VOIP, &error);
    if (!encoder->opus || configure(encoder->opus, kbps) ||
        opus_encoder_ctl(encoder->opus, OPUS_GET_LOOKAHEAD(&encoder->lookahead)))
        vv_opus_encoder_free(&encoder);
    return encoder;
}

void vv_opus_encoder_free(VvOpusEncoder **encoder) {
    if (*encoder) {
        if ((*encoder)->opus)
            opus_encoder_destroy((*encoder)->opus);
        free(*encoder);
        *encoder = NULL;
    }
}

int vv_opus_encode(VvOpusEncoder *encoder, const int16_t pcm[960], uint8_t *out, size_t room) {
    const opus_int32 limit = room < VV_OPUS_PACKET_MAX ? (opus_int32)room : VV_OPUS_PACKET_MAX;
    const int size = opus_encode(encoder->opus, pcm, ENCODER_FRAME, out, limit);
    return size < 0 ? error_of(size) : size;
}

int vv_opus_encoder_lookahead(const VvOpusEncoder *encoder) {
    return encoder->lookahead;
}
