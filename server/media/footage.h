/* Footage: a picture or a clip, frame by frame, whatever kind of file it is in: PNG, JPEG, Y4M, WebM (VP8). The kind is
 * told by the file's content, not by its name. Memory holds one frame; sound is passed over. An object belongs to one
 * thread at a time. */
#ifndef VV_FOOTAGE_H
#define VV_FOOTAGE_H

#include "server/base/clock.h"
#include "server/media/image.h"

typedef struct VvFootage VvFootage;

typedef enum VvFootageKind { VV_FOOTAGE_PNG, VV_FOOTAGE_JPEG, VV_FOOTAGE_Y4M, VV_FOOTAGE_WEBM } VvFootageKind;

/* A frame: RGB, when it is to be shown. */
typedef struct VvFootageFrame {
    const VvImage *image; /* valid until the next call; its size may change in the middle of a WebM */
    VvTime time;          /* from the beginning; 0 for a picture */
} VvFootageFrame;

/* Opens the file at `path`; no side of its frames may be longer than `most` (1..VV_PICTURE_SIZE_MAX). A picture is
 * read here, of a clip the head. What can be wrong stands in media_errors.def; the problem's text names the file. On
 * failure `*footage` is NULL. */
VvMediaError vv_footage_open(const char *path, int most, VvFootage **footage, VvMediaProblem *problem);
void vv_footage_close(VvFootage **footage);

/* The same for a file that is open already; it is borrowed until the footage is closed. `name` stands for it in the
 * problem's text. */
VvMediaError vv_footage_open_file(FILE *file, const char *name, int most, VvFootage **footage, VvMediaProblem *problem);

VvFootageKind vv_footage_kind(const VvFootage *footage);

/* "PNG", "JPEG", "Y4M", "WebM". */
const char *vv_footage_kind_name(VvFootageKind kind);

/* The next frame. 1: here it is; 0: the footage is over; -1: `problem` says what is wrong with the file. */
int vv_footage_next(VvFootage *footage, VvFootageFrame *frame, VvMediaProblem *problem);

#endif
