#include "curve25519.h"

static void run(uint64_t *out, const uint64_t *in, int64_t count, const uint8_t *scalar, int level) {
#if X86
    if (level == AVX512) return curve25519_avx512(out, in, count, scalar);
    if (level == AVX2) return curve25519_avx2(out, in, count, scalar);
#endif
    (void)level;
    curve25519_base(out, in, count, scalar);
}

void curve25519_multiply(uint64_t *out, const uint64_t *points, int64_t count, const uint8_t *scalar, int level) {
    uint8_t clamped[32];
    memcpy(clamped, scalar, sizeof clamped);
    clamped[0] &= 248;
    clamped[31] = (clamped[31] & 127) | 64;
    run(out, points, count, clamped, level);
}

/* 48 bytes, highest first, as words of a number below 2**255 that is the same modulo p: 2**256 counts as 38. */
static void reduce(uint64_t *out, const uint8_t *bytes) {
    uint64_t w[6] = {0};
    for (int i = 0; i < 48; i++) w[5 - i / 8] = w[5 - i / 8] << 8 | bytes[i];
    uint64_t carry = 0;
    for (int round = 0; round < 3; round++) {
        const uint64_t more[4] = {round ? carry : w[4], round ? 0 : w[5], 0, 0};
        unsigned __int128 sum = 0;
        for (int i = 0; i < 4; i++) {
            sum += (unsigned __int128)more[i] * 38 + w[i];
            w[i] = (uint64_t)sum;
            sum >>= 64;
        }
        carry = (uint64_t)sum;
    }
    const uint64_t top = w[3] >> 63;
    w[3] &= ~(1ull << 63);
    unsigned __int128 sum = (unsigned __int128)top * 19;
    for (int i = 0; i < 4; i++) {
        sum += w[i];
        out[i] = (uint64_t)sum;
        sum >>= 64;
    }
    /* still below 2**255 + 19; curve25519 reads 255 bits, so what is beyond is folded once more */
    const uint64_t beyond = out[3] >> 63;
    out[3] &= ~(1ull << 63);
    out[0] += 19 * beyond; /* then the others are 0 and this cannot carry */
}

void curve25519_encode(uint64_t *out, const uint8_t *hashes, int64_t count, int level) {
    for (int64_t i = 0; i < count; i++) reduce(out + 4 * i, hashes + 48 * i);
    run(out, out, count, 0, level);
}
