/* Numbers modulo p = 2**255 - 19 in vectors, ten limbs of 26 and 25 bits in turn: V holds one limb of each lane.
 *
 * "Weak" limbs, which products, `weak_add` and constants give, are below 2**26 + 2**19 and 2**25 + 2**19. A sum or
 * difference of two weak numbers may be a factor: its limbs are below 2**27.6 and 2**26.6, so that 19 times an
 * even one and 38 times an odd one are below 2**32, and ten products of limbs below 2**63.
 * tests/unit/native/bounds.cpp proves this: it runs these very lines on bounds in place of numbers.
 *
 * Before: V with its operators, SPLAT(word), MUL32(x, y) (the product of the lower halves), OP (how functions are
 * declared).
 */
typedef struct {
    V v[10];
} fe;

#define UNROLL _Pragma("GCC unroll 10")
#define LIMBS 10
#define WIDTH(i) ((i) % 2 ? 25 : 26)

/* What exceeds limb i goes on to the next one; of the highest, 19 times to the lowest. */
OP void carry(V *x, int i) {
    const V over = x[i] >> WIDTH(i);
    x[i] = x[i] & SPLAT((1ull << WIDTH(i)) - 1);
    x[(i + 1) % 10] = x[(i + 1) % 10] + (i < 9 ? over : (over << 4) + (over << 1) + over);
}

/* Two chains of carries beside each other. */
OP fe fe_reduced(V *x) {
    fe out;
    UNROLL
    for (int i = 0; i < 5; i++) carry(x, i), carry(x, i + 5);
    carry(x, 5), carry(x, 0);
    UNROLL
    for (int i = 0; i < 10; i++) out.v[i] = x[i];
    return out;
}

OP fe fe_small(uint64_t value) { /* below 2**51 */
    fe out;
    out.v[0] = SPLAT(value & ((1ull << 26) - 1)), out.v[1] = SPLAT(value >> 26);
    UNROLL
    for (int i = 2; i < 10; i++) out.v[i] = SPLAT(0ull);
    return out;
}

OP fe fe_add(const fe *x, const fe *y) {
    fe out;
    UNROLL
    for (int i = 0; i < 10; i++) out.v[i] = x->v[i] + y->v[i];
    return out;
}

/* x + 2 p - y */
OP fe fe_sub(const fe *x, const fe *y) {
    fe out;
    UNROLL
    for (int i = 0; i < 10; i++)
        out.v[i] = x->v[i] + SPLAT(2 * ((1ull << WIDTH(i)) - 1) - (i ? 0 : 36)) - y->v[i];
    return out;
}

OP fe fe_weak(const fe *x) {
    V sum[10];
    UNROLL
    for (int i = 0; i < 10; i++) sum[i] = x->v[i];
    return fe_reduced(sum);
}

OP V times_19(V x) { return MUL32(x, SPLAT(19ull)); }

/* A product of limbs i and j stands at limb i + j, one bit too high if both are odd; from limb 10 on it counts
 * 19 times, ten limbs lower. Row by row: the ten sums and a limb of x stay in registers. */
OP fe fe_mul(const fe *x, const fe *y) {
    V y19[10], sum[10];
    UNROLL
    for (int i = 0; i < 10; i++) y19[i] = times_19(y->v[i]), sum[i] = MUL32(x->v[0], y->v[i]);
    UNROLL
    for (int i = 1; i < 10; i++) {
        const V once = x->v[i], twice = once + once;
        UNROLL
        for (int j = 0; j < 10; j++)
            sum[(i + j) % 10] = sum[(i + j) % 10] + MUL32(i % 2 && j % 2 ? twice : once, i + j > 9 ? y19[j] : y->v[j]);
    }
    return fe_reduced(sum);
}

OP fe fe_square(const fe *x) {
    V twice[10], wrapped[10], sum[10]; /* wrapped: 19 times, and 38 times the odd ones */
    UNROLL
    for (int i = 0; i < 10; i++) {
        twice[i] = x->v[i] + x->v[i];
        wrapped[i] = times_19(i % 2 ? twice[i] : x->v[i]);
        sum[i] = SPLAT(0ull);
    }
    UNROLL
    for (int i = 0; i < 10; i++) {
        UNROLL
        for (int j = i; j < 10; j++) {
            const int k = (i + j) % 10, odd = i % 2 && j % 2, wraps = i + j > 9;
            const V right = wraps ? wrapped[j] : odd ? twice[j] : x->v[j];
            const int single = i == j || (wraps && j % 2 && !odd);
            sum[k] = sum[k] + MUL32(single ? x->v[i] : twice[i], right);
        }
    }
    return fe_reduced(sum);
}

/* factor x + y; the factor is below 2**19 */
OP fe fe_times_plus(const fe *x, uint32_t factor, const fe *y) {
    V sum[10];
    UNROLL
    for (int i = 0; i < 10; i++) sum[i] = y->v[i] + MUL32(x->v[i], SPLAT((uint64_t)factor));
    return fe_reduced(sum);
}
