/* Code objects in the capture: the control flow, and what each instruction is and works on. All functions need the GIL. */
#ifndef PROF_PYTHON_CODE_H
#define PROF_PYTHON_CODE_H
#include "count.h"

/* The code's ref in this recording, written at first use; 0 where there is no room (counted) or nothing to count for. */
prof_ref prof_code_ref(prof_counted *counted);

/* Keeps what the interpreter says of where its instructions stand, where its table is not known. 0, or -1 with an exception. */
int prof_code_locate(prof_counted *counted, PyCodeObject *code);

/* A recording has begun: no code is in it. */
void prof_code_reset(void);

/* For Python: describe(names). */
PyObject *prof_code_describe(PyObject *self, PyObject *args);

#endif
