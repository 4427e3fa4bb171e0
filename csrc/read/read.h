/* Reading captures: from the mapped file to what reports, pictures and exporters print.
 *
 * A capture is opened once (`prof_reader_open`), which checks its header, its chunks and its labels. The calling-context
 * tree is built from it (`prof_reader_tree_new`), all threads merged or one of them, and everything else is one pass
 * over that tree: sums by label, edges, folded text, the nodes worth showing. A million nodes is a fraction of a
 * second. No function here calls Python, keeps global state or writes to the capture.
 *
 * Files are not trusted: every offset, size, reference and length is checked before it is used, and whatever is wrong
 * becomes one line of text in `error`, without the file's name. A capture that is being written, or whose process was
 * killed, is read as far as it was published.
 *
 * Time is in nanoseconds from here on. A node's ticks are converted one by one, before any summing, so every sum of
 * self times equals the inclusive time it belongs to, to the nanosecond, for one thread and for all.
 *
 * What a node holds are columns, by name: `self_ns`, `alloc_bytes`... A mode adds a row to the table of columns in
 * private.h, and everything here can sum, select and fold it. What a line holds (a leaf of the tree) is the own
 * value of the span above it, too, and of the frame directly above it.
 *
 * Threads: one reader and its trees belong to one thread at a time. The GIL need not be held. */
#ifndef PROF_READ_H
#define PROF_READ_H
#include <stddef.h>
#include <stdint.h>

/* cffi: begin */
#define PROF_READER_NO_LABEL UINT32_MAX
#define PROF_READER_NO_COLUMN UINT32_MAX
#define PROF_READER_NO_GROUP UINT32_MAX
#define PROF_READER_ALL_THREADS (-1)
#define PROF_READER_NO_PLACE UINT32_MAX
#define PROF_READER_CATEGORIES 32 /* room for so many */

/* Text of the capture: borrowed from the reader, not checked to be UTF-8, NUL at text[length]. Never NULL. */
typedef struct {
    const char *text;
    uint32_t length;
} prof_reader_text;

typedef struct {
    uint32_t kind; /* enum prof_label_kind, or a later one */
    uint32_t line;
    uint32_t flags;
    prof_reader_text name;
    prof_reader_text module;
    prof_reader_text file;
    uint64_t completed;              /* calls that ended: what the latencies below are over */
    uint64_t min_ns, max_ns;         /* 0 when completed is 0, like the percentiles */
    uint64_t p50_ns, p90_ns, p99_ns; /* interpolated inside histogram bins, so within about 12 % */
} prof_reader_label;

typedef struct {
    uint64_t native_id;
    prof_reader_text name;
    uint64_t start_ns; /* since the start of recording */
    uint64_t cpu_ns;   /* its processor time while it was recorded; 0 unknown */
    uint64_t alive_ns; /* by the capture's clock; of a running thread, up to the last heartbeat; 0 unknown */
    uint32_t running;
} prof_reader_thread;

typedef struct {
    uint64_t offset; /* of the chunk's head in the file */
    uint64_t size;
    uint64_t used;
    uint64_t records; /* 0 for strings, meta and unknown types */
    uint64_t first;   /* records in chunks of the same type before this one */
    uint32_t type;
    uint32_t record_size;
    uint32_t thread; /* ref of the owner's thread record, 0 when shared */
} prof_reader_chunk;

/* The memory mode's totals. Without `detail` only that it was recorded is known. */
typedef struct {
    uint32_t recorded; /* 0: memory was not recorded, and all of this is 0 */
    uint32_t detail;   /* 1: frees were matched */
    uint64_t live_bytes;
    uint64_t peak_bytes;
    uint64_t peak_ns;         /* since the start of recording */
    uint64_t unknown_frees;   /* of blocks that were there before, or that nobody may track */
    uint64_t arena_bytes;     /* address space that pymalloc has taken since recording began */
    uint64_t class_count[64]; /* allocations of [2^k, 2^(k+1)) bytes; of 0 bytes in class 0 */
    uint64_t small_bytes;     /* live when recording ended, in blocks of the sizes that arenas serve; 0 unknown */
} prof_reader_memory;

/* Live blocks of one type when recording ended. */
typedef struct {
    prof_reader_text name;
    uint64_t count, bytes;
} prof_reader_type;

/* The samples mode's totals. */
typedef struct {
    uint32_t recorded; /* 0: samples were not recorded, and all of this is 0 */
    uint32_t frames;   /* 1: frames below the spans were read, else `why` says why not */
    uint32_t lock;     /* 1: who held the interpreter's lock is known */
    uint32_t waits;    /* 1: who waited for it, too */
    prof_reader_text why;
    uint64_t interval_ns;
    uint64_t ticks, late; /* times that the sampler ran; of these, more than half an interval late */
    uint64_t samples;
    uint64_t idle;     /* of these, of threads that had not run since their last one */
    uint64_t unplaced; /* of these, without a line: the function had returned before its frame was read */
    uint64_t partial; /* of these, without their innermost function or without its callers, which were gone before they were read */
    uint64_t work_ns, cpu_ns;      /* of the sampler itself: at work, and on a processor */
    prof_reader_text why_counters; /* why there are no instructions, cycles and cache misses; empty when there are */
} prof_reader_sampler;

/* The process at one moment. */
typedef struct {
    uint64_t ns; /* since the start of recording */
    uint64_t rss_bytes, arena_bytes, live_bytes;
} prof_reader_moment;

/* What the process had taken at one moment, since it began, without the sampler. */
typedef struct {
    uint64_t ns;                                  /* since the start of recording */
    uint64_t read_bytes, written_bytes;           /* by system calls */
    uint64_t disk_read_bytes, disk_written_bytes; /* of these, that disks were asked for */
    uint64_t waits, preemptions;                  /* voluntary and involuntary context switches */
    uint64_t user_ns, system_ns;
} prof_reader_process;

/* What a source file held when recording met it: prof_source_digest_of in sources.h. */
typedef struct {
    prof_reader_text file;
    uint64_t size, hash;
} prof_reader_source;

/* The values of one metric in one context, as far as one thread said them: as in prof_metric. */
typedef struct {
    uint64_t node;  /* index of the node in the file; PROF_READER_NO_LABEL where it is none of a span */
    uint32_t label; /* of the node's span; PROF_READER_NO_LABEL outside every span */
    uint32_t real;  /* 1: `sum`, `least` and `most` are in `real_...`; else integers, the sum being high * 2^64 + low */
    prof_reader_text name;
    uint64_t count;
    int64_t high;
    uint64_t low;
    int64_t least, most;
    double real_sum, real_least, real_most;
} prof_reader_metric;

/* How long something took, each time. Percentiles are interpolated inside a histogram's bins; all are 0 when `count` is. */
typedef struct {
    uint64_t count, total_ns;
    uint64_t min_ns, max_ns;
    uint64_t p50_ns, p90_ns, p99_ns;
} prof_reader_durations;

/* Records of durations: prof_latency, prof_wait and prof_activity. Several may be of the same. */
enum prof_reader_record_kind { PROF_READER_LATENCIES, PROF_READER_WAITS, PROF_READER_ACTIVITIES, PROF_READER_RECORD_KINDS };

typedef struct {
    uint32_t label; /* of a latency, the span's; of a wait, the line's; index into info.labels */
    uint32_t what;  /* of a wait: what was awaited, a label; of an activity: enum prof_activity_kind */
    prof_reader_text task, context;
    uint64_t more;     /* of a wait: those that had not ended; of an activity: tasks that ended */
    const void *data_; /* a prof_durations in the file */
} prof_reader_timed;

/* One of the longest calls of a label. */
typedef struct {
    uint64_t node; /* index of the node in the file */
    uint32_t label;
    uint32_t thread_index;                    /* into info.threads; UINT32_MAX unknown */
    prof_reader_text thread, task, arguments; /* empty: none */
    uint64_t start_ns;                        /* since the start of recording */
    uint64_t duration_ns;
} prof_reader_slow;

/* A value of a metric, when it was said. */
typedef struct {
    uint64_t time_ns; /* since the start of recording */
    uint32_t label;   /* of the span; PROF_READER_NO_LABEL outside every span */
    uint32_t real;    /* 1: `real_value`; 0: `value` */
    prof_reader_text name;
    int64_t value;
    double real_value;
} prof_reader_point;

/* Spans of a track that the capture has not. */
typedef struct {
    uint64_t start_ns, end_ns; /* all of them are between these, since the start of recording */
    uint64_t count;
    uint32_t overwritten; /* 1: by later ones; 0: there was no room */
    uint32_t reserved;
} prof_reader_missing;

/* The spans of one thread as they went: by start, those that contain others before them. All owned by the events. */
typedef struct {
    uint32_t thread; /* index into info.threads */
    uint32_t deepest;
    uint64_t count;
    uint64_t *start_ns; /* since the start of recording */
    uint64_t *duration_ns;
    uint32_t *label; /* index into info.labels */
    uint32_t *depth; /* how many contain it */
    uint64_t open_count;
    uint64_t *open; /* indexes of those that had not ended, ascending; their duration is up to the end of what is known */
    uint64_t point_count;
    prof_reader_point *points; /* in order of time */
    uint32_t missing_count;
    uint32_t reserved;
    prof_reader_missing missing[2];
} prof_reader_track;

/* All owned. */
typedef struct {
    uint64_t track_count; /* threads, in the order of info.threads, that have a span, a point, or miss some */
    prof_reader_track *tracks;
    uint64_t end_ns; /* of what is known */
} prof_reader_events;

/* What a capture says of itself, and its tables. All borrowed from the reader. */
typedef struct {
    uint32_t version;
    uint32_t state; /* enum prof_state */
    uint32_t clock; /* enum prof_clock_kind */
    uint32_t pid;
    uint64_t modes;
    uint64_t interval_ns;
    uint64_t probe_cost_ps;
    uint64_t start_unix_ns;
    uint64_t duration_ns; /* start to the last heartbeat, by the monotonic clock */
    double ns_per_tick;
    uint32_t calibrated;   /* 0: killed before its clock was first calibrated; times are in ticks */
    uint32_t cut;          /* 1: the last chunk was being added when the process was killed */
    uint64_t end;          /* bytes of header and chunks */
    prof_reader_text meta; /* JSON; empty when the capture has none */
    uint64_t drops[32];
    uint64_t full;          /* errno of the growth that failed; 0 none */
    uint64_t flags;         /* PROF_FLAG_* */
    uint64_t node_count;    /* nodes in the file, before merging */
    uint64_t sampled_count; /* records of samples, likewise */
    uint64_t stack_count;   /* frames of whole stacks, likewise; 0: samples know no more than what is below spans */
    uint64_t chunk_count, label_count, thread_count, type_count, moment_count;
    const prof_reader_chunk *chunks;
    const prof_reader_label *labels;
    const prof_reader_thread *threads;
    const prof_reader_type *types;
    uint64_t process_count;
    const prof_reader_moment *moments;  /* in the order of the file */
    const prof_reader_process *process; /* likewise */
    uint64_t source_count;
    const prof_reader_source *sources;
    uint64_t timed_count[3]; /* by enum prof_reader_record_kind */
    const prof_reader_timed *timed[3];
    uint64_t slow_count;
    const prof_reader_slow *slow; /* in the order of the file; of a label, those that are there are its longest */
    uint64_t metric_count;
    const prof_reader_metric *metrics; /* in the order of the file */
    uint64_t event_bytes;              /* of the chunks that spans as they went are in */
    uint32_t traced;                   /* 1: they were to be kept */
    uint32_t reserved;
    uint64_t least_ns; /* spans of which no call took as long are charged to their callers; 0: none */
    prof_reader_memory memory;
    prof_reader_sampler sampler;
} prof_reader_info;

/* The calling-context tree in depth-first order: a parent stands before its children, and the subtree of i is
 * i … end[i] - 1. Node 0 is the root: no label, parent 0, its self time is what was spent outside every span.
 * Work of the profiler itself is not in it. Arrays have `count` entries and are owned by the tree. */
typedef struct {
    uint32_t count;
    uint32_t label_count;
    uint32_t deepest; /* largest depth */
    uint32_t column_count;
    uint32_t short_count; /* labels whose spans are charged to their callers: see least_ns */
    uint32_t unused;
    uint64_t profiler_ns; /* the profiler's own work, left out */
    uint32_t *label;      /* index into info.labels; PROF_READER_NO_LABEL for the root */
    uint32_t *parent;
    uint32_t *end;
    uint32_t *depth;     /* 0 for the root */
    uint32_t *span;      /* the span that a line or frame belongs to: the nearest ancestor that is none; of others, itself */
    unsigned char *line; /* 1: a line; it has no children. 2: a frame, of a function that was no span; below it only frames and
                            * lines */
    uint64_t **own;      /* by column: the nodes' own values */
    uint32_t *place;     /* by node of the file, then by record of samples: its node here; PROF_READER_NO_PLACE. NULL without
                            * samples, operations, metrics and slow calls */
    uint32_t *at;        /* of whole stacks by line: the line that ran in the node or called, 0 unknown; else NULL */
} prof_reader_tree;

/* One instruction of a code object, and how often it ran in the contexts of a tree. Names are refs of text. */
typedef struct {
    uint32_t code; /* index of its code object */
    uint32_t lies;
    uint32_t line, end_line;     /* 0 unknown */
    uint16_t column, end_column; /* bytes of UTF-8 from 0; 65535 unknown */
    uint32_t name, second;       /* 0 none */
    uint8_t category[2];         /* from 1; 0 none */
    uint8_t access[2];           /* enum prof_access */
    uint8_t flow, op;
    uint16_t unused;
    uint32_t unused_;
    uint64_t count;
    uint64_t taken; /* of a branch or a loop: how often it jumped */
} prof_reader_operation;

typedef struct {
    uint32_t name, file; /* refs of text */
    uint32_t line;
    uint32_t label;                  /* of its span; PROF_READER_NO_LABEL for code that runs in the span of its caller */
    uint32_t first, count;           /* its rows */
    uint32_t first_edge, edge_count; /* of its control flow, in `edges` */
    uint64_t contexts;               /* in which it ran */
    uint64_t inexact;                /* of these, contexts in which a count came out negative */
} prof_reader_code;

/* How often an instruction met operands of these types, in the first of its executions on any thread. */
typedef struct {
    uint32_t row;         /* index of the instruction among all rows */
    uint32_t left, right; /* refs of text; right 0 for a single operand, both 0 for all further kinds */
    uint32_t unused;
    uint64_t count;
} prof_reader_operands;

/* The operations of a tree's contexts. All owned. */
typedef struct {
    uint32_t count, code_count, label_count, operand_count;
    prof_reader_operands *operands;
    prof_reader_operation *rows;
    prof_reader_code *codes;
    uint64_t *edges;    /* how often each edge of the control flow ran, in the order of the file */
    uint64_t *by_label; /* [label][category - 1], of their own */
    uint64_t *inexact;  /* by label: contexts with a negative count */
} prof_reader_operations;

/* What rows of operations are summed by; in code objects, apart. */
enum prof_reader_by {
    PROF_READER_BY_LINE,
    PROF_READER_BY_EXPRESSION,
    PROF_READER_BY_BRANCH, /* loops, too */
    PROF_READER_BY_NAME,   /* a variable or an attribute */
    PROF_READER_BY_CALLEE, /* named as the call site names it */
    PROF_READER_BY_CALL    /* likewise, lines apart */
};

/* A sum of rows. The first six are what it is of; those that do not matter are 0. */
typedef struct {
    uint32_t code;
    uint32_t line, end_line;
    uint16_t column, end_column;
    uint32_t name;  /* ref of text */
    uint32_t kind;  /* of names and callees, the category of the access, 0 of a callee without a name; of a loop 1 */
    uint32_t row;   /* the first one */
    uint32_t rows;  /* how many */
    uint32_t index; /* into by_category */
    uint32_t unused;
    uint64_t count;                  /* of lines and expressions, of the row that ran most; else of all rows */
    uint64_t taken;                  /* of branches */
    uint64_t ops;                    /* of lines and expressions */
    uint64_t reads, writes, deletes; /* of names */
} prof_reader_site;

/* Most operations first, then most executions. All owned. */
typedef struct {
    uint32_t count;
    prof_reader_site *sites;
    uint64_t *by_category; /* [site.index][category - 1], of lines and expressions */
} prof_reader_sites;

/* Labels that stand directly above each other: a caller and its callee, or a span and a line that allocated in it. */
typedef struct {
    uint32_t count;
    uint32_t *above; /* by pair: a label, PROF_READER_NO_LABEL outside every span */
    uint32_t *below; /* by pair */
    uint32_t *group; /* by node: the pair that it and its parent are, or PROF_READER_NO_GROUP */
} prof_reader_pairs;

typedef struct prof_reader prof_reader;

/* Writes a text as people may see it: UTF-8, with what a terminal, a browser or an editor would obey (control characters, marks
 * of direction, line separators) or not show at all written as Python does: \x1b, \u202e. `out` has room for 4 bytes a byte of the
 * text, and 8 more; returns how many were written. */
size_t prof_reader_escape(const char *text, size_t length, char *out);

/* Opens a capture, which must be a plain file. Returns an owned reader, or NULL with a line in `error` (size bytes). */
prof_reader *prof_reader_open(const char *path, char *error, size_t size);
/* The same without any table but that of the chunks: for whoever looks through many captures for what they say of themselves
 * (`meta`, and what stands before `drops` in the info). No tree can be built of it. */
prof_reader *prof_reader_glance(const char *path, char *error, size_t size);
/* The same of a capture's bytes. `data` is the reader's from here on, and freed with it, or at once where it fails; it comes from
 * malloc. */
prof_reader *prof_reader_open_image(unsigned char *data, uint64_t size, char *error, size_t error_size);
void prof_reader_close(prof_reader *reader); /* NULL is fine. Frees everything borrowed from it; not its trees. */
const prof_reader_info *prof_reader_get(const prof_reader *reader);

/* Builds the tree of one thread (an index into info.threads) or of PROF_READER_ALL_THREADS, merged by (parent, label).
 * Returns an owned tree, or NULL with a line in `error`. It borrows nothing. */
prof_reader_tree *prof_reader_tree_new(const prof_reader *reader, int64_t thread, char *error, size_t size);
/* The same of the spans of one label (an index into info.labels) on all threads, and of what lies below them: nothing that ran
 * outside of them is in it, and the spans are called from the root. Of PROF_READER_NO_LABEL, all spans, without what samples
 * found, and lines allocated, outside of them. */
prof_reader_tree *prof_reader_tree_within(const prof_reader *reader, uint32_t label, char *error, size_t size);
void prof_reader_tree_free(prof_reader_tree *tree); /* NULL is fine */

/* The tree of whole stacks that samples met, from each thread's first function on, of what `tree` is of: the reader's, with all
 * spans or without short ones, as that. Its nodes are functions, with a span or without (`line` is 0 for all), and the other spans
 * where they ran: a function with a span has the label of that. Below them are the lines that ran. With `lines` there are none of
 * those, and a function is a node for each line that called or ran in it (`at`). Only the columns of samples have figures, which
 * sum to those of `tree`. Where a sample's whole stack is not known, it is what `tree` has.
 * Returns an owned tree, or NULL with a line in `error`. */
prof_reader_tree *prof_reader_stacks_new(const prof_reader *reader, const prof_reader_tree *tree, int lines, char *error,
                                         size_t size);

/* The spans of each thread as they went. Returns an owned table, or NULL with a line in `error`. It borrows the texts of points from the
 * reader. */
prof_reader_events *prof_reader_events_new(const prof_reader *reader, char *error, size_t size);
void prof_reader_events_free(prof_reader_events *events); /* NULL is fine */
/* Puts a track among those of another capture: the instants are later by so much, and label i is labels[i] there. */
void prof_reader_track_move(prof_reader_track *track, uint64_t later_ns, const uint32_t *labels);

/* The column of that name: an index into tree->own, or PROF_READER_NO_COLUMN. And the other way round; NULL at the end. */
uint32_t prof_reader_column(const char *name);
const char *prof_reader_column_name(uint32_t column);

/* Whether the capture has figures in that column: its mode was on. */
int prof_reader_recorded(const prof_reader *reader, uint32_t column);

/* Whether trees of whole stacks have figures in that column. */
int prof_reader_in_stacks(uint32_t column);

/* Inclusive sums of a column: total[i] = own over the subtree of i. Both have tree->count entries. */
void prof_reader_inclusive(const prof_reader_tree *tree, const uint64_t *own, uint64_t *total);

/* Sums of a column by group of nodes: group[i] is below `groups`, or PROF_READER_NO_GROUP; tree->label groups by label.
 * own[g] sums the group's nodes and the lines directly below them; of spans, all lines and frames that belong to them.
 * total[g] sums their subtrees; what lies below another node of the same group, recursion, adds nothing. Both have `groups`
 * entries; NULL for a `total` that is not wanted, NULL for `column` to count nodes. Returns 0, or -1 when out of memory. */
int prof_reader_sum_groups(const prof_reader_tree *tree, const uint32_t *group, uint32_t groups, const uint64_t *column,
                           uint64_t *own, uint64_t *total);

/* The pairs of callers and callees (lines 0), or of spans and lines (lines 1), in the order of the tree. Returns an
 * owned table, or NULL when out of memory. */
prof_reader_pairs *prof_reader_pairs_new(const prof_reader_tree *tree, int lines);
/* Pairs of any two numbers of each node: `above` and `below` have tree->count entries; where `below` is PROF_READER_NO_GROUP, the
 * node is of no pair. Likewise. */
prof_reader_pairs *prof_reader_pairs_of(const prof_reader_tree *tree, const uint32_t *above, const uint32_t *below);
void prof_reader_pairs_free(prof_reader_pairs *pairs); /* NULL is fine */

/* Writes the indexes of `count` values to `order`, the largest value first, then as they stand. 0, or -1 when out of
 * memory. */
int prof_reader_order(const uint64_t *values, uint32_t count, uint32_t *order);

/* The nodes worth showing: those with column[i] >= minimum, at most `deepest` deep, whose parents are shown too; the
 * root always; lines only if `lines`. Writes their indexes to `shown` (tree->count entries, ascending) and returns how
 * many. */
uint32_t prof_reader_select(const prof_reader_tree *tree, const uint64_t *column, uint64_t minimum, uint32_t deepest, int lines,
                            uint32_t *shown);

/* Solves the operations of a tree's contexts and adds those of `category` (from 1; 0: all) to `own`, by node. Returns an
 * owned table, or NULL with a line in `error`. */
prof_reader_operations *prof_reader_operations_new(const prof_reader *reader, prof_reader_tree *tree, uint32_t category,
                                                   uint64_t *own, char *error, size_t size);
void prof_reader_operations_free(prof_reader_operations *operations); /* NULL is fine */

/* Sums of operations. `categories` are those that count, a bit each from category 1: of names the accesses, of callees the
 * calls; branches are all in. Returns an owned table, or NULL when out of memory. */
prof_reader_sites *prof_reader_sites_new(const prof_reader_operations *operations, uint32_t by, uint32_t categories);
void prof_reader_sites_free(prof_reader_sites *sites); /* NULL is fine */

/* The text at a ref; empty for 0 and what is no text. */
prof_reader_text prof_reader_string(const prof_reader *reader, uint32_t ref);

/* Sums of the records of one kind by group: group[i], of info.timed[kind][i], is below `groups`, or PROF_READER_NO_GROUP. Fills `sums`,
 * which has `groups` entries. 0, or -1 when out of memory. */
int prof_reader_durations_by(const prof_reader *reader, uint32_t kind, const uint32_t *group, uint32_t groups,
                             prof_reader_durations *sums);

/* Writes folded stacks to a file descriptor: a line `frame;frame N` for each node but the root with column[i] > 0,
 * outermost first. Where a tree knows the lines in its functions, a frame is `app.work (app.py:42)`. In names `;` becomes `:` and control characters become spaces. Returns the number of lines, or
 * -errno when writing failed; part may have been written by then. */
int64_t prof_reader_fold(const prof_reader *reader, const prof_reader_tree *tree, const uint64_t *column, int fd);

/* ---- several captures as one ----
 *
 * A merger takes one capture after the other and keeps what they mean: labels that are alike (kind, name, module, file,
 * line, flags) become one, and so do contexts with the same labels from the root on. Its memory grows with what is new in a
 * capture, and not with how many there are. What comes out is read like any capture; its clock counts nanoseconds.
 *
 * Every column of its tree is the sum of the captures' columns, to the last unit; so are histograms, drops and totals.
 * Of peaks there is the highest one, and `peak_bytes` of lines is of that capture alone. Memory is in detail if all that
 * recorded memory did so in detail. A histogram's bins of clocks with another frequency are shared out (merge.c).
 * Whether captures may be added at all (versions, clocks, categories of operations) is the caller's business. */
typedef struct prof_merger prof_merger;

prof_merger *prof_merger_new(void);         /* owned; NULL when out of memory */
void prof_merger_free(prof_merger *merger); /* NULL is fine */

/* Takes over the labels of a merged capture, in their order: so that the labels of captures which were in it have the same
 * indexes in what comes out. Before all others. 0, or -1 when out of memory. */
int prof_merger_like(prof_merger *merger, const prof_reader *reader);

/* Adds one thread of a capture, or PROF_READER_ALL_THREADS. `totals` gets the capture's sum of each column, by column,
 * without what was outside every span; NULL if nobody asks. Returns 0; -1 with a line in `error` where the capture is
 * damaged, and then nothing of it was added; -2 when out of memory, after which the merger is of no use. */
int prof_merger_add(prof_merger *merger, const prof_reader *reader, int64_t thread, uint64_t *totals, char *error, size_t size);

/* The captures as one: it began at `start_unix_ns`, took `duration_ns`, says `meta` of itself. Returns an owned reader, which
 * borrows nothing, or NULL with a line in `error`; after either the merger can only be freed. */
prof_reader *prof_merger_finish(prof_merger *merger, uint64_t start_unix_ns, uint64_t duration_ns, uint32_t pid, const char *meta,
                                uint32_t length, char *error, size_t size);
/* cffi: end */

/* For C programs: the spans' sums of one label. */
typedef struct {
    uint64_t calls, resumes, self_ns;
    uint64_t total_ns; /* recursion counted once */
    uint64_t suspended_ns, items;
    uint64_t contexts; /* nodes */
} prof_reader_sum;

/* Fills `sums`, which has tree->label_count entries. Returns 0, or -1 when out of memory. */
int prof_reader_sum_labels(const prof_reader_tree *tree, prof_reader_sum *sums);

#endif
