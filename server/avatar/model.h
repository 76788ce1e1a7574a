/* The avatar "visavis nano": speech encoder, head generator, denoiser and portrait codec behind the server's seam.
 *
 * A folder of weights holds
 *   codec.safetensors, speech.safetensors, denoiser.safetensors, head.safetensors
 *   characters/NAME.png, or .jpg: a portrait each; a character's name is its file's, they are sorted by it
 * docs/model.md tells how a window is made. */
#ifndef VV_MODEL_H
#define VV_MODEL_H

#include "kernels/kernels.h"
#include "server/avatar/avatar.h"
#include "server/avatar/model_reader.h"

#define VV_MODEL_BATCH_MAX 128
#define VV_MODEL_CHARACTERS_MAX 64
#define VV_MODEL_STEPS 2 /* of the flow, by default */

typedef struct VvModelOptions {
    int workers;   /* threads that a step uses, the caller's among them; 0: as many as there are processors */
    int steps;     /* of the flow; 0: VV_MODEL_STEPS */
    int max_batch; /* sessions a step; 0: 16 */
} VvModelOptions;

/* Opens the weights in `folder` and prepares all that a step needs, so that none allocates. 0; -EINVAL: a file is
 * missing, damaged, or does not fit the others, or an option is out of its bounds; -ENOTSUP: the kernels cannot run it;
 * -ENOMEM. `*avatar` is NULL then, and `problem` (may be NULL) says which file and why. */
int vv_model_open(const char *folder, const VvKernels *kernels, const VvModelOptions *options, VvAvatar **avatar,
                  VvModelProblem *problem);

/* Where the last step's time went, microseconds of the thread that called it: processor time, or where the model runs
 * on a device, time that passed; of a model only. */
typedef struct VvModelTimes {
    int64_t speech, head;             /* the encoder's, the generator's */
    int64_t context, condition, flow; /* the denoiser's, of the first item; 0 on a device */
    int64_t denoise;                  /* all items */
    int64_t decode, deliver;          /* the codec's; copies to the caller's pictures, and the state's */
} VvModelTimes;
VvModelTimes vv_model_times(const VvAvatar *avatar);

#endif
