/* The counters of the operations, in the arena. All functions need the GIL: a thread at rest may be written for, too. */
#ifndef PROF_COUNTS_H
#define PROF_COUNTS_H
#include "core/stack.h"

/* What `code` counted at `node`, or NULL when there is nothing yet. */
static inline prof_counts *prof_counts_find(const prof_node *node, prof_ref code) {
    for (prof_ref r = node->counts; r;) {
        prof_counts *c = prof_arena_at(r);
        if (c->code == code) return c;
        r = c->next;
    }
    return NULL;
}

static inline uint64_t *prof_counts_counters(prof_counts *c) { return (uint64_t *)(c + 1); }

/* The same, made at first use with `counters` counters; `t` is the node's thread. NULL without room (counted). */
prof_counts *prof_counts_get(prof_thread *t, prof_node *node, prof_ref code, uint32_t counters);

/* Counts an event at `unit`: `what` is the number of a handler or PROF_EVENT_*. */
void prof_counts_event(prof_thread *t, prof_counts *c, uint32_t what, uint32_t unit);

#endif
