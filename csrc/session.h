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

extern uint64_t prof_heartbeat_ticks; /* how old the header's last instant may grow: a killed process is read by it */

/* A recording begins: it has no threads yet. */
void prof_threads_reset(void);
/* It ends: accounts what is open up to `now` and returns how many spans that were above the roots. Threads are not recorded from
 * here on. */
uint64_t prof_threads_close(uint64_t now);
/* In a child after fork(). */
void prof_threads_forget(void);

/* ---- for the sampler, which looks at threads from outside ---- */

/* Keeps the threads' states and their stacks where they are, until prof_threads_unlock. Hold it briefly: threads that begin or
 * end, or whose stack grows, wait for it. */
void prof_threads_lock(void);
void prof_threads_unlock(void);

/* Grows with each thread that begins or ends. */
extern uint64_t prof_threads_version;

/* With the lock: the threads of the recording, linked by `next`. */
prof_thread *prof_threads_first(void);

/* The state of the thread with that kernel id, made for it if it never entered a span; it becomes the thread's own when it does.
 * NULL without room. */
prof_thread *prof_thread_adopt(uint64_t native_id, const char *name);

/* Gives a recorded thread another name. */
void prof_thread_rename(uint64_t native_id, const char *name);

/* A thread has ended that prof_thread_adopt made a state for; nothing happens if the thread has made it its own. */
void prof_thread_disown(prof_thread *t);

/* The clock of the processor time of a thread of this process. */
static inline clockid_t prof_thread_clock(uint64_t native_id) { return (clockid_t)(~native_id << 3 | 6); }

/* Called by prof_open once labels can be made, to name what survived a fork; set by the CPython half. */
extern void (*prof_on_open)(void);

#endif
