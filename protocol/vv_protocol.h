/* visavis.v1 on the wire: the binary header and the control messages, as pure functions on buffers.
 *
 * Nothing here keeps state, locks, logs or waits; every function may be called from any thread. The messages
 * are defined once, in messages.def and enums.def; docs/protocol.md is generated from the same tables. */
#ifndef VV_PROTOCOL_H
#define VV_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VV_PROTOCOL_NAME "visavis.v1"
#define VV_FRAME_HEADER_SIZE 24
#define VV_FRAME_VERSION 1
#define VV_MESSAGE_BYTES_MAX 131072 /* largest message of either kind, binary header included */
#define VV_TEXT_BYTES_MAX 16384     /* largest text message */
#define VV_ID_BYTES_MAX 64

/* ---- closed sets of names ------------------------------------------------------------------------------ */

#define VV_ENUM_BEGIN(Type, prefix, doc) typedef enum Vv##Type {
#define VV_VALUE(prefix, NAME, wire, doc) VV_##prefix##_##NAME,
#define VV_ENUM_END(Type)                                                                                              \
    VV_##Type##_COUNT                                                                                                  \
    }                                                                                                                  \
    Vv##Type;
#include "protocol/enums.def"
#undef VV_ENUM_BEGIN
#undef VV_VALUE
#undef VV_ENUM_END

/* The wire name of an error code, such as "bad_field"; never NULL. */
const char *vv_err_name(VvErr code);

/* Whether the connection closes after this error. */
bool vv_err_fatal(VvErr code);

/* ---- binary header ------------------------------------------------------------------------------------- */

typedef enum VvKind {
    VV_KIND_USER_AUDIO = 1,
    VV_KIND_USER_VIDEO = 2,
    VV_KIND_SPEECH = 3,
    VV_KIND_AVATAR_AUDIO = 4,
    VV_KIND_AVATAR_VIDEO = 5,
    VV_KIND_AVATAR_MOTION = 6,
} VvKind;

typedef enum VvFlag {
    VV_FLAG_KEY = 1,
    VV_FLAG_END = 2,           /* last audio of its utterance */
    VV_FLAG_DISCONTINUITY = 4, /* media before it was skipped */
    VV_FLAG_IDLE = 8,          /* no speech under it */
    VV_FLAG_ALPHA = 16,
    VV_FLAG_ALL = 31,
} VvFlag;

typedef enum VvCodec { VV_CODEC_OPUS = 0, VV_CODEC_VP8 = 1, VV_CODEC_PCM = 2, VV_CODEC_F16 = 3 } VvCodec;

typedef struct VvFrameHeader {
    uint8_t kind;       /* VvKind */
    uint8_t flags;      /* set of VvFlag */
    uint8_t codec;      /* VvCodec */
    uint32_t sequence;  /* counts messages of this kind, wraps */
    int64_t pts;        /* presentation time, microseconds */
    uint32_t utterance; /* 0: none */
    uint32_t length;    /* payload bytes after the header */
} VvFrameHeader;

/* Writes the 24 bytes of `header`. Any field values are written as they are. */
void vv_frame_write(const VvFrameHeader *header, uint8_t out[VV_FRAME_HEADER_SIZE]);

/* Reads and validates one whole binary message: version, kind, flags, a codec that fits the kind, pts >= 0, and a
 * payload length equal to what is left. Returns VV_ERR_OK or the named error; `header` is written only on OK. The
 * payload is data + VV_FRAME_HEADER_SIZE, header->length bytes, owned by the caller as before. */
VvErr vv_frame_read(const uint8_t *data, size_t size, VvFrameHeader *header);

/* ---- control messages ---------------------------------------------------------------------------------- */

enum { VV_FROM_VIEWER = 1, VV_FROM_BACKEND = 2, VV_FROM_CLIENT = 3, VV_FROM_SERVER = 4, VV_FROM_ANY = 7 };

/* One structure a message: VvSessionStart, VvSpeechBegin, ... `present` has bit VV_F_<Type>_<member> set for every
 * field that the message carries; use VV_HAS. Strings are NUL-terminated UTF-8 without NUL inside. */
typedef struct VvInts {
    uint32_t count;
    int64_t value[16];
} VvInts;

#define VV_MESSAGE(Type, NAME, wire, from, doc)                                                                        \
    typedef struct Vv##Type {                                                                                          \
        uint32_t present;
#define VV_STRING(Type, member, path, need, max, doc) char member[(max) + 1];
#define VV_ENUM(Type, member, path, need, EnumType, doc) int32_t member;
#define VV_SET(Type, member, path, need, EnumType, doc) uint32_t member;
#define VV_INT(Type, member, path, need, min, max, doc) int64_t member;
#define VV_NUM(Type, member, path, need, min, max, doc) double member;
#define VV_BOOL(Type, member, path, need, doc) bool member;
#define VV_INTS(Type, member, path, need, max, doc) VvInts member;
#define VV_END(Type, example)                                                                                          \
    }                                                                                                                  \
    Vv##Type;
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

#define VV_MESSAGE(Type, NAME, wire, from, doc) enum {
#define VV_STRING(Type, member, path, need, max, doc) VV_F_##Type##_##member,
#define VV_ENUM(Type, member, path, need, EnumType, doc) VV_F_##Type##_##member,
#define VV_SET(Type, member, path, need, EnumType, doc) VV_F_##Type##_##member,
#define VV_INT(Type, member, path, need, min, max, doc) VV_F_##Type##_##member,
#define VV_NUM(Type, member, path, need, min, max, doc) VV_F_##Type##_##member,
#define VV_BOOL(Type, member, path, need, doc) VV_F_##Type##_##member,
#define VV_INTS(Type, member, path, need, max, doc) VV_F_##Type##_##member,
#define VV_END(Type, example)                                                                                          \
    VV_F_##Type##_COUNT                                                                                                \
    }                                                                                                                  \
    ;
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

/* Whether message structure `m` of type VvType carries `member`, and to say that it does. */
#define VV_HAS(m, Type, member) (((m)->present & (UINT32_C(1) << VV_F_##Type##_##member)) != 0)
#define VV_MARK(m, Type, member) ((m)->present |= UINT32_C(1) << VV_F_##Type##_##member)

#define VV_MESSAGE(Type, NAME, wire, from, doc) VV_MSG_##NAME,
#define VV_STRING(...)
#define VV_ENUM(...)
#define VV_SET(...)
#define VV_INT(...)
#define VV_NUM(...)
#define VV_BOOL(...)
#define VV_INTS(...)
#define VV_END(...)
typedef enum VvMessageType {
#include "protocol/messages.def"
    VV_MSG_COUNT
} VvMessageType;
#undef VV_MESSAGE

/* Any control message. The union's members are named by the messages' types: body.SessionStart, ... */
typedef struct VvMessage {
    VvMessageType type;
    char id[VV_ID_BYTES_MAX + 1];  /* empty: none */
    char ref[VV_ID_BYTES_MAX + 1]; /* empty: none */
    union {
#define VV_MESSAGE(Type, NAME, wire, from, doc) Vv##Type Type;
#include "protocol/messages.def"
#undef VV_MESSAGE
    } body;
} VvMessage;
#undef VV_STRING
#undef VV_ENUM
#undef VV_SET
#undef VV_INT
#undef VV_NUM
#undef VV_BOOL
#undef VV_INTS
#undef VV_END

/* A failure in words, for the `error` message. */
typedef struct VvFault {
    VvErr code;
    char id[VV_ID_BYTES_MAX + 1]; /* the offending message's id where it could be read */
    char text[256];
} VvFault;

/* The wire name of a message type, such as "session.start"; never NULL. */
const char *vv_message_name(VvMessageType type);

/* Who may send a message type: a set of VV_FROM_*. */
int vv_message_from(VvMessageType type);

/* Bytes of VvMessage that a message of this type uses, from its start: what a copy must carry. */
size_t vv_message_size(VvMessageType type);

/* Clears `message` and sets its type. */
void vv_message_init(VvMessage *message, VvMessageType type);

/* Decodes and validates one text message: UTF-8, one JSON object, known type, every field's type and range. `text`
 * need not be terminated. Returns VV_ERR_OK, or the code with `fault` filled (never NULL). Absent optional fields
 * are zero and unmarked in `present`. Allocates only inside jansson, and frees all of it. */
VvErr vv_message_decode(const char *text, size_t size, VvMessage *message, VvFault *fault);

/* Encodes a message as JSON, `type` first: required fields always, optional ones if marked. Writes at most `size`
 * bytes and no terminator; returns the length, or 0 if it does not fit or a value is not valid (the same rules as
 * decoding). Allocates nothing. */
size_t vv_message_encode(const VvMessage *message, char *out, size_t size);

#endif
