/* Products of matrices modulo 2**64 and modulo 2**128.
 *
 * Operands are copied into panels in the order in which they are read (Goto and van de Geijn, "Anatomy of
 * high-performance matrix multiplication", ACM TOMS 34, 2008): HIGH rows of a, WIDE columns of b, DEPTH deep.
 * A tile of the result, HIGH x WIDE, stays in registers meanwhile.
 *
 * AVX2 has no product of 64 bits. With x = x0 + 2**32 x1, x y = x0 y0 + 2**32 (x0 y1 + x1 y0): the first by
 * vpmuludq, both others by one vpmulld with the halves of y exchanged, of which 32 bits each are enough. The two
 * are added up apart, and put together once a tile.
 *
 * Modulo 2**128 x = x0 + 2**64 x1 likewise: x1 y0 + x0 y1 are products modulo 2**64 of the rows [x1 x0] and the columns
 * [y0 y1], for which there is the tile already; x0 y0 takes the processor's product of 128 bits.
 */
#include "kernels.h"

#include <stdlib.h>
#include <string.h>

typedef unsigned __int128 u128;

enum { DEPTH = 256, ROWS = 96, COLUMNS = 512 };

static inline int64_t least(int64_t x, int64_t y) { return x < y ? x : y; }

/* `count` rows (or columns) of a matrix, [depth][width], the missing ones 0. */
static void pack(uint64_t *out, const uint64_t *in, int64_t count, int64_t depth, int64_t along, int64_t across,
                 int width) {
    if (count == width && across == 1) {
        for (int64_t p = 0; p < depth; p++, out += width) memcpy(out, in + p * along, sizeof *out * (size_t)width);
        return;
    }
    for (int64_t p = 0; p < depth; p++, out += width)
        for (int i = 0; i < width; i++) out[i] = i < count ? in[p * along + i * across] : 0;
}

/* The same of elements of two words: the lower ones, and the upper ones. */
static void pack_wide(uint64_t *low, uint64_t *high, const uint64_t *in, int64_t count, int64_t depth, int64_t along,
                      int64_t across, int width) {
    for (int64_t p = 0; p < depth; p++, low += width, high += width)
        for (int i = 0; i < width; i++) {
            const uint64_t *from = in + p * along + i * across;
            low[i] = i < count ? from[0] : 0, high[i] = i < count ? from[1] : 0;
        }
}

/* Adds a tile to the result, as much of it as there is. */
static void put(uint64_t *c, int64_t c_row, const uint64_t *tile, int high, int wide, int64_t rows,
                int64_t columns) {
    for (int i = 0; i < least(rows, high); i++)
        for (int j = 0; j < least(columns, wide); j++) c[i * c_row + j] += tile[i * wide + j];
}

static void put_wide(uint64_t *c, int64_t c_row, const uint64_t *upper, const u128 *full, int high, int wide,
                     int64_t rows, int64_t columns) {
    for (int i = 0; i < least(rows, high); i++)
        for (int j = 0; j < least(columns, wide); j++) {
            uint64_t *to = c + i * c_row + 2 * j;
            const u128 sum = ((u128)(to[1] + upper[i * wide + j]) << 64 | to[0]) + full[i * wide + j];
            to[0] = (uint64_t)sum, to[1] = (uint64_t)(sum >> 64);
        }
}

#define PASTE_(x, y) x##y
#define PASTE(x, y) PASTE_(x, y)

#define LEVEL base
#define TARGET
#define HIGH 4
#define WIDE 4
static inline void tile_base(uint64_t *out, const uint64_t *a, const uint64_t *b, int64_t depth) {
    uint64_t sum[HIGH * WIDE] = {0};
    for (int64_t p = 0; p < depth; p++, a += HIGH, b += WIDE)
        for (int i = 0; i < HIGH; i++)
            for (int j = 0; j < WIDE; j++) sum[i * WIDE + j] += a[i] * b[j];
    memcpy(out, sum, sizeof sum);
}
#include "matmul_blocks.h"

#if X86
#define LEVEL avx2
#define TARGET TARGET_AVX2
#define HIGH 6
#define WIDE 4
TARGET static inline void tile_avx2(uint64_t *out, const uint64_t *a, const uint64_t *b, int64_t depth) {
    __m256i low[HIGH], cross[HIGH];
    for (int i = 0; i < HIGH; i++) low[i] = cross[i] = _mm256_setzero_si256();
    for (int64_t p = 0; p < depth; p++, a += HIGH, b += WIDE) {
        const __m256i y = _mm256_loadu_si256((const __m256i *)b), turned = _mm256_shuffle_epi32(y, 0xb1);
#pragma GCC unroll 6
        for (int i = 0; i < HIGH; i++) {
            const __m256i x = _mm256_set1_epi64x((long long)a[i]);
            low[i] = _mm256_add_epi64(low[i], _mm256_mul_epu32(x, y));
            cross[i] = _mm256_add_epi32(cross[i], _mm256_mullo_epi32(x, turned));
        }
    }
    for (int i = 0; i < HIGH; i++) {
        const __m256i both = _mm256_add_epi32(cross[i], _mm256_srli_epi64(cross[i], 32));
        _mm256_storeu_si256((__m256i *)(out + i * WIDE), _mm256_add_epi64(low[i], _mm256_slli_epi64(both, 32)));
    }
}
#include "matmul_blocks.h"

#define LEVEL avx512
#define TARGET TARGET_AVX512
#define HIGH 12
#define WIDE 16
typedef uint64_t eight __attribute__((vector_size(64)));

TARGET static inline void tile_avx512(uint64_t *out, const uint64_t *a, const uint64_t *b, int64_t depth) {
    eight left[HIGH], right[HIGH], y, z;
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
#endif

static int multiplied(struct product *job, int level) {
    const int64_t size = job->wide ? 2 : 1;
    for (int64_t i = 0; i < job->m; i++) memset(job->c + i * job->c_row, 0, sizeof *job->c * (size_t)(size * job->n));
    const int64_t depth = least(job->k, DEPTH), rows = least(job->m, ROWS) + 16, columns = least(job->n, COLUMNS) + 16;
    job->room = malloc(sizeof *job->room * (size_t)(size * depth * (rows + columns)));
    if (!job->room) return 1;
#if X86
    if (level == AVX512)
        blocks_avx512(job);
    else if (level == AVX2)
        blocks_avx2(job);
    else
#endif
        blocks_base(job);
    (void)level;
    free(job->room);
    return 0;
}

int matmul64(uint64_t *c, const uint64_t *a, const uint64_t *b, int64_t m, int64_t k, int64_t n, int64_t c_row,
             int64_t a_row, int64_t a_column, int64_t b_row, int64_t b_column, int level) {
    struct product job = {c, a, b, m, k, n, c_row, a_row, a_column, b_row, b_column, NULL, 0};
    return multiplied(&job, level);
}

int matmul128(uint64_t *c, const uint64_t *a, const uint64_t *b, int64_t m, int64_t k, int64_t n, int64_t c_row,
              int64_t a_row, int64_t a_column, int64_t b_row, int64_t b_column, int level) {
    struct product job = {c, a, b, m, k, n, c_row, a_row, a_column, b_row, b_column, NULL, 1};
    return multiplied(&job, level);
}
