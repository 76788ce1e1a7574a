/* The emulator's own test, of what a Hopper device has besides: barriers in shared memory, bulk copies, products of a
 * warpgroup, and the proxy through which the last two see memory. */
#include "kernels/cuda/common.cuh"
#include "kernels/cuda/instructions_hopper.cuh"
#include "test/cuda-emu/faults.h"

namespace vv {
namespace {

enum { THREADS = 128, ROWS = 64, COLUMNS = 64, DEEP = 16, BULK_BYTES = 256 };

/* What a kernel below does wrong. */
enum Mistake {
    NONE,
    NO_WAIT,
    WRONG_PARITY,
    TOO_MANY,     /* arrivals */
    TOO_FEW,      /* arrivals */
    NOT_MADE,     /* the barrier */
    NOT_KNOWN,    /* the barrier, to the async proxy */
    NOT_TOLD,     /* the barrier, of the bytes */
    MISALIGNED,   /* a bulk copy */
    FORGOTTEN,    /* a bulk copy */
    NO_PROXY,     /* fence */
    OTHERS_PROXY, /* fence: of some threads only, where all have written */
    NO_FENCE,     /* before products */
    NO_COMMIT,
    NO_END,     /* nobody waits for products */
    OVERWRITES, /* operands, before products have read them */
    WRONG_STRIDE,
    OTHER_BITS, /* in a descriptor */
    OUTSIDE,    /* of shared memory, a descriptor */
    APART       /* warps of a group in different products */
};

/* Whether many launches write 1 for every thread. */
template <typename Launch> bool always(Launch launch) {
    for (int i = 0; i < LAUNCHES; i++) {
        float seen[THREADS] = {};
        launch(&seen[0]);
        for (float right : seen)
            if (right != 1)
                return false;
    }
    return true;
}

/* ---- barriers and bulk copies ------------------------------------------------------------------------------------ */

/* Neighbours see each other's numbers, over several phases. */
__global__ void phases(float *seen, Mistake mistake) {
    VV_SHARED(float, numbers, [THREADS]);
    VV_SHARED(uint64_t, barriers, [3]);
    uint64_t *const written = &barriers[0], *const read = &barriers[1];
    if (threadIdx.x == 0) {
        barrier_init(written, mistake == TOO_FEW ? THREADS + 1 : mistake == TOO_MANY ? THREADS - 1 : THREADS);
        barrier_init(read, THREADS);
        barrier_init_done();
    }
    __syncthreads();
    bool right = true;
    for (unsigned phase = 0; phase < 5; phase++) {
        numbers[threadIdx.x] = static_cast<float>(threadIdx.x + 100 * phase);
        barrier_arrive(mistake == NOT_MADE ? &barriers[2] : written);
        if (mistake != NO_WAIT)
            barrier_wait(written, mistake == WRONG_PARITY ? 1 : phase % 2);
        const unsigned other = (threadIdx.x + 1) % THREADS;
        right = right && numbers[other] == static_cast<float>(other + 100 * phase);
        barrier_arrive(read);
        barrier_wait(read, phase % 2);
    }
    seen[threadIdx.x] = right;
}

bool phases_are_right(Mistake mistake) {
    return always([&](float *seen) { run_threads(THREADS, phases, 0, seen, mistake); });
}

/* Bulk copies go round two places; who has read gives a place back. */
__global__ void bulks(float *seen, const float *from, Mistake mistake) {
    VV_DYNAMIC_SHARED(memory);
    VV_SHARED(uint64_t, full, [2]);
    VV_SHARED(uint64_t, empty, [2]);
    if (threadIdx.x == 0) {
        for (int i = 0; i < 2; i++) {
            barrier_init(&full[i], 1);
            barrier_init(&empty[i], THREADS);
        }
        if (mistake != NOT_KNOWN)
            barrier_init_done();
    }
    __syncthreads();
    bool right = true;
    for (unsigned s = 0; s < 6; s++) {
        unsigned char *const place = memory + s % 2 * BULK_BYTES;
        const float *const piece = from + s * (BULK_BYTES / 4);
        if (threadIdx.x == 0) {
            barrier_wait(&empty[s % 2], s / 2 % 2 ^ 1);
            if (mistake == NOT_TOLD)
                barrier_arrive(&full[s % 2]);
            else
                barrier_arrive_expecting(&full[s % 2], BULK_BYTES);
            copy_bulk(place, piece + (mistake == MISALIGNED), BULK_BYTES, &full[s % 2]);
        }
        __syncwarp();
        if (mistake != NO_WAIT)
            barrier_wait(&full[s % 2], s / 2 % 2);
        right = right && reinterpret_cast<const float *>(place)[threadIdx.x / 2] == piece[threadIdx.x / 2];
        barrier_arrive(&empty[s % 2]);
    }
    if (mistake == FORGOTTEN && threadIdx.x == 0)
        for (int i = 0; i < 16; i++) /* some come at once */
            copy_bulk(memory + 2 * BULK_BYTES, from, BULK_BYTES, &full[0]);
    seen[threadIdx.x] = right;
}

bool bulks_arrive(Mistake mistake) {
    alignas(16) static float from[6 * BULK_BYTES / 4 + 4];
    for (int i = 0; i < 6 * BULK_BYTES / 4; i++)
        from[i] = static_cast<float>(i);
    const float *const numbers = from;
    return always([&](float *seen) { run_threads(THREADS, bulks, 3 * BULK_BYTES, seen, numbers, mistake); });
}

/* ---- products ---------------------------------------------------------------------------------------------------- */

/* Numbers so small that bf16 holds them and their sums are exact. */
int a_at(int row, int k) {
    return (3 * row + 5 * k) % 11 - 5;
}
int b_at(int column, int k) {
    return (7 * k + 2 * column) % 13 - 6;
}

/* How rows lie: `width` bytes of each side by side, and the product's 16 numbers in them from byte `first` on. */
struct Layout {
    unsigned mode, width, first;
};
enum { TILE_BYTES = ROWS * 128 };

/* Where a chunk belongs. The narrowest rows keep the second chunk 1024 bytes behind the first. */
unsigned char *place(unsigned char *tile, const Layout &layout, int row, int chunk) {
    const unsigned chunks = layout.width / 16, r = static_cast<unsigned>(row), c = static_cast<unsigned>(chunk);
    if (chunks == 1)
        return tile + r * 16 + c * 1024;
    return tile + r * layout.width + ((layout.first / 16 + c) ^ (r * layout.width / 128 % chunks)) * 16;
}

uint64_t describe(const unsigned char *tile, const Layout &layout, unsigned stride) {
    return static_cast<uint64_t>((shared_address(tile) + layout.first) / 16) | static_cast<uint64_t>(1024 / 16) << 16 |
           static_cast<uint64_t>(stride / 16) << 32 | static_cast<uint64_t>(layout.mode) << 62;
}

/* Every thread writes a chunk of a and one of b: by stores, or by copies of what it has put into `global`. */
void write_operands(unsigned char *a, unsigned char *b, const Layout &layout, Bf16 *global) {
    const int row = static_cast<int>(threadIdx.x) / 2, chunk = static_cast<int>(threadIdx.x) % 2;
    Bf16 *const mine = global ? global + threadIdx.x * 16 : nullptr;
    Bf16 *const to_a = mine ? mine : reinterpret_cast<Bf16 *>(place(a, layout, row, chunk));
    Bf16 *const to_b = mine ? mine + 8 : reinterpret_cast<Bf16 *>(place(b, layout, row, chunk));
    for (int i = 0; i < 8; i++) {
        put(to_a + i, static_cast<float>(a_at(row, 8 * chunk + i)));
        put(to_b + i, static_cast<float>(b_at(row, 8 * chunk + i)));
    }
    if (mine) {
        copy_async(place(a, layout, row, chunk), to_a);
        copy_async(place(b, layout, row, chunk), to_b);
        copy_commit();
        copy_wait<0>();
    }
}

/* Twice a b, in two groups. */
__global__ void products(float *seen, Layout layout, Bf16 *global, Mistake mistake) {
    VV_DYNAMIC_SHARED(a);
    unsigned char *const b = a + TILE_BYTES;
    write_operands(a, b, layout, global);
    if (mistake != NO_PROXY && (mistake != OTHERS_PROXY || threadIdx.x >= 32))
        fence_async();
    __syncthreads();
    const unsigned stride = mistake == WRONG_STRIDE ? 4 * layout.width : 8 * layout.width;
    const bool apart = mistake == APART && threadIdx.x < 32;
    const uint64_t of_a = mistake == OTHER_BITS ? describe(a, layout, stride) | static_cast<uint64_t>(1) << 46
                                                : describe(a, layout, stride);
    const uint64_t of_b = describe(apart ? a : mistake == OUTSIDE ? b + TILE_BYTES / 2 : b, layout, stride);
    float sums[COLUMNS / 2] = {};
    if (mistake != NO_FENCE)
        product_fence();
    product_multiply(sums, of_a, of_b);
    product_commit();
    product_multiply(sums, of_a, of_b);
    if (mistake != NO_COMMIT)
        product_commit();
    if (mistake == OVERWRITES) {
        *reinterpret_cast<uint4 *>(place(a, layout, static_cast<int>(threadIdx.x) / 2, 0)) = make_uint4(0, 0, 0, 0);
        fence_async();
    }
    if (mistake == NO_WAIT)
        product_wait<1>();
    else if (mistake != NO_END)
        product_wait<0>();
    product_hold(sums);
    bool right = true;
    for (int i = 0; i < COLUMNS / 2; i++) {
        const int lane = static_cast<int>(lane_id()), warp = static_cast<int>(threadIdx.x) / 32;
        const int row = 16 * warp + lane / 4 + i / 2 % 2 * 8, column = i / 4 * 8 + lane % 4 * 2 + i % 2;
        int sum = 0;
        for (int k = 0; k < DEEP; k++)
            sum += 2 * a_at(row, k) * b_at(column, k);
        right = right && sums[i] == static_cast<float>(sum);
    }
    seen[threadIdx.x] = right;
    if (mistake == NO_WAIT)
        product_wait<0>();
}

/* The widest rows, from their third quarter on. */
const Layout WIDEST = {1, 128, 64};

bool products_are_right(const Layout &layout, bool copied, Mistake mistake) {
    alignas(16) static Bf16 global[THREADS * 16];
    Bf16 *const through = copied ? &global[0] : nullptr;
    return always([&](float *seen) { run_threads(THREADS, products, 2 * TILE_BYTES, seen, layout, through, mistake); });
}

/* Sums of half a warpgroup. */
bool half_a_group() {
    float seen[THREADS] = {}, *const first = seen;
    run_threads(64, products, 2 * TILE_BYTES, first, WIDEST, static_cast<Bf16 *>(nullptr), NONE);
    return true;
}

void expect_failure(Mistake mistake, const char *what) {
    expect(fails([&] { return products_are_right(WIDEST, false, mistake); }), what);
}

} // namespace

void expect_hopper() {
    const Layout layouts[] = {{0, 16, 0}, {3, 32, 0}, {2, 64, 32}, {1, 128, 0}, WIDEST};
    const Mistake of_barriers[] = {NO_WAIT, WRONG_PARITY, TOO_MANY, TOO_FEW, NOT_MADE};
    const char *const barriers_say[] = {"a barrier that is not waited for", "a barrier waited for by the wrong parity",
                                        "arrivals too many", "arrivals too few", "a barrier that nobody has made"};
    const Mistake of_bulks[] = {NO_WAIT, NOT_TOLD, NOT_KNOWN, MISALIGNED, FORGOTTEN};
    const char *const bulks_say[] = {"a bulk copy that is not waited for", "a barrier that is not told of a bulk copy",
                                     "a barrier that was not made known", "a bulk copy that is misaligned",
                                     "bulk copies that are forgotten"};
    expect(phases_are_right(NONE), "barriers in shared memory");
    for (int i = 0; i < 5; i++)
        expect(fails([&] { return phases_are_right(of_barriers[i]); }), barriers_say[i]);
    expect(bulks_arrive(NONE), "bulk copies arrive");
    for (int i = 0; i < 5; i++)
        expect(fails([&] { return bulks_arrive(of_bulks[i]); }), bulks_say[i]);
    for (const Layout &layout : layouts)
        expect(products_are_right(layout, false, NONE), "products of a warpgroup, from rows as they may lie");
    expect(products_are_right(WIDEST, true, NONE), "products of what was copied");
    expect(fails([&] { return products_are_right(WIDEST, true, OTHERS_PROXY); }),
           "copies that others than their threads have fenced");
    expect(dies(half_a_group), "products of half a warpgroup");
    expect_failure(NO_PROXY, "stores that the async proxy was not told of");
    expect_failure(NO_FENCE, "products without a fence");
    expect_failure(NO_COMMIT, "products that are not committed");
    expect_failure(NO_WAIT, "sums that are touched before their products are done");
    expect_failure(NO_END, "products that nobody waits for");
    expect_failure(OVERWRITES, "operands that are overwritten too early");
    expect_failure(WRONG_STRIDE, "a descriptor with a wrong stride");
    expect_failure(OTHER_BITS, "a descriptor with other bits");
    expect_failure(OUTSIDE, "a descriptor that leads outside of shared memory");
    expect_failure(APART, "warps of a group in different products");
}

} // namespace vv
