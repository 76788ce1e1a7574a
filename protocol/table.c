/* The tables that messages.def and enums.def expand to, and look-ups in them. */
#include "protocol/table.h"

#include <string.h>

/* ---- closed sets of names ------------------------------------------------------------------------------ */

#define VV_ENUM_BEGIN(Type, prefix, doc) static const VvName names_##Type[] = {
#define VV_VALUE(prefix, NAME, wire, doc) {wire, doc},
#define VV_ENUM_END(Type)                                                                                              \
    }                                                                                                                  \
    ;
#include "protocol/enums.def"
#undef VV_ENUM_BEGIN
#undef VV_VALUE
#undef VV_ENUM_END

const VvNames vv_names[VV_NAMES_COUNT] = {
#define VV_ENUM_BEGIN(Type, prefix, doc) {#Type, doc, VV_##Type##_COUNT, names_##Type},
#define VV_VALUE(prefix, NAME, wire, doc)
#define VV_ENUM_END(Type)
#include "protocol/enums.def"
#undef VV_ENUM_BEGIN
#undef VV_VALUE
#undef VV_ENUM_END
};

static const bool err_fatal[] = {
#define VV_ENUM_BEGIN(Type, prefix, doc)
#define VV_VALUE(prefix, NAME, wire, doc)
#define VV_ENUM_END(Type)
#define VV_ERROR(NAME, wire, fatal, doc) (fatal) != 0,
#include "protocol/enums.def"
#undef VV_ENUM_BEGIN
#undef VV_VALUE
#undef VV_ENUM_END
};

/* ---- messages ------------------------------------------------------------------------------------------ */

enum { OPTIONAL = 0, REQUIRED = 1 };

#define FIELD(Type, member, path, need, kind, min, max, names, doc)                                                    \
    {path, doc, VV_FIELD_##kind, need, offsetof(Vv##Type, member), (double)(min), (double)(max), names},

#define VV_MESSAGE(Type, NAME, wire, from, doc) static const VvField fields_##Type[] = {
#define VV_STRING(Type, member, path, need, max, doc) FIELD(Type, member, path, need, STRING, 0, max, NULL, doc)
#define VV_ENUM(Type, member, path, need, E, doc)                                                                      \
    FIELD(Type, member, path, need, ENUM, 0, 0, vv_names + VV_NAMES_##E, doc)
#define VV_SET(Type, member, path, need, E, doc)                                                                       \
    FIELD(Type, member, path, need, SET, 0, 0, vv_names + VV_NAMES_##E, doc)
#define VV_INT(Type, member, path, need, min, max, doc) FIELD(Type, member, path, need, INT, min, max, NULL, doc)
#define VV_NUM(Type, member, path, need, min, max, doc) FIELD(Type, member, path, need, NUM, min, max, NULL, doc)
#define VV_BOOL(Type, member, path, need, doc) FIELD(Type, member, path, need, BOOL, 0, 1, NULL, doc)
#define VV_INTS(Type, member, path, need, max, doc) FIELD(Type, member, path, need, INTS, 0, max, NULL, doc)
#define VV_END(Type, example)                                                                                          \
    }                                                                                                                  \
    ;                                                                                                                  \
    _Static_assert(VV_F_##Type##_COUNT <= 32, "present is a set of 32 bits");
#include "protocol/messages.def"
#undef VV_MESSAGE
#undef VV_STRING
#undef VV_ENUM
#undef VV_SET
#undef VV_INT
#undef VV_NUM
#undef VV_BOOL
#undef VV_INTS
#undef VV_END

/* Unformatted, because each message's braces open in one macro and close in another. */
/* clang-format off */
#define VV_MESSAGE(Type, NAME, wire, from, doc) {wire, doc, from,
#define VV_STRING(...)
#define VV_ENUM(...)
#define VV_SET(...)
#define VV_INT(...)
#define VV_NUM(...)
#define VV_BOOL(...)
#define VV_INTS(...)
#define VV_END(Type, example) example, sizeof(Vv##Type), VV_F_##Type##_COUNT, fields_##Type},
const VvMessageInfo vv_messages[VV_MSG_COUNT] = {
#include "protocol/messages.def"
};
/* clang-format on */

/* ---- rules that messages.def cannot say ---------------------------------------------------------------- */

const int64_t vv_speech_rates[VV_SPEECH_RATES] = {16000, 24000, 48000};

static const struct {
    VvMessageType type;
    const char *path;
    VvRule rule;
} rules[] = {
    {VV_MSG_SESSION_START, "session", VV_RULE_SESSION_NAME}, {VV_MSG_SESSION_READY, "session", VV_RULE_SESSION_NAME},
    {VV_MSG_SESSION_START, "video.width", VV_RULE_EVEN},     {VV_MSG_SESSION_START, "video.height", VV_RULE_EVEN},
    {VV_MSG_SESSION_READY, "video.width", VV_RULE_EVEN},     {VV_MSG_SESSION_READY, "video.height", VV_RULE_EVEN},
    {VV_MSG_SPEECH_BEGIN, "rate", VV_RULE_SPEECH_RATE},      {VV_MSG_ERROR, "code", VV_RULE_NOT_OK},
};

VvRule vv_field_rule(VvMessageType type, const VvField *field) {
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].type == type && strcmp(rules[i].path, field->path) == 0)
            return rules[i].rule;
    return VV_RULE_NONE;
}

/* ---- look-ups ------------------------------------------------------------------------------------------ */

const char *vv_err_name(VvErr code) {
    return (unsigned)code < VV_Err_COUNT ? names_Err[code].wire : names_Err[VV_ERR_INTERNAL].wire;
}

bool vv_err_fatal(VvErr code) {
    return (unsigned)code < VV_Err_COUNT ? err_fatal[code] : true;
}

const char *vv_message_name(VvMessageType type) {
    return (unsigned)type < VV_MSG_COUNT ? vv_messages[type].name : "unknown";
}

int vv_message_from(VvMessageType type) {
    return (unsigned)type < VV_MSG_COUNT ? vv_messages[type].from : 0;
}

size_t vv_message_size(VvMessageType type) {
    return offsetof(VvMessage, body) + ((unsigned)type < VV_MSG_COUNT ? vv_messages[type].size : 0);
}

void vv_message_init(VvMessage *message, VvMessageType type) {
    memset(message, 0, sizeof *message);
    message->type = type;
}

const void *vv_field_at(const VvMessage *message, const VvField *field) {
    return (const char *)&message->body + field->offset;
}

bool vv_field_present(const VvMessage *message, const VvField *field) {
    uint32_t present; /* every message's structure begins with it */
    memcpy(&present, &message->body, sizeof present);
    return (present >> (field - vv_messages[message->type].field) & 1) != 0;
}

int vv_names_find(const VvNames *names, const char *text, size_t size) {
    for (uint32_t i = 0; i < names->count; i++)
        if (strlen(names->name[i].wire) == size && memcmp(names->name[i].wire, text, size) == 0)
            return (int)i;
    return -1;
}
