#include "flight.h"

#include "core/busy.h"
#include "core/labels.h"
#include "core/session.h"
#include "core/slowest.h"
#include "python/text.h"
#include "python/version/version.h"

int prof_flight_raises;
static PyObject *teller; /* Owned: called with a span's name, and whether an exception left it; NULL: nobody asks */

/* Nothing comes of what that raises: it is not the program's. */
static void tell(const prof_label *label, int raised) {
    static __thread int busy; /* what is called here is not told of */
    if (busy || !teller || !PyGILState_Check() || !prof_py_holds_gil()) return;
    PyObject *error = PyErr_GetRaisedException(), *call = Py_NewRef(teller);
    prof_own_begin();
    busy = 1;
    PyObject *answer = PyObject_CallFunction(call, "si", prof_string_text(label->name), raised);
    if (!answer && PyErr_ExceptionMatches(PyExc_KeyboardInterrupt)) PyErr_SetInterrupt();
    if (!answer) PyErr_Clear();
    Py_XDECREF(answer);
    Py_DECREF(call);
    busy = 0;
    prof_own_end();
    PyErr_SetRaisedException(error);
}

static void took_long(const prof_label *label) { tell(label, 0); }

void prof_flight_raised(const prof_label *label) {
    if (prof_recording()) tell(label, 1);
}

static PyObject *tell_with(PyObject *self, PyObject *args) {
    PyObject *callable;
    int raises;
    if (!PyArg_ParseTuple(args, "Op:tell_with", &callable, &raises)) return NULL;
    Py_XSETREF(teller, callable == Py_None ? NULL : Py_NewRef(callable));
    prof_flight_raises = teller && raises;
    Py_RETURN_NONE;
}

PyMethodDef prof_flight_methods[] = {
    {"tell_with", tell_with, METH_VARARGS,
     "tell_with(callable: Callable[[str, int], None] | None, raises: bool, /) -> None: what is told of spans that took long, by\n"
     "name, and with `raises` and a 1, of those that an exception left; or None."},
    {NULL}};

void prof_flight_init(void) { prof_slow_tell = took_long; }
