/* What performers do, over half an hour of conversations: within what is known of people, in answer to the other and to
 * nobody else, and without a jump. Needs the voices' engines. */
#include "weights/performer/articulation.h"
#include "weights/performer/behaviour.h"
#include "weights/performer/expression.h"
#include "weights/performer/statistics.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TALKS = 60, SECONDS = 30, THREADS = 2, SEED = 500 };

static VvVoices *voices, *voices_of[THREADS]; /* voices: the first */
static VvConversation *talks[TALKS];
static char reason[200];

/* Every other conversation, with a synthesis process of this thread's own. */
static void *make_share(void *data) {
    const int thread = *(const int *)data;
    for (int i = thread; i < TALKS; i += THREADS) {
        const VvConversationPlan plan = {.seed = SEED + (uint64_t)i, .seconds = SECONDS};
        if (vv_conversation_make(voices_of[thread], &plan, &talks[i]))
            return NULL;
    }
    return data;
}

static int make_talks(void **state) {
    pthread_t thread[THREADS];
    int number[THREADS];
    bool made = true;
    (void)state;
    for (int t = 0; t < THREADS; t++)
        if (vv_voices_open(&voices_of[t], reason))
            return 0;
    voices = voices_of[0];
    for (int t = 0; t < THREADS; t++) {
        number[t] = t;
        if (pthread_create(&thread[t], NULL, make_share, &number[t]))
            return -1;
    }
    for (int t = 0; t < THREADS; t++) {
        void *done = NULL;
        pthread_join(thread[t], &done);
        made &= done != NULL;
    }
    return made ? 0 : -1;
}

static int free_talks(void **state) {
    (void)state;
    for (int i = 0; i < TALKS; i++)
        vv_conversation_free(&talks[i]);
    for (int t = 0; t < THREADS; t++)
        vv_voices_close(&voices_of[t]);
    return 0;
}

static void need_voices(void) {
    if (!voices) {
        print_message("skipped: %s\n", reason);
        skip();
    }
}

static void within(const char *what, double value, double low, double high) {
    if (!(value >= low && value <= high))
        fail_msg("%s is %.3f, not within %.3f and %.3f", what, value, low, high);
}

static void people_do_the_same(void **state) {
    (void)state;
    need_voices();
    VvStatistics *s = calloc(1, sizeof *s);
    assert_non_null(s);
    for (int i = 0; i < TALKS; i++)
        vv_statistics_add(s, talks[i]);
    within("blinks a minute, speaking", (double)s->blinks_speaking / s->speaking_minutes, 20, 32);
    within("blinks a minute, listening", (double)s->blinks_listening / s->listening_minutes, 14, 26);
    within("looking, speaking", s->looking_speaking / s->speaking_minutes, .4, .65);
    within("looking, listening", s->looking_listening / s->listening_minutes, .72, .92);
    within("nods a minute of listening", (double)s->nods / s->listening_minutes, 5, 15);
    const double low = (double)s->nods_low / (double)s->points_low,
                 other = (double)s->nods_other / (double)s->points_other;
    within("nods after low pitch", low, .4, .75);
    within("nods after other pauses, against that", other / low, .2, .75);
    within("nods at points, against any other second", low / ((double)s->nods_elsewhere / s->elsewhere_seconds), 3,
           100);
    within("smiles answered", (double)s->smiles_answered / (double)s->smiles, .72, .98);
    within("delay of smiles, median", (double)vv_quantile(s->smile_delay, s->smile_delays, .5f), .4, .75);
    within("delay of smiles, least", (double)vv_quantile(s->smile_delay, s->smile_delays, 0), .299, .901);
    within("delay of smiles, most", (double)vv_quantile(s->smile_delay, s->smile_delays, 1), .299, .901);
    within("gap, median", (double)vv_quantile(s->gap, s->gaps, .5f), .02, .3);
    within("overlaps", (double)vv_share_below(s->gap, s->gaps, 0), .22, .48);
    within("gaps above 1.5 s", 1 - (double)vv_share_below(s->gap, s->gaps, 1.5f), .005, .12);
    within("utterances broken off", (double)s->cut / (double)s->utterances, .01, .1);
    free(s);
}

/* The listener's smile follows the user's; with another conversation's user in the user's place it does not. */
static void smiles_depend_on_the_user(void **state) {
    (void)state;
    need_voices();
    VvCorrelation true_user = {0}, shuffled = {0};
    for (int i = 0; i < TALKS; i++) {
        vv_smile_correlation(&true_user, talks[i], talks[i], 0, .7f);
        for (int other = 1; other < TALKS; other++)
            vv_smile_correlation(&shuffled, talks[i], talks[(i + other) % TALKS], 0, .7f);
    }
    print_message("smile, user to avatar: r %.3f, shuffled %.3f\n", vv_correlation(&true_user),
                  vv_correlation(&shuffled));
    assert_true(vv_correlation(&true_user) > .35);
    assert_true(fabs(vv_correlation(&shuffled)) < .08);
}

static double nod_share(const VvConversation *listener, const VvConversation *speaker, int *all) {
    float times[512];
    unsigned char low[512];
    const int count = vv_backchannel_points(speaker, 1, times, low, 512);
    int nods = 0;
    for (int i = 0; i < count; i++) {
        const int frame = (int)(times[i] * VV_POSE_FPS);
        if (!low[i] || frame >= listener->frames || listener->side[0].speaking[frame])
            continue;
        (*all)++;
        for (int k = 0; k < listener->acts; k++) {
            const VvAct *act = &listener->act[k];
            if (act->kind == VV_ACT_NOD && act->side == 0 && act->begin >= times[i] && act->begin < times[i] + 1) {
                nods++;
                break;
            }
        }
    }
    return nods;
}

static void nods_depend_on_the_user(void **state) {
    (void)state;
    need_voices();
    double own = 0, other = 0;
    int own_points = 0, other_points = 0;
    for (int i = 0; i < TALKS; i++) {
        own += nod_share(talks[i], talks[i], &own_points);
        for (int k = 1; k < TALKS; k += 4)
            other += nod_share(talks[i], talks[(i + k) % TALKS], &other_points);
    }
    print_message("nods at the user's points: %.2f, at another's: %.2f\n", own / own_points, other / other_points);
    assert_true(own / own_points > 2.5 * (other / other_points));
}

static void nobody_answers_who_is_away(void **state) {
    (void)state;
    need_voices();
    int away = 0;
    for (int i = 0; i < TALKS; i++)
        for (int k = 0; k < talks[i]->acts; k++) {
            const VvAct *act = &talks[i]->act[k];
            away += act->kind == VV_ACT_AWAY;
            if (act->listening)
                assert_false(vv_is_away(talks[i], 1 - act->side, act->begin));
        }
    assert_true(away > 0);
}

/* Answers point at what they answer, and come after it. */
static void answers_follow(void **state) {
    (void)state;
    need_voices();
    int answers = 0;
    for (int i = 0; i < TALKS; i++)
        for (int k = 0; k < talks[i]->acts; k++) {
            const VvAct *act = &talks[i]->act[k];
            if (k)
                assert_true(act->begin >= talks[i]->act[k - 1].begin);
            if (act->answer < 0)
                continue;
            const VvAct *cause = &talks[i]->act[act->answer];
            assert_int_equal(cause->side, 1 - act->side);
            assert_true(act->begin > cause->begin);
            answers++;
        }
    assert_true(answers > TALKS / 2);
}

/* How far each part may move in 40 ms: radians, centimetres, weights. Eyes and lids are as fast as people's. */
static void nothing_jumps(void **state) {
    (void)state;
    need_voices();
    for (int i = 0; i < TALKS; i++)
        for (int s = 0; s < VV_SIDES; s++)
            for (int f = 0; f < talks[i]->frames; f++) {
                const VvPose *now = &talks[i]->side[s].pose[f], *before = f ? now - 1 : now;
                for (int e = 0; e < VV_EXPRESSIONS; e++) {
                    const bool lid = e >= VV_EYE_BLINK_L && e <= VV_EYE_WIDE_R, lip = e >= VV_JAW_FORWARD;
                    const float limit = lid ? 1 : lip ? .75f : .25f;
                    assert_true(now->expression[e] >= 0 && now->expression[e] <= 1);
                    if (!(fabsf(now->expression[e] - before->expression[e]) <= limit))
                        fail_msg("talk %d side %d frame %d: %s jumps by %.2f", i, s, f, vv_expression_name(e),
                                 (double)(now->expression[e] - before->expression[e]));
                }
                for (int a = 0; a < 3; a++) {
                    within("head", (double)now->head[a], -.6, .6);
                    within("head's speed", (double)fabsf(now->head[a] - before->head[a]), 0, .13);
                    within("shift", (double)now->shift[a], -3, 3);
                    within("shift's speed", (double)fabsf(now->shift[a] - before->shift[a]), 0, .35);
                }
                for (int a = 0; a < 2; a++)
                    within("gaze's speed", (double)fabsf(now->gaze[a] - before->gaze[a]), 0, .7);
                within("breath's speed", (double)fabsf(now->breath - before->breath), 0, .15);
                within("tongue", (double)now->tongue, 0, 1);
            }
}

/* With real voices at all their rates, over every expression: the ground truth that the model learns. */
static void lips_meet(void **state) {
    (void)state;
    need_voices();
    int all = 0, good = 0, teeth = 0, touched = 0;
    for (int i = 0; i < TALKS; i++)
        for (int s = 0; s < VV_SIDES; s++) {
            const VvSide *side = &talks[i]->side[s];
            for (int k = 0; k < side->segments; k++) {
                const VvPhoneKind kind = vv_phone_kind((VvPhone)side->segment[k].phone);
                const int middle = (side->segment[k].begin + side->segment[k].end) / 2 / VV_FRAME_SAMPLES;
                if ((kind != VV_PHONE_BILABIAL && kind != VV_PHONE_LABIODENTAL) || middle < 1 ||
                    middle + 1 >= talks[i]->frames)
                    continue;
                bool kept = false;
                for (int f = middle - 1; f <= middle + 1; f++) {
                    float place[2];
                    vv_lip_to_teeth(side->pose[f].expression, place);
                    kept |= kind == VV_PHONE_BILABIAL ? vv_lip_gap(side->pose[f].expression) < .02f
                                                      : fabsf(place[0]) < .15f && fabsf(place[1]) < .15f;
                }
                *(kind == VV_PHONE_BILABIAL ? &all : &teeth) += 1;
                *(kind == VV_PHONE_BILABIAL ? &good : &touched) += kept;
            }
        }
    print_message("lips shut at %d of %d /p b m/, on the teeth at %d of %d /f v/\n", good, all, touched, teeth);
    assert_true(all > 500 && good >= .99 * all);
    assert_true(teeth > 200 && touched >= .99 * teeth);
}

/* The first ones again, on one thread after two. */
static void the_same_seed_is_the_same_talk(void **state) {
    (void)state;
    need_voices();
    for (int i = 0; i < 4; i++) {
        VvConversation *again = NULL;
        const VvConversationPlan plan = {.seed = SEED + (uint64_t)i, .seconds = SECONDS};
        assert_int_equal(vv_conversation_make(voices, &plan, &again), 0);
        assert_int_equal(again->acts, talks[i]->acts);
        assert_int_equal(again->utterances, talks[i]->utterances);
        for (int s = 0; s < VV_SIDES; s++) {
            assert_memory_equal(again->side[s].pcm, talks[i]->side[s].pcm, (size_t)again->samples * sizeof(int16_t));
            assert_memory_equal(again->side[s].pose, talks[i]->side[s].pose, (size_t)again->frames * sizeof(VvPose));
        }
        vv_conversation_free(&again);
        assert_null(again);
    }
    assert_memory_not_equal(talks[0]->side[0].pose, talks[1]->side[0].pose, (size_t)talks[0]->frames * sizeof(VvPose));
}

/* An emotion told over a minute shows for longer than the sentence that told it, and fades. */
static void emotions_last(void **state) {
    (void)state;
    need_voices();
    int moved = 0, lasting = 0;
    for (int i = 0; i < TALKS; i++)
        for (int k = 0; k < talks[i]->utterances; k++) {
            const VvUtterance *said = &talks[i]->utterance[k];
            const int before = said->begin / VV_FRAME_SAMPLES, later = said->end / VV_FRAME_SAMPLES + 3 * VV_POSE_FPS;
            if (said->emotion == VV_EMOTION_NEUTRAL || said->intensity < .4f || later >= talks[i]->frames)
                continue;
            moved++;
            lasting += talks[i]->side[said->side].affect[later][said->emotion] >
                       talks[i]->side[said->side].affect[before][said->emotion];
        }
    assert_true(moved > 50 && lasting >= .95 * moved);
}

static void held_out_is_kept_apart(void **state) {
    (void)state;
    need_voices();
    for (uint64_t i = 0; i < 6; i++) {
        VvConversation *c = NULL;
        const bool held = i % 2;
        const VvConversationPlan plan = {
            .seed = i, .seconds = 15, .held_out_voice = held, .held_out_text = held, .held_out_identity = held};
        assert_int_equal(vv_conversation_make(voices, &plan, &c), 0);
        for (int s = 0; s < VV_SIDES; s++) {
            assert_int_equal(vv_voice_at(c->side[s].voice)->held_out, held);
            assert_int_equal(vv_identity_held_out(c->side[s].identity), held);
        }
        for (int k = 0; k < c->utterances; k++)
            if (c->utterance[k].kind == VV_TEXT_STATEMENT || c->utterance[k].kind == VV_TEXT_QUESTION)
                assert_int_equal(vv_text_held_out(c->utterance[k].text), held);
        vv_conversation_free(&c);
    }
    VvConversation *none = NULL;
    const VvConversationPlan nobody = {.seed = 1, .seconds = 15, .language = "tlh"}, brief = {.seed = 1, .seconds = 2};
    assert_int_equal(vv_conversation_make(voices, &nobody, &none), -EINVAL);
    assert_int_equal(vv_conversation_make(voices, &brief, &none), -EINVAL);
    assert_null(none);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(people_do_the_same),
        cmocka_unit_test(smiles_depend_on_the_user),
        cmocka_unit_test(nods_depend_on_the_user),
        cmocka_unit_test(nobody_answers_who_is_away),
        cmocka_unit_test(answers_follow),
        cmocka_unit_test(nothing_jumps),
        cmocka_unit_test(lips_meet),
        cmocka_unit_test(the_same_seed_is_the_same_talk),
        cmocka_unit_test(emotions_last),
        cmocka_unit_test(held_out_is_kept_apart),
    };
    return cmocka_run_group_tests(tests, make_talks, free_talks);
}
