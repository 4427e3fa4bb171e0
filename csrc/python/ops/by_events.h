/* Counting operations by events of sys.monitoring, in code as it is: each instruction that is told of is counted by itself, so that
 * nothing need be known of the bytecode but which opcode is which. All functions need the GIL. */
#ifndef PROF_PYTHON_BY_EVENTS_H
#define PROF_PYTHON_BY_EVENTS_H
#include "count.h"

/* The callbacks' arguments: a code object, and byte offsets in it. Events of other code are ignored. */
void prof_event_instruction(PyObject *code, PyObject *offset);
void prof_event_branch(PyObject *code, PyObject *offset, PyObject *destination);
/* A call begins or goes on with the RESUME there; its span, if it has one, is open. */
void prof_event_resume(PyObject *code, PyObject *offset);

/* Says which counters the events of each code unit count into. 0, or -1 with an exception set. */
int prof_events_number(prof_counted *counted);

/* It is about to be gone, or its code is. */
void prof_events_forget(const void *counted);

#endif
