/* The inside of a caller, shared by caller.c (what it does), caller_speech.c (what it has the avatar say) and
 * caller_measure.c (what it measures of what arrives). */
#ifndef VV_CALLER_PARTS_H
#define VV_CALLER_PARTS_H

#include "server/commands/assistant/sender.h"
#include "server/commands/bench/caller.h"

#include <ev.h>

#define VV_CALLER_RECENT 64 /* frames whose arrival, and whose audio's, is remembered */
#define VV_CALLER_PACKET_US 20000
#define VV_CALLER_FRAME_US 40000

typedef enum VvCallerSpeech { VV_CALLER_QUIET, VV_CALLER_SENDING, VV_CALLER_PLAYING } VvCallerSpeech;

typedef struct VvArrival {
    int64_t pts; /* of the frame; -1: none */
    VvTime at;
} VvArrival;

struct VvCaller {
    VvBenchRun *run;
    int index;
    char name[65];
    uint64_t random;
    VvClient *client;
    ev_timer tick;
    bool joined, leaving;
    VvTime dialled;
    VvTime clock;             /* when the caller's own clock began: its media count from here */
    uint32_t packets, frames; /* sent */
    uint32_t camera;          /* the clip's next picture */
    VvTime next_ping, rtt;
    int window_ms;

    /* what the avatar says */
    VvSender sender;
    VvCallerSpeech speech;
    uint32_t utterance;
    uint32_t said; /* utterances so far */
    bool to_interrupt;
    VvTime next_speech;    /* when the next utterance begins */
    VvTime deadline;       /* when playback.finished is missed */
    VvTime speech_in;      /* first audio message sent; 0: not yet */
    bool first_frame;      /* the first frame of it came */
    VvTime interrupt_due;  /* when to interrupt; 0: not known yet */
    VvTime interrupted_at; /* speech.interrupt sent; 0: not */
    int64_t interrupt_pts; /* the newest frame's then */
    VvTime last_heard;     /* arrival of the newest media of the utterance */
    int64_t last_pts;      /* and its pts */

    /* what arrived */
    bool any_frame;
    uint32_t next_video, next_audio;
    bool any_audio;
    VvTime last_frame;
    int64_t last_frame_pts;
    VvTime earliest; /* smallest arrival - pts */
    VvArrival audio[VV_CALLER_RECENT], video[VV_CALLER_RECENT];
    bool any_stats;
    VvStats stats;
    VvSamples samples[VV_MEASURE_COUNT];
    VvInspector *inspector;
};

/* A number in 0..1, the caller's own sequence. */
double vv_caller_random(VvCaller *caller);

/* Speech: at session.ready, at every tick, and for every message. */
void vv_caller_speech_begin(VvCaller *caller);
void vv_caller_speech_tick(VvCaller *caller, VvTime now);
void vv_caller_speech_message(VvCaller *caller, const VvMessage *message, VvTime now);

/* Measures: media and stats as they come. vv_caller_record keeps a sample while the run is recording. */
void vv_caller_record(VvCaller *caller, VvMeasure measure, VvTime microseconds);
void vv_caller_take_media(VvCaller *caller, const VvFrameHeader *header, const uint8_t *payload, VvTime now);
void vv_caller_take_stats(VvCaller *caller, const VvStats *stats);

#endif
