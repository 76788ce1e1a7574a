/* Inside the codec: its sizes and layers, as codec.py names them, read from a file of weights; constants that codec.py
 * applies beside its layers are put into them. */
#ifndef VV_CODEC_NET_H
#define VV_CODEC_NET_H

#include "server/avatar/codec.h"

#define VV_CODEC_LEVELS 5     /* of appearance and decoder: level i has (16 >> i) grid cells a side */
#define VV_CODEC_MOTION 4     /* levels of motion: level i has (8 >> i) grid */
#define VV_CODEC_BLOCKS_MAX 8 /* residual blocks of a level */

/* Sizes, all from the weights' config. */
typedef struct VvCodecSizes {
    int grid, latent;
    int motion[VV_CODEC_MOTION];
    int trunk[VV_CODEC_LEVELS], maps[VV_CODEC_LEVELS]; /* of appearance */
    int decoder[VV_CODEC_LEVELS], residual[VV_CODEC_LEVELS];
} VvCodecSizes;

/* The most layers there can be: motion, appearance, decoder. */
#define VV_CODEC_LAYERS_MAX (13 + 18 + VV_CODEC_LEVELS * (1 + 2 * VV_CODEC_BLOCKS_MAX) + 4)

typedef struct VvCodecLayer {
    VvConv *conv;
    int out, stride;
} VvCodecLayer;

/* relu(x + b(relu(a(x)))) */
typedef struct VvCodecBlock {
    VvCodecLayer a, b;
} VvCodecBlock;

typedef struct VvCodecNet {
    const VvKernels *kernels;
    VvCodecSizes size;
    size_t parameters;
    VvConv *opened[VV_CODEC_LAYERS_MAX]; /* all of them, to be closed */
    int layers;
    struct {
        VvCodecLayer stem, down[VV_CODEC_MOTION - 1], out;
        VvCodecBlock block[VV_CODEC_MOTION - 1], last;
    } motion;
    struct {
        VvCodecLayer stem, down[VV_CODEC_LEVELS - 1], maps[VV_CODEC_LEVELS];
        VvCodecBlock block[VV_CODEC_LEVELS - 1];
    } appearance;
    struct {
        VvCodecLayer enter[VV_CODEC_LEVELS], flow16, flow32, flow64, out;
        VvCodecBlock block[VV_CODEC_LEVELS][VV_CODEC_BLOCKS_MAX];
    } decoder;
} VvCodecNet;

/* Fills `net` (zeroed before). 0, or a negative errno as vv_codec_open returns, and `problem` filled. The caller closes
 * it in either case. Layers are not planned. */
int vv_codec_net_open(const VvWeights *weights, const VvKernels *kernels, VvCodecNet *net, VvCodecProblem *problem);
void vv_codec_net_close(VvCodecNet *net);

#endif
