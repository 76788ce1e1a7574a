/* One text message out, written straight into the caller's buffer: this runs while media flows, so it allocates
 * nothing. Objects of dotted paths are opened and closed as the paths change, which needs that the fields of one
 * object stand together in messages.def. */
#include "protocol/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Writer {
    char *out;
    size_t size;
    size_t used;
    bool full; /* something did not fit: everything after it is dropped */
} Writer;

static void put(Writer *w, const char *bytes, size_t count) {
    w->full = w->full || count > w->size - w->used;
    if (w->full)
        return;
    memcpy(w->out + w->used, bytes, count);
    w->used += count;
}

static void put_text(Writer *w, const char *text) {
    put(w, text, strlen(text));
}

static void put_string(Writer *w, const char *text) {
    put_text(w, "\"");
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        static const char letter[] = "\b\f\n\r\t\"\\", escape[] = "bfnrt\"\\";
        const char *found = strchr(letter, c);
        if (found) {
            put(w, (const char[]){'\\', escape[found - letter]}, 2);
        } else if (c < 0x20) {
            char code[8];
            snprintf(code, sizeof code, "\\u%04x", c);
            put_text(w, code);
        } else {
            put(w, text, 1);
        }
    }
    put_text(w, "\"");
}

static void put_whole(Writer *w, int64_t whole) {
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, whole);
    put_text(w, text);
}

/* The fewest digits that read back as the same number. Whatever bytes the locale has for the decimal point, the
 * message gets '.'. */
static void put_number(Writer *w, double number) {
    char text[48];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            break;
    }
    size_t whole = strspn(text, "-0123456789");
    size_t point = strcspn(text + whole, "0123456789e");
    put(w, text, whole);
    if (point > 0)
        put_text(w, ".");
    put_text(w, text + whole + point);
}

static void put_names(Writer *w, const VvNames *names, uint32_t bits) {
    const char *between = "[";
    for (uint32_t i = 0; i < names->count; i++) {
        if ((bits >> i & 1) == 0)
            continue;
        put_text(w, between);
        put_string(w, names->name[i].wire);
        between = ",";
    }
    put_text(w, bits == 0 ? "[]" : "]");
}

static void put_ints(Writer *w, const VvInts *ints) {
    put_text(w, "[");
    for (uint32_t i = 0; i < ints->count; i++) {
        if (i > 0)
            put_text(w, ",");
        put_whole(w, ints->value[i]);
    }
    put_text(w, "]");
}

static void put_value(Writer *w, const VvField *field, const void *at) {
    union {
        int32_t index;
        uint32_t bits;
        int64_t whole;
        double number;
        bool truth;
        VvInts ints;
    } v;
    switch (field->type) {
    case VV_FIELD_STRING:
        put_string(w, at);
        break;
    case VV_FIELD_ENUM:
        memcpy(&v.index, at, sizeof v.index);
        put_string(w, field->names->name[v.index].wire);
        break;
    case VV_FIELD_SET:
        memcpy(&v.bits, at, sizeof v.bits);
        put_names(w, field->names, v.bits);
        break;
    case VV_FIELD_INT:
        memcpy(&v.whole, at, sizeof v.whole);
        put_whole(w, v.whole);
        break;
    case VV_FIELD_NUM:
        memcpy(&v.number, at, sizeof v.number);
        put_number(w, v.number);
        break;
    case VV_FIELD_BOOL:
        memcpy(&v.truth, at, sizeof v.truth);
        put_text(w, v.truth ? "true" : "false");
        break;
    case VV_FIELD_INTS:
        memcpy(&v.ints, at, sizeof v.ints);
        put_ints(w, &v.ints);
        break;
    }
}

static void put_key(Writer *w, const char *key, size_t size) {
    put_text(w, "\"");
    put(w, key, size);
    put_text(w, "\":");
}

/* Writes ,"id":"..." unless `text` is empty. */
static void put_label(Writer *w, const char *key, const char *text) {
    if (text[0] == '\0')
        return;
    put_text(w, ",");
    put_key(w, key, strlen(key));
    put_string(w, text);
}

static void put_body(Writer *w, const VvMessage *message) {
    const VvMessageInfo *info = &vv_messages[message->type];
    const char *group = ""; /* the path whose object is open, and its length up to the dot */
    size_t group_size = 0;
    for (uint32_t i = 0; i < info->count; i++) {
        const VvField *field = &info->field[i];
        if (!field->required && !vv_field_present(message, field))
            continue;
        const char *dot = strchr(field->path, '.');
        size_t size = dot ? (size_t)(dot - field->path) : 0;
        bool same = size == group_size && memcmp(field->path, group, size) == 0;
        if (!same && group_size > 0)
            put_text(w, "}");
        put_text(w, ",");
        if (!same && size > 0) {
            put_key(w, field->path, size);
            put_text(w, "{");
        }
        if (!same) {
            group = field->path;
            group_size = size;
        }
        const char *leaf = dot ? dot + 1 : field->path;
        put_key(w, leaf, strlen(leaf));
        put_value(w, field, vv_field_at(message, field));
    }
    if (group_size > 0)
        put_text(w, "}");
}

size_t vv_message_encode(const VvMessage *message, char *out, size_t size) {
    VvFault fault;
    if (vv_message_check(message, &fault) != VV_ERR_OK)
        return 0;
    Writer w = {.out = out, .size = size < VV_TEXT_BYTES_MAX ? size : VV_TEXT_BYTES_MAX};
    put_text(&w, "{\"type\":");
    put_string(&w, vv_messages[message->type].name);
    put_label(&w, "id", message->id);
    put_label(&w, "ref", message->ref);
    put_body(&w, message);
    put_text(&w, "}");
    return w.full ? 0 : w.used;
}
