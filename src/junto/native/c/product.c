/* Products of ring elements without arrays for what is on the way, in both rings. */
#include "kernels.h"

typedef unsigned __int128 u128;

#define INLINE static inline __attribute__((always_inline))

INLINE u128 get(const u128 *x) {
    const uint64_t *words = (const uint64_t *)x;
    return (u128)words[1] << 64 | words[0];
}

INLINE void put(u128 *to, u128 x) {
    uint64_t *words = (uint64_t *)to;
    words[0] = (uint64_t)x, words[1] = (uint64_t)(x >> 64);
}

#define EACH(type, read, write)                                                                                       \
    {                                                                                                                 \
        const type *r = job->number, *z = job->dealt, *d = job->opened, *p = job->own;                                \
        type *out = job->out;                                                                                         \
        for (int64_t i = first; i < last; i++)                                                                        \
            for (int64_t j = 0; j < job->columns; j++) {                                                              \
                const int64_t at = i * job->columns + j, far = i * job->steps[0] + j * job->steps[1];                 \
                const type set = -(type)job->flags[at], rest = read(d, far) * read(r, at) - read(z, at);              \
                write(out, at, ((rest ^ set) - set) + (read(p, i * job->steps[2] + j * job->steps[3]) & set));        \
            }                                                                                                         \
    }
#define WORD_AT(x, i) x[i]
#define WORD_PUT(x, i, value) x[i] = value
#define PAIR_AT(x, i) get(x + (i))
#define PAIR_PUT(x, i, value) put(x + (i), value)

void bit_times(const struct bit_product *job, int64_t first, int64_t last) {
    if (job->wide)
        EACH(u128, PAIR_AT, PAIR_PUT)
    else
        EACH(uint64_t, WORD_AT, WORD_PUT)
}

/* One row after the other; a piece of a bit is (1 - 2 flag) number, and the flag itself at the first party. */
#define ROWS(type, read, write)                                                                                       \
    {                                                                                                                 \
        const type *r = job->number, *w = job->weights;                                                               \
        type *out = job->out;                                                                                         \
        for (int64_t i = first; i < last; i++) {                                                                      \
            type sum = 0;                                                                                             \
            for (int64_t j = 0; j < job->count; j++) {                                                                \
                const int64_t at = i * job->count + j;                                                                \
                const type flag = job->flags[at], set = -flag;                                                        \
                sum += read(w, j) * (((read(r, at) ^ set) - set) + (flag & own));                                     \
            }                                                                                                         \
            write(out, i, sum);                                                                                       \
        }                                                                                                             \
    }

void bit_dots(const struct bit_sums *job, int64_t first, int64_t last) {
    const uint64_t own = job->first ? 1 : 0;
    if (job->wide)
        ROWS(u128, PAIR_AT, PAIR_PUT)
    else
        ROWS(uint64_t, WORD_AT, WORD_PUT)
}
