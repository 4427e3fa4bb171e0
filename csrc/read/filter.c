/* Makes a tree of what filters leave of another: which stacks, from where on, and which nodes become one. */
#include "private.h"
#include <stdlib.h>
#include <string.h>

#define LEFT_OUT UINT32_MAX

/* What is known of a node of the tree. The first three hold for all that lies below it, too. */
enum { DROPPED = 1, KEPT = 2, WITHIN = 4, OF_STACK = 7, HELD = 8 /* its own figures stay */, NEEDED = 16, CHARGED = 32 };

/* Nodes of the new tree are numbered as they are first met. All owned but the first three. */
typedef struct {
    const prof_reader *reader;
    const prof_reader_tree *tree;
    const prof_reader_filter *filter;
    unsigned char *state; /* by node of the tree */
    uint32_t *map;        /* likewise: its new node, or LEFT_OUT */
    uint32_t count, mask;
    uint32_t *slots; /* by parent, label and line: a new node, 0 for none */
    uint32_t *parent, *label, *at;
    unsigned char *line;
    uint32_t *place;    /* where the new node goes in depth-first order */
    uint32_t libraries; /* the first label of a library */
} work;

static int open_work(work *w) {
    uint32_t count = w->tree->count, slots = 16;
    while (slots / 2 < count) slots *= 2;
    w->mask = slots - 1;
    w->state = calloc(count, 1);
    w->line = calloc(count, 1);
    uint32_t **arrays[] = {&w->map, &w->parent, &w->label, &w->at, &w->place};
    int complete = w->state != NULL && w->line != NULL && (w->slots = calloc(slots, sizeof *w->slots)) != NULL;
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        complete &= (*arrays[i] = calloc(count, sizeof **arrays[i])) != NULL;
    if (!complete) return -1;
    w->count = 1;
    w->label[0] = w->libraries = PROF_READER_NO_LABEL;
    for (uint64_t i = 0; w->filter->instead != NULL && i < w->reader->info.label_count; i++)
        if (w->filter->instead[i] < w->libraries) w->libraries = w->filter->instead[i];
    return 0;
}

static void close_work(work *w) {
    free(w->state);
    free(w->map);
    free(w->slots);
    free(w->parent);
    free(w->label);
    free(w->at);
    free(w->line);
    free(w->place);
}

/* ---- which stacks are left ---- */

static unsigned char state_below(const work *w, unsigned char above, uint32_t label) {
    uint32_t wanted = w->filter->wanted, match = w->filter->match[label] & wanted;
    unsigned char state = above & OF_STACK;
    if (match & PROF_READER_DROP) state |= DROPPED;
    if (match & PROF_READER_KEEP) state |= KEPT;
    if (match & PROF_READER_FOCUS) state |= WITHIN;
    int held =
        !(state & DROPPED) && (!(wanted & PROF_READER_KEEP) || state & KEPT) && (!(wanted & PROF_READER_FOCUS) || state & WITHIN);
    return held ? state | HELD : state;
}

static void choose(work *w) {
    const prof_reader_tree *tree = w->tree;
    const int focused = (w->filter->wanted & PROF_READER_FOCUS) != 0;
    w->state[0] = w->filter->wanted & (PROF_READER_KEEP | PROF_READER_FOCUS) ? NEEDED : HELD | NEEDED;
    for (uint32_t i = 1; i < tree->count; i++) w->state[i] = state_below(w, w->state[tree->parent[i]], tree->label[i]);
    for (uint32_t i = tree->count - 1; i > 0; i--) {
        if (w->state[i] & HELD) w->state[i] |= NEEDED;
        if (w->state[i] & NEEDED && (!focused || w->state[tree->parent[i]] & WITHIN)) w->state[tree->parent[i]] |= NEEDED;
    }
}

/* ---- which nodes become which ---- */

static uint32_t child(work *w, uint32_t parent, uint32_t label, uint32_t at, unsigned char line) {
    uint64_t key = (((uint64_t)parent << 32 | label) * 0x9E3779B97F4A7C15u ^ at) * 0x9E3779B97F4A7C15u;
    uint32_t slot = (uint32_t)(key >> 32) & w->mask, found;
    for (; (found = w->slots[slot]) != 0; slot = (slot + 1) & w->mask)
        if (w->parent[found] == parent && w->label[found] == label && w->at[found] == at) return found;
    found = w->slots[slot] = w->count++;
    w->parent[found] = parent;
    w->label[found] = label;
    w->at[found] = at;
    w->line[found] = line;
    return found;
}

/* The new node at or above `node` that is of the same; 0 none. */
static uint32_t same_above(const work *w, uint32_t node, uint32_t label, uint32_t at) {
    while (node != 0 && (w->label[node] != label || w->at[node] != at)) node = w->parent[node];
    return node;
}

static uint32_t place_node(work *w, uint32_t i, uint32_t above) {
    const prof_reader_tree *tree = w->tree;
    uint32_t label = tree->label[i], at = tree->at == NULL ? 0 : tree->at[i];
    unsigned char line = tree->line[i];
    uint32_t library = w->filter->instead == NULL ? PROF_READER_NO_LABEL : w->filter->instead[label];
    if (w->filter->small != NULL && w->filter->small[i]) {
        w->state[i] |= CHARGED;
        return above;
    }
    if (library != PROF_READER_NO_LABEL) {
        /* What a line of the function above is, its path does not say: that is where it belongs. */
        if (above != 0 && (w->label[above] - library <= 1 || (line == 1 && w->label[above] >= w->libraries))) {
            w->state[i] |= CHARGED;
            return above;
        }
        label = library + (line != 0);
        line = line ? 2 : 0;
        at = 0;
    }
    uint32_t again = w->filter->merge_recursion && line != 1 ? same_above(w, above, label, at) : 0;
    return again != 0 ? again : child(w, above, label, at, line);
}

static void place_all(work *w) {
    for (uint32_t i = 1; i < w->tree->count; i++) {
        uint32_t above = w->map[w->tree->parent[i]];
        w->map[i] = w->state[i] & NEEDED ? place_node(w, i, above == LEFT_OUT ? 0 : above) : LEFT_OUT;
    }
}

/* ---- the new tree ---- */

static void lay_out(const work *w, prof_reader_tree *to) {
    for (uint32_t i = 1; i < w->count; i++) {
        uint32_t place = w->place[i];
        to->line[place] = w->line[i];
        if (to->at != NULL) to->at[place] = w->at[i];
    }
    for (uint32_t i = 1; i < to->count; i++) to->span[i] = to->line[i] ? to->span[to->parent[i]] : i;
}

static int is_of_samples(uint32_t column) {
    switch (column) {
#define SAMPLED(column, field) case PROF_READER_COLUMN_##column:
#define USED(column) case PROF_READER_COLUMN_##column:
        PROF_READER_SAMPLED(SAMPLED)
        PROF_READER_USED(USED)
        return 1;
#undef SAMPLED
#undef USED
    }
    return 0;
}

/* `samples`: also what samples found. Of a node that is there for what is below it, only how often it was called. */
static void add_columns(const work *w, prof_reader_tree *to, int samples) {
    for (uint32_t c = 0; c < to->column_count; c++) {
        const uint64_t *from = w->tree->own[c];
        if (!samples && is_of_samples(c)) continue;
        const int of_context = c == PROF_READER_COLUMN_calls || c == PROF_READER_COLUMN_resumes;
        for (uint32_t i = 0; i < w->tree->count; i++) {
            if (from[i] == 0 || w->map[i] == LEFT_OUT || !(w->state[i] & HELD || of_context)) continue;
            if (w->state[i] & CHARGED && prof_reader_is_of_call(c)) continue;
            to->own[c][w->place[w->map[i]]] += from[i];
        }
    }
}

/* Where what was at a place is now. */
static uint32_t moved(const work *w, uint32_t place) {
    return place == PROF_READER_NO_PLACE || !(w->state[place] & HELD) ? PROF_READER_NO_PLACE : w->place[w->map[place]];
}

static int keep_places(const work *w, prof_reader_tree *to, const prof_reader_tree *stacks) {
    uint64_t nodes = w->reader->info.node_count, all = nodes + w->reader->info.sampled_count;
    if (w->tree->place == NULL) return 0;
    to->place = malloc((all + 1) * sizeof *to->place);
    if (to->place == NULL) return -1;
    for (uint64_t i = 0; i < all; i++) {
        to->place[i] = moved(w, w->tree->place[i]);
        if (i < nodes || stacks == NULL || w->tree->place[i] == PROF_READER_NO_PLACE) continue;
        if (stacks->place[i] == PROF_READER_NO_PLACE) to->place[i] = PROF_READER_NO_PLACE;
        else if (to->place[i] == PROF_READER_NO_PLACE) to->place[i] = 0; /* of no span that is left */
    }
    return 0;
}

/* What samples found, by where they are now. */
static void add_samples(const work *w, prof_reader_tree *to) {
    const prof_reader *reader = w->reader;
    const uint32_t *place = to->place + reader->info.node_count;
    prof_reader_cursor cursor = {NULL};
    prof_reader_walk samples = {0}, usages = {0};
    for (const prof_sampled *record; (record = prof_reader_next(reader, PROF_CHUNK_SAMPLED, &samples)) != NULL;)
        if (place[samples.index] != PROF_READER_NO_PLACE) prof_reader_add_sampled(to, record, place[samples.index]);
    for (const prof_usage *usage; (usage = prof_reader_next(reader, PROF_CHUNK_USAGE, &usages)) != NULL;) {
        uint64_t where = prof_reader_record(reader, PROF_CHUNK_SAMPLED, usage->where, &cursor);
        if (where != PROF_READER_NOT_FOUND && place[where] != PROF_READER_NO_PLACE) prof_reader_add_used(to, usage, place[where]);
    }
}

static prof_reader_tree *finish(const work *w, const prof_reader_tree *stacks) {
    prof_reader_tree *to = prof_reader_tree_allocate(w->reader, w->count);
    if (to == NULL || prof_reader_lay_out(to, w->parent, w->label, w->place) != 0) goto error;
    if (w->tree->at != NULL && (to->at = calloc(w->count, sizeof *to->at)) == NULL) goto error;
    lay_out(w, to);
    to->profiler_ns = w->tree->profiler_ns;
    to->short_count = w->tree->short_count;
    if (keep_places(w, to, stacks) != 0) goto error;
    add_columns(w, to, stacks == NULL || to->place == NULL);
    if (stacks != NULL && to->place != NULL) {
        add_samples(w, to);
        for (uint32_t c = 0; c < to->column_count; c++)
            if (is_of_samples(c) && prof_reader_recorded(w->reader, c)) prof_reader_bound(to, to->own[c]);
    }
    return to;
error:
    prof_reader_tree_free(to);
    return NULL;
}

prof_reader_tree *prof_reader_tree_filter(const prof_reader *reader, const prof_reader_tree *tree, const prof_reader_filter *filter,
                                          const prof_reader_tree *stacks, char *error, size_t size) {
    work w = {.reader = reader, .tree = tree, .filter = filter};
    prof_reader_tree *found = NULL;
    if (open_work(&w) == 0) {
        choose(&w);
        place_all(&w);
        found = finish(&w, stacks);
    }
    if (found == NULL) prof_reader_fail(error, size, "does not fit into memory");
    close_work(&w);
    return found;
}

/* ---- labels of libraries ---- */

struct prof_reader_added {
    struct prof_reader_added *next; /* Owned */
    char texts[];                   /* the name, the file, each with a NUL */
};

uint32_t prof_reader_add_library(prof_reader *reader, const char *name, const char *file) {
    size_t name_length = strlen(name), file_length = strlen(file);
    uint64_t first = reader->info.label_count;
    if (first + 2 >= PROF_READER_NO_LABEL) return PROF_READER_NO_LABEL;
    struct prof_reader_added *added = malloc(sizeof *added + name_length + file_length + 2);
    if (added == NULL) return PROF_READER_NO_LABEL;
    prof_reader_label *labels = realloc(reader->labels, (first + 2) * sizeof *labels);
    if (labels == NULL) {
        free(added);
        return PROF_READER_NO_LABEL;
    }
    reader->info.labels = reader->labels = labels;
    added->next = reader->added;
    reader->added = added;
    memcpy(added->texts, name, name_length + 1);
    memcpy(added->texts + name_length + 1, file, file_length + 1);
    labels[first] = (prof_reader_label){
        .kind = PROF_FUNCTION,
        .name = {added->texts, (uint32_t)name_length},
        .module = {added->texts, (uint32_t)name_length},
        .file = {added->texts + name_length + 1, (uint32_t)file_length},
    };
    labels[first + 1] = labels[first];
    labels[first + 1].kind = PROF_FRAME;
    reader->info.label_count += 2;
    return (uint32_t)first;
}

void prof_reader_free_added(prof_reader *reader) {
    for (struct prof_reader_added *next, *added = reader->added; added != NULL; added = next) {
        next = added->next;
        free(added);
    }
}
