#include "kernels.h"

#ifndef JUNTO_SOURCE
#define JUNTO_SOURCE "unknown"
#endif

const char *kernels_source(void) { return JUNTO_SOURCE; }

int kernels_level(void) {
#ifdef JUNTO_EMULATED
    return AVX512;
#elif X86
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("bmi2") ||
        !__builtin_cpu_supports("aes") || !__builtin_cpu_supports("pclmul"))
        return BASE;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512dq") ||
        !__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512vl") ||
        !__builtin_cpu_supports("avx512ifma") || !__builtin_cpu_supports("vaes"))
        return AVX2;
    return AVX512;
#else
    return BASE;
#endif
}
