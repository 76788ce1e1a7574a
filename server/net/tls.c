/* Loading and reloading of certificates. A context of its own is filled first, so that a bad file never leaves the
 * server with half of a new pair. */
#include "server/net/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int fail(const char *what, const char *path, char *why, size_t why_size) {
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    snprintf(why, why_size, "%s %s: %s", what, path, reason ? reason : "not usable");
    return -EINVAL;
}

static int load(SSL_CTX *tls, const char *cert, const char *key, char *why, size_t why_size) {
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(tls, cert) != 1)
        return fail("cannot use the certificate", cert, why, why_size);
    if (SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1)
        return fail("cannot use the certificate's key", key, why, why_size);
    if (SSL_CTX_check_private_key(tls) != 1)
        return fail("the certificate does not belong to the key", key, why, why_size);
    return 0;
}

static int readable(const char *what, const char *path, char *why, size_t why_size) {
    if (access(path, R_OK) == 0)
        return 0;
    const int error = errno;
    snprintf(why, why_size, "cannot read the %s %s: %s", what, path, strerror(error));
    return -error;
}

int vv_tls_use(SSL_CTX *tls, const char *cert, const char *key, char *why, size_t why_size) {
    int error = readable("certificate", cert, why, why_size);
    if (!error)
        error = readable("certificate's key", key, why, why_size);
    if (error)
        return error;
    SSL_CTX *trial = SSL_CTX_new(TLS_server_method());
    if (!trial) {
        snprintf(why, why_size, "out of memory");
        return -ENOMEM;
    }
    error = load(trial, cert, key, why, why_size);
    SSL_CTX_free(trial);
    return error || !tls ? error : load(tls, cert, key, why, why_size);
}
