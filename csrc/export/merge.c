/* Spans too short to be seen apart, merged; and contexts by stretch of time. */
#include "export.h"
#include "varint.h"
#include <stdlib.h>
#include <string.h>

uint32_t prof_export_rows(const prof_export_spans *spans) {
    uint32_t most = 0;
    for (uint64_t i = 0; i < spans->count; i++)
        if (spans->depth[i] >= most) most = spans->depth[i] + 1;
    return most;
}

/* What is being merged at a depth. */
typedef struct {
    prof_export_item item; /* nothing where count is 0 */
    uint64_t longest_ns;
    unsigned char group;
} run;

typedef struct {
    run *runs;               /* Owned: by depth */
    uint64_t *counts;        /* Borrowed: by depth */
    uint64_t *next;          /* Owned: by depth, where the next item belongs; NULL where items are only counted */
    prof_export_item *items; /* Borrowed */
    uint64_t total;
} merging;

static void finish(merging *m, uint32_t depth) {
    run *r = &m->runs[depth];
    if (r->item.count == 0) return;
    if (m->items == NULL) m->counts[depth]++;
    else m->items[m->next[depth]++] = r->item;
    m->total++;
    r->item.count = 0;
}

static void add(merging *m, const prof_export_spans *spans, uint64_t i, uint64_t least_ns, unsigned char group, int alone) {
    uint32_t depth = spans->depth[i], label = spans->label[i];
    uint64_t start = spans->start_ns[i], took = spans->duration_ns[i];
    run *r = &m->runs[depth];
    int is_short = took < least_ns && !alone;
    if (r->item.count > 0 && is_short && r->item.count < UINT32_MAX && r->group == group && start >= r->item.start_ns &&
        start + took - r->item.start_ns <= least_ns) {
        r->item.count++;
        r->item.busy_ns += took;
        r->item.duration_ns = start + took - r->item.start_ns;
        if (took <= r->longest_ns) return;
        r->longest_ns = took;
        r->item.label = label;
        return;
    }
    finish(m, depth);
    *r = (run){{start, took, took, i, 1, label}, took, group};
    if (!is_short) finish(m, depth);
}

uint64_t prof_export_merge(const prof_export_spans *spans, uint64_t from_ns, uint64_t to_ns, uint64_t least_ns,
                           const unsigned char *group, uint32_t labels, unsigned char never, uint32_t rows, uint64_t *counts,
                           prof_export_item *items) {
    merging m = {calloc(rows + 1, sizeof *m.runs), counts, NULL, items, 0};
    if (items != NULL) m.next = calloc(rows + 1, sizeof *m.next);
    if (m.runs == NULL || (items != NULL && m.next == NULL)) goto error;
    if (items == NULL) memset(counts, 0, rows * sizeof *counts);
    for (uint32_t depth = 1; items != NULL && depth < rows; depth++) m.next[depth] = m.next[depth - 1] + counts[depth - 1];
    for (uint64_t i = 0; i < spans->count && spans->start_ns[i] < to_ns; i++) {
        if (spans->start_ns[i] + spans->duration_ns[i] < from_ns || spans->depth[i] >= rows) continue;
        unsigned char of = spans->label[i] < labels ? group[spans->label[i]] : 0;
        add(&m, spans, i, least_ns, of, of == never);
    }
    for (uint32_t depth = 0; depth < rows; depth++) finish(&m, depth);
error:
    free(m.runs);
    free(m.next);
    return m.total;
}

size_t prof_export_pack(const prof_export_item *items, uint64_t count, unsigned char *out) {
    unsigned char *at = out;
    uint64_t end = 0;
    for (uint64_t i = 0; i < count; i++) {
        const prof_export_item *item = &items[i];
        at = prof_put_varint(at, item->start_ns > end ? item->start_ns - end : 0);
        at = prof_put_varint(at, item->duration_ns);
        at = prof_put_varint(at, (uint64_t)item->label * 2 + (item->count > 1));
        if (item->count > 1) {
            at = prof_put_varint(at, item->count);
            at = prof_put_varint(at, item->busy_ns);
        }
        /* As who reads it adds up, where a span begins before the one before it ends. */
        end = (item->start_ns > end ? item->start_ns : end) + item->duration_ns;
    }
    return (size_t)(at - out);
}

/* ---- contexts by stretch of time ---- */

typedef struct {
    uint64_t from_ns, to_ns;
    uint32_t stretches;
    const uint32_t *into;
    uint64_t *own_ns;
} axis;

/* Where a stretch begins. */
static uint64_t begin_of(const axis *a, uint64_t stretch) {
    return a->from_ns + (uint64_t)((unsigned __int128)(a->to_ns - a->from_ns) * stretch / a->stretches);
}

static uint64_t stretch_of(const axis *a, uint64_t ns) {
    uint64_t found = (uint64_t)((unsigned __int128)(ns - a->from_ns) * a->stretches / (a->to_ns - a->from_ns));
    while (found + 1 < a->stretches && begin_of(a, found + 1) <= ns) found++; /* it rounds down, and so do they */
    return found < a->stretches ? found : a->stretches - 1;
}

/* Adds the time of a context from one moment to another. */
static void spend(const axis *a, uint32_t context, uint64_t from, uint64_t to) {
    if (from < a->from_ns) from = a->from_ns;
    if (to > a->to_ns) to = a->to_ns;
    if (context == 0 || from >= to) return;
    for (uint64_t stretch = stretch_of(a, from); from < to; stretch++) {
        uint64_t end = stretch + 1 < a->stretches ? begin_of(a, stretch + 1) : a->to_ns;
        if (end > to) end = to;
        a->own_ns[(uint64_t)a->into[context] * a->stretches + stretch] += end - from;
        from = end;
    }
}

void prof_export_stretches(const prof_export_spans *spans, uint64_t from_ns, uint64_t to_ns, uint32_t stretches,
                           const uint32_t *child, const uint32_t *sibling, const uint32_t *of, const uint32_t *into, uint32_t *path,
                           uint32_t rows, uint64_t *own_ns, uint32_t *calls) {
    axis a = {from_ns, to_ns, stretches, into, own_ns};
    uint32_t *depths = path + rows; /* of the spans around the one at hand */
    uint32_t open = 0;
    uint64_t *ends = malloc(((size_t)rows + 1) * sizeof *ends), clock = from_ns;
    if (ends == NULL || stretches == 0 || to_ns <= from_ns) goto error;
    for (uint64_t i = 0; i <= spans->count; i++) {
        int last = i == spans->count;
        uint64_t start = last ? UINT64_MAX : spans->start_ns[i];
        while (open > 0 && (last || depths[open - 1] >= spans->depth[i])) {
            uint64_t end = ends[--open] < start ? ends[open] : start;
            if (end > clock) {
                spend(&a, path[open], clock, end);
                clock = end;
            }
        }
        if (last || open >= rows) break;
        if (open > 0 && start > clock) spend(&a, path[open - 1], clock, start);
        if (start > clock || open == 0) clock = start;
        uint32_t above = open > 0 ? path[open - 1] : 0, context = child[above];
        while (context != 0 && of[context] != spans->label[i]) context = sibling[context];
        if (context != 0 && calls != NULL && start >= from_ns && start < to_ns)
            calls[(uint64_t)into[context] * stretches + stretch_of(&a, start)]++;
        path[open] = context != 0 ? context : above;
        depths[open] = spans->depth[i];
        ends[open++] = start + spans->duration_ns[i];
    }
error:
    free(ends);
}
