/* AES-128 by the processor's own instructions, in constant time: keystreams of many keys, and a hash.
 *
 * There is no other AES here: without these instructions (level BASE) `cryptography` serves.
 */
#include "kernels.h"

#include <string.h>

#if X86

enum { ROUNDS = 10, AT_ONCE = 8 };

typedef struct {
    __m128i round[ROUNDS + 1];
} schedule;

#define INLINE TARGET_AVX2 static inline __attribute__((always_inline))

INLINE __m128i next_key(__m128i key, __m128i assist) {
    key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
    key = _mm_xor_si128(key, _mm_slli_si128(key, 8));
    return _mm_xor_si128(key, _mm_shuffle_epi32(assist, 0xff));
}

TARGET_AVX2 static void expand(schedule *out, const uint8_t *key) {
    __m128i *k = out->round;
    k[0] = _mm_loadu_si128((const __m128i *)key);
#define ROUND(i, constant) k[i] = next_key(k[i - 1], _mm_aeskeygenassist_si128(k[i - 1], constant))
    ROUND(1, 0x01), ROUND(2, 0x02), ROUND(3, 0x04), ROUND(4, 0x08), ROUND(5, 0x10);
    ROUND(6, 0x20), ROUND(7, 0x40), ROUND(8, 0x80), ROUND(9, 0x1b), ROUND(10, 0x36);
#undef ROUND
}

/* Encrypts AT_ONCE blocks: their rounds overlap. */
INLINE void encrypt(__m128i *blocks, const schedule *key) {
    for (int i = 0; i < AT_ONCE; i++) blocks[i] = _mm_xor_si128(blocks[i], key->round[0]);
    for (int round = 1; round < ROUNDS; round++)
        for (int i = 0; i < AT_ONCE; i++) blocks[i] = _mm_aesenc_si128(blocks[i], key->round[round]);
    for (int i = 0; i < AT_ONCE; i++) blocks[i] = _mm_aesenclast_si128(blocks[i], key->round[ROUNDS]);
}

/* The big-endian number of a block of a keystream. */
INLINE __m128i counter(uint64_t number) { return _mm_set_epi64x((long long)__builtin_bswap64(number), 0); }

/* Blocks of a keystream, a multiple of those that are made at once. */
TARGET_AVX2 static void narrow_blocks(uint64_t *out, const schedule *key, uint64_t number, int64_t blocks) {
    for (int64_t at = 0; at < blocks; at += AT_ONCE) {
        __m128i each[AT_ONCE];
        for (int i = 0; i < AT_ONCE; i++) each[i] = counter(number + (uint64_t)(at + i));
        encrypt(each, key);
        memcpy(out + 2 * at, each, sizeof each);
    }
}

#ifndef JUNTO_EMULATED
enum { WIDE = 4 };

TARGET_AVX512 static void wide_blocks(uint64_t *out, const schedule *key, uint64_t number, int64_t blocks) {
    const __m512i step = _mm512_set_epi64(WIDE, 0, WIDE, 0, WIDE, 0, WIDE, 0);
    const __m512i backwards = _mm512_broadcast_i32x4(_mm_set_epi8(8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
    __m512i numbers = _mm512_set_epi64(3, 0, 2, 0, 1, 0, 0, 0), round[ROUNDS + 1];
    numbers = _mm512_add_epi64(numbers, _mm512_maskz_set1_epi64(0xaa, (long long)number));
    for (int i = 0; i <= ROUNDS; i++) round[i] = _mm512_broadcast_i32x4(key->round[i]);
    for (int64_t at = 0; at < blocks; at += WIDE * AT_ONCE) {
        __m512i each[AT_ONCE];
        for (int i = 0; i < AT_ONCE; i++) {
            each[i] = _mm512_xor_si512(_mm512_shuffle_epi8(numbers, backwards), round[0]);
            numbers = _mm512_add_epi64(numbers, step);
        }
        for (int r = 1; r < ROUNDS; r++)
            for (int i = 0; i < AT_ONCE; i++) each[i] = _mm512_aesenc_epi128(each[i], round[r]);
        for (int i = 0; i < AT_ONCE; i++)
            _mm512_storeu_si512(out + 2 * (at + WIDE * i), _mm512_aesenclast_epi128(each[i], round[ROUNDS]));
    }
}
#endif

/* Words from `first` on: those that do not make up AT_ONCE blocks are taken out of so many. */
TARGET_AVX2 static void run_stream(uint64_t *out, int64_t first, int64_t count, const uint8_t *key, int level) {
    schedule schedule;
    expand(&schedule, key);
    while (count) {
        uint64_t some[2 * AT_ONCE];
        const int64_t skipped = first % 2, blocks = skipped ? 0 : count / 2 / AT_ONCE * AT_ONCE;
        int64_t made = 2 * blocks, wide = 0;
        if (!blocks) {
            narrow_blocks(some, &schedule, (uint64_t)first / 2, AT_ONCE);
            made = count < 2 * AT_ONCE - skipped ? count : 2 * AT_ONCE - skipped;
            memcpy(out, some + skipped, sizeof *out * (size_t)made);
        }
#ifndef JUNTO_EMULATED
        if (level >= AVX512) wide = blocks / (WIDE * AT_ONCE) * (WIDE * AT_ONCE);
        wide_blocks(out, &schedule, (uint64_t)first / 2, wide);
#endif
        narrow_blocks(out + 2 * wide, &schedule, (uint64_t)(first / 2 + wide), blocks - wide);
        out += made, first += made, count -= made;
    }
    memset(&schedule, 0, sizeof schedule);
}

/* AT_ONCE blocks of every leaf's keystream from block `number` on: their sum, and for each bit of a leaf's number, the
 * highest first, the sum of those that have it: sums[0], and sums[1], sums[2] ... */
TARGET_AVX2 static void leaves(__m128i sums[][AT_ONCE], const schedule *keys, int count, int first, int depth,
                               uint64_t number) {
    memset(sums, 0, sizeof(__m128i[AT_ONCE]) * (size_t)(depth + 1));
    for (int leaf = first; leaf < count; leaf++) {
        __m128i blocks[AT_ONCE];
        for (int i = 0; i < AT_ONCE; i++) blocks[i] = counter(number + (uint64_t)i);
        encrypt(blocks, keys + leaf);
        for (int i = 0; i < AT_ONCE; i++) sums[0][i] = _mm_xor_si128(sums[0][i], blocks[i]);
        for (int bit = 0; bit < depth; bit++)
            if (leaf >> (depth - 1 - bit) & 1)
                for (int i = 0; i < AT_ONCE; i++) sums[1 + bit][i] = _mm_xor_si128(sums[1 + bit][i], blocks[i]);
    }
}

TARGET_AVX2 static void run_leaves(uint64_t *rows, uint64_t *total, const uint8_t *keys, int64_t first, int64_t depth,
                                   int64_t start, int64_t width) {
    schedule schedules[256];
    __m128i sums[9][AT_ONCE];
    const int count = 1 << depth;
    for (int leaf = (int)first; leaf < count; leaf++) expand(schedules + leaf, keys + 16 * leaf);
    int64_t word = start & ~(int64_t)1; /* of the keystream: blocks have two */
    for (const int64_t end = start + width; word < end; word += 2 * AT_ONCE) {
        leaves(sums, schedules, count, (int)first, (int)depth, (uint64_t)word / 2);
        const int64_t from = word < start ? start : word, to = end < word + 2 * AT_ONCE ? end : word + 2 * AT_ONCE;
        const size_t size = sizeof *total * (size_t)(to - from);
        memcpy(total + (from - start), (const uint64_t *)sums[0] + (from - word), size);
        for (int bit = 0; bit < depth; bit++)
            memcpy(rows + bit * width + (from - start), (const uint64_t *)sums[1 + bit] + (from - word), size);
    }
    memset(schedules, 0, sizeof schedules);
}

/* TMMO of `there` inputs, at most AT_ONCE: inner = pi(x), out = pi(inner + tweak) + inner. */
INLINE void inner_of(__m128i *inner, const schedule *key, const uint64_t *x, __m128i difference, int there) {
    for (int i = 0; i < AT_ONCE; i++)
        inner[i] = i < there ? _mm_xor_si128(_mm_loadu_si128((const __m128i *)(x + 2 * i)), difference) : difference;
    encrypt(inner, key);
}

INLINE void outer_of(__m128i *outer, const __m128i *inner, const schedule *key, uint64_t first, uint64_t piece) {
    for (int i = 0; i < AT_ONCE; i++)
        outer[i] = _mm_xor_si128(inner[i], _mm_set_epi64x((long long)piece, (long long)(first + (uint64_t)i)));
    encrypt(outer, key);
    for (int i = 0; i < AT_ONCE; i++) outer[i] = _mm_xor_si128(outer[i], inner[i]);
}

TARGET_AVX2 static void run_hash(uint64_t *out, const uint64_t *x, const uint64_t *difference, int64_t count,
                                 int64_t pieces, int64_t first, int64_t stride, const uint8_t *key) {
    schedule schedule;
    __m128i inner[AT_ONCE], outer[AT_ONCE];
    const __m128i added = _mm_loadu_si128((const __m128i *)difference);
    expand(&schedule, key);
    for (int64_t at = 0; at < count; at += AT_ONCE) {
        const int there = (int)(count - at < AT_ONCE ? count - at : AT_ONCE);
        inner_of(inner, &schedule, x + 2 * at, added, there);
        if (!pieces) {
            outer_of(outer, inner, &schedule, (uint64_t)(first + at), 0);
            for (int i = 0; i < there; i++) out[at + i] = (uint64_t)_mm_cvtsi128_si64(outer[i]);
        }
        for (int64_t piece = 0; piece < pieces; piece++) {
            outer_of(outer, inner, &schedule, (uint64_t)(first + at), (uint64_t)piece);
            memcpy(out + 2 * (piece * stride + at), outer, 16 * (size_t)there);
        }
    }
}

TARGET_AVX2 static void run_tags(uint8_t *out, const uint8_t *in, int64_t count, int64_t blocks, const uint8_t *key) {
    schedule schedule;
    expand(&schedule, key);
    for (int64_t at = 0; at < count; at += AT_ONCE) {
        __m128i state[AT_ONCE];
        const int there = (int)(count - at < AT_ONCE ? count - at : AT_ONCE);
        for (int i = 0; i < AT_ONCE; i++) state[i] = _mm_setzero_si128();
        for (int64_t block = 0; block < blocks; block++) {
            for (int i = 0; i < there; i++) {
                const __m128i *const next = (const __m128i *)(in + 16 * ((at + i) * blocks + block));
                state[i] = _mm_xor_si128(state[i], _mm_loadu_si128(next));
            }
            encrypt(state, &schedule);
        }
        memcpy(out + 16 * at, state, 16 * (size_t)there);
    }
    memset(&schedule, 0, sizeof schedule);
}
#endif

void aes_stream(uint64_t *out, int64_t first, int64_t count, const uint8_t *key, int level) {
#if X86
    run_stream(out, first, count, key, level);
#else
    (void)out, (void)first, (void)count, (void)key, (void)level;
#endif
}

void aes_tags(uint8_t *out, const uint8_t *in, int64_t count, int64_t blocks, const uint8_t *key) {
#if X86
    run_tags(out, in, count, blocks, key);
#else
    (void)out, (void)in, (void)count, (void)blocks, (void)key;
#endif
}

void aes_trees(uint64_t *rows, uint64_t *totals, const uint8_t *keys, const uint8_t *depths, int64_t trees,
               int64_t first, int64_t start, int64_t width) {
    for (int64_t tree = 0; tree < trees; tree++) {
#if X86
        run_leaves(rows, totals, keys, first, depths[tree], start, width);
#else
        (void)first, (void)start;
#endif
        rows += depths[tree] * width;
        totals += width;
        keys += (int64_t)16 << depths[tree];
    }
}

void aes_hash(uint64_t *out, const uint64_t *x, const uint64_t *difference, int64_t count, int64_t pieces,
              int64_t first, int64_t stride, const uint8_t *key) {
#if X86
    run_hash(out, x, difference, count, pieces, first, stride, key);
#else
    (void)out, (void)x, (void)difference, (void)count, (void)pieces, (void)first, (void)stride, (void)key;
#endif
}
