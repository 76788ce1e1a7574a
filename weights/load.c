/* Opening and closing: maps the file, has its header read, checks the data's checksum. */
#include "weights/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensors are used as they lie in the file");

VvWeightsError vv_weights_fail(VvWeightsProblem *problem, const char *label, VvWeightsError error, const char *format,
                               ...) {
    if (problem) {
        problem->error = error;
        const int used = snprintf(problem->text, sizeof problem->text, "%.160s: ", label);
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(problem->text + used, sizeof problem->text - (size_t)used, format, arguments);
        va_end(arguments);
    }
    return error;
}

static VvWeightsError check_data(const VvWeights *weights, VvWeightsProblem *problem) {
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (!EVP_Digest(weights->data, weights->data_size, digest, &length, EVP_sha256(), NULL))
        return vv_weights_fail(problem, weights->label, VV_WEIGHTS_NO_MEMORY, "the checksum could not be computed");
    char text[2 * EVP_MAX_MD_SIZE + 1];
    for (unsigned i = 0; i < length; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    if (strcmp(text, weights->checksum) != 0)
        return vv_weights_fail(problem, weights->label, VV_WEIGHTS_CHECKSUM_MISMATCH,
                               "the data's SHA-256 is %s, not %s as the header says", text, weights->checksum);
    return VV_WEIGHTS_OK;
}

/* Everything but where the bytes come from. */
static VvWeightsError check_file(VvWeights *weights, VvWeightsProblem *problem) {
    const VvWeightsError error = vv_weights_read_header(weights, problem);
    return error ? error : check_data(weights, problem);
}

static VvWeightsError no_memory(const char *label, VvWeightsProblem *problem) {
    return vv_weights_fail(problem, label, VV_WEIGHTS_NO_MEMORY, "there is not enough memory");
}

static VvWeights *new_weights(const char *label) {
    VvWeights *weights = calloc(1, sizeof *weights);
    if (weights && !(weights->label = strdup(label)))
        vv_weights_close(&weights);
    return weights;
}

/* Maps the file. An empty one cannot be mapped, and is too short whatever it was meant to be. */
static VvWeightsError map_file(VvWeights *weights, VvWeightsProblem *problem) {
    VvWeightsError error = VV_WEIGHTS_OK;
    struct stat about;
    const int file = open(weights->label, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &about) != 0) {
        error = vv_weights_fail(problem, weights->label, VV_WEIGHTS_UNREADABLE, "%s", strerror(errno));
    } else if (!S_ISREG(about.st_mode)) {
        error = vv_weights_fail(problem, weights->label, VV_WEIGHTS_UNREADABLE, "this is not a file");
    } else if (about.st_size == 0) {
        error = vv_weights_fail(problem, weights->label, VV_WEIGHTS_TOO_SHORT, "the file is empty");
    } else {
        void *mapped = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, file, 0);
        if (mapped == MAP_FAILED) {
            error = vv_weights_fail(problem, weights->label, VV_WEIGHTS_UNREADABLE, "%s", strerror(errno));
        } else {
            madvise(mapped, (size_t)about.st_size, MADV_WILLNEED);
            weights->mapped = mapped;
            weights->bytes = mapped;
            weights->size = (size_t)about.st_size;
        }
    }
    if (file >= 0)
        close(file);
    return error;
}

VvWeightsError vv_weights_open(const char *path, VvWeights **weights, VvWeightsProblem *problem) {
    *weights = new_weights(path);
    if (!*weights)
        return no_memory(path, problem);
    VvWeightsError error = map_file(*weights, problem);
    if (!error)
        error = check_file(*weights, problem);
    if (error)
        vv_weights_close(weights);
    return error;
}

VvWeightsError vv_weights_open_bytes(const void *bytes, size_t size, VvWeights **weights, VvWeightsProblem *problem) {
    *weights = new_weights("weights");
    if (!*weights)
        return no_memory("weights", problem);
    (*weights)->bytes = bytes;
    (*weights)->size = size;
    const VvWeightsError error = check_file(*weights, problem);
    if (error)
        vv_weights_close(weights);
    return error;
}

void vv_weights_close(VvWeights **weights) {
    VvWeights *w = *weights;
    if (!w)
        return;
    json_decref(w->config_values);
    json_decref(w->header);
    if (w->mapped)
        munmap(w->mapped, w->size);
    free(w->tensor);
    free(w->label);
    free(w);
    *weights = NULL;
}
