/* Files of weights, made in memory from the texts of their headers: right ones and wrong ones. */
#ifndef VV_TEST_BUILD_H
#define VV_TEST_BUILD_H

#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef struct File {
    _Alignas(64) uint8_t bytes[8192];
    size_t size;
} File;

#define BUILD_CONFIG                                                                                                   \
    "{\\\"name\\\":\\\"nano\\\",\\\"codec\\\":{\\\"width\\\":64,\\\"rate\\\":0.25,\\\"sharp\\\":true,\\\"sizes\\\":["  \
    "8,16,32],"                                                                                                        \
    "\\\"none\\\":[]}}"

/* The header as it is, padded with spaces so that the data begin at a multiple of 64; then the data. */
static inline void build_raw(File *file, const char *header, const void *data, size_t size) {
    const size_t text = strlen(header);
    const uint64_t length = text + (64 - (8 + text) % 64) % 64;
    memcpy(file->bytes, &length, 8);
    memset(file->bytes + 8, ' ', length);
    memcpy(file->bytes + 8, header, text);
    if (size > 0)
        memcpy(file->bytes + 8 + length, data, size);
    file->size = 8 + length + size;
}

/* "sha256:..." of the data. */
static inline void build_checksum(char text[80], const void *data, size_t size) {
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_Digest(data, size, digest, &length, EVP_sha256(), NULL);
    size_t used = (size_t)snprintf(text, 80, "sha256:");
    for (unsigned i = 0; i < length; i++)
        used += (size_t)snprintf(text + used, 80 - used, "%02x", digest[i]);
}

/* A file with these tensors ("\"a\":{...},..." or ""), this config (escaped as JSON inside JSON) and the right
 * checksum. */
static inline void build_with_config(File *file, const char *tensors, const char *config, const void *data,
                                     size_t size) {
    char header[4096], checksum[80];
    build_checksum(checksum, data, size);
    snprintf(header, sizeof header,
             "{\"__metadata__\":{\"config\":\"%s\",\"provenance\":\"{\\\"steps\\\":3}\",\"checksum\":\"%s\"}%s%s}",
             config, checksum, *tensors ? "," : "", tensors);
    build_raw(file, header, data, size);
}

static inline void build(File *file, const char *tensors, const void *data, size_t size) {
    build_with_config(file, tensors, BUILD_CONFIG, data, size);
}

#endif
