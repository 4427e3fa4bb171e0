/* Adds captures to a merger: texts, labels, calling contexts and totals, each by what it means. */
#include "merge.h"
#include <stdlib.h>
#include <string.h>

/* ---- rows, bytes and tables that grow ---- */

void *prof_merge_row(merge_rows *rows, size_t size) {
    if (rows->count == rows->room) {
        uint32_t room = rows->room == 0 ? 64 : rows->room * 2;
        unsigned char *larger = rows->room > UINT32_MAX / 4 ? NULL : realloc(rows->rows, room * size);
        if (larger == NULL) return NULL;
        rows->rows = larger;
        rows->room = room;
    }
    return memset(rows->rows + rows->count++ * size, 0, size);
}

unsigned char *prof_merge_room(merge_bytes *bytes, uint64_t size) {
    size = (size + 7) & ~(uint64_t)7;
    if (size > bytes->room - bytes->used) {
        uint64_t room = bytes->room * 2 > bytes->used + size ? bytes->room * 2 : bytes->used + size + 4096;
        unsigned char *larger = realloc(bytes->data, room);
        if (larger == NULL) return NULL;
        bytes->data = larger;
        bytes->room = room;
    }
    bytes->used += size;
    return memset(bytes->data + bytes->used - size, 0, size);
}

uint32_t prof_merge_find(const prof_merger *merger, const merge_table *table, uint64_t hash, merge_same *same, const void *key) {
    if (table->slots == NULL) return MERGE_NONE;
    for (uint32_t slot = (uint32_t)hash & table->mask; table->slots[slot].row != 0; slot = (slot + 1) & table->mask)
        if (table->slots[slot].hash == (uint32_t)hash && same(merger, table->slots[slot].row - 1, key))
            return table->slots[slot].row - 1;
    return MERGE_NONE;
}

int prof_merge_put(merge_table *table, uint64_t hash, uint32_t row) {
    if (table->slots == NULL || table->used > table->mask / 2) {
        merge_table larger = {.mask = table->slots == NULL ? 255 : table->mask * 2 + 1};
        larger.slots = larger.mask > INT32_MAX ? NULL : calloc((size_t)larger.mask + 1, sizeof *larger.slots);
        if (larger.slots == NULL) return -1;
        for (uint64_t i = 0; table->slots != NULL && i <= table->mask; i++)
            if (table->slots[i].row != 0) prof_merge_put(&larger, table->slots[i].hash, table->slots[i].row - 1);
        free(table->slots);
        *table = larger;
    }
    uint32_t slot = (uint32_t)hash & table->mask;
    while (table->slots[slot].row != 0) slot = (slot + 1) & table->mask;
    table->slots[slot].hash = (uint32_t)hash;
    table->slots[slot].row = row + 1;
    table->used++;
    return 0;
}

uint32_t prof_merge_row_of(prof_merger *m, merge_table *table, merge_rows *rows, size_t size, uint64_t hash, merge_same *same,
                           const void *key, int *is_new) {
    uint32_t row = prof_merge_find(m, table, hash, same, key);
    *is_new = row == MERGE_NONE;
    if (!*is_new) return row;
    if (prof_merge_row(rows, size) == NULL || prof_merge_put(table, hash, rows->count - 1) != 0) return MERGE_NONE;
    return rows->count - 1;
}

/* ---- texts ---- */

static const prof_string *text_at(const prof_merger *m, uint32_t text) {
    return (const prof_string *)(m->texts.data + (uint64_t)(text - 1) * PROF_REF_UNIT);
}

static int same_text(const prof_merger *m, uint32_t row, const void *key) {
    const prof_reader_text *text = key;
    const prof_string *found = text_at(m, row);
    return found->length == text->length && memcmp(found->text, text->text, text->length) == 0;
}

uint32_t prof_merge_text(prof_merger *m, prof_reader_text text) {
    if (text.length == 0) return 0;
    uint64_t hash = prof_merge_hash_bytes(1, text.text, text.length);
    uint32_t found = prof_merge_find(m, &m->by_text, hash, same_text, &text);
    if (found != MERGE_NONE) return found;
    uint64_t at = m->texts.used / PROF_REF_UNIT;
    prof_string *string = (prof_string *)prof_merge_room(&m->texts, offsetof(prof_string, text) + (uint64_t)text.length + 1);
    if (string == NULL || at >= MERGE_NONE - 1 || prof_merge_put(&m->by_text, hash, (uint32_t)at + 1) != 0) return MERGE_NONE;
    string->length = text.length;
    memcpy(string->text, text.text, text.length);
    return (uint32_t)at + 1;
}

/* ---- labels ---- */

static int same_label(const prof_merger *m, uint32_t row, const void *key) {
    return memcmp(prof_merge_label(m, row), key, offsetof(merge_label, min_ns)) == 0;
}

uint32_t prof_merge_label_of(prof_merger *m, const merge_label *meaning) {
    uint64_t hash = prof_merge_hash_bytes(2, meaning, offsetof(merge_label, min_ns));
    int is_new;
    uint32_t row = prof_merge_row_of(m, &m->by_label, &m->labels, sizeof *meaning, hash, same_label, meaning, &is_new);
    if (row == MERGE_NONE || !is_new) return row;
    merge_label *made = prof_merge_label(m, row);
    *made = *meaning;
    made->min_ns = UINT64_MAX;
    if (prof_merge_is_place(made->kind)) return row;
    if (prof_merge_row(&m->bins, PROF_HISTOGRAM_BINS * sizeof(uint64_t)) == NULL) return MERGE_NONE;
    made->histogram = m->bins.count;
    return row;
}

/* The bin that begins before or at so many ticks of the merger's histograms. */
static uint32_t bin_of(double ticks) { return ticks >= 0x1p62 ? PROF_HISTOGRAM_BINS - 1 : prof_histogram_bin((uint64_t)ticks); }

/* Adds a histogram. Clocks of one machine are calibrated to within a thousandth of each other, and their bins are taken for
 * the same. A bin of another machine's clock is shared out among those that it overlaps, as if its calls were spread evenly
 * over it: percentiles are interpolated in that way, too. */
void prof_merge_histogram(uint64_t *to, const uint64_t *from, double scale) {
    if (scale > 0.99 && scale < 1.01) {
        for (uint32_t bin = 0; bin < PROF_HISTOGRAM_BINS; bin++) prof_merge_add(&to[bin], from[bin]);
        return;
    }
    for (uint32_t bin = 0; bin < PROF_HISTOGRAM_BINS; bin++) {
        uint64_t left = from[bin];
        double begin = prof_reader_bin_start(bin) * scale, end = prof_reader_bin_start(bin + 1) * scale, done = begin;
        uint32_t first = bin_of(begin), last = bin_of(end);
        last -= last > first && prof_reader_bin_start(last) >= end;
        for (uint32_t b = first; left > 0 && b < last && bin + 1 < PROF_HISTOGRAM_BINS; b++) {
            double share = (prof_reader_bin_start(b + 1) - done) / (end - done);
            uint64_t part = (uint64_t)(share * (double)left + 0.5);
            part = part < left ? part : left;
            prof_merge_add(&to[b], part);
            left -= part;
            done = prof_reader_bin_start(b + 1);
        }
        prof_merge_add(&to[last], left);
    }
}

static void add_latencies(prof_merger *m, merge_label *to, const prof_label *from, const prof_reader_label *read, double scale) {
    if (read->completed == 0) return;
    to->min_ns = read->min_ns < to->min_ns ? read->min_ns : to->min_ns;
    to->max_ns = read->max_ns > to->max_ns ? read->max_ns : to->max_ns;
    prof_merge_histogram((uint64_t *)m->bins.rows + (uint64_t)(to->histogram - 1) * PROF_HISTOGRAM_BINS, from->histogram,
                         scale / m->latency_scale);
}

/* Those of a chunk's type; rows by label of the capture go to `map`. */
static int add_labels(prof_merger *m, const prof_reader *reader, uint32_t type, uint32_t *map) {
    prof_reader_walk walk = {0};
    merge_label last = {0};
    prof_ref last_module = 0, last_file = 0; /* labels of one file follow each other */
    for (const prof_label *from; (from = prof_reader_next(reader, type, &walk)) != NULL;) {
        uint64_t index = walk.index + (type == PROF_CHUNK_PLACES ? reader->place_first : 0);
        merge_label meaning = {.kind = from->kind, .line = from->line, .flags = from->flags};
        meaning.name = prof_merge_text(m, prof_reader_string(reader, from->name));
        meaning.module = from->module == last_module ? last.module : prof_merge_text(m, prof_reader_string(reader, from->module));
        meaning.file = from->file == last_file ? last.file : prof_merge_text(m, prof_reader_string(reader, from->file));
        if (meaning.name == MERGE_NONE || meaning.module == MERGE_NONE || meaning.file == MERGE_NONE) return -1;
        last = meaning, last_module = from->module, last_file = from->file;
        if ((map[index] = prof_merge_label_of(m, &meaning)) == MERGE_NONE) return -1;
        if (type == PROF_CHUNK_LABELS && !prof_merge_is_place(from->kind))
            add_latencies(m, prof_merge_label(m, map[index]), from, &reader->labels[index], reader->latency_scale);
    }
    return 0;
}

/* The rows of the labels of a capture; NULL when out of memory. Owned by the caller. */
static uint32_t *map_labels(prof_merger *m, const prof_reader *reader) {
    uint32_t *map = malloc((reader->info.label_count + 1) * sizeof *map);
    if (map != NULL && add_labels(m, reader, PROF_CHUNK_LABELS, map) == 0 && add_labels(m, reader, PROF_CHUNK_PLACES, map) == 0)
        return map;
    free(map);
    return NULL;
}

/* ---- calling contexts ---- */

static int same_context(const prof_merger *m, uint32_t row, const void *key) {
    const prof_node *node = prof_merge_node(m, row), *wanted = key;
    return node->parent == wanted->parent && node->label == wanted->label;
}

/* Whether it is a line or a frame. */
static int is_leaf(const prof_merger *m, uint32_t node) {
    return node != 0 && prof_merge_is_place(prof_merge_label(m, prof_merge_node(m, node)->label)->kind);
}

uint32_t prof_merge_child_of(prof_merger *m, uint32_t parent, uint32_t label) {
    prof_node wanted = {.label = label, .parent = parent};
    uint64_t hash = prof_merge_hash(3, (uint64_t)parent << 32 | label);
    int is_new;
    uint32_t row = prof_merge_row_of(m, &m->by_context, &m->nodes, sizeof wanted, hash, same_context, &wanted, &is_new);
    if (row == MERGE_NONE || !is_new) return row;
    prof_node *made = prof_merge_node(m, row);
    made->label = label;
    made->parent = parent;
    made->depth = prof_merge_node(m, parent)->depth + 1;
    prof_merge_node(m, parent)->private_children++;
    return row;
}

/* The row of each node of the tree. */
static int map_nodes(prof_merger *m, const prof_reader_tree *tree, const uint32_t *labels, uint32_t *map) {
    map[0] = 0;
    for (uint32_t i = 1; i < tree->count; i++) {
        uint32_t above = map[tree->parent[i]], label = labels[tree->label[i]];
        /* A span below a frame: no recorder writes that. What it has is its caller's. */
        map[i] = is_leaf(m, above) && !prof_merge_is_place(prof_merge_label(m, label)->kind) ? above
                                                                                             : prof_merge_child_of(m, above, label);
        if (map[i] == MERGE_NONE) return -1;
    }
    return 0;
}

merge_samples *prof_merge_samples_of(prof_merger *m, uint32_t node) {
    prof_node *row = prof_merge_node(m, node);
    if (row->private_child == 0) {
        if (prof_merge_row(&m->samples, sizeof(merge_samples)) == NULL) return NULL;
        row->private_child = m->samples.count;
    }
    return (merge_samples *)m->samples.rows + row->private_child - 1;
}

/* clang-format off: it takes rows for calls in a row */
/* Columns that are fields of a node. */
#define NODE_COLUMNS(ROW)         \
    ROW(calls, calls)             \
    ROW(resumes, resumes)         \
    ROW(items, items)             \
    ROW(self_ns, self)            \
    ROW(suspended_ns, suspended)  \
    ROW(alloc_count, alloc_count) \
    ROW(alloc_bytes, alloc_bytes) \
    ROW(free_count, free_count)
/* clang-format on */

static int add_columns(prof_merger *m, const prof_reader *reader, const prof_reader_tree *tree, const uint32_t *map) {
    /* Columns that were not recorded are empty: their pages are not even there. */
#define EACH(column)                                                                                        \
    const uint64_t *own = tree->own[PROF_READER_COLUMN_##column];                                           \
    for (uint32_t i = 0; prof_reader_recorded(reader, PROF_READER_COLUMN_##column) && i < tree->count; i++) \
        if (own[i] != 0)
#define ADD(column, field)                                          \
    {                                                               \
        EACH(column)                                                \
        prof_merge_add(&prof_merge_node(m, map[i])->field, own[i]); \
    }
    NODE_COLUMNS(ADD)
#undef ADD
#define ADD(column, field)                                             \
    {                                                                  \
        EACH(column) {                                                 \
            merge_samples *samples = prof_merge_samples_of(m, map[i]); \
            if (samples == NULL) return -1;                            \
            prof_merge_add(&samples->sampled.field, own[i]);           \
        }                                                              \
    }
    PROF_READER_SAMPLED(ADD)
#undef ADD
#define ADD(column)                                                    \
    {                                                                  \
        EACH(column) {                                                 \
            merge_samples *samples = prof_merge_samples_of(m, map[i]); \
            if (samples == NULL) return -1;                            \
            prof_merge_add(&samples->usage.column, own[i]);            \
        }                                                              \
    }
    PROF_READER_USED(ADD)
#undef ADD
#undef EACH
    return 0;
}

static int same_frame(const prof_merger *m, uint32_t row, const void *key) {
    return memcmp((const merge_frame *)m->frames.rows + row, key, sizeof(merge_frame)) == 0;
}

static int same_stack(const prof_merger *m, uint32_t row, const void *key) {
    const merge_stack *found = (const merge_stack *)m->stacks.rows + row, *wanted = key;
    return found->node == wanted->node && found->frame == wanted->frame;
}

/* The row of each frame of a capture's stacks. */
static int map_frames(prof_merger *m, const prof_reader_stacks *from, const uint32_t *labels, uint32_t *rows) {
    for (uint32_t i = 0; i < from->count; i++) {
        merge_frame frame = {labels[from->label[i]], from->line[i], from->caller[i] ? rows[from->caller[i] - 1] + 1 : 0};
        uint64_t hash = prof_merge_hash_bytes(7, &frame, sizeof frame);
        int is_new;
        rows[i] = prof_merge_row_of(m, &m->by_frame, &m->frames, sizeof frame, hash, same_frame, &frame, &is_new);
        if (rows[i] == MERGE_NONE) return -1;
        if (is_new) ((merge_frame *)m->frames.rows)[rows[i]] = frame;
    }
    return 0;
}

static int add_stack(prof_merger *m, uint32_t node, uint32_t frame, const prof_sampled *record) {
    merge_stack wanted = {.node = node, .frame = frame};
    uint64_t hash = prof_merge_hash(8, (uint64_t)node << 32 | frame);
    int is_new;
    uint32_t row = prof_merge_row_of(m, &m->by_stack, &m->stacks, sizeof wanted, hash, same_stack, &wanted, &is_new);
    if (row == MERGE_NONE || prof_merge_samples_of(m, node) == NULL) return -1;
    merge_stack *to = (merge_stack *)m->stacks.rows + row;
    if (is_new) *to = wanted;
#define ADD(column, field) prof_merge_add(&to->sampled.field, record->field);
    PROF_READER_SAMPLED(ADD)
#undef ADD
    return 0;
}

static int add_stacks(prof_merger *m, const prof_reader *reader, const prof_reader_tree *tree, const prof_reader_stacks *from,
                      const uint32_t *nodes, const uint32_t *labels) {
    uint32_t *rows = malloc(((size_t)from->count + 1) * sizeof *rows);
    int result = rows == NULL ? -1 : map_frames(m, from, labels, rows);
    prof_reader_walk walk = {0};
    for (const prof_sampled *record; result == 0 && (record = prof_reader_next(reader, PROF_CHUNK_SAMPLED, &walk)) != NULL;) {
        uint32_t place = tree->place[reader->info.node_count + walk.index], stack = from->of[walk.index];
        if (stack != 0 && place != PROF_READER_NO_PLACE && record->samples != 0)
            result = add_stack(m, nodes[place], rows[stack - 1], record);
    }
    free(rows);
    return result;
}

/* Bytes that were freed, so that those allocated less those are what is live; and what was held at the peak, of the one
 * capture whose peak is the highest. */
static void add_detail(prof_merger *m, const prof_reader_tree *tree, const uint32_t *map) {
    const uint64_t *allocated = tree->own[PROF_READER_COLUMN_alloc_bytes], *live = tree->own[PROF_READER_COLUMN_live_bytes];
    const uint64_t *peak = tree->own[PROF_READER_COLUMN_peak_bytes];
    for (uint32_t i = 0; i < tree->count; i++) {
        prof_node *node = prof_merge_node(m, map[i]);
        if (allocated[i] > live[i]) prof_merge_add(&node->free_bytes, allocated[i] - live[i]);
        if (m->peak_part != m->parts || peak[i] == 0) continue;
        node->peak_bytes = (node->peak_epoch == m->parts ? node->peak_bytes : 0) + peak[i];
        node->peak_epoch = m->parts;
    }
}

/* ---- totals ---- */

static void add_memory(prof_merger *m, const prof_reader *reader) {
    const prof_reader_memory *from = &reader->info.memory;
    prof_memory *to = &m->memory;
    if (!from->recorded) return;
    m->memory_parts++;
    prof_merge_add(&to->arena_bytes, from->arena_bytes);
    if (!from->detail) return;
    m->detail_parts++;
    prof_merge_add(&to->live_bytes, from->live_bytes);
    prof_merge_add(&to->unknown_frees, from->unknown_frees);
    prof_merge_add(&to->small_bytes, from->small_bytes);
    for (int k = 0; k < PROF_SIZE_CLASSES; k++) prof_merge_add(&to->class_count[k], from->class_count[k]);
    if (m->peak_part == 0 || from->peak_bytes > to->peak_bytes) {
        m->peak_part = m->parts;
        m->peak_unix_ns = (int64_t)(reader->info.start_unix_ns + from->peak_ns);
        to->peak_bytes = from->peak_bytes;
    }
}

static int add_sampler(prof_merger *m, const prof_reader *reader) {
    const prof_reader_sampler *from = &reader->info.sampler;
    prof_sampling *to = &m->sampler;
    if (!from->recorded) return 0;
    uint32_t flags =
        (from->frames ? PROF_SAMPLER_FRAMES : 0) | (from->lock ? PROF_SAMPLER_GIL : 0) | (from->waits ? PROF_SAMPLER_WAITS : 0);
    to->flags = m->sampler_parts++ == 0 ? flags : to->flags & flags;
    if (to->why == 0) to->why = prof_merge_text(m, from->why);
    if (to->why_counters == 0) to->why_counters = prof_merge_text(m, from->why_counters);
    if (to->interval_ns == 0 || from->interval_ns < to->interval_ns) to->interval_ns = from->interval_ns;
#define ADD(field) prof_merge_add(&to->field, from->field)
    ADD(ticks);
    ADD(late);
    ADD(samples);
    ADD(idle);
    ADD(unplaced);
    ADD(partial);
    ADD(work_ns);
    ADD(cpu_ns);
#undef ADD
    return to->why == MERGE_NONE || to->why_counters == MERGE_NONE ? -1 : 0;
}

static int same_type(const prof_merger *m, uint32_t row, const void *key) {
    return ((const merge_type *)m->types.rows)[row].name == *(const uint32_t *)key;
}

static int same_file(const prof_merger *m, uint32_t row, const void *key) {
    return ((const merge_source *)m->sources.rows)[row].file == *(const uint32_t *)key;
}

static int add_types(prof_merger *m, const prof_reader *reader) {
    for (uint64_t i = 0; i < reader->info.type_count; i++) {
        uint32_t name = prof_merge_text(m, reader->types[i].name);
        if (name == MERGE_NONE) return -1;
        int is_new;
        uint32_t row =
            prof_merge_row_of(m, &m->by_type, &m->types, sizeof(merge_type), prof_merge_hash(4, name), same_type, &name, &is_new);
        if (row == MERGE_NONE) return -1;
        merge_type *type = (merge_type *)m->types.rows + row;
        type->name = name;
        prof_merge_add(&type->count, reader->types[i].count);
        prof_merge_add(&type->bytes, reader->types[i].bytes);
    }
    return 0;
}

static int add_sources(prof_merger *m, const prof_reader *reader) {
    for (uint64_t i = 0; i < reader->info.source_count; i++) {
        const prof_reader_source *from = &reader->sources[i];
        uint32_t file = prof_merge_text(m, from->file);
        if (file == MERGE_NONE) return -1;
        int is_new;
        uint32_t row = prof_merge_row_of(m, &m->by_file, &m->sources, sizeof(merge_source), prof_merge_hash(5, file), same_file,
                                         &file, &is_new);
        if (row == MERGE_NONE) return -1;
        merge_source *source = (merge_source *)m->sources.rows + row;
        if (is_new) *source = (merge_source){.file = file, .size = from->size, .hash = from->hash};
        source->differs |= source->size != from->size || source->hash != from->hash;
    }
    return 0;
}

static int same_metric(const prof_merger *m, uint32_t row, const void *key) {
    const prof_metric *found = (const prof_metric *)m->metrics.rows + row, *wanted = key;
    return found->node == wanted->node && found->name == wanted->name && found->real == wanted->real;
}

static prof_metric metric_of(const prof_reader_metric *from, uint32_t node, uint32_t name) {
    prof_metric metric = {.node = node, .name = name, .real = from->real, .count = from->count};
    metric.sum = from->real ? prof_metric_bits(from->real_sum) : from->low;
    metric.rest = from->real ? 0 : (uint64_t)from->high;
    metric.least = from->real ? prof_metric_bits(from->real_least) : (uint64_t)from->least;
    metric.most = from->real ? prof_metric_bits(from->real_most) : (uint64_t)from->most;
    return metric;
}

static int add_metrics(prof_merger *m, const prof_reader *reader, const prof_reader_tree *tree, const uint32_t *nodes) {
    for (uint64_t i = 0; i < reader->info.metric_count; i++) {
        const prof_reader_metric *from = &reader->metrics[i];
        uint32_t place = tree->place[from->node], name = prof_merge_text(m, from->name);
        if (name == MERGE_NONE) return -1;
        if (place == PROF_READER_NO_PLACE) continue;
        prof_metric metric = metric_of(from, nodes[place], name);
        int is_new;
        uint64_t hash = prof_merge_hash(prof_merge_hash(6, (uint64_t)metric.node << 32 | name), metric.real);
        uint32_t row = prof_merge_row_of(m, &m->by_metric, &m->metrics, sizeof metric, hash, same_metric, &metric, &is_new);
        if (row == MERGE_NONE) return -1;
        prof_metric *to = (prof_metric *)m->metrics.rows + row;
        if (is_new) *to = (prof_metric){.node = metric.node, .name = name, .real = metric.real};
        prof_metric_join(to, &metric);
    }
    return 0;
}

static int add_threads(prof_merger *m, const prof_reader *reader, int64_t only) {
    for (uint64_t i = 0; i < reader->info.thread_count; i++) {
        if (only != PROF_READER_ALL_THREADS && (uint64_t)only != i) continue;
        const prof_reader_thread *from = &reader->threads[i];
        merge_thread *thread = prof_merge_row(&m->threads, sizeof *thread);
        if (thread == NULL) return -1;
        *thread = (merge_thread){.start_ns = (int64_t)(reader->info.start_unix_ns + from->start_ns),
                                 .alive_ns = from->alive_ns,
                                 .cpu_ns = from->cpu_ns,
                                 .native_id = from->native_id};
        uint32_t name = prof_merge_text(m, from->name);
        if (name == MERGE_NONE) return -1;
        ((merge_thread *)m->threads.rows)[m->threads.count - 1].name = name;
    }
    return 0;
}

static void add_header(prof_merger *m, const prof_reader *reader, const prof_reader_tree *tree) {
    const prof_reader_info *info = &reader->info;
    double calls = 0;
    /* Captures of C programs may leave the modes out; they have times. */
    m->modes |= (uint32_t)(info->modes == 0 ? PROF_MODE_TIME : info->modes);
    m->flags |= (uint32_t)info->flags;
    if (m->parts == 1 || info->least_ns < m->least_ns) m->least_ns = info->least_ns;
    if (m->full == 0) m->full = info->full;
    m->clock = info->clock == PROF_CLOCK_CPU ? PROF_CLOCK_CPU : PROF_CLOCK_MONOTONIC;
    for (int k = 0; k < PROF_DROP_SLOTS; k++) prof_merge_add(&m->drops[k], info->drops[k]);
    for (uint32_t i = 0; i < tree->count; i++)
        calls += (double)tree->own[PROF_READER_COLUMN_calls][i] + (double)tree->own[PROF_READER_COLUMN_resumes][i];
    if (info->probe_cost_ps == 0) /* not measured, as in a forked child */
        return;
    m->probes += calls;
    m->probe_ps += calls * (double)info->probe_cost_ps;
}

/* ---- one capture ---- */

prof_merger *prof_merger_new(void) {
    prof_merger *m = calloc(1, sizeof *m);
    if (m != NULL && prof_merge_row(&m->nodes, sizeof(prof_node)) == NULL) { /* the root */
        prof_merger_free(m);
        return NULL;
    }
    return m;
}

static int add_all(prof_merger *m, const prof_reader *reader, int64_t thread, const prof_reader_tree *tree,
                   const merge_operations *operations, const prof_reader_stacks *stacks) {
    m->parts++;
    if (m->latency_scale == 0) m->latency_scale = reader->latency_scale; /* which the labels' histograms are in */
    uint32_t *labels = map_labels(m, reader);
    uint32_t *nodes = malloc((size_t)tree->count * sizeof *nodes);
    int result = -1;
    if (labels == NULL || nodes == NULL || map_nodes(m, tree, labels, nodes) != 0 || add_columns(m, reader, tree, nodes) != 0 ||
        add_stacks(m, reader, tree, stacks, nodes, labels) != 0)
        goto error;
    add_memory(m, reader);
    if (reader->info.memory.detail) add_detail(m, tree, nodes);
    if (add_sampler(m, reader) != 0 || add_types(m, reader) != 0 || add_sources(m, reader) != 0 ||
        add_metrics(m, reader, tree, nodes) != 0 ||
        prof_merge_add_waits(m, reader, tree, nodes, labels, thread == PROF_READER_ALL_THREADS) != 0 ||
        add_threads(m, reader, thread) != 0 || prof_merge_add_operations(m, reader, operations, nodes, labels) != 0)
        goto error;
    add_header(m, reader, tree);
    result = 0;
error:
    free(labels);
    free(nodes);
    return result;
}

/* The sum of each column below the root. */
static void sum_up(const prof_reader *reader, const prof_reader_tree *tree, uint64_t ops, uint64_t *totals) {
    for (uint32_t c = 0; c < tree->column_count; c++) {
        totals[c] = 0;
        for (uint32_t i = 1; prof_reader_recorded(reader, c) && i < tree->count; i++) totals[c] += tree->own[c][i];
    }
    totals[PROF_READER_COLUMN_ops] = ops;
}

int prof_merger_add(prof_merger *m, const prof_reader *reader, int64_t thread, uint64_t *totals, char *error, size_t size) {
    merge_operations operations = {.solved = NULL};
    prof_reader_stacks stacks = {0};
    int result = -1;
    /* All that can be wrong with a capture is found here, before anything of it is added. */
    prof_reader_tree *tree = prof_reader_tree_of(reader, thread, 1, error, size);
    if (tree == NULL || prof_reader_stacks_read(reader, &stacks, error, size) != 0 ||
        ((reader->info.modes & PROF_MODE_OPS) != 0 && prof_merge_read_operations(reader, tree, &operations, error, size) != 0))
        goto error;
    if (totals != NULL) sum_up(reader, tree, operations.total, totals);
    result = add_all(m, reader, thread, tree, &operations, &stacks) != 0 ? -2 : 0;
    if (result != 0) prof_reader_fail(error, size, "does not fit into memory");
error:
    prof_reader_tree_free(tree);
    prof_reader_stacks_close(&stacks);
    free(operations.contexts.rows);
    free(operations.events.rows);
    prof_reader_operations_free(operations.solved);
    return result;
}

int prof_merger_like(prof_merger *m, const prof_reader *reader) {
    m->latency_scale = reader->latency_scale;
    uint32_t *labels = map_labels(m, reader);
    free(labels);
    return labels == NULL ? -1 : 0;
}

void prof_merger_free(prof_merger *m) {
    if (m == NULL) return;
    merge_rows *rows[] = {&m->labels, &m->bins,   &m->nodes,    &m->samples, &m->threads,  &m->types,  &m->sources, &m->metrics,
                          &m->codes,  &m->counts, &m->counters, &m->events,  &m->operands, &m->frames, &m->stacks};
    merge_table *tables[] = {&m->by_text, &m->by_label,  &m->by_context, &m->by_type,     &m->by_file,  &m->by_metric,
                             &m->by_code, &m->by_counts, &m->by_event,   &m->by_operands, &m->by_frame, &m->by_stack};
    for (int k = 0; k < PROF_READER_RECORD_KINDS; k++) {
        free(m->timed[k].rows);
        free(m->by_timed[k].slots);
    }
    free(m->slow.rows);
    free(m->by_slow.slots);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) free(rows[i]->rows);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) free(tables[i]->slots);
    free(m->texts.data);
    free(m->code_bytes.data);
    free(m);
}
