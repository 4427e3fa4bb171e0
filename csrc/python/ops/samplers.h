/* Samplers: objects that stand in code before an instruction and note the types of its operands, in the first of its
 * executions; then they put a jump over themselves. All functions need the GIL. */
#ifndef PROF_PYTHON_SAMPLERS_H
#define PROF_PYTHON_SAMPLERS_H
#include "count.h"

/* Executions of which the types are noted; -1 all, 0 none: then new code gets no samplers. */
extern long prof_types_limit;

/* The sampler of an instruction, the `index`th of the probes. New reference or NULL. */
PyObject *prof_sampler_new(prof_counted *counted, uint32_t index, uint32_t instruction);
/* It is that constant of its code. */
void prof_sampler_place(PyObject *sampler, uint32_t constant);
/* It has seen nothing yet, and looks again. */
void prof_sampler_reset(PyObject *sampler);

/* A recording has begun: no types are in it. */
void prof_samplers_reset(void);

extern PyTypeObject prof_sampler_type;

#endif
