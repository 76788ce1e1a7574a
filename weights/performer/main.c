/* visavis-performer: synthetic people and conversations between them, a subcommand for each thing it makes. */
#include "weights/performer/commands.h"
#include "weights/performer/dataset.h"
#include "weights/performer/statistics.h"

#include <stdio.h>
#include <string.h>

typedef struct Command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} Command;

static const Command commands[] = {
    {"dataset", vv_dataset_command, "conversations with sound, pictures and labels, for training"},
    {"clip", vv_performer_clip, "two people in conversation, as a film with sound"},
    {"sheet", vv_performer_sheet, "contact sheets: people, mouth shapes, ground truth, webcams"},
    {"portrait", vv_performer_portrait, "a character at rest, as a picture for the server"},
    {"bench", vv_performer_bench, "frames per second by hair style"},
    {"voices", vv_voices_command, "who can speak: languages, hours, licences, what is held out"},
    {"recordings", vv_recordings_command, "the recordings that are installed: file, speaker, language, text"},
    {"speech", vv_speech_command, "says texts, loads recordings, poses mouths: for a program that asks"},
    {"statistics", vv_statistics_command, "what performers do, against what people do"},
    {"exam", vv_performer_exam, "pictures with truth, for an outside reader of faces"},
    {"convert", vv_performer_convert, "makes the head asset from the upstream model's files"},
};

static void help(FILE *out) {
    fprintf(out, "visavis-performer: synthetic people for training and tests\n\n"
                 "usage: visavis-performer COMMAND [OPTION]...\n\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(out, "  %-11s %s\n", commands[i].name, commands[i].help);
    fprintf(out, "\nvisavis-performer COMMAND --help tells the options of each.\n");
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
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    fprintf(stderr, "visavis-performer: there is no command \"%s\"\n\n", argv[1]);
    help(stderr);
    return 2;
}
