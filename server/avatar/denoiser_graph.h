/* Inside the denoiser: what denoiser.py computes, as calls on the kernel table.
 *
 * As the codec's, the graph is walked in two ways: a plan prepares each layer for the shapes it meets and counts
 * memory; a run computes. Every member of a team walks it, for its own rows of the tokens; what others need of it
 * (keys, values, the latents) lies in tensors that the team shares. Before a member reads those it waits for all
 * members. */
#ifndef VV_DENOISER_GRAPH_H
#define VV_DENOISER_GRAPH_H

#include "server/avatar/denoiser_barrier.h"
#include "server/avatar/denoiser_net.h"

/* Some of a window's tokens. */
typedef struct VvTokens {
    int first, count;
} VvTokens;

/* What a team shares, on the device; every member writes its own rows. Keys and values, and queries where they are made
 * together with these, lie side by side in the channels. */
typedef struct VvDenoiserShared {
    VvTensor x;                            /* f32 [n, tokens, latent] */
    VvTensor qkv[2];                       /* [n, tokens, 3 width], used in turn, block after block */
    VvTensor kept_qkv;                     /* [n, kept, 3 width], of the context block */
    VvTensor kept[VV_DENOISER_BLOCKS_MAX]; /* [n, kept, 2 width] */
    VvTensor lip[VV_DENOISER_BLOCKS_MAX];  /* [n, heard, 2 width] */
    VvTensor far[VV_DENOISER_BLOCKS_MAX];  /* [n, 1 + fresh, 2 width] */
} VvDenoiserShared;

VvDenoiserShared vv_denoiser_shared_take(VvArena *arena, const VvDenoiserNet *net, int batch);

/* A member's copy of a window's inputs, on the device, f32. */
typedef struct VvDenoiserInput {
    VvTensor old;       /* [n * (overlap - whole), grid, grid, latent] */
    VvTensor newest;    /* [n, whole * places, latent] */
    VvTensor reference; /* [n, grid, grid, latent] */
    VvTensor speech;    /* [n, heard, speech] */
    VvTensor coarse;    /* [n, fresh, around * coarse] */
    VvTensor emotion;   /* [n, emotion] */
    VvTensor told;      /* [n, fresh, 2 told] */
    VvTensor given;     /* [n, tokens, latent + 1]: the reference's latents and the head mask of every token */
} VvDenoiserInput;

VvDenoiserInput vv_denoiser_input_take(VvArena *arena, const VvDenoiserNet *net, int batch);

/* One walk. Nothing more is done after the first error, but for waiting where others wait. */
typedef struct VvDenoiserPass {
    const VvDenoiserNet *net;
    const VvDenoiserShared *shared;
    const VvDenoiserInput *input;
    VvStream *stream; /* NULL: this is a plan */
    VvArena *arena;   /* the member's */
    size_t *scratch;  /* a plan raises it to what the operations need */
    VvBarrier *barrier;
    int batch, member, members;
    int turn;             /* blocks so far, of all steps */
    VvTokens fresh, kept; /* this member's */
    VvKernelStatus status;
    VvDenoiserWatch *watch; /* NULL: nobody watches */
    void *watch_ctx;
} VvDenoiserPass;

/* Keys and values of the context; then of the condition: to the shared tensors. */
void vv_denoiser_graph_context(VvDenoiserPass *pass);
void vv_denoiser_graph_condition(VvDenoiserPass *pass);

/* The first layer's part that stays the same over the steps: f32 [n, rows, width], taken from the arena. */
VvTensor vv_denoiser_graph_base(VvDenoiserPass *pass);

/* One Euler step of the shared x, this member's rows of it. */
void vv_denoiser_graph_step(VvDenoiserPass *pass, VvTensor base, int step);

/* The rows of a tensor [n, tokens, channels]: all of them, or some of a single item's. */
VvTensor vv_denoiser_rows(VvTensor tensor, VvTokens tokens);

/* Waits for the team, in a run. */
void vv_denoiser_meet(VvDenoiserPass *pass);

#endif
