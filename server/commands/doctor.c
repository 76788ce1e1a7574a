/* `visavis doctor`: what this machine can do, and what is missing. */
#include "server/commands/doctor/doctor.h"
#include "server/commands/commands.h"
#include "server/config.h"

#include <jansson.h>
#include <stdio.h>

typedef struct Settings {
    bool json;
    int port;
    VvAvatarOptions avatar;
} Settings;

static const VvOption options[] = {
    {"json", VV_OPTION_FLAG, offsetof(Settings, json), 0, 0, NULL, NULL, "print JSON"},
    {"port", VV_OPTION_INT, offsetof(Settings, port), 1, 65535, "8080", "N", "the port to look at"},
    VV_AVATAR_OPTIONS(Settings, avatar),
    {NULL, VV_OPTION_FLAG, 0, 0, 0, NULL, NULL, NULL},
};

static const char *const words[] = {"ok", "note", "missing"};

static void print_lines(const VvFindings *findings) {
    for (size_t i = 0; i < findings->count; i++) {
        const VvFinding *finding = &findings->list[i];
        printf("%-8s %-14s %s\n", words[finding->health], finding->name, finding->text);
        if (finding->fix[0])
            printf("%-8s %-14s -> %s\n", "", "", finding->fix);
    }
}

static void print_json(const VvFindings *findings, bool healthy) {
    json_t *checks = json_array();
    for (size_t i = 0; i < findings->count; i++) {
        const VvFinding *finding = &findings->list[i];
        json_t *check =
            json_pack("{s:s, s:s, s:s}", "name", finding->name, "state", words[finding->health], "text", finding->text);
        if (finding->fix[0])
            json_object_set_new(check, "fix", json_string(finding->fix));
        json_array_append_new(checks, check);
    }
    json_t *all = json_pack("{s:s, s:b, s:i, s:o}", "version", VV_VERSION, "ok", healthy, "sessions",
                            findings->sessions, "checks", checks);
    json_dumpf(all, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(all);
}

static void examine(VvFindings *findings, const Settings *settings) {
    vv_doctor_processor(findings);
    vv_doctor_memory(findings);
    vv_doctor_libraries(findings);
    vv_doctor_gpu(findings);
    vv_doctor_weights(findings, &settings->avatar);
    vv_doctor_page(findings);
    vv_doctor_port(findings, settings->port);
    vv_doctor_voice(findings);
    vv_doctor_codecs(findings);
    vv_doctor_avatar(findings, &settings->avatar);
}

int vv_command_doctor(int argc, char **argv) {
    static VvFindings findings;
    Settings settings = {0};
    char why[512];
    int status = vv_options_read(options, &settings, argc, argv, why, sizeof why);
    if (status > 0) {
        printf("usage: visavis doctor [OPTION]...\n"
               "Says what this machine can do, what is missing, and what to do about it.\n"
               "Exit status: 0; 1 if something needed is missing; 2 for wrong usage.\n\n");
        vv_options_help(options);
    } else if (status < 0) {
        fprintf(stderr, "visavis doctor: %s\n", why);
    }
    if (status) {
        vv_options_free(options, &settings);
        return status < 0 ? 2 : 0;
    }
    bool healthy = true;
    findings = (VvFindings){0};
    examine(&findings, &settings);
    for (size_t i = 0; i < findings.count; i++)
        healthy = healthy && findings.list[i].health != VV_HEALTH_MISSING;
    if (settings.json)
        print_json(&findings, healthy);
    else
        print_lines(&findings);
    vv_options_free(options, &settings);
    return healthy ? 0 : 1;
}
