/* What this interpreter's opcodes are: the rows of version/opcodes.def, under the numbers that its own `opcode` module has for
 * their names. All functions need the GIL. */
#ifndef PROF_PYTHON_OPCODES_H
#define PROF_PYTHON_OPCODES_H
#include "rewrite.h"

/* What an opcode is to the reports. */
typedef struct {
    uint8_t category[2]; /* operations, from 1; 0 none */
    uint8_t source;      /* where its name is: enum prof_name_source */
    uint8_t shift;       /* of the argument, to the index there */
    uint8_t access[2];   /* enum prof_access */
    uint8_t operands;    /* whose types are of interest: 0, 1 or 2 */
    uint8_t by_argument; /* whether some arguments have another first category: prof_category_of */
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
/* By opcode. */
extern prof_trait prof_trait_of[256];

/* Takes the dict from names to numbers, and 256 bytes: inline cache units behind each opcode. 0, or -1 with an exception set. */
int prof_opcodes_configure(PyObject *numbers, const uint8_t *caches);

/* Whether all of the interpreter's opcodes have a row, as far as prof_opcodes_configure has looked. */
int prof_opcodes_known(void);

/* The first category of an opcode with this argument. */
uint8_t prof_category_of(uint8_t op, uint32_t argument);

/* For Python: unknown_opcodes(), opcode_traits(). */
PyObject *prof_opcodes_unknown(PyObject *self, PyObject *ignored);
PyObject *prof_opcodes_traits(PyObject *self, PyObject *ignored);

#endif
