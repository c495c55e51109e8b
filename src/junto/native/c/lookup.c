/* Sums of products of rows; and, by these, tables at masked digits: see junto.mpc.protocol.dealt.
 *
 * For each remainder of a digit by `step` every step-th entry of a table is given, backwards from the first one on, and
 * twice, so that the entries which belong to the places 0, 1, 2 ... of a one-hot vector lie one after the other. Where
 * they start depends on the digit, which is public: it is masked.
 */
#include "kernels.h"

#include <string.h>

#define INLINE static inline __attribute__((always_inline))

enum { LANES = 8 };

typedef uint64_t words __attribute__((vector_size(8 * LANES)));
typedef unsigned __int128 u128;

INLINE uint64_t dot(const uint64_t *table, const uint64_t *hot, int64_t count) {
    words sums = {0};
    uint64_t sum = 0;
    int64_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        words x, y;
        memcpy(&x, table + i, sizeof x), memcpy(&y, hot + i, sizeof y);
        sums += x * y;
    }
    for (int lane = 0; lane < LANES; lane++) sum += sums[lane];
    for (; i < count; i++) sum += table[i] * hot[i];
    return sum;
}

INLINE int64_t start_of(uint64_t digit, int64_t count, int64_t step) {
    const uint64_t row = digit & (uint64_t)(step - 1);
    const uint64_t place = -(digit >> __builtin_ctzll((uint64_t)step)) & (uint64_t)(count - 1);
    return (int64_t)(2 * (uint64_t)count * row + place);
}

INLINE void select_words(uint64_t *out, const uint64_t *tables, const uint64_t *digits, const uint64_t *hot, int64_t lanes,
                         int64_t count, int64_t step, int64_t several) {
    for (int64_t lane = 0; lane < lanes; lane++) {
        const int64_t start = start_of(digits[lane], count, step);
        for (int64_t t = 0; t < several; t++)
            out[t * lanes + lane] = dot(tables + 2 * t * count * step + start, hot + lane * count, count);
    }
}

/* The lower words' products in full, and the others' modulo 2**64. */
INLINE u128 dot_wide(const uint64_t *table, const uint64_t *hot, int64_t count) {
    u128 full[2] = {0, 0};
    uint64_t upper[2] = {0, 0};
    int64_t i = 0;
    for (; i + 2 <= count; i += 2)
        for (int k = 0; k < 2; k++) {
            const uint64_t *x = table + 2 * (i + k), *y = hot + 2 * (i + k);
            full[k] += (u128)x[0] * y[0];
            upper[k] += x[0] * y[1] + x[1] * y[0];
        }
    for (; i < count; i++) {
        const uint64_t *x = table + 2 * i, *y = hot + 2 * i;
        full[0] += (u128)x[0] * y[0];
        upper[0] += x[0] * y[1] + x[1] * y[0];
    }
    return full[0] + full[1] + ((u128)(upper[0] + upper[1]) << 64);
}

INLINE void select_pairs(uint64_t *out, const uint64_t *tables, const uint64_t *digits, const uint64_t *hot, int64_t lanes,
                         int64_t count, int64_t step, int64_t several) {
    for (int64_t lane = 0; lane < lanes; lane++) {
        const int64_t start = start_of(digits[lane], count, step);
        for (int64_t t = 0; t < several; t++) {
            const u128 sum = dot_wide(tables + 2 * (2 * t * count * step + start), hot + 2 * lane * count, count);
            uint64_t *to = out + 2 * (t * lanes + lane);
            to[0] = (uint64_t)sum, to[1] = (uint64_t)(sum >> 64);
        }
    }
}

INLINE void dot_each(uint64_t *out, const uint64_t *x, const uint64_t *factors, int64_t rows, int64_t count, int wide) {
    for (int64_t row = 0; row < rows; row++)
        if (wide) {
            const u128 sum = dot_wide(factors, x + 2 * row * count, count);
            out[2 * row] = (uint64_t)sum, out[2 * row + 1] = (uint64_t)(sum >> 64);
        } else
            out[row] = dot(factors, x + row * count, count);
}

/* The digits are secret here: every entry is read for each. There is a power of 2 of entries. */
INLINE void hide_words(uint64_t *pads, const uint64_t *digits, const uint64_t *entries, int64_t lanes, int64_t count,
                       int64_t step) {
    const int shift = __builtin_ctzll((uint64_t)step);
    for (int64_t lane = 0; lane < lanes; lane++) {
        const uint64_t place = digits[lane] >> shift, low = digits[lane] & (uint64_t)(step - 1);
        uint64_t entry = 0;
        for (int64_t i = 0; i < step; i++) entry |= entries[i] & -(uint64_t)(low == (uint64_t)i);
        for (int64_t i = 0; i < count; i++)
            pads[lane * count + i] = (entry & -(uint64_t)(place == (uint64_t)i)) - pads[lane * count + i];
    }
}

INLINE void hide_pairs(uint64_t *pads, const uint64_t *digits, const uint64_t *entries, int64_t lanes, int64_t count,
                       int64_t step) {
    const int shift = __builtin_ctzll((uint64_t)step);
    for (int64_t lane = 0; lane < lanes; lane++) {
        const uint64_t place = digits[lane] >> shift, low = digits[lane] & (uint64_t)(step - 1);
        uint64_t entry[2] = {0, 0};
        for (int64_t i = 0; i < step; i++)
            for (int k = 0; k < 2; k++) entry[k] |= entries[2 * i + k] & -(uint64_t)(low == (uint64_t)i);
        for (int64_t i = 0; i < count; i++) {
            uint64_t *pad = pads + 2 * (lane * count + i);
            const uint64_t here = -(uint64_t)(place == (uint64_t)i);
            const u128 rest = ((u128)(entry[1] & here) << 64 | (entry[0] & here)) - ((u128)pad[1] << 64 | pad[0]);
            pad[0] = (uint64_t)rest, pad[1] = (uint64_t)(rest >> 64);
        }
    }
}

#define SELECT(LEVEL, TARGET)                                                                                         \
    TARGET static void select_##LEVEL(uint64_t *out, const uint64_t *tables, const uint64_t *digits,                  \
                                      const uint64_t *hot, int64_t lanes, int64_t count, int64_t step,                \
                                      int64_t several, int wide) {                                                    \
        if (wide)                                                                                                     \
            select_pairs(out, tables, digits, hot, lanes, count, step, several);                                      \
        else                                                                                                          \
            select_words(out, tables, digits, hot, lanes, count, step, several);                                      \
    }
#define HIDE(LEVEL, TARGET)                                                                                           \
    TARGET static void hide_##LEVEL(uint64_t *pads, const uint64_t *digits, const uint64_t *entries, int64_t lanes,   \
                                    int64_t count, int64_t step, int wide) {                                          \
        if (wide)                                                                                                     \
            hide_pairs(pads, digits, entries, lanes, count, step);                                                    \
        else                                                                                                          \
            hide_words(pads, digits, entries, lanes, count, step);                                                    \
    }

static void dots_base(uint64_t *out, const uint64_t *x, const uint64_t *factors, int64_t rows, int64_t count, int wide) {
    dot_each(out, x, factors, rows, count, wide);
}

SELECT(base, )
HIDE(base, )
#if X86
TARGET_AVX512 static void dots_avx512(uint64_t *out, const uint64_t *x, const uint64_t *factors, int64_t rows, int64_t count,
                                      int wide) {
    dot_each(out, x, factors, rows, count, wide);
}

SELECT(avx512, TARGET_AVX512)
HIDE(avx2, TARGET_AVX2)
HIDE(avx512, TARGET_AVX512)
#endif

void dots(uint64_t *out, const uint64_t *x, const uint64_t *factors, int64_t rows, int64_t count, int wide, int level) {
#if X86
    if (level == AVX512) return dots_avx512(out, x, factors, rows, count, wide);
#endif
    (void)level;
    dots_base(out, x, factors, rows, count, wide);
}

void lookup(uint64_t *out, const uint64_t *tables, const uint64_t *digits, const uint64_t *hot, int64_t lanes, int64_t count,
            int64_t step, int64_t several, int wide, int level) {
#if X86
    if (level == AVX512) return select_avx512(out, tables, digits, hot, lanes, count, step, several, wide);
#endif
    (void)level; /* AVX2 has no product of words */
    select_base(out, tables, digits, hot, lanes, count, step, several, wide);
}

void lookup_hide(uint64_t *pads, const uint64_t *digits, const uint64_t *entries, int64_t lanes, int64_t count, int64_t step,
                 int wide, int level) {
#if X86
    if (level == AVX512) return hide_avx512(pads, digits, entries, lanes, count, step, wide);
    if (level == AVX2) return hide_avx2(pads, digits, entries, lanes, count, step, wide);
#endif
    (void)level;
    hide_base(pads, digits, entries, lanes, count, step, wide);
}
