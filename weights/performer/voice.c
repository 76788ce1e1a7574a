/* Speech from the synthesis process, brought to 16 kHz, an even level and trimmed ends.
 *
 * vv_voices_open forks a server, which loads the engines once. For every request the server forks again; the copy says
 * the one utterance, writes the answer to the socket and ends, and the server stays as fresh as it was. */
#include "weights/performer/voice.h"

#include "server/media/resample.h"
#include "weights/performer/voice_engine.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EDGE = VV_VOICE_RATE * 30 / 1000 }; /* silence left at both ends */

struct VvVoices {
    pthread_mutex_t lock; /* one request at a time */
    int socket;
    pid_t server;
};

typedef struct Request {
    int32_t voice;
    VvManner manner;
    char text[VV_VOICE_TEXT];
} Request;

typedef struct Answer {
    int32_t result, rate, samples, segments, words;
} Answer;

static int send_all(int to, const void *data, size_t size) {
    for (const char *at = data; size;) {
        const ssize_t sent = send(to, at, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return -EPIPE;
        at += sent;
        size -= (size_t)sent;
    }
    return 0;
}

static int receive_all(int from, void *data, size_t size) {
    for (char *at = data; size;) {
        const ssize_t got = recv(from, at, size, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return -EPIPE;
        at += got;
        size -= (size_t)got;
    }
    return 0;
}

/* ---- the synthesis process -------------------------------------------------------------------------- */

/* In the copy: says one utterance and ends. Exit 0: the whole answer was written. */
static _Noreturn void answer_and_exit(int to, const Request *request) {
    static int (*const say[])(const VvVoice *, const VvManner *, const char *, VvUttered *) = {
        [VV_VOICE_FLITE] = vv_flite_say,
        [VV_VOICE_ESPEAK] = vv_espeak_say,
        [VV_VOICE_FESTIVAL] = vv_festival_say,
    };
    const VvVoice *voice = vv_voice_at(request->voice);
    VvUttered out = {0};
    const int result = say[voice->engine](voice, &request->manner, request->text, &out);
    const VvSpeech *speech = &out.speech;
    Answer answer = {.result = result, .rate = out.rate};
    if (!result)
        answer = (Answer){0, out.rate, speech->samples, speech->segments, speech->words};
    int sent = send_all(to, &answer, sizeof answer);
    if (!result && !sent)
        sent = send_all(to, speech->pcm, (size_t)speech->samples * sizeof *speech->pcm);
    if (!result && !sent)
        sent = send_all(to, speech->segment, (size_t)speech->segments * sizeof *speech->segment);
    if (!result && !sent)
        sent = send_all(to, speech->word, (size_t)speech->words * sizeof *speech->word);
    _exit(sent ? 1 : 0);
}

static _Noreturn void serve(int socket) {
    const Answer ready = {.result = vv_engines_open()};
    if (send_all(socket, &ready, sizeof ready) || ready.result)
        _exit(1);
    for (Request request; !receive_all(socket, &request, sizeof request);) {
        const pid_t copy = fork();
        if (copy == 0)
            answer_and_exit(socket, &request);
        int status = 0;
        while (copy > 0 && waitpid(copy, &status, 0) < 0 && errno == EINTR)
            ;
        /* A copy that crashed may have written half an answer: the stream cannot be trusted any more. */
        if (copy < 0 || status != 0)
            break;
    }
    _exit(0);
}

int vv_voices_open(VvVoices **voices, char error[200]) {
    int ends[2] = {-1, -1};
    VvVoices *opened = calloc(1, sizeof *opened);
    *voices = NULL;
    if (!opened || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) {
        snprintf(error, 200, "voices: no memory or no socket for the synthesis process");
        free(opened);
        return -ENOMEM;
    }
    fflush(NULL);
    opened->server = fork();
    if (opened->server == 0) {
        close(ends[0]);
        serve(ends[1]);
    }
    close(ends[1]);
    opened->socket = ends[0];
    pthread_mutex_init(&opened->lock, NULL);
    Answer ready = {.result = -EPIPE};
    if (opened->server < 0 || receive_all(ends[0], &ready, sizeof ready) || ready.result) {
        snprintf(error, 200,
                 "voices: the synthesis engines did not start; espeak-ng's data (espeak-ng-data) are needed");
        vv_voices_close(&opened);
        return ready.result ? ready.result : -EPIPE;
    }
    *voices = opened;
    return 0;
}

void vv_voices_close(VvVoices **voices) {
    VvVoices *closing = *voices;
    *voices = NULL;
    if (!closing)
        return;
    /* The server ends when its socket does. Another server may hold a copy of our end, forked while this one was open:
     * shutting down ends the connection for all of them. */
    shutdown(closing->socket, SHUT_RDWR);
    close(closing->socket);
    while (closing->server > 0 && waitpid(closing->server, NULL, 0) < 0 && errno == EINTR)
        ;
    pthread_mutex_destroy(&closing->lock);
    free(closing);
}

/* ---- the caller's side ------------------------------------------------------------------------------ */

static int receive_speech(int from, const Answer *answer, VvSpeech *speech) {
    speech->pcm = malloc((size_t)answer->samples * sizeof *speech->pcm);
    speech->segment = malloc((size_t)answer->segments * sizeof *speech->segment + 1);
    speech->word = malloc((size_t)answer->words * sizeof *speech->word + 1);
    if (!speech->pcm || !speech->segment || !speech->word)
        return -ENOMEM;
    speech->samples = answer->samples;
    speech->segments = answer->segments;
    speech->words = answer->words;
    if (receive_all(from, speech->pcm, (size_t)answer->samples * sizeof *speech->pcm) ||
        receive_all(from, speech->segment, (size_t)answer->segments * sizeof *speech->segment) ||
        receive_all(from, speech->word, (size_t)answer->words * sizeof *speech->word))
        return -EPIPE;
    return 0;
}

/* To 16 kHz, as if the samples had been taken at `rate`; times follow. */
static int resample_speech(VvSpeech *speech, int rate) {
    const double ratio = (double)VV_VOICE_RATE / rate;
    const int room = (int)(speech->samples * ratio) + 64;
    VvResampler *resampler = vv_resampler_new(rate, VV_VOICE_RATE);
    int16_t *pcm = malloc((size_t)room * sizeof *pcm);
    if (!resampler || !pcm) {
        vv_resampler_free(&resampler);
        free(pcm);
        return -ENOMEM;
    }
    int count = vv_resample(resampler, speech->pcm, speech->samples, pcm, room);
    count += vv_resampler_flush(resampler, pcm + count, room - count);
    vv_resampler_free(&resampler);
    free(speech->pcm);
    speech->pcm = pcm;
    speech->samples = count;
    for (int i = 0; i < speech->segments; i++) {
        speech->segment[i].begin = i ? speech->segment[i - 1].end : 0;
        speech->segment[i].end = i + 1 == speech->segments ? count : (int32_t)(speech->segment[i].end * ratio);
    }
    for (int i = 0; i < speech->words; i++) {
        speech->word[i].begin = (int32_t)(speech->word[i].begin * ratio);
        speech->word[i].end = (int32_t)(speech->word[i].end * ratio);
    }
    return 0;
}

static int32_t clamp_time(int32_t time, int32_t cut, int32_t samples) {
    time -= cut;
    return time < 0 ? 0 : time > samples ? samples : time;
}

/* Cuts the pauses at both ends to EDGE. */
static void trim(VvSpeech *speech) {
    int32_t from = 0, to = speech->samples;
    int first = 0, last = speech->segments - 1;
    while (first < last && speech->segment[first].phone == VV_PHONE_PAU)
        first++;
    while (last > first && speech->segment[last].phone == VV_PHONE_PAU)
        last--;
    if (speech->segments && speech->segment[first].begin > EDGE)
        from = speech->segment[first].begin - EDGE;
    if (speech->segments && speech->segment[last].end + EDGE < to)
        to = speech->segment[last].end + EDGE;
    memmove(speech->pcm, speech->pcm + from, (size_t)(to - from) * sizeof *speech->pcm);
    speech->samples = to - from;
    int kept = 0;
    for (int i = 0; i < speech->segments; i++) {
        VvSegment segment = speech->segment[i];
        segment.begin = clamp_time(segment.begin, from, speech->samples);
        segment.end = clamp_time(segment.end, from, speech->samples);
        if (segment.end > segment.begin)
            speech->segment[kept++] = segment;
    }
    speech->segments = kept;
    for (int i = 0; i < speech->words; i++) {
        speech->word[i].begin = clamp_time(speech->word[i].begin, from, speech->samples);
        speech->word[i].end = clamp_time(speech->word[i].end, from, speech->samples);
    }
}

/* The same level for every voice: engines differ by a factor of four. Never clips. */
static void level(VvSpeech *speech, float loudness) {
    double energy = 1;
    int peak = 1;
    for (int i = 0; i < speech->samples; i++) {
        energy += (double)speech->pcm[i] * speech->pcm[i];
        peak = abs(speech->pcm[i]) > peak ? abs(speech->pcm[i]) : peak;
    }
    const float rms = (float)sqrt(energy / (speech->samples ? speech->samples : 1));
    float gain = 2300.0f * loudness / rms;
    if (gain * (float)peak > 30000.0f)
        gain = 30000.0f / (float)peak;
    for (int i = 0; i < speech->samples; i++)
        speech->pcm[i] = (int16_t)lrintf((float)speech->pcm[i] * gain);
}

static int ask(VvVoices *voices, const Request *request, Answer *answer, VvSpeech *speech) {
    pthread_mutex_lock(&voices->lock);
    int result = send_all(voices->socket, request, sizeof *request);
    if (!result)
        result = receive_all(voices->socket, answer, sizeof *answer);
    if (!result)
        result = answer->result;
    if (!result)
        result = receive_speech(voices->socket, answer, speech);
    pthread_mutex_unlock(&voices->lock);
    return result;
}

int vv_voice_say(VvVoices *voices, int voice, const VvManner *manner, const char *text, VvSpeech *speech) {
    *speech = (VvSpeech){0};
    if (voice < 0 || voice >= vv_voice_count_all() || strlen(text) >= VV_VOICE_TEXT)
        return -EINVAL;
    if (!vv_voice_installed(voice))
        return -ENOENT;
    Request request = {.voice = voice, .manner = *manner};
    request.manner.rate /= manner->tract; /* playing it faster below gives the tempo back */
    memcpy(request.text, text, strlen(text));
    Answer answer = {0};
    int result = ask(voices, &request, &answer, speech);
    if (!result)
        result = resample_speech(speech, (int)lrintf((float)answer.rate * manner->tract));
    if (result) {
        vv_speech_free(speech);
        return result;
    }
    trim(speech);
    level(speech, manner->loudness);
    return 0;
}

void vv_speech_free(VvSpeech *speech) {
    free(speech->pcm);
    free(speech->segment);
    free(speech->word);
    *speech = (VvSpeech){0};
}
