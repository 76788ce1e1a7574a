/* Inside the model: its four networks and its characters, opened from a folder and checked against each other. */
#ifndef VV_MODEL_PARTS_H
#define VV_MODEL_PARTS_H

#include "server/avatar/codec.h"
#include "server/avatar/denoiser.h"
#include "server/avatar/head.h"
#include "server/avatar/model.h"
#include "server/avatar/speech.h"

#define VV_MODEL_EMOTIONS 8                      /* VvEmotion's */
#define VV_MODEL_EMOTION (VV_MODEL_EMOTIONS + 3) /* how much of each, then valence, arousal, dominance */

typedef struct VvModelParts {
    const VvKernels *kernels;
    VvCodec *codec;
    VvSpeechEncoder *speech;
    VvDenoiser *denoiser;
    VvHead *head;
    uint64_t mark; /* tells these weights from others */
    int characters;
    char *names;      /* separated by commas */
    float *z;         /* [characters][z_count]: the portraits' latents */
    float *reference; /* the same, as the denoiser wants them */
} VvModelParts;

/* Fills `parts` (zeroed before); up to `frames` will go through the codec at once. As vv_model_open; the caller closes
 * it in either case. */
int vv_model_parts_open(const char *folder, const VvKernels *kernels, int steps, int frames, VvModelParts *parts,
                        VvModelProblem *problem);
void vv_model_parts_close(VvModelParts *parts);

#endif
