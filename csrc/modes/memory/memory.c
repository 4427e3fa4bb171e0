#define _GNU_SOURCE
#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/labels.h"
#include "core/session.h"
#include "core/tree.h"

#define FIRST_SLOTS 4096
#define LEAST_SITES 8192

int prof_memory_mode;
int prof_memory_waiting;
static prof_memory no_totals;
prof_memory *prof_memory_totals = &no_totals;
prof_site_slot *prof_site_slots;
size_t prof_site_mask;
prof_node **prof_site_nodes;
static size_t slots_used;
static uint32_t site_count, site_room; /* those beyond are not followed */

/* ---- events of threads without the GIL ------------------------------------------------------------------------------ */

/* Their blocks since the last drain, in sums: there may be millions of them before somebody with the GIL comes by. Of other
 * sites only the frees wait. */
static struct {
    uint64_t count, bytes, free_count, free_bytes;
} foreign[PROF_SITES_WITHOUT_GIL];
static uint32_t foreign_count; /* how many have a site; the first is number 1 */
static uint64_t foreign_classes[PROF_SIZE_CLASSES];

typedef struct {
    uint32_t tag;
    size_t bytes;
} freed_block;

/* Over all this, and changes of the table of sites: who lacks the GIL holds it to look there. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static freed_block *queue; /* Owned */
static size_t queue_room, queue_used;

static void queue_freed(uint32_t tag, size_t bytes) {
    if (queue_used == queue_room) {
        size_t room = queue_room ? queue_room * 2 : 1024;
        freed_block *bigger = realloc(queue, room * sizeof *queue);
        if (!bigger) return;
        queue = bigger;
        queue_room = room;
    }
    queue[queue_used++] = (freed_block){tag, bytes};
}

void prof_memory_queue(uint32_t tag, size_t bytes, int freed) {
    uint32_t site = tag >> 1;
    pthread_mutex_lock(&lock);
    if (!prof_memory_mode) { /* it has just ended */
    } else if (site >= PROF_SITES_WITHOUT_GIL) {
        queue_freed(tag, bytes);
    } else if (freed) {
        foreign[site].free_count++;
        foreign[site].free_bytes += bytes;
    } else {
        foreign[site].count++;
        foreign[site].bytes += bytes;
        foreign_classes[prof_size_class(bytes)]++;
    }
    __atomic_store_n(&prof_memory_waiting, 1, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&lock);
}

/* The number of a site for such blocks, given at first use. With the lock. */
static uint32_t number_without_gil(const prof_node *site) {
    uint32_t number = 1;
    while (number <= foreign_count && prof_site_nodes[number] != site) number++;
    if (number > foreign_count && number < PROF_SITES_WITHOUT_GIL && foreign_count)
        prof_site_nodes[foreign_count = number] = (prof_node *)site;
    return number < PROF_SITES_WITHOUT_GIL ? number : PROF_SITE_WITHOUT_GIL;
}

uint32_t prof_memory_without_gil(prof_node *site, uintptr_t instruction, prof_ref top) {
    pthread_mutex_lock(&lock);
    if (!site && prof_site_slots) site = prof_site_find(instruction, top);
    if (site && !site->site && prof_memory_mode == PROF_MEMORY_DETAIL) site = NULL; /* its blocks are not followed */
    uint32_t number = site ? number_without_gil(site) : PROF_SITE_WITHOUT_GIL;
    pthread_mutex_unlock(&lock);
    return number;
}

/* Counts the sums of a site. Their order is not known: what was freed since is taken as freed first, so that no peak is made
 * up. */
static void count_foreign(uint32_t number) {
    prof_node *site = prof_site_nodes[number];
    prof_memory *m = prof_memory_totals;
    prof_site_touch(site);
    site->alloc_count += foreign[number].count;
    site->alloc_bytes += foreign[number].bytes;
    site->free_count += foreign[number].free_count;
    site->free_bytes += foreign[number].free_bytes;
    if (prof_memory_mode != PROF_MEMORY_DETAIL) return;
    m->live_bytes += foreign[number].bytes - foreign[number].free_bytes;
    if (m->live_bytes > m->peak_bytes) {
        m->peak_bytes = m->live_bytes;
        m->epoch++;
    }
}

static void count_all_foreign(void) {
    for (int growing = 0; growing < 2; growing++) /* those that shrank come first, for the same reason */
        for (uint32_t k = 1; k <= foreign_count; k++)
            if ((foreign[k].bytes > foreign[k].free_bytes) == growing && (foreign[k].count || foreign[k].free_count))
                count_foreign(k);
    if (prof_memory_mode == PROF_MEMORY_DETAIL)
        for (int k = 0; k < PROF_SIZE_CLASSES; k++) prof_memory_totals->class_count[k] += foreign_classes[k];
    memset(foreign, 0, sizeof foreign);
    memset(foreign_classes, 0, sizeof foreign_classes);
}

void prof_memory_drain(void) {
    pthread_mutex_lock(&lock);
    prof_memory_waiting = 0;
    for (size_t i = 0; prof_memory_mode && i < queue_used; i++) prof_memory_freed_at(prof_block_site(queue[i].tag), queue[i].bytes);
    if (prof_memory_mode) count_all_foreign();
    queue_used = 0;
    pthread_mutex_unlock(&lock);
}

/* ---- sites -------------------------------------------------------------------------------------------------------------- */

static int grow(void) {
    size_t size = (prof_site_mask + 1) * 2;
    prof_site_slot *bigger = calloc(size, sizeof *bigger);
    if (!bigger) return -1;
    for (size_t i = 0; i <= prof_site_mask; i++) {
        prof_site_slot s = prof_site_slots[i];
        if (!s.site) continue;
        size_t k = prof_site_home(s.instruction, s.top) & (size - 1);
        while (bigger[k].site) k = (k + 1) & (size - 1);
        bigger[k] = s;
    }
    free(prof_site_slots);
    prof_site_slots = bigger;
    prof_site_mask = size - 1;
    return 0;
}

static void add_slot(prof_site_slot slot) {
    size_t k = prof_site_home(slot.instruction, slot.top) & prof_site_mask;
    while (prof_site_slots[k].site) k = (k + 1) & prof_site_mask;
    prof_site_slots[k] = slot;
    slots_used++;
}

int prof_site_remember(uintptr_t instruction, prof_node *top, prof_node *site) {
    pthread_mutex_lock(&lock);
    int full = (slots_used + 1) * 2 > prof_site_mask && grow();
    if (!full) add_slot((prof_site_slot){instruction, prof_arena_ref(top), prof_arena_ref(site)});
    pthread_mutex_unlock(&lock);
    return full ? -1 : 0;
}

static void remove_slot(uintptr_t instruction, prof_ref top) {
    prof_site_slot *slots = prof_site_slots;
    size_t mask = prof_site_mask, k = prof_site_home(instruction, top) & mask;
    while (slots[k].site && (slots[k].instruction != instruction || slots[k].top != top)) k = (k + 1) & mask;
    if (!slots[k].site) return;
    /* Those behind it that would lie here if they could move up: a search ends at the first free slot. */
    for (size_t next = (k + 1) & mask; slots[next].site; next = (next + 1) & mask) {
        size_t home = prof_site_home(slots[next].instruction, slots[next].top) & mask;
        if (((next - home) & mask) < ((next - k) & mask)) continue;
        slots[k] = slots[next];
        k = next;
    }
    slots[k] = (prof_site_slot){0};
    slots_used--;
}

void prof_site_forget(uintptr_t instruction, prof_ref top) {
    pthread_mutex_lock(&lock);
    remove_slot(instruction, top);
    pthread_mutex_unlock(&lock);
}

/* The nearest of `top` and its ancestors whose function records memory. */
static prof_node *recorder(prof_node *top, uint32_t *flags) {
    for (;; top = prof_arena_at(top->parent)) {
        const prof_label *label = prof_arena_at(top->label);
        *flags = label->flags;
        if (!(label->flags & PROF_LABEL_NO_MEMORY) || !top->parent) return top;
    }
}

uint32_t prof_memory_line_without_gil(prof_thread *t, prof_node *top, prof_ref function, prof_ref file, uint32_t line) {
    uint32_t flags, number = PROF_SITE_WITHOUT_GIL;
    prof_label *label = prof_label_at_line(function, file, line);
    prof_node *site = label ? prof_node_leaf(t, recorder(top, &flags), prof_arena_ref(label)) : NULL;
    if (!site || flags & PROF_LABEL_NO_DETAIL) return number;
    pthread_mutex_lock(&lock);
    number = number_without_gil(site);
    if (!site->site && number != PROF_SITE_WITHOUT_GIL) site->site = number; /* so that with the GIL it is followed, too */
    pthread_mutex_unlock(&lock);
    return number;
}

prof_node *prof_site_at_line(prof_thread *t, prof_node *top, prof_ref function, prof_ref file, uint32_t line) {
    uint32_t flags;
    prof_label *label = prof_label_at_line(function, file, line);
    if (!label) return NULL;
    prof_node *site = prof_node_leaf(t, recorder(top, &flags), prof_arena_ref(label));
    if (site && !site->site && !(flags & PROF_LABEL_NO_DETAIL) && site_count + 1 < site_room) {
        site->site = ++site_count;
        prof_site_nodes[site->site] = site;
    }
    return site;
}

/* ---- the process's memory over time, and types ---------------------------------------------------------------------------- */

#define MOMENTS 4096 /* after so many, the next ones come half as often */

static prof_appender moments, types;
static uint64_t moment_count, last_moment_ns, moment_every_ns;
static uint32_t last_epoch; /* of the peak at the last moment */

static uint64_t resident_bytes(void) {
    char text[128];
    unsigned long pages = 0;
    /* Opened each time: a descriptor that stays may be closed by the program, and the number then be another file's. */
    int statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t n = statm < 0 ? -1 : read(statm, text, sizeof text - 1);
    if (statm >= 0) close(statm);
    if (n <= 0) return 0;
    text[n] = 0;
    return sscanf(text, "%*u %lu", &pages) == 1 ? (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

void prof_memory_moment(int at_once) {
    uint64_t now = prof_clock_kernel_ns(CLOCK_MONOTONIC);
    if (!at_once && now - last_moment_ns < moment_every_ns) return;
    prof_moment *m = prof_arena_append(&moments, PROF_CHUNK_SERIES, sizeof *m, 0, sizeof *m);
    if (!m) return;
    *m = (prof_moment){prof_now(), resident_bytes(), prof_memory_totals->arena_bytes, prof_memory_totals->live_bytes};
    if (prof_memory_totals->epoch != last_epoch) prof_memory_totals->peak_ticks = m->ticks;
    last_epoch = prof_memory_totals->epoch;
    prof_arena_publish(&moments, sizeof *m);
    last_moment_ns = now;
    if (++moment_count % MOMENTS == 0) moment_every_ns *= 2;
}

int prof_memory_type(const char *name, uint64_t count, uint64_t bytes) {
    prof_type *t = prof_arena_append(&types, PROF_CHUNK_TYPES, sizeof *t, 0, sizeof *t);
    if (!t) return ENOSPC;
    *t = (prof_type){prof_string_ref(name), 0, count, bytes};
    prof_arena_publish(&types, sizeof *t);
    return 0;
}

/* ---- start and stop -------------------------------------------------------------------------------------------------------- */

/* The sites that stand for all who have no line. 0, or -1 without room. */
static int first_sites(void) {
    static const char *const names[] = {
        [PROF_SITE_WITHOUT_GIL] = "<threads without the GIL>",
        [PROF_SITE_ELSEWHERE] = "<other interpreters>",
    };
    prof_thread *t = prof_thread_current();
    for (uint32_t k = 1; k < sizeof names / sizeof *names; k++) {
        prof_site_nodes[k] = t ? prof_site_at_line(t, t->base->node, prof_string_ref(""), prof_string_ref(names[k]), 0) : NULL;
        if (!prof_site_nodes[k]) return -1;
        foreign_count = k;
    }
    return 0;
}

void prof_memory_unfollowed(prof_node *site, size_t bytes) {
    const prof_label *function = prof_arena_at(((prof_node *)prof_arena_at(site->parent))->label);
    site->free_count++;
    site->free_bytes += bytes;
    if (site->site || !(function->flags & PROF_LABEL_NO_DETAIL)) prof_count(PROF_DROP_BLOCKS_UNFOLLOWED, 1);
}

/* Addresses for all sites that there may be, or as many as the limits of the process leave; what is not used is never touched. */
static prof_node **map_sites(void) {
    for (site_room = PROF_PAGEMAP_SITES / 2; site_room >= LEAST_SITES; site_room /= 2) {
        size_t bytes = site_room * sizeof(prof_node *);
        void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (p != MAP_FAILED) return p;
    }
    return NULL;
}

static prof_session_part part = {.forget = prof_memory_forget};

int prof_memory_start(int mode) {
    prof_session_join(&part);
    prof_appender room = {.grow = sizeof(prof_chunk) + sizeof(prof_memory)};
    prof_memory *totals = prof_arena_append(&room, PROF_CHUNK_MEMORY, sizeof *totals, 0, sizeof *totals);
    if (!totals) return ENOSPC;
    prof_site_slots = calloc(FIRST_SLOTS, sizeof *prof_site_slots);
    if (!prof_site_slots || !(prof_site_nodes = map_sites())) {
        free(prof_site_slots);
        prof_site_slots = NULL;
        return ENOMEM;
    }
    prof_site_mask = FIRST_SLOTS - 1;
    slots_used = 0;
    site_count = PROF_SITES_WITHOUT_GIL - 1;
    foreign_count = 0;
    totals->detail = mode == PROF_MEMORY_DETAIL;
    totals->epoch = 1;
    prof_arena_publish(&room, sizeof *totals);
    if (first_sites()) {
        prof_memory_mode = mode;
        prof_memory_stop();
        return ENOSPC;
    }
    prof_memory_totals = totals;
    prof_memory_mode = mode;
    moments = types = (prof_appender){0};
    moment_count = 0;
    moment_every_ns = 10000000;
    prof_memory_moment(1);
    return 0;
}

void prof_memory_stop(void) {
    if (prof_memory_mode == PROF_MEMORY_OFF) return;
    pthread_mutex_lock(&lock); /* threads without the GIL may be looking */
    prof_memory_mode = PROF_MEMORY_OFF;
    prof_memory_totals = &no_totals;
    free(prof_site_slots);
    prof_site_slots = NULL;
    munmap(prof_site_nodes, site_room * sizeof *prof_site_nodes);
    prof_pagemap_clear();
    free(queue);
    queue = NULL;
    queue_room = queue_used = 0;
    prof_memory_waiting = 0;
    foreign_count = 0;
    memset(foreign, 0, sizeof foreign);
    memset(foreign_classes, 0, sizeof foreign_classes);
    pthread_mutex_unlock(&lock);
}

void prof_memory_forget(void) {
    pthread_mutex_init(&lock, NULL); /* another thread may have held it when the parent forked */
    prof_memory_stop();
}
