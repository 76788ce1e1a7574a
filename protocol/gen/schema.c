/* docs/protocol.schema.json: JSON Schema, draft 2020-12, one definition a message. Lengths of strings are limits in
 * bytes, while a schema counts characters: what the schema refuses the server refuses too, but not the other way
 * round. */
#include "protocol/gen/gen.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static json_t *whole(double value) {
    return json_integer((json_int_t)value);
}

static json_t *name_list(const VvNames *names, uint32_t first) {
    json_t *list = json_array();
    for (uint32_t i = first; i < names->count; i++)
        json_array_append_new(list, json_string(names->name[i].wire));
    return list;
}

static json_t *rate_list(void) {
    json_t *list = json_array();
    for (int i = 0; i < VV_SPEECH_RATES; i++)
        json_array_append_new(list, json_integer(vv_speech_rates[i]));
    return list;
}

static json_t *label_schema(const char *doc) {
    return json_pack("{s:s, s:i, s:s}", "type", "string", "maxLength", VV_ID_BYTES_MAX, "description", doc);
}

static json_t *field_schema(VvMessageType type, const VvField *field) {
    VvRule rule = vv_field_rule(type, field);
    json_t *schema = NULL;
    switch (field->type) {
    case VV_FIELD_STRING:
        schema = json_pack("{s:s, s:o}", "type", "string", "maxLength", whole(field->max));
        if (rule == VV_RULE_SESSION_NAME)
            json_object_set_new(schema, "pattern", json_string("^[A-Za-z0-9_.-]+$"));
        break;
    case VV_FIELD_ENUM:
        schema = json_pack("{s:o}", "enum", name_list(field->names, rule == VV_RULE_NOT_OK));
        break;
    case VV_FIELD_SET:
        schema = json_pack("{s:s, s:{s:o}}", "type", "array", "items", "enum", name_list(field->names, 0));
        break;
    case VV_FIELD_INT:
        if (rule == VV_RULE_SPEECH_RATE)
            schema = json_pack("{s:o}", "enum", rate_list());
        else
            schema = json_pack("{s:s, s:o, s:o}", "type", "integer", "minimum", whole(field->min), "maximum",
                               whole(field->max));
        if (rule == VV_RULE_EVEN)
            json_object_set_new(schema, "multipleOf", json_integer(2));
        break;
    case VV_FIELD_NUM:
        schema =
            json_pack("{s:s, s:o, s:o}", "type", "number", "minimum", whole(field->min), "maximum", whole(field->max));
        break;
    case VV_FIELD_BOOL:
        schema = json_pack("{s:s}", "type", "boolean");
        break;
    case VV_FIELD_INTS:
        schema = json_pack("{s:s, s:{s:s}, s:o}", "type", "array", "items", "type", "integer", "maxItems",
                           whole(field->max));
        break;
    }
    if (field->doc[0] != '\0')
        json_object_set_new(schema, "description", json_string(field->doc));
    return schema;
}

/* By name, or by all three dimensions, not by both. */
static void add_emotion_rules(json_t *emotion) {
    json_object_set_new(emotion, "dependentRequired",
                        json_pack("{s:[s], s:[ss], s:[ss], s:[ss]}", "intensity", "label", "valence", "arousal",
                                  "dominance", "arousal", "valence", "dominance", "dominance", "valence", "arousal"));
    json_object_set_new(emotion, "not", json_pack("{s:[ss]}", "required", "label", "valence"));
}

/* The schema of object "video" within `message`, made when the first of its fields comes. */
static json_t *group_schema(json_t *message, const char *path, size_t size) {
    char name[64] = {0};
    memcpy(name, path, size);
    json_t *properties = json_object_get(message, "properties"), *group = json_object_get(properties, name);
    if (group)
        return group;
    group = json_pack("{s:s, s:{}, s:[]}", "type", "object", "properties", "required");
    if (strcmp(name, "emotion") == 0)
        add_emotion_rules(group);
    json_object_set_new(properties, name, group);
    return group;
}

static void add_required(json_t *schema, const char *name) {
    json_t *required = json_object_get(schema, "required");
    for (size_t i = 0; i < json_array_size(required); i++)
        if (strcmp(json_string_value(json_array_get(required, i)), name) == 0)
            return;
    json_array_append_new(required, json_string(name));
}

static json_t *message_schema(VvMessageType type) {
    const VvMessageInfo *info = &vv_messages[type];
    json_t *schema =
        json_pack("{s:s, s:s, s:{s:{s:s}, s:o, s:o}, s:[s], s:[o]}", "type", "object", "description", info->doc,
                  "properties", "type", "const", info->name, "id", label_schema("Names this message for its answer."),
                  "ref", label_schema("The id of the message that this one answers."), "required", "type", "examples",
                  json_loads(info->example, 0, NULL));
    for (uint32_t i = 0; i < info->count; i++) {
        const VvField *field = &info->field[i];
        const char *dot = strchr(field->path, '.'), *leaf = dot ? dot + 1 : field->path;
        size_t size = dot ? (size_t)(dot - field->path) : 0;
        json_t *owner = dot ? group_schema(schema, field->path, size) : schema;
        json_object_set_new(json_object_get(owner, "properties"), leaf, field_schema(type, field));
        if (!field->required)
            continue;
        add_required(owner, leaf);
        if (dot) {
            char group[64] = {0};
            memcpy(group, field->path, size);
            add_required(schema, group);
        }
    }
    return schema;
}

void gen_schema(FILE *out) {
    json_t *any = json_array(), *definitions = json_object();
    for (int type = 0; type < VV_MSG_COUNT; type++) {
        char reference[96];
        snprintf(reference, sizeof reference, "#/$defs/%s", vv_messages[type].name);
        json_array_append_new(any, json_pack("{s:s}", "$ref", reference));
        json_object_set_new(definitions, vv_messages[type].name, message_schema((VvMessageType)type));
    }
    json_t *root = json_pack(
        "{s:s, s:s, s:s, s:s, s:o, s:o}", "$schema", "https://json-schema.org/draft/2020-12/schema", "title",
        VV_PROTOCOL_NAME " text messages", "$comment", "Generated by make generate; do not edit.", "description",
        "Lengths are limits in bytes of UTF-8, a schema counts characters: it is the weaker check. "
        "Unknown fields are ignored.",
        "oneOf", any, "$defs", definitions);
    char *text = root ? json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) : NULL;
    if (!text) {
        fprintf(stderr, "generate: cannot make the schema\n");
        exit(2);
    }
    fprintf(out, "%s\n", text);
    free(text);
    json_decref(root);
}
