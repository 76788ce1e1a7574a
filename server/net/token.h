/* Signed tokens: who may join which session, in which role, until when. Signing is vv_token_sign in server.h. */
#ifndef VV_TOKEN_H
#define VV_TOKEN_H

#include "protocol/vv_protocol.h"

#include <stddef.h>

#define VV_TOKEN_BYTES_MAX 4096
#define VV_SECRET_BYTES_MIN 32 /* as long as the hash: shorter ones can be guessed */

/* The key that tokens are checked with. */
typedef struct VvTokens VvTokens;

/* Reads a key: an HS256 secret (white space at its end is not part of it) or an RS256 public key in PEM; the other one
 * is NULL. Returns 0 and the key, or -errno with the reason in `why`. */
int vv_tokens_open(const char *secret_file, const char *public_file, VvTokens **tokens, char *why, size_t why_size);
void vv_tokens_close(VvTokens **tokens);

/* What a token says. */
typedef struct VvClaims {
    char session[65]; /* empty: any */
    int role;         /* VvRole; -1: any */
} VvClaims;

/* Checks signature, algorithm and times. NULL if all is well and `claims` is filled; otherwise why not, in words. The
 * algorithm must be the key's own, whatever the token says: a public key must never serve as a secret. `now`: seconds
 * since 1970. */
const char *vv_tokens_check(const VvTokens *tokens, const char *token, long now, VvClaims *claims);

/* Whether a session.start is what the claims allow. NULL if so, otherwise why not. A start that names no session is
 * given the claims' one. The role "both" includes the other two. */
const char *vv_claims_apply(const VvClaims *claims, VvSessionStart *start);

#endif
