/* The dataset folder that training reads. One folder a conversation, complete when its file "complete" is there:
 *
 *   manifest.json            seed, version, splits, names of columns and phones, voices
 *   000000/conversation.json who, what is said when and with what emotion, what both do when
 *   000000/audio-0.wav       16 kHz, one file a side (0 the avatar's part, 1 the user's)
 *   000000/pose-0.npy        frames x 64 float16: VvPose, in its order
 *   000000/state-0.npy       frames x columns float16: speaking, loudness, ..., accumulated emotion
 *   000000/phones-0.npy      uint8, 100 a second: the phone that sounds, an index into the manifest's names
 *   000000/...               pictures and what is true of them, see dataset_video.h
 *   000000/complete          sizes of all of these; written last, renamed into place
 *
 * weights/train/dataset.py reads it. A folder without "complete" was interrupted, and is made anew. */
#ifndef VV_DATASET_H
#define VV_DATASET_H

#include "weights/performer/dataset_cast.h"
#include "weights/performer/dataset_file.h"
#include "weights/performer/dialogue.h"

#include <stdio.h>

#define VV_DATASET_VERSION 2

typedef enum VvSplit { VV_SPLIT_TRAIN, VV_SPLIT_VALID, VV_SPLIT_TEST, VV_SPLITS } VvSplit;

/* How a conversation gets its pictures. `begin` prepares for a conversation whose files go into `folder`, and gives the
 * context that `show` and `end` get; folder and conversation last until `end`. `show` is called for every frame of side
 * 0, then of side 1; `end` finishes the files and releases the context, also after a failure. All return 0 or a
 * negative errno with `error` (VV_ERROR_MAX bytes) filled. Called from any of the dataset's threads, each with contexts
 * of its own. */
typedef struct VvDatasetVideo {
    int (*begin)(void *user, const char *folder, const VvConversation *conversation, void **ctx, char *error);
    int (*show)(void *ctx, int side, int frame, const VvPose *pose, char *error);
    int (*end)(void *ctx, char *error);
    void *user;
    /* For the manifest: */
    const char *kind; /* how they are kept: "raw", "vp8" */
    int size, every;  /* pixels a side; a picture of every so many frames */
    bool webcam;      /* the user is seen through one */
    VvCast cast;      /* who plays the avatar's part */
} VvDatasetVideo;

typedef struct VvDatasetOptions {
    const char *folder;
    uint64_t seed;
    int conversations;
    double seconds;              /* of each */
    int threads;                 /* 1 .. 64 */
    const char *language;        /* NULL: all */
    const VvDatasetVideo *video; /* NULL: none */
    const char *alignment;       /* phoneme times of recordings, see voice_recorded.h; NULL: synthetic voices only */
    bool festival;               /* festival's installed voices speak too */
    FILE *progress;              /* a line a conversation, with the time left; NULL: none */
} VvDatasetOptions;

/* Makes what is missing of the dataset: conversations that are complete already are kept, so the call resumes after an
 * interruption, and grows a dataset when `conversations` is larger than before. Same options, same bytes, on any number
 * of threads. 0, or a negative errno with the reason in `error`: the folder cannot be written, holds another dataset
 * (-EEXIST), the disk is full, ... Whatever is complete by then stays. Starts its own threads and the voices' process.
 */
int vv_dataset_make(const VvDatasetOptions *options, char error[VV_ERROR_MAX]);

/* The split of conversation `index`: 8 of 10 train; valid has people and texts that train has not; test has voices
 * besides that train has not. */
VvSplit vv_dataset_split(uint64_t seed, int index);

/* What conversation `index` is made of. */
VvConversationPlan vv_dataset_plan(const VvDatasetOptions *options, int index);

/* Writes one conversation into `folder`, which exists: all but the video and the marker. */
int vv_dataset_write(const VvConversation *conversation, VvSplit split, const char *folder, char error[VV_ERROR_MAX]);

/* The subcommand `dataset`: command line in, exit status out. */
int vv_dataset_command(int argc, char **argv);

#endif
