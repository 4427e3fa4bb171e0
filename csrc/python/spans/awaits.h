/* What coroutines wait for: found where a coroutine suspends. All need the GIL. */
#ifndef PROF_PYTHON_AWAITS_H
#define PROF_PYTHON_AWAITS_H
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "core/stack.h"
#include "core/waits.h"

/* The running coroutine is about to suspend in an `await` of `receiver`, the iterator that it is delegating to. Where the wait is
 * counted; NULL when a coroutine with a span is below it, which has been asked before, or without room. Notes whose it is in `t`. */
prof_wait *prof_await(prof_thread *t, PyObject *receiver);

/* Forgets what it knows of the recording, and lets go of code. */
void prof_awaits_reset(void);

/* 0, or -1 with an exception set. */
int prof_awaits_init(void);

#endif
