/* Inside the model: what a session's item says, as the numbers that the networks read. */
#ifndef VV_MODEL_INPUTS_H
#define VV_MODEL_INPUTS_H

#include "server/avatar/model_parts.h"

#define VV_MODEL_LOUDNESS 2 /* numbers of a frame: the lower and the upper half of the bands */

/* The avatar's own speech of an item, VV_SPEECH_ROWS rows, as it is to be heard: silence behind what is there, and
 * numbers only. `ahead`: frames that a frame hears beyond itself. */
void vv_model_rows(const VvAvatarItem *item, int ahead, float *rows);

/* How loud a frame of VV_HOPS rows is. */
void vv_model_loudness(const float *rows, float loudness[VV_MODEL_LOUDNESS]);

/* How loud the user was, in as many frames as are new: the newest of what was heard since the last step. */
void vv_model_user(const VvAvatarItem *item, float loudness[VV_WINDOW_FRAMES][VV_MODEL_LOUDNESS]);

/* How much of each emotion, then valence, arousal, dominance. */
void vv_model_emotion(const VvAffect *affect, float emotion[VV_MODEL_EMOTION]);

#endif
