/* What junto.native calls. Plain C11 with the vector types of GCC and Clang; no state and no allocation that
 * outlives a call but in pool.c, no branch and no address that depends on the numbers in an array, but for the bands in
 * band.c, a party's own records in records.c, and the public digits in lookup.c.
 *
 * The caller (kernels.py) has checked types, shapes and lengths. `level` says which instructions may be
 * used; it is at most kernels_level(). Every level gives the same words.
 */
#ifndef JUNTO_KERNELS_H
#define JUNTO_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

#if defined(__x86_64__) || defined(_M_X64)
#define X86 1
#include <immintrin.h>
#define TARGET_AVX2 __attribute__((target("avx2,fma,bmi2,aes,pclmul")))
#ifdef JUNTO_EMULATED /* what is written for AVX-512, for any processor: by the tests */
#define TARGET_AVX512
#else
#define TARGET_AVX512 __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx512ifma,fma,bmi2,aes,vaes,pclmul")))
#endif
#else
#define X86 0
#endif

/* The instructions that there are. BASE: what the compiler takes for granted, NEON on ARM. */
enum { BASE = 0, AVX2 = 1, AVX512 = 2 };

EXPORT const char *kernels_source(void); /* digest of the sources that this was made of */
EXPORT int kernels_level(void);

/* c = a b modulo 2**64, or 2**128 (two words an element, the lower one first); strides in words. Returns 0,
 * or 1 if there is no memory for a copy of the operands. */
EXPORT int matmul64(uint64_t *c, const uint64_t *a, const uint64_t *b, int64_t m, int64_t k, int64_t n,
                    int64_t c_row, int64_t a_row, int64_t a_column, int64_t b_row, int64_t b_column, int level);
EXPORT int matmul128(uint64_t *c, const uint64_t *a, const uint64_t *b, int64_t m, int64_t k, int64_t n,
                     int64_t c_row, int64_t a_row, int64_t a_column, int64_t b_row, int64_t b_column, int level);

/* Of elements of 128 bits, two words each, the lower one first; `out` lies together, and may be an operand, element for
 * element. x op y of [rows, columns]: `steps` from row to row and from column to column, of x and of y, in elements. */
enum { ADD = 0, SUBTRACT = 1, MULTIPLY = 2, MULTIPLY_LESS = 3 }; /* the last: x y - out */
EXPORT void wide_each(uint64_t *out, const uint64_t *x, const uint64_t *y, int64_t rows, int64_t columns,
                      const int64_t *steps, int operation);

/* Shares of products of bits, whose public parts are `flags`, 0 or 1, and secrets: (1 - 2 flag) (opened number - dealt) +
 * flag own, rows `first` to `last` of `columns`; `steps` from row to row and from column to column of what was opened, and
 * of the own piece, in elements. The others lie together. Words, or pairs of them if `wide`. */
struct bit_product {
    void *out;
    const uint8_t *flags;
    const void *number, *dealt, *opened, *own;
    int64_t columns, steps[4], wide;
};
EXPORT void bit_times(const struct bit_product *job, int64_t first, int64_t last);

/* Sums of pieces of bits, times `weights` [count], of rows `first` to `last` of `flags` and `number` [rows, count], which are
 * as above: words, or pairs of them if `wide`. `first`: whether this is P0, who adds what is public. */
struct bit_sums {
    void *out;
    const uint8_t *flags;
    const void *number, *weights;
    int64_t count, first, wide;
};
EXPORT void bit_dots(const struct bit_sums *job, int64_t first, int64_t last);

/* x shifted by 0 to 127 bits; ARITHMETIC: to the right, with its sign. */
enum { LEFT = 0, RIGHT = 1, ARITHMETIC = 2 };
EXPORT void wide_shift(uint64_t *out, const uint64_t *x, int64_t size, int count, int kind);

/* Signed integers of one octet, or of eight, as elements. */
EXPORT void wide_extend(uint64_t *out, const void *x, int64_t size, int octets);

/* The sums of x [outer, count, inner] over the second axis; if `running`, of those up to each place of it. */
EXPORT void wide_sum(uint64_t *out, const uint64_t *x, int64_t outer, int64_t count, int64_t inner, int running);

/* Words `first` to `last` of `count` planes [count, width] of the numbers x [lanes], and the numbers
 * (out[i * step]) of the same words of planes. */
EXPORT void planes64(uint64_t *out, const uint64_t *x, int64_t lanes, int64_t count, int64_t width, int64_t first,
                     int64_t last, int level);
EXPORT void unplanes64(uint64_t *out, const uint64_t *planes, int64_t lanes, int64_t count, int64_t width,
                       int64_t first, int64_t last, int64_t step, int level);

/* X25519 (RFC 7748) of one scalar and many points; 0 where a point is of small order. Four words a point. */
EXPORT void curve25519_multiply(uint64_t *out, const uint64_t *points, int64_t count, const uint8_t *scalar, int level);

/* u-coordinates of 8 times the points that Elligator 2 (RFC 9380) maps numbers of 48 bytes to. */
EXPORT void curve25519_encode(uint64_t *out, const uint8_t *hashes, int64_t count, int level);

/* From AVX2 on alone. Of trees of the given depths, one after the other: the AES-128-CTR keystreams, from word `start`
 * on, of a tree's leaves `first` to 2**depth. Their sum [trees, width]; and for each bit of a leaf's number, the highest
 * first, the sum of those that have it [all depths, width]. */
EXPORT void aes_trees(uint64_t *rows, uint64_t *totals, const uint8_t *keys, const uint8_t *depths, int64_t trees,
                      int64_t first, int64_t start, int64_t width);

/* From AVX2 on alone. Words `first` to `first + count` of the AES-128-CTR keystream that counts from 0. */
EXPORT void aes_stream(uint64_t *out, int64_t first, int64_t count, const uint8_t *key, int level);

/* From AVX2 on alone. TMMO of x + difference [count, 2] under one key, the first tweak being `first`: the lower words
 * [count] if `pieces` is 0, or [pieces, stride, 2]. */
EXPORT void aes_hash(uint64_t *out, const uint64_t *x, const uint64_t *difference, int64_t count, int64_t pieces,
                     int64_t first, int64_t stride, const uint8_t *key);

/* SHA-256 of messages [count, size], or SHA-512 if `wide`: [count, 32] or [count, 64]. */
EXPORT void sha2_rows(uint8_t *out, const uint8_t *in, int64_t count, int64_t size, int wide, int level);

/* Groups of four bits of a comparison's tree: a share of G (unless `generate` is 0) and of P (unless `propagate` is 0) of
 * each position. Public bits: [groups, 4, words]; the others [sets, groups, words]. Without `made` and `mixed`: leaves. */
struct borrow {
    uint64_t *generate, *propagate; /* [4, groups, words] */
    const uint64_t *passed, *made, *dealt, *mixed;
    int64_t groups, words, first; /* `first`: whether this is P0 */
};
EXPORT void borrow64(const struct borrow *job, int64_t first, int64_t last, int level);

/* Lanes `first` to `last` of `lanes`: cosines and sines of 1 to `terms` times the angles x, in units of 2**-period of a turn,
 * with 20 bits after the point, [terms, 2, lanes]; and, of dealt shares of such [terms, 2, lanes], a share of the sum of
 * waves with the amplitudes `factors` [terms, 2] (of sine, of cosine), 20 more bits after the point. */
EXPORT void turns64(uint64_t *out, const uint64_t *x, int64_t lanes, int64_t first, int64_t last, int64_t terms, int period,
                    int level);
EXPORT void waves64(uint64_t *out, const uint64_t *x, const double *factors, const uint64_t *dealt, int64_t lanes,
                    int64_t first, int64_t last, int64_t terms, int period, int level);

/* The sums of products of each row of x [rows, count] with `factors` [count]: words, or pairs of them if `wide`. */
EXPORT void dots(uint64_t *out, const uint64_t *x, const uint64_t *factors, int64_t rows, int64_t count, int wide, int level);

/* Of tables [several, step, 2 * count], each row backwards from its entry 0 on, and twice; `count` and `step` are powers of
 * two, and elements are words, or pairs of them if `wide`: the sums [several, lanes] over i of `hot` [lanes, count] times
 * the entry at digit d - step * i, which is in row d % step. `digits` d are public, and looked at modulo step * count.
 * And vectors [lanes, count] without `pads`, which they are put in: for a secret digit d with entry d % step of `entries`
 * [step] at place d / step, if there is one, and 0 at all others. */
EXPORT void lookup(uint64_t *out, const uint64_t *tables, const uint64_t *digits, const uint64_t *hot, int64_t lanes,
                   int64_t count, int64_t step, int64_t several, int wide, int level);
EXPORT void lookup_hide(uint64_t *pads, const uint64_t *digits, const uint64_t *entries, int64_t lanes, int64_t count,
                        int64_t step, int wide, int level);

/* Puts rows into an echelon form [slots, words + 2], which is zeros at first: the sum of those slots that a row's band
 * [count, words] has, from its start on, is its value [count, 2]. Returns 0, or 1 if the rows depend on each other. Every
 * start is at most slots - 64 * words; `words` is at most 8. */
EXPORT int band_lay(uint64_t *echelon, const int64_t *starts, const uint64_t *bands, const uint64_t *values, int64_t count,
                    int64_t words);

/* Fills `out` [slots, 2] so that all that is in such a form holds. Slots that no row needs stay as they are. */
EXPORT void band_solve(uint64_t *out, const uint64_t *echelon, int64_t slots, int64_t words);

/* The sums of bands in a table of four words a slot: [count, 4]. */
EXPORT void band_read(uint64_t *out, const uint64_t *table, const int64_t *starts, const uint64_t *bands, int64_t count,
                      int64_t slots, int64_t words, int level);

/* From AVX2 on alone. CBC-MAC under one key of messages [count, blocks] of 16 bytes each: [count]. */
EXPORT void aes_tags(uint8_t *out, const uint8_t *in, int64_t count, int64_t blocks, const uint8_t *key);

/* x [count] in the order of its bits `low` to `high`, in place; `scratch` has as much room. */
EXPORT void sort_words(uint64_t *x, uint64_t *scratch, int64_t count, int low, int high);

/* Numbers for tags of two words, the higher one first, which several sets hold in ascending order, set after set: from 0 on
 * in the order of the tags, equal ones for equal tags. `heads`: where each set begins, used up; `ends`: where it ends.
 * Returns how many different tags there are. */
EXPORT int64_t merge_tags(int64_t *groups, const uint64_t *high, const uint64_t *low, int64_t *heads, const int64_t *ends,
                          int64_t sets);

/* Lays one value into each row of `out` [count, 32] at its place, unless that is 0: the length, and as many of the `size` bytes
 * of `data`. Places go on behind them. Returns 0, or 1 at a value that is not in `data`, or has no room in its row. */
EXPORT int lay_values(uint8_t *out, int64_t *places, const uint8_t *data, const int64_t *starts, const int64_t *lengths,
                      int64_t count, int64_t size);

/* Polynomials modulo X**n + 1, coefficients below primes, each at most 2**24 below a power of two from 2**45 to 2**50: rows
 * `first` to `last`, row after row for one of `count` primes after the other. The transform in place, or back, by tables
 * [count, 4, n] of powers, and of their quotients, for both ways; the sum of products of x [rows / count, terms, count, n]
 * and y [terms, count, n]; and of numbers x [rows / count, terms, n] below 2**50 and factors [terms, count]. */
EXPORT void lattice_transform(uint64_t *x, const uint64_t *tables, const uint64_t *primes, int64_t count, int64_t n,
                              int64_t first, int64_t last, int back);
EXPORT void lattice_dot(uint64_t *out, const uint64_t *x, const uint64_t *y, const uint64_t *primes, int64_t terms,
                        int64_t count, int64_t n, int64_t first, int64_t last);
EXPORT void lattice_combine(uint64_t *out, const uint64_t *x, const uint64_t *factors, const uint64_t *primes, int64_t terms,
                            int64_t count, int64_t n, int64_t first, int64_t last);

/* Memory for arrays, as numpy asks for it (PyDataMemAllocator): what is large is kept for the next one, up to a limit in
 * bytes, 0 at first. `pool_limit` sets it, and returns how much is kept then, or -1 if somebody else is at it. */
EXPORT void *pool_malloc(void *context, size_t size);
EXPORT void *pool_calloc(void *context, size_t elements, size_t size);
EXPORT void *pool_realloc(void *context, void *array, size_t size);
EXPORT void pool_free(void *context, void *array, size_t size);
EXPORT int64_t pool_limit(int64_t most);

#endif
