/* Products of matrices modulo 2**64 and modulo 2**128.
 *
 * Operands are copied into panels in the order in which they are read (Goto and van de Geijn, "Anatomy of
 * high-performance matrix multiplication", ACM TOMS 34, 2008): HIGH rows of a, WIDE columns of b, DEPTH deep.
 * A tile of the result, HIGH x WIDE, stays in registers meanwhile.
 *
 * AVX2 has no product of 64 bits. With x = x0 + 2**32 x1, x y = x0 y0 + 2**32 (x0 y1 + x1 y0): the first by
 * vpmuludq, both others by one vpmulld with the halves of y exchanged, of which 32 bits each are enough. The two
 * are added up apart, and put together once a tile. Products modulo 2**128 are in matmul_wide.h.
 */
#include "lanes52.h"

#include <stdlib.h>
#include <string.h>

typedef unsigned __int128 u128;

enum { COLUMNS = 512, LINE = 8 /* words */ };

struct product {
    uint64_t *c;
    const uint64_t *a, *b;
    int64_t m, k, n, c_row, a_row, a_column, b_row, b_column;
};

static inline int64_t least(int64_t x, int64_t y) { return x < y ? x : y; }

static inline int64_t rounded(int64_t x, int64_t step) { return (x + step - 1) / step * step; }

/* `count` rows (or columns) of a matrix, [depth][width], the missing ones 0. */
static void pack1(uint64_t *out, const uint64_t *in, int64_t count, int64_t depth, int64_t along, int64_t across,
                  int width) {
    if (count == width && across == 1) {
        for (int64_t p = 0; p < depth; p++, out += width) memcpy(out, in + p * along, sizeof *out * (size_t)width);
        return;
    }
    for (int64_t p = 0; p < depth; p++, out += width)
        for (int i = 0; i < width; i++) out[i] = i < count ? in[p * along + i * across] : 0;
}

/* The same of elements of two words: the lower ones, and then the upper ones. */
static void pack2(uint64_t *out, const uint64_t *in, int64_t count, int64_t depth, int64_t along, int64_t across,
                  int width) {
    uint64_t *high = out + depth * width;
    for (int64_t p = 0; p < depth; p++, out += width, high += width)
        for (int i = 0; i < width; i++) {
            const uint64_t *from = in + p * along + i * across;
            out[i] = i < count ? from[0] : 0, high[i] = i < count ? from[1] : 0;
        }
}

/* Adds a tile to the result, as much of it as there is. */
static void put1(uint64_t *c, int64_t c_row, const uint64_t *tile, int wide, int64_t rows, int64_t columns) {
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++) c[i * c_row + j] += tile[i * wide + j];
}

static inline u128 pair(const uint64_t *x) { return (u128)x[1] << 64 | x[0]; }

static inline void put_pair(uint64_t *to, u128 x) { to[0] = (uint64_t)x, to[1] = (uint64_t)(x >> 64); }

static void put2(uint64_t *c, int64_t c_row, const uint64_t *tile, int wide, int64_t rows, int64_t columns) {
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++)
            put_pair(c + i * c_row + 2 * j, pair(c + i * c_row + 2 * j) + pair(tile + 2 * (i * wide + j)));
}

#define PASTE_(x, y) x##y
#define PASTE(x, y) PASTE_(x, y)

static inline void split_nothing(uint64_t *x, int64_t count) { (void)x, (void)count; }

#define TARGET
#define NAME words_base
#define SIZE 1
#define PARTS 1
#define HIGH 4
#define WIDE 4
#define ROWS 96
#define DEPTH 256
#define split_words_base split_nothing
static inline void tile_words_base(uint64_t *out, const uint64_t *a, const uint64_t *b, int64_t depth) {
    uint64_t sum[HIGH * WIDE] = {0};
    for (int64_t p = 0; p < depth; p++, a += HIGH, b += WIDE)
        for (int i = 0; i < HIGH; i++)
            for (int j = 0; j < WIDE; j++) sum[i * WIDE + j] += a[i] * b[j];
    memcpy(out, sum, sizeof sum);
}
#include "matmul_blocks.h"
#undef TARGET

#if X86
#define TARGET TARGET_AVX2
#define NAME words_avx2
#define SIZE 1
#define PARTS 1
#define HIGH 4
#define WIDE 4
#define ROWS 96
#define DEPTH 256
#define split_words_avx2 split_nothing
/* [4, 4], of rows of b and of the result that lie `step` words apart. More sums do not fit into 16 registers. */
TARGET static inline void four_by_four(uint64_t *out, const uint64_t *a, const uint64_t *b, int64_t depth, int step) {
    __m256i low[HIGH], cross[HIGH];
    for (int i = 0; i < HIGH; i++) low[i] = cross[i] = _mm256_setzero_si256();
    for (int64_t p = 0; p < depth; p++, a += HIGH, b += step) {
        const __m256i y = _mm256_loadu_si256((const __m256i *)b), turned = _mm256_shuffle_epi32(y, 0xb1);
#pragma GCC unroll 4
        for (int i = 0; i < HIGH; i++) {
            const __m256i x = _mm256_set1_epi64x((long long)a[i]);
            low[i] = _mm256_add_epi64(low[i], _mm256_mul_epu32(x, y));
            cross[i] = _mm256_add_epi32(cross[i], _mm256_mullo_epi32(x, turned));
        }
    }
    for (int i = 0; i < HIGH; i++) {
        const __m256i both = _mm256_add_epi32(cross[i], _mm256_srli_epi64(cross[i], 32));
        _mm256_storeu_si256((__m256i *)(out + i * step), _mm256_add_epi64(low[i], _mm256_slli_epi64(both, 32)));
    }
}

TARGET static inline void tile_words_avx2(uint64_t *out, const uint64_t *a, const uint64_t *b, int64_t depth) {
    four_by_four(out, a, b, depth, WIDE);
}
#include "matmul_blocks.h"
#undef TARGET

#define TARGET TARGET_AVX512
#define NAME words_avx512
#define SIZE 1
#define PARTS 1
#define HIGH 12
#define WIDE 16
#define ROWS 96
#define DEPTH 256
#define split_words_avx512 split_nothing
TARGET static inline void tile_words_avx512(uint64_t *out, const uint64_t *a, const uint64_t *b, int64_t depth) {
    lanes left[HIGH], right[HIGH], y, z;
    memset(left, 0, sizeof left), memset(right, 0, sizeof right);
    for (int64_t p = 0; p < depth; p++, a += HIGH, b += WIDE) {
        memcpy(&y, b, sizeof y), memcpy(&z, b + 8, sizeof z);
#pragma GCC unroll 12
        for (int i = 0; i < HIGH; i++) left[i] += a[i] * y, right[i] += a[i] * z; /* vpmullq */
    }
    for (int i = 0; i < HIGH; i++) {
        memcpy(out + i * WIDE, left + i, sizeof y);
        memcpy(out + i * WIDE + 8, right + i, sizeof z);
    }
}
#include "matmul_blocks.h"
#undef TARGET
#endif

#include "matmul_wide.h"

/* The result is 0 at first; whether it stays so. */
static int cleared(const struct product *job, int size) {
    for (int64_t i = 0; i < job->m; i++)
        memset(job->c + i * job->c_row, 0, sizeof *job->c * (size_t)(size * job->n));
    return !job->k;
}

int matmul64(uint64_t *c, const uint64_t *a, const uint64_t *b, int64_t m, int64_t k, int64_t n, int64_t c_row,
             int64_t a_row, int64_t a_column, int64_t b_row, int64_t b_column, int level) {
    const struct product job = {c, a, b, m, k, n, c_row, a_row, a_column, b_row, b_column};
    if (cleared(&job, 1)) return 0;
    switch (level) {
#if X86
    case AVX512: return blocks_words_avx512(&job);
    case AVX2: return blocks_words_avx2(&job);
#endif
    default: return blocks_words_base(&job);
    }
}

int matmul128(uint64_t *c, const uint64_t *a, const uint64_t *b, int64_t m, int64_t k, int64_t n, int64_t c_row,
              int64_t a_row, int64_t a_column, int64_t b_row, int64_t b_column, int level) {
    const struct product job = {c, a, b, m, k, n, c_row, a_row, a_column, b_row, b_column};
    if (cleared(&job, 2)) return 0;
    if (least(m, n) < THIN) return thin(&job);
    switch (level) {
#if X86
    case AVX512: return blocks_pairs_avx512(&job);
    case AVX2: return blocks_pairs_avx2(&job);
#endif
    default: return blocks_pairs_base(&job);
    }
}
