/* Whose it is that runs: asyncio's task and prof.context's name, and what both have run; and what a slow call was called with. All need
 * the GIL. */
#ifndef PROF_PYTHON_TASKS_H
#define PROF_PYTHON_TASKS_H
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "core/stack.h"
#include "core/waits.h"

/* asyncio, once the program has imported it. */
typedef struct {
    PyObject *running_loop, *current_task, *tasks; /* Owned; callables, and 3.11's dict in the place of current_task */
    PyObject *get_name, *get_coro;                 /* Owned: methods of `task` */
    PyTypeObject *future, *task;                   /* Owned: the types written in C */
} prof_asyncio_module;
extern prof_asyncio_module prof_asyncio;

/* Whether it is known. */
int prof_find_asyncio(void);

/* An attribute. New reference, or NULL without an exception. */
PyObject *prof_py_optional(PyObject *o, const char *name);

/* "worker()" for a task of the coroutine function `worker`. New reference, or NULL. */
PyObject *prof_task_by_coroutine(PyObject *task);

/* The name of the calling thread's asyncio task, and of its context: refs of text; 0 none. */
prof_ref prof_task_name(void);
prof_ref prof_context_name(void);

/* Notes both in `t`. */
void prof_task_note(prof_thread *t);

/* A task's coroutine ran for `ticks`, up to where it suspends, of which prof_await has been told, or `ended`. */
void prof_task_step(prof_thread *t, uint64_t ticks, int ended);

/* Forgets what it knows of the recording. */
void prof_tasks_reset(void);

extern PyMethodDef prof_task_methods[];
/* 0, or -1 with an exception set. */
int prof_tasks_init(PyObject *module);

#endif
