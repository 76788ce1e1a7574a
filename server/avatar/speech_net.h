/* Inside the speech encoder: its sizes and layers, as speech.py names them, read from a file of weights; the heads give
 * mouths in their own units, since what speech.py divides them by is multiplied into the weights. */
#ifndef VV_SPEECH_NET_H
#define VV_SPEECH_NET_H

#include "server/avatar/speech.h"

#define VV_SPEECH_LAYERS_MAX 32
#define VV_SPEECH_TAPS_MAX 8
#define VV_SPEECH_NAMES_MAX 256
#define VV_SPEECH_TEXT_MAX 4096 /* bytes of all names of a head */
#define VV_SPEECH_PAIR (VV_SPEECH_STEP_ROWS * VV_MEL_BANDS)

/* x + out(silu(gate) * value), gate and value being taps(what neighbouring steps have). */
typedef struct VvSpeechLayer {
    int offset[VV_SPEECH_TAPS_MAX]; /* of the steps that it sees */
    int back, ahead;                /* how far these reach */
    VvLinear *taps, *out;
} VvSpeechLayer;

/* Names, one after another in `text`, each ended by a NUL. */
typedef struct VvSpeechNames {
    char text[VV_SPEECH_TEXT_MAX];
    const char *name[VV_SPEECH_NAMES_MAX];
    int count;
} VvSpeechNames;

typedef struct VvSpeechNet {
    const VvKernels *kernels;
    int width, layers, taps;
    size_t parameters;
    VvLinear *enter, *mouth, *phone;
    VvSpeechLayer layer[VV_SPEECH_LAYERS_MAX];
    VvSpeechNames mouths, phones;
} VvSpeechNet;

/* Fills `net` (zeroed before). 0, or a negative errno as vv_speech_encoder_open returns, and `problem` filled. The
 * caller closes it in either case. Layers are not planned. */
int vv_speech_net_open(const VvWeights *weights, const VvKernels *kernels, VvSpeechNet *net, VvModelProblem *problem);
void vv_speech_net_close(VvSpeechNet *net);

#endif
