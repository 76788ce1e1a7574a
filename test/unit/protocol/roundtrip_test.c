/* Valid messages of every type, made by a seeded generator from the protocol's table, survive encoding and decoding
 * to the last bit; and the encoder's output with any byte changed never does more than name an error. */
#include "protocol/table.h"
#include "test/unit/protocol/support.h"

#include <stdlib.h>

enum { ROUNDS = 400 };

/* splitmix64 */
static uint64_t draw(uint64_t *seed) {
    uint64_t z = (*seed += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t below(uint64_t *seed, uint64_t bound) {
    return draw(seed) % bound;
}

static bool coin(uint64_t *seed) {
    return below(seed, 2) == 0;
}

/* At most `max` bytes: plain characters, ones that are escaped, and ones of two to four bytes. */
static void draw_string(uint64_t *seed, size_t max, char *out) {
    static const char *const pieces[] = {"a",    "Z",
                                         " ",    "\"",
                                         "\\",   "/",
                                         "\n",   "\x01",
                                         "\x1f", "\x7f",
                                         "é",    "ß",
                                         "日",   "\xef\xbf\xbf",
                                         "😀",    "\xf4\x8f\xbf\xbf"};
    size_t target = coin(seed) ? below(seed, max + 1) : below(seed, max < 20 ? max + 1 : 20), used = 0;
    for (;;) {
        /* Mostly plain, so that escapes do not make it longer than a text message may be. */
        const char *piece = below(seed, 4) > 0 ? "x" : pieces[below(seed, sizeof pieces / sizeof *pieces)];
        if (used + strlen(piece) > target)
            break;
        memcpy(out + used, piece, strlen(piece));
        used += strlen(piece);
    }
    out[used] = '\0';
}

static void draw_session_name(uint64_t *seed, size_t max, char *out) {
    static const char allowed[] = "abcxyzABCXYZ019-_.";
    size_t size = 1 + below(seed, max);
    for (size_t i = 0; i < size; i++)
        out[i] = allowed[below(seed, sizeof allowed - 1)];
    out[size] = '\0';
}

/* Often one of the ends of the range. */
static int64_t draw_whole(uint64_t *seed, double min, double max) {
    int64_t low = (int64_t)min, high = (int64_t)max;
    uint64_t choice = below(seed, 6), span = (uint64_t)(high - low) + 1;
    return choice == 0 ? low : choice == 1 ? high : low + (int64_t)below(seed, span);
}

static double draw_number(uint64_t *seed, double min, double max) {
    uint64_t choice = below(seed, 6);
    double unit = (double)(draw(seed) >> 11) * 0x1p-53;
    return choice == 0 ? min : choice == 1 ? max : min + unit * (max - min);
}

static void draw_field(uint64_t *seed, VvMessageType type, const VvField *field, void *at) {
    VvRule rule = vv_field_rule(type, field);
    VvInts ints = {0};
    switch (field->type) {
    case VV_FIELD_STRING:
        if (rule == VV_RULE_SESSION_NAME)
            draw_session_name(seed, (size_t)field->max, at);
        else
            draw_string(seed, (size_t)field->max, at);
        break;
    case VV_FIELD_ENUM: {
        uint32_t first = rule == VV_RULE_NOT_OK;
        memcpy(at, &(int32_t){(int32_t)(first + below(seed, field->names->count - first))}, sizeof(int32_t));
        break;
    }
    case VV_FIELD_SET:
        memcpy(at, &(uint32_t){(uint32_t)below(seed, UINT64_C(1) << field->names->count)}, sizeof(uint32_t));
        break;
    case VV_FIELD_INT: {
        int64_t whole = draw_whole(seed, field->min, field->max);
        if (rule == VV_RULE_SPEECH_RATE)
            whole = vv_speech_rates[below(seed, VV_SPEECH_RATES)];
        else if (rule == VV_RULE_EVEN)
            whole -= whole % 2;
        memcpy(at, &whole, sizeof whole);
        break;
    }
    case VV_FIELD_NUM: {
        double number = draw_number(seed, field->min, field->max);
        memcpy(at, &number, sizeof number);
        break;
    }
    case VV_FIELD_BOOL:
        memcpy(at, &(bool){coin(seed)}, sizeof(bool));
        break;
    case VV_FIELD_INTS:
        ints.count = (uint32_t)below(seed, (uint64_t)field->max + 1);
        for (uint32_t i = 0; i < ints.count; i++)
            ints.value[i] = draw_whole(seed, -VV_WHOLE_MAX, VV_WHOLE_MAX);
        memcpy(at, &ints, sizeof ints);
        break;
    }
}

/* Whether an optional field may be there: an emotion has a label, or dimensions, or neither. */
static bool allowed(const char *path, uint64_t emotion) {
    if (strncmp(path, "emotion.", 8) != 0)
        return true;
    bool named = strcmp(path, "emotion.label") == 0 || strcmp(path, "emotion.intensity") == 0;
    return emotion == (named ? 1 : 2);
}

static bool needed(const char *path, uint64_t emotion) {
    return strncmp(path, "emotion.", 8) == 0 && emotion > 0 && strcmp(path, "emotion.intensity") != 0;
}

static void draw_message(uint64_t *seed, VvMessageType type, VvMessage *message) {
    const VvMessageInfo *info = &vv_messages[type];
    vv_message_init(message, type);
    if (coin(seed))
        draw_string(seed, VV_ID_BYTES_MAX, message->id);
    if (coin(seed))
        draw_string(seed, VV_ID_BYTES_MAX, message->ref);
    uint32_t present = 0;
    uint64_t emotion = below(seed, 3);
    for (uint32_t i = 0; i < info->count; i++) {
        const VvField *field = &info->field[i];
        bool wanted = field->required || needed(field->path, emotion) || coin(seed);
        if (!wanted || !allowed(field->path, emotion))
            continue;
        draw_field(seed, type, field, (char *)&message->body + field->offset);
        present |= UINT32_C(1) << i;
    }
    memcpy(&message->body, &present, sizeof present);
}

static void test_every_type(void **state) {
    (void)state;
    uint64_t seed = 20260301;
    for (int round = 0; round < ROUNDS; round++)
        for (int type = 0; type < VV_MSG_COUNT; type++) {
            VvMessage message, again;
            VvFault fault;
            char out[VV_TEXT_BYTES_MAX];
            draw_message(&seed, (VvMessageType)type, &message);
            size_t size = vv_message_encode(&message, out, sizeof out);
            if (size == 0)
                fail_msg("%s does not encode, round %d", vv_message_name((VvMessageType)type), round);
            if (vv_message_decode(out, size, &again, &fault) != VV_ERR_OK)
                fail_msg("%.*s: %s", (int)size, out, fault.text);
            assert_memory_equal(&message, &again, vv_message_size((VvMessageType)type));
        }
}

/* One byte of a valid message is changed, dropped or doubled. Whatever decodes must encode again to the same. */
static void test_mutations(void **state) {
    (void)state;
    uint64_t seed = 7;
    for (int round = 0; round < 100 * VV_MSG_COUNT; round++) {
        VvMessage message, again;
        VvFault fault;
        char out[VV_TEXT_BYTES_MAX], second[VV_TEXT_BYTES_MAX];
        draw_message(&seed, (VvMessageType)(round % VV_MSG_COUNT), &message);
        size_t size = vv_message_encode(&message, out, sizeof out - 1), at = below(&seed, size);
        switch (below(&seed, 3)) {
        case 0:
            out[at] = (char)draw(&seed);
            break;
        case 1:
            memmove(out + at, out + at + 1, --size - at);
            break;
        default:
            memmove(out + at + 1, out + at, size++ - at);
            break;
        }
        VvErr code = vv_message_decode(out, size, &message, &fault);
        assert_int_equal(fault.code, code);
        if (code != VV_ERR_OK) {
            assert_true(fault.text[0] != '\0');
            assert_int_equal(vv_utf8_valid(fault.text, strlen(fault.text)), strlen(fault.text));
            continue;
        }
        size = vv_message_encode(&message, second, sizeof second);
        assert_true(size > 0);
        assert_int_equal(vv_message_decode(second, size, &again, &fault), VV_ERR_OK);
        assert_memory_equal(&message, &again, vv_message_size(message.type));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_type),
        cmocka_unit_test(test_mutations),
    };
    return cmocka_run_group_tests_name("roundtrip", tests, NULL, NULL);
}
