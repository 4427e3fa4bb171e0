#include "by_events.h"

#include <stdlib.h>
#include <string.h>

/* ---- which counter ---------------------------------------------------------------------------------------------------- */

/* Control leaves a for loop at its target, where END_FOR and POP_ITER stand. From 3.14 on it is these that tell of the branch. */
static void number_loop(prof_counted *c, const prof_instruction *loop, uint32_t counter) {
    const prof_flow *f = &c->flow;
    uint32_t end = loop[1].start + loop->arg; /* the argument counts from the next instruction on */
    for (uint32_t u = end; u < f->units && u <= end + 1; u++) {
        if (f->at[u] == PROF_NONE || prof_flow_branches(&f->instructions[f->at[u]])) return;
        if (c->by_unit[u].jumped == PROF_NONE) c->by_unit[u].jumped = counter;
    }
}

int prof_events_number(prof_counted *c) {
    const prof_flow *f = &c->flow;
    size_t bytes = (f->units + 1) * sizeof *c->by_unit;
    c->by_unit = malloc(bytes);
    if (!c->by_unit) {
        PyErr_NoMemory();
        return -1;
    }
    memset(c->by_unit, 0xff, bytes); /* PROF_NONE */
    for (uint32_t k = 0; k < f->edge_count; k++) {
        const prof_edge *e = &f->edges[k];
        const prof_instruction *i = &f->instructions[e->instruction];
        prof_event_counters *at = &c->by_unit[i->unit];
        if (e->kind == PROF_EDGE_TAKEN) {
            at->jumped = e->counter;
            at->next = e->instruction + 1 < f->count ? i[1].start : PROF_NONE;
            if (i->kind == PROF_FLOW_FOR && at->next != PROF_NONE) number_loop(c, i, e->counter);
        } else if (i->kind == PROF_FLOW_RESUME) {
            at->begun = e->counter;
        } else {
            at->executed = e->counter;
        }
    }
    return 0;
}

/* ---- events ------------------------------------------------------------------------------------------------------------- */

/* The code that an event was of last. */
static struct {
    const PyObject *code;
    prof_counted *counted; /* Borrowed; NULL: none of ours */
} last;

void prof_events_forget(const void *counted) {
    if (last.counted == counted) last.code = NULL;
}

static inline prof_counted *counted_of(PyObject *code) {
    if (PROF_LIKELY(code == last.code)) return last.counted;
    prof_counted *counted = prof_counted_for_events(code);
    if (!counted) return NULL;
    last.code = code;
    last.counted = counted;
    return counted;
}

static inline const prof_event_counters *counters_of(const prof_counted *c, PyObject *offset) {
    size_t unit = (size_t)PyLong_AsLong(offset) / PROF_PY_UNIT_BYTES;
    return unit < c->flow.units ? &c->by_unit[unit] : NULL;
}

static inline void hit(prof_counted *c, uint32_t counter) {
    if (counter == PROF_NONE) return;
    const prof_node *node = prof_current->top->node;
    if (PROF_UNLIKELY(c->node != node)) {
        prof_counts *counts = c->ref ? prof_counts_find(node, c->ref) : NULL;
        uint64_t *counters = counts ? prof_counts_counters(counts) : prof_counters_now(c, node);
        if (counts) {
            c->node = node;
            c->counters = counters;
        }
        if (counters) counters[counter]++;
        return;
    }
    c->counters[counter]++;
}

void prof_event_instruction(PyObject *code, PyObject *offset) {
    prof_counted *c = counted_of(code);
    const prof_event_counters *at = c ? counters_of(c, offset) : NULL;
    if (!at) return;
    c->waits = 0;
    hit(c, at->executed);
}

void prof_event_resume(PyObject *code, PyObject *offset) {
    prof_counted *c = counted_of(code);
    const prof_event_counters *at = c ? counters_of(c, offset) : NULL;
    if (!at) return;
    /* CPython forgets who asked first for the INSTRUCTION events of code. Where a signal may come behind the event for RESUME,
     * it is not told from that. */
    if (c->waits && PROF_QUIRK_START_IS_TOLD_LATE) prof_count(PROF_DROP_EVENTS_TAKEN, 1);
    c->waits = 1;
    hit(c, at->begun);
}

void prof_event_branch(PyObject *code, PyObject *offset, PyObject *destination) {
    prof_counted *c = counted_of(code);
    const prof_event_counters *at = c ? counters_of(c, offset) : NULL;
    if (at && PyLong_AsLong(destination) != (long)at->next * PROF_PY_UNIT_BYTES) hit(c, at->jumped);
}
