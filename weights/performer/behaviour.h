/* What performers do with head, eyes and face: as acts (events with a time), and then as poses. */
#ifndef VV_BEHAVIOUR_H
#define VV_BEHAVIOUR_H

#include "weights/performer/dialogue.h"

/* Adds the acts of both sides to a conversation whose script, tones and affect are done: speaking, listening, idle
 * life. 0 or -ENOMEM. */
int vv_behaviour_act(VvConversation *conversation);

/* The parts of it: `side` as a speaker, as a listener to the other, and what goes on by itself. Listening comes after
 * both sides' speaking, since it answers that; blinks come last. */
int vv_behaviour_speak(VvConversation *conversation, int side, VvChance *chance);
int vv_behaviour_listen(VvConversation *conversation, int side, VvChance *chance);
int vv_behaviour_idle(VvConversation *conversation, int side, VvChance *chance);

/* Plays all acts, speech and affect into the poses of both sides. */
void vv_behaviour_pose(VvConversation *conversation);

/* A moment at which a listener may answer: the speaker pauses (for 200 ms), after 700 ms of speech, and the pitch
 * before it was low (after Ward and Tsukahara). Writes at most `room` times in seconds, of the pause's 200th
 * millisecond, and whether pitch was low; returns how many. */
int vv_backchannel_points(const VvConversation *conversation, int speaker, float *times, unsigned char *low, int room);

/* Whether `side` is away at `time`. */
bool vv_is_away(const VvConversation *conversation, int side, double time);

#endif
