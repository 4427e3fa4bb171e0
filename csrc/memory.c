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

#include "labels.h"
#include "tree.h"

#define FIRST_SLOTS 4096
/* An instruction that was forgotten. No code lies at the last byte of the address space. */
#define GONE UINTPTR_MAX

__thread prof_busy_state prof_busy __attribute__((tls_model("initial-exec")));
int prof_memory_mode;
int prof_memory_waiting;
static prof_memory no_totals;
prof_memory *prof_memory_totals = &no_totals;
prof_site_slot *prof_site_slots;
size_t prof_site_mask;
prof_node **prof_site_nodes;
static size_t slots_used;
static uint32_t site_count;

/* ---- events of threads without the GIL ------------------------------------------------------------------------------ */

/* Blocks of PROF_SITE_WITHOUT_GIL since the last drain, in sums: there may be millions of them before somebody with the GIL
 * comes by. Of others only the frees wait. */
static struct {
    uint64_t count, bytes, free_count, free_bytes;
    uint64_t class_count[PROF_SIZE_CLASSES];
} foreign;

typedef struct {
    uint32_t tag;
    size_t bytes;
} freed_block;

static pthread_mutex_t queue_lock = PTHREAD_MUTEX_INITIALIZER;
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
    pthread_mutex_lock(&queue_lock);
    if (!freed) {
        foreign.count++;
        foreign.bytes += bytes;
        foreign.class_count[prof_size_class(bytes)]++;
    } else if (tag >> 1 == PROF_SITE_WITHOUT_GIL) {
        foreign.free_count++;
        foreign.free_bytes += bytes;
    } else {
        queue_freed(tag, bytes);
    }
    __atomic_store_n(&prof_memory_waiting, 1, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&queue_lock);
}

/* Counts the sums. Their order is not known: what was freed since is taken as freed first, so that no peak is made up. */
static void count_foreign(void) {
    prof_node *site = prof_site_nodes[PROF_SITE_WITHOUT_GIL];
    prof_memory *m = prof_memory_totals;
    prof_site_touch(site);
    site->alloc_count += foreign.count;
    site->alloc_bytes += foreign.bytes;
    site->free_count += foreign.free_count;
    site->free_bytes += foreign.free_bytes;
    if (prof_memory_mode == PROF_MEMORY_DETAIL) {
        for (int k = 0; k < PROF_SIZE_CLASSES; k++) m->class_count[k] += foreign.class_count[k];
        m->live_bytes += foreign.bytes - foreign.free_bytes;
        if (m->live_bytes > m->peak_bytes) {
            m->peak_bytes = m->live_bytes;
            m->epoch++;
        }
    }
    memset(&foreign, 0, sizeof foreign);
}

void prof_memory_drain(void) {
    pthread_mutex_lock(&queue_lock);
    prof_memory_waiting = 0;
    if (prof_memory_mode) count_foreign();
    for (size_t i = 0; prof_memory_mode && i < queue_used; i++)
        prof_memory_freed_at(prof_block_site(queue[i].tag), queue[i].bytes);
    queue_used = 0;
    pthread_mutex_unlock(&queue_lock);
}

/* ---- sites -------------------------------------------------------------------------------------------------------------- */

static int grow(void) {
    size_t size = (prof_site_mask + 1) * 2, used = 0;
    prof_site_slot *bigger = calloc(size, sizeof *bigger);
    if (!bigger) return -1;
    for (size_t i = 0; i <= prof_site_mask; i++) {
        prof_site_slot s = prof_site_slots[i];
        if (!s.site || s.instruction == GONE) continue;
        size_t k = prof_site_home(s.instruction, s.top) & (size - 1);
        while (bigger[k].site) k = (k + 1) & (size - 1);
        bigger[k] = s;
        used++;
    }
    free(prof_site_slots);
    prof_site_slots = bigger;
    prof_site_mask = size - 1;
    slots_used = used;
    return 0;
}

static void remember(uintptr_t instruction, prof_ref top, prof_ref site) {
    if ((slots_used + 1) * 2 > prof_site_mask && grow()) return;
    size_t k = prof_site_home(instruction, top) & prof_site_mask;
    while (prof_site_slots[k].site) k = (k + 1) & prof_site_mask;
    prof_site_slots[k] = (prof_site_slot){instruction, top, site};
    slots_used++;
}

void prof_site_forget(uintptr_t begin, uintptr_t end) {
    for (size_t i = 0; prof_site_slots && i <= prof_site_mask; i++)
        if (prof_site_slots[i].instruction >= begin && prof_site_slots[i].instruction < end)
            prof_site_slots[i].instruction = GONE;
}

/* The nearest of `top` and its ancestors whose function records memory. */
static prof_node *recorder(prof_node *top, uint32_t *flags) {
    for (;; top = prof_arena_at(top->parent)) {
        const prof_label *label = prof_arena_at(top->label);
        *flags = label->flags;
        if (!(label->flags & PROF_LABEL_NO_MEMORY) || !top->parent) return top;
    }
}

prof_node *prof_site_name(prof_thread *t, prof_node *top, uintptr_t instruction, const prof_place *place) {
    uint32_t flags;
    prof_label *label = prof_label_line(place->function, place->file, place->line);
    if (!label) return NULL;
    prof_node *site = prof_node_leaf(t, recorder(top, &flags), prof_arena_ref(label));
    if (!site) return NULL;
    if (!site->site && !(flags & PROF_LABEL_NO_DETAIL) && site_count + 1 < PROF_PAGEMAP_SITES / 2) {
        site->site = ++site_count;
        prof_site_nodes[site->site] = site;
    }
    if (instruction) remember(instruction, prof_arena_ref(top), prof_arena_ref(site));
    return site;
}

/* ---- the process's memory over time, and types ---------------------------------------------------------------------------- */

#define MOMENTS 4096 /* after so many, the next ones come half as often */

static prof_appender moments, types;
static uint64_t moment_count, last_moment_ns, moment_every_ns;
static uint32_t last_epoch; /* of the peak at the last moment */
/* No descriptor is kept: its number would be another file's as soon as the program closes what it does not know. */
static uint64_t resident_bytes(void) {
    char text[128];
    unsigned long pages = 0;
    int error = errno; /* malloc's caller may look at it */
    int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t n = file < 0 ? -1 : read(file, text, sizeof text - 1);
    if (file >= 0) close(file);
    errno = error;
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

int prof_memory_start(int mode) {
    prof_appender room = {.grow = sizeof(prof_chunk) + sizeof(prof_memory)};
    prof_memory *totals = prof_arena_append(&room, PROF_CHUNK_MEMORY, sizeof *totals, 0, sizeof *totals);
    if (!totals) return ENOSPC;
    prof_site_slots = calloc(FIRST_SLOTS, sizeof *prof_site_slots);
    size_t bytes = PROF_PAGEMAP_SITES * sizeof *prof_site_nodes; /* of which only what is used is ever touched */
    void *nodes = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (!prof_site_slots || nodes == MAP_FAILED) {
        free(prof_site_slots);
        prof_site_slots = NULL;
        return ENOMEM;
    }
    prof_site_nodes = nodes;
    prof_site_mask = FIRST_SLOTS - 1;
    slots_used = site_count = 0;
    totals->detail = mode == PROF_MEMORY_DETAIL;
    totals->epoch = 1;
    prof_arena_publish(&room, sizeof *totals);
    static const prof_place without = {"", "<threads without the GIL>", 0};
    prof_thread *t = prof_thread_current();
    if (!t || !prof_site_name(t, t->base->node, 0, &without)) { /* the first site: PROF_SITE_WITHOUT_GIL */
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
    prof_memory_mode = PROF_MEMORY_OFF;
    prof_memory_totals = &no_totals;
    free(prof_site_slots);
    prof_site_slots = NULL;
    munmap(prof_site_nodes, PROF_PAGEMAP_SITES * sizeof *prof_site_nodes);
    prof_pagemap_clear();
    pthread_mutex_init(&queue_lock, NULL); /* a forked child may have copied it taken */
    free(queue);
    queue = NULL;
    queue_room = queue_used = 0;
    prof_memory_waiting = 0;
    memset(&foreign, 0, sizeof foreign);
}
