#include "waits.h"

#include "arena.h"

/* Of all kinds together: 26 MB. A program that gives each of its tasks a name must not fill the disk. */
#define MOST_RECORDS 16384

static prof_appender latencies, waits, activities;
static uint32_t records;

void prof_waits_reset(void) {
    latencies = waits = activities = (prof_appender){0};
    records = 0;
}

static void *append(prof_appender *room, uint32_t type, uint32_t bytes) {
    void *record = records < MOST_RECORDS ? prof_arena_append(room, type, bytes, 0, bytes) : NULL;
    if (record) records++;
    else prof_count(PROF_DROP_WAITS_LOST, 1);
    return record;
}

prof_latency *prof_latency_new(prof_ref label) {
    prof_latency *l = append(&latencies, PROF_CHUNK_LATENCIES, sizeof *l);
    if (!l) return NULL;
    l->label = label;
    l->calls.min = UINT64_MAX;
    prof_arena_publish(&latencies, sizeof *l);
    return l;
}

prof_wait *prof_wait_new(prof_ref line, prof_ref what, prof_ref task, prof_ref context) {
    prof_wait *w = append(&waits, PROF_CHUNK_WAITS, sizeof *w);
    if (!w) return NULL;
    w->line = line;
    w->what = what;
    w->task = task;
    w->context = context;
    w->waits.min = UINT64_MAX;
    prof_arena_publish(&waits, sizeof *w);
    return w;
}

prof_activity *prof_activity_new(uint32_t kind, prof_ref task, prof_ref context) {
    prof_activity *a = append(&activities, PROF_CHUNK_ACTIVITIES, sizeof *a);
    if (!a) return NULL;
    a->kind = kind;
    a->task = task;
    a->context = context;
    a->runs.min = UINT64_MAX;
    prof_arena_publish(&activities, sizeof *a);
    return a;
}
