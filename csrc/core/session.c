#define _GNU_SOURCE
#include "session.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "labels.h"
#include "metrics.h"
#include "slowest.h"
#include "suspended.h"
#include "threads.h"
#include "timeline.h"
#include "tree.h"
#include "waits.h"

void (*prof_on_open)(void);
void (*prof_on_forget)(void);

static prof_session_part *parts; /* Borrowed list */
static prof_appender meta;
static int has_fork_hook;

/* What the forking thread had open, from the parent's capture, to go on with in the child's. */
typedef struct {
    prof_label *label; /* Borrowed from the parent's mapping, which stays */
    void *owner;
    uint64_t prior, begun, loose;
} carried_frame;
static struct {
    char *base;            /* Borrowed: the parent's mapping */
    carried_frame *frames; /* Owned */
    size_t count;
} carried;

void prof_session_join(prof_session_part *part) {
    if (part->joined) return;
    part->joined = 1;
    part->next = parts;
    parts = part;
}

/* ---- recording ------------------------------------------------------------------------------------------------ */

static void set_limits(const prof_config *config) {
    prof_limits = config ? *config : (prof_config){0};
    if (!prof_limits.depth) prof_limits.depth = 1000;
    if (!prof_limits.max_nodes) prof_limits.max_nodes = 4000000;
    if (!prof_limits.max_bytes) prof_limits.max_bytes = (uint64_t)8 << 30;
    if (prof_limits.max_bytes > (uint64_t)32 << 30) prof_limits.max_bytes = (uint64_t)32 << 30; /* refs end there */
    if (!prof_limits.file_mode) prof_limits.file_mode = 0600; /* it holds arguments, names and lines of source */
}

static void write_header(void) {
    prof_header *h = prof_arena_header();
    h->version = PROF_FORMAT_VERSION;
    h->byte_order = PROF_BYTE_ORDER;
    h->header_size = PROF_HEADER_SIZE;
    h->state = PROF_RECORDING;
    h->clock = prof_clock_kind_now;
    h->pid = (uint32_t)getpid();
    h->modes = prof_limits.modes;
    h->interval_ns = prof_limits.interval_ns;
    h->least_ns = prof_limits.least_ns;
    h->start = h->first = h->last = prof_clock_instant();
    memcpy(h->magic, PROF_MAGIC, sizeof h->magic);
}

/* A first calibration, for captures cut short. */
static void calibrate(void) {
    prof_header *h = prof_arena_header();
    if (prof_clock_kind_now == PROF_CLOCK_TSC) {
        struct timespec millisecond = {0, 1000000};
        nanosleep(&millisecond, NULL);
    }
    h->first = h->last = prof_clock_instant();
    prof_heartbeat_ticks = prof_clock_kind_now == PROF_CLOCK_TSC         ? 50 * (h->first.ticks - h->start.ticks)
                           : prof_clock_kind_now == PROF_CLOCK_MONOTONIC ? 50000000
                                                                         : UINT64_MAX;
}

uint64_t prof_session_ticks(uint64_t ns) {
    const prof_header *h = prof_arena_header();
    if (prof_clock_kind_now != PROF_CLOCK_TSC || h->first.monotonic_ns <= h->start.monotonic_ns) return ns;
    double ratio = (double)(h->first.ticks - h->start.ticks) / (double)(h->first.monotonic_ns - h->start.monotonic_ns);
    return (uint64_t)((double)ns * ratio);
}

static prof_label *translate(prof_label *old) {
    const char *base = carried.base;
#define TEXT(ref) ((ref) ? ((const prof_string *)(const void *)(base + (uint64_t)(ref) * PROF_REF_UNIT))->text : NULL)
    return prof_label_intern(old->kind, TEXT(old->name), TEXT(old->module), TEXT(old->file), old->line, old->flags);
#undef TEXT
}

/* Goes on in the child with the spans that were open in the parent at fork(); they are not calls of the child. */
static void resume_carried(void) {
    prof_suspended_translate(translate);
    prof_thread *t = carried.count ? prof_thread_current() : NULL;
    for (size_t i = 0; t && i < carried.count; i++) {
        prof_label *label = translate(carried.frames[i].label);
        prof_frame *f = label ? prof_push(t, label) : NULL;
        if (!f) break;
        f->owner = carried.frames[i].owner;
        f->prior = carried.frames[i].prior;
        f->begun = carried.frames[i].begun;
        f->loose = carried.frames[i].loose;
    }
    free(carried.frames);
    memset(&carried, 0, sizeof carried);
}

int prof_open(const char *path, const prof_config *config, char *why, size_t why_size) {
    if (prof_recording()) {
        snprintf(why, why_size, "this process is already recording");
        return EBUSY;
    }
    set_limits(config);
    prof_clock_select(prof_limits.clock);
    int error = prof_arena_open(path, prof_limits.max_bytes, prof_limits.file_mode);
    if (error) {
        snprintf(why, why_size, "cannot write %s: %s", path, strerror(error));
        return error;
    }
    /* Whoever forks, the child never writes into its parent's capture. */
    if (!has_fork_hook) has_fork_hook = !pthread_atfork(NULL, NULL, prof_forget);
    prof_labels_reset();
    prof_tree_reset();
    prof_metrics_reset();
    prof_waits_reset();
    prof_threads_reset();
    meta = (prof_appender){0};
    write_header();
    error = prof_arena_publish_name(path);
    if (error) {
        snprintf(why, why_size, "cannot write %s: %s", path, strerror(error));
        return error;
    }
    calibrate();
    prof_slowest_reset();
    prof_timeline_reset();
    prof_epoch_advance();
    if (carried.base) resume_carried();
    if (prof_on_open) prof_on_open();
    if (!prof_thread_current()) {
        prof_close();
        snprintf(why, why_size, "cannot write %s: no space left for its first records", path);
        return ENOSPC;
    }
    return 0;
}

void prof_heartbeat(void) {
    if (prof_recording()) prof_arena_header()->last = prof_clock_instant();
}

void prof_close(void) {
    if (!prof_recording()) return;
    for (prof_session_part *p = parts; p; p = p->next)
        if (p->close) p->close();
    prof_instant last = prof_clock_instant();
    prof_suspended_end(prof_now());
    prof_count(PROF_DROP_OPEN_AT_END, prof_threads_close(prof_now()));
    prof_suspended_clear();
    prof_arena_header()->last = last;
    __atomic_store_n(&prof_arena_header()->state, PROF_CLOSED, __ATOMIC_RELEASE);
    prof_arena_close();
}

void prof_replaced(int replaced) {
    if (!prof_recording()) return;
    prof_heartbeat();
    __atomic_store_n(&prof_arena_header()->state, replaced ? PROF_REPLACED : PROF_RECORDING, __ATOMIC_RELEASE);
}

int prof_full(void) { return prof_arena_full(); }

void prof_forget(void) {
    if (!prof_recording()) return;
    for (prof_session_part *p = parts; p; p = p->next)
        if (p->forget) p->forget();
    if (prof_on_forget) prof_on_forget();
    prof_epoch_advance();
    prof_thread *t = prof_current;
    carried.base = prof_arena_base;
    carried.count = t->epoch + 1 == prof_epoch ? (size_t)(t->top - t->base) : 0;
    carried.frames = carried.count ? malloc(carried.count * sizeof *carried.frames) : NULL;
    if (!carried.frames) carried.count = 0;
    for (size_t i = 0; i < carried.count; i++)
        carried.frames[i] = (carried_frame){t->base[i + 1].label, t->base[i + 1].owner, t->base[i + 1].prior, t->base[i + 1].begun,
                                            t->base[i + 1].loose};
    if (t != &prof_no_thread) {
        prof_timeline_forget(t);
        t->top = t->base;
        t->base->node = &prof_no_node;
    }
    prof_threads_forget();
    for (prof_session_part *p = parts; p; p = p->next)
        if (p->forgotten) p->forgotten();
    prof_arena_forget();
}

int prof_set_meta(const char *json, size_t length) {
    if (!prof_recording()) return EINVAL;
    size_t bytes = (length + 7) / 8 * 8;
    meta = (prof_appender){0};
    char *room = prof_arena_append(&meta, PROF_CHUNK_META, 1, 0, bytes);
    if (!room) return ENOSPC;
    memcpy(room, json, length);
    memset(room + length, ' ', bytes - length);
    prof_arena_publish(&meta, bytes);
    return 0;
}

void prof_set_probe_cost(uint64_t picoseconds) {
    if (prof_recording()) prof_arena_header()->probe_cost_ps = picoseconds;
}
