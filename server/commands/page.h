/* Where the demo page lies. */
#ifndef VV_PAGE_H
#define VV_PAGE_H

#include <limits.h>
#include <stdbool.h>

/* Whether a folder holds the page. */
bool vv_page_in(const char *folder);

/* Finds it: as installed, beside a build in a checkout, in the prefix, in the working folder. False if it is nowhere.
 */
bool vv_page_find(char folder[PATH_MAX]);

#endif
