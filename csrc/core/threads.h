/* The threads of the recording: how each gets its state, and how others look at them. */
#ifndef PROF_THREADS_H
#define PROF_THREADS_H
#include "stack.h"

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

/* Where the address of the first one is, for another process that reads this one's memory. */
prof_thread *const *prof_threads_list(void);

/* Makes a state for the thread with that kernel id, if it never entered a span; it becomes the thread's own when it does, and
 * goes when that ends. 0, or -1 without room. */
int prof_thread_adopt(uint64_t native_id, const char *name);

/* With the lock: the state of the thread with that kernel id, its own or made for it; NULL when there is none. */
prof_thread *prof_thread_known(uint64_t native_id);

/* Gives a recorded thread another name. */
void prof_thread_rename(uint64_t native_id, const char *name);

/* A thread has ended that prof_thread_adopt made a state for; nothing happens if the thread has made it its own. */
void prof_thread_disown(prof_thread *t);

/* The clock of the processor time of a thread of this process. */
static inline clockid_t prof_thread_clock(uint64_t native_id) { return (clockid_t)(~native_id << 3 | 6); }

#endif
