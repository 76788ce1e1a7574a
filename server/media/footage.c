/* One front to the readers of pictures and clips. */
#include "server/media/footage.h"

#include "server/media/image_format.h"
#include "server/media/picture.h"
#include "server/media/vp8_codec.h"
#include "server/media/webm_read.h"
#include "server/media/y4m.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct VvFootage {
    VvFootageKind kind;
    char *name;
    FILE *file;
    bool owned; /* the file is closed with the footage */
    int most;
    VvImage image;
    int64_t frames; /* given so far */
    VvY4mReader *y4m;
    VvWebmReader *webm;
    VvVp8Decoder *decoder;
};

const char *vv_footage_kind_name(VvFootageKind kind) {
    static const char *const names[] = {"PNG", "JPEG", "Y4M", "WebM"};
    return names[kind];
}

VvFootageKind vv_footage_kind(const VvFootage *footage) {
    return footage->kind;
}

static VvMediaError no_memory(VvMediaProblem *problem) {
    return vv_media_fail(problem, VV_MEDIA_NO_MEMORY, "there is not enough memory");
}

/* ---- opening ------------------------------------------------------------------------------------------------ */

static VvMediaError open_image(VvFootage *footage, VvFootageKind kind, VvMediaProblem *problem) {
    footage->kind = kind;
    return vv_image_read(footage->file, footage->most, &footage->image, problem);
}

static VvMediaError open_y4m(VvFootage *footage, VvMediaProblem *problem) {
    footage->kind = VV_FOOTAGE_Y4M;
    const VvMediaError error = vv_y4m_reader_open(footage->file, footage->most, &footage->y4m, problem);
    if (error)
        return error;
    const VvY4mForm *form = vv_y4m_reader_form(footage->y4m);
    return vv_image_alloc(&footage->image, form->width, form->height) ? no_memory(problem) : VV_MEDIA_OK;
}

static VvMediaError open_webm(VvFootage *footage, VvMediaProblem *problem) {
    footage->kind = VV_FOOTAGE_WEBM;
    const VvMediaError error = vv_webm_reader_open(footage->file, &footage->webm, problem);
    if (error)
        return error;
    const VvWebmContent *content = vv_webm_reader_content(footage->webm);
    if (strcmp(content->picture_codec, "V_VP8") != 0)
        return *content->picture_codec
                   ? vv_media_fail(problem, VV_MEDIA_CODEC, "the WebM file's pictures are %s; V_VP8 is read",
                                   content->picture_codec)
                   : vv_media_fail(problem, VV_MEDIA_NO_PICTURES, "the WebM file has sound only");
    footage->decoder = vv_vp8_decoder_new();
    if (!footage->decoder)
        return no_memory(problem);
    vv_vp8_decoder_take_hidden(footage->decoder);
    return VV_MEDIA_OK;
}

/* One byte is enough to choose, and can be put back even into a pipe; the readers look at the rest. */
static VvMediaError open_kind(VvFootage *footage, VvMediaProblem *problem) {
    const int first = ungetc(getc(footage->file), footage->file);
    switch (first) {
    case VV_PNG_FIRST:
        return open_image(footage, VV_FOOTAGE_PNG, problem);
    case VV_JPEG_FIRST:
        return open_image(footage, VV_FOOTAGE_JPEG, problem);
    case VV_Y4M_FIRST:
        return open_y4m(footage, problem);
    case VV_WEBM_FIRST:
        return open_webm(footage, problem);
    default:
        return ferror(footage->file)
                   ? vv_media_fail(problem, VV_MEDIA_UNREADABLE, "%s", strerror(errno))
                   : vv_media_fail(problem, VV_MEDIA_UNKNOWN_KIND, "not a picture or clip that visavis reads%s",
                                   first == EOF ? ": the file is empty" : "");
    }
}

/* Says for whatever is of no kind, which kinds there are. */
static VvMediaError name_kinds(VvMediaError error, VvMediaProblem *problem) {
    if (error != VV_MEDIA_UNKNOWN_KIND)
        return error;
    return vv_media_fail(problem, error,
                         "not a picture or clip that visavis reads: PNG, JPEG, Y4M (4:2:0 or 4:4:4), WebM (VP8)");
}

static VvMediaError open_footage(FILE *file, bool owned, const char *name, int most, VvFootage **footage,
                                 VvMediaProblem *problem) {
    VvMediaProblem local;
    VvMediaProblem *why = problem ? problem : &local;
    VvMediaError error = VV_MEDIA_OK;
    *footage = calloc(1, sizeof **footage);
    if (!*footage) {
        if (owned)
            fclose(file);
        error = no_memory(why);
    } else {
        (*footage)->file = file;
        (*footage)->owned = owned;
        (*footage)->most = most;
        (*footage)->name = strdup(name);
        error = (*footage)->name ? open_kind(*footage, why) : no_memory(why);
    }
    if (error) {
        error = name_kinds(error, why);
        vv_media_name_file(why, name);
        vv_footage_close(footage);
    }
    return error;
}

VvMediaError vv_footage_open_file(FILE *file, const char *name, int most, VvFootage **footage,
                                  VvMediaProblem *problem) {
    return open_footage(file, false, name, most, footage, problem);
}

VvMediaError vv_footage_open(const char *path, int most, VvFootage **footage, VvMediaProblem *problem) {
    FILE *file = fopen(path, "rbe");
    *footage = NULL;
    if (file)
        return open_footage(file, true, path, most, footage, problem);
    return vv_media_fail(problem, VV_MEDIA_UNREADABLE, "%.160s: %s", path, strerror(errno));
}

void vv_footage_close(VvFootage **footage) {
    VvFootage *f = *footage;
    if (!f)
        return;
    vv_vp8_decoder_free(&f->decoder);
    vv_webm_reader_close(&f->webm);
    vv_y4m_reader_close(&f->y4m);
    vv_image_free(&f->image);
    if (f->owned)
        fclose(f->file);
    free(f->name);
    free(f);
    *footage = NULL;
}

/* ---- frames -------------------------------------------------------------------------------------------------- */

static int next_of_image(VvFootage *footage, VvFootageFrame *frame) {
    frame->time = 0;
    return footage->frames == 0;
}

/* Frame k of n/d a second begins at k d / n seconds, to the microsecond below; in parts, so that nothing overflows. */
static int next_of_y4m(VvFootage *footage, VvFootageFrame *frame, VvMediaProblem *problem) {
    const VvY4mForm *form = vv_y4m_reader_form(footage->y4m);
    const int64_t n = form->fps_numerator, d = form->fps_denominator;
    const int64_t rest = footage->frames % n * d;
    frame->time = (footage->frames / n * d + rest / n) * VV_SECOND + rest % n * VV_SECOND / n;
    return vv_y4m_read(footage->y4m, footage->image.rgb, problem);
}

static int decode_error(int error, int most, VvMediaProblem *problem) {
    if (error == -ENOMEM)
        no_memory(problem);
    else if (error == -EFBIG)
        vv_media_fail(problem, VV_MEDIA_BAD_SIZE, "a frame of the WebM file is larger than %d x %d", most, most);
    else if (error == -EAGAIN)
        vv_media_fail(problem, VV_MEDIA_DAMAGED, "the WebM file does not begin with a key frame");
    else
        vv_media_fail(problem, VV_MEDIA_DAMAGED, "a frame of the WebM file is not VP8");
    return -1;
}

/* 1, or -1 with the problem. */
static int show(VvFootage *footage, const VvPicture *picture, VvMediaProblem *problem) {
    VvImage *image = &footage->image;
    if (image->width != picture->width || image->height != picture->height) {
        vv_image_free(image);
        if (vv_image_alloc(image, picture->width, picture->height)) {
            no_memory(problem);
            return -1;
        }
    }
    const VvColourPlanes planes = {
        .width = picture->width,
        .height = picture->height,
        .plane = {picture->plane[0], picture->plane[1], picture->plane[2]},
        .stride = {picture->stride[0], picture->stride[1], picture->stride[2]},
    };
    vv_colours_to_rgb(&planes, vv_webm_reader_content(footage->webm)->colours, image->rgb);
    return 1;
}

/* Passes over sound, frames that only later ones refer to, and empty ones, which recorders write when nothing moved. */
static int next_of_webm(VvFootage *footage, VvFootageFrame *frame, VvMediaProblem *problem) {
    VvWebmBlock block;
    int got;
    while ((got = vv_webm_read(footage->webm, &block, problem)) == 1) {
        VvPicture picture;
        if (block.sound || block.size == 0)
            continue;
        const int error =
            vv_vp8_decode(footage->decoder, block.data, block.size, footage->most, footage->most, &picture);
        if (error)
            return decode_error(error, footage->most, problem);
        frame->time = block.time;
        if (picture.plane[0])
            return show(footage, &picture, problem);
    }
    return got;
}

int vv_footage_next(VvFootage *footage, VvFootageFrame *frame, VvMediaProblem *problem) {
    VvMediaProblem local;
    VvMediaProblem *why = problem ? problem : &local;
    int got;
    *frame = (VvFootageFrame){.image = &footage->image};
    if (footage->kind == VV_FOOTAGE_WEBM)
        got = next_of_webm(footage, frame, why);
    else if (footage->kind == VV_FOOTAGE_Y4M)
        got = next_of_y4m(footage, frame, why);
    else
        got = next_of_image(footage, frame);
    if (got < 0)
        vv_media_name_file(why, footage->name);
    if (got != 1)
        *frame = (VvFootageFrame){0};
    footage->frames += got == 1;
    return got;
}
