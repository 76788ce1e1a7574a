/* Decoding recordings, and their phoneme times from an alignment file. */
#include "server/media/resample.h"
#include "weights/performer/voice_g722.h"
#include "weights/performer/voice_recorded.h"

#include <errno.h>
#include <math.h>
#include <sndfile.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool ends_with(const char *name, const char *end) {
    const size_t length = strlen(name), tail = strlen(end);
    return length >= tail && !strcmp(name + length - tail, end);
}

/* libsndfile tells most formats by their head; the telephone's are bare. */
static SNDFILE *open_sound(const char *path, SF_INFO *info) {
    *info = (SF_INFO){0};
    if (ends_with(path, ".gsm"))
        *info = (SF_INFO){.format = SF_FORMAT_RAW | SF_FORMAT_GSM610, .samplerate = 8000, .channels = 1};
    return sf_open(path, SFM_READ, info);
}

double vv_recording_seconds(const VvRecording *recording) {
    struct stat about;
    if (ends_with(recording->path, ".g722"))
        return stat(recording->path, &about) ? 0 : (double)about.st_size / 8000;
    SF_INFO info;
    SNDFILE *sound = open_sound(recording->path, &info);
    if (!sound)
        return 0;
    sf_close(sound);
    return info.samplerate > 0 ? (double)info.frames / info.samplerate : 0;
}

static int load_g722(const char *path, int16_t **pcm, int *count) {
    struct stat about;
    FILE *file = fopen(path, "rb");
    int result = -EIO;
    if (file && !fstat(fileno(file), &about) && about.st_size > 0 && about.st_size < 1 << 24) {
        const size_t size = (size_t)about.st_size;
        uint8_t *bytes = malloc(size);
        *pcm = malloc(size * 2 * sizeof **pcm);
        result = bytes && *pcm ? (fread(bytes, 1, size, file) == size ? 0 : -EIO) : -ENOMEM;
        if (!result)
            vv_g722_decode(bytes, size, *pcm);
        *count = (int)size * 2;
        free(bytes);
    }
    if (file)
        fclose(file);
    return result;
}

/* Any other format, channels averaged, at its own rate. */
static int load_sound(const char *path, int16_t **pcm, int *count, int *rate) {
    SF_INFO info;
    SNDFILE *sound = open_sound(path, &info);
    if (!sound || info.frames <= 0 || info.frames > 1 << 24 || info.channels < 1 || info.channels > 8) {
        if (sound)
            sf_close(sound);
        return -EIO;
    }
    const size_t values = (size_t)(info.frames * info.channels);
    float *all = malloc(values * sizeof *all);
    *pcm = malloc((size_t)info.frames * sizeof **pcm);
    int result = all && *pcm ? 0 : -ENOMEM;
    if (!result) {
        *count = (int)sf_readf_float(sound, all, info.frames);
        *rate = info.samplerate;
        for (int i = 0; i < *count; i++) {
            float sum = 0;
            for (int c = 0; c < info.channels; c++)
                sum += all[i * info.channels + c];
            const float value = sum / (float)info.channels * 32767.0f;
            (*pcm)[i] = (int16_t)lrintf(fmaxf(-32768.0f, fminf(32767.0f, value)));
        }
    }
    sf_close(sound);
    free(all);
    return result;
}

static int to_voice_rate(int16_t **pcm, int *count, int rate) {
    if (rate == VV_VOICE_RATE)
        return 0;
    VvResampler *resampler = vv_resampler_new(rate, VV_VOICE_RATE);
    const int room = (int)((int64_t)*count * VV_VOICE_RATE / rate) + 64;
    int16_t *out = malloc((size_t)room * sizeof *out);
    if (!resampler || !out) {
        vv_resampler_free(&resampler);
        free(out);
        return resampler ? -ENOMEM : -EIO;
    }
    int made = vv_resample(resampler, *pcm, *count, out, room);
    made += vv_resampler_flush(resampler, out + made, room - made);
    vv_resampler_free(&resampler);
    free(*pcm);
    *pcm = out;
    *count = made;
    return 0;
}

static void even_level(int16_t *pcm, int count) {
    double energy = 1;
    int peak = 1;
    for (int i = 0; i < count; i++) {
        energy += (double)pcm[i] * pcm[i];
        peak = abs(pcm[i]) > peak ? abs(pcm[i]) : peak;
    }
    const double gain = fmin(2300.0 / sqrt(energy / (count ? count : 1)), 30000.0 / peak);
    for (int i = 0; i < count; i++)
        pcm[i] = (int16_t)lrint(pcm[i] * gain);
}

/* The alignment's phones, cut to the clip's length; what is left before, between and after them is a pause. */
static int take_phones(const VvRecording *recording, VvSpeech *speech) {
    speech->segment = calloc((size_t)recording->segments * 2 + 1, sizeof *speech->segment);
    if (!speech->segment)
        return -ENOMEM;
    int32_t at = 0;
    for (int i = 0; i <= recording->segments; i++) {
        VvSegment next = {.phone = VV_PHONE_PAU, .begin = speech->samples, .end = speech->samples};
        if (i < recording->segments)
            next = recording->segment[i];
        if (next.begin > speech->samples || next.end > speech->samples)
            next.begin = next.begin > speech->samples ? speech->samples : next.begin, next.end = speech->samples;
        if (next.begin > at)
            speech->segment[speech->segments++] = (VvSegment){.phone = VV_PHONE_PAU, .begin = at, .end = next.begin};
        if (next.end > next.begin)
            speech->segment[speech->segments++] = next;
        at = next.end > at ? next.end : at;
    }
    return 0;
}

int vv_recording_load(const VvRecording *recording, VvSpeech *speech) {
    int rate = VV_VOICE_RATE, count = 0;
    *speech = (VvSpeech){0};
    int result = ends_with(recording->path, ".g722") ? load_g722(recording->path, &speech->pcm, &count)
                                                     : load_sound(recording->path, &speech->pcm, &count, &rate);
    if (!result)
        result = to_voice_rate(&speech->pcm, &count, rate);
    if (!result) {
        speech->samples = count;
        even_level(speech->pcm, count);
        result = take_phones(recording, speech);
    }
    if (result)
        vv_speech_free(speech);
    return result;
}

/* ---- alignment -------------------------------------------------------------------------------------- */

static VvRecording *clip_at(VvRecordings *recordings, const char *root, const char *name) {
    char path[1024];
    snprintf(path, sizeof path, "%s%s", root, name);
    for (int low = 0, high = recordings->count; low < high;) {
        const int middle = (low + high) / 2;
        const int order = strcmp(path, recordings->item[middle].path);
        if (!order)
            return &recordings->item[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* By the names of phones.def, not flite's, where "ow" is two. VV_PHONES: no such phone. */
static VvPhone phone_named(const char *name) {
    int p = 0;
    while (p < VV_PHONES && strcmp(name, vv_phone_name((VvPhone)p)) != 0)
        p++;
    return (VvPhone)p;
}

int vv_segments_read(char *list, VvSegment **segments, int *count) {
    VvSegment *read = NULL;
    int used = 0, room = 0;
    char *rest = NULL;
    for (char *word = strtok_r(list, " \n", &rest); word; word = strtok_r(NULL, " \n", &rest)) {
        char name[12];
        int begin, end;
        const int fields = sscanf(word, "%11[^:]:%d-%d", name, &begin, &end);
        const int last = used ? read[used - 1].end : 0;
        if (fields != 3 || phone_named(name) == VV_PHONES || begin < 0 || begin > 1 << 20 || end < begin ||
            end > 1 << 20 || begin * 16 < last) {
            free(read);
            return -EBADMSG;
        }
        if (used == room) {
            room = room ? room * 2 : 64;
            VvSegment *grown = realloc(read, (size_t)room * sizeof *grown);
            if (!grown) {
                free(read);
                return -ENOMEM;
            }
            read = grown;
        }
        read[used++] = (VvSegment){.phone = (uint8_t)phone_named(name), .begin = begin * 16, .end = end * 16};
    }
    *segments = read;
    *count = used;
    return 0;
}

void vv_segments_write(FILE *out, const VvSegment *segments, int count) {
    for (int i = 0; i < count; i++)
        fprintf(out, "%s%s:%d-%d", i ? " " : "", vv_phone_name((VvPhone)segments[i].phone), segments[i].begin / 16,
                segments[i].end / 16);
}

static int read_phones(char *list, VvRecording *clip) {
    VvSegment *segments = NULL;
    int count = 0;
    const int result = vv_segments_read(list, &segments, &count);
    if (!result) {
        free(clip->segment);
        clip->segment = segments;
        clip->segments = count;
    }
    return result;
}

int vv_recordings_align(VvRecordings *recordings, const char *root, const char *file, int *line) {
    FILE *in = fopen(file, "r");
    if (!in)
        return -errno;
    char *text = NULL;
    size_t room = 0;
    int aligned = 0, result = 0;
    for (*line = 1; !result && getline(&text, &room, in) >= 0; (*line)++) {
        char *tab = strchr(text, '\t');
        if (!tab) {
            result = -EBADMSG;
            break;
        }
        *tab = 0;
        VvRecording *clip = clip_at(recordings, root, text);
        result = clip ? read_phones(tab + 1, clip) : 0;
        aligned += clip && !result;
        if (result)
            break;
    }
    free(text);
    fclose(in);
    return result ? result : aligned;
}
