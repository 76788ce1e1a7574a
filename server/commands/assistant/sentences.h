/* Cuts text into sentences: what is said as one utterance. */
#ifndef VV_SENTENCES_H
#define VV_SENTENCES_H

#include <stdbool.h>
#include <stddef.h>

/* Longer sentences are cut at a comma or a space: one utterance is then at most about 12 s of speech, which the voice
 * makes in less than 200 ms. */
#define VV_SENTENCE_BYTES_MAX 160

/* Finds the next sentence of `text` (UTF-8, `size` bytes) from `*at` on, which starts at 0. Writes where it begins and
 * its length, without white space around it, and moves `*at` behind it. False when there is none left. A sentence ends
 * at . ! ? and their like when white space or the end follows, and at a line's end; not after an abbreviation or an
 * initial, and not at a point with a small letter after it. Pure. */
bool vv_sentence_next(const char *text, size_t size, size_t *at, size_t *begin, size_t *length);

#endif
