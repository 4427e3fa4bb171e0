/* Generators that CPython closes without entering them: the probes in them do not hear of it. Needs the GIL. */
#ifndef PROF_PYTHON_GENERATORS_H
#define PROF_PYTHON_GENERATORS_H
#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* Listens to the end of each generator and coroutine from now on, and for good: what it finds while nothing records is
 * nothing. On versions that enter them it does nothing. Python code that looks sees no difference. */
void prof_generators_init(void);

#endif
