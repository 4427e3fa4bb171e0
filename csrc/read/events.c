/* Spans as they went. A thread's chunks have them in the order in which they ended; here they come in the order in which they began,
 * with those that contain others before them. */
#include "private.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A chunk of a thread's. */
typedef struct {
    uint64_t order, chunk;
    uint32_t thread;
} block;

/* A thread's spans while they are read, in the order in which they ended. `node` is an index into the tables of nodes. */
typedef struct {
    uint64_t room, count;
    uint64_t *start, *end; /* ns; owned, as all below */
    uint32_t *node;
    uint64_t open_count, open_room;
    uint64_t *open;
} spans;

/* All that reading takes. */
typedef struct {
    const prof_reader *reader;
    block *blocks; /* Owned: by thread, then by order */
    uint64_t block_count;
    uint32_t *node_label, *node_depth; /* Owned, by node */
    spans *spans;                      /* Owned, by thread */
    prof_reader_track *tracks;         /* Owned, by thread */
    uint64_t *point_room;              /* Owned, by thread */
    uint64_t end_ns;
    prof_reader_cursor nodes;
    char *error;
    size_t size;
} reading;

static int no_memory(const reading *r) {
    prof_reader_fail(r->error, r->size, "does not fit into memory");
    return -1;
}

/* What a file that was closed has not. Of another one it is passed over: it may have come while the file was read. */
static int not_there(const reading *r, const char *what) {
    if (!prof_reader_closed(r->reader)) return 0;
    prof_reader_fail(r->error, r->size, CORRUPT "an event names a %s that is not there", what);
    return -1;
}

static int by_thread(const void *a, const void *b) {
    const block *x = a, *y = b;
    if (x->thread != y->thread) return x->thread < y->thread ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static const prof_spans *head_of(const prof_reader *reader, uint64_t chunk) {
    return (const prof_spans *)prof_reader_records(reader, &reader->chunks[chunk]);
}

static uint64_t order_of(const prof_reader *reader, uint64_t chunk) {
    return __atomic_load_n(&head_of(reader, chunk)->order, __ATOMIC_ACQUIRE);
}

static int find_blocks(reading *r) {
    const prof_reader *reader = r->reader;
    const prof_reader_info *info = &reader->info;
    prof_reader_cursor cursor = {NULL};
    uint64_t count = 0;
    for (uint64_t c = 0; c < info->chunk_count; c++) count += reader->chunks[c].type == PROF_CHUNK_SPANS;
    r->blocks = calloc(count + 1, sizeof *r->blocks);
    if (r->blocks == NULL) return no_memory(r);
    for (uint64_t c = 0; c < info->chunk_count; c++) {
        const prof_reader_chunk *chunk = &reader->chunks[c];
        if (chunk->type != PROF_CHUNK_SPANS || chunk->used < sizeof(prof_spans)) continue;
        uint64_t order = order_of(reader, c);
        if (order == 0) continue;
        prof_ref ref = ((const prof_chunk *)(reader->data + chunk->offset))->thread;
        uint64_t thread = prof_reader_record(reader, PROF_CHUNK_THREADS, ref, &cursor);
        if (thread != PROF_READER_NOT_FOUND) r->blocks[r->block_count++] = (block){order, c, (uint32_t)thread};
        else if (not_there(r, "thread") != 0) return -1;
    }
    qsort(r->blocks, r->block_count, sizeof *r->blocks, by_thread);
    return 0;
}

static int read_nodes(reading *r) {
    const prof_reader *reader = r->reader;
    prof_reader_cursor cursor = {NULL};
    prof_reader_walk walk = {0};
    r->node_label = malloc((reader->info.node_count + 1) * sizeof *r->node_label);
    r->node_depth = malloc((reader->info.node_count + 1) * sizeof *r->node_depth);
    if (r->node_label == NULL || r->node_depth == NULL) return no_memory(r);
    for (const prof_node *node; (node = prof_reader_next(reader, PROF_CHUNK_NODES, &walk)) != NULL;) {
        uint64_t label = prof_reader_label_index(reader, node->label, &cursor);
        int is_root = label != PROF_READER_NOT_FOUND && reader->labels[label].kind == PROF_THREAD;
        r->node_label[walk.index] = label == PROF_READER_NOT_FOUND || is_root ? PROF_READER_NO_LABEL : (uint32_t)label;
        r->node_depth[walk.index] = node->depth;
    }
    return 0;
}

/* ---- records ----------------------------------------------------------------------------------------------------------- */

/* How many spans at most a chunk has. */
static uint64_t spans_in(const prof_reader *reader, uint64_t chunk) {
    return (reader->chunks[chunk].used - sizeof(prof_spans)) / (PROF_SPAN_WORDS * sizeof(uint32_t));
}

static int open_spans(reading *r, spans *s) {
    if (s->open_count < s->open_room) return 0;
    uint64_t room = s->open_room == 0 ? 16 : s->open_room * 2;
    uint64_t *larger = realloc(s->open, room * sizeof *larger);
    if (larger == NULL) return no_memory(r);
    s->open = larger;
    s->open_room = room;
    return 0;
}

/* Adds a span, by ticks. 0, or -1 with a line. */
static int add_span(reading *r, spans *s, uint64_t node, uint64_t start, uint64_t end, int open) {
    if (node == PROF_READER_NOT_FOUND || r->node_label[node] == PROF_READER_NO_LABEL) return not_there(r, "span");
    if (s->count == s->room) return 0; /* it has come since they were counted */
    if (open && open_spans(r, s) != 0) return -1;
    if (open) s->open[s->open_count++] = s->count;
    uint64_t start_ns = prof_reader_since_start(r->reader, start), end_ns = prof_reader_since_start(r->reader, end);
    s->start[s->count] = start_ns;
    s->end[s->count] = end_ns > start_ns ? end_ns : start_ns;
    s->node[s->count++] = (uint32_t)node;
    if (end_ns > r->end_ns) r->end_ns = end_ns;
    return 0;
}

static int add_point(reading *r, uint32_t thread, const uint32_t *p, uint64_t at) {
    prof_reader_track *track = &r->tracks[thread];
    if (track->point_count == r->point_room[thread]) {
        uint64_t room = track->point_count == 0 ? 64 : track->point_count * 2;
        prof_reader_point *larger = realloc(track->points, room * sizeof *larger);
        if (larger == NULL) return no_memory(r);
        track->points = larger;
        r->point_room[thread] = room;
    }
    prof_reader_text name;
    uint64_t node = prof_reader_record(r->reader, PROF_CHUNK_NODES, p[PROF_SPAN_WORDS], &r->nodes);
    if (node == PROF_READER_NOT_FOUND || prof_reader_read_text(r->reader, p[2], &name) != 0) return not_there(r, "span or a name");
    uint64_t value = p[PROF_SPAN_WORDS + 1] | (uint64_t)p[PROF_SPAN_WORDS + 2] << 32;
    prof_reader_point *point = &track->points[track->point_count++];
    *point = (prof_reader_point){.time_ns = prof_reader_since_start(r->reader, at),
                                 .label = r->node_label[node],
                                 .real = p[0] == PROF_SPAN_REAL,
                                 .name = name};
    if (point->real) point->real_value = prof_metric_real(value);
    else point->value = (int64_t)value;
    if (point->time_ns > r->end_ns) r->end_ns = point->time_ns;
    return 0;
}

static uint64_t instant(const uint32_t *p) { return p[1] | (uint64_t)p[2] << 32; }

static int read_records(reading *r, uint32_t thread, const uint32_t *p, const uint32_t *end) {
    uint64_t from = 0, begun = 0;
    int open = 0, is_long = 0, result = 0;
    for (; result == 0 && end - p >= PROF_SPAN_WORDS; p += PROF_SPAN_WORDS) {
        uint32_t what = __atomic_load_n(p, __ATOMIC_ACQUIRE);
        if (what == 0) break;
        if (what == PROF_SPAN_FROM) from = instant(p);
        else if (what == PROF_SPAN_LONG) begun = instant(p), is_long = 1;
        else if (what == PROF_SPAN_OPEN) open = 1;
        else if (what == PROF_SPAN_POINT || what == PROF_SPAN_REAL) {
            if (end - p < 2 * PROF_SPAN_WORDS) break;
            result = add_point(r, thread, p, from + p[1]);
            p += PROF_SPAN_WORDS;
        } else {
            uint64_t node = prof_reader_record(r->reader, PROF_CHUNK_NODES, what, &r->nodes);
            uint64_t at = from + p[1], start = is_long ? begun : p[2] < at ? at - p[2] : 0;
            result = add_span(r, &r->spans[thread], node, start, at, open);
            open = is_long = 0;
        }
    }
    return result;
}

static int read_block(reading *r, const block *b) {
    const prof_reader_chunk *chunk = &r->reader->chunks[b->chunk];
    const uint32_t *words = (const uint32_t *)(head_of(r->reader, b->chunk) + 1);
    spans *s = &r->spans[b->thread];
    uint64_t before = s->count, open = s->open_count, points = r->tracks[b->thread].point_count;
    if (read_records(r, b->thread, words, words + (chunk->used - sizeof(prof_spans)) / sizeof(uint32_t)) != 0) return -1;
    if (order_of(r->reader, b->chunk) == b->order) return 0;
    s->count = before; /* its process has used it again meanwhile */
    s->open_count = open;
    r->tracks[b->thread].point_count = points;
    return 0;
}

/* ---- what is open now ---------------------------------------------------------------------------------------------------- */

/* Adds the spans of a stack, the innermost first, of a thread that had not ended; or with `count` only counts its frames. */
static int read_stack(reading *r, const prof_reader_chunk *chunk, uint32_t thread, uint64_t *count) {
    const prof_open_stack *stack = (const prof_open_stack *)prof_reader_records(r->reader, chunk);
    const prof_open_span *frames = (const prof_open_span *)(stack + 1);
    uint64_t room = (chunk->used - sizeof *stack) / sizeof *frames, open = 1;
    if (stack->base == 0) return 0;
    while (open < room && frames[open].node != 0 && frames[open].start != UINT64_MAX) open++;
    if (count != NULL) *count = open;
    for (uint64_t i = open - 1; count == NULL && i >= 1; i--) {
        uint64_t offset = frames[i].node - stack->base, node = PROF_READER_NOT_FOUND;
        spans *s = &r->spans[thread];
        if (offset % PROF_REF_UNIT == 0 && offset / PROF_REF_UNIT <= UINT32_MAX)
            node = prof_reader_record(r->reader, PROF_CHUNK_NODES, (prof_ref)(offset / PROF_REF_UNIT), &r->nodes);
        if (node == PROF_READER_NOT_FOUND || r->node_label[node] == PROF_READER_NO_LABEL) continue;
        uint64_t start_ns = prof_reader_since_start(r->reader, frames[i].start);
        /* Killed between setting it down and saying that it is closed. */
        if (s->count > 0 && s->node[s->count - 1] == node && s->start[s->count - 1] == start_ns) continue;
        uint64_t before = s->count;
        if (add_span(r, s, node, frames[i].start, frames[i].start, 1) != 0) return -1;
        if (s->count > before) s->end[before] = UINT64_MAX; /* it is set once that is known */
    }
    return 0;
}

/* Goes through the stacks of the threads that run. With `counts`, only counts their frames, by thread. */
static int read_stacks(reading *r, uint64_t *counts) {
    const prof_reader *reader = r->reader;
    prof_reader_cursor cursor = {NULL};
    for (uint64_t c = 0; c < reader->info.chunk_count; c++) {
        const prof_reader_chunk *chunk = &reader->chunks[c];
        if (chunk->type != PROF_CHUNK_STACK || chunk->used < sizeof(prof_open_stack) + sizeof(prof_open_span)) continue;
        uint64_t thread = prof_reader_record(reader, PROF_CHUNK_THREADS, chunk->thread, &cursor), count = 0;
        if (thread == PROF_READER_NOT_FOUND || !reader->threads[thread].running) continue;
        if (read_stack(r, chunk, (uint32_t)thread, counts != NULL ? &count : NULL) != 0) return -1;
        if (counts != NULL) counts[thread] += count;
    }
    return 0;
}

static int read_all(reading *r) {
    const prof_reader_info *info = &r->reader->info;
    uint64_t *counts = calloc(info->thread_count + 1, sizeof *counts);
    int failed = counts == NULL ? no_memory(r) : read_stacks(r, counts);
    for (uint64_t b = 0; failed == 0 && b < r->block_count; b++)
        counts[r->blocks[b].thread] += spans_in(r->reader, r->blocks[b].chunk);
    for (uint64_t t = 0; failed == 0 && t < info->thread_count; t++) {
        spans *s = &r->spans[t];
        s->room = counts[t];
        s->start = malloc((s->room + 1) * sizeof *s->start);
        s->end = malloc((s->room + 1) * sizeof *s->end);
        s->node = malloc((s->room + 1) * sizeof *s->node);
        if (s->start == NULL || s->end == NULL || s->node == NULL || s->room >= UINT32_MAX) failed = no_memory(r);
    }
    free(counts);
    for (uint64_t b = 0; failed == 0 && b < r->block_count; b++) failed = read_block(r, &r->blocks[b]);
    if (failed == 0) failed = read_stacks(r, NULL);
    return failed;
}

/* ---- in order of their beginning --------------------------------------------------------------------------------------------- */

/* Spans that end together stay as they are: the inner one came first. */
static void merge_by_end(const uint64_t *end, uint32_t *from, uint32_t *to, uint64_t low, uint64_t middle, uint64_t high) {
    for (uint64_t i = low, a = low, b = middle; i < high; i++)
        to[i] = a < middle && (b == high || end[from[a]] <= end[from[b]]) ? from[a++] : from[b++];
}

/* Sorts `order` by end; `other` is as large. The one that has the result. */
static uint32_t *sort_by_end(const uint64_t *end, uint32_t *order, uint32_t *other, uint64_t count) {
    for (uint64_t width = 1; width < count; width *= 2) {
        for (uint64_t low = 0; low < count; low += 2 * width) {
            uint64_t middle = low + width < count ? low + width : count, high = low + 2 * width < count ? low + 2 * width : count;
            merge_by_end(end, order, other, low, middle, high);
        }
        uint32_t *sorted = other;
        other = order;
        order = sorted;
    }
    return order;
}

/* One that contains others and is being laid out, from the last of these to the first. */
typedef struct {
    uint64_t first, next; /* places: of its own, and one behind those that are still to be taken */
} container;

/* Where each span goes. `order` has them as they ended; `size` is room for as many, and so is `depth`. 0, or -1 without memory. */
static int lay_out(const reading *r, const spans *s, const uint32_t *order, uint32_t *size, uint32_t *waiting, uint32_t *place,
                   uint32_t *depth, uint32_t *deepest) {
    uint64_t top = 0;
    for (uint64_t i = 0; i < s->count; i++) { /* what began within it and has no container yet is in it */
        uint32_t at = order[i];
        size[at] = 1;
        for (; top > 0; top--) {
            uint32_t below = waiting[top - 1];
            if (s->start[below] < s->start[at]) break;
            /* Of two that begin at one instant and the first of which takes no time: */
            if (s->start[below] == s->start[at] && s->end[below] == s->start[at] &&
                r->node_depth[s->node[below]] <= r->node_depth[s->node[at]])
                break;
            size[at] += size[below];
        }
        waiting[top++] = at;
    }
    uint64_t height = 1, room = 64;
    container *open = malloc(room * sizeof *open);
    if (open == NULL) return -1;
    open[0] = (container){.first = UINT64_MAX, .next = s->count};
    *deepest = 0;
    for (uint64_t i = s->count; i-- > 0;) {
        uint32_t at = order[i];
        while (open[height - 1].next == open[height - 1].first + 1) height--;
        uint64_t first = open[height - 1].next -= size[at];
        place[at] = (uint32_t)first;
        depth[first] = (uint32_t)height - 1;
        if (height - 1 > *deepest) *deepest = (uint32_t)height - 1;
        if (height == room) {
            container *larger = realloc(open, 2 * room * sizeof *larger);
            if (larger == NULL) {
                free(open);
                return -1;
            }
            open = larger;
            room *= 2;
        }
        open[height++] = (container){.first = first, .next = first + size[at]};
    }
    free(open);
    return 0;
}

static int ascending(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Moves what was read to where it goes. The old columns are let go of one by one. 0, or -1 without memory. */
static int place_all(const reading *r, spans *s, const uint32_t *place, prof_reader_track *track) {
    uint64_t n = s->count;
    track->label = malloc((n + 1) * sizeof *track->label);
    track->start_ns = malloc((n + 1) * sizeof *track->start_ns);
    if (track->label == NULL || track->start_ns == NULL) return -1;
    for (uint64_t i = 0; i < n; i++) {
        track->label[place[i]] = r->node_label[s->node[i]];
        track->start_ns[place[i]] = s->start[i];
        s->end[i] -= s->start[i];
    }
    free(s->node);
    free(s->start);
    s->node = NULL;
    s->start = NULL;
    track->duration_ns = malloc((n + 1) * sizeof *track->duration_ns);
    if (track->duration_ns == NULL) return -1;
    for (uint64_t i = 0; i < n; i++) track->duration_ns[place[i]] = s->end[i];
    for (uint64_t i = 0; i < s->open_count; i++) s->open[i] = place[s->open[i]];
    if (s->open_count > 0) qsort(s->open, s->open_count, sizeof *s->open, ascending);
    track->open = s->open;
    track->open_count = s->open_count;
    track->count = n;
    s->open = NULL;
    return 0;
}

static int order_track(const reading *r, spans *s, prof_reader_track *track) {
    uint64_t n = s->count, room = (n + 1) * sizeof(uint32_t);
    uint32_t *order = malloc(room), *size = malloc(room), *waiting = malloc(room), *place = malloc(room), *sorted = order;
    track->depth = malloc(room);
    int result = -1, in_order = 1;
    if (order == NULL || size == NULL || waiting == NULL || place == NULL || track->depth == NULL) goto error;
    for (uint64_t i = 0; i < n; i++) {
        if (s->end[i] == UINT64_MAX) s->end[i] = r->end_ns;
        if (s->end[i] < s->start[i]) s->end[i] = s->start[i];
        order[i] = (uint32_t)i;
        if (i > 0 && s->end[i] < s->end[i - 1]) in_order = 0;
    }
    if (!in_order) sorted = sort_by_end(s->end, order, waiting, n);
    /* Whichever of the two the order is not in is room. */
    if (lay_out(r, s, sorted, size, sorted == order ? waiting : order, place, track->depth, &track->deepest) != 0) goto error;
    free(order);
    free(size);
    free(waiting);
    order = size = waiting = NULL;
    result = place_all(r, s, place, track);
error:
    free(order);
    free(size);
    free(waiting);
    free(place);
    return result == 0 ? 0 : no_memory(r);
}

/* ---- all of it ------------------------------------------------------------------------------------------------------------------ */

static int read_missing(reading *r) {
    prof_reader_cursor cursor = {NULL};
    prof_reader_walk walk = {0};
    for (const prof_missing *from; (from = prof_reader_next(r->reader, PROF_CHUNK_MISSING, &walk)) != NULL;) {
        if (from->count == 0) continue;
        uint64_t thread = prof_reader_record(r->reader, PROF_CHUNK_THREADS, from->thread, &cursor);
        if (thread == PROF_READER_NOT_FOUND) {
            if (not_there(r, "thread") != 0) return -1;
            continue;
        }
        prof_reader_track *track = &r->tracks[thread];
        if (track->missing_count == sizeof track->missing / sizeof *track->missing) continue;
        prof_reader_missing *to = &track->missing[track->missing_count++];
        *to = (prof_reader_missing){.start_ns = prof_reader_since_start(r->reader, from->start),
                                    .end_ns = prof_reader_since_start(r->reader, from->end),
                                    .count = from->count,
                                    .overwritten = from->overwritten != 0};
        if (to->end_ns < to->start_ns) to->end_ns = to->start_ns;
    }
    return 0;
}

static void track_close(prof_reader_track *track) {
    free(track->start_ns);
    free(track->duration_ns);
    free(track->label);
    free(track->depth);
    free(track->open);
    free(track->points);
}

void prof_reader_events_free(prof_reader_events *events) {
    if (events == NULL) return;
    for (uint64_t t = 0; t < events->track_count; t++) track_close(&events->tracks[t]);
    free(events->tracks);
    free(events);
}

static prof_reader_events *finish(reading *r) {
    prof_reader_events *events = calloc(1, sizeof *events);
    if (events == NULL) {
        no_memory(r);
        return NULL;
    }
    events->tracks = r->tracks;
    for (uint64_t t = 0; t < r->reader->info.thread_count; t++) {
        prof_reader_track *track = &r->tracks[t];
        if (track->count > 0 || track->point_count > 0 || track->missing_count > 0) events->tracks[events->track_count++] = *track;
        else track_close(track);
    }
    events->end_ns = r->end_ns;
    r->tracks = NULL;
    return events;
}

prof_reader_events *prof_reader_events_new(const prof_reader *reader, char *error, size_t size) {
    const prof_reader_info *info = &reader->info;
    reading r = {.reader = reader, .error = error, .size = size, .end_ns = info->duration_ns};
    prof_reader_events *events = NULL;
    uint64_t threads = info->thread_count;
    r.spans = calloc(threads + 1, sizeof *r.spans);
    r.tracks = calloc(threads + 1, sizeof *r.tracks);
    r.point_room = calloc(threads + 1, sizeof *r.point_room);
    if (r.spans == NULL || r.tracks == NULL || r.point_room == NULL) {
        no_memory(&r);
        goto error;
    }
    if (find_blocks(&r) != 0 || read_nodes(&r) != 0 || read_all(&r) != 0 || read_missing(&r) != 0) goto error;
    for (uint64_t t = 0; t < threads; t++) {
        r.tracks[t].thread = (uint32_t)t;
        if (order_track(&r, &r.spans[t], &r.tracks[t]) != 0) goto error;
        free(r.spans[t].end);
        r.spans[t].end = NULL;
    }
    events = finish(&r);
error:
    for (uint64_t t = 0; t < threads && r.spans != NULL; t++) {
        free(r.spans[t].start);
        free(r.spans[t].end);
        free(r.spans[t].node);
        free(r.spans[t].open);
    }
    for (uint64_t t = 0; t < threads && r.tracks != NULL; t++) track_close(&r.tracks[t]);
    free(r.spans);
    free(r.tracks);
    free(r.point_room);
    free(r.blocks);
    free(r.node_label);
    free(r.node_depth);
    return events;
}

void prof_reader_track_move(prof_reader_track *track, uint64_t later_ns, const uint32_t *labels) {
    for (uint64_t i = 0; i < track->count; i++) {
        track->start_ns[i] += later_ns;
        track->label[i] = labels[track->label[i]];
    }
    for (uint64_t i = 0; i < track->point_count; i++) {
        track->points[i].time_ns += later_ns;
        if (track->points[i].label != PROF_READER_NO_LABEL) track->points[i].label = labels[track->points[i].label];
    }
    for (uint32_t i = 0; i < track->missing_count; i++) {
        track->missing[i].start_ns += later_ns;
        track->missing[i].end_ns += later_ns;
    }
}
