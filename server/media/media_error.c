/* Errors of files of pictures and sound, by name and in words. */
#include "server/media/media_error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const names[VV_MEDIA_ERRORS] = {
#define VV_MEDIA_ERROR(NAME, name, sentence) [VV_MEDIA_##NAME] = name,
#include "server/media/media_errors.def"
#undef VV_MEDIA_ERROR
};

static const char *const sentences[VV_MEDIA_ERRORS] = {
#define VV_MEDIA_ERROR(NAME, name, sentence) [VV_MEDIA_##NAME] = sentence,
#include "server/media/media_errors.def"
#undef VV_MEDIA_ERROR
};

const char *vv_media_error_name(VvMediaError error) {
    return names[error];
}

const char *vv_media_error_sentence(VvMediaError error) {
    return sentences[error];
}

VvMediaError vv_media_fail(VvMediaProblem *problem, VvMediaError error, const char *format, ...) {
    if (problem) {
        problem->error = error;
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(problem->text, sizeof problem->text, format, arguments);
        va_end(arguments);
    }
    return error;
}

void vv_media_name_file(VvMediaProblem *problem, const char *path) {
    char text[sizeof problem->text];
    memcpy(text, problem->text, sizeof text);
    const int used = snprintf(problem->text, sizeof problem->text, "%.160s: ", path);
    snprintf(problem->text + used, sizeof problem->text - (size_t)used, "%s", text);
}
