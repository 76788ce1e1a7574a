/* What the converter knows of the upstream head model's obj files. */
#ifndef VV_CONVERT_H
#define VV_CONVERT_H

#include "weights/performer/asset.h"

/* The first face after each part, in VvPart's order: upstream's faces, triangles and quads alike, tell their part by
 * their number alone. */
extern const int vv_upstream_part_end[VV_PART_ASSET_COUNT];

#endif
