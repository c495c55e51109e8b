/* Curve25519, four points at a time. */
#include "curve25519.h"

#if X86
typedef uint64_t lanes __attribute__((vector_size(32)));

#define TARGET TARGET_AVX2
#define OP TARGET static inline INLINED
#define V lanes
#define LANES 4
#define SPLAT(word) ((lanes){(word), (word), (word), (word)})
#define MUL32(x, y) ((lanes)_mm256_mul_epu32((__m256i)(x), (__m256i)(y)))

#include "field25.h"
#include "curve25519_body.h"

void curve25519_avx2(uint64_t *out, const uint64_t *in, int64_t count, const uint8_t *scalar) {
    run(out, in, count, scalar);
}
#endif
