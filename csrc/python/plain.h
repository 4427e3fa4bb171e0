/* What probed code was before: its own parts, a code object made of them for whoever reads it, and where each instruction of
 * one lies in the other. All functions need the GIL.
 *
 * A probed code object looks to the program like the code that it was made from. Nobody but the interpreter sees the probes:
 * readers.c answers from the plain code what Python asks of code objects, frames and tracebacks, shipped.c what marshal
 * writes, and events.c what other tools of sys.monitoring are told. */
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

/* What the code was, or NULL for code without probes. Any interpreter's code. */
prof_plain *prof_plain_of(PyCodeObject *code);

/* The code object that readers see: Borrowed; `code` itself for code without probes. NULL with an exception set. */
PyCodeObject *prof_plain_view(PyCodeObject *code);

/* A copy with these parts. New reference, or NULL. Unlike code.replace() it takes code as it is. */
PyObject *prof_code_copy(PyCodeObject *code, PyObject *bytes, PyObject *consts, PyObject *locations, PyObject *handlers,
                         int stack);

/* The unit of the plain code for a unit of the probed one, and what stands there; and where that of the plain code lies. */
uint32_t prof_plain_unit(const prof_plain *plain, uint32_t probed, uint32_t *kind);
uint32_t prof_probed_unit(const prof_plain *plain, uint32_t unit);

/* A byte offset, which may be -1, in what the code was; `code` may be without probes. */
long prof_plain_offset(PyCodeObject *code, long offset);

/* Whether readers see the probes after all: for the tests of this project. Hash and equality do not depend on it. */
extern int prof_probes_shown;

/* Makes readers see plain code, once for the process. 0, or -1 with an exception set. */
int prof_readers_install(void);
int prof_shipped_install(void);
int prof_events_install(void);

/* Probes for `copy`, which code.replace() made of the plain view of `probed`; `copy` itself where it was given other
 * instructions. New reference, or NULL. (attach.c) */
PyObject *prof_probe_copy(PyCodeObject *probed, PyCodeObject *copy);

/* Whether it is one of the callbacks of monitor.c, which want no change. */
int prof_is_own_callback(PyObject *callback);

#endif
