/* Writing WebM files: VP8 pictures, Opus sound, or both, that browsers play and seek in.
 *
 * What is written is on the disk cluster by cluster, so a file whose writer died plays up to there. The sizes, the
 * duration and the index are known at the end only and put in by vv_webm_close, so the file must be a regular one. One
 * object belongs to one thread at a time. */
#ifndef VV_WEBM_H
#define VV_WEBM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct VvWebm VvWebm;

/* What is in the file; a track whose size or channels are 0 is not there. */
typedef struct VvWebmTracks {
    int width, height; /* of pictures, 1 .. 16383 */
    int fps;           /* pictures a second */
    int channels;      /* of sound, 1 or 2 */
    int lookahead;     /* samples at 48 kHz by which decoded sound lags what was encoded (vv_opus_encoder_lookahead) */
} VvWebmTracks;

/* Creates the file and writes its head. 0, or a negative errno: -EINVAL for tracks that cannot be, -ENOMEM, -ENOENT,
 * -EACCES, -ENOSPC, ... The caller closes; on failure `*webm` is NULL. */
int vv_webm_open(VvWebm **webm, const char *path, const VvWebmTracks *tracks);

/* Adds an encoded picture, or a packet of sound that lasts `length` microseconds, at `time` microseconds from the
 * beginning. Times are for both tracks together: none lies before the one before it (-EINVAL). The first picture must
 * be a key frame (-EINVAL), and a file can be played from key frames only, so there should be one every few seconds.
 * Sound that was encoded from the very first sample begins at 0. `data` is copied. After an error every later call
 * gives the same one. */
int vv_webm_picture(VvWebm *webm, int64_t time, const uint8_t *data, size_t size, bool key);
int vv_webm_sound(VvWebm *webm, int64_t time, int64_t length, const uint8_t *data, size_t size);

/* Completes the file, syncs it to the disk and clears the pointer; NULL is fine. 0, or the first error that there was:
 * then the file is not whole, and the caller may want to remove it. */
int vv_webm_close(VvWebm **webm);

#endif
