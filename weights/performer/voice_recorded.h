/* Real recordings from Debian's packages, with texts where the package has them. They have no phoneme times of their
 * own: those are read from an alignment file, which training writes (its speech encoder aligns synthetic speech of the
 * same text to the recording). Clips without times serve the speech encoder as audio alone. */
#ifndef VV_VOICE_RECORDED_H
#define VV_VOICE_RECORDED_H

#include "weights/performer/voice.h"

typedef struct VvRecording {
    char *path;
    char *text; /* UTF-8; NULL: the package has none */
    char language[24];
    char speaker[48];    /* such as "fillets-cs-m" */
    const char *package; /* the Debian package */
    const char *licence;
    bool held_out;      /* never trained on: whole speakers */
    VvSegment *segment; /* phones, samples at 16 kHz; NULL: not aligned */
    int32_t segments;
} VvRecording;

typedef struct VvRecordings {
    VvRecording *item; /* sorted by path */
    int count;
} VvRecordings;

/* Finds what is installed below `root` ("" for the machine's own). An empty list is no error. 0 or -ENOMEM. */
int vv_recordings_open(VvRecordings *recordings, const char *root);
void vv_recordings_close(VvRecordings *recordings);

/* Reads phoneme times: a text file, a line for each clip of
 *     file name below the root TAB phone:begin-end SPACE phone:begin-end ...
 * with the phones of phones.def and times in milliseconds, in order. Unknown clips are passed over. Returns how many
 * clips it gave times to, or a negative errno; -EBADMSG with the line's number in `*line`. */
int vv_recordings_align(VvRecordings *recordings, const char *root, const char *file, int *line);

/* The list of phones in such a line, on its own. Reading cuts `list` up; the caller frees `*segments` (NULL where there
 * are none). 0, -EBADMSG for a bad list, -ENOMEM. */
int vv_segments_read(char *list, VvSegment **segments, int *count);
void vv_segments_write(FILE *out, const VvSegment *segments, int count);

/* Loads a clip as 16 kHz mono at an even level, with its phones (one pause where it has no alignment). The caller frees
 * with vv_speech_free. 0, -EIO for a file that cannot be decoded, -ENOMEM. */
int vv_recording_load(const VvRecording *recording, VvSpeech *speech);

/* How long the clip is, in seconds, without decoding it; 0 if that cannot be told. */
double vv_recording_seconds(const VvRecording *recording);

#endif
