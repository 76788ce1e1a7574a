/* The codec of text messages: examples, exact output, and what the encoder refuses. */
#include "protocol/table.h"
#include "test/unit/protocol/support.h"

#include <jansson.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>

/* Encodes, and compares with the JSON expected, byte for byte. */
static void expect_json(const VvMessage *message, const char *expected) {
    char out[VV_TEXT_BYTES_MAX + 1];
    size_t size = vv_message_encode(message, out, sizeof out);
    out[size] = '\0';
    assert_string_equal(out, expected);
}

static void decode_ok(const char *text, VvMessage *message) {
    VvFault fault;
    VvErr code = vv_message_decode(text, strlen(text), message, &fault);
    if (code != VV_ERR_OK)
        fail_msg("%s: %s: %s", text, vv_err_name(code), fault.text);
}

/* The examples are in canonical form: decoding and encoding gives the same bytes back. */
static void test_examples(void **state) {
    (void)state;
    for (int type = 0; type < VV_MSG_COUNT; type++) {
        VvMessage first, second;
        char out[VV_TEXT_BYTES_MAX + 1];
        decode_ok(vv_messages[type].example, &first);
        assert_int_equal(first.type, type);
        size_t size = vv_message_encode(&first, out, sizeof out - 1);
        out[size] = '\0';
        assert_string_equal(out, vv_messages[type].example);
        decode_ok(out, &second);
        assert_memory_equal(&first, &second, vv_message_size((VvMessageType)type));
    }
}

static void test_cases(void **state) {
    (void)state;
    unsigned count = 0;
    char line[1024];
    FILE *file = open_cases("messages.txt");
    while (next_case(file, line, sizeof line)) {
        VvMessage message, again;
        VvFault fault;
        char out[VV_TEXT_BYTES_MAX];
        char *text = strchr(line, ' ');
        assert_non_null(text);
        *text++ = '\0';
        VvErr code = vv_message_decode(text, strlen(text), &message, &fault);
        expect_code(text, code, line);
        assert_int_equal(fault.code, code);
        assert_true((code == VV_ERR_OK) == (fault.text[0] == '\0'));
        count++;
        if (code != VV_ERR_OK)
            continue;
        size_t size = vv_message_encode(&message, out, sizeof out);
        assert_true(size > 0);
        assert_int_equal(vv_message_decode(out, size, &again, &fault), VV_ERR_OK);
        assert_memory_equal(&message, &again, vv_message_size(message.type));
    }
    fclose(file);
    assert_true(count > 70);
}

static void test_fields_land_in_their_members(void **state) {
    (void)state;
    VvMessage m;
    decode_ok("{\"type\":\"session.start\",\"id\":\"a\",\"ref\":\"b\",\"role\":\"both\",\"seed\":9007199254740991,"
              "\"video\":{\"height\":512,\"codec\":\"vp8\"},\"want\":[\"user_audio\",\"motion\"],"
              "\"auto_interrupt\":true}",
              &m);
    const VvSessionStart *start = &m.body.SessionStart;
    assert_string_equal(m.id, "a");
    assert_string_equal(m.ref, "b");
    assert_int_equal(start->role, VV_ROLE_BOTH);
    assert_true(start->seed == INT64_C(9007199254740991));
    assert_int_equal(start->video_height, 512);
    assert_int_equal(start->want, 1 << VV_WANT_USER_AUDIO | 1 << VV_WANT_MOTION);
    assert_true(start->auto_interrupt);
    assert_true(VV_HAS(start, SessionStart, video_height) && VV_HAS(start, SessionStart, video_codec));
    assert_true(VV_HAS(start, SessionStart, role) && VV_HAS(start, SessionStart, want));
    assert_false(VV_HAS(start, SessionStart, video_width) || VV_HAS(start, SessionStart, session));
    assert_int_equal(start->video_width, 0);
    assert_string_equal(start->session, "");
}

static void test_exact_output(void **state) {
    (void)state;
    VvMessage m;
    vv_message_init(&m, VV_MSG_SESSION_END);
    expect_json(&m, "{\"type\":\"session.end\"}");
    VV_MARK(&m.body.SessionEnd, SessionEnd, reason);
    strcpy(m.body.SessionEnd.reason, "\"\\/\b\f\n\r\t\x01\x1f\x7f é😀");
    strcpy(m.id, "i\"");
    strcpy(m.ref, "r");
    expect_json(&m, "{\"type\":\"session.end\",\"id\":\"i\\\"\",\"ref\":\"r\",\"reason\":"
                    "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f é😀\"}");

    vv_message_init(&m, VV_MSG_SESSION_START); /* nested objects between plain fields */
    VV_MARK(&m.body.SessionStart, SessionStart, video_fps);
    VV_MARK(&m.body.SessionStart, SessionStart, audio_rate);
    VV_MARK(&m.body.SessionStart, SessionStart, want);
    m.body.SessionStart.video_fps = 25;
    m.body.SessionStart.audio_rate = 48000;
    expect_json(&m, "{\"type\":\"session.start\",\"role\":\"viewer\",\"video\":{\"fps\":25},\"audio\":{\"rate\":48000},"
                    "\"want\":[]}");
}

/* The numbers' text does not depend on the locale, and reads back to the last bit. */
static void test_numbers(void **state) {
    (void)state;
    static const double values[] = {
        0, 1, -1, 0.1, 0.8, 1.0 / 3, 2.0 / 3, 5e-324, 1e-7, 0.30000000000000004, 0.9999999999999999, -0.1, 1e-300};
    static const char *const locales[] = {"C", "de_DE.UTF-8", "fr_FR.UTF-8", "ps_AF.UTF-8"};
    for (size_t l = 0; l < sizeof locales / sizeof *locales; l++) {
        if (!setlocale(LC_ALL, locales[l]))
            continue; /* not installed here */
        for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
            VvMessage m, again;
            VvFault fault;
            char out[512];
            vv_message_init(&m, VV_MSG_CONTEXT_AFFECT);
            m.body.ContextAffect.valence = values[i];
            size_t size = vv_message_encode(&m, out, sizeof out);
            assert_true(size > 0);
            assert_int_equal(vv_message_decode(out, size, &again, &fault), VV_ERR_OK);
            assert_memory_equal(&again.body.ContextAffect.valence, &values[i], sizeof values[i]);
        }
    }
    setlocale(LC_ALL, "C");
    VvMessage m;
    vv_message_init(&m, VV_MSG_CONTEXT_EVENT);
    m.body.ContextEvent.value = 0.1;
    expect_json(&m, "{\"type\":\"context.event\",\"kind\":\"user.speaking\",\"value\":0.1,\"pts\":0}");
}

/* Whatever room there is short of what is needed, nothing is written beyond it and 0 comes back. */
static void test_room(void **state) {
    (void)state;
    for (int type = 0; type < VV_MSG_COUNT; type++) {
        VvMessage m;
        decode_ok(vv_messages[type].example, &m);
        size_t need = strlen(vv_messages[type].example);
        for (size_t room = 0; room <= need; room++) {
            char *exact = malloc(room + 1);
            assert_non_null(exact);
            exact[room] = '#';
            assert_int_equal(vv_message_encode(&m, exact, room), room == need ? need : 0);
            assert_int_equal(exact[room], '#');
            free(exact);
        }
    }
}

/* A message that escaping makes longer than any text message may be is not sent. */
static void test_too_long_once_escaped(void **state) {
    (void)state;
    static char out[VV_MESSAGE_BYTES_MAX];
    VvMessage m;
    vv_message_init(&m, VV_MSG_DIALOGUE_TURN);
    memset(m.body.DialogueTurn.text, 1, 2000);
    assert_true(vv_message_encode(&m, out, sizeof out) > 12000);
    memset(m.body.DialogueTurn.text, 1, 4096);
    assert_int_equal(vv_message_encode(&m, out, sizeof out), 0);
}

static void test_encoder_refuses(void **state) {
    (void)state;
    char out[1024];
    VvMessage m, good;
    vv_message_init(&good, VV_MSG_CONTEXT_AFFECT);
    assert_true(vv_message_encode(&good, out, sizeof out) > 0);

    const double numbers[] = {NAN, INFINITY, -INFINITY, 1.0000000000000002, -1.5};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        m = good;
        m.body.ContextAffect.arousal = numbers[i];
        assert_int_equal(vv_message_encode(&m, out, sizeof out), 0);
    }
    m = good;
    m.body.ContextAffect.label = VV_Emotion_COUNT;
    assert_int_equal(vv_message_encode(&m, out, sizeof out), 0);
    m.body.ContextAffect.label = -1;
    assert_int_equal(vv_message_encode(&m, out, sizeof out), 0);
    m = good;
    m.body.ContextAffect.path.count = 17;
    assert_int_equal(vv_message_encode(&m, out, sizeof out), 0);
    m.body.ContextAffect.path = (VvInts){.count = 1, .value = {INT64_MAX}};
    assert_int_equal(vv_message_encode(&m, out, sizeof out), 0);
    m = good;
    m.type = VV_MSG_COUNT;
    assert_int_equal(vv_message_encode(&m, out, sizeof out), 0);
    m = good;
    memset(m.id, 'x', sizeof m.id); /* not terminated */
    assert_int_equal(vv_message_encode(&m, out, sizeof out), 0);
    m = good;
    strcpy(m.ref, "\xff");
    assert_int_equal(vv_message_encode(&m, out, sizeof out), 0);

    vv_message_init(&m, VV_MSG_SESSION_START);
    VV_MARK(&m.body.SessionStart, SessionStart, want);
    m.body.SessionStart.want = 1U << VV_Want_COUNT;
    assert_int_equal(vv_message_encode(&m, out, sizeof out), 0);
    vv_message_init(&m, VV_MSG_ERROR); /* code ok */
    assert_int_equal(vv_message_encode(&m, out, sizeof out), 0);
    vv_message_init(&m, VV_MSG_SPEECH_BEGIN); /* utterance 0, rate 0 */
    assert_int_equal(vv_message_encode(&m, out, sizeof out), 0);
    m.body.SpeechBegin.utterance = 1;
    m.body.SpeechBegin.rate = 16000;
    assert_true(vv_message_encode(&m, out, sizeof out) > 0);
}

static void test_names(void **state) {
    (void)state;
    assert_string_equal(vv_err_name(VV_ERR_BAD_FIELD), "bad_field");
    assert_string_equal(vv_err_name((VvErr)-1), "internal");
    assert_string_equal(vv_err_name(VV_Err_COUNT), "internal");
    assert_true(vv_err_fatal(VV_ERR_TOO_LARGE) && vv_err_fatal(VV_ERR_INTERNAL) && vv_err_fatal(VV_Err_COUNT));
    assert_false(vv_err_fatal(VV_ERR_OK) || vv_err_fatal(VV_ERR_UNKNOWN_TYPE));
    assert_string_equal(vv_message_name(VV_MSG_SESSION_START), "session.start");
    assert_string_equal(vv_message_name(VV_MSG_COUNT), "unknown");
    assert_int_equal(vv_message_from(VV_MSG_SESSION_START), VV_FROM_CLIENT);
    assert_int_equal(vv_message_from(VV_MSG_SPEECH_BEGIN), VV_FROM_BACKEND);
    assert_int_equal(vv_message_from(VV_MSG_COUNT), 0);
    for (int type = 0; type < VV_MSG_COUNT; type++)
        assert_true(vv_message_size((VvMessageType)type) <= sizeof(VvMessage));
}

/* Faults say message, field and what is allowed. */
static void test_fault_words(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"{\"type\":\"speech.begin\",\"utterance\":1,\"codec\":\"opus\",\"rate\":8000}",
         "speech.begin: rate must be 16000, 24000 or 48000"},
        {"{\"type\":\"speech.begin\",\"codec\":\"opus\",\"rate\":16000}", "speech.begin: utterance is required"},
        {"{\"type\":\"session.start\",\"role\":\"viewer\",\"video\":{\"width\":2}}",
         "session.start: video.width must be an even whole number from 64 to 1024"},
        {"{\"type\":\"session.start\",\"role\":\"viewer\",\"video\":{\"fps\":30}}",
         "session.start: video.fps must be 25"},
        {"{\"type\":\"session.start\",\"role\":\"viewer\",\"video\":7}", "session.start: video must be an object"},
        {"{\"type\":\"session.start\",\"role\":\"guest\"}", "session.start: role must be viewer, backend or both"},
        {"{\"type\":\"session.start\",\"role\":\"both\",\"session\":\"?\"}",
         "session.start: session must be 1 to 64 letters, digits, '-', '_' or '.'"},
        {"{\"type\":\"session.update\",\"emotion\":{\"intensity\":1}}",
         "session.update: emotion.intensity needs emotion.label"},
        {"{\"type\":\"dialogue.turn\",\"speaker\":\"user\",\"text\":\"\",\"emotion\":{\"valence\":2}}",
         "dialogue.turn: emotion.valence must be a number from -1 to 1"},
        {"{\"type\":\"hello\"}", "unknown message type 'hello'"},
        {"{\"type\":\"ping\",\"t\":1,\"t\":2}", "a key comes twice in one object, at byte 24"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        VvMessage m;
        VvFault fault;
        assert_int_not_equal(vv_message_decode(cases[i][0], strlen(cases[i][0]), &m, &fault), VV_ERR_OK);
        assert_string_equal(fault.text, cases[i][1]);
    }
}

/* What the encoder, the decoder and the generator take for granted about the table. */
static void test_table(void **state) {
    (void)state;
    for (int type = 0; type < VV_MSG_COUNT; type++) {
        const VvMessageInfo *info = &vv_messages[type];
        assert_true(info->from > 0 && info->from <= VV_FROM_ANY);
        for (uint32_t i = 0; i < info->count; i++) {
            const VvField *field = &info->field[i];
            size_t group = strcspn(field->path, ".");
            assert_true(group < 32);
            assert_true(field->min <= field->max && floor(field->min) == field->min);
            assert_true(floor(field->max) == field->max && field->max <= VV_WHOLE_MAX);
            assert_true(field->type != VV_FIELD_INTS || field->max <= 16);
            assert_true(field->type != VV_FIELD_SET || field->names->count < 32);
            if (field->path[group] == '\0')
                continue;
            assert_null(strchr(field->path + group + 1, '.'));
            for (uint32_t j = 0; j < i; j++) { /* the fields of an object stand together */
                bool same = strncmp(info->field[j].path, field->path, group + 1) == 0;
                assert_false(same && strncmp(info->field[i - 1].path, field->path, group + 1) != 0);
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_fields_land_in_their_members),
        cmocka_unit_test(test_exact_output),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_too_long_once_escaped),
        cmocka_unit_test(test_encoder_refuses),
        cmocka_unit_test(test_fault_words),
    };
    return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
