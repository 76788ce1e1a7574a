/* WebM: a small reader of its own finds in the file what was put in, in order and at its time, and every place that the
 * file names is what it is said to be. Then what the disk may do to a writer, and what callers may not do. */
#include "server/media/webm.h"
#include "test/unit/media/synth.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { PICTURES = 1, SOUND = 2, BLOCKS = 4000, PAYLOAD = 300 };

enum {
    ID_EBML = 0x1A45DFA3,
    ID_DOC_TYPE = 0x4282,
    ID_SEGMENT = 0x18538067,
    ID_SEEK_HEAD = 0x114D9B74,
    ID_SEEK = 0x4DBB,
    ID_SEEK_ID = 0x53AB,
    ID_SEEK_POSITION = 0x53AC,
    ID_INFO = 0x1549A966,
    ID_TIMESTAMP_SCALE = 0x2AD7B1,
    ID_DURATION = 0x4489,
    ID_TRACKS = 0x1654AE6B,
    ID_TRACK = 0xAE,
    ID_TRACK_NUMBER = 0xD7,
    ID_CODEC = 0x86,
    ID_CODEC_PRIVATE = 0x63A2,
    ID_CODEC_DELAY = 0x56AA,
    ID_VIDEO = 0xE0,
    ID_WIDTH = 0xB0,
    ID_HEIGHT = 0xBA,
    ID_AUDIO = 0xE1,
    ID_SAMPLING_RATE = 0xB5,
    ID_CHANNELS = 0x9F,
    ID_CLUSTER = 0x1F43B675,
    ID_TIMESTAMP = 0xE7,
    ID_SIMPLE_BLOCK = 0xA3,
    ID_CUES = 0x1C53BB6B,
    ID_CUE_POINT = 0xBB,
    ID_CUE_TIME = 0xB3,
    ID_CUE_POSITIONS = 0xB7,
    ID_CUE_TRACK = 0xF7,
    ID_CUE_CLUSTER = 0xF1
};

static char path[64];

static int make_name(void **state) {
    (void)state;
    snprintf(path, sizeof path, "/tmp/webm_test.XXXXXX");
    const int file = mkstemp(path);
    return file < 0 ? -1 : close(file);
}

static int remove_file(void **state) {
    (void)state;
    return unlink(path);
}

/* ---- the reader ------------------------------------------------------------------------------------------------ */

static uint8_t bytes[1 << 22];
static size_t count;

static void read_file(void) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    count = fread(bytes, 1, sizeof bytes, file);
    assert_true(count < sizeof bytes);
    fclose(file);
}

typedef struct Element {
    unsigned id;
    size_t begin, at, end; /* places in `bytes`: of the element, of its content, behind it */
    bool unknown;          /* its size is; `end` is the file's */
} Element;

static Element element_at(size_t at) {
    Element e = {.begin = at};
    assert_true(at < count);
    int length = 1;
    while (length < 4 && !(bytes[at] & 0x80 >> (length - 1)))
        length++;
    for (int i = 0; i < length; i++)
        e.id = e.id << 8 | bytes[at++];
    length = 1;
    while (length < 8 && !(bytes[at] & 0x80 >> (length - 1)))
        length++;
    uint64_t size = bytes[at] & ((0x80u >> (length - 1)) - 1);
    for (int i = 1; i < length; i++)
        size = size << 8 | bytes[at + (size_t)i];
    e.at = at + (size_t)length;
    e.unknown = size == (UINT64_C(1) << (7 * length)) - 1;
    e.end = e.unknown ? count : e.at + size;
    assert_true(e.end <= count);
    return e;
}

/* The `nth` child with this id; its id is 0 if there is none. */
static Element child(const Element *of, unsigned id, int nth) {
    for (size_t at = of->at; at < of->end;) {
        const Element e = element_at(at);
        if (e.id == id && nth-- == 0)
            return e;
        at = e.end;
    }
    return (Element){0};
}

static Element only(const Element *of, unsigned id) {
    const Element e = child(of, id, 0);
    assert_int_equal(e.id, id);
    assert_int_equal(child(of, id, 1).id, 0);
    return e;
}

static uint64_t number(Element e) {
    uint64_t value = 0;
    assert_in_range(e.end - e.at, 1, 8);
    for (size_t i = e.at; i < e.end; i++)
        value = value << 8 | bytes[i];
    return value;
}

static double real(Element e) {
    const uint64_t bits = number(e);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void assert_content(Element e, const void *content, size_t size) {
    assert_int_equal(e.end - e.at, size);
    assert_memory_equal(bytes + e.at, content, size);
}

static Element segment_of_file(void) {
    const Element ebml = element_at(0);
    assert_int_equal(ebml.id, ID_EBML);
    assert_content(only(&ebml, ID_DOC_TYPE), "webm", 4);
    const Element segment = element_at(ebml.end);
    assert_int_equal(segment.id, ID_SEGMENT);
    assert_int_equal(segment.end, count);
    return segment;
}

/* ---- what was written ------------------------------------------------------------------------------------------- */

typedef struct Block {
    int track;
    int64_t ms;
    bool key;
    size_t size;
    uint8_t data[PAYLOAD];
} Block;

static Block wrote[BLOCKS];
static int blocks;

static void add(VvWebm *webm, int track, int64_t time, bool key) {
    Block *block = &wrote[blocks];
    uint32_t seed = (uint32_t)blocks++;
    assert_in_range(blocks, 1, BLOCKS);
    *block = (Block){.track = track, .ms = (time + 500) / 1000, .key = key, .size = 1 + synth_next(&seed) % PAYLOAD};
    for (size_t i = 0; i < block->size; i++)
        block->data[i] = (uint8_t)synth_next(&seed);
    if (track == PICTURES)
        assert_int_equal(vv_webm_picture(webm, time, block->data, block->size, key), 0);
    else
        assert_int_equal(vv_webm_sound(webm, time, 20000, block->data, block->size), 0);
}

/* `ms` of what the tracks have, in order of time, a key frame every two seconds (or only the first). */
static VvWebm *write_blocks(const VvWebmTracks *tracks, int ms, bool keys) {
    VvWebm *webm;
    blocks = 0;
    assert_int_equal(vv_webm_open(&webm, path, tracks), 0);
    int picture = 0, packet = 0;
    while (true) {
        const int64_t shown = tracks->width ? (int64_t)picture * 1000000 / tracks->fps : INT64_MAX;
        const int64_t heard = tracks->channels ? (int64_t)packet * 20000 : INT64_MAX;
        if ((shown < heard ? shown : heard) >= (int64_t)ms * 1000)
            return webm;
        if (shown <= heard) {
            add(webm, PICTURES, shown, keys ? picture % (2 * tracks->fps) == 0 : picture == 0);
            picture++;
        } else {
            add(webm, SOUND, heard, true);
            packet++;
        }
    }
}

/* All blocks of the file are those that were written, up to the last `missing`; clusters are not too long. Returns how
 * many clusters there are. */
static int compare_blocks(const Element *segment, int missing) {
    int clusters = 0, seen = 0;
    for (;; clusters++) {
        const Element cluster = child(segment, ID_CLUSTER, clusters);
        if (!cluster.id)
            break;
        const int64_t begin = (int64_t)number(only(&cluster, ID_TIMESTAMP));
        for (int i = 0;; i++, seen++) {
            const Element e = child(&cluster, ID_SIMPLE_BLOCK, i);
            if (!e.id)
                break;
            const uint8_t *at = bytes + e.at;
            const int64_t after = at[1] << 8 | at[2];
            assert_in_range(seen, 0, blocks - 1);
            assert_in_range(after, 0, 5000);
            assert_int_equal(at[0], 0x80 | wrote[seen].track);
            assert_int_equal(begin + after, wrote[seen].ms);
            assert_int_equal(at[3], wrote[seen].key ? 0x80 : 0);
            assert_content((Element){.at = e.at + 4, .end = e.end}, wrote[seen].data, wrote[seen].size);
        }
    }
    assert_int_equal(seen, blocks - missing);
    return clusters;
}

/* Every place in the file's head is the element that it is said to be. */
static void compare_seek_head(const Element *segment) {
    static const unsigned ids[] = {ID_INFO, ID_TRACKS, ID_CUES};
    const Element head = only(segment, ID_SEEK_HEAD);
    for (int i = 0; i < 3; i++) {
        const Element seek = child(&head, ID_SEEK, i);
        assert_int_equal(number(only(&seek, ID_SEEK_ID)), ids[i]);
        assert_int_equal(element_at(segment->at + number(only(&seek, ID_SEEK_POSITION))).id, ids[i]);
    }
}

/* Every key frame (every cluster of sound alone) has a cue, whose cluster holds it. */
static void compare_cues(const Element *segment, int track) {
    const Element cues = only(segment, ID_CUES);
    int cue = 0;
    for (int b = 0; b < blocks && track == PICTURES; b++) {
        if (wrote[b].track != PICTURES || !wrote[b].key)
            continue;
        const Element point = child(&cues, ID_CUE_POINT, cue++);
        assert_int_equal(point.id, ID_CUE_POINT);
        assert_int_equal(number(only(&point, ID_CUE_TIME)), wrote[b].ms);
    }
    for (int i = 0;; i++) {
        const Element point = child(&cues, ID_CUE_POINT, i);
        if (!point.id) {
            assert_true(i > 0 && (track == SOUND || i == cue));
            return;
        }
        const Element positions = only(&point, ID_CUE_POSITIONS);
        assert_int_equal(number(only(&positions, ID_CUE_TRACK)), track);
        const Element cluster = element_at(segment->at + number(only(&positions, ID_CUE_CLUSTER)));
        assert_int_equal(cluster.id, ID_CLUSTER);
        const uint64_t begin = number(only(&cluster, ID_TIMESTAMP)), time = number(only(&point, ID_CUE_TIME));
        bool found = false;
        for (int k = 0; !found; k++) {
            const Element block = child(&cluster, ID_SIMPLE_BLOCK, k);
            assert_int_equal(block.id, ID_SIMPLE_BLOCK);
            const uint8_t *at = bytes + block.at;
            found = at[0] == (0x80 | track) && at[3] && begin + (uint64_t)(at[1] << 8 | at[2]) == time;
        }
        assert_true(track == PICTURES || begin == time);
    }
}

static void compare_tracks(const Element *segment, const VvWebmTracks *tracks) {
    const Element list = only(segment, ID_TRACKS);
    int next = 0;
    if (tracks->width) {
        const Element track = child(&list, ID_TRACK, next++), video = only(&track, ID_VIDEO);
        assert_int_equal(number(only(&track, ID_TRACK_NUMBER)), PICTURES);
        assert_content(only(&track, ID_CODEC), "V_VP8", 5);
        assert_int_equal(number(only(&video, ID_WIDTH)), tracks->width);
        assert_int_equal(number(only(&video, ID_HEIGHT)), tracks->height);
    }
    if (tracks->channels) {
        const Element track = child(&list, ID_TRACK, next++), audio = only(&track, ID_AUDIO);
        const uint8_t channels = (uint8_t)tracks->channels;
        const uint8_t head[19] = {'O', 'p', 'u', 's', 'H', 'e', 'a', 'd', 1, channels, 0x38, 0x01, 0x80, 0xbb};
        assert_int_equal(number(only(&track, ID_TRACK_NUMBER)), SOUND);
        assert_content(only(&track, ID_CODEC), "A_OPUS", 6);
        assert_content(only(&track, ID_CODEC_PRIVATE), head, sizeof head);
        assert_int_equal(number(only(&track, ID_CODEC_DELAY)), 6500000);
        assert_true(real(only(&audio, ID_SAMPLING_RATE)) == 48000);
        assert_int_equal(number(only(&audio, ID_CHANNELS)), channels);
    }
    assert_int_equal(child(&list, ID_TRACK, next).id, 0);
}

static void compare(const VvWebmTracks *tracks, double duration, int clusters) {
    read_file();
    const Element segment = segment_of_file();
    assert_false(segment.unknown);
    const Element info = only(&segment, ID_INFO);
    assert_int_equal(number(only(&info, ID_TIMESTAMP_SCALE)), 1000000);
    assert_true(fabs(real(only(&info, ID_DURATION)) - duration) < 0.01);
    compare_seek_head(&segment);
    compare_tracks(&segment, tracks);
    compare_cues(&segment, tracks->width ? PICTURES : SOUND);
    assert_int_equal(compare_blocks(&segment, 0), clusters);
}

static const VvWebmTracks both = {.width = 512, .height = 256, .fps = 25, .channels = 2, .lookahead = 312};

static void pictures_and_sound(void **state) {
    (void)state;
    VvWebm *webm = write_blocks(&both, 12000, true);
    assert_int_equal(vv_webm_close(&webm), 0);
    assert_null(webm);
    compare(&both, 12000, 6);
}

static void pictures_alone(void **state) {
    (void)state;
    const VvWebmTracks tracks = {.width = 16, .height = 16, .fps = 30};
    VvWebm *webm = write_blocks(&tracks, 7000, true);
    assert_int_equal(vv_webm_close(&webm), 0);
    compare(&tracks, 7000, 4);
    /* Nothing to play from but the beginning: clusters still end. */
    webm = write_blocks(&tracks, 12000, false);
    assert_int_equal(vv_webm_close(&webm), 0);
    compare(&tracks, 12000, 3);
}

static void sound_alone(void **state) {
    (void)state;
    const VvWebmTracks tracks = {.channels = 1, .lookahead = 312};
    VvWebm *webm = write_blocks(&tracks, 12000, true);
    assert_int_equal(vv_webm_close(&webm), 0);
    compare(&tracks, 12000 - 6.5, 3); /* the first 6.5 ms that are decoded lie before the beginning */
}

static void nothing_at_all(void **state) {
    (void)state;
    VvWebm *webm = write_blocks(&both, 0, true);
    assert_int_equal(vv_webm_close(&webm), 0);
    read_file();
    const Element segment = segment_of_file();
    compare_seek_head(&segment);
    assert_int_equal(compare_blocks(&segment, 0), 0);
    assert_int_equal(vv_webm_close(&webm), 0); /* closed: nothing to do */
}

/* What is in the file before it is closed, as after a power cut. */
static void plays_up_to_where_the_writer_died(void **state) {
    (void)state;
    VvWebm *webm = write_blocks(&both, 9000, true);
    read_file();
    const Element segment = segment_of_file();
    assert_true(segment.unknown);
    compare_tracks(&segment, &both);
    int missing = 0;
    while (wrote[blocks - missing - 1].ms >= 8000)
        missing++;
    assert_int_equal(compare_blocks(&segment, missing), 4);
    assert_int_equal(vv_webm_close(&webm), 0);
    compare(&both, 9000, 5);
}

/* ---- what goes wrong -------------------------------------------------------------------------------------------- */

static void refuses_impossible_tracks(void **state) {
    (void)state;
    static const VvWebmTracks bad[] = {{0},
                                       {.width = 256, .fps = 25},
                                       {.width = 256, .height = 256},
                                       {.width = 16384, .height = 256, .fps = 25},
                                       {.channels = 3},
                                       {.channels = 1, .lookahead = -1},
                                       {.channels = 1, .lookahead = 65536},
                                       {.width = -1, .height = -1, .fps = 25, .channels = 1}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        VvWebm *webm = (VvWebm *)path;
        assert_int_equal(vv_webm_open(&webm, path, &bad[i]), -EINVAL);
        assert_null(webm);
    }
}

static void refuses_what_is_out_of_order(void **state) {
    (void)state;
    static const uint8_t data[4];
    const VvWebmTracks silent = {.width = 16, .height = 16, .fps = 25}, blind = {.channels = 1};
    VvWebm *webm;
    /* Backwards, even across tracks; and the error stays. */
    assert_int_equal(vv_webm_open(&webm, path, &both), 0);
    assert_int_equal(vv_webm_picture(webm, 0, data, 4, true), 0);
    assert_int_equal(vv_webm_picture(webm, 40000, data, 4, false), 0);
    assert_int_equal(vv_webm_sound(webm, 39999, 20000, data, 4), -EINVAL);
    assert_int_equal(vv_webm_sound(webm, 40000, 20000, data, 4), -EINVAL);
    assert_int_equal(vv_webm_close(&webm), -EINVAL);
    /* No key frame yet. */
    assert_int_equal(vv_webm_open(&webm, path, &both), 0);
    assert_int_equal(vv_webm_picture(webm, 0, data, 4, false), -EINVAL);
    assert_int_equal(vv_webm_close(&webm), -EINVAL);
    /* No such track. */
    assert_int_equal(vv_webm_open(&webm, path, &silent), 0);
    assert_int_equal(vv_webm_sound(webm, 0, 20000, data, 4), -EINVAL);
    assert_int_equal(vv_webm_close(&webm), -EINVAL);
    assert_int_equal(vv_webm_open(&webm, path, &blind), 0);
    assert_int_equal(vv_webm_picture(webm, 0, data, 4, true), -EINVAL);
    assert_int_equal(vv_webm_close(&webm), -EINVAL);
}

static void names_what_cannot_be_written(void **state) {
    (void)state;
    VvWebm *webm;
    assert_int_equal(vv_webm_open(&webm, "/nowhere/a.webm", &both), -ENOENT);
    assert_int_equal(vv_webm_open(&webm, "/tmp", &both), -EISDIR);
    assert_int_equal(vv_webm_open(&webm, "/dev/full", &both), -ENOSPC);
    assert_null(webm);
}

/* A file that may not grow beyond this: the packet at which it does, or at last closing, tells. */
static int write_until(rlim_t most) {
    static const uint8_t data[1000];
    const struct rlimit limit = {most, most};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    VvWebm *webm;
    if (vv_webm_open(&webm, path, &both))
        return 1;
    int result = 0;
    for (int i = 0; i < 500 && !result; i++)
        result = vv_webm_picture(webm, 40000 * i, data, sizeof data, i % 25 == 0);
    const bool early = result == -EFBIG;
    result = vv_webm_close(&webm);
    return result == -EFBIG ? (early ? 2 : 3) : 4;
}

static void a_full_disk_is_told(void **state) {
    (void)state;
    static const struct {
        rlim_t most;
        int outcome;
    } cases[] = {{100000, 2}, {500000, 3}};
    for (int i = 0; i < 2; i++) {
        const pid_t writer = fork();
        if (writer == 0)
            _exit(write_until(cases[i].most));
        int status = 0;
        waitpid(writer, &status, 0);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), cases[i].outcome);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_and_sound),
        cmocka_unit_test(pictures_alone),
        cmocka_unit_test(sound_alone),
        cmocka_unit_test(nothing_at_all),
        cmocka_unit_test(plays_up_to_where_the_writer_died),
        cmocka_unit_test(refuses_impossible_tracks),
        cmocka_unit_test(refuses_what_is_out_of_order),
        cmocka_unit_test(names_what_cannot_be_written),
        cmocka_unit_test(a_full_disk_is_told),
    };
    return cmocka_run_group_tests(tests, make_name, remove_file);
}
