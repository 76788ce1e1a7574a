/* Reading WebM (and Matroska) files: the first VP8 and the first Opus track, block by block, from front to back, so
 * that a file that is still being written, or whose writer died, reads as far as it goes. Memory holds one block.
 *
 * Clusters and the segment may be of unknown size, as recorders of browsers make them. Refused by name: laced blocks,
 * tracks that are compressed once more or encrypted, other codecs. Nothing that the file claims is believed before it
 * has been checked. An object belongs to one thread at a time. */
#ifndef VV_WEBM_READ_H
#define VV_WEBM_READ_H

#include "server/base/clock.h"
#include "server/media/colours.h"
#include "server/media/media_error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct VvWebmReader VvWebmReader;

/* What is in the file; a track that is not there has no size or no channels. */
typedef struct VvWebmContent {
    int width, height;      /* of pictures, as the track says; each key frame says it again and is right */
    VvColours colours;      /* of pictures; limited range and BT.709 if the track does not say */
    int channels;           /* of sound */
    int lookahead;          /* samples at 48 kHz to be dropped from the beginning of the decoded sound */
    char picture_codec[32]; /* "V_VP8"; what there is instead if pictures are not read; "" if there are none */
    char sound_codec[32];   /* "A_OPUS", likewise */
} VvWebmContent;

/* A coded picture or packet of sound, and when it is to be shown or heard, in microseconds from the beginning. */
typedef struct VvWebmBlock {
    bool sound;
    VvTime time;
    const uint8_t *data; /* valid until the next block is read */
    size_t size;
} VvWebmBlock;

/* Reads the head, up to the first cluster, of the file at `file`, which is borrowed until the reader is closed.
 * UNKNOWN_KIND, UNSUPPORTED, CUT, DAMAGED, UNREADABLE, ENCODED; CODEC if there are tracks but none that is read;
 * NO_PICTURES if there are none. On failure `*reader` is NULL. */
VvMediaError vv_webm_reader_open(FILE *file, VvWebmReader **reader, VvMediaProblem *problem);
void vv_webm_reader_close(VvWebmReader **reader);

/* What the head says; lives as long as the reader. */
const VvWebmContent *vv_webm_reader_content(const VvWebmReader *reader);

/* Reads the next block of the two tracks. 1: there was one; 0: the file is over; -1: `problem` says why (CUT, DAMAGED,
 * UNREADABLE, LACING, UNSUPPORTED, NO_MEMORY). */
int vv_webm_read(VvWebmReader *reader, VvWebmBlock *block, VvMediaProblem *problem);

#endif
