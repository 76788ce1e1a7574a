/* The constants and names of the expression shapes that expressions.def lists. */
#ifndef VV_EXPRESSION_H
#define VV_EXPRESSION_H

#include "weights/performer/pose.h"

typedef enum VvExpression {
#define VV_EXPRESSION(constant, name) VV_##constant,
#include "weights/performer/expressions.def"
#undef VV_EXPRESSION
    VV_EXPRESSION_COUNT
} VvExpression;

_Static_assert(VV_EXPRESSION_COUNT == VV_EXPRESSIONS, "expressions.def and pose.h disagree");

/* The upstream name of a shape, for 0 <= index < VV_EXPRESSIONS. Any thread. */
const char *vv_expression_name(int index);

/* The index of the shape with this name, or -1. Any thread. */
int vv_expression_find(const char *name);

#endif
