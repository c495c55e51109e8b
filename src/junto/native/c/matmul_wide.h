/* Tiles of products modulo 2**128: the rest of matmul.c.
 *
 * Base: the compiler's products of 128 bits.
 *
 * AVX2: x = x0 + 2**64 x1, x0 with its sign. x1 y0 and x0 y1 are products modulo 2**64, for which there is a tile already.
 * x0 is split into limbs of 22, 21 and 21 bits with their signs, as floats, so that sums of DEPTH products of limbs are
 * exact; six of those make x0 y0 by Karatsuba's identity, u v' + v u' = (u + v)(u' + v') - u u' - v v' (Karatsuba and
 * Ofman, 1963).
 *
 * AVX-512: x = u + 2**51 v + 2**102 w without signs. vpmadd52 adds the lower or the upper 52 bits of a product of
 * 52 bits. u u', v v' and (u + v)(u' + v') are wanted whole; of u w' + w u' 26 bits, which are read in the lower
 * 52 bits of (u + 2**26 w)(u' + 2**26 w'), once those of u u' are taken away: seven instructions for eight products.
 */

enum { THIN = 4 /* with fewer rows or columns most of a tile would be idle */ };

/* ---------------------------------------------------------------- few rows or columns */

static inline int64_t magnitude(int64_t x) { return x < 0 ? -x : x; }

/* With `n` small: sums of products along the rows of a where these lie along memory, else column after column of it. */
static void few_columns(const struct product *job, int64_t c_column) {
    for (int64_t j = 0; j < job->n; j++) {
        const uint64_t *b = job->b + j * job->b_column;
        uint64_t *c = job->c + j * c_column;
        if (magnitude(job->a_column) <= magnitude(job->a_row))
            for (int64_t i = 0; i < job->m; i++) {
                const uint64_t *a = job->a + i * job->a_row;
                u128 sum = 0;
                for (int64_t p = 0; p < job->k; p++) sum += pair(a + p * job->a_column) * pair(b + p * job->b_row);
                put_pair(c + i * job->c_row, sum);
            }
        else
            for (int64_t p = 0; p < job->k; p++) {
                const uint64_t *a = job->a + p * job->a_column;
                const u128 factor = pair(b + p * job->b_row);
                for (int64_t i = 0; i < job->m; i++) {
                    uint64_t *to = c + i * job->c_row;
                    put_pair(to, pair(to) + pair(a + i * job->a_row) * factor);
                }
            }
    }
}

static int thin(const struct product *job) {
    const struct product turned = {job->c, job->b,        job->a,     job->n,        job->k,    job->m,
                                   2,      job->b_column, job->b_row, job->a_column, job->a_row};
    if (job->n < THIN)
        few_columns(job, 2);
    else
        few_columns(&turned, job->c_row);
    return 0;
}

/* ---------------------------------------------------------------- base */

#define TARGET
#define NAME pairs_base
#define SIZE 2
#define PARTS 2
#define HIGH 2
#define WIDE 2
#define ROWS 96
#define DEPTH 256
#define split_pairs_base split_nothing
static inline void tile_pairs_base(uint64_t *out, const uint64_t *a, const uint64_t *b, int64_t depth) {
    const uint64_t *a_high = a + depth * HIGH, *b_high = b + depth * WIDE;
    u128 full[HIGH * WIDE] = {0};
    uint64_t upper[HIGH * WIDE] = {0};
    for (int64_t p = 0; p < depth; p++, a += HIGH, b += WIDE, a_high += HIGH, b_high += WIDE)
        for (int i = 0; i < HIGH; i++)
            for (int j = 0; j < WIDE; j++) {
                full[i * WIDE + j] += (u128)a[i] * b[j];
                upper[i * WIDE + j] += a[i] * b_high[j] + a_high[i] * b[j];
            }
    for (int i = 0; i < HIGH * WIDE; i++) put_pair(out + 2 * i, full[i] + ((u128)upper[i] << 64));
}
#include "matmul_blocks.h"
#undef TARGET

#if X86
/* ---------------------------------------------------------------- AVX2 */

#define TARGET TARGET_AVX2
#define NAME pairs_avx2
#define SIZE 2
#define PARTS 8
#define HIGH 4
#define WIDE 8
#define ROWS 48
#define DEPTH 256
enum { LIMBS = 6 }; /* with u, v, w of a lower word: u, v, w, u + v, u + w, v + w */
typedef uint64_t four __attribute__((vector_size(32)));
typedef double four_floats __attribute__((vector_size(32)));

/* Numbers below 2**52 as floats: their bits are those of 2**52 + x. */
#define FLOATS(x) ((four_floats)((x) | 0x433ull << 52) - 0x1p52)

/* [lower][upper] become [lower][upper][limbs]; 1 is added to those upper words whose lower ones count as negative. */
TARGET static inline void split_pairs_avx2(uint64_t *x, int64_t count) {
    for (int64_t i = 0; i < count; i += 4) {
        four low, high;
        memcpy(&low, x + i, sizeof low), memcpy(&high, x + count + i, sizeof high);
        const four digits = low + ((1ull << 21) + (1ull << 42)); /* makes carries of the limbs' signs */
        const four_floats u = FLOATS(digits & ((1ull << 22) - 1)) - 0x1p21,
                          v = FLOATS(digits >> 22 & ((1ull << 21) - 1)) - 0x1p20,
                          w = FLOATS(digits >> 43 ^ 1ull << 20) - 0x1p20, limbs[LIMBS] = {u, v, w, u + v, u + w, v + w};
        high += (low | digits) >> 63;
        memcpy(x + count + i, &high, sizeof high);
        for (int j = 0; j < LIMBS; j++) memcpy(x + (2 + j) * count + i, limbs + j, sizeof *limbs);
    }
}

/* A product of floats, [4, 8]. */
TARGET static inline void four_by_eight(double *out, const double *a, const double *b, int64_t depth) {
    __m256d left[HIGH], right[HIGH];
    for (int i = 0; i < HIGH; i++) left[i] = right[i] = _mm256_setzero_pd();
    for (int64_t p = 0; p < depth; p++, a += HIGH, b += WIDE) {
        const __m256d y = _mm256_loadu_pd(b), z = _mm256_loadu_pd(b + 4);
#pragma GCC unroll 4
        for (int i = 0; i < HIGH; i++) {
            const __m256d x = _mm256_set1_pd(a[i]);
            left[i] = _mm256_fmadd_pd(x, y, left[i]), right[i] = _mm256_fmadd_pd(x, z, right[i]);
        }
    }
    for (int i = 0; i < HIGH; i++) _mm256_storeu_pd(out + i * WIDE, left[i]), _mm256_storeu_pd(out + i * WIDE + 4, right[i]);
}

TARGET static inline void tile_pairs_avx2(uint64_t *out, const uint64_t *a, const uint64_t *b, int64_t depth) {
    double found[LIMBS][HIGH * WIDE];
    uint64_t upper[2][HIGH * WIDE];
    const int64_t rows = depth * HIGH, columns = depth * WIDE;
    for (int half = 0; half < WIDE; half += 4) {
        four_by_four(upper[0] + half, a, b + columns + half, depth, WIDE);
        four_by_four(upper[1] + half, a + rows, b + half, depth, WIDE);
    }
    for (int i = 0; i < LIMBS; i++)
        four_by_eight(found[i], (const double *)a + (2 + i) * rows, (const double *)b + (2 + i) * columns, depth);
    for (int i = 0; i < HIGH * WIDE; i++) {
        int64_t s[LIMBS];
        for (int j = 0; j < LIMBS; j++) s[j] = (int64_t)found[j][i];
        u128 sum = (u128)(__int128)s[0];
        sum += (u128)(__int128)(s[3] - s[0] - s[1]) << 22;
        sum += (u128)(__int128)(s[4] - s[0] - s[2]) << 43;
        sum += (u128)(__int128)s[1] << 44;
        sum += (u128)(__int128)(s[5] - s[1] - s[2]) << 65;
        sum += (u128)(__int128)s[2] << 86;
        put_pair(out + 2 * i, sum + ((u128)(upper[0][i] + upper[1][i]) << 64));
    }
}
#include "matmul_blocks.h"
#undef TARGET

/* ---------------------------------------------------------------- AVX-512 */

#define TARGET TARGET_AVX512
#define NAME pairs_avx512
#define SIZE 2
#define PARTS 4
#define HIGH 4
#define WIDE 8
#define ROWS 64
#define DEPTH 256
/* [lower][upper] become [u][v][u + v][u + 2**26 w]. */
TARGET static inline void split_pairs_avx512(uint64_t *x, int64_t count) {
    const uint64_t limb = (1ull << 51) - 1;
    for (int64_t i = 0; i < count; i++) {
        const uint64_t low = x[i], high = x[count + i], u = low & limb, v = (low >> 51 | high << 13) & limb;
        x[i] = u, x[count + i] = v, x[2 * count + i] = u + v;
        x[3 * count + i] = (u + (high >> 38 << 26)) & ((1ull << 52) - 1);
    }
}

TARGET static inline void tile_pairs_avx512(uint64_t *out, const uint64_t *a, const uint64_t *b, int64_t depth) {
    enum { SUMS = 7 };
    const int64_t rows = depth * HIGH, columns = depth * WIDE;
    lanes sum[HIGH][SUMS], y[PARTS];
    memset(sum, 0, sizeof sum);
    for (int64_t p = 0; p < depth; p++, a += HIGH, b += WIDE) {
        for (int j = 0; j < PARTS; j++) memcpy(y + j, b + j * columns, sizeof *y);
#pragma GCC unroll 4
        for (int i = 0; i < HIGH; i++) {
#pragma GCC unroll 4
            for (int j = 0; j < PARTS; j++) {
                const lanes x = SPLAT(a[i + j * rows]);
                sum[i][2 * j] = MADD_LOW(sum[i][2 * j], x, y[j]);
                if (2 * j + 1 < SUMS) sum[i][2 * j + 1] = MADD_HIGH(sum[i][2 * j + 1], x, y[j]);
            }
        }
    }
    for (int i = 0; i < HIGH; i++) {
        uint64_t s[SUMS][WIDE];
        memcpy(s, sum[i], sizeof s);
        for (int j = 0; j < WIDE; j++) {
            const u128 uu = s[0][j] + ((u128)s[1][j] << 52), vv = s[2][j] + ((u128)s[3][j] << 52);
            const u128 both = s[4][j] + ((u128)s[5][j] << 52);
            const uint64_t ends = (s[6][j] - s[0][j]) >> 26;
            put_pair(out + 2 * (i * WIDE + j), uu + ((both - uu - vv) << 51) + ((vv + ends) << 102));
        }
    }
}
#include "matmul_blocks.h"
#undef TARGET
#endif
