/* The dataset's pictures: what is in the files is what the renderer draws, what is said of them is true of them, the
 * same bytes come on one and two threads and after an interruption, and what goes wrong is told. Needs the voices'
 * engines. */
#include "weights/performer/dataset_video.h"

#include "server/media/vp8_codec.h"
#include "server/media/webm_read.h"
#include "weights/performer/behaviour.h"
#include "weights/performer/dataset_crop.h"
#include "weights/performer/dataset_state.h"
#include "weights/performer/faces.h"
#include "weights/performer/render.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { SIZE = 256, PIXELS = SIZE * SIZE, SECONDS = 6, EVERY = 30, PICTURES = SECONDS * VV_POSE_FPS / EVERY };

static char root[64], reason[VV_ERROR_MAX];
static VvVoices *voices;

static int open_root(void **state) {
    (void)state;
    vv_voices_open(&voices, reason);
    snprintf(root, sizeof root, "/tmp/dataset_video_test.XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state) {
    (void)state;
    char command[128];
    vv_voices_close(&voices);
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

static void need_voices(void) {
    if (!voices) {
        print_message("skipped: %s\n", reason);
        skip();
    }
}

static const VvVideoOptions raw = {
    .asset = VV_HEAD_ASSET, .kind = VV_PICTURES_RAW, .size = SIZE, .every = EVERY, .characters = VV_CHARACTERS};
static const VvVideoOptions vp8 = {
    .asset = VV_HEAD_ASSET, .kind = VV_PICTURES_VP8, .size = SIZE, .every = EVERY, .webcam = true};

static char *inside(char path[256], const char *folder, const char *name) {
    snprintf(path, 256, "%s/%s%s%s", root, folder, *name ? "/" : "", name);
    return path;
}

static bool there(const char *folder, const char *name) {
    char path[256];
    return access(inside(path, folder, name), F_OK) == 0;
}

static bool same_tree(const char *a, const char *b) {
    char command[256];
    snprintf(command, sizeof command, "diff -r '%s/%s' '%s/%s' >/dev/null", root, a, root, b);
    return system(command) == 0;
}

static int make(const VvVideoOptions *about, const VvDatasetOptions *options, const char *folder, char *error) {
    char path[256];
    VvDatasetVideo video;
    VvDatasetOptions whole = *options;
    int result = vv_dataset_video_open(&video, about, error);
    if (!result) {
        whole.folder = inside(path, folder, "");
        whole.video = &video;
        result = vv_dataset_make(&whole, error);
    }
    vv_dataset_video_close(&video);
    return result;
}

static VvDatasetOptions options_of(int conversations, int threads) {
    return (VvDatasetOptions){.seed = 7, .conversations = conversations, .seconds = SECONDS, .threads = threads};
}

/* The content of an array of this many bytes. */
static void *load(const char *folder, const char *name, size_t size) {
    char path[256];
    FILE *file = fopen(inside(path, folder, name), "rb");
    if (!file)
        fail_msg("%s is not there", path);
    uint8_t *content = malloc(size + 129);
    assert_non_null(content);
    assert_int_equal(fread(content, 1, size + 129, file), size + 128);
    fclose(file);
    memmove(content, content + 128, size);
    return content;
}

/* ---- the same bytes --------------------------------------------------------------------------------------------- */

static void one_thread_or_two(void **state) {
    (void)state;
    need_voices();
    char error[VV_ERROR_MAX];
    const VvDatasetOptions one = options_of(2, 1), two = options_of(2, 2);
    assert_int_equal(make(&raw, &one, "raw1", error), 0);
    assert_int_equal(make(&raw, &two, "raw2", error), 0);
    assert_true(same_tree("raw1", "raw2"));
    assert_int_equal(make(&vp8, &one, "vp81", error), 0);
    assert_int_equal(make(&vp8, &two, "vp82", error), 0);
    assert_true(same_tree("vp81", "vp82"));
    assert_true(there("raw1", "000001/complete") && there("vp81", "000001/complete"));
    assert_true(there("vp81", "000000/video-1.webm") && !there("vp81", "000000/pictures-1.npy"));
    /* Other pictures are another dataset. */
    assert_int_equal(make(&vp8, &one, "raw1", error), -EEXIST);
    assert_non_null(strstr(error, "\"pictures\""));
}

/* Killed while it draws the second side: the next run ends with the same bytes. Follows the first. */
static void survives_being_killed(void **state) {
    (void)state;
    need_voices();
    char error[VV_ERROR_MAX];
    const VvDatasetOptions options = options_of(2, 1);
    const pid_t child = fork();
    if (child == 0)
        _exit(make(&raw, &options, "killed", error) ? 1 : 0);
    int status = 0;
    pid_t ended = 0;
    while (!there("killed", "000000/pictures-1.npy") && ended == 0) {
        usleep(1000);
        ended = waitpid(child, &status, WNOHANG);
    }
    assert_int_equal(ended, 0);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_false(there("killed", "000000/complete"));
    assert_int_equal(make(&raw, &options, "killed", error), 0);
    assert_true(same_tree("raw1", "killed"));
}

/* ---- what is drawn, and what is said of it ---------------------------------------------------------------------- */

/* A side of a dataset, drawn once more, frame after frame. */
typedef struct Rig {
    VvStudio *studio;
    VvConversation *conversation;
    VvPerformer *performer;
    VvRenderer *renderer;
    VvFrame frame;
    VvSway sway;
    int side, next;
} Rig;

static void open_rig(Rig *rig, int index, int side, const char *character) {
    char error[VV_ERROR_MAX], path[256];
    memset(rig, 0, sizeof *rig);
    rig->side = side;
    rig->studio = vv_studio_open(VV_HEAD_ASSET, error, sizeof error);
    assert_non_null(rig->studio);
    const VvAsset *asset = vv_studio_asset(rig->studio);
    VvDatasetVideo video = {0};
    if (index % 2 == 0)
        assert_int_equal(vv_cast_open(&video.cast, VV_CHARACTERS, asset, error), 0);
    VvDatasetOptions options = options_of(2, 1);
    options.video = &video;
    const VvConversationPlan plan = vv_dataset_plan(&options, index);
    assert_int_equal(vv_conversation_make(voices, &plan, &rig->conversation), 0);
    VvIdentity identity;
    VvScene scene;
    vv_identity_random(&identity, asset, rig->conversation->side[side].identity);
    vv_scene_random(&scene, rig->conversation->side[side].identity);
    snprintf(path, sizeof path, VV_CHARACTERS "/%s.conf", character ? character : "");
    if (character)
        assert_true(vv_identity_load(&identity, &scene, asset, path, error, sizeof error));
    /* The voice goes with the looks. */
    const VvVoice *voice = vv_voice_at(rig->conversation->side[side].voice);
    assert_int_equal(voice->feminine, identity.feminine);
    rig->performer = vv_performer_open(rig->studio, &identity, &scene, SIZE);
    rig->renderer = vv_renderer_open();
    assert_true(vv_frame_open(&rig->frame, SIZE) && rig->performer && rig->renderer);
    vv_cast_close(&video.cast);
}

static void close_rig(Rig *rig) {
    vv_frame_close(&rig->frame);
    vv_renderer_close(&rig->renderer);
    vv_performer_close(&rig->performer);
    vv_conversation_free(&rig->conversation);
    vv_studio_close(&rig->studio);
}

/* Lets the hair swing up to a frame and draws that; frames in order. */
static void draw(Rig *rig, int number) {
    const VvPose *pose = rig->conversation->side[rig->side].pose;
    for (; rig->next <= number; rig->next++)
        vv_sway_step(&rig->sway, vv_performer_hair(rig->performer), &pose[rig->next]);
    vv_render(rig->renderer, rig->performer, &rig->sway, &pose[number], &rig->frame);
    /* What is recorded is what is drawn. */
    assert_memory_equal(&rig->frame.pose, &pose[number], sizeof *pose);
}

static float mean_of(const uint8_t *mask) {
    double sum = 0;
    for (int i = 0; i < PIXELS; i++)
        sum += mask[i] / 255.0;
    return (float)(sum / PIXELS);
}

static void compare_side(int index, int side, const char *character) {
    Rig rig;
    char folder[16], name[40];
    open_rig(&rig, index, side, character);
    snprintf(folder, sizeof folder, "raw1/%06d", index);
#define LOAD(what, type, count)                                                                                        \
    type *what = (snprintf(name, sizeof name, #what "-%d.npy", side), load(folder, name, sizeof(type) * (count)))
    LOAD(pictures, uint8_t, (size_t)PICTURES * PIXELS * 3);
    LOAD(landmarks, float, PICTURES *VV_LANDMARKS * 2);
    LOAD(visible, uint8_t, PICTURES * VV_LANDMARKS);
    LOAD(truth, float, PICTURES *VV_TRUTH_COLUMNS);
    LOAD(camera, uint8_t, PICTURES);
#undef LOAD
    snprintf(name, sizeof name, "picture-frames-%d.npy", side);
    int32_t *number = load(folder, name, sizeof *number * PICTURES);
    for (int i = 0; i < PICTURES; i++) {
        assert_int_equal(number[i], i * EVERY);
        draw(&rig, number[i]);
        const float *said = truth + (size_t)i * VV_TRUTH_COLUMNS;
        assert_memory_equal(pictures + (size_t)i * PIXELS * 3, rig.frame.rgb, PIXELS * 3);
        assert_memory_equal(landmarks + (size_t)i * VV_LANDMARKS * 2, rig.frame.landmark, sizeof rig.frame.landmark);
        for (int l = 0; l < VV_LANDMARKS; l++)
            assert_int_equal(visible[i * VV_LANDMARKS + l], rig.frame.visible[l]);
        assert_memory_equal(said + VV_TRUTH_iris_left_x, rig.frame.iris[0], sizeof rig.frame.iris[0]);
        assert_memory_equal(said + VV_TRUTH_iris_right_x, rig.frame.iris[1], sizeof rig.frame.iris[1]);
        assert_true(said[VV_TRUTH_lid_gap_left] == rig.frame.lid_gap[0]);
        assert_true(said[VV_TRUTH_lid_gap_right] == rig.frame.lid_gap[1]);
        assert_true(said[VV_TRUTH_lip_gap] == rig.frame.lip_gap);
        assert_true(fabsf(said[VV_TRUTH_face_share] - mean_of(rig.frame.face)) < 1e-5f);
        assert_true(said[VV_TRUTH_face_share] > 0.08f && said[VV_TRUTH_face_share] < 0.35f);
        assert_int_equal(camera[i], 1);
    }
    free(pictures);
    free(landmarks);
    free(visible);
    free(truth);
    free(camera);
    free(number);
    close_rig(&rig);
}

/* Hair moves on in frames without a picture too; in even conversations characters play the avatar's part. */
static void pictures_are_what_is_drawn(void **state) {
    (void)state;
    need_voices();
    compare_side(0, 0, "amara");
    compare_side(0, 1, NULL);
    compare_side(1, 0, NULL);
}

/* The crop shows the face: all of it, in the middle, and what is in it is what is in the picture there. */
static void crops_show_the_face(void **state) {
    (void)state;
    need_voices();
    enum { CROPS = (PICTURES + 1) / 2 };
    const size_t bytes = (size_t)VV_CROP_SIZE * VV_CROP_SIZE * 3;
    uint8_t *pictures = load("raw1/000000", "pictures-1.npy", (size_t)PICTURES * PIXELS * 3);
    float *landmarks = load("raw1/000000", "landmarks-1.npy", sizeof(float) * PICTURES * VV_LANDMARKS * 2);
    uint8_t *crops = load("raw1/000000", "crops-1.npy", CROPS * bytes);
    float *boxes = load("raw1/000000", "crop-boxes-1.npy", sizeof(float) * CROPS * 3);
    for (int i = 0; i < CROPS; i++) {
        const float *box = boxes + 3 * (size_t)i, scale = VV_CROP_SIZE / box[2];
        double difference = 0;
        for (int l = 0; l < VV_LANDMARKS; l++) {
            const float *at = landmarks + 2 * (2 * (size_t)i * VV_LANDMARKS + (size_t)l);
            const float x = (at[0] - box[0]) * scale, y = (at[1] - box[1]) * scale;
            assert_true(x > 4 && x < 92 && y > 4 && y < 92);
        }
        for (int k = 0; k < (int)bytes / 3; k++) {
            const int column = k % VV_CROP_SIZE, row = k / VV_CROP_SIZE;
            const int x = (int)(box[0] + ((float)column + 0.5f) / scale),
                      y = (int)(box[1] + ((float)row + 0.5f) / scale);
            const int px = x < 0 ? 0 : x < SIZE ? x : SIZE - 1, py = y < 0 ? 0 : y < SIZE ? y : SIZE - 1;
            difference += abs(crops[bytes * (size_t)i + 3 * (size_t)k + 1] -
                              pictures[3 * ((size_t)2 * (size_t)i * PIXELS + (size_t)(py * SIZE + px)) + 1]);
        }
        assert_true(difference / (double)(bytes / 3) < 6);
    }
    free(pictures);
    free(landmarks);
    free(crops);
    free(boxes);
}

/* ---- video and webcam ------------------------------------------------------------------------------------------- */

static double psnr(const VvPicture *a, const VvPicture *b) {
    double sum = 0;
    for (int y = 0; y < SIZE; y++)
        for (int x = 0; x < SIZE; x++)
            sum += pow(a->plane[0][y * a->stride[0] + x] - b->plane[0][y * b->stride[0] + x], 2);
    return 10 * log10(255.0 * 255.0 * PIXELS / (sum + 1e-9));
}

/* The avatar's video, decoded, is what the renderer draws, nearly; at the time of its frames. */
static void video_shows_the_same(void **state) {
    (void)state;
    need_voices();
    char path[256];
    Rig rig;
    VvWebmReader *reader;
    VvMediaProblem problem;
    VvWebmBlock block;
    VvPicture drawn;
    VvVp8Decoder *decoder = vv_vp8_decoder_new();
    FILE *file = fopen(inside(path, "vp81", "000001/video-0.webm"), "rb");
    assert_non_null(file);
    open_rig(&rig, 1, 0, NULL);
    assert_int_equal(vv_picture_alloc(&drawn, SIZE, SIZE), 0);
    assert_int_equal(vv_webm_reader_open(file, &reader, &problem), 0);
    for (int i = 0; i < PICTURES; i++) {
        VvPicture seen;
        assert_int_equal(vv_webm_read(reader, &block, &problem), 1);
        assert_int_equal(block.time, i * EVERY * 40000);
        assert_int_equal(vv_vp8_decode(decoder, block.data, block.size, SIZE, SIZE, &seen), 0);
        draw(&rig, i * EVERY);
        vv_picture_from_rgb(&drawn, rig.frame.rgb, SIZE * 3);
        assert_true(psnr(&drawn, &seen) > 40);
    }
    assert_int_equal(vv_webm_read(reader, &block, &problem), 0);
    vv_webm_reader_close(&reader);
    vv_vp8_decoder_free(&decoder);
    vv_picture_free(&drawn);
    close_rig(&rig);
    fclose(file);
}

/* A conversation in which the user goes away: the camera is off just then. */
static void the_camera_is_off_while_away(void **state) {
    (void)state;
    need_voices();
    enum { LONG = 60, STEP = 25 };
    char error[VV_ERROR_MAX];
    VvDatasetOptions options = {.conversations = 1, .seconds = LONG, .threads = 1};
    VvConversation *c = NULL;
    int away = 0;
    while (away < 4) {
        vv_conversation_free(&c);
        const VvConversationPlan plan = (options.seed++, vv_dataset_plan(&options, 0));
        assert_int_equal(vv_conversation_make(voices, &plan, &c), 0);
        away = 0;
        for (int i = 0; i < LONG; i++)
            away += vv_is_away(c, 1, i + 0.02);
    }
    VvVideoOptions about = vp8;
    about.every = STEP;
    assert_int_equal(make(&about, &options, "away", error), 0);
    uint8_t *camera = load("away/000000", "camera-1.npy", LONG);
    uint8_t *visible = load("away/000000", "visible-1.npy", LONG * VV_LANDMARKS);
    float *truth = load("away/000000", "truth-1.npy", sizeof(float) * LONG * VV_TRUTH_COLUMNS);
    const size_t bytes = (size_t)VV_CROP_SIZE * VV_CROP_SIZE * 3;
    uint8_t *crops = load("away/000000", "crops-1.npy", LONG / 2 * bytes);
    for (int i = 0; i < LONG; i++) {
        const bool on = !vv_is_away(c, 1, i + 0.02);
        int seen = 0;
        for (int l = 0; l < VV_LANDMARKS; l++)
            seen += visible[i * VV_LANDMARKS + l];
        assert_int_equal(camera[i], on);
        assert_true(on || seen == 0);
        assert_true(on ? truth[i * VV_TRUTH_COLUMNS + VV_TRUTH_face_share] > 0
                       : truth[i * VV_TRUTH_COLUMNS + VV_TRUTH_face_share] == 0);
        if (i % 2 == 0 && !on)
            for (size_t k = 0; k < bytes; k++)
                assert_int_equal(crops[(size_t)i / 2 * bytes + k], 24);
    }
    free(camera);
    free(visible);
    free(truth);
    free(crops);
    vv_conversation_free(&c);
}

/* ---- what goes wrong -------------------------------------------------------------------------------------------- */

static void names_what_is_missing(void **state) {
    (void)state;
    char error[VV_ERROR_MAX];
    VvDatasetVideo video;
    VvVideoOptions about = raw;
    about.asset = "nowhere/head.vvh";
    assert_int_equal(vv_dataset_video_open(&video, &about, error), -EBADMSG);
    assert_non_null(strstr(error, "nowhere/head.vvh"));
    about = raw;
    about.characters = "nowhere";
    assert_int_equal(vv_dataset_video_open(&video, &about, error), -ENOENT);
    assert_non_null(strstr(error, "nowhere"));
    about.characters = "test/unit/performer";
    assert_int_equal(vv_dataset_video_open(&video, &about, error), -ENOENT);
    assert_non_null(strstr(error, "there are no characters"));
    assert_null(video.user);
}

/* Files that may not grow beyond a megabyte: it stops at once, names the file, and marks nothing. */
static void a_full_disk_is_told(void **state) {
    (void)state;
    need_voices();
    const pid_t child = fork();
    if (child == 0) {
        const struct rlimit small = {1000000, 1000000};
        char error[VV_ERROR_MAX] = "";
        const VvDatasetOptions options = options_of(1, 1);
        VvVideoOptions about = raw;
        about.every = 1;
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &small);
        const int result = make(&about, &options, "full", error);
        _exit(result == -EFBIG && strstr(error, "pictures-0.npy: File too large") ? 0 : 1);
    }
    int status = 1;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    assert_false(there("full", "000000/complete"));
    assert_false(there("full", "000000/pictures-1.npy"));
}

/* ---- the loader ------------------------------------------------------------------------------------------------- */

static const char *python_with_numpy(void) {
    static const char *const names[] = {"python3", "/usr/bin/python3"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char command[100];
        snprintf(command, sizeof command, "%s -c 'import numpy' 2>/dev/null", names[i]);
        if (system(command) == 0)
            return names[i];
    }
    return NULL;
}

static long long sum_bytes(const char *folder, const char *name, size_t count) {
    uint8_t *values = load(folder, name, count);
    long long sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    free(values);
    return sum;
}

static long long sum_words(const char *folder, const char *name, size_t count) {
    uint32_t *values = load(folder, name, 4 * count);
    long long sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    free(values);
    return sum;
}

static void the_loader_agrees(void **state) {
    (void)state;
    need_voices();
    const char *python = python_with_numpy();
    if (!python) {
        print_message("skipped: python3-numpy is not installed\n");
        skip();
    }
    static char printed[20000];
    char command[300], line[300];
    const char *of = "raw1/000001";
    const size_t crops = (PICTURES + 1) / 2;
    snprintf(command, sizeof command,
             "%s weights/train/dataset.py '%s/raw1' 2>&1 && %s weights/train/dataset.py '%s/vp81' 2>&1", python, root,
             python, root);
    FILE *loader = popen(command, "r");
    assert_non_null(loader);
    printed[fread(printed, 1, sizeof printed - 1, loader)] = 0;
    assert_int_equal(pclose(loader), 0);
    snprintf(line, sizeof line, "1 1 pictures %lld %lld %lld %lld %lld %lld %lld %lld\n",
             sum_words(of, "picture-frames-1.npy", PICTURES), sum_bytes(of, "camera-1.npy", PICTURES),
             sum_bytes(of, "visible-1.npy", PICTURES * VV_LANDMARKS),
             sum_words(of, "landmarks-1.npy", PICTURES * VV_LANDMARKS * 2),
             sum_words(of, "truth-1.npy", PICTURES * VV_TRUTH_COLUMNS),
             sum_bytes(of, "pictures-1.npy", (size_t)PICTURES * PIXELS * 3),
             sum_bytes(of, "crops-1.npy", crops * VV_CROP_SIZE * VV_CROP_SIZE * 3),
             sum_words(of, "crop-boxes-1.npy", crops * 3));
    if (!strstr(printed, line))
        fail_msg("the loader did not print %sbut %s", line, printed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_thread_or_two),          cmocka_unit_test(survives_being_killed),
        cmocka_unit_test(pictures_are_what_is_drawn), cmocka_unit_test(crops_show_the_face),
        cmocka_unit_test(video_shows_the_same),       cmocka_unit_test(the_camera_is_off_while_away),
        cmocka_unit_test(names_what_is_missing),      cmocka_unit_test(a_full_disk_is_told),
        cmocka_unit_test(the_loader_agrees),
    };
    return cmocka_run_group_tests(tests, open_root, remove_root);
}
