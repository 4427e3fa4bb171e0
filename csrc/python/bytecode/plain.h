/* What probed code was before: its own parts, a code object made of them for whoever reads it, and where each instruction of
 * one lies in the other. All functions need the GIL. */
#ifndef PROF_PYTHON_PLAIN_H
#define PROF_PYTHON_PLAIN_H
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>

/* From unit `probed` of the probed code on, up to the next run. */
typedef struct {
    uint32_t probed;
    uint32_t plain : 30; /* COPIED: the unit that lies there; else the one that was inserted for */
    uint32_t kind : 2;   /* enum prof_run_kind */
} prof_run;
enum prof_run_kind {
    PROF_RUN_COPIED,   /* the program's own instructions */
    PROF_RUN_INSERTED, /* in front of an instruction, or on the way to it */
    PROF_RUN_BEHIND    /* handlers behind the code, which end by raising again */
};

typedef struct prof_plain {
    PyObject *code, *consts, *locations, *handlers; /* Owned: bytes, a tuple, bytes, bytes */
    int stack;                                      /* co_stacksize */
    PyCodeObject *view; /* Owned: the code itself, made when it is first read; kept here, where no circle can arise */
    prof_run *runs;     /* Owned, by `probed` */
    uint32_t run_count;
} prof_plain;

/* The parts of `code`, which has no probes; `consts` (Borrowed) are seen in place of its constants. NULL with an exception. */
prof_plain *prof_plain_new(PyCodeObject *code, PyObject *consts);
void prof_plain_free(prof_plain *plain); /* NULL is nothing */

/* The runs are written in order. 0, or -1 without memory (no exception is set). */
int prof_plain_add(prof_plain *plain, uint32_t probed, uint32_t unit, uint32_t kind);

/* code.replace() as the interpreter has it; introspection/readers.c finds it before the first code gets probes. */
typedef PyObject *(*prof_code_method)(PyObject *, PyObject *const *, Py_ssize_t, PyObject *names);
extern prof_code_method prof_code_replace;

/* A copy with these parts. New reference, or NULL. Unlike code.replace() it takes code as it is. */
PyObject *prof_code_copy(PyCodeObject *code, PyObject *bytes, PyObject *consts, PyObject *locations, PyObject *handlers, int stack);

/* The unit of the plain code for a unit of the probed one, and what stands there; and where that of the plain code lies. */
uint32_t prof_plain_unit(const prof_plain *plain, uint32_t probed, uint32_t *kind);
uint32_t prof_probed_unit(const prof_plain *plain, uint32_t unit);

#endif
