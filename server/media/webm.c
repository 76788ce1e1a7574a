/* WebM is a tree of elements (EBML, RFC 8794): an id, a size, then bytes or more elements. The file:
 *
 *   EBML                 the kind of file
 *   Segment              its size is unknown until the end
 *     SeekHead           where Info, Tracks and Cues are; the last is known at the end
 *     Info               the duration is known at the end
 *     Tracks
 *     Cluster ...        a few seconds of blocks each, kept in memory until it is whole
 *     Cues               in which cluster each key frame is
 *
 * What is known at the end has elements of a fixed size, which vv_webm_close overwrites. */
#include "server/media/webm.h"

#include "server/media/webm_ids.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PICTURES = 1, SOUND = 2 }; /* track numbers */

#define CLUSTER_MS 5000 /* blocks count milliseconds from their cluster's beginning in 16 bits */
#define RATE 48000

/* Bytes that grow; `error` remembers that they could not. */
typedef struct Bytes {
    uint8_t *at;
    size_t size, room;
    int error;
} Bytes;

typedef struct Cue {
    int64_t time;     /* milliseconds */
    uint64_t cluster; /* its place in the segment */
    int track;
} Cue;

struct VvWebm {
    FILE *file;
    VvWebmTracks tracks;
    int error;            /* the first */
    uint64_t written;     /* bytes in the file */
    uint64_t segment;     /* where the segment's content begins */
    size_t cues_position; /* where, in the file, to put the place of the cues */
    size_t duration;      /* ... and the duration */
    Bytes cluster;        /* blocks, without the cluster's head */
    int64_t cluster_time; /* milliseconds */
    bool cluster_pictures;
    bool any_picture;
    int64_t time, end; /* of the last block, and of what ends last; microseconds */
    Cue *cue;
    size_t cues, cue_room;
};

/* ---- elements --------------------------------------------------------------------------------------------------- */

static void put(Bytes *bytes, const void *data, size_t size) {
    if (bytes->size + size > bytes->room) {
        const size_t room = 2 * (bytes->size + size) + 256;
        uint8_t *at = realloc(bytes->at, room);
        if (!at) {
            bytes->error = -ENOMEM;
            return;
        }
        bytes->at = at;
        bytes->room = room;
    }
    if (size > 0)
        memcpy(bytes->at + bytes->size, data, size);
    bytes->size += size;
}

/* The lowest `count` bytes of a number, the highest first. */
static void put_number(Bytes *bytes, uint64_t number, int count) {
    uint8_t out[8];
    for (int i = 0; i < count; i++)
        out[i] = (uint8_t)(number >> (8 * (count - 1 - i)));
    put(bytes, out, (size_t)count);
}

static void put_id(Bytes *bytes, unsigned id) {
    put_number(bytes, id, id > 0xffffff ? 4 : id > 0xffff ? 3 : id > 0xff ? 2 : 1);
}

/* A size in eight bytes, of which the first says that there are eight. */
static void put_size(Bytes *bytes, uint64_t size) {
    put_number(bytes, UINT64_C(1) << 56 | size, 8);
}

static void put_uint(Bytes *bytes, unsigned id, uint64_t value) {
    put_id(bytes, id);
    put_number(bytes, 0x88, 1);
    put_number(bytes, value, 8);
}

static void put_double(Bytes *bytes, unsigned id, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_uint(bytes, id, bits);
}

static void put_data(Bytes *bytes, unsigned id, const void *data, size_t size) {
    put_id(bytes, id);
    put_size(bytes, size);
    put(bytes, data, size);
}

static void put_text(Bytes *bytes, unsigned id, const char *text) {
    put_data(bytes, id, text, strlen(text));
}

/* An element of elements; what `open` returns goes to `shut`, when all of them are there. */
static size_t open_element(Bytes *bytes, unsigned id) {
    put_id(bytes, id);
    put_size(bytes, 0);
    return bytes->size;
}

static void shut_element(Bytes *bytes, size_t content) {
    if (bytes->error)
        return;
    const size_t end = bytes->size, size = end - content;
    bytes->size = content - 8;
    put_size(bytes, size);
    bytes->size = end;
}

/* ---- the file --------------------------------------------------------------------------------------------------- */

static int keep(VvWebm *webm, int error) {
    if (!webm->error)
        webm->error = error;
    return webm->error;
}

static int write_bytes(VvWebm *webm, const Bytes *bytes) {
    if (webm->error || bytes->error)
        return keep(webm, bytes->error);
    errno = 0;
    if (fwrite(bytes->at, 1, bytes->size, webm->file) != bytes->size)
        return keep(webm, errno ? -errno : -EIO);
    webm->written += bytes->size;
    return 0;
}

/* Overwrites eight bytes at a place in the file. */
static void patch(VvWebm *webm, uint64_t place, uint64_t number) {
    uint8_t out[8];
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(number >> (56 - 8 * i));
    errno = 0;
    if (fseeko(webm->file, (off_t)place, SEEK_SET) || fwrite(out, 1, 8, webm->file) != 8)
        keep(webm, errno ? -errno : -EIO);
}

static void put_kind(Bytes *head) {
    const size_t ebml = open_element(head, WEBM_EBML);
    put_uint(head, WEBM_EBML_VERSION, 1);
    put_uint(head, WEBM_EBML_READ_VERSION, 1);
    put_uint(head, WEBM_EBML_MAX_ID, 4);
    put_uint(head, WEBM_EBML_MAX_SIZE, 8);
    put_text(head, WEBM_DOC_TYPE, "webm");
    put_uint(head, WEBM_DOC_TYPE_VERSION, 4); /* 4: CodecDelay, SeekPreRoll */
    put_uint(head, WEBM_DOC_TYPE_READ_VERSION, 2);
    shut_element(head, ebml);
}

/* Where one of the segment's elements is; returns where that is said. */
static size_t put_seek(Bytes *head, unsigned id) {
    const size_t seek = open_element(head, WEBM_SEEK);
    put_id(head, WEBM_SEEK_ID);
    put_size(head, 4);
    put_id(head, id);
    put_uint(head, WEBM_SEEK_POSITION, 0);
    shut_element(head, seek);
    return head->size - 8;
}

static void set_seek(Bytes *head, size_t place, uint64_t position) {
    if (head->error)
        return;
    const size_t end = head->size;
    head->size = place;
    put_number(head, position, 8);
    head->size = end;
}

static void put_info(VvWebm *webm, Bytes *head) {
    const size_t info = open_element(head, WEBM_INFO);
    put_uint(head, WEBM_TIMESTAMP_SCALE, 1000000); /* times in milliseconds */
    put_text(head, WEBM_MUXING_APP, "visavis");
    put_text(head, WEBM_WRITING_APP, "visavis");
    put_double(head, WEBM_DURATION, 0);
    webm->duration = head->size - 8;
    shut_element(head, info);
}

static size_t put_track(Bytes *head, int number, int type, const char *codec) {
    const size_t track = open_element(head, WEBM_TRACK);
    put_uint(head, WEBM_TRACK_NUMBER, (uint64_t)number);
    put_uint(head, WEBM_TRACK_UID, (uint64_t)number);
    put_uint(head, WEBM_TRACK_TYPE, (uint64_t)type);
    put_uint(head, WEBM_LACING, 0);
    put_text(head, WEBM_LANGUAGE, "und");
    put_text(head, WEBM_CODEC, codec);
    return track;
}

static void put_picture_track(const VvWebmTracks *tracks, Bytes *head) {
    const size_t track = put_track(head, PICTURES, 1, "V_VP8");
    put_uint(head, WEBM_DEFAULT_DURATION, UINT64_C(1000000000) / (uint64_t)tracks->fps);
    const size_t video = open_element(head, WEBM_VIDEO);
    put_uint(head, WEBM_WIDTH, (uint64_t)tracks->width);
    put_uint(head, WEBM_HEIGHT, (uint64_t)tracks->height);
    const size_t colour = open_element(head, WEBM_COLOUR);
    put_uint(head, WEBM_MATRIX, 1); /* BT.709 throughout, as picture.h makes it, in limited range */
    put_uint(head, WEBM_RANGE, 1);
    put_uint(head, WEBM_TRANSFER, 1);
    put_uint(head, WEBM_PRIMARIES, 1);
    shut_element(head, colour);
    shut_element(head, video);
    shut_element(head, track);
}

/* RFC 7845, 5.1, which is little-endian. */
static void put_opus_head(const VvWebmTracks *tracks, Bytes *head) {
    uint8_t private[19] = "OpusHead\1";
    private[9] = (uint8_t)tracks->channels;
    private[10] = (uint8_t)tracks->lookahead;
    private[11] = (uint8_t)(tracks->lookahead >> 8);
    private[12] = (uint8_t)RATE;
    private[13] = (uint8_t)(RATE >> 8);
    put_data(head, WEBM_CODEC_PRIVATE, private, sizeof private);
}

static void put_sound_track(const VvWebmTracks *tracks, Bytes *head) {
    const size_t track = put_track(head, SOUND, 2, "A_OPUS");
    put_opus_head(tracks, head);
    put_uint(head, WEBM_CODEC_DELAY, (uint64_t)tracks->lookahead * 1000000000 / RATE);
    put_uint(head, WEBM_SEEK_PREROLL, 80000000); /* a decoder that starts in the middle is right after 80 ms */
    const size_t audio = open_element(head, WEBM_AUDIO);
    put_double(head, WEBM_SAMPLING_RATE, RATE);
    put_uint(head, WEBM_CHANNELS, (uint64_t)tracks->channels);
    shut_element(head, audio);
    shut_element(head, track);
}

static int write_head(VvWebm *webm) {
    Bytes head = {0};
    put_kind(&head);
    put_id(&head, WEBM_SEGMENT);
    put_number(&head, UINT64_C(0x01ffffffffffffff), 8); /* unknown */
    webm->segment = head.size;
    const size_t seek = open_element(&head, WEBM_SEEK_HEAD);
    const size_t info = put_seek(&head, WEBM_INFO), tracks = put_seek(&head, WEBM_TRACKS);
    webm->cues_position = put_seek(&head, WEBM_CUES);
    shut_element(&head, seek);
    set_seek(&head, info, head.size - webm->segment);
    put_info(webm, &head);
    set_seek(&head, tracks, head.size - webm->segment);
    const size_t list = open_element(&head, WEBM_TRACKS);
    if (webm->tracks.width > 0)
        put_picture_track(&webm->tracks, &head);
    if (webm->tracks.channels > 0)
        put_sound_track(&webm->tracks, &head);
    shut_element(&head, list);
    const int result = write_bytes(webm, &head);
    free(head.at);
    return result;
}

static bool possible(const VvWebmTracks *t) {
    const bool pictures = t->width > 0 && t->width < 16384 && t->height > 0 && t->height < 16384 && t->fps > 0;
    const bool sound = (t->channels == 1 || t->channels == 2) && t->lookahead >= 0 && t->lookahead < 65536;
    return (pictures || (t->width == 0 && t->height == 0)) && (sound || t->channels == 0) && (pictures || sound);
}

int vv_webm_open(VvWebm **webm, const char *path, const VvWebmTracks *tracks) {
    *webm = NULL;
    if (!possible(tracks))
        return -EINVAL;
    VvWebm *made = calloc(1, sizeof *made);
    if (!made)
        return -ENOMEM;
    made->tracks = *tracks;
    made->file = fopen(path, "wb");
    int result = made->file ? write_head(made) : -errno;
    if (!result && fflush(made->file)) /* so that a file which cannot be written is known now */
        result = -errno;
    if (result) {
        if (made->file)
            fclose(made->file);
        free(made);
        return result;
    }
    *webm = made;
    return 0;
}

/* ---- blocks ----------------------------------------------------------------------------------------------------- */

static void flush_cluster(VvWebm *webm) {
    Bytes head = {0};
    if (webm->cluster.size == 0)
        return;
    put_id(&head, WEBM_CLUSTER);
    put_size(&head, webm->cluster.size + 10); /* the timestamp's element has ten bytes */
    put_uint(&head, WEBM_TIMESTAMP, (uint64_t)webm->cluster_time);
    write_bytes(webm, &head);
    if (!write_bytes(webm, &webm->cluster) && fflush(webm->file)) /* what is there can be played from now on */
        keep(webm, -errno);
    free(head.at);
    webm->cluster.size = 0;
    webm->cluster_pictures = false;
}

/* Notes that the block which comes next can be played from. */
static void add_cue(VvWebm *webm, int track, int64_t time) {
    if (webm->cues == webm->cue_room) {
        const size_t room = 2 * webm->cue_room + 16;
        Cue *cue = realloc(webm->cue, room * sizeof *cue);
        if (!cue) {
            keep(webm, -ENOMEM);
            return;
        }
        webm->cue = cue;
        webm->cue_room = room;
    }
    webm->cue[webm->cues++] = (Cue){.time = time, .cluster = webm->written - webm->segment, .track = track};
}

/* `end` is when what it shows or sounds is over. */
static int add_block(VvWebm *webm, int track, int64_t time, int64_t end, const uint8_t *data, size_t size, bool key) {
    if (webm->error)
        return webm->error;
    if (time < webm->time)
        return keep(webm, -EINVAL);
    const int64_t ms = (time + 500) / 1000;
    /* A cluster begins with a key frame where it can, so that players find one at the cluster's head. */
    if ((track == PICTURES && key && webm->cluster_pictures) || ms - webm->cluster_time >= CLUSTER_MS)
        flush_cluster(webm);
    const bool first = webm->cluster.size == 0;
    if (first)
        webm->cluster_time = ms;
    if (track == PICTURES ? key : first && webm->tracks.width == 0)
        add_cue(webm, track, ms);
    put_id(&webm->cluster, WEBM_SIMPLE_BLOCK);
    put_size(&webm->cluster, size + 4);
    put_number(&webm->cluster, 0x80u | (unsigned)track, 1);
    put_number(&webm->cluster, (uint64_t)(ms - webm->cluster_time), 2);
    put_number(&webm->cluster, key ? 0x80 : 0, 1);
    put(&webm->cluster, data, size);
    webm->cluster_pictures |= track == PICTURES;
    webm->time = time;
    webm->end = end > webm->end ? end : webm->end;
    return keep(webm, webm->cluster.error);
}

int vv_webm_picture(VvWebm *webm, int64_t time, const uint8_t *data, size_t size, bool key) {
    if (webm->tracks.width == 0 || (!key && !webm->any_picture))
        return keep(webm, -EINVAL);
    webm->any_picture = true;
    return add_block(webm, PICTURES, time, time + 1000000 / webm->tracks.fps, data, size, key);
}

int vv_webm_sound(VvWebm *webm, int64_t time, int64_t length, const uint8_t *data, size_t size) {
    if (webm->tracks.channels == 0)
        return keep(webm, -EINVAL);
    const int64_t delay = (int64_t)webm->tracks.lookahead * 1000000 / RATE;
    return add_block(webm, SOUND, time, time + length - delay, data, size, true);
}

/* ---- the end ---------------------------------------------------------------------------------------------------- */

static void write_cues(VvWebm *webm) {
    Bytes bytes = {0};
    const size_t cues = open_element(&bytes, WEBM_CUES);
    for (size_t i = 0; i < webm->cues; i++) {
        const size_t point = open_element(&bytes, WEBM_CUE_POINT);
        put_uint(&bytes, WEBM_CUE_TIME, (uint64_t)webm->cue[i].time);
        const size_t positions = open_element(&bytes, WEBM_CUE_POSITIONS);
        put_uint(&bytes, WEBM_CUE_TRACK, (uint64_t)webm->cue[i].track);
        put_uint(&bytes, WEBM_CUE_CLUSTER, webm->cue[i].cluster);
        shut_element(&bytes, positions);
        shut_element(&bytes, point);
    }
    shut_element(&bytes, cues);
    write_bytes(webm, &bytes);
    free(bytes.at);
}

static void finish(VvWebm *webm) {
    flush_cluster(webm);
    const uint64_t cues = webm->written - webm->segment;
    write_cues(webm);
    if (webm->error)
        return;
    const double duration = (double)webm->end / 1000;
    uint64_t bits;
    memcpy(&bits, &duration, sizeof bits);
    patch(webm, webm->segment - 8, UINT64_C(1) << 56 | (webm->written - webm->segment));
    patch(webm, webm->cues_position, cues);
    patch(webm, webm->duration, bits);
}

int vv_webm_close(VvWebm **webm) {
    VvWebm *w = *webm;
    if (!w)
        return 0;
    *webm = NULL;
    if (!w->error)
        finish(w);
    errno = 0;
    if (!w->error && (fflush(w->file) || fsync(fileno(w->file))))
        keep(w, errno ? -errno : -EIO);
    errno = 0;
    if (fclose(w->file))
        keep(w, errno ? -errno : -EIO);
    const int result = w->error;
    free(w->cluster.at);
    free(w->cue);
    free(w);
    return result;
}
