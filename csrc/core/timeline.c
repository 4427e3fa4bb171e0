#include "timeline.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BLOCK (2u << 10)
#define LARGEST_BLOCK (64u << 10)
#define LARGEST_STEP (4u << 20)
/* The most words that one entry takes: an instant to count from, a beginning, a mark, the span. */
#define ENTRY (4 * PROF_SPAN_WORDS)

int prof_traced;
uint64_t prof_span_least;

/* What a thread has beside its place in its chunk. */
typedef struct prof_timeline {
    prof_chunk *block;     /* Borrowed from the arena: the one that is being filled; NULL before the first */
    uint32_t *limit;       /* one behind its last word */
    uint64_t size;         /* bytes that the next one has */
    uint64_t full;         /* ticks: since when there is no room; PROF_NO_TICKS while there is */
    prof_missing *missing; /* Borrowed from the arena: what had no room, and behind it what was overwritten */
} prof_timeline;

/* A chunk that nobody fills any more. */
typedef struct {
    prof_chunk *block;     /* Borrowed from the arena */
    prof_missing *missing; /* Borrowed: where is counted what of its thread was overwritten */
} full_block;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* for all below, and for what was overwritten */
static uint64_t left;                                    /* bytes of chunks that may still be made */
static uint64_t largest;                                 /* bytes of the largest chunk */
static uint64_t order;                                   /* of the latest chunk */
static full_block *queue;                                /* Owned: a ring, the oldest first */
static size_t queue_room, queue_first, queue_count;
static prof_appender missing_room;

void prof_timeline_reset(void) {
    pthread_mutex_init(&lock, NULL); /* after fork() another thread may have held it */
    free(queue);
    queue = NULL;
    queue_room = queue_first = queue_count = 0;
    missing_room = (prof_appender){0};
    order = 0;
    left = prof_limits.trace_bytes;
    largest = left / 8 / PROF_REF_UNIT * PROF_REF_UNIT; /* of a small room, the oldest eighth is overwritten at a time */
    if (largest > LARGEST_BLOCK) largest = LARGEST_BLOCK;
    if (largest < FIRST_BLOCK) largest = FIRST_BLOCK;
    prof_traced = left > 0;
    if (prof_traced) prof_arena_grow_by(left < LARGEST_STEP ? left : LARGEST_STEP);
    prof_span_least = UINT64_MAX;
    if (!prof_limits.trace_later) prof_trace_begin();
}

void prof_trace_begin(void) { prof_span_least = prof_session_ticks(prof_limits.least_ns); }

/* ---- stacks that lie in the capture ---------------------------------------------------------------------------------- */

/* Room for `frames` frames in the capture, with the first `used` of the thread's stack; NULL without. */
static prof_frame *stack_in_capture(const prof_thread *t, size_t used, size_t frames) {
    uint64_t bytes = sizeof(prof_open_stack) + frames * sizeof(prof_frame);
    prof_appender room = {.grow = bytes + sizeof(prof_chunk)};
    prof_open_stack *stack = prof_arena_append(&room, PROF_CHUNK_STACK, PROF_REF_UNIT, prof_arena_ref(t->record), bytes);
    if (!stack) return NULL;
    memcpy(stack + 1, t->base, used * sizeof(prof_frame));
    stack->base = (uint64_t)(uintptr_t)prof_arena_base;
    prof_arena_publish(&room, bytes);
    return (prof_frame *)(void *)(stack + 1);
}

prof_frame *prof_stack_resized(prof_thread *t, size_t used, size_t frames) {
    prof_frame *larger = prof_traced ? stack_in_capture(t, used, frames) : NULL;
    if (!larger && !t->stack_in_capture) return realloc(t->base, frames * sizeof *larger);
    int in_capture = larger != NULL;
    if (!larger && !(larger = malloc(frames * sizeof *larger))) return NULL;
    if (!in_capture) memcpy(larger, t->base, used * sizeof *larger);
    prof_stack_free(t);
    t->stack_in_capture = in_capture;
    return larger;
}

void prof_stack_free(prof_thread *t) {
    if (t->stack_in_capture) ((prof_open_stack *)(void *)t->base)[-1].base = 0;
    else free(t->base);
}

/* ---- chunks ---------------------------------------------------------------------------------------------------------- */

static uint32_t *words_of(prof_chunk *block) { return (uint32_t *)(void *)((char *)(block + 1) + sizeof(prof_spans)); }
static uint32_t *end_of(prof_chunk *block) {
    return words_of(block) + (block->used - sizeof(prof_spans)) / sizeof(uint32_t) / PROF_SPAN_WORDS * PROF_SPAN_WORDS;
}
static uint64_t instant_in(const uint32_t *record) { return record[1] | (uint64_t)record[2] << 32; }

/* Counts spans that are missing; all are between these instants. */
static void count_missing(prof_missing *missing, uint64_t start, uint64_t end, uint64_t count) {
    if (!missing->count || start < missing->start) missing->start = start;
    if (end > missing->end) missing->end = end;
    __atomic_store_n(&missing->count, missing->count + count, __ATOMIC_RELEASE);
}

/* Counts the spans of a chunk that is to be used again. */
static void count_overwritten(const full_block *full) {
    uint64_t from = 0, begun = PROF_NO_TICKS, first = PROF_NO_TICKS, last = 0, count = 0;
    const uint32_t *p = words_of(full->block), *end = end_of(full->block);
    for (; p < end && *p; p += PROF_SPAN_WORDS) {
        if (*p == PROF_SPAN_FROM) from = instant_in(p);
        else if (*p == PROF_SPAN_LONG) begun = instant_in(p);
        else if (*p == PROF_SPAN_POINT || *p == PROF_SPAN_REAL) p += PROF_SPAN_WORDS;
        else if (*p != PROF_SPAN_OPEN) {
            uint64_t at = from + p[1], start = begun == PROF_NO_TICKS ? at - p[2] : begun;
            begun = PROF_NO_TICKS;
            if (start < first) first = start;
            if (at > last) last = at;
            count++;
        }
    }
    if (count) count_missing(full->missing, first, last, count);
}

/* Adds the thread's chunk to those that may be used again. With the lock; without memory it never is. */
static void enqueue(const prof_timeline *l) {
    if (queue_count == queue_room) {
        size_t room = queue_room ? queue_room * 2 : 64;
        full_block *larger = malloc(room * sizeof *larger);
        if (!larger) return;
        for (size_t i = 0; i < queue_count; i++) larger[i] = queue[(queue_first + i) % queue_room];
        free(queue);
        queue = larger;
        queue_room = room;
        queue_first = 0;
    }
    queue[(queue_first + queue_count++) % queue_room] = (full_block){l->block, l->missing + 1};
}

/* The oldest chunk, emptied. With the lock; NULL where there is none. */
static prof_chunk *oldest(void) {
    if (!queue_count) return NULL;
    full_block full = queue[queue_first];
    queue_first = (queue_first + 1) % queue_room;
    queue_count--;
    count_overwritten(&full);
    prof_spans *spans = (prof_spans *)(void *)(full.block + 1);
    __atomic_store_n(&spans->order, 0, __ATOMIC_RELEASE);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    memset(words_of(full.block), 0, full.block->used - sizeof *spans);
    return full.block;
}

/* A chunk of so many bytes, its head included. */
static prof_chunk *fresh(const prof_thread *t, uint64_t size) {
    prof_appender room = {.grow = size};
    if (!prof_arena_append(&room, PROF_CHUNK_SPANS, PROF_REF_UNIT, prof_arena_ref(t->record), size - sizeof(prof_chunk)))
        return NULL;
    prof_arena_publish(&room, size - sizeof(prof_chunk));
    prof_arena_populate(room.chunk, size);
    return room.chunk;
}

/* A chunk for the thread, new or used before. With the lock; NULL without room. */
static prof_chunk *take_block(const prof_thread *t, prof_timeline *l) {
    uint64_t size = l->size < left ? l->size : left / PROF_REF_UNIT * PROF_REF_UNIT;
    prof_chunk *block = size >= FIRST_BLOCK ? fresh(t, size) : NULL;
    if (block) {
        left -= size;
        l->size = size * 2 < largest ? size * 2 : largest;
        return block;
    }
    return prof_limits.trace_last ? oldest() : NULL;
}

static void word(prof_thread *t, uint32_t first, uint32_t second, uint32_t third) {
    uint32_t *p = t->span;
    p[1] = second;
    p[2] = third;
    __atomic_store_n(p, first, __ATOMIC_RELEASE);
    t->span = p + PROF_SPAN_WORDS;
}

static void instant(prof_thread *t, uint32_t first, uint64_t at) { word(t, first, (uint32_t)at, (uint32_t)(at >> 32)); }

static void count_from(prof_thread *t, uint64_t at) {
    instant(t, PROF_SPAN_FROM, at);
    t->span_from = at;
}

/* Goes on in `block`. */
static void fill(prof_thread *t, prof_timeline *l, prof_chunk *block, uint64_t at) {
    l->block = block;
    l->limit = end_of(block);
    t->span = words_of(block);
    block->thread = prof_arena_ref(t->record);
    count_from(t, at);
    /* A whole span without anything before it fits up to the last of these words. */
    t->span_end = l->limit - (PROF_SPAN_WORDS - 1);
}

/* There is no more room. Spans that began before now get some all the same: those that are open, and the one that ended at `now`; else
 * the timeline would have what ran inside them, and not them. */
static void no_more(prof_thread *t, prof_timeline *l, uint64_t now) {
    uint64_t entries = (uint64_t)(t->top - t->base) + 2;
    uint64_t bytes = sizeof(prof_chunk) + sizeof(prof_spans) + entries * ENTRY * sizeof(uint32_t);
    prof_chunk *block = fresh(t, (bytes + PROF_REF_UNIT - 1) / PROF_REF_UNIT * PROF_REF_UNIT);
    if (block) {
        fill(t, l, block, now);
        ((prof_spans *)(void *)(block + 1))->order = ++order;
    }
    l->full = now;
    t->span_end = NULL;
}

static void next_block(prof_thread *t, prof_timeline *l, uint64_t now) {
    pthread_mutex_lock(&lock);
    if (l->block && prof_limits.trace_last) enqueue(l);
    prof_chunk *block = take_block(t, l);
    if (block) {
        fill(t, l, block, now);
        __atomic_store_n(&((prof_spans *)(void *)(block + 1))->order, ++order, __ATOMIC_RELEASE);
    } else {
        no_more(t, l, now);
    }
    pthread_mutex_unlock(&lock);
}

/* The thread's, made at first use; NULL without room, which is counted. */
static prof_timeline *timeline_of(prof_thread *t) {
    if (t->timeline) return t->timeline;
    prof_timeline *l = calloc(1, sizeof *l);
    pthread_mutex_lock(&lock);
    prof_missing *missing =
        l ? prof_arena_append(&missing_room, PROF_CHUNK_MISSING, sizeof *missing, 0, 2 * sizeof *missing) : NULL;
    if (missing) {
        missing[0].thread = missing[1].thread = prof_arena_ref(t->record);
        missing[1].overwritten = 1;
        prof_arena_publish(&missing_room, 2 * sizeof *missing);
    }
    pthread_mutex_unlock(&lock);
    if (!missing) {
        free(l);
        prof_count(PROF_DROP_SPANS_UNKEPT, 1);
        return NULL;
    }
    *l = (prof_timeline){.size = FIRST_BLOCK, .full = PROF_NO_TICKS, .missing = missing};
    return t->timeline = l;
}

/* ---- what is set down -------------------------------------------------------------------------------------------------- */

/* Makes sure that an entry fits that begins and ends then. 0, or -1 where there is no room, which is counted. */
static int reserve(prof_thread *t, uint64_t start, uint64_t end) {
    prof_timeline *l = timeline_of(t);
    if (!l) return -1;
    if (l->full == PROF_NO_TICKS && (!l->block || l->limit - t->span < ENTRY)) next_block(t, l, end);
    if (l->full == PROF_NO_TICKS || (start <= l->full && l->block && l->limit - t->span >= ENTRY)) return 0;
    count_missing(l->missing, start, end, 1);
    return -1;
}

static void put(prof_thread *t, const prof_node *node, uint64_t start, uint64_t end, int open) {
    if (reserve(t, start, end)) return;
    uint64_t ticks = end - start;
    if (end - t->span_from > UINT32_MAX) count_from(t, end);
    if (open) word(t, PROF_SPAN_OPEN, 0, 0);
    if (ticks > UINT32_MAX) {
        instant(t, PROF_SPAN_LONG, start);
        ticks = 0;
    }
    word(t, prof_arena_ref(node), (uint32_t)(end - t->span_from), (uint32_t)ticks);
}

void prof_span_put_slow(prof_thread *t, const prof_node *node, uint64_t start, uint64_t end) {
    if (t->epoch != prof_epoch) return;
    put(t, node, start, end, 0);
}

void prof_timeline_point(prof_thread *t, const prof_node *node, prof_ref name, int real, uint64_t value) {
    uint64_t now = prof_now();
    if (!prof_traced || reserve(t, now, now)) return;
    if (now - t->span_from > UINT32_MAX) count_from(t, now);
    uint32_t *more = t->span + PROF_SPAN_WORDS;
    more[0] = prof_arena_ref(node);
    more[1] = (uint32_t)value;
    more[2] = (uint32_t)(value >> 32);
    word(t, real ? PROF_SPAN_REAL : PROF_SPAN_POINT, (uint32_t)(now - t->span_from), name);
    t->span += PROF_SPAN_WORDS;
}

/* ---- the life of a thread ------------------------------------------------------------------------------------------------ */

void prof_timeline_begin(prof_thread *t) {
    if (!prof_traced) return;
    prof_frame *stack = prof_stack_resized(t, 1, (size_t)(t->limit - t->base));
    if (!stack) return; /* it stays where it is */
    t->limit = stack + (t->limit - t->base);
    t->base = t->top = stack;
}

void prof_timeline_end(prof_thread *t, uint64_t now) {
    if (!prof_traced) return;
    for (const prof_frame *f = t->top; f > t->base; f--)
        if (now - f->start >= prof_span_least) put(t, f->node, f->start, now, 1);
    t->span_end = NULL;
    if (!t->timeline || !t->timeline->block || !prof_limits.trace_last) return;
    pthread_mutex_lock(&lock);
    enqueue(t->timeline);
    t->timeline->block = NULL;
    pthread_mutex_unlock(&lock);
}

void prof_timeline_forget(prof_thread *t) {
    t->span_end = NULL;
    if (!t->stack_in_capture) return;
    static prof_frame nothing[2]; /* for want of memory; there is one thread in a child */
    prof_frame *stack = malloc(2 * sizeof *stack);
    t->stack_in_capture = !stack; /* then nobody frees it */
    if (!stack) stack = nothing;
    stack[0] = (prof_frame){.node = &prof_no_node};
    t->base = t->top = stack;
    t->limit = stack + 1;
}
