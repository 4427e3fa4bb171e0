/* The shadow stack: one per thread, the one place that every mode hangs on.
 *
 * A frame is an open span. Entering a span pushes, leaving pops, and the time between goes to the frame's node;
 * what ran on top of it is subtracted, so that the self times of a tree sum to the time of its root.
 * The stack heals itself: a span that leaves while strangers lie above it closes them and counts them. */
#ifndef PROF_STACK_H
#define PROF_STACK_H
#include <time.h>

#include "arena.h"
#include "clock.h"
#include "format.h"
#include "recording.h"

typedef struct {
    prof_node *node;   /* Borrowed from the arena; of an ancestor where the call was folded */
    prof_label *label; /* Borrowed; NULL for the root */
    uint64_t start;    /* ticks of the latest entry */
    uint64_t child;    /* ticks of the spans that ended on top since then */
    uint64_t prior;    /* generator: active ticks before the latest resume */
    void *owner;       /* interpreter frame of a generator or a section; compared, never dereferenced */
    uint64_t begun;    /* generator: ticks of the call; PROF_NO_TICKS where that was not recorded */
    uint64_t loose;    /* enum prof_loose, of sections and generators */
} prof_frame;

/* No instant. */
#define PROF_NO_TICKS UINT64_MAX

enum prof_loose {
    PROF_LOOSE = 1,      /* a section's: its function is not probed, so nothing closes it when that returns */
    PROF_LOOSE_HELD = 2, /* an object holds it, and closes it in any case: it waits while other tasks open and close theirs */
    PROF_LOOSE_STEP = 4  /* a coroutine's: it is not awaited by what lies below it, but a task's own, and this is a step of that */
};

/* Completed calls that are set down before they are counted: two kilobytes, which stay in the first cache. */
#define PROF_PENDING_ROOM 128

typedef struct prof_thread {
    prof_frame *top;            /* Borrowed: in base */
    prof_frame *limit;          /* one behind the last frame there is room for */
    prof_frame *base;           /* Owned; base[0] is the root */
    prof_pending *pending;      /* Borrowed from the arena: where the next completed call is set down */
    prof_pending *pending_end;  /* one behind the last there is room for */
    uint64_t epoch;             /* recording it belongs to */
    prof_thread_record *record; /* Borrowed from the arena */
    uint32_t *span;     /* Borrowed from the arena: where the next span goes; as all below, where spans are kept as they went */
    uint32_t *span_end; /* from here on there is no room for a span and what may stand before it */
    uint64_t span_from; /* the instant that its end is counted from */
    struct prof_timeline *timeline; /* Owned; NULL while it has none */
    int stack_in_capture;           /* whether `base` lies there, and is not owned */
    prof_appender nodes, counts, events;
    prof_node **children; /* Owned: table of the nodes whose parent has many */
    size_t children_mask, children_used;
    prof_appender metric_room;
    prof_metric **metrics; /* Owned: table of its records of metrics */
    size_t metrics_mask, metrics_used;
    uint32_t told;          /* where it is as a caller in C; recorder/recorder.c */
    clockid_t cpu_clock;    /* its processor time, for PROF_CLOCK_CPU read from another thread */
    prof_ref task, context; /* names of those that its latest wait was of */
    int greenlets;          /* whether the CPython half has looked for them here */
    uint64_t native_id;
    struct prof_thread **watched; /* Borrowed: where the sampler keeps it, to become NULL when it ends; NULL not met yet */
    struct prof_thread *next;
} prof_thread;

#pragma GCC visibility push(hidden) /* the hot path reads these without a detour through the symbol table */

/* Never NULL: a thread that is not recorded has prof_no_thread, on whose stack nothing is ever found, so that the hot path
 * need not ask. The same holds for a thread of an earlier recording: its root is prof_no_node. */
extern __thread prof_thread *prof_current __attribute__((tls_model("initial-exec")));
extern prof_thread prof_no_thread;
extern prof_node prof_no_node;   /* its label is 0, which no label's ref is; the first child of every new node */
extern prof_label prof_no_label; /* of sites that have none in this recording */

extern uint64_t prof_heartbeat_ticks; /* how old the header's last instant may grow: a killed process is read by it */

/* Python's name for the calling thread, or NULL; set by the CPython half. Copies at most `size` bytes. */
extern const char *(*prof_thread_namer)(char *buffer, size_t size);

/* The calling thread's state for this recording, made at first use; NULL when nothing records. */
prof_thread *prof_thread_enter(void);

/* The recorded thread with that id of the kernel's, or NULL; it stays while its Python thread state does. */
prof_thread *prof_thread_of(uint64_t native_id);

prof_node *prof_node_child(prof_thread *t, prof_node *parent, prof_label *label);
int prof_stack_grow(prof_thread *t);

/* Counts the completed calls that were set down into their labels. Of the calling thread, or one that is at rest. */
void prof_pending_count(prof_thread *t);

/* A call of `label` at `node`, which began at `start`, took `ticks`, more than label->private_slow_above: keeps it (slowest.c), and tells
 * of it. It has been popped. May run Python. */
void prof_slow_note(prof_thread *t, prof_label *label, const prof_node *node, uint64_t start, uint64_t ticks);

/* Closes what lies above the topmost frame of `label`; that frame, or NULL when it is not on the stack. */
prof_frame *prof_unwind(prof_thread *t, const prof_label *label, uint64_t now);

#pragma GCC visibility pop

static inline prof_thread *prof_thread_current(void) {
    prof_thread *t = prof_current;
    return PROF_LIKELY(t->epoch == prof_epoch) ? t : prof_thread_enter();
}

/* The sampler looks at stacks from its own thread, at any time. It must find a whole node in the frame on top: so the node is
 * stored once all that is in it is, and the top once the node is. On x86-64 that is how any two stores go, on aarch64 these two
 * have an instruction of their own. What else is in a frame is for its own thread. */
static inline void prof_put_on_top(prof_thread *t, prof_frame *f, prof_node *node) {
    __atomic_store_n(&f->node, node, __ATOMIC_RELEASE);
    __atomic_store_n(&t->top, f, __ATOMIC_RELEASE);
}

/* Drops the top frame `f`. The one below it was put there in order. */
static inline void prof_take_off(prof_thread *t, prof_frame *f) { __atomic_store_n(&t->top, f - 1, __ATOMIC_RELAXED); }

/* Opens a span of `label` that is called from `parent`; the caller counts the call or resume on frame->node. NULL when nothing
 * records. */
static inline prof_frame *prof_push_from(prof_thread *t, prof_node *parent, prof_label *label) {
    if (PROF_UNLIKELY(t->top + 1 >= t->limit) && prof_stack_grow(t)) return NULL;
    prof_frame *f = t->top;
    prof_node *node = (prof_node *)(uintptr_t)parent->private_last;
    if (PROF_UNLIKELY(node->label != prof_arena_ref(label))) node = prof_node_child(t, parent, label);
    f++;
    f->label = label;
    f->child = 0;
    f->prior = 0;
    prof_put_on_top(t, f, node);
    f->start = prof_now();
    return f;
}

/* The same, called from the span on top. */
static inline prof_frame *prof_push(prof_thread *t, prof_label *label) { return prof_push_from(t, t->top->node, label); }

/* ---- spans as they went: timeline.c ---------------------------------------------------------------------------------- */

#pragma GCC visibility push(hidden)
extern int prof_traced;          /* whether they are kept */
extern uint64_t prof_span_least; /* ticks: shorter ones are not */

/* What prof_span_put does where there is no room, or the words are too short. */
void prof_span_put_slow(prof_thread *t, const prof_node *node, uint64_t start, uint64_t end);
#pragma GCC visibility pop

/* Sets down a span that has ended. */
static inline void prof_span_put(prof_thread *t, const prof_node *node, uint64_t start, uint64_t end) {
    uint64_t ticks = end - start, at = end - t->span_from;
    uint32_t *p = t->span;
    if (ticks < prof_span_least) return;
    if (PROF_UNLIKELY(at > UINT32_MAX || ticks > UINT32_MAX || p >= t->span_end)) {
        prof_span_put_slow(t, node, start, end);
        return;
    }
    p[1] = (uint32_t)at;
    p[2] = (uint32_t)ticks;
    __atomic_store_n(p, prof_arena_ref(node), __ATOMIC_RELEASE);
    t->span = p + PROF_SPAN_WORDS;
}

/* The same of the frame `f`, which nobody needs any more: whoever reads the stack of a killed process sees that it is closed. */
static inline void prof_span_ended(prof_thread *t, prof_frame *f, uint64_t end) {
    prof_span_put(t, f->node, f->start, end);
    __atomic_store_n(&f->start, PROF_NO_TICKS, __ATOMIC_RELEASE);
}

/* Accounts and drops the top frame `f`; its ticks since start. `traced` is prof_traced. */
static inline uint64_t prof_pop_as(prof_thread *t, prof_frame *f, uint64_t now, int traced) {
    uint64_t ticks = now - f->start;
    f->node->self += ticks - f->child;
    f[-1].child += ticks;
    prof_take_off(t, f);
    if (PROF_UNLIKELY(traced)) prof_span_ended(t, f, now);
    return ticks;
}

static inline uint64_t prof_pop(prof_thread *t, prof_frame *f, uint64_t now) { return prof_pop_as(t, f, now, prof_traced); }

/* Accounts and drops the frame `f`, which has others above it that stay open: of a task that ends while another has begun. Its time
 * since the one above it began is that one's. Its ticks since start. */
static inline uint64_t prof_take_out(prof_thread *t, prof_frame *f, uint64_t now) {
    uint64_t ticks = now - f->start, before = f[1].start - f->start;
    f->node->self += before - f->child;
    f[-1].child += before;
    if (PROF_UNLIKELY(prof_traced)) prof_span_put(t, f->node, f->start, f[1].start);
    for (; f < t->top; f++) f[0] = f[1];
    t->top->start = PROF_NO_TICKS;
    t->top--;
    return ticks;
}

/* The top frame if it is `label`'s, after closing strangers above it; NULL when it is not on the stack. */
static inline prof_frame *prof_find(prof_thread *t, const prof_label *label, uint64_t now) {
    prof_frame *f = t->top;
    return PROF_LIKELY(f->label == label) ? f : prof_unwind(t, label, now);
}

/* Sets down a completed call of the label at `ref` that was active for `ticks`. */
static inline void prof_complete(prof_thread *t, prof_ref ref, uint64_t ticks) {
    prof_pending *p = t->pending;
    p->ticks = ticks;
    __atomic_store_n(&p->label, ref, __ATOMIC_RELEASE); /* last: now it is a call, whoever reads it and whenever the process dies */
    t->pending = p + 1;
    if (PROF_UNLIKELY(p + 1 == t->pending_end)) prof_pending_count(t);
}

/* Pops the top frame `f` as a completed call. */
static inline void prof_pop_complete(prof_thread *t, prof_frame *f, uint64_t now) {
    prof_label *label = f->label;
    const prof_node *node = f->node;
    uint64_t start = f->start, ticks = f->prior + prof_pop(t, f, now);
    prof_complete(t, prof_arena_ref(label), ticks);
    if (PROF_UNLIKELY(ticks > label->private_slow_above) && !(label->flags & PROF_LABEL_GENERATOR))
        prof_slow_note(t, label, node, start, ticks);
}

/* ---- the hot path: a call and a return of a function whose node was the last one used here ------------------------- */

/* prof_push and the count of a call, if nothing out of the ordinary is needed; else 0, with nothing done. `ref` is the
 * label's. */
static inline int prof_enter_fast(prof_label *label, prof_ref ref) {
    prof_thread *t = prof_current;
    prof_frame *f = t->top + 1;
    prof_node *node = (prof_node *)(uintptr_t)f[-1].node->private_last;
    if (PROF_UNLIKELY(node->label != ref || f >= t->limit)) return 0;
    f->label = label;
    f->child = f->prior = 0;
    node->calls++;
    prof_put_on_top(t, f, node);
    f->start = prof_now();
    return 1;
}

/* The return that belongs to it, at `now`; 0, with nothing done, when `label` is not on top. `traced` is prof_traced. */
static inline int prof_leave_fast(prof_label *label, prof_ref ref, uint64_t now, int traced) {
    prof_thread *t = prof_current;
    prof_frame *f = t->top;
    if (PROF_UNLIKELY(f->label != label)) return 0;
    const prof_node *node = f->node;
    uint64_t start = f->start, ticks = f->prior;
    ticks += prof_pop_as(t, f, now, traced);
    prof_complete(t, ref, ticks);
    if (PROF_UNLIKELY(ticks > label->private_slow_above)) prof_slow_note(t, label, node, start, ticks);
    return 1;
}

#endif
