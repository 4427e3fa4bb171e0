/* Blocks of memory that the caller tells of. */
#include <pthread.h>

#include "core/labels.h"
#include "core/session.h"
#include "core/tree.h"
#include "host.h"
#include "modes/memory/memory.h"
#include "recorder.h"

#define LARGE (64 * 1024) /* such a block shows in the process's memory */

/* Memory is counted by one thread at a time. In Python's process that is the one with the interpreter's lock, and the others queue what
 * they have; elsewhere this lock does. It also keeps two threads from telling of blocks that overlap. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int started; /* by us */
static uint32_t told;

static void forgotten(void) {
    pthread_mutex_init(&lock, NULL); /* another thread may have held it at the fork */
    started = 0;
}

static prof_session_part part = {.forgotten = forgotten};

void prof_recorder_blocks_prepare(void) { prof_session_join(&part); }

static int may_count(void) { return !prof_recorder_locked || prof_recorder_locked(); }

/* Whether the running recording counts memory. One of C begins to with its first block. */
static int begin(void) {
    if (!prof_recorder_has(PROF_MODE_MEMORY)) return PROF_OFF;
    if (prof_memory_mode) return PROF_OK; /* ours, or Python's */
    if (PROF_RECORDER_HOST) return PROF_OFF;
    if (prof_memory_start(PROF_MEMORY_DETAIL)) return PROF_NO_ROOM;
    started = 1;
    __atomic_fetch_or(&prof_arena_header()->modes, PROF_MODE_MEMORY, __ATOMIC_RELAXED);
    return PROF_OK;
}

void prof_recorder_blocks_finish(void) {
    pthread_mutex_lock(&lock);
    if (started) {
        prof_memory_moment(1);
        prof_memory_stop();
    }
    started = 0;
    pthread_mutex_unlock(&lock);
}

/* ---- where ------------------------------------------------------------------------------------------------------------ */

/* A line that allocates. */
typedef struct {
    uintptr_t key; /* what it is found by */
    prof_ref function, file;
    uint32_t line;
} where;

static where where_of(const prof_thread *t, const prof_site *site, const prof_label *label) {
    if (!label) label = t->top->label ? t->top->label : prof_arena_at(t->top->node->label);
    where w = {(uintptr_t)label, label->name, label->file, label->line};
    if (site) w.key = (uintptr_t)site;
    if (!w.file) w.file = w.function;
    return w;
}

static prof_node *leaf_of(prof_thread *t, const where *w) {
    prof_node *top = t->top->node, *leaf = prof_site_find(w->key, prof_arena_ref(top));
    if (leaf) return leaf;
    leaf = prof_site_at_line(t, top, w->function, w->file, w->line);
    if (leaf) prof_site_remember(w->key, top, leaf);
    return leaf;
}

/* ---- in and out --------------------------------------------------------------------------------------------------------- */

static void release(uint32_t tag, size_t bytes) {
    if (may_count()) prof_memory_released(tag, bytes);
    else prof_memory_queue(tag, bytes, 1);
}

static int count(prof_thread *t, const where *w, const void *block, size_t bytes) {
    prof_node *leaf = leaf_of(t, w);
    if (!leaf) return PROF_NO_ROOM;
    prof_memory_allocated(leaf, block, bytes, 0);
    if (!PROF_RECORDER_HOST && (!(++told & 255) || bytes >= LARGE)) prof_memory_moment(0);
    return PROF_OK;
}

/* Without the interpreter's lock: in the map at once, in the sums when somebody with it comes by. */
static int queue(prof_thread *t, const where *w, const void *block, size_t bytes) {
    uint32_t tag = prof_block_tag(prof_memory_line_without_gil(t, t->top->node, w->function, w->file, w->line), 0);
    int followed = prof_memory_mode != PROF_MEMORY_DETAIL || !prof_pagemap_put(block, bytes, tag);
    prof_memory_queue(tag, bytes, 0);
    if (followed) return PROF_OK;
    prof_memory_queue(tag, bytes, 1);
    prof_count(PROF_DROP_BLOCKS_UNFOLLOWED, 1);
    return PROF_OK;
}

static int put(prof_thread *t, const where *w, const void *block, size_t bytes) {
    size_t before;
    int result = begin();
    if (result) return result;
    if (prof_memory_mode == PROF_MEMORY_DETAIL) {
        uint32_t tag = prof_pagemap_take(block, &before); /* its end was not told */
        if (tag) release(tag, before);
        if (!prof_pagemap_fits(block, bytes)) return PROF_INVALID;
    }
    return may_count() ? count(t, w, block, bytes) : queue(t, w, block, bytes);
}

static int take(const void *block) {
    size_t bytes;
    if (!prof_memory_mode) return prof_recorder_has(PROF_MODE_MEMORY) && !PROF_RECORDER_HOST ? PROF_UNKNOWN_BLOCK : PROF_OFF;
    if (prof_memory_mode != PROF_MEMORY_DETAIL) return PROF_OK; /* frees are not followed */
    uint32_t tag = prof_pagemap_take(block, &bytes);
    if (tag) release(tag, bytes);
    else if (!PROF_RECORDER_HOST) prof_memory_totals->unknown_frees++;
    return tag ? PROF_OK : PROF_UNKNOWN_BLOCK;
}

/* The address map knows 48 bits. */
static int is_address(const void *block) { return block && !((uint64_t)(uintptr_t)block >> 48); }

int prof_recorder_allocated(prof_site *site, const void *block, size_t bytes) {
    int result = PROF_OK;
    if (!is_address(block) || bytes > INT64_MAX) return PROF_INVALID;
    prof_thread *t = prof_recorder_in();
    if (!t) return PROF_OFF;
    prof_label *label = site ? prof_recorder_label(site, PROF_RECORDER_SPAN, &result) : NULL;
    if (!site || label) {
        where w = where_of(t, site, label);
        pthread_mutex_lock(&lock);
        result = put(t, &w, block, bytes);
        pthread_mutex_unlock(&lock);
    }
    prof_recorder_out(t);
    return result;
}

int prof_recorder_freed(const void *block) {
    if (!is_address(block)) return PROF_INVALID;
    prof_thread *t = prof_recorder_in();
    if (!t) return PROF_OFF;
    pthread_mutex_lock(&lock);
    int result = take(block);
    pthread_mutex_unlock(&lock);
    prof_recorder_out(t);
    return result;
}
