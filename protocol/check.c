/* What makes a message valid. Decoding turns JSON into a structure and then asks vv_message_check; encoding asks it
 * first and then writes JSON: so neither side can send what the other refuses. */
#include "protocol/table.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

VvErr vv_fault_set(VvFault *fault, VvErr code, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(fault->text, sizeof fault->text, format, args);
    va_end(args);
    fault->code = code;
    return code;
}

/* Length of the valid UTF-8 sequence at `in`, of which `left` bytes exist; 0 if it is not valid. */
static size_t sequence(const uint8_t *in, size_t left) {
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000}; /* by length: anything less is overlong */
    if (in[0] == 0)
        return 0;
    if (in[0] < 0x80)
        return 1;
    size_t length = in[0] >= 0xf0 ? 4 : in[0] >= 0xe0 ? 3 : 2;
    if (in[0] < 0xc0 || in[0] > 0xf7 || length > left)
        return 0;
    uint32_t code = in[0] & (0x7fU >> length);
    for (size_t i = 1; i < length; i++) {
        if ((in[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (in[i] & 0x3fU);
    }
    bool surrogate = code >= 0xd800 && code <= 0xdfff;
    return code < least[length] || code > 0x10ffff || surrogate ? 0 : length;
}

size_t vv_utf8_valid(const char *text, size_t size) {
    const uint8_t *in = (const uint8_t *)text;
    size_t at = 0;
    while (at < size) {
        size_t length = sequence(in + at, size - at);
        if (length == 0)
            break;
        at += length;
    }
    return at;
}

/* Whether `text` is a terminated UTF-8 string of at most `max` bytes. */
static bool string_valid(const char *text, size_t max) {
    const char *end = memchr(text, 0, max + 1);
    return end && vv_utf8_valid(text, (size_t)(end - text)) == (size_t)(end - text);
}

static bool session_name_valid(const char *text) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    return text[0] != '\0' && text[strspn(text, allowed)] == '\0';
}

static bool rule_holds(VvRule rule, const void *at) {
    int64_t whole = 0;
    int32_t index = 0;
    switch (rule) {
    case VV_RULE_NONE:
        return true;
    case VV_RULE_SESSION_NAME:
        return session_name_valid(at);
    case VV_RULE_NOT_OK:
        memcpy(&index, at, sizeof index);
        return index != VV_ERR_OK;
    case VV_RULE_EVEN:
        memcpy(&whole, at, sizeof whole);
        return whole % 2 == 0;
    case VV_RULE_SPEECH_RATE:
        memcpy(&whole, at, sizeof whole);
        for (int i = 0; i < VV_SPEECH_RATES; i++)
            if (whole == vv_speech_rates[i])
                return true;
        return false;
    }
    return false;
}

static bool ints_valid(const VvInts *ints, double max) {
    if (ints->count > max)
        return false;
    for (uint32_t i = 0; i < ints->count; i++)
        if (ints->value[i] < -(int64_t)VV_WHOLE_MAX || ints->value[i] > (int64_t)VV_WHOLE_MAX)
            return false;
    return true;
}

static bool field_valid(const VvField *field, const void *at) {
    union {
        int32_t index;
        uint32_t bits;
        int64_t whole;
        double number;
        VvInts ints;
    } v;
    switch (field->type) {
    case VV_FIELD_STRING:
        return string_valid(at, (size_t)field->max);
    case VV_FIELD_ENUM:
        memcpy(&v.index, at, sizeof v.index);
        return v.index >= 0 && (uint32_t)v.index < field->names->count;
    case VV_FIELD_SET:
        memcpy(&v.bits, at, sizeof v.bits);
        return v.bits >> field->names->count == 0;
    case VV_FIELD_INT:
        memcpy(&v.whole, at, sizeof v.whole);
        return v.whole >= (int64_t)field->min && v.whole <= (int64_t)field->max;
    case VV_FIELD_NUM: /* said so that NaN fails */
        memcpy(&v.number, at, sizeof v.number);
        return v.number >= field->min && v.number <= field->max;
    case VV_FIELD_BOOL:
        return true;
    case VV_FIELD_INTS:
        memcpy(&v.ints, at, sizeof v.ints);
        return ints_valid(&v.ints, field->max);
    }
    return false;
}

/* "a, b or c"; a long set is not spelt out. */
static void list_names(const VvNames *names, uint32_t first, char *out, size_t size) {
    size_t used = 0;
    out[0] = '\0';
    if (names->count > 8) {
        snprintf(out, size, "the %u names known", names->count - first);
        return;
    }
    for (uint32_t i = first; i < names->count && used < size; i++) {
        const char *between = i == first ? "" : i + 1 == names->count ? " or " : ", ";
        used += (size_t)snprintf(out + used, size - used, "%s%s", between, names->name[i].wire);
    }
}

static void expects_whole(VvRule rule, const VvField *field, char *out, size_t size) {
    int64_t min = (int64_t)field->min, max = (int64_t)field->max;
    if (rule == VV_RULE_SPEECH_RATE)
        snprintf(out, size, "must be %" PRId64 ", %" PRId64 " or %" PRId64, vv_speech_rates[0], vv_speech_rates[1],
                 vv_speech_rates[2]);
    else if (min == max)
        snprintf(out, size, "must be %" PRId64, min);
    else
        snprintf(out, size, "must be %s whole number from %" PRId64 " to %" PRId64,
                 rule == VV_RULE_EVEN ? "an even" : "a", min, max);
}

void vv_field_expects(VvMessageType type, const VvField *field, char *out, size_t size) {
    VvRule rule = vv_field_rule(type, field);
    char names[160];
    switch (field->type) {
    case VV_FIELD_STRING:
        if (rule == VV_RULE_SESSION_NAME)
            snprintf(out, size, "must be 1 to %.0f letters, digits, '-', '_' or '.'", field->max);
        else
            snprintf(out, size, "must be a string of at most %.0f bytes, without NUL", field->max);
        break;
    case VV_FIELD_ENUM:
        list_names(field->names, rule == VV_RULE_NOT_OK, names, sizeof names);
        snprintf(out, size, "must be %s%s", field->names->count > 8 ? "one of " : "", names);
        break;
    case VV_FIELD_SET:
        list_names(field->names, 0, names, sizeof names);
        snprintf(out, size, "must be a list of %s", names);
        break;
    case VV_FIELD_INT:
        expects_whole(rule, field, out, size);
        break;
    case VV_FIELD_NUM:
        snprintf(out, size, "must be a number from %.0f to %.0f", field->min, field->max);
        break;
    case VV_FIELD_BOOL:
        snprintf(out, size, "must be true or false");
        break;
    case VV_FIELD_INTS:
        snprintf(out, size, "must be a list of at most %.0f whole numbers", field->max);
        break;
    }
}

/* An emotion is told by name (label, and how strong) or by dimensions (all three), not by both. */
static VvErr check_emotion(const char *name, bool label, bool intensity, int dimensions, VvFault *fault) {
    if (intensity && !label)
        return vv_fault_set(fault, VV_ERR_BAD_FIELD, "%s: emotion.intensity needs emotion.label", name);
    if (dimensions != 0 && dimensions != 3)
        return vv_fault_set(fault, VV_ERR_BAD_FIELD, "%s: emotion needs valence, arousal and dominance together", name);
    if (dimensions != 0 && label)
        return vv_fault_set(fault, VV_ERR_BAD_FIELD,
                            "%s: emotion is either label and intensity, or valence, arousal and dominance", name);
    return VV_ERR_OK;
}

#define CHECK_EMOTION(m, Type, fault)                                                                                  \
    check_emotion(vv_message_name((m)->type), VV_HAS(&(m)->body.Type, Type, emotion_label),                            \
                  VV_HAS(&(m)->body.Type, Type, emotion_intensity),                                                    \
                  VV_HAS(&(m)->body.Type, Type, emotion_valence) + VV_HAS(&(m)->body.Type, Type, emotion_arousal) +    \
                      VV_HAS(&(m)->body.Type, Type, emotion_dominance),                                                \
                  fault)

VvErr vv_message_check(const VvMessage *message, VvFault *fault) {
    if ((unsigned)message->type >= VV_MSG_COUNT)
        return vv_fault_set(fault, VV_ERR_BAD_FIELD, "no such message type");
    const VvMessageInfo *info = &vv_messages[message->type];
    if (!string_valid(message->id, VV_ID_BYTES_MAX) || !string_valid(message->ref, VV_ID_BYTES_MAX))
        return vv_fault_set(fault, VV_ERR_BAD_FIELD, "%s: id and ref must be strings of at most %d bytes", info->name,
                            VV_ID_BYTES_MAX);
    for (uint32_t i = 0; i < info->count; i++) {
        const VvField *field = &info->field[i];
        if (!field->required && !vv_field_present(message, field))
            continue;
        const void *at = vv_field_at(message, field);
        if (field_valid(field, at) && rule_holds(vv_field_rule(message->type, field), at))
            continue;
        char expects[200];
        vv_field_expects(message->type, field, expects, sizeof expects);
        return vv_fault_set(fault, VV_ERR_BAD_FIELD, "%s: %s %s", info->name, field->path, expects);
    }
    if (message->type == VV_MSG_DIALOGUE_TURN)
        return CHECK_EMOTION(message, DialogueTurn, fault);
    if (message->type == VV_MSG_SESSION_UPDATE)
        return CHECK_EMOTION(message, SessionUpdate, fault);
    return VV_ERR_OK;
}
