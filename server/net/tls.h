/* Certificate files. */
#ifndef VV_TLS_H
#define VV_TLS_H

#include <openssl/ssl.h>
#include <stddef.h>

/* Checks that both PEM files can be read and belong together, and, unless `tls` is NULL, has new connections use them.
 * Running ones keep what they have. 0 or -errno with the reason in `why`; then nothing has changed. */
int vv_tls_use(SSL_CTX *tls, const char *cert, const char *key, char *why, size_t why_size);

#endif
