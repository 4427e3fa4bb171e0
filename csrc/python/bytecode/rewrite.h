/* The bytecode engine: a code object with span probes in it.
 *
 * A probe is LOAD_CONST p; UNARY_INVERT or UNARY_NEGATIVE; POP_TOP, where p is an object whose number slot does the work
 * (probes.h). It cannot raise and holds no check for signals.
 *
 *   enter     ~span      behind RESUME 0, without a line
 *   leave     -span      before every return, on its line
 *   suspend   -suspend   before YIELD_VALUE
 *   await     LOAD_CONST suspend; COPY 3; DELETE_SUBSCR      del suspend[awaited]: the same where a coroutine awaits; the iterator
 *             that it delegates to lies below the value
 *   resume    ~suspend   behind the RESUME that follows it
 *   raise     -raise     in a handler of the whole function, which re-raises with the offset kept
 *             ~raise     resumes too: for trampolines of code that cannot yield
 *
 * For the operations, code has counters on chosen edges of its control flow (flow.h), and a recorder before every handler:
 *
 *   counter   ~counter                                on the edge
 *             -counter                                in place of leave or suspend: counts that way out, and does theirs
 *   recorder  LOAD_CONST r; COPY 3; DELETE_SUBSCR     del r[offset]: the offset that raised lies below the exception
 *   raise     the same, for what the function does not handle
 *   sampler   COPY; LOAD_CONST s; ...; s[right] = left, or del s[receiver], before an instruction whose operands' types
 *             are asked for. It begins with COPY, which no superinstruction takes in: there a jump over it is put
 *             once enough was seen
 *
 * The span is closed while a generator is suspended, and after a leave probe. An exception that arises there and that the
 * function itself catches goes through a trampoline that resumes the span first, then on to the real handler. */
#ifndef PROF_PYTHON_REWRITE_H
#define PROF_PYTHON_REWRITE_H
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>

#include "flow.h"
#include "plain.h"

enum prof_instruction_kind {
    PROF_I_OTHER,
    PROF_I_FORWARD,  /* jump: the argument counts units onwards */
    PROF_I_BACKWARD, /* jump: the argument counts units backwards */
    PROF_I_RETURN,
    PROF_I_YIELD,
    PROF_I_RESUME,
    PROF_I_ORIGIN /* no jump: its argument says, backwards, where monitoring is to say that control came from */
};

/* This interpreter's instructions, by opcode (opcodes.c). */
typedef struct {
    uint8_t kind[256]; /* enum prof_instruction_kind */
    uint8_t load_const, unary_invert, unary_negative, pop_top;
    uint8_t send, reraise, jump_forward, copy, swap, delete_subscr, jump_back, store_subscr, not_taken;
    uint8_t operands[256]; /* of an instruction whose operands' types are of interest, how many: 1 or 2, on top of the stack */
    uint8_t forward[256];  /* of a conditional jump backwards, the one forwards; else the opcode itself */
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
    PyObject *const *samplers; /* one for each instruction of the body that has operands, in order; NULL for none */
    uint32_t sampler_count;
    prof_plain *plain; /* learns where each instruction lies */
    int awaits;        /* of a coroutine or asynchronous generator: probes are told what it awaits */
} prof_probe_set;

/* Whether a sampler stands before the instruction. */
static inline int prof_has_sampler(const prof_instruction *i) { return i->block && prof_opcode.operands[i->op]; }

/* A sampler's place, relative to the unit that calls it: where its snippet begins, and how long that is. */
static inline uint32_t prof_sampler_back(uint32_t constant) {
    return (constant > 0xff) + (constant > 0xffff) + (constant > 0xffffff) + 3;
}
static inline uint32_t prof_sampler_units(uint32_t constant, int operands) {
    return prof_sampler_back(constant) + 1 + (operands == 2 ? prof_opcode.rules.caches[prof_opcode.store_subscr] : 0);
}

/* A new code object: `code` with these probes, and with `consts` (Borrowed) in place of its constants. `code` itself (a new
 * reference) when it has no RESUME to stand behind. NULL with an exception set on failure. Needs the GIL. */
PyObject *prof_rewrite(PyCodeObject *code, PyObject *consts, const prof_probe_set *probes);

#endif
