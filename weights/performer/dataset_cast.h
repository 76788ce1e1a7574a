/* The characters that play the avatar's part in half of a dataset's conversations: what is shipped should be known
 * best.
 */
#ifndef VV_DATASET_CAST_H
#define VV_DATASET_CAST_H

#include "weights/performer/identity.h"

typedef struct VvCharacter {
    char name[64]; /* of the settings file, without its ending */
    VvIdentity identity;
    VvScene scene;
} VvCharacter;

/* Zeroed: nobody. Read-only once it is open. */
typedef struct VvCast {
    VvCharacter *character;
    int count;
    bool always; /* they play all of the avatar's parts, not half of them */
} VvCast;

/* Reads all settings files (*.conf) of a folder, sorted by name. 0, or a negative errno with `error` (VV_ERROR_MAX
 * bytes, see dataset_file.h) filled: -ENOENT if there are none, -EBADMSG for a bad one. The caller closes, on failure
 * too. */
int vv_cast_open(VvCast *cast, const char *folder, const VvAsset *asset, char *error);
void vv_cast_close(VvCast *cast);

/* Who plays the avatar's part in this conversation: the characters take turns in the even ones, or in all. NULL:
 * nobody of them. */
const VvCharacter *vv_cast_turn(const VvCast *cast, int conversation);

/* The character of this name, or NULL. */
const VvCharacter *vv_cast_named(const VvCast *cast, const char *name);

#endif
