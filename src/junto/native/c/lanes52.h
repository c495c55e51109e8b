/* Eight words, and products of their lower 52 bits (AVX-512 IFMA), of which the lower or the upper 52 bits are added. */
#ifndef JUNTO_LANES52_H
#define JUNTO_LANES52_H

#include "kernels.h"

#if X86
typedef uint64_t lanes __attribute__((vector_size(64)));

#define SPLAT(word) ((lanes){(word), (word), (word), (word), (word), (word), (word), (word)})
/* A factor that the compiler does not know: it would multiply by it in several steps, and the processor does so in one. */
#ifdef JUNTO_EMULATED
#define UNKNOWN(x) (x)
static inline lanes emulated(lanes total, lanes x, lanes y, int shift) {
    for (int i = 0; i < 8; i++) {
        const uint64_t mask = (1ull << 52) - 1;
        total[i] += (uint64_t)((unsigned __int128)(x[i] & mask) * (y[i] & mask) >> shift) & mask;
    }
    return total;
}
#define MADD_LOW(total, x, y) emulated(total, x, y, 0)
#define MADD_HIGH(total, x, y) emulated(total, x, y, 52)
#else
TARGET_AVX512 static inline __attribute__((always_inline)) lanes UNKNOWN(lanes x) {
    __asm__("" : "+v"(x));
    return x;
}
#define MADD_LOW(total, x, y) ((lanes)_mm512_madd52lo_epu64((__m512i)(total), (__m512i)(x), (__m512i)(y)))
#define MADD_HIGH(total, x, y) ((lanes)_mm512_madd52hi_epu64((__m512i)(total), (__m512i)(x), (__m512i)(y)))
#endif
#endif
#endif
