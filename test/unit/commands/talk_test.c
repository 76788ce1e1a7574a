/* The assistant's talk against a scripted server: what it says in which order, interrupts, lost connections, errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/commands/assistant/talk.h"
#include "server/commands/assistant/voice.h"
#include "test/unit/commands/script.h"

static Script script;
static VvTalk *talk;
static VvTalkConfig config;

static int set_up(void **state) {
    (void)state;
    memset(&script, 0, sizeof script);
    config = (VvTalkConfig){.greeting = NULL, .echo = true, .port = script_port(&script)};
    talk = vv_talk_new(&config);
    return talk && vv_voice_open() == 0 ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    vv_talk_free(&talk);
    vv_voice_close();
    return 0;
}

static void ready(bool resumed) {
    VvMessage message;
    vv_message_init(&message, VV_MSG_SESSION_READY);
    message.body.SessionReady.utterances = 32;
    message.body.SessionReady.resumed = resumed;
    vv_talk_message(talk, &message);
}

static void credit(uint32_t utterance) {
    VvMessage message;
    vv_message_init(&message, VV_MSG_SPEECH_CREDIT);
    message.body.SpeechCredit.utterance = utterance;
    message.body.SpeechCredit.bytes = 10000000;
    vv_talk_message(talk, &message);
}

static void finished(uint32_t utterance, bool interrupted) {
    VvMessage message;
    vv_message_init(&message, VV_MSG_PLAYBACK_FINISHED);
    message.body.PlaybackFinished.utterance = utterance;
    message.body.PlaybackFinished.interrupted = interrupted;
    vv_talk_message(talk, &message);
}

static void typed(const char *text) {
    VvMessage message;
    vv_message_init(&message, VV_MSG_DIALOGUE_TURN);
    message.body.DialogueTurn.speaker = VV_SPEAKER_USER;
    snprintf(message.body.DialogueTurn.text, sizeof message.body.DialogueTurn.text, "%s", text);
    vv_talk_message(talk, &message);
}

static void error(const char *ref, VvErr code) {
    VvMessage message;
    vv_message_init(&message, VV_MSG_ERROR);
    snprintf(message.ref, sizeof message.ref, "%s", ref);
    message.body.Error.code = (int32_t)code;
    vv_talk_message(talk, &message);
}

/* Pumps until it wants nothing more; what it sent, audio left out. */
static const char *pumped(void) {
    static char events[65536];
    size_t used = 0;
    while (vv_talk_pump(talk, 1))
        ;
    const char *log = script_read(&script);
    events[0] = 0;
    for (const char *end; (end = strstr(log, "; ")); log = end + 2)
        if (strncmp(log, "audio", 5) != 0)
            used += (size_t)snprintf(events + used, sizeof events - used, "%.*s; ", (int)(end - log), log);
    return events;
}

static void says_sentences_one_by_one(void **state) {
    (void)state;
    assert_string_equal(pumped(), ""); /* not joined yet */
    vv_talk_say(talk, "One. Two. Three. Four.", 22);
    ready(false);
    assert_string_equal(pumped(), "begin 1 \"One.\"; turn \"One.\"; ");
    credit(1);
    assert_string_equal(pumped(), "end 1; begin 2 \"Two.\"; turn \"Two.\"; ");
    assert_true(script.samples == 0 && !vv_talk_idle(talk));
    credit(2);
    assert_string_equal(pumped(), "end 2; begin 3 \"Three.\"; turn \"Three.\"; ");
    credit(3);
    assert_string_equal(pumped(), "end 3; "); /* three are ahead: the fourth waits here */
    finished(1, false);
    assert_string_equal(pumped(), "begin 4 \"Four.\"; turn \"Four.\"; ");
    credit(4);
    assert_string_equal(pumped(), "end 4; ");
    finished(2, false);
    finished(3, false);
    assert_false(vv_talk_idle(talk));
    finished(4, false);
    assert_true(vv_talk_idle(talk));
    assert_int_equal(vv_talk_counts(talk).said, 4);
}

static void greets_once_and_echoes(void **state) {
    (void)state;
    vv_talk_free(&talk);
    config.greeting = "Hello there.";
    talk = vv_talk_new(&config);
    ready(false);
    assert_string_equal(pumped(), "begin 1 \"Hello there.\"; turn \"Hello there.\"; ");
    credit(1);
    pumped();
    finished(1, false);
    vv_talk_lost(talk);
    ready(true);
    assert_string_equal(pumped(), "");
    typed("Good evening.");
    assert_string_equal(pumped(), "begin 2 \"Good evening.\"; turn \"Good evening.\"; ");
    credit(2);
    typed("\xe4\xbd\xa0\xe5\xa5\xbd");
    assert_string_equal(pumped(), "end 2; begin 3 \"I can only read Latin letters aloud.\"; "
                                  "turn \"I can only read Latin letters aloud.\"; ");
}

static void drops_the_rest_when_interrupted(void **state) {
    (void)state;
    ready(false);
    typed("One. Two. Three. Four. Five.");
    pumped();
    credit(1);
    assert_string_equal(pumped(), "end 1; begin 2 \"Two.\"; turn \"Two.\"; ");
    typed("Later.");
    finished(1, true);
    finished(2, true);
    assert_string_equal(pumped(), "begin 3 \"Later.\"; turn \"Later.\"; "); /* a newer turn is not dropped */
    credit(3);
    pumped();
    finished(3, false);
    assert_true(vv_talk_idle(talk));
    assert_int_equal(vv_talk_counts(talk).interrupted, 5);
    assert_int_equal(vv_talk_counts(talk).said, 1);
}

static void barge_in_drops_only_with_auto_interrupt(void **state) {
    (void)state;
    VvMessage event;
    vv_message_init(&event, VV_MSG_CONTEXT_EVENT);
    event.body.ContextEvent.kind = VV_EVENT_BARGE_IN;
    ready(false);
    typed("One. Two.");
    pumped();
    vv_talk_message(talk, &event);
    credit(1);
    assert_string_equal(pumped(), "end 1; begin 2 \"Two.\"; turn \"Two.\"; ");
    vv_talk_free(&talk);
    script.sequence = 0;
    config.auto_interrupt = true;
    talk = vv_talk_new(&config);
    ready(false);
    typed("One. Two.");
    pumped();
    vv_talk_message(talk, &event);
    credit(1);
    assert_string_equal(pumped(), "end 1; ");
}

static void refuses_beyond_its_queue(void **state) {
    (void)state;
    char text[1000] = "";
    for (int i = 0; i < VV_TALK_QUEUE + 10; i++)
        strcat(text, "Go. ");
    assert_int_equal(vv_talk_room(talk), VV_TALK_QUEUE);
    assert_int_equal(vv_talk_say(talk, text, strlen(text)), 10);
    assert_int_equal(vv_talk_room(talk), 0);
    assert_int_equal(vv_talk_say(talk, "More.", 5), 1);
    assert_int_equal(vv_talk_counts(talk).refused, 11);
    ready(false);
    int begun = 0, notes = 0;
    for (uint32_t utterance = 1; !vv_talk_idle(talk); utterance++) {
        const char *sent = pumped();
        begun += strstr(sent, "\"Go.\"") != NULL;
        notes += strstr(sent, "I cannot remember more") != NULL;
        credit(utterance);
        sent = pumped(); /* the audio, and the next begin */
        begun += strstr(sent, "begin") && strstr(sent, "\"Go.\"");
        notes += strstr(sent, "I cannot remember more") != NULL;
        finished(utterance, false);
    }
    assert_int_equal(begun, VV_TALK_QUEUE);
    assert_int_equal(notes, 1); /* it said so, once */
}

static void begins_again_after_a_lost_connection(void **state) {
    (void)state;
    ready(false);
    typed("One. Two.");
    pumped();
    vv_talk_lost(talk); /* in mid-sentence: no credit came yet */
    assert_string_equal(pumped(), "");
    ready(true);
    assert_string_equal(pumped(), "interrupt 1; begin 2 \"One.\"; turn \"One.\"; ");
    finished(1, true); /* the answer to the interrupt does not stop what comes */
    credit(2);
    assert_string_equal(pumped(), "end 2; begin 3 \"Two.\"; turn \"Two.\"; ");
    vv_talk_lost(talk);
    ready(false); /* another session: what it held is lost, the open one is said again */
    assert_string_equal(pumped(), "begin 4 \"Two.\"; turn \"Two.\"; ");
    assert_int_equal(vv_talk_counts(talk).lost, 1);
}

/* All was sent, but whether it came nobody knows: the end of what was begun last is told again, of what is over not. */
static void ends_again_after_a_lost_connection(void **state) {
    (void)state;
    ready(false);
    typed("One. Two.");
    pumped();
    credit(1);
    pumped();
    credit(2);
    assert_string_equal(pumped(), "end 2; ");
    finished(1, false);
    vv_talk_lost(talk);
    ready(true);
    assert_string_equal(pumped(), "end 2; ");
    finished(2, false);
    vv_talk_lost(talk);
    ready(true);
    assert_string_equal(pumped(), "");
    assert_int_equal(vv_talk_counts(talk).said, 2);
}

static void finds_a_free_number(void **state) {
    (void)state;
    ready(false);
    typed("One.");
    assert_string_equal(pumped(), "begin 1 \"One.\"; turn \"One.\"; ");
    error("u1", VV_ERR_UTTERANCE_USED);
    assert_string_equal(pumped(), "begin 2 \"One.\"; turn \"One.\"; ");
    error("u2", VV_ERR_UTTERANCE_USED);
    assert_string_equal(pumped(), "begin 4 \"One.\"; turn \"One.\"; ");
    credit(4);
    assert_string_equal(pumped(), "end 4; ");
    finished(4, false);
    assert_true(vv_talk_idle(talk));
}

static void waits_for_a_free_place(void **state) {
    (void)state;
    ready(false);
    typed("One. Two.");
    pumped();
    credit(1);
    assert_string_equal(pumped(), "end 1; begin 2 \"Two.\"; turn \"Two.\"; ");
    error("u2", VV_ERR_TOO_MANY_UTTERANCES);
    assert_string_equal(pumped(), "");
    finished(1, false);
    assert_string_equal(pumped(), "begin 3 \"Two.\"; turn \"Two.\"; ");
    error("u3", VV_ERR_UNSUPPORTED); /* for good */
    assert_string_equal(pumped(), "");
    assert_true(vv_talk_idle(talk));
    assert_int_equal(vv_talk_counts(talk).lost, 1);
}

static void reads_only_what_it_can(void **state) {
    (void)state;
    char out[64];
    assert_int_equal(vv_voice_readable("Caf\xc3\xa9 \xe2\x80\x9cna\xc3\xafve\xe2\x80\x9d", out, sizeof out), 9);
    assert_string_equal(out, "Cafe \"naive\"");
    assert_int_equal(vv_voice_readable("\xe4\xbd\xa0\xf0\x9f\x98\x80", out, sizeof out), 0);
    assert_string_equal(out, "");
    assert_int_equal(vv_voice_readable("\xc5\x81\xc3\xb3\x64\xc5\xba", out, 4), 3); /* cut by the room */
    assert_string_equal(out, "Lod");
    VvClip clip;
    assert_int_equal(vv_voice_say(":-)", &clip), 0);
    assert_int_equal(clip.samples, 0);
    assert_int_equal(vv_voice_say("Hello.", &clip), 0);
    assert_in_range(clip.samples, VV_VOICE_RATE / 5, 2 * VV_VOICE_RATE);
    vv_clip_free(&clip);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(says_sentences_one_by_one),
        TEST(greets_once_and_echoes),
        TEST(drops_the_rest_when_interrupted),
        TEST(barge_in_drops_only_with_auto_interrupt),
        TEST(refuses_beyond_its_queue),
        TEST(begins_again_after_a_lost_connection),
        TEST(ends_again_after_a_lost_connection),
        TEST(finds_a_free_number),
        TEST(waits_for_a_free_place),
        TEST(reads_only_what_it_can),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
