/* Memory for arrays that is used again: see junto.native.pool, which hands these functions to numpy.
 *
 * What is not large comes from malloc and goes back. Large blocks are kept when they are freed, up to a limit, for
 * the next array of about their size: a page that the system gives anew it fills with zeros first, which takes as
 * long as a sum of two arrays. Who finds the lock taken does not wait, but goes to malloc: so a forked process, in
 * which nobody may ever let go of it, does not stand still.
 */
#define _DEFAULT_SOURCE /* for madvise */
#include "kernels.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

/* Arrays that all begin at the same place of a page are in each other's way in a processor's caches. */
enum { HEADER = 64, PLACES = 256, PAGE = 4096, STAGGER = 1216 };

#define LARGE ((size_t)1 << 19)
#define HUGE_PAGE ((size_t)1 << 21)

/* Before each array, which so begins at a multiple of 64 bytes. */
struct header {
    void *base;
    size_t capacity;
};

static atomic_flag busy = ATOMIC_FLAG_INIT;
static struct header *kept[PLACES]; /* the oldest first */
static int count;
static size_t total, limit;
static atomic_size_t made;

static int taken(void) {
    for (int tries = 0; tries < 1000; tries++)
        if (!atomic_flag_test_and_set_explicit(&busy, memory_order_acquire)) return 1;
    return 0;
}

static void let_go(void) { atomic_flag_clear_explicit(&busy, memory_order_release); }

static struct header *header_of(void *array) { return (struct header *)((char *)array - HEADER); }

static struct header *removed(int place) {
    struct header *const block = kept[place];
    count--, total -= block->capacity;
    memmove(kept + place, kept + place + 1, sizeof *kept * (size_t)(count - place));
    return block;
}

/* The newest of the kept blocks that is large enough, and not more than a quarter larger than that. */
static struct header *kept_block(size_t size) {
    struct header *found = NULL;
    if (!taken()) return NULL;
    for (int i = count - 1; i >= 0 && !found; i--)
        if (kept[i]->capacity >= size && kept[i]->capacity - size <= size / 4) found = removed(i);
    let_go();
    return found;
}

static void *room(size_t size) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (size >= 2 * HUGE_PAGE) {
        size = (size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
        void *const base = aligned_alloc(HUGE_PAGE, size);
        if (base) madvise(base, size, MADV_HUGEPAGE);
        return base;
    }
#endif
    return malloc(size);
}

static void *fresh(size_t size) {
    const size_t stagger = size < LARGE ? 0 : atomic_fetch_add(&made, 1) * STAGGER % PAGE;
    if (size > SIZE_MAX - 2 * HEADER - PAGE - HUGE_PAGE) return NULL;
    char *const base = room(size + 2 * HEADER + stagger);
    if (!base) return NULL;
    char *const array = base + 2 * HEADER - (uintptr_t)base % HEADER + stagger;
    *header_of(array) = (struct header){base, size};
    return array;
}

void *pool_malloc(void *context, size_t size) {
    (void)context;
    struct header *const block = size >= LARGE ? kept_block(size) : NULL;
    return block ? (char *)block + HEADER : fresh(size);
}

void *pool_calloc(void *context, size_t elements, size_t size) {
    if (size && elements > SIZE_MAX / size) return NULL;
    void *const array = pool_malloc(context, elements * size);
    return array ? memset(array, 0, elements * size) : NULL;
}

static void thrown_away(struct header **blocks, int several) {
    for (int i = 0; i < several; i++) free(blocks[i]->base);
}

void pool_free(void *context, void *array, size_t size) {
    (void)context, (void)size;
    if (!array) return;
    struct header *const block = header_of(array), *old[PLACES + 1];
    int several = 0;
    if (block->capacity < LARGE || !taken()) {
        free(block->base);
        return;
    }
    if (block->capacity > limit)
        old[several++] = block;
    else {
        while (count == PLACES || total + block->capacity > limit) old[several++] = removed(0);
        kept[count++] = block, total += block->capacity;
    }
    let_go();
    thrown_away(old, several);
}

void *pool_realloc(void *context, void *array, size_t size) {
    if (!array) return pool_malloc(context, size);
    const size_t had = header_of(array)->capacity;
    void *const moved = pool_malloc(context, size);
    if (!moved) return NULL;
    memcpy(moved, array, had < size ? had : size);
    pool_free(context, array, had);
    return moved;
}

int64_t pool_limit(int64_t most) {
    struct header *old[PLACES];
    int several = 0;
    if (!taken()) return -1;
    limit = (size_t)most;
    while (total > limit) old[several++] = removed(0);
    const int64_t held = (int64_t)total;
    let_go();
    thrown_away(old, several);
    return held;
}
