/* Durations that a capture has beside its labels': latencies, waits, what tasks ran; and the slowest calls. */
#include "private.h"
#include <inttypes.h>
#include <stdlib.h>

typedef struct {
    uint32_t chunk; /* enum prof_chunk_type */
    const char *name;
    size_t durations; /* where they are in the record */
} record_type;

static const record_type types[PROF_READER_RECORD_KINDS] = {
    [PROF_READER_LATENCIES] = {PROF_CHUNK_LATENCIES, "latency", offsetof(prof_latency, calls)},
    [PROF_READER_WAITS] = {PROF_CHUNK_WAITS, "wait", offsetof(prof_wait, waits)},
    [PROF_READER_ACTIVITIES] = {PROF_CHUNK_ACTIVITIES, "activity", offsetof(prof_activity, runs)},
};

/* The index of a label that must be there; UINT32_MAX if it is not. */
static uint32_t label_at(const prof_reader *reader, prof_ref ref, prof_reader_cursor *cursor) {
    uint64_t index = prof_reader_label_index(reader, ref, cursor);
    return index == PROF_READER_NOT_FOUND ? UINT32_MAX : (uint32_t)index;
}

/* Whether all that a record names is there. */
static int read_names(const prof_reader *reader, int kind, const void *record, prof_reader_cursor *cursors, prof_reader_timed *to) {
    const prof_latency *latency = record;
    const prof_wait *wait = record;
    const prof_activity *activity = record;
    prof_ref task = 0, context = 0;
    switch (kind) {
    case PROF_READER_LATENCIES: to->label = label_at(reader, latency->label, &cursors[0]); break;
    case PROF_READER_WAITS:
        to->label = label_at(reader, wait->line, &cursors[0]);
        to->what = label_at(reader, wait->what, &cursors[1]);
        to->more = wait->open;
        task = wait->task, context = wait->context;
        break;
    default:
        to->what = activity->kind;
        to->more = activity->ended;
        task = activity->task, context = activity->context;
    }
    return prof_reader_read_text(reader, task, &to->task) == 0 && prof_reader_read_text(reader, context, &to->context) == 0 &&
           to->label != UINT32_MAX && (kind == PROF_READER_ACTIVITIES || to->what != UINT32_MAX);
}

static int read_kind(prof_reader *reader, int kind, char *error, size_t size) {
    prof_reader_cursor cursors[2] = {{NULL}, {NULL}};
    prof_reader_walk walk = {0};
    for (const unsigned char *record; (record = prof_reader_next(reader, types[kind].chunk, &walk)) != NULL;) {
        prof_reader_timed *to = &reader->timed[kind][walk.index];
        to->data_ = record + types[kind].durations;
        if (!read_names(reader, kind, record, cursors, to)) {
            prof_reader_fail(error, size, CORRUPT "%s %" PRIu64 " names a label or a string that is not there", types[kind].name,
                             walk.index);
            return -1;
        }
    }
    return 0;
}

/* The thread whose record is at `ref`; none for 0. 0, or -1 when it is not there. */
static int read_thread_of(const prof_reader *reader, prof_ref ref, prof_reader_cursor *cursor, prof_reader_slow *to) {
    uint64_t thread = ref == 0 ? 0 : prof_reader_record(reader, PROF_CHUNK_THREADS, ref, cursor);
    to->thread = (prof_reader_text){.text = "", .length = 0};
    to->thread_index = UINT32_MAX;
    if (thread == PROF_READER_NOT_FOUND) return -1;
    if (ref == 0) return 0;
    to->thread = reader->threads[thread].name;
    to->thread_index = (uint32_t)thread;
    return 0;
}

static int read_slow(prof_reader *reader, char *error, size_t size) {
    prof_reader_cursor cursors[3] = {{NULL}, {NULL}, {NULL}};
    prof_reader_walk walk = {0};
    uint64_t count = 0;
    for (const prof_slow *from; (from = prof_reader_next(reader, PROF_CHUNK_SLOWEST, &walk)) != NULL;) {
        if (from->label == 0) continue;
        prof_reader_slow *to = &reader->slow[count++];
        to->node = prof_reader_record(reader, PROF_CHUNK_NODES, from->node, &cursors[0]);
        to->label = label_at(reader, from->label, &cursors[1]);
        to->start_ns = prof_reader_since_start(reader, from->start);
        to->duration_ns = prof_reader_ticks_ns(from->ticks, reader->info.ns_per_tick);
        if (to->node == PROF_READER_NOT_FOUND || to->label == UINT32_MAX ||
            read_thread_of(reader, from->thread, &cursors[2], to) != 0 ||
            prof_reader_read_text(reader, from->task, &to->task) != 0 ||
            prof_reader_read_text(reader, from->arguments, &to->arguments) != 0) {
            prof_reader_fail(error, size, CORRUPT "slow call %" PRIu64 " names a node, label or string that is not there",
                             walk.index);
            return -1;
        }
    }
    reader->info.slow_count = count;
    return 0;
}

int prof_reader_read_waits(prof_reader *reader, char *error, size_t size) {
    uint64_t slow = 0;
    for (uint64_t c = 0; c < reader->info.chunk_count; c++)
        if (reader->chunks[c].type == PROF_CHUNK_SLOWEST) slow += reader->chunks[c].records;
    reader->slow = calloc(slow + 1, sizeof *reader->slow);
    int missing = reader->slow == NULL;
    for (int k = 0; k < PROF_READER_RECORD_KINDS; k++) {
        reader->timed[k] = calloc(reader->info.timed_count[k] + 1, sizeof *reader->timed[k]);
        missing |= reader->timed[k] == NULL;
    }
    if (missing) {
        prof_reader_fail(error, size, "does not fit into memory");
        return -1;
    }
    for (int k = 0; k < PROF_READER_RECORD_KINDS; k++)
        if (read_kind(reader, k, error, size) != 0) return -1;
    return read_slow(reader, error, size);
}

/* ---- sums ---- */

/* Sums of damaged files stop at the largest number. */
static void add(uint64_t *sum, uint64_t value) {
    if (__builtin_add_overflow(*sum, value, sum)) *sum = UINT64_MAX;
}

static void join(prof_durations *to, const prof_durations *from) {
    if (from->count == 0) return;
    add(&to->count, from->count);
    add(&to->ticks, from->ticks);
    if (from->min < to->min) to->min = from->min;
    if (from->max > to->max) to->max = from->max;
    for (int bin = 0; bin < PROF_HISTOGRAM_BINS; bin++) add(&to->histogram[bin], from->histogram[bin]);
}

static prof_reader_durations summed(const prof_reader *reader, const prof_durations *d) {
    prof_reader_durations sum = {.count = d->count};
    double scale = reader->info.ns_per_tick, latency = reader->latency_scale, ratio = scale / latency;
    uint64_t total = 0;
    for (int bin = 0; bin < PROF_HISTOGRAM_BINS; bin++) add(&total, d->histogram[bin]);
    if (d->count == 0 || total == 0 || d->min > d->max) return (prof_reader_durations){.count = 0};
    sum.total_ns = prof_reader_ticks_ns(d->ticks, scale);
    sum.min_ns = prof_reader_ticks_ns(d->min, scale);
    sum.max_ns = prof_reader_ticks_ns(d->max, scale);
#define PERCENTILE(share) prof_reader_ns(prof_reader_percentile(d->histogram, d->min, d->max, total, ratio, share), latency)
    sum.p50_ns = PERCENTILE(0.50);
    sum.p90_ns = PERCENTILE(0.90);
    sum.p99_ns = PERCENTILE(0.99);
#undef PERCENTILE
    return sum;
}

int prof_reader_durations_by(const prof_reader *reader, uint32_t kind, const uint32_t *group, uint32_t groups,
                             prof_reader_durations *sums) {
    prof_durations *found = calloc((size_t)groups + 1, sizeof *found);
    if (found == NULL || kind >= PROF_READER_RECORD_KINDS) {
        free(found);
        return -1;
    }
    for (uint32_t g = 0; g < groups; g++) found[g].min = UINT64_MAX;
    for (uint64_t i = 0; i < reader->info.timed_count[kind]; i++)
        if (group[i] < groups) join(&found[group[i]], reader->timed[kind][i].data_);
    for (uint32_t g = 0; g < groups; g++) sums[g] = summed(reader, &found[g]);
    free(found);
    return 0;
}
