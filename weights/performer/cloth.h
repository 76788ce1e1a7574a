/* Garments: cut from a torso of rings and fitted to this person's neck and shoulders. */
#ifndef VV_CLOTH_H
#define VV_CLOTH_H

#include "weights/performer/mesh.h"

/* Adds the identity's garment to a mesh that holds the head alone, and hides the skin below it. False without memory.
 */
bool vv_cloth_open(VvMesh *mesh, const VvAsset *asset, const VvIdentity *identity);

#endif
