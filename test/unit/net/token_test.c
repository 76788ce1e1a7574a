/* Tokens: good ones, and every way of being wrong. */
#include "server/net/server.h"
#include "server/net/token.h"

#include <jwt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define SECRET "0123456789abcdef0123456789abcdef"

static char folder[] = "/tmp/visavis-token-XXXXXX";
static char secret[64], other[64], private_key[64], public_key[64], why[512];
static long now;

static void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int make_keys(void **state) {
    (void)state;
    char command[512];
    now = (long)time(NULL);
    if (!mkdtemp(folder))
        return -1;
    snprintf(secret, sizeof secret, "%s/secret", folder);
    snprintf(other, sizeof other, "%s/other", folder);
    snprintf(private_key, sizeof private_key, "%s/private.pem", folder);
    snprintf(public_key, sizeof public_key, "%s/public.pem", folder);
    write_file(secret, SECRET "\n");
    write_file(other, "another secret that is long enough");
    snprintf(command, sizeof command,
             "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out %s 2>%s/log && "
             "openssl pkey -in %s -pubout -out %s 2>>%s/log",
             private_key, folder, private_key, public_key, folder);
    return system(command);
}

static int remove_keys(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

/* Checks a token with the secret, or, if `rsa`, the public key. */
static const char *check(bool rsa, const char *token, VvClaims *claims) {
    VvTokens *tokens;
    assert_int_equal(vv_tokens_open(rsa ? NULL : secret, rsa ? public_key : NULL, &tokens, why, sizeof why), 0);
    const char *result = vv_tokens_check(tokens, token, now, claims);
    vv_tokens_close(&tokens);
    assert_null(tokens);
    return result;
}

static const char *sign(bool rsa, const char *session, int role, long seconds) {
    static char token[VV_TOKEN_BYTES_MAX];
    assert_int_equal(vv_token_sign(rsa ? NULL : secret, rsa ? private_key : NULL, session, role, seconds, token,
                                   sizeof token, why, sizeof why),
                     0);
    return token;
}

/* A token with any claims and any algorithm, by the library itself. */
static const char *forge(jwt_alg_t algorithm, const char *key, const char *claims) {
    static char token[VV_TOKEN_BYTES_MAX];
    jwt_t *jwt;
    assert_int_equal(jwt_new(&jwt), 0);
    assert_int_equal(jwt_add_grants_json(jwt, claims), 0);
    assert_int_equal(jwt_set_alg(jwt, algorithm, (const unsigned char *)key, key ? (int)strlen(key) : 0), 0);
    char *text = jwt_encode_str(jwt);
    assert_non_null(text);
    snprintf(token, sizeof token, "%s", text);
    free(text);
    jwt_free(jwt);
    return token;
}

static void test_good_ones(void **state) {
    (void)state;
    VvClaims claims;
    for (int rsa = 0; rsa < 2; rsa++) {
        assert_null(check(rsa, sign(rsa, "room-1", VV_ROLE_BACKEND, 60), &claims));
        assert_string_equal(claims.session, "room-1");
        assert_int_equal(claims.role, VV_ROLE_BACKEND);
        assert_null(check(rsa, sign(rsa, "", -1, 60), &claims));
        assert_string_equal(claims.session, "");
        assert_int_equal(claims.role, -1);
    }
}

static void test_times(void **state) {
    (void)state;
    VvClaims claims;
    assert_string_equal(check(false, sign(false, "", -1, -10), &claims), "the token has expired");
    assert_string_equal(check(false, forge(JWT_ALG_HS256, SECRET, "{\"session\":\"a\"}"), &claims),
                        "the token has no time of expiry");
    assert_string_equal(check(false, forge(JWT_ALG_HS256, SECRET, "{\"exp\":\"4102444800\"}"), &claims),
                        "the token has no time of expiry");
    assert_string_equal(check(false, forge(JWT_ALG_HS256, SECRET, "{\"exp\":4102444800,\"nbf\":4102444000}"), &claims),
                        "the token is not valid yet");
}

static void test_wrong_signatures(void **state) {
    (void)state;
    VvClaims claims;
    char token[VV_TOKEN_BYTES_MAX], changed[VV_TOKEN_BYTES_MAX];
    assert_int_equal(vv_token_sign(other, NULL, "", -1, 60, token, sizeof token, why, sizeof why), 0);
    assert_non_null(check(false, token, &claims));
    /* every byte of a good token matters */
    snprintf(token, sizeof token, "%s", sign(false, "room", VV_ROLE_VIEWER, 60));
    for (size_t i = 0; token[i]; i++) {
        memcpy(changed, token, sizeof token);
        changed[i] = changed[i] == '.' ? 'a' : '.';
        assert_non_null(check(false, changed, &claims));
    }
    assert_non_null(check(false, "", &claims));
    assert_non_null(check(false, "a.b.c", &claims));
    assert_non_null(check(false, "...", &claims));
}

static void test_algorithms(void **state) {
    (void)state;
    static const char good[] = "{\"exp\":4102444800}";
    VvClaims claims;
    char pem[4096] = "";
    FILE *file = fopen(public_key, "r");
    assert_true(fread(pem, 1, sizeof pem - 1, file) > 0);
    fclose(file);
    assert_null(check(false, forge(JWT_ALG_HS256, SECRET, good), &claims));
    assert_string_equal(check(false, forge(JWT_ALG_HS512, SECRET, good), &claims),
                        "the token's algorithm is not allowed");
    assert_non_null(check(false, forge(JWT_ALG_NONE, NULL, good), &claims));
    assert_non_null(check(true, forge(JWT_ALG_NONE, NULL, good), &claims));
    /* the public key used as a secret */
    assert_non_null(check(true, forge(JWT_ALG_HS256, pem, good), &claims));
    assert_non_null(check(false, sign(true, "", -1, 60), &claims));
}

static void test_odd_claims(void **state) {
    (void)state;
    VvClaims claims;
    char long_name[256];
    snprintf(long_name, sizeof long_name, "{\"exp\":4102444800,\"session\":\"%070d\"}", 0);
    assert_string_equal(check(false, forge(JWT_ALG_HS256, SECRET, long_name), &claims),
                        "the token's session name is too long");
    assert_string_equal(check(false, forge(JWT_ALG_HS256, SECRET, "{\"exp\":4102444800,\"role\":\"admin\"}"), &claims),
                        "the token's role is unknown");
}

static VvSessionStart start_of(VvRole role, const char *session) {
    VvMessage message;
    vv_message_init(&message, VV_MSG_SESSION_START);
    VvSessionStart *start = &message.body.SessionStart;
    start->role = (int32_t)role;
    if (session) {
        snprintf(start->session, sizeof start->session, "%s", session);
        VV_MARK(start, SessionStart, session);
    }
    return *start;
}

static void test_what_claims_allow(void **state) {
    (void)state;
    const VvClaims any = {.role = -1}, viewer = {.session = "a", .role = VV_ROLE_VIEWER}, both = {.role = VV_ROLE_BOTH};
    VvSessionStart start = start_of(VV_ROLE_BACKEND, "b");
    assert_null(vv_claims_apply(&any, &start));
    assert_null(vv_claims_apply(&both, &start));
    assert_string_equal(vv_claims_apply(&viewer, &start), "the token does not allow this role");
    start = start_of(VV_ROLE_BOTH, "a");
    assert_string_equal(vv_claims_apply(&viewer, &start), "the token does not allow this role");
    start = start_of(VV_ROLE_VIEWER, "b");
    assert_string_equal(vv_claims_apply(&viewer, &start), "the token does not allow this session");
    start = start_of(VV_ROLE_VIEWER, "a");
    assert_null(vv_claims_apply(&viewer, &start));
    start = start_of(VV_ROLE_VIEWER, NULL);
    assert_null(vv_claims_apply(&viewer, &start));
    assert_string_equal(start.session, "a");
    assert_true(VV_HAS(&start, SessionStart, session));
}

static void test_bad_keys(void **state) {
    (void)state;
    VvTokens *tokens;
    char path[80];
    snprintf(path, sizeof path, "%s/short", folder);
    write_file(path, "too short\n");
    assert_true(vv_tokens_open(path, NULL, &tokens, why, sizeof why) < 0);
    assert_non_null(strstr(why, "shorter than 32 bytes"));
    assert_true(vv_tokens_open("/nowhere/key", NULL, &tokens, why, sizeof why) < 0);
    assert_non_null(strstr(why, "No such file"));
    assert_true(vv_tokens_open(NULL, secret, &tokens, why, sizeof why) < 0);
    assert_non_null(strstr(why, "not an RSA public key"));
    assert_true(vv_tokens_open(NULL, private_key, &tokens, why, sizeof why) < 0);
    assert_true(vv_tokens_open(secret, public_key, &tokens, why, sizeof why) < 0);
    assert_true(vv_tokens_open(NULL, NULL, &tokens, why, sizeof why) < 0);
    assert_null(tokens);
    char small[16];
    assert_true(vv_token_sign(secret, NULL, "", -1, 60, small, sizeof small, why, sizeof why) < 0);
    assert_true(vv_token_sign(NULL, public_key, "", -1, 60, small, sizeof small, why, sizeof why) < 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_ones),  cmocka_unit_test(test_times),      cmocka_unit_test(test_wrong_signatures),
        cmocka_unit_test(test_algorithms), cmocka_unit_test(test_odd_claims), cmocka_unit_test(test_what_claims_allow),
        cmocka_unit_test(test_bad_keys),
    };
    return cmocka_run_group_tests_name("token", tests, make_keys, remove_keys);
}
