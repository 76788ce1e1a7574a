/* Which avatar a command shows, and where its weights are: options that serve, render and doctor share. Main thread. */
#ifndef VV_COMMAND_AVATAR_H
#define VV_COMMAND_AVATAR_H

#include "server/avatar/avatar.h"
#include "server/config.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define VV_AVATAR_THREADS_MAX 32
#define VV_AVATAR_STEPS_MAX 32

typedef struct VvAvatarOptions {
    char *avatar, *weights, *kernels; /* weights NULL: those installed */
    int steps, threads;               /* of the model; 0: its own choice */
    int width, height;                /* of the test pattern; 0: 256 */
} VvAvatarOptions;

/* The options' rows in a command's table; `member` is where its settings, of type Settings, have a VvAvatarOptions. */
#define VV_AVATAR_OPTIONS(Settings, member)                                                                            \
    {"avatar",                                                                                                         \
     VV_OPTION_STRING,                                                                                                 \
     offsetof(Settings, member.avatar),                                                                                \
     0,                                                                                                                \
     0,                                                                                                                \
     "model",                                                                                                          \
     "NAME",                                                                                                           \
     "who is seen: model, or test-pattern, a diagnostic picture"},                                                     \
        {"weights",                                                                                                    \
         VV_OPTION_STRING,                                                                                             \
         offsetof(Settings, member.weights),                                                                           \
         0,                                                                                                            \
         0,                                                                                                            \
         NULL,                                                                                                         \
         "FOLDER",                                                                                                     \
         "the model's weights and characters; without it those installed"},                                            \
        {"kernels",                                                                                                    \
         VV_OPTION_STRING,                                                                                             \
         offsetof(Settings, member.kernels),                                                                           \
         0,                                                                                                            \
         0,                                                                                                            \
         "cpu",                                                                                                        \
         "NAME",                                                                                                       \
         "what computes: cpu, cuda, auto (cuda if there is a GPU, else cpu), cpu-f32, cpu-bf16, cpu-avx2, cpu-plain, " \
         "ref"},                                                                                                       \
        {"steps",                                                                                                      \
         VV_OPTION_INT,                                                                                                \
         offsetof(Settings, member.steps),                                                                             \
         0,                                                                                                            \
         VV_AVATAR_STEPS_MAX,                                                                                          \
         "0",                                                                                                          \
         "N",                                                                                                          \
         "the model's steps from noise to a picture; 0: as many as its weights are made for"},                         \
    {                                                                                                                  \
        "threads", VV_OPTION_INT, offsetof(Settings, member.threads), 0, VV_AVATAR_THREADS_MAX, "0", "N",              \
            "threads that compute the model; 0: one per core"                                                          \
    }

/* Opens it. 0, or -1 with a sentence in `why`. */
int vv_avatar_open(const VvAvatarOptions *options, VvAvatar **avatar, char *why, size_t size);

/* The folder of weights: the one that was given, else the one that is found. False: there is none. */
bool vv_weights_folder(const VvAvatarOptions *options, char folder[PATH_MAX]);

/* Finds the folder of weights that came with the program: installed, beside a build in a checkout, in the prefix. */
bool vv_weights_find(char folder[PATH_MAX]);

/* The files that the model needs in its folder, in no order; NULL ends them. */
extern const char *const vv_weights_files[];

#endif
