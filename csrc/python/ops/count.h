/* Counting operations: the objects that stand in code as counters and recorders, and what they count into.
 * All functions need the GIL. */
#ifndef PROF_PYTHON_COUNT_H
#define PROF_PYTHON_COUNT_H
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "modes/ops/counts.h"
#include "core/stack.h"
#include "python/bytecode/flow.h"
#include "python/version/version.h"
#include "python/bytecode/rewrite.h"

struct prof_site;

/* Of a code unit, where events are counted (by_events.h): numbers of counters, PROF_NONE for none. */
typedef struct {
    uint32_t executed; /* the instruction there */
    uint32_t begun;    /* the RESUME there */
    uint32_t jumped;   /* the branch, which was told of there, if it did not go on at `next` */
    uint32_t next;     /* unit; PROF_NONE: what is told of there did jump */
} prof_event_counters;

/* The counting half of a code object: shared by its counters and recorders. */
typedef struct prof_counted {
    PyObject_HEAD
    struct prof_site *site; /* Borrowed from the code; NULL for code that runs in the span of its caller */
    prof_ref ref;           /* its prof_code in this recording; 0 not there yet */
    prof_flow flow;
    PyObject *name, *file, *locals, *names, *locations; /* Owned: str, str, tuple, tuple, bytes */
    int first_line;
    PyObject **probes; /* Owned array: counters, recorders, samplers; the code's, NULL once they are gone */
    uint32_t sampler_count;
    struct prof_plain *plain;     /* Owned: what the code was before; NULL where its site has that */
    PyCodeObject *probed;         /* Borrowed: the code that they stand in; NULL once it is gone */
    prof_event_counters *by_unit; /* Owned: of code in which events are counted, which has no probes; else NULL */
    const prof_node *node;        /* where an event was counted last; compared, never read */
    uint64_t *counters;           /* those there */
    int waits;                    /* a call has begun or goes on, and no instruction was told of since */
    struct prof_counted *next, **link;
} prof_counted;

/* One counter, in its code: ~counter counts, -counter counts and closes the span, or suspends it. A recorder is one, too. */
typedef struct {
    PyObject_HEAD
    prof_counted *counted; /* Owned */
    prof_node *node;       /* where it counted last; compared, never read */
    uint64_t *slot;        /* its counter there */
    uint32_t index;        /* of the counter; of a recorder, its handler */
    uint32_t suspends;     /* stands before a yield, not a return */
} prof_counter;

void prof_counter_hit_slow(prof_counter *c, prof_node *node);

static inline void prof_counter_hit(prof_counter *c) {
    prof_node *node = prof_current->top->node;
    if (PROF_LIKELY(c->node == node)) {
        ++*c->slot;
        return;
    }
    /* Another context than last time: mostly one that this code has counted in before. */
    prof_counts *counts = node->counts ? prof_arena_at(node->counts) : NULL;
    if (PROF_LIKELY(counts && counts->code == c->counted->ref)) {
        c->node = node;
        c->slot = &prof_counts_counters(counts)[c->index];
        ++*c->slot;
    } else {
        prof_counter_hit_slow(c, node);
    }
}

/* The flow of `code` with its counters and recorders; `site` NULL as above. New reference; NULL with an exception set, or
 * without one for code that cannot be counted. */
prof_counted *prof_counted_new(PyCodeObject *code, PyObject *name, struct prof_site *site);

/* The same for `code` as it is, in which events are counted; kept by the code, which has one at a time. */
prof_counted *prof_counted_new_for_events(PyCodeObject *code, PyObject *name, struct prof_site *site);
/* That of the code (Borrowed), or NULL. */
prof_counted *prof_counted_for_events(PyObject *code);

/* The counters of this code for the call that runs now, with `node` on top; NULL where nothing is counted. */
uint64_t *prof_counters_now(prof_counted *counted, const prof_node *node);

/* Gives prof_rewrite what it counts with; the constants before them are `constants`. */
void prof_counted_fill(prof_counted *counted, prof_probe_set *set, uint32_t constants);

/* Lets go of the probes, which `probed` (NULL where it was not made) holds from here on. 0, or -1 with an exception. */
int prof_counted_release(prof_counted *counted, PyObject *probed);

/* The recorder of what code without a span does not handle; the mark of such code, as its last constant. New reference. */
PyObject *prof_recorder_unhandled(prof_counted *counted);

/* Of code whose last constant is a recorder: what it counts in (Borrowed). NULL for others. */
prof_counted *prof_counted_only(PyCodeObject *code);

/* An exception leaves the code, which has recorded `offset` (PROF_QUIRK_OFFSET_IS_TAGGED: NULL). */
void prof_count_unhandled(prof_counted *counted, PyObject *offset);

/* A call of the site's function was entered at `node`, whose calls are not of its code yet. */
void prof_count_entry(struct prof_site *site, prof_node *node);

/* A section begins or ends, by a call that runs in `frame`: PROF_EVENT_LEAVES before that, PROF_EVENT_ENTERS after. What runs
 * at it, code without a span and the call of the section's `owner` (NULL for a loose one), ends behind the instruction
 * that runs in it, and goes on elsewhere. */
void prof_count_move(prof_py_frame *frame, const void *owner, uint32_t what);

/* Writes where the calls that run now stand. */
void prof_count_live(void);

/* A recording has begun, and has nothing of the last one; then, with all named, the calls that run are taken up. */
void prof_count_reset(void);
void prof_count_begin(void);

/* Whether operations are recorded. `exit` is what -counter does, and `await` del counter[awaited]. */
extern int prof_count_ops;
void prof_count_switch(int on, long types, unaryfunc exit, objobjargproc await);

extern PyMethodDef prof_count_methods[];
extern PyTypeObject prof_counted_type, prof_counter_type, prof_recorder_type;
int prof_count_init(void);

#endif
