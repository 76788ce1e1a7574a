/* The sender under credit: the order of what it sends, and that it never sends a byte more than it may. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test/unit/commands/script.h"

enum { SAMPLES = 5000 };

static int16_t pcm[SAMPLES];
static Script script;
static VvSender sender;

static int set_up(void **state) {
    (void)state;
    for (int i = 0; i < SAMPLES; i++)
        pcm[i] = (int16_t)(i * 13 - 30000);
    memset(&script, 0, sizeof script);
    VvSenderPort port = script_port(&script);
    vv_sender_init(&sender, &port, 100, false);
    return 0;
}

static void credit(uint32_t utterance, int64_t bytes) {
    VvSpeechCredit message = {.utterance = utterance, .bytes = bytes};
    vv_sender_credit(&sender, &message);
}

static void sends_in_order(void **state) {
    (void)state;
    assert_true(vv_sender_open(&sender, 1, "Hello.", pcm, SAMPLES, 16000));
    assert_int_equal(vv_sender_pump(&sender, 1), VV_SENDER_CREDIT); /* nothing before the first credit */
    assert_string_equal(script_read(&script), "begin 1 \"Hello.\"; ");
    credit(1, 1000000);
    assert_int_equal(vv_sender_pump(&sender, 1), VV_SENDER_IDLE);
    assert_string_equal(script_read(&script), "audio 1 3224; audio 1 3224; audio 1 3224; audio 1 424; end 1; ");
    assert_int_equal(script.samples, SAMPLES);
    assert_memory_equal(script.heard, pcm, sizeof pcm);
    assert_int_equal(vv_sender_pump(&sender, 1), VV_SENDER_IDLE);
    assert_string_equal(script_read(&script), "");
}

static void counts_credit_by_utterance(void **state) {
    (void)state;
    assert_true(vv_sender_open(&sender, 1, NULL, pcm, SAMPLES, 16000));
    assert_false(vv_sender_open(&sender, 2, NULL, pcm, SAMPLES, 16000)); /* one at a time */
    credit(1, 4000);
    assert_int_equal(vv_sender_pump(&sender, 1), VV_SENDER_CREDIT);
    assert_string_equal(script_read(&script), "begin 1 \"\"; audio 1 3224; audio 1 776; ");
    credit(1, 3000);  /* never shrinks */
    credit(2, 90000); /* not ours */
    assert_int_equal(vv_sender_pump(&sender, 1), VV_SENDER_CREDIT);
    assert_string_equal(script_read(&script), "");
    credit(1, 100000);
    assert_int_equal(vv_sender_pump(&sender, 1), VV_SENDER_IDLE);
    assert_int_equal(script.samples, SAMPLES);
    script_read(&script);
    /* the next one begins at nothing again */
    assert_true(vv_sender_open(&sender, 7, NULL, pcm, 10, 16000));
    assert_int_equal(vv_sender_pump(&sender, 1), VV_SENDER_CREDIT);
    credit(7, 44);
    assert_int_equal(vv_sender_pump(&sender, 1), VV_SENDER_IDLE);
    assert_string_equal(script_read(&script), "begin 7 \"\"; audio 7 44; end 7; ");
}

/* Whatever the steps of credit are: never more than allowed, all of it in the end, and nothing twice. */
static void never_exceeds_its_credit(void **state) {
    (void)state;
    uint32_t random = 3;
    for (uint32_t utterance = 1; utterance <= 200; utterance++) {
        int64_t allowed = 0;
        assert_true(vv_sender_open(&sender, utterance, NULL, pcm, SAMPLES, 16000));
        while (vv_sender_pump(&sender, 1) != VV_SENDER_IDLE) {
            assert_true(script.audio <= allowed);
            random = random * 1664525u + 1013904223u;
            allowed += random >> 20;
            credit(utterance, allowed);
        }
        assert_true(script.audio <= allowed);
        assert_int_equal(script.samples, SAMPLES);
        assert_memory_equal(script.heard, pcm, sizeof pcm);
        script.used = 0;
    }
}

static void waits_for_its_port(void **state) {
    (void)state;
    script.refuse = true;
    assert_false(vv_sender_open(&sender, 1, NULL, pcm, SAMPLES, 16000));
    script.refuse = false;
    assert_true(vv_sender_open(&sender, 1, NULL, pcm, SAMPLES, 16000));
    credit(1, 100000);
    script.queued = 1 << 20;
    assert_int_equal(vv_sender_pump(&sender, 1000), VV_SENDER_LATER);
    assert_true(sender.due > 1000);
    script.queued = 0;
    script.refuse = true;
    assert_int_equal(vv_sender_pump(&sender, 2000), VV_SENDER_LATER);
    script.refuse = false;
    assert_int_equal(vv_sender_pump(&sender, 3000), VV_SENDER_IDLE);
    assert_memory_equal(script.heard, pcm, sizeof pcm);
}

static void keeps_the_pace_of_speech(void **state) {
    (void)state;
    VvSenderPort port = script_port(&script);
    vv_sender_init(&sender, &port, 100, true);
    assert_true(vv_sender_open(&sender, 1, NULL, pcm, SAMPLES, 16000));
    credit(1, 100000);
    const int64_t begin = 5000000;
    uint32_t expected[] = {1600, 3200, 4800, 5000};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(vv_sender_pump(&sender, begin + i * 100000), VV_SENDER_LATER);
        assert_int_equal(script.samples, expected[i]);
        assert_int_equal(sender.due, begin + (i + 1) * 100000);
        assert_int_equal(vv_sender_pump(&sender, begin + (i + 1) * 100000 - 1), VV_SENDER_LATER);
        assert_int_equal(script.samples, expected[i]);
    }
    assert_int_equal(vv_sender_pump(&sender, begin + 300000), VV_SENDER_IDLE);
    assert_int_equal(script.samples, expected[3]);
}

static void forgets_what_was_dropped(void **state) {
    (void)state;
    assert_true(vv_sender_open(&sender, 1, NULL, pcm, SAMPLES, 16000));
    credit(1, 4000);
    vv_sender_pump(&sender, 1);
    vv_sender_drop(&sender);
    credit(1, 100000);
    script.used = 0;
    assert_int_equal(vv_sender_pump(&sender, 1), VV_SENDER_IDLE);
    assert_true(vv_sender_open(&sender, 2, NULL, pcm, 100, 16000));
    credit(2, 100000);
    assert_int_equal(vv_sender_pump(&sender, 1), VV_SENDER_IDLE);
    assert_string_equal(script_read(&script), "begin 2 \"\"; audio 2 224; end 2; ");
}

static void cuts_long_text_between_characters(void **state) {
    (void)state;
    char text[5000];
    memset(text, 'x', sizeof text);
    memcpy(text + 4095, "\xe2\x82\xac", 3);
    text[4999] = 0;
    assert_true(vv_sender_open(&sender, 1, text, pcm, 10, 16000)); /* the script encodes it: it must be valid UTF-8 */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(sends_in_order, set_up),
        cmocka_unit_test_setup(counts_credit_by_utterance, set_up),
        cmocka_unit_test_setup(never_exceeds_its_credit, set_up),
        cmocka_unit_test_setup(waits_for_its_port, set_up),
        cmocka_unit_test_setup(keeps_the_pace_of_speech, set_up),
        cmocka_unit_test_setup(forgets_what_was_dropped, set_up),
        cmocka_unit_test_setup(cuts_long_text_between_characters, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
