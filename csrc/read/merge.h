/* Several captures as one: what the files of the merge share. Nobody else includes this.
 *
 * A merger holds tables of what captures mean: each text, each label, each calling context once. Captures are added one
 * after the other, and let go of. In the end the tables are laid out as a capture in memory (format.h), which is read as
 * any other: so there is one reader, and what it shows of many captures is what it would show of one.
 *
 * While captures are added, rows name each other by index, from 1 where 0 is none. `finish` makes references of them. */
#ifndef PROF_READ_MERGE_H
#define PROF_READ_MERGE_H
#include "private.h"

/* Rows of one type, which grow. Owned by the merger. */
typedef struct {
    unsigned char *rows;
    uint32_t count, room;
} merge_rows;

/* Where rows are, by their hash. */
typedef struct {
    struct {
        uint32_t hash, row; /* row 0: empty; rows count from 1 here */
    } *slots;
    uint32_t mask, used;
} merge_table;

/* Bytes that grow; `used` is a multiple of 8. */
typedef struct {
    unsigned char *data;
    uint64_t used, room;
} merge_bytes;

typedef struct {
    uint32_t kind, line, flags;
    uint32_t name, module, file; /* texts */
    uint64_t min_ns, max_ns;     /* of completed calls; UINT64_MAX and 0 while there is none */
    uint32_t histogram;          /* index of its first bin in `bins`, from 1; 0 for lines and frames */
    prof_ref ref;                /* in the image */
} merge_label;

/* What samples found in a context. */
typedef struct {
    prof_sampled sampled; /* without label and parent */
    prof_usage usage;     /* without its place */
} merge_samples;

/* A frame of whole stacks. */
typedef struct {
    uint32_t label, line;
    uint32_t caller; /* row of its caller, from 1; 0 none */
} merge_frame;

/* Of what samples found in a context, what they found with one whole stack. */
typedef struct {
    uint32_t node, frame; /* frame: the innermost one */
    prof_sampled sampled; /* without label, parent and stack */
} merge_stack;

typedef struct {
    uint32_t name;
    int64_t start_ns; /* since 1970 */
    uint64_t alive_ns, cpu_ns, native_id;
} merge_thread;

typedef struct {
    uint32_t name;
    uint64_t count, bytes;
} merge_type;

typedef struct {
    uint32_t file, differs; /* differs: captures met different texts under that name */
    uint64_t size, hash;
} merge_source;

typedef struct {
    uint64_t at; /* offset in `code_bytes` */
    uint32_t size;
    prof_ref ref; /* in the image */
} merge_code;

typedef struct {
    uint32_t node, code;      /* indexes of rows */
    uint32_t counters, first; /* how many, and the first one in `counters` */
    uint32_t next;            /* of the same node, from 1 */
    uint32_t events;          /* the first one, from 1 */
    uint64_t entries;
} merge_counts;

typedef struct {
    uint32_t counts, next; /* next from 1 */
    uint32_t what, unit;
    uint64_t count;
} merge_event;

typedef struct {
    uint32_t code, lies, left, right;
    uint64_t count;
} merge_operands;

struct prof_merger {
    uint64_t least_ns;  /* the smallest of the captures': what one of them wants to see is there */
    merge_rows metrics; /* prof_metric, `node` being an index and `name` a text */
    merge_table by_metric;
    uint32_t parts;        /* captures added */
    uint32_t modes, flags; /* of all of them */
    uint64_t full;
    uint32_t clock;
    double latency_scale;    /* ns a tick of all histograms; 0 before the first capture */
    double probe_ps, probes; /* what probes took together, and how many there were */
    uint64_t drops[PROF_DROP_SLOTS];

    merge_bytes texts; /* prof_string after prof_string; a text's index is its offset / 8 + 1 */
    merge_table by_text;
    merge_rows labels; /* merge_label */
    merge_table by_label;
    merge_rows bins;  /* histograms, PROF_HISTOGRAM_BINS of uint64_t each */
    merge_rows nodes; /* prof_node, `label` and `parent` being indexes; row 0 is the root */
    merge_table by_context;
    merge_rows samples; /* merge_samples; a node has its own as private_child, from 1 */
    merge_rows frames, stacks;
    merge_table by_frame, by_stack;
    merge_rows threads, types, sources;
    merge_rows timed[PROF_READER_RECORD_KINDS], slow; /* rows of merge_waits.c */
    merge_table by_timed[PROF_READER_RECORD_KINDS], by_slow;
    merge_table by_type, by_file;
    merge_rows codes, counts, counters, events, operands;
    merge_bytes code_bytes;
    merge_table by_code, by_counts, by_event, by_operands;

    prof_memory memory;
    uint32_t memory_parts, detail_parts, peak_part;
    prof_sampling sampler; /* why and why_counters are texts */
    uint32_t sampler_parts;
    int64_t peak_unix_ns;
};

#define MERGE_NONE UINT32_MAX

/* A new row, zeroed; NULL when out of memory. Valid until the next one is added. */
void *prof_merge_row(merge_rows *rows, size_t size);
/* Room for `size` more bytes, zeroed and rounded up to 8; NULL when out of memory. Valid until the next call. */
unsigned char *prof_merge_room(merge_bytes *bytes, uint64_t size);

/* Whether the row of that index is the one that is looked for. */
typedef int merge_same(const prof_merger *merger, uint32_t row, const void *key);

uint32_t prof_merge_find(const prof_merger *merger, const merge_table *table, uint64_t hash, merge_same *same, const void *key);
int prof_merge_put(merge_table *table, uint64_t hash, uint32_t row); /* 0, or -1 when out of memory */
/* The row that is found, or a new one, zeroed, that is found from now on: `*is_new` tells. MERGE_NONE when out of memory. */
uint32_t prof_merge_row_of(prof_merger *merger, merge_table *table, merge_rows *rows, size_t size, uint64_t hash, merge_same *same,
                           const void *key, int *is_new);

/* The index of a text of a capture, or of a text, made if it is new; MERGE_NONE when out of memory. 0 is the empty one. */
uint32_t prof_merge_text(prof_merger *merger, prof_reader_text text);

/* The row of a label that means this, made if there is none; MERGE_NONE when out of memory. */
uint32_t prof_merge_label_of(prof_merger *merger, const merge_label *meaning);
/* The row of a context, likewise. */
uint32_t prof_merge_child_of(prof_merger *merger, uint32_t parent, uint32_t label);
/* What samples found in a node, made at first sight; NULL when out of memory. Valid until the next one is made. */
merge_samples *prof_merge_samples_of(prof_merger *merger, uint32_t node);

static inline merge_label *prof_merge_label(const prof_merger *merger, uint32_t row) {
    return (merge_label *)merger->labels.rows + row;
}

static inline prof_node *prof_merge_node(const prof_merger *merger, uint32_t row) { return (prof_node *)merger->nodes.rows + row; }

/* Whether labels of that kind are of lines or frames, which are never spans. */
static inline int prof_merge_is_place(uint32_t kind) { return kind == PROF_LINE || kind == PROF_FRAME; }

static inline uint64_t prof_merge_hash(uint64_t hash, uint64_t value) {
    hash = (hash ^ value) * 0x9E3779B97F4A7C15u;
    return hash ^ hash >> 32;
}

static inline uint64_t prof_merge_hash_bytes(uint64_t hash, const void *bytes, uint64_t size) {
    const unsigned char *at = bytes;
    for (; size >= 8; size -= 8, at += 8) {
        uint64_t word;
        __builtin_memcpy(&word, at, 8);
        hash = prof_merge_hash(hash, word);
    }
    uint64_t last = size;
    for (; size > 0; size--) last = last << 8 | *at++;
    return prof_merge_hash(hash, last);
}

/* Sums of damaged files stop at the largest number. */
static inline void prof_merge_add(uint64_t *sum, uint64_t value) {
    if (__builtin_add_overflow(*sum, value, sum)) *sum = UINT64_MAX;
}

/* Adds a histogram to another, of whose ticks one of its own is `scale`. */
void prof_merge_histogram(uint64_t *to, const uint64_t *from, double scale);

/* ---- durations and slow calls: merge_waits.c ---- */

/* Adds those of a capture, before its threads are added; unless `all` of
 * its threads are, slow calls alone, as far as they are in the tree. 0, or -1 when out of memory. */
int prof_merge_add_waits(prof_merger *merger, const prof_reader *reader, const prof_reader_tree *tree, const uint32_t *nodes,
                         const uint32_t *labels, int all);
/* Lays out the records of a kind; `texts` is the ref of the first text. Labels have their refs already. */
void prof_merge_put_timed(prof_merger *merger, int kind, unsigned char *data, prof_ref texts);
/* The node's row of a slow call, and its record; `threads` is the ref of the first thread. */
uint32_t prof_merge_slow_node(const prof_merger *merger, uint32_t row);
void prof_merge_put_slow(prof_merger *merger, uint32_t row, prof_slow *to, prof_ref node, prof_ref threads, prof_ref texts,
                         uint64_t start_unix_ns);

/* ---- operations: merge_ops.c ---- */

/* Code that counted in a context, set down while the operations are checked, and added when all are known to be good. */
typedef struct {
    uint32_t place, code; /* index of the tree's node, and of the code in the file */
    uint32_t first_event, event_count;
    const prof_counts *counts; /* Borrowed from the reader; NULL without counters */
    uint64_t entries;
    int exact;
} merge_context;

typedef struct {
    merge_rows contexts;
    merge_rows events;              /* prof_flow_event, of all contexts; calls that were running leave where they stood */
    prof_reader_operations *solved; /* Owned; NULL without operations */
    uint64_t total;                 /* operations in all contexts but the root */
} merge_operations;

/* Checks and sets down the operations of a capture. 0, or -1 with a line in `error`. */
int prof_merge_read_operations(const prof_reader *reader, prof_reader_tree *tree, merge_operations *found, char *error,
                               size_t size);
/* Adds them; `nodes` are the merger's by place in the tree, `labels` those by label of the capture. 0, or -1 when out of
 * memory. */
int prof_merge_add_operations(prof_merger *merger, const prof_reader *reader, const merge_operations *found, const uint32_t *nodes,
                              const uint32_t *labels);

#endif
