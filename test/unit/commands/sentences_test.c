/* The sentence splitter: where it cuts, where it does not, and that nothing is lost. */
#include "server/commands/assistant/sentences.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Cuts `text` and joins the pieces with '|'. */
static const char *cut(const char *text) {
    static char out[4096];
    size_t at = 0, begin, length, used = 0;
    out[0] = 0;
    while (vv_sentence_next(text, strlen(text), &at, &begin, &length)) {
        assert_true(length > 0 && length <= VV_SENTENCE_BYTES_MAX);
        used += (size_t)snprintf(out + used, sizeof out - used, "%s%.*s", used ? "|" : "", (int)length, text + begin);
    }
    return out;
}

static void cuts_at_marks(void **state) {
    (void)state;
    assert_string_equal(cut("Hello. How are you? Fine!"), "Hello.|How are you?|Fine!");
    assert_string_equal(cut("  One.\n\n Two  \nThree"), "One.|Two|Three");
    assert_string_equal(cut("He said \"Go.\" Then he went."), "He said \"Go.\"|Then he went.");
    assert_string_equal(cut("Really?! (Yes.) Well..."), "Really?!|(Yes.)|Well...");
    assert_string_equal(cut("Wait\xe2\x80\xa6 Then \xe2\x80\x9cstop.\xe2\x80\x9d Now."),
                        "Wait\xe2\x80\xa6|Then \xe2\x80\x9cstop.\xe2\x80\x9d|Now.");
    assert_string_equal(cut("\xe4\xbd\xa0\xe5\xa5\xbd\xe3\x80\x82\xe5\xa5\xbd\xe3\x80\x82"),
                        "\xe4\xbd\xa0\xe5\xa5\xbd\xe3\x80\x82|\xe5\xa5\xbd\xe3\x80\x82");
}

static void keeps_together_what_goes_on(void **state) {
    (void)state;
    assert_string_equal(cut("Dr. Smith met Mrs. J. Doe at 3.5 km. Good."),
                        "Dr. Smith met Mrs. J. Doe at 3.5 km.|Good.");
    assert_string_equal(cut("It costs approx. five, e.g. on Monday. So do I. You too."),
                        "It costs approx. five, e.g. on Monday.|So do I.|You too.");
    assert_string_equal(cut("See example.com or www.example.org for more."),
                        "See example.com or www.example.org for more.");
    assert_string_equal(cut("a.b.c"), "a.b.c");
}

static void has_nothing_in_nothing(void **state) {
    (void)state;
    assert_string_equal(cut(""), "");
    assert_string_equal(cut(" \n\t \r\n"), "");
    assert_string_equal(cut("."), ".");
}

static void cuts_what_is_too_long(void **state) {
    (void)state;
    char text[VV_SENTENCE_BYTES_MAX * 4 + 1];
    /* at the last comma */
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = 0;
    memcpy(text + 100, ", ", 2);
    memcpy(text + 140, " ", 1);
    memcpy(text + 250, " ", 1);
    size_t at = 0, begin, length;
    assert_true(vv_sentence_next(text, sizeof text - 1, &at, &begin, &length));
    assert_int_equal(begin, 0);
    assert_int_equal(length, 101);
    /* then at the last space */
    assert_true(vv_sentence_next(text, sizeof text - 1, &at, &begin, &length));
    assert_int_equal(begin, 102);
    assert_int_equal(begin + length, 250);
}

/* Without any space it is cut between characters, never inside one, and no byte is lost. */
static void never_cuts_a_character(void **state) {
    (void)state;
    char text[3 * 300 + 1] = "";
    for (int i = 0; i < 300; i++)
        memcpy(text + 3 * i, "\xe2\x82\xac", 4);
    size_t at = 0, begin, length, total = 0;
    while (vv_sentence_next(text, strlen(text), &at, &begin, &length)) {
        assert_int_equal(begin, total);
        assert_int_equal(length % 3, 0);
        total += length;
    }
    assert_int_equal(total, 900);
}

/* Any bytes at all: it ends, goes forward, and stays inside. */
static void survives_any_bytes(void **state) {
    (void)state;
    uint32_t random = 7;
    for (int round = 0; round < 2000; round++) {
        char text[600];
        for (size_t i = 0; i < sizeof text; i++) {
            random = random * 1664525u + 1013904223u;
            text[i] = random >> 30 ? (char)(random >> 16) : ". \n?"[random >> 16 & 3];
        }
        size_t at = 0, begin, length, behind = 0;
        while (vv_sentence_next(text, sizeof text, &at, &begin, &length)) {
            assert_true(begin >= behind && length > 0 && begin + length <= at && at <= sizeof text);
            behind = begin + length;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_at_marks),          cmocka_unit_test(keeps_together_what_goes_on),
        cmocka_unit_test(has_nothing_in_nothing), cmocka_unit_test(cuts_what_is_too_long),
        cmocka_unit_test(never_cuts_a_character), cmocka_unit_test(survives_any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
