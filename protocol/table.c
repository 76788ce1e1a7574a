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
#define VV_ENUM(Type, member, path, need, E, doc) FIELD(Type, member, path, need, ENUM, 0, 0, vv_names + VV_NAMES_##E, doc)
#define VV_SET(Type, member, path, need, E, doc) FIELD(Type, member, path, need, SET, 0, 0, vv_names + VV_NAMES_##E, doc)
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

const VvMessageInfo vv_messages[VV_MSG_COUNT] = {
#define VV_MESSAGE(Type, NAME, wire, from, doc) {wire, doc,
#define VV_STRING(...)
#define VV_ENUM(...)
#define VV_SET(...)
#define VV_INT(...)
#define VV_NUM(...)
#define VV_BOOL(...)
#define VV_INTS(Type, member, path, need, max, doc)
#define VV_END(Type, example) example, 0, sizeof(Vv##Type), VV_F_##Type##_COUNT, fields_##Type},
#include "protocol/messages.def"
#undef VV_MESSAGE
#undef VV_END
};
