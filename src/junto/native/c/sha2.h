/* SHA-2 (FIPS 180-4, section 6) of several messages of one length at a time: SHA-512 if WIDE, else SHA-256. Included once for each
 * of both and for each set of instructions, of which OCTETS, TARGET and NAME speak. Constants: see sha2.c. */

#if WIDE
#define WORD uint64_t
enum { NAME(ROUNDS) = 80 };
#define SUM0(x) (TURNED(x, 28) ^ TURNED(x, 34) ^ TURNED(x, 39))
#define SUM1(x) (TURNED(x, 14) ^ TURNED(x, 18) ^ TURNED(x, 41))
#define MIX0(x) (TURNED(x, 1) ^ TURNED(x, 8) ^ x >> 7)
#define MIX1(x) (TURNED(x, 19) ^ TURNED(x, 61) ^ x >> 6)
#else
#define WORD uint32_t
enum { NAME(ROUNDS) = 64 };
#define SUM0(x) (TURNED(x, 2) ^ TURNED(x, 13) ^ TURNED(x, 22))
#define SUM1(x) (TURNED(x, 6) ^ TURNED(x, 11) ^ TURNED(x, 25))
#define MIX0(x) (TURNED(x, 7) ^ TURNED(x, 18) ^ x >> 3)
#define MIX1(x) (TURNED(x, 17) ^ TURNED(x, 19) ^ x >> 10)
#endif
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define SWAPPED(word) (word)
#elif WIDE
#define SWAPPED(word) __builtin_bswap64(word)
#else
#define SWAPPED(word) __builtin_bswap32(word)
#endif
#define TURNED(x, by) ((x) >> (by) | (x) << (8 * (int)sizeof(WORD) - (by)))
#define PART(x) ((WORD)((x) >> (64 - 8 * (int)sizeof(WORD))))

enum { NAME(BLOCK) = 16 * (int)sizeof(WORD), NAME(LANES) = OCTETS / (int)sizeof(WORD) };
typedef WORD NAME(lanes) __attribute__((vector_size(OCTETS)));

/* The words of one of the message's blocks, highest byte first; what closes the message is in the last one or two. */
TARGET static void NAME(load)(WORD (*w)[NAME(LANES)], int lane, const uint8_t *message, int64_t size, int64_t block, int64_t blocks) {
    uint8_t bytes[NAME(BLOCK)] = {0};
    const int64_t rest = size - block * NAME(BLOCK);
    if (rest > 0) memcpy(bytes, message + size - rest, (size_t)(rest < NAME(BLOCK) ? rest : NAME(BLOCK)));
    if (rest >= 0 && rest < NAME(BLOCK)) bytes[rest] = 0x80;
    const uint64_t bits = (uint64_t)size << 3;
    for (int i = 0; i < 8 && block == blocks - 1; i++) bytes[NAME(BLOCK) - 1 - i] |= (uint8_t)(bits >> 8 * i);
    for (int i = 0; i < 16; i++) {
        WORD word;
        memcpy(&word, bytes + i * (int)sizeof word, sizeof word);
        w[i][lane] = SWAPPED(word);
    }
}

TARGET static void NAME(compress)(NAME(lanes) *state, NAME(lanes) *w) {
    NAME(lanes) a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6], h = state[7];
    _Pragma("GCC unroll 16")
    for (int i = 0; i < NAME(ROUNDS); i++) {
        if (i >= 16) {
            const NAME(lanes) x = w[(i + 1) % 16], y = w[(i + 14) % 16];
            w[i % 16] += w[(i + 9) % 16] + MIX0(x) + MIX1(y);
        }
        const NAME(lanes) one = h + SUM1(e) + ((e & f) ^ (~e & g)) + w[i % 16] + PART(cube_roots[i]);
        const NAME(lanes) two = SUM0(a) + ((a & b) ^ (a & c) ^ (b & c));
        h = g, g = f, f = e, e = d + one, d = c, c = b, b = a, a = one + two;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

TARGET static void NAME(rows)(uint8_t *out, const uint8_t *in, int64_t count, int64_t size) {
    enum { WORDS = 8, OCTET = (int)sizeof(WORD) };
    const int64_t blocks = (size + 2 * OCTET) / NAME(BLOCK) + 1;
    NAME(lanes) state[WORDS], w[16];
    WORD words[16][NAME(LANES)];
    for (int64_t first = 0; first < count; first += NAME(LANES)) {
        for (int i = 0; i < WORDS; i++) state[i] = (NAME(lanes)){0} + PART(square_roots[i]);
        for (int64_t block = 0; block < blocks; block++) {
            for (int lane = 0; lane < NAME(LANES); lane++) {
                const int64_t row = first + lane < count ? first + lane : count - 1;
                NAME(load)(words, lane, in + row * size, size, block, blocks);
            }
            memcpy(w, words, sizeof w);
            NAME(compress)(state, w);
        }
        for (int lane = 0; lane < NAME(LANES) && first + lane < count; lane++)
            for (int i = 0; i < WORDS; i++) {
                const WORD word = SWAPPED(state[i][lane]);
                memcpy(out + ((first + lane) * WORDS + i) * OCTET, &word, OCTET);
            }
    }
}

#undef WORD
#undef SUM0
#undef SUM1
#undef MIX0
#undef MIX1
#undef SWAPPED
#undef TURNED
#undef PART
