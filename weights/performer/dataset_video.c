/* Drawing both sides of a conversation, frame by frame, into the dataset's folder. */
#include "weights/performer/dataset_video.h"

#include "weights/performer/behaviour.h"
#include "weights/performer/camera.h"
#include "weights/performer/dataset_crop.h"
#include "weights/performer/dataset_state.h"
#include "weights/performer/render.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { USER = 1, CROP_BYTES = VV_CROP_SIZE * VV_CROP_SIZE * 3 };

/* What all conversations share. */
typedef struct Studio {
    VvVideoOptions options;
    VvStudio *studio;
    const VvCast *cast;
} Studio;

/* What is known of a picture. */
typedef struct Known {
    int32_t *frame;  /* these are [room of the reel] */
    uint8_t *camera; /* whether it is on */
    float (*landmark)[VV_LANDMARKS][2];
    uint8_t (*visible)[VV_LANDMARKS];
    float (*truth)[VV_TRUTH_COLUMNS];
    float (*box)[3]; /* of every VV_CROP_EVERYth picture: its crop's left, top, side */
} Known;

/* One conversation in the making. */
typedef struct Reel {
    const Studio *studio;
    const char *folder;
    const VvConversation *conversation;
    VvRenderer *renderer;
    VvFrame drawn, seen[2]; /* what the webcam saw last, and what it sees now */
    float *scratch;
    int room; /* pictures of a side */
    Known known;
    /* The rest is made anew for each side. */
    int side; /* -1 before the first */
    VvPerformer *performer;
    VvSway sway;
    VvWebcam webcam;
    VvPictureStore store;
    VvArrayFile crops;
    VvCropBox box;
    int count; /* pictures so far */
} Reel;

static int no_memory(const char *folder, char *error) {
    snprintf(error, VV_ERROR_MAX, "out of memory for the pictures of %s", folder);
    return -ENOMEM;
}

static void reel_close(Reel **reel) {
    Reel *r = *reel;
    if (!r)
        return;
    char unsaid[VV_ERROR_MAX];
    vv_store_close(&r->store, unsaid);
    vv_array_close(&r->crops, unsaid);
    vv_performer_close(&r->performer);
    vv_renderer_close(&r->renderer);
    vv_frame_close(&r->drawn);
    vv_frame_close(&r->seen[0]);
    vv_frame_close(&r->seen[1]);
    free(r->scratch);
    free(r->known.frame);
    free(r->known.camera);
    free(r->known.landmark);
    free(r->known.visible);
    free(r->known.truth);
    free(r->known.box);
    free(r);
    *reel = NULL;
}

static bool open_known(Known *known, size_t room) {
    known->frame = calloc(room, sizeof *known->frame);
    known->camera = calloc(room, sizeof *known->camera);
    known->landmark = calloc(room, sizeof *known->landmark);
    known->visible = calloc(room, sizeof *known->visible);
    known->truth = calloc(room, sizeof *known->truth);
    known->box = calloc(room, sizeof *known->box);
    return known->frame && known->camera && known->landmark && known->visible && known->truth && known->box;
}

static int begin(void *user, const char *folder, const VvConversation *c, void **ctx, char *error) {
    const Studio *studio = user;
    const int every = studio->options.every, size = studio->options.size;
    Reel *reel = calloc(1, sizeof *reel);
    if (!reel)
        return no_memory(folder, error);
    *reel = (Reel){.studio = studio, .folder = folder, .conversation = c, .side = -1};
    reel->room = (c->frames + every - 1) / every;
    reel->renderer = vv_renderer_open();
    reel->scratch = calloc((size_t)size * (size_t)size * 3, sizeof *reel->scratch);
    if (!reel->renderer || !reel->scratch || !vv_frame_open(&reel->drawn, size) ||
        !vv_frame_open(&reel->seen[0], size) || !vv_frame_open(&reel->seen[1], size) ||
        !open_known(&reel->known, (size_t)reel->room)) {
        reel_close(&reel);
        return no_memory(folder, error);
    }
    *ctx = reel;
    return 0;
}

/* ---- a side ----------------------------------------------------------------------------------------------------- */

static bool has_webcam(const Reel *reel) {
    return reel->side == USER && reel->studio->options.webcam;
}

static int open_crops(Reel *reel, char *error) {
    const int count = (reel->room + VV_CROP_EVERY - 1) / VV_CROP_EVERY;
    return vv_array_open(&reel->crops, reel->folder, "crops-1.npy", VV_ARRAY_UINT8,
                         (const int[VV_ARRAY_DIMENSIONS]){count, VV_CROP_SIZE, VV_CROP_SIZE, 3}, error);
}

static int start_side(Reel *reel, int side, char *error) {
    const VvVideoOptions *options = &reel->studio->options;
    const VvSide *who = &reel->conversation->side[side];
    VvChance chance = vv_chance_of(reel->conversation->seed, "webcam", (uint64_t)side);
    VvIdentity identity;
    VvScene scene;
    if (who->character) {
        const VvCharacter *character = vv_cast_named(reel->studio->cast, who->character);
        identity = character->identity;
        scene = character->scene;
    } else {
        vv_identity_random(&identity, vv_studio_asset(reel->studio->studio), who->identity);
        vv_scene_random(&scene, who->identity);
    }
    vv_webcam_random(&reel->webcam, vv_chance_bits(&chance));
    reel->performer = vv_performer_open(reel->studio->studio, &identity, &scene, options->size);
    if (!reel->performer)
        return no_memory(reel->folder, error);
    reel->side = side;
    reel->count = 0;
    reel->box = (VvCropBox){0};
    memset(&reel->sway, 0, sizeof reel->sway);
    const int result = vv_store_open(&reel->store, options->kind, reel->folder, side, reel->room, options->size,
                                     options->every, error);
    return result || side != USER ? result : open_crops(reel, error);
}

static int write_array(const Reel *reel, const char *what, VvArrayType type, int second, int third, const void *values,
                       char *error) {
    char name[32];
    snprintf(name, sizeof name, "%s-%d.npy", what, reel->side);
    return vv_file_array(reel->folder, name, type, (const int[VV_ARRAY_DIMENSIONS]){reel->count, second, third}, values,
                         error);
}

static int write_boxes(const Reel *reel, char *error) {
    const int count = (reel->count + VV_CROP_EVERY - 1) / VV_CROP_EVERY;
    return vv_file_array(reel->folder, "crop-boxes-1.npy", VV_ARRAY_FLOAT32, (const int[VV_ARRAY_DIMENSIONS]){count, 3},
                         reel->known.box, error);
}

/* Completes the files of the side that was shown. */
static int finish_side(Reel *reel, char *error) {
    const Known *known = &reel->known;
    if (reel->side < 0)
        return 0;
    int result = vv_store_close(&reel->store, error);
    if (!result)
        result = write_array(reel, "picture-frames", VV_ARRAY_INT32, 0, 0, known->frame, error);
    if (!result)
        result = write_array(reel, "camera", VV_ARRAY_UINT8, 0, 0, known->camera, error);
    if (!result)
        result = write_array(reel, "landmarks", VV_ARRAY_FLOAT32, VV_LANDMARKS, 2, known->landmark, error);
    if (!result)
        result = write_array(reel, "visible", VV_ARRAY_UINT8, VV_LANDMARKS, 0, known->visible, error);
    if (!result)
        result = write_array(reel, "truth", VV_ARRAY_FLOAT32, VV_TRUTH_COLUMNS, 0, known->truth, error);
    if (!result && reel->side == USER)
        result = vv_array_close(&reel->crops, error);
    if (!result && reel->side == USER)
        result = write_boxes(reel, error);
    vv_performer_close(&reel->performer);
    reel->side = -1;
    return result;
}

/* ---- a frame ---------------------------------------------------------------------------------------------------- */

/* The drawn frame as the side's camera sees it; `on` tells whether it is. */
static const VvFrame *look(Reel *reel, int number, bool *on) {
    *on = true;
    if (!has_webcam(reel))
        return &reel->drawn;
    VvWebcam webcam = reel->webcam;
    webcam.off |= vv_is_away(reel->conversation, reel->side, (number + 0.5) / VV_POSE_FPS);
    const bool was_on = reel->count > 0 && reel->known.camera[reel->count - 1];
    VvFrame *now = &reel->seen[reel->count & 1];
    const VvFrame *before = &reel->seen[~reel->count & 1];
    vv_webcam_see(&webcam, &reel->drawn, was_on ? before : NULL, (uint64_t)number, reel->scratch, now);
    *on = !webcam.off;
    return now;
}

static void know(Reel *reel, const VvFrame *frame, int number, bool on) {
    const int row = reel->count, pixels = frame->size * frame->size;
    Known *known = &reel->known;
    uint64_t face = 0;
    for (int i = 0; i < pixels; i++)
        face += frame->face[i];
    known->frame[row] = number;
    known->camera[row] = on;
    memcpy(known->landmark[row], frame->landmark, sizeof known->landmark[row]);
    for (int l = 0; l < VV_LANDMARKS; l++)
        known->visible[row][l] = frame->visible[l];
    const float truth[VV_TRUTH_COLUMNS] = {
        [VV_TRUTH_iris_left_x] = frame->iris[0][0],  [VV_TRUTH_iris_left_y] = frame->iris[0][1],
        [VV_TRUTH_iris_right_x] = frame->iris[1][0], [VV_TRUTH_iris_right_y] = frame->iris[1][1],
        [VV_TRUTH_lid_gap_left] = frame->lid_gap[0], [VV_TRUTH_lid_gap_right] = frame->lid_gap[1],
        [VV_TRUTH_lip_gap] = frame->lip_gap,         [VV_TRUTH_face_share] = (float)face / (255.0f * (float)pixels),
    };
    memcpy(known->truth[row], truth, sizeof truth);
}

static int crop(Reel *reel, const VvFrame *frame, bool on, char *error) {
    uint8_t rgb[CROP_BYTES];
    vv_crop_follow(&reel->box, frame, on, (float)reel->studio->options.every / VV_POSE_FPS);
    if (reel->count % VV_CROP_EVERY)
        return 0;
    float *box = reel->known.box[reel->count / VV_CROP_EVERY];
    box[0] = reel->box.left;
    box[1] = reel->box.top;
    box[2] = reel->box.side;
    vv_crop_cut(&reel->box, frame, rgb);
    return vv_array_write(&reel->crops, rgb, sizeof rgb, error);
}

static int show(void *ctx, int side, int number, const VvPose *pose, char *error) {
    Reel *reel = ctx;
    int result = 0;
    if (side != reel->side) {
        result = finish_side(reel, error);
        if (!result)
            result = start_side(reel, side, error);
        if (result)
            return result;
    }
    vv_sway_step(&reel->sway, vv_performer_hair(reel->performer), pose); /* hair moves on in all frames */
    if (number % reel->studio->options.every)
        return 0;
    vv_render(reel->renderer, reel->performer, &reel->sway, pose, &reel->drawn);
    bool on;
    const VvFrame *frame = look(reel, number, &on);
    know(reel, frame, number, on);
    result = vv_store_add(&reel->store, number, frame->rgb, error);
    if (!result && side == USER)
        result = crop(reel, frame, on, error);
    reel->count++;
    return result;
}

static int end(void *ctx, char *error) {
    Reel *reel = ctx;
    const int result = finish_side(reel, error);
    reel_close(&reel);
    return result;
}

/* ---- the studio ------------------------------------------------------------------------------------------------- */

int vv_dataset_video_open(VvDatasetVideo *video, const VvVideoOptions *options, char *error) {
    *video = (VvDatasetVideo){.begin = begin,
                              .show = show,
                              .end = end,
                              .kind = vv_pictures_name(options->kind),
                              .size = options->size,
                              .every = options->every,
                              .webcam = options->webcam};
    Studio *studio = calloc(1, sizeof *studio);
    video->user = studio;
    error[0] = 0;
    int result = -ENOMEM;
    if (studio) {
        *studio = (Studio){.options = *options, .cast = &video->cast};
        studio->studio = vv_studio_open(options->asset, error, VV_ERROR_MAX);
        result = studio->studio ? 0 : error[0] ? -EBADMSG : -ENOMEM;
    }
    if (!result && options->characters)
        result = vv_cast_open(&video->cast, options->characters, vv_studio_asset(studio->studio), error);
    video->cast.always = options->always;
    if (result && !error[0])
        snprintf(error, VV_ERROR_MAX, "out of memory for %s", options->asset);
    if (result)
        vv_dataset_video_close(video);
    return result;
}

void vv_dataset_video_close(VvDatasetVideo *video) {
    Studio *studio = video->user;
    if (studio) {
        vv_studio_close(&studio->studio);
        free(studio);
    }
    vv_cast_close(&video->cast);
    *video = (VvDatasetVideo){0};
}
