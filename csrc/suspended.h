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
    void *owner;           /* the interpreter frame; compared, never dereferenced; NULL: a free slot */
    uint64_t since;        /* ticks of the suspension */
    uint64_t prior;        /* active ticks of the call so far */
    prof_saved_section *sections; /* Owned: those open in it, outermost first; or NULL */
    uint32_t section_count;
} prof_suspended;

/* Remembers `entry` (its sections become the table's). 0, or -1 without memory: then nothing was taken. */
int prof_suspended_put(const prof_suspended *entry);

/* Takes the entry of `owner` out into `entry`, whose sections become the caller's. 1 if there was one. */
int prof_suspended_take(void *owner, prof_suspended *entry);

/* Calls `translate` on each remembered label. */
void prof_suspended_translate(prof_label *(*translate)(prof_label *));

/* Forgets everything. */
void prof_suspended_clear(void);

extern size_t prof_suspended_used;

#endif
