/* The portrait codec: a face's appearance and its motion, apart, and put together again.
 *
 *   appearance   a portrait -> feature maps and its own z, once for each character
 *   motion       a frame -> z, grid x grid x latent numbers that say how the face is held
 *   decode       z and a character -> a frame
 *
 * One VvCodec holds the layers, prepared for one kernel table and every batch size, and the characters' maps; any
 * number of workers share it. A worker is one thread's stream and buffers. Once both are open, nothing allocates.
 * docs/codec.md tells how it works; weights/train/codec.py is its definition. */
#ifndef VV_CODEC_H
#define VV_CODEC_H

#include "kernels/kernels.h"
#include "weights/vv_weights.h"

#include <stddef.h>
#include <stdint.h>

#define VV_CODEC_BATCH_MAX 64
#define VV_CODEC_CHARACTERS_MAX 1024

typedef struct VvCodec VvCodec;
typedef struct VvCodecWorker VvCodecWorker;

typedef struct VvCodecSetup {
    const VvKernels *kernels;
    int characters; /* how many there is room for: 1..VV_CODEC_CHARACTERS_MAX */
    int batch;      /* the most frames that go through the layers at once: 1..VV_CODEC_BATCH_MAX */
} VvCodecSetup;

typedef struct VvCodecInfo {
    int grid, latent;    /* z of a frame is grid x grid x latent */
    int z_count;         /* = grid * grid * latent */
    int picture;         /* pixels of a side of portraits and frames, = 32 grid */
    size_t parameters;   /* weights and biases */
    size_t maps_bytes;   /* of a character: maps and portrait */
    size_t worker_bytes; /* of a worker: buffers and scratch memory */
} VvCodecInfo;

/* Why a codec could not be opened. `weights` or `kernels` is not OK; `text` is a sentence. */
typedef struct VvCodecProblem {
    VvWeightsError weights;
    VvKernelStatus kernels;
    char text[320];
} VvCodecProblem;

/* Reads the config ("codec.grid", ...) and the tensors ("codec.decoder.out.weight", ...) of `weights`, which may be
 * closed afterwards, and prepares every layer. 0; -EINVAL: the weights are not a codec's, or the setup is out of its
 * bounds; -ENOTSUP: the kernels cannot run it; -ENOMEM. `*codec` is NULL then, and `problem` (may be NULL) says why. */
int vv_codec_open(const VvWeights *weights, const VvCodecSetup *setup, VvCodec **codec, VvCodecProblem *problem);

/* Takes the address and clears it; NULL inside is fine. No worker may be open. */
void vv_codec_close(VvCodec **codec);

/* Any thread; lives as long as the codec. */
const VvCodecInfo *vv_codec_info(const VvCodec *codec);

/* Opens a worker, to be used by one thread at a time, and warms it up: a few frames' time. Open one after the other;
 * others may be at work meanwhile. Close it before its codec; NULL inside is fine. */
VvKernelStatus vv_codec_worker_open(VvCodec *codec, VvCodecWorker **worker);
void vv_codec_worker_close(VvCodecWorker **worker);

/* Makes the maps of `character` (0..setup.characters - 1) from its portrait, [picture][picture][3] RGB. While it runs,
 * no other worker may touch that character; others may be shown. VV_KERNEL_SHAPE: there is no such character. */
VvKernelStatus vv_codec_appearance(VvCodecWorker *worker, int character, const uint8_t *portrait);

/* Encodes `count` (at least 1) frames, [count][picture][picture][3] RGB, to z, [count][grid][grid][latent]. */
VvKernelStatus vv_codec_motion(VvCodecWorker *worker, int count, const uint8_t *frames, float *z);

/* What to decode, and where to; all of it is memory of the caller's: host memory, but for `latents`. */
typedef struct VvCodecFrames {
    int count;                 /* at least 1; more than the batch goes through in several turns */
    const float *z;            /* [count][grid][grid][latent] */
    VvTensor latents;          /* the same on the table's device, f32, complete; no tensor: `z` it is */
    const int32_t *characters; /* [count]; each has had its appearance made */
    uint8_t *rgb;              /* out: [count][picture][picture][3]; NULL: not wanted */
    uint8_t *i420;             /* out: [count][picture * 3 / 2][picture], planes Y, U, V; NULL: not wanted */
} VvCodecFrames;

/* Decodes. VV_KERNEL_SHAPE: no frames, latents of another shape, or a character that is not there; nothing is written
 * then. Workers of several threads may decode at once: on a device one's pictures come down while another's are made.
 */
VvKernelStatus vv_codec_decode(VvCodecWorker *worker, const VvCodecFrames *frames);

/* Shows a test what is computed on the way: called with every stage's result, on the worker's thread and in order, the
 * tensor valid until it returns. The stages are "z" (a portrait's or a frame's), "maps" (levels 0 to 4), "h" (4 to 0),
 * "flow" (3 to 1), "painted"; level is -1 for those that have none. NULL: nobody watches. */
typedef void VvCodecWatch(void *ctx, const char *stage, int level, VvTensor value);
void vv_codec_watch(VvCodecWorker *worker, VvCodecWatch *watch, void *ctx);

#endif
