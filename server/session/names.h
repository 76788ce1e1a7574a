/* Lists of names as VvAvatarInfo has them: separated by commas. Pure functions; any thread. */
#ifndef VV_NAMES_H
#define VV_NAMES_H

/* Whether a name is one of a list: its index, or -1. */
int vv_list_index(const char *list, const char *name);

#endif
