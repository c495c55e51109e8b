/* Numbers to bit planes and back: 64 x 64 bits are transposed, eight such blocks at a time.
 *
 * Of rows i and i + s, where i has not the bit s, the upper half of each 2s bits of one changes places with the
 * lower half of the other, for s = 32, 16, ... 1 (Warren, "Hacker's Delight", 2nd edition, section 7-3).
 */
#include "kernels.h"

#include <string.h>

enum { LANES = 64, BLOCKS = 8 };

typedef uint64_t row __attribute__((vector_size(8 * BLOCKS)));

#define INLINE static inline __attribute__((always_inline))

INLINE void transpose(row *rows) {
    static const uint64_t lower[6] = {0x00000000ffffffff, 0x0000ffff0000ffff, 0x00ff00ff00ff00ff,
                                      0x0f0f0f0f0f0f0f0f, 0x3333333333333333, 0x5555555555555555};
    for (int stage = 0, s = 32; stage < 6; stage++, s >>= 1)
        for (int i = 0; i < LANES; i += 2 * s)
            for (int j = i; j < i + s; j++) {
                const row moved = ((rows[j] >> s) ^ rows[j + s]) & lower[stage];
                rows[j + s] ^= moved;
                rows[j] ^= moved << s;
            }
}

/* The numbers of words `first` to `last` of each plane; there are `lanes` numbers in all. */
INLINE void down(uint64_t *out, const uint64_t *x, int64_t lanes, int64_t count, int64_t width, int64_t first,
                 int64_t last) {
    row rows[LANES];
    uint64_t *each = (uint64_t *)rows;
    for (int64_t word = first; word < last; word += BLOCKS) {
        const int blocks = (int)(last - word < BLOCKS ? last - word : BLOCKS);
        if (blocks < BLOCKS) memset(rows, 0, sizeof rows);
        for (int block = 0; block < blocks; block++) {
            const uint64_t *from = x + (word + block) * LANES;
            const int64_t rest = lanes - (word + block) * LANES;
            const int there = (int)(rest < LANES ? rest : LANES);
            for (int i = 0; i < there; i++) each[i * BLOCKS + block] = from[i];
            for (int i = there; i < LANES; i++) each[i * BLOCKS + block] = 0;
        }
        transpose(rows);
        for (int64_t i = 0; i < count; i++) memcpy(out + i * width + word, rows + i, sizeof *out * (size_t)blocks);
    }
}

/* The inverse; number i is put at out[i * step]. */
INLINE void up(uint64_t *out, const uint64_t *planes, int64_t lanes, int64_t count, int64_t width, int64_t first,
               int64_t last, int64_t step) {
    row rows[LANES];
    const uint64_t *each = (const uint64_t *)rows;
    for (int64_t word = first; word < last; word += BLOCKS) {
        const int blocks = (int)(last - word < BLOCKS ? last - word : BLOCKS);
        memset(rows, 0, sizeof rows);
        for (int64_t i = 0; i < count; i++) memcpy(rows + i, planes + i * width + word, sizeof *out * (size_t)blocks);
        transpose(rows);
        for (int block = 0; block < blocks; block++) {
            uint64_t *to = out + (word + block) * LANES * step;
            const int64_t rest = lanes - (word + block) * LANES;
            const int there = (int)(rest < LANES ? rest : LANES);
            for (int i = 0; i < there; i++) to[i * step] = each[i * BLOCKS + block];
        }
    }
}

#define AT(LEVEL, TARGET)                                                                                          \
    TARGET static void down_##LEVEL(uint64_t *out, const uint64_t *x, int64_t lanes, int64_t count, int64_t width, \
                                    int64_t first, int64_t last) {                                                 \
        down(out, x, lanes, count, width, first, last);                                                            \
    }                                                                                                              \
    TARGET static void up_##LEVEL(uint64_t *out, const uint64_t *x, int64_t lanes, int64_t count, int64_t width,   \
                                  int64_t first, int64_t last, int64_t step) {                                     \
        up(out, x, lanes, count, width, first, last, step);                                                        \
    }

AT(base, )
#if X86
AT(avx2, TARGET_AVX2)
AT(avx512, TARGET_AVX512)
#endif

void planes64(uint64_t *out, const uint64_t *x, int64_t lanes, int64_t count, int64_t width, int64_t first,
              int64_t last, int level) {
#if X86
    if (level == AVX512) return down_avx512(out, x, lanes, count, width, first, last);
    if (level == AVX2) return down_avx2(out, x, lanes, count, width, first, last);
#endif
    (void)level;
    down_base(out, x, lanes, count, width, first, last);
}

void unplanes64(uint64_t *out, const uint64_t *planes, int64_t lanes, int64_t count, int64_t width, int64_t first,
                int64_t last, int64_t step, int level) {
#if X86
    if (level == AVX512) return up_avx512(out, planes, lanes, count, width, first, last, step);
    if (level == AVX2) return up_avx2(out, planes, lanes, count, width, first, last, step);
#endif
    (void)level;
    up_base(out, planes, lanes, count, width, first, last, step);
}
