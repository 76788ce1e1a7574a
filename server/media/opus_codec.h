/* Opus, mono, 20 ms packets, samples as int16. One object belongs to one thread at a time. */
#ifndef VV_OPUS_CODEC_H
#define VV_OPUS_CODEC_H

#include <stddef.h>
#include <stdint.h>

#define VV_OPUS_PACKET_MAX 1275
#define VV_OPUS_SAMPLES_MAX(rate) ((rate)*120 / 1000) /* a packet holds at most 120 ms */

typedef struct VvOpusDecoder VvOpusDecoder;
typedef struct VvOpusEncoder VvOpusEncoder;

/* Decodes to mono at `rate` (16000, 24000 or 48000), whatever the packets hold. NULL if out of memory. */
VvOpusDecoder *vv_opus_decoder_new(int rate);
void vv_opus_decoder_free(VvOpusDecoder **decoder);

/* Forgets everything heard: the next packet begins a new stream. Allocates nothing. */
void vv_opus_decoder_reset(VvOpusDecoder *decoder);

/* Decodes one packet into at most `room` samples (VV_OPUS_SAMPLES_MAX always suffices). Returns the samples, or
 * -EBADMSG for a packet that is not Opus (the state is kept: the caller conceals), -ENOSPC. */
int vv_opus_decode(VvOpusDecoder *decoder, const uint8_t *packet, size_t size, int16_t *out, int room);

/* Makes up `samples` (a multiple of 2.5 ms, at most 120 ms) for packets that were lost. If `next` is not NULL it is the
 * packet after the gap, whose in-band error correction, if it carries any, is used for the last frame (20 ms); it is to
 * be decoded next. A `next` that is not Opus counts as none. Returns the samples or -EINVAL. */
int vv_opus_conceal(VvOpusDecoder *decoder, const uint8_t *next, size_t next_size, int16_t *out, int samples);

/* Samples that a packet holds at `rate`, without decoding it; -EBADMSG if it is not Opus. */
int vv_opus_packet_samples(const uint8_t *packet, size_t size, int rate);

/* 48 kHz, voice, complexity 5, variable rate around `kbps` kbit/s, audio up to 12 kHz. From 32 kbit/s on, packets carry
 * in-band error correction for 5 % loss. NULL if out of memory or `kbps` is not positive. */
VvOpusEncoder *vv_opus_encoder_new(int kbps);
void vv_opus_encoder_free(VvOpusEncoder **encoder);

/* Encodes 960 samples (20 ms at 48 kHz) into `out` (VV_OPUS_PACKET_MAX bytes). Returns the bytes or a negative errno.
 */
int vv_opus_encode(VvOpusEncoder *encoder, const int16_t pcm[960], uint8_t *out, size_t room);

/* Samples at 48 kHz by which decoded audio lags what was encoded (312): feed the encoder that much ahead, and a
 * packet's audio lies exactly at its presentation time. */
int vv_opus_encoder_lookahead(const VvOpusEncoder *encoder);

#endif
