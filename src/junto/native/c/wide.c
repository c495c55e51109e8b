/* Elements of 128 bits, two words each, the lower one first: the compiler knows them. */
#include "kernels.h"

typedef unsigned __int128 u128;
typedef __int128 i128;

#define INLINE static inline __attribute__((always_inline))

INLINE u128 get(const uint64_t *x) { return (u128)x[1] << 64 | x[0]; }

INLINE void put(uint64_t *to, u128 x) { to[0] = (uint64_t)x, to[1] = (uint64_t)(x >> 64); }

#define EACH(operator)                                                                          \
    for (int64_t i = 0; i < rows; i++)                                                          \
        for (int64_t j = 0; j < columns; j++, out += 2) {                                       \
            const u128 a = get(x + 2 * (i * steps[0] + j * steps[1]));                          \
            const u128 b = get(y + 2 * (i * steps[2] + j * steps[3]));                          \
            put(out, a operator b);                                                             \
        }

void wide_each(uint64_t *out, const uint64_t *x, const uint64_t *y, int64_t rows, int64_t columns, const int64_t *steps,
               int operation) {
    if (operation == ADD)
        EACH(+)
    else if (operation == SUBTRACT)
        EACH(-)
    else if (operation == MULTIPLY)
        EACH(*)
    else
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < columns; j++, out += 2)
                put(out, get(x + 2 * (i * steps[0] + j * steps[1])) * get(y + 2 * (i * steps[2] + j * steps[3])) - get(out));
}

void wide_shift(uint64_t *out, const uint64_t *x, int64_t size, int count, int kind) {
    if (kind == LEFT)
        for (int64_t i = 0; i < size; i++) put(out + 2 * i, get(x + 2 * i) << count);
    else if (kind == RIGHT)
        for (int64_t i = 0; i < size; i++) put(out + 2 * i, get(x + 2 * i) >> count);
    else
        for (int64_t i = 0; i < size; i++) put(out + 2 * i, (u128)((i128)get(x + 2 * i) >> count));
}

void wide_extend(uint64_t *out, const void *x, int64_t size, int octets) {
    if (octets == 1)
        for (int64_t i = 0; i < size; i++) put(out + 2 * i, (u128)(i128)((const int8_t *)x)[i]);
    else
        for (int64_t i = 0; i < size; i++) put(out + 2 * i, (u128)(i128)((const int64_t *)x)[i]);
}

void wide_sum(uint64_t *out, const uint64_t *x, int64_t outer, int64_t count, int64_t inner, int running) {
    for (int64_t o = 0; o < outer; o++) {
        const uint64_t *from = x + 2 * o * count * inner;
        uint64_t *to = out + 2 * o * inner * (running ? count : 1);
        if (inner == 1) {
            u128 sum = 0;
            for (int64_t i = 0; i < count; i++) {
                sum += get(from + 2 * i);
                if (running) put(to + 2 * i, sum);
            }
            if (!running) put(to, sum);
            continue;
        }
        for (int64_t j = 0; j < inner; j++) put(to + 2 * j, count ? get(from + 2 * j) : 0);
        for (int64_t i = 1; i < count; i++) {
            uint64_t *next = running ? to + 2 * inner : to;
            for (int64_t j = 0; j < inner; j++) put(next + 2 * j, get(to + 2 * j) + get(from + 2 * (i * inner + j)));
            to = next;
        }
    }
}
