/* What the head of a WebM file says, from elements in memory. Internal to this folder. */
#ifndef VV_WEBM_TRACKS_H
#define VV_WEBM_TRACKS_H

#include "server/media/ebml.h"
#include "server/media/webm_read.h"

typedef struct VvWebmHead {
    uint64_t scale;          /* nanoseconds that a timestamp counts */
    uint64_t picture, sound; /* the numbers of the tracks that are read; 0: there is none */
    bool tracks;             /* they have been seen */
    VvWebmContent content;
} VvWebmHead;

/* The content of the EBML element that a file begins with: UNKNOWN_KIND, UNSUPPORTED, DAMAGED. */
VvMediaError vv_webm_read_kind(VvEbmlBytes content, VvMediaProblem *problem);

/* The content of Info: DAMAGED. */
VvMediaError vv_webm_read_info(VvWebmHead *head, VvEbmlBytes content, VvMediaProblem *problem);

/* The content of Tracks: DAMAGED, ENCODED, and CODEC or NO_PICTURES if nothing in it is read. */
VvMediaError vv_webm_read_tracks(VvWebmHead *head, VvEbmlBytes content, VvMediaProblem *problem);

#endif
