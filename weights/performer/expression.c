/* Names of the expression shapes. */
#include "weights/performer/expression.h"

#include <string.h>

static const char *const names[VV_EXPRESSIONS] = {
#define VV_EXPRESSION(constant, name) name,
#include "weights/performer/expressions.def"
#undef VV_EXPRESSION
};

const char *vv_expression_name(int index) {
    return names[index];
}

int vv_expression_find(const char *name) {
    for (int i = 0; i < VV_EXPRESSIONS; i++) {
        if (strcmp(names[i], name) == 0) {
            return i;
        }
    }
    return -1;
}
