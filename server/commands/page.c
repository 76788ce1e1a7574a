/* Where the demo page lies. */
#include "server/commands/page.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

bool vv_page_in(const char *folder) {
    char path[PATH_MAX];
    return snprintf(path, sizeof path, "%s/index.html", folder) < (int)sizeof path && access(path, R_OK) == 0;
}

/* Takes a folder if the page is in it, by its plain name. */
static bool take(const char *candidate, char folder[PATH_MAX]) {
    return vv_page_in(candidate) && realpath(candidate, folder);
}

bool vv_page_find(char folder[PATH_MAX]) {
    static const char *const places[] = {"/../share/visavis/web-demo", "/../web-demo", "/../../web-demo"};
    char program[PATH_MAX], candidate[PATH_MAX + 64];
    const ssize_t size = readlink("/proc/self/exe", program, sizeof program - 1);
    program[size > 0 ? size : 0] = '\0';
    const char *beside = dirname(program);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        snprintf(candidate, sizeof candidate, "%s%s", beside, places[i]);
        if (take(candidate, folder))
            return true;
    }
    return take(VV_PREFIX "/share/visavis/web-demo", folder) || take("web-demo", folder);
}
