/* What the kernel checks share: seeded random tensors with guarded surroundings, comparison, and the list of checks.
 *
 * A check runs one operation of a table and of the reference on the same numbers and compares. Every tensor lies in a
 * piece of memory of exactly its size, so that the address sanitizer sees a step outside; slices lie in a wider tensor
 * whose other channels must stay as they were. */
#ifndef VV_TEST_KERNELS_CHECK_H
#define VV_TEST_KERNELS_CHECK_H

#include "kernels/kernels.h"

/* One check's run. */
typedef struct Check {
    const VvKernels *kernels; /* the table that is checked */
    VvStream *stream;         /* of the table, with plenty of scratch */
    const VvKernels *ref;
    VvStream *ref_stream;
    uint64_t random; /* state */
    int cases;       /* done so far */
    char label[160]; /* the case at hand, for messages */
    bool failed;     /* the first difference has been printed; the rest of the check is skipped */
} Check;

typedef struct NamedCheck {
    const char *name;
    void (*run)(Check *check);
} NamedCheck;

/* Lists that end with an empty one. The reference is held to the first line's; what is compared with it, to all. */
extern const NamedCheck vv_table_checks[], vv_definition_checks[], vv_token_definition_checks[];
extern const NamedCheck vv_layer_checks[], vv_element_checks[], vv_flow_checks[], vv_token_checks[],
    vv_attention_checks[], vv_aligned_checks[];

enum { CHECK_SCRATCH = 1 << 24 }; /* bytes of the streams' scratch */

/* Says which case follows, printf-like. */
void check_case(Check *check, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Fails the check with a reason, printf-like. */
void check_fail(Check *check, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Fails unless the status is the one wanted. */
void check_status(Check *check, VvKernelStatus got, VvKernelStatus want);

/* ---- random numbers ---------------------------------------------------------------------------------------------- */

uint32_t check_random(Check *check);
/* 0 .. below - 1 */
int check_below(Check *check, int below);
/* low .. high */
double check_between(Check *check, double low, double high);

/* ---- tensors ----------------------------------------------------------------------------------------------------- */

/* A dense tensor on the host that owns its memory. Freed by check_free_all. */
VvTensor check_tensor(Check *check, VvDataType type, int rank, const int shape[]);
VvTensor check_picture(Check *check, VvDataType type, int n, int h, int w, int c);
/* A slice of a tensor with `margin` channels more on either side; 0 makes it dense. */
VvTensor check_slice(Check *check, VvDataType type, int margin, int n, int h, int w, int c);

/* The same of any rank. */
VvTensor check_view(Check *check, VvDataType type, int margin, int rank, const int shape[]);

/* Fills the view with uniform numbers low..high; bytes and whole numbers are rounded down. */
void check_fill(Check *check, VvTensor tensor, double low, double high);

/* A copy of the view and of what surrounds it, so that a second kernel may write it. */
VvTensor check_twin(Check *check, VvTensor tensor);

/* Puts 0, 1, 2 ... in the view's own order. */
void check_count_up(VvTensor tensor);
/* Puts these numbers, one for every element. */
void check_put_all(VvTensor tensor, const double numbers[]);

double check_get(VvTensor tensor, size_t row, int column);
void check_put(VvTensor tensor, size_t row, int column, double value);

/* Frees all tensors made since the last call, after looking at their surroundings: writing there fails the check. */
void check_free_all(Check *check);

/* ---- comparison -------------------------------------------------------------------------------------------------- */

/* Relative distance of neighbouring numbers of a type. */
double check_epsilon(VvDataType type);

/* Whether |got - want| <= base + epsilon * |want|. Not a number equals only not a number; infinities only themselves.
 */
bool check_within(double got, double want, double base, double epsilon);

/* Compares every element: within `base` plus the type's epsilon times its magnitude. */
void check_equal(Check *check, VvTensor got, VvTensor want, double base);

/* Compares every element with numbers worked out by hand, within 1e-5. */
void check_numbers(Check *check, VvTensor got, const double want[]);

/* Bytes that were rounded from numbers up to `error` apart. Rounding makes 1 of that where a border lies between them,
 * which is so for a share of `error` of all numbers; twice that for either side, and twice for chance, plus 2 for small
 * pictures, may differ. */
void check_bytes(Check *check, VvTensor got, VvTensor want, double error);

/* ---- allocations ------------------------------------------------------------------------------------------------- */

/* How often code linked into the program (not the libraries below it) has allocated. */
long check_allocations(void);

/* ---- the CUDA kernels in the emulator -----------------------------------------------------------------------------
 */

/* test/cuda-emu: linked into its program only. */
const VvKernels *vv_kernels_emulated(void) __attribute__((weak));

/* ---- devices (shadow.c) ---------------------------------------------------------------------------------------------
 */

/* The same operations on tensors of the host: copied to the table's device and back. One table at a time. */
const VvKernels *check_shadow(const VvKernels *kernels);

/* ---- benchmark --------------------------------------------------------------------------------------------------- */

/* Prints what the table's kernels cost. */
int check_bench(const VvKernels *kernels);

#endif
