/* The subcommands of visavis-performer; main.c has their table. Each takes what follows the program's name and returns
 * the exit status: 0, 1 for a failure, 2 for a wrong command line. Main thread. */
#ifndef VV_PERFORMER_COMMANDS_H
#define VV_PERFORMER_COMMANDS_H

int vv_performer_sheet(int argc, char **argv);
int vv_performer_clip(int argc, char **argv);
int vv_performer_portrait(int argc, char **argv);
int vv_performer_bench(int argc, char **argv);
int vv_performer_convert(int argc, char **argv);
int vv_performer_exam(int argc, char **argv);
int vv_voices_command(int argc, char **argv);
int vv_recordings_command(int argc, char **argv);
int vv_speech_command(int argc, char **argv);

#endif
