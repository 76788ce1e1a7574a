/* Whether the times that voices tell are those of their sound: where a vowel meets a voiceless sound, voicing ends or
 * begins, and that is heard as the rise or fall of the low frequencies. Each voice's boundaries are held against it. */
#include "weights/performer/vec.h"
#include "weights/performer/voice.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { EDGES = 400, MS = VV_VOICE_RATE / 1000 };

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

/* Texts with many such places. */
static const char *text_in(const char *language) {
    static const char *const texts[][2] = {
        {"en",
         "Papa baked a potato pie and took a cake to Peter. A tall captain kept a packet of tickets in his pocket. "
         "Such a soft carpet is too thick for the attic. Take a seat and pass the cup of tea."},
        {"it", "Papa porta un pacco a casa. Il capitano tocca la tazza. Capita spesso che a Pisa si cucina la pasta. "
               "Otto gatti sotto i tetti. La sposa passa la festa a casa."},
        {"cs", "Pepa koupil kapra a potom pekl koláč. Kočka a pes spali na gauči. Pět tisíc kapek stékalo do potoka. "
               "Sestra poslala pohled z Prahy."},
        {"fi", "Pekka potki palloa pihalla. Kissa istuu sohvalla ja katsoo ikkunasta. Isä osti pojalle takin. "
               "Koska saapui posti? Talossa asuu kissa ja koira."},
        {"ru", "Папа купил пирог в городе. Кошка спала на диване. Сестра пекла пирожки с капустой. "
               "Катя поставила стакан на стол. Тётя купила пакет соли."},
        {"ca",
         "La tieta té un gat petit. Cada capsa té tapa. Passa per casa aquesta tarda. El capità tocava la campana. "
         "Fa fred fora de casa."},
        {"hi", "वह किताब पढ़ता है। काका ने पपीता काटा। सात सौ पचास। पता पूछो।"},
        {"mr", "तो पुस्तक वाचतो। काका पपई कापतो। पाच पाने पडली।"},
        {"te", "అతను పాట పాడాడు. కాకి కోకిల. తాత పాట పాడు."},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!strcmp(texts[i][0], language))
            return texts[i][1];
    return NULL;
}

static bool is_voiceless(uint8_t phone) {
    static const VvPhone kinds[] = {VV_PHONE_P, VV_PHONE_T,  VV_PHONE_K, VV_PHONE_S,
                                    VV_PHONE_F, VV_PHONE_SH, VV_PHONE_CH};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (phone == kinds[i])
            return true;
    return false;
}

/* Energy up to each sample of what is below about 900 Hz; the caller frees. */
static double *low_energy(const VvSpeech *speech) {
    double *sum = calloc((size_t)speech->samples + 1, sizeof *sum), first = 0, second = 0, high = 0, last = 0;
    assert_non_null(sum);
    for (int i = 0; i < speech->samples; i++) {
        high = .97 * (high + speech->pcm[i] - last); /* without what is below the voice */
        last = speech->pcm[i];
        first += .25 * (high - first);
        second += .25 * (first - second);
        sum[i + 1] = sum[i] + second * second;
    }
    return sum;
}

/* Root mean square of the low frequencies over `width` samples around one. */
static double level(const double *sum, int32_t samples, int32_t middle, int32_t width) {
    const int32_t from = middle - width / 2 < 0 ? 0 : middle - width / 2;
    const int32_t to = middle + width / 2 > samples ? samples : middle + width / 2;
    return sqrt((sum[to] - sum[from]) / (to - from)) + 1;
}

/* Where the voice ends (or begins) against where the label says, ms; false where that cannot be heard. */
static bool edge(const double *sum, int32_t samples, const VvSegment *before, const VvSegment *after, double *ms) {
    const bool ends = vv_phone_kind((VvPhone)before->phone) == VV_PHONE_VOWEL;
    const int32_t from = (before->begin + before->end) / 2, to = (after->begin + after->end) / 2;
    const double voiced = level(sum, samples, ends ? from : to, 20 * MS);
    const double quiet = level(sum, samples, ends ? to : from, 20 * MS);
    if (before->end - before->begin < 40 * MS || after->end - after->begin < 40 * MS || voiced < 4 * quiet)
        return false;
    const double half = fmax(sqrt(voiced * quiet), .2 * voiced);
    for (int32_t at = ends ? from : to; at > from - 1 && at < to + 1; at += ends ? MS / 2 : -MS / 2)
        if (level(sum, samples, at, 10 * MS) < half) {
            *ms = (double)(at - after->begin) / MS;
            return true;
        }
    return false;
}

/* Ends and beginnings of voicing. */
typedef struct Edges {
    double ms[2][EDGES];
    int count[2];
} Edges;

static void listen(int voice, float rate, Edges *edges) {
    const VvManner manner = {rate, 1, 1, 1, 1};
    VvSpeech speech;
    assert_int_equal(vv_voice_say(voices, voice, &manner, text_in(vv_voice_at(voice)->language), &speech), 0);
    double *sum = low_energy(&speech);
    for (int i = 1; i < speech.segments; i++) {
        const VvSegment *before = &speech.segment[i - 1], *after = before + 1;
        const bool ends = vv_phone_kind((VvPhone)before->phone) == VV_PHONE_VOWEL && is_voiceless(after->phone);
        const bool begins = is_voiceless(before->phone) && vv_phone_kind((VvPhone)after->phone) == VV_PHONE_VOWEL;
        double ms;
        if ((ends || begins) && edges->count[begins] < EDGES && edge(sum, speech.samples, before, after, &ms))
            edges->ms[begins][edges->count[begins]++] = ms;
    }
    free(sum);
    vv_speech_free(&speech);
}

static int by_value(const void *a, const void *b) {
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

/* How late voicing ends or begins in the middle, and from the first to the ninth tenth. */
static void hold(int voice, Edges *edges, double median, double spread) {
    for (int k = 0; k < 2; k++) {
        const int count = edges->count[k];
        double *ms = edges->ms[k];
        qsort(ms, (size_t)count, sizeof *ms, by_value);
        if (count < 6)
            fail_msg("%s: %d places are too few", vv_voice_at(voice)->name, count);
        const double middle = ms[count / 2], low = ms[count / 10], high = ms[count - 1 - count / 10];
        if (!(fabs(middle) <= median && high - low <= spread))
            fail_msg("%s: voicing %s %.1f ms late, from %.1f to %.1f", vv_voice_at(voice)->name, k ? "begins" : "ends",
                     middle, low, high);
    }
}

/* Voices of synthesis proper are exact to a few ms; those cut from recordings as exact as those were labelled: within
 * half a frame of video. */
static void times_are_those_of_the_sound(void **state) {
    (void)state;
    static const struct {
        const char *name;
        double median, spread;
    } heard[] = {{"flite-slt", 20, 25},   {"flite-rms", 10, 30},   {"flite-awb", 10, 25},   {"espeak-en-us+f2", 4, 12},
                 {"espeak-it+f2", 4, 16}, {"espeak-cs+f3", 4, 12}, {"espeak-fi+f4", 4, 22}, {"espeak-ru+f3", 4, 20}};
    if (!voices) {
        print_message("skipped: %s\n", reason);
        skip();
    }
    for (size_t i = 0; i < sizeof heard / sizeof *heard; i++) {
        static Edges edges;
        memset(&edges, 0, sizeof edges);
        for (int rate = 0; rate < 2; rate++)
            listen(vv_voice_named(heard[i].name), rate ? .85f : 1.1f, &edges);
        hold(vv_voice_named(heard[i].name), &edges, heard[i].median, heard[i].spread);
    }
}

static void times_of_festival_are_those_of_the_sound(void **state) {
    (void)state;
    int heard = 0;
    for (int v = vv_voice_count(); v < vv_voice_count_all() && voices; v++) {
        static Edges edges;
        if (!vv_voice_installed(v))
            continue;
        memset(&edges, 0, sizeof edges);
        listen(v, 1, &edges);
        hold(v, &edges, 20, 36);
        heard++;
    }
    if (!heard) {
        print_message("skipped: none of festival's voices is installed (make voices)\n");
        skip();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_those_of_the_sound),
        cmocka_unit_test(times_of_festival_are_those_of_the_sound),
    };
    return cmocka_run_group_tests(tests, open_voices, close_voices);
}
