/* X25519 and hashing to the curve, over the field that is included before: once for each level. */

/* x ** (2 ** times) */
TARGET static void squares(fe *out, const fe *x, int times) {
    fe y = *x;
    for (int i = 0; i < times; i++) y = fe_square(&y);
    *out = y;
}

TARGET static void product(fe *out, const fe *x, const fe *y) { *out = fe_mul(x, y); }

/* x ** (2**250 - 1), x ** 2 and x ** 11, by the chain of curve25519's first implementation. */
TARGET static void powers(fe *high, fe *x2, fe *x11, const fe *x) {
    fe t, x9, n5, n10, n50, n100;
    squares(x2, x, 1);
    squares(&t, x2, 2), product(&x9, x, &t);
    product(x11, &x9, x2);
    squares(&t, x11, 1), product(&n5, &x9, &t);
    squares(&t, &n5, 5), product(&n10, &t, &n5);
    squares(&t, &n10, 10), product(&n50, &t, &n10); /* 20 */
    fe n20 = n50;
    squares(&t, &n20, 20), product(&n50, &t, &n20); /* 40 */
    squares(&t, &n50, 10), product(&n50, &t, &n10);
    squares(&t, &n50, 50), product(&n100, &t, &n50);
    squares(&t, &n100, 100), product(high, &t, &n100); /* 200 */
    squares(&t, high, 50), product(high, &t, &n50);
}

/* x ** (p - 2) */
TARGET static void inverse(fe *out, const fe *x) {
    fe high, x2, x11;
    powers(&high, &x2, &x11, x);
    squares(&high, &high, 5), product(out, &high, &x11);
}

/* x ** ((p - 1) / 2), where the exponent is 2**254 - 10: 1 for a square, -1 for none. */
TARGET static void character(fe *out, const fe *x) {
    fe high, x2, x11;
    powers(&high, &x2, &x11, x);
    squares(&x11, &x2, 1), product(&x2, &x11, &x2);
    squares(&high, &high, 4), product(out, &high, &x2);
}

/* Limbs of the one number below p that x is. */
TARGET static void freeze(fe *x) {
    const V mask = SPLAT((1ull << WIDTH(LIMBS - 1)) - 1);
    for (int round = 0; round < 2; round++) { /* below 2**255, and each limb below its width */
        for (int i = 0; i < LIMBS - 1; i++) {
            x->v[i + 1] += x->v[i] >> WIDTH(i);
            x->v[i] &= SPLAT((1ull << WIDTH(i)) - 1);
        }
        const V over = x->v[LIMBS - 1] >> WIDTH(LIMBS - 1);
        x->v[LIMBS - 1] &= mask;
        x->v[0] += over * SPLAT(19ull);
    }
    /* x + 19 reaches 2**255 exactly if x is not below p; then 19 stays, else it goes again. */
    V carry = SPLAT(19ull);
    for (int i = 0; i < LIMBS; i++) carry = (x->v[i] + carry) >> WIDTH(i);
    carry *= SPLAT(19ull);
    for (int i = 0; i < LIMBS; i++) {
        const V sum = x->v[i] + carry;
        x->v[i] = sum & SPLAT((1ull << WIDTH(i)) - 1);
        carry = sum >> WIDTH(i);
    }
}

/* All ones in the lanes in which x is 0 modulo p. */
TARGET static V zero(const fe *x) {
    fe y = *x;
    freeze(&y);
    V any = y.v[0];
    for (int i = 1; i < LIMBS; i++) any |= y.v[i];
    return ((any | (SPLAT(0ull) - any)) >> 63) - SPLAT(1ull);
}

/* Lanes of 32 bytes each, without their highest bit, from and to limbs. */
TARGET static void load(fe *out, const uint64_t *words, int count) {
    uint64_t limbs[LIMBS][LANES] = {{0}};
    for (int lane = 0; lane < count; lane++) {
        const uint64_t w[5] = {words[4 * lane], words[4 * lane + 1], words[4 * lane + 2], words[4 * lane + 3], 0};
        for (int i = 0, at = 0; i < LIMBS; at += WIDTH(i), i++) {
            uint64_t limb = w[at / 64] >> at % 64;
            if (at % 64) limb |= w[at / 64 + 1] << (64 - at % 64);
            limbs[i][lane] = limb & ((1ull << WIDTH(i)) - 1);
        }
    }
    memcpy(out->v, limbs, sizeof limbs);
}

TARGET static void store(uint64_t *words, const fe *x, int count) {
    fe y = *x;
    freeze(&y);
    uint64_t limbs[LIMBS][LANES];
    memcpy(limbs, y.v, sizeof limbs);
    for (int lane = 0; lane < count; lane++) {
        uint64_t w[5] = {0};
        for (int i = 0, at = 0; i < LIMBS; at += WIDTH(i), i++) {
            w[at / 64] |= limbs[i][lane] << at % 64;
            if (at % 64) w[at / 64 + 1] |= limbs[i][lane] >> (64 - at % 64);
        }
        memcpy(words + 4 * lane, w, 32);
    }
}

/* 2 (x : z), the doubling of RFC 7748. */
OP void doubled(fe *x, fe *z) {
    fe sum = fe_add(x, z), difference = fe_sub(x, z);
    const fe aa = fe_square(&sum), bb = fe_square(&difference), e = fe_sub(&aa, &bb), weak = fe_weak(&e);
    const fe right = fe_times_plus(&weak, (486662 - 2) / 4, &aa);
    *x = fe_mul(&aa, &bb);
    *z = fe_mul(&e, &right);
}

/* The Montgomery ladder of RFC 7748, section 5, with its names: u times the scalar is x : z. */
TARGET static void ladder(fe *x, fe *z, const uint8_t *scalar, const fe *u) {
    fe x2 = fe_small(1), z2 = fe_small(0), x3 = *u, z3 = x2;
    uint64_t before = 0;
    for (int bit = 254; bit >= 0; bit--) {
        const uint64_t now = scalar[bit / 8] >> bit % 8 & 1;
        const V swap = SPLAT(0 - (now ^ before));
        before = now;
        for (int i = 0; i < LIMBS; i++) {
            const V dx = (x2.v[i] ^ x3.v[i]) & swap, dz = (z2.v[i] ^ z3.v[i]) & swap;
            x2.v[i] ^= dx, x3.v[i] ^= dx, z2.v[i] ^= dz, z3.v[i] ^= dz;
        }
        const fe a = fe_add(&x2, &z2), b = fe_sub(&x2, &z2), c = fe_add(&x3, &z3), d = fe_sub(&x3, &z3);
        /* neighbours need not wait for each other */
        const fe da = fe_mul(&d, &a), cb = fe_mul(&c, &b), aa = fe_square(&a), bb = fe_square(&b);
        const fe sum = fe_add(&da, &cb), difference = fe_sub(&da, &cb), e = fe_sub(&aa, &bb), weak = fe_weak(&e);
        const fe squared = fe_square(&difference), right = fe_times_plus(&weak, (486662 - 2) / 4, &aa);
        x3 = fe_square(&sum);
        x2 = fe_mul(&aa, &bb);
        z3 = fe_mul(u, &squared);
        z2 = fe_mul(&e, &right);
    }
    *x = x2, *z = z2; /* the lowest bit of a clamped scalar is 0: no swap is due */
}

/* Elligator 2 (RFC 9380, 6.7.1 with Z = 2) without a division and without a choice, then three doublings.
 *
 * With w = 1 + 2 r**2 the two candidates are x1 = -A / w and x2 = -A - x1 = -A (w - 1) / w. The first is taken if
 * x1 (x1**2 + A x1 + 1) is a square, which it is exactly if c = -A w (A**2 - A**2 w + w**2) is one (it is c / w**4).
 * With e = 1 or -1 accordingly, x = -A ((1 + e) + (1 - e)(w - 1)) / 2w. Neither w nor c is ever 0.
 */
TARGET static void encoded(fe *x, fe *z, const fe *r) {
    const fe one = fe_small(1), zero = fe_small(0), a = fe_small(486662), a_squared = fe_small(486662ull * 486662);
    fe t = fe_sub(&zero, &a), u, v, e;
    const fe minus_a = fe_weak(&t);
    squares(&t, r, 1);
    t = fe_times_plus(&t, 2, &one);
    const fe w = fe_weak(&t);
    t = fe_sub(&one, &w), product(&u, &a_squared, &t); /* A**2 (1 - w) */
    squares(&v, &w, 1);
    t = fe_add(&u, &v), product(&u, &w, &t), product(&v, &minus_a, &u);
    character(&e, &v);
    t = fe_sub(&one, &e), u = fe_sub(&w, &one), product(&v, &t, &u);
    t = fe_add(&one, &e), t = fe_weak(&t), t = fe_add(&t, &v);
    product(x, &minus_a, &t);
    *z = fe_times_plus(&w, 2, &zero);
    for (int i = 0; i < 3; i++) doubled(x, z);
}

/* x / z of up to MANY vectors, and 0 where z is 0, with one inversion a lane (Montgomery, "Speeding the Pollard and
 * elliptic curve methods of factorization", Mathematics of Computation 48, 1987, section 10.3.1). */
TARGET static void divide(fe *x, fe *z, int count) {
    fe before[MANY], total = fe_small(1), t;
    V nothing[MANY];
    for (int i = 0; i < count; i++) {
        nothing[i] = zero(z + i);
        z[i].v[0] += nothing[i] & SPLAT(1ull); /* 0, in whatever limbs, plus 1 */
        before[i] = total;
        t = fe_weak(z + i);
        product(&total, &total, &t);
        z[i] = t;
    }
    inverse(&total, &total);
    for (int i = count - 1; i >= 0; i--) {
        product(&t, &total, before + i), product(x + i, x + i, &t);
        product(&total, &total, z + i);
        for (int k = 0; k < LIMBS; k++) x[i].v[k] &= ~nothing[i];
    }
}

/* One function for both uses: without a scalar the words are numbers to be hashed, else points. */
TARGET static void run(uint64_t *out, const uint64_t *in, int64_t count, const uint8_t *scalar) {
    fe x[MANY], z[MANY], each;
    for (int64_t start = 0; start < count; start += MANY * LANES) {
        const int64_t rest = count - start, here = rest < MANY * LANES ? rest : MANY * LANES;
        const int vectors = (int)((here + LANES - 1) / LANES);
        for (int i = 0; i < vectors; i++) {
            const int lanes = (int)(here - i * LANES < LANES ? here - i * LANES : LANES);
            load(&each, in + 4 * (start + i * LANES), lanes);
            if (scalar)
                ladder(x + i, z + i, scalar, &each);
            else
                encoded(x + i, z + i, &each);
        }
        divide(x, z, vectors);
        for (int i = 0; i < vectors; i++) {
            const int lanes = (int)(here - i * LANES < LANES ? here - i * LANES : LANES);
            store(out + 4 * (start + i * LANES), x + i, lanes);
        }
    }
}
