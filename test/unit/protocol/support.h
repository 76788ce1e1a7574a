/* What the protocol's tests share: cmocka, and the files of cases written by hand. Tests run in the repository's
 * root. */
#ifndef VV_TEST_UNIT_PROTOCOL_SUPPORT_H
#define VV_TEST_UNIT_PROTOCOL_SUPPORT_H

#include "protocol/vv_protocol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Opens test/unit/protocol/`name`; the test fails if it cannot. The caller closes it. */
static inline FILE *open_cases(const char *name) {
    char path[128];
    snprintf(path, sizeof path, "test/unit/protocol/%s", name);
    FILE *file = fopen(path, "r");
    if (!file)
        fail_msg("cannot open %s: run the tests in the repository's root", path);
    return file;
}

/* Reads the next line that is neither empty nor a comment, without its newline. */
static inline bool next_case(FILE *file, char *line, size_t size) {
    while (fgets(line, (int)size, file)) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] != '\0' && line[0] != '#')
            return true;
    }
    return false;
}

static inline void expect_code(const char *what, VvErr code, const char *expected) {
    if (strcmp(vv_err_name(code), expected) != 0)
        fail_msg("%s: got %s, expected %s", what, vv_err_name(code), expected);
}

#endif
