/* Weights in a file: tensors by name, the sizes that they were made for, and where they come from.
 *
 * The format is safetensors: the header's length as 8 bytes little-endian, the header (JSON), the data. The header's
 * `__metadata__` holds three strings:
 *   "config"      a JSON object: the model's sizes, read by the getters below
 *   "provenance"  a JSON object: commit, seed of the data set, steps, metrics
 *   "checksum"    "sha256:" and the SHA-256 of the data in 64 lower-case hexadecimal digits
 * weights/train/export.py writes it. Of what the format leaves open, this much is asked: tensors cover the data without
 * gap or overlap, begin at a multiple of their element's size, have 0 to 8 dimensions, none of them 0, are of the types
 * below, and are named in at most 200 printable ASCII characters without spaces.
 *
 * The file is mapped, not read: processes share its pages. So a file in use must be replaced by renaming another over
 * it, never be written into.
 *
 * Once opened, weights do not change: any number of threads may read them. Nothing here logs or keeps state. */
#ifndef VV_WEIGHTS_H
#define VV_WEIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VV_WEIGHTS_RANK_MAX 8
#define VV_WEIGHTS_HEADER_MAX (4 << 20) /* bytes */
#define VV_WEIGHTS_ANY (-1)             /* in a shape that is asked for: any size */

typedef enum VvWeightsError {
#define VV_WEIGHTS_ERROR(NAME, name, sentence) VV_WEIGHTS_##NAME,
#include "weights/errors.def"
#undef VV_WEIGHTS_ERROR
    VV_WEIGHTS_ERRORS
} VvWeightsError;

/* What went wrong, and where: a sentence that names the file or the tensor. */
typedef struct VvWeightsProblem {
    VvWeightsError error;
    char text[320];
} VvWeightsProblem;

/* Little-endian. Half floats and bfloat16 are given as their bits. */
typedef enum VvWeightsType {
    VV_WEIGHTS_F32,
    VV_WEIGHTS_F16,
    VV_WEIGHTS_BF16,
    VV_WEIGHTS_I32,
    VV_WEIGHTS_U8,
    VV_WEIGHTS_TYPES
} VvWeightsType;

/* Sets of types, for vv_weights_get. */
#define VV_WEIGHTS_ONLY(type) (1u << (type))
#define VV_WEIGHTS_FLOATS                                                                                              \
    (VV_WEIGHTS_ONLY(VV_WEIGHTS_F32) | VV_WEIGHTS_ONLY(VV_WEIGHTS_F16) | VV_WEIGHTS_ONLY(VV_WEIGHTS_BF16))

/* A view of a tensor, row-major, last dimension fastest; valid until the weights are closed. */
typedef struct VvWeightsTensor {
    const char *name;
    VvWeightsType type;
    int rank; /* 0: one element */
    int64_t shape[VV_WEIGHTS_RANK_MAX];
    size_t count; /* elements, at least 1 */
    size_t bytes;
    const void *data; /* aligned to an element */
} VvWeightsTensor;

typedef struct VvWeights VvWeights;

/* An error's name ("checksum_mismatch") and what it means, in words. */
const char *vv_weights_error_name(VvWeightsError error);
const char *vv_weights_error_sentence(VvWeightsError error);

/* "F32", "F16", "BF16", "I32" or "U8", and the bytes of an element. */
const char *vv_weights_type_name(VvWeightsType type);
size_t vv_weights_type_size(VvWeightsType type);

/* Maps the file at `path`, checks its header, every tensor's place and the checksum of the data. Returns VV_WEIGHTS_OK
 * and the weights in `*weights`; or what is wrong, `*weights` being NULL. `problem` (may be NULL) tells more. */
VvWeightsError vv_weights_open(const char *path, VvWeights **weights, VvWeightsProblem *problem);

/* The same for a file that is in memory: `bytes` is borrowed until the weights are closed, and aligned to 4 bytes. */
VvWeightsError vv_weights_open_bytes(const void *bytes, size_t size, VvWeights **weights, VvWeightsProblem *problem);

/* Unmaps and frees. Takes the address and clears it; NULL inside is fine. */
void vv_weights_close(VvWeights **weights);

/* How many tensors there are, and the one at `index` (0 .. count - 1), in the order of their names. */
size_t vv_weights_count(const VvWeights *weights);
const VvWeightsTensor *vv_weights_at(const VvWeights *weights, size_t index);

/* The tensor of that name, which must have this rank, this shape (VV_WEIGHTS_ANY: any size) and one of these types (a
 * set: VV_WEIGHTS_FLOATS, VV_WEIGHTS_ONLY(VV_WEIGHTS_U8)). MISSING_TENSOR, WRONG_SHAPE, WRONG_TYPE; `*tensor` is zeroed
 * then. `shape` may be NULL if `rank` is 0. */
VvWeightsError vv_weights_get(const VvWeights *weights, const char *name, int rank, const int64_t *shape,
                              unsigned types, VvWeightsTensor *tensor, VvWeightsProblem *problem);

/* Writes a float tensor's `count` elements to `out` as 32-bit floats, exactly; WRONG_TYPE for others. */
VvWeightsError vv_weights_to_f32(const VvWeightsTensor *tensor, float *out, VvWeightsProblem *problem);

/* NOT_FINITE if any element of any float tensor is an infinity or not a number. Reads all the data. */
VvWeightsError vv_weights_check_finite(const VvWeights *weights, VvWeightsProblem *problem);

/* Values of the config. `key` is a path with dots ("codec.width"). Each is of its kind and within its bounds, both
 * included, or is an error: MISSING_KEY, WRONG_VALUE; `*value` stays as it was then. A whole number is also read as a
 * real one, never the other way round. */
VvWeightsError vv_weights_int(const VvWeights *weights, const char *key, int64_t least, int64_t most, int64_t *value,
                              VvWeightsProblem *problem);
VvWeightsError vv_weights_real(const VvWeights *weights, const char *key, double least, double most, double *value,
                               VvWeightsProblem *problem);
VvWeightsError vv_weights_bool(const VvWeights *weights, const char *key, bool *value, VvWeightsProblem *problem);

/* The string lives as long as the weights do; at most `most` bytes. */
VvWeightsError vv_weights_string(const VvWeights *weights, const char *key, size_t most, const char **value,
                                 VvWeightsProblem *problem);

/* A list of 0 to `room` whole numbers; how many in `*count`. */
VvWeightsError vv_weights_ints(const VvWeights *weights, const char *key, int64_t least, int64_t most, int64_t *values,
                               size_t room, size_t *count, VvWeightsProblem *problem);

/* The texts that the file carries, NUL-terminated, valid until the weights are closed. */
const char *vv_weights_config(const VvWeights *weights);
const char *vv_weights_provenance(const VvWeights *weights);

/* The data's checksum in hexadecimal: what tells one file of weights from another. */
const char *vv_weights_checksum(const VvWeights *weights);

#endif
