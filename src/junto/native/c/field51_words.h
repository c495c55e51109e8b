/* One number modulo p = 2**255 - 19 in five limbs of 51 bits, for any processor that multiplies 64 bits by 64.
 *
 * Weak limbs are below 2**51 + 2**14; those of a sum or difference of two weak numbers, which may be factors, are below
 * 2**53. A product of two such, 19 times, is below 2**110.3, and five of them below 2**113.
 */
typedef struct {
    uint64_t v[5];
} fe;

#define UNROLL _Pragma("GCC unroll 10")
#define LIMBS 5
#define WIDTH(i) 51
#define WIDE(x, y) ((unsigned __int128)(x) * (y))

OP fe fe_reduced(unsigned __int128 *x) {
    const uint64_t mask = (1ull << 51) - 1;
    fe out;
    UNROLL
    for (int i = 0; i < 4; i++) x[i + 1] += (uint64_t)(x[i] >> 51);
    UNROLL
    for (int i = 0; i < 5; i++) out.v[i] = (uint64_t)x[i] & mask;
    const unsigned __int128 first = WIDE((uint64_t)(x[4] >> 51), 19) + out.v[0];
    out.v[0] = (uint64_t)first & mask;
    out.v[1] += (uint64_t)(first >> 51);
    return out;
}

OP fe fe_small(uint64_t value) { return (fe){{value, 0, 0, 0, 0}}; }

OP fe fe_add(const fe *x, const fe *y) {
    fe out;
    UNROLL
    for (int i = 0; i < 5; i++) out.v[i] = x->v[i] + y->v[i];
    return out;
}

OP fe fe_sub(const fe *x, const fe *y) { /* x + 2 p - y */
    fe out;
    UNROLL
    for (int i = 0; i < 5; i++) out.v[i] = x->v[i] + (2 * ((1ull << 51) - 1) - (i ? 0 : 36)) - y->v[i];
    return out;
}

OP fe fe_weak(const fe *x) {
    unsigned __int128 sum[5];
    UNROLL
    for (int i = 0; i < 5; i++) sum[i] = x->v[i];
    return fe_reduced(sum);
}

OP fe fe_mul(const fe *x, const fe *y) {
    unsigned __int128 sum[5];
    UNROLL
    for (int k = 0; k < 5; k++) {
        sum[k] = 0;
        UNROLL
        for (int i = 0; i < 5; i++) sum[k] += WIDE(x->v[i], i > k ? 19 * y->v[k - i + 5] : y->v[k - i]);
    }
    return fe_reduced(sum);
}

OP fe fe_square(const fe *x) {
    const uint64_t a = x->v[0], b = x->v[1], c = x->v[2], d = x->v[3], e = x->v[4];
    unsigned __int128 sum[5] = {
        WIDE(a, a) + WIDE(38 * b, e) + WIDE(38 * c, d), WIDE(2 * a, b) + WIDE(38 * c, e) + WIDE(19 * d, d),
        WIDE(2 * a, c) + WIDE(b, b) + WIDE(38 * d, e),  WIDE(2 * a, d) + WIDE(2 * b, c) + WIDE(19 * e, e),
        WIDE(2 * a, e) + WIDE(2 * b, d) + WIDE(c, c)};
    return fe_reduced(sum);
}

OP fe fe_times_plus(const fe *x, uint32_t factor, const fe *y) {
    unsigned __int128 sum[5];
    UNROLL
    for (int i = 0; i < 5; i++) sum[i] = WIDE(x->v[i], factor) + y->v[i];
    return fe_reduced(sum);
}
