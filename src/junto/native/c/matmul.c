/* Products of matrices modulo 2**64.
 *
 * Operands are copied into panels in the order in which they are read (Goto and van de Geijn, "Anatomy of
 * high-performance matrix multiplication", ACM TOMS 34, 2008): HIGH rows of a, WIDE columns of b, DEPTH deep.
 * A tile of the result, HIGH x WIDE, stays in registers meanwhile.
 *
 * AVX2 has no product of 64 bits. With x = x0 + 2**32 x1, x y = x0 y0 + 2**32 (x0 y1 + x1 y0): the first by
 * vpmuludq, both others by one vpmulld with the halves of y exchanged, of which 32 bits each are enough. The two
 * are added up apart, and put together once a tile.
 */
#include "kernels.h"

#include <stdlib.h>
#include <string.h>

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

/* Adds a tile to the result, as much of it as there is. */
static void put(uint64_t *c, int64_t c_row, const uint64_t *tile, int high, int wide, int64_t rows,
                int64_t columns) {
    for (int i = 0; i < least(rows, high); i++)
        for (int j = 0; j < least(columns, wide); j++) c[i * c_row + j] += tile[i * wide + j];
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

int matmul64(uint64_t *c, const uint64_t *a, const uint64_t *b, int64_t m, int64_t k, int64_t n, int64_t c_row,
             int64_t a_row, int64_t a_column, int64_t b_row, int64_t b_column, int level) {
    for (int64_t i = 0; i < m; i++) memset(c + i * c_row, 0, sizeof *c * (size_t)n);
    const int64_t depth = least(k, DEPTH), rows = least(m, ROWS) + 16, columns = least(n, COLUMNS) + 16;
    uint64_t *room = malloc(sizeof *room * (size_t)(depth * (rows + columns)));
    if (!room) return 1;
    const struct product job = {c, a, b, m, k, n, c_row, a_row, a_column, b_row, b_column, room};
#if X86
    if (level == AVX512)
        blocks_avx512(&job);
    else if (level == AVX2)
        blocks_avx2(&job);
    else
#endif
        blocks_base(&job);
    (void)level;
    free(room);
    return 0;
}
