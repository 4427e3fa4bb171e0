/* Samples whose stacks the caller gives. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/table.h"
#include "core/labels.h"
#include "core/session.h"
#include "recorder.h"

#define ENOUGH_FRAMES 4096

typedef struct {
    prof_ref parent, label;
    prof_ref record; /* 0: a free slot */
} slot;

/* Where a thread's records go: a chunk of them is of one thread. */
typedef struct {
    prof_ref thread;
    prof_appender room;
} thread_room;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    uint64_t epoch;     /* of the recording that all this is of */
    prof_table table;   /* of slot: records by parent and label */
    thread_room *rooms; /* Owned */
    size_t room_count;
} kept;

static uint64_t hash_of(const void *p) {
    const slot *s = p;
    return (((uint64_t)s->parent << 32 | s->label) * 0x9e3779b97f4a7c15u) >> 24;
}

static prof_appender *room_of(prof_ref thread) {
    for (size_t i = 0; i < kept.room_count; i++)
        if (kept.rooms[i].thread == thread) return &kept.rooms[i].room;
    thread_room *more = realloc(kept.rooms, (kept.room_count + 1) * sizeof *more);
    if (!more) return NULL;
    kept.rooms = more;
    more[kept.room_count] = (thread_room){.thread = thread, .room = {.grow = 4096}};
    return &more[kept.room_count++].room;
}

/* The record of `label` below `parent`, made at first use; 0 without room. */
static prof_ref place(prof_ref thread, prof_ref parent, prof_ref label) {
    if (prof_table_reserve(&kept.table, sizeof(slot), 256, hash_of)) return 0;
    slot *slots = kept.table.slots, wanted = {.parent = parent, .label = label};
    size_t k = hash_of(&wanted) & kept.table.mask;
    for (; slots[k].record; k = (k + 1) & kept.table.mask)
        if (slots[k].parent == parent && slots[k].label == label) return slots[k].record;
    prof_appender *room = room_of(thread);
    prof_sampled *r = room ? prof_arena_append(room, PROF_CHUNK_SAMPLED, sizeof *r, thread, sizeof *r) : NULL;
    if (!r) return 0;
    r->label = label;
    r->parent = parent;
    prof_arena_publish(room, sizeof *r);
    wanted.record = prof_arena_ref(r);
    slots[k] = wanted;
    kept.table.used++;
    return wanted.record;
}

/* What reports ask of samples as a whole; where a sampler runs it has said it. 0, or -1 without room. */
static int describe(void) {
    if (__atomic_load_n(&prof_arena_header()->modes, __ATOMIC_RELAXED) & PROF_MODE_SAMPLES) return 0;
    prof_appender room = {.grow = sizeof(prof_chunk) + sizeof(prof_sampling)};
    prof_sampling *totals = prof_arena_append(&room, PROF_CHUNK_SAMPLER, sizeof *totals, 0, sizeof *totals);
    if (!totals) return -1;
    totals->flags = PROF_SAMPLER_FRAMES;
    totals->interval_ns = prof_recorder_interval();
    totals->why_counters = prof_string_ref("the program took its samples itself");
    prof_arena_publish(&room, sizeof *totals);
    __atomic_fetch_or(&prof_arena_header()->modes, PROF_MODE_SAMPLES, __ATOMIC_RELAXED);
    return 0;
}

/* Ready for the running recording: 0, or -1 without room. */
static int begin(void) {
    if (kept.epoch == prof_epoch) return 0;
    prof_table_free(&kept.table);
    free(kept.rooms);
    memset(&kept, 0, sizeof kept);
    if (describe()) return -1;
    kept.epoch = prof_epoch;
    return 0;
}

static int add(prof_thread *t, const prof_ref *labels, size_t count, uint64_t wall_ns, uint64_t cpu_ns) {
    prof_ref thread = prof_arena_ref(t->record), at = prof_arena_ref(t->top->node);
    for (size_t i = 0; i < count && at; i++) at = place(thread, at, labels[i]);
    at = at ? place(thread, at, 0) : 0;
    if (!at) return -1;
    prof_sampled *r = prof_arena_at(at);
    r->samples++;
    r->cpu_samples += cpu_ns && cpu_ns * 2 >= wall_ns;
    r->wall_ns += wall_ns;
    r->cpu_ns += cpu_ns;
    r->square_us2 += (wall_ns / 1000) * (wall_ns / 1000);
    return 0;
}

/* Labels of all frames, the outermost first: 0, or a result. */
static int resolve(prof_site *const *frames, size_t count, prof_ref *labels) {
    int why = PROF_INVALID;
    for (size_t i = 0; i < count; i++) {
        prof_label *label = frames[i] ? prof_recorder_label(frames[i], PROF_RECORDER_FRAME, &why) : NULL;
        if (!label) return frames[i] ? why : PROF_INVALID;
        labels[i] = prof_arena_ref(label);
    }
    return PROF_OK;
}

static int sample(prof_thread *t, prof_site *const *frames, size_t count, uint64_t wall_ns, uint64_t cpu_ns) {
    prof_ref few[64], *labels = few;
    if (!prof_recorder_has(PROF_MODE_SAMPLES)) return PROF_OFF;
    if (count > 64 && !(labels = malloc(count * sizeof *labels))) return PROF_NO_ROOM;
    int result = resolve(frames, count, labels);
    if (result == PROF_OK) {
        pthread_mutex_lock(&lock);
        if (begin() || add(t, labels, count, wall_ns, cpu_ns)) result = PROF_NO_ROOM;
        pthread_mutex_unlock(&lock);
    }
    if (result == PROF_NO_ROOM) prof_count(PROF_DROP_SAMPLES_LOST, 1);
    if (labels != few) free(labels);
    return result;
}

static void forgotten(void) { pthread_mutex_init(&lock, NULL); } /* another thread may have held it at the fork */

static prof_session_part part = {.forgotten = forgotten};

void prof_recorder_samples_prepare(void) { prof_session_join(&part); }

int prof_recorder_sample(prof_site *const *frames, size_t count, uint64_t wall_ns, uint64_t cpu_ns) {
    if ((count && !frames) || count > ENOUGH_FRAMES) return PROF_INVALID;
    prof_thread *t = prof_recorder_in();
    if (!t) return PROF_OFF;
    int result = sample(t, frames, count, wall_ns, cpu_ns);
    prof_recorder_out(t);
    return result;
}
