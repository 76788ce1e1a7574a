/* The tables of web-demo/protocol.js. The code that uses them is fixed text, in module.js. */
#include "protocol/gen/gen.h"

#include <inttypes.h>
#include <string.h>

/* A string literal, in whichever quotes need fewer escapes. */
static void put_literal(FILE *out, const char *text) {
    char quote = strchr(text, '\'') && !strchr(text, '"') ? '"' : '\'';
    fputc(quote, out);
    for (; *text != '\0'; text++) {
        if (*text == quote || *text == '\\')
            fputc('\\', out);
        fputc(*text, out);
    }
    fputc(quote, out);
}

/* A property's name, quoted where it is no identifier. */
static void put_key(FILE *out, const char *name) {
    bool plain = name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")] == '\0';
    fprintf(out, plain ? "%s" : "'%s'", name);
}

static void put_constants(FILE *out, const char *name, const char *doc, const Constant *list) {
    fprintf(out, "\n/** %s */\nexport const %s = Object.freeze({\n", doc, name);
    for (; list->name; list++)
        fprintf(out, "  /** %s */\n  %s: %u,\n", list->doc, list->name, list->value);
    fprintf(out, "});\n");
}

static void put_number(FILE *out, const char *name, const char *doc, int value) {
    fprintf(out, "/** %s */\nexport const %s = %d;\n", doc, name, value);
}

static void put_errors(FILE *out) {
    const VvNames *errors = &vv_names[VV_NAMES_Err];
    fprintf(out, "\n/** Every error, in words. After a fatal one the connection closes. */\n"
                 "export const ERRORS = Object.freeze({\n");
    for (uint32_t i = 1; i < errors->count; i++) { /* 0 is no error */
        fprintf(out, "  %s: {\n    fatal: %s,\n    text: ", errors->name[i].wire,
                vv_err_fatal((VvErr)i) ? "true" : "false");
        put_literal(out, errors->name[i].doc);
        fprintf(out, ",\n  },\n");
    }
    fprintf(out, "});\n");
}

void gen_js_constants(FILE *out) {
    fprintf(out, "/** The WebSocket subprotocol. */\nexport const PROTOCOL = '%s';\n", VV_PROTOCOL_NAME);
    put_number(out, "FRAME_VERSION", "First byte of every binary message.", VV_FRAME_VERSION);
    put_number(out, "FRAME_HEADER_SIZE", "Bytes before a binary message's payload.", VV_FRAME_HEADER_SIZE);
    put_number(out, "MESSAGE_BYTES_MAX", "Largest message of either kind, binary header included.",
               VV_MESSAGE_BYTES_MAX);
    put_number(out, "TEXT_BYTES_MAX", "Largest text message.", VV_TEXT_BYTES_MAX);
    put_number(out, "ID_BYTES_MAX", "Longest id or ref.", VV_ID_BYTES_MAX);
    put_constants(out, "KIND", "What a binary message carries.", gen_kinds);
    put_constants(out, "FLAG", "Flags of a binary message, added up.", gen_flags);
    put_constants(out, "CODEC", "How a binary message's payload is coded.", gen_codecs);
    put_errors(out);
}

static void put_kind_codecs(FILE *out) {
    fprintf(out, "/* Which codecs each kind may carry. */\nconst KIND_CODECS = {\n");
    for (const Constant *kind = gen_kinds; kind->name; kind++) {
        const char *between = "";
        fprintf(out, "  [KIND.%s]: [", kind->name);
        for (const Constant *codec = gen_codecs; codec->name; codec++)
            if ((vv_kind_codecs(kind->value) >> codec->value & 1) != 0) {
                fprintf(out, "%sCODEC.%s", between, codec->name);
                between = ", ";
            }
        fprintf(out, "],\n");
    }
    fprintf(out, "};\n");
}

static void put_names(FILE *out) {
    fprintf(out, "\n/** Every closed set of names. */\nexport const NAMES = Object.freeze({\n");
    for (int type = 0; type < VV_NAMES_COUNT; type++) {
        const VvNames *names = &vv_names[type];
        if (type == VV_NAMES_Err) {
            fprintf(out, "  /** %s */\n  %s: Object.keys(ERRORS),\n", names->doc, names->type);
            continue;
        }
        size_t width = 0;
        for (uint32_t i = 0; i < names->count; i++)
            width += strlen(names->name[i].wire) + strlen("'', ");
        bool wide = width > 100; /* a line each */
        fprintf(out, "  /** %s */\n  %s: [%s", names->doc, names->type, wide ? "\n" : "");
        for (uint32_t i = 0; i < names->count; i++)
            fprintf(out, wide ? "    '%s',\n" : i == 0 ? "'%s'" : ", '%s'", names->name[i].wire);
        fprintf(out, wide ? "  ],\n" : "],\n");
    }
    fprintf(out, "});\n");
}

static void put_range(FILE *out, VvMessageType type, const VvField *field) {
    VvRule rule = vv_field_rule(type, field);
    switch (field->type) {
    case VV_FIELD_INT:
    case VV_FIELD_NUM:
        if (rule == VV_RULE_SPEECH_RATE)
            fprintf(out, ", choices: [%" PRId64 ", %" PRId64 ", %" PRId64 "]", vv_speech_rates[0], vv_speech_rates[1],
                    vv_speech_rates[2]);
        else
            fprintf(out, ", min: %.0f, max: %.0f", field->min, field->max);
        if (rule == VV_RULE_EVEN)
            fprintf(out, ", even: true");
        break;
    case VV_FIELD_STRING:
        fprintf(out, ", max: %.0f%s", field->max, rule == VV_RULE_SESSION_NAME ? ", pattern: SESSION_NAME" : "");
        break;
    case VV_FIELD_INTS:
        fprintf(out, ", max: %.0f", field->max);
        break;
    case VV_FIELD_ENUM:
    case VV_FIELD_SET:
        fprintf(out, ", names: NAMES.%s", field->names->type);
        break;
    case VV_FIELD_BOOL:
        break;
    }
}

static const char *from_name(int from) {
    return from == VV_FROM_VIEWER    ? "VIEWER"
           : from == VV_FROM_BACKEND ? "BACKEND"
           : from == VV_FROM_CLIENT  ? "CLIENT"
           : from == VV_FROM_SERVER  ? "SERVER"
                                     : "ANY";
}

void gen_js_tables(FILE *out) {
    static const char *const types[] = {"string", "enum", "set", "int", "num", "bool", "ints"};
    put_kind_codecs(out);
    put_names(out);
    fprintf(out,
            "\n/** Who sends a message; a set. */\nexport const FROM = Object.freeze({ VIEWER: %d, BACKEND: %d, "
            "CLIENT: %d, SERVER: %d, ANY: %d });\n",
            VV_FROM_VIEWER, VV_FROM_BACKEND, VV_FROM_CLIENT, VV_FROM_SERVER, VV_FROM_ANY);
    fprintf(out, "\nconst SESSION_NAME = /^[A-Za-z0-9_.-]+$/;\n");
    fprintf(out, "\n/** Every text message: who sends it, and its fields. A path 'video.width' is member width of "
                 "object video. */\nexport const MESSAGES = Object.freeze({\n");
    for (int type = 0; type < VV_MSG_COUNT; type++) {
        const VvMessageInfo *info = &vv_messages[type];
        fprintf(out, "  /** %s */\n  ", info->doc);
        put_key(out, info->name);
        bool lines = info->count > 1;
        fprintf(out, ": {\n    from: FROM.%s,\n    fields: [%s", from_name(info->from), lines ? "\n" : "");
        for (uint32_t i = 0; i < info->count; i++) {
            const VvField *field = &info->field[i];
            fprintf(out, "%s{ path: '%s', type: '%s'%s", lines ? "      " : "", field->path, types[field->type],
                    field->required ? ", required: true" : "");
            put_range(out, (VvMessageType)type, field);
            fprintf(out, lines ? " },\n" : " }");
        }
        fprintf(out, lines ? "    ],\n  },\n" : "],\n  },\n");
    }
    fprintf(out, "});\n");
}
