/* What this interpreter's opcodes are: the rows of version/opcodes.def, under the numbers that its own `opcode` module has for
 * their names. All functions need the GIL. */
#ifndef PROF_PYTHON_OPCODES_H
#define PROF_PYTHON_OPCODES_H
#include "code.h"
#include "rewrite.h"

/* By opcode. */
extern prof_trait prof_trait_of[256];

/* Takes the dict from names to numbers, and 256 bytes: inline cache units behind each opcode. 0, or -1 with an exception set. */
int prof_opcodes_configure(PyObject *numbers, const uint8_t *caches);

/* Whether all of the interpreter's opcodes have a row, as far as prof_opcodes_configure has looked. */
int prof_opcodes_known(void);

/* Of an opcode whose category is PROF_BY_ARGUMENT. */
uint8_t prof_category_by_argument(uint8_t op, uint32_t argument);

/* For Python: unknown_opcodes(), opcode_traits(). */
PyObject *prof_opcodes_unknown(PyObject *self, PyObject *ignored);
PyObject *prof_opcodes_traits(PyObject *self, PyObject *ignored);

#endif
