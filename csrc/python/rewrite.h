/* The bytecode engine: a code object with span probes in it.
 *
 * A probe is LOAD_CONST p; UNARY_INVERT or UNARY_NEGATIVE; POP_TOP, where p is an object whose number slot does the work
 * (probes.h). It cannot raise and holds no check for signals.
 *
 *   enter     ~span      behind RESUME 0, without a line
 *   leave     -span      before every return, on its line
 *   suspend   -suspend   before YIELD_VALUE
 *   resume    ~suspend   behind the RESUME that follows it
 *   raise     -raise     in a handler of the whole function, which re-raises with the offset kept
 *             ~raise     resumes too: for trampolines of code that cannot yield
 *
 * For the operations, code has counters on chosen edges of its control flow (flow.h), and a recorder before every handler:
 *
 *   counter   ~counter                                on the edge
 *   recorder  LOAD_CONST r; COPY 3; DELETE_SUBSCR     del r[offset]: the offset that raised lies below the exception
 *   raise     the same, for what the function does not handle
 *
 * The span is closed while a generator is suspended, and after a leave probe. An exception that arises there and that the
 * function itself catches goes through a trampoline that resumes the span first, then on to the real handler. */
#ifndef PROF_PYTHON_REWRITE_H
#define PROF_PYTHON_REWRITE_H
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>

#include "flow.h"

enum prof_instruction_kind {
    PROF_I_OTHER,
    PROF_I_FORWARD,  /* jump: the argument counts units onwards */
    PROF_I_BACKWARD, /* jump: the argument counts units backwards */
    PROF_I_RETURN,
    PROF_I_YIELD,
    PROF_I_RESUME,
    PROF_I_EXTENDED
};

/* This interpreter's instructions, as its own `opcode` module describes them. */
typedef struct {
    uint8_t kind[256];   /* enum prof_instruction_kind */
    uint8_t caches[256]; /* inline cache units behind the instruction */
    uint8_t load_const, extended_arg, unary_invert, unary_negative, pop_top;
    uint8_t send, reraise, jump_forward, copy, swap, delete_subscr, jump_back;
    uint8_t forward[256]; /* of a conditional jump backwards, the one forwards; else the opcode itself */
    uint8_t backward[256];
    prof_flow_rules rules;
} prof_opcodes;

extern prof_opcodes prof_opcode;

/* The probes of one code object; all Borrowed by prof_rewrite. `suspend` may be NULL for code that cannot yield, `span` too
 * for code that only counts. With a flow (whose instructions learn where they lie), `counters` holds one for each number and
 * `recorders` one for each handler. */
typedef struct {
    PyObject *span, *suspend, *raise;
    prof_flow *flow;
    PyObject *const *counters, *const *recorders;
} prof_probe_set;

/* A new code object: `code` with these probes, and with `consts` (Borrowed) in place of its constants. `code` itself (a new
 * reference) when it has no RESUME to stand behind. NULL with an exception set on failure. Needs the GIL. */
PyObject *prof_rewrite(PyCodeObject *code, PyObject *consts, const prof_probe_set *probes);

#endif
