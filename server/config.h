/* Options of a command, from one table: command line, environment, configuration file, --help and a sample file.
 *
 * An option --name is also VISAVIS_NAME in the environment and `name = value` in the file given by --config. The
 * command line wins over the environment, the environment over the file, the file over the default. */
#ifndef VV_CONFIG_H
#define VV_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

typedef enum VvOptionKind {
    VV_OPTION_FLAG,   /* bool */
    VV_OPTION_INT,    /* int, within least and most */
    VV_OPTION_STRING, /* char *, owned by the settings; NULL: not given */
} VvOptionKind;

typedef struct VvOption {
    const char *name;
    VvOptionKind kind;
    size_t offset;        /* of the value in the settings */
    int least, most;      /* VV_OPTION_INT */
    const char *initial;  /* as text; NULL: false or not given */
    const char *argument; /* what --help calls the value */
    const char *help;
} VvOption;

/* Fills `settings` (zeroed before) by the table, which ends with a NULL name. 0; or -1 with `why` naming the option,
 * its source and what is wrong; or 1 for --help, 2 for --print-config, both without reading the rest. Main thread. */
int vv_options_read(const VvOption *table, void *settings, int argc, char **argv, char *why, size_t why_size);

/* Frees the strings. */
void vv_options_free(const VvOption *table, void *settings);

/* Prints the table as help, or as a configuration file with every option commented out. */
void vv_options_help(const VvOption *table);
void vv_options_sample(const VvOption *table);

#endif
