/* What goes on beside the threads of a block on a Hopper device: barriers in shared memory, bulk copies, products of
 * warpgroups. All of it is seen through the async proxy: a second picture of shared memory, which only bulk copies and
 * fences bring up to date.
 *
 * A fence brings what its own thread has copied by copy_async, and whatever else differs and is no other thread's copy:
 * ordinary stores cannot be told apart by who made them. */
#include <stdio.h>
#include <string.h>

#include "test/cuda-emu/block.h"

enum { BARRIERS_MAX = 64, BULK_MAX = 64, PRODUCTS_MAX = 256, LOG = 256, WARPS_MAX = EMU_THREADS_MAX / EMU_LANES };
enum {
    OF_A_GROUP = 4 /* warps */,
    ROWS = 16 /* of a warp */,
    DEEP = 16,
    COLUMNS_MAX = 256,
    SUMS_MAX = COLUMNS_MAX / 2
};

typedef struct Barrier {
    const uint64_t *at;
    unsigned count, missing; /* arrivals: of a phase; of this one, still */
    int64_t bytes;           /* that were told of and have not come */
    unsigned phase;
    unsigned brought, seen; /* phases until bytes came, and that somebody has seen the end of */
    bool fenced;            /* made known to the async proxy */
    Meeting meeting;
} Barrier;

typedef struct Bulk {
    unsigned char *dst;
    const unsigned char *src;
    size_t bytes;
    Barrier *barrier;
} Bulk;

typedef struct Product {
    uint64_t a, b;
    int count; /* a lane's sums */
} Product;

typedef struct Warp {
    Product products[PRODUCTS_MAX]; /* under way, the oldest first */
    int groups[PRODUCTS_MAX];
    int product_count, group, last; /* the group that products now join; that of the last one */
    bool fenced;
    unsigned begun; /* products, since the block began */
    /* While products are under way the sums are here, and not a number where the lanes have them. */
    float *home[EMU_LANES];
    float sums[EMU_LANES][SUMS_MAX];
    int count;
} Warp;

static struct {
    bool touched; /* the picture differs from what a new block's is */
    Barrier barriers[BARRIERS_MAX];
    int barrier_count;
    Bulk bulks[BULK_MAX];
    int bulk_count;
    Warp warps[WARPS_MAX];
    Product log[WARPS_MAX / OF_A_GROUP][LOG]; /* what the warps of a group have begun: it must be the same */
    unsigned logged[WARPS_MAX / OF_A_GROUP];
} async;

/* The async proxy's picture; whose copy, of threads numbered from 1, made a chunk differ from it. */
static unsigned char picture[EMU_SHARED_BYTES];
static unsigned short writer[EMU_SHARED_BYTES / EMU_CHUNK];

/* ---- the two pictures -------------------------------------------------------------------------------------------- */

static bool differs(size_t at, size_t bytes) {
    return memcmp(picture + at, emu_shared_memory + at, bytes) != 0;
}

void emu_async_copied(const unsigned char *chunk, unsigned thread) {
    const size_t at = (size_t)(chunk - emu_shared_memory);
    writer[at / EMU_CHUNK] = differs(at, EMU_CHUNK) ? (unsigned short)(thread + 1) : 0;
}

static void show(size_t at, size_t bytes) {
    memcpy(picture + at, emu_shared_memory + at, bytes);
    memset(writer + at / EMU_CHUNK, 0, (bytes + EMU_CHUNK - 1) / EMU_CHUNK * sizeof *writer);
}

/* The end of the piece that `at` lies in, or of the variable. */
static size_t end_of_piece(size_t at, size_t piece, size_t end) {
    return (at / piece + 1) * piece < end ? (at / piece + 1) * piece : end;
}

static void fence_variable(size_t at, size_t bytes) {
    enum { PIECE = 64 * EMU_CHUNK }; /* mostly, nothing differs */
    const unsigned me = emu_thread_number() + 1;
    for (size_t end = at + bytes, next; at < end; at = next) {
        next = end_of_piece(at, PIECE, end);
        if (!differs(at, next - at))
            continue;
        for (size_t chunk = at, rest; chunk < next; chunk = rest) {
            rest = end_of_piece(chunk, EMU_CHUNK, next);
            if (writer[chunk / EMU_CHUNK] == 0 || writer[chunk / EMU_CHUNK] == me)
                show(chunk, rest - chunk);
        }
    }
}

void emu_async_fence(void) {
    async.touched = true;
    emu_each_variable(fence_variable);
}

/* ---- barriers ---------------------------------------------------------------------------------------------------- */

static Barrier *find_barrier(const uint64_t *at) {
    for (int i = 0; i < async.barrier_count; i++)
        if (async.barriers[i].at == at)
            return &async.barriers[i];
    emu_die("meets at a barrier that nobody has made");
}

void emu_barrier_init(uint64_t *at, unsigned count) {
    if ((uintptr_t)at % sizeof *at || !emu_in_variable(at, sizeof *at) || count == 0)
        emu_die("a barrier for %u that is misaligned or outside of shared memory", count);
    if (async.barrier_count == BARRIERS_MAX)
        emu_die("more than %d barriers", BARRIERS_MAX);
    async.barriers[async.barrier_count++] = (Barrier){.at = at, .count = count, .missing = count};
    *at = 0;
}

void emu_barrier_init_done(void) {
    for (int i = 0; i < async.barrier_count; i++)
        async.barriers[i].fenced = true;
}

static void end_phase(Barrier *barrier) {
    if (barrier->missing || barrier->bytes)
        return;
    barrier->phase++;
    barrier->missing = barrier->count;
    emu_wake(&barrier->meeting);
}

void emu_barrier_arrive(const uint64_t *at, unsigned bytes) {
    Barrier *barrier = find_barrier(at);
    if (!barrier->missing)
        emu_die("arrives at a barrier where all %u have arrived", barrier->count);
    barrier->bytes += bytes;
    barrier->missing--;
    end_phase(barrier);
}

void emu_barrier_wait(const uint64_t *at, unsigned parity) {
    Barrier *barrier = find_barrier(at);
    while (barrier->phase % 2 == parity)
        emu_wait_at(&barrier->meeting);
    barrier->seen = barrier->phase;
}

int emu_async_waiting(const char **why) {
    static char text[96];
    int waiting = 0;
    for (int i = 0; i < async.barrier_count; i++) {
        const Barrier *barrier = &async.barriers[i];
        if (barrier->meeting.count && !waiting)
            snprintf(text, sizeof text, "; barrier %d lacks %u of %u arrivals and %lld bytes", i, barrier->missing,
                     barrier->count, (long long)barrier->bytes);
        waiting += barrier->meeting.count;
    }
    *why = waiting ? text : "";
    return waiting;
}

/* ---- bulk copies ------------------------------------------------------------------------------------------------- */

static void land(const Bulk *bulk) {
    memcpy(bulk->dst, bulk->src, bulk->bytes);
    show((size_t)(bulk->dst - emu_shared_memory), bulk->bytes);
    bulk->barrier->bytes -= (int64_t)bulk->bytes;
    bulk->barrier->brought = bulk->barrier->phase + 1;
    end_phase(bulk->barrier);
}

void emu_copy_bulk(void *dst, const void *src, unsigned bytes, const uint64_t *at) {
    const Bulk bulk = {dst, src, bytes, find_barrier(at)};
    if ((uintptr_t)dst % EMU_CHUNK || (uintptr_t)src % EMU_CHUNK || bytes % EMU_CHUNK || bytes == 0)
        emu_die("a bulk copy of %u bytes, misaligned", bytes);
    if (!emu_in_variable(dst, bytes))
        emu_die("a bulk copy to outside of shared memory");
    if (!bulk.barrier->fenced)
        emu_die("a bulk copy tells a barrier that was not made known");
    if (async.bulk_count == BULK_MAX)
        emu_die("more than %d bulk copies", BULK_MAX);
    async.touched = true;
    if (emu_random_below(4) == 0)
        land(&bulk);
    else
        async.bulks[async.bulk_count++] = bulk;
}

bool emu_async_arrives(bool must) {
    if (!async.bulk_count || (!must && emu_random_below(16)))
        return async.bulk_count > 0;
    const uint32_t chosen = emu_random_below((uint32_t)async.bulk_count);
    const Bulk bulk = async.bulks[chosen];
    async.bulks[chosen] = async.bulks[--async.bulk_count];
    land(&bulk);
    return true;
}

/* ---- products of a warpgroup ------------------------------------------------------------------------------------- */

static Warp *this_warp(void) {
    return &async.warps[emu_thread_number() / EMU_LANES];
}

static unsigned bits(uint64_t word, int from, int count) {
    return (unsigned)(word >> from & ((1u << count) - 1));
}

/* Eight numbers along k of a row, as the descriptor has them. Rows lie in eights; an eight is 16, 32, 64 or 128 bytes
 * wide. Of the narrowest, chunks that follow along k lie the leading offset apart; of the others side by side, and 1, 2
 * or 3 bits of the address from bit 4 on are exchanged by those from bit 7 on. */
static const unsigned char *operand(uint64_t descriptor, unsigned row, unsigned chunk) {
    const unsigned mode = bits(descriptor, 62, 2), exchanged = mode ? 4 - mode : 0;
    const unsigned leading = bits(descriptor, 16, 14) * 16, stride = bits(descriptor, 32, 14) * 16;
    if (bits(descriptor, 14, 2) || bits(descriptor, 30, 2) || bits(descriptor, 46, 16))
        emu_die("a descriptor with other bits (%016llx)", (unsigned long long)descriptor);
    unsigned at = bits(descriptor, 0, 14) * 16;
    at += row / 8 * stride + row % 8 * (16u << exchanged) + chunk * (mode ? 16 : leading);
    at ^= (at >> 7 & ((1u << exchanged) - 1)) << 4;
    if (at >= EMU_SHARED_BYTES || !emu_in_variable(emu_shared_memory + at, EMU_CHUNK))
        emu_die("a product's operand outside of shared memory");
    return picture + at;
}

static float number(const unsigned char *at) {
    float value;
    const unsigned char bytes[4] = {0, 0, at[0], at[1]};
    memcpy(&value, bytes, sizeof value);
    return value;
}

/* Where a lane's sum belongs in the warp's rows. */
static unsigned row_of(unsigned lane, unsigned sum) {
    return lane / 4 + sum / 2 % 2 * 8;
}
static unsigned column_of(unsigned lane, unsigned sum) {
    return sum / 4 * 8 + lane % 4 * 2 + sum % 2;
}

/* One warp's rows of a product: products exact, sums in an order nobody promises. */
static void multiply(Warp *warp, const Product *product) {
    static float a[ROWS][DEEP], b[DEEP][COLUMNS_MAX], d[ROWS][COLUMNS_MAX];
    const unsigned columns = (unsigned)product->count * 2;
    const unsigned first = (unsigned)(warp - async.warps) % OF_A_GROUP * ROWS;
    for (unsigned chunk = 0; chunk < DEEP / 8; chunk++) {
        for (unsigned row = 0; row < ROWS; row++)
            for (unsigned i = 0; i < 8; i++)
                a[row][chunk * 8 + i] = number(operand(product->a, first + row, chunk) + 2 * i);
        for (unsigned column = 0; column < columns; column++) {
            const unsigned char *from = operand(product->b, column, chunk);
            for (unsigned i = 0; i < 8; i++)
                b[chunk * 8 + i][column] = number(from + 2 * i);
        }
    }
    for (unsigned lane = 0; lane < EMU_LANES; lane++)
        for (unsigned i = 0; i < (unsigned)product->count; i++)
            d[row_of(lane, i)][column_of(lane, i)] = warp->sums[lane][i];
    for (unsigned row = 0; row < ROWS; row++)
        for (unsigned k = 0; k < DEEP; k++)
            for (unsigned column = 0; column < columns; column += 8)
                for (unsigned i = 0; i < 8; i++)
                    d[row][column + i] += a[row][k] * b[k][column + i];
    for (unsigned lane = 0; lane < EMU_LANES; lane++)
        for (unsigned i = 0; i < (unsigned)product->count; i++)
            warp->sums[lane][i] = d[row_of(lane, i)][column_of(lane, i)];
}

/* Does what was begun in groups before `group`; in order, as products of the same sums are done. */
static void do_products(Warp *warp, int group) {
    int done = 0;
    while (done < warp->product_count && warp->groups[done] < group)
        multiply(warp, &warp->products[done++]);
    warp->product_count -= done;
    memmove(warp->products, warp->products + done, (size_t)warp->product_count * sizeof *warp->products);
    memmove(warp->groups, warp->groups + done, (size_t)warp->product_count * sizeof *warp->groups);
}

/* The warps of a group begin the same products; how far one is ahead of another is theirs. */
static void check_log(Warp *warp, const Product *product) {
    const unsigned group = (unsigned)(warp - async.warps) / OF_A_GROUP;
    Product *logged = &async.log[group][warp->begun % LOG];
    if (emu_block_size.x * emu_block_size.y * emu_block_size.z < (group + 1) * OF_A_GROUP * EMU_LANES)
        emu_die("a product of a warpgroup that is not whole");
    if (warp->begun == async.logged[group]) {
        *logged = *product;
        async.logged[group]++;
    } else if (async.logged[group] - warp->begun > LOG) {
        emu_die("a warp is more than %d products behind its group", LOG);
    } else if (logged->a != product->a || logged->b != product->b || logged->count != product->count) {
        emu_die("warps of a group begin different products");
    }
    warp->begun++;
}

/* From here on the lanes have no sums. */
static void take_sums(Warp *warp, const EmuPart parts[EMU_LANES]) {
    if (!warp->fenced)
        emu_die("products without a fence after their sums were touched");
    warp->count = parts[0].product.count;
    for (int lane = 0; lane < EMU_LANES; lane++) {
        const size_t bytes = (size_t)warp->count * sizeof(float);
        warp->home[lane] = parts[lane].product.sums;
        memcpy(warp->sums[lane], warp->home[lane], bytes);
        memset(warp->home[lane], EMU_NOT_A_NUMBER, bytes);
    }
}

static void begin_product(EmuPart parts[EMU_LANES]) {
    Warp *warp = this_warp();
    const Product product = {parts[0].product.a, parts[0].product.b, parts[0].product.count};
    check_log(warp, &product);
    if (!warp->home[0])
        take_sums(warp, parts);
    for (int lane = 0; lane < EMU_LANES; lane++)
        if (parts[lane].product.a != product.a || parts[lane].product.b != product.b ||
            parts[lane].product.count != warp->count || parts[lane].product.sums != warp->home[lane])
            emu_die("a product that differs between lanes, or other sums while products are under way");
    if (warp->product_count == PRODUCTS_MAX)
        emu_die("more than %d products of a warp under way", PRODUCTS_MAX);
    warp->products[warp->product_count] = product;
    warp->groups[warp->product_count++] = warp->last = warp->group;
    if (emu_random_below(4) == 0)
        do_products(warp, warp->group + 1);
}

void emu_product_multiply(float *sums, int count, uint64_t a, uint64_t b) {
    const EmuPart mine = {.product = {sums, a, b, count}};
    async.touched = true;
    emu_warp_meets(EMU_PRODUCT, &mine, begin_product);
}

static void fence_products(EmuPart parts[EMU_LANES]) {
    (void)parts;
    this_warp()->fenced = true;
}

void emu_product_fence(void) {
    emu_warp_meets(EMU_PRODUCT_FENCE, NULL, fence_products);
}

static void commit_products(EmuPart parts[EMU_LANES]) {
    (void)parts;
    this_warp()->group++;
}

void emu_product_commit(void) {
    emu_warp_meets(EMU_PRODUCT_COMMIT, NULL, commit_products);
}

/* Once nothing is under way the lanes have their sums again. */
static void wait_for_products(EmuPart parts[EMU_LANES]) {
    Warp *warp = this_warp();
    const int before = warp->group - (int)parts[0].words[0];
    do_products(warp, before);
    if (!warp->home[0] || warp->last >= before)
        return;
    for (int lane = 0; lane < EMU_LANES; lane++) {
        memcpy(warp->home[lane], warp->sums[lane], (size_t)warp->count * sizeof(float));
        warp->home[lane] = NULL;
    }
    warp->fenced = false;
}

void emu_product_wait(int groups) {
    const EmuPart mine = {.words = {(uint32_t)groups}};
    emu_warp_meets(EMU_PRODUCT_WAIT, &mine, wait_for_products);
}

/* ---- blocks ------------------------------------------------------------------------------------------------------ */

void emu_async_thread_ends(void) {
    if (this_warp()->home[0])
        emu_die("ends with products that it never waited for");
}

void emu_async_open(void) {
    static bool opened;
    if (!opened)
        memset(picture, EMU_NOT_A_NUMBER, sizeof picture);
    opened = true;
    async.barrier_count = 0;
}

void emu_async_close(void) {
    const size_t used = emu_shared_used();
    bool forgotten = async.bulk_count > 0;
    for (int i = 0; i < async.barrier_count; i++)
        forgotten = forgotten || async.barriers[i].brought > async.barriers[i].seen;
    if (forgotten)
        emu_die("ends with bulk copies that nobody waited for");
    memset(writer, 0, (used / EMU_CHUNK + 1) * sizeof *writer);
    if (!async.touched)
        return;
    memset(picture, EMU_NOT_A_NUMBER, used + EMU_FENCE_BYTES);
    memset(async.logged, 0, sizeof async.logged);
    for (int i = 0; i < WARPS_MAX; i++) {
        async.warps[i].group = 0;
        async.warps[i].begun = 0;
        async.warps[i].fenced = false;
    }
    async.touched = false;
}
