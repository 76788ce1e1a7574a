/* Checks of a report's numbers: service level objectives. */
#include "server/commands/bench/report.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLO_BYTES 65536

typedef struct Check {
    char path[128];
    char op[3];
    double bound;
} Check;

/* Reads one item. 1: a check; 0: nothing but space; -1: neither. */
static int parse_item(const char *item, size_t size, Check *check) {
    char text[256], *end;
    while (size && isspace((unsigned char)*item)) {
        item++;
        size--;
    }
    if (!size)
        return 0;
    if (size >= sizeof text)
        return -1;
    memcpy(text, item, size);
    text[size] = 0;
    size_t path = strcspn(text, "<>= \t"), at = path + strspn(text + path, " \t"), op = strspn(text + at, "<>=");
    if (!path || path >= sizeof check->path || op < 1 || op > 2)
        return -1;
    snprintf(check->path, sizeof check->path, "%.*s", (int)path, text);
    snprintf(check->op, sizeof check->op, "%.*s", (int)op, text + at);
    static const char *const known[] = {"<=", ">=", "<", ">", "=="};
    bool valid = false;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        valid = valid || strcmp(check->op, known[i]) == 0;
    check->bound = strtod(text + at + op, &end);
    if (!valid || end == text + at + op)
        return -1;
    return end[strspn(end, " \t\r")] ? -1 : 1;
}

static bool holds(const Check *check, double value) {
    bool equal = value >= check->bound && value <= check->bound;
    if (strchr(check->op, '=') && equal)
        return true;
    return (check->op[0] == '<' && value < check->bound) || (check->op[0] == '>' && value > check->bound);
}

static int check_text(const json_t *report, const char *text, FILE *out) {
    int violations = 0;
    for (const char *at = text; *at;) {
        size_t line = strcspn(at, "\n"), used = strcspn(at, "\n#"), from = 0;
        while (from < used) {
            size_t item = strcspn(at + from, ",\n#");
            Check check;
            double value;
            int kind = parse_item(at + from, item, &check);
            if (kind < 0) {
                fprintf(stderr, "visavis bench: --slo: what is '%.*s'? It is like path<=number\n", (int)item,
                        at + from);
                return -EINVAL;
            }
            if (kind > 0) {
                bool known = vv_report_number(report, check.path, &value), good = known && holds(&check, value);
                violations += !good;
                if (known)
                    fprintf(out, "  %-9s %s %s %g: %g\n", good ? "holds" : "VIOLATED", check.path, check.op,
                            check.bound, value);
                else
                    fprintf(out, "  %-9s %s %s %g: not measured\n", "VIOLATED", check.path, check.op, check.bound);
            }
            from += item + 1;
        }
        at += line + (at[line] == '\n');
    }
    return violations;
}

int vv_slo_check(const json_t *report, const char *text, FILE *out) {
    if (strpbrk(text, "<>="))
        return check_text(report, text, out);
    char *content = calloc(1, SLO_BYTES);
    FILE *file = fopen(text, "r");
    int result = -EINVAL;
    if (!file || !content)
        fprintf(stderr, "visavis bench: --slo: cannot read %s: %s\n", text, strerror(errno));
    else if (fread(content, 1, SLO_BYTES - 1, file) == SLO_BYTES - 1)
        fprintf(stderr, "visavis bench: --slo: %s is too long\n", text);
    else
        result = check_text(report, content, out);
    if (file)
        fclose(file);
    free(content);
    return result;
}
