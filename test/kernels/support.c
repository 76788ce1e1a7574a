/* Random tensors with guarded surroundings, and their comparison. */
#include <math.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/kernels/check.h"

void check_case(Check *check, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(check->label, sizeof check->label, format, arguments);
    va_end(arguments);
    check->cases++;
}

void check_fail(Check *check, const char *format, ...) {
    if (check->failed)
        return;
    check->failed = true;
    printf("# %s: ", check->label);
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
}

void check_status(Check *check, VvKernelStatus got, VvKernelStatus want) {
    if (got != want)
        check_fail(check, "status \"%s\", wanted \"%s\"", vv_kernel_status_text(got), vv_kernel_status_text(want));
}

/* ---- random numbers ---------------------------------------------------------------------------------------------- */

/* splitmix64 */
uint32_t check_random(Check *check) {
    uint64_t x = check->random += 0x9e3779b97f4a7c15;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return (uint32_t)(x >> 32);
}

int check_below(Check *check, int below) {
    return (int)(check_random(check) % (uint32_t)below);
}

double check_between(Check *check, double low, double high) {
    return low + (high - low) * (check_random(check) / 4294967296.0);
}

/* ---- tensors ----------------------------------------------------------------------------------------------------- */

enum { PIECES_MAX = 64, GUARD = 0x5a };

/* The memory of a tensor: the view's bytes may change, others must stay GUARD. */
typedef struct Piece {
    unsigned char *memory;
    VvTensor whole;
    int first, count; /* the slice's channels */
} Piece;

static Piece pieces[PIECES_MAX];
static int piece_count;

VvTensor check_view(Check *check, VvDataType type, int margin, int rank, const int shape[]) {
    int wide[VV_RANK_MAX];
    memcpy(wide, shape, (size_t)rank * sizeof *wide);
    wide[rank - 1] += 2 * margin;
    VvTensor whole = vv_tensor(NULL, type, VV_ON_CPU, rank, wide);
    const size_t bytes = vv_tensor_bytes(whole);
    unsigned char *memory = bytes && piece_count < PIECES_MAX ? malloc(bytes) : NULL;
    if (!memory) {
        check_fail(check, "no memory for a tensor");
        exit(1);
    }
    memset(memory, GUARD, bytes);
    whole.data = memory;
    pieces[piece_count++] = (Piece){memory, whole, margin, shape[rank - 1]};
    return vv_tensor_channels(whole, margin, shape[rank - 1]);
}

VvTensor check_tensor(Check *check, VvDataType type, int rank, const int shape[]) {
    return check_view(check, type, 0, rank, shape);
}

VvTensor check_picture(Check *check, VvDataType type, int n, int h, int w, int c) {
    return check_slice(check, type, 0, n, h, w, c);
}

VvTensor check_slice(Check *check, VvDataType type, int margin, int n, int h, int w, int c) {
    return check_view(check, type, margin, 4, (const int[]){n, h, w, c});
}

static Piece *piece_behind(VvTensor tensor) {
    const unsigned char *data = tensor.data;
    for (int i = 0; i < piece_count; i++)
        if (data >= pieces[i].memory && data < pieces[i].memory + vv_tensor_bytes(pieces[i].whole))
            return &pieces[i];
    return NULL;
}

VvTensor check_twin(Check *check, VvTensor tensor) {
    const Piece original = *piece_behind(tensor);
    const VvTensor twin = check_view(check, tensor.type, original.first, tensor.rank, tensor.shape);
    memcpy(pieces[piece_count - 1].memory, original.memory, vv_tensor_bytes(original.whole));
    return twin;
}

static bool surroundings_untouched(const Piece *piece) {
    const size_t size = vv_type_size(piece->whole.type), row = (size_t)piece->whole.pitch * size;
    const size_t from = (size_t)piece->first * size, to = from + (size_t)piece->count * size;
    for (size_t i = 0; i < vv_tensor_rows(piece->whole); i++)
        for (size_t j = 0; j < row; j++)
            if ((j < from || j >= to) && piece->memory[i * row + j] != GUARD)
                return false;
    return true;
}

void check_free_all(Check *check) {
    for (int i = 0; i < piece_count; i++) {
        if (!surroundings_untouched(&pieces[i]))
            check_fail(check, "wrote outside the slice");
        free(pieces[i].memory);
    }
    piece_count = 0;
}

double check_get(VvTensor tensor, size_t row, int column) {
    const size_t at = row * (size_t)tensor.pitch + (size_t)column;
    switch (tensor.type) {
    case VV_F32:
        return (double)((const float *)tensor.data)[at];
    case VV_BF16:
        return (double)vv_f32_from_bf16(((const uint16_t *)tensor.data)[at]);
    case VV_U8:
        return ((const uint8_t *)tensor.data)[at];
    case VV_I32:
        return ((const int32_t *)tensor.data)[at];
    }
    return NAN;
}

void check_put(VvTensor tensor, size_t row, int column, double value) {
    const size_t at = row * (size_t)tensor.pitch + (size_t)column;
    switch (tensor.type) {
    case VV_F32:
        ((float *)tensor.data)[at] = (float)value;
        break;
    case VV_BF16:
        ((uint16_t *)tensor.data)[at] = vv_bf16_from_f32((float)value);
        break;
    case VV_U8:
        ((uint8_t *)tensor.data)[at] = (uint8_t)value;
        break;
    case VV_I32:
        ((int32_t *)tensor.data)[at] = (int32_t)value;
        break;
    }
}

void check_fill(Check *check, VvTensor tensor, double low, double high) {
    for (size_t row = 0; row < vv_tensor_rows(tensor); row++)
        for (int column = 0; column < tensor.shape[tensor.rank - 1]; column++)
            check_put(tensor, row, column, check_between(check, low, high));
}

void check_put_all(VvTensor tensor, const double numbers[]) {
    const int columns = tensor.shape[tensor.rank - 1];
    for (size_t row = 0; row < vv_tensor_rows(tensor); row++)
        for (int c = 0; c < columns; c++)
            check_put(tensor, row, c, numbers[row * (size_t)columns + (size_t)c]);
}

void check_count_up(VvTensor tensor) {
    const int columns = tensor.shape[tensor.rank - 1];
    for (size_t row = 0; row < vv_tensor_rows(tensor); row++)
        for (int c = 0; c < columns; c++)
            check_put(tensor, row, c, (double)row * columns + c);
}

/* ---- comparison -------------------------------------------------------------------------------------------------- */

double check_epsilon(VvDataType type) {
    return type == VV_F32 ? ldexp(1, -23) : type == VV_BF16 ? ldexp(1, -7) : 0;
}

bool check_within(double got, double want, double base, double epsilon) {
    if (isnan(want) || isinf(want))
        return isnan(want) ? isnan(got) : got == want;
    return fabs(got - want) <= base + epsilon * fabs(want); /* false for NaN */
}

void check_equal(Check *check, VvTensor got, VvTensor want, double base) {
    if (!vv_tensor_same_shape(got, want) || got.type != want.type) {
        check_fail(check, "tensors of different shapes compared");
        return;
    }
    const double epsilon = check_epsilon(got.type);
    for (size_t row = 0; row < vv_tensor_rows(got) && !check->failed; row++)
        for (int column = 0; column < got.shape[got.rank - 1]; column++) {
            const double a = check_get(got, row, column), b = check_get(want, row, column);
            if (!check_within(a, b, base, epsilon))
                check_fail(check, "row %zu, channel %d: got %.9g, wanted %.9g within %.3g", row, column, a, b,
                           base + epsilon * fabs(b));
        }
}

void check_numbers(Check *check, VvTensor got, const double want[]) {
    const int columns = got.shape[got.rank - 1];
    for (size_t row = 0; row < vv_tensor_rows(got); row++)
        for (int c = 0; c < columns; c++)
            if (!check_within(check_get(got, row, c), want[row * (size_t)columns + (size_t)c], 1e-5, 0))
                check_fail(check, "row %zu, channel %d: got %g, wanted %g", row, c, check_get(got, row, c),
                           want[row * (size_t)columns + (size_t)c]);
}

void check_bytes(Check *check, VvTensor got, VvTensor want, double error) {
    size_t apart = 0;
    for (size_t row = 0; row < vv_tensor_rows(got); row++)
        for (int column = 0; column < got.shape[got.rank - 1]; column++) {
            const double a = check_get(got, row, column), b = check_get(want, row, column);
            apart += a != b;
            if (fabs(a - b) > 1 + error)
                check_fail(check, "row %zu, channel %d: got %g, wanted %g", row, column, a, b);
        }
    const double allowed = 2 + 4 * error * (double)vv_tensor_count(got);
    if ((double)apart > allowed)
        check_fail(check, "%zu of %zu bytes differ, %.0f may", apart, vv_tensor_count(got), allowed);
}

/* ---- allocations: the linker sends the program's own calls here (kernels.mk) ---------------------------------------
 */

static atomic_long allocations;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

void *__wrap_malloc(size_t size) {
    atomic_fetch_add(&allocations, 1);
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    atomic_fetch_add(&allocations, 1);
    return __real_calloc(count, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size) {
    atomic_fetch_add(&allocations, 1);
    return __real_aligned_alloc(alignment, size);
}

long check_allocations(void) {
    return atomic_load(&allocations);
}
