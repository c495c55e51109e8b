#ifndef JUNTO_CURVE25519_H
#define JUNTO_CURVE25519_H

#include "kernels.h"

#include <string.h>

#ifdef __SANITIZE_ADDRESS__ /* what is checked line by line would take minutes to compile */
#define INLINED
#else
#define INLINED __attribute__((always_inline))
#endif

enum { MANY = 32 }; /* vectors of points that share one inversion */

/* u-coordinates out of 32 bytes each: of points times the clamped scalar, or, without one, of what hashes map to. */
void curve25519_base(uint64_t *out, const uint64_t *in, int64_t count, const uint8_t *scalar);
void curve25519_avx2(uint64_t *out, const uint64_t *in, int64_t count, const uint8_t *scalar);
void curve25519_avx512(uint64_t *out, const uint64_t *in, int64_t count, const uint8_t *scalar);

#endif
