/* Voices: exact times, the same samples every time, texts that are divided, and recordings found where packages put
 * them. Needs the engines' data for the first group; the recordings are a small tree of the test's own. */
#include "weights/performer/dataset_file.h"
#include "weights/performer/dialogue.h"
#include "weights/performer/texts.h"
#include "weights/performer/voice.h"
#include "weights/performer/voice_g722.h"
#include "weights/performer/voice_recorded.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static VvVoices *voices;
static char reason[200];

static int open_voices(void **state) {
    (void)state;
    if (vv_voices_open(&voices, reason))
        voices = NULL;
    return 0;
}

static int close_voices(void **state) {
    (void)state;
    vv_voices_close(&voices);
    return 0;
}

static void need_voices(void) {
    if (!voices) {
        print_message("skipped: %s\n", reason);
        skip();
    }
}

static const VvManner plain = {1, 1, 1, 1, 1};

static VvSpeech say(const char *name, const VvManner *manner, const char *text) {
    VvSpeech speech;
    const int voice = vv_voice_named(name);
    assert_true(voice >= 0);
    assert_int_equal(vv_voice_say(voices, voice, manner, text, &speech), 0);
    return speech;
}

static void times_cover_the_speech(void **state) {
    (void)state;
    need_voices();
    static const char *const names[] = {"flite-slt",    "flite-rms",    "flite-awb",
                                        "espeak-de+f2", "espeak-ru+m3", "espeak-cmn+m1"};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        VvSpeech speech = say(names[n], &plain, "Bob, 42, Papa!");
        assert_true(speech.segments > 8 && speech.words >= 3 && speech.samples > 8000);
        int32_t at = 0;
        for (int i = 0; i < speech.segments; i++) {
            assert_int_equal(speech.segment[i].begin, at);
            assert_true(speech.segment[i].end > at && speech.segment[i].phone < VV_PHONES);
            at = speech.segment[i].end;
        }
        assert_int_equal(at, speech.samples);
        for (int i = 0; i < speech.words; i++)
            assert_true(speech.word[i].begin >= 0 && speech.word[i].end >= speech.word[i].begin &&
                        speech.word[i].end <= speech.samples);
        vv_speech_free(&speech);
    }
}

/* Times are right where they can be heard: a vowel between two stops is louder than the stops' closures. */
static void times_are_where_the_sound_is(void **state) {
    (void)state;
    need_voices();
    VvSpeech speech = say("flite-slt", &plain, "Bob paid a taxi. Papa baked a potato pie.");
    double vowel = 0, stop = 0;
    int vowels = 0, stops = 0;
    for (int i = 0; i < speech.segments; i++) {
        const VvSegment *s = &speech.segment[i];
        const VvPhoneKind kind = vv_phone_kind((VvPhone)s->phone);
        const int middle = (s->begin + s->end) / 2;
        double energy = 0;
        for (int k = middle - 80; k < middle + 80; k++)
            energy += (double)speech.pcm[k < 0                 ? 0
                                         : k >= speech.samples ? speech.samples - 1
                                                               : k] *
                      speech.pcm[k < 0                 ? 0
                                 : k >= speech.samples ? speech.samples - 1
                                                       : k];
        if (kind == VV_PHONE_VOWEL)
            vowel += sqrt(energy / 160), vowels++;
        if (s->phone == VV_PHONE_P || s->phone == VV_PHONE_T || s->phone == VV_PHONE_K)
            stop += sqrt(energy / 160), stops++;
    }
    assert_true(vowels > 8 && stops > 4);
    assert_true(vowel / vowels > 3 * stop / stops);
    vv_speech_free(&speech);
}

static void the_same_is_said_the_same(void **state) {
    (void)state;
    need_voices();
    static const char *const names[] = {"flite-slt", "espeak-fr+f1"};
    for (int n = 0; n < 2; n++) {
        VvSpeech first = say(names[n], &plain, "Philip bought a blue van.");
        VvSpeech between = say("espeak-it+m2", &plain, "Qualcosa di diverso, 15.");
        VvSpeech second = say(names[n], &plain, "Philip bought a blue van.");
        assert_int_equal(first.samples, second.samples);
        assert_memory_equal(first.pcm, second.pcm, (size_t)first.samples * sizeof *first.pcm);
        assert_int_equal(first.segments, second.segments);
        assert_memory_equal(first.segment, second.segment, (size_t)first.segments * sizeof *first.segment);
        vv_speech_free(&first);
        vv_speech_free(&between);
        vv_speech_free(&second);
    }
}

static void manner_is_heard(void **state) {
    (void)state;
    need_voices();
    for (int n = 0; n < 2; n++) {
        const char *name = n ? "espeak-en-us+m3" : "flite-rms", *text = "Every morning we walk along the harbour.";
        const VvManner fast = {1.5f, 1, 1, 1, 1}, small = {1, 1, 1, 1.15f, 1}, soft = {1, 1, 1, 1, .4f};
        VvSpeech usual = say(name, &plain, text), quick = say(name, &fast, text), tract = say(name, &small, text),
                 low = say(name, &soft, text);
        assert_true(quick.samples < usual.samples * .8);
        assert_true(fabs((double)tract.samples / usual.samples - 1) < .08); /* the tempo stays */
        double loud = 0, quiet = 0;
        for (int i = 0; i < usual.samples; i++)
            loud += fabs((double)usual.pcm[i]);
        for (int i = 0; i < low.samples; i++)
            quiet += fabs((double)low.pcm[i]);
        assert_true(quiet < .5 * loud && quiet > .3 * loud);
        vv_speech_free(&usual);
        vv_speech_free(&quick);
        vv_speech_free(&tract);
        vv_speech_free(&low);
    }
}

/* Festival's voices: every language's symbols are known, tempo is kept where the voice has one, the same is said the
 * same; and one that is not installed says so. */
static void festival_speaks_where_it_is(void **state) {
    (void)state;
    need_voices();
    int spoken = 0;
    for (int v = vv_voice_count(); v < vv_voice_count_all(); v++) {
        VvSpeech speech, again;
        const int result = vv_voice_say(voices, v, &plain, "27.", &speech);
        if (!vv_voice_installed(v)) {
            assert_int_equal(result, -ENOENT);
            continue;
        }
        assert_int_equal(result, 0);
        assert_int_equal(vv_voice_say(voices, v, &plain, "27.", &again), 0);
        assert_int_equal(speech.samples, again.samples);
        assert_memory_equal(speech.pcm, again.pcm, (size_t)speech.samples * sizeof *speech.pcm);
        assert_true(speech.words > 0 && speech.segments > 4);
        int pauses = 0;
        for (int i = 0; i < speech.segments; i++) {
            assert_int_equal(speech.segment[i].begin, i ? speech.segment[i - 1].end : 0);
            pauses += speech.segment[i].phone == VV_PHONE_PAU;
        }
        assert_int_equal(speech.segment[speech.segments - 1].end, speech.samples);
        assert_true(pauses <= 3); /* an unknown symbol would be one */
        vv_speech_free(&speech);
        vv_speech_free(&again);
        spoken++;
    }
    VvPhone parts[VV_PHONE_PARTS];
    assert_int_equal(vv_phones_of_festival("cs", "c~", parts), 1);
    assert_int_equal(parts[0], VV_PHONE_CH);
    assert_int_equal(vv_phones_of_festival("it", "O1", parts), 1);
    assert_int_equal(parts[0], VV_PHONE_AO);
    assert_int_equal(vv_phones_of_festival("fi", "k::", parts), 1);
    assert_int_equal(parts[0], VV_PHONE_K);
    assert_int_equal(vv_phones_of_festival("ca", "#", parts), 0);
    if (!spoken) {
        print_message("skipped: none of festival's voices is installed (make voices)\n");
        skip();
    }
}

/* A lips' contact is where the lips are shut to the ear: in the silence before a /p/ is heard. */
static void stops_begin_with_their_closure(void **state) {
    (void)state;
    need_voices();
    VvSpeech speech = say("espeak-en-us+f2", &plain, "A happy puppy, a paper cup up in a top apple.");
    int stops = 0, silent = 0;
    for (int i = 1; i < speech.segments; i++) {
        const VvSegment *s = &speech.segment[i];
        if (s->phone != VV_PHONE_P || speech.segment[i - 1].phone == VV_PHONE_PAU)
            continue;
        double closure = 0, whole = 1;
        for (int k = s->begin; k < s->end; k++) {
            whole += fabs((double)speech.pcm[k]) / (s->end - s->begin);
            closure += k < s->begin + 320 ? fabs((double)speech.pcm[k]) / 320 : 0;
        }
        stops++;
        silent += closure < .5 * whole;
    }
    assert_true(stops >= 5 && silent == stops);
    vv_speech_free(&speech);
}

static void refuses_what_cannot_be_said(void **state) {
    (void)state;
    need_voices();
    VvSpeech speech;
    char longest[VV_VOICE_TEXT + 1];
    memset(longest, 'a', VV_VOICE_TEXT);
    longest[VV_VOICE_TEXT] = 0;
    assert_int_equal(vv_voice_say(voices, -1, &plain, "Hello", &speech), -EINVAL);
    assert_int_equal(vv_voice_say(voices, vv_voice_count_all(), &plain, "Hello", &speech), -EINVAL);
    assert_int_equal(vv_voice_say(voices, 0, &plain, longest, &speech), -EINVAL);
    assert_null(speech.pcm);
    /* And goes on. */
    speech = say("flite-slt", &plain, "Hello");
    vv_speech_free(&speech);
}

/* Two synthesis processes at once say the same, and either may end first. */
static void two_processes_do_not_mind_each_other(void **state) {
    (void)state;
    need_voices();
    for (int first = 0; first < 2; first++) {
        VvVoices *pair[2];
        VvSpeech speech[2];
        for (int i = 0; i < 2; i++) {
            assert_int_equal(vv_voices_open(&pair[i], reason), 0);
            assert_int_equal(vv_voice_say(pair[i], 0, &plain, "Good morning.", &speech[i]), 0);
        }
        assert_int_equal(speech[0].samples, speech[1].samples);
        assert_memory_equal(speech[0].pcm, speech[1].pcm, (size_t)speech[0].samples * sizeof(int16_t));
        vv_voices_close(&pair[first]);
        vv_voices_close(&pair[1 - first]);
        vv_speech_free(&speech[0]);
        vv_speech_free(&speech[1]);
    }
}

static void the_table_holds_out_whole_voices(void **state) {
    (void)state;
    int flite = 0, espeak = 0, portuguese = 0;
    for (int i = 0; i < vv_voice_count(); i++) {
        const VvVoice *voice = vv_voice_at(i);
        assert_int_equal(vv_voice_named(voice->name), i);
        flite += voice->held_out && voice->engine == VV_VOICE_FLITE;
        espeak += voice->held_out && voice->engine == VV_VOICE_ESPEAK;
        portuguese += !strcmp(voice->language, "pt") && !voice->held_out;
    }
    assert_int_equal(flite, 1);
    assert_true(espeak > 3);
    assert_int_equal(portuguese, 0);
}

static void texts_are_divided(void **state) {
    (void)state;
    static const char *const languages[] = {"en", "de", "fr", "es", "it", "pt", "nl",
                                            "sv", "pl", "cs", "ru", "tr", "sw"};
    VvChance chance = vv_chance_of(5, "texts", 0);
    for (size_t l = 0; l < sizeof languages / sizeof *languages; l++)
        for (int i = 0; i < 400; i++) {
            char text[VV_VOICE_TEXT];
            const VvTextKind kind = (VvTextKind)vv_chance_pick(&chance, VV_TEXT_PERSON);
            const bool held = vv_chance_happens(&chance, .5f);
            vv_text_make(languages[l], kind, (VvEmotion)vv_chance_pick(&chance, VV_Emotion_COUNT), held, &chance, text);
            assert_true(strlen(text) > 1 && !strchr(text, '{'));
            if (kind == VV_TEXT_STATEMENT || kind == VV_TEXT_QUESTION || kind == VV_TEXT_ANSWER ||
                kind == VV_TEXT_READING)
                assert_int_equal(vv_text_held_out(text), held);
        }
}

/* English texts use every English sound, none hardly ever. */
static void texts_are_balanced(void **state) {
    (void)state;
    need_voices();
    VvChance chance = vv_chance_of(9, "texts", 0);
    long count[VV_PHONES] = {0}, all = 0;
    for (int i = 0; i < 150; i++) {
        char text[VV_VOICE_TEXT];
        vv_text_make("en", i % 3 ? VV_TEXT_READING : VV_TEXT_STATEMENT, (VvEmotion)(i % VV_Emotion_COUNT), false,
                     &chance, text);
        VvSpeech speech = say("flite-slt", &plain, text);
        for (int k = 0; k < speech.segments; k++)
            count[speech.segment[k].phone]++, all++;
        vv_speech_free(&speech);
    }
    for (int p = 0; p < VV_PHONES; p++) {
        const bool english = p != VV_PHONE_X && p != VV_PHONE_RR && p != VV_PHONE_UE && p != VV_PHONE_OE;
        if (english && !(count[p] * 1000 >= all))
            fail_msg("%s: %ld of %ld", vv_phone_name((VvPhone)p), count[p], all);
    }
}

/* ---- recordings
 * ------------------------------------------------------------------------------------------------------------ */

static char root[64];

static void write_text(const char *path, const char *text) {
    char whole[256];
    snprintf(whole, sizeof whole, "%s%s", root, path);
    FILE *file = fopen(whole, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void make_folder(const char *path) {
    char whole[256];
    snprintf(whole, sizeof whole, "%s%s", root, path);
    for (char *slash = whole + strlen(root) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = 0;
        mkdir(whole, 0777);
    }
    mkdir(whole, 0777);
}

static void write_tone(const char *folder, const char *name, int rate) {
    static int16_t tone[8000];
    char whole[256], error[VV_ERROR_MAX];
    for (int i = 0; i < 8000; i++)
        tone[i] = (int16_t)(8000 * sin(6.2831853 * 200 * i / rate));
    snprintf(whole, sizeof whole, "%s%s", root, folder);
    assert_int_equal(vv_file_wav(whole, name, tone, 8000, rate, error), 0);
}

static const VvRecording *clip_named(const VvRecordings *list, const char *name) {
    for (int i = 0; i < list->count; i++)
        if (strstr(list->item[i].path, name))
            return &list->item[i];
    fail_msg("no clip %s", name);
    return NULL;
}

static int make_tree(void **state) {
    (void)state;
    snprintf(root, sizeof root, "/tmp/voice_test.XXXXXX");
    if (!mkdtemp(root))
        return -1;
    make_folder("/usr/share/tuxpaint/stamps/animals");
    write_tone("/usr/share/tuxpaint/stamps/animals", "frog_desc_fr.wav", 44100);
    write_tone("/usr/share/tuxpaint/stamps/animals", "frog_desc_el.wav", 44100);
    write_tone("/usr/share/tuxpaint/stamps/animals", "frog.wav", 44100); /* a sound, not a description */
    write_text("/usr/share/tuxpaint/stamps/animals/frog.txt", "A frog.\nfr.utf8=Une grenouille.\nxfr.utf8=no\n");
    make_folder("/usr/share/games/fillets-ng/sound/share/jokes/cs");
    make_folder("/usr/share/games/fillets-ng/sound/cave/en");
    make_folder("/usr/share/games/fillets-ng/script/share/jokes");
    write_tone("/usr/share/games/fillets-ng/sound/share/jokes/cs", "vt-m-fish.wav", 22050);
    write_tone("/usr/share/games/fillets-ng/sound/share/jokes/cs", "green-v.wav", 22050);
    write_tone("/usr/share/games/fillets-ng/sound/share/jokes/cs", "m-odd.wav", 22050);
    write_tone("/usr/share/games/fillets-ng/sound/share/jokes/cs", "crab-3-1.wav", 22050);
    write_tone("/usr/share/games/fillets-ng/sound/cave/en", "splash.wav", 22050);
    write_text("/usr/share/games/fillets-ng/script/share/jokes/dialogs_cs.lua",
               "dialogId(\"vt-m-fish\", \"font_small\", \"A fish.\")\ndialogStr(\"Ryba.\")\n");
    make_folder("/usr/share/asterisk/sounds/it_IT_f_Menardi");
    write_tone("/usr/share/asterisk/sounds/it_IT_f_Menardi", "ciao.wav", 8000);
    make_folder("/usr/share/klettres/da/alpha");
    write_text("/usr/share/klettres/da/alpha/a.ogg", "not a sound");
    return 0;
}

static int remove_tree(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

static void recordings_are_found(void **state) {
    (void)state;
    VvRecordings list;
    assert_int_equal(vv_recordings_open(&list, root), 0);
    assert_int_equal(list.count, 8);
    const VvRecording *frog = clip_named(&list, "frog_desc_fr");
    assert_string_equal(frog->language, "fr");
    assert_string_equal(frog->text, "Une grenouille.");
    assert_string_equal(frog->speaker, "tuxpaint-fr");
    assert_string_equal(frog->licence, "GPL-2");
    assert_false(frog->held_out);
    assert_true(clip_named(&list, "frog_desc_el")->held_out);
    assert_null(clip_named(&list, "frog_desc_el")->text);
    const VvRecording *fish = clip_named(&list, "vt-m-fish");
    assert_string_equal(fish->language, "cs");
    assert_string_equal(fish->text, "Ryba.");
    assert_string_equal(fish->speaker, "fillets-cs-m");
    assert_string_equal(clip_named(&list, "green-v")->speaker, "fillets-cs-v");
    assert_string_equal(clip_named(&list, "m-odd")->speaker, "fillets-cs-m");
    assert_string_equal(clip_named(&list, "crab-3-1")->speaker, "fillets-cs-others");
    assert_true(clip_named(&list, "ciao")->held_out);
    VvSpeech speech;
    assert_int_equal(vv_recording_load(frog, &speech), 0);
    assert_int_equal(speech.samples, 2902); /* 8000 at 44.1 kHz */
    assert_int_equal(speech.segments, 1);
    assert_int_equal(speech.segment[0].phone, VV_PHONE_PAU);
    vv_speech_free(&speech);
    assert_true(fabs(vv_recording_seconds(clip_named(&list, "ciao")) - 1) < .001);
    assert_int_equal(vv_recording_load(clip_named(&list, "klettres"), &speech), -EIO);
    vv_recordings_close(&list);
    assert_int_equal(vv_recordings_open(&list, "/nowhere"), 0);
    assert_int_equal(list.count, 0);
}

static void alignments_are_read(void **state) {
    (void)state;
    VvRecordings list;
    char file[128];
    int line = 0;
    snprintf(file, sizeof file, "%s/times", root);
    assert_int_equal(vv_recordings_open(&list, root), 0);
    write_text(
        "/times",
        "/usr/share/tuxpaint/stamps/animals/frog_desc_fr.wav\tg:20-60 rr:60-90 ax:100-5000\n/no/such.ogg\taa:0-10\n");
    assert_int_equal(vv_recordings_align(&list, root, file, &line), 1);
    VvSpeech speech;
    assert_int_equal(vv_recording_load(clip_named(&list, "frog_desc_fr"), &speech), 0);
    assert_int_equal(speech.segments, 5); /* pause g rr pause ax, cut at the clip's end */
    assert_int_equal(speech.segment[0].phone, VV_PHONE_PAU);
    assert_int_equal(speech.segment[1].phone, VV_PHONE_G);
    assert_int_equal(speech.segment[1].begin, 320);
    assert_int_equal(speech.segment[3].phone, VV_PHONE_PAU);
    assert_int_equal(speech.segment[4].end, speech.samples);
    vv_speech_free(&speech);
    static const char *const bad[] = {"no tab\n", "\tx\n/usr/share/tuxpaint/stamps/animals/frog_desc_fr.wav\tqq:1-2\n",
                                      "/usr/share/tuxpaint/stamps/animals/frog_desc_fr.wav\taa:50-20\n",
                                      "/usr/share/tuxpaint/stamps/animals/frog_desc_fr.wav\taa:50-90 aa:20-30\n"};
    static const int lines[] = {1, 2, 1, 1};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_text("/times", bad[i]);
        assert_int_equal(vv_recordings_align(&list, root, file, &line), -EBADMSG);
        assert_int_equal(line, lines[i]);
    }
    assert_int_equal(vv_recordings_align(&list, root, "/nowhere", &line), -ENOENT);
    vv_recordings_close(&list);
}

/* Every phone comes back from its text, "ow" too, which flite's notation has for a diphthong. */
static void phones_are_written_and_read(void **state) {
    (void)state;
    VvSegment all[VV_PHONES], *back = NULL;
    for (int p = 0; p < VV_PHONES; p++)
        all[p] = (VvSegment){.phone = (uint8_t)p, .begin = p * 800, .end = p * 800 + 480};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    vv_segments_write(out, all, VV_PHONES);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(strncmp(text, "pau:0-30 p:50-80 ", 17), 0);
    int count = 0;
    assert_int_equal(vv_segments_read(text, &back, &count), 0);
    assert_int_equal(count, VV_PHONES);
    for (int p = 0; p < VV_PHONES; p++) {
        assert_int_equal(back[p].phone, all[p].phone);
        assert_int_equal(back[p].begin, all[p].begin);
        assert_int_equal(back[p].end, all[p].end);
    }
    free(back);
    free(text);
    char none[] = "", huge[] = "aa:0-99999999";
    assert_int_equal(vv_segments_read(none, &back, &count), 0);
    assert_int_equal(count, 0);
    assert_null(back);
    assert_int_equal(vv_segments_read(huge, &back, &count), -EBADMSG);
}

/* Aligned recordings speak in conversations: their own sound, texts and phones, at the times they are said. */
static void recordings_converse(void **state) {
    (void)state;
    need_voices();
    char times[8000] = "", file[128];
    for (int i = 0; i < VV_CLIPS_MIN; i++) {
        char name[64], path[128], text[64];
        snprintf(name, sizeof name, "toad%02d_desc_fr.wav", i);
        snprintf(path, sizeof path, "/usr/share/tuxpaint/stamps/animals/toad%02d.txt", i);
        snprintf(text, sizeof text, "A toad.\nfr.utf8=Crapaud %d.\n", i);
        write_tone("/usr/share/tuxpaint/stamps/animals", name, 8000 + 200 * i);
        write_text(path, text);
        snprintf(times + strlen(times), sizeof times - strlen(times),
                 "/usr/share/tuxpaint/stamps/animals/%s\tm:100-300 aa:300-600\n", name);
    }
    write_text("/times", times);
    VvRecordings list;
    int line = 0, recorded = 0;
    assert_int_equal(vv_recordings_open(&list, root), 0);
    snprintf(file, sizeof file, "%s/times", root);
    assert_int_equal(vv_recordings_align(&list, root, file, &line), VV_CLIPS_MIN);
    for (uint64_t seed = 0; seed < 6; seed++) {
        VvConversation *c = NULL;
        const VvConversationPlan plan = {.seed = seed, .seconds = 20, .language = "fr", .recordings = &list};
        assert_int_equal(vv_conversation_make(voices, &plan, &c), 0);
        for (int s = 0; s < VV_SIDES; s++)
            assert_int_equal(c->side[s].voice < 0, !strcmp(c->side[s].speaker, "tuxpaint-fr"));
        for (int i = 0; i < c->utterances; i++) {
            const VvUtterance *said = &c->utterance[i];
            if (c->side[said->side].voice >= 0)
                continue;
            const int middle = said->begin + 450 * 16; /* in the vowel */
            recorded++;
            assert_non_null(strstr(said->text, "Crapaud"));
            for (int k = 0; k < c->side[said->side].segments; k++) {
                const VvSegment *segment = &c->side[said->side].segment[k];
                if (segment->begin <= middle && segment->end > middle && said->end > middle)
                    assert_int_equal(segment->phone, VV_PHONE_AA);
            }
        }
        vv_conversation_free(&c);
    }
    vv_recordings_close(&list);
    assert_true(recorded > 10);
}

/* The decoder is exact integer arithmetic: its output for given bytes is pinned. That it is the standard's is seen on
 * real prompts, where they are installed: they come out as speech. */
static void g722_is_decoded(void **state) {
    (void)state;
    static uint8_t bytes[4000];
    static int16_t out[8000];
    uint32_t hash = 2166136261u;
    for (uint32_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 37 + i / 11);
    vv_g722_decode(bytes, sizeof bytes, out);
    for (int i = 0; i < 8000; i++)
        hash = (hash ^ (uint16_t)out[i]) * 16777619u;
    assert_int_equal(hash, 0xea42085bu);
    VvRecordings list;
    assert_int_equal(vv_recordings_open(&list, ""), 0);
    int seen = 0;
    for (int i = 0; i < list.count && seen < 5; i++) {
        const size_t length = strlen(list.item[i].path);
        VvSpeech speech;
        if (length < 5 || strcmp(list.item[i].path + length - 5, ".g722") || vv_recording_load(&list.item[i], &speech))
            continue;
        /* Speech has most of its energy in neighbouring samples that are alike; a wrong decoder's noise has not. */
        double alike = 0, energy = 1;
        for (int k = 1; k < speech.samples; k++)
            alike += (double)speech.pcm[k] * speech.pcm[k - 1], energy += (double)speech.pcm[k] * speech.pcm[k];
        assert_true(alike / energy > .6);
        vv_speech_free(&speech);
        seen++;
    }
    vv_recordings_close(&list);
    if (!seen) {
        print_message("skipped: asterisk-core-sounds-*-g722 is not installed\n");
        skip();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_cover_the_speech),
        cmocka_unit_test(times_are_where_the_sound_is),
        cmocka_unit_test(the_same_is_said_the_same),
        cmocka_unit_test(manner_is_heard),
        cmocka_unit_test(festival_speaks_where_it_is),
        cmocka_unit_test(stops_begin_with_their_closure),
        cmocka_unit_test(refuses_what_cannot_be_said),
        cmocka_unit_test(two_processes_do_not_mind_each_other),
        cmocka_unit_test(the_table_holds_out_whole_voices),
        cmocka_unit_test(texts_are_divided),
        cmocka_unit_test(texts_are_balanced),
        cmocka_unit_test_setup_teardown(recordings_are_found, make_tree, remove_tree),
        cmocka_unit_test_setup_teardown(alignments_are_read, make_tree, remove_tree),
        cmocka_unit_test(phones_are_written_and_read),
        cmocka_unit_test_setup_teardown(recordings_converse, make_tree, remove_tree),
        cmocka_unit_test(g722_is_decoded),
    };
    return cmocka_run_group_tests(tests, open_voices, close_voices);
}
