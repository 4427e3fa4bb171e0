#define _GNU_SOURCE
#include "threads.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "labels.h"
#include "timeline.h"
#include "tree.h"

#define FIRST_FRAMES 256

prof_node prof_no_node = {.private_last = (uint64_t)(uintptr_t)&prof_no_node};
prof_label prof_no_label = {.min = UINT64_MAX, .private_slow_above = UINT64_MAX};
static prof_frame no_frames[2] = {{.node = &prof_no_node}, {.node = &prof_no_node}};
static prof_pending no_pending[2];
prof_thread prof_no_thread = {.top = no_frames,
                              .base = no_frames,
                              .limit = no_frames + 1,
                              .pending = no_pending,
                              .pending_end = no_pending + 2,
                              .epoch = UINT64_MAX};
__thread prof_thread *prof_current __attribute__((tls_model("initial-exec"))) = &prof_no_thread;
const char *(*prof_thread_namer)(char *buffer, size_t size);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* protects the lists, `records`, and where stacks lie */
/* A thread is taken up once, by itself or by the sampler, whoever comes first. */
static pthread_mutex_t births = PTHREAD_MUTEX_INITIALIZER;
static prof_thread *threads; /* Owned list, of the running recording */
static prof_thread *adopted; /* Owned list: of threads that have not entered a span yet */
uint64_t prof_threads_version;
static prof_appender records;
static pthread_key_t at_thread_exit;
static int has_key;

/* Accounts a thread's open frames up to `now`, the root included. Returns how many were open above the root. */
static uint64_t flush(prof_thread *t, uint64_t now) {
    uint64_t open = (uint64_t)(t->top - t->base);
    prof_timeline_end(t, now);
    while (t->top > t->base) prof_pop_as(t, t->top, now, 0);
    t->base->node->self += now - t->base->start - t->base->child;
    t->base->node = &prof_no_node;
    t->record->end = now;
    t->record->cpu_end = prof_clock_kernel_ns(t->cpu_clock);
    prof_pending_count(t);
    return open;
}

static void thread_free(prof_thread *t) {
    prof_stack_free(t);
    free(t->timeline);
    free(t->children);
    free(t->metrics);
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

static prof_thread *find_in(prof_thread *list, uint64_t native_id) {
    while (list && list->native_id != native_id) list = list->next;
    return list;
}

/* Runs when a thread ends: pthread calls it with the thread's state. */
static void thread_exit(void *state) {
    prof_thread *t = state;
    prof_current = &prof_no_thread;
    pthread_mutex_lock(&lock);
    if (unlinked(&threads, t) && t->epoch == prof_epoch) prof_count(PROF_DROP_OPEN_AT_END, flush(t, prof_now()));
    if (t->watched) *t->watched = NULL;
    pthread_mutex_unlock(&lock);
    thread_free(t);
}

/* Ticks of the capture's clock for that thread; of the calling one, or of another. */
static uint64_t ticks_of(const prof_thread *t) {
    return prof_clock_kind_now == PROF_CLOCK_CPU ? prof_clock_kernel_ns(t->cpu_clock) : prof_now();
}

static prof_pending *pending_room(prof_thread *t) {
    uint64_t bytes = PROF_PENDING_ROOM * sizeof(prof_pending);
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
            t->record->cpu_start = prof_clock_kernel_ns(t->cpu_clock);
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
    t->pending_end = t->pending + PROF_PENDING_ROOM;
    t->epoch = prof_epoch;
    prof_timeline_begin(t);
    return t;
}

static prof_thread *take_adopted(uint64_t native_id) {
    pthread_mutex_lock(&lock);
    prof_thread *t = find_in(adopted, native_id);
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
    prof_thread *t = find_in(threads, native_id);
    pthread_mutex_unlock(&lock);
    return t;
}

void prof_threads_lock(void) { pthread_mutex_lock(&lock); }
void prof_threads_unlock(void) { pthread_mutex_unlock(&lock); }
prof_thread *const *prof_threads_list(void) { return (prof_thread *const *)&threads; }

prof_thread *prof_threads_first(void) { return threads; }

prof_thread *prof_thread_known(uint64_t native_id) {
    prof_thread *t = find_in(threads, native_id);
    return t ? t : find_in(adopted, native_id);
}

int prof_thread_adopt(uint64_t native_id, const char *name) {
    pthread_mutex_lock(&births);
    prof_thread *t = prof_thread_of(native_id);
    if (!t && (t = thread_new(native_id, name))) {
        pthread_mutex_lock(&lock);
        t->next = adopted;
        adopted = t;
        pthread_mutex_unlock(&lock);
    }
    pthread_mutex_unlock(&births);
    return t ? 0 : -1;
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
    prof_frame *bigger = prof_stack_resized(t, used + 1, size);
    if (bigger) {
        t->base = bigger;
        t->top = bigger + used;
        t->limit = bigger + size;
    }
    pthread_mutex_unlock(&lock);
    return bigger ? 0 : -1;
}

/* ---- all of them ------------------------------------------------------------------------------------------------ */

void prof_threads_reset(void) {
    if (!has_key) has_key = !pthread_key_create(&at_thread_exit, thread_exit);
    records = (prof_appender){0};
    threads = adopted = NULL;
}

uint64_t prof_threads_close(uint64_t now) {
    uint64_t open = 0;
    pthread_mutex_lock(&lock);
    for (prof_thread *t = threads; t; t = t->next) open += flush(t, prof_clock_kind_now == PROF_CLOCK_CPU ? ticks_of(t) : now);
    for (prof_thread *t = adopted, *next; t; t = next) {
        next = t->next;
        flush(t, ticks_of(t));
        thread_free(t);
    }
    threads = adopted = NULL; /* each thread frees its own at its next event or its end */
    prof_epoch_advance();
    pthread_mutex_unlock(&lock);
    return open;
}

void prof_threads_forget(void) {
    pthread_mutex_init(&lock, NULL); /* the parent's other threads, which may have held them, are not here */
    pthread_mutex_init(&births, NULL);
    threads = adopted = NULL;
}
