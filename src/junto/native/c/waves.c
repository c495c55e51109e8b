/* Cosines and sines of multiples of angles, and sums of waves of shares of them: see mpc/waves.py.
 *
 * Two parties must have the same numbers to the last bit, one of them perhaps from numpy: there is nothing but single
 * additions and multiplications (and divisions by constants), in numpy's order, and the compiler is told not to fuse any.
 */
#include "kernels.h"

#include <string.h>

enum { LANES = 8, ROWS = 16, CHUNK = LANES * ROWS };

typedef double floats __attribute__((vector_size(8 * LANES)));
typedef uint64_t words __attribute__((vector_size(8 * LANES)));

#define INLINE static inline __attribute__((always_inline))

/* Of the angle itself, and of the multiple that is under way. */
struct angles {
    floats cos[ROWS], sin[ROWS], cos_k[ROWS], sin_k[ROWS];
};

/* To the nearest whole number, halves to even, of numbers below 2**51 in magnitude: a float of 2**52 has no other. */
INLINE words rounded(floats x) { return (words)(x + 0x1.8p52) - 0x4338000000000000; }

INLINE void start(struct angles *at, const uint64_t *x, int64_t count, int period) {
    double turns[CHUNK];
    for (int64_t i = 0; i < CHUNK; i++)
        turns[i] = i < count ? (double)((int64_t)(x[i] << (64 - period)) >> 11) * 0x1p-53 : 0;
    for (int row = 0; row < ROWS; row++) {
        floats y;
        memcpy(&y, turns + row * LANES, sizeof y);
        y *= 0x1.921fb54442d18p-1; /* an eighth of the angle: pi / 4 */
        const floats z = y * y;
        floats sin = y * (1 + z * (-1.0 / 6 +
                                   z * (1.0 / 120 + z * (-1.0 / 5040 + z * (1.0 / 362880 - z / 39916800.0)))));
        floats cos = 1 - z * (0.5 + z * (-1.0 / 24 + z * (1.0 / 720 + z * (-1.0 / 40320 + z / 3628800.0))));
        for (int i = 0; i < 3; i++) {
            const floats two = 2 * sin, of_half = sin;
            sin = two * cos, cos = 1 - two * of_half;
        }
        at->cos[row] = at->cos_k[row] = cos, at->sin[row] = at->sin_k[row] = sin;
    }
}

INLINE void next(struct angles *at, int row) {
    const floats a = at->cos_k[row], b = at->sin_k[row];
    at->cos_k[row] = a * at->cos[row] - b * at->sin[row];
    at->sin_k[row] = b * at->cos[row] + a * at->sin[row];
}

INLINE void down(uint64_t *out, const uint64_t *x, int64_t lanes, int64_t first, int64_t last, int64_t terms, int period) {
    struct angles at;
    words made[2][ROWS];
    for (int64_t lane = first; lane < last; lane += CHUNK) {
        const int64_t count = last - lane < CHUNK ? last - lane : CHUNK;
        start(&at, x + lane, count, period);
        for (int64_t k = 0; k < terms; k++) {
            for (int row = 0; row < ROWS; row++) {
                if (k) next(&at, row);
                made[0][row] = rounded(at.cos_k[row] * 0x1p20), made[1][row] = rounded(at.sin_k[row] * 0x1p20);
            }
            for (int i = 0; i < 2; i++) memcpy(out + (2 * k + i) * lanes + lane, made[i], sizeof *out * (size_t)count);
        }
    }
}

INLINE void up(uint64_t *out, const uint64_t *x, const double *factors, const uint64_t *dealt, int64_t lanes, int64_t first,
               int64_t last, int64_t terms, int period) {
    struct angles at;
    words sum[ROWS], given[2][ROWS];
    memset(given, 0, sizeof given);
    for (int64_t lane = first; lane < last; lane += CHUNK) {
        const int64_t count = last - lane < CHUNK ? last - lane : CHUNK;
        start(&at, x + lane, count, period);
        memset(sum, 0, sizeof sum);
        for (int64_t k = 0; k < terms; k++) {
            const double s = factors[2 * k], c = factors[2 * k + 1];
            for (int i = 0; i < 2; i++) memcpy(given[i], dealt + (2 * k + i) * lanes + lane, sizeof *out * (size_t)count);
            for (int row = 0; row < ROWS; row++) {
                if (k) next(&at, row);
                const floats cos = at.cos_k[row], sin = at.sin_k[row];
                sum[row] += rounded((sin * s + cos * c) * 0x1p20) * given[0][row];
                sum[row] += rounded((sin * c - cos * s) * 0x1p20) * given[1][row];
            }
        }
        memcpy(out + lane, sum, sizeof *out * (size_t)count);
    }
}

#define WITH(name, target)                                                                                           \
    target static void turns_##name(uint64_t *out, const uint64_t *x, int64_t lanes, int64_t first, int64_t last,    \
                                    int64_t terms, int period) {                                                     \
        down(out, x, lanes, first, last, terms, period);                                                             \
    }                                                                                                                \
    target static void waves_##name(uint64_t *out, const uint64_t *x, const double *factors, const uint64_t *dealt,  \
                                    int64_t lanes, int64_t first, int64_t last, int64_t terms, int period) {         \
        up(out, x, factors, dealt, lanes, first, last, terms, period);                                               \
    }

WITH(base, )
#if X86
WITH(avx2, TARGET_AVX2)
WITH(avx512, TARGET_AVX512)
#endif

void turns64(uint64_t *out, const uint64_t *x, int64_t lanes, int64_t first, int64_t last, int64_t terms, int period,
             int level) {
#if X86
    if (level == AVX512) return turns_avx512(out, x, lanes, first, last, terms, period);
    if (level == AVX2) return turns_avx2(out, x, lanes, first, last, terms, period);
#endif
    (void)level;
    turns_base(out, x, lanes, first, last, terms, period);
}

void waves64(uint64_t *out, const uint64_t *x, const double *factors, const uint64_t *dealt, int64_t lanes, int64_t first,
             int64_t last, int64_t terms, int period, int level) {
#if X86
    if (level == AVX512) return waves_avx512(out, x, factors, dealt, lanes, first, last, terms, period);
    if (level == AVX2) return waves_avx2(out, x, factors, dealt, lanes, first, last, terms, period);
#endif
    (void)level;
    waves_base(out, x, factors, dealt, lanes, first, last, terms, period);
}
