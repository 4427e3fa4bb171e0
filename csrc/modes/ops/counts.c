#include "counts.h"

prof_counts *prof_counts_get(prof_thread *t, prof_node *node, prof_ref code, uint32_t counters) {
    prof_counts *c = prof_counts_find(node, code);
    if (c) return c;
    uint64_t bytes = sizeof *c + counters * sizeof(uint64_t);
    c = prof_arena_append(&t->counts, PROF_CHUNK_COUNTS, 1, prof_arena_ref(t->record), bytes);
    if (!c) {
        prof_count(PROF_DROP_LOST_COUNTS, 1);
        return NULL;
    }
    c->code = code;
    c->node = prof_arena_ref(node);
    c->counters = counters;
    c->next = node->counts;
    prof_arena_publish(&t->counts, bytes);
    node->counts = prof_arena_ref(c);
    return c;
}

void prof_counts_event(prof_thread *t, prof_counts *c, uint32_t what, uint32_t unit) {
    prof_flow_event *e;
    for (prof_ref r = c->events; r; r = e->next) {
        e = prof_arena_at(r);
        if (e->unit != unit || e->what != what) continue;
        e->count++;
        return;
    }
    e = prof_arena_append(&t->events, PROF_CHUNK_EVENTS, sizeof *e, prof_arena_ref(t->record), sizeof *e);
    if (!e) {
        prof_count(PROF_DROP_LOST_COUNTS, 1);
        return;
    }
    *e = (prof_flow_event){.next = c->events, .what = what, .unit = unit, .count = 1};
    prof_arena_publish(&t->events, sizeof *e);
    c->events = prof_arena_ref(e);
}
