/* Where copies of the core find each other; and what the CPython half of one does for the others. */
#ifndef PROF_RECORDER_HOST_H
#define PROF_RECORDER_HOST_H
#include "core/stack.h"

#pragma GCC visibility push(hidden)

/* Calls `found` with the address of that symbol in each object of the process that has it, or that depends on one. */
void prof_loaded_each(const char *symbol, void (*found)(void *address));

/* In `prof._core`: tells those who have linked the C API that this copy records Python. Whoever is loaded later asks. */
void prof_recorder_publish(void);

/* Set in a forked child that waits with its recording until its first span: begins it. Any thread; NULL when it is not begun. */
extern prof_thread *(*prof_recorder_first)(void);

/* Set by the CPython half: whether the calling thread has the lock under which memory is counted. NULL where there is no such lock. */
extern int (*prof_recorder_locked)(void);

#pragma GCC visibility pop
#endif
