/* The sentence splitter. It looks at one mark at a time: no tables but that of the abbreviations. */
#include "server/commands/assistant/sentences.h"

#include <ctype.h>
#include <string.h>

static bool space_at(const char *text, size_t i) {
    return isspace((unsigned char)text[i]) != 0;
}

/* The bytes of a mark that may end a sentence at `i`; 0 if there is none. Beside ASCII: the ellipsis and the full stops
 * of Chinese and Japanese, which no space need follow. */
static size_t mark_at(const char *text, size_t size, size_t i, bool *needs_space) {
    static const char *const wide[] = {"\xe2\x80\xa6", "\xe3\x80\x82", "\xef\xbc\x81", "\xef\xbc\x9f"};
    *needs_space = true;
    if (strchr(".!?", text[i]) && text[i])
        return 1;
    for (size_t w = 0; w < sizeof wide / sizeof *wide; w++)
        if (size - i >= 3 && memcmp(text + i, wide[w], 3) == 0) {
            *needs_space = w == 0;
            return 3;
        }
    return 0;
}

/* Quotes and brackets that close behind a mark belong to its sentence. */
static size_t skip_closing(const char *text, size_t size, size_t i) {
    for (;;) {
        if (i < size && text[i] && strchr("\"')]", text[i]))
            i++;
        else if (size - i >= 3 && (!memcmp(text + i, "\xe2\x80\x9d", 3) || !memcmp(text + i, "\xe2\x80\x99", 3)))
            i += 3;
        else
            return i;
    }
}

/* Whether the word that ends in the point at `dot` is one that goes on: "Dr.", "e.g.", or an initial as in "J. Doe". */
static bool abbreviation(const char *text, size_t begin, size_t dot) {
    static const char *const known[] = {"mr", "mrs", "ms",  "dr", "prof",   "st",
                                        "vs", "e.g", "i.e", "cf", "approx", "fig"};
    size_t word = dot;
    while (word > begin && !space_at(text, word - 1) && !strchr("(\"'", text[word - 1]))
        word--;
    size_t length = dot - word;
    if (length == 1 && isupper((unsigned char)text[word]) && text[word] != 'I')
        return true;
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
        if (strlen(known[k]) == length && strncasecmp(known[k], text + word, length) == 0)
            return true;
    return false;
}

/* Where the sentence that begins at `begin` ends, by its marks. */
static size_t natural_end(const char *text, size_t size, size_t begin) {
    for (size_t i = begin; i < size; i++) {
        if (text[i] == '\n')
            return i;
        bool needs_space;
        size_t mark = mark_at(text, size, i, &needs_space);
        if (!mark)
            continue;
        size_t end = skip_closing(text, size, i + mark), next = end;
        while (next < size && space_at(text, next))
            next++;
        if (next == size)
            return size;
        if (!needs_space)
            return end;
        if (next == end || (text[i] == '.' && (islower((unsigned char)text[next]) || abbreviation(text, begin, i)))) {
            i = end - 1;
            continue;
        }
        return end;
    }
    return size;
}

/* A cut of a sentence that is too long: after the last comma or its like, else at the last space, else between
 * characters; never inside one. */
static size_t forced_end(const char *text, size_t begin) {
    size_t limit = begin + VV_SENTENCE_BYTES_MAX, space = 0;
    for (size_t i = limit; i > begin + VV_SENTENCE_BYTES_MAX / 3; i--) {
        if (!space_at(text, i))
            continue;
        if (strchr(",;:", text[i - 1]))
            return i;
        space = space ? space : i;
    }
    if (space)
        return space;
    while (limit > begin + 1 && ((unsigned char)text[limit] & 0xc0) == 0x80)
        limit--;
    return limit;
}

bool vv_sentence_next(const char *text, size_t size, size_t *at, size_t *begin, size_t *length) {
    size_t start = *at;
    while (start < size && space_at(text, start))
        start++;
    if (start == size) {
        *at = size;
        return false;
    }
    size_t end = natural_end(text, size, start);
    if (end - start > VV_SENTENCE_BYTES_MAX)
        end = forced_end(text, start);
    *at = end;
    while (end > start && space_at(text, end - 1))
        end--;
    *begin = start;
    *length = end - start;
    return true;
}
