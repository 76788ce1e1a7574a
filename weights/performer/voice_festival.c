/* festival, run as a program for every utterance: a fresh one has no state, takes a quarter of a second, and a fault in
 * one of its voices ends it and not us. It reads a script and writes a line for each segment, then the samples. */
#include "weights/performer/voice_engine.h"

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SCRIPT = 4096, ANSWER_MAX = 64 << 20 };

/* A voice's texts are in the encoding of its time. */
static const char *encoding_of(const char *language) {
    static const char *const encodings[][2] = {
        {"it", "ISO-8859-1"}, {"cs", "ISO-8859-2"}, {"fi", "ISO-8859-1"}, {"ca", "ISO-8859-15"}};
    for (size_t i = 0; i < sizeof encodings / sizeof *encodings; i++)
        if (!strcmp(language, encodings[i][0]))
            return encodings[i][1];
    return "UTF-8";
}

/* The text as a Scheme string's inside, in the voice's encoding. 0, or -EINVAL where it cannot be written in that. */
static int quote(const char *language, const char *text, char *out, size_t room) {
    char converted[VV_VOICE_TEXT], *to = converted;
    char source[VV_VOICE_TEXT], *from = source;
    size_t left = strlen(text), space = sizeof converted - 1;
    memcpy(source, text, left + 1);
    const iconv_t converter = iconv_open(encoding_of(language), "UTF-8");
    if (converter == (iconv_t)-1)
        return -EINVAL;
    const bool ok = iconv(converter, &from, &left, &to, &space) != (size_t)-1;
    iconv_close(converter);
    *to = 0;
    size_t used = 0;
    for (const char *at = converted; ok && *at && used + 3 < room; at++) {
        if (*at == '"' || *at == '\\')
            out[used++] = '\\';
        out[used++] = *at;
    }
    out[used] = 0;
    return ok ? 0 : -EINVAL;
}

/* Tempo is a parameter of diphone voices and an option of HTS voices; voices cut from recordings have their own. */
static int write_script(const VvVoice *voice, const VvManner *manner, const char *text, char script[SCRIPT]) {
    char quoted[2 * VV_VOICE_TEXT];
    const int result = quote(voice->language, text, quoted, sizeof quoted);
    const char *name = strchr(vv_festival_folder(voice), '/') + 1;
    snprintf(script, SCRIPT,
             "(voice_%s)\n"
             "(Parameter.set 'Duration_Stretch (/ (Parameter.get 'Duration_Stretch) %.4f))\n"
             "(if (string-equal (Parameter.get 'Synth_Method) \"HTS\")\n"
             "    (set! hts_engine_params (append hts_engine_params '((\"-r\" %.4f)))))\n"
             "(set! said (utt.synth (Utterance Text \"%s\")))\n"
             "(mapcar (lambda (s)\n"
             "    (format t \"%%s %%f %%s %%s %%s\\n\" (item.name s) (item.feat s 'end)\n"
             "        (item.feat s \"R:SylStructure.parent.stress\")\n"
             "        (item.feat s \"R:SylStructure.parent.parent.id\")\n"
             "        (item.feat s \"R:SylStructure.parent.parent.gpos\")))\n"
             "    (utt.relation.items said 'Segment))\n"
             "(format t \"PCM %%d\\n\" (cadr (assoc 'sample_rate (wave.info (utt.wave said)))))\n"
             "(fflush nil)\n"
             "(wave.save (utt.wave said) \"-\" 'raw)\n",
             name, (double)manner->rate, (double)manner->rate, quoted);
    return result;
}

/* In the child: festival with the script for input. Nothing of the user's own settings is read. */
static _Noreturn void become_festival(const int in[2], const int out[2]) {
    dup2(in[0], STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    close(in[0]);
    close(in[1]);
    close(out[0]);
    close(out[1]);
    setenv("HOME", "/nonexistent", 1);
    setenv("LC_ALL", "C", 1);
    execl("/usr/bin/festival", "festival", "--pipe", (char *)NULL);
    _exit(127);
}

/* All that can be read; NULL without memory or when it is too much. The caller frees. */
static char *read_all(int from, size_t *size) {
    size_t room = 1 << 16;
    char *all = malloc(room);
    *size = 0;
    for (ssize_t got = 1; all && got; *size += got > 0 ? (size_t)got : 0) {
        if (*size + 1 == room) {
            char *grown = room < ANSWER_MAX ? realloc(all, room *= 2) : NULL;
            if (!grown)
                free(all);
            all = grown;
        }
        if (all && (got = read(from, all + *size, room - 1 - *size)) < 0 && errno != EINTR)
            break;
    }
    if (all)
        all[*size] = 0;
    return all;
}

/* Runs festival; its whole answer, terminated, or NULL with the reason in `result`. The caller frees. */
static char *run(const char *script, size_t *size, int *result) {
    int in[2] = {-1, -1}, out[2] = {-1, -1}, status = -1;
    if (pipe(in)) {
        *result = -errno;
        return NULL;
    }
    if (pipe(out)) {
        *result = -errno;
        close(in[0]);
        close(in[1]);
        return NULL;
    }
    const pid_t child = fork();
    if (child == 0)
        become_festival(in, out);
    *result = child < 0 ? -errno : -EIO;
    close(in[0]);
    close(out[1]);
    const size_t length = strlen(script); /* less than a pipe holds: this does not wait */
    const bool asked = child > 0 && write(in[1], script, length) == (ssize_t)length;
    close(in[1]);
    char *answer = asked ? read_all(out[0], size) : NULL;
    *result = asked && !answer ? -ENOMEM : *result;
    close(out[0]);
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (answer)
        *result = !WIFEXITED(status) || WEXITSTATUS(status) == 127 ? -ENOENT : 0;
    return answer;
}

/* Walks the lines before the samples. A word is a run of segments of one word item. */
static int take_segments(const VvVoice *voice, char *lines, VvUttered *out) {
    char word_now[24] = "0", *rest = NULL;
    int32_t begin = 0;
    int result = 0;
    for (char *line = strtok_r(lines, "\n", &rest); line && !result; line = strtok_r(NULL, "\n", &rest)) {
        char name[12], stress[12], word[24], kind[24];
        double until;
        if (sscanf(line, "%11s %lf %11s %23s %23s", name, &until, stress, word, kind) != 5)
            continue; /* a remark of festival's */
        const int32_t end = (int32_t)(until * out->rate);
        VvPhone parts[VV_PHONE_PARTS];
        const int count = vv_phones_of_festival(voice->language, name, parts);
        result = vv_uttered_phones(out, parts, count, stress[0] == '1', begin, end);
        const VvWord next = {.begin = begin, .content = !strcmp(kind, "content") || !strcmp(kind, "0")};
        const bool spoken = strcmp(word, "0") != 0;
        if (!result && spoken && strcmp(word, word_now) != 0)
            result = vv_uttered_word(out, &next);
        if (!result && spoken)
            out->speech.word[out->speech.words - 1].end = end;
        memcpy(word_now, word, sizeof word_now);
        begin = end;
    }
    return result;
}

/* Segments end with the samples, whatever rounding left. */
static void fit_end(VvSpeech *speech) {
    while (speech->segments && speech->segment[speech->segments - 1].begin >= speech->samples)
        speech->segments--;
    if (speech->segments)
        speech->segment[speech->segments - 1].end = speech->samples;
    for (int i = 0; i < speech->words; i++) {
        VvWord *word = &speech->word[i];
        word->begin = word->begin < speech->samples ? word->begin : speech->samples;
        word->end = word->end < speech->samples ? word->end : speech->samples;
    }
}

int vv_festival_say(const VvVoice *voice, const VvManner *manner, const char *text, VvUttered *out) {
    char script[SCRIPT];
    size_t size = 0;
    int result = write_script(voice, manner, text, script);
    char *answer = result ? NULL : run(script, &size, &result);
    char *head = answer ? strstr(answer, "PCM ") : NULL;
    char *samples = head ? strchr(head, '\n') : NULL;
    if (!result && !samples)
        result = -EINVAL;
    if (!result) {
        *head = 0;
        out->rate = atoi(head + 4);
        samples++;
        const size_t bytes = size - (size_t)(samples - answer);
        int16_t *pcm = malloc(bytes + 1);
        result = pcm ? out->rate < 8000 || bytes < 2 ? -EINVAL : 0 : -ENOMEM;
        if (!result) {
            memcpy(pcm, samples, bytes);
            result = vv_uttered_pcm(out, pcm, (int)(bytes / 2));
        }
        free(pcm);
    }
    if (!result)
        result = take_segments(voice, answer, out);
    if (!result)
        fit_end(&out->speech);
    free(answer);
    return result ? result : out->speech.segments ? 0 : -EINVAL;
}
