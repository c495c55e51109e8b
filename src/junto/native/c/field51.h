/* Numbers modulo p = 2**255 - 19 in vectors, five limbs of 51 bits, for processors that multiply and add 52 bits.
 *
 * MADD_LOW and MADD_HIGH read the lower 52 bits of their factors and add the lower or upper 52 bits of the
 * product; an upper part stands one limb and one bit higher than its lower part. Every result is weak: its limbs are
 * below 2**51 + 2**15. Sums in a product stay below 20 * (5 * 2**52 + 2 * 5 * 2**52) < 2**61, so that one carry
 * reduces them. tests/unit/native/bounds.cpp proves this, as it does for field25.h.
 */
typedef struct {
    V v[5];
} fe;

#define UNROLL _Pragma("GCC unroll 10")
#define LIMBS 5
#define WIDTH(i) 51

OP fe fe_carried(const V *x) {
    fe out;
    UNROLL
    for (int i = 0; i < 5; i++) {
        const V over = x[(i + 4) % 5] >> 51;
        const V kept = x[i] & SPLAT((1ull << 51) - 1);
        out.v[i] = i ? kept + over : MADD_LOW(kept, over, SPLAT(19ull));
    }
    return out;
}

OP fe fe_small(uint64_t value) { /* below 2**51 */
    fe out;
    out.v[0] = SPLAT(value);
    UNROLL
    for (int i = 1; i < 5; i++) out.v[i] = SPLAT(0ull);
    return out;
}

OP fe fe_add(const fe *x, const fe *y) {
    V sum[5];
    UNROLL
    for (int i = 0; i < 5; i++) sum[i] = x->v[i] + y->v[i];
    return fe_carried(sum);
}

/* x + 2 p - y */
OP fe fe_sub(const fe *x, const fe *y) {
    V sum[5];
    UNROLL
    for (int i = 0; i < 5; i++) sum[i] = x->v[i] + SPLAT(2 * ((1ull << 51) - 1) - (i ? 0 : 36)) - y->v[i];
    return fe_carried(sum);
}

OP fe fe_weak(const fe *x) { return *x; } /* every result is */

OP fe fe_folded(const V *low, const V *high) {
    V limbs[10];
    UNROLL
    for (int i = 0; i < 10; i++) limbs[i] = low[i] + (high[i] + high[i]);
    UNROLL
    for (int i = 0; i < 5; i++) limbs[i] = limbs[i] + limbs[i + 5] * UNKNOWN(SPLAT(19ull));
    return fe_carried(limbs);
}

OP fe fe_mul(const fe *x, const fe *y) {
    V low[10], high[10];
    UNROLL
    for (int i = 0; i < 10; i++) low[i] = high[i] = SPLAT(0ull);
    UNROLL
    for (int i = 0; i < 5; i++)
        UNROLL
        for (int j = 0; j < 5; j++) {
            low[i + j] = MADD_LOW(low[i + j], x->v[i], y->v[j]);
            high[i + j + 1] = MADD_HIGH(high[i + j + 1], x->v[i], y->v[j]);
        }
    return fe_folded(low, high);
}

OP fe fe_square(const fe *x) {
    V low[10], high[10];
    UNROLL
    for (int i = 0; i < 10; i++) low[i] = high[i] = SPLAT(0ull);
    UNROLL
    for (int i = 0; i < 5; i++)
        UNROLL
        for (int j = i + 1; j < 5; j++) {
            low[i + j] = MADD_LOW(low[i + j], x->v[i], x->v[j]);
            high[i + j + 1] = MADD_HIGH(high[i + j + 1], x->v[i], x->v[j]);
        }
    UNROLL
    for (int i = 0; i < 10; i++) low[i] = low[i] + low[i], high[i] = high[i] + high[i];
    UNROLL
    for (int i = 0; i < 5; i++) {
        low[2 * i] = MADD_LOW(low[2 * i], x->v[i], x->v[i]);
        high[2 * i + 1] = MADD_HIGH(high[2 * i + 1], x->v[i], x->v[i]);
    }
    return fe_folded(low, high);
}

/* factor x + y; the factor is below 2**19 */
OP fe fe_times_plus(const fe *x, uint32_t factor, const fe *y) {
    V low[10], high[10];
    UNROLL
    for (int i = 0; i < 10; i++) low[i] = i < 5 ? y->v[i] : SPLAT(0ull), high[i] = SPLAT(0ull);
    UNROLL
    for (int i = 0; i < 5; i++) {
        low[i] = MADD_LOW(low[i], x->v[i], SPLAT((uint64_t)factor));
        high[i + 1] = MADD_HIGH(high[i + 1], x->v[i], SPLAT((uint64_t)factor));
    }
    return fe_folded(low, high);
}
