/* Whole stacks: the tree of what samples met from each thread's first function on. */
#include "private.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MOST_NODES (UINT32_MAX - 2)

/* ---- the records ---- */

static int read_frames(const prof_reader *reader, prof_reader_stacks *stacks, uint32_t *depth, char *error, size_t size) {
    prof_reader_cursor labels = {NULL}, callers = {NULL};
    prof_reader_walk walk = {0};
    for (const prof_stacked *record; (record = prof_reader_next(reader, PROF_CHUNK_STACKS, &walk)) != NULL;) {
        uint64_t label = prof_reader_label_index(reader, record->label, &labels);
        uint64_t caller = record->parent ? prof_reader_record(reader, PROF_CHUNK_STACKS, record->parent, &callers) : 0;
        const char *wrong = NULL;
        if (label == PROF_READER_NOT_FOUND || label < reader->place_first || reader->labels[label].kind != PROF_FRAME)
            wrong = "a function that is not there";
        else if (record->parent && caller >= walk.index) /* also where it is not found */ wrong = "a caller that is not before it";
        if (wrong != NULL) {
            prof_reader_fail(error, size, CORRUPT "frame %" PRIu64 " of the stacks names %s", walk.index, wrong);
            return -1;
        }
        stacks->label[walk.index] = (uint32_t)label;
        stacks->caller[walk.index] = record->parent ? (uint32_t)caller + 1 : 0;
        stacks->line[walk.index] = record->line;
        depth[walk.index] = record->parent ? depth[caller] + 1 : 1;
        if (depth[walk.index] > stacks->deepest) stacks->deepest = depth[walk.index];
    }
    return 0;
}

static int read_samples(const prof_reader *reader, prof_reader_stacks *stacks, char *error, size_t size) {
    prof_reader_cursor cursor = {NULL};
    prof_reader_walk walk = {0};
    for (const prof_sampled *record; (record = prof_reader_next(reader, PROF_CHUNK_SAMPLED, &walk)) != NULL;) {
        prof_ref stack = walk.chunk->record_size < sizeof *record ? 0 : record->stack;
        uint64_t found = stack ? prof_reader_record(reader, PROF_CHUNK_STACKS, stack, &cursor) : 0;
        if (found == PROF_READER_NOT_FOUND) {
            prof_reader_fail(error, size, CORRUPT "record %" PRIu64 " of samples names a stack that is not there", walk.index);
            return -1;
        }
        stacks->of[walk.index] = stack ? (uint32_t)found + 1 : 0;
    }
    return 0;
}

int prof_reader_stacks_read(const prof_reader *reader, prof_reader_stacks *stacks, char *error, size_t size) {
    uint64_t count = reader->info.stack_count, samples = reader->info.sampled_count;
    *stacks = (prof_reader_stacks){.count = (uint32_t)count};
    uint32_t *depth = malloc((count + 1) * sizeof *depth);
    stacks->label = malloc((count + 1) * sizeof *stacks->label);
    stacks->caller = malloc((count + 1) * sizeof *stacks->caller);
    stacks->line = malloc((count + 1) * sizeof *stacks->line);
    stacks->of = malloc((samples + 1) * sizeof *stacks->of);
    int result = -1;
    if (count >= MOST_NODES || !depth || !stacks->label || !stacks->caller || !stacks->line || !stacks->of)
        prof_reader_fail(error, size, "does not fit into memory");
    else if (read_frames(reader, stacks, depth, error, size) == 0) result = read_samples(reader, stacks, error, size);
    free(depth);
    if (result != 0) prof_reader_stacks_close(stacks);
    return result;
}

void prof_reader_stacks_close(prof_reader_stacks *stacks) {
    free(stacks->label);
    free(stacks->caller);
    free(stacks->line);
    free(stacks->of);
    *stacks = (prof_reader_stacks){0};
}

/* ---- functions with spans ---- */

static int same_text(prof_reader_text a, prof_reader_text b) { return a.length == b.length && !memcmp(a.text, b.text, a.length); }

/* What stands behind the last dot. */
static prof_reader_text last_part(prof_reader_text name) {
    uint32_t begin = name.length;
    while (begin > 0 && name.text[begin - 1] != '.') begin--;
    return (prof_reader_text){name.text + begin, name.length - begin};
}

static uint64_t place_hash(const prof_reader_label *label) {
    uint64_t hash = label->line;
    for (uint32_t i = 0; i < label->file.length; i++) hash = (hash ^ (unsigned char)label->file.text[i]) * 0x9E3779B97F4A7C15u;
    return hash ^ hash >> 32;
}

/* By label: that of the spans of the same function, or the label itself. Functions are known by their place: modules may be named
 * in other ways. NULL when out of memory. */
static uint32_t *span_labels(const prof_reader *reader) {
    uint64_t count = reader->info.label_count, slots = 16;
    while (slots < count * 2) slots *= 2;
    uint32_t *table = calloc(slots, sizeof *table), *found = malloc((count + 1) * sizeof *found);
    if (table == NULL || found == NULL) goto error;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t slot = place_hash(&reader->labels[i]) & (slots - 1);
        found[i] = i;
        if (reader->labels[i].kind != PROF_FUNCTION) continue;
        while (table[slot] != 0) slot = (slot + 1) & (slots - 1);
        table[slot] = i + 1;
    }
    for (uint32_t i = (uint32_t)reader->place_first; i < count; i++) {
        const prof_reader_label *label = &reader->labels[i];
        if (label->kind != PROF_FRAME || label->file.length == 0) continue;
        for (uint64_t slot = place_hash(label) & (slots - 1); table[slot] != 0; slot = (slot + 1) & (slots - 1)) {
            const prof_reader_label *span = &reader->labels[table[slot] - 1];
            if (span->line != label->line || !same_text(span->file, label->file)) continue;
            if (same_text(last_part(span->name), last_part(label->name))) found[i] = table[slot] - 1;
            if (same_text(span->name, label->name)) break;
        }
    }
    free(table);
    return found;
error:
    free(table);
    free(found);
    return NULL;
}

/* ---- the nodes ---- */

typedef struct {
    uint32_t label, line;
} frame;

/* Nodes are numbered as they are first met. All arrays owned but the reader's and the tree's. */
typedef struct {
    const prof_reader *reader;
    const prof_reader_tree *tree;
    int lines;
    prof_reader_stacks stacks;
    uint32_t *span;       /* by label: span_labels */
    uint32_t *node;       /* by record of the stacks: its node, 0 not made yet */
    unsigned char *apart; /* by node of the tree: there are spans that are no functions around it */
    uint32_t count, room, mask;
    uint32_t *slots; /* by parent and frame: a node, 0 for none */
    uint32_t *parent;
    frame *frames;
    frame *path;              /* a stack at hand, outermost first */
    uint32_t *chain, *before; /* the spans around it, outermost first, and how many frames of the path are before each */
} builder;

static int grow(builder *b) {
    uint32_t room = b->room == 0 ? 1024 : b->room * 2;
    uint32_t *parent = room > MOST_NODES / 4 ? NULL : realloc(b->parent, room * sizeof *parent);
    if (parent == NULL) return -1;
    b->parent = parent;
    frame *frames = realloc(b->frames, room * sizeof *frames);
    if (frames == NULL) return -1;
    b->frames = frames;
    uint32_t *slots = calloc((size_t)room * 2, sizeof *slots);
    if (slots == NULL) return -1;
    free(b->slots);
    b->slots = slots;
    b->room = room;
    b->mask = room * 2 - 1;
    return 0;
}

static uint32_t slot_of(const builder *b, uint32_t parent, frame f) {
    uint64_t key = (((uint64_t)parent << 32 | f.label) * 0x9E3779B97F4A7C15u ^ f.line) * 0x9E3779B97F4A7C15u;
    uint32_t slot = (uint32_t)(key >> 32) & b->mask, found;
    for (; (found = b->slots[slot]) != 0; slot = (slot + 1) & b->mask)
        if (b->parent[found] == parent && b->frames[found].label == f.label && b->frames[found].line == f.line) break;
    return slot;
}

/* The node of a frame below `parent`; 0 when out of memory. */
static uint32_t child(builder *b, uint32_t parent, frame f) {
    if (!b->lines) f.line = 0;
    uint32_t slot = slot_of(b, parent, f);
    if (b->slots[slot] != 0) return b->slots[slot];
    if (b->count == b->room) {
        if (grow(b) != 0) return 0;
        for (uint32_t i = 1; i < b->count; i++) b->slots[slot_of(b, b->parent[i], b->frames[i])] = i;
        slot = slot_of(b, parent, f);
    }
    b->parent[b->count] = parent;
    b->frames[b->count] = f;
    return b->slots[slot] = b->count++;
}

static frame frame_of(const builder *b, uint32_t record) {
    return (frame){b->span[b->stacks.label[record]], b->stacks.line[record]};
}

/* ---- stacks ---- */

/* The node of a stack, as it is; 0 when out of memory. */
static uint32_t place_stack(builder *b, uint32_t innermost) {
    uint32_t depth = 0, node = 0;
    uint32_t *records = b->before; /* has room for it */
    for (uint32_t at = innermost; at != 0 && (node = b->node[at - 1]) == 0; at = b->stacks.caller[at - 1]) records[depth++] = at;
    while (depth > 0) {
        uint32_t at = records[--depth];
        node = b->node[at - 1] = child(b, node, frame_of(b, at - 1));
        if (node == 0) return 0;
    }
    return node;
}

/* Puts a stack on the path, and returns how many frames it has. */
static uint32_t unfold(builder *b, uint32_t innermost) {
    uint32_t count = 0;
    for (uint32_t at = innermost; at != 0; at = b->stacks.caller[at - 1]) count++;
    for (uint32_t at = innermost, i = count; at != 0; at = b->stacks.caller[at - 1]) b->path[--i] = frame_of(b, at - 1);
    return count;
}

/* The spans around a node of the tree, outermost first, and how many they are. */
static uint32_t chain_of(builder *b, uint32_t place) {
    uint32_t count = 0;
    for (uint32_t i = b->tree->span[place]; i != 0; i = b->tree->parent[i]) count++;
    for (uint32_t i = b->tree->span[place], k = count; i != 0; i = b->tree->parent[i]) b->chain[--k] = b->tree->label[i];
    return count;
}

static int is_import(const builder *b, uint32_t k) {
    static const char begin[] = "<frozen importlib";
    const prof_reader_text file = b->reader->labels[b->path[k].label].file;
    return file.length >= sizeof begin - 1 && !memcmp(file.text, begin, sizeof begin - 1);
}

/* Behind how many frames of the path a span that is no function begins, of those from `low` to `high`: inside the function that has
 * its section, before the machinery of its import. */
static uint32_t begins(const builder *b, uint32_t label, uint32_t low, uint32_t high, int nested) {
    const prof_reader_label *span = &b->reader->labels[label];
    uint32_t found = low, nearest = 0;
    if (span->kind == PROF_SECTION) {
        for (uint32_t k = low > 0 ? low - 1 : 0; k < high; k++) {
            const prof_reader_label *around = &b->reader->labels[b->path[k].label];
            if (around->line < nearest || around->line > span->line || !same_text(around->file, span->file)) continue;
            nearest = around->line;
            found = k + 1;
        }
        return found;
    }
    if (span->kind != PROF_IMPORT) return high;
    while (nested && found < high && is_import(b, found)) found++; /* of the import around it */
    while (found < high && !is_import(b, found)) found++;
    return found;
}

/* Finds where the spans of the chain begin. Those that are functions are frames of the path, from the innermost outwards. */
static void align(builder *b, uint32_t spans, uint32_t frames) {
    const uint32_t missing = UINT32_MAX;
    for (uint32_t i = spans, k = frames; i-- > 0;) {
        uint32_t at = k;
        b->before[i] = missing;
        if (b->reader->labels[b->chain[i]].kind != PROF_FUNCTION) continue;
        while (at > 0 && b->path[at - 1].label != b->chain[i]) at--;
        if (at > 0) b->before[i] = k = at - 1;
    }
    uint32_t low = 0;
    int nested = 0;
    for (uint32_t i = 0; i < spans; i++) {
        const uint32_t kind = b->reader->labels[b->chain[i]].kind;
        if (kind == PROF_FUNCTION) {
            if (b->before[i] != missing) low = b->before[i] + 1;
            nested = 0;
            continue;
        }
        uint32_t high = frames;
        for (uint32_t k = i + 1; k < spans && high == frames; k++)
            if (b->reader->labels[b->chain[k]].kind == PROF_FUNCTION && b->before[k] != missing) high = b->before[k];
        low = b->before[i] = begins(b, b->chain[i], low, high < low ? low : high, nested);
        nested = kind == PROF_IMPORT;
    }
}

/* The node of a stack with the spans that are no functions in it. */
static uint32_t place_among_spans(builder *b, uint32_t innermost, uint32_t place) {
    uint32_t frames = unfold(b, innermost), spans = chain_of(b, place), node = 0, next = 0;
    align(b, spans, frames);
    for (uint32_t k = 0; k <= frames; k++) {
        for (; next < spans && (b->reader->labels[b->chain[next]].kind == PROF_FUNCTION || b->before[next] <= k); next++) {
            if (b->reader->labels[b->chain[next]].kind == PROF_FUNCTION) continue;
            if ((node = child(b, node, (frame){b->chain[next], 0})) == 0) return 0;
        }
        if (k < frames && (node = child(b, node, b->path[k])) == 0) return 0;
    }
    return node;
}

/* The node of a place in the tree, of which no whole stack is known. 0, or -1 when out of memory. */
static int place_unknown(builder *b, uint32_t place, uint32_t *found) {
    uint32_t depth = b->tree->depth[place], node = 0, line = 0;
    if (b->tree->line[place] == 1) {
        line = b->reader->labels[b->tree->label[place]].line;
        place = b->tree->parent[place];
        depth--;
    }
    for (uint32_t i = place, k = depth; i != 0; i = b->tree->parent[i]) b->path[--k] = (frame){b->span[b->tree->label[i]], 0};
    if (depth > 0) b->path[depth - 1].line = line;
    for (uint32_t k = 0; k < depth; k++)
        if ((node = child(b, node, b->path[k])) == 0) return -1;
    *found = node;
    return 0;
}

static int place_sample(builder *b, uint32_t stack, uint32_t place, uint32_t *found) {
    if (stack == 0) {
        if (place_unknown(b, place, found) != 0) return -1;
    } else {
        *found = b->apart[place] ? place_among_spans(b, stack, place) : place_stack(b, stack);
        if (*found == 0) return -1;
    }
    if (b->lines || b->tree->line[place] != 1) return 0;
    *found = child(b, *found, (frame){b->tree->label[place], 0});
    return *found == 0 ? -1 : 0;
}

/* ---- the tree ---- */

static int open_builder(builder *b) {
    const prof_reader_tree *tree = b->tree;
    size_t most = (size_t)tree->deepest + b->stacks.deepest + 2;
    b->span = span_labels(b->reader);
    b->node = calloc((size_t)b->stacks.count + 1, sizeof *b->node);
    b->apart = calloc(tree->count, 1);
    b->path = malloc(most * sizeof *b->path);
    b->chain = malloc(most * sizeof *b->chain);
    b->before = malloc(most * sizeof *b->before);
    if (!b->span || !b->node || !b->apart || !b->path || !b->chain || !b->before || grow(b) != 0) return -1;
    b->count = 1;
    b->parent[0] = 0;
    b->frames[0] = (frame){PROF_READER_NO_LABEL, 0};
    for (uint32_t i = 1; i < tree->count; i++)
        b->apart[i] = b->apart[tree->parent[i]] || (!tree->line[i] && b->reader->labels[tree->label[i]].kind != PROF_FUNCTION);
    return 0;
}

static void close_builder(builder *b) {
    prof_reader_stacks_close(&b->stacks);
    free(b->span);
    free(b->node);
    free(b->apart);
    free(b->slots);
    free(b->parent);
    free(b->frames);
    free(b->path);
    free(b->chain);
    free(b->before);
}

/* Where the samples of a record are in the tree. */
static uint32_t place_in_tree(const builder *b, const prof_sampled *record, uint64_t index) {
    return record->samples == 0 ? PROF_READER_NO_PLACE : b->tree->place[b->reader->info.node_count + index];
}

/* Where each record of samples is in the tree of stacks. No node of the file is there. */
static int keep_places(const builder *b, prof_reader_tree *tree, const uint32_t *nodes, const uint32_t *places) {
    uint64_t first = b->reader->info.node_count, records = b->reader->info.sampled_count;
    tree->place = malloc((first + records + 1) * sizeof *tree->place);
    if (tree->place == NULL) return -1;
    for (uint64_t i = 0; i < first; i++) tree->place[i] = PROF_READER_NO_PLACE;
    for (uint64_t i = 0; i < records; i++) tree->place[first + i] = nodes[i] == PROF_READER_NO_PLACE ? nodes[i] : places[nodes[i]];
    return 0;
}

/* `nodes`: by record of samples its node, or PROF_READER_NO_PLACE. */
static prof_reader_tree *finish(const builder *b, const uint32_t *nodes) {
    prof_reader_tree *tree = prof_reader_tree_allocate(b->reader, b->count);
    uint32_t *labels = malloc(b->count * sizeof *labels), *places = malloc(b->count * sizeof *places);
    for (uint32_t i = 0; labels != NULL && i < b->count; i++) labels[i] = b->frames[i].label;
    int complete = tree != NULL && labels != NULL && places != NULL && prof_reader_lay_out(tree, b->parent, labels, places) == 0;
    if (complete && b->lines) complete = (tree->at = calloc(b->count, sizeof *tree->at)) != NULL;
    if (complete) complete = keep_places(b, tree, nodes, places) == 0;
    if (complete) {
        prof_reader_walk walk = {0};
        for (uint32_t i = 0; i < b->count; i++) {
            tree->line[places[i]] = i != 0 && b->reader->labels[labels[i]].kind == PROF_LINE;
            tree->span[places[i]] = tree->line[places[i]] ? places[b->parent[i]] : places[i];
            if (tree->at != NULL) tree->at[places[i]] = b->frames[i].line;
        }
        for (const prof_sampled *record; (record = prof_reader_next(b->reader, PROF_CHUNK_SAMPLED, &walk)) != NULL;)
            if (nodes[walk.index] != PROF_READER_NO_PLACE) prof_reader_add_sampled(tree, record, places[nodes[walk.index]]);
        for (uint32_t c = 0; c < tree->column_count; c++)
            if (prof_reader_recorded(b->reader, c)) prof_reader_bound(tree, tree->own[c]);
    } else {
        prof_reader_tree_free(tree);
        tree = NULL;
    }
    free(labels);
    free(places);
    return tree;
}

prof_reader_tree *prof_reader_stacks_new(const prof_reader *reader, const prof_reader_tree *tree, int lines, char *error,
                                         size_t size) {
    builder b = {.reader = reader, .tree = tree, .lines = lines};
    prof_reader_tree *found = NULL;
    prof_reader_walk walk = {0};
    if (prof_reader_stacks_read(reader, &b.stacks, error, size) != 0) return NULL;
    uint32_t *nodes = malloc((reader->info.sampled_count + 1) * sizeof *nodes);
    int complete = nodes != NULL && open_builder(&b) == 0;
    for (const prof_sampled *record; complete && (record = prof_reader_next(reader, PROF_CHUNK_SAMPLED, &walk)) != NULL;) {
        uint32_t place = place_in_tree(&b, record, walk.index);
        nodes[walk.index] = PROF_READER_NO_PLACE;
        if (place != PROF_READER_NO_PLACE) complete = place_sample(&b, b.stacks.of[walk.index], place, &nodes[walk.index]) == 0;
    }
    if (complete) found = finish(&b, nodes);
    if (found == NULL) prof_reader_fail(error, size, "does not fit into memory");
    close_builder(&b);
    free(nodes);
    return found;
}
