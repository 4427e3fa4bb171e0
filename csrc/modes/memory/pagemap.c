#define _GNU_SOURCE
#include "pagemap.h"

#include <sys/mman.h>

/* An address is 14 bits of root, 14 bits of branch, 16 bits of granule, 4 bits inside it: 48 in all. */
#define ROOT (1u << 14)
#define BRANCH (1u << 14)
#define GRANULES (1u << 16)
#define SPILL 4 /* a large block on a leaf's last granule writes its size behind the end */

/* An entry is site << 10 | size; a size of LARGE or more stands in the two entries behind, which the block covers too. */
#define LARGE 1023u

typedef uint32_t leaf[GRANULES + SPILL];

static leaf **root[ROOT]; /* Owned: branches of leaves */

static void *map(size_t bytes) {
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

/* `*slot`, or when it is NULL a new mapping, unless another thread was faster. */
static void *get_or_map(void **slot, size_t bytes) {
    void *have = __atomic_load_n(slot, __ATOMIC_ACQUIRE), *new;
    if (have) return have;
    new = map(bytes);
    if (!new) return NULL;
    if (__atomic_compare_exchange_n(slot, &have, new, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) return new;
    munmap(new, bytes);
    return have;
}

static __attribute__((noinline)) uint32_t *make(uintptr_t address) {
    leaf **branch = get_or_map((void **)&root[address >> 34 & (ROOT - 1)], BRANCH * sizeof(leaf *));
    leaf *l = branch ? get_or_map((void **)&branch[address >> 20 & (BRANCH - 1)], sizeof(leaf)) : NULL;
    return l ? &(*l)[address >> 4 & (GRANULES - 1)] : NULL;
}

static inline uint32_t *find(uintptr_t address) {
    leaf **branch = __atomic_load_n(&root[address >> 34 & (ROOT - 1)], __ATOMIC_RELAXED); /* a new one is zero all over */
    if (__builtin_expect(!branch, 0)) return NULL;
    leaf *l = __atomic_load_n(&branch[address >> 20 & (BRANCH - 1)], __ATOMIC_RELAXED);
    return __builtin_expect(!l, 0) ? NULL : &(*l)[address >> 4 & (GRANULES - 1)];
}

int prof_pagemap_put(const void *block, size_t bytes, uint32_t site) {
    uint32_t *e = find((uintptr_t)block);
    if (__builtin_expect(!e, 0) && !(e = make((uintptr_t)block))) return -1;
    if (__builtin_expect(bytes < LARGE, 1)) {
        *e = site << 10 | (uint32_t)bytes;
    } else {
        e[1] = (uint32_t)bytes;
        e[2] = (uint32_t)(bytes >> 32);
        *e = site << 10 | LARGE;
    }
    return 0;
}

int prof_pagemap_fits(const void *block, size_t bytes) {
    uint32_t *e = find((uintptr_t)block);
    uintptr_t granule = (uintptr_t)block >> 4 & (GRANULES - 1);
    if (!e) return 1;
    for (uintptr_t back = 0; back <= 2 && back <= granule; back++)
        if (e[-(intptr_t)back] && (!back || (e[-(intptr_t)back] & LARGE) == LARGE)) return 0;
    return bytes < LARGE || (!e[1] && !e[2]);
}

uint32_t prof_pagemap_take(const void *block, size_t *bytes) {
    uint32_t *e = find((uintptr_t)block), v = e ? *e : 0;
    if (__builtin_expect(!v, 0)) return 0;
    *e = 0;
    *bytes = v & LARGE;
    if (__builtin_expect(*bytes == LARGE, 0)) {
        *bytes = e[1] | (size_t)e[2] << 32;
        e[1] = e[2] = 0; /* else they would look like blocks once smaller ones lie there */
    }
    return v >> 10;
}

static void walk_leaf(const leaf *l, uintptr_t address, void (*visit)(void *, void *, size_t, uint32_t), void *context) {
    for (uint32_t g = 0; g < GRANULES; g++) {
        uint32_t v = (*l)[g];
        if (!v) continue;
        size_t bytes = v & LARGE;
        void *block = (void *)(address | (uintptr_t)g << 4);
        if (bytes == LARGE) {
            bytes = (*l)[g + 1] | (size_t)(*l)[g + 2] << 32;
            g += 2;
        }
        visit(context, block, bytes, v >> 10);
    }
}

void prof_pagemap_walk(void (*visit)(void *, void *, size_t, uint32_t), void *context) {
    for (uintptr_t i = 0; i < ROOT; i++)
        for (uintptr_t j = 0; root[i] && j < BRANCH; j++)
            if (root[i][j]) walk_leaf(root[i][j], i << 34 | j << 20, visit, context);
}

void prof_pagemap_clear(void) {
    /* The leaves stay mapped, empty: a thread without the GIL may be looking into one. */
    for (uint32_t i = 0; i < ROOT; i++)
        for (uint32_t j = 0; root[i] && j < BRANCH; j++)
            if (root[i][j]) madvise(root[i][j], sizeof(leaf), MADV_DONTNEED);
}
