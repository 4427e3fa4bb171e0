/* Builds the calling-context tree: merges the threads' nodes by (parent, label) and lays them out depth first. */
#include "private.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LEFT_OUT UINT32_MAX       /* a node of another thread, or outside of what is asked for */
#define PROFILER (UINT32_MAX - 1) /* the profiler's own work, or below it */
#define MOST_NODES (UINT32_MAX - 2)

static const struct {
    const char *name;
    int needs;
} columns[] = {
#define COLUMN(name, needs, value) {#name, PROF_READER_##needs},
    PROF_READER_COLUMNS(COLUMN)
#undef COLUMN
};

/* What of a capture is in a tree. */
typedef struct {
    int64_t thread;               /* only this one; or PROF_READER_ALL_THREADS */
    uint64_t within;              /* only spans of this label, and what lies below them; PROF_READER_NO_LABEL for all */
    int spans_only;               /* without what samples found, and lines allocated, outside of spans */
    int whole;                    /* spans that are too short are in it, too */
    const unsigned char *threads; /* Borrowed, by thread: only those; NULL: `thread` says which */
} extent;

/* Nodes are numbered as they are first met; `map` leads there from the nodes of the file. All arrays owned. */
typedef struct {
    const prof_reader *reader;
    prof_ref thread; /* only nodes of this thread; 0 for all */
    extent of;
    const unsigned char *is_short; /* Borrowed, by label: its nodes are their callers; NULL: none is */
    unsigned char *charged;        /* by label: a node was */
    uint32_t count;
    uint32_t mask;    /* of the hash table, which has mask + 1 slots */
    uint32_t *slots;  /* by (parent, label): a merged node, 0 for none (the root is nobody's child) */
    uint32_t *map;    /* by node of the file, then by record of samples: its merged node, LEFT_OUT or PROFILER */
    uint32_t *parent; /* by merged node, like the next two */
    uint32_t *label;
    uint32_t *place;                /* where the node goes in depth-first order */
    const prof_reader_chunk *chunk; /* Borrowed: the one that of_other was asked of last, and its answer */
    int other;
} merge;

static int merge_open(merge *m, const prof_reader *reader, prof_ref thread, const extent *of) {
    uint64_t nodes = reader->info.node_count + reader->info.sampled_count;
    uint64_t slots = 16;
    *m = (merge){.reader = reader, .thread = thread, .of = *of, .count = 1};
    if (nodes >= MOST_NODES / 2) return -1;
    while (slots < nodes * 2) slots *= 2;
    m->mask = (uint32_t)(slots - 1);
    m->slots = calloc(slots, sizeof *m->slots);
    m->map = malloc((nodes + 1) * sizeof *m->map);
    m->parent = malloc((nodes + 1) * sizeof *m->parent);
    m->label = malloc((nodes + 1) * sizeof *m->label);
    m->place = malloc((nodes + 1) * sizeof *m->place);
    m->is_short = of->whole ? NULL : reader->is_short;
    m->charged = calloc(reader->info.label_count + 1, 1);
    if (!m->charged || !m->slots || !m->map || !m->parent || !m->label || !m->place) return -1;
    m->parent[0] = 0;
    m->label[0] = PROF_READER_NO_LABEL;
    return 0;
}

static void merge_close(merge *m) {
    free(m->slots);
    free(m->map);
    free(m->parent);
    free(m->label);
    free(m->place);
    free(m->charged);
}

static uint32_t merged_child(merge *m, uint32_t parent, uint32_t label) {
    uint64_t key = ((uint64_t)parent << 32 | label) * 0x9E3779B97F4A7C15u;
    uint32_t slot = (uint32_t)(key >> 32) & m->mask;
    uint32_t found;
    while ((found = m->slots[slot]) != 0) {
        if (m->parent[found] == parent && m->label[found] == label) return found;
        slot = (slot + 1) & m->mask;
    }
    found = m->count++;
    m->slots[slot] = found;
    m->parent[found] = parent;
    m->label[found] = label;
    return found;
}

static int is_short(const merge *m, uint64_t label) { return m->is_short != NULL && m->is_short[label]; }

static uint32_t charge(merge *m, uint32_t above, uint64_t label) {
    m->charged[label] = 1;
    return above;
}

/* What a merged node is in prof_reader_tree.line. */
static unsigned char line_kind(const merge *m, uint32_t merged) {
    uint32_t kind = merged == 0 ? 0 : m->reader->labels[m->label[merged]].kind;
    return kind == PROF_LINE ? 1 : kind == PROF_FRAME ? 2 : 0;
}

/* ---- first pass: which merged node each node of the file is ---- */

/* Whether a chunk is of a thread that is not asked for. */
static int of_other(merge *m, const prof_reader_chunk *chunk) {
    if (m->of.threads == NULL) return m->thread != 0 && chunk->thread != m->thread;
    if (m->chunk != chunk) {
        prof_reader_cursor cursor = {NULL};
        uint64_t index = prof_reader_record(m->reader, PROF_CHUNK_THREADS, chunk->thread, &cursor);
        m->chunk = chunk;
        m->other = index == PROF_READER_NOT_FOUND || !m->of.threads[index];
    }
    return m->other;
}

typedef struct {
    prof_reader_cursor labels;
    prof_reader_cursor parents;
} cursors;

/* The merged node of one node of the file, whose index there is `index`. Returns what is wrong with it, or NULL. */
static const char *map_node(merge *m, const prof_reader_chunk *chunk, const prof_node *node, uint64_t index, cursors *at) {
    const prof_reader *reader = m->reader;
    prof_ref label_ref = node->label, parent_ref = node->parent;
    if (parent_ref == 0) {
        m->map[index] = m->of.within == PROF_READER_NO_LABEL ? 0 : LEFT_OUT;
        return NULL;
    }
    uint64_t label = prof_reader_label_index(reader, label_ref, &at->labels);
    if (label == PROF_READER_NOT_FOUND) return "a label that is not there";
    uint64_t parent = prof_reader_record(reader, PROF_CHUNK_NODES, parent_ref, &at->parents);
    if (parent == PROF_READER_NOT_FOUND) return "a parent that is not there";
    if (parent >= index) return "a parent that comes after it";
    if (at->parents.chunk->thread != chunk->thread) return "a parent of another thread";
    uint32_t above = m->map[parent];
    if (above == LEFT_OUT) {
        m->map[index] = label == m->of.within ? merged_child(m, 0, (uint32_t)label) : LEFT_OUT;
        return NULL;
    }
    if (above != PROFILER && line_kind(m, above)) return "a line as its parent";
    if (above == PROFILER || reader->labels[label].kind == PROF_PROFILER) m->map[index] = PROFILER;
    else if (above == 0 && m->of.spans_only && reader->labels[label].kind == PROF_LINE) m->map[index] = LEFT_OUT;
    else if (is_short(m, label)) m->map[index] = charge(m, above, label);
    else m->map[index] = merged_child(m, above, (uint32_t)label);
    return NULL;
}

static int map_nodes(merge *m, char *error, size_t size) {
    const prof_reader *reader = m->reader;
    cursors at = {{NULL}, {NULL}};
    prof_reader_walk walk = {0};
    for (const prof_node *node; (node = prof_reader_next(reader, PROF_CHUNK_NODES, &walk)) != NULL;) {
        if (of_other(m, walk.chunk)) {
            m->map[walk.index] = LEFT_OUT;
            continue;
        }
        const char *wrong = map_node(m, walk.chunk, node, walk.index, &at);
        if (wrong != NULL) {
            prof_reader_fail(error, size, CORRUPT "node %" PRIu64 " names %s", walk.index, wrong);
            return -1;
        }
    }
    return 0;
}

/* The same for a record of samples. Its parent is a node, or such a record before it. */
static const char *map_sampled(merge *m, const prof_reader_chunk *chunk, const prof_sampled *record, uint64_t index, cursors *at) {
    const prof_reader *reader = m->reader;
    uint64_t nodes = reader->info.node_count;
    uint64_t parent = prof_reader_record(reader, PROF_CHUNK_NODES, record->parent, &at->parents);
    if (parent == PROF_READER_NOT_FOUND) {
        parent = prof_reader_record(reader, PROF_CHUNK_SAMPLED, record->parent, &at->parents);
        if (parent == PROF_READER_NOT_FOUND) return "a parent that is not there";
        parent += nodes;
    }
    if (parent >= nodes + index) return "a parent that comes after it";
    if (at->parents.chunk->thread != chunk->thread) return "a parent of another thread";
    uint32_t above = m->map[parent];
    if (above == LEFT_OUT || (above == 0 && m->of.spans_only)) {
        m->map[nodes + index] = LEFT_OUT;
        return NULL;
    }
    if (above != PROFILER && line_kind(m, above) == 1) return "a line as its parent";
    uint64_t label = record->label ? prof_reader_label_index(reader, record->label, &at->labels) : 0;
    if (label == PROF_READER_NOT_FOUND || (record->label && label < reader->place_first)) return "a label that is not there";
    m->map[nodes + index] = above == PROFILER || !record->label ? above : merged_child(m, above, (uint32_t)label);
    return NULL;
}

static int map_samples(merge *m, char *error, size_t size) {
    const prof_reader *reader = m->reader;
    cursors at = {{NULL}, {NULL}};
    prof_reader_walk walk = {0};
    for (const prof_sampled *record; (record = prof_reader_next(reader, PROF_CHUNK_SAMPLED, &walk)) != NULL;) {
        if (of_other(m, walk.chunk)) {
            m->map[reader->info.node_count + walk.index] = LEFT_OUT;
            continue;
        }
        const char *wrong = map_sampled(m, walk.chunk, record, walk.index, &at);
        if (wrong != NULL) {
            prof_reader_fail(error, size, CORRUPT "record %" PRIu64 " of samples names %s", walk.index, wrong);
            return -1;
        }
    }
    return 0;
}

/* ---- depth-first order, without recursion: parents come before their children in any case ---- */

int prof_reader_lay_out(prof_reader_tree *tree, const uint32_t *parents, const uint32_t *labels, uint32_t *places) {
    uint32_t count = tree->count;
    uint32_t *below = malloc(count * sizeof *below); /* nodes of the subtree; then the next free place in it */
    if (below == NULL) return -1;
    for (uint32_t i = 0; i < count; i++) below[i] = 1;
    for (uint32_t i = count - 1; i > 0; i--) below[parents[i]] += below[i];
    tree->label[0] = PROF_READER_NO_LABEL;
    tree->end[0] = count;
    places[0] = 0;
    below[0] = 1;
    for (uint32_t i = 1; i < count; i++) {
        uint32_t parent = parents[i], place = below[parent];
        below[parent] += below[i];
        places[i] = place;
        tree->label[place] = labels[i];
        tree->parent[place] = places[parent];
        tree->end[place] = place + below[i];
        tree->depth[place] = tree->depth[places[parent]] + 1;
        if (tree->depth[place] > tree->deepest) tree->deepest = tree->depth[place];
        below[i] = place + 1;
    }
    free(below);
    return 0;
}

static int lay_out(merge *m, prof_reader_tree *tree) {
    if (prof_reader_lay_out(tree, m->parent, m->label, m->place) != 0) return -1;
    for (uint32_t i = 1; i < m->count; i++) tree->line[m->place[i]] = line_kind(m, i);
    for (uint32_t i = 1; i < m->count; i++) tree->span[i] = tree->line[i] ? tree->span[tree->parent[i]] : i;
    return 0;
}

/* ---- second pass: the columns ---- */

/* `charged`: it is one of its caller's contexts there, to which its calls are none. */
static void add_node(const prof_reader *reader, prof_reader_tree *tree, const prof_node *node, uint32_t place, int charged) {
    double scale = reader->info.ns_per_tick;
    uint64_t values[] = {
#define ADD(name, needs, value) [PROF_READER_COLUMN_##name] = value,
        PROF_READER_COLUMNS(ADD)
#undef ADD
    };
    for (unsigned column = 0; column < PROF_READER_COLUMN_COUNT; column++)
        if (values[column] != 0) /* pages of a column that is empty stay the system's zeros */
            tree->own[column][place] += charged && prof_reader_is_of_call(column) ? 0 : values[column];
}

static void add_columns(const merge *m, prof_reader_tree *tree) {
    const prof_reader *reader = m->reader;
    prof_reader_walk walk = {0};
    prof_reader_cursor cursor = {NULL};
    for (const prof_node *node; (node = prof_reader_next(reader, PROF_CHUNK_NODES, &walk)) != NULL;) {
        uint32_t merged = m->map[walk.index];
        if (merged == PROFILER) tree->profiler_ns += prof_reader_ticks_ns(node->self, reader->info.ns_per_tick);
        if (merged == PROFILER || merged == LEFT_OUT) continue; /* of another thread's nodes not even the labels were looked at */
        int charged =
            m->is_short != NULL && node->parent != 0 && is_short(m, prof_reader_label_index(reader, node->label, &cursor));
        add_node(reader, tree, node, m->place[merged], charged);
    }
}

/* Where the nodes of the file are, and what samples met, for what is worked out from them later. */
static int keep_places(const merge *m, prof_reader_tree *tree) {
    uint64_t nodes = m->reader->info.node_count + m->reader->info.sampled_count;
    tree->place = malloc((nodes + 1) * sizeof *tree->place);
    if (tree->place == NULL) return -1;
    for (uint64_t i = 0; i < nodes; i++)
        tree->place[i] = m->map[i] == LEFT_OUT || m->map[i] == PROFILER ? PROF_READER_NO_PLACE : m->place[m->map[i]];
    return 0;
}

/* A span whose markers leave time out has none of its own: what it took is its caller's. */
static void leave_out_time(const prof_reader *reader, prof_reader_tree *tree) {
    uint64_t *self = tree->own[PROF_READER_COLUMN_self_ns], *suspended = tree->own[PROF_READER_COLUMN_suspended_ns];
    for (uint32_t i = tree->count - 1; i > 0; i--) { /* children before their parents */
        if (!(reader->labels[tree->label[i]].flags & PROF_LABEL_NO_TIME)) continue;
        self[tree->parent[i]] += self[i];
        self[i] = suspended[i] = 0;
    }
}

void prof_reader_add_sampled(prof_reader_tree *tree, const prof_sampled *record, uint32_t place) {
#define ADD(column, field) tree->own[PROF_READER_COLUMN_##column][place] += record->field;
    if (record->samples != 0) { /* else a frame, that leads to others */
        PROF_READER_SAMPLED(ADD)
    }
#undef ADD
}

static void add_samples(const merge *m, prof_reader_tree *tree) {
    const prof_reader *reader = m->reader;
    prof_reader_walk walk = {0};
    for (const prof_sampled *record; (record = prof_reader_next(reader, PROF_CHUNK_SAMPLED, &walk)) != NULL;) {
        uint32_t merged = m->map[reader->info.node_count + walk.index];
        if (merged != LEFT_OUT && merged != PROFILER) prof_reader_add_sampled(tree, record, m->place[merged]);
    }
}

void prof_reader_add_used(prof_reader_tree *tree, const prof_usage *usage, uint32_t place) {
#define ADD(column) tree->own[PROF_READER_COLUMN_##column][place] += usage->column;
    PROF_READER_USED(ADD)
#undef ADD
}

static void add_usage(const merge *m, prof_reader_tree *tree) {
    const prof_reader *reader = m->reader;
    prof_reader_cursor cursor = {NULL};
    prof_reader_walk walk = {0};
    for (const prof_usage *usage; (usage = prof_reader_next(reader, PROF_CHUNK_USAGE, &walk)) != NULL;) {
        uint64_t where = prof_reader_record(reader, PROF_CHUNK_SAMPLED, usage->where, &cursor);
        uint32_t merged = where == PROF_READER_NOT_FOUND ? LEFT_OUT : m->map[reader->info.node_count + where];
        if (merged != LEFT_OUT && merged != PROFILER) prof_reader_add_used(tree, usage, m->place[merged]);
    }
}

uint32_t prof_reader_column(const char *name) {
    for (uint32_t column = 0; column < PROF_READER_COLUMN_COUNT; column++)
        if (strcmp(columns[column].name, name) == 0) return column;
    return PROF_READER_NO_COLUMN;
}

const char *prof_reader_column_name(uint32_t column) { return column < PROF_READER_COLUMN_COUNT ? columns[column].name : NULL; }

int prof_reader_recorded(const prof_reader *reader, uint32_t column) {
    if (column >= PROF_READER_COLUMN_COUNT) return 0;
    switch (columns[column].needs) {
    case PROF_READER_TIME:
        /* Captures of C programs may leave the modes out; they have times. */
        return reader->info.modes == 0 || (reader->info.modes & PROF_MODE_TIME) != 0;
    case PROF_READER_MEMORY: return reader->info.memory.recorded != 0;
    case PROF_READER_DETAIL: return reader->info.memory.detail != 0;
    case PROF_READER_OPS: return (reader->info.modes & PROF_MODE_OPS) != 0;
    case PROF_READER_SAMPLES: return reader->info.sampler.recorded != 0;
    case PROF_READER_COUNTERS: return reader->info.sampler.recorded != 0 && reader->info.sampler.why_counters.length == 0;
    }
    return 1;
}

int prof_reader_in_stacks(uint32_t column) {
    switch (column) {
#define CASE(column, field) \
    case PROF_READER_COLUMN_##column: return 1;
        PROF_READER_SAMPLED(CASE)
#undef CASE
    }
    return 0;
}

void prof_reader_inclusive(const prof_reader_tree *tree, const uint64_t *own, uint64_t *total) {
    memcpy(total, own, tree->count * sizeof *total);
    for (uint32_t i = tree->count - 1; i > 0; i--) total[tree->parent[i]] += total[i];
}

void prof_reader_bound(const prof_reader_tree *tree, uint64_t *own) {
    uint64_t left = INT64_MAX;
    for (uint32_t i = 0; i < tree->count; i++) {
        own[i] = own[i] < left ? own[i] : left;
        left -= own[i];
    }
}

/* ---- the tree ---- */

prof_reader_tree *prof_reader_tree_allocate(const prof_reader *reader, uint32_t count) {
    prof_reader_tree *tree = calloc(1, sizeof *tree);
    if (tree == NULL) return NULL;
    tree->count = count;
    tree->label_count = (uint32_t)reader->info.label_count;
    uint32_t **small[] = {&tree->label, &tree->parent, &tree->end, &tree->depth, &tree->span};
    int complete = (tree->line = calloc(count, 1)) != NULL;
    for (size_t i = 0; i < sizeof small / sizeof *small; i++) complete &= (*small[i] = calloc(count, sizeof **small[i])) != NULL;
    tree->own = calloc(PROF_READER_COLUMN_COUNT, sizeof *tree->own);
    complete &= tree->own != NULL;
    tree->column_count = complete ? PROF_READER_COLUMN_COUNT : 0;
    for (uint32_t i = 0; i < tree->column_count; i++) complete &= (tree->own[i] = calloc(count, sizeof *tree->own[i])) != NULL;
    if (!complete) {
        prof_reader_tree_free(tree);
        return NULL;
    }
    return tree;
}

/* The ref that node chunks of a thread carry. Returns 0 when there is no such thread. */
static prof_ref thread_ref(const prof_reader *reader, uint64_t thread) {
    for (uint64_t c = 0; c < reader->info.chunk_count; c++) {
        const prof_reader_chunk *chunk = &reader->chunks[c];
        if (chunk->type == PROF_CHUNK_THREADS && thread >= chunk->first && thread < chunk->first + chunk->records)
            return (prof_ref)((chunk->offset + sizeof(prof_chunk) + (thread - chunk->first) * chunk->record_size) / PROF_REF_UNIT);
    }
    return 0;
}

prof_reader_tree *prof_reader_tree_new(const prof_reader *reader, int64_t thread, char *error, size_t size) {
    return prof_reader_tree_of(reader, thread, 0, error, size);
}

static prof_reader_tree *build(const prof_reader *reader, extent of, char *error, size_t size) {
    prof_reader_tree *tree = NULL;
    merge m;
    int64_t thread = of.thread;
    prof_ref only = thread == PROF_READER_ALL_THREADS ? 0 : thread_ref(reader, (uint64_t)thread);
    int opened = merge_open(&m, reader, only, &of);
    if (thread != PROF_READER_ALL_THREADS && only == 0) {
        prof_reader_fail(error, size, "has no thread %" PRId64, thread);
        goto error;
    }
    if (opened != 0) goto memory;
    if (map_nodes(&m, error, size) != 0 || map_samples(&m, error, size) != 0) goto error;
    tree = prof_reader_tree_allocate(reader, m.count);
    if (tree == NULL || lay_out(&m, tree) != 0) goto memory;
    for (uint32_t i = 0; i < tree->label_count; i++) tree->short_count += m.charged[i];
    add_columns(&m, tree);
    leave_out_time(reader, tree);
    int places = (reader->info.modes & PROF_MODE_OPS) != 0 || reader->info.metric_count != 0 || reader->info.slow_count != 0 ||
                 reader->info.sampled_count != 0;
    if (places && keep_places(&m, tree) != 0) goto memory;
    add_samples(&m, tree);
    add_usage(&m, tree);
    for (uint32_t c = 0; c < tree->column_count; c++)
        if (prof_reader_recorded(reader, c)) prof_reader_bound(tree, tree->own[c]);
    merge_close(&m);
    return tree;
memory:
    prof_reader_fail(error, size, "does not fit into memory");
error:
    prof_reader_tree_free(tree);
    merge_close(&m);
    return NULL;
}

prof_reader_tree *prof_reader_tree_of(const prof_reader *reader, int64_t thread, int whole, char *error, size_t size) {
    return build(reader, (extent){.thread = thread, .within = PROF_READER_NO_LABEL, .whole = whole}, error, size);
}

prof_reader_tree *prof_reader_tree_within(const prof_reader *reader, uint32_t label, char *error, size_t size) {
    if (label != PROF_READER_NO_LABEL && label >= reader->info.label_count) {
        prof_reader_fail(error, size, "has no label %" PRIu32, label);
        return NULL;
    }
    return build(reader, (extent){.thread = PROF_READER_ALL_THREADS, .within = label, .spans_only = 1}, error, size);
}

prof_reader_tree *prof_reader_tree_threads(const prof_reader *reader, const uint8_t *threads, char *error, size_t size) {
    extent of = {.thread = PROF_READER_ALL_THREADS, .within = PROF_READER_NO_LABEL, .threads = threads};
    return build(reader, of, error, size);
}

void prof_reader_tree_free(prof_reader_tree *tree) {
    if (tree == NULL) return;
    free(tree->label);
    free(tree->parent);
    free(tree->end);
    free(tree->depth);
    free(tree->span);
    free(tree->line);
    for (uint32_t i = 0; i < tree->column_count; i++) free(tree->own[i]);
    free(tree->own);
    free(tree->place);
    free(tree->at);
    free(tree);
}
