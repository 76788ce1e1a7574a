/* The head of a WebM file: its kind, its clock, and which of its tracks are read. */
#include "server/media/webm_tracks.h"

#include "server/media/webm_ids.h"

#include <string.h>

/* As ITU-T H.273 numbers matrices: BT.470 and SMPTE 170M are those of BT.601. */
enum { MATRIX_BT470 = 5, MATRIX_SMPTE170 = 6, RANGE_FULL = 2 };

enum { TYPE_PICTURES = 1, TYPE_SOUND = 2, ID_BYTES = 4, SIZE_BYTES = 8, SCALE_MAX = 1000000000 };

typedef struct Track {
    uint64_t number, type;
    char codec[32];
    bool encoded;
    uint64_t width, height, matrix, range, channels;
    VvEbmlBytes private;
} Track;

static VvMediaError damaged(VvMediaProblem *problem, const char *what) {
    return vv_media_fail(problem, VV_MEDIA_DAMAGED, "the WebM file's %s is damaged", what);
}

VvMediaError vv_webm_read_kind(VvEbmlBytes content, VvMediaProblem *problem) {
    char kind[16] = "matroska";
    uint64_t id_bytes = ID_BYTES, size_bytes = SIZE_BYTES;
    uint32_t id;
    VvEbmlBytes value;
    bool bad = false;
    while (vv_ebml_next(&content, &id, &value, &bad)) {
        if (id == WEBM_DOC_TYPE)
            vv_ebml_text(value, kind, sizeof kind);
        else if (id == WEBM_EBML_MAX_ID)
            bad = !vv_ebml_whole(value, &id_bytes);
        else if (id == WEBM_EBML_MAX_SIZE)
            bad = !vv_ebml_whole(value, &size_bytes);
        if (bad)
            break;
    }
    if (bad)
        return damaged(problem, "first element");
    if (strcmp(kind, "webm") != 0 && strcmp(kind, "matroska") != 0)
        return vv_media_fail(problem, VV_MEDIA_UNKNOWN_KIND, "the file is of the EBML kind %s, not webm", kind);
    if (id_bytes > ID_BYTES || size_bytes > SIZE_BYTES)
        return vv_media_fail(problem, VV_MEDIA_UNSUPPORTED, "the WebM file has longer ids or sizes than are read");
    return VV_MEDIA_OK;
}

VvMediaError vv_webm_read_info(VvWebmHead *head, VvEbmlBytes content, VvMediaProblem *problem) {
    uint32_t id;
    VvEbmlBytes value;
    bool bad = false;
    while (vv_ebml_next(&content, &id, &value, &bad))
        if (id == WEBM_TIMESTAMP_SCALE &&
            (!vv_ebml_whole(value, &head->scale) || head->scale < 1 || head->scale > SCALE_MAX))
            return damaged(problem, "clock");
    return bad ? damaged(problem, "information") : VV_MEDIA_OK;
}

/* ---- tracks ------------------------------------------------------------------------------------------------- */

/* The whole numbers of a video's Colour; false if they are damaged. */
static bool read_colour(Track *track, VvEbmlBytes content) {
    uint32_t id;
    VvEbmlBytes value;
    bool bad = false;
    while (!bad && vv_ebml_next(&content, &id, &value, &bad)) {
        if (id == WEBM_MATRIX)
            bad = !vv_ebml_whole(value, &track->matrix);
        else if (id == WEBM_RANGE)
            bad = !vv_ebml_whole(value, &track->range);
    }
    return !bad;
}

/* The same of Video or Audio. */
static bool read_settings(Track *track, VvEbmlBytes content) {
    uint32_t id;
    VvEbmlBytes value;
    bool bad = false;
    while (!bad && vv_ebml_next(&content, &id, &value, &bad)) {
        if (id == WEBM_WIDTH)
            bad = !vv_ebml_whole(value, &track->width);
        else if (id == WEBM_HEIGHT)
            bad = !vv_ebml_whole(value, &track->height);
        else if (id == WEBM_COLOUR)
            bad = !read_colour(track, value);
        else if (id == WEBM_CHANNELS)
            bad = !vv_ebml_whole(value, &track->channels);
    }
    return !bad;
}

static bool read_track(Track *track, VvEbmlBytes content) {
    uint32_t id;
    VvEbmlBytes value;
    bool bad = false;
    *track = (Track){.channels = 1};
    while (!bad && vv_ebml_next(&content, &id, &value, &bad)) {
        switch (id) {
        case WEBM_TRACK_NUMBER:
            bad = !vv_ebml_whole(value, &track->number);
            break;
        case WEBM_TRACK_TYPE:
            bad = !vv_ebml_whole(value, &track->type);
            break;
        case WEBM_CODEC:
            vv_ebml_text(value, track->codec, sizeof track->codec);
            break;
        case WEBM_CODEC_PRIVATE:
            track->private = value;
            break;
        case WEBM_ENCODINGS:
            track->encoded = true;
            break;
        case WEBM_VIDEO:
        case WEBM_AUDIO:
            bad = !read_settings(track, value);
            break;
        default:
            break;
        }
    }
    return !bad && track->number > 0;
}

static bool take_pictures(VvWebmHead *head, const Track *track) {
    const bool first = head->picture == 0, read = strcmp(track->codec, "V_VP8") == 0;
    if (first)
        memcpy(head->content.picture_codec, track->codec, sizeof track->codec);
    if (!first || !read)
        return true;
    if (track->width > INT16_MAX || track->height > INT16_MAX)
        return false;
    head->picture = track->number;
    head->content.width = (int)track->width;
    head->content.height = (int)track->height;
    head->content.colours.full_range = track->range == RANGE_FULL;
    head->content.colours.bt601 = track->matrix == MATRIX_BT470 || track->matrix == MATRIX_SMPTE170;
    return true;
}

/* Opus keeps what is to be dropped at the beginning in its own head (RFC 7845, 5.1): bytes 10 and 11. */
static bool take_sound(VvWebmHead *head, const Track *track) {
    const bool first = head->sound == 0, read = strcmp(track->codec, "A_OPUS") == 0;
    if (first)
        memcpy(head->content.sound_codec, track->codec, sizeof track->codec);
    if (!first || !read)
        return true;
    const uint8_t *opus = track->private.data;
    const bool has_head = track->private.size >= 19 && memcmp(opus, "OpusHead", 8) == 0;
    if (track->channels < 1 || track->channels > 255)
        return false;
    head->sound = track->number;
    head->content.channels = (int)track->channels;
    head->content.lookahead = has_head ? opus[10] | opus[11] << 8 : 0;
    return true;
}

static VvMediaError take_track(VvWebmHead *head, const Track *track, VvMediaProblem *problem) {
    const uint64_t picture = head->picture, sound = head->sound;
    if ((track->type == TYPE_PICTURES && !take_pictures(head, track)) ||
        (track->type == TYPE_SOUND && !take_sound(head, track)))
        return damaged(problem, "description of a track");
    if (track->encoded && (head->picture != picture || head->sound != sound))
        return vv_media_fail(problem, VV_MEDIA_ENCODED, "track %llu of the WebM file is compressed again or encrypted",
                             (unsigned long long)track->number);
    return VV_MEDIA_OK;
}

VvMediaError vv_webm_read_tracks(VvWebmHead *head, VvEbmlBytes content, VvMediaProblem *problem) {
    uint32_t id;
    VvEbmlBytes value;
    bool bad = false;
    if (head->tracks)
        return VV_MEDIA_OK; /* some writers repeat them for those who come later */
    while (vv_ebml_next(&content, &id, &value, &bad)) {
        Track track;
        if (id != WEBM_TRACK)
            continue;
        if (!read_track(&track, value))
            return damaged(problem, "description of a track");
        const VvMediaError error = take_track(head, &track, problem);
        if (error)
            return error;
    }
    if (bad)
        return damaged(problem, "list of tracks");
    head->tracks = true;
    if (head->picture || head->sound)
        return VV_MEDIA_OK;
    const char *picture = head->content.picture_codec, *sound = head->content.sound_codec;
    if (*picture || *sound)
        return vv_media_fail(problem, VV_MEDIA_CODEC, "the WebM file's tracks are %s%s%s; V_VP8 and A_OPUS are read",
                             picture, *picture && *sound ? " and " : "", sound);
    return vv_media_fail(problem, VV_MEDIA_NO_PICTURES, "the WebM file has no tracks of pictures or sound");
}
