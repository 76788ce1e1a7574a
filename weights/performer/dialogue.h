/* A conversation between two performers, whole: what is said when, how both sound, what both do, and how both look in
 * every frame. Both sides come from one simulation, so each reacts to what the other really did. */
#ifndef VV_DIALOGUE_H
#define VV_DIALOGUE_H

#include "protocol/vv_protocol.h"
#include "weights/performer/chance.h"
#include "weights/performer/pose.h"
#include "weights/performer/prosody.h"
#include "weights/performer/texts.h"
#include "weights/performer/voice.h"
#include "weights/performer/voice_recorded.h"

#define VV_SIDES 2                                     /* 0: the avatar's part, 1: the user's */
#define VV_FRAME_SAMPLES (VV_VOICE_RATE / VV_POSE_FPS) /* 640 */

/* Who somebody is, as far as it shows in behaviour; 1 is usual. */
typedef struct VvTemper {
    float expressive; /* strength of the face */
    float lively;     /* movement of the head */
    float attentive;  /* nods, answers, looking */
    float quick;      /* reactions */
    float blinking;   /* blinks a minute */
    float shy;        /* looking away */
    float talkative;  /* length of turns */
    float reading;    /* share of phonetically rich nonsense in what is said, 0..1 */
} VvTemper;

typedef struct VvUtterance {
    int side;
    VvTextKind kind;
    int parent;   /* the utterance it answers; -1: none */
    int sentence; /* its number within the turn, from 0 */
    bool last;    /* of its turn */
    bool cut;     /* interrupted: it ends before its text does */
    VvEmotion emotion;
    float intensity;    /* 0..1 */
    int32_t begin, end; /* samples of the conversation */
    char text[VV_VOICE_TEXT];
} VvUtterance;

/* Everything visible that is an event. What has a time has a beginning, a length and a strength. */
typedef enum VvActKind {
    VV_ACT_BLINK,
    VV_ACT_NOD,
    VV_ACT_SHAKE,
    VV_ACT_TILT,
    VV_ACT_BEAT,       /* head and brow on a stressed word of one's own */
    VV_ACT_BROW_RAISE, /* as a listener, or with one's own question */
    VV_ACT_SMILE,
    VV_ACT_LAUGH,
    VV_ACT_SURPRISE,
    VV_ACT_CONCERN,
    VV_ACT_LOOK_AWAY,
    VV_ACT_BREATH,
    VV_ACT_AWAY, /* not there: camera off or out of the picture */
    VV_ACT_KINDS
} VvActKind;

/* The name in dialogue.json, such as "look_away"; never NULL. */
const char *vv_act_name(VvActKind kind);

typedef struct VvAct {
    VvActKind kind;
    int side;
    float begin, length; /* seconds */
    float strength;      /* 0..1, more for the lively */
    float direction[2];  /* of looking or tilting: yaw and pitch, radians */
    int answer;          /* the act of the other side that it answers; -1: none */
    int listening;       /* whether it is a listener's */
} VvAct;

typedef struct VvSide {
    int voice;           /* of the table; -1: a recorded speaker */
    const char *speaker; /* the voice's or the recorded speaker's name; lives as long as the voices or recordings */
    VvManner manner;
    VvTemper temper;
    uint64_t identity;     /* seed of the looks */
    const char *character; /* whose looks it has instead, or NULL; borrowed, and left alone by vv_conversation_make */
    int16_t *pcm;          /* the side's microphone, `samples` of the conversation */
    VvSegment *segment;    /* phones in order, with gaps where nothing is said */
    int segments;
    VvWord *word;
    int words;
    VvTone *tone;                      /* frames */
    uint8_t *speaking;                 /* frames: 1 while an utterance of the side's (backchannels too) sounds */
    float (*affect)[VV_Emotion_COUNT]; /* frames: accumulated emotion, 0..1 each */
    VvPose *pose;                      /* frames */
} VvSide;

typedef struct VvConversation {
    uint64_t seed;
    char language[12];
    int frames;
    int32_t samples; /* frames * VV_FRAME_SAMPLES */
    VvSide side[VV_SIDES];
    VvUtterance *utterance; /* by beginning */
    int utterances;
    VvAct *act; /* by beginning */
    int acts, room_acts;
} VvConversation;

/* What a conversation may be made of. */
typedef struct VvConversationPlan {
    uint64_t seed;
    double seconds;                 /* 5 .. 1800 */
    const char *language;           /* NULL: any */
    const VvRecordings *recordings; /* aligned ones may speak too; NULL: synthetic voices only; outlives the result */
    bool festival;                  /* installed voices of festival may speak too */
    bool held_out_voice, held_out_text, held_out_identity;
    char sex[VV_SIDES]; /* of the (synthetic) voice: 'f', 'm', or 0 for any */
} VvConversationPlan;

/* Makes a conversation; the same plan always gives the same bytes. Takes about a second per minute of conversation,
 * most of it in the synthesis process. Any thread. The caller frees. 0, -ENOMEM, -EINVAL, -EPIPE (see voice.h). */
int vv_conversation_make(VvVoices *voices, const VvConversationPlan *plan, VvConversation **conversation);
void vv_conversation_free(VvConversation **conversation);

/* A recorded speaker takes part with at least so many aligned clips. */
#define VV_CLIPS_MIN 20

/* Whether an identity's seed is one that training never sees: one in eight. */
bool vv_identity_held_out(uint64_t identity);

/* Adds an act, keeping none of the arguments; -ENOMEM. Used by behaviour. */
int vv_conversation_act(VvConversation *conversation, const VvAct *act);

#endif
