/* visavis token: signs a token that lets a client join. */
#include "server/commands/commands.h"
#include "server/config.h"
#include "server/net/server.h"

#include <stdio.h>
#include <string.h>

typedef struct Settings {
    char *secret_file, *private_key, *session, *role;
    int expires;
} Settings;

#define AT(member) offsetof(Settings, member)

static const VvOption options[] = {
    {"secret-file", VV_OPTION_STRING, AT(secret_file), 0, 0, NULL, "FILE", "sign with HS256 and this secret"},
    {"private-key", VV_OPTION_STRING, AT(private_key), 0, 0, NULL, "FILE",
     "sign with RS256 and this private key (PEM)"},
    {"session", VV_OPTION_STRING, AT(session), 0, 0, NULL, "NAME", "the only session it is good for; any without"},
    {"role", VV_OPTION_STRING, AT(role), 0, 0, NULL, "ROLE", "viewer, backend or both; any without"},
    {"expires", VV_OPTION_INT, AT(expires), 1, 31536000, "3600", "SECONDS", "how long it is good"},
    {NULL, VV_OPTION_FLAG, 0, 0, 0, NULL, NULL, NULL},
};

static int role_number(const char *name) {
    static const char *const names[] = {"viewer", "backend", "both"};
    for (int role = 0; role < 3; role++)
        if (strcmp(names[role], name) == 0)
            return role;
    return -1;
}

static int print_token(const Settings *settings) {
    char token[4096], why[256];
    const int role = settings->role ? role_number(settings->role) : -1;
    if (settings->role && role < 0) {
        fprintf(stderr, "visavis token: --role must be viewer, backend or both, not \"%s\"\n", settings->role);
        return 2;
    }
    if (!settings->secret_file == !settings->private_key) {
        fprintf(stderr, "visavis token: give either --secret-file or --private-key\n");
        return 2;
    }
    if (vv_token_sign(settings->secret_file, settings->private_key, settings->session ? settings->session : "", role,
                      settings->expires, token, sizeof token, why, sizeof why) < 0) {
        fprintf(stderr, "visavis token: %s\n", why);
        return 1;
    }
    puts(token);
    return 0;
}

int vv_command_token(int argc, char **argv) {
    Settings settings = {0};
    char why[512];
    int status = vv_options_read(options, &settings, argc, argv, why, sizeof why);
    if (status == 1 || status == 2) {
        printf("usage: visavis token (--secret-file FILE | --private-key FILE) [OPTION]...\n"
               "Signs a token for `Authorization: Bearer` or `?token=`, and prints it.\n\n");
        vv_options_help(options);
        status = 0;
    } else if (status < 0) {
        fprintf(stderr, "visavis token: %s\n", why);
        status = 2;
    } else {
        status = print_token(&settings);
    }
    vv_options_free(options, &settings);
    return status;
}
