/* Sums over a tree: by label, and by caller and callee. Recursion is counted once, by what is on the path above. */
#include "read_private.h"
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
    while (p->depth >= depth)
        p->times[p->path[p->depth--]]--;
    p->depth = depth;
    p->path[depth] = key;
    return p->times[key]++ > 0;
}

int prof_reader_sum_labels(const prof_reader_tree *tree, prof_reader_sum *sums) {
    path p;
    int result = -1;
    memset(sums, 0, tree->label_count * sizeof *sums);
    if (path_open(&p, tree->deepest, tree->label_count) != 0)
        goto error;
    for (uint32_t i = 1; i < tree->count; i++) {
        prof_reader_sum *sum = &sums[tree->label[i]];
        sum->calls += tree->calls[i];
        sum->resumes += tree->resumes[i];
        sum->self_ns += tree->self_ns[i];
        sum->suspended_ns += tree->suspended_ns[i];
        sum->items += tree->items[i];
        sum->contexts++;
        if (!path_go(&p, tree->depth[i], tree->label[i]))
            sum->total_ns += tree->total_ns[i];
    }
    result = 0;
error:
    path_close(&p);
    return result;
}

/* ---- edges ---- */

typedef struct {
    uint32_t count, room;
    uint32_t mask;           /* of the hash table */
    uint32_t *slots;         /* Owned: edge + 1, 0 for none */
    prof_reader_edge *edges; /* Owned, passed to the caller */
} edge_table;

static uint32_t edge_slot(const edge_table *t, uint32_t caller, uint32_t callee) {
    uint64_t key = ((uint64_t)caller << 32 | callee) * 0x9E3779B97F4A7C15u;
    uint32_t slot = (uint32_t)(key >> 32) & t->mask, found;
    while ((found = t->slots[slot]) != 0) {
        if (t->edges[found - 1].caller == caller && t->edges[found - 1].callee == callee)
            break;
        slot = (slot + 1) & t->mask;
    }
    return slot;
}

/* Makes room for twice the edges, at most half of the slots taken. */
static int edge_grow(edge_table *t) {
    uint32_t room = t->room == 0 ? 256 : t->room * 2;
    prof_reader_edge *edges = realloc(t->edges, room * sizeof *edges);
    if (edges == NULL)
        return -1;
    t->edges = edges;
    uint32_t *slots = calloc((size_t)room * 2, sizeof *slots);
    if (slots == NULL)
        return -1;
    free(t->slots);
    t->slots = slots;
    t->room = room;
    t->mask = room * 2 - 1;
    for (uint32_t i = 0; i < t->count; i++)
        t->slots[edge_slot(t, edges[i].caller, edges[i].callee)] = i + 1;
    return 0;
}

/* The edge's index, added if new; UINT32_MAX when out of memory. */
static uint32_t edge_index(edge_table *t, uint32_t caller, uint32_t callee) {
    if (t->count == t->room && edge_grow(t) != 0)
        return UINT32_MAX;
    uint32_t slot = edge_slot(t, caller, callee);
    if (t->slots[slot] == 0) {
        t->edges[t->count] = (prof_reader_edge){.caller = caller, .callee = callee};
        t->slots[slot] = ++t->count;
    }
    return t->slots[slot] - 1;
}

/* Longest first; then by label, so that the order does not depend on the sort. */
static int compare_edges(const void *left, const void *right) {
    const prof_reader_edge *a = left, *b = right;
    if (a->total_ns != b->total_ns)
        return a->total_ns > b->total_ns ? -1 : 1;
    if (a->caller != b->caller)
        return a->caller < b->caller ? -1 : 1;
    return a->callee < b->callee ? -1 : a->callee > b->callee;
}

prof_reader_edge *prof_reader_edges_new(const prof_reader_tree *tree, uint64_t *count) {
    edge_table t = {0};
    path p = {0};
    uint32_t *edge_of = malloc(tree->count * sizeof *edge_of);
    if (edge_of == NULL || edge_grow(&t) != 0)
        goto error;
    for (uint32_t i = 1; i < tree->count; i++)
        if ((edge_of[i] = edge_index(&t, tree->label[tree->parent[i]], tree->label[i])) == UINT32_MAX)
            goto error;
    if (path_open(&p, tree->deepest, t.count) != 0)
        goto error;
    for (uint32_t i = 1; i < tree->count; i++) {
        prof_reader_edge *edge = &t.edges[edge_of[i]];
        edge->calls += tree->calls[i];
        edge->resumes += tree->resumes[i];
        edge->self_ns += tree->self_ns[i];
        if (!path_go(&p, tree->depth[i], edge_of[i]))
            edge->total_ns += tree->total_ns[i];
    }
    qsort(t.edges, t.count, sizeof *t.edges, compare_edges);
    *count = t.count;
    goto done;
error:
    free(t.edges);
    t.edges = NULL;
done:
    free(edge_of);
    free(t.slots);
    path_close(&p);
    return t.edges;
}

void prof_reader_edges_free(prof_reader_edge *edges) {
    free(edges);
}

/* ---- what is worth showing ---- */

uint32_t prof_reader_select(const prof_reader_tree *tree, const uint64_t *column, uint64_t minimum, uint32_t deepest,
                            uint32_t *shown) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < tree->count;) {
        if (i > 0 && (column[i] < minimum || tree->depth[i] > deepest)) {
            i = tree->end[i];
        } else {
            shown[count++] = i;
            i++;
        }
    }
    return count;
}
