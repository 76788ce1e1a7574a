/* Y4M: a line of text, then for each frame a line of text and its planes. */
#include "server/media/y4m.h"

#include "server/media/colours.h"
#include "server/media/image_format.h"
#include "server/media/picture.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC "YUV4MPEG2"
#define FRAME "FRAME"
enum { LINE_MAX_BYTES = 1024, FRAME_SECONDS_MAX = 3600 };

/* One frame as it is in the file: all samples of Y, then U, then V. */
typedef struct Frame {
    VvY4mForm form;
    VvColourPlanes planes;
    size_t size; /* of the samples */
    uint8_t samples[];
} Frame;

struct VvY4mReader {
    FILE *file;
    Frame *frame;
};

struct VvY4mWriter {
    FILE *file;
    Frame *frame;
    bool failed;
};

/* NULL if out of memory; to be freed. */
static Frame *frame_new(const VvY4mForm *form) {
    const int chroma_width = form->full_chroma ? form->width : (form->width + 1) / 2;
    const int chroma_height = form->full_chroma ? form->height : (form->height + 1) / 2;
    const size_t luma = (size_t)form->width * (size_t)form->height;
    const size_t chroma = (size_t)chroma_width * (size_t)chroma_height;
    Frame *frame = malloc(sizeof *frame + luma + 2 * chroma);
    if (!frame)
        return NULL;
    frame->form = *form;
    frame->size = luma + 2 * chroma;
    frame->planes = (VvColourPlanes){
        .width = form->width,
        .height = form->height,
        .full_chroma = form->full_chroma,
        .plane = {frame->samples, frame->samples + luma, frame->samples + luma + chroma},
        .stride = {form->width, chroma_width, chroma_width},
    };
    return frame;
}

static VvColours colours_of(const VvY4mForm *form) {
    return (VvColours){.full_range = form->full_range};
}

/* ---- reading: lines ------------------------------------------------------------------------------------------ */

static VvMediaError cut_or_unreadable(FILE *file, VvMediaProblem *problem) {
    return ferror(file) ? vv_media_fail(problem, VV_MEDIA_UNREADABLE, "%s", strerror(errno))
                        : vv_media_fail(problem, VV_MEDIA_CUT, "the Y4M file ends too early");
}

/* Reads a line without its end. `*over` says that there was nothing left at all. */
static VvMediaError read_line(FILE *file, char line[LINE_MAX_BYTES], bool *over, VvMediaProblem *problem) {
    size_t length = 0;
    int byte;
    *over = false;
    while ((byte = getc(file)) != EOF && byte != '\n') {
        if (byte == '\0' || length == LINE_MAX_BYTES - 1)
            return vv_media_fail(problem, VV_MEDIA_DAMAGED, "the Y4M file has no line of text where there must be one");
        line[length++] = (char)byte;
    }
    line[length] = '\0';
    *over = byte == EOF && length == 0 && !ferror(file);
    return byte == EOF && !*over ? cut_or_unreadable(file, problem) : VV_MEDIA_OK;
}

/* A whole number 0..INT32_MAX that ends at `end`; *value stays if it is none. */
static bool read_number(const char *text, char end, int *value) {
    int64_t number = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9' && number <= INT32_MAX; at++)
        number = 10 * number + (*at - '0');
    if (at == text || *at != end || number > INT32_MAX)
        return false;
    *value = (int)number;
    return true;
}

/* ---- reading: the head ---------------------------------------------------------------------------------------- */

static VvMediaError damaged_word(const char *word, VvMediaProblem *problem) {
    return vv_media_fail(problem, VV_MEDIA_DAMAGED, "the Y4M file's head says %.30s", word);
}

/* 0:0 stands for a rate that nobody knows. */
static VvMediaError read_rate(const char *word, VvY4mForm *form, VvMediaProblem *problem) {
    int numerator, denominator;
    const char *colon = strchr(word, ':');
    if (!colon || !read_number(word + 1, ':', &numerator) || !read_number(colon + 1, '\0', &denominator) ||
        (numerator == 0) != (denominator == 0) || denominator > (int64_t)numerator * FRAME_SECONDS_MAX)
        return damaged_word(word, problem);
    if (numerator > 0) {
        form->fps_numerator = numerator;
        form->fps_denominator = denominator;
    }
    return VV_MEDIA_OK;
}

static VvMediaError read_colours(const char *word, VvY4mForm *form, VvMediaProblem *problem) {
    static const char *const halved[] = {"420", "420jpeg", "420mpeg2", "420paldv"};
    form->full_chroma = strcmp(word + 1, "444") == 0;
    bool known = form->full_chroma;
    for (size_t i = 0; i < sizeof halved / sizeof *halved; i++)
        known = known || strcmp(word + 1, halved[i]) == 0;
    return known ? VV_MEDIA_OK
                 : vv_media_fail(problem, VV_MEDIA_COLOURS, "the Y4M file's colours are %.30s; 420 and 444 are read",
                                 word + 1);
}

/* One word of the head: a letter and what it says. Letters that nothing depends on are passed over. */
static VvMediaError read_word(const char *word, VvY4mForm *form, VvMediaProblem *problem) {
    switch (word[0]) {
    case 'W':
        return read_number(word + 1, '\0', &form->width) ? VV_MEDIA_OK : damaged_word(word, problem);
    case 'H':
        return read_number(word + 1, '\0', &form->height) ? VV_MEDIA_OK : damaged_word(word, problem);
    case 'F':
        return read_rate(word, form, problem);
    case 'I':
        return strcmp(word, "Ip") == 0 || strcmp(word, "I?") == 0
                   ? VV_MEDIA_OK
                   : vv_media_fail(problem, VV_MEDIA_UNSUPPORTED, "the Y4M file is interlaced");
    case 'C':
        return read_colours(word, form, problem);
    case 'X':
        if (strncmp(word, "XCOLORRANGE=", 12) == 0)
            form->full_range = strcmp(word + 12, "FULL") == 0;
        return VV_MEDIA_OK;
    default:
        return VV_MEDIA_OK;
    }
}

static VvMediaError read_head(FILE *file, int most, VvY4mForm *form, VvMediaProblem *problem) {
    char line[LINE_MAX_BYTES], *rest = NULL;
    bool over;
    *form = (VvY4mForm){.fps_numerator = 25, .fps_denominator = 1};
    VvMediaError error = read_line(file, line, &over, problem);
    const size_t magic = strlen(MAGIC);
    if (!error && (strncmp(line, MAGIC, magic) != 0 || (line[magic] != ' ' && line[magic] != '\0')))
        error = vv_media_fail(problem, VV_MEDIA_UNKNOWN_KIND, "this does not begin like a Y4M file");
    if (error)
        return error == VV_MEDIA_DAMAGED ? vv_media_fail(problem, VV_MEDIA_UNKNOWN_KIND, "this is no Y4M file") : error;
    for (char *word = strtok_r(line + magic, " ", &rest); word && !error; word = strtok_r(NULL, " ", &rest))
        error = read_word(word, form, problem);
    return error ? error : vv_image_check_size(form->width, form->height, most, problem);
}

VvMediaError vv_y4m_reader_open(FILE *file, int most, VvY4mReader **reader, VvMediaProblem *problem) {
    VvY4mForm form;
    *reader = NULL;
    const VvMediaError error = read_head(file, most, &form, problem);
    if (error)
        return error;
    VvY4mReader *made = calloc(1, sizeof *made);
    if (!made || !(made->frame = frame_new(&form))) {
        vv_y4m_reader_close(&made);
        return vv_media_fail(problem, VV_MEDIA_NO_MEMORY, "there is not enough memory");
    }
    made->file = file;
    *reader = made;
    return VV_MEDIA_OK;
}

void vv_y4m_reader_close(VvY4mReader **reader) {
    if (*reader) {
        free((*reader)->frame);
        free(*reader);
        *reader = NULL;
    }
}

const VvY4mForm *vv_y4m_reader_form(const VvY4mReader *reader) {
    return &reader->frame->form;
}

int vv_y4m_read(VvY4mReader *reader, uint8_t *rgb, VvMediaProblem *problem) {
    char line[LINE_MAX_BYTES] = "";
    bool over;
    Frame *frame = reader->frame;
    const size_t word = strlen(FRAME);
    if (read_line(reader->file, line, &over, problem))
        return -1;
    if (over)
        return 0;
    if (strncmp(line, FRAME, word) != 0 || (line[word] != ' ' && line[word] != '\0')) {
        vv_media_fail(problem, VV_MEDIA_DAMAGED, "the Y4M file has no frame where there must be one");
        return -1;
    }
    if (fread(frame->samples, 1, frame->size, reader->file) != frame->size) {
        cut_or_unreadable(reader->file, problem);
        return -1;
    }
    vv_colours_to_rgb(&frame->planes, colours_of(&frame->form), rgb);
    return 1;
}

/* ---- writing ------------------------------------------------------------------------------------------------- */

static VvMediaError unwritable(VvMediaProblem *problem) {
    return vv_media_fail(problem, VV_MEDIA_UNWRITABLE, "the Y4M file: %s", strerror(errno));
}

static void write_head(FILE *file, const VvY4mForm *form) {
    fprintf(file, MAGIC " W%d H%d F%d:%d Ip A1:1 C%s XCOLORRANGE=%s\n", form->width, form->height, form->fps_numerator,
            form->fps_denominator, form->full_chroma ? "444" : "420jpeg", form->full_range ? "FULL" : "LIMITED");
}

VvMediaError vv_y4m_writer_open(const char *path, const VvY4mForm *form, VvY4mWriter **writer,
                                VvMediaProblem *problem) {
    *writer = NULL;
    VvMediaError error = vv_image_check_size(form->width, form->height, VV_PICTURE_SIZE_MAX, problem);
    if (error)
        return error;
    if (form->fps_numerator < 1 || form->fps_denominator < 1)
        return vv_media_fail(problem, VV_MEDIA_BAD_SIZE, "a clip needs frames a second");
    VvY4mWriter *made = calloc(1, sizeof *made);
    if (!made || !(made->frame = frame_new(form))) {
        error = vv_media_fail(problem, VV_MEDIA_NO_MEMORY, "there is not enough memory");
        goto failed;
    }
    made->file = fopen(path, "wbe");
    if (!made->file) {
        error = vv_media_fail(problem, VV_MEDIA_UNWRITABLE, "%.160s: %s", path, strerror(errno));
        goto failed;
    }
    write_head(made->file, form);
    *writer = made;
    return VV_MEDIA_OK;
failed:
    vv_y4m_writer_close(&made, NULL);
    return error;
}

static VvMediaError write_frame(VvY4mWriter *writer, VvMediaProblem *problem) {
    const Frame *frame = writer->frame;
    writer->failed = writer->failed || fputs(FRAME "\n", writer->file) == EOF ||
                     fwrite(frame->samples, 1, frame->size, writer->file) != frame->size || ferror(writer->file);
    return writer->failed ? unwritable(problem) : VV_MEDIA_OK;
}

VvMediaError vv_y4m_write(VvY4mWriter *writer, const uint8_t *rgb, VvMediaProblem *problem) {
    Frame *frame = writer->frame;
    vv_colours_from_rgb(&frame->planes, colours_of(&frame->form), rgb);
    return write_frame(writer, problem);
}

VvMediaError vv_y4m_write_picture(VvY4mWriter *writer, const VvPicture *picture, VvMediaProblem *problem) {
    const Frame *frame = writer->frame;
    const VvY4mForm *form = &frame->form;
    if (picture->width != form->width || picture->height != form->height || form->full_chroma || form->full_range)
        return vv_media_fail(problem, VV_MEDIA_BAD_SIZE, "a picture of another form than the clip's");
    for (int p = 0; p < 3; p++) {
        const int width = frame->planes.stride[p], height = p ? (form->height + 1) / 2 : form->height;
        for (int y = 0; y < height; y++)
            memcpy(frame->planes.plane[p] + (ptrdiff_t)y * width, picture->plane[p] + (ptrdiff_t)y * picture->stride[p],
                   (size_t)width);
    }
    return write_frame(writer, problem);
}

VvMediaError vv_y4m_writer_close(VvY4mWriter **writer, VvMediaProblem *problem) {
    VvY4mWriter *made = *writer;
    if (!made)
        return VV_MEDIA_OK;
    bool failed = made->failed;
    if (made->file) {
        failed = ferror(made->file) || failed;
        failed = fclose(made->file) != 0 || failed;
    }
    free(made->frame);
    free(made);
    *writer = NULL;
    return failed ? unwritable(problem) : VV_MEDIA_OK;
}
