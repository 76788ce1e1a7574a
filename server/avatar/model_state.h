/* Inside the model: one session's memory, and its snapshot.
 *
 * The state holds the frames that were sent last, and behind them the window that was made last, of which the next step
 * says how many frames were sent. So a step that fails, or a window that is thrown away, needs nothing undone. */
#ifndef VV_MODEL_STATE_H
#define VV_MODEL_STATE_H

#include "server/avatar/avatar.h"
#include "server/avatar/head.h"

/* Sizes of a state. */
typedef struct VvModelSizes {
    int z_count;      /* numbers of a frame's latents */
    int told, width;  /* of the head generator */
    uint64_t weights; /* tells the weights: a state of others is none of ours */
} VvModelSizes;

struct VvAvatarState {
    uint64_t sent;                          /* frames */
    bool made;                              /* a window is there, behind the frames sent */
    VvHeadFrame head[1 + VV_WINDOW_FRAMES]; /* after the last frame sent; after each of the window */
    float dz[]; /* [VV_OVERLAP_FRAMES + VV_WINDOW_FRAMES][z_count]: the last frames sent, the window */
};

size_t vv_model_state_bytes(const VvModelSizes *sizes);

/* A portrait that was held still. NULL if out of memory; freed by free(). */
VvAvatarState *vv_model_state_new(const VvModelSizes *sizes, const VvHead *head);

/* As the seam's functions say. */
size_t vv_model_state_snapshot(const VvModelSizes *sizes, const VvAvatarState *state, uint8_t *out, size_t room);
VvAvatarState *vv_model_state_restore(const VvModelSizes *sizes, const VvHead *head, const uint8_t *bytes, size_t size);

/* How many frames of the window are now sent, if it is said that `kept` are. */
int vv_model_state_kept(const VvAvatarState *state, int kept);

/* Moves on by `kept` frames, and takes the new window in. */
void vv_model_state_advance(const VvModelSizes *sizes, VvAvatarState *state, int kept, const float *fresh,
                            const VvHeadFrame head[VV_WINDOW_FRAMES]);

#endif
