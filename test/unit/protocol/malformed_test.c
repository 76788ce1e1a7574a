/* Every malformed variant of a text message gets exactly its named error. Each field of each message is broken in
 * every way that its type allows; the messages are taken apart and put together by the JSON library, so that the
 * tests do not share code with what they test. */
#include "protocol/table.h"
#include "test/unit/protocol/support.h"

#include <jansson.h>
#include <stdlib.h>

static VvErr decode(const char *text, size_t size, VvFault *fault) {
    VvMessage message;
    char *exact = malloc(size + 1); /* unterminated and exact, so that a sanitizer sees a read beyond it */
    assert_non_null(exact);
    char *end = exact + 1;
    memcpy(end, text, size);
    VvErr code = vv_message_decode(end, size, &message, fault);
    free(exact);
    return code;
}

static void expect(const char *text, const char *expected) {
    VvFault fault;
    expect_code(text, decode(text, strlen(text), &fault), expected);
}

/* The object that holds `path`'s last member, made if need be. */
static json_t *owner(json_t *root, const char *path) {
    const char *dot = strchr(path, '.');
    if (!dot)
        return root;
    char group[64] = {0};
    memcpy(group, path, (size_t)(dot - path));
    if (!json_object_get(root, group))
        json_object_set_new(root, group, json_object());
    return json_object_get(root, group);
}

static const char *leaf(const char *path) {
    const char *dot = strchr(path, '.');
    return dot ? dot + 1 : path;
}

/* The example with field `path` replaced by `value` (released here; NULL takes it out) must give `expected`, name the
 * field and carry the message's id. */
static void expect_field(VvMessageType type, const char *path, json_t *value, const char *expected) {
    json_t *root = json_loads(vv_messages[type].example, 0, NULL);
    assert_non_null(root);
    json_object_set_new(root, "id", json_string("the id"));
    if (value)
        json_object_set_new(owner(root, path), leaf(path), value);
    else
        json_object_del(owner(root, path), leaf(path));
    char *text = json_dumps(root, JSON_COMPACT);
    VvFault fault;
    expect_code(text, decode(text, strlen(text), &fault), expected);
    assert_string_equal(fault.id, "the id");
    if (strcmp(expected, "ok") != 0 && (!strstr(fault.text, path) || !strstr(fault.text, vv_messages[type].name)))
        fail_msg("%s: '%s' does not name %s", text, fault.text, path);
    free(text);
    json_decref(root);
}

static json_t *letters(size_t count) {
    char *text = malloc(count + 1);
    assert_non_null(text);
    memset(text, 'x', count);
    text[count] = '\0';
    json_t *value = json_string(text);
    free(text);
    return value;
}

static json_t *numbers(size_t count) {
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_integer(1));
    return list;
}

static void break_type(VvMessageType type, const VvField *field) {
    json_t *others[] = {json_null(),         json_true(),       json_integer(1), json_real(0.5),
                        json_string("\x01"), json_pack("[[]]"), json_object()};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        bool whole = json_is_integer(others[i]), number = json_is_number(others[i]);
        bool fits = field->type == VV_FIELD_STRING ? json_is_string(others[i])
                    : field->type == VV_FIELD_BOOL ? json_is_boolean(others[i])
                    : field->type == VV_FIELD_INT  ? whole
                    : field->type == VV_FIELD_NUM  ? number
                                                   : false;
        if (fits)
            json_decref(others[i]);
        else
            expect_field(type, field->path, others[i], "bad_field");
    }
}

static void break_range(VvMessageType type, const VvField *field) {
    const char *path = field->path;
    json_int_t min = (json_int_t)field->min, max = (json_int_t)field->max;
    switch (field->type) {
    case VV_FIELD_STRING:
        expect_field(type, path, letters((size_t)max), "ok");
        expect_field(type, path, letters((size_t)max + 1), "bad_field");
        expect_field(type, path, json_stringn("a\0b", 3), "bad_field");
        break;
    case VV_FIELD_ENUM:
        expect_field(type, path, json_string(""), "bad_field");
        expect_field(type, path, json_string("nobody"), "bad_field");
        expect_field(type, path, json_stringn("user\0", 5), "bad_field");
        break;
    case VV_FIELD_SET:
        expect_field(type, path, json_pack("[s]", "nobody"), "bad_field");
        expect_field(type, path, json_string(field->names->name[0].wire), "bad_field");
        break;
    case VV_FIELD_INT:
        expect_field(type, path, json_integer(min), "ok");
        expect_field(type, path, json_integer(max), "ok");
        expect_field(type, path, json_integer(min - 1), "bad_field");
        expect_field(type, path, json_integer(max + 1), "bad_field");
        expect_field(type, path, json_integer(INT64_MIN), "bad_field");
        expect_field(type, path, json_real(-1e300), "bad_field");
        break;
    case VV_FIELD_NUM:
        expect_field(type, path, json_real(field->min - 1e-9), "bad_field");
        expect_field(type, path, json_real(field->max + 1e-9), "bad_field");
        expect_field(type, path, json_real(1e300), "bad_field");
        break;
    case VV_FIELD_BOOL:
        expect_field(type, path, json_integer(0), "bad_field");
        break;
    case VV_FIELD_INTS:
        expect_field(type, path, numbers((size_t)max), "ok");
        expect_field(type, path, numbers((size_t)max + 1), "bad_field");
        expect_field(type, path, json_pack("[f]", 9007199254740992.), "bad_field");
        break;
    }
}

static void test_fields(void **state) {
    (void)state;
    for (int type = 0; type < VV_MSG_COUNT; type++)
        for (uint32_t i = 0; i < vv_messages[type].count; i++) {
            const VvField *field = &vv_messages[type].field[i];
            if (field->required)
                expect_field((VvMessageType)type, field->path, NULL, "missing_field");
            break_type((VvMessageType)type, field);
            break_range((VvMessageType)type, field);
        }
}

/* An object's place taken by something else, and by nothing. */
static void test_groups(void **state) {
    (void)state;
    for (int type = 0; type < VV_MSG_COUNT; type++)
        for (uint32_t i = 0; i < vv_messages[type].count; i++) {
            const VvField *field = &vv_messages[type].field[i];
            char group[64] = {0};
            memcpy(group, field->path, strcspn(field->path, "."));
            if (strcmp(group, field->path) == 0)
                continue;
            expect_field((VvMessageType)type, group, json_integer(1), "bad_field");
            expect_field((VvMessageType)type, group, json_null(), "bad_field");
            expect_field((VvMessageType)type, group, NULL, field->required ? "missing_field" : "ok");
        }
}

static void test_id(void **state) {
    (void)state;
    VvMessage message;
    VvFault fault;
    char text[256], name[VV_ID_BYTES_MAX + 2];
    memset(name, 'n', sizeof name);
    for (int room = 0; room < 2; room++) { /* exactly as long as allowed, and a byte more */
        name[VV_ID_BYTES_MAX + room] = '\0';
        int size = snprintf(text, sizeof text, "{\"type\":\"speech.interrupt\",\"id\":\"%s\"}", name);
        VvErr code = vv_message_decode(text, (size_t)size, &message, &fault);
        assert_int_equal(code, room == 0 ? VV_ERR_OK : VV_ERR_BAD_FIELD);
        assert_string_equal(fault.id, room == 0 ? name : "");
        size = snprintf(text, sizeof text, "{\"type\":\"speech.interrupt\",\"ref\":\"%s\"}", name);
        code = vv_message_decode(text, (size_t)size, &message, &fault);
        assert_int_equal(code, room == 0 ? VV_ERR_OK : VV_ERR_BAD_FIELD);
        name[VV_ID_BYTES_MAX] = 'n';
    }
    /* The id is told also where the type is wrong. */
    const char *unknown = "{\"type\":\"hello\",\"id\":\"7\"}", *none = "{\"id\":\"8\"}";
    assert_int_equal(decode(unknown, strlen(unknown), &fault), VV_ERR_UNKNOWN_TYPE);
    assert_string_equal(fault.id, "7");
    assert_int_equal(decode(none, strlen(none), &fault), VV_ERR_MISSING_FIELD);
    assert_string_equal(fault.id, "8");
}

static void test_utf8(void **state) {
    (void)state;
    static const char *const bad[] = {
        "\x80",             /* a continuation alone */
        "\xc3",             /* cut short */
        "\xe2\x82",         /* cut short */
        "\xf0\x9f\x98",     /* cut short */
        "\xc0\xaf",         /* overlong '/' */
        "\xc1\xbf",         /* overlong */
        "\xe0\x80\xaf",     /* overlong */
        "\xe0\x9f\xbf",     /* overlong */
        "\xf0\x80\x80\xaf", /* overlong */
        "\xf0\x8f\xbf\xbf", /* overlong */
        "\xc0\x80",         /* overlong NUL */
        "\xed\xa0\x80",     /* surrogate */
        "\xed\xbf\xbf",     /* surrogate */
        "\xf4\x90\x80\x80", /* above U+10FFFF */
        "\xf5\x80\x80\x80", /* above */
        "\xf8\x88\x80\x80\x80",
        "\xfe",
        "\xff",
        "\xc3(", /* no continuation */
    };
    static const char *const good[] = {"\x7f",         "\xc2\x80",         "\xdf\xbf",
                                       "\xe0\xa0\x80", "\xed\x9f\xbf",     "\xee\x80\x80",
                                       "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"};
    char text[128];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(text, sizeof text, "{\"type\":\"session.end\",\"reason\":\"%s\"}", bad[i]);
        expect(text, "bad_utf8");
        expect(bad[i], "bad_utf8"); /* also at the very end of the buffer */
    }
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        snprintf(text, sizeof text, "{\"type\":\"session.end\",\"reason\":\"%s\"}", good[i]);
        expect(text, "ok");
    }
    VvFault fault;
    static const char nul[] = "{\"type\":\"session.end\",\"reason\":\"a\0b\"}";
    assert_int_equal(decode(nul, sizeof nul - 1, &fault), VV_ERR_BAD_UTF8);
    assert_int_equal(decode("\xef\xbb\xbf{}", 5, &fault), VV_ERR_BAD_JSON); /* a byte order mark is no JSON */
}

static void test_json(void **state) {
    (void)state;
    expect("{\"type\":\"ping\",\"t\":1,\"t\":1}", "bad_json");
    expect("{\"type\":\"ping\",\"t\":1,\"unknown\":{\"a\":1,\"a\":2}}", "bad_json");
    expect("{\"type\":\"session.end\",\"reason\":\"\\ud800\"}", "bad_json");
    expect("{\"type\":\"session.end\",\"reason\":\"\\udc00\\ud800\"}", "bad_json");
    expect("{\"type\":\"ping\",\"t\":1e999}", "bad_json");
    /* Every prefix of a message is no JSON. */
    for (int type = 0; type < VV_MSG_COUNT; type++) {
        const char *example = vv_messages[type].example;
        for (size_t size = 0; size < strlen(example); size++) {
            VvFault fault;
            assert_int_equal(decode(example, size, &fault), VV_ERR_BAD_JSON);
        }
    }
}

/* Blank room up to the limit is fine; a byte more is too large, whatever it is. */
static void test_size(void **state) {
    (void)state;
    VvFault fault;
    char *text = malloc(VV_TEXT_BYTES_MAX + 1);
    assert_non_null(text);
    memset(text, ' ', VV_TEXT_BYTES_MAX + 1);
    memcpy(text, "{\"type\":\"speech.interrupt\"}", 27);
    assert_int_equal(decode(text, VV_TEXT_BYTES_MAX, &fault), VV_ERR_OK);
    assert_int_equal(decode(text, VV_TEXT_BYTES_MAX + 1, &fault), VV_ERR_TOO_LARGE);
    memset(text, '[', VV_TEXT_BYTES_MAX + 1);
    assert_int_equal(decode(text, VV_TEXT_BYTES_MAX, &fault), VV_ERR_BAD_JSON);
    free(text);
}

/* The JSON library's n-th allocation fails, for every n: the message is refused and nothing leaks. Within a token the
 * library does not tell this apart from bad JSON. */
static int allocations_left;

static void *limited_malloc(size_t size) {
    return allocations_left-- > 0 ? malloc(size) : NULL;
}

static void test_out_of_memory(void **state) {
    (void)state;
    VvMessage message;
    VvFault fault;
    const char *text = vv_messages[VV_MSG_SESSION_READY].example;
    json_malloc_t old_malloc;
    json_free_t old_free;
    json_get_alloc_funcs(&old_malloc, &old_free);
    json_set_alloc_funcs(limited_malloc, free);
    VvErr code = VV_ERR_INTERNAL;
    int limit = 0;
    for (; limit < 10000 && code != VV_ERR_OK; limit++) {
        allocations_left = limit;
        code = vv_message_decode(text, strlen(text), &message, &fault);
        if (code != VV_ERR_OK && code != VV_ERR_INTERNAL && code != VV_ERR_BAD_JSON)
            fail_msg("allocation %d: %s: %s", limit, vv_err_name(code), fault.text);
    }
    json_set_alloc_funcs(old_malloc, old_free);
    assert_true(limit > 20 && code == VV_ERR_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),        cmocka_unit_test(test_groups), cmocka_unit_test(test_id),
        cmocka_unit_test(test_utf8),          cmocka_unit_test(test_json),   cmocka_unit_test(test_size),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests_name("malformed", tests, NULL, NULL);
}
