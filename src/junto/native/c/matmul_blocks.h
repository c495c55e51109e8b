/* The loops around one tile: included once for each, after its tile_NAME and split_NAME.
 *
 * TARGET: the instructions; SIZE: words of an element; PARTS: words that it is split into in a panel, [PARTS][depth][width];
 * HIGH, WIDE: of a tile; ROWS: of a, whose panels are at hand at the same time; DEPTH: of a panel.
 */
TARGET static int PASTE(blocks_, NAME)(const struct product *job) {
    enum { TILE = HIGH * WIDE };
    const int64_t most = least(job->k, DEPTH) * PARTS, wide = rounded(least(job->n, COLUMNS), WIDE);
    void *room = malloc(sizeof(uint64_t) * (size_t)(most * (rounded(least(job->m, ROWS), HIGH) + wide) + LINE));
    if (!room) return 1;
    uint64_t tile[TILE * SIZE], *right = (uint64_t *)(((uintptr_t)room + 63) & ~(uintptr_t)63), *left = right + most * wide;
    for (int64_t p = 0; p < job->k; p += DEPTH) {
        const int64_t depth = least(DEPTH, job->k - p), deep = PARTS * depth;
        for (int64_t j = 0; j < job->n; j += COLUMNS) {
            const int64_t columns = least(COLUMNS, job->n - j);
            for (int64_t s = 0; s < columns; s += WIDE) {
                const uint64_t *from = job->b + p * job->b_row + (j + s) * job->b_column;
                PASTE(pack, SIZE)(right + deep * s, from, least(WIDE, columns - s), depth, job->b_row, job->b_column, WIDE);
                PASTE(split_, NAME)(right + deep * s, depth * WIDE);
            }
            for (int64_t i = 0; i < job->m; i += ROWS) {
                const int64_t rows = least(ROWS, job->m - i);
                for (int64_t r = 0; r < rows; r += HIGH) {
                    const uint64_t *from = job->a + (i + r) * job->a_row + p * job->a_column;
                    PASTE(pack, SIZE)(left + deep * r, from, least(HIGH, rows - r), depth, job->a_column, job->a_row, HIGH);
                    PASTE(split_, NAME)(left + deep * r, depth * HIGH);
                }
                for (int64_t s = 0; s < columns; s += WIDE)
                    for (int64_t r = 0; r < rows; r += HIGH) {
                        PASTE(tile_, NAME)(tile, left + deep * r, right + deep * s, depth);
                        PASTE(put, SIZE)(job->c + (i + r) * job->c_row + SIZE * (j + s), job->c_row, tile, WIDE,
                                         least(HIGH, rows - r), least(WIDE, columns - s));
                    }
            }
        }
    }
    free(room);
    return 0;
}

#undef NAME
#undef SIZE
#undef PARTS
#undef HIGH
#undef WIDE
#undef ROWS
#undef DEPTH
