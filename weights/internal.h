/* What the files of this folder share, and nobody else includes. */
#ifndef VV_WEIGHTS_INTERNAL_H
#define VV_WEIGHTS_INTERNAL_H

#include "weights/vv_weights.h"

#include <jansson.h>

struct VvWeights {
    char *label;             /* what messages call the file: its path, or "weights" */
    void *mapped;            /* NULL if the bytes are borrowed */
    const uint8_t *bytes;    /* the whole file */
    size_t size;             /* of the file */
    const uint8_t *data;     /* what the tensors' offsets count from */
    size_t data_size;        /* bytes */
    json_t *header;          /* owns the names and the texts below */
    json_t *config_values;   /* the config's text, parsed */
    const char *config;      /* JSON text */
    const char *provenance;  /* JSON text */
    const char *checksum;    /* 64 hexadecimal digits */
    VvWeightsTensor *tensor; /* sorted by name */
    size_t tensors;
};

/* Writes "LABEL: " and the formatted text into `problem`, if there is one, and returns `error`. */
VvWeightsError vv_weights_fail(VvWeightsProblem *problem, const char *label, VvWeightsError error, const char *format,
                               ...) __attribute__((format(printf, 4, 5)));

/* Reads the header of the file that `weights->bytes` holds: fills every field from `data` on. */
VvWeightsError vv_weights_read_header(VvWeights *weights, VvWeightsProblem *problem);

#endif
