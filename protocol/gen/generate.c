/* Writes web-demo/protocol.js, docs/protocol.schema.json and docs/protocol.md from the protocol's tables.
 *
 * usage: generate ROOT [--check]     with --check nothing is written: exit status 1 names each file that is stale
 *
 * What is fixed text lives beside this file, in module.js and reference.md; a line there that holds nothing but
 * "@name@" is replaced by the part of that name. */
#include "protocol/gen/gen.h"

#include <stdlib.h>
#include <string.h>

const Constant gen_kinds[] = {
    {"USER_AUDIO", VV_KIND_USER_AUDIO, "The user's microphone: one Opus packet."},
    {"USER_VIDEO", VV_KIND_USER_VIDEO, "The user's camera: one VP8 frame."},
    {"SPEECH", VV_KIND_SPEECH,
     "The avatar's speech, for the open utterance: one Opus packet, or any number of samples."},
    {"AVATAR_AUDIO", VV_KIND_AVATAR_AUDIO, "The avatar's voice: one Opus packet."},
    {"AVATAR_VIDEO", VV_KIND_AVATAR_VIDEO, "The avatar's picture: one VP8 frame."},
    {"AVATAR_MOTION", VV_KIND_AVATAR_MOTION, "The avatar's motion: one vector for one frame."},
    {0},
};

const Constant gen_flags[] = {
    {"KEY", VV_FLAG_KEY, "A key frame: decodable without any earlier frame."},
    {"END", VV_FLAG_END, "The last audio of its utterance; the same as speech.end after it."},
    {"DISCONTINUITY", VV_FLAG_DISCONTINUITY, "Media before it was skipped."},
    {"IDLE", VV_FLAG_IDLE, "No speech lies under this moment of the avatar."},
    {"ALPHA", VV_FLAG_ALPHA, "The picture has an alpha plane."},
    {0},
};

const Constant gen_codecs[] = {
    {"OPUS", VV_CODEC_OPUS, "One Opus packet."},
    {"VP8", VV_CODEC_VP8, "One VP8 frame."},
    {"PCM", VV_CODEC_PCM, "Samples, 16-bit signed little-endian, mono."},
    {"F16", VV_CODEC_F16, "A vector of 16-bit floating-point numbers, little-endian."},
    {0},
};

static const struct {
    const char *name;
    void (*write)(FILE *out);
} parts[] = {
    {"@constants@", gen_js_constants},         {"@tables@", gen_js_tables}, {"@schema@", gen_schema},
    {"@header-tables@", gen_md_header_tables}, {"@limits@", gen_md_limits}, {"@contents@", gen_md_contents},
    {"@messages@", gen_md_messages},           {"@names@", gen_md_names},   {"@errors@", gen_md_errors},
};

/* A file to generate; one without a template is a single part. */
static const struct {
    const char *path;
    const char *source;
} files[] = {
    {"web-demo/protocol.js", "protocol/gen/module.js"},
    {"docs/protocol.schema.json", NULL},
    {"docs/protocol.md", "protocol/gen/reference.md"},
};

static void fail(const char *what, const char *path) {
    fprintf(stderr, "generate: %s %s\n", what, path);
    exit(2);
}

/* The whole file, terminated, for the caller to free; NULL if it cannot be read. */
static char *read_file(const char *path) {
    FILE *in = fopen(path, "rb");
    if (!in)
        return NULL;
    char *text = NULL, buffer[4096];
    size_t size = 0, count;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        fail("out of memory for", path);
    while ((count = fread(buffer, 1, sizeof buffer, in)) > 0)
        fwrite(buffer, 1, count, out);
    fclose(out);
    fclose(in);
    return text;
}

static void write_part(const char *name, FILE *out) {
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strcmp(parts[i].name, name) == 0) {
            parts[i].write(out);
            return;
        }
    fail("unknown part", name);
}

static void expand(char *template, FILE *out) {
    for (char *line = template, *end; *line != '\0'; line = end + 1) {
        end = line + strcspn(line, "\n");
        if (*end == '\0')
            fail("a template must end with a newline, not with", line);
        *end = '\0';
        if (line[0] == '@' && end > line + 1 && end[-1] == '@')
            write_part(line, out);
        else
            fprintf(out, "%s\n", line);
    }
}

/* The text that file `index` should have, for the caller to free. */
static char *generate(const char *root, size_t index) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        fail("out of memory for", files[index].path);
    if (files[index].source) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", root, files[index].source);
        char *template = read_file(path);
        if (!template)
            fail("cannot read", path);
        expand(template, out);
        free(template);
    } else {
        write_part("@schema@", out);
    }
    fclose(out);
    return text;
}

static void write_file(const char *path, const char *text) {
    FILE *out = fopen(path, "wb");
    if (!out || fputs(text, out) < 0 || fclose(out) != 0)
        fail("cannot write", path);
}

int main(int argc, char **argv) {
    bool check = argc == 3 && strcmp(argv[2], "--check") == 0;
    if (argc != 2 && !check) {
        fprintf(stderr, "usage: generate ROOT [--check]\n");
        return 2;
    }
    int status = 0;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", argv[1], files[i].path);
        char *now = read_file(path), *text = generate(argv[1], i);
        bool stale = !now || strcmp(now, text) != 0;
        if (stale && check) {
            fprintf(stderr, "generate: %s is stale: run make generate\n", files[i].path);
            status = 1;
        } else if (stale) {
            write_file(path, text);
        }
        free(now);
        free(text);
    }
    return status;
}
