/* A mesh in a pose: expressions, tongue, eyeballs, then two bones, head and shoulders. */
#ifndef VV_SKINNING_H
#define VV_SKINNING_H

#include "weights/performer/mesh.h"
#include "weights/performer/pose.h"

/* How a pose moves what is rigid. */
typedef struct VvBones {
    VvTurn head;
    VvVec shift;  /* of the head, cm */
    VvVec breath; /* of the shoulders, cm */
} VvBones;

VvBones vv_bones_of(const VvPose *pose);

/* Where a point of the person at rest goes; weight 1 follows the head, 0 the shoulders. */
VV_INLINE VvVec vv_bones_place(const VvBones *bones, VvVec p, float weight) {
    const VvVec pivot = vec(0, -4.5f, -1.5f);
    const VvVec with_head = add(add(turn(&bones->head, sub(p, pivot)), pivot), bones->shift);
    return blend(add(p, bones->breath), with_head, weight);
}

/* A posed mesh; arrays of VV_MESH_VERTICES_MAX, made by the renderer. */
typedef struct VvFigure {
    VvBones bones;
    VvVec *posed; /* head space: with expressions, before the bones */
    VvVec *world;
    VvVec *normal;         /* of world */
    VvVec eye[2], gaze[2]; /* world: centres and directions of the pupils' axes */
} VvFigure;

/* Sets the eight eyeLook weights of a pose from its gaze: lids follow the eyes. */
void vv_pose_lids(VvPose *pose);

/* Poses the mesh. */
void vv_skin(VvFigure *figure, const VvMesh *mesh, const VvAsset *asset, const VvPose *pose);

#endif
