/* Text to speech by flite. */
#include "server/commands/assistant/voice.h"

#include <ctype.h>
#include <errno.h>
#include <flite/flite.h>
#include <stdlib.h>
#include <string.h>

/* The voice library has no header of its own. */
cst_voice *register_cmu_us_slt(const char *voxdir);
void unregister_cmu_us_slt(cst_voice *voice);

static cst_voice *voice;

int vv_voice_open(void) {
    if (voice)
        return 0;
    flite_init();
    voice = register_cmu_us_slt(NULL);
    return voice ? 0 : -ENOENT;
}

void vv_voice_close(void) {
    if (voice)
        unregister_cmu_us_slt(voice);
    voice = NULL;
}

/* What a code point beyond ASCII is read as; NULL: nothing. Latin-1 and Latin Extended-A come as base letters. */
static const char *plain(uint32_t point, char letter[2]) {
    static const char latin1[] = "AAAAAAACEEEEIIIIDNOOOOO OUUUUYTsaaaaaaaceeeeiiiidnooooo ouuuuyty";
    static const char extended[] = "AaAaAaCcCcCcCcDdDdEeEeEeEeEeGgGgGgGgHhHhIiIiIiIiIiIiJjKkkLlLlLlL"
                                   "lLlNnNnNnnNnOoOoOoOoRrRrRrSsSsSsSsTtTtTtUuUuUuUuUuUuWwYyYZzZzZzs";
    switch (point) {
    case 0x2018:
    case 0x2019:
    case 0x02bc:
        return "'";
    case 0x201c:
    case 0x201d:
    case 0xab:
    case 0xbb:
        return "\"";
    case 0x2013:
    case 0x2014:
        return ", ";
    case 0x2026:
        return "... ";
    case 0x20ac:
        return " euros ";
    case 0xa3:
        return " pounds ";
    case 0xb0:
        return " degrees ";
    case 0xa0:
        return " ";
    case 0xdf:
        return "ss";
    case 0xc6:
    case 0xe6:
        return "ae";
    default:
        break;
    }
    if (point >= 0xc0 && point <= 0xff)
        letter[0] = latin1[point - 0xc0];
    else if (point >= 0x100 && point < 0x100 + sizeof extended - 1)
        letter[0] = extended[point - 0x100];
    else
        return NULL;
    letter[1] = 0;
    return letter;
}

/* One code point of valid UTF-8; a stray byte counts as itself. */
static uint32_t next_point(const unsigned char **at) {
    const unsigned char *p = *at;
    int more = *p >= 0xf0 ? 3 : *p >= 0xe0 ? 2 : *p >= 0xc0 ? 1 : 0;
    uint32_t point = more == 3 ? *p & 7u : more == 2 ? *p & 15u : more == 1 ? *p & 31u : *p;
    for (p++; more && (*p & 0xc0) == 0x80; more--, p++)
        point = point << 6 | (*p & 63u);
    *at = p;
    return point;
}

size_t vv_voice_readable(const char *text, char *out, size_t room) {
    size_t used = 0, letters = 0;
    const unsigned char *at = (const unsigned char *)text;
    while (*at && room) {
        uint32_t point = next_point(&at);
        char ascii[2] = {(char)point, 0}, letter[2];
        if (point < 0x80 && !isprint((int)point))
            ascii[0] = ' ';
        const char *piece = point < 0x80 ? ascii : plain(point, letter);
        for (; piece && *piece && used + 1 < room; piece++) {
            letters += isalnum((unsigned char)*piece) != 0;
            out[used++] = *piece;
        }
    }
    if (room)
        out[used] = 0;
    return letters;
}

int vv_voice_say(const char *text, VvClip *clip) {
    *clip = (VvClip){0};
    if (!voice)
        return -ENOENT;
    size_t room = strlen(text) * 4 + 1;
    char *readable = malloc(room);
    if (!readable)
        return -ENOMEM;
    size_t letters = vv_voice_readable(text, readable, room);
    cst_wave *wave = letters ? flite_text_to_wave(readable, voice) : NULL;
    free(readable);
    if (!wave)
        return letters ? -ENOMEM : 0;
    /* flite's voice speaks at VV_VOICE_RATE; another voice would not, and must not be played at the wrong speed. */
    int result = wave->sample_rate == VV_VOICE_RATE ? 0 : -ENOENT;
    if (!result && wave->num_samples > 0) {
        clip->samples = (size_t)wave->num_samples;
        clip->pcm = malloc(clip->samples * sizeof *clip->pcm);
        if (clip->pcm)
            memcpy(clip->pcm, wave->samples, clip->samples * sizeof *clip->pcm);
        else
            result = -ENOMEM;
    }
    delete_wave(wave);
    if (result)
        *clip = (VvClip){0};
    return result;
}

void vv_clip_free(VvClip *clip) {
    free(clip->pcm);
    *clip = (VvClip){0};
}
