/* The messages as data: what messages.def and enums.def say, in a form that one generic decoder, one generic
 * encoder, one validity check and the generator of the documents all read. Internal to the protocol folder and its
 * tests; everyone else includes vv_protocol.h. */
#ifndef VV_PROTOCOL_TABLE_H
#define VV_PROTOCOL_TABLE_H

#include "protocol/vv_protocol.h"

#define VV_DEPTH_MAX 8                 /* nesting of a text message */
#define VV_WHOLE_MAX 9007199254740991. /* largest whole number that a double, and so JavaScript, holds exactly */

/* A closed set of names; a name's value is its index. */
typedef struct VvName {
    const char *wire;
    const char *doc;
} VvName;

typedef struct VvNames {
    const char *type; /* "Role" */
    const char *doc;
    uint32_t count;
    const VvName *name;
} VvNames;

enum {
#define VV_ENUM_BEGIN(Type, prefix, doc) VV_NAMES_##Type,
#define VV_VALUE(prefix, NAME, wire, doc)
#define VV_ENUM_END(Type)
#include "protocol/enums.def"
#undef VV_ENUM_BEGIN
#undef VV_VALUE
#undef VV_ENUM_END
    VV_NAMES_COUNT
};

extern const VvNames vv_names[VV_NAMES_COUNT];

typedef enum VvFieldType {
    VV_FIELD_STRING, /* char[max + 1] */
    VV_FIELD_ENUM,   /* int32_t */
    VV_FIELD_SET,    /* uint32_t, one bit a name */
    VV_FIELD_INT,    /* int64_t */
    VV_FIELD_NUM,    /* double */
    VV_FIELD_BOOL,   /* bool */
    VV_FIELD_INTS,   /* VvInts */
} VvFieldType;

typedef struct VvField {
    const char *path; /* "role", or "video.width": member width of object video */
    const char *doc;
    VvFieldType type;
    bool required;
    size_t offset;        /* in the message's structure */
    double min, max;      /* INT, NUM: range. STRING: bytes. INTS: count. All whole. */
    const VvNames *names; /* ENUM, SET */
} VvField;

typedef struct VvMessageInfo {
    const char *name; /* "session.start" */
    const char *doc;
    int from;            /* set of VV_FROM_* */
    const char *example; /* JSON */
    size_t size;         /* of the message's structure */
    uint32_t count;
    const VvField *field;
} VvMessageInfo;

extern const VvMessageInfo vv_messages[VV_MSG_COUNT];

/* What one field must obey beyond its type and range. */
typedef enum VvRule {
    VV_RULE_NONE,
    VV_RULE_EVEN,         /* video's chroma has half the size */
    VV_RULE_SPEECH_RATE,  /* one of vv_speech_rates */
    VV_RULE_SESSION_NAME, /* letters, digits, '-', '_' and '.'; not empty */
    VV_RULE_NOT_OK,       /* an error that is none is never sent */
} VvRule;

enum { VV_SPEECH_RATES = 3 };
extern const int64_t vv_speech_rates[VV_SPEECH_RATES];

VvRule vv_field_rule(VvMessageType type, const VvField *field);

/* Which codecs a binary kind may carry: bit (1 << VvCodec) each; 0 for an unknown kind. */
unsigned vv_kind_codecs(unsigned kind);

/* Where `field` lies in `message`. */
const void *vv_field_at(const VvMessage *message, const VvField *field);

/* Whether `message` carries `field`, which is one of its own type's. */
bool vv_field_present(const VvMessage *message, const VvField *field);

/* Index of the name of `size` bytes at `text`, or -1. */
int vv_names_find(const VvNames *names, const char *text, size_t size);

/* How many bytes at `text` are valid UTF-8 before the first fault: `size` if all are. Overlong forms, surrogates,
 * values above U+10FFFF and NUL are faults. */
size_t vv_utf8_valid(const char *text, size_t size);

/* Writes what a field must be, such as "must be a whole number from 50 to 4000"; always terminated. */
void vv_field_expects(VvMessageType type, const VvField *field, char *out, size_t size);

/* The one definition of a valid message, for decoding and encoding both: every string, name, number and count in
 * range, and the rules between fields. Required fields are checked always, optional ones if marked. Returns
 * VV_ERR_OK, or VV_ERR_BAD_FIELD with fault->code and fault->text filled. */
VvErr vv_message_check(const VvMessage *message, VvFault *fault);

/* Fills fault->code and fault->text, and returns `code`. */
VvErr vv_fault_set(VvFault *fault, VvErr code, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
