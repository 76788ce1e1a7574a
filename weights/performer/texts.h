/* What performers say: sentences made from templates and word lists of the project's own (texts.def). Pure functions.
 */
#ifndef VV_TEXTS_H
#define VV_TEXTS_H

#include "protocol/vv_protocol.h"
#include "weights/performer/chance.h"
#include "weights/performer/voice.h"

typedef enum VvTextKind {
    VV_TEXT_GREETING,
    VV_TEXT_FAREWELL,
    VV_TEXT_STATEMENT,
    VV_TEXT_QUESTION,
    VV_TEXT_ANSWER,
    VV_TEXT_REACTION,    /* to what the other said */
    VV_TEXT_READING,     /* phonetically rich, means nothing */
    VV_TEXT_BACKCHANNEL, /* while the other speaks */
    VV_TEXT_HESITATION,  /* before a sentence */
    VV_TEXT_INTERRUPTION,
    VV_TEXT_LAUGH,
    VV_TEXT_PERSON, /* this and the rest fill templates */
    VV_TEXT_PLACE,
    VV_TEXT_THING,
    VV_TEXT_ACTION,
    VV_TEXT_TIME,
    VV_TEXT_WORD,
    VV_TEXT_KINDS
} VvTextKind;

/* Makes a text in `language` (a language without texts of its own speaks numbers). With `held_out` it is one that no
 * training conversation says, without it one that no test conversation says; only sentences proper (statement,
 * question, answer, reading) are divided, since there are too few greetings and the like. */
void vv_text_make(const char *language, VvTextKind kind, VvEmotion emotion, bool held_out, VvChance *chance,
                  char out[VV_VOICE_TEXT]);

/* Whether a sentence belongs to the test texts: one in eight, by its letters. */
bool vv_text_held_out(const char *text);

/* Whether the language has sentences of its own, not only numbers. */
bool vv_text_has(const char *language);

#endif
