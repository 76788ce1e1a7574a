/* Why a file of pictures or sound cannot be read or written: by name, and in a sentence that says where. */
#ifndef VV_MEDIA_ERROR_H
#define VV_MEDIA_ERROR_H

typedef enum VvMediaError {
#define VV_MEDIA_ERROR(NAME, name, sentence) VV_MEDIA_##NAME,
#include "server/media/media_errors.def"
#undef VV_MEDIA_ERROR
    VV_MEDIA_ERRORS
} VvMediaError;

typedef struct VvMediaProblem {
    VvMediaError error;
    char text[320];
} VvMediaProblem;

/* An error's name ("no_pictures") and what it means, in words. Any thread. */
const char *vv_media_error_name(VvMediaError error);
const char *vv_media_error_sentence(VvMediaError error);

/* Writes the formatted text into `problem`, if there is one, and returns `error`. */
VvMediaError vv_media_fail(VvMediaProblem *problem, VvMediaError error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "PATH: " before a problem's text. */
void vv_media_name_file(VvMediaProblem *problem, const char *path);

#endif
