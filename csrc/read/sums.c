/* Sums over a tree: by label, by caller and callee, by any group. Recursion is counted once, by what is on the path above. */
#include "private.h"
#include <stdlib.h>
#include <string.h>

/* The keys of the nodes above the one at hand, and how often each key is among them. */
typedef struct {
    uint32_t depth;  /* of the node at hand: how many keys are on the path */
    uint32_t *path;  /* Owned: by depth */
    uint32_t *times; /* Owned: by key */
} path;

static int path_open(path *p, uint32_t deepest, uint64_t keys) {
    p->depth = 0;
    p->path = malloc(((size_t)deepest + 1) * sizeof *p->path);
    p->times = calloc(keys + 1, sizeof *p->times);
    return p->path != NULL && p->times != NULL ? 0 : -1;
}

static void path_close(path *p) {
    free(p->path);
    free(p->times);
}

/* Goes to a node `depth` deep, in depth-first order. Returns whether its key is also above it. */
static int path_go(path *p, uint32_t depth, uint32_t key) {
    while (p->depth >= depth) p->times[p->path[p->depth--]]--;
    p->depth = depth;
    p->path[depth] = key;
    return p->times[key]++ > 0;
}

static void add_to(uint64_t *own, uint32_t group, uint64_t value) {
    if (group != PROF_READER_NO_GROUP) own[group] += value;
}

/* What the nodes have of their own. */
static void sum_own(const prof_reader_tree *tree, const uint32_t *group, const uint64_t *column, uint64_t *own) {
    for (uint32_t i = 0; i < tree->count; i++) {
        uint64_t value = column == NULL ? 1 : column[i];
        if (value == 0) continue;
        add_to(own, group[i], value);
        if (column == NULL || !tree->line[i]) continue;
        add_to(own, group[tree->span[i]], value);
        if (tree->parent[i] != tree->span[i] && tree->line[i] == 1) add_to(own, group[tree->parent[i]], value);
    }
}

int prof_reader_sum_groups(const prof_reader_tree *tree, const uint32_t *group, uint32_t groups, const uint64_t *column,
                           uint64_t *own, uint64_t *total) {
    path p = {0};
    int result = -1;
    uint64_t *inclusive = NULL;
    memset(own, 0, groups * sizeof *own);
    sum_own(tree, group, column, own);
    if (total == NULL || column == NULL) return 0;
    memset(total, 0, groups * sizeof *total);
    inclusive = malloc(tree->count * sizeof *inclusive);
    if (inclusive == NULL || path_open(&p, tree->deepest, groups) != 0) goto error;
    prof_reader_inclusive(tree, column, inclusive);
    for (uint32_t i = 1; i < tree->count; i++) {
        if (group[i] == PROF_READER_NO_GROUP) path_go(&p, tree->depth[i], groups); /* a key that nobody asks for */
        else if (!path_go(&p, tree->depth[i], group[i])) total[group[i]] += inclusive[i];
    }
    result = 0;
error:
    free(inclusive);
    path_close(&p);
    return result;
}

int prof_reader_sum_labels(const prof_reader_tree *tree, prof_reader_sum *sums) {
    uint32_t labels = tree->label_count;
    uint64_t *own = malloc(((size_t)labels + 1) * sizeof *own), *total = malloc(((size_t)labels + 1) * sizeof *total);
    int result = own == NULL || total == NULL ? -1 : 0;
    memset(sums, 0, labels * sizeof *sums);
#define SUM(field, column, totals)                                                                    \
    if (result == 0) result = prof_reader_sum_groups(tree, tree->label, labels, column, own, totals); \
    for (uint32_t i = 0; result == 0 && i < labels; i++) sums[i].field = own[i];
    SUM(calls, tree->own[PROF_READER_COLUMN_calls], NULL)
    SUM(resumes, tree->own[PROF_READER_COLUMN_resumes], NULL)
    SUM(items, tree->own[PROF_READER_COLUMN_items], NULL)
    SUM(suspended_ns, tree->own[PROF_READER_COLUMN_suspended_ns], NULL)
    SUM(contexts, NULL, NULL)
    SUM(self_ns, tree->own[PROF_READER_COLUMN_self_ns], total)
#undef SUM
    for (uint32_t i = 0; result == 0 && i < labels; i++) sums[i].total_ns = total[i];
    free(own);
    free(total);
    return result;
}

/* ---- pairs ---- */

typedef struct {
    uint32_t room;
    uint32_t mask;            /* of the hash table */
    uint32_t *slots;          /* Owned: pair + 1, 0 for none */
    prof_reader_pairs *pairs; /* Owned, passed to the caller */
} pair_table;

static uint32_t pair_slot(const pair_table *t, uint32_t above, uint32_t below) {
    uint64_t key = ((uint64_t)above << 32 | below) * 0x9E3779B97F4A7C15u;
    uint32_t slot = (uint32_t)(key >> 32) & t->mask, found;
    while ((found = t->slots[slot]) != 0) {
        if (t->pairs->above[found - 1] == above && t->pairs->below[found - 1] == below) break;
        slot = (slot + 1) & t->mask;
    }
    return slot;
}

/* Makes room for twice the pairs, at most half of the slots taken. */
static int pair_grow(pair_table *t) {
    prof_reader_pairs *pairs = t->pairs;
    uint32_t room = t->room == 0 ? 256 : t->room * 2;
    uint32_t *above = realloc(pairs->above, room * sizeof *above);
    if (above == NULL) return -1;
    pairs->above = above;
    uint32_t *below = realloc(pairs->below, room * sizeof *below);
    if (below == NULL) return -1;
    pairs->below = below;
    uint32_t *slots = calloc((size_t)room * 2, sizeof *slots);
    if (slots == NULL) return -1;
    free(t->slots);
    t->slots = slots;
    t->room = room;
    t->mask = room * 2 - 1;
    for (uint32_t i = 0; i < pairs->count; i++) t->slots[pair_slot(t, above[i], below[i])] = i + 1;
    return 0;
}

/* The pair's index, added if new; PROF_READER_NO_GROUP when out of memory. */
static uint32_t pair_index(pair_table *t, uint32_t above, uint32_t below) {
    prof_reader_pairs *pairs = t->pairs;
    if (pairs->count == t->room && pair_grow(t) != 0) return PROF_READER_NO_GROUP;
    uint32_t slot = pair_slot(t, above, below);
    if (t->slots[slot] == 0) {
        pairs->above[pairs->count] = above;
        pairs->below[pairs->count] = below;
        t->slots[slot] = ++pairs->count;
    }
    return t->slots[slot] - 1;
}

prof_reader_pairs *prof_reader_pairs_of(const prof_reader_tree *tree, const uint32_t *above, const uint32_t *below) {
    pair_table t = {.pairs = calloc(1, sizeof *t.pairs)};
    if (t.pairs == NULL || pair_grow(&t) != 0) goto error;
    uint32_t *group = t.pairs->group = malloc(tree->count * sizeof *group);
    if (group == NULL) goto error;
    for (uint32_t i = 0; i < tree->count; i++) {
        group[i] = PROF_READER_NO_GROUP;
        if (below[i] == PROF_READER_NO_GROUP) continue;
        group[i] = pair_index(&t, above[i], below[i]);
        if (group[i] == PROF_READER_NO_GROUP) goto error;
    }
    free(t.slots);
    return t.pairs;
error:
    free(t.slots);
    prof_reader_pairs_free(t.pairs);
    return NULL;
}

prof_reader_pairs *prof_reader_pairs_new(const prof_reader_tree *tree, int lines) {
    uint32_t *above = malloc(tree->count * sizeof *above), *below = malloc(tree->count * sizeof *below);
    prof_reader_pairs *pairs = NULL;
    for (uint32_t i = 0; above != NULL && below != NULL && i < tree->count; i++) {
        above[i] = tree->label[tree->parent[i]];
        below[i] = i != 0 && tree->line[i] == (lines != 0) ? tree->label[i] : PROF_READER_NO_GROUP; /* frames are in neither */
    }
    if (above != NULL && below != NULL) pairs = prof_reader_pairs_of(tree, above, below);
    free(above);
    free(below);
    return pairs;
}

void prof_reader_pairs_free(prof_reader_pairs *pairs) {
    if (pairs == NULL) return;
    free(pairs->above);
    free(pairs->below);
    free(pairs->group);
    free(pairs);
}

/* ---- order ---- */

typedef struct {
    uint64_t value;
    uint32_t index;
} ranked;

static int compare_ranked(const void *left, const void *right) {
    const ranked *a = left, *b = right;
    if (a->value != b->value) return a->value > b->value ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

int prof_reader_order(const uint64_t *values, uint32_t count, uint32_t *order) {
    ranked *rows = malloc(((size_t)count + 1) * sizeof *rows);
    if (rows == NULL) return -1;
    for (uint32_t i = 0; i < count; i++) rows[i] = (ranked){.value = values[i], .index = i};
    qsort(rows, count, sizeof *rows, compare_ranked);
    for (uint32_t i = 0; i < count; i++) order[i] = rows[i].index;
    free(rows);
    return 0;
}

/* ---- what is worth showing ---- */

uint32_t prof_reader_select(const prof_reader_tree *tree, const uint64_t *column, uint64_t minimum, uint32_t deepest, int lines,
                            uint32_t *shown) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < tree->count;) {
        if (i > 0 && (column[i] < minimum || tree->depth[i] > deepest || (tree->line[i] && !lines))) {
            i = tree->end[i];
        } else {
            shown[count++] = i;
            i++;
        }
    }
    return count;
}
