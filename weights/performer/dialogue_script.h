/* The script of a conversation: who says what, when, and how it sounds. The parts of dialogue.c. */
#ifndef VV_DIALOGUE_SCRIPT_H
#define VV_DIALOGUE_SCRIPT_H

#include "weights/performer/dialogue.h"

/* What the conversation is made from, and where it stands. Times in seconds. */
typedef struct VvScript {
    VvConversation *conversation;
    VvVoices *voices;
    const VvConversationPlan *plan;
    VvChance chance;
    double free[VV_SIDES]; /* when each side's last speech has ended */
    int room_utterances;
    int room_segments[VV_SIDES], room_words[VV_SIDES];
} VvScript;

/* How an utterance is to be said. */
typedef struct VvLine {
    int side;
    VvTextKind kind;
    VvEmotion emotion;
    float intensity;
    int parent, sentence;
    bool last;
    float loudness; /* against the side's own */
    double begin;   /* seconds; moved back when the side still speaks */
} VvLine;

/* Writes the whole script into the conversation: utterances, tracks, phones, words, laughs and absences. 0 or a
 * negative errno. */
int vv_script_write(VvScript *script);

/* Synthesises a line and lays it on its side's track. Returns its index, -ERANGE if it would not fit before the end, or
 * another negative errno. */
int vv_script_say(VvScript *script, const VvLine *line);

/* Ends utterance `index` at `time` (at the end of the word that sounds then), fading it out. */
void vv_script_cut(VvScript *script, int index, double time);

/* Lays an audible breath that ends at `end`. 0 or -ENOMEM. */
int vv_script_breathe(VvScript *script, int side, double end);

#endif
