/* A forked child: it records from its first span event on, into a capture of its own. One that only runs another program leaves
 * no file. */
#ifndef PROF_PYTHON_CHILD_H
#define PROF_PYTHON_CHILD_H
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "core/stack.h"

#pragma GCC visibility push(hidden)
/* prof_thread_enter, after beginning the recording that a child has waited with. Needs the GIL; may run Python. */
prof_thread *prof_py_thread_enter(void);
#pragma GCC visibility pop

/* The calling thread's state, as prof_thread_current gives it, for events of Python's: they begin what a child waits with. Not for
 * allocator hooks, which must not run Python. */
static inline prof_thread *prof_py_thread(void) {
    prof_thread *t = prof_current;
    return PROF_LIKELY(t->epoch == prof_epoch) ? t : prof_py_thread_enter();
}

extern PyMethodDef prof_child_methods[];
void prof_child_init(void);

#endif
