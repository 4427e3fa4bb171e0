/* Code objects in the capture: the control flow, and what each instruction is and works on. All functions need the GIL. */
#ifndef PROF_PYTHON_CODE_H
#define PROF_PYTHON_CODE_H
#include "count.h"

/* What an opcode is to the reports. */
typedef struct {
    uint8_t category[2]; /* operations, from 1; 0 none */
    uint8_t source;      /* where its name is: enum prof_name_source */
    uint8_t shift;       /* of the argument, to the index there */
    uint8_t access[2];   /* enum prof_access */
    uint8_t operands;    /* whose types are of interest: 0, 1 or 2 */
    uint8_t unused;
} prof_trait;
enum prof_name_source {
    PROF_NAME_NONE,
    PROF_NAME_LOCAL,  /* a variable of the function's, or a closure's */
    PROF_NAME_LOCALS, /* two variables, in four bits each */
    PROF_NAME_NAME,   /* co_names */
    /* The interpreter's own names of operators; in this order describe() takes them. */
    PROF_NAME_TABLE,
    PROF_NAME_BINARY_OPERATOR = PROF_NAME_TABLE,
    PROF_NAME_COMPARISON,
    PROF_NAME_IDENTITY,
    PROF_NAME_CONTAINMENT,
    PROF_NAME_END
};
#define PROF_BY_ARGUMENT 255 /* a category that the argument decides */

/* The code's ref in this recording, written at first use; 0 where there is no room (counted) or nothing to count for. */
prof_ref prof_code_ref(prof_counted *counted);

/* A recording has begun: no code is in it. */
void prof_code_reset(void);

/* For Python: describe(names). */
PyObject *prof_code_describe(PyObject *self, PyObject *names);

#endif
