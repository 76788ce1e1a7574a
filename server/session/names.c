/* Lists of names. */
#include "server/session/names.h"

#include <string.h>

int vv_list_index(const char *list, const char *name) {
    const size_t size = strlen(name);
    for (int index = 0;; index++) {
        const size_t item = strcspn(list, ",");
        if (item == size && memcmp(list, name, size) == 0)
            return index;
        if (!list[item])
            return -1;
        list += item + 1;
    }
}
