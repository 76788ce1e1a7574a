/* The tensor operations that the model is made of: one table of functions per backend.
 *
 * `ref` is plain C and defines what is correct; `cpu` is oneDNN and vector code, chosen by what the processor can do.
 * The model is written once, on a `const VvKernels *`, and never asks which one it has.
 *
 * How it is used:
 *   1. start: choose a table; open the layers that hold weights (conv, linear) and plan each for every shape it will
 *      see; run the wiring once on a planning arena to learn its size; open the arena; open a stream per worker thread.
 *   2. per step: call operations on the stream; nothing allocates. Operations are asynchronous on a device and
 *      immediate on a CPU; `wait` makes results visible to the host.
 *   3. end: close layers, streams, arena.
 *
 * Tensors are batch first, channels last: pictures are [N,H,W,C], token rows [N,T,C]. A tensor may be a slice of the
 * channels of a wider one (vv_tensor_channels), so that two producers fill one buffer side by side and concatenation
 * costs nothing. Where no word is said, source and destination must not overlap.
 *
 * Every operation checks types, shapes and devices and returns a VvKernelStatus; on an error the destination is
 * untouched. Nothing here logs, exits, starts threads or reads configuration. Tables are constant and may be used from
 * any thread; what holds state says who may use it. */
#ifndef VV_KERNELS_H
#define VV_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* What every function that can fail returns. */
typedef enum VvKernelStatus {
    VV_KERNEL_OK = 0,
    VV_KERNEL_SHAPE,       /* ranks, sizes or pitches do not fit together */
    VV_KERNEL_TYPE,        /* element types that this operation does not take */
    VV_KERNEL_DEVICE,      /* a tensor without data, or on another device than the table's */
    VV_KERNEL_UNPLANNED,   /* a layer run with shapes that were never planned */
    VV_KERNEL_SCRATCH,     /* the stream's scratch memory is smaller than the layer's plan asks for */
    VV_KERNEL_UNSUPPORTED, /* this machine, or this backend, cannot */
    VV_KERNEL_MEMORY,      /* out of memory */
    VV_KERNEL_BACKEND,     /* the library below failed */
} VvKernelStatus;

/* A few words for a status, for messages. Never NULL. */
const char *vv_kernel_status_text(VvKernelStatus status);

/* ---- tensors ---------------------------------------------------------------------------------------------------- */

typedef enum VvDataType {
    VV_F32,
    VV_BF16,
    VV_U8,
    VV_I32,
} VvDataType;

typedef enum VvDevice {
    VV_ON_CPU,
    VV_ON_CUDA,
} VvDevice;

#define VV_RANK_MAX 4

/* A view of numbers owned by someone else, passed by value. All zero: no tensor. */
typedef struct VvTensor {
    void *data;
    VvDataType type;
    VvDevice device;
    int rank;
    int shape[VV_RANK_MAX];
    int pitch; /* elements from one row of the last dimension to the next: shape[rank - 1] unless it is a slice */
} VvTensor;

/* Bytes of one element. */
size_t vv_type_size(VvDataType type);

/* "f32", "bf16", "u8", "i32". */
const char *vv_type_name(VvDataType type);

/* A dense tensor over `data` (NULL: a shape to plan with). No tensor (rank 0) if `rank` is not 1 to VV_RANK_MAX, a size
 * is not positive, or the elements do not fit an int. */
VvTensor vv_tensor(void *data, VvDataType type, VvDevice device, int rank, const int shape[]);

/* The same for pictures, [n,h,w,c]. */
VvTensor vv_tensor_nhwc(void *data, VvDataType type, VvDevice device, int n, int h, int w, int c);

/* The channels `first` to `first + count - 1` of `whole`. No tensor if they are not all there. */
VvTensor vv_tensor_channels(VvTensor whole, int first, int count);

/* The batch items `first` to `first + count - 1` of `whole`. No tensor if they are not all there. */
VvTensor vv_tensor_items(VvTensor whole, int first, int count);

/* Elements seen through the view (its shape's product); 0 for no tensor. */
size_t vv_tensor_count(VvTensor tensor);

/* Rows of the last dimension: count / shape[rank - 1]; 0 for no tensor. */
size_t vv_tensor_rows(VvTensor tensor);

/* Bytes from the first element to behind the last, those between a slice's rows included; 0 for no tensor. */
size_t vv_tensor_bytes(VvTensor tensor);

/* Whether nothing lies between the rows. */
bool vv_tensor_is_dense(VvTensor tensor);

/* Whether it is a tensor of exactly this type and shape, whatever its pitch. */
bool vv_tensor_is(VvTensor tensor, VvDataType type, int rank, const int shape[]);

/* Whether both have the same rank and sizes. */
bool vv_tensor_same_shape(VvTensor a, VvTensor b);

/* bfloat16 as the upper half of a float; rounded to nearest even, NaN stays NaN. */
static inline uint16_t vv_bf16_from_f32(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    const uint32_t nan = bits >> 16 | 0x40; /* rounding could carry it into infinity */
    return (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? nan : rounded);
}

static inline float vv_f32_from_bf16(uint16_t value) {
    const uint32_t bits = (uint32_t)value << 16;
    float result;
    memcpy(&result, &bits, sizeof result);
    return result;
}

/* ---- layers: operations that hold weights ----------------------------------------------------------------------- */

typedef enum VvActivation {
    VV_ACTIVATION_NONE,
    VV_ACTIVATION_RELU,
    VV_ACTIVATION_SQUARED_RELU, /* max(x, 0)^2 */
} VvActivation;

/* A convolution in PyTorch's sense, zero padding (kernel - 1) / 2:
 *   dst[n,y,x,o] = act(residual[n,y,x,o] + bias[o] + sum src[n, y*stride + i - pad, x*stride + j - pad, c] w[o,c,i,j])
 * dst is ceil(H / stride) by ceil(W / stride). Weights are rounded to the source's type, and the bias may be if the
 * destination is of that type too; sums are f32 or better. The activation may make 0 of what is no number. */
typedef struct VvConvSpec {
    int in, out; /* channels */
    int kernel;  /* 1 or 3 */
    int stride;  /* 1 or 2 */
    VvActivation activation;
    bool residual;        /* whether run is given one */
    const float *weights; /* on the host, [out][in][kernel][kernel]; not used after open */
    const float *bias;    /* on the host, [out]; NULL: none; not used after open */
} VvConvSpec;

/* dst[.., o] = act(residual[.., o] + bias[o] + sum src[.., i] w[o,i]) for every row of the source. */
typedef struct VvLinearSpec {
    int in, out;
    VvActivation activation;
    bool residual;
    const float *weights; /* on the host, [out][in]; not used after open */
    const float *bias;    /* on the host, [out]; NULL: none; not used after open */
} VvLinearSpec;

/* A layer may be run by several threads at once, each with its own stream; open, plan and close are one thread's. */
typedef struct VvConv VvConv;
typedef struct VvLinear VvLinear;

/* A worker thread's queue of work, with its scratch memory. Used by one thread at a time. */
typedef struct VvStream VvStream;

/* What was asked of a stream, kept to be asked again in one go. Any thread may replay it, on any stream of the table;
 * the tensors in it must still be there. */
typedef struct VvRecording VvRecording;

/* ---- operations with more than a source and a destination -------------------------------------------------------- */

/* What one unit of a flow field means. */
typedef enum VvFlowUnit {
    VV_FLOW_HALVES, /* half the picture: the coordinates of PyTorch's grid_sample, -1 to 1 over the picture */
    VV_FLOW_PIXELS, /* pixels of the tensor that is warped */
    VV_FLOW_CELLS,  /* cells of the flow field's own grid */
} VvFlowUnit;

/* Occlusion is trained as a logit around "visible". */
#define VV_OCCLUSION_BIAS 2.0f

/* Moves features along a flow field:
 *   dst[n,y,x,:] = src[which[n], at (y, x) + flow(n,y,x), :] * sigmoid(occlusion(n,y,x) + VV_OCCLUSION_BIAS)
 * Samples are bilinear with the border repeated; the coarser flow and occlusion are first enlarged bilinearly. Both as
 * PyTorch's grid_sample(padding_mode=border) and interpolate do with align_corners=False. A flow that is not finite
 * reads the border; it never reads outside. */
typedef struct VvWarp {
    VvTensor src;       /* [M,H,W,C], f32 or bf16 */
    VvTensor which;     /* i32 [N], each clamped to 0..M-1; no tensor: n reads n, or 0 if M is 1 */
    VvTensor flow;      /* f32 [N,Hf,Wf,2]: x to the right, y down */
    VvTensor occlusion; /* f32 [N,Hf,Wf,1], the flow's size; no tensor: none */
    VvFlowUnit unit;
    VvTensor dst; /* [N,H,W,C], the source's type */
} VvWarp;

/* The decoder's last step: the portrait's own pixels where they can be had, painted ones elsewhere.
 *   painted' = pixel shuffle of `painted` by r = H / its height: C colours in -1..1, then the mask's logit
 *   m = sigmoid(mask logit)
 *   dst = round(m * warped portrait + (1 - m) * (painted' + 1) * 127.5), clamped to 0..255; NaN gives 0
 * The portrait is warped as VvWarp says, without occlusion. `planes` are the bytes of dst as I420, Y, U and V one after
 * another: BT.709, limited range, chroma the mean of its 2 x 2 pixels, alpha ignored. Either of dst and planes may be
 * no tensor, not both. */
typedef struct VvBlend {
    VvTensor portrait; /* u8 [M,H,W,C], C = 3 (RGB) or 4 (RGB and alpha) */
    VvTensor which;    /* as in VvWarp */
    VvTensor flow;     /* f32 [N,Hf,Wf,2] */
    VvFlowUnit unit;
    VvTensor painted; /* f32 or bf16 [N,H/r,W/r,(C+1)*r*r], r = 1, 2 or 4 */
    VvTensor dst;     /* u8 [N,H,W,C] */
    VvTensor planes;  /* u8 [N,H*3/2,W], dense; H and W even */
} VvBlend;

/* How bytes become numbers: (byte - mean) * scale. */
typedef struct VvByteScale {
    float mean, scale;
} VvByteScale;

/* -1..1 */
#define VV_BYTES_SYMMETRIC ((VvByteScale){127.5f, 1.0f / 127.5f})

/* ---- operations on tokens: the denoiser's and the speech encoder's --------------------------------------------------
 *
 * Token rows are [N,T,D]. Of attention D = heads * head size, the channels of one head side by side; heads divide D,
 * and a head has at most VV_HEAD_MAX channels. A window's tokens are numbered frame by frame: token t is place t %
 * places of frame t / places; a tensor that holds a window from its token `first` on says so. */
#define VV_HEAD_MAX 256

/* RMS norm of what h becomes when something is added to it; adaptive if there is a scale or a shift:
 *   h[n,t,:] += (1 + gate[n,:]) * y[n,t,:]
 *   dst[n,t,:] = h[n,t,:] / sqrt(mean(h[n,t,:]^2) + VV_NORM_EPSILON) * (1 + scale[n,:]) + shift[n,:] */
typedef struct VvNorm {
    VvTensor h;            /* f32 [N,T,D]; only read if there is no y */
    VvTensor y;            /* f32 or bf16 [N,T,D]; no tensor: nothing is added */
    VvTensor gate;         /* f32 [N,D], with a y only; no tensor: zeros */
    VvTensor scale, shift; /* f32 [N,D]; no tensors: zeros */
    VvTensor dst;          /* f32 or bf16 [N,T,D]; may be y, or h if there is no y */
} VvNorm;

/* Softmax attention of every head over two sets of keys together, those kept from before and those made now:
 *   dst[n,i,:] = (1 + gate[n,:]) * sum over j of softmax over j (q[n,i] . k[n,j] / sqrt(head size)) v[n,j]
 * where j runs over all of cached_k and all of k. Either set may be no tensor, not both. All of one type, f32 or bf16,
 * but for the gate. Sums and the softmax are f32 or better; of bf16 the probabilities may be rounded to bf16. */
typedef struct VvAttention {
    int heads;
    VvTensor q;                  /* [N,Tq,D] */
    VvTensor cached_k, cached_v; /* [N,Tc,D], or [1,Tc,D] that all n share; or no tensors */
    VvTensor k, v;               /* [N,Tk,D], or no tensors */
    VvTensor gate;               /* f32 [N,D]; no tensor: zeros */
    VvTensor dst;                /* [N,Tq,D]; may be q */
} VvAttention;

/* SDCM, the decoupled cross-attention of the ECHO paper, without its output projection: the mouth hears speech in
 * detail, the rest of the face the context. With frame f and place s of token `first` + i:
 *   dst[n,i,:] = mask[s] * (1 + lip_gate[n,:]) * lip + (1 - mask[s]) * (1 + context_gate[n,:]) * context
 *   lip:     attention over lip tokens f * lip_step to f * lip_step + lip_span - 1, lip_prior[head, j] added to the
 *            logit of the j-th of them
 *   context: attention over the first `shared` context tokens, and over the tokens shared + f * context_step to
 *            shared + f * context_step + context_span - 1
 * each as in VvAttention. A branch whose weight is 0 is not computed: what it would have read may be anything. All
 * tokens that the frames of q ask for must be there, whatever the mask. q, keys, values and dst are of one type, f32 or
 * bf16. */
typedef struct VvDecoupled {
    int heads;
    int first, places;
    VvTensor q;    /* [N,T,D] */
    VvTensor mask; /* f32 [places], 0..1 */

    VvTensor lip_k, lip_v; /* [N,Tl,D] */
    VvTensor lip_prior;    /* f32 [heads,lip_span]; no tensor: zeros */
    VvTensor lip_gate;     /* f32 [N,D]; no tensor: zeros */
    int lip_step, lip_span;

    VvTensor context_k, context_v; /* [N,Tx,D] */
    VvTensor context_gate;         /* f32 [N,D]; no tensor: zeros */
    int shared, context_step, context_span;

    VvTensor dst; /* [N,T,D]; may be q */
} VvDecoupled;

/* Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011): four random words for a counter
 * and a key. Any thread. */
void vv_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t words[4]);

/* Four standard normal numbers: elements 4 * index to 4 * index + 3 of the noise of (seed, window, stream), made so:
 *
 *   words = philox(counter {index, low half of window, high half, stream}, key {low half of seed, high half})
 *   u[i] = (words[i] / 2^8 rounded down, + 1) / 2^24, in (0, 1]
 *   normals[0] = sqrt(-2 ln u[0]) cos(2 pi u[1]), normals[1] the same with sin; normals[2] and [3] so of u[2] and u[3]
 *
 * Any thread. */
void vv_philox_normals(uint64_t seed, uint64_t window, uint32_t stream, uint32_t index, float normals[4]);

/* ---- the table -----------------------------------------------------------------------------------------------------
 */

typedef struct VvKernels {
    const char *name;   /* "ref", "cpu avx512 bf16", ... for logs and doctor */
    VvDevice device;    /* where its tensors live */
    VvDataType compute; /* what activations should be, for speed: VV_BF16 where that is faster, else VV_F32 */

    /* Memory of the device, aligned to VV_ARENA_ALIGN and cleared. Use an arena. */
    VvKernelStatus (*memory_open)(size_t bytes, void **memory);
    void (*memory_close)(void **memory);

    /* Opens a worker's stream; `scratch` is u8 on the device, as large as the largest scratch of the layers it will
     * run (no tensor: none), and stays the caller's. Close takes the address and clears it; NULL inside is fine. */
    VvKernelStatus (*stream_open)(VvTensor scratch, VvStream **stream);
    void (*stream_close)(VvStream **stream);
    /* Returns when all that was asked of the stream is done, with its first error. */
    VvKernelStatus (*wait)(VvStream *stream);

    /* Between the host (any address) and the device; dense tensors. The host's memory must stay until `wait`. */
    VvKernelStatus (*upload)(VvStream *stream, const void *host, VvTensor dst);
    VvKernelStatus (*download)(VvStream *stream, VvTensor src, void *host);

    /* Layers. Open copies the weights. Plan prepares one combination of shapes and pitches (data is not looked at), and
     * raises *scratch to what running it needs; planning the same again is free. Plans share the weights where the
     * backend can. Run takes tensors exactly as planned. Types: source f32 to destination f32, or source bf16 to
     * destination bf16 or f32. `residual` has the destination's type and shape, and may be the destination itself (the
     * cheapest); it is not looked at unless the spec says so. */
    VvKernelStatus (*conv_open)(const VvConvSpec *spec, VvConv **conv);
    VvKernelStatus (*conv_plan)(VvConv *conv, VvTensor src, VvTensor dst, size_t *scratch);
    VvKernelStatus (*conv)(VvStream *stream, const VvConv *conv, VvTensor src, VvTensor residual, VvTensor dst);
    void (*conv_close)(VvConv **conv);
    VvKernelStatus (*linear_open)(const VvLinearSpec *spec, VvLinear **linear);
    VvKernelStatus (*linear_plan)(VvLinear *linear, VvTensor src, VvTensor dst, size_t *scratch);
    VvKernelStatus (*linear)(VvStream *stream, const VvLinear *linear, VvTensor src, VvTensor residual, VvTensor dst);
    void (*linear_close)(VvLinear **linear);

    /* Element by element; f32 or bf16, all of one shape and type. dst may be a source. What is added to a may have one
     * item that all of a's share, [1,...] of rank 2 or more. */
    VvKernelStatus (*relu)(VvStream *stream, VvTensor src, VvTensor dst);
    VvKernelStatus (*add)(VvStream *stream, VvTensor a, VvTensor b, VvTensor dst);
    /* The same numbers in another place: f32 and bf16 in any combination, also copies slices. */
    VvKernelStatus (*convert)(VvStream *stream, VvTensor src, VvTensor dst);

    /* [N,H,W,C] to [N,2H,2W,C], nearest neighbour; f32 or bf16, both of one type. */
    VvKernelStatus (*upsample2)(VvStream *stream, VvTensor src, VvTensor dst);
    /* [N,H,W,C*r*r] to [N,H*r,W*r,C], channels ordered as PyTorch's pixel_shuffle; f32 or bf16 in any combination. */
    VvKernelStatus (*pixel_shuffle)(VvStream *stream, int r, VvTensor src, VvTensor dst);
    /* [N,H,W,C] to f32 or bf16 [N,H/2,W/2,C*4], channels ordered as PyTorch's pixel_unshuffle; H and W even. The source
     * is u8, scaled, or f32 or bf16, as it is (`scale` unused). */
    VvKernelStatus (*unshuffle2)(VvStream *stream, VvByteScale scale, VvTensor src, VvTensor dst);
    /* u8 [N,H,W,C] to [N,H/2,W/2,C], means of 2 x 2; H and W even. To f32 or bf16: the mean, scaled; to u8: the mean,
     * rounded half up, `scale` unused. */
    VvKernelStatus (*pool2_bytes)(VvStream *stream, VvByteScale scale, VvTensor src, VvTensor dst);

    VvKernelStatus (*warp)(VvStream *stream, const VvWarp *warp);
    VvKernelStatus (*blend)(VvStream *stream, const VvBlend *blend);

    /* dst = a * sigmoid(a), times b unless that is no tensor; f32 or bf16, all of one shape and type. dst may be a
     * source. */
    VvKernelStatus (*silu)(VvStream *stream, VvTensor a, VvTensor b, VvTensor dst);
    /* dst = x - dt * v: a step of the flow; f32, all of one shape. dst may be a source. */
    VvKernelStatus (*flow_step)(VvStream *stream, float dt, VvTensor x, VvTensor v, VvTensor dst);
    VvKernelStatus (*norm)(VvStream *stream, const VvNorm *norm);
    /* Rows of every item into a longer tensor: dst[n, first + i, :] = src[n,i,:] + place[i % places, :]; other rows of
     * dst stay. src f32 or bf16 [N,T,D], or [1,T,D] that all n share; place f32 [places,D], or no tensor: zeros; dst
     * f32 [N,T',D]. */
    VvKernelStatus (*insert)(VvStream *stream, int first, VvTensor src, VvTensor place, VvTensor dst);
    /* h[n,i,:] += place[t % places,:] + frame[n, t / places,:] with t = first + i; h f32 [N,T,D], place f32 [places,D],
     * frame f32 [N,F,D] with all frames that are asked for; either may be no tensor. */
    VvKernelStatus (*embed)(VvStream *stream, int first, int places, VvTensor place, VvTensor frame, VvTensor h);
    /* Rotary positions: of every head the pairs of channels i and i + r turn, r half the head's size:
     *
     *   dst[n,t,i] = src[n,t,i] * cos[t,i] - src[n,t,i+r] * sin[t,i]
     *   dst[n,t,i+r] = src[n,t,i+r] * cos[t,i] + src[n,t,i] * sin[t,i]
     *
     * src and dst [N,T,heads*2r], both f32 or both bf16; angles f32 [T,2r]: r columns of cos, then r of sin, the same
     * for all n and heads. dst may be the source. */
    VvKernelStatus (*rotary)(VvStream *stream, int heads, VvTensor src, VvTensor angles, VvTensor dst);
    /* Plan raises *scratch to what running these shapes needs of the stream's scratch memory; data is not looked
     * at, and fewer items, queries or keys need no more. Run allocates nothing. */
    VvKernelStatus (*attention_plan)(const VvAttention *attention, size_t *scratch);
    VvKernelStatus (*attention)(VvStream *stream, const VvAttention *attention);
    VvKernelStatus (*decoupled_plan)(const VvDecoupled *decoupled, size_t *scratch);
    VvKernelStatus (*decoupled)(VvStream *stream, const VvDecoupled *decoupled);
    /* dst f32 [N,...]: standard normal numbers; element e of item n, counted in the item's own order, is the
     * (e % 4)th of vv_philox_normals(seeds[n], windows[n], number, e / 4), within f32 rounding of the functions in it.
     * `seeds` and `windows` are on the host and read at once. */
    VvKernelStatus (*noise)(VvStream *stream, const uint64_t seeds[], const uint64_t windows[], uint32_t number,
                            VvTensor dst);

    /* Optional, all or none (NULL): what is asked of the stream between `record` and `recorded` is kept and not done,
     * `replay` does it with the same tensors, as if it were asked again; for a device that costs one call instead of
     * hundreds. Between the two nothing may be uploaded, downloaded or waited for, and nothing that reads the host.
     * `recorded` ends the recording in any case; on an error there is none. */
    VvKernelStatus (*record)(VvStream *stream);
    VvKernelStatus (*recorded)(VvStream *stream, VvRecording **recording);
    VvKernelStatus (*replay)(VvStream *stream, const VvRecording *recording);
    void (*recording_close)(VvRecording **recording);
} VvKernels;

#define VV_NORM_EPSILON 1e-6f

/* Plain C: the definition of correct, slow. */
const VvKernels *vv_kernels_ref(void);

/* What the processor can do; the environment's ONEDNN_MAX_CPU_ISA lowers it. */
typedef enum VvCpuIsa {
    VV_CPU_PLAIN, /* no vector instructions beyond the compiler's baseline */
    VV_CPU_AVX2,  /* with FMA and F16C */
    VV_CPU_AVX512 /* F, BW, DQ, VL */
} VvCpuIsa;

/* The instruction set that the CPU backend's own kernels may use here. */
VvCpuIsa vv_cpu_isa(void);

/* Whether bf16 layers run on matrix units (AMX), where they are several times faster than f32. */
bool vv_cpu_has_amx(void);

/* Whether bf16 layers are faster than f32 ones: with AMX, or with AVX-512's bf16 instructions where those are. */
bool vv_cpu_prefers_bf16(void);

/* The CPU backend with kernels of at most `isa`, or what the processor has if that is less. `compute` VV_BF16 or
 * VV_F32 is what its layers prefer; VV_BF16 needs AVX-512: NULL if the processor has it not, or for another type. */
const VvKernels *vv_kernels_cpu(VvCpuIsa isa, VvDataType compute);

/* A table by the name that users type: "ref"; "cpu" (all the processor has: bf16 where it is faster, else f32);
 * "cpu-f32", "cpu-bf16"; "cpu-avx2", "cpu-plain" (f32, our own kernels with lesser instructions; oneDNN's layers are
 * lowered by ONEDNN_MAX_CPU_ISA only); "cuda" (cuda_load.h says why there is none). NULL: unknown, or not on this
 * machine. */
const VvKernels *vv_kernels_named(const char *name);

/* ---- memory ------------------------------------------------------------------------------------------------------ */

#define VV_ARENA_ALIGN 64

/* One piece of a table's memory, taken from front to back. A planning arena has no memory: it counts what a wiring
 * takes, and gives out tensors without data, good for planning layers. One thread's. */
typedef struct VvArena {
    const VvKernels *kernels;
    unsigned char *memory; /* NULL: planning */
    size_t size, used;
    size_t peak; /* the most that was ever used */
    bool failed; /* something did not fit, or was no valid shape */
} VvArena;

/* An arena that only counts. Needs no close. */
VvArena vv_arena_plan(const VvKernels *kernels);

/* Opens one of `size` bytes (a planning arena's peak), cleared. VV_KERNEL_OK, or VV_KERNEL_MEMORY with `arena` empty.
 */
VvKernelStatus vv_arena_open(VvArena *arena, const VvKernels *kernels, size_t size);

/* Gives the memory back and clears the arena. One that failed to open, or is all zero, is fine. */
void vv_arena_close(VvArena *arena);

/* The next dense tensor. On failure no tensor, and arena->failed stays set: ask once, after the wiring. */
VvTensor vv_arena_take(VvArena *arena, VvDataType type, int rank, const int shape[]);
VvTensor vv_arena_take_nhwc(VvArena *arena, VvDataType type, int n, int h, int w, int c);

/* Gives back all that was taken since `used` was `mark`, for tensors whose lives do not overlap. */
void vv_arena_rewind(VvArena *arena, size_t mark);

#endif
