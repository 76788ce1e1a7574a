/* VP8 both ways, set up for calls: real-time, no frames held back, error resilient. One object belongs to one thread at
 * a time. */
#ifndef VV_VP8_CODEC_H
#define VV_VP8_CODEC_H

#include "server/media/picture.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct VvVp8Encoder VvVp8Encoder;
typedef struct VvVp8Decoder VvVp8Decoder;

/* NULL if out of memory, the size is not 16..4096, or `fps` or `kbps` is not positive. One thread, nothing held back.
 */
VvVp8Encoder *vv_vp8_encoder_new(int width, int height, int fps, int kbps);
void vv_vp8_encoder_free(VvVp8Encoder **encoder);

/* Changes the bit rate from the next frame on. 0 or a negative errno. */
int vv_vp8_encoder_rate(VvVp8Encoder *encoder, int kbps);

/* Encodes one picture of the encoder's size, a key frame if `key` (the first always is). `*data` (`*size` bytes) is
 * owned by the encoder and valid until its next call; `*is_key` says what it became. `*size` is 0 when the rate control
 * dropped the frame. 0 or a negative errno. */
int vv_vp8_encode(VvVp8Encoder *encoder, const VvPicture *picture, bool key, const uint8_t **data, size_t *size,
                  bool *is_key);

VvVp8Decoder *vv_vp8_decoder_new(void);
void vv_vp8_decoder_free(VvVp8Decoder **decoder);

/* From now on takes frames that are not to be shown, as files have them for later frames to refer to. vv_vp8_decode
 * returns 0 for such a frame, and a zeroed picture. */
void vv_vp8_decoder_take_hidden(VvVp8Decoder *decoder);

/* Decodes one frame. `*picture` becomes a view into the decoder, valid until its next call. Returns 0; -ENOMEM;
 * -EBADMSG for data that is not a whole VP8 frame (or one that is not to be shown, which no encoder for calls makes);
 * -EAGAIN for a delta frame with no key frame before it or after a broken one; -EFBIG for a frame larger than max_width
 * x max_height. The size is read from the frame's head, before anything is decoded or allocated. After an error
 * `*picture` is zeroed and the decoder waits for a key frame. */
int vv_vp8_decode(VvVp8Decoder *decoder, const uint8_t *data, size_t size, int max_width, int max_height,
                  VvPicture *picture);

/* Whether `data` begins a key frame, and its size if so, read from the frame's head alone. `width` and
 * `height` may be NULL. */
bool vv_vp8_is_key(const uint8_t *data, size_t size, int *width, int *height);

#endif
