/* Sound in files: any that libsndfile reads (WAV, FLAC, Ogg with Vorbis or Opus, MP3, AIFF, ...), and WebM with Opus;
 * and WAV files written. Not for the hot path: these functions allocate and read files. An object belongs to one thread
 * at a time. */
#ifndef VV_SOUND_H
#define VV_SOUND_H

#include "server/media/media_error.h"

#include <stdint.h>

#define VV_SOUND_RATE 48000 /* what other rates than those of calls become */

typedef struct VvSound VvSound;

/* Opens the file at `path`; the kind is told by its content, not by its name. UNREADABLE, UNKNOWN_KIND, CODEC,
 * UNSUPPORTED (rates outside of 1 to 384 kHz, too many channels), DAMAGED, NO_SOUND (not one sample), NO_MEMORY; the
 * problem's text names the file. On failure `*sound` is NULL. */
VvMediaError vv_sound_open(const char *path, VvSound **sound, VvMediaProblem *problem);
void vv_sound_close(VvSound **sound);

/* Samples a second of what is read: the file's own if it is 16000, 24000 or 48000, else VV_SOUND_RATE. */
int vv_sound_rate(const VvSound *sound);

/* What the file is, such as "WAV (Microsoft)" or "WebM (Opus)"; lives as long as the sound. */
const char *vv_sound_kind(const VvSound *sound);

/* About how many samples there are, as the file's head says; 0 if it does not. */
int64_t vv_sound_length(const VvSound *sound);

/* Reads on: mono, the mean of all channels. At most `room` samples, at least one; 0 at the end; -1: `problem` says what
 * is wrong. Holes in a WebM's sound become silence. */
int vv_sound_read(VvSound *sound, int16_t *pcm, int room, VvMediaProblem *problem);

typedef struct VvSoundWriter VvSoundWriter;

/* Writes a WAV file, mono, 16 bits. UNWRITABLE: the file is not whole; the caller may want to remove it. On failure of
 * opening `*writer` is NULL; closing clears it, NULL inside being fine. */
VvMediaError vv_sound_writer_open(const char *path, int rate, VvSoundWriter **writer, VvMediaProblem *problem);
VvMediaError vv_sound_write(VvSoundWriter *writer, const int16_t *pcm, int count, VvMediaProblem *problem);
VvMediaError vv_sound_writer_close(VvSoundWriter **writer, VvMediaProblem *problem);

#endif
