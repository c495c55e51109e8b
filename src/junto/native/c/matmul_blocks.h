/* The loops around the tile of one level: included once for each, after its tile_LEVEL. */
#ifndef JUNTO_MATMUL_JOB
#define JUNTO_MATMUL_JOB
struct product {
    uint64_t *c;
    const uint64_t *a, *b;
    int64_t m, k, n, c_row, a_row, a_column, b_row, b_column;
    uint64_t *room; /* for the panels */
};
#endif

TARGET static void PASTE(blocks_, LEVEL)(const struct product *job) {
    uint64_t tile[HIGH * WIDE];
    for (int64_t p = 0; p < job->k; p += DEPTH) {
        const int64_t depth = least(DEPTH, job->k - p);
        for (int64_t j = 0; j < job->n; j += COLUMNS) {
            const int64_t columns = least(COLUMNS, job->n - j);
            uint64_t *right = job->room, *left = right + depth * ((columns + WIDE - 1) / WIDE * WIDE);
            for (int64_t s = 0; s < columns; s += WIDE)
                pack(right + depth * s, job->b + p * job->b_row + (j + s) * job->b_column, least(WIDE, columns - s), depth,
                     job->b_row, job->b_column, WIDE);
            for (int64_t i = 0; i < job->m; i += ROWS) {
                const int64_t rows = least(ROWS, job->m - i);
                for (int64_t r = 0; r < rows; r += HIGH)
                    pack(left + depth * r, job->a + (i + r) * job->a_row + p * job->a_column, least(HIGH, rows - r), depth,
                         job->a_column, job->a_row, HIGH);
                for (int64_t s = 0; s < columns; s += WIDE)
                    for (int64_t r = 0; r < rows; r += HIGH) {
                        PASTE(tile_, LEVEL)(tile, left + depth * r, right + depth * s, depth);
                        put(job->c + (i + r) * job->c_row + j + s, job->c_row, tile, HIGH, WIDE, rows - r, columns - s);
                    }
            }
        }
    }
}

#undef LEVEL
#undef TARGET
#undef HIGH
#undef WIDE
