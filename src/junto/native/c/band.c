/* Linear systems over GF(2) whose rows are bands: Bienstock, Patel, Seo, Yeo, "Near-optimal oblivious key-value stores",
 * USENIX Security 2023; the elimination is that of Dillinger and Walzer, "Ribbon filter", 2021, section 2.
 *
 * Here alone, addresses and branches depend on numbers: on where a row's band starts and on its bits, which are hashes of
 * a key under a key of the session. What is stored, and what is read, is not branched upon.
 */
#include "kernels.h"

#include <string.h>

enum { MOST = 8, VALUE = 2, READ = 4 }; /* words of a band, of a value that is stored, and of one that is read */

/* Slots are summed up by FOUR at once: what their 16 sums are is looked up. (Arlazarov, Dinic, Kronrod, Faradzev, "On
 * economical construction of the transitive closure of a directed graph", 1970.) A band reaches over SPAN such groups. */
enum { FOUR = 4, SUMS = 1 << FOUR, SPAN = 64 * MOST / FOUR + 1, ROOM = 2 * SPAN };

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

/* The sums of the slots 4 * group to 4 * group + 3, of which those beyond the table are 0. */
#define FILL(type, sums, table, size, group, slots)                                         \
    do {                                                                                    \
        type one = {0};                                                                     \
        (sums)[0] = one;                                                                    \
        for (int bit = 0; bit < FOUR; bit++) {                                              \
            const int64_t slot_ = FOUR * (group) + bit;                                     \
            one = (type){0};                                                                \
            if (slot_ < (slots)) memcpy(&one, (table) + (size) * slot_, sizeof one);        \
            for (int sum = 0; sum < 1 << bit; sum++) (sums)[sum + (1 << bit)] = (sums)[sum] ^ one; \
        }                                                                                   \
    } while (0)

/* From the last slot on. */
void band_solve(uint64_t *out, const uint64_t *echelon, int64_t slots, int64_t words) {
    two sums[ROOM][SUMS], each;
    memset(sums, 0, sizeof sums);
    int64_t above = ROOM - SPAN; /* where the sums of the next higher group are */
    for (int64_t group = (slots - 1) / FOUR; group >= 0; group--) {
        const int64_t last = FOUR * group + FOUR - 1;
        for (int64_t slot = last < slots ? last : slots - 1; slot >= FOUR * group; slot--) {
            const uint64_t *held = echelon + slot * (words + VALUE);
            if (!(held[0] & 1)) continue;
            two sum;
            memcpy(&sum, held + words, sizeof sum);
            for (int64_t i = 1; slot + i <= last && slot + i < slots; i++) {
                const uint64_t taken = -(held[0] >> i & 1);
                memcpy(&each, out + VALUE * (slot + i), sizeof each);
                sum ^= each & (two){taken, taken};
            }
            const int64_t done = last - slot + 1;
            for (int64_t word = 0; word < words; word++) {
                uint64_t band = held[word] >> done | (word + 1 < words ? held[word + 1] << (64 - done) : 0);
                for (int64_t i = 0; i < 64 / FOUR; i++, band >>= FOUR) sum ^= sums[above + 64 / FOUR * word + i][band % SUMS];
            }
            memcpy(out + VALUE * slot, &sum, sizeof sum);
        }
        if (!above) {
            above = ROOM - SPAN;
            memmove(sums + above, sums, sizeof(two[SPAN][SUMS]));
        }
        above--;
        FILL(two, sums[above], out, VALUE, group, slots);
    }
    memset(sums, 0, sizeof sums);
}

int band_lay(uint64_t *echelon, const int64_t *starts, const uint64_t *bands, const uint64_t *values, int64_t count,
             int64_t words) {
    uint64_t row[MOST + VALUE];
    int failed = 0;
    for (int64_t i = 0; i < count && !failed; i++) {
        memcpy(row, bands + i * words, 8 * (size_t)words);
        memcpy(row + words, values + i * VALUE, 8 * VALUE);
        failed = put(echelon, starts[i], row, words);
    }
    memset(row, 0, sizeof row);
    return failed;
}

/* How many groups are summed up for all bands, one after the other. */
static int64_t groups_for(const int64_t *starts, int64_t count, int64_t words) {
    int64_t groups = 0, low = 0, high = 0;
    for (int64_t i = 0; i < count; i++) {
        const int64_t first = starts[i] / FOUR, end = (starts[i] + 64 * words - 1) / FOUR + 1;
        if (first < low || first > high) high = first;
        low = first;
        if (end > high) groups += end - high, high = end;
    }
    return groups;
}

static inline __attribute__((always_inline)) void read_groups(uint64_t *out, const uint64_t *table, const int64_t *starts,
                                                              const uint64_t *bands, int64_t count, int64_t slots,
                                                              int64_t words) {
    four sums[ROOM][SUMS];
    int64_t base = 0, low = 0, high = 0; /* groups low to high - 1 are there, from base on */
    for (int64_t i = 0; i < count; i++) {
        const int64_t first = starts[i] / FOUR, end = (starts[i] + 64 * words - 1) / FOUR + 1;
        if (first < low || first > high) base = high = first;
        low = first;
        if (end - base > ROOM) {
            memmove(sums, sums + (first - base), sizeof(four[SUMS]) * (size_t)(high - first));
            base = first;
        }
        for (; high < end; high++) FILL(four, sums[high - base], table, READ, high, slots);
        const uint64_t *band = bands + i * words;
        const four(*at)[SUMS] = (const four(*)[SUMS])sums + (first - base);
        const int skip = (int)(starts[i] % FOUR);
        uint64_t before = 0;
        four sum = {0};
        for (int64_t word = 0; word < words; word++) {
            uint64_t bits = band[word] << skip | before;
            before = skip ? band[word] >> (64 - skip) : 0;
            for (int k = 0; k < 64 / FOUR; k++, bits >>= FOUR) sum ^= (*at++)[bits % SUMS];
        }
        if (skip) sum ^= (*at)[before];
        memcpy(out + READ * i, &sum, sizeof sum);
    }
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

/* By groups, where bands are so near each other that this is less work. */
static inline __attribute__((always_inline)) void read_quicker(uint64_t *out, const uint64_t *table, const int64_t *starts,
                                                               const uint64_t *bands, int64_t count, int64_t slots,
                                                               int64_t words) {
    if (SUMS * groups_for(starts, count, words) < 32 * words * count)
        read_groups(out, table, starts, bands, count, slots, words);
    else
        read_bands(out, table, starts, bands, count, words);
}

#if X86
TARGET_AVX2 static void read_wide(uint64_t *out, const uint64_t *table, const int64_t *starts, const uint64_t *bands,
                                  int64_t count, int64_t slots, int64_t words) {
    read_quicker(out, table, starts, bands, count, slots, words);
}
#endif

void band_read(uint64_t *out, const uint64_t *table, const int64_t *starts, const uint64_t *bands, int64_t count,
               int64_t slots, int64_t words, int level) {
#if X86
    if (level >= AVX2) {
        read_wide(out, table, starts, bands, count, slots, words);
        return;
    }
#else
    (void)level;
#endif
    read_quicker(out, table, starts, bands, count, slots, words);
}
