/* What has been recorded, summed over the capture as it lies in memory. */
#include <stdlib.h>
#include <string.h>

#include "core/session.h"
#include "core/threads.h"
#include "recorder.h"

/* Labels lie at least so many refs apart, so a bit for each such run tells them apart. */
#define LABEL_REFS (sizeof(prof_label) / PROF_REF_UNIT)

typedef struct {
    prof_stats *to;
    unsigned char *seen; /* Owned: bits */
    uint64_t end;
} summing;

static void add_node(summing *s, const prof_node *node) {
    if (((const prof_label *)prof_arena_at(node->label))->kind == PROF_PROFILER) return;
    uint64_t bit = node->label / LABEL_REFS;
    s->to->calls += node->calls;
    s->to->alloc_count += node->alloc_count;
    s->to->alloc_bytes += node->alloc_bytes;
    s->to->free_count += node->free_count;
    s->to->free_bytes += node->free_bytes;
    if (!node->calls || s->seen[bit / 8] >> bit % 8 & 1) return;
    s->seen[bit / 8] |= (unsigned char)(1 << bit % 8);
    s->to->functions++;
}

static void add_chunk(summing *s, const prof_chunk *chunk) {
    const char *records = (const char *)(chunk + 1);
    uint64_t used = __atomic_load_n(&chunk->used, __ATOMIC_ACQUIRE);
    const prof_memory *memory = (const void *)records;
    switch (chunk->type) {
    case PROF_CHUNK_NODES:
        for (uint64_t at = 0; at < used; at += sizeof(prof_node)) add_node(s, (const void *)(records + at));
        break;
    case PROF_CHUNK_SAMPLED:
        for (uint64_t at = 0; at < used; at += sizeof(prof_sampled))
            s->to->samples += ((const prof_sampled *)(records + at))->samples;
        break;
    case PROF_CHUNK_THREADS: s->to->threads += used / sizeof(prof_thread_record); break;
    case PROF_CHUNK_MEMORY:
        s->to->live_bytes = memory->live_bytes;
        s->to->peak_bytes = memory->peak_bytes;
        break;
    default: break;
    }
}

static uint64_t open_spans(void) {
    uint64_t found = 0;
    prof_threads_lock();
    for (prof_thread *t = prof_threads_first(); t; t = t->next)
        found += (uint64_t)(__atomic_load_n(&t->top, __ATOMIC_ACQUIRE) - t->base);
    prof_threads_unlock();
    return found;
}

static void sum(summing *s) {
    const prof_header *h = prof_arena_header();
    for (uint64_t at = PROF_HEADER_SIZE; at + sizeof(prof_chunk) <= s->end;) {
        const prof_chunk *chunk = (const void *)(prof_arena_base + at);
        if (!chunk->size) break; /* it is being made */
        add_chunk(s, chunk);
        at += chunk->size;
    }
    for (int i = 0; i < PROF_DROP_COUNT; i++)
        if (i != PROF_DROP_OPEN_AT_END) s->to->dropped += h->drops[i];
    prof_instant last = prof_recording() ? prof_clock_instant() : h->last;
    s->to->seconds = (double)(last.monotonic_ns - h->start.monotonic_ns) / 1e9;
    s->to->open = prof_recording() ? open_spans() : h->drops[PROF_DROP_OPEN_AT_END];
}

int prof_recorder_stats(prof_stats *stats) {
    prof_stats found = {.size = sizeof found};
    if (!stats || stats->size < sizeof stats->size) return PROF_INVALID;
    if (!prof_arena_base) return PROF_OFF;
    summing s = {.to = &found, .end = __atomic_load_n(&prof_arena_header()->end, __ATOMIC_ACQUIRE)};
    s.seen = calloc(s.end / sizeof(prof_label) / 8 + 1, 1);
    if (!s.seen) return PROF_NO_ROOM;
    sum(&s);
    free(s.seen);
    found.size = stats->size < sizeof found ? stats->size : sizeof found;
    memcpy(stats, &found, found.size);
    return PROF_OK;
}
