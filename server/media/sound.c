/* Sound from files, as mono samples at a rate of calls. */
#include "server/media/sound.h"

#include "server/media/image_format.h"
#include "server/media/opus_codec.h"
#include "server/media/resample.h"
#include "server/media/webm_read.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sndfile.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    RATE_LEAST = 1000,
    RATE_MOST = 384000,
    CHANNELS_MOST = 64,
    BLOCK = 4096,            /* samples that are read at once */
    ROOM = 5760,             /* of raw samples: all that an Opus packet may hold */
    HOLE_LEAST = 60,         /* milliseconds: shorter ones are the clock's rounding */
    HOLE_MOST = 3600 * 1000, /* longer ones are damage */
};

struct VvSound {
    char *name;
    char kind[64];
    int rate, out_rate;
    int64_t length; /* at out_rate */

    /* One of the two. */
    SNDFILE *sndfile;
    float *frames; /* BLOCK x channels */
    int channels;
    FILE *file;
    VvWebmReader *webm;
    VvOpusDecoder *opus;
    int64_t heard; /* samples since the beginning, those to be dropped and holes included */
    int64_t hole;  /* silence still to be given, before what is in `raw` */
    int drop;      /* samples still to be dropped */
    bool over;     /* the file is */

    int16_t raw[ROOM]; /* at the file's rate */
    int raw_count;
    VvResampler *resampler; /* NULL: the rate is kept */
    int16_t *out;           /* resampled, not yet given */
    int out_room, out_at, out_count;
};

static VvMediaError no_memory(VvMediaProblem *problem) {
    return vv_media_fail(problem, VV_MEDIA_NO_MEMORY, "there is not enough memory");
}

/* ---- libsndfile's files --------------------------------------------------------------------------------------- */

static void name_kind(VvSound *sound, int format) {
    SF_FORMAT_INFO info = {.format = format & SF_FORMAT_TYPEMASK};
    const bool known = sf_command(NULL, SFC_GET_FORMAT_INFO, &info, sizeof info) == 0 && info.name;
    snprintf(sound->kind, sizeof sound->kind, "%s", known ? info.name : "sound");
}

static VvMediaError open_sndfile(VvSound *sound, int fd, VvMediaProblem *problem) {
    SF_INFO info = {0};
    sound->sndfile = sf_open_fd(fd, SFM_READ, &info, SF_TRUE);
    if (!sound->sndfile) {
        const int error = sf_error(NULL);
        if (error == SF_ERR_MALFORMED_FILE || error == SF_ERR_UNSUPPORTED_ENCODING)
            return vv_media_fail(problem, VV_MEDIA_DAMAGED, "%s", sf_strerror(NULL));
        return vv_media_fail(problem, VV_MEDIA_UNKNOWN_KIND,
                             "not sound that visavis reads: WAV, FLAC, Ogg, MP3, AIFF, WebM (Opus)");
    }
    name_kind(sound, info.format);
    if (info.channels < 1 || info.channels > CHANNELS_MOST)
        return vv_media_fail(problem, VV_MEDIA_UNSUPPORTED, "%d channels: up to %d are read", info.channels,
                             CHANNELS_MOST);
    sound->channels = info.channels;
    sound->rate = info.samplerate;
    sound->length = info.frames > 0 && info.frames < INT64_MAX / RATE_MOST ? info.frames : 0;
    sound->frames = calloc((size_t)BLOCK * (size_t)info.channels, sizeof *sound->frames);
    return sound->frames ? VV_MEDIA_OK : no_memory(problem);
}

/* The mean of all channels; what is no number is silent. */
static int16_t sample_of(const float *frame, int channels) {
    float sum = 0;
    for (int c = 0; c < channels; c++)
        sum += frame[c];
    const float value = 32768 * sum / (float)channels;
    if (isnan(value))
        return 0;
    return (int16_t)lrintf(fminf(fmaxf(value, INT16_MIN), INT16_MAX));
}

/* Reads one block. 1, 0 at the end, -1. */
static int read_sndfile(VvSound *sound, VvMediaProblem *problem) {
    const sf_count_t got = sf_readf_float(sound->sndfile, sound->frames, BLOCK);
    if (got <= 0 && sf_error(sound->sndfile)) {
        vv_media_fail(problem, VV_MEDIA_DAMAGED, "%s", sf_strerror(sound->sndfile));
        return -1;
    }
    sound->raw_count = got > 0 ? (int)got : 0;
    for (int i = 0; i < sound->raw_count; i++)
        sound->raw[i] = sample_of(sound->frames + (ptrdiff_t)i * sound->channels, sound->channels);
    return sound->raw_count > 0;
}

/* ---- WebM ------------------------------------------------------------------------------------------------------- */

static VvMediaError open_webm(VvSound *sound, int fd, VvMediaProblem *problem) {
    sound->file = fdopen(fd, "rb");
    if (!sound->file) {
        close(fd);
        return no_memory(problem);
    }
    const VvMediaError error = vv_webm_reader_open(sound->file, &sound->webm, problem);
    if (error)
        return error;
    const VvWebmContent *content = vv_webm_reader_content(sound->webm);
    if (!*content->sound_codec)
        return vv_media_fail(problem, VV_MEDIA_NO_SOUND, "the WebM file has pictures only");
    if (strcmp(content->sound_codec, "A_OPUS") != 0)
        return vv_media_fail(problem, VV_MEDIA_CODEC, "the WebM file's sound is %s; A_OPUS is read",
                             content->sound_codec);
    if (content->channels > 2)
        return vv_media_fail(problem, VV_MEDIA_UNSUPPORTED, "%d channels of Opus: one or two are read",
                             content->channels);
    snprintf(sound->kind, sizeof sound->kind, "WebM (Opus)");
    sound->rate = VV_SOUND_RATE;
    sound->drop = content->lookahead;
    sound->opus = vv_opus_decoder_new(sound->rate);
    return sound->opus ? VV_MEDIA_OK : no_memory(problem);
}

/* Recorders leave packets out where nothing is heard: time goes on all the same. */
static bool find_hole(VvSound *sound, VvTime time, VvMediaProblem *problem) {
    const int64_t ms = time / 1000 - sound->heard / (sound->rate / 1000);
    if (ms > HOLE_MOST) {
        vv_media_fail(problem, VV_MEDIA_DAMAGED, "the WebM file's sound has a hole of %lld minutes",
                      (long long)(ms / 60000));
        return false;
    }
    sound->hole = ms >= HOLE_LEAST ? ms * (sound->rate / 1000) : 0;
    sound->heard += sound->hole;
    return true;
}

/* Reads one packet. 1, 0 at the end, -1. */
static int read_webm(VvSound *sound, VvMediaProblem *problem) {
    VvWebmBlock block;
    int got;
    do
        got = vv_webm_read(sound->webm, &block, problem);
    while (got == 1 && (!block.sound || block.size == 0));
    if (got != 1)
        return got;
    if (!find_hole(sound, block.time, problem))
        return -1;
    int count = vv_opus_decode(sound->opus, block.data, block.size, sound->raw, ROOM);
    if (count < 0) {
        vv_media_fail(problem, VV_MEDIA_DAMAGED, "a packet of the WebM file is not Opus");
        return -1;
    }
    sound->heard += count;
    const int dropped = count < sound->drop ? count : sound->drop;
    sound->drop -= dropped;
    count -= dropped;
    memmove(sound->raw, sound->raw + dropped, (size_t)count * sizeof *sound->raw);
    sound->raw_count = count;
    return 1;
}

/* ---- both ------------------------------------------------------------------------------------------------------- */

static int room_for(const VvSound *sound, int count) {
    return (int)((int64_t)count * sound->out_rate / sound->rate) + 2;
}

/* Samples as they are in the file become samples to be given. */
static void take_raw(VvSound *sound, const int16_t *raw, int count) {
    sound->out_at = 0;
    if (sound->resampler) {
        sound->out_count = vv_resample(sound->resampler, raw, count, sound->out, sound->out_room);
    } else {
        memcpy(sound->out, raw, (size_t)count * sizeof *raw);
        sound->out_count = count;
    }
}

/* The file is over: what the resampler holds comes out, once. */
static int finish(VvSound *sound) {
    const bool first = !sound->over;
    sound->over = true;
    sound->out_at = sound->out_count = 0;
    if (first && sound->resampler)
        sound->out_count = vv_resampler_flush(sound->resampler, sound->out, sound->out_room);
    return sound->out_count > 0;
}

/* Fills `out`, perhaps with nothing yet. 1, 0 at the end, -1. */
static int refill(VvSound *sound, VvMediaProblem *problem) {
    static const int16_t silence[BLOCK];
    if (sound->hole == 0 && sound->raw_count == 0) {
        const int got = sound->over ? 0 : sound->sndfile ? read_sndfile(sound, problem) : read_webm(sound, problem);
        if (got < 0)
            return -1;
        if (got == 0)
            return finish(sound);
    }
    if (sound->hole > 0) {
        const int part = sound->hole < BLOCK ? (int)sound->hole : BLOCK;
        take_raw(sound, silence, part);
        sound->hole -= part;
    } else {
        take_raw(sound, sound->raw, sound->raw_count);
        sound->raw_count = 0;
    }
    return 1;
}

static VvMediaError open_rates(VvSound *sound, VvMediaProblem *problem) {
    if (sound->rate < RATE_LEAST || sound->rate > RATE_MOST)
        return vv_media_fail(problem, VV_MEDIA_UNSUPPORTED, "%d samples a second: %d to %d are read", sound->rate,
                             RATE_LEAST, RATE_MOST);
    const bool kept = sound->rate == 16000 || sound->rate == 24000 || sound->rate == 48000;
    sound->out_rate = kept ? sound->rate : VV_SOUND_RATE;
    sound->length = sound->length * sound->out_rate / sound->rate;
    sound->out_room = room_for(sound, ROOM);
    if (!kept) {
        sound->resampler = vv_resampler_new(sound->rate, sound->out_rate);
        if (!sound->resampler)
            return no_memory(problem);
        const int held = room_for(sound, vv_resampler_delay(sound->resampler));
        sound->out_room = held > sound->out_room ? held : sound->out_room;
    }
    sound->out = calloc((size_t)sound->out_room, sizeof *sound->out);
    return sound->out ? VV_MEDIA_OK : no_memory(problem);
}

static VvMediaError open_file(VvSound *sound, const char *path, VvMediaProblem *problem) {
    uint8_t first = 0;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return vv_media_fail(problem, VV_MEDIA_UNREADABLE, "%s", strerror(errno));
    const ssize_t got = pread(fd, &first, 1, 0);
    if (got != 1) {
        const int error = errno;
        close(fd);
        return got < 0 ? vv_media_fail(problem, VV_MEDIA_UNREADABLE, "%s", strerror(error))
                       : vv_media_fail(problem, VV_MEDIA_NO_SOUND, "the file is empty");
    }
    VvMediaError error = first == VV_WEBM_FIRST ? open_webm(sound, fd, problem) : open_sndfile(sound, fd, problem);
    if (!error)
        error = open_rates(sound, problem);
    /* The first samples are read here, so that a file without any is known at once. */
    while (!error && sound->out_count == 0) {
        const int result = refill(sound, problem);
        if (result == 0)
            error = vv_media_fail(problem, VV_MEDIA_NO_SOUND, "there is not one sample of sound in it");
        else if (result < 0)
            error = problem->error;
    }
    return error;
}

VvMediaError vv_sound_open(const char *path, VvSound **out, VvMediaProblem *problem) {
    VvMediaProblem local;
    VvMediaProblem *why = problem ? problem : &local;
    VvSound *sound = calloc(1, sizeof *sound);
    *out = NULL;
    if (!sound)
        return no_memory(why);
    sound->name = strdup(path);
    const VvMediaError error = sound->name ? open_file(sound, path, why) : no_memory(why);
    if (error) {
        vv_media_name_file(why, path);
        vv_sound_close(&sound);
    }
    *out = sound;
    return error;
}

void vv_sound_close(VvSound **pointer) {
    VvSound *sound = *pointer;
    if (!sound)
        return;
    if (sound->sndfile)
        sf_close(sound->sndfile);
    vv_webm_reader_close(&sound->webm);
    vv_opus_decoder_free(&sound->opus);
    vv_resampler_free(&sound->resampler);
    if (sound->file)
        fclose(sound->file);
    free(sound->frames);
    free(sound->out);
    free(sound->name);
    free(sound);
    *pointer = NULL;
}

int vv_sound_rate(const VvSound *sound) {
    return sound->out_rate;
}

const char *vv_sound_kind(const VvSound *sound) {
    return sound->kind;
}

int64_t vv_sound_length(const VvSound *sound) {
    return sound->length;
}

int vv_sound_read(VvSound *sound, int16_t *pcm, int room, VvMediaProblem *problem) {
    VvMediaProblem local;
    VvMediaProblem *why = problem ? problem : &local;
    int got = 1;
    while (sound->out_at == sound->out_count && got == 1)
        got = refill(sound, why);
    if (got < 0)
        vv_media_name_file(why, sound->name);
    if (got != 1)
        return got;
    const int left = sound->out_count - sound->out_at, count = left < room ? left : room;
    memcpy(pcm, sound->out + sound->out_at, (size_t)count * sizeof *pcm);
    sound->out_at += count;
    return count;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

struct VvSoundWriter {
    SNDFILE *file;
    char *name;
    bool failed;
};

static VvMediaError unwritable(const char *name, const char *why, VvMediaProblem *problem) {
    return vv_media_fail(problem, VV_MEDIA_UNWRITABLE, "%.160s: %s", name, why);
}

VvMediaError vv_sound_writer_open(const char *path, int rate, VvSoundWriter **out, VvMediaProblem *problem) {
    VvSoundWriter *writer = calloc(1, sizeof *writer);
    SF_INFO info = {.samplerate = rate, .channels = 1, .format = SF_FORMAT_WAV | SF_FORMAT_PCM_16};
    *out = NULL;
    if (!writer)
        return no_memory(problem);
    writer->name = strdup(path);
    errno = 0;
    writer->file = writer->name ? sf_open(path, SFM_WRITE, &info) : NULL;
    const VvMediaError error = !writer->name   ? no_memory(problem)
                               : !writer->file ? unwritable(path, errno ? strerror(errno) : sf_strerror(NULL), problem)
                                               : VV_MEDIA_OK;
    if (error)
        vv_sound_writer_close(&writer, NULL);
    *out = writer;
    return error;
}

VvMediaError vv_sound_write(VvSoundWriter *writer, const int16_t *pcm, int count, VvMediaProblem *problem) {
    errno = 0;
    if (!writer->failed && sf_write_short(writer->file, pcm, count) == count)
        return VV_MEDIA_OK;
    writer->failed = true;
    return unwritable(writer->name, errno ? strerror(errno) : sf_strerror(writer->file), problem);
}

VvMediaError vv_sound_writer_close(VvSoundWriter **pointer, VvMediaProblem *problem) {
    VvSoundWriter *writer = *pointer;
    VvMediaError error = VV_MEDIA_OK;
    if (!writer)
        return error;
    errno = 0;
    if (writer->file && sf_close(writer->file))
        error = unwritable(writer->name, errno ? strerror(errno) : "it cannot be completed", problem);
    if (!error && writer->failed)
        error = unwritable(writer->name, "it is not whole", problem);
    free(writer->name);
    free(writer);
    *pointer = NULL;
    return error;
}
