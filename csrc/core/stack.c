/* The slow paths of the shadow stack, and the spans of C callers. */
#include "stack.h"

#include "busy.h"
#include "labels.h"

uint64_t prof_heartbeat_ticks;

/* Stacks that lie in the file are read there. */
_Static_assert(sizeof(prof_frame) == sizeof(prof_open_span) && offsetof(prof_frame, node) == offsetof(prof_open_span, node) &&
                   offsetof(prof_frame, start) == offsetof(prof_open_span, start),
               "a frame is as files have it");

__thread prof_busy_state prof_busy __attribute__((tls_model("initial-exec")));

void prof_pending_count(prof_thread *t) {
    prof_pending *p = t->pending_end - PROF_PENDING_ROOM;
    for (prof_pending *end = t->pending; p < end; p++) {
        prof_label *label = prof_arena_at(p->label);
        p->label = 0; /* first: a call must not be counted twice if the process dies here */
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        if (p->ticks < label->min) label->min = p->ticks;
        if (p->ticks > label->max) label->max = p->ticks;
        label->histogram[prof_histogram_bin(p->ticks)]++;
    }
    t->pending = t->pending_end - PROF_PENDING_ROOM;
    uint64_t now = prof_now();
    if (now - prof_arena_header()->last.ticks > prof_heartbeat_ticks) prof_arena_header()->last = prof_clock_instant();
}

prof_frame *prof_unwind(prof_thread *t, const prof_label *label, uint64_t now) {
    prof_frame *found = t->top;
    while (found > t->base && found->label != label) found--;
    if (found == t->base) {
        prof_count(PROF_DROP_UNMATCHED_LEAVE, 1);
        return NULL;
    }
    while (t->top > found) {
        prof_count(t->top->label->kind == PROF_SECTION ? PROF_DROP_SECTION_OPEN : PROF_DROP_HEALED, 1);
        ptrdiff_t at = found - t->base; /* the stack may come to lie elsewhere */
        prof_pop_complete(t, t->top, now);
        found = t->base + at;
    }
    return found;
}

/* ---- spans of C callers ----------------------------------------------------------------------------------------- */

void prof_begin(prof_label *label) {
    prof_thread *t = prof_thread_current();
    prof_frame *f = t ? prof_push(t, label) : NULL;
    if (f) f->node->calls++;
}

void prof_end(prof_label *label) {
    uint64_t now = prof_now();
    prof_thread *t = prof_thread_current();
    prof_frame *f = t ? prof_find(t, label, now) : NULL;
    if (f) prof_pop_complete(t, f, now);
}

static prof_label *own_label(void) { return prof_label_get(PROF_PROFILER, "prof", "prof", NULL, 0); }

void prof_own_begin(void) {
    prof_label *own = own_label();
    prof_busy.quiet++;
    if (own) prof_begin(own);
}

void prof_own_end(void) {
    prof_label *own = own_label();
    if (own) prof_end(own);
    prof_busy.quiet--;
}

uint32_t prof_stack_depth(void) {
    prof_thread *t = prof_current;
    return t->epoch == prof_epoch ? (uint32_t)(t->top - t->base) : 0;
}

const char *prof_stack_name(uint32_t index) {
    prof_thread *t = prof_current;
    if (t->epoch != prof_epoch || index > (uint32_t)(t->top - t->base)) return "";
    return prof_string_text(index ? ((prof_label *)t->base[index].label)->name : t->record->name);
}
