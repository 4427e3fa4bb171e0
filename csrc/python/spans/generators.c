#include "generators.h"

#include "core/suspended.h"
#include "python/version/version.h"
#include "probes.h"

/* Generators, coroutines and asynchronous generators. Of the last, only the destructor can close one unentered. */
enum { KINDS = 3 };
static PyTypeObject *const types[KINDS] = {&PyGen_Type, &PyCoro_Type, &PyAsyncGen_Type};
static destructor finalize_before[KINDS];
static PyCFunction close_before[KINDS];

/* If its span is still remembered as suspended, nobody has entered it to be closed. Other interpreters have the same types. */
static void ended(PyObject *generator) {
    if (PROF_LIKELY(!prof_suspended_any()) || !prof_py_generator_ended(generator) || !prof_py_holds_gil()) return;
    prof_py_frame *frame = prof_py_generator_frame(generator);
    PyCodeObject *code = prof_py_code(frame);
    prof_site *site = code ? prof_probed_site(code) : NULL;
    if (!site && code) site = prof_watched((PyObject *)code);
    if (site) prof_span_close(site, frame);
}

/* A generator that another one has closed, to which it delegated, is met here once that lets go of it. */
#define FUNCTIONS(k)                                                  \
    static void finalize_##k(PyObject *generator) {                   \
        finalize_before[k](generator);                                \
        ended(generator);                                             \
    }                                                                 \
    static PyObject *close_##k(PyObject *generator, PyObject *none) { \
        PyObject *result = close_before[k](generator, none);          \
        ended(generator);                                             \
        return result;                                                \
    }
FUNCTIONS(0)
FUNCTIONS(1)
FUNCTIONS(2)
static const destructor finalize_now[KINDS] = {finalize_0, finalize_1, finalize_2};
static const PyCFunction close_now[KINDS] = {close_0, close_1, close_2};

void prof_generators_init(void) {
    if (!PROF_QUIRK_CLOSES_UNENTERED || finalize_before[0]) return;
    for (int k = 0; k < KINDS; k++) {
        finalize_before[k] = types[k]->tp_finalize;
        types[k]->tp_finalize = finalize_now[k];
        PyObject *close = PyObject_GetAttrString((PyObject *)types[k], "close");
        if (close && Py_IS_TYPE(close, &PyMethodDescr_Type)) {
            PyMethodDef *method = ((PyMethodDescrObject *)close)->d_method;
            close_before[k] = method->ml_meth;
            method->ml_meth = close_now[k];
        }
        Py_XDECREF(close);
    }
    PyErr_Clear();
}
