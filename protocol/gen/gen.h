/* The generator of everything that repeats the protocol's tables in another language: the page's module, the JSON
 * Schema and the reference. Each part writes to a stream; generate.c puts them into the templates. */
#ifndef VV_PROTOCOL_GEN_H
#define VV_PROTOCOL_GEN_H

#include "protocol/table.h"

#include <stdio.h>

/* A number of the binary header that has a name. */
typedef struct Constant {
    const char *name;
    unsigned value;
    const char *doc;
} Constant;

/* Each list ends with a NULL name. */
extern const Constant gen_kinds[];
extern const Constant gen_flags[];
extern const Constant gen_codecs[];

/* Parts of web-demo/protocol.js. */
void gen_js_constants(FILE *out);
void gen_js_tables(FILE *out);

/* The whole of docs/protocol.schema.json. */
void gen_schema(FILE *out);

/* Parts of docs/protocol.md. */
void gen_md_header_tables(FILE *out);
void gen_md_limits(FILE *out);
void gen_md_contents(FILE *out);
void gen_md_messages(FILE *out);
void gen_md_names(FILE *out);
void gen_md_errors(FILE *out);

#endif
