/* Options by table. See config.h. */
#include "server/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Reader {
    const VvOption *table;
    char *settings;
    char *why;
    size_t why_size;
} Reader;

static int fail(const Reader *reader, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int fail(const Reader *reader, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(reader->why, reader->why_size, format, args);
    va_end(args);
    return -1;
}

static const VvOption *find(const VvOption *table, const char *name, size_t size) {
    for (; table->name; table++)
        if (strlen(table->name) == size && memcmp(table->name, name, size) == 0)
            return table;
    return NULL;
}

static int set_string(const Reader *reader, const VvOption *option, const char *value) {
    char **at = (char **)(void *)(reader->settings + option->offset);
    free(*at);
    *at = strdup(value);
    return *at ? 0 : fail(reader, "out of memory");
}

static int set_int(const Reader *reader, const VvOption *option, const char *value, const char *source) {
    char *end;
    errno = 0;
    const long number = strtol(value, &end, 10);
    if (errno || end == value || *end || number < option->least || number > option->most)
        return fail(reader, "%s: %s must be a whole number from %d to %d, not \"%.80s\"", source, option->name,
                    option->least, option->most, value);
    *(int *)(void *)(reader->settings + option->offset) = (int)number;
    return 0;
}

static int set_flag(const Reader *reader, const VvOption *option, const char *value, const char *source) {
    const bool on =
        strcmp(value, "1") == 0 || strcmp(value, "yes") == 0 || strcmp(value, "true") == 0 || strcmp(value, "on") == 0;
    const bool off =
        strcmp(value, "0") == 0 || strcmp(value, "no") == 0 || strcmp(value, "false") == 0 || strcmp(value, "off") == 0;
    if (!on && !off)
        return fail(reader, "%s: %s must be yes or no, not \"%.80s\"", source, option->name, value);
    *(bool *)(void *)(reader->settings + option->offset) = on;
    return 0;
}

static int set(const Reader *reader, const VvOption *option, const char *value, const char *source) {
    switch (option->kind) {
    case VV_OPTION_FLAG:
        return set_flag(reader, option, value, source);
    case VV_OPTION_INT:
        return set_int(reader, option, value, source);
    default:
        return set_string(reader, option, value);
    }
}

/* ---- sources -------------------------------------------------------------------------------------------------------
 */

static int read_defaults(const Reader *reader) {
    for (const VvOption *option = reader->table; option->name; option++)
        if (option->initial && set(reader, option, option->initial, "default") < 0)
            return -1;
    return 0;
}

static char *trim(char *text) {
    while (isspace((unsigned char)*text))
        text++;
    size_t size = strlen(text);
    while (size && isspace((unsigned char)text[size - 1]))
        text[--size] = '\0';
    return text;
}

static int read_line(const Reader *reader, char *line, const char *source) {
    line = trim(line);
    if (!*line || *line == '#')
        return 0;
    char *equals = strchr(line, '=');
    if (!equals)
        return fail(reader, "%s: expected \"name = value\"", source);
    *equals = '\0';
    const char *name = trim(line), *value = trim(equals + 1);
    const VvOption *option = find(reader->table, name, strlen(name));
    return option ? set(reader, option, value, source) : fail(reader, "%s: there is no option \"%.80s\"", source, name);
}

static int read_file(const Reader *reader, const char *path) {
    FILE *file = fopen(path, "r");
    if (!file)
        return fail(reader, "cannot read %s: %s", path, strerror(errno));
    char line[4096], source[512];
    int status = 0;
    for (int number = 1; status == 0 && fgets(line, sizeof line, file); number++) {
        snprintf(source, sizeof source, "%.400s, line %d", path, number);
        status = read_line(reader, line, source);
    }
    fclose(file);
    return status;
}

static int read_environment(const Reader *reader) {
    for (const VvOption *option = reader->table; option->name; option++) {
        char name[80] = "VISAVIS_";
        size_t at = strlen(name);
        for (const char *c = option->name; *c && at + 1 < sizeof name; c++)
            name[at++] = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
        name[at] = '\0';
        const char *value = getenv(name);
        if (value && set(reader, option, value, name) < 0)
            return -1;
    }
    return 0;
}

/* One argument, or two: --name=value, --name value, and --flag. Returns how many were taken, or -1. */
static int read_argument(const Reader *reader, char **argv, int left) {
    const char *argument = argv[0];
    if (strncmp(argument, "--", 2) != 0)
        return fail(reader, "unexpected argument \"%.80s\"", argument);
    const size_t size = strcspn(argument + 2, "=");
    const VvOption *option = find(reader->table, argument + 2, size);
    if (!option && !(size == 6 && memcmp(argument + 2, "config", 6) == 0))
        return fail(reader, "there is no option %.80s", argument);
    const char *value = argument[2 + size] ? argument + 3 + size : NULL;
    if (option && option->kind == VV_OPTION_FLAG)
        return set(reader, option, value ? value : "yes", "command line") < 0 ? -1 : 1;
    const int taken = value ? 1 : 2;
    if (!value && left < 2)
        return fail(reader, "%.80s needs a value", argument);
    value = value ? value : argv[1];
    return option && set(reader, option, value, "command line") < 0 ? -1 : taken; /* --config was read before */
}

static int read_arguments(const Reader *reader, int argc, char **argv) {
    for (int i = 1; i < argc;) {
        const int taken = read_argument(reader, argv + i, argc - i);
        if (taken < 0)
            return -1;
        i += taken;
    }
    return 0;
}

/* The value of --config, or NULL. */
static const char *config_path(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--config") == 0 && i + 1 < argc)
            return argv[i + 1];
        if (strncmp(argv[i], "--config=", 9) == 0)
            return argv[i] + 9;
    }
    return NULL;
}

int vv_options_read(const VvOption *table, void *settings, int argc, char **argv, char *why, size_t why_size) {
    const Reader reader = {table, settings, why, why_size};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return 1;
        if (strcmp(argv[i], "--print-config") == 0)
            return 2;
    }
    const char *path = config_path(argc, argv);
    if (read_defaults(&reader) < 0 || (path && read_file(&reader, path) < 0) || read_environment(&reader) < 0 ||
        read_arguments(&reader, argc, argv) < 0)
        return -1;
    return 0;
}

void vv_options_free(const VvOption *table, void *settings) {
    for (; table->name; table++)
        if (table->kind == VV_OPTION_STRING) {
            char **at = (char **)(void *)((char *)settings + table->offset);
            free(*at);
            *at = NULL;
        }
}

/* ---- printing ------------------------------------------------------------------------------------------------------
 */

void vv_options_help(const VvOption *table) {
    for (; table->name; table++) {
        char left[64];
        snprintf(left, sizeof left, "--%s%s%s", table->name, table->argument ? " " : "",
                 table->argument ? table->argument : "");
        printf("  %-28s %s%s%s%s\n", left, table->help, table->initial ? " (" : "",
               table->initial ? table->initial : "", table->initial ? ")" : "");
    }
    printf("  %-28s %s\n", "--config FILE", "read options from a file of \"name = value\" lines");
    printf("  %-28s %s\n", "--print-config", "print such a file with every option and its meaning");
    printf("  %-28s %s\n", "--help", "this text");
}

void vv_options_sample(const VvOption *table) {
    printf("# Options of visavis serve. Remove the # before a line to change it.\n");
    for (; table->name; table++) {
        const char *value = table->initial ? table->initial : table->kind == VV_OPTION_FLAG ? "no" : "";
        printf("\n# %s\n#%s = %s\n", table->help, table->name, value);
    }
}
