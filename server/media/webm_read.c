/* WebM from front to back: elements are entered, read or passed over as they come; of those that are open it is known
 * where they must end. */
#include "server/media/webm_read.h"

#include "server/media/image_format.h"
#include "server/media/webm_ids.h"
#include "server/media/webm_tracks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD_MAX = 4 << 20, BLOCK_MAX = 16 << 20, DEPTH = 3 /* Segment, Cluster, BlockGroup */ };

typedef struct Level {
    uint32_t id;
    uint64_t end; /* in the file; of the level around it if its own is unknown */
    bool unknown;
} Level;

struct VvWebmReader {
    FILE *file;
    uint64_t at; /* bytes of the file that have been read */
    Level level[DEPTH];
    int depth;
    bool began; /* the segment was entered */
    bool cluster_seen, clock_known;
    uint64_t cluster; /* its timestamp */
    VvWebmHead head;
    uint8_t *bytes; /* the content of one element */
    size_t room;
};

typedef struct Element {
    uint32_t id;
    uint64_t size;
} Element;

/* What came of one element. */
typedef enum Step { STEP_ON, STEP_BLOCK, STEP_OVER, STEP_FAILED } Step;

static Step fail(VvMediaProblem *problem, VvMediaError error, const char *text) {
    vv_media_fail(problem, error, "the WebM file %s", text);
    return STEP_FAILED;
}

/* ---- bytes of the file ---------------------------------------------------------------------------------------- */

static Step cut_or_unreadable(VvWebmReader *reader, VvMediaProblem *problem) {
    if (!ferror(reader->file))
        return fail(problem, VV_MEDIA_CUT, "ends too early");
    vv_media_fail(problem, VV_MEDIA_UNREADABLE, "%s", strerror(errno));
    return STEP_FAILED;
}

static Step read_bytes(VvWebmReader *reader, uint8_t *bytes, size_t count, VvMediaProblem *problem) {
    const size_t got = fread(bytes, 1, count, reader->file);
    reader->at += got;
    return got == count ? STEP_ON : cut_or_unreadable(reader, problem);
}

/* Reads, since not everything can be sought in, and a place beyond the end must be noticed. */
static Step pass_over(VvWebmReader *reader, uint64_t count, VvMediaProblem *problem) {
    uint8_t bytes[4096];
    Step step = STEP_ON;
    while (count > 0 && step == STEP_ON) {
        const size_t part = count < sizeof bytes ? (size_t)count : sizeof bytes;
        step = read_bytes(reader, bytes, part, problem);
        count -= part;
    }
    return step;
}

/* Reads an element's content into the reader's own memory. */
static Step read_content(VvWebmReader *reader, uint64_t size, uint64_t most, VvEbmlBytes *content,
                         VvMediaProblem *problem) {
    if (size > most)
        return fail(problem, VV_MEDIA_DAMAGED, "has an element that is larger than any should be");
    if (size > reader->room) {
        uint8_t *larger = realloc(reader->bytes, size);
        if (!larger)
            return fail(problem, VV_MEDIA_NO_MEMORY, "needs more memory than there is");
        reader->bytes = larger;
        reader->room = size;
    }
    *content = (VvEbmlBytes){reader->bytes, size};
    return size > 0 ? read_bytes(reader, reader->bytes, size, problem) : STEP_ON;
}

/* Reads an element's head; STEP_OVER at the end of the file. */
static Step read_element(VvWebmReader *reader, Element *element, VvMediaProblem *problem) {
    uint8_t bytes[8];
    const int first = getc(reader->file);
    if (first == EOF)
        return ferror(reader->file) ? cut_or_unreadable(reader, problem) : STEP_OVER;
    reader->at++;
    bytes[0] = (uint8_t)first;
    int length = vv_ebml_length(bytes[0]);
    if (length > 4)
        return fail(problem, VV_MEDIA_DAMAGED, "has no element where there must be one");
    Step step = read_bytes(reader, bytes + 1, (size_t)length - 1, problem);
    element->id = 0;
    for (int i = 0; i < length && step == STEP_ON; i++)
        element->id = element->id << 8 | bytes[i];
    if (step == STEP_ON)
        step = read_bytes(reader, bytes, 1, problem);
    if (step != STEP_ON)
        return step;
    length = vv_ebml_length(bytes[0]);
    if (length > 8)
        return fail(problem, VV_MEDIA_DAMAGED, "has an element without a size");
    step = read_bytes(reader, bytes + 1, (size_t)length - 1, problem);
    if (step == STEP_ON)
        element->size = vv_ebml_size(bytes, length);
    return step;
}

/* ---- the levels ------------------------------------------------------------------------------------------------ */

static uint64_t end_of(const VvWebmReader *reader) {
    return reader->depth > 0 ? reader->level[reader->depth - 1].end : UINT64_MAX;
}

static uint32_t inside(const VvWebmReader *reader) {
    return reader->depth > 0 ? reader->level[reader->depth - 1].id : 0;
}

/* Ids of four bytes are the segment's own, or another file's that follows; a cluster's are shorter. */
static bool ends_level(const Level *level, uint32_t id) {
    return level->id == WEBM_CLUSTER ? id > 0xffffff : id == WEBM_SEGMENT || id == WEBM_EBML;
}

/* Leaves the levels that end here, because of where it is or of what follows. */
static void leave_levels(VvWebmReader *reader, uint32_t id) {
    while (reader->depth > 0 && reader->level[reader->depth - 1].unknown &&
           ends_level(&reader->level[reader->depth - 1], id))
        reader->depth--;
}

static void leave_full_levels(VvWebmReader *reader) {
    while (reader->depth > 0 && reader->at >= end_of(reader))
        reader->depth--;
}

static Step enter(VvWebmReader *reader, const Element *element) {
    const bool unknown = element->size == VV_EBML_UNKNOWN;
    const uint64_t end = unknown ? end_of(reader) : reader->at + element->size;
    reader->level[reader->depth++] = (Level){element->id, end, unknown};
    return STEP_ON;
}

/* ---- blocks ------------------------------------------------------------------------------------------------------ */

/* Timestamps count from 0 and must not overflow as nanoseconds; a block may lie 32768 before or after its cluster's. */
static Step read_cluster_time(VvWebmReader *reader, const Element *element, VvMediaProblem *problem) {
    VvEbmlBytes content;
    const Step step = read_content(reader, element->size, 8, &content, problem);
    if (step != STEP_ON)
        return step;
    vv_ebml_whole(content, &reader->cluster);
    if (reader->cluster > INT64_MAX / reader->head.scale - 65536)
        return fail(problem, VV_MEDIA_DAMAGED, "has a time that cannot be");
    reader->clock_known = true;
    return STEP_ON;
}

/* A block: the track's number as a variable number, the time in 16 bits, flags, the frame. */
static Step read_block(VvWebmReader *reader, const Element *element, VvWebmBlock *block, VvMediaProblem *problem) {
    enum { LACING = 0x06 };
    VvEbmlBytes content;
    const Step step = read_content(reader, element->size, BLOCK_MAX, &content, problem);
    if (step != STEP_ON)
        return step;
    const size_t number = content.size > 0 ? (size_t)vv_ebml_length(content.data[0]) : 9;
    if (number > 8 || content.size < number + 3)
        return fail(problem, VV_MEDIA_DAMAGED, "has a block without a head");
    const uint64_t track = vv_ebml_size(content.data, (int)number);
    if (track == 0 || (track != reader->head.picture && track != reader->head.sound))
        return STEP_ON;
    if (!reader->clock_known)
        return fail(problem, VV_MEDIA_DAMAGED, "has a block before its cluster's time");
    const uint8_t *rest = content.data + number;
    if (rest[2] & LACING)
        return fail(problem, VV_MEDIA_LACING, "packs several frames into one block, which is not read");
    const int64_t scale = (int64_t)reader->head.scale;
    const int64_t units = (int64_t)reader->cluster + (int16_t)(uint16_t)(rest[0] << 8 | rest[1]);
    *block = (VvWebmBlock){.sound = track != reader->head.picture,
                           .time = units * scale / 1000,
                           .data = rest + 3,
                           .size = content.size - number - 3};
    return STEP_BLOCK;
}

/* ---- one element after the other -----------------------------------------------------------------------------------
 */

static Step read_head_element(VvWebmReader *reader, const Element *element, VvMediaProblem *problem) {
    VvEbmlBytes content;
    const Step step = read_content(reader, element->size, HEAD_MAX, &content, problem);
    if (step != STEP_ON)
        return step;
    const VvMediaError error = element->id == WEBM_EBML   ? vv_webm_read_kind(content, problem)
                               : element->id == WEBM_INFO ? vv_webm_read_info(&reader->head, content, problem)
                                                          : vv_webm_read_tracks(&reader->head, content, problem);
    return error ? STEP_FAILED : STEP_ON;
}

static Step read_in_segment(VvWebmReader *reader, const Element *element, VvMediaProblem *problem) {
    switch (element->id) {
    case WEBM_INFO:
        /* The clock must not change under timestamps that have been read. */
        return reader->cluster_seen ? pass_over(reader, element->size, problem)
                                    : read_head_element(reader, element, problem);
    case WEBM_TRACKS:
        return read_head_element(reader, element, problem);
    case WEBM_CLUSTER:
        if (!reader->head.tracks)
            return fail(problem, VV_MEDIA_DAMAGED, "has a cluster before its tracks");
        reader->cluster_seen = true;
        reader->clock_known = false;
        return enter(reader, element);
    default:
        return pass_over(reader, element->size, problem);
    }
}

/* Elements that follow on the element they are in; everything that is not known is passed over. */
static Step read_inside(VvWebmReader *reader, const Element *element, VvWebmBlock *block, VvMediaProblem *problem) {
    switch (inside(reader)) {
    case WEBM_SEGMENT:
        return read_in_segment(reader, element, problem);
    case WEBM_CLUSTER:
        if (element->id == WEBM_TIMESTAMP)
            return read_cluster_time(reader, element, problem);
        if (element->id == WEBM_SIMPLE_BLOCK)
            return read_block(reader, element, block, problem);
        return element->id == WEBM_BLOCK_GROUP ? enter(reader, element) : pass_over(reader, element->size, problem);
    case WEBM_BLOCK_GROUP:
        return element->id == WEBM_BLOCK ? read_block(reader, element, block, problem)
                                         : pass_over(reader, element->size, problem);
    default:
        if (element->id == WEBM_EBML)
            return read_head_element(reader, element, problem);
        if (element->id != WEBM_SEGMENT)
            return pass_over(reader, element->size, problem);
        reader->began = true;
        return enter(reader, element);
    }
}

/* Reads on by one element. */
static Step step_on(VvWebmReader *reader, VvWebmBlock *block, VvMediaProblem *problem) {
    Element element;
    leave_full_levels(reader);
    if (reader->began && reader->depth == 0)
        return STEP_OVER;
    const Step step = read_element(reader, &element, problem);
    if (step == STEP_OVER && (!reader->began || end_of(reader) != UINT64_MAX))
        return fail(problem, VV_MEDIA_CUT, "ends too early");
    if (step != STEP_ON)
        return step;
    leave_levels(reader, element.id);
    if (reader->began && reader->depth == 0)
        return STEP_OVER; /* another file follows */
    if (element.size == VV_EBML_UNKNOWN) {
        if (element.id != WEBM_SEGMENT && element.id != WEBM_CLUSTER)
            return fail(problem, VV_MEDIA_DAMAGED, "has an element of unknown size that must have one");
    } else if (reader->at > end_of(reader) || element.size > end_of(reader) - reader->at) {
        return fail(problem, VV_MEDIA_DAMAGED, "has an element that reaches beyond the one it is in");
    }
    return read_inside(reader, &element, block, problem);
}

/* ---- the reader -----------------------------------------------------------------------------------------------------
 */

static VvMediaError read_until_cluster(VvWebmReader *reader, VvMediaProblem *problem) {
    VvWebmBlock block;
    Step step = STEP_ON;
    Element element;
    /* The first element says what the file is: nothing else may come before it. */
    if (read_element(reader, &element, problem) != STEP_ON || element.id != WEBM_EBML ||
        element.size == VV_EBML_UNKNOWN)
        return vv_media_fail(problem, VV_MEDIA_UNKNOWN_KIND, "this begins like a WebM file, but is none");
    step = read_head_element(reader, &element, problem);
    while (step == STEP_ON && !reader->cluster_seen)
        step = step_on(reader, &block, problem);
    if (step == STEP_FAILED)
        return problem->error;
    return reader->head.tracks ? VV_MEDIA_OK
                               : vv_media_fail(problem, VV_MEDIA_NO_PICTURES, "the WebM file has no tracks");
}

VvMediaError vv_webm_reader_open(FILE *file, VvWebmReader **reader, VvMediaProblem *problem) {
    VvMediaProblem local = {VV_MEDIA_OK, ""};
    VvMediaProblem *why = problem ? problem : &local;
    *reader = calloc(1, sizeof **reader);
    if (!*reader)
        return vv_media_fail(why, VV_MEDIA_NO_MEMORY, "there is not enough memory");
    (*reader)->file = file;
    (*reader)->head.scale = 1000000;
    const VvMediaError error = read_until_cluster(*reader, why);
    if (error)
        vv_webm_reader_close(reader);
    return error;
}

void vv_webm_reader_close(VvWebmReader **reader) {
    if (*reader) {
        free((*reader)->bytes);
        free(*reader);
        *reader = NULL;
    }
}

const VvWebmContent *vv_webm_reader_content(const VvWebmReader *reader) {
    return &reader->head.content;
}

int vv_webm_read(VvWebmReader *reader, VvWebmBlock *block, VvMediaProblem *problem) {
    Step step = STEP_ON;
    while (step == STEP_ON)
        step = step_on(reader, block, problem);
    return step == STEP_BLOCK ? 1 : step == STEP_OVER ? 0 : -1;
}
