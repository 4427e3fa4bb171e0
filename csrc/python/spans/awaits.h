/* What coroutines wait for, and what tasks run: found where a coroutine suspends. All need the GIL. */
#ifndef PROF_PYTHON_AWAITS_H
#define PROF_PYTHON_AWAITS_H
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "core/stack.h"
#include "core/waits.h"

/* The running coroutine is about to suspend in an `await` of `receiver`, the iterator that it is delegating to. Where the wait is
 * counted; NULL when a coroutine with a span is below it, which has been asked before, or without room. Notes whose it is in `t`. */
prof_wait *prof_await(prof_thread *t, PyObject *receiver);

/* A task's coroutine ran for `ticks`, up to where it suspends, of which prof_await has been told, or `ended`. */
void prof_await_step(prof_thread *t, uint64_t ticks, int ended);

/* The name of the calling thread's asyncio task, and of its context: refs of text; 0 none. */
prof_ref prof_await_task(void);
prof_ref prof_await_context(void);

/* Forgets what it knows of the recording, and lets go of code. */
void prof_awaits_reset(void);

extern PyMethodDef prof_await_methods[];
/* 0, or -1 with an exception set. */
int prof_awaits_init(PyObject *module);

#endif
