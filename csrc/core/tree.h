/* The calling-context tree: nodes of a thread, in the arena, found by (parent, label). */
#ifndef PROF_TREE_H
#define PROF_TREE_H
#include "stack.h"

/* A node of the thread's own; `parent` NULL for its root. NULL without room. */
prof_node *prof_node_new(prof_thread *t, prof_node *parent, prof_ref label);

/* The leaf `label` below `parent`, made at first use and found by its two names only; NULL without room. */
prof_node *prof_node_leaf(prof_thread *t, prof_node *parent, prof_ref label);

void prof_tree_reset(void);

#endif
