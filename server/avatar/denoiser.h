/* The denoiser: makes the latents of a window's new frames from noise, by a few steps of a flow.
 *
 *   context     keys and values of the frames before and of the reference, once a window
 *   condition   keys and values of what the avatar says and how loudly, once a window
 *   steps       Euler steps from noise to latents; the noise is Philox's, keyed by (seed, window)
 *
 * Latents are differences to the reference frame's, in units of their spread: dz = (z - z_ref) / spread. One VvDenoiser
 * holds the layers; a team works on windows: one member for each thread, each with its share of the window's tokens.
 * Once a team is open, nothing allocates. weights/train/denoiser.py is the definition; docs/model.md tells more. */
#ifndef VV_DENOISER_H
#define VV_DENOISER_H

#include "server/avatar/model_reader.h"

#define VV_DENOISER_STEPS_MAX 32
#define VV_DENOISER_MEMBERS_MAX 32
#define VV_DENOISER_BATCH_MAX 128
#define VV_DENOISER_TOLD_MAX 16

typedef struct VvDenoiser VvDenoiser;
typedef struct VvDenoiserTeam VvDenoiserTeam;

typedef struct VvDenoiserInfo {
    int grid, latent, places;          /* a frame is `places` = grid * grid tokens of `latent` numbers */
    int overlap, fresh;                /* frames before, new frames */
    int before, after;                 /* frames that a frame hears, beside its own */
    int speech, speech_tokens;         /* width of a speech token; of a window: 2 * (before + fresh + after) */
    int told, coarse, around, emotion; /* numbers: told of a frame; loudness of a frame; frames of it; emotion */
    size_t parameters;                 /* weights and biases */
    float told_spread[VV_DENOISER_TOLD_MAX];
    const float *spread, *reference_mean; /* [latent] of z */
} VvDenoiserInfo;

/* Reads the config ("denoiser.grid", ...) and the tensors ("denoiser.enter.weight", ...) of `weights`, which may be
 * closed afterwards. `steps` of the flow: 1..VV_DENOISER_STEPS_MAX. 0; -EINVAL: the weights are not a denoiser's, or no
 * such number of steps; -ENOTSUP: the kernels cannot run it; -ENOMEM. `*denoiser` is NULL then, and `problem` (may be
 * NULL) says why. */
int vv_denoiser_open(const VvWeights *weights, const VvKernels *kernels, int steps, VvDenoiser **denoiser,
                     VvModelProblem *problem);

/* Takes the address and clears it; NULL inside is fine. No team may be open. */
void vv_denoiser_close(VvDenoiser **denoiser);

/* Any thread; lives as long as the denoiser. */
const VvDenoiserInfo *vv_denoiser_info(const VvDenoiser *denoiser);

/* Opens a team of `members` (1..VV_DENOISER_MEMBERS_MAX, no more than a window has tokens) for windows of `batch` items
 * in one (1..VV_DENOISER_BATCH_MAX; 1 if there are several members). Plans layers: one thread, while no team of this
 * denoiser is at work. VV_KERNEL_SHAPE: no such team. */
VvKernelStatus vv_denoiser_team_open(VvDenoiser *denoiser, int members, int batch, VvDenoiserTeam **team);
void vv_denoiser_team_close(VvDenoiserTeam **team);

/* Bytes that a team took. */
size_t vv_denoiser_team_bytes(const VvDenoiserTeam *team);

/* Windows of the team's `batch` items; all of it is memory of the caller's: host memory, f32, dense, but for what is on
 * the table's device. */
typedef struct VvDenoiserWindow {
    const float *overlap;    /* [batch][overlap][places][latent], dz */
    const float *reference;  /* [batch][places][latent]: (z_ref - reference_mean) / spread */
    const float *speech;     /* [batch][speech_tokens][speech] */
    VvTensor tokens;         /* the same on the device, f32 or bf16, complete; no tensor: `speech` it is */
    const float *coarse;     /* [batch][fresh][around][coarse]: loudness of the frames around each new one */
    const float *emotion;    /* [batch][emotion] */
    const float *told;       /* [batch][fresh][2][told]: the frame's, the reference's */
    const float *mask;       /* [batch][fresh][places]: where the head is, 0..1 */
    const uint64_t *seeds;   /* [batch] */
    const uint64_t *windows; /* [batch] */
    float *fresh;            /* out: [batch][fresh][places][latent], dz */
    VvTensor z; /* out: f32 [batch * fresh,grid,grid,latent] on the device, what the codec is shown: z_ref +
                 * dz * spread; no tensor: not wanted. Of a team of one. */
} VvDenoiserWindow;

/* One member's share of the work: each of the team calls it, on a thread of its own, with the same window. A member's
 * part of `fresh` is written when it returns; the inputs must stay until all have returned. VV_KERNEL_SHAPE: a `z` that
 * does not fit the team; nothing is done then. */
VvKernelStatus vv_denoiser_run(VvDenoiserTeam *team, int member, const VvDenoiserWindow *window);

/* Shows a test what is computed on the way, in a team of one: "kept" (keys and values of the context, by block), "lip"
 * and "far" (of the condition, by block), "velocity" (by step). NULL: nobody watches. */
typedef void VvDenoiserWatch(void *ctx, const char *stage, int index, VvTensor value);
void vv_denoiser_watch(VvDenoiserTeam *team, VvDenoiserWatch *watch, void *ctx);

/* Microseconds of processor time that member 0 spent in the last window: on the context, the condition, the steps. */
typedef struct VvDenoiserTimes {
    int64_t context, condition, steps;
} VvDenoiserTimes;
VvDenoiserTimes vv_denoiser_times(const VvDenoiserTeam *team);

#endif
