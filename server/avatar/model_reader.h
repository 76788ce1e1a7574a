/* Reads the model's sizes and tensors from files of weights: reading goes on until the first error, which stays, so
 * that what reads a whole network asks once, at the end. */
#ifndef VV_MODEL_READER_H
#define VV_MODEL_READER_H

#include "kernels/kernels.h"
#include "weights/vv_weights.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Why a part of the model could not be opened: `text` is a sentence that names the file, the tensor or the setting;
 * `weights` or `kernels` is not OK where one of these is the reason. */
typedef struct VvModelProblem {
    VvWeightsError weights;
    VvKernelStatus kernels;
    char text[400];
} VvModelProblem;

typedef struct VvReader {
    const VvWeights *weights;
    VvModelProblem *problem; /* never NULL */
    size_t parameters;       /* numbers read so far */
    int error;               /* 0 or -errno */
} VvReader;

/* Notes an error: `error` is a negative errno, the rest goes to the problem. */
void vv_reader_fail(VvReader *reader, int error, VvWeightsError weights, VvKernelStatus kernels, const char *format,
                    ...) __attribute__((format(printf, 5, 6)));

/* Notes a kernel's error, if it is one: -ENOMEM or -ENOTSUP. Whether all is well still. */
bool vv_reader_kernels(VvReader *reader, VvKernelStatus status, const char *what);

/* A whole number of the config within bounds, both included; `least` after an error. */
int vv_reader_size(VvReader *reader, const char *key, int least, int most);

/* A flag of the config that must be as the server knows it. */
void vv_reader_flag(VvReader *reader, const char *key, bool wanted);

/* A float tensor as floats, to be freed by the caller; NULL after an error. The name is made as printf makes it. A
 * matrix may be stored as bytes, in steps of its rows' scales ("NAME.scale"), 128 being 0. */
float *vv_reader_floats(VvReader *reader, int rank, const int64_t shape[], const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Checks that no tensor holds what is no number. */
void vv_reader_finite(VvReader *reader);

#endif
