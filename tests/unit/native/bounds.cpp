// No limb in a vector of Curve25519's field outgrows its lane: the kernels' own lines, run on bounds in place of
// numbers. Prints what is wrong; nothing if all is well. With WEAKER defined, the bounds must fail.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

using Wide = unsigned __int128;

struct Bound {  // anything from low to high
    Wide low, high;
    Bound(Wide low, Wide high) : low(low), high(high) {
        if (low > high || high >> 64) std::puts("a number leaves its lane"), std::exit(1);
    }
    Bound(uint64_t value = 0) : low(value), high(value) {}
};

static Bound operator+(Bound a, Bound b) { return {a.low + b.low, a.high + b.high}; }
static Bound operator-(Bound a, Bound b) {
    if (a.low < b.high) std::puts("a difference is negative"), std::exit(1);
    return {a.low - b.high, a.high - b.low};
}
static Bound operator*(Bound a, Bound b) { return {a.low * b.low, a.high * b.high}; }
static Bound operator<<(Bound a, int by) { return {a.low << by, a.high << by}; }
static Bound operator>>(Bound a, int by) { return {a.low >> by, a.high >> by}; }
static Bound operator&(Bound a, Bound mask) { return {0, a.high < mask.high ? a.high : mask.high}; }

static Bound product(Bound a, Bound b, int bits) {
    if (a.high >> bits || b.high >> bits) std::printf("a factor has more than %d bits\n", bits), std::exit(1);
    return {0, a.high * b.high >> (bits == 52 ? 52 : 0)};
}
static Bound part(Bound total, Bound a, Bound b, bool upper) {
    const Wide most = product(a, b, 52).high, lower = ((Wide)1 << 52) - 1, whole = a.high * b.high;
    return {total.low, total.high + (upper ? most : whole < lower ? whole : lower)};
}

#define OP static inline
#define V Bound
#define SPLAT(word) Bound((uint64_t)(word))
#define UNKNOWN(x) (x)
#define MUL32(x, y) product(x, y, 32)
#define MADD_LOW(total, x, y) part(total, x, y, false)
#define MADD_HIGH(total, x, y) part(total, x, y, true)
#ifdef WEAKER
enum { SLACK = 27 };
#else
enum { SLACK = 19 };
#endif

#define CHECK(SLACKS)                                                                                        \
    static void check() {                                                                                    \
        fe weak;                                                                                             \
        for (int i = 0; i < LIMBS; i++) weak.v[i] = Bound(0, ((Wide)1 << WIDTH(i)) + ((Wide)1 << SLACKS));   \
        const fe factors[] = {weak, fe_add(&weak, &weak), fe_sub(&weak, &weak)};                             \
        auto same = [&](fe x) {                                                                              \
            for (int i = 0; i < LIMBS; i++)                                                                  \
                if (x.v[i].high > weak.v[i].high) std::puts("a result is not weak"), std::exit(1);           \
        };                                                                                                   \
        for (auto &x : factors) {                                                                            \
            for (auto &y : factors) same(fe_mul(&x, &y));                                                    \
            same(fe_square(&x)), same(fe_weak(&x));                                                          \
        }                                                                                                    \
        same(fe_times_plus(&weak, (1 << 19) - 1, &weak)), same(fe_small((1ull << 51) - 1));                              \
    }

namespace field25 {
#include "field25.h"
CHECK(SLACK)
}
#undef LIMBS
#undef WIDTH
#undef UNROLL
namespace field51 {
#include "field51.h"
CHECK((SLACK - 4))
}

int main() { field25::check(), field51::check(); }
