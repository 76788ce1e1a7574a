/* The emulator's own test: it runs what is right, and finds what is wrong. A race shows as a wrong number in some of
 * many launches; what a device would let pass in silence must end the program, here a child's. Prints TAP. */
#include "kernels/cuda/common.cuh"
#include "test/cuda-emu/faults.h"

namespace vv {
namespace {

enum { THREADS = 96 };

template <typename... Parameters, typename... Arguments>
void run(void (*kernel)(Parameters...), size_t dynamic_shared, Arguments... arguments) {
    run_threads(THREADS, kernel, dynamic_shared, arguments...);
}

/* ---- what is right ----------------------------------------------------------------------------------------------- */

unsigned block_number() {
    return blockIdx.x + gridDim.x * blockIdx.y;
}

__global__ void sum_up(float *sums) {
    VV_SHARED(float, of_warp, [THREADS / 32]);
    const float sum = warp_sum(static_cast<float>(threadIdx.x));
    if (lane_id() == 0)
        of_warp[threadIdx.x / 32] = sum;
    __syncthreads();
    if (threadIdx.x == 0)
        sums[block_number()] = of_warp[0] + of_warp[1] + of_warp[2] + 1000 * static_cast<float>(block_number());
}

bool sums_are_right() {
    for (int i = 0; i < LAUNCHES; i++) {
        float sums[6] = {};
        run(sum_up, 0, &sums[0]);
        for (int block = 0; block < 6; block++)
            if (sums[block] != static_cast<float>(THREADS * (THREADS - 1) / 2 + 1000 * block))
                return false;
    }
    return true;
}

__global__ void count_votes(unsigned *votes) {
    const unsigned odd = __ballot_sync(ALL_LANES, threadIdx.x % 2), lowest = __shfl_sync(ALL_LANES, threadIdx.x, 0);
    const bool agreed = __all_sync(ALL_LANES, lowest % 32 == 0) && !__any_sync(ALL_LANES, lowest > THREADS);
    votes[threadIdx.x] = agreed ? odd : 0;
}

bool votes_are_right() {
    unsigned votes[THREADS] = {};
    run(count_votes, 0, &votes[0]);
    for (unsigned vote : votes)
        if (vote != 0xaaaaaaaau)
            return false;
    return true;
}

/* d = a b with a 16 x 16, b 16 x 8 (as 8 rows of 16): numbers so small that bf16 holds them and their sums are exact.
 */
int a_at(int row, int k) {
    return (3 * row + 5 * k) % 11 - 5;
}
int b_at(int k, int column) {
    return (7 * k + 2 * column) % 13 - 6;
}

__global__ void product(float *d) {
    VV_SHARED(Bf16, a, [16][16]);
    VV_SHARED(Bf16, b, [16][8]);
    VV_SHARED(Bf16, transposed, [8][16]);
    for (int i = static_cast<int>(threadIdx.x); i < 256; i += THREADS)
        put(&a[i / 16][i % 16], static_cast<float>(a_at(i / 16, i % 16)));
    for (int i = static_cast<int>(threadIdx.x); i < 128; i += THREADS) {
        put(&b[i / 8][i % 8], static_cast<float>(b_at(i / 8, i % 8)));
        put(&transposed[i % 8][i / 8], static_cast<float>(b_at(i / 8, i % 8)));
    }
    __syncthreads();
    const unsigned lane = lane_id();
    uint32_t of_a[4], of_b[4], of_transposed[4];
    load_matrices(of_a, &a[lane % 16][lane / 16 * 8]);
    load_matrices_transposed(of_b, &b[lane % 16][0]); /* matrices 2 and 3 are 0 and 1 again */
    load_matrices(of_transposed, &transposed[lane % 8][lane / 8 % 2 * 8]);
    float sums[4] = {}, again[4] = {};
    multiply_add(sums, of_a, of_b[0], of_b[1]);
    multiply_add(again, of_a, of_transposed[0], of_transposed[1]);
    for (unsigned i = 0; i < 4; i++)
        d[(lane / 4 + i / 2 * 8) * 8 + lane % 4 * 2 + i % 2] = sums[i] == again[i] ? sums[i] : NAN;
}

bool product_is_right() {
    float d[16 * 8];
    run(product, 0, &d[0]);
    for (int row = 0; row < 16; row++)
        for (int column = 0; column < 8; column++) {
            int sum = 0;
            for (int k = 0; k < 16; k++)
                sum += a_at(row, k) * b_at(k, column);
            if (d[row * 8 + column] != static_cast<float>(sum))
                return false;
        }
    return true;
}

/* ---- what is wrong ----------------------------------------------------------------------------------------------- */

/* A neighbour's number, written in this phase and in the one before: without `first` read before it is there, without
 * `second` overwritten before it is read. */
__global__ void neighbours(float *seen, bool first, bool second) {
    VV_SHARED(float, numbers, [THREADS]);
    bool right = true;
    for (unsigned phase = 0; phase < 2; phase++) {
        numbers[threadIdx.x] = static_cast<float>(threadIdx.x + 100 * phase);
        if (first)
            __syncthreads();
        const unsigned other = (threadIdx.x + 1) % THREADS;
        right = right && numbers[other] == static_cast<float>(other + 100 * phase);
        if (second)
            __syncthreads();
    }
    seen[threadIdx.x] = right;
}

__global__ void copies(float *seen, const float *from, bool waits) {
    VV_DYNAMIC_SHARED(memory);
    float *const numbers = reinterpret_cast<float *>(memory);
    if (threadIdx.x < 4)
        copy_async(numbers + 4 * threadIdx.x, from + 4 * threadIdx.x);
    copy_commit();
    if (waits)
        copy_wait<0>();
    __syncthreads();
    seen[threadIdx.x] = numbers[threadIdx.x % 16] == from[threadIdx.x % 16];
    copy_wait<0>();
}

/* Whether all launches gave every thread what it should see. */
template <typename Launch> bool always(Launch launch) {
    for (int i = 0; i < LAUNCHES; i++) {
        float seen[THREADS] = {};
        launch(&seen[0]);
        for (float right : seen)
            if (right == 0)
                return false;
    }
    return true;
}

bool neighbours_see(bool first, bool second) {
    return always([&](float *seen) { run(neighbours, 0, seen, first, second); });
}

bool copies_arrive(bool wait) {
    alignas(16) float from[16];
    for (int i = 0; i < 16; i++)
        from[i] = static_cast<float>(i);
    const float *const numbers = from;
    return always([&](float *seen) { run(copies, 64, seen, numbers, wait); });
}

__global__ void barrier_of_some() {
    if (threadIdx.x < 64)
        __syncthreads();
}
__global__ void lanes_apart() {
    if (lane_id() < 16)
        warp_sum(1);
    else
        __syncwarp();
}
__global__ void lanes_missing() {
    if (lane_id() < 16)
        __syncwarp();
}
__global__ void outside_of_shared() {
    VV_SHARED(float, numbers, [4]);
    volatile float *const at = numbers;
    at[4] = 1;
}
__global__ void outside_of_dynamic() {
    VV_DYNAMIC_SHARED(memory);
    volatile unsigned char *const at = memory;
    at[64] = 1;
}
__global__ void copy_forgotten(const float *from) {
    VV_DYNAMIC_SHARED(memory);
    for (int i = 0; i < 16; i++) /* some copies come at once */
        copy_async(memory, from);
}
__global__ void misaligned_row() {
    VV_SHARED(Bf16, rows, [64]);
    uint32_t words[4];
    load_matrices(words, &rows[1]);
}

int failures, number;

} // namespace

void expect(bool truth, const char *what) {
    printf("%sok %d - the emulator: %s\n", truth ? "" : "not ", ++number, what);
    failures += !truth;
}

} // namespace vv

int main() {
    using namespace vv;
    alignas(16) static const float from[4] = {};
    expect(sums_are_right(), "sums over warps and blocks");
    expect(votes_are_right(), "votes");
    expect(product_is_right(), "tensor cores' product, from rows and from columns");
    expect(neighbours_see(true, true), "with both barriers neighbours see each other");
    expect(!neighbours_see(false, true), "a number that is read too early is noticed");
    expect(!neighbours_see(true, false), "a number that is overwritten too early is noticed");
    expect(copies_arrive(true), "copies arrive");
    expect(!copies_arrive(false), "copies that nobody waits for are late in some launch");
    expect(dies([] { run(barrier_of_some, 0); }), "a barrier that some threads never reach");
    expect(dies([] { run(lanes_apart, 0); }), "lanes of a warp in different operations");
    expect(dies([] { run(lanes_missing, 0); }), "lanes that are missing");
    expect(dies([] { run(outside_of_shared, 0); }), "writing behind a shared variable");
    expect(dies([] { run(outside_of_dynamic, 64); }), "writing behind dynamic shared memory");
    expect(dies([] { run(copy_forgotten, 16, static_cast<const float *>(from)); }), "copies that are forgotten");
    expect(dies([] { run(misaligned_row, 0); }), "a matrix's row that is misaligned");
    expect_hopper();
    printf("1..%d\n", number);
    return failures != 0;
}
