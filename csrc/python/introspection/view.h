/* What the program sees of probed code: the code that it was made from. Nobody but the interpreter sees the probes. readers.c
 * answers from the plain code what Python asks of code objects, frames and tracebacks, shipped.c what marshal writes, and
 * events.c what other tools of sys.monitoring are told. All functions need the GIL. */
#ifndef PROF_PYTHON_VIEW_H
#define PROF_PYTHON_VIEW_H
#include "python/bytecode/plain.h"

/* What the code was, or NULL for code without probes. Any interpreter's code. */
prof_plain *prof_plain_of(PyCodeObject *code);

/* The code object that readers see: Borrowed; `code` itself for code without probes. NULL with an exception set. */
PyCodeObject *prof_plain_view(PyCodeObject *code);

/* A byte offset, which may be -1, in what the code was; `code` may be without probes. */
long prof_plain_offset(PyCodeObject *code, long offset);

/* Whether readers see the probes after all: for the tests of this project. Hash and equality do not depend on it. */
extern int prof_probes_shown;

/* Makes readers see plain code, once for the process. 0, or -1 with an exception set. */
int prof_readers_install(void);
int prof_shipped_install(void);
int prof_events_install(void);

/* Probes for `copy`, which code.replace() made of the plain view of `probed`; `copy` itself where it was given other
 * instructions. New reference, or NULL. Set by spans/attach.c. */
extern PyObject *(*prof_probe_copy)(PyCodeObject *probed, PyCodeObject *copy);

/* Whether it is one of the callbacks of spans/monitoring.c, which want no change. Set there. */
extern int (*prof_is_own_callback)(PyObject *callback);

#endif
