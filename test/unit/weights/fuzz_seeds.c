/* Writes the seeds of the weights' fuzz target: right files of every kind, and one for each thing that can be wrong.
 * usage: fuzz_seeds DIRECTORY     (with weights/ inside) */
#include "test/unit/weights/build.h"

#include <stdlib.h>

static const uint8_t data[64] = {1, 2, 3, 4, 5, 6, 7, 8, 0x40, 0x3f, 0x80, 0x7f};
static const char *directory;

static void save(const char *name, const File *file) {
    char path[4096];
    snprintf(path, sizeof path, "%s/weights/%s", directory, name);
    FILE *out = fopen(path, "wb");
    if (!out || fwrite(file->bytes, 1, file->size, out) != file->size || fclose(out) != 0) {
        perror(path);
        exit(1);
    }
}

#define TENSOR(name, dtype, shape, offsets)                                                                            \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static void write_tensors(void) {
    static const struct {
        const char *name, *tensors;
        size_t size;
    } seeds[] = {
        {"no_tensor", "", 0},
        {"one_of_each",
         TENSOR("f", "F32", "[1,2]", "[0,8]") "," TENSOR("i", "I32", "[]", "[8,12]") "," TENSOR(
             "h", "F16", "[3]", "[12,18]") "," TENSOR("b", "BF16", "[1,1,1]", "[18,20]") "," TENSOR("u", "U8", "[5]",
                                                                                                    "[20,25]"),
         25},
        {"rank_8", TENSOR("a", "U8", "[1,2,1,2,1,2,1,2]", "[0,16]"), 16},
        {"rank_9", TENSOR("a", "U8", "[1,1,1,1,1,1,1,1,1]", "[0,1]"), 1},
        {"zero_dimension", TENSOR("a", "U8", "[4,0]", "[0,0]"), 0},
        {"negative_dimension", TENSOR("a", "U8", "[-4,-1]", "[0,4]"), 4},
        {"shape_overflow", TENSOR("a", "F32", "[4294967296,4294967296]", "[0,0]"), 0},
        {"unknown_type", TENSOR("a", "F64", "[1]", "[0,8]"), 8},
        {"out_of_bounds", TENSOR("a", "U8", "[65]", "[0,65]"), 64},
        {"far_offsets", TENSOR("a", "U8", "[1]", "[9223372036854775806,9223372036854775807]"), 4},
        {"backward_offsets", TENSOR("a", "U8", "[4]", "[4,0]"), 4},
        {"overlap", TENSOR("a", "U8", "[4]", "[0,4]") "," TENSOR("b", "U8", "[4]", "[2,6]"), 6},
        {"gap", TENSOR("a", "U8", "[4]", "[0,4]") "," TENSOR("b", "U8", "[4]", "[5,9]"), 9},
        {"tail", TENSOR("a", "U8", "[4]", "[0,4]"), 9},
        {"unaligned", TENSOR("a", "U8", "[1]", "[0,1]") "," TENSOR("b", "F32", "[1]", "[1,5]"), 5},
        {"twice", TENSOR("a", "U8", "[1]", "[0,1]") "," TENSOR("a", "U8", "[1]", "[1,2]"), 2},
        {"no_shape", "\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}", 1},
        {"escape_in_name", TENSOR("\\u001b[1m", "U8", "[1]", "[0,1]"), 1},
        {"other_metadata", "\"__metadata__ \":{\"a\":\"b\"}", 0},
    };
    File file;
    for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++) {
        build(&file, seeds[i].tensors, data, seeds[i].size);
        save(seeds[i].name, &file);
    }
}

static void write_headers(void) {
    static const struct {
        const char *name, *header;
    } seeds[] = {
        {"empty_header", ""},
        {"empty_object", "{}"},
        {"list", "[1,2,{}]"},
        {"cut_json", "{\"__metadata__\":{\"config\":\"{"},
        {"deep", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["},
        {"bad_utf8", "{\"\xc3\x28\":1}"},
        {"metadata_list", "{\"__metadata__\":[]}"},
        {"no_config", "{\"__metadata__\":{\"provenance\":\"{}\",\"checksum\":\"sha256:"
                      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"}}"},
    };
    File file;
    for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++) {
        build_raw(&file, seeds[i].header, data, 0);
        save(seeds[i].name, &file);
    }
}

static void write_others(void) {
    File file;
    file.size = 0;
    save("nothing", &file);
    memset(file.bytes, 0xff, 16);
    file.size = 16;
    save("long_header", &file);
    build_with_config(&file, "", "{\\\"codec\\\":{\\\"width\\\":1e3,\\\"rate\\\":\\\"0\\\",\\\"sizes\\\":[[]]}}", data,
                      0);
    save("odd_config", &file);
    build_with_config(&file, "", "[]", data, 0);
    save("config_list", &file);
    build(&file, TENSOR("a", "U8", "[4]", "[0,4]"), data, 4);
    file.size -= 3;
    save("cut_data", &file);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
        return 2;
    }
    directory = argv[1];
    write_tensors();
    write_headers();
    write_others();
    return 0;
}
