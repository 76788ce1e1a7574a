/* visavis: one program, a subcommand for each thing it does. */
#include "server/commands/commands.h"

#include <stdio.h>
#include <string.h>

typedef struct Command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} Command;

static const Command commands[] = {
    {"serve", vv_command_serve, "the daemon: sessions over WebSocket, the page, metrics"},
    {"render", vv_command_render, "speech from a file in, video with sound out"},
    {"assistant", vv_command_assistant, "a voice assistant that says aloud what is typed, and needs nothing else"},
    {"bench", vv_command_bench, "measures latency and load of a daemon, from its clients' side"},
    {"codec", vv_command_codec, "what the portrait codec keeps of a picture or clip, and what it costs"},
    {"listen", vv_command_listen, "what the avatar hears in a voice: phones, and how far the mouth opens"},
    {"doctor", vv_command_doctor, "what this machine can do, and what is missing"},
    {"token", vv_command_token, "signs a token that lets a client join a session"},
};

static void help(FILE *out) {
    fprintf(out, "visavis %s: a real-time avatar server\n\nusage: visavis COMMAND [OPTION]...\n\n", VV_VERSION);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
    fprintf(out, "\nvisavis COMMAND --help tells the options of each.\n");
}

int main(int argc, char **argv) {
    if (argc < 2) {
        help(stderr);
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        help(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("visavis %s\n", VV_VERSION);
        return 0;
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    fprintf(stderr, "visavis: there is no command \"%s\"\n\n", argv[1]);
    help(stderr);
    return 2;
}
