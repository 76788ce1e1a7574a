/* One text message in: bytes are checked before the JSON library sees them, the JSON before it becomes a structure,
 * and the structure before anyone else sees it. */
#include "protocol/table.h"

#include <jansson.h>
#include <string.h>

/* Every number as a double: all limits are below 2^53, so nothing is lost, 24000.0 is as good as 24000, and a number
 * far too large is out of its field's range like any other. NUL is let through here to be refused by field. */
#define JSON_FLAGS (JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL)

static const char *const type_words = "type must be a string";

/* Deepest nesting of brackets outside strings. Text that is not JSON may be miscounted: then the parser refuses it. */
static int depth(const char *text, size_t size) {
    int now = 0, most = 0;
    bool quoted = false;
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '{' || c == '['))
            now++;
        else if (!quoted && (c == '}' || c == ']'))
            now--;
        most = now > most ? now : most;
    }
    return most;
}

static VvErr parse_fault(const json_error_t *error, VvFault *fault) {
    if (error->text[0] == '\0') /* the parser gave up without finding fault: an allocation failed */
        return vv_fault_set(fault, VV_ERR_INTERNAL, "out of memory");
    switch (json_error_code(error)) {
    case json_error_out_of_memory:
        return vv_fault_set(fault, VV_ERR_INTERNAL, "out of memory");
    case json_error_duplicate_key:
        return vv_fault_set(fault, VV_ERR_BAD_JSON, "a key comes twice in one object, at byte %d", error->position);
    case json_error_numeric_overflow:
        return vv_fault_set(fault, VV_ERR_BAD_JSON, "a number is too large, at byte %d", error->position);
    case json_error_end_of_input_expected:
        return vv_fault_set(fault, VV_ERR_BAD_JSON, "something follows the object, at byte %d", error->position);
    default:
        return vv_fault_set(fault, VV_ERR_BAD_JSON, "not JSON, at byte %d", error->position);
    }
}

/* Parses `text` into one JSON object, which the caller releases. */
static VvErr parse(const char *text, size_t size, json_t **root, VvFault *fault) {
    if (size > VV_TEXT_BYTES_MAX)
        return vv_fault_set(fault, VV_ERR_TOO_LARGE, "a text message has %zu bytes, at most %d are allowed", size,
                            VV_TEXT_BYTES_MAX);
    size_t valid = vv_utf8_valid(text, size);
    if (valid != size)
        return vv_fault_set(fault, VV_ERR_BAD_UTF8, "not UTF-8 text, at byte %zu", valid);
    if (depth(text, size) > VV_DEPTH_MAX)
        return vv_fault_set(fault, VV_ERR_BAD_JSON, "nested deeper than %d levels", VV_DEPTH_MAX);
    json_error_t error = {0};
    *root = json_loadb(text, size, JSON_FLAGS, &error);
    if (!*root)
        return parse_fault(&error, fault);
    if (!json_is_object(*root))
        return vv_fault_set(fault, VV_ERR_BAD_JSON, "not a JSON object");
    return VV_ERR_OK;
}

/* Copies a string value with its terminator, if it fits into max + 1 bytes and has no NUL inside. */
static bool read_string(const json_t *value, size_t max, char *out) {
    if (!json_is_string(value))
        return false;
    const char *text = json_string_value(value);
    size_t length = json_string_length(value);
    if (length > max || memchr(text, 0, length))
        return false;
    memcpy(out, text, length + 1);
    return true;
}

static bool read_name(const json_t *value, const VvNames *names, int *index) {
    if (!json_is_string(value))
        return false;
    *index = vv_names_find(names, json_string_value(value), json_string_length(value));
    return *index >= 0;
}

static bool read_set(const json_t *value, const VvNames *names, uint32_t *bits) {
    if (!json_is_array(value))
        return false;
    size_t i;
    const json_t *item;
    json_array_foreach(value, i, item) {
        int index;
        if (!read_name(item, names, &index))
            return false;
        *bits |= UINT32_C(1) << index;
    }
    return true;
}

static bool read_whole(const json_t *value, int64_t *whole) {
    if (!json_is_number(value))
        return false;
    double number = json_number_value(value);
    if (!(number >= -VV_WHOLE_MAX && number <= VV_WHOLE_MAX))
        return false;
    *whole = (int64_t)number;
    return (double)*whole == number;
}

static bool read_ints(const json_t *value, size_t max, VvInts *ints) {
    if (!json_is_array(value) || json_array_size(value) > max)
        return false;
    size_t i;
    const json_t *item;
    json_array_foreach(value, i, item) {
        if (!read_whole(item, &ints->value[i]))
            return false;
    }
    ints->count = (uint32_t)json_array_size(value);
    return true;
}

/* Puts a JSON value of the field's type at `out`; ranges are left to vv_message_check. */
static bool read_field(const VvField *field, const json_t *value, void *out) {
    union {
        int index;
        uint32_t bits;
        int64_t whole;
        double number;
        bool truth;
        VvInts ints;
    } v;
    memset(&v, 0, sizeof v);
    switch (field->type) {
    case VV_FIELD_STRING:
        return read_string(value, (size_t)field->max, out);
    case VV_FIELD_ENUM:
        if (!read_name(value, field->names, &v.index))
            return false;
        memcpy(out, &(int32_t){v.index}, sizeof(int32_t));
        return true;
    case VV_FIELD_SET:
        if (!read_set(value, field->names, &v.bits))
            return false;
        memcpy(out, &v.bits, sizeof v.bits);
        return true;
    case VV_FIELD_INT:
        if (!read_whole(value, &v.whole))
            return false;
        memcpy(out, &v.whole, sizeof v.whole);
        return true;
    case VV_FIELD_NUM:
        v.number = json_number_value(value);
        memcpy(out, &v.number, sizeof v.number);
        return json_is_number(value);
    case VV_FIELD_BOOL:
        v.truth = json_is_true(value);
        memcpy(out, &v.truth, sizeof v.truth);
        return json_is_boolean(value);
    case VV_FIELD_INTS:
        if (!read_ints(value, (size_t)field->max, &v.ints))
            return false;
        memcpy(out, &v.ints, sizeof v.ints);
        return true;
    }
    return false;
}

/* Finds the value at a path, NULL if absent. "video.width" is looked up in object "video"; false if "video" is
 * something else. */
static bool find(const json_t *root, const char *path, const json_t **value) {
    const char *dot = strchr(path, '.');
    if (!dot) {
        *value = json_object_get(root, path);
        return true;
    }
    char group[32] = {0};
    memcpy(group, path, (size_t)(dot - path));
    const json_t *object = json_object_get(root, group);
    *value = json_object_get(object, dot + 1);
    return !object || json_is_object(object);
}

static VvErr read_body(const json_t *root, VvMessage *message, VvFault *fault) {
    const VvMessageInfo *info = &vv_messages[message->type];
    uint32_t present = 0;
    for (uint32_t i = 0; i < info->count; i++) {
        const VvField *field = &info->field[i];
        const json_t *value;
        if (!find(root, field->path, &value))
            return vv_fault_set(fault, VV_ERR_BAD_FIELD, "%s: %.*s must be an object", info->name,
                                (int)strcspn(field->path, "."), field->path);
        if (!value && field->required)
            return vv_fault_set(fault, VV_ERR_MISSING_FIELD, "%s: %s is required", info->name, field->path);
        if (!value)
            continue;
        if (!read_field(field, value, (char *)&message->body + field->offset)) {
            char expects[200];
            vv_field_expects(message->type, field, expects, sizeof expects);
            return vv_fault_set(fault, VV_ERR_BAD_FIELD, "%s: %s %s", info->name, field->path, expects);
        }
        present |= UINT32_C(1) << i;
    }
    memcpy(&message->body, &present, sizeof present);
    return vv_message_check(message, fault);
}

static VvErr read_type(const json_t *root, VvMessageType *type, VvFault *fault) {
    const json_t *value = json_object_get(root, "type");
    if (!value)
        return vv_fault_set(fault, VV_ERR_MISSING_FIELD, "type is required");
    if (!json_is_string(value))
        return vv_fault_set(fault, VV_ERR_BAD_FIELD, "%s", type_words);
    const char *name = json_string_value(value);
    for (int i = 0; i < VV_MSG_COUNT; i++)
        if (strlen(vv_messages[i].name) == json_string_length(value) && strcmp(vv_messages[i].name, name) == 0) {
            *type = (VvMessageType)i;
            return VV_ERR_OK;
        }
    if (json_string_length(value) > VV_ID_BYTES_MAX) /* not quoted back: a cut could split a character */
        return vv_fault_set(fault, VV_ERR_UNKNOWN_TYPE, "unknown message type");
    return vv_fault_set(fault, VV_ERR_UNKNOWN_TYPE, "unknown message type '%s'", name);
}

/* Reads "id" or "ref", empty when absent. */
static VvErr read_label(const json_t *root, const char *key, char *out, VvFault *fault) {
    const json_t *value = json_object_get(root, key);
    if (value && !read_string(value, VV_ID_BYTES_MAX, out))
        return vv_fault_set(fault, VV_ERR_BAD_FIELD, "%s must be a string of at most %d bytes, without NUL", key,
                            VV_ID_BYTES_MAX);
    return VV_ERR_OK;
}

VvErr vv_message_decode(const char *text, size_t size, VvMessage *message, VvFault *fault) {
    json_t *root = NULL;
    memset(message, 0, sizeof *message);
    memset(fault, 0, sizeof *fault);
    VvErr code = parse(text, size, &root, fault);
    if (code == VV_ERR_OK) /* first of all, so that every later fault can name it */
        code = read_label(root, "id", message->id, fault);
    memcpy(fault->id, message->id, sizeof fault->id);
    if (code == VV_ERR_OK)
        code = read_type(root, &message->type, fault);
    if (code == VV_ERR_OK)
        code = read_label(root, "ref", message->ref, fault);
    if (code == VV_ERR_OK)
        code = read_body(root, message, fault);
    json_decref(root);
    return code;
}
