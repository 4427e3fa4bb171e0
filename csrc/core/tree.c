#include "tree.h"

#include <stdlib.h>

/* A node with at most this many children is searched as a list; beyond, the thread's table answers. */
#define SHORT_LIST 8

static uint64_t node_count; /* of all threads; approximate under concurrent creation, exact under the GIL */

void prof_tree_reset(void) { node_count = 0; }

static size_t slot_of(const prof_node *parent, prof_ref label, size_t mask) {
    uint64_t h = ((uint64_t)(uintptr_t)parent >> 7) * 0x9e3779b97f4a7c15u;
    h = (h ^ label) * 0x9e3779b97f4a7c15u;
    return (size_t)(h >> 32) & mask;
}

static prof_node *table_find(const prof_thread *t, const prof_node *parent, prof_ref label) {
    prof_ref parent_ref = prof_arena_ref(parent);
    if (!t->children) return NULL;
    for (size_t k = slot_of(parent, label, t->children_mask); t->children[k]; k = (k + 1) & t->children_mask)
        if (t->children[k]->parent == parent_ref && t->children[k]->label == label) return t->children[k];
    return NULL;
}

static int table_grow(prof_thread *t) {
    size_t size = t->children ? (t->children_mask + 1) * 2 : 256;
    prof_node **slots = calloc(size, sizeof(prof_node *));
    if (!slots) return -1;
    for (size_t i = 0; t->children && i <= t->children_mask; i++) {
        prof_node *n = t->children[i];
        if (!n) continue;
        size_t k = slot_of(prof_arena_at(n->parent), n->label, size - 1);
        while (slots[k]) k = (k + 1) & (size - 1);
        slots[k] = n;
    }
    free(t->children);
    t->children = slots;
    t->children_mask = size - 1;
    return 0;
}

/* Without memory the node is simply not in the table: a second one with the same parent and label may then be
 * made, which readers add up. */
static void table_add(prof_thread *t, prof_node *node) {
    if ((!t->children || (t->children_used + 1) * 2 > t->children_mask) && table_grow(t)) return;
    size_t k = slot_of(prof_arena_at(node->parent), node->label, t->children_mask);
    while (t->children[k]) k = (k + 1) & t->children_mask;
    t->children[k] = node;
    t->children_used++;
}

static prof_node *find(const prof_thread *t, const prof_node *parent, prof_ref label) {
    if (parent->private_children > SHORT_LIST) return table_find(t, parent, label);
    for (prof_ref r = parent->private_child; r;) {
        prof_node *n = prof_arena_at(r);
        if (n->label == label) return n;
        r = n->private_sibling;
    }
    return NULL;
}

static prof_node *new_node(prof_thread *t, const prof_node *parent, prof_ref label) {
    prof_node *n = prof_arena_append(&t->nodes, PROF_CHUNK_NODES, sizeof *n, prof_arena_ref(t->record), sizeof *n);
    if (!n) return NULL;
    n->label = label;
    n->private_last = (uint64_t)(uintptr_t)&prof_no_node;
    if (parent) {
        n->parent = prof_arena_ref(parent);
        n->depth = parent->depth + 1;
    }
    prof_arena_publish(&t->nodes, sizeof *n);
    node_count++;
    return n;
}

prof_node *prof_node_new(prof_thread *t, prof_node *parent, prof_ref label) {
    prof_node *n = new_node(t, parent, label);
    if (!n || !parent) return n;
    n->private_sibling = parent->private_child;
    parent->private_child = prof_arena_ref(n);
    if (++parent->private_children == SHORT_LIST + 1)
        for (prof_ref r = parent->private_child; r; r = ((prof_node *)prof_arena_at(r))->private_sibling)
            table_add(t, prof_arena_at(r));
    else if (parent->private_children > SHORT_LIST) table_add(t, n);
    return n;
}

prof_node *prof_node_leaf(prof_thread *t, prof_node *parent, prof_ref label) {
    prof_node *n = table_find(t, parent, label);
    if (n) return n;
    if (node_count >= prof_limits.max_nodes && parent->parent) {
        prof_count(PROF_DROP_FOLDED_SIZE, 1);
        return prof_node_leaf(t, t->base->node, label);
    }
    n = new_node(t, parent, label);
    if (n) table_add(t, n);
    return n;
}

/* The nearest of `node` and its ancestors with this label, or NULL. */
static prof_node *ancestor(prof_node *node, prof_ref label) {
    while (node->label != label && node->parent) node = prof_arena_at(node->parent);
    return node->label == label ? node : NULL;
}

/* Where a call goes for which there is no node: to an ancestor of the same name, so that the function's counts
 * and times stay right and only the path is shortened; else below the root; else, with no room at all, to the caller. */
static prof_node *fold_for_size(prof_thread *t, prof_node *parent, prof_ref label) {
    prof_count(PROF_DROP_FOLDED_SIZE, 1);
    prof_node *n = ancestor(parent, label);
    if (n) return n;
    prof_node *root = t->base->node;
    n = find(t, root, label);
    if (!n) n = prof_node_new(t, root, label);
    return n ? n : parent;
}

prof_node *prof_node_child(prof_thread *t, prof_node *parent, prof_label *label) {
    prof_ref ref = prof_arena_ref(label);
    prof_node *n = find(t, parent, ref);
    if (!n && parent->depth >= prof_limits.depth && (n = ancestor(parent, ref))) {
        /* Not remembered in private_last, so that each folded call is counted. */
        prof_count(PROF_DROP_FOLDED_DEPTH, 1);
        return n;
    }
    if (!n && node_count >= prof_limits.max_nodes) return fold_for_size(t, parent, ref);
    if (!n) n = prof_node_new(t, parent, ref);
    if (!n) return fold_for_size(t, parent, ref);
    parent->private_last = (uint64_t)(uintptr_t)n;
    return n;
}
