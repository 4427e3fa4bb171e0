#define _GNU_SOURCE
#include "session.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "labels.h"
#include "memory.h"
#include "sampler.h"
#include "suspended.h"

#define FIRST_FRAMES 256
#define PENDING 128 /* completed calls set down before they are counted: two kilobytes, which stay in the first cache */

prof_node prof_no_node = {.private_last = (uint64_t)(uintptr_t)&prof_no_node};
prof_label prof_no_label = {.min = UINT64_MAX};
static prof_frame no_frames[2] = {{.node = &prof_no_node}, {.node = &prof_no_node}};
static prof_pending no_pending[2];
prof_thread prof_no_thread = {.top = no_frames, .base = no_frames, .limit = no_frames + 1,
                              .pending = no_pending, .pending_end = no_pending + 2, .epoch = UINT64_MAX};
__thread prof_thread *prof_current __attribute__((tls_model("initial-exec"))) = &prof_no_thread;
uint64_t prof_epoch;
prof_config prof_limits;
const char *(*prof_thread_namer)(char *buffer, size_t size);
void (*prof_on_open)(void);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* protects the lists, `records`, and where stacks lie */
static prof_thread *threads;                             /* Owned list, of the running recording */
static prof_thread *adopted;                             /* Owned list: of threads that have not entered a span yet */
uint64_t prof_threads_version;
static prof_appender records, meta;
static pthread_key_t at_thread_exit;
static int has_key;
static uint64_t heartbeat_ticks; /* how old the header's last instant may grow: a killed process is read by it */

/* What the forking thread had open, from the parent's capture, to go on with in the child's. */
typedef struct {
    prof_label *label; /* Borrowed from the parent's mapping, which stays */
    void *owner;
    uint64_t prior, loose;
} carried_frame;
static struct {
    char *base; /* Borrowed: the parent's mapping */
    carried_frame *frames; /* Owned */
    size_t count;
} carried;

int prof_recording(void) { return (int)(prof_epoch & 1); }

void prof_count(enum prof_drop what, uint64_t n) {
    if (prof_arena_base) __atomic_fetch_add(&prof_arena_header()->drops[what], n, __ATOMIC_RELAXED);
}

const char *prof_drop_name(uint32_t index) {
    static const char *const names[] = {
        [PROF_DROP_HEALED] = "spans closed by the return of a caller",
        [PROF_DROP_UNMATCHED_LEAVE] = "returns of functions entered before recording began, or never",
        [PROF_DROP_SECTION_OPEN] = "sections left open by their function",
        [PROF_DROP_SECTION_UNOPENED] = "end() of a section that was not open",
        [PROF_DROP_SECTION_ORDER] = "sections closed by the end() of an outer one",
        [PROF_DROP_FOLDED_DEPTH] = "calls beyond the depth limit, charged to an outer call of the same function",
        [PROF_DROP_FOLDED_SIZE] = "calls beyond the size limit, charged to an outer call",
        [PROF_DROP_LOST_LABELS] = "functions or sections not recorded for want of space",
        [PROF_DROP_LOST_COUNTS] = "operations not counted for want of space",
        [PROF_DROP_OPEN_AT_END] = "spans still open when recording ended",
        [PROF_DROP_TICKS_MISSED] = "moments that the sampler missed",
        [PROF_DROP_SAMPLES_TORN] = "samples whose frames changed while they were copied, without their frames",
        [PROF_DROP_SAMPLES_CUT] = "samples of stacks deeper than is kept, without their outer frames",
        [PROF_DROP_SAMPLES_LOST] = "samples lost, or their frames, for want of space",
        [PROF_DROP_UNMETERED] = "threads whose input, output and waits were not looked at: there were too many",
    };
    return index < sizeof names / sizeof *names ? names[index] : NULL;
}

/* ---- threads ------------------------------------------------------------------------------------------------- */

/* Accounts a thread's open frames up to `now`, the root included. Returns how many were open above the root. */
static uint64_t flush(prof_thread *t, uint64_t now) {
    uint64_t open = (uint64_t)(t->top - t->base);
    while (t->top > t->base) prof_pop(t, t->top, now);
    t->base->node->self += now - t->base->start - t->base->child;
    t->base->node = &prof_no_node;
    t->record->end = now;
    prof_pending_count(t);
    return open;
}

static void thread_free(prof_thread *t) {
    free(t->base);
    free(t->children);
    free(t);
}

/* Takes the thread out of the list, if it is in it. */
static int unlinked(prof_thread **list, prof_thread *t) {
    for (prof_thread **p = list; *p; p = &(*p)->next) {
        if (*p != t) continue;
        *p = t->next;
        prof_threads_version++;
        return 1;
    }
    return 0;
}

/* Runs when a thread ends: pthread calls it with the thread's state. */
static void thread_exit(void *state) {
    prof_thread *t = state;
    prof_current = &prof_no_thread;
    pthread_mutex_lock(&lock);
    if (unlinked(&threads, t) && t->epoch == prof_epoch) prof_count(PROF_DROP_OPEN_AT_END, flush(t, prof_now()));
    if (t->sampled) prof_sampler_gone(t->sampled);
    pthread_mutex_unlock(&lock);
    thread_free(t);
}

void prof_pending_count(prof_thread *t) {
    prof_pending *p = t->pending_end - PENDING;
    for (prof_pending *end = t->pending; p < end; p++) {
        prof_label *label = prof_arena_at(p->label);
        p->label = 0; /* first: a call must not be counted twice if the process dies here */
        if (p->ticks < label->min) label->min = p->ticks;
        if (p->ticks > label->max) label->max = p->ticks;
        label->histogram[prof_histogram_bin(p->ticks)]++;
    }
    t->pending = t->pending_end - PENDING;
    uint64_t now = prof_now();
    if (now - prof_arena_header()->last.ticks > heartbeat_ticks) prof_arena_header()->last = prof_clock_instant();
}

/* Ticks of the capture's clock for that thread; of the calling one, or of another. */
static uint64_t ticks_of(const prof_thread *t) {
    return prof_clock_kind_now == PROF_CLOCK_CPU ? prof_clock_kernel_ns(t->cpu_clock) : prof_now();
}

static prof_pending *pending_room(prof_thread *t) {
    uint64_t bytes = PENDING * sizeof(prof_pending);
    prof_appender room = {.grow = bytes + sizeof(prof_chunk)};
    prof_pending *p = prof_arena_append(&room, PROF_CHUNK_PENDING, sizeof *p, prof_arena_ref(t->record), bytes);
    if (p) prof_arena_publish(&room, bytes);
    return p;
}

static prof_thread *thread_new(uint64_t native_id, const char *name) {
    prof_thread *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    t->base = malloc(FIRST_FRAMES * sizeof *t->base);
    pthread_mutex_lock(&lock);
    t->record = t->base ? prof_arena_append(&records, PROF_CHUNK_THREADS, sizeof *t->record, 0, sizeof *t->record) : NULL;
    if (t->record) {
        prof_label *label = prof_label_intern(PROF_THREAD, name[0] ? name : "thread", NULL, NULL, 0, 0);
        prof_node *root = label ? prof_node_new(t, NULL, prof_arena_ref(label)) : NULL;
        t->pending = root ? pending_room(t) : NULL;
        if (t->pending) {
            t->native_id = t->record->native_id = native_id;
            t->cpu_clock = prof_thread_clock(native_id);
            t->record->name = label->name;
            t->record->root = prof_arena_ref(root);
            t->record->start = ticks_of(t);
            t->base[0] = (prof_frame){.node = root, .start = t->record->start};
            prof_arena_publish(&records, sizeof *t->record);
        } else {
            t->record = NULL;
        }
    }
    pthread_mutex_unlock(&lock);
    if (!t->record) { /* no room: the thread is not recorded, and says so */
        prof_count(PROF_DROP_LOST_LABELS, 1);
        thread_free(t);
        return NULL;
    }
    t->top = t->base;
    t->limit = t->base + FIRST_FRAMES;
    t->pending_end = t->pending + PENDING;
    t->epoch = prof_epoch;
    return t;
}

static prof_thread *take_adopted(uint64_t native_id) {
    pthread_mutex_lock(&lock);
    prof_thread *t = adopted;
    while (t && t->native_id != native_id) t = t->next;
    if (t) unlinked(&adopted, t);
    pthread_mutex_unlock(&lock);
    return t;
}

static prof_thread *thread_of_caller(void) {
    char name[128] = "";
    uint64_t native_id = (uint64_t)syscall(SYS_gettid);
    prof_thread *t = adopted ? take_adopted(native_id) : NULL;
    if (t) return t;
    if (prof_thread_namer) prof_thread_namer(name, sizeof name);
    if (!name[0] && pthread_getname_np(pthread_self(), name, sizeof name)) name[0] = 0;
    return thread_new(native_id, name);
}

/* A thread is taken up once, by itself or by the sampler, whoever comes first. */
static pthread_mutex_t births = PTHREAD_MUTEX_INITIALIZER;

prof_thread *prof_thread_enter(void) {
    if (!prof_recording()) return NULL;
    prof_thread *old = prof_current;
    if (old != &prof_no_thread) { /* of an earlier recording, which has freed the list it was in */
        prof_current = &prof_no_thread;
        thread_free(old);
    }
    pthread_mutex_lock(&births);
    prof_thread *t = thread_of_caller();
    if (t) {
        pthread_mutex_lock(&lock);
        t->next = threads;
        threads = t;
        prof_threads_version++;
        pthread_mutex_unlock(&lock);
    }
    pthread_mutex_unlock(&births);
    if (has_key) pthread_setspecific(at_thread_exit, t);
    return t ? prof_current = t : NULL;
}

prof_thread *prof_thread_of(uint64_t native_id) {
    pthread_mutex_lock(&lock);
    prof_thread *t = threads;
    while (t && t->record->native_id != native_id) t = t->next;
    pthread_mutex_unlock(&lock);
    return t;
}

void prof_threads_lock(void) { pthread_mutex_lock(&lock); }
void prof_threads_unlock(void) { pthread_mutex_unlock(&lock); }
prof_thread *prof_threads_first(void) { return threads; }

prof_thread *prof_thread_adopt(uint64_t native_id, const char *name) {
    pthread_mutex_lock(&births);
    prof_thread *t = prof_thread_of(native_id);
    if (!t && (t = thread_new(native_id, name))) {
        pthread_mutex_lock(&lock);
        t->next = adopted;
        adopted = t;
        pthread_mutex_unlock(&lock);
    }
    pthread_mutex_unlock(&births);
    return t;
}

static void rename_in(prof_thread *list, uint64_t native_id, prof_ref name) {
    for (prof_thread *t = list; t; t = t->next)
        if (t->native_id == native_id) t->record->name = name;
}

void prof_thread_rename(uint64_t native_id, const char *name) {
    if (!prof_recording()) return;
    prof_ref ref = prof_string_ref(name);
    pthread_mutex_lock(&lock);
    rename_in(threads, native_id, ref);
    rename_in(adopted, native_id, ref);
    pthread_mutex_unlock(&lock);
}

void prof_thread_disown(prof_thread *t) {
    pthread_mutex_lock(&lock);
    int was = unlinked(&adopted, t);
    if (was) flush(t, prof_clock_kind_now == PROF_CLOCK_CPU ? t->record->start : prof_now());
    pthread_mutex_unlock(&lock);
    if (was) thread_free(t);
}

void prof_name_thread(const char *name) {
    prof_thread *t = prof_thread_current();
    if (t) t->record->name = prof_string_ref(name);
}

int prof_stack_grow(prof_thread *t) {
    size_t used = (size_t)(t->top - t->base), size = (size_t)(t->limit - t->base) * 2;
    pthread_mutex_lock(&lock); /* the sampler may be looking at it */
    prof_frame *bigger = realloc(t->base, size * sizeof *bigger);
    if (bigger) {
        t->base = bigger;
        t->top = bigger + used;
        t->limit = bigger + size;
    }
    pthread_mutex_unlock(&lock);
    return bigger ? 0 : -1;
}

prof_frame *prof_unwind(prof_thread *t, const prof_label *label, uint64_t now) {
    prof_frame *found = t->top;
    while (found > t->base && found->label != label) found--;
    if (found == t->base) {
        prof_count(PROF_DROP_UNMATCHED_LEAVE, 1);
        return NULL;
    }
    while (t->top > found) {
        prof_count(t->top->label->kind == PROF_SECTION ? PROF_DROP_SECTION_OPEN : PROF_DROP_HEALED, 1);
        prof_pop_complete(t, t->top, now);
    }
    return found;
}

/* ---- recording ------------------------------------------------------------------------------------------------ */

static void set_limits(const prof_config *config) {
    prof_limits = config ? *config : (prof_config){0};
    if (!prof_limits.depth) prof_limits.depth = 1000;
    if (!prof_limits.max_nodes) prof_limits.max_nodes = 4000000;
    if (!prof_limits.max_bytes) prof_limits.max_bytes = (uint64_t)8 << 30;
    if (prof_limits.max_bytes > (uint64_t)32 << 30) prof_limits.max_bytes = (uint64_t)32 << 30; /* refs end there */
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
    heartbeat_ticks = prof_clock_kind_now == PROF_CLOCK_TSC ? 50 * (h->first.ticks - h->start.ticks)
                      : prof_clock_kind_now == PROF_CLOCK_MONOTONIC ? 50000000 : UINT64_MAX;
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
    int error = prof_arena_open(path, prof_limits.max_bytes);
    if (error) {
        snprintf(why, why_size, "cannot write %s: %s", path, strerror(error));
        return error;
    }
    if (!has_key) {
        has_key = !pthread_key_create(&at_thread_exit, thread_exit);
        pthread_atfork(NULL, NULL, prof_forget); /* whoever forks, the child never writes into its parent's capture */
    }
    prof_labels_reset();
    prof_tree_reset();
    records = meta = (prof_appender){0};
    threads = adopted = NULL;
    write_header();
    error = prof_arena_publish_name(path);
    if (error) {
        snprintf(why, why_size, "cannot write %s: %s", path, strerror(error));
        return error;
    }
    calibrate();
    prof_epoch++;
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
    prof_sampler_stop();
    uint64_t open = 0;
    prof_instant last = prof_clock_instant();
    uint64_t now = prof_now();
    pthread_mutex_lock(&lock);
    for (prof_thread *t = threads; t; t = t->next)
        open += flush(t, prof_clock_kind_now == PROF_CLOCK_CPU ? prof_clock_kernel_ns(t->cpu_clock) : now);
    for (prof_thread *t = adopted, *next; t; t = next) {
        next = t->next;
        flush(t, ticks_of(t));
        thread_free(t);
    }
    adopted = NULL;
    threads = NULL; /* each thread frees its own at its next event or its end */
    prof_epoch++;
    pthread_mutex_unlock(&lock);
    prof_count(PROF_DROP_OPEN_AT_END, open);
    prof_suspended_clear();
    prof_arena_header()->last = last;
    __atomic_store_n(&prof_arena_header()->state, PROF_CLOSED, __ATOMIC_RELEASE);
    prof_arena_close();
}

void prof_forget(void) {
    if (!prof_recording()) return;
    prof_memory_stop();
    prof_epoch++;
    pthread_mutex_init(&lock, NULL); /* the parent's other threads, which may have held them, are not here */
    pthread_mutex_init(&births, NULL);
    prof_sampler_forget();
    prof_thread *t = prof_current;
    carried.base = prof_arena_base;
    carried.count = t->epoch + 1 == prof_epoch ? (size_t)(t->top - t->base) : 0;
    carried.frames = carried.count ? malloc(carried.count * sizeof *carried.frames) : NULL;
    if (!carried.frames) carried.count = 0;
    for (size_t i = 0; i < carried.count; i++)
        carried.frames[i] = (carried_frame){t->base[i + 1].label, t->base[i + 1].owner, t->base[i + 1].prior,
                                             t->base[i + 1].loose};
    if (t != &prof_no_thread) {
        t->top = t->base;
        t->base->node = &prof_no_node;
    }
    threads = adopted = NULL;
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

/* ---- spans of C callers ----------------------------------------------------------------------------------------- */

void prof_begin(prof_label *label) {
    prof_thread *t = prof_thread_current();
    prof_frame *f = t ? prof_push(t, label) : NULL;
    if (f) f->node->calls++;
}

void prof_end(prof_label *label) {
    uint64_t now = prof_now();
    prof_thread *t = prof_thread_current();
    prof_frame *f = t ? prof_find(t, label, now) : NULL;
    if (f) prof_pop_complete(t, f, now);
}

static prof_label *own_label(void) { return prof_label_get(PROF_PROFILER, "prof", "prof", NULL, 0); }

void prof_own_begin(void) {
    prof_label *own = own_label();
    prof_busy.quiet++;
    if (own) prof_begin(own);
}

void prof_own_end(void) {
    prof_label *own = own_label();
    if (own) prof_end(own);
    prof_busy.quiet--;
}

uint32_t prof_stack_depth(void) {
    prof_thread *t = prof_current;
    return t->epoch == prof_epoch ? (uint32_t)(t->top - t->base) : 0;
}

const char *prof_stack_name(uint32_t index) {
    prof_thread *t = prof_current;
    if (t->epoch != prof_epoch || index > (uint32_t)(t->top - t->base)) return "";
    return prof_string_text(index ? ((prof_label *)t->base[index].label)->name : t->record->name);
}
