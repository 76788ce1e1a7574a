/* Reading characters. */
#include "weights/performer/dataset_cast.h"

#include "weights/performer/dataset_file.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int is_settings(const struct dirent *entry) {
    const size_t length = strlen(entry->d_name);
    return length > 5 && length < 64 && strcmp(entry->d_name + length - 5, ".conf") == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int load(VvCharacter *character, const char *folder, const char *file, const VvAsset *asset, char *error) {
    char path[VV_PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", folder, file) >= VV_PATH_MAX) {
        snprintf(error, VV_ERROR_MAX, "the name of the folder %.200s... is too long", folder);
        return -ENAMETOOLONG;
    }
    snprintf(character->name, sizeof character->name, "%.*s", (int)strlen(file) - 5, file);
    return vv_identity_load(&character->identity, &character->scene, asset, path, error, VV_ERROR_MAX) ? 0 : -EBADMSG;
}

int vv_cast_open(VvCast *cast, const char *folder, const VvAsset *asset, char *error) {
    struct dirent **list = NULL;
    const int count = scandir(folder, &list, is_settings, by_name), cause = errno;
    *cast = (VvCast){0};
    if (count <= 0) {
        free(list);
        snprintf(error, VV_ERROR_MAX, "%s: %s", folder, count ? strerror(cause) : "there are no characters in it");
        return count ? -cause : -ENOENT;
    }
    int result = 0;
    cast->character = calloc((size_t)count, sizeof *cast->character);
    if (!cast->character) {
        snprintf(error, VV_ERROR_MAX, "out of memory for the characters of %s", folder);
        result = -ENOMEM;
    }
    for (int i = 0; i < count; i++) {
        if (!result)
            result = load(&cast->character[i], folder, list[i]->d_name, asset, error);
        free(list[i]);
    }
    free(list);
    cast->count = result ? 0 : count;
    return result;
}

void vv_cast_close(VvCast *cast) {
    free(cast->character);
    *cast = (VvCast){0};
}

const VvCharacter *vv_cast_turn(const VvCast *cast, int conversation) {
    const int turns = cast->always ? 1 : 2;
    return cast->count == 0 || conversation % turns ? NULL : &cast->character[conversation / turns % cast->count];
}

const VvCharacter *vv_cast_named(const VvCast *cast, const char *name) {
    for (int i = 0; i < cast->count; i++)
        if (strcmp(cast->character[i].name, name) == 0)
            return &cast->character[i];
    return NULL;
}
