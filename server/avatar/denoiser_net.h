/* Inside the denoiser: its sizes, layers and tables, as denoiser.py names them, read from a file of weights. What is
 * the same in every window is worked out here: times of the steps, positions, the lips' place in the first layer. */
#ifndef VV_DENOISER_NET_H
#define VV_DENOISER_NET_H

#include "server/avatar/denoiser.h"

#define VV_DENOISER_BLOCKS_MAX 32

/* Sizes, all from the weights' config, and what follows from them. */
typedef struct VvDenoiserSizes {
    int grid, latent, width, heads, blocks, overlap, whole, fresh, speech, before, after, bank, told, coarse, emotion;
    int rotary[3]; /* pairs of a head's channels that turn with time, y, x */
    int places;    /* = grid * grid */
    int pooled;    /* places of a frame pooled 2 x 2 */
    int tokens;    /* of the new frames */
    int kept;      /* tokens of the reference, the older frames (pooled) and the newest ones */
    int heard;     /* speech tokens of a window */
    int span;      /* of them, those that a frame hears */
    int around;    /* frames of loudness that a frame knows of */
} VvDenoiserSizes;

typedef struct VvDenoiserBlock {
    VvLinear *qkv, *out, *context_kv, *cross_q, *cross_out, *lip_kv, *far_kv, *wide, *narrow;
    VvTensor table; /* f32 [1, 10 width]: added to the modulations */
    VvTensor prior; /* f32 [heads, span] */
} VvDenoiserBlock;

/* Where a modulation begins in the table, in widths. */
enum {
    VV_MOD_SELF_SCALE,
    VV_MOD_SELF_SHIFT,
    VV_MOD_SELF_GATE,
    VV_MOD_CROSS_SCALE,
    VV_MOD_CROSS_SHIFT,
    VV_MOD_LIP_GATE,
    VV_MOD_FAR_GATE,
    VV_MOD_REST_SCALE,
    VV_MOD_REST_SHIFT,
    VV_MOD_REST_GATE,
    VV_MODS
};

#define VV_DENOISER_LAYERS_MAX (9 * VV_DENOISER_BLOCKS_MAX + VV_DENOISER_STEPS_MAX + 20)

typedef struct VvDenoiserNet {
    const VvKernels *kernels;
    VvDenoiserSizes size;
    int steps;
    size_t parameters;
    VvLinear *opened[VV_DENOISER_LAYERS_MAX]; /* all of them, to be closed */
    int layers;
    VvArena arena; /* the tables' */

    VvLinear *enter_x;     /* noisy latents; f32, no bias */
    VvLinear *enter_given; /* the reference's latents and the head mask; f32 */
    VvLinear *enter_old, *enter_new, *enter_reference;
    VvLinear *feel[VV_DENOISER_STEPS_MAX]; /* emotion in, and the step's time as its bias */
    VvLinear *modulation, *told_in, *told_out, *speech_in, *bank_q, *bank_out, *coarse_in, *leave;
    struct {
        VvLinear *qkv, *out, *wide, *narrow;
    } context;
    VvDenoiserBlock block[VV_DENOISER_BLOCKS_MAX];

    /* On the device: */
    VvTensor place; /* f32 [places, width]: its embedding, and the lip mask's part of the first layer */
    VvTensor place_embed, pool_embed; /* f32 [places, width], [pooled, width] */
    VvTensor nobody;                  /* f32 [1, 1, width] */
    VvTensor bank_keys, bank_values;  /* compute type, [1, bank, width] */
    VvTensor lips;                    /* f32 [places] */
    VvTensor turn_new, turn_kept;     /* f32 [tokens, channels of a head], [kept, ...]: cos, sin */
    /* On the host: */
    float *spread, *reference_mean, *told_spread; /* [latent], [latent], [told] */
} VvDenoiserNet;

/* Fills `net` (zeroed before). 0, or a negative errno as vv_denoiser_open returns, and `problem` filled. The caller
 * closes it in either case. Layers are not planned. */
int vv_denoiser_net_open(const VvWeights *weights, const VvKernels *kernels, int steps, VvDenoiserNet *net,
                         VvModelProblem *problem);
void vv_denoiser_net_close(VvDenoiserNet *net);

#endif
