/* Polynomials modulo X**n + 1 and modulo primes p = 2**bits - c, 45 <= bits <= 50 and c below 2**24: transforms, and sums
 * of products.
 *
 * The transforms are those of Longa and Naehrig ("Speeding up the number theoretic transform for faster ideal
 * lattice-based cryptography", CANS 2016): powers of a 2n-th root of unity in bit-reversed order, so that nothing is
 * permuted. A product with a constant w takes w' = floor(w 2**64 / p) (Shoup; Harvey, "Faster arithmetic for
 * number-theoretic transforms", JSC 2014): w x - floor(w' x / 2**64) p is in [0, 2p) for each x below 2**64.
 */
#include "kernels.h"

typedef unsigned __int128 u128;

typedef struct {
    uint64_t p, c, mask;
    int bits;
} modulus;

static inline modulus modulus_of(uint64_t p) {
    const int bits = 64 - __builtin_clzll(p);
    const uint64_t mask = ((uint64_t)1 << bits) - 1;
    return (modulus){p, mask + 1 - p, mask, bits};
}

static inline uint64_t least(uint64_t x, uint64_t y) { return x < y ? x : y; }

/* x modulo p, of x below 2**64; then minus p, if it is not below it: x - p is huge where x < p */
static inline uint64_t reduced(uint64_t x, modulus m) {
    x = (x >> m.bits) * m.c + (x & m.mask);
    return least(x, x - m.p);
}

static inline uint64_t scaled(uint64_t x, uint64_t w, uint64_t quotient, uint64_t p) {
    return w * x - (uint64_t)((u128)quotient * x >> 64) * p;
}

/* Each of up to 15 layers adds at most 2p: below 2**55 to the end. */
static void forward(uint64_t *x, const uint64_t *w, const uint64_t *quotients, int64_t n, uint64_t p) {
    for (int64_t half = n / 2, m = 1; m < n; half /= 2, m *= 2)
        for (int64_t i = 0; i < m; i++) {
            uint64_t *u = x + 2 * i * half, *v = u + half;
            const uint64_t by = w[m + i], quotient = quotients[m + i];
            for (int64_t j = 0; j < half; j++) {
                const uint64_t a = u[j], b = scaled(v[j], by, quotient, p);
                u[j] = a + b, v[j] = a + 2 * p - b;
            }
        }
    const modulus modulo = modulus_of(p);
    for (int64_t j = 0; j < n; j++) x[j] = reduced(x[j], modulo);
}

/* All below 2p. The first word of the table, which no layer uses, is 1 / n. */
static void inverse(uint64_t *x, const uint64_t *w, const uint64_t *quotients, int64_t n, uint64_t p) {
    for (int64_t half = 1, m = n / 2; m > 0; half *= 2, m /= 2)
        for (int64_t i = 0; i < m; i++) {
            uint64_t *u = x + 2 * i * half, *v = u + half;
            const uint64_t by = w[m + i], quotient = quotients[m + i];
            for (int64_t j = 0; j < half; j++) {
                const uint64_t a = u[j], b = v[j], sum = a + b;
                u[j] = least(sum, sum - 2 * p), v[j] = scaled(a + 2 * p - b, by, quotient, p);
            }
        }
    const modulus modulo = modulus_of(p);
    for (int64_t j = 0; j < n; j++) x[j] = reduced(scaled(x[j], w[0], quotients[0], p), modulo);
}

void lattice_transform(uint64_t *x, const uint64_t *tables, const uint64_t *primes, int64_t count, int64_t n,
                       int64_t first, int64_t last, int back) {
    for (int64_t row = first; row < last; row++) {
        const int64_t prime = row % count;
        const uint64_t *w = tables + (4 * prime + (back ? 2 : 0)) * n;
        (back ? inverse : forward)(x + row * n, w, w + n, n, primes[prime]);
    }
}

/* Of up to 2**28 products below 2**(50 + bits): 78 + bits, then 103, 82, 61 bits are left at most. */
static inline uint64_t folded(u128 x, modulus m) {
    for (int i = 0; i < 3; i++) x = (x >> m.bits) * m.c + ((uint64_t)x & m.mask);
    return reduced((uint64_t)x, m);
}

void lattice_dot(uint64_t *out, const uint64_t *x, const uint64_t *y, const uint64_t *primes, int64_t terms,
                 int64_t count, int64_t n, int64_t first, int64_t last) {
    enum { PIECE = 512 };
    u128 sums[PIECE];
    for (int64_t row = first; row < last; row++) {
        const int64_t prime = row % count, at = row / count * terms * count + prime;
        const modulus modulo = modulus_of(primes[prime]);
        for (int64_t start = 0; start < n; start += PIECE) {
            const int64_t size = n - start < PIECE ? n - start : PIECE;
            for (int64_t i = 0; i < size; i++) sums[i] = 0;
            const uint64_t *a = x + at * n + start, *b = y + prime * n + start;
            const int64_t next = count * n;
            int64_t term = 0;
            for (; term + 4 <= terms; term += 4, a += 4 * next, b += 4 * next)
                for (int64_t i = 0; i < size; i++)
                    sums[i] += (u128)a[i] * b[i] + (u128)a[i + next] * b[i + next] +
                               (u128)a[i + 2 * next] * b[i + 2 * next] + (u128)a[i + 3 * next] * b[i + 3 * next];
            for (; term < terms; term++, a += next, b += next)
                for (int64_t i = 0; i < size; i++) sums[i] += (u128)a[i] * b[i];
            for (int64_t i = 0; i < size; i++) out[row * n + start + i] = folded(sums[i], modulo);
        }
    }
}

void lattice_combine(uint64_t *out, const uint64_t *x, const uint64_t *factors, const uint64_t *primes, int64_t terms,
                     int64_t count, int64_t n, int64_t first, int64_t last) {
    enum { PIECE = 512 };
    u128 sums[PIECE];
    for (int64_t row = first; row < last; row++) {
        const int64_t prime = row % count;
        const modulus modulo = modulus_of(primes[prime]);
        for (int64_t start = 0; start < n; start += PIECE) {
            const int64_t size = n - start < PIECE ? n - start : PIECE;
            for (int64_t i = 0; i < size; i++) sums[i] = 0;
            for (int64_t term = 0; term < terms; term++) {
                const uint64_t *a = x + (row / count * terms + term) * n + start, by = factors[term * count + prime];
                for (int64_t i = 0; i < size; i++) sums[i] += (u128)a[i] * by;
            }
            for (int64_t i = 0; i < size; i++) out[row * n + start + i] = folded(sums[i], modulo);
        }
    }
}
