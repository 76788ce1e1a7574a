/* The speech encoder: what a mouth must know of a voice. From log-mel it makes a vector for every step of 20 ms, which
 * are the speech tokens of the avatar's lips; and on request it says what it heard: the phone that sounds and the mouth
 * that goes with it.
 *
 * It keeps nothing between calls: a step's vector depends on the log-mel from `past` steps before it to `ahead` steps
 * after it and on nothing else, so a stream cut anyhow gives the same. What is before a stream's begin and after its
 * end counts as silence.
 *
 * One VvSpeechEncoder holds the layers, prepared for one kernel table; any number of workers share it. A worker is one
 * thread's stream and buffers. Once both are open, nothing allocates. docs/speech.md tells how it works;
 * weights/train/speech.py is its definition. */
#ifndef VV_SPEECH_ENCODER_H
#define VV_SPEECH_ENCODER_H

#include "kernels/kernels.h"
#include "server/avatar/model_reader.h"
#include "server/media/log_mel.h"
#include "weights/vv_weights.h"

#include <stddef.h>

#define VV_SPEECH_STEP_ROWS 2   /* rows of log-mel a step */
#define VV_SPEECH_STEPS_MAX 512 /* of one run */
#define VV_SPEECH_ITEMS_MAX 128 /* that are encoded at once */

typedef struct VvSpeechEncoder VvSpeechEncoder;
typedef struct VvSpeechWorker VvSpeechWorker;

typedef struct VvSpeechEncoderInfo {
    int width;                /* of a step's vector */
    int past, ahead;          /* steps before and after a step that it depends on */
    int mouths, phones;       /* what the heads give */
    const char *const *mouth; /* [mouths] names: "opening" in cm, and shapes of the face such as "jawOpen", 0..1 */
    const char *const *phone; /* [phones] names */
    size_t parameters;        /* weights and biases */
    size_t worker_bytes;      /* of a worker for one item: buffers and scratch memory */
} VvSpeechEncoderInfo;

/* Reads the config ("speech.width", ...) and the tensors ("speech.enter.weight", ...) of `weights`, which may be closed
 * afterwards, and prepares every layer for runs of up to `steps` (1..VV_SPEECH_STEPS_MAX). 0; -EINVAL: the weights are
 * not an encoder's, or `steps` is out of its bounds; -ENOTSUP: the kernels cannot run it; -ENOMEM. `*encoder` is NULL
 * then, and `problem` (may be NULL) says why. */
int vv_speech_encoder_open(const VvWeights *weights, const VvKernels *kernels, int steps, VvSpeechEncoder **encoder,
                           VvModelProblem *problem);

/* Takes the address and clears it; NULL inside is fine. No worker may be open. */
void vv_speech_encoder_close(VvSpeechEncoder **encoder);

/* Any thread; lives as long as the encoder. */
const VvSpeechEncoderInfo *vv_speech_encoder_info(const VvSpeechEncoder *encoder);

/* Opens a worker, to be used by one thread at a time, and warms it up. Open one after the other; others may be at work
 * meanwhile. Close it before its encoder; NULL inside is fine. */
VvKernelStatus vv_speech_worker_open(VvSpeechEncoder *encoder, VvSpeechWorker **worker);
void vv_speech_worker_close(VvSpeechWorker **worker);

/* What to encode, and where to. Step s is made of rows 2 s and 2 s + 1; steps before row 0 and from row `row_count` on
 * are silence. All results are wanted or not, as the caller likes. */
typedef struct VvSpeechSteps {
    const float *rows; /* [row_count][VV_MEL_BANDS], host memory; NULL if row_count is 0 */
    int row_count;     /* at least 0 */
    int first, count;  /* the steps that are wanted: any first, 1 to the encoder's `steps`; fewer cost the same */
    float *hidden;     /* out: [count][width]; NULL: not wanted */
    float *mouth;      /* out: [count][mouths], in the units of each; NULL: not wanted */
    float *phone;      /* out: [count][phones], logits; NULL: not wanted */
} VvSpeechSteps;

/* Encodes; what was asked for is there when it returns. VV_KERNEL_SHAPE: `count` or `row_count` out of bounds, or a
 * worker for many; nothing is written then. */
VvKernelStatus vv_speech_encode(VvSpeechWorker *worker, const VvSpeechSteps *steps);

/* ---- many voices at once, for a device ------------------------------------------------------------------------------
 *
 * A worker for `items` (1..VV_SPEECH_ITEMS_MAX) runs the layers over all of them in one go, and leaves what comes of it
 * on the device. An item gets what it gets alone. Opening one plans layers: no worker of the encoder may be at work. */
VvKernelStatus vv_speech_worker_open_many(VvSpeechEncoder *encoder, int items, VvSpeechWorker **worker);

/* Lays down what one of the items (0..items - 1) is to hear: of `steps` the rows and `first` count. An item of which
 * nothing is laid down hears what it heard before. Threads may do it at once, for different items. */
void vv_speech_encode_put(VvSpeechWorker *worker, int item, const VvSpeechSteps *steps);

/* Encodes the items; all is done when it returns. `tokens`: f32 [items, the encoder's steps, width] on the table's
 * device, which lasts until the next run. */
VvKernelStatus vv_speech_encode_many(VvSpeechWorker *worker, VvTensor *tokens);

#endif
