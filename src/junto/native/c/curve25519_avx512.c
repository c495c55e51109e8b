/* Curve25519, eight points at a time. */
#include "curve25519.h"
#include "lanes52.h"

#if X86
#define TARGET TARGET_AVX512
#define LANES 8
#define OP TARGET static inline INLINED
#define V lanes

#include "field51.h"
#include "curve25519_body.h"

void curve25519_avx512(uint64_t *out, const uint64_t *in, int64_t count, const uint8_t *scalar) {
    run(out, in, count, scalar);
}
#endif
