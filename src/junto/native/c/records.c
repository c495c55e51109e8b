/* Records of tables: sorted by words, matched by tags, and laid beside each other.
 *
 * Addresses and branches depend on numbers here: on tags, which are hashes of a table's keys under a secret key, and on the
 * lengths of keys. All of it stays with one party, to whom the table or the tags belong.
 */
#include "kernels.h"

#include <string.h>

enum { DIGIT = 11, DIGITS = 6, RADIX = 1 << DIGIT, ROW = 32 };

/* By least digits first (Knuth, The Art of Computer Programming 3, section 5.2.5): words with equal bits keep their order. */
void sort_words(uint64_t *x, uint64_t *scratch, int64_t count, int low, int high) {
    int64_t counts[DIGITS][RADIX];
    const int digits = (high - low + DIGIT - 1) / DIGIT;
    const uint64_t mask = high < 64 ? (1ull << high) - 1 : ~0ull;
    memset(counts, 0, sizeof counts);
    for (int64_t i = 0; i < count; i++) {
        uint64_t bits = (x[i] & mask) >> low;
        for (int digit = 0; digit < digits; digit++, bits >>= DIGIT) counts[digit][bits % RADIX]++;
    }
    uint64_t *from = x, *to = scratch;
    for (int digit = 0; digit < digits; digit++) {
        const int shift = low + digit * DIGIT;
        int64_t *place = counts[digit], sum = 0;
        for (int i = 0; i < RADIX; i++) {
            const int64_t here = place[i];
            place[i] = sum;
            sum += here;
        }
        for (int64_t i = 0; i < count; i++) to[place[(from[i] & mask) >> shift & (RADIX - 1)]++] = from[i];
        uint64_t *const sorted = to;
        to = from;
        from = sorted;
    }
    if (from != x) memcpy(x, from, 8 * (size_t)count);
}

int64_t merge_tags(int64_t *groups, const uint64_t *high, const uint64_t *low, int64_t *heads, const int64_t *ends,
                   int64_t sets) {
    int64_t group = 0;
    for (;; group++) {
        uint64_t first = 0, second = 0;
        int found = 0;
        for (int64_t set = 0; set < sets; set++) {
            const int64_t at = heads[set];
            if (at == ends[set]) continue;
            if (!found || high[at] < first || (high[at] == first && low[at] < second)) first = high[at], second = low[at];
            found = 1;
        }
        if (!found) return group;
        for (int64_t set = 0; set < sets; set++)
            while (heads[set] < ends[set] && high[heads[set]] == first && low[heads[set]] == second)
                groups[heads[set]++] = group;
    }
}

int lay_values(uint8_t *out, int64_t *places, const uint8_t *data, const int64_t *starts, const int64_t *lengths,
               int64_t count, int64_t size) {
    for (int64_t i = 0; i < count; i++) {
        const int64_t place = places[i], start = starts[i], length = lengths[i];
        if (!place) continue;
        if (place < 0 || length < 0 || length >= ROW || place + length >= ROW) return 1;
        if (start < 0 || start > size - length) return 1;
        uint8_t *to = out + ROW * i + place;
        *to = (uint8_t)length;
        memcpy(to + 1, data + start, (size_t)length);
        places[i] = place + length + 1;
    }
    return 0;
}
