/* The tree under every comparison: see junto.mpc.protocol.borrow, whose names these are.
 *
 * A monomial is a set of the four positions of a group, as the bits of a number. What is dealt holds them in the
 * order of these numbers: 1 to 15, or, where P is not asked for, 2, 4 ... 14. Four words of every plane at a time.
 */
#include "kernels.h"

#include <string.h>

enum { RADIX = 4, AT_ONCE = 4 };

typedef uint64_t four __attribute__((vector_size(8 * AT_ONCE)));

#define INLINE static inline __attribute__((always_inline))

INLINE four load(const uint64_t *from, int there) {
    four x = {0};
    memcpy(&x, from, sizeof *from * (size_t)there);
    return x;
}

INLINE void store(uint64_t *to, four x, int there) { memcpy(to, &x, sizeof *to * (size_t)there); }

/* `there` words of one group, from word `w` on. */
INLINE void group(const struct borrow *job, int64_t g, int64_t w, int there) {
    const int64_t plane = job->groups * job->words, at = g * job->words + w;
    const int every = job->propagate != 0;
    const uint64_t one = job->first ? ~(uint64_t)0 : 0;
    four p[RADIX], e[8], q[8];
#define SET(s) load(job->dealt + (every ? (s)-1 : (s) / 2 - 1) * plane + at, there)
    for (int j = 0; j < RADIX; j++) p[j] = load(job->passed + (g * RADIX + j) * job->words + w, there);
    for (int j = 0, mixed = 0; job->generate && j < RADIX; mixed += 8 >> j, j++) {
        for (int i = 0; i < 8 >> j; i++) {
            four own;
            if (job->mixed) {
                const four made = load(job->made + (g * RADIX + j) * job->words + w, there);
                own = load(job->mixed + (mixed + i) * plane + at, there) ^ (i ? made & SET(i << (j + 1)) : made & one);
            } else
                own = p[j] & SET(1 << j | i << (j + 1));
            e[i] = j ? own ^ (p[j] & e[2 * i]) ^ e[2 * i + 1] : own;
        }
        store(job->generate + j * plane + at, e[0], there);
    }
    if (!every) return;
    for (int i = 0; i < 8; i++) q[i] = SET(2 * i + 1) ^ (i ? p[0] & SET(2 * i) : p[0] & one);
    store(job->propagate + at, q[0], there);
    for (int j = 1; j < RADIX; j++) {
        for (int i = 0; i < 8 >> j; i++) q[i] = (p[j] & q[2 * i]) ^ q[2 * i + 1];
        store(job->propagate + j * plane + at, q[0], there);
    }
#undef SET
}

INLINE void all(const struct borrow *job, int64_t first, int64_t last) {
    for (int64_t g = 0; g < job->groups; g++) {
        int64_t w = first;
        for (; w + AT_ONCE <= last; w += AT_ONCE) group(job, g, w, AT_ONCE);
        if (w < last) group(job, g, w, (int)(last - w));
    }
}

static void all_base(const struct borrow *job, int64_t first, int64_t last) { all(job, first, last); }
#if X86
TARGET_AVX2 static void all_avx2(const struct borrow *job, int64_t first, int64_t last) { all(job, first, last); }
#endif

void borrow64(const struct borrow *job, int64_t first, int64_t last, int level) {
#if X86
    if (level >= AVX2) return all_avx2(job, first, last);
#endif
    (void)level;
    all_base(job, first, last);
}
