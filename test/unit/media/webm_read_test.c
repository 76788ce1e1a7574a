/* WebM, read: what the writer wrote comes back block by block; files made by hand, element by element, with all that
 * others write; and everything that is refused, by its name. */
#include "server/media/webm.h"
#include "server/media/webm_read.h"
#include "test/unit/media/files.h"
#include "test/unit/media/synth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    EBML = 0x1A45DFA3,
    SEGMENT = 0x18538067,
    SEEK_HEAD = 0x114D9B74,
    INFO = 0x1549A966,
    SCALE = 0x2AD7B1,
    TRACKS = 0x1654AE6B,
    TRACK = 0xAE,
    ENCODINGS = 0x6D80,
    CLUSTER = 0x1F43B675,
    CUES = 0x1C53BB6B,
    TIMESTAMP = 0xE7,
    SIMPLE_BLOCK = 0xA3,
    BLOCK_GROUP = 0xA0,
    BLOCK = 0xA1,
    REFERENCE = 0xFB,
    VOID = 0xEC
};

/* What a reader made of a file: a line for each block, "picture 40: abc" with its first bytes, then how it ended. */
typedef struct Account {
    VvMediaError opened;
    VvWebmContent content;
    VvMediaProblem problem;
    char text[2000];
    int blocks;
} Account;

static Account read_part(const File *file, size_t size) {
    Account account = {0};
    VvWebmReader *reader;
    VvWebmBlock block;
    int got = 0;
    FILE *opened = file_open_part(file, size);
    account.opened = vv_webm_reader_open(opened, &reader, &account.problem);
    assert_int_equal(account.opened == VV_MEDIA_OK, reader != NULL);
    if (reader) {
        account.content = *vv_webm_reader_content(reader);
        while ((got = vv_webm_read(reader, &block, &account.problem)) == 1) {
            const size_t used = strlen(account.text);
            snprintf(account.text + used, sizeof account.text - used, "%s %lld: %.*s\n",
                     block.sound ? "sound" : "picture", (long long)block.time / 1000, (int)block.size,
                     (const char *)block.data);
            account.blocks++;
        }
        const size_t used = strlen(account.text);
        snprintf(account.text + used, sizeof account.text - used, "%s", got ? "failed" : "over");
        if (got == 0) /* the end stays the end */
            assert_int_equal(vv_webm_read(reader, &block, NULL), 0);
    }
    vv_webm_reader_close(&reader);
    assert_null(reader);
    fclose(opened);
    return account;
}

static Account read_file(const File *file) {
    return read_part(file, file->size);
}

static void block(File *file, int track, int time, const char *text) {
    file_block(file, SIMPLE_BLOCK, track, time, 0x80, text, strlen(text));
}

/* The head of a file with pictures as track 1 and sound as track 2, up to the first cluster; the segment's size is
 * unknown. */
static void begin(File *file) {
    File tracks = {0};
    file_ebml(file, "webm");
    file_id(file, SEGMENT);
    file_size(file, UNKNOWN_SIZE, 8);
    file_track(&tracks, 1, 1, "V_VP8");
    file_track(&tracks, 2, 2, "A_OPUS");
    file_master(file, TRACKS, &tracks);
}

static void begin_cluster(File *file, uint64_t time) {
    file_id(file, CLUSTER);
    file_size(file, UNKNOWN_SIZE, 1);
    file_whole(file, TIMESTAMP, time);
}

static void assert_text(File *file, const char *want) {
    const Account account = read_file(file);
    assert_int_equal(account.opened, VV_MEDIA_OK);
    assert_string_equal(account.text, want);
    file_free(file);
}

/* Refused before the first block, or behind the blocks that are told. */
static void assert_refused(File *file, VvMediaError error, const char *word, const char *blocks) {
    const Account account = read_file(file);
    if (account.problem.error != error)
        print_error("%s instead of %s: %s\n", vv_media_error_name(account.problem.error), vv_media_error_name(error),
                    account.problem.text);
    assert_int_equal(account.problem.error, error);
    assert_non_null(strstr(account.problem.text, word));
    if (blocks)
        assert_string_equal(account.text, blocks);
    else
        assert_int_equal(account.opened, error);
    file_free(file);
}

/* ---- what is read ----------------------------------------------------------------------------------------------- */

static void what_the_writer_wrote(void **state) {
    (void)state;
    enum { FRAMES = 400 };
    char path[] = "/tmp/visavis-webm-XXXXXX";
    const int unused = mkstemp(path);
    assert_true(unused >= 0);
    close(unused);
    static uint8_t data[2 * FRAMES][200];
    uint32_t seed = 11;
    VvWebm *writer;
    assert_int_equal(vv_webm_open(&writer, path, &(VvWebmTracks){640, 360, 25, 2, 312}), 0);
    for (int i = 0; i < 2 * FRAMES; i++) {
        for (size_t k = 0; k < sizeof data[i]; k++)
            data[i][k] = (uint8_t)synth_next(&seed);
        const size_t size = 20 + (size_t)i % 180;
        const int error = i % 2 ? vv_webm_sound(writer, 40000 * (i / 2), 20000, data[i], size)
                                : vv_webm_picture(writer, 40000 * (i / 2), data[i], size, i % 100 == 0);
        assert_int_equal(error, 0);
    }
    assert_int_equal(vv_webm_close(&writer), 0);

    VvWebmReader *reader;
    VvWebmBlock got;
    VvMediaProblem problem;
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(vv_webm_reader_open(file, &reader, &problem), VV_MEDIA_OK);
    const VvWebmContent *content = vv_webm_reader_content(reader);
    assert_int_equal(content->width, 640);
    assert_int_equal(content->height, 360);
    assert_int_equal(content->channels, 2);
    assert_int_equal(content->lookahead, 312);
    assert_string_equal(content->picture_codec, "V_VP8");
    assert_string_equal(content->sound_codec, "A_OPUS");
    for (int i = 0; i < 2 * FRAMES; i++) {
        assert_int_equal(vv_webm_read(reader, &got, &problem), 1);
        assert_int_equal(got.sound, i % 2);
        assert_int_equal(got.time, 40000 * (i / 2));
        assert_int_equal(got.size, 20 + i % 180);
        assert_memory_equal(got.data, data[i], got.size);
    }
    assert_int_equal(vv_webm_read(reader, &got, &problem), 0);
    vv_webm_reader_close(&reader);
    fclose(file);
    unlink(path);
}

static void clusters_of_unknown_size(void **state) {
    (void)state;
    File file = {0};
    begin(&file);
    begin_cluster(&file, 0);
    block(&file, 1, 0, "a");
    block(&file, 2, 5, "b");
    begin_cluster(&file, 1000);
    block(&file, 1, -40, "c");
    block(&file, 1, 40, "d");
    file_element(&file, CUES, "xxxx", 4); /* ends the cluster */
    begin_cluster(&file, 70000);
    block(&file, 1, 0, "e");
    assert_text(&file, "picture 0: a\nsound 5: b\npicture 960: c\npicture 1040: d\npicture 70000: e\nover");
}

static void sizes_that_are_known(void **state) {
    (void)state;
    File file = {0}, segment = {0}, tracks = {0}, cluster = {0};
    file_ebml(&file, "matroska");
    file_element(&file, VOID, "....", 4);
    file_track(&tracks, 1, 1, "V_VP8");
    file_master(&segment, TRACKS, &tracks);
    file_whole(&cluster, TIMESTAMP, 7);
    block(&cluster, 1, 0, "a");
    file_master(&segment, CLUSTER, &cluster);
    file_whole(&cluster, TIMESTAMP, 8);
    file_master(&segment, CLUSTER, &cluster); /* one without blocks */
    file_master(&file, SEGMENT, &segment);
    file_text(&file, "what comes behind the segment is nobody's");
    assert_text(&file, "picture 7: a\nover");
}

static void block_groups(void **state) {
    (void)state;
    File file = {0}, group = {0};
    begin(&file);
    begin_cluster(&file, 100);
    file_block(&group, BLOCK, 1, 0, 0, "a", 1);
    file_whole(&group, REFERENCE, 1);
    file_master(&file, BLOCK_GROUP, &group);
    file_element(&group, VOID, "", 0);
    file_block(&group, BLOCK, 2, 3, 0, "b", 1);
    file_master(&file, BLOCK_GROUP, &group);
    block(&file, 1, 40, "c");
    assert_text(&file, "picture 100: a\nsound 103: b\npicture 140: c\nover");
}

static void what_is_passed_over(void **state) {
    (void)state;
    File file = {0}, tracks = {0};
    static const uint8_t long_content[10000];
    file_ebml(&file, "webm");
    file_id(&file, SEGMENT);
    file_size(&file, UNKNOWN_SIZE, 1);
    file_element(&file, SEEK_HEAD, "xxxxx", 5);
    file_element(&file, 0x1254C367, long_content, sizeof long_content); /* tags */
    file_track(&tracks, 9, 17, "S_TEXT/UTF8");
    file_track(&tracks, 4, 1, "V_VP9");
    file_track(&tracks, 3, 1, "V_VP8");
    file_track(&tracks, 5, 1, "V_VP8");
    file_track(&tracks, 6, 2, "A_VORBIS");
    file_element(&tracks, VOID, "xx", 2);
    file_master(&file, TRACKS, &tracks);
    begin_cluster(&file, 0);
    block(&file, 4, 0, "not this");
    file_block(&file, SIMPLE_BLOCK, 6, 0, 0x06, "nor this, though laced", 22);
    block(&file, 3, 0, "this");
    block(&file, 5, 0, "nor that");
    file_element(&file, 0xAB, "1234", 4); /* the size of the cluster before */
    block(&file, 3, 1, "and this");
    const Account account = read_file(&file);
    assert_string_equal(account.text, "picture 0: this\npicture 1: and this\nover");
    assert_string_equal(account.content.picture_codec, "V_VP8");
    assert_string_equal(account.content.sound_codec, "A_VORBIS");
    assert_int_equal(account.content.channels, 0);
    file_free(&file);
}

static void colours(void **state) {
    (void)state;
    static const struct {
        int matrix, range;
        bool bt601, full_range;
    } cases[] = {{-1, -1, false, false}, {1, 1, false, false}, {1, 2, false, true}, {2, 0, false, false},
                 {6, 1, true, false},    {5, -1, true, false}, {-1, 2, false, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        File file = {0}, tracks = {0};
        file_ebml(&file, "webm");
        file_id(&file, SEGMENT);
        file_size(&file, UNKNOWN_SIZE, 8);
        file_track_of_colours(&tracks, 1, 1, "V_VP8", cases[i].matrix, cases[i].range);
        file_master(&file, TRACKS, &tracks);
        const Account account = read_file(&file);
        assert_int_equal(account.opened, VV_MEDIA_OK);
        assert_int_equal(account.content.colours.bt601, cases[i].bt601);
        assert_int_equal(account.content.colours.full_range, cases[i].full_range);
        file_free(&file);
    }
}

static void clock_units(void **state) {
    (void)state;
    File file = {0}, info = {0}, tracks = {0};
    file_ebml(&file, "webm");
    file_id(&file, SEGMENT);
    file_size(&file, UNKNOWN_SIZE, 8);
    file_whole(&info, SCALE, 500000);
    file_master(&file, INFO, &info);
    file_track(&tracks, 1, 1, "V_VP8");
    file_master(&file, TRACKS, &tracks);
    begin_cluster(&file, 2000);
    block(&file, 1, 80, "a");
    file_whole(&info, SCALE, 1); /* too late: not heeded */
    file_master(&file, INFO, &info);
    begin_cluster(&file, 3000);
    block(&file, 1, -3000, "b");
    assert_text(&file, "picture 1040: a\npicture 0: b\nover");
}

static void another_file_behind(void **state) {
    (void)state;
    File file = {0};
    begin(&file);
    begin_cluster(&file, 0);
    block(&file, 1, 0, "a");
    begin(&file);
    begin_cluster(&file, 0);
    block(&file, 1, 0, "b");
    assert_text(&file, "picture 0: a\nover");
}

static void empty_files(void **state) {
    (void)state;
    File file = {0};
    begin(&file);
    assert_text(&file, "over");
    begin(&file);
    begin_cluster(&file, 0);
    assert_text(&file, "over");
}

/* Whole blocks before the cut are given, and then the cut is told; a file of unknown sizes that ends between two
 * elements is over. */
static void every_cut(void **state) {
    (void)state;
    File file = {0}, group = {0};
    begin(&file);
    const size_t head = file.size;
    begin_cluster(&file, 0);
    size_t ends[8];
    int count = 0;
    ends[count++] = head;
    ends[count++] = head + 5; /* the cluster's own head */
    ends[count++] = file.size;
    block(&file, 1, 0, "first");
    ends[count++] = file.size;
    file_block(&group, BLOCK, 2, 1, 0, "second", 6);
    file_master(&file, BLOCK_GROUP, &group);
    ends[count++] = file.size;
    block(&file, 1, 2, "third");
    ends[count++] = file.size;
    for (size_t size = 0; size <= file.size; size++) {
        const Account account = read_part(&file, size);
        bool between = false;
        for (int i = 0; i < count; i++)
            between = between || size == ends[i];
        if (size < head) {
            assert_true(account.opened == VV_MEDIA_CUT || account.opened == VV_MEDIA_UNKNOWN_KIND ||
                        account.opened == VV_MEDIA_NO_PICTURES);
            continue;
        }
        assert_int_equal(account.opened == VV_MEDIA_OK, between || size > head + 4);
        if (!between)
            assert_int_equal(account.problem.error, VV_MEDIA_CUT);
        if (account.opened == VV_MEDIA_OK) {
            assert_int_equal(account.blocks, (size >= ends[3]) + (size >= ends[4]) + (size >= ends[5]));
            assert_int_equal(strstr(account.text, "over") != NULL, between);
        }
    }
    file_free(&file);
}

/* ---- what is refused ----------------------------------------------------------------------------------------------
 */

static void lacing(void **state) {
    (void)state;
    for (int mode = 1; mode < 4; mode++)
        for (int track = 1; track <= 2; track++)
            for (int grouped = 0; grouped < 2; grouped++) {
                File file = {0}, group = {0};
                begin(&file);
                begin_cluster(&file, 0);
                block(&file, 1, 0, "a");
                if (grouped) {
                    file_block(&group, BLOCK, track, 1, mode << 1, "bb", 2);
                    file_master(&file, BLOCK_GROUP, &group);
                } else {
                    file_block(&file, SIMPLE_BLOCK, track, 1, 0x80 | mode << 1, "bb", 2);
                }
                assert_refused(&file, VV_MEDIA_LACING, "several frames into one block", "picture 0: a\nfailed");
            }
}

static void encodings(void **state) {
    (void)state;
    for (int read = 0; read < 2; read++) {
        File file = {0}, tracks = {0}, track = {0};
        file_whole(&track, 0xD7, 7);
        file_whole(&track, 0x83, 1);
        file_element(&track, 0x86, read ? "V_VP8" : "V_AV1", 5);
        file_element(&track, ENCODINGS, "x", 1);
        file_ebml(&file, "webm");
        file_id(&file, SEGMENT);
        file_size(&file, UNKNOWN_SIZE, 8);
        file_master(&tracks, TRACK, &track);
        file_track(&tracks, 1, 1, "V_VP8");
        file_master(&file, TRACKS, &tracks);
        begin_cluster(&file, 0);
        block(&file, 1, 0, "a");
        if (read)
            assert_refused(&file, VV_MEDIA_ENCODED, "track 7", NULL);
        else
            assert_text(&file, "picture 0: a\nover");
    }
}

static void other_codecs(void **state) {
    (void)state;
    static const struct {
        const char *picture, *sound, *text;
        VvMediaError error;
    } cases[] = {
        {"V_VP9", NULL, "tracks are V_VP9; V_VP8 and A_OPUS are read", VV_MEDIA_CODEC},
        {"V_VP9", "A_VORBIS", "tracks are V_VP9 and A_VORBIS;", VV_MEDIA_CODEC},
        {NULL, "A_VORBIS", "tracks are A_VORBIS;", VV_MEDIA_CODEC},
        {"V\x1b[31m\n", NULL, "tracks are V?[31m?;", VV_MEDIA_CODEC},
        {"V_A_VERY_LONG_NAME_THAT_HAS_NO_END_ANYWHERE", NULL, "tracks are V_A_VERY_LONG_NAME_THAT_HAS_NO_;",
         VV_MEDIA_CODEC},
        {NULL, NULL, "no tracks of pictures or sound", VV_MEDIA_NO_PICTURES},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        File file = {0}, tracks = {0};
        file_ebml(&file, "webm");
        file_id(&file, SEGMENT);
        file_size(&file, UNKNOWN_SIZE, 8);
        if (cases[i].picture)
            file_track(&tracks, 1, 1, cases[i].picture);
        if (cases[i].sound)
            file_track(&tracks, 2, 2, cases[i].sound);
        file_master(&file, TRACKS, &tracks);
        begin_cluster(&file, 0);
        assert_refused(&file, cases[i].error, cases[i].text, NULL);
    }
}

static void other_kinds(void **state) {
    (void)state;
    static const char *const texts[] = {
        "\x1a", "\x1a text", "hello", "\x1a\x45\xdf\xa3", "\x1a\x45\xdf\xa3\xff", "\x18\x53\x80\x67\xff"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        File file = {0};
        file_text(&file, texts[i]);
        assert_refused(&file, VV_MEDIA_UNKNOWN_KIND, "begins like", NULL);
    }
    File file = {0}, content = {0};
    file_ebml(&file, "other");
    assert_refused(&file, VV_MEDIA_UNKNOWN_KIND, "EBML kind other", NULL);
    file_whole(&content, 0x42F2, 5);
    file_master(&file, EBML, &content);
    assert_refused(&file, VV_MEDIA_UNSUPPORTED, "longer ids", NULL);
    file_element(&file, EBML, "\x42\x82\x44", 3); /* an element that ends nowhere */
    assert_refused(&file, VV_MEDIA_DAMAGED, "first element", NULL);
}

static void damaged_heads(void **state) {
    (void)state;
    static const struct {
        uint32_t id;
        const char *content;
        size_t size;
        const char *word;
    } cases[] = {
        {INFO, "\x2A\xD7\xB1\x81\x00", 5, "clock"},
        {INFO, "\x2A\xD7\xB1\x84\xff\xff\xff\xff", 8, "clock"},
        {INFO, "\x2A\xD7\xB1\x89........9", 13, "clock"},
        {INFO, "\x2A\xD7\xB1\x84", 4, "information"},
        {TRACKS, "\xAE\x85\x83\x81\x01\x86\x80", 7, "description of a track"}, /* no number */
        {TRACKS, "\xAE\x82\xD7\x81", 4, "description of a track"},
        {TRACKS, "\xAE\x8b\xD7\x81\x01\xE0\x86\x55\xB0\x83\x55\xB1\x85", 13, "description of a track"},
        {TRACKS, "\xAE\x8b\xD7\x89.........", 13, "description of a track"},
        {TRACKS, "\xAE\x83\xD7\x81\x01\xAE\x85\xD7", 8, "list of tracks"},
        {TRACKS, "\x00", 1, "list of tracks"},
        {TRACKS,
         "\xAE\x93\xD7\x81\x02\x83\x81\x02\x86\x86"
         "A_OPUS"
         "\xE1\x83\x9F\x81\x00",
         21, "description of a track"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        File file = {0};
        file_ebml(&file, "webm");
        file_id(&file, SEGMENT);
        file_size(&file, UNKNOWN_SIZE, 8);
        file_element(&file, cases[i].id, cases[i].content, cases[i].size);
        begin_cluster(&file, 0);
        assert_refused(&file, VV_MEDIA_DAMAGED, cases[i].word, NULL);
    }
}

static void damaged_structure(void **state) {
    (void)state;
    File file = {0}, cluster = {0}, group = {0};
    file_ebml(&file, "webm");
    file_id(&file, SEGMENT);
    file_size(&file, UNKNOWN_SIZE, 8);
    begin_cluster(&file, 0);
    assert_refused(&file, VV_MEDIA_DAMAGED, "a cluster before its tracks", NULL);

    file_ebml(&file, "webm");
    file_id(&file, SEGMENT);
    file_size(&file, UNKNOWN_SIZE, 8);
    file_id(&file, TRACKS);
    file_size(&file, UNKNOWN_SIZE, 8);
    assert_refused(&file, VV_MEDIA_DAMAGED, "unknown size", NULL);

    file_ebml(&file, "webm");
    file_id(&file, SEGMENT);
    file_size(&file, UNKNOWN_SIZE, 8);
    file_id(&file, TRACKS);
    file_size(&file, (UINT64_C(1) << 56) - 2, 8);
    assert_refused(&file, VV_MEDIA_DAMAGED, "larger than any should be", NULL);

    begin(&file);
    file_id(&file, CLUSTER);
    file_size(&file, UNKNOWN_SIZE, 1);
    block(&file, 1, 0, "a");
    assert_refused(&file, VV_MEDIA_DAMAGED, "before its cluster's time", "failed");

    begin(&file);
    begin_cluster(&file, INT64_MAX / 1000000 - 1);
    assert_refused(&file, VV_MEDIA_DAMAGED, "time that cannot be", "failed");

    begin(&file); /* a block that is longer than its cluster */
    file_whole(&cluster, TIMESTAMP, 0);
    block(&cluster, 1, 0, "abc");
    file_id(&file, CLUSTER);
    file_size(&file, cluster.size - 1, 4);
    file_put(&file, cluster.data, cluster.size);
    file_free(&cluster);
    assert_refused(&file, VV_MEDIA_DAMAGED, "reaches beyond", "failed");

    begin(&file); /* and one that is longer than its group */
    begin_cluster(&file, 0);
    file_block(&group, BLOCK, 1, 0, 0, "abc", 3);
    file_id(&file, BLOCK_GROUP);
    file_size(&file, group.size - 1, 4);
    file_put(&file, group.data, group.size);
    file_free(&group);
    assert_refused(&file, VV_MEDIA_DAMAGED, "reaches beyond", "failed");

    begin(&file);
    begin_cluster(&file, 0);
    file_element(&file, SIMPLE_BLOCK, "\x81\x00\x00", 3);
    assert_refused(&file, VV_MEDIA_DAMAGED, "block without a head", "failed");

    begin(&file);
    begin_cluster(&file, 0);
    file_element(&file, SIMPLE_BLOCK, "", 0);
    assert_refused(&file, VV_MEDIA_DAMAGED, "block without a head", "failed");

    begin(&file);
    begin_cluster(&file, 0);
    file_text(&file, "\x08");
    assert_refused(&file, VV_MEDIA_DAMAGED, "no element", "failed");

    begin(&file);
    begin_cluster(&file, 0);
    file_put(&file, "\xA3\x00", 2);
    assert_refused(&file, VV_MEDIA_DAMAGED, "without a size", "failed");

    begin(&file); /* a size that the rest of the file does not have */
    begin_cluster(&file, 0);
    file_id(&file, SIMPLE_BLOCK);
    file_size(&file, 16 << 20, 8);
    file_text(&file, "\x81");
    assert_refused(&file, VV_MEDIA_CUT, "ends too early", "failed");

    begin(&file);
    begin_cluster(&file, 0);
    file_id(&file, SIMPLE_BLOCK);
    file_size(&file, (16 << 20) + 1, 8);
    assert_refused(&file, VV_MEDIA_DAMAGED, "larger than any should be", "failed");

    begin(&file); /* nor what is passed over */
    file_id(&file, CUES);
    file_size(&file, UINT64_C(1) << 50, 8);
    file_text(&file, "....");
    assert_refused(&file, VV_MEDIA_CUT, "ends too early", NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_writer_wrote),
        cmocka_unit_test(clusters_of_unknown_size),
        cmocka_unit_test(sizes_that_are_known),
        cmocka_unit_test(block_groups),
        cmocka_unit_test(what_is_passed_over),
        cmocka_unit_test(colours),
        cmocka_unit_test(clock_units),
        cmocka_unit_test(another_file_behind),
        cmocka_unit_test(empty_files),
        cmocka_unit_test(every_cut),
        cmocka_unit_test(lacing),
        cmocka_unit_test(encodings),
        cmocka_unit_test(other_codecs),
        cmocka_unit_test(other_kinds),
        cmocka_unit_test(damaged_heads),
        cmocka_unit_test(damaged_structure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
