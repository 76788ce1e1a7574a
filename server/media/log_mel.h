/* Log-mel features: what the avatar hears. 16 kHz, 80 bands, a 25 ms symmetric Hann window (numpy.hanning) every 10 ms.
 *
 * Row h describes the 400 samples around its hop: samples [160 h - 120, 160 h + 280), so that the window's centre is
 * the centre of the hop's own 160 samples [160 h, 160 h + 160). Four rows make one 25 fps frame. Samples before the
 * stream are silence. Bands are triangular on the HTK mel scale from 0 to 8000 Hz, unit peak, over the power spectrum
 * of a 512-point transform of samples in [-1, 1); the value is ln(power + 1e-6). Accumulated in double and stored as
 * float, each row from its own 400 samples alone: a stream cut anyhow gives the same bits as the whole. */
#ifndef VV_LOG_MEL_H
#define VV_LOG_MEL_H

#include <stdint.h>

#define VV_MEL_BANDS 80
#define VV_MEL_RATE 16000
#define VV_MEL_HOP 160
#define VV_MEL_WINDOW 400
#define VV_MEL_AHEAD 120                /* samples after its hop that a row needs: 7.5 ms */
#define VV_MEL_SILENCE (-13.815510558f) /* ln(1e-6): every band of digital silence */

typedef struct VvLogMel VvLogMel;

VvLogMel *vv_log_mel_new(void);
void vv_log_mel_free(VvLogMel **mel);

/* Forgets everything: the next sample is sample 0 of a new stream. */
void vv_log_mel_reset(VvLogMel *mel);

/* Takes `count` samples and writes the rows that became complete, `rows` x 80 floats, at most `room` rows (count / 160
 * + 1 always suffices; rows beyond it are lost). Returns the number of rows. */
int vv_log_mel_push(VvLogMel *mel, const int16_t *pcm, int count, float *rows, int room);

/* One row of 400 samples, as a pure function; `scratch` is made by vv_log_mel_new. */
void vv_log_mel_row(VvLogMel *mel, const int16_t window[VV_MEL_WINDOW], float row[VV_MEL_BANDS]);

/* The amplitude (root mean square, 0..1) of the hop that a row describes, read from its bands: the energy under the
 * row's window, so it follows a hop within a few per cent and smooths over 25 ms. */
float vv_mel_amplitude(const float row[VV_MEL_BANDS]);

#endif
