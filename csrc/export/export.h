/* Spans in the order of time, as files that other viewers read, and merged as far as a picture can show them apart.
 *
 * What is passed in are the columns of a track; nothing here knows a capture or keeps anything. Everything is written into buffers
 * of the caller, a part at a time, so that ten million spans need no more room than ten. Any thread may call, without the GIL. */
#ifndef PROF_EXPORT_H
#define PROF_EXPORT_H
#include <stddef.h>
#include <stdint.h>

/* cffi: begin */
/* The spans of a track, by when they began, parents before their children. All are Borrowed. */
typedef struct {
    uint64_t count;
    const uint64_t *start_ns, *duration_ns;
    const uint32_t *label, *depth;
} prof_export_spans;

/* Texts, end to end: the one of index i begins at begin[i] and ends at begin[i + 1]. The last stands for every index beyond. All are
 * Borrowed. */
typedef struct {
    uint32_t count;
    const char *text;
    const uint64_t *begin;
} prof_export_texts;

/* A span; or several, one after the other at one depth, that are too short to be seen apart. */
typedef struct {
    uint64_t start_ns, duration_ns; /* from the beginning of the first to the end of the last */
    uint64_t busy_ns;               /* of that, within spans */
    uint64_t index;                 /* of the first span */
    uint32_t count;
    uint32_t label; /* of several, of the longest */
} prof_export_item;

/* The spans around the one at hand. The caller makes it, with room for the deepest span. */
typedef struct {
    uint64_t at;       /* the next span */
    uint64_t clock_ns; /* of what was written last */
    uint64_t open;     /* how many are around it */
    uint64_t *end_ns;  /* Borrowed; UINT64_MAX for one that has no end */
    uint32_t *depth;   /* Borrowed */
} prof_export_stack;

/* How deep the spans are nested: the largest depth and 1. 0 where there are none. */
uint32_t prof_export_rows(const prof_export_spans *spans);

/* Writes an event of Chrome's Trace Event Format for each span of [from, to): a comma, `head`, when it began and how long it took, and
 * the text of its label. Returns the first span for which there was no room. */
uint64_t prof_export_chrome(const prof_export_spans *spans, uint64_t from, uint64_t to, const prof_export_texts *labels,
                            const char *head, size_t head_size, char *out, size_t room, size_t *used);

/* Writes packets of Perfetto's format that begin and end spans, each with the time since the packet before it. `labels` are fields of
 * TrackEvent. `open` are the spans without an end, ascending. Returns 1 when all are written. */
int prof_export_perfetto(const prof_export_spans *spans, prof_export_stack *stack, const prof_export_texts *labels,
                         const uint64_t *open, uint64_t open_count, uint32_t sequence, unsigned char *out, size_t room,
                         size_t *used);

/* Merges neighbours at one depth which are shorter than `least_ns`, within [from_ns, to_ns): as long as what they are merged into is no
 * longer than that, and they are of one `group` (by label; those of `never` are not merged at all). Counts what comes out by depth in
 * `counts`, of `rows` entries, and returns the sum. `items` is NULL, or has room for as many; then they are in it by depth, and by
 * time within each. What began before from_ns or ends after to_ns is there as a whole. */
uint64_t prof_export_merge(const prof_export_spans *spans, uint64_t from_ns, uint64_t to_ns, uint64_t least_ns,
                           const unsigned char *group, uint32_t labels, unsigned char never, uint32_t rows, uint64_t *counts,
                           prof_export_item *items);

/* Writes items of one row as varints: how long after the end of the one before it each begins, how long it takes, its label times two
 * and whether it is several; then how many and how long they are in all. `out` has room for 50 bytes an item. Returns the bytes. */
size_t prof_export_pack(const prof_export_item *items, uint64_t count, unsigned char *out);

/* What time contexts had themselves, by stretch of time: by [into[context]][stretch], of `stretches` between from_ns and to_ns. `child`
 * and `sibling` are the tree of contexts (0 the root; no child or sibling is 0), `of` the label of each. A span that is no context is
 * charged to the context around it. `calls` is NULL or counts in which stretch each began. `path` has room for `rows` entries, twice. */
void prof_export_stretches(const prof_export_spans *spans, uint64_t from_ns, uint64_t to_ns, uint32_t stretches,
                           const uint32_t *child, const uint32_t *sibling, const uint32_t *of, const uint32_t *into, uint32_t *path,
                           uint32_t rows, uint64_t *own_ns, uint32_t *calls);
/* cffi: end */

#endif
