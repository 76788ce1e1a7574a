/* The sounds of speech: one closed set for all voices and languages, so that one label means one mouth. */
#ifndef VV_PHONE_H
#define VV_PHONE_H

#include <stdbool.h>
#include <stdint.h>

#define VV_PHONE(NAME, ...) VV_PHONE_##NAME,
typedef enum VvPhone {
#include "weights/performer/phones.def"
    VV_PHONES
} VvPhone;

typedef enum VvPhoneKind {
    VV_PHONE_SILENCE,
    VV_PHONE_VOWEL,
    VV_PHONE_CONSONANT,
    VV_PHONE_BILABIAL,
    VV_PHONE_LABIODENTAL,
} VvPhoneKind;

/* A stretch of speech. Times are samples at VV_VOICE_RATE from the start of whatever holds it. */
typedef struct VvSegment {
    uint8_t phone;  /* VvPhone */
    uint8_t stress; /* whether it lies in a stressed syllable, as far as the voice says */
    int32_t begin, end;
} VvSegment;

#define VV_PHONE_PARTS 3 /* phones that one symbol of a voice may stand for */

/* The phone's name, such as "aa"; never NULL. */
const char *vv_phone_name(VvPhone phone);

VvPhoneKind vv_phone_kind(VvPhone phone);

/* The phones that a flite (CMU) symbol stands for: a diphthong is two. Returns how many; 0 for an unknown symbol. */
int vv_phones_of_cmu(const char *symbol, VvPhone parts[VV_PHONE_PARTS]);

/* The same for IPA (UTF-8). Length, stress, tone and tie marks are passed over; what is not known is passed over too.
 * Returns how many phones it found; 0: the symbol is a pause or unknown. */
int vv_phones_of_ipa(const char *symbol, VvPhone parts[VV_PHONE_PARTS]);

/* The same for the symbols of a festival voice of this language, such as "r~" in "cs". 0: a pause or unknown. */
int vv_phones_of_festival(const char *language, const char *symbol, VvPhone parts[VV_PHONE_PARTS]);

#endif
