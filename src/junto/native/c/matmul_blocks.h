/* The loops around the tile of one level: included once for each, after its tile_LEVEL. */
#ifndef JUNTO_MATMUL_JOB
#define JUNTO_MATMUL_JOB
struct product {
    uint64_t *c;
    const uint64_t *a, *b;
    int64_t m, k, n, c_row, a_row, a_column, b_row, b_column;
    uint64_t *room; /* for the panels */
    int wide;       /* elements are two words, the lower one first */
};
#endif

/* Products of words in full, added up. */
TARGET static inline void PASTE(full_, LEVEL)(u128 *out, const uint64_t *a, const uint64_t *b, int64_t depth) {
    for (int i = 0; i < HIGH; i += 2)
        for (int j = 0; j < WIDE; j += 2) {
            const uint64_t *x = a + i, *y = b + j;
            u128 *to = out + i * WIDE + j, s00 = 0, s01 = 0, s10 = 0, s11 = 0;
            for (int64_t p = 0; p < depth; p++, x += HIGH, y += WIDE) {
                s00 += (u128)x[0] * y[0], s01 += (u128)x[0] * y[1];
                s10 += (u128)x[1] * y[0], s11 += (u128)x[1] * y[1];
            }
            to[0] = s00, to[1] = s01, to[WIDE] = s10, to[WIDE + 1] = s11;
        }
}

TARGET static void PASTE(blocks_, LEVEL)(const struct product *job) {
    uint64_t tile[HIGH * WIDE];
    u128 full[HIGH * WIDE];
    const int64_t size = job->wide ? 2 : 1;
    for (int64_t p = 0; p < job->k; p += DEPTH) {
        const int64_t depth = least(DEPTH, job->k - p), deep = size * depth;
        for (int64_t j = 0; j < job->n; j += COLUMNS) {
            const int64_t columns = least(COLUMNS, job->n - j);
            uint64_t *right = job->room, *left = right + deep * ((columns + WIDE - 1) / WIDE * WIDE);
            for (int64_t s = 0; s < columns; s += WIDE) {
                const uint64_t *from = job->b + p * job->b_row + (j + s) * job->b_column;
                uint64_t *to = right + deep * s;
                if (job->wide)
                    pack_wide(to, to + depth * WIDE, from, least(WIDE, columns - s), depth, job->b_row, job->b_column, WIDE);
                else
                    pack(to, from, least(WIDE, columns - s), depth, job->b_row, job->b_column, WIDE);
            }
            for (int64_t i = 0; i < job->m; i += ROWS) {
                const int64_t rows = least(ROWS, job->m - i);
                for (int64_t r = 0; r < rows; r += HIGH) {
                    const uint64_t *from = job->a + (i + r) * job->a_row + p * job->a_column;
                    uint64_t *to = left + deep * r;
                    if (job->wide) /* upper words first: they are multiplied by the lower ones of b */
                        pack_wide(to + depth * HIGH, to, from, least(HIGH, rows - r), depth, job->a_column, job->a_row, HIGH);
                    else
                        pack(to, from, least(HIGH, rows - r), depth, job->a_column, job->a_row, HIGH);
                }
                for (int64_t s = 0; s < columns; s += WIDE)
                    for (int64_t r = 0; r < rows; r += HIGH) {
                        const uint64_t *x = left + deep * r, *y = right + deep * s;
                        uint64_t *c = job->c + (i + r) * job->c_row + size * (j + s);
                        PASTE(tile_, LEVEL)(tile, x, y, deep);
                        if (job->wide) {
                            PASTE(full_, LEVEL)(full, x + depth * HIGH, y, depth);
                            put_wide(c, job->c_row, tile, full, HIGH, WIDE, rows - r, columns - s);
                        } else
                            put(c, job->c_row, tile, HIGH, WIDE, rows - r, columns - s);
                    }
            }
        }
    }
}

#undef LEVEL
#undef TARGET
#undef HIGH
#undef WIDE
