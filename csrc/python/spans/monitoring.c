/* Spans and operations from sys.monitoring, for versions on which no code is rewritten (3.12 on): callbacks that drive the same
 * sites, and count into the same counters. */
#include "python/introspection/view.h"
#include "python/ops/by_events.h"
#include "python/version/version.h"
#include "probes.h"

/* Every callback gets (code, offset, ...); code that is not watched is none of ours. */
#define CALLBACK(name, action, then)                                                     \
    static PyObject *name(PyObject *self, PyObject *const *args, Py_ssize_t n) {         \
        prof_site *site = n > 1 && PyCode_Check(args[0]) ? prof_watched(args[0]) : NULL; \
        if (site) action;                                                                \
        then;                                                                            \
        Py_RETURN_NONE;                                                                  \
    }
#define NOTHING (void)0
/* RESUME has no INSTRUCTION event. It is of the call that begins, also where that has no span of its own. */
#define COUNT_RESUME \
    if (n > 1 && prof_count_ops) prof_event_resume(args[0], args[1])

/* An exception thrown into a generator that never started enters none of its body. */
static int started(PyObject *code, PyObject *offset) { return PyLong_AsLong(offset) >= prof_py_body((PyCodeObject *)code); }

static void enter(prof_site *site) {
    if (site->flags & PROF_LABEL_GENERATOR) prof_span_enter_generator(site);
    else prof_span_enter(site);
}

CALLBACK(on_start, enter(site), COUNT_RESUME)
CALLBACK(on_resume, prof_span_resume(site), COUNT_RESUME)
CALLBACK(on_return, prof_span_leave(site), NOTHING)
CALLBACK(on_throw, if (started(args[0], args[1])) prof_span_resume(site), NOTHING)
CALLBACK(on_unwind, if (started(args[0], args[1])) prof_span_raised(site), NOTHING)
CALLBACK(on_yield, prof_span_suspend(site), NOTHING)

static PyObject *on_instruction(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    if (n == 2) prof_event_instruction(args[0], args[1]);
    Py_RETURN_NONE;
}

static PyObject *on_branch(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    if (n == 3) prof_event_branch(args[0], args[1], args[2]);
    Py_RETURN_NONE;
}

#define METHOD(name, text) {#name, (PyCFunction)(void (*)(void))name, METH_FASTCALL, #name "(*event: Any) -> None: for " text}
PyMethodDef prof_monitor_methods[] = {METHOD(on_start, "PY_START: opens the span of a watched code object."),
                                      METHOD(on_resume, "PY_RESUME: opens it again."),
                                      METHOD(on_throw, "PY_THROW: opens it again."),
                                      METHOD(on_return, "PY_RETURN: closes it."),
                                      METHOD(on_unwind, "PY_UNWIND: closes it."),
                                      METHOD(on_yield, "PY_YIELD: suspends it."),
                                      METHOD(on_instruction, "INSTRUCTION: counts it."),
                                      METHOD(on_branch, "BRANCH, and BRANCH_RIGHT: counts a branch that jumped."),
                                      {NULL}};

static int is_own_callback(PyObject *callback) {
    for (PyMethodDef *m = prof_monitor_methods; PyCFunction_Check(callback) && m->ml_name; m++)
        if (PyCFunction_GET_FUNCTION(callback) == m->ml_meth) return 1;
    return 0;
}

void prof_monitoring_init(void) { prof_is_own_callback = is_own_callback; }
