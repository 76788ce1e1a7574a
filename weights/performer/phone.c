/* Names of phones, and the two notations that they are read from. */
#include "weights/performer/phone.h"

#include <stddef.h>
#include <string.h>

#define VV_PHONE(NAME, name, KIND, ...) {name, VV_PHONE_##KIND},
static const struct {
    const char *name;
    VvPhoneKind kind;
} phones[VV_PHONES] = {
#include "weights/performer/phones.def"
};

const char *vv_phone_name(VvPhone phone) {
    return phone < VV_PHONES ? phones[phone].name : "?";
}

VvPhoneKind vv_phone_kind(VvPhone phone) {
    return phone < VV_PHONES ? phones[phone].kind : VV_PHONE_SILENCE;
}

#define P(NAME) VV_PHONE_##NAME

int vv_phones_of_cmu(const char *symbol, VvPhone parts[VV_PHONE_PARTS]) {
    static const struct {
        const char *symbol;
        VvPhone first, second;
    } others[] = {
        {"ay", P(AA), P(IH)}, {"aw", P(AA), P(UH)},  {"oy", P(AO), P(IH)},     {"ey", P(EH), P(IH)},
        {"ow", P(OW), P(UH)}, {"axr", P(ER), P(ER)}, {"ssil", P(PAU), P(PAU)}, {"sil", P(PAU), P(PAU)},
        {"el", P(AX), P(L)},  {"em", P(AX), P(M)},   {"en", P(AX), P(N)},      {"dx", P(D), P(D)},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (!strcmp(symbol, others[i].symbol)) {
            parts[0] = others[i].first;
            parts[1] = others[i].second;
            return parts[0] == parts[1] ? 1 : 2;
        }
    for (int p = 0; p < VV_PHONES; p++)
        if (!strcmp(symbol, phones[p].name)) {
            parts[0] = (VvPhone)p;
            return 1;
        }
    return 0;
}

/* IPA letters, longest first where one begins another. */
static const struct {
    const char *letters;
    VvPhone phone;
} ipa[] = {
    {"tʃ", P(CH)}, {"t͡ʃ", P(CH)}, {"dʒ", P(JH)}, {"d͡ʒ", P(JH)}, {"tɕ", P(CH)}, {"dʑ", P(JH)}, {"tʂ", P(CH)},
    {"ʈʂ", P(CH)}, {"p", P(P)},   {"ɸ", P(F)},   {"b", P(B)},   {"β", P(V)},   {"ɓ", P(B)},   {"m", P(M)},
    {"ɱ", P(V)},   {"f", P(F)},   {"v", P(V)},   {"ʋ", P(V)},   {"θ", P(TH)},  {"ð", P(DH)},  {"t", P(T)},
    {"ʈ", P(T)},   {"d", P(D)},   {"ɖ", P(D)},   {"ɗ", P(D)},   {"n", P(N)},   {"ɳ", P(N)},   {"ɲ", P(N)},
    {"ŋ", P(NG)},  {"ɴ", P(NG)},  {"l", P(L)},   {"ɫ", P(L)},   {"ɬ", P(L)},   {"ɭ", P(L)},   {"ʎ", P(L)},
    {"ʟ", P(L)},   {"ɮ", P(L)},   {"s", P(S)},   {"z", P(Z)},   {"ʃ", P(SH)},  {"ʒ", P(ZH)},  {"ɕ", P(SH)},
    {"ʑ", P(ZH)},  {"ʂ", P(SH)},  {"ʐ", P(ZH)},  {"ɧ", P(SH)},  {"k", P(K)},   {"q", P(K)},   {"c", P(K)},
    {"ɡ", P(G)},   {"g", P(G)},   {"ɟ", P(G)},   {"ɢ", P(G)},   {"ɠ", P(G)},   {"h", P(HH)},  {"ɦ", P(HH)},
    {"ħ", P(HH)},  {"ʔ", P(HH)},  {"ʕ", P(X)},   {"x", P(X)},   {"χ", P(X)},   {"ç", P(X)},   {"ɣ", P(X)},
    {"ʝ", P(Y)},   {"ʁ", P(X)},   {"ʀ", P(X)},   {"ɹ", P(R)},   {"ɻ", P(R)},   {"r", P(RR)},  {"ɾ", P(RR)},
    {"ɽ", P(RR)},  {"ɺ", P(L)},   {"w", P(W)},   {"ʍ", P(W)},   {"ɥ", P(UE)},  {"j", P(Y)},   {"ɰ", P(G)},
    {"i", P(IY)},  {"ɪ", P(IH)},  {"e", P(EH)},  {"ɛ", P(EH)},  {"æ", P(AE)},  {"a", P(AA)},  {"ɑ", P(AA)},
    {"ɐ", P(AH)},  {"ʌ", P(AH)},  {"ɒ", P(AO)},  {"ɔ", P(AO)},  {"o", P(OW)},  {"ɤ", P(AH)},  {"ʊ", P(UH)},
    {"u", P(UW)},  {"ɯ", P(IH)},  {"ʉ", P(UW)},  {"ɨ", P(IH)},  {"y", P(UE)},  {"ʏ", P(UE)},  {"ø", P(OE)},
    {"œ", P(OE)},  {"ɶ", P(OE)},  {"ɵ", P(OE)},  {"ə", P(AX)},  {"ɘ", P(AX)},  {"ɚ", P(ER)},  {"ɝ", P(ER)},
    {"ɜ", P(ER)},  {"ɞ", P(ER)},
};

int vv_phones_of_ipa(const char *symbol, VvPhone parts[VV_PHONE_PARTS]) {
    int count = 0;
    while (*symbol && count < VV_PHONE_PARTS) {
        size_t used = 0;
        for (size_t i = 0; i < sizeof ipa / sizeof *ipa && !used; i++) {
            const size_t length = strlen(ipa[i].letters);
            if (!strncmp(symbol, ipa[i].letters, length)) {
                used = length;
                if (!count || parts[count - 1] != ipa[i].phone)
                    parts[count++] = ipa[i].phone;
            }
        }
        /* A mark, or a letter nobody knows: one whole character. */
        if (!used)
            for (used = 1; ((unsigned char)symbol[used] & 0xc0) == 0x80; used++)
                ;
        symbol += used;
    }
    return count;
}
