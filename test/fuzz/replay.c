/* Replays a folder of kept inputs through a fuzz target, without libFuzzer: so that `make test` runs them under any
 * compiler and sanitizer. Every input is given in a buffer of exactly its size. Prints TAP, a test an input.
 *
 * usage: NAME_replay FOLDER */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int visible(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

/* Feeds one file to the target; 0, or -1 if it cannot be read. */
static int replay(const char *path) {
    uint8_t *data = NULL;
    long size = 0;
    int result = -1;
    FILE *in = fopen(path, "rb");
    if (!in || fseek(in, 0, SEEK_END) != 0 || (size = ftell(in)) < 0 || fseek(in, 0, SEEK_SET) != 0)
        goto done;
    data = malloc(size > 0 ? (size_t)size : 1);
    if (!data || fread(data, 1, (size_t)size, in) != (size_t)size)
        goto done;
    LLVMFuzzerTestOneInput(data, (size_t)size);
    result = 0;
done:
    free(data);
    if (in)
        fclose(in);
    return result;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    struct dirent **entries = NULL;
    int count = scandir(argv[1], &entries, visible, alphasort), failed = 0;
    if (count <= 0) {
        fprintf(stderr, "%s: no inputs in %s\n", argv[0], argv[1]);
        free(entries);
        return 2;
    }
    printf("1..%d\n", count);
    for (int i = 0; i < count; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", argv[1], entries[i]->d_name);
        /* Said before it runs, so that the input that crashes the target is known. */
        printf("# %s\n", path);
        fflush(stdout);
        int result = replay(path);
        failed += result != 0;
        printf("%sok %d - %s\n", result == 0 ? "" : "not ", i + 1, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return failed > 0;
}
