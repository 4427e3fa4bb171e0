/* What the files of the reader share. Nobody else includes this. */
#ifndef PROF_READ_PRIVATE_H
#define PROF_READ_PRIVATE_H
#include "format.h"
#include "read.h"

struct prof_reader {
    prof_reader_info info;     /* its tables are owned here: `chunks`, `labels`, `threads` below */
    const unsigned char *data; /* Owned: the file, mapped or read */
    uint64_t size;
    int mapped;
    prof_reader_chunk *chunks;                          /* Owned, in file order */
    prof_reader_label *labels;                          /* Owned, in file order */
    prof_reader_thread *threads;                        /* Owned, in file order */
    prof_reader_type *types;                            /* Owned, in file order */
    prof_reader_moment *moments;                        /* Owned, in file order */
    char *line_names;                                   /* Owned: of lines whose file's name is not the only one */
    prof_reader_process *process;                       /* Owned, in file order */
    prof_reader_source *sources;                        /* Owned, in file order */
    prof_reader_metric *metrics;                        /* Owned, in file order */
    prof_reader_timed *timed[PROF_READER_RECORD_KINDS]; /* Owned, in file order */
    prof_reader_slow *slow;                             /* Owned, in file order */
    unsigned char *is_short; /* Owned, by label: its spans are charged to their callers; NULL: no label's */
    double latency_scale;    /* ns a tick of histograms */
    uint64_t place_first;    /* index of the first label that is a line or frame: they follow the others */
    uint32_t peak_epoch;     /* of the memory totals: sites of this epoch know what they held at the peak */
};

/* What must have been recorded for a column to have figures. */
enum {
    PROF_READER_ALWAYS,
    PROF_READER_TIME,
    PROF_READER_MEMORY,
    PROF_READER_DETAIL,
    PROF_READER_OPS,
    PROF_READER_SAMPLES,
    PROF_READER_COUNTERS
};

/* The columns, a row each: name, what it needs, and its value for a `node` of the file. A new column is a new row. Those of
 * samples have their figures in records of their own (PROF_READER_SAMPLED). */
#define PROF_READER_COLUMNS(ROW)                                          \
    ROW(calls, ALWAYS, node->calls)                                       \
    ROW(resumes, ALWAYS, node->resumes)                                   \
    ROW(items, ALWAYS, node->items)                                       \
    ROW(self_ns, TIME, prof_reader_ticks_ns(node->self, scale))           \
    ROW(suspended_ns, TIME, prof_reader_ticks_ns(node->suspended, scale)) \
    ROW(alloc_count, MEMORY, node->alloc_count)                           \
    ROW(alloc_bytes, MEMORY, node->alloc_bytes)                           \
    ROW(free_count, DETAIL, node->free_count)                             \
    ROW(free_bytes, DETAIL, node->free_bytes)                             \
    ROW(live_bytes, DETAIL, prof_reader_live(reader, node))               \
    ROW(peak_bytes, DETAIL, prof_reader_peak(reader, node))               \
    ROW(ops, OPS, 0) /* solved, in counts.c */                            \
    ROW(samples, SAMPLES, 0)                                              \
    ROW(cpu_samples, SAMPLES, 0)                                          \
    ROW(held_samples, SAMPLES, 0)                                         \
    ROW(wait_samples, SAMPLES, 0)                                         \
    ROW(sampled_ns, SAMPLES, 0)                                           \
    ROW(sampled_cpu_ns, SAMPLES, 0)                                       \
    ROW(sampled_square, SAMPLES, 0)                                       \
    ROW(instructions, COUNTERS, 0)                                        \
    ROW(cycles, COUNTERS, 0)                                              \
    ROW(cache_misses, COUNTERS, 0)                                        \
    ROW(read_bytes, SAMPLES, 0)                                           \
    ROW(written_bytes, SAMPLES, 0)                                        \
    ROW(disk_read_bytes, SAMPLES, 0)                                      \
    ROW(disk_written_bytes, SAMPLES, 0)                                   \
    ROW(switches, SAMPLES, 0)                                             \
    ROW(ready_ns, SAMPLES, 0)

/* Columns of samples, and the field of prof_sampled that each is. */
#define PROF_READER_SAMPLED(ROW)    \
    ROW(samples, samples)           \
    ROW(cpu_samples, cpu_samples)   \
    ROW(held_samples, held_samples) \
    ROW(wait_samples, wait_samples) \
    ROW(sampled_ns, wall_ns)        \
    ROW(sampled_cpu_ns, cpu_ns)     \
    ROW(sampled_square, square_us2)

/* Columns that are fields of prof_usage by the same names. */
/* clang-format off: it takes rows for calls in a row */
#define PROF_READER_USED(ROW) \
    ROW(instructions)         \
    ROW(cycles)               \
    ROW(cache_misses)         \
    ROW(read_bytes)           \
    ROW(written_bytes)        \
    ROW(disk_read_bytes)      \
    ROW(disk_written_bytes)   \
    ROW(switches)             \
    ROW(ready_ns)
/* clang-format on */

#define PROF_READER_INDEX(name, needs, value) PROF_READER_COLUMN_##name,
enum { PROF_READER_COLUMNS(PROF_READER_INDEX) PROF_READER_COLUMN_COUNT };
#undef PROF_READER_INDEX

/* The chunk that a lookup found last: the next one is nearly always in it. */
typedef struct {
    const prof_reader_chunk *chunk;
} prof_reader_cursor;

#define PROF_READER_NOT_FOUND UINT64_MAX

/* The index, over all chunks of `type`, of the record that `ref` points at; PROF_READER_NOT_FOUND when it does not
 * point at the beginning of one. */
uint64_t prof_reader_record(const prof_reader *reader, uint32_t type, prof_ref ref, prof_reader_cursor *cursor);

/* The chunk that holds the byte at `offset`, of any type; NULL when none does. */
const prof_reader_chunk *prof_reader_chunk_at(const prof_reader *reader, uint64_t offset, prof_reader_cursor *cursor);
/* The index of the label at `ref` in reader->labels; PROF_READER_NOT_FOUND when there is none. */
uint64_t prof_reader_label_index(const prof_reader *reader, prof_ref ref, prof_reader_cursor *cursor);

/* Cuts what a damaged file has too much of in a column: its sums fit 63 bits, and no part is more than its whole. */
void prof_reader_bound(const prof_reader_tree *tree, uint64_t *own);

/* The first tick of a histogram's bin, and behind the last one; see format.h. */
static inline double prof_reader_bin_start(unsigned bin) {
    return bin < 4 ? bin : (double)((uint64_t)(4 + bin % 4) << (bin / 4 - 1));
}

/* What one code object counted in one context, as far as reading it needs. All borrowed, during the call. */
typedef struct {
    uint32_t place, code;      /* indexes: of the tree's node, of the code object in the file */
    const prof_counts *counts; /* NULL: without counters of its own there */
    uint64_t entries;          /* calls of this code */
    const prof_flow_event *events;
    uint32_t event_count;
    uint32_t live_count;  /* calls that were running: */
    const uint64_t *live; /* the unit where each stood, in the lower half */
    int exact;            /* no count came out negative */
} prof_reader_context;

/* Called for each context; what it returns, if not 0, ends the work as if memory had run out. */
typedef int prof_reader_visit(void *to, const prof_reader_context *context);

/* prof_reader_operations_new, which tells of each context on the way. */
prof_reader_operations *prof_reader_operations_visit(const prof_reader *reader, prof_reader_tree *tree, uint32_t category,
                                                     uint64_t *own, prof_reader_visit *visit, void *to, char *error, size_t size);

/* prof_reader_tree_new; with `whole`, spans that are too short are in it, too. */
prof_reader_tree *prof_reader_tree_of(const prof_reader *reader, int64_t thread, int whole, char *error, size_t size);

/* A tree of so many nodes, all zeros; NULL when out of memory. */
prof_reader_tree *prof_reader_tree_allocate(const prof_reader *reader, uint32_t count);

/* Lays a tree's nodes out depth first: node i has the parent parents[i], which is less than i, and goes to places[i]. Sets their labels,
 * parents, ends and depths. 0, or -1 when out of memory. */
int prof_reader_lay_out(prof_reader_tree *tree, const uint32_t *parents, const uint32_t *labels, uint32_t *places);

/* Adds what a record of samples has to the columns of a node. */
void prof_reader_add_sampled(prof_reader_tree *tree, const prof_sampled *record, uint32_t place);

/* The frames of whole stacks, by record, and which stack each record of samples has. All owned. */
typedef struct {
    uint32_t count, deepest;
    uint32_t *label;  /* index of the label */
    uint32_t *caller; /* record of the caller, from 1; 0 none */
    uint32_t *line;
    uint32_t *of; /* by record of samples: the record of the innermost frame, from 1; 0 not known */
} prof_reader_stacks;

/* Checks and reads them. 0, or -1 with a line in `error`. */
int prof_reader_stacks_read(const prof_reader *reader, prof_reader_stacks *stacks, char *error, size_t size);
void prof_reader_stacks_close(prof_reader_stacks *stacks);

/* Finds info.meta. */
void prof_reader_read_meta(prof_reader *reader);

/* Fills reader->labels, reader->threads and the other tables from the chunks. Returns 0, or -1 with a line in `error`. */
int prof_reader_read_tables(prof_reader *reader, char *error, size_t size);

/* Fills reader->timed and reader->slow: waits.c. Labels are read already. 0, or -1 with a line in `error`. */
int prof_reader_read_waits(prof_reader *reader, char *error, size_t size);

/* Whether the process wrote to the end of the recording; what is left of one that was killed, or is recorded now, may name what the file
 * has not. */
static inline int prof_reader_closed(const prof_reader *reader) {
    return reader->info.state == PROF_CLOSED && !(reader->info.flags & PROF_FLAG_DUMP);
}

/* The text of a string record; the empty text for ref 0. Returns 0, or -1 when the ref is not a string. */
int prof_reader_read_text(const prof_reader *reader, prof_ref ref, prof_reader_text *text);

/* What `share` of the `total` in a histogram did not exceed, in ticks of the histogram: linear inside the bin it falls in. A tick of
 * the clock, in which `min` and `max` are, is `ratio` of those. */
double prof_reader_percentile(const uint64_t *histogram, uint64_t min, uint64_t max, uint64_t total, double ratio, double share);

/* Nanoseconds from the start of recording to an instant of the capture's clock. */
uint64_t prof_reader_since_start(const prof_reader *reader, uint64_t ticks);

/* Makes the names of lines in files that are called alike longer. 0, or -1 when out of memory. */
int prof_reader_name_lines(prof_reader *reader);

/* The first record of a chunk. Records follow each other every chunk->record_size bytes. */
static inline const unsigned char *prof_reader_records(const prof_reader *reader, const prof_reader_chunk *chunk) {
    return reader->data + chunk->offset + sizeof(prof_chunk);
}

/* Goes through the records of one type, in the order of the file. Begins zeroed. */
typedef struct {
    const prof_reader_chunk *chunk; /* of the record at hand */
    uint64_t index;                 /* of the record at hand, over all chunks of the type */
    uint64_t next_chunk, next;      /* the caller need not look at these */
} prof_reader_walk;

static inline const void *prof_reader_next(const prof_reader *reader, uint32_t type, prof_reader_walk *walk) {
    while (walk->chunk == NULL || walk->next == walk->chunk->records) {
        do {
            if (walk->next_chunk == reader->info.chunk_count) return NULL;
            walk->chunk = &reader->chunks[walk->next_chunk++];
        } while (walk->chunk->type != type);
        walk->next = 0;
    }
    walk->index = walk->chunk->first + walk->next;
    return prof_reader_records(reader, walk->chunk) + walk->next++ * walk->chunk->record_size;
}

/* Ticks to whole nanoseconds, rounded; saturates. */
static inline uint64_t prof_reader_ns(double ticks, double ns_per_tick) {
    double ns = ticks * ns_per_tick + 0.5;
    return ns >= 18446744073709551615.0 ? UINT64_MAX : ns > 0 ? (uint64_t)ns : 0;
}

/* Exact for the clocks that count nanoseconds, whatever the size. */
static inline uint64_t prof_reader_ticks_ns(uint64_t ticks, double ns_per_tick) {
    return ns_per_tick == 1.0 ? ticks : prof_reader_ns((double)ticks, ns_per_tick);
}

/* Bytes of a site that were not freed. A process that still records may have freed between the two reads. */
static inline uint64_t prof_reader_live(const prof_reader *reader, const prof_node *node) {
    uint64_t allocated = node->alloc_bytes, freed = node->free_bytes;
    return reader->info.memory.detail && allocated > freed ? allocated - freed : 0;
}

/* Bytes that a site held when all sites together held most. */
static inline uint64_t prof_reader_peak(const prof_reader *reader, const prof_node *node) {
    if (reader->info.memory.detail && node->peak_epoch == reader->peak_epoch) return node->peak_bytes;
    return prof_reader_live(reader, node);
}

/* How the line begins that the user reads when a capture contradicts itself. */
#define CORRUPT "is corrupt (copy it again from where it was recorded, or record again): "

/* Formats the one line that the user reads; `error` may be NULL. */
void prof_reader_fail(char *error, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
