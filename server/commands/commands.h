/* The subcommands. Each takes its own arguments (argv[0] is its name) and returns the program's exit status: 0 if all
 * went well, 1 if it could not do its work, 2 for wrong usage. */
#ifndef VV_COMMANDS_H
#define VV_COMMANDS_H

int vv_command_serve(int argc, char **argv);
int vv_command_token(int argc, char **argv);
int vv_command_assistant(int argc, char **argv);
int vv_command_bench(int argc, char **argv);
int vv_command_codec(int argc, char **argv);
int vv_command_render(int argc, char **argv);
int vv_command_listen(int argc, char **argv);
int vv_command_doctor(int argc, char **argv);

#endif
