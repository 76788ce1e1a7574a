/* The symbols of festival's voices: each language has a set of its own, told here as IPA. */
#include "weights/performer/phone.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Symbols that are not IPA already. Marks of length and stress behind a symbol are taken off before. */
static const struct {
    const char *language, *symbol, *ipa;
} symbols[] = {
    {"it", "E", "ɛ"},    {"it", "O", "ɔ"},    {"it", "S", "ʃ"},   {"it", "Z", "ʒ"},   {"it", "tS", "tʃ"},
    {"it", "dZ", "dʒ"},  {"it", "J", "ɲ"},    {"it", "L", "ʎ"},   {"it", "ng", "ŋ"},  {"it", "nf", "ɱ"},
    {"cs", "c", "ts"},   {"cs", "c~", "tʃ"},  {"cs", "ch", "x"},  {"cs", "d~", "ɟ"},  {"cs", "dz~", "dʒ"},
    {"cs", "h", "ɦ"},    {"cs", "n*", "ŋ"},   {"cs", "n~", "ɲ"},  {"cs", "r~", "rʒ"}, {"cs", "r~*", "rʃ"},
    {"cs", "s~", "ʃ"},   {"cs", "t~", "c"},   {"cs", "z~", "ʒ"},  {"cs", "_", "ʔ"},   {"fi", "@", "æ"},
    {"fi", "7", "ø"},    {"fi", "&", "ə"},    {"fi", "N", "ŋ"},   {"fi", "L", "ʎ"},   {"fi", "T", "θ"},
    {"fi", "D", "ð"},    {"fi", "S", "ʃ"},    {"fi", "Z", "ʒ"},   {"fi", "v", "ʋ"},   {"ca", "ax", "ə"},
    {"ca", "E", "ɛ"},    {"ca", "O", "ɔ"},    {"ca", "J", "ɲ"},   {"ca", "L", "ʎ"},   {"ca", "r", "ɾ"},
    {"ca", "rr", "r"},   {"ca", "S", "ʃ"},    {"ca", "Z", "ʒ"},   {"hi", "aa", "a"},  {"hi", "a", "ə"},
    {"hi", "ih", "ɪ"},   {"hi", "iy", "i"},   {"hi", "uh", "ʊ"},  {"hi", "uw", "u"},  {"hi", "eh", "ɛ"},
    {"hi", "ee", "e"},   {"hi", "ay", "ɛ"},   {"hi", "oh", "o"},  {"hi", "oo", "o"},  {"hi", "aw", "ɔ"},
    {"hi", "ch", "tʃ"},  {"hi", "T", "ʈ"},    {"hi", "D", "ɖ"},   {"hi", "N", "ɳ"},   {"hi", "th", "t"},
    {"hi", "tth", "ʈ"},  {"hi", "dh", "d"},   {"hi", "ddh", "ɖ"}, {"hi", "td", "ʈ"},  {"hi", "y", "j"},
    {"hi", "v", "ʋ"},    {"hi", "L", "ɭ"},    {"hi", "R", "ɽ"},   {"hi", "sh", "ʃ"},  {"hi", "j", "dʒ"},
    {"hi", "ksh", "kʂ"}, {"hi", "sri", "sr"}, {"hi", "kh", "k"},  {"hi", "gh", "g"},  {"hi", "bh", "b"},
    {"hi", "zh", "ʒ"},   {"hi", "@", "a"},    {"hi", "x", ""},
};

int vv_phones_of_festival(const char *language, const char *symbol, VvPhone parts[VV_PHONE_PARTS]) {
    char bare[8];
    if (!strcmp(language, "en"))
        return vv_phones_of_cmu(symbol, parts);
    if (symbol[0] == '#' || !strcmp(symbol, "pau"))
        return 0;
    if (!strcmp(language, "mr") || !strcmp(language, "te"))
        language = "hi"; /* one set for the three */
    snprintf(bare, sizeof bare, "%s", symbol);
    for (size_t end = strlen(bare); end > 1 && (bare[end - 1] == ':' || bare[end - 1] == '1'); end--)
        bare[end - 1] = 0;
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++)
        if (!strcmp(symbols[i].language, language) && !strcmp(symbols[i].symbol, bare))
            return vv_phones_of_ipa(symbols[i].ipa, parts);
    return vv_phones_of_ipa(bare, parts);
}
