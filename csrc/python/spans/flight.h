/* The flight recorder: what makes it write what it has. All need the GIL. */
#ifndef PROF_PYTHON_FLIGHT_H
#define PROF_PYTHON_FLIGHT_H
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "core/stack.h"

#pragma GCC visibility push(hidden)
extern int prof_flight_raises; /* whether it is told of exceptions */
#pragma GCC visibility pop

/* An exception has left a span of that label, which is closed. */
void prof_flight_raised(const prof_label *label);

void prof_flight_init(void);
extern PyMethodDef prof_flight_methods[];

#endif
