/* Curve25519, one point at a time. */
#include "curve25519.h"

#define OP static inline INLINED
#define TARGET
#define V uint64_t
#define LANES 1
#define SPLAT(word) ((uint64_t)(word))

#include "field51_words.h"
#include "curve25519_body.h"

void curve25519_base(uint64_t *out, const uint64_t *in, int64_t count, const uint8_t *scalar) {
    run(out, in, count, scalar);
}
