/* Spans, calls and metrics of C callers. */
#define _GNU_SOURCE
#include "recorder.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/labels.h"
#include "core/metrics.h"
#include "core/session.h"
#include "core/threads.h"
#include "host.h"

_Static_assert((int)PROF_KIND_FUNCTION == PROF_FUNCTION && (int)PROF_KIND_SECTION == PROF_SECTION &&
                   (int)PROF_KIND_NATIVE == PROF_NATIVE,
               "kinds are those of captures");
_Static_assert((int)PROF_WITH_TIME == PROF_MODE_TIME && (int)PROF_WITH_MEMORY == PROF_MODE_MEMORY &&
                   (int)PROF_WITH_SAMPLES == PROF_MODE_SAMPLES,
               "so are modes");

#define PATIENCE_NS 10000000000u /* how long the end of a recording waits for a thread that is inside a function of ours */

/* ---- in and out ------------------------------------------------------------------------------------------------------
 * Whoever ends a recording takes the other threads' stacks apart. So each thread says in `told` when it is inside a function of
 * ours, and whether a recording ends is asked after that. Neither needs a fence: the one who ends it has the kernel make one in
 * every thread, and then waits until all are out. */

enum { NEVER, OUTSIDE, INSIDE };

static uint64_t closing;  /* the epoch of the latest recording that ends or has ended; epochs grow */
static uint32_t entering; /* threads that are about to get a state */

static inline uint64_t epoch_now(void) { return __atomic_load_n(&prof_epoch, __ATOMIC_RELAXED); }
static inline uint64_t epoch_met(void) { return __atomic_load_n(&prof_epoch, __ATOMIC_ACQUIRE); } /* with all that was made ready */
static inline void say(prof_thread *t, uint32_t what) { __atomic_store_n(&t->told, what, __ATOMIC_RELEASE); }

/* Whether that recording ends or has ended. Not only the latest: whoever asks may have slept while others began and ended. */
static inline int ends(uint64_t epoch) { return __atomic_load_n(&closing, __ATOMIC_RELAXED) >= epoch; }

static __attribute__((noinline)) prof_thread *in_slow(void) {
    prof_thread *t = NULL;
    if (!(epoch_now() & 1) && !(prof_recorder_first && prof_recorder_first())) return NULL;
    __atomic_fetch_add(&entering, 1, __ATOMIC_SEQ_CST);
    uint64_t epoch = epoch_met();
    if ((epoch & 1) && __atomic_load_n(&closing, __ATOMIC_SEQ_CST) < epoch) t = prof_thread_current();
    if (t) say(t, INSIDE);
    __atomic_fetch_sub(&entering, 1, __ATOMIC_SEQ_CST);
    if (t && ends(epoch_now())) {
        say(t, OUTSIDE);
        t = NULL;
    }
    return t;
}

static inline prof_thread *in(void) {
    prof_thread *t = prof_current;
    uint64_t epoch = epoch_now();
    if (PROF_UNLIKELY(t->epoch != epoch)) return epoch & 1 || prof_recorder_first ? in_slow() : NULL;
    say(t, INSIDE);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    epoch = epoch_met(); /* again: we may have slept for long, and recordings have ended and begun */
    if (PROF_LIKELY(t->epoch == epoch && !ends(epoch))) return t;
    say(t, OUTSIDE);
    return t->epoch == epoch ? NULL : in_slow();
}

static inline int out(prof_thread *t, int result) {
    say(t, OUTSIDE);
    return result;
}

prof_thread *prof_recorder_in(void) { return in(); }
void prof_recorder_out(prof_thread *t) { say(t, OUTSIDE); }

/* Whether another thread's `told` is at least `what`. */
static int others(uint32_t what) {
    prof_thread *self = prof_current;
    int found = __atomic_load_n(&entering, __ATOMIC_SEQ_CST) != 0;
    prof_threads_lock();
    for (prof_thread *t = prof_threads_first(); t && !found; t = t->next)
        found = t != self && __atomic_load_n(&t->told, __ATOMIC_ACQUIRE) >= what;
    prof_threads_unlock();
    return found;
}

static void sleep_ns(long ns) { nanosleep(&(struct timespec){0, ns}, NULL); }

static void wait_for_others(void) {
    const int everywhere = 1; /* MEMBARRIER_CMD_GLOBAL, Linux 4.3 */
    __atomic_store_n(&closing, epoch_now(), __ATOMIC_SEQ_CST);
    if (!others(OUTSIDE)) return;
    if (syscall(SYS_membarrier, everywhere, 0, 0)) sleep_ns(1000000); /* stores are seen by then */
    uint64_t until = prof_clock_kernel_ns(CLOCK_MONOTONIC) + PATIENCE_NS;
    while (others(INSIDE) && prof_clock_kernel_ns(CLOCK_MONOTONIC) < until) sleep_ns(50000);
}

static prof_session_part part = {.close = wait_for_others};

void prof_recorder_prepare(void) {
    prof_recorder_samples_prepare();
    prof_recorder_blocks_prepare();
    prof_session_join(&part); /* the last one that joins is asked first when a recording ends */
}

/* ---- the recording ------------------------------------------------------------------------------------------------------ */

static struct {
    uint64_t epoch, modes, interval_ns;
} allowed;

void prof_recorder_allow(uint64_t modes, uint64_t interval_ns) {
    allowed.epoch = prof_epoch + 1;
    allowed.modes = modes;
    allowed.interval_ns = interval_ns;
}

int prof_recorder_has(uint64_t mode) {
    uint64_t modes = __atomic_load_n(&prof_arena_header()->modes, __ATOMIC_RELAXED);
    return ((allowed.epoch == prof_epoch ? allowed.modes : modes) & mode) != 0;
}

uint64_t prof_recorder_interval(void) { return allowed.epoch == prof_epoch ? allowed.interval_ns : prof_limits.interval_ns; }

void prof_recorder_finish(void) {
    wait_for_others(); /* memory's tables go */
    prof_recorder_blocks_finish();
}

static int running(void) { return (int)(epoch_now() & 1) && !ends(epoch_now()); }

/* ---- labels --------------------------------------------------------------------------------------------------------------
 * A site keeps the ref of its label with the recording that it is of, in one word: threads may meet it at once, and the recording may
 * be that of another copy of the core the next time. */

static inline uint32_t mark(void) { return (uint32_t)(epoch_now() << 1 | PROF_RECORDER_HOST); }

static inline uint64_t cached(const prof_site *site, int as) { return __atomic_load_n(&site->private_[as], __ATOMIC_RELAXED); }

static int is_known(uint32_t kind) { return kind == PROF_FUNCTION || kind == PROF_SECTION || kind == PROF_NATIVE; }

static prof_label *make_label(const prof_site *site, int as) {
    char name[512];
    uint32_t kind = as == PROF_RECORDER_FRAME ? PROF_FRAME : site->kind;
    if (kind != PROF_SECTION || strchr(site->name, '!'))
        return prof_label_get(kind, site->name, site->module, site->file, site->line);
    snprintf(name, sizeof name, "profile!%s", site->name);
    return prof_label_get(kind, name, site->module, site->file, site->line);
}

static __attribute__((noinline)) prof_label *resolve(prof_site *site, int as, int *why) {
    *why = PROF_INVALID;
    if (!site->name || !site->name[0] || !is_known(site->kind)) return NULL;
    *why = PROF_NO_ROOM;
    prof_label *label = make_label(site, as);
    if (label) __atomic_store_n(&site->private_[as], (uint64_t)mark() << 32 | prof_arena_ref(label), __ATOMIC_RELAXED);
    else prof_count(PROF_DROP_LOST_LABELS, 1);
    return label;
}

static inline prof_label *label_of(prof_site *site, int as, int *why) {
    uint64_t word = cached(site, as);
    if (PROF_LIKELY((uint32_t)(word >> 32) == mark())) return prof_arena_at((prof_ref)word);
    return resolve(site, as, why);
}

prof_label *prof_recorder_label(prof_site *site, int as, int *why) { return label_of(site, as, why); }

/* ---- spans ----------------------------------------------------------------------------------------------------------------- */

static int enter(prof_site *site) {
    int why;
    if (PROF_UNLIKELY(!site)) return PROF_INVALID;
    prof_thread *t = in();
    if (!t) return PROF_OFF;
    prof_label *label = label_of(site, PROF_RECORDER_SPAN, &why);
    if (PROF_UNLIKELY(!label)) return out(t, why);
    if (PROF_UNLIKELY(!prof_enter_fast(label, prof_arena_ref(label)))) {
        prof_frame *f = prof_push(t, label);
        if (!f) return out(t, PROF_NO_ROOM);
        f->node->calls++;
    }
    t->top->owner = site; /* no frame of an interpreter's is there */
    t->top->loose = 0;
    return out(t, PROF_OK);
}

static int leave(prof_site *site) {
    int why;
    if (PROF_UNLIKELY(!site)) return PROF_INVALID;
    prof_thread *t = in();
    if (!t) return PROF_OFF;
    uint64_t now = prof_now();
    prof_label *label = label_of(site, PROF_RECORDER_SPAN, &why);
    if (PROF_UNLIKELY(!label)) return out(t, why);
    if (PROF_LIKELY(prof_leave_fast(label, prof_arena_ref(label), now, prof_traced))) return out(t, PROF_OK);
    prof_frame *f = prof_find(t, label, now);
    if (!f) return out(t, PROF_NOT_OPEN);
    prof_pop_complete(t, f, now);
    return out(t, PROF_OK);
}

/* ---- calls that were timed elsewhere ------------------------------------------------------------------------------------------ */

/* Ticks of the capture's clock in so many nanoseconds. */
static uint64_t ticks_in(uint64_t ns, uint64_t now) {
    prof_header *h = prof_arena_header();
    if (prof_clock_kind_now != PROF_CLOCK_TSC) return ns;
    if (now - h->last.ticks > prof_heartbeat_ticks) prof_heartbeat();
    prof_instant last = h->last;
    if (last.monotonic_ns == h->start.monotonic_ns) return ns;
    return (uint64_t)((double)ns * ((double)(last.ticks - h->start.ticks) / (double)(last.monotonic_ns - h->start.monotonic_ns)));
}

/* Counts calls into their label's statistics, each with the average. */
static void complete(prof_thread *t, prof_label *label, uint64_t count, uint64_t ticks) {
    uint64_t each = ticks / count;
    if (count == 1) {
        prof_complete(t, prof_arena_ref(label), each);
        return;
    }
    if (each < label->min) label->min = each;
    if (each > label->max) label->max = each;
    label->histogram[prof_histogram_bin(each)] += count;
}

static int called(prof_site *caller, prof_site *callee, uint64_t count, uint64_t ns) {
    int why = PROF_INVALID;
    if (!callee || !count) return PROF_INVALID;
    prof_thread *t = in();
    if (!t) return PROF_OFF;
    prof_label *above = caller ? label_of(caller, PROF_RECORDER_SPAN, &why) : NULL;
    prof_label *label = caller && !above ? NULL : label_of(callee, PROF_RECORDER_SPAN, &why);
    if (!label) return out(t, why);
    prof_frame *f = t->top;
    uint64_t now = prof_now(), ticks = ticks_in(ns, now), left = now - f->start - f->child;
    /* The caller's clock was another, and read at other moments. */
    if (ticks > left && ticks - left > ticks_in(1000 + ns / 1000, now)) return out(t, PROF_INVALID);
    if (ticks > left) ticks = left;
    prof_node *node = f->node;
    if (above && above != f->label) node = prof_node_child(t, node, above);
    node = prof_node_child(t, node, label);
    node->calls += count;
    node->self += ticks;
    f->child += ticks;
    complete(t, label, count, ticks);
    return out(t, PROF_OK);
}

/* ---- metrics --------------------------------------------------------------------------------------------------------------------- */

static int is_name(const char *name) { return name && name[0]; }

static int record(const char *name, int64_t value) {
    if (!is_name(name)) return PROF_INVALID;
    prof_thread *t = in();
    if (!t) return PROF_OFF;
    return out(t, prof_metric_add(t, t->top->node, prof_string_ref(name), value) ? PROF_NO_ROOM : PROF_OK);
}

static int record_real(const char *name, double value) {
    if (!is_name(name)) return PROF_INVALID;
    prof_thread *t = in();
    if (!t) return PROF_OFF;
    int failed = prof_metric_add_real(t, t->top->node, prof_string_ref(name), value);
    return out(t, !failed ? PROF_OK : isfinite(value) ? PROF_NO_ROOM : PROF_INVALID);
}

static int name_thread(const char *name) {
    if (!is_name(name)) return PROF_INVALID;
    prof_thread *t = in();
    if (!t) return PROF_OFF;
    prof_name_thread(name);
    return out(t, PROF_OK);
}

const prof_recorder prof_recorder_here = {
    .abi = PROF_ABI,
    .size = sizeof(prof_recorder),
    .running = running,
    .enter = enter,
    .leave = leave,
    .called = called,
    .sample = prof_recorder_sample,
    .allocated = prof_recorder_allocated,
    .freed = prof_recorder_freed,
    .record = record,
    .record_real = record_real,
    .name_thread = name_thread,
    .stats = prof_recorder_stats,
};
