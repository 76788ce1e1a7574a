/* The seam between the server and the model that draws the avatar.
 *
 * An avatar is a table of functions (VvAvatar) over one loaded model. The scheduler gathers one item from each session
 * whose window is due and calls `step` once for all of them; each item gets VV_WINDOW_FRAMES new frames, conditioned on
 * the VV_OVERLAP_FRAMES before them. Implementations know nothing of sockets, codecs or threads.
 *
 * What was made is not yet what was seen: frames may be thrown away unsent when speech begins or is interrupted. So
 * each item says how many frames of the previous window were really sent (`kept`); the state first moves on by those,
 * forgets the others, and makes the new frames after the last one sent. */
#ifndef VV_AVATAR_H
#define VV_AVATAR_H

#include "server/media/log_mel.h"
#include "server/media/picture.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VV_FPS 25
#define VV_FRAME_US 40000        /* one frame */
#define VV_WINDOW_FRAMES 5       /* new frames a step */
#define VV_OVERLAP_FRAMES 10     /* frames before them that condition the step */
#define VV_HOPS 4                /* log-mel rows a frame */
#define VV_SPEECH_PAST_FRAMES 25 /* speech features before the window's first frame */
#define VV_SPEECH_AHEAD_FRAMES 5 /* and after its last one: 3 frames of lookahead and the encoder's 80 ms */
#define VV_SPEECH_ROWS ((VV_SPEECH_PAST_FRAMES + VV_WINDOW_FRAMES + VV_SPEECH_AHEAD_FRAMES) * VV_HOPS)
#define VV_USER_ROWS_MAX 100 /* user's features a step: at most 1 s; a longer gap keeps the newest */
#define VV_CAMERA_WIDTH 320  /* the camera's picture is scaled to fit into this */
#define VV_CAMERA_HEIGHT 240

/* The emotion that the avatar shall show: the dialogue's, accumulated. */
typedef struct VvAffect {
    int32_t label;                     /* VvEmotion's numbering: 0 neutral ... 7 contempt */
    float intensity;                   /* 0..1 */
    float valence, arousal, dominance; /* -1..1 */
} VvAffect;

/* One session's memory inside the model; opaque to the server. */
typedef struct VvAvatarState VvAvatarState;

/* What one session brings to a step, and what it gets. Everything pointed to belongs to the caller and stays as it is
 * until `step` returns. */
typedef struct VvAvatarItem {
    VvAvatarState *state;
    uint64_t seed;   /* the session's; with `window` it keys all noise, so a session can be replayed */
    uint64_t window; /* counts windows that frames were sent of */
    int kept;        /* frames of the previous window that were sent: 0..VV_WINDOW_FRAMES */
    int64_t pts;     /* presentation time of the first new frame, microseconds */

    /* The avatar's own speech, VV_SPEECH_ROWS x VV_MEL_BANDS, from VV_SPEECH_PAST_FRAMES before the first new frame;
     * rows without speech are VV_MEL_SILENCE. */
    const float *speech;
    int speech_frames; /* new frames whose speech, lookahead included, is there; the rest are made as silence */

    /* The user: rows of log-mel since the previous step, oldest first; and the newest camera picture. */
    const float *user; /* user_rows x VV_MEL_BANDS */
    int user_rows;
    bool user_muted;         /* no microphone */
    const VvPicture *camera; /* NULL: no camera */
    int64_t camera_age;      /* microseconds since it was taken */
    bool camera_new;         /* not shown to an earlier step */
    VvAffect affect;
    int character, style; /* indices into VvAvatarInfo's lists */

    VvPicture frames[VV_WINDOW_FRAMES]; /* out: the caller's pictures, of the model's size */
} VvAvatarItem;

typedef struct VvAvatarInfo {
    const char *name;       /* such as "test-pattern" */
    int width, height;      /* of its frames */
    int lookahead_frames;   /* speech that a frame needs beyond its own: 0..VV_SPEECH_AHEAD_FRAMES */
    int max_batch;          /* items a step may have */
    const char *characters; /* names, separated by commas; the first is the default */
    const char *styles;
    size_t state_bytes; /* of one session, for the books */
} VvAvatarInfo;

typedef struct VvAvatar VvAvatar;

/* `step`, and it alone, is called by one thread at a time (the device's). The others may be called from any thread,
 * but never for a state that is in a running step. */
struct VvAvatar {
    VvAvatarInfo info;

    /* A session's state at its beginning. NULL if out of memory. */
    VvAvatarState *(*create)(VvAvatar *avatar, uint64_t seed);
    void (*destroy)(VvAvatar *avatar, VvAvatarState **state);

    /* Writes a state to bytes, for a resume elsewhere: returns the size needed; writes only if `room` suffices.
     * `restore` returns NULL if the bytes are not a state of this avatar. */
    size_t (*snapshot)(VvAvatar *avatar, const VvAvatarState *state, uint8_t *out, size_t room);
    VvAvatarState *(*restore)(VvAvatar *avatar, const uint8_t *bytes, size_t size);

    /* Makes VV_WINDOW_FRAMES frames for each of `count` items. Allocates nothing, never waits for anything but the
     * device. 0, or a negative errno when the device failed: then no item's frames or state changed. */
    int (*step)(VvAvatar *avatar, VvAvatarItem *items[], int count);

    void (*close)(VvAvatar **avatar);
};

/* The diagnostic avatar. Its picture, in parts of a 256 x 256 frame (scaled for other sizes), says what the server did:
 * a clock that moves with presentation time, a mouth bar whose height follows the speech of that very frame, the
 * camera's picture as a thumbnail, the emotion as a colour. Geometry: test_pattern.h. Returns 0 or -errno. */
int vv_test_pattern_open(int width, int height, VvAvatar **avatar);

#endif
