/* Whoever forks, by os.fork() or in C behind Python's back, leaves a child that waits for its first span event. */
#include "child.h"

#include "modes/samples/sampler.h"
#include "core/session.h"
#include "recorder/host.h"
#include "modes/samples/usage.h"
#include "python/version/version.h"

static PyObject *begin; /* Owned: begins the child's recording */
static int waits;

/* A span of C is such an event, too, where it may run Python. */
static prof_thread *begin_for_native(void) { return prof_py_holds_gil() ? prof_py_thread_enter() : NULL; }

static void wait_for_event(void) {
    waits = begin != NULL;
    prof_recorder_first = waits ? begin_for_native : NULL;
}

prof_thread *prof_py_thread_enter(void) {
    if (PROF_UNLIKELY(waits) && !prof_recording()) {
        waits = 0; /* first: what follows may itself be marked */
        prof_recorder_first = NULL;
        PyObject *error = PyErr_GetRaisedException();
        PyObject *result = PyObject_CallNoArgs(begin);
        if (!result) PyErr_Clear(); /* it has said why */
        Py_XDECREF(result);
        PyErr_SetRaisedException(error);
    }
    return prof_thread_current(); /* beginning may have made it already */
}

/* Python warns of a fork beside other threads, and counts them when it has forked: until then the sampler must not be back. Where
 * other threads run it warns in any case, and the one that handles pending calls may be busy for long. */
static int resume(void *nothing) {
    prof_sampler_resume();
    return 0;
}
static int postponed(void) { return prof_usage_threads() == 1 && !Py_AddPendingCall(resume, NULL); }

static PyObject *begin_with(PyObject *self, PyObject *callable) {
    Py_XSETREF(begin, callable == Py_None ? NULL : Py_NewRef(callable));
    if (!begin) waits = 0;
    if (!begin) prof_recorder_first = NULL;
    Py_RETURN_NONE;
}

PyMethodDef prof_child_methods[] = {
    {"begin_child_with", begin_with, METH_O,
     "begin_child_with(callable: Callable[[], object] | None, /) -> None: is called at the first span event in a child that was\n"
     "forked while this process recorded; None: children are not recorded."},
    {NULL}};

void prof_child_init(void) {
    prof_on_forget = wait_for_event;
    prof_sampler_postponed = postponed;
}
