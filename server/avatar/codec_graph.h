/* Inside the codec: what codec.py computes, as calls on the kernel table, one line each.
 *
 * A graph is walked in two ways: a plan prepares each layer for the shapes it meets and counts the memory that buffers
 * and scratch take; a run computes. Both take the same buffers from an arena in the same order, so what was planned is
 * what runs. */
#ifndef VV_CODEC_GRAPH_H
#define VV_CODEC_GRAPH_H

#include "server/avatar/codec_net.h"

/* One walk. Nothing more is done after the first error. */
typedef struct VvCodecPass {
    const VvCodecNet *net;
    VvStream *stream; /* NULL: this is a plan */
    VvArena *arena;   /* buffers are taken from it, and stay taken */
    size_t *scratch;  /* a plan raises it to what the layers need */
    VvKernelStatus status;
    VvCodecWatch *watch; /* NULL: nobody watches */
    void *watch_ctx;
} VvCodecPass;

/* What the decoder knows of all characters, on the device; the first dimension counts them. */
typedef struct VvCodecCast {
    VvTensor maps[VV_CODEC_LEVELS]; /* in the table's compute type; the coarsest begin with z0, the portrait's own z */
    VvTensor portraits;             /* u8 RGB */
} VvCodecCast;

/* Takes the memory for `characters` of them. */
VvCodecCast vv_codec_cast_take(VvArena *arena, const VvCodecNet *net, int characters);

/* Portrait and maps of one character are a cast of one: the one at `index`. */
VvCodecCast vv_codec_cast_member(const VvCodecCast *cast, int index);

/* `one.portraits` to `one.maps`, z0 among them. */
void vv_codec_graph_appearance(VvCodecPass *pass, const VvCodecCast *one);

/* u8 frames [n,32G,32G,3] to z, f32 [n,G,G,C]. */
void vv_codec_graph_motion(VvCodecPass *pass, VvTensor frames, VvTensor z);

/* z, f32 [n,G,G,C], shown by the characters which, i32 [n], to u8 frames [n,32G,32G,3] and the same as I420,
 * [n,48G,32G]; one of the two may be no tensor. `still` is f32 [n,1,1,2], zero: the flow that moves nothing. */
typedef struct VvCodecDecode {
    const VvCodecCast *cast;
    VvTensor which, still, z, frames, i420;
} VvCodecDecode;
void vv_codec_graph_decode(VvCodecPass *pass, const VvCodecDecode *decode);

#endif
