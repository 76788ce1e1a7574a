/* The mouth that goes with speech: dominance-function coarticulation after Cohen and Massaro, over targets in FACS
 * weights (phones.def), with closures that must be kept kept at any rate. */
#ifndef VV_ARTICULATION_H
#define VV_ARTICULATION_H

#include "weights/performer/expression.h"
#include "weights/performer/phone.h"

/* The shapes that phones.def sets, in its order. */
enum { VV_MOUTH_SHAPES = 12 };

/* The mouth at one instant, before it is joined with the rest of the face. */
typedef struct VvMouth {
    float weight[VV_MOUTH_SHAPES]; /* jaw, funnel, pucker, rollLower, ... as in phones.def */
    float tongue;
    float bilabial;    /* 0..1: how much the lips must be shut */
    float labiodental; /* 0..1: how much the lower lip must touch the upper teeth */
    float speech;      /* 0..1: how much speech rules the mouth, and so how much an expression of it gives way */
} VvMouth;

/* The mouth at `time` seconds of a track whose phones are `segments` (in order, samples at 16 kHz, gaps are pauses).
 * `from` is where to begin looking, kept by the caller over calls with growing times (start with 0). `loudness` is 1
 * for usual speech: louder opens the jaw. Pure but for `from`. */
VvMouth vv_articulate(const VvSegment *segments, int count, double time, float loudness, int *from);

/* Joins the mouth with a face that has an expression already: smiles and the like give way to what speech needs but
 * are not lost, closures win over everything. Writes expression weights 0..1 and the tongue. */
void vv_mouth_apply(const VvMouth *mouth, VvPose *pose);

/* The gap between the lips in cm that weights make on the head asset's mean face, against rest; 0 or less is shut.
 * Linear, measured on the asset's inner lip landmarks. */
float vv_lip_gap(const float expression[VV_EXPRESSIONS]);

/* Where the lower lip's inner edge lies against the upper teeth's edge, cm: [0] up, [1] forward. Near (0, 0) it
 * touches. */
void vv_lip_to_teeth(const float expression[VV_EXPRESSIONS], float out[2]);

#endif
