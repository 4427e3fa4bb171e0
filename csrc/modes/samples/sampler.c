#define _GNU_SOURCE
#include "sampler.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/table.h"
#include "core/labels.h"
#include "core/session.h"
#include "remote.h"
#include "core/threads.h"
#include "usage.h"

#define METER_NS 1000000  /* from one look at what a thread takes to the next, at least */
#define LOOK_NS 100000000 /* from one look at whether anybody else lives to the next */
#define USAGE UINT32_MAX  /* the label that stands for the usage of a record */
#define MOMENTS 4096      /* after so many, the process is looked at half as often */
#define FIRST_ROOM 4096   /* bytes of a thread's first records: there may be many threads */

/* What a thread does: it runs, or would if it had a processor; or it waits for something. */
enum { RUNS, WAITS, WAITS_FOR_LOCK };

/* Why the sampler's thread ends. */
enum { STOP = 1, PAUSE };

int (*prof_sampler_postponed)(void);

/* A thread, as the sampler knows it. Made and freed by the sampler's thread. */
typedef struct sampled {
    prof_remote_thread remote;
    prof_thread *own;               /* Borrowed, NULL once it has ended; under prof_threads_lock */
    prof_ref record;                /* its thread record */
    prof_appender room, usage_room; /* of its prof_sampled and prof_usage */
    prof_meter meter;
    uint64_t metered_ns;      /* when that was read last */
    prof_sampled *where;      /* Borrowed from the arena: the record of its last sample, or NULL */
    uint64_t last_ns, cpu_ns; /* both clocks at the end of its last sample */
    uint32_t cut;             /* its last stack was */
    uint32_t unsure;          /* its last stack could not be copied, or it ran on meanwhile: where it stands now is not known */
    int state;                /* at its last sample: RUNS, WAITS or WAITS_FOR_LOCK */
    uint32_t met;             /* in this listing of threads */
    struct sampled *next;
} sampled;

/* What tells records apart: of samples the stack, of a stack's frames the line. */
typedef struct {
    prof_ref parent, label;
    uint32_t more;
} key;

typedef struct {
    key key;
    prof_ref record; /* 0: a free slot */
} slot;

#define NAMES 1024
typedef struct {
    uint64_t native_id;
    char name[112];
} named;

static struct {
    pthread_t thread;
    int running;
    pid_t pid;
    pthread_mutex_t sleep; /* with `wake`: protects `stopping` */
    pthread_cond_t wake;
    int stopping; /* STOP, PAUSE or 0 */
    int alive;    /* whether the thread is there: it is not while the process forks, so that the child gets everything whole */
    const prof_walker *walker; /* NULL: spans alone */
    prof_sampling *totals;     /* Borrowed from the arena */
    sampled *threads;          /* Owned list */
    uint64_t version;          /* prof_threads_version of the last listing */
    uint32_t listing;
    uint64_t tick_ns;   /* when the latest tick began */
    uint64_t looked_ns; /* when it was last looked whether anybody else lives */
    prof_table table;   /* of slot: records by their keys */
    uint64_t random;
    prof_appender moments, stacks;
    uint64_t moment_ns, moment_every_ns, moment_count;
    prof_remote_stack stack;
    prof_remote_thread found[PROF_SAMPLED_THREADS];
} s = {.sleep = PTHREAD_MUTEX_INITIALIZER};

static pthread_mutex_t names_lock = PTHREAD_MUTEX_INITIALIZER;
static named names[NAMES]; /* the latest ones, in a ring: of threads that nobody may have met yet */
static uint32_t names_told;

static uint64_t monotonic_ns(void) { return prof_clock_kernel_ns(CLOCK_MONOTONIC); }

/* Processor time of a thread, or UINT64_MAX when it has ended. */
static uint64_t cpu_time(uint64_t native_id) {
    struct timespec t;
    if (clock_gettime(prof_thread_clock(native_id), &t)) return UINT64_MAX;
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- records ------------------------------------------------------------------------------------------------------------ */

static uint64_t hash_of(const void *p) {
    key k = ((const slot *)p)->key;
    uint64_t hash = ((uint64_t)k.parent << 32 | k.label) * 0x9e3779b97f4a7c15u;
    return ((hash ^ k.more) * 0x9e3779b97f4a7c15u) >> 24;
}

static int same(key a, key b) { return a.parent == b.parent && a.label == b.label && a.more == b.more; }

/* The slot of that key, or the free one where it belongs; NULL without memory. */
static slot *slot_of(key wanted) {
    if (prof_table_reserve(&s.table, sizeof(slot), 1024, hash_of)) return NULL;
    slot *slots = s.table.slots;
    size_t k = hash_of(&(slot){.key = wanted}) & s.table.mask;
    while (slots[k].record && !same(slots[k].key, wanted)) k = (k + 1) & s.table.mask;
    return &slots[k];
}

static prof_ref keep(slot *free_one, key k, const void *record) {
    *free_one = (slot){k, prof_arena_ref(record)};
    s.table.used++;
    return free_one->record;
}

/* The record of `label` below `parent` with that stack, made at first use; 0 without room. */
static prof_ref place(sampled *t, prof_ref parent, prof_ref label, prof_ref stack) {
    key k = {parent, label, stack};
    slot *found = slot_of(k);
    if (!found || found->record) return found ? found->record : 0;
    prof_sampled *r = prof_arena_append(&t->room, PROF_CHUNK_SAMPLED, sizeof *r, t->record, sizeof *r);
    if (!r) return 0;
    r->label = label;
    r->parent = parent;
    r->stack = stack;
    prof_arena_publish(&t->room, sizeof *r);
    return keep(found, k, r);
}

/* The same for a frame of a stack, whose caller is at `parent`. */
static prof_ref place_frame(prof_ref parent, prof_ref label, uint32_t line) {
    key k = {parent, label, line};
    slot *found = slot_of(k);
    if (!found || found->record) return found ? found->record : 0;
    prof_stacked *r = prof_arena_append(&s.stacks, PROF_CHUNK_STACKS, sizeof *r, 0, sizeof *r);
    if (!r) return 0;
    r->label = label;
    r->parent = parent;
    r->line = line;
    prof_arena_publish(&s.stacks, sizeof *r);
    return keep(found, k, r);
}

/* The usage that belongs to a record of samples, made at first use; NULL without room. */
static prof_usage *usage_of(sampled *t, prof_ref where) {
    key k = {where, USAGE, 0};
    slot *found = slot_of(k);
    if (!found || found->record) return found ? prof_arena_at(found->record) : NULL;
    prof_usage *u = prof_arena_append(&t->usage_room, PROF_CHUNK_USAGE, sizeof *u, t->record, sizeof *u);
    if (!u) return NULL;
    u->where = where;
    prof_arena_publish(&t->usage_room, sizeof *u);
    keep(found, k, u);
    return u;
}

/* ---- one sample ----------------------------------------------------------------------------------------------------------- */

/* The span that a thread is in, at one instant. */
typedef struct {
    prof_ref node;           /* 0: the thread has ended */
    const prof_label *label; /* Borrowed; of kind PROF_THREAD outside all spans */
    const void *owner;       /* of a section; another span's if the thread went on to that meanwhile: then no frame is at it */
} span;

static span span_now(const sampled *t) {
    span found = {0};
    prof_threads_lock();
    if (t->own && t->own->epoch == prof_epoch) {
        const prof_frame *top = __atomic_load_n(&t->own->top, __ATOMIC_ACQUIRE);
        const prof_node *node = __atomic_load_n(&top->node, __ATOMIC_ACQUIRE);
        /* The label is the node's, for that never changes: the frame may be of another span by now. */
        if (node != &prof_no_node)
            found = (span){prof_arena_ref(node), prof_arena_at(node->label), __atomic_load_n(&top->owner, __ATOMIC_RELAXED)};
    }
    prof_threads_unlock();
    return found;
}

/* What the frames of its thread are compared with. 0, or -1 where frames would say nothing. */
static int boundary_of(const span *at, prof_boundary *boundary) {
    *boundary = (prof_boundary){0};
    switch (at->label->kind) {
    case PROF_THREAD: return 0; /* the whole stack */
    case PROF_FUNCTION:
        boundary->file = at->label->file;
        boundary->line = at->label->line;
        return 0;
    case PROF_SECTION:
    case PROF_IMPORT:
    case PROF_GC: boundary->owner = at->owner; return 0;
    default: /* a span of C: which frames are inside of it is not known */ return -1;
    }
}

/* What stands for callers that had ended before they were read, or for which there is no room. */
static prof_ref place_unread(void) {
    const prof_label *label = prof_label_intern(PROF_FRAME, "(callers not read)", NULL, NULL, 0, 0);
    return label ? place_frame(0, prof_arena_ref(label), 0) : 0;
}

/* The copied frames, whole: the record of the innermost one; 0 without frames or room. */
static prof_ref place_stack(void) {
    const prof_remote_stack *stack = &s.stack;
    if (!stack->count) return 0;
    prof_ref at = stack->whole ? 0 : place_unread();
    if (!stack->whole && !at) return 0;
    for (uint32_t i = stack->count; i-- > 0;)
        if (!(at = place_frame(at, stack->frames[i], stack->lines[i]))) return 0;
    return at;
}

/* The frames below the span as records below its node. */
static prof_ref place_frames(sampled *t, prof_ref node, prof_ref whole) {
    const prof_remote_stack *stack = &s.stack;
    const uint32_t below = stack->found ? stack->below : stack->count,
                   kept = below < PROF_SAMPLED_DEPTH ? below : PROF_SAMPLED_DEPTH;
    prof_ref at = node;
    t->cut = below > kept || stack->cut;
    for (uint32_t i = kept; i-- > 0 && at;) at = place(t, at, stack->frames[i], 0);
    return at ? place(t, at, stack->line, whole) : 0;
}

/* Where the thread is: the span and then the frames are read once, so that none is preferred for being there again at a second look. */
static prof_ref find(sampled *t) {
    span at = span_now(t);
    prof_boundary boundary;
    t->cut = t->unsure = 0;
    if (!at.node) return 0;
    if (!s.walker || !t->remote.state) return place(t, at.node, 0, 0);
    int inside = !boundary_of(&at, &boundary), result = s.walker->stack(&t->remote, &boundary, &s.stack);
    prof_ref whole = result ? 0 : place_stack();
    if (!inside) return place(t, at.node, 0, whole);
    t->unsure = result || s.stack.partial;
    s.totals->partial += !result && s.stack.partial;
    if (!result && (s.stack.found || s.stack.cut || s.stack.partial || at.label->kind == PROF_THREAD))
        return place_frames(t, at.node, whole);
    t->unsure = 1;
    if (result == -2) { /* to be listed anew */
        t->remote.state = NULL;
        s.version = prof_threads_version - 1;
    }
    if (result == -3) prof_count(PROF_DROP_SAMPLES_LOST, 1);
    else if (result == -1) prof_count(PROF_DROP_SAMPLES_TORN, 1);
    else if (!result) s.totals->unplaced++;
    return place(t, at.node, 0, whole);
}

/* What the thread does, whose processor clock shows that it is not on a processor at this instant. That may be our own doing,
 * who run in its place; the kernel tells what it would do else. `share` of the time since its last sample it did run. */
static int state_of(const sampled *t, double share) {
    char text[160];
    unsigned long number = 0, address = 0;
    if (prof_meter_call(&t->meter, text, sizeof text) < 0) return share >= 0.5 ? RUNS : WAITS;
    /* "running", or the number and the arguments of the call it is in. */
    if (!strncmp(text, "running", 7)) return RUNS;
    if (s.walker && sscanf(text, "%lu %lx", &number, &address) == 2 && number == SYS_futex && s.walker->is_lock(address))
        return WAITS_FOR_LOCK;
    return WAITS;
}

static void count(sampled *t, uint64_t now, uint64_t cpu_ns) {
    prof_sampled *r = t->where;
    int holds = s.walker && t->remote.state && s.walker->holds(&t->remote);
    r->samples++;
    r->cpu_samples += t->state == RUNS;
    r->held_samples += (uint64_t)holds;
    r->wait_samples += t->state == WAITS_FOR_LOCK && !holds;
    uint64_t stands_for = now - t->last_ns;
    r->wall_ns += stands_for;
    r->square_us2 += (stands_for / 1000) * (stands_for / 1000);
    r->cpu_ns += cpu_ns;
    t->last_ns = now;
    if (t->cut) prof_count(PROF_DROP_SAMPLES_CUT, 1);
    s.totals->samples++;
}

/* Charges what the thread took since it was last looked at to where it is now. */
static void meter(sampled *t, uint64_t now) {
    prof_usage since;
    if (now - t->metered_ns < METER_NS - METER_NS / 8) return;
    t->metered_ns = now;
    prof_usage *u = prof_meter_read(&t->meter, &since) ? usage_of(t, prof_arena_ref(t->where)) : NULL;
    if (!u) return;
    const uint64_t *from = &since.instructions;
    uint64_t *to = &u->instructions;
    for (size_t i = 0; i < PROF_USAGE_FIGURES; i++) to[i] += from[i];
}

/* Samples a thread; 0 when it has ended. */
static int sample(sampled *t) {
    uint64_t cpu = cpu_time(t->remote.native_id), before = t->cpu_ns;
    if (cpu == UINT64_MAX) return 0;
    if (prof_limits.max_samples && s.totals->samples >= prof_limits.max_samples) {
        prof_count(PROF_DROP_SAMPLES_ENOUGH, 1);
        return 1;
    }
    if (cpu == before && t->where && !t->unsure) { /* it has not run: it is where it was */
        s.totals->idle++;
        if (t->state == RUNS) t->state = state_of(t, 0);
        count(t, monotonic_ns(), 0);
        return 1;
    }
    prof_ref found = find(t);
    uint64_t after = cpu_time(t->remote.native_id);
    if (after == UINT64_MAX) return 0;
    if (!found) {
        t->where = NULL;
        if (t->own) prof_count(PROF_DROP_SAMPLES_LOST, 1);
        return t->own != NULL;
    }
    uint64_t now = monotonic_ns();
    t->unsure |= after != cpu;
    t->where = prof_arena_at(found);
    t->cpu_ns = after;
    t->state = after != cpu ? RUNS : state_of(t, (double)(after - before) / (double)(now - t->last_ns + 1));
    count(t, now, after - before);
    meter(t, now);
    return 1;
}

/* ---- threads ---------------------------------------------------------------------------------------------------------------- */

void prof_sampler_name(uint64_t native_id, const char *name) {
    pthread_mutex_lock(&names_lock);
    named *n = &names[names_told++ % NAMES];
    n->native_id = native_id;
    snprintf(n->name, sizeof n->name, "%s", name);
    pthread_mutex_unlock(&names_lock);
    prof_thread_rename(native_id, name);
}

/* Its name: what the program calls it, else what the kernel does. */
static void name_of(uint64_t native_id, char *name, size_t size) {
    char path[64];
    name[0] = 0;
    pthread_mutex_lock(&names_lock);
    for (uint32_t i = 0; i < NAMES && i < names_told; i++) { /* the oldest last: the kernel uses ids again */
        const named *n = &names[(names_told - 1 - i) % NAMES];
        if (n->native_id != native_id) continue;
        snprintf(name, size, "%s", n->name);
        break;
    }
    pthread_mutex_unlock(&names_lock);
    if (name[0]) return;
    snprintf(path, sizeof path, "/proc/self/task/%llu/comm", (unsigned long long)native_id);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = file < 0 ? -1 : read(file, name, size - 1);
    if (file >= 0) close(file);
    name[got > 0 ? got : 0] = 0;
    name[strcspn(name, "\n")] = 0;
    if (!name[0]) snprintf(name, size, "thread");
}

/* Takes a thread up, whose state is `own`. */
static sampled *meet(prof_thread *own) {
    sampled *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    prof_meter_open(&t->meter, own->native_id);
    if (t->meter.files[PROF_METER_CALL] >= 0 && s.walker) s.totals->flags |= PROF_SAMPLER_WAITS;
    t->remote.native_id = own->native_id;
    t->own = own;
    t->record = prof_arena_ref(own->record);
    t->room.grow = t->usage_room.grow = FIRST_ROOM;
    t->last_ns = s.tick_ns;
    uint64_t cpu = cpu_time(own->native_id);
    t->cpu_ns = cpu == UINT64_MAX ? 0 : cpu;
    t->next = s.threads;
    own->watched = &t->own;
    return s.threads = t;
}

/* Charges the thread with what it took so far, and lets go of its files. */
static void close_meter(sampled *t) {
    t->metered_ns = 0;
    if (t->where) meter(t, monotonic_ns());
    prof_meter_close(&t->meter);
}

static void part(sampled **link) {
    sampled *t = *link;
    prof_threads_lock();
    if (t->own) t->own->watched = NULL;
    prof_threads_unlock();
    if (t->own) prof_thread_disown(t->own);
    *link = t->next;
    free(t);
}

static void meet_recorded(void) {
    prof_threads_lock();
    s.version = prof_threads_version;
    for (prof_thread *own = prof_threads_first(); own; own = own->next)
        if (!own->watched) meet(own);
    prof_threads_unlock();
}

static sampled *known(uint64_t native_id) {
    sampled *t = s.threads;
    while (t && t->remote.native_id != native_id) t = t->next;
    return t;
}

/* A thread that was never in a span. */
static sampled *meet_stranger(uint64_t native_id) {
    char name[112], later[112];
    if (cpu_time(native_id) == UINT64_MAX) return NULL; /* none of this process's */
    name_of(native_id, name, sizeof name);
    if (prof_thread_adopt(native_id, name)) return NULL;
    name_of(native_id, later, sizeof later); /* it may have told its name while there was nobody to give it to */
    if (strcmp(name, later)) prof_thread_rename(native_id, later);
    prof_threads_lock();
    prof_thread *own = prof_thread_known(native_id); /* NULL: it has entered a span and ended meanwhile, and its state with it */
    sampled *t = !own ? NULL : own->watched ? known(native_id) : meet(own);
    prof_threads_unlock();
    return t;
}

/* Brings the list up to date with the recording's threads and the interpreter's. */
static void list_threads(void) {
    meet_recorded();
    if (!s.walker) return;
    s.listing++;
    size_t n = s.walker->threads(s.found, PROF_SAMPLED_THREADS);
    for (size_t i = 0; i < n; i++) {
        sampled *t = known(s.found[i].native_id);
        if (!t) t = meet_stranger(s.found[i].native_id);
        if (!t) continue;
        if (t->remote.state != s.found[i].state || t->remote.serial != s.found[i].serial) {
            t->remote = s.found[i];
            t->where = NULL;
        }
        t->met = s.listing;
    }
    for (sampled *t = s.threads; t; t = t->next)
        if (t->met != s.listing) t->remote.state = NULL;
}

/* ---- the clock ------------------------------------------------------------------------------------------------------------- */

/* Notes what the process took so far, now and then. */
static void moment(uint64_t now, int at_once) {
    if (!at_once && now - s.moment_ns < s.moment_every_ns) return;
    prof_process *p = prof_arena_append(&s.moments, PROF_CHUNK_PROCESS, sizeof *p, 0, sizeof *p);
    if (!p) return;
    p->ticks = prof_now();
    prof_usage_process(p);
    prof_arena_publish(&s.moments, sizeof *p);
    s.moment_ns = now;
    if (++s.moment_count % MOMENTS == 0) s.moment_every_ns *= 2;
    if (s.moment_count == 1) s.totals->why_counters = prof_usage_why()[0] ? prof_string_ref(prof_usage_why()) : 0;
}

static void tick(int at_once) {
    uint64_t begin = monotonic_ns();
    int changed = s.walker ? s.walker->begin() : 0;
    if (changed || s.version != prof_threads_version) list_threads();
    s.tick_ns = begin;
    for (sampled **link = &s.threads; *link;) {
        if (sample(*link)) {
            link = &(*link)->next;
        } else {
            prof_meter_close(&(*link)->meter);
            part(link);
        }
    }
    moment(begin, at_once);
    s.totals->ticks++;
    s.totals->work_ns += monotonic_ns() - begin;
    if (at_once || s.totals->ticks % 64 == 0) s.totals->cpu_ns = prof_clock_kernel_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* 0 to 1. xorshift64: where in an interval a tick comes must not follow the program's own period. */
static double random_share(void) {
    s.random ^= s.random << 13;
    s.random ^= s.random >> 7;
    s.random ^= s.random << 17;
    return (double)(s.random >> 11) / 9007199254740992.0;
}

/* Sleeps until that instant; 1 when it is time to stop. That is also when all others have ended: the thread that forked this
 * process may end like any other, and the process must end with it. */
static int sleep_until(uint64_t ns) {
    for (;;) {
        uint64_t now = monotonic_ns();
        if (now - s.looked_ns >= LOOK_NS) {
            s.looked_ns = now;
            if (prof_usage_alone()) return 1;
        }
        uint64_t next = ns < s.looked_ns + LOOK_NS ? ns : s.looked_ns + LOOK_NS;
        struct timespec until = {(time_t)(next / 1000000000u), (long)(next % 1000000000u)};
        pthread_mutex_lock(&s.sleep);
        while (!s.stopping && pthread_cond_timedwait(&s.wake, &s.sleep, &until) != ETIMEDOUT) { /* woken for nothing */
        }
        int stop = s.stopping;
        pthread_mutex_unlock(&s.sleep);
        if (stop || next == ns) return stop;
    }
}

/* Asks the kernel to let us run as soon as we wake, however busy the machine is: samples would else be taken mostly when the
 * program waits. Slices of a tenth of a millisecond are anybody's (Linux 6.12), a better nice value needs a privilege. */
static void be_prompt(void) {
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
    } a = {.size = sizeof a, .runtime = 100000};
    a.nice = -10;
    if (syscall(SYS_sched_setattr, 0, &a, 0)) {
        a.nice = 0;
        syscall(SYS_sched_setattr, 0, &a, 0);
    }
    prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0); /* else we may sleep 50 us longer */
}

/* One tick in each interval, at a random place in it. */
static void *run(void *nothing) {
    (void)nothing;
    const uint64_t interval = s.totals->interval_ns;
    uint64_t begin = monotonic_ns(); /* of the interval */
    be_prompt();
    if (prof_usage_apart()) prof_remote_begin();
    for (sampled *t = s.threads; t; t = t->next) prof_meter_open(&t->meter, t->remote.native_id); /* those of before a fork */
    s.tick_ns = begin;
    for (;;) {
        uint64_t when = begin + (uint64_t)(random_share() * (double)interval);
        if (sleep_until(when)) break;
        uint64_t now = monotonic_ns();
        if (now > when + interval / 2) s.totals->late++;
        tick(0);
        begin += interval;
        now = monotonic_ns();
        if (now > begin + interval) { /* intervals that are over already */
            uint64_t missed = (now - begin) / interval;
            prof_count(PROF_DROP_TICKS_MISSED, missed);
            begin += missed * interval;
        }
    }
    if (s.stopping == STOP) tick(1); /* what the threads did since their last sample */
    else
        for (sampled *t = s.threads; t; t = t->next) close_meter(t);
    prof_remote_end();
    return NULL;
}

/* ---- start and stop ---------------------------------------------------------------------------------------------------------- */

static int start_thread(void) {
    sigset_t all, before;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&s.wake, &attributes);
    pthread_condattr_destroy(&attributes);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* the program's signals are for the program's threads */
    int error = pthread_create(&s.thread, NULL, run, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!error) pthread_setname_np(s.thread, "prof-sampler");
    s.alive = !error;
    return error;
}

/* Ends the thread, for good or while the process forks. */
static void end_thread(int how) {
    if (!s.alive) return;
    pthread_mutex_lock(&s.sleep);
    s.stopping = how;
    pthread_cond_signal(&s.wake);
    pthread_mutex_unlock(&s.sleep);
    pthread_join(s.thread, NULL);
    pthread_cond_destroy(&s.wake);
    s.alive = 0;
}

/* A fork while a second thread runs is something that Python warns of, and that second thread is ours. So there is none then. */
void prof_sampler_pause(void) {
    if (s.running) end_thread(PAUSE);
}
static void step_back(void) {
    if (s.running && !(prof_sampler_postponed && prof_sampler_postponed())) prof_sampler_resume();
}

void prof_sampler_resume(void) {
    if (!s.running || s.alive) return;
    s.stopping = 0;
    start_thread();
}

static prof_session_part session_part = {.close = prof_sampler_stop, .forgotten = prof_sampler_forget};

int prof_sampler_start(uint64_t interval_ns, const prof_walker *walker, const char *why) {
    prof_session_join(&session_part);
    static int has_handlers;
    if (s.running) return EBUSY;
    if (!has_handlers) has_handlers = !pthread_atfork(prof_sampler_pause, step_back, prof_sampler_forget);
    prof_appender room = {.grow = sizeof(prof_chunk) + sizeof(prof_sampling)};
    prof_sampling *totals = prof_arena_append(&room, PROF_CHUNK_SAMPLER, sizeof *totals, 0, sizeof *totals);
    if (!totals) return ENOSPC;
    totals->interval_ns = interval_ns;
    totals->flags = walker ? PROF_SAMPLER_FRAMES | PROF_SAMPLER_GIL : 0;
    totals->why = why && why[0] ? prof_string_ref(why) : 0;
    prof_arena_publish(&room, sizeof *totals);
    s.totals = totals;
    s.walker = walker;
    s.version = prof_threads_version - 1;
    s.random = monotonic_ns() | 1;
    s.stopping = 0;
    s.moments = s.stacks = (prof_appender){0};
    s.moment_ns = s.moment_count = 0;
    s.moment_every_ns = 100000000;
    prof_usage_reset();
    int error = start_thread();
    s.running = !error;
    return error;
}

static void free_all(void) {
    while (s.threads) part(&s.threads);
    prof_table_free(&s.table);
    names_told = 0;
}

void prof_sampler_stop(void) {
    if (!s.running) return;
    end_thread(STOP);
    s.running = 0;
    if (s.walker) s.walker->end();
    free_all();
}

void prof_sampler_forget(void) {
    pthread_mutex_init(&s.sleep, NULL);
    pthread_mutex_init(&names_lock, NULL);
    if (!s.running) return;
    s.running = 0;
    for (sampled *t = s.threads; t; t = t->next) {
        if (t->own) t->own->watched = NULL;
        t->own = NULL; /* the parent's, and of threads that are not here */
    }
    if (s.walker) s.walker->end();
    free_all();
}
