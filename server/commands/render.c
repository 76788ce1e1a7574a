/* visavis render: speech from a file in, video with sound out. */
#include "server/commands/render/render.h"
#include "server/commands/avatar.h"
#include "server/commands/commands.h"

#include "protocol/table.h"
#include "server/base/clock.h"
#include "server/config.h"
#include "server/session/affect.h"
#include "server/session/names.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TELL_EVERY (10 * VV_FPS) /* frames, where nobody watches a terminal */

typedef struct Settings {
    char *speech, *out, *character, *style, *emotion, *seed;
    VvAvatarOptions avatar;
    bool quiet;
} Settings;

#define AT(member) offsetof(Settings, member)

static const VvOption table[] = {
    {"speech", VV_OPTION_STRING, AT(speech), 0, 0, NULL, "FILE",
     "what is said: any sound that libsndfile reads (WAV, FLAC, Ogg, MP3, ...), or WebM with Opus"},
    {"out", VV_OPTION_STRING, AT(out), 0, 0, NULL, "FILE",
     "FILE.webm, FILE.y4m (its sound in FILE.wav), or a new folder for PNG files and sound.wav; SPEECH.webm without "
     "it"},
    {"character", VV_OPTION_STRING, AT(character), 0, 0, NULL, "NAME", "who says it; the first there is without it"},
    {"style", VV_OPTION_STRING, AT(style), 0, 0, NULL, "NAME", "in which style; the first there is without it"},
    {"emotion", VV_OPTION_STRING, AT(emotion), 0, 0, NULL, "NAME[:X]",
     "neutral, joy, sadness, anger, fear, disgust, surprise or contempt; X from 0 to 1 is how much (1)"},
    {"seed", VV_OPTION_STRING, AT(seed), 0, 0, "1", "N", "everything random follows from it, as in a call"},
    VV_AVATAR_OPTIONS(Settings, avatar),
    {"quiet", VV_OPTION_FLAG, AT(quiet), 0, 0, NULL, NULL, "tell nothing but errors"},
    {NULL, VV_OPTION_FLAG, 0, 0, 0, NULL, NULL, NULL},
};

/* ---- what was asked for --------------------------------------------------------------------------------------------
 */

static int complain(const char *what, int status) {
    fprintf(stderr, "visavis render: %s\n", what);
    return status;
}

static int complain_file(const VvMediaProblem *problem) {
    fprintf(stderr, "visavis render: %s (%s)\n", problem->text, vv_media_error_name(problem->error));
    return 1;
}

static bool read_seed(const char *text, uint64_t *seed) {
    char *end;
    errno = 0;
    *seed = strtoull(text, &end, 10);
    return !errno && end != text && !*end && text[0] != '-';
}

/* "joy" or "joy:0.5". */
static bool read_emotion(const char *text, VvAffect *affect) {
    const char *colon = strchr(text, ':');
    const size_t size = colon ? (size_t)(colon - text) : strlen(text);
    const int label = vv_names_find(&vv_names[VV_NAMES_Emotion], text, size);
    char *end = NULL;
    const double intensity = colon ? strtod(colon + 1, &end) : 1;
    if (label < 0 || (colon && (end == colon + 1 || *end)) || !(intensity >= 0 && intensity <= 1))
        return false;
    *affect = vv_affect(&(VvEmotionGiven){.label = &(int32_t){label}, .intensity = &intensity});
    return true;
}

/* The index of a name in a list, 0 without one; -1 after saying which there are. */
static int choose(const char *what, const char *list, const char *name) {
    const int index = name ? vv_list_index(list, name) : 0;
    if (index < 0)
        fprintf(stderr, "visavis render: there is no %s \"%s\"; there are: %s\n", what, name, list);
    return index;
}

/* Beside nothing: the speech's own name, in the folder that one is in. */
static bool default_out(const char *speech, char out[PATH_MAX]) {
    const char *slash = strrchr(speech, '/'), *name = slash ? slash + 1 : speech, *dot = strrchr(name, '.');
    const int length = dot && dot != name ? (int)(dot - name) : (int)strlen(name);
    return snprintf(out, PATH_MAX, "%.*s.webm", length, name) < PATH_MAX;
}

/* ---- progress ---------------------------------------------------------------------------------------------------- */

static volatile sig_atomic_t stopped;

static void on_signal(int number) {
    stopped = number;
}

typedef struct Progress {
    VvTime began;
    int64_t expected; /* frames; 0: not known */
    int64_t told;
    bool quiet, terminal;
} Progress;

static bool tell(void *ctx, int64_t frames) {
    Progress *progress = ctx;
    if (stopped)
        return false;
    if (progress->quiet || frames - progress->told < (progress->terminal ? VV_FPS : TELL_EVERY))
        return true;
    progress->told = frames;
    const double spent = (double)(vv_now() - progress->began) / VV_SECOND;
    fprintf(stderr, progress->terminal ? "\r" : "");
    if (progress->expected > frames) {
        const int left = (int)(spent / (double)frames * (double)(progress->expected - frames));
        fprintf(stderr, "%lld of %lld s, %d min %02d s left  ", (long long)(frames / VV_FPS),
                (long long)(progress->expected / VV_FPS), left / 60, left % 60);
    } else {
        fprintf(stderr, "%lld s  ", (long long)(frames / VV_FPS));
    }
    fprintf(stderr, progress->terminal ? "" : "\n");
    fflush(stderr);
    return true;
}

static void sum_up(const Progress *progress, const char *out, const VvAvatarInfo *info, int64_t frames) {
    const double spent = (double)(vv_now() - progress->began) / VV_SECOND, seconds = (double)frames / VV_FPS;
    if (!progress->quiet)
        fprintf(stderr, "%s%s: %.2f s, %lld frames of %d x %d; it took %.1f s, %.2f of its length\n",
                progress->terminal ? "\r" : "", out, seconds, (long long)frames, info->width, info->height, spent,
                spent / seconds);
}

/* ---- running ------------------------------------------------------------------------------------------------------
 */

static int perform(const Settings *s, VvPerformance *p, const char *path) {
    VvMediaProblem problem;
    const VvAvatarInfo *info = &p->avatar->info;
    const int64_t length = vv_sound_length(p->sound), rate = vv_sound_rate(p->sound);
    Progress progress = {.began = vv_now(),
                         .expected = length ? (length * VV_FPS + rate - 1) / rate + VV_RENDER_TAIL_FRAMES : 0,
                         .quiet = s->quiet,
                         .terminal = isatty(STDERR_FILENO)};
    if (vv_render_output_open(path, info->width, info->height, &p->out, &problem))
        return complain_file(&problem);
    p->progress = tell;
    p->ctx = &progress;
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error like a full disk */
    const int64_t frames = vv_perform(p, &problem);
    const bool whole = frames >= 0;
    VvMediaProblem unfinished;
    const bool written = vv_render_output_close(&p->out, whole, &unfinished) == VV_MEDIA_OK;
    if (stopped)
        return complain("stopped; nothing was kept", 128 + (int)stopped);
    if (!whole || !written)
        return complain_file(whole ? &unfinished : &problem);
    sum_up(&progress, path, info, frames);
    return 0;
}

static int run(const Settings *s) {
    VvPerformance p = {0};
    VvMediaProblem problem;
    char path[PATH_MAX], why[512];
    if (!s->speech)
        return complain("what shall be said? give a file with --speech; `visavis render --help` tells the options", 2);
    if (!read_seed(s->seed, &p.seed))
        return complain("--seed takes a whole number, 0 or more", 2);
    if (s->emotion && !read_emotion(s->emotion, &p.affect))
        return complain("--emotion takes neutral, joy, sadness, anger, fear, disgust, surprise or contempt, and how "
                        "much of it from 0 to 1: joy:0.5",
                        2);
    if (s->out ? snprintf(path, sizeof path, "%s", s->out) >= PATH_MAX : !default_out(s->speech, path))
        return complain("the name of the output is too long", 2);
    if (vv_render_output_replaces(path, s->speech))
        return complain("the output would replace the speech: name another with --out", 2);
    int status = 1;
    if (vv_sound_open(s->speech, &p.sound, &problem)) {
        complain_file(&problem);
    } else if (vv_avatar_open(&s->avatar, &p.avatar, why, sizeof why) < 0) {
        complain(why, 1);
    } else {
        p.character = choose("character", p.avatar->info.characters, s->character);
        p.style = p.character < 0 ? -1 : choose("style", p.avatar->info.styles, s->style);
        status = p.style < 0 ? 2 : perform(s, &p, path);
    }
    if (p.avatar)
        p.avatar->close(&p.avatar);
    vv_sound_close(&p.sound);
    return status;
}

int vv_command_render(int argc, char **argv) {
    Settings settings = {0};
    char why[512];
    int status = vv_options_read(table, &settings, argc, argv, why, sizeof why);
    if (status > 0) {
        printf(
            "usage: visavis render --speech FILE [OPTION]...\n"
            "Makes the video of a character who says what is in a file: the same frames as a call with the same seed\n"
            "that is given this speech.\n\n");
        vv_options_help(table);
        status = 0;
    } else if (status < 0) {
        status = complain(why, 2);
    } else {
        status = run(&settings);
    }
    vv_options_free(table, &settings);
    return status;
}
