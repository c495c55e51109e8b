/* Elements of 128 bits, one by one: the compiler knows them. */
#include "kernels.h"

typedef unsigned __int128 u128;

#define EACH(operator)                                                                                               \
    for (int64_t i = 0; i < count; i++) {                                                                            \
        const uint64_t *a = x + 2 * x_step * i, *b = y + 2 * y_step * i;                                             \
        const u128 made = ((u128)a[1] << 64 | a[0]) operator((u128)b[1] << 64 | b[0]);                               \
        out[2 * i] = (uint64_t)made, out[2 * i + 1] = (uint64_t)(made >> 64);                                        \
    }

void wide_each(uint64_t *out, const uint64_t *x, const uint64_t *y, int64_t count, int64_t x_step, int64_t y_step,
               int operation) {
    if (operation == ADD)
        EACH(+)
    else if (operation == SUBTRACT)
        EACH(-)
    else
        EACH(*)
}
