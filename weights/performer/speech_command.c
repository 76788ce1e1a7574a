/* The subcommands that alignment asks (weights/train/performer.py): which recordings there are; and a filter that says
 * a text, loads a recording or poses the mouth of given phones, so that each of these is defined once, here. */
#include "weights/performer/articulation.h"
#include "weights/performer/commands.h"
#include "weights/performer/dataset_state.h"
#include "weights/performer/prosody.h"
#include "weights/performer/voice_recorded.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- recordings ------------------------------------------------------------------------------------- */

/* One line of the list: a text's own tabs would be taken for the list's. */
static void print_text(const char *text) {
    for (; text && *text; text++)
        putchar(*text == '\t' || *text == '\n' || *text == '\r' ? ' ' : *text);
    putchar('\n');
}

int vv_recordings_command(int argc, char **argv) {
    if (argc > 1) {
        const bool help = !strcmp(argv[1], "--help");
        fprintf(
            help ? stdout : stderr,
            "usage: visavis-performer recordings\nPrints a line for each recording that is installed, parts divided "
            "by tabs: file, language,\nspeaker, train or test (held out), and the text, where it is known.\n");
        return help ? 0 : 2;
    }
    VvRecordings list;
    const int result = vv_recordings_open(&list, "");
    if (result) {
        fprintf(stderr, "visavis-performer recordings: %s\n", strerror(-result));
        return 1;
    }
    for (int i = 0; i < list.count; i++) {
        const VvRecording *clip = &list.item[i];
        printf("%s\t%s\t%s\t%s\t", clip->path, clip->language, clip->speaker, clip->held_out ? "test" : "train");
        print_text(clip->text);
    }
    vv_recordings_close(&list);
    return 0;
}

/* ---- speech ----------------------------------------------------------------------------------------- */

static const char usage[] =
    "usage: visavis-performer speech\n"
    "Answers requests, a line each on the standard input, their parts divided by tabs:\n\n"
    "  say VOICE TEXT         what a voice of the table makes of the text\n"
    "  load FILE              a recording\n"
    "  mouth SAMPLES PHONES   the mouth that goes with the phones of a sound, whose samples follow the line\n\n"
    "Phones are phone:begin-end in milliseconds, divided by spaces. An answer is one line, and binary values after "
    "it:\n\n"
    "  speech SAMPLES PHONES  16-bit samples at 16 kHz\n"
    "  poses FRAMES NAMES     32-bit floats, 25 frames a second, a row of all named columns each\n"
    "  error REASON           nothing else follows, and the next request may\n";

enum { SECONDS_MAX = 600 };

static void fail(const char *reason) {
    printf("error\t%s\n", reason);
}

static void answer_speech(int result, VvSpeech *speech) {
    if (result) {
        fail(result == -EINVAL ? "nothing in the text can be said" : strerror(-result));
        return;
    }
    printf("speech\t%d\t", speech->samples);
    vv_segments_write(stdout, speech->segment, speech->segments);
    putchar('\n');
    fwrite(speech->pcm, sizeof *speech->pcm, (size_t)speech->samples, stdout);
    vv_speech_free(speech);
}

static void say(VvVoices *voices, const char *name, const char *text) {
    static const VvManner plain = {.rate = 1, .pitch = 1, .range = 1, .tract = 1, .loudness = 1};
    const int voice = vv_voice_named(name);
    VvSpeech speech = {0};
    if (voice < 0)
        fail("there is no voice of this name");
    else
        answer_speech(vv_voice_say(voices, voice, &plain, text, &speech), &speech);
}

static void load(char *path) {
    const VvRecording clip = {.path = path};
    VvSpeech speech = {0};
    answer_speech(vv_recording_load(&clip, &speech), &speech);
}

/* The neutral face of somebody who says this, as behaviour has it: the louder, the wider. */
static void pose_mouth(const int16_t *pcm, int samples, const VvSegment *segment, int segments) {
    const int frames = (samples + VV_VOICE_RATE / VV_POSE_FPS - 1) / (VV_VOICE_RATE / VV_POSE_FPS);
    VvTone *tones = malloc(((size_t)frames + 1) * sizeof *tones);
    if (!tones) {
        fail(strerror(ENOMEM));
        return;
    }
    vv_prosody(pcm, samples, tones, frames);
    printf("poses\t%d\t", frames);
    for (int c = 0; c < VV_POSE_COLUMNS; c++)
        printf("%s%s", c ? " " : "", vv_pose_column(c));
    putchar('\n');
    float loudness = 0;
    for (int f = 0, from = 0; f < frames; f++) {
        VvPose pose = {0};
        loudness += (tones[f].loudness - loudness) * .3f;
        const VvMouth mouth = vv_articulate(segment, segments, (f + .5) / VV_POSE_FPS, loudness, &from);
        vv_mouth_apply(&mouth, &pose);
        fwrite(&pose, sizeof(float), VV_POSE_COLUMNS, stdout);
    }
    free(tones);
}

/* The samples follow on the input, and are taken from there whatever else is wrong. False: the input cannot be followed
 * any more. */
static bool mouth(const char *length, char *list) {
    char *end = NULL;
    const long samples = strtol(length, &end, 10);
    if (end == length || *end || samples < 0 || samples > (long)SECONDS_MAX * VV_VOICE_RATE) {
        fail("that many samples cannot be");
        return false;
    }
    int16_t *pcm = malloc((size_t)samples * sizeof *pcm + 1);
    VvSegment *segment = NULL;
    int segments = 0;
    const bool whole = pcm && fread(pcm, sizeof *pcm, (size_t)samples, stdin) == (size_t)samples;
    if (!whole)
        fail("there are fewer samples than were promised");
    else if (vv_segments_read(list, &segment, &segments))
        fail("these are no phones in order");
    else
        pose_mouth(pcm, (int)samples, segment, segments);
    free(segment);
    free(pcm);
    return whole;
}

/* Answers one request; false: no other can be read. */
static bool answer(VvVoices *voices, char *line) {
    char *rest = line;
    line[strcspn(line, "\n")] = 0;
    const char *request = strsep(&rest, "\t");
    char *first = strsep(&rest, "\t");
    if (first && !rest && !strcmp(request, "load"))
        load(first);
    else if (first && rest && !strcmp(request, "say"))
        say(voices, first, rest);
    else if (first && rest && !strcmp(request, "mouth"))
        return mouth(first, rest);
    else
        fail("no such request; visavis-performer speech --help tells them");
    return true;
}

int vv_speech_command(int argc, char **argv) {
    if (argc > 1) {
        const bool help = !strcmp(argv[1], "--help");
        fputs(usage, help ? stdout : stderr);
        return help ? 0 : 2;
    }
    char error[200];
    VvVoices *voices = NULL;
    if (vv_voices_open(&voices, error)) {
        fprintf(stderr, "visavis-performer speech: %s\n", error);
        return 1;
    }
    char *line = NULL;
    size_t room = 0;
    bool good = true;
    while (good && getline(&line, &room, stdin) > 0) {
        good = answer(voices, line);
        good = !fflush(stdout) && good;
    }
    free(line);
    vv_voices_close(&voices);
    return good ? 0 : 1;
}
