/* Suspended generators: what a generator's span must have back when it resumes, keyed by its interpreter frame.
 * The GIL protects the table: only the CPython half uses it. */
#ifndef PROF_SUSPENDED_H
#define PROF_SUSPENDED_H
#include <stddef.h>
#include <stdint.h>

#include "format.h"

/* A section that was open when its generator was suspended. */
typedef struct {
    prof_label *label; /* Borrowed */
    uint64_t prior;    /* active ticks so far */
} prof_saved_section;

typedef struct {
    void *owner;                  /* the interpreter frame; compared, never dereferenced; NULL: a free slot */
    uint64_t since;               /* ticks of the suspension */
    uint64_t prior;               /* active ticks of the call so far */
    uint64_t begun;               /* ticks of the call; PROF_NO_TICKS (stack.h) where that was not recorded */
    prof_wait *wait;              /* Borrowed from the arena: where the wait is counted; NULL when it is none */
    prof_saved_section *sections; /* Owned: those open in it, outermost first; or NULL */
    uint32_t section_count;
} prof_suspended;

/* The generators suspended last, innermost first: they resume in the opposite order, whether it is one in a loop or a chain
 * of awaits, so that the top is nearly always the one wanted. The table holds the others. */
#define PROF_RECENT 16

#pragma GCC visibility push(hidden)
extern prof_suspended prof_recent[PROF_RECENT];
extern uint32_t prof_recent_count;
extern size_t prof_suspended_used; /* in the table */

/* Moves the older half of the recent ones to the table. */
void prof_suspended_spill(void);
const prof_suspended *prof_suspended_search(void *owner);
#pragma GCC visibility pop

/* A place for a suspension, which the caller fills; its sections become the table's. */
static inline prof_suspended *prof_suspended_put(void) {
    if (__builtin_expect(prof_recent_count == PROF_RECENT, 0)) prof_suspended_spill();
    return &prof_recent[prof_recent_count++];
}

/* Takes out the entry of `owner`, whose sections become the caller's; NULL if there is none. What is returned is good until
 * the next call of a function of this file. */
static inline const prof_suspended *prof_suspended_take(void *owner) {
    uint32_t top = prof_recent_count - 1;
    if (__builtin_expect(top < PROF_RECENT && prof_recent[top].owner == owner, 1)) {
        prof_recent_count = top;
        return &prof_recent[top];
    }
    return prof_suspended_search(owner);
}

/* Whether anything is remembered. */
static inline int prof_suspended_any(void) { return prof_recent_count || prof_suspended_used; }

/* Calls `translate` on each remembered label. */
void prof_suspended_translate(prof_label *(*translate)(prof_label *));

/* The recording ends at `now`: waits that have not ended are counted up to there. */
void prof_suspended_end(uint64_t now);

/* Forgets everything. */
void prof_suspended_clear(void);

#endif
