/* Files of weights from anywhere. Those that open must keep what the header of vv_weights.h promises: every tensor
 * inside the file, aligned, in the order of names, found by its name, and readable to its last byte.
 *
 * A random change of the data or of the header's tensors would hardly ever get past the checksum, so the right one is
 * put in where the file says "sha256:" and leaves room for it. */
#include "weights/vv_weights.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition) {
    if (!condition)
        abort();
}

static volatile uint8_t seen; /* so that reading cannot be left out */

static void mend_checksum(uint8_t *file, size_t size) {
    uint64_t length;
    if (size < 8)
        return;
    memcpy(&length, file, 8);
    if (length > size - 8)
        return;
    uint8_t *text = memmem(file + 8, length, "sha256:", 7);
    if (!text || (size_t)(file + 8 + length - text) < 7 + 64)
        return;
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned bytes = 0;
    require(EVP_Digest(file + 8 + length, size - 8 - length, digest, &bytes, EVP_sha256(), NULL));
    for (unsigned i = 0; i < bytes; i++) {
        char digits[3];
        snprintf(digits, sizeof digits, "%02x", digest[i]);
        memcpy(text + 7 + 2 * i, digits, 2);
    }
}

static void read_tensor(const VvWeights *weights, size_t index, const uint8_t *file, size_t size) {
    const VvWeightsTensor *tensor = vv_weights_at(weights, index);
    const uint8_t *bytes = tensor->data;
    VvWeightsTensor found;
    require(tensor->rank >= 0 && tensor->rank <= VV_WEIGHTS_RANK_MAX);
    require(bytes >= file && tensor->bytes <= size && (size_t)(bytes - file) <= size - tensor->bytes);
    require((size_t)(bytes - file) % vv_weights_type_size(tensor->type) == 0);
    require(tensor->bytes == tensor->count * vv_weights_type_size(tensor->type));
    require(index == 0 || strcmp(vv_weights_at(weights, index - 1)->name, tensor->name) < 0);
    require(vv_weights_get(weights, tensor->name, tensor->rank, tensor->shape, VV_WEIGHTS_ONLY(tensor->type), &found,
                           NULL) == VV_WEIGHTS_OK);
    require(found.data == tensor->data);
    uint8_t sum = 0;
    for (size_t i = 0; i < tensor->bytes; i++)
        sum ^= bytes[i];
    seen = sum;
}

static void read_config(const VvWeights *weights) {
    int64_t whole = 0, list[4];
    double real = 0;
    size_t count = 0;
    const char *text = "";
    bool flag;
    if (vv_weights_int(weights, "codec.width", 1, 64, &whole, NULL) == VV_WEIGHTS_OK)
        require(whole >= 1 && whole <= 64);
    if (vv_weights_real(weights, "codec.rate", 0, 1, &real, NULL) == VV_WEIGHTS_OK)
        require(real >= 0 && real <= 1);
    if (vv_weights_ints(weights, "codec.sizes", 0, 64, list, 4, &count, NULL) == VV_WEIGHTS_OK)
        require(count <= 4);
    if (vv_weights_string(weights, "name", 8, &text, NULL) == VV_WEIGHTS_OK)
        require(strlen(text) <= 8);
    vv_weights_bool(weights, "codec.sharp", &flag, NULL);
    require(strlen(vv_weights_checksum(weights)) == 64);
    require(vv_weights_config(weights) && vv_weights_provenance(weights));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t *file = malloc(size ? size : 1);
    require(file != NULL);
    memcpy(file, data, size);
    mend_checksum(file, size);
    VvWeights *weights;
    VvWeightsProblem problem = {0};
    const VvWeightsError error = vv_weights_open_bytes(file, size, &weights, &problem);
    require((error == VV_WEIGHTS_OK) == (weights != NULL));
    require(error >= 0 && error < VV_WEIGHTS_ERRORS && problem.error == error);
    require((error == VV_WEIGHTS_OK) == (problem.text[0] == '\0'));
    if (weights) {
        for (size_t i = 0; i < vv_weights_count(weights); i++)
            read_tensor(weights, i, file, size);
        read_config(weights);
        vv_weights_check_finite(weights, &problem);
    }
    vv_weights_close(&weights);
    free(file);
    return 0;
}
