/* Tokens by libjwt. */
#include "server/net/token.h"

#include "server/net/server.h"

#include <ctype.h>
#include <errno.h>
#include <jwt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define KEY_BYTES_MAX 16384

static const char *const role_names[VV_Role_COUNT] = {
    [VV_ROLE_VIEWER] = "viewer",
    [VV_ROLE_BACKEND] = "backend",
    [VV_ROLE_BOTH] = "both",
};

struct VvTokens {
    jwt_alg_t algorithm;
    int size;
    unsigned char key[KEY_BYTES_MAX + 1];
};

/* ---- keys ---------------------------------------------------------------------------------------------- */

static int read_key(const char *path, VvTokens *tokens, char *why, size_t why_size) {
    FILE *file = fopen(path, "rb");
    if (!file) {
        const int error = errno;
        snprintf(why, why_size, "cannot read the key %s: %s", path, strerror(error));
        return -error;
    }
    const size_t size = fread(tokens->key, 1, sizeof tokens->key, file);
    const int error = ferror(file) ? EIO : 0;
    fclose(file);
    if (error || size > KEY_BYTES_MAX) {
        snprintf(why, why_size, "cannot read the key %s: %s", path, error ? strerror(error) : "it is too large");
        return error ? -error : -EFBIG;
    }
    tokens->size = (int)size;
    return 0;
}

static int trim_secret(const char *path, VvTokens *tokens, char *why, size_t why_size) {
    while (tokens->size > 0 && isspace(tokens->key[tokens->size - 1]))
        tokens->size--;
    if (tokens->size >= VV_SECRET_BYTES_MIN)
        return 0;
    snprintf(why, why_size, "the secret in %s is shorter than %d bytes; make one with: openssl rand -hex 32 > %s", path,
             VV_SECRET_BYTES_MIN, path);
    return -EINVAL;
}

static int check_rsa(const char *path, VvTokens *tokens, bool private, char *why, size_t why_size) {
    BIO *bio = BIO_new_mem_buf(tokens->key, tokens->size);
    EVP_PKEY *key = NULL;
    if (bio)
        key = private ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
    const bool good = key && EVP_PKEY_base_id(key) == EVP_PKEY_RSA;
    EVP_PKEY_free(key);
    BIO_free(bio);
    if (good)
        return 0;
    snprintf(why, why_size, "%s is not an RSA %s key in PEM form", path, private ? "private" : "public");
    return -EINVAL;
}

/* Exactly one of the paths is given. */
static int open_key(const char *secret, const char *rsa, bool private, VvTokens **out, char *why, size_t why_size) {
    *out = NULL;
    if (!secret == !rsa) {
        snprintf(why, why_size, "give either a secret or an RSA key");
        return -EINVAL;
    }
    VvTokens *tokens = calloc(1, sizeof *tokens);
    if (!tokens) {
        snprintf(why, why_size, "out of memory");
        return -ENOMEM;
    }
    tokens->algorithm = secret ? JWT_ALG_HS256 : JWT_ALG_RS256;
    int error = read_key(secret ? secret : rsa, tokens, why, why_size);
    if (!error)
        error = secret ? trim_secret(secret, tokens, why, why_size) : check_rsa(rsa, tokens, private, why, why_size);
    if (error)
        vv_tokens_close(&tokens);
    *out = tokens;
    return error;
}

int vv_tokens_open(const char *secret_file, const char *public_file, VvTokens **tokens, char *why, size_t why_size) {
    return open_key(secret_file, public_file, false, tokens, why, why_size);
}

void vv_tokens_close(VvTokens **tokens) {
    if (*tokens)
        OPENSSL_cleanse(*tokens, sizeof **tokens);
    free(*tokens);
    *tokens = NULL;
}

/* ---- checking ------------------------------------------------------------------------------------------ */

static int role_by_name(const char *name) {
    for (int i = 0; i < VV_Role_COUNT; i++)
        if (strcmp(name, role_names[i]) == 0)
            return i;
    return -1;
}

static const char *check_claims(jwt_t *jwt, long now, VvClaims *claims) {
    const long expires = jwt_get_grant_int(jwt, "exp"), begins = jwt_get_grant_int(jwt, "nbf");
    if (expires <= 0)
        return "the token has no time of expiry";
    if (expires <= now)
        return "the token has expired";
    if (begins > now)
        return "the token is not valid yet";
    const char *session = jwt_get_grant(jwt, "session"), *role = jwt_get_grant(jwt, "role");
    if (session && strlen(session) >= sizeof claims->session)
        return "the token's session name is too long";
    claims->role = role ? role_by_name(role) : -1;
    if (role && claims->role < 0)
        return "the token's role is unknown";
    snprintf(claims->session, sizeof claims->session, "%s", session ? session : "");
    return NULL;
}

const char *vv_tokens_check(const VvTokens *tokens, const char *token, long now, VvClaims *claims) {
    jwt_t *jwt = NULL;
    if (jwt_decode(&jwt, token, tokens->key, tokens->size))
        return "the token is malformed or its signature is wrong";
    /* The library verified by the algorithm that the token itself names. */
    const char *why =
        jwt_get_alg(jwt) == tokens->algorithm ? check_claims(jwt, now, claims) : "the token's algorithm is not allowed";
    jwt_free(jwt);
    return why;
}

const char *vv_claims_apply(const VvClaims *claims, VvSessionStart *start) {
    if (claims->role >= 0 && claims->role != VV_ROLE_BOTH && claims->role != start->role)
        return "the token does not allow this role";
    if (!claims->session[0])
        return NULL;
    if (!VV_HAS(start, SessionStart, session)) {
        snprintf(start->session, sizeof start->session, "%s", claims->session);
        VV_MARK(start, SessionStart, session);
    }
    return strcmp(start->session, claims->session) == 0 ? NULL : "the token does not allow this session";
}

/* ---- signing ------------------------------------------------------------------------------------------- */

int vv_token_sign(const char *secret_file, const char *private_file, const char *session, int role, long seconds,
                  char *out, size_t size, char *why, size_t why_size) {
    VvTokens *tokens = NULL;
    jwt_t *jwt = NULL;
    char *text = NULL;
    const long now = (long)time(NULL);
    int error = open_key(secret_file, private_file, true, &tokens, why, why_size);
    if (error)
        return error;
    error = jwt_new(&jwt);
    if (!error)
        error = jwt_add_grant_int(jwt, "iat", now);
    if (!error)
        error = jwt_add_grant_int(jwt, "exp", now + seconds);
    if (!error && session && *session)
        error = jwt_add_grant(jwt, "session", session);
    if (!error && role >= 0)
        error = jwt_add_grant(jwt, "role", role_names[role]);
    if (!error)
        error = jwt_set_alg(jwt, tokens->algorithm, tokens->key, tokens->size);
    if (!error)
        text = jwt_encode_str(jwt);
    if (text && strlen(text) < size) {
        memcpy(out, text, strlen(text) + 1);
    } else {
        error = error ? error : text ? ENOSPC : EINVAL;
        snprintf(why, why_size, "cannot sign a token: %s", strerror(error));
    }
    free(text);
    if (jwt)
        jwt_free(jwt);
    vv_tokens_close(&tokens);
    return -error;
}
