/* Merges durations (latencies, waits, what tasks ran) and the slowest calls: adds them up, and lays them out. */
#include "merge.h"
#include <string.h>

#define MOST_SLOW 32 /* calls of a label that are kept */

/* A row of durations. Ticks are nanoseconds; the histogram is in ticks of the merger's histograms. */
typedef struct {
    uint32_t label, what, task, context; /* rows of labels and texts; `what` of an activity is its kind */
    uint64_t more;
    prof_durations durations;
} merge_timed;

typedef struct {
    uint32_t label, rank; /* a label's are numbered */
    uint32_t node, thread, task, arguments;
    int64_t start_ns; /* since 1970 */
    uint64_t duration_ns;
} merge_slow;

static int same_timed(const merge_rows *rows, uint32_t row, const void *key) {
    return memcmp((const merge_timed *)rows->rows + row, key, offsetof(merge_timed, more)) == 0;
}
static int same_latency(const prof_merger *m, uint32_t row, const void *key) {
    return same_timed(&m->timed[PROF_READER_LATENCIES], row, key);
}
static int same_wait(const prof_merger *m, uint32_t row, const void *key) {
    return same_timed(&m->timed[PROF_READER_WAITS], row, key);
}
static int same_activity(const prof_merger *m, uint32_t row, const void *key) {
    return same_timed(&m->timed[PROF_READER_ACTIVITIES], row, key);
}
static merge_same *const same[PROF_READER_RECORD_KINDS] = {same_latency, same_wait, same_activity};

static void add_durations(prof_merger *m, const prof_reader *reader, prof_durations *to, const prof_durations *from) {
    double scale = reader->info.ns_per_tick;
    uint64_t min = prof_reader_ticks_ns(from->min, scale), max = prof_reader_ticks_ns(from->max, scale);
    if (from->count == 0 || from->min > from->max) return;
    prof_merge_add(&to->count, from->count);
    prof_merge_add(&to->ticks, prof_reader_ticks_ns(from->ticks, scale));
    if (min < to->min) to->min = min;
    if (max > to->max) to->max = max;
    prof_merge_histogram(to->histogram, from->histogram, reader->latency_scale / m->latency_scale);
}

static int add_timed(prof_merger *m, const prof_reader *reader, int kind, const uint32_t *labels) {
    for (uint64_t i = 0; i < reader->info.timed_count[kind]; i++) {
        const prof_reader_timed *from = &reader->timed[kind][i];
        merge_timed wanted = {.task = prof_merge_text(m, from->task), .context = prof_merge_text(m, from->context)};
        if (wanted.task == MERGE_NONE || wanted.context == MERGE_NONE) return -1;
        wanted.label = kind == PROF_READER_ACTIVITIES ? 0 : labels[from->label];
        wanted.what = kind == PROF_READER_WAITS ? labels[from->what] : from->what;
        int is_new;
        uint64_t hash = prof_merge_hash_bytes(7 + (uint64_t)kind, &wanted, offsetof(merge_timed, more));
        uint32_t row = prof_merge_row_of(m, &m->by_timed[kind], &m->timed[kind], sizeof wanted, hash, same[kind], &wanted, &is_new);
        if (row == MERGE_NONE) return -1;
        merge_timed *to = (merge_timed *)m->timed[kind].rows + row;
        if (is_new) {
            *to = wanted;
            to->durations.min = UINT64_MAX;
        }
        prof_merge_add(&to->more, from->more);
        add_durations(m, reader, &to->durations, from->data_);
    }
    return 0;
}

static int same_slow(const prof_merger *m, uint32_t row, const void *key) {
    return memcmp((const merge_slow *)m->slow.rows + row, key, offsetof(merge_slow, node)) == 0;
}

/* The row for one more call of the label: a new one, or that of the shortest one, if it is shorter. MERGE_NONE: none; -1 in `failed`
 * when out of memory. */
static uint32_t room_for(prof_merger *m, uint32_t label, uint64_t duration_ns, int *failed) {
    uint32_t shortest = MERGE_NONE;
    for (uint32_t rank = 0; rank < MOST_SLOW; rank++) {
        merge_slow wanted = {.label = label, .rank = rank};
        int is_new;
        uint64_t hash = prof_merge_hash(11, (uint64_t)label << 32 | rank);
        uint32_t row = prof_merge_row_of(m, &m->by_slow, &m->slow, sizeof wanted, hash, same_slow, &wanted, &is_new);
        *failed = row == MERGE_NONE ? -1 : 0;
        merge_slow *rows = (merge_slow *)m->slow.rows;
        if (*failed || is_new) {
            if (!*failed) rows[row] = wanted;
            return row;
        }
        if (shortest == MERGE_NONE || rows[row].duration_ns < rows[shortest].duration_ns) shortest = row;
    }
    return ((merge_slow *)m->slow.rows)[shortest].duration_ns < duration_ns ? shortest : MERGE_NONE;
}

static int add_slow(prof_merger *m, const prof_reader *reader, const prof_reader_tree *tree, const uint32_t *nodes,
                    const uint32_t *labels, int all) {
    for (uint64_t i = 0; i < reader->info.slow_count; i++) {
        const prof_reader_slow *from = &reader->slow[i];
        uint32_t place = tree->place[from->node], task = prof_merge_text(m, from->task);
        uint32_t arguments = prof_merge_text(m, from->arguments);
        int failed = task == MERGE_NONE || arguments == MERGE_NONE ? -1 : 0;
        if (!failed && place == PROF_READER_NO_PLACE) continue;
        uint32_t row = failed ? MERGE_NONE : room_for(m, labels[from->label], from->duration_ns, &failed);
        if (failed) return -1;
        if (row == MERGE_NONE) continue;
        merge_slow *to = (merge_slow *)m->slow.rows + row;
        to->node = nodes[place];
        /* The capture's threads are added behind those that there are. */
        to->thread = from->thread_index == UINT32_MAX ? MERGE_NONE : m->threads.count + (all ? from->thread_index : 0);
        to->task = task;
        to->arguments = arguments;
        to->start_ns = (int64_t)(reader->info.start_unix_ns + from->start_ns);
        to->duration_ns = from->duration_ns;
    }
    return 0;
}

int prof_merge_add_waits(prof_merger *m, const prof_reader *reader, const prof_reader_tree *tree, const uint32_t *nodes,
                         const uint32_t *labels, int all) {
    /* They are of all threads together. */
    for (int kind = 0; all && kind < PROF_READER_RECORD_KINDS; kind++)
        if (add_timed(m, reader, kind, labels) != 0) return -1;
    return add_slow(m, reader, tree, nodes, labels, all);
}

/* ---- laid out ---- */

#define LABEL_REF(row) prof_merge_label(m, row)->ref
#define TEXT_REF(text) ((text) == 0 ? 0 : texts + (text) - 1)

void prof_merge_put_timed(prof_merger *m, int kind, unsigned char *data, prof_ref texts) {
    const merge_timed *from = (const merge_timed *)m->timed[kind].rows;
    for (uint32_t i = 0; i < m->timed[kind].count; i++, from++) {
        if (kind == PROF_READER_LATENCIES)
            ((prof_latency *)data)[i] = (prof_latency){.label = LABEL_REF(from->label), .calls = from->durations};
        else if (kind == PROF_READER_WAITS)
            ((prof_wait *)data)[i] = (prof_wait){.line = LABEL_REF(from->label),
                                                 .what = LABEL_REF(from->what),
                                                 .task = TEXT_REF(from->task),
                                                 .context = TEXT_REF(from->context),
                                                 .open = from->more,
                                                 .waits = from->durations};
        else
            ((prof_activity *)data)[i] = (prof_activity){.task = TEXT_REF(from->task),
                                                         .context = TEXT_REF(from->context),
                                                         .kind = from->what,
                                                         .ended = from->more,
                                                         .runs = from->durations};
    }
}

uint32_t prof_merge_slow_node(const prof_merger *m, uint32_t row) { return ((const merge_slow *)m->slow.rows)[row].node; }

void prof_merge_put_slow(prof_merger *m, uint32_t row, prof_slow *to, prof_ref node, prof_ref threads, prof_ref texts,
                         uint64_t start_unix_ns) {
    const merge_slow *from = (const merge_slow *)m->slow.rows + row;
    *to = (prof_slow){.label = LABEL_REF(from->label),
                      .node = node,
                      .task = TEXT_REF(from->task),
                      .arguments = TEXT_REF(from->arguments),
                      .ticks = from->duration_ns};
    if (from->thread < m->threads.count)
        to->thread = threads + (prof_ref)(from->thread * sizeof(prof_thread_record) / PROF_REF_UNIT);
    if (from->start_ns > (int64_t)start_unix_ns) to->start = (uint64_t)from->start_ns - start_unix_ns;
}
