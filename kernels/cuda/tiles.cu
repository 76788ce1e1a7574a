/* Our own tiles (product.cuh) as ways to compute a layer. Large ones read less; small ones give all multiprocessors
 * something to do. */
#include "kernels/cuda/product.cuh"

namespace vv {
namespace {

typedef Tile<128, 128, 4, 2> LargeTile;
typedef Tile<128, 64, 4, 2> HighTile;
typedef Tile<64, 64, 2, 2> MiddleTile;
typedef Tile<32, 32, 2, 2> SmallTile;
typedef Tile<128, 16, 4, 1> ThinTile; /* few channels: the last layers of a picture */

template <typename T, bool TOGETHER> VvKernelStatus launch_tile(VvStream *stream, const Product &product) {
    const dim3 blocks(static_cast<unsigned>(divide_up(product.rows, T::M)),
                      static_cast<unsigned>(divide_up(product.out, T::N)));
    return with_float_type(product.type, [&](auto type) {
        return launch(stream, product_kernel<T, TOGETHER, decltype(type)>, blocks, T::THREADS, T::BYTES, product);
    });
}

/* Not where more than half of a tile would be empty, unless no smaller one is there. */
template <typename T> VvKernelStatus open_tile(const LayerWeights &, const Shape &shape, void **state, size_t *) {
    *state = nullptr;
    const bool fits = (shape.out > T::N / 2 || T::N <= 32) && (shape.rows > T::M / 2 || T::M <= 32);
    return fits && (T::N > 16 || shape.out <= 16) ? VV_KERNEL_OK : VV_KERNEL_UNSUPPORTED;
}

template <typename T> VvKernelStatus run_tile(VvStream *stream, const void *, const Product &product) {
    return launch_tile<T, true>(stream, product);
}

template <typename T> constexpr Way tile_way(const char *name) {
    return {name, open_tile<T>, run_tile<T>, nullptr};
}

} // namespace

const Way tile_ways[] = {tile_way<SmallTile>("32x32"), tile_way<MiddleTile>("64x64"), tile_way<HighTile>("128x64"),
                         tile_way<LargeTile>("128x128"), tile_way<ThinTile>("128x16")};
const int tile_way_count = sizeof tile_ways / sizeof *tile_ways;

/* `together`: rows at multiples of 16 bytes, channels in eights. */
VvKernelStatus run_first_way(VvStream *stream, const Product &product, bool together) {
    return together ? launch_tile<SmallTile, true>(stream, product) : launch_tile<MiddleTile, false>(stream, product);
}

} // namespace vv
