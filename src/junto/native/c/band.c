/* Linear systems over GF(2) whose rows are bands: Bienstock, Patel, Seo, Yeo, "Near-optimal oblivious key-value stores",
 * USENIX Security 2023; the elimination is that of Dillinger and Walzer, "Ribbon filter", 2021, section 2.
 *
 * Here alone, addresses and branches depend on numbers: on where a row's band starts and on its bits, which are hashes of
 * a key under a key of the session. What is stored, and what is read, is not branched upon.
 */
#include "kernels.h"

#include <string.h>

enum { MOST = 8, VALUE = 2, READ = 4 }; /* words of a band, of a value that is stored, and of one that is read */

typedef uint64_t four __attribute__((vector_size(8 * READ)));
typedef uint64_t two __attribute__((vector_size(8 * VALUE)));

/* row >>= bits, for 0 < bits < 64 * words */
static void shift(uint64_t *row, int64_t words, int64_t bits) {
    const int64_t whole = bits / 64, part = bits % 64;
    for (int64_t i = 0; i + whole < words; i++) {
        const uint64_t low = row[i + whole], high = i + whole + 1 < words ? row[i + whole + 1] : 0;
        row[i] = part ? low >> part | high << (64 - part) : low;
    }
    memset(row + words - whole, 0, 8 * (size_t)whole);
}

/* The number of the lowest bit, or 64 * words if there is none. */
static int64_t lowest(const uint64_t *row, int64_t words) {
    for (int64_t i = 0; i < words; i++)
        if (row[i]) return 64 * i + __builtin_ctzll(row[i]);
    return 64 * words;
}

/* Puts a row into the echelon form: the row whose first slot is s stands at s, its first bit being that of s. */
static int put(uint64_t *echelon, int64_t slot, uint64_t *row, int64_t words) {
    const int64_t step = words + VALUE;
    for (;;) {
        const int64_t bits = lowest(row, words);
        if (bits == 64 * words) return 1;
        if (bits) shift(row, words, bits);
        slot += bits;
        uint64_t *held = echelon + slot * step;
        if (!(held[0] & 1)) {
            memcpy(held, row, 8 * (size_t)step);
            return 0;
        }
        for (int64_t i = 0; i < step; i++) row[i] ^= held[i];
    }
}

int band_solve(uint64_t *out, uint64_t *echelon, const int64_t *starts, const uint64_t *bands, const uint64_t *values,
               int64_t count, int64_t slots, int64_t words) {
    uint64_t row[MOST + VALUE];
    const int64_t step = words + VALUE;
    int failed = 0;
    for (int64_t i = 0; i < count && !failed; i++) {
        memcpy(row, bands + i * words, 8 * (size_t)words);
        memcpy(row + words, values + i * VALUE, 8 * VALUE);
        failed = put(echelon, starts[i], row, words);
    }
    for (int64_t slot = slots - 1; slot >= 0 && !failed; slot--) {
        const uint64_t *held = echelon + slot * step;
        if (!(held[0] & 1)) continue; /* a free one, which the caller has filled */
        const int64_t end = slots - slot < 64 * words ? slots - slot : 64 * words;
        two sum, each;
        memcpy(&sum, held + words, sizeof sum);
        for (int64_t i = 1; i < end; i++) {
            const uint64_t taken = -(held[i / 64] >> (i % 64) & 1);
            memcpy(&each, out + VALUE * (slot + i), sizeof each);
            sum ^= each & (two){taken, taken};
        }
        memcpy(out + VALUE * slot, &sum, sizeof sum);
    }
    memset(row, 0, sizeof row);
    return failed;
}

static inline __attribute__((always_inline)) void read_bands(uint64_t *out, const uint64_t *table, const int64_t *starts,
                                                             const uint64_t *bands, int64_t count, int64_t words) {
    for (int64_t i = 0; i < count; i++) {
        four sum = {0}, each;
        const uint64_t *from = table + READ * starts[i];
        for (int64_t word = 0; word < words; word++) {
            uint64_t band = bands[i * words + word];
            for (int bit = 0; bit < 64; bit++, band >>= 1, from += READ) {
                const uint64_t taken = -(band & 1);
                memcpy(&each, from, sizeof each);
                sum ^= each & (four){taken, taken, taken, taken};
            }
        }
        memcpy(out + READ * i, &sum, sizeof sum);
    }
}

#if X86
TARGET_AVX2 static void read_wide(uint64_t *out, const uint64_t *table, const int64_t *starts, const uint64_t *bands,
                                  int64_t count, int64_t words) {
    read_bands(out, table, starts, bands, count, words);
}
#endif

void band_read(uint64_t *out, const uint64_t *table, const int64_t *starts, const uint64_t *bands, int64_t count,
               int64_t words, int level) {
#if X86
    if (level >= AVX2) {
        read_wide(out, table, starts, bands, count, words);
        return;
    }
#else
    (void)level;
#endif
    read_bands(out, table, starts, bands, count, words);
}
