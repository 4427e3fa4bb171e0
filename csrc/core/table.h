/* Hash tables with open addressing: slots of any one type. An empty slot is all zeros, and no other is. Who searches one walks it:
 *
 *     for (k = hash & t.mask; slots[k] is not empty; k = (k + 1) & t.mask) ...
 */
#ifndef PROF_TABLE_H
#define PROF_TABLE_H
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    void *slots; /* Owned; NULL while there are none */
    size_t mask; /* slots - 1 */
    size_t used;
} prof_table;

static inline void prof_table_free(prof_table *t) {
    free(t->slots);
    *t = (prof_table){0};
}

/* Has at least half of the slots free behind one more, so that searches are short and end. `size` is that of a slot in bytes, `first`
 * how many slots there are at first, a power of 2; `hash` is what one is found by. 0, or -1 without memory: it is as it was. */
static inline int prof_table_reserve(prof_table *t, size_t size, size_t first, uint64_t (*hash)(const void *slot)) {
    static const char empty[64];
    if (t->slots && (t->used + 1) * 2 <= t->mask) return 0;
    size_t old = t->slots ? t->mask + 1 : 0, mask = (old ? old * 2 : first) - 1;
    char *slots = calloc(mask + 1, size);
    if (!slots) return -1;
    for (const char *slot = t->slots; old; slot += size, old--) {
        if (!memcmp(slot, empty, size)) continue;
        size_t k = hash(slot) & mask;
        while (memcmp(slots + k * size, empty, size)) k = (k + 1) & mask;
        memcpy(slots + k * size, slot, size);
    }
    free(t->slots);
    t->slots = slots;
    t->mask = mask;
    return 0;
}

/* Three numbers as one, any bit of which depends on all of them. */
static inline uint64_t prof_mixed(uint64_t a, uint64_t b, uint64_t c) {
    uint64_t h = a * 0x9e3779b97f4a7c15u ^ b * 0xc2b2ae3d27d4eb4fu ^ c * 0x165667b19e3779f9u;
    return h ^ h >> 29 ^ h >> 47;
}

#endif
