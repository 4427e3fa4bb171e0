/* The recording: limits, and what belongs to no thread. */
#ifndef PROF_SESSION_H
#define PROF_SESSION_H
#include "prof.h"
#include "stack.h"

extern prof_config prof_limits; /* of the running recording, defaults filled in */

/* A node of the thread's own; `parent` NULL for its root. NULL without room. */
prof_node *prof_node_new(prof_thread *t, prof_node *parent, prof_ref label);
/* The leaf `label` below `parent`, made at first use and found by its two names only; NULL without room. */
prof_node *prof_node_leaf(prof_thread *t, prof_node *parent, prof_ref label);
void prof_tree_reset(void);

/* Called by prof_open once labels can be made, to name what survived a fork; set by the CPython half. */
extern void (*prof_on_open)(void);

#endif
