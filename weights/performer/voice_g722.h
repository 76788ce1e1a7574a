/* G.722 at 64 kbit/s, the 16 kHz telephone codec that some recordings come in (files of bare codec bytes). */
#ifndef VV_VOICE_G722_H
#define VV_VOICE_G722_H

#include <stddef.h>
#include <stdint.h>

/* Decodes `size` bytes into 2 * size samples at 16 kHz, `out` having room for them. Any bytes are valid. */
void vv_g722_decode(const uint8_t *bytes, size_t size, int16_t *out);

#endif
