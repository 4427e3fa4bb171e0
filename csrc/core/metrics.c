#include "metrics.h"

#include "timeline.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Records of all threads together: 14 MB. A program that makes up a name for each value must not fill the disk. */
#define MOST_METRICS 262144

static uint32_t metric_count;

void prof_metrics_reset(void) { metric_count = 0; }

static size_t slot_of(prof_ref node, prof_ref name, uint32_t real, size_t mask) {
    uint64_t h = ((uint64_t)node << 32 | name) * 0x9e3779b97f4a7c15u;
    return (size_t)((h >> 32) + real) & mask;
}

/* Room for one more in the thread's table: 0, or -1 without memory. */
static int reserve(prof_thread *t) {
    if (t->metrics && (t->metrics_used + 1) * 2 <= t->metrics_mask) return 0;
    size_t size = t->metrics ? (t->metrics_mask + 1) * 2 : 64;
    prof_metric **slots = calloc(size, sizeof *slots);
    if (!slots) return -1;
    for (size_t i = 0; t->metrics && i <= t->metrics_mask; i++) {
        prof_metric *m = t->metrics[i];
        if (!m) continue;
        size_t k = slot_of(m->node, m->name, m->real, size - 1);
        while (slots[k]) k = (k + 1) & (size - 1);
        slots[k] = m;
    }
    free(t->metrics);
    t->metrics = slots;
    t->metrics_mask = size - 1;
    return 0;
}

/* The thread's record of that metric, made at first use; NULL without room, which is counted. */
static prof_metric *metric_of(prof_thread *t, prof_ref node, prof_ref name, uint32_t real) {
    prof_metric *m = NULL;
    size_t k = 0;
    if (name && !reserve(t)) {
        for (k = slot_of(node, name, real, t->metrics_mask); (m = t->metrics[k]); k = (k + 1) & t->metrics_mask)
            if (m->node == node && m->name == name && m->real == real) return m;
        if (__atomic_load_n(&metric_count, __ATOMIC_RELAXED) < MOST_METRICS)
            m = prof_arena_append(&t->metric_room, PROF_CHUNK_METRICS, sizeof *m, prof_arena_ref(t->record), sizeof *m);
    }
    if (!m) {
        prof_count(PROF_DROP_METRICS_LOST, 1);
        return NULL;
    }
    *m = (prof_metric){.node = node, .name = name, .real = real};
    prof_arena_publish(&t->metric_room, sizeof *m);
    __atomic_fetch_add(&metric_count, 1, __ATOMIC_RELAXED);
    t->metrics[k] = m;
    t->metrics_used++;
    return m;
}

int prof_metric_add(prof_thread *t, const prof_node *node, prof_ref name, int64_t value) {
    prof_metric *m = metric_of(t, prof_arena_ref(node), name, 0);
    if (!m) return -1;
    prof_metric_join(m, &(prof_metric){.count = 1,
                                       .sum = (uint64_t)value,
                                       .rest = value < 0 ? UINT64_MAX : 0,
                                       .least = (uint64_t)value,
                                       .most = (uint64_t)value});
    if (prof_traced) prof_timeline_point(t, node, name, 0, (uint64_t)value);
    return 0;
}

int prof_metric_add_real(prof_thread *t, const prof_node *node, prof_ref name, double value) {
    prof_metric *m = isfinite(value) ? metric_of(t, prof_arena_ref(node), name, 1) : NULL;
    if (!m) {
        if (!isfinite(value)) prof_count(PROF_DROP_METRICS_LOST, 1);
        return -1;
    }
    uint64_t bits = prof_metric_bits(value);
    prof_metric_join(m, &(prof_metric){.real = 1, .count = 1, .sum = bits, .least = bits, .most = bits});
    if (prof_traced) prof_timeline_point(t, node, name, 1, bits);
    return 0;
}
