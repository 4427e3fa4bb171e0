/* The capture file: the one format that the core writes and every tool reads.
 *
 * A capture is a memory-mapped file that is valid from the first moment: the recording process writes its
 * columns straight into it, so a reader may open it while the program runs, or after the program was killed.
 *
 *   [ header, 4096 bytes ][ chunk ][ chunk ] ... up to header.end
 *
 * All integers are in the byte order of the machine that wrote them; `byte_order` tells a reader which.
 * A chunk is a 64-byte head and a run of records of one type. A thread appends to its own node chunks, strings
 * and labels are shared. `used` is stored with release order after the records it covers, so whatever lies
 * below it is complete. A reader skips chunk types it does not know, and takes the first `record_size` bytes
 * it knows of longer records: new modes add chunk types, new versions lengthen records, and nothing breaks.
 *
 * A reference ("ref") is the file offset of a record divided by 8; 0 is none. Files up to 32 GiB.
 * Ticks are units of the capture's clock; header.start/last convert them to nanoseconds.
 * Fields named private_* belong to the recording process; readers ignore them. */
#ifndef PROF_FORMAT_H
#define PROF_FORMAT_H
#include <stdint.h>

#define PROF_MAGIC "PROFCAP\n"
#define PROF_FORMAT_VERSION 3
#define PROF_BYTE_ORDER 0x01020304u
#define PROF_HEADER_SIZE 4096
#define PROF_REF_UNIT 8

typedef uint32_t prof_ref;

/* Files have this record with so many bytes: readers of older files count on it. */
#define PROF_RECORD(type, bytes) _Static_assert(sizeof(type) == (bytes), #type " is as files have it")

/* cffi: begin */
enum prof_clock_kind {
    PROF_CLOCK_TSC = 1,       /* processor time-stamp counter, calibrated against the monotonic clock */
    PROF_CLOCK_MONOTONIC = 2, /* clock_gettime(CLOCK_MONOTONIC), ns */
    PROF_CLOCK_CPU = 3,       /* clock_gettime(CLOCK_THREAD_CPUTIME_ID), ns */
    PROF_CLOCK_MANUAL = 4     /* set by tests */
};

enum prof_state {
    PROF_RECORDING = 1, /* the process writes it now, or was killed while it did */
    PROF_CLOSED = 2,    /* ended in order: open spans were closed, calibration is final */
    PROF_REPLACED = 3   /* the process became another program, by exec, while it was recorded */
};

/* What was dropped, healed or folded; indexes into header.drops. What each is: prof_drop_text. */
enum prof_drop {
    PROF_DROP_HEALED,
    PROF_DROP_UNMATCHED_LEAVE,
    PROF_DROP_SECTION_OPEN,
    PROF_DROP_SECTION_UNOPENED,
    PROF_DROP_SECTION_ORDER,
    PROF_DROP_FOLDED_DEPTH,
    PROF_DROP_FOLDED_SIZE,
    PROF_DROP_LOST_LABELS,
    PROF_DROP_OPEN_AT_END,
    PROF_DROP_LOST_COUNTS,
    PROF_DROP_TICKS_MISSED,
    PROF_DROP_SAMPLES_TORN,
    PROF_DROP_SAMPLES_CUT,
    PROF_DROP_SAMPLES_LOST,
    PROF_DROP_THREADS_UNMETERED,
    PROF_DROP_BLOCKS_UNFOLLOWED,
    PROF_DROP_EVENTS_TAKEN,
    PROF_DROP_METRICS_LOST,
    PROF_DROP_SAMPLES_ENOUGH,
    PROF_DROP_WAITS_LOST,
    PROF_DROP_ARGUMENTS_FAILED,
    PROF_DROP_SPANS_UNKEPT,
    PROF_DROP_SPANS_OVERWRITTEN,
    PROF_DROP_COUNT
};

/* For people, as reports print it behind a number, or behind `one`. NULL for an index that is none. */
const char *prof_drop_text(uint32_t index, int one);

/* What was recorded: bits of header.modes. */
enum prof_mode { PROF_MODE_TIME = 1, PROF_MODE_MEMORY = 2, PROF_MODE_OPS = 4, PROF_MODE_SAMPLES = 8 };

enum prof_header_flag {
    PROF_FLAG_INTERLEAVED = 1, /* greenlets switched inside spans: who called whom mixes theirs */
    PROF_FLAG_DUMP = 2         /* of a recording that went on: spans may be open, and records may name what came later */
};
/* cffi: end */
#define PROF_DROP_SLOTS 32

typedef struct {
    uint64_t ticks;
    uint64_t monotonic_ns;
    uint64_t unix_ns;
} prof_instant;
PROF_RECORD(prof_instant, 24);

typedef struct {
    char magic[8];
    uint32_t version;
    uint32_t byte_order;
    uint32_t header_size;
    uint32_t state; /* enum prof_state */
    uint32_t clock; /* enum prof_clock_kind */
    uint32_t pid;
    uint64_t end;   /* file offset behind the last chunk */
    uint64_t modes; /* enum prof_mode; the names are in the meta chunk */
    uint64_t interval_ns;
    uint64_t probe_cost_ps; /* added time per profiled call, measured at start, picoseconds */
    prof_instant start;     /* when recording began */
    prof_instant first;     /* about a millisecond later: a first calibration for captures cut short */
    prof_instant last;      /* the latest heartbeat; at the end when state is PROF_CLOSED */
    uint64_t drops[PROF_DROP_SLOTS];
    uint64_t full;       /* errno of the growth that failed, after which the file took no more; 0 if none did */
    uint64_t flags;      /* enum prof_header_flag */
    uint64_t latency_fs; /* of several captures as one: femtoseconds a tick of labels' histograms; 0: the clock's own */
    uint64_t least_ns;   /* spans of which no call took as long are charged to their callers, by readers; 0: none */
} prof_header;
PROF_RECORD(prof_header, 424);

/* cffi: begin */
enum prof_chunk_type {
    PROF_CHUNK_STRINGS = 1,     /* prof_string, each padded to 8 bytes */
    PROF_CHUNK_LABELS = 2,      /* prof_label */
    PROF_CHUNK_THREADS = 3,     /* prof_thread_record */
    PROF_CHUNK_NODES = 4,       /* prof_node, of one thread; a parent comes before its children in the file */
    PROF_CHUNK_META = 5,        /* UTF-8 JSON text: session name, python, platform, host, argv, modes… */
    PROF_CHUNK_PENDING = 6,     /* prof_pending, of one thread */
    PROF_CHUNK_MEMORY = 7,      /* one prof_memory */
    PROF_CHUNK_TYPES = 8,       /* prof_type: the live blocks when recording ended, by type */
    PROF_CHUNK_SERIES = 9,      /* prof_moment, in order of time */
    PROF_CHUNK_CODES = 10,      /* prof_code, each with its arrays behind it, padded to 8 bytes */
    PROF_CHUNK_COUNTS = 11,     /* prof_counts, of one thread, each with its counters behind it */
    PROF_CHUNK_EVENTS = 12,     /* prof_flow_event, of one thread */
    PROF_CHUNK_LIVE = 13,       /* prof_live_frame */
    PROF_CHUNK_OPERANDS = 14,   /* prof_operands */
    PROF_CHUNK_PLACES = 20,     /* the first PROF_PLACE_SIZE bytes of labels that are never spans */
    PROF_CHUNK_SAMPLED = 21,    /* prof_sampled, of one thread; a parent comes before its children in the file */
    PROF_CHUNK_SAMPLER = 22,    /* one prof_sampling */
    PROF_CHUNK_USAGE = 23,      /* prof_usage, of one thread */
    PROF_CHUNK_PROCESS = 24,    /* prof_process, in order of time */
    PROF_CHUNK_SOURCES = 25,    /* prof_source */
    PROF_CHUNK_METRICS = 26,    /* prof_metric, of one thread */
    PROF_CHUNK_STACKS = 28,     /* prof_stacked; a caller comes before what it called in the file */
    PROF_CHUNK_LATENCIES = 30,  /* prof_latency */
    PROF_CHUNK_WAITS = 31,      /* prof_wait */
    PROF_CHUNK_ACTIVITIES = 32, /* prof_activity */
    PROF_CHUNK_SLOWEST = 33,    /* prof_slow */
    PROF_CHUNK_SPANS = 34,      /* spans as they went, of one thread: prof_spans and what is said there */
    PROF_CHUNK_STACK = 35,      /* prof_open_stack: the spans that a thread has open */
    PROF_CHUNK_MISSING = 36     /* prof_missing */
};
/* cffi: end */

typedef struct {
    uint32_t type;
    uint32_t record_size; /* bytes of one record; 1 for strings and meta */
    uint64_t size;        /* bytes of the chunk, this head included */
    uint64_t used;        /* bytes of records written so far */
    prof_ref thread;      /* thread record that owns the chunk, 0 when shared */
    uint32_t reserved[9];
} prof_chunk;
PROF_RECORD(prof_chunk, 64);

typedef struct {
    uint32_t length; /* bytes of text, without the final NUL */
    char text[4];    /* `length` bytes of UTF-8, a NUL, padding to 8 */
} prof_string;
PROF_RECORD(prof_string, 8);

/* cffi: begin */
enum prof_label_kind {
    PROF_FUNCTION = 1,
    PROF_SECTION = 2,
    PROF_IMPORT = 3,
    PROF_GC = 4,
    PROF_NATIVE = 5,
    PROF_THREAD = 6,   /* root of a thread's tree */
    PROF_PROFILER = 7, /* the profiler's own work, kept apart from the program's */
    PROF_LINE = 8,     /* "file.py:42" in function `module`: a leaf, with what that line allocated, or its samples; readers
                          make names of files that are called alike longer */
    PROF_FRAME = 9     /* a function without a span, seen by samples */
};

enum prof_label_flag {
    PROF_LABEL_GENERATOR = 1, /* generator, coroutine or asynchronous generator */
    PROF_LABEL_NO_TIME = 2,   /* its markers leave out this mode: readers charge its self time to the span around it */
    PROF_LABEL_NO_MEMORY = 4, /* what it allocates was charged to the span around it */
    PROF_LABEL_NO_DETAIL = 8, /* its blocks were counted and not followed */
    PROF_LABEL_NO_OPS = 16,
    PROF_LABEL_AWAITS = 32 /* coroutine or asynchronous generator: what it waits for is known */
};

enum prof_activity_kind {
    PROF_ACTIVITY_STEPS = 1,   /* runs of a task, each from where the event loop lets it run to where it waits */
    PROF_ACTIVITY_CONTEXTS = 2 /* a context from its begin to its end, as the program's prof.context() says */
};
/* cffi: end */

/* Latency histogram: four bins an octave. Bins 0..3 hold 0..3 ticks; from 4 ticks on, with
 * e = floor(log2 ticks), bin = 4 (e - 1) + the two bits below the leading one. Bin b >= 4 begins at
 * (4 + b % 4) << (b / 4 - 1) ticks. The last bin takes all that is longer. */
#define PROF_HISTOGRAM_BINS 192

static inline uint32_t prof_histogram_bin(uint64_t ticks) {
    if (ticks < 4) return (uint32_t)ticks;
    /* A double's exponent and two leading bits of mantissa are the bin: no search for the leading bit. */
    union {
        double value;
        uint64_t bits;
    } d = {.value = (double)(int64_t)ticks};
    uint64_t bin = (d.bits >> 50) - 4 * 1024;
    return bin < PROF_HISTOGRAM_BINS ? (uint32_t)bin : PROF_HISTOGRAM_BINS - 1;
}

typedef struct {
    uint32_t kind; /* enum prof_label_kind */
    prof_ref name; /* "module.Class.method", "profile!section", "import json", "gc generation 0" */
    prof_ref module;
    prof_ref file;
    uint32_t line;  /* 1-based, in the uninstrumented source; 0 unknown */
    uint32_t flags; /* enum prof_label_flag */
    uint64_t unused;
    uint64_t min; /* ticks of the shortest completed call; UINT64_MAX while there is none */
    uint64_t max;
    uint64_t private_slow_above;             /* ticks: a longer call is among the slowest */
    uint64_t private_slow;                   /* ref of the first of its prof_slow; 0 none */
    uint64_t histogram[PROF_HISTOGRAM_BINS]; /* active (not suspended) ticks of the calls that ended */
} prof_label;
PROF_RECORD(prof_label, 1600);

/* Lines and frames are no spans, and have no use for all that follows `flags`. */
#define PROF_PLACE_SIZE 24

/* A completed call that is not in its label's statistics yet; one with label 0 is none. Readers add these to the labels'
 * `min`, `max` and `histogram`. (The address of a histogram's bin depends on a clock read that has just
 * been made; a store there stalls the loads of the program behind it, at 12 ns a call. So the calls are set down in
 * order and counted in batches.) */
typedef struct {
    prof_ref label;
    uint32_t reserved;
    uint64_t ticks; /* active time of the call */
} prof_pending;
PROF_RECORD(prof_pending, 16);

/* A source file as it was when recording first met it: whoever opens the file that a capture names must find this there, or
 * leave it alone. A capture may come from anybody. */
typedef struct {
    prof_ref file;
    uint32_t reserved;
    uint64_t size; /* bytes of the text as it is hashed: prof_source_digest_of in sources.h */
    uint64_t hash;
} prof_source;
PROF_RECORD(prof_source, 24);

typedef struct {
    uint64_t native_id; /* kernel thread id */
    prof_ref name;
    prof_ref root;               /* its root node */
    uint64_t start;              /* ticks */
    uint64_t end;                /* ticks; 0 while the thread runs */
    uint64_t cpu_start, cpu_end; /* its processor time at these, ns; both 0 unknown */
    uint64_t reserved[2];
} prof_thread_record;
PROF_RECORD(prof_thread_record, 64);

/* A calling context: `label` called from `parent`. 128 bytes; the first cache line is the hot one.
 * Inclusive time is not stored: it is the sum of `self` over the subtree. */
typedef struct {
    prof_ref label;
    prof_ref parent;       /* 0 for a thread's root */
    uint64_t calls;        /* entries; of a generator, the starts of its body */
    uint64_t self;         /* ticks on top of the stack, in completed spans */
    uint64_t private_last; /* address of the child used last */
    prof_ref private_child;
    prof_ref private_sibling;
    uint32_t depth; /* distance from the root */
    uint32_t private_children;
    prof_ref code;      /* operations: the code object whose calls are counted here; 0 none */
    prof_ref counts;    /* operations: the first of its prof_counts; 0 none */
    uint64_t resumes;   /* re-entries after a suspension */
    uint64_t suspended; /* ticks between a suspension and the resume that followed */
    uint64_t items;     /* of a gc node: objects reclaimed */
    /* Memory, of PROF_LINE leaves only; blocks resized count as freed and allocated. */
    uint64_t alloc_count, alloc_bytes;
    uint64_t free_count, free_bytes; /* of blocks allocated here, wherever freed; in detail only */
    uint64_t peak_bytes;             /* live bytes at the peak, while peak_epoch is prof_memory.epoch; else what is live now */
    uint32_t peak_epoch;
    uint32_t site; /* number of the leaf among all, from 1 */
} prof_node;
PROF_RECORD(prof_node, 128);

/* How long something took, each time. */
typedef struct {
    uint64_t count, ticks;
    uint64_t min, max; /* `min` is UINT64_MAX while there is none */
    uint64_t histogram[PROF_HISTOGRAM_BINS];
} prof_durations;
PROF_RECORD(prof_durations, 1568);

/* Calls of a generator or coroutine, from the call to its end, suspensions included. A label may have several. */
typedef struct {
    prof_ref label;
    uint32_t reserved;
    prof_durations calls;
} prof_latency;
PROF_RECORD(prof_latency, 1576);

/* What coroutines waited for on one line: those suspensions in which the function there was the innermost one with a span. */
typedef struct {
    prof_ref line; /* a PROF_LINE label, whose module is the function */
    prof_ref what; /* a PROF_FRAME label: the innermost coroutine that was awaited, or what kind of future; without a file then */
    prof_ref task; /* the task's name; 0 outside of asyncio's tasks */
    prof_ref context; /* of prof.context(); 0 none */
    uint64_t open;    /* of these, that had not ended when the recording did: they are counted up to there */
    prof_durations waits;
} prof_wait;
PROF_RECORD(prof_wait, 1592);

typedef struct {
    prof_ref task, context; /* as in prof_wait */
    uint32_t kind;          /* enum prof_activity_kind */
    uint32_t reserved;
    uint64_t ended; /* of steps: tasks that ended */
    prof_durations runs;
} prof_activity;
PROF_RECORD(prof_activity, 1592);

/* One of the longest calls of a label. */
typedef struct {
    prof_ref label; /* 0: there were fewer */
    prof_ref node;  /* the context it was called in; of any thread */
    prof_ref thread;
    prof_ref task;      /* the task's name; 0 none */
    prof_ref arguments; /* text; 0 where nobody asked */
    uint32_t reserved;
    uint64_t start; /* ticks */
    uint64_t ticks; /* of generators and coroutines from the call to the end, suspensions included */
} prof_slow;
PROF_RECORD(prof_slow, 40);

/* What the program said of a span, by a name of its own: the values of one metric in one context, as far as one thread said them.
 * With `real` 0 they are integers: `sum` is the lower half of a sum of 128 bits in two's complement and `rest` the upper one, `least`
 * and `most` are int64_t. With `real` 1 all four are the bits of doubles, and `rest` is what rounding took from `sum`. */
typedef struct {
    prof_ref node; /* of any thread; a root where it was said outside every span */
    prof_ref name;
    uint32_t real;
    uint32_t reserved;
    uint64_t count; /* values; 0 while the first one is being written */
    uint64_t sum, rest;
    uint64_t least, most;
} prof_metric;
PROF_RECORD(prof_metric, 56);

static inline double prof_metric_real(uint64_t bits) {
    union {
        uint64_t bits;
        double value;
    } u = {.bits = bits};
    return u.value;
}

static inline uint64_t prof_metric_bits(double value) {
    union {
        double value;
        uint64_t bits;
    } u = {.value = value};
    return u.bits;
}

/* Adds what another record of the same metric has. */
static inline void prof_metric_join(prof_metric *to, const prof_metric *from) {
    if (from->count == 0) return;
    int first = to->count == 0;
    if (to->real) {
        double a = prof_metric_real(to->sum), b = prof_metric_real(from->sum), sum = a + b;
        double larger = a < 0 ? -a : a, other = b < 0 ? -b : b;
        double lost = larger >= other ? (a - sum) + b : (b - sum) + a; /* Neumaier's */
        to->rest = prof_metric_bits(prof_metric_real(to->rest) + prof_metric_real(from->rest) + lost);
        to->sum = prof_metric_bits(sum);
        if (first || prof_metric_real(from->least) < prof_metric_real(to->least)) to->least = from->least;
        if (first || prof_metric_real(from->most) > prof_metric_real(to->most)) to->most = from->most;
    } else {
        to->rest += from->rest + (uint64_t)__builtin_add_overflow(to->sum, from->sum, &to->sum);
        if (first || (int64_t)from->least < (int64_t)to->least) to->least = from->least;
        if (first || (int64_t)from->most > (int64_t)to->most) to->most = from->most;
    }
    to->count = from->count > UINT64_MAX - to->count ? UINT64_MAX : to->count + from->count;
}

#define PROF_SIZE_CLASSES 64

static inline uint32_t prof_size_class(uint64_t bytes) { return bytes ? 63 - (uint32_t)__builtin_clzll(bytes) : 0; }

typedef struct {
    uint32_t detail;     /* 1: frees are matched */
    uint32_t epoch;      /* grows with each new peak */
    uint64_t live_bytes; /* in detail, as all below */
    uint64_t peak_bytes;
    uint64_t peak_ticks;                     /* the moment of the series behind it: when it was reached, within its interval */
    uint64_t unknown_frees;                  /* of blocks that were there when recording began, or that nobody may track */
    uint64_t arena_bytes;                    /* address space that pymalloc has taken since recording began */
    uint64_t class_count[PROF_SIZE_CLASSES]; /* allocations of [2^k, 2^(k+1)) bytes; 0 bytes count in class 0 */
    uint64_t small_bytes;                    /* live blocks when recording ended, of the sizes that arenas serve: up to 512 bytes */
} prof_memory;
PROF_RECORD(prof_memory, 568);

typedef struct {
    prof_ref name;
    uint32_t reserved;
    uint64_t count, bytes;
} prof_type;
PROF_RECORD(prof_type, 24);

typedef struct {
    uint64_t ticks;
    uint64_t rss_bytes, arena_bytes, live_bytes;
} prof_moment;
PROF_RECORD(prof_moment, 32);

/* ---- operations -------------------------------------------------------------------------------------------------
 *
 * A code object's control flow, and counters on some of its edges, for each calling context apart. Instructions form
 * blocks, numbered from 1; block 0 is the outside. What flows into a block flows out of it:
 *
 *     entries by edges + exceptions handled here + flow that enters within = exits by edges + exceptions raised here + ...
 *
 * which gives the edges without a counter, and then how often each instruction ran. */

#define PROF_CODE_NONE UINT32_MAX        /* of an edge: no counter */
#define PROF_CODE_CALLS (UINT32_MAX - 1) /* of an edge: the node's calls, as far as they are of this code */
#define PROF_CODE_NO_HANDLER UINT16_MAX
/* cffi: begin */
#define PROF_CODE_NO_COLUMN UINT16_MAX
/* cffi: end */

typedef struct {
    uint32_t size;  /* bytes, with all that follows */
    prof_ref label; /* of the function's span; 0 for code that runs in the span of its caller */
    prof_ref name, file;
    uint32_t line;                                            /* where it begins */
    uint32_t instructions, edges, blocks, handlers, counters; /* how many */
    uint32_t reserved[2];
    /* prof_code_instruction[instructions], prof_code_edge[edges], and the blocks of the handlers, uint32_t[handlers] */
} prof_code;
PROF_RECORD(prof_code, 48);

/* cffi: begin */
/* What an instruction does to the flow of control. */
enum prof_flow_kind {
    PROF_FLOW_PLAIN,
    PROF_FLOW_JUMP,   /* always */
    PROF_FLOW_BRANCH, /* jumps, or goes on */
    PROF_FLOW_FOR,    /* jumps behind the loop when the iterator is exhausted */
    PROF_FLOW_SEND,
    PROF_FLOW_RETURN,
    PROF_FLOW_YIELD,
    PROF_FLOW_RAISE,   /* never goes on; the exception is recorded as any */
    PROF_FLOW_RERAISE, /* the offset recorded is an older one's */
    PROF_FLOW_RESUME,
    PROF_FLOW_END_FOR /* pops what a for loop leaves: jumped over, with as many units as the version says */
};

enum prof_edge_kind {
    PROF_EDGE_ENTRY, /* from outside, at a RESUME */
    PROF_EDGE_EXIT,  /* return, yield, or an exception raised again */
    PROF_EDGE_JUMP,
    PROF_EDGE_NEXT,  /* from a block's end to the block behind it */
    PROF_EDGE_FALL,  /* a branch not taken */
    PROF_EDGE_TAKEN, /* a branch taken */
    PROF_EDGE_DONE,  /* an exhausted loop, where END_FOR stands before what it goes on with */
    PROF_EDGE_THROWN /* from outside, at the target of SEND */
};

enum prof_access { PROF_ACCESS_NONE, PROF_ACCESS_READ, PROF_ACCESS_WRITE, PROF_ACCESS_DELETE };
/* cffi: end */

typedef struct {
    uint32_t lies; /* code unit: offsets of events point here or into what follows, up to the next */
    uint32_t block;
    uint32_t line, end_line;     /* 0 unknown */
    uint16_t column, end_column; /* bytes of UTF-8 from 0; PROF_CODE_NO_COLUMN unknown */
    prof_ref name, second;       /* the variable, attribute or operator; the other one of an instruction for two; 0 none */
    uint16_t handler;            /* that an exception here goes to */
    uint8_t flow;                /* enum prof_flow_kind */
    uint8_t op;                  /* of the interpreter that ran it */
    uint8_t category[2];         /* the operations that it is, from 1; 0 none. Names are in the meta chunk */
    uint8_t access[2];           /* enum prof_access, of name and second */
    uint32_t reserved;
} prof_code_instruction;
PROF_RECORD(prof_code_instruction, 40);

typedef struct {
    uint32_t from, to;    /* blocks */
    uint32_t instruction; /* the last one of its block; for an entry, where it enters */
    uint32_t counter;
    uint8_t kind;   /* enum prof_edge_kind */
    uint8_t before; /* its counter stands before the instruction, and has counted those that raised there, too */
    uint8_t reserved[2];
} prof_code_edge;
PROF_RECORD(prof_code_edge, 20);

/* What one code object counted in one calling context. */
typedef struct {
    prof_ref code, node;
    prof_ref next;     /* of the same node, for other code */
    prof_ref events;   /* the first of its events; 0 none */
    uint32_t counters; /* how many follow */
    uint32_t reserved;
    uint64_t entries; /* calls in node.calls that are of this code, where node.code is another's; else of code without counters */
    /* uint64_t[counters] */
} prof_counts;
PROF_RECORD(prof_counts, 32);

#define PROF_EVENT_UNHANDLED PROF_CODE_NO_HANDLER
#define PROF_EVENT_ENTERS 0x10000u /* flow enters behind the unit: a section begins or ends there */
#define PROF_EVENT_LEAVES 0x10001u

/* An exception that came to a handler, with the offset that it carried, or flow that comes from or goes to elsewhere. */
typedef struct {
    prof_ref next;
    uint32_t what; /* number of the handler, or one of the above */
    uint32_t unit;
    uint32_t reserved;
    uint64_t count;
} prof_flow_event;
PROF_RECORD(prof_flow_event, 24);

/* A call that was running when the recording ended or was looked at: its flow ends here. Those of the highest generation
 * count; one with counts 0 says only that there is such a generation. */
typedef struct {
    prof_ref counts;
    uint32_t unit, generation, reserved;
} prof_live_frame;
PROF_RECORD(prof_live_frame, 16);

/* Types of the operands of an instruction, in the first of its executions. */
typedef struct {
    prof_ref code;
    uint32_t lies;        /* of the instruction */
    prof_ref left, right; /* type names; right 0 for one operand */
    uint64_t count;
} prof_operands;
PROF_RECORD(prof_operands, 24);
/* ---- spans as they went ------------------------------------------------------------------------------------------
 *
 * A thread's spans, in the order in which they ended, in chunks that are all of one thread. When there is no more room, and the last
 * spans are wanted, the chunk with the oldest is used again, by whichever thread needs one: `order` tells in which order a thread's
 * chunks were begun, and is 0 while one is being emptied. Behind it are records of three words:
 *
 *     node, end, ticks       a span: the ref of its node, and when it ended, in ticks since the instant that holds
 *     PROF_SPAN_FROM, at     from here on, instants are counted from this one; the first record of a chunk is one. `at`, as below, is a
 *                            number of 64 bits, the lower half first
 *     PROF_SPAN_LONG, at     the span that follows began at this instant; what it has in the place of ticks is 0
 *     PROF_SPAN_OPEN, 0, 0   the span that follows had not ended when the thread or the recording did
 *     PROF_SPAN_POINT, end, name, node, value   two records: a metric's value, 64 bits; PROF_SPAN_REAL: of a double
 *
 * The first word is stored last, with release order: a record whose first word is 0 is not there, and none is behind it. */
#define PROF_SPAN_WORDS 3

/* cffi: begin */
enum prof_span_word { PROF_SPAN_FROM = 1, PROF_SPAN_LONG, PROF_SPAN_OPEN, PROF_SPAN_POINT, PROF_SPAN_REAL };
/* cffi: end */

typedef struct {
    uint64_t order; /* from 1; of a thread's chunks, a later one has more */
    uint64_t reserved;
    /* records, up to the end of the chunk */
} prof_spans;
PROF_RECORD(prof_spans, 16);

/* A frame of a shadow stack that lies in the file. Its span is open while `start` is not UINT64_MAX. */
typedef struct {
    uint64_t node; /* address; 0: it was never used */
    uint64_t private_label;
    uint64_t start; /* ticks: when it was entered the last time */
    uint64_t private_rest[5];
} prof_open_span;
PROF_RECORD(prof_open_span, 64);

typedef struct {
    uint64_t base; /* address of the file; 0: the stack lies elsewhere by now */
    /* prof_open_span, the outermost first, up to the end of the chunk; the first one is the thread's root */
} prof_open_stack;
PROF_RECORD(prof_open_stack, 8);

/* Spans of one thread that the chunks above have not. */
typedef struct {
    prof_ref thread;
    uint32_t overwritten; /* 1: by later ones; 0: there was no room for them */
    uint64_t start, end;  /* ticks: all of them are between these */
    uint64_t count;       /* 0: none */
} prof_missing;
PROF_RECORD(prof_missing, 32);

/* ---- samples ---- */

/* Where samples fell: a frame or a line, below a span or below another frame; with label 0 it is its parent itself, of which
 * no line is known. There is a record for each whole stack that led there. A sample stands for the time since the thread's last
 * one. */
typedef struct {
    prof_ref label;
    prof_ref parent; /* a prof_node or a prof_sampled of the same thread */
    uint64_t samples;
    uint64_t cpu_samples;  /* of these, with the thread on a processor */
    uint64_t held_samples; /* with the thread holding the interpreter's lock */
    uint64_t wait_samples; /* with the thread waiting for it */
    uint64_t wall_ns;      /* time that the samples stand for */
    uint64_t cpu_ns;       /* processor time of the thread in it */
    uint64_t square_us2;   /* sum of the squares of these times, in square microseconds: what the samples are worth */
    prof_ref stack;        /* prof_stacked of the innermost frame: the whole stack that these samples met; 0 not known */
    uint32_t reserved;
} prof_sampled;
PROF_RECORD(prof_sampled, 72);
#define PROF_SAMPLED_SIZE 64 /* without what older files do not have */

/* A frame of a stack as it was sampled, whole: a function, marked or not, at the line that ran in it or called. Stacks that
 * begin alike share their outer frames, on all threads. */
typedef struct {
    prof_ref label;  /* PROF_FRAME: of the function, or of callers that were not read */
    prof_ref parent; /* prof_stacked of its caller; 0: it has none */
    uint32_t line;   /* in the uninstrumented source; 0 unknown */
    uint32_t reserved;
} prof_stacked;
PROF_RECORD(prof_stacked, 16);

/* cffi: begin */
enum prof_sampler_flag {
    PROF_SAMPLER_FRAMES = 1, /* frames were read; else the samples are of spans alone, and `why` says why */
    PROF_SAMPLER_GIL = 2,    /* who held the interpreter's lock is known */
    PROF_SAMPLER_WAITS = 4   /* who waited for it, too */
};
/* cffi: end */

typedef struct {
    uint32_t flags; /* enum prof_sampler_flag */
    prof_ref why;
    uint64_t interval_ns;
    uint64_t ticks; /* times that it ran */
    uint64_t late;  /* of these, more than half an interval late */
    uint64_t samples;
    uint64_t idle;         /* of these, of threads that had not run since their last one */
    uint64_t unplaced;     /* of these, the frame of the span was gone before the frames were read: without a line */
    uint64_t work_ns;      /* time between waking and sleeping */
    uint64_t cpu_ns;       /* the sampler's own processor time */
    prof_ref why_counters; /* there are no instructions, cycles and cache misses; 0 when there are */
    uint32_t reserved;
    uint64_t partial; /* samples whose innermost function or whose callers were gone before they were read: those are not in them */
} prof_sampling;
PROF_RECORD(prof_sampling, 88);

/* What the thread took beside time, between samples, the second of which fell on `where`. */
typedef struct {
    prof_ref where; /* a prof_sampled of the same thread */
    uint32_t reserved;
    uint64_t instructions, cycles, cache_misses;  /* in user mode, by the processor's counters */
    uint64_t read_bytes, written_bytes;           /* by system calls, from and to whatever */
    uint64_t disk_read_bytes, disk_written_bytes; /* of these, that disks were asked for */
    uint64_t switches;                            /* times that it was given a processor */
    uint64_t ready_ns;                            /* that it waited for one */
} prof_usage;
PROF_RECORD(prof_usage, 80);
#define PROF_USAGE_FIGURES 9

/* The whole process, without the sampler's thread, since it began. */
typedef struct {
    uint64_t ticks;
    uint64_t read_bytes, written_bytes, disk_read_bytes, disk_written_bytes;
    uint64_t waits, preemptions; /* voluntary and involuntary context switches */
    uint64_t user_ns, system_ns;
} prof_process;
PROF_RECORD(prof_process, 72);

#endif
