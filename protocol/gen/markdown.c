/* The tables of docs/protocol.md. The prose around them is fixed text, in reference.md. */
#include "protocol/gen/gen.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Examples longer than this are spread over lines. */
enum { EXAMPLE_WIDTH = 110 };

static const VvNames *const errors = &vv_names[VV_NAMES_Err];

static void put_sender(FILE *out, int from) {
    static const char *const names[] = {"viewer", "backend", "server"};
    const char *between = "";
    for (int i = 0; i < 3; i++)
        if ((from >> i & 1) != 0) {
            fprintf(out, "%s%s", between, names[i]);
            between = from >> (i + 2) != 0 ? ", " : " or ";
        }
}

static void put_constants(FILE *out, const char *title, const Constant *list) {
    fprintf(out, "| %s | value | |\n|---|---:|---|\n", title);
    for (; list->name; list++)
        fprintf(out, "| %s | %u | %s |\n", list->name, list->value, list->doc);
}

void gen_md_header_tables(FILE *out) {
    static const char *const senders[] = {"viewer", "viewer", "backend", "server", "server", "server"};
    fprintf(out, "| kind | value | from | codecs | |\n|---|---:|---|---|---|\n");
    for (const Constant *kind = gen_kinds; kind->name; kind++) {
        const char *between = "";
        fprintf(out, "| %s | %u | %s | ", kind->name, kind->value, senders[kind->value - 1]);
        for (const Constant *codec = gen_codecs; codec->name; codec++)
            if ((vv_kind_codecs(kind->value) >> codec->value & 1) != 0) {
                fprintf(out, "%s%s", between, codec->name);
                between = ", ";
            }
        fprintf(out, " | %s |\n", kind->doc);
    }
    fprintf(out, "\nA backend that wants `user_audio` is sent kind 1 by the server as it came.\n\n");
    put_constants(out, "flag", gen_flags);
    fprintf(out, "\n");
    put_constants(out, "codec", gen_codecs);
}

void gen_md_limits(FILE *out) {
    fprintf(out,
            "| limit | bytes |\n|---|---:|\n"
            "| largest message of either kind, binary header included | %d |\n"
            "| largest text message | %d |\n"
            "| longest `id` or `ref` | %d |\n",
            VV_MESSAGE_BYTES_MAX, VV_TEXT_BYTES_MAX, VV_ID_BYTES_MAX);
    fprintf(out, "\n`session.ready` announces the limits of the server at hand.\n");
}

/* The heading's anchor: dots are dropped. */
static void put_link(FILE *out, const char *name) {
    fprintf(out, "[`%s`](#", name);
    for (const char *c = name; *c != '\0'; c++)
        if (*c != '.')
            fputc(*c, out);
    fprintf(out, ")");
}

void gen_md_contents(FILE *out) {
    static const struct {
        const char *title, *types;
    } groups[] = {
        {"The session", "session."}, {"Speech", "speech."},     {"Playback", "playback."},
        {"Dialogue", "dialogue."},   {"The user", "context."},  {"Key frames", "video."},
        {"Clock", "p?ng"},           {"Measurements", "stats"}, {"Errors", "error"},
    };
    fprintf(out, "| | messages |\n|---|---|\n");
    unsigned listed = 0;
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
        const char *between = "";
        fprintf(out, "| %s | ", groups[g].title);
        for (int type = 0; type < VV_MSG_COUNT; type++) {
            const char *name = vv_messages[type].name, *pattern = groups[g].types;
            size_t i = 0;
            while (pattern[i] != '\0' && (pattern[i] == name[i] || pattern[i] == '?'))
                i++;
            if (pattern[i] != '\0')
                continue;
            fprintf(out, "%s", between);
            put_link(out, name);
            between = ", ";
            listed++;
        }
        fprintf(out, " |\n");
    }
    if (listed != VV_MSG_COUNT) {
        fprintf(stderr, "generate: a message is in no group of the table of contents\n");
        exit(2);
    }
}

static void put_names(FILE *out, const VvNames *names) {
    if (names == errors) {
        fprintf(out, "an [error code](#errors)");
        return;
    }
    for (uint32_t i = 0; i < names->count; i++)
        fprintf(out, "%s`%s`", i == 0 ? "" : ", ", names->name[i].wire);
}

static void put_range(FILE *out, VvMessageType type, const VvField *field) {
    VvRule rule = vv_field_rule(type, field);
    switch (field->type) {
    case VV_FIELD_STRING:
        fprintf(out, "string, %s%.0f bytes", rule == VV_RULE_SESSION_NAME ? "1 to " : "at most ", field->max);
        break;
    case VV_FIELD_ENUM:
        put_names(out, field->names);
        break;
    case VV_FIELD_SET:
        fprintf(out, "list of ");
        put_names(out, field->names);
        break;
    case VV_FIELD_INT:
        if (rule == VV_RULE_SPEECH_RATE)
            fprintf(out, "%" PRId64 ", %" PRId64 " or %" PRId64, vv_speech_rates[0], vv_speech_rates[1],
                    vv_speech_rates[2]);
        else if (field->min == field->max)
            fprintf(out, "%.0f", field->min);
        else if (field->max == VV_WHOLE_MAX)
            fprintf(out, "whole number from %.0f", field->min);
        else
            fprintf(out, "%s number, %.0f to %.0f", rule == VV_RULE_EVEN ? "even" : "whole", field->min, field->max);
        break;
    case VV_FIELD_NUM:
        fprintf(out, "number, %.0f to %.0f", field->min, field->max);
        break;
    case VV_FIELD_BOOL:
        fprintf(out, "true or false");
        break;
    case VV_FIELD_INTS:
        fprintf(out, "list of at most %.0f whole numbers", field->max);
        break;
    }
}

static void put_example(FILE *out, const char *example) {
    if (strlen(example) <= EXAMPLE_WIDTH) {
        fprintf(out, "\n```json\n%s\n```\n", example);
        return;
    }
    json_t *json = json_loads(example, 0, NULL);
    char *text = json ? json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) : NULL;
    if (!text) {
        fprintf(stderr, "generate: an example is not JSON: %s\n", example);
        exit(2);
    }
    fprintf(out, "\n```json\n%s\n```\n", text);
    free(text);
    json_decref(json);
}

void gen_md_messages(FILE *out) {
    fprintf(out, "Numbers without an upper bound go up to 2^53 - 1.\n");
    for (int type = 0; type < VV_MSG_COUNT; type++) {
        const VvMessageInfo *info = &vv_messages[type];
        fprintf(out, "\n### %s\n\nFrom: ", info->name);
        put_sender(out, info->from);
        fprintf(out, ". %s\n\n| field | | value | |\n|---|---|---|---|\n", info->doc);
        for (uint32_t i = 0; i < info->count; i++) {
            const VvField *field = &info->field[i];
            fprintf(out, "| `%s` | %s | ", field->path, field->required ? "required" : "");
            put_range(out, (VvMessageType)type, field);
            fprintf(out, " | %s |\n", field->doc);
        }
        put_example(out, info->example);
    }
}

void gen_md_names(FILE *out) {
    for (int set = 0; set < VV_NAMES_COUNT; set++) {
        const VvNames *names = &vv_names[set];
        if (names == errors)
            continue; /* has its own chapter */
        fprintf(out, "%s**%s** %s\n\n", set == 0 ? "" : "\n", names->type, names->doc);
        for (uint32_t i = 0; i < names->count; i++)
            fprintf(out, "- `%s`%s%s\n", names->name[i].wire, names->name[i].doc[0] != '\0' ? ": " : "",
                    names->name[i].doc);
    }
}

void gen_md_errors(FILE *out) {
    fprintf(out, "| code | | |\n|---|---|---|\n");
    for (uint32_t i = 1; i < errors->count; i++) /* 0 is no error */
        fprintf(out, "| `%s` | %s | %s |\n", errors->name[i].wire, vv_err_fatal((VvErr)i) ? "fatal" : "",
                errors->name[i].doc);
}
