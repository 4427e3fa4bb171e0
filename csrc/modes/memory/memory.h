/* Memory: what each line allocates, in the calling context on top of the shadow stack.
 *
 * A site is a leaf of the calling-context tree, labelled with a line; it is found by the address of the instruction that
 * runs and the node on top, and named when it is first met. Only one thread at a time may call these (the CPython half
 * holds the GIL); what other threads do without the GIL is queued by prof_memory_queue, and counted by the next that calls. */
#ifndef PROF_MEMORY_H
#define PROF_MEMORY_H
#include "pagemap.h"
#include "core/stack.h"

#pragma GCC visibility push(hidden)

enum { PROF_MEMORY_OFF, PROF_MEMORY_SUMMARY, PROF_MEMORY_DETAIL };

typedef struct {
    uintptr_t instruction;
    prof_ref top;
    prof_ref site; /* the leaf; 0: a free slot */
} prof_site_slot;

extern int prof_memory_mode;
extern int prof_memory_waiting;         /* something was queued since the last drain */
extern prof_memory *prof_memory_totals; /* Borrowed from the arena */
extern prof_site_slot *prof_site_slots; /* Owned: an open-addressing table */
extern size_t prof_site_mask;
extern prof_node **prof_site_nodes; /* by number */

/* What the address map keeps with a block: the number of its site, and whether the block is a Python object's. */
static inline uint32_t prof_block_tag(uint32_t site, int object) { return site << 1 | (uint32_t)object; }
static inline prof_node *prof_block_site(uint32_t tag) { return prof_site_nodes[tag >> 1]; }

/* Begins counting into the running recording. 0, or ENOMEM or ENOSPC. */
int prof_memory_start(int mode);

/* Ends it; the tables go, what was counted stays. `hook` off first: nobody may be inside. */
void prof_memory_stop(void);

/* The same in a forked child. */
void prof_memory_forget(void);

/* The site of a line (0: unknown) of `file` in `function` below `top`, made when it is first met. NULL when nothing records, or
 * without room. */
prof_node *prof_site_at_line(prof_thread *t, prof_node *top, prof_ref function, prof_ref file, uint32_t line);

/* From now on prof_site_find knows the site of `instruction` below `top`. 0, or -1 without memory. To be forgotten before other
 * code comes to lie there. */
int prof_site_remember(uintptr_t instruction, prof_node *top, prof_node *site);
void prof_site_forget(uintptr_t instruction, prof_ref top);

/* Sites below this number are of blocks that threads got without the main interpreter's GIL. They are counted when somebody
 * with it comes by, and so are their frees. The first two stand for all that have no line. */
#define PROF_SITES_WITHOUT_GIL 256
#define PROF_SITE_WITHOUT_GIL 1
#define PROF_SITE_ELSEWHERE 2 /* other interpreters */

/* The number for blocks of `site`, or if that is NULL of the one that prof_site_find would find. Any thread. */
uint32_t prof_memory_without_gil(prof_node *site, uintptr_t instruction, prof_ref top);

/* The same for a line below `top`, which the calling thread tells of itself. */
uint32_t prof_memory_line_without_gil(prof_thread *t, prof_node *top, prof_ref function, prof_ref file, uint32_t line);

/* An event of a thread without the GIL: a block with this tag was allocated, or freed. Of other sites than those above only
 * frees. Any thread. */
void prof_memory_queue(uint32_t tag, size_t bytes, int freed);
void prof_memory_drain(void);

static inline size_t prof_site_home(uintptr_t instruction, prof_ref top) {
    return (size_t)(((uint64_t)instruction + (uint64_t)top * 0x9e3779b97f4a7c15u) * 0x9e3779b97f4a7c15u >> 24);
}

/* The site known for `instruction` below `top`, or NULL. */
static inline prof_node *prof_site_find(uintptr_t instruction, prof_ref top) {
    for (size_t k = prof_site_home(instruction, top) & prof_site_mask;; k = (k + 1) & prof_site_mask) {
        const prof_site_slot *s = &prof_site_slots[k];
        if (PROF_LIKELY(s->instruction == instruction && s->top == top)) return prof_arena_at(s->site);
        if (!s->site) return NULL;
    }
}

/* The first time a site changes after a peak, what it held at the peak is kept. */
static inline void prof_site_touch(prof_node *site) {
    if (site->peak_epoch != prof_memory_totals->epoch) {
        site->peak_bytes = site->alloc_bytes - site->free_bytes;
        site->peak_epoch = prof_memory_totals->epoch;
    }
}

/* Counts a block; in detail mode one that is in the address map. */
static inline void prof_memory_allocated_at(prof_node *site, size_t bytes) {
    prof_memory *m = prof_memory_totals;
    m->class_count[prof_size_class(bytes)]++;
    prof_site_touch(site);
    site->alloc_count++;
    site->alloc_bytes += bytes;
    m->live_bytes += bytes;
    if (m->live_bytes > m->peak_bytes) {
        m->peak_bytes = m->live_bytes;
        m->epoch++;
    }
}

/* In detail mode, a block that is not in the address map, as its function wants it or for want of memory: it is taken as freed at
 * once, neither live nor a leak. */
void prof_memory_unfollowed(prof_node *site, size_t bytes);

/* `object`: the block is one that Python objects are made in. */
static inline void prof_memory_allocated(prof_node *site, const void *block, size_t bytes, int object) {
    if (prof_memory_mode == PROF_MEMORY_DETAIL && PROF_LIKELY(site->site) &&
        PROF_LIKELY(!prof_pagemap_put(block, bytes, prof_block_tag(site->site, object)))) {
        prof_memory_allocated_at(site, bytes);
        return;
    }
    site->alloc_count++;
    site->alloc_bytes += bytes;
    if (prof_memory_mode == PROF_MEMORY_DETAIL) prof_memory_unfollowed(site, bytes);
}

static inline void prof_memory_freed_at(prof_node *site, size_t bytes) {
    prof_site_touch(site);
    site->free_count++;
    site->free_bytes += bytes;
    prof_memory_totals->live_bytes -= bytes;
}

/* A block with this tag has left the map. That it came may still wait in the queue: then it goes the same way. */
static inline void prof_memory_released(uint32_t tag, size_t bytes) {
    if (PROF_UNLIKELY(tag >> 1 < PROF_SITES_WITHOUT_GIL)) prof_memory_queue(tag, bytes, 1);
    else prof_memory_freed_at(prof_block_site(tag), bytes);
}

static inline void prof_memory_freed(const void *block) {
    size_t bytes;
    uint32_t tag = prof_pagemap_take(block, &bytes);
    if (PROF_LIKELY(tag)) prof_memory_released(tag, bytes);
    else prof_memory_totals->unknown_frees++;
}

/* Notes the process's memory now, if it is time; call it now and then. `at_once`: in any case. */
void prof_memory_moment(int at_once);

/* Writes the live blocks of a type. 0, or ENOSPC. */
int prof_memory_type(const char *name, uint64_t count, uint64_t bytes);

#pragma GCC visibility pop
#endif
