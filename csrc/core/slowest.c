#include "slowest.h"

#include <pthread.h>

void (*prof_slow_describe)(const prof_label *label, prof_ref *task, prof_ref *arguments);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static prof_appender room;

void (*prof_slow_tell)(const prof_label *label);

static uint64_t long_ticks = UINT64_MAX; /* of longer calls is told */

uint64_t prof_slow_above(uint64_t ticks) { return ticks < long_ticks ? ticks : long_ticks; }

void prof_slowest_reset(void) {
    long_ticks = prof_limits.long_ns ? prof_session_ticks(prof_limits.long_ns) : UINT64_MAX;
    pthread_mutex_init(&lock, NULL); /* after fork() another thread may have held it */
    room = (prof_appender){0};
}

/* The label's records; NULL without room, and then it is not asked again. With the lock. */
static prof_slow *records_of(prof_label *label, uint32_t count) {
    if (label->private_slow) return prof_arena_at((prof_ref)label->private_slow);
    uint64_t bytes = count * sizeof(prof_slow);
    prof_slow *records = prof_arena_append(&room, PROF_CHUNK_SLOWEST, sizeof *records, 0, bytes);
    if (!records) {
        label->private_slow_above = prof_slow_above(UINT64_MAX);
        return NULL;
    }
    prof_arena_publish(&room, bytes);
    label->private_slow = prof_arena_ref(records);
    return records;
}

/* Puts the call in the place of the shortest one; from what length on the next one has a place. */
static uint64_t put(prof_slow *records, uint32_t count, const prof_slow *call) {
    prof_slow *shortest = records;
    for (uint32_t i = 1; i < count; i++)
        if (records[i].ticks < shortest->ticks) shortest = &records[i];
    if (call->ticks <= shortest->ticks) return shortest->ticks;
    shortest->label = 0; /* for readers of a capture that is being written */
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    *shortest = *call;
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i < count; i++)
        if (records[i].ticks < least) least = records[i].ticks;
    return least;
}

/* Keeps the call, if it is one of the slowest. */
static void keep(prof_thread *t, prof_label *label, const prof_node *node, uint64_t start, uint64_t ticks) {
    uint32_t count = prof_limits.slowest;
    prof_slow call = {.label = prof_arena_ref(label),
                      .node = prof_arena_ref(node),
                      .thread = prof_arena_ref(t->record),
                      .start = start,
                      .ticks = ticks};
    if (prof_slow_describe) prof_slow_describe(label, &call.task, &call.arguments);
    if (!prof_recording()) return; /* what that ran has ended it */
    pthread_mutex_lock(&lock);
    prof_slow *records = records_of(label, count);
    if (records) label->private_slow_above = prof_slow_above(put(records, count, &call));
    pthread_mutex_unlock(&lock);
}

void prof_slow_note(prof_thread *t, prof_label *label, const prof_node *node, uint64_t start, uint64_t ticks) {
    int one_by_one = label->kind == PROF_FUNCTION || label->kind == PROF_SECTION || label->kind == PROF_NATIVE;
    if (t->epoch != prof_epoch || !one_by_one) {
        label->private_slow_above = UINT64_MAX;
        return;
    }
    if (prof_limits.slowest) keep(t, label, node, start, ticks);
    else label->private_slow_above = prof_slow_above(UINT64_MAX);
    if (ticks > long_ticks && prof_slow_tell && prof_recording()) prof_slow_tell(label);
}
