/* The slowest calls of each label: a few records, of which a longer call takes the place of the shortest. */
#ifndef PROF_SLOWEST_H
#define PROF_SLOWEST_H
#include "stack.h"

/* Says whose a slow call is: the task's name and its arguments, refs of text, each left alone where there is none. The call has just
 * ended, on the calling thread. Set by the CPython half. */
extern void (*prof_slow_describe)(const prof_label *label, prof_ref *task, prof_ref *arguments);

/* A recording begins: there are none yet. */
void prof_slowest_reset(void);

/* Told of calls of functions and sections that took longer than prof_config.long_ns. May run Python. Set by the CPython half. */
extern void (*prof_slow_tell)(const prof_label *label);

/* The limit that a new label begins with: above it calls are noted. */
uint64_t prof_slow_above(uint64_t ticks);

#endif
