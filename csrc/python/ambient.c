/* What the interpreter does between the program's own calls, as spans: imports and garbage collections. */
#include <stdio.h>
#include <string.h>

#include "frame.h"
#include "probes.h"
#include "text.h"
#include "../memory.h"
#include "../prof.h"

/* Opens a span that the running frame asked for: what lies above that frame is inside. */
static void begin(prof_label *label) {
    prof_begin(label);
    prof_thread *t = prof_current;
    if (t->top->label == label) t->top->owner = prof_py_current();
}

/* ---- imports ------------------------------------------------------------------------------------------------------------ */

/* Stands for importlib._bootstrap._find_and_load. Being C, it adds no frame to the tracebacks of failed imports. */
static PyObject *find_and_load(PyObject *original, PyObject *const *args, Py_ssize_t n, PyObject *names) {
    prof_label *label = NULL;
    if (prof_recording() && n > 0 && PyUnicode_Check(args[0])) {
        prof_busy.quiet++; /* the name is not the program's memory */
        PyObject *text = PyUnicode_FromFormat("import %U", args[0]);
        PyObject *bytes = text ? prof_py_bytes(text) : NULL;
        if (bytes) label = prof_label_get(PROF_IMPORT, PyBytes_AS_STRING(bytes), NULL, NULL, 0);
        Py_XDECREF(text);
        Py_XDECREF(bytes);
        prof_busy.quiet--;
        PyErr_Clear();
    }
    if (label) begin(label);
    PyObject *module = PyObject_Vectorcall(original, args, (size_t)n, names);
    if (label) prof_end(label);
    return module;
}

static PyMethodDef find_and_load_def = {"_find_and_load", (PyCFunction)(void (*)(void))find_and_load,
                                        METH_FASTCALL | METH_KEYWORDS, "Finds and loads a module, in a span of its name."};

static PyObject *import_spans(PyObject *self, PyObject *original) { return PyCFunction_New(&find_and_load_def, original); }

/* ---- garbage collections ---------------------------------------------------------------------------------------------------- */

static long item(PyObject *info, const char *key) {
    PyObject *v = PyDict_Check(info) ? PyDict_GetItemString(info, key) : NULL;
    return v && PyLong_Check(v) ? PyLong_AsLong(v) : 0;
}

/* A callback of gc.callbacks: (phase, {"generation", "collected", "uncollectable"}). */
static PyObject *gc_callback(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    uint64_t now = prof_now();
    char name[48];
    if (n != 2 || !PyUnicode_Check(args[0]) || !prof_recording()) Py_RETURN_NONE;
    prof_busy.quiet++;
    snprintf(name, sizeof name, "gc generation %ld", item(args[1], "generation"));
    uint64_t reclaimed = (uint64_t)item(args[1], "collected");
    prof_label *label = prof_label_get(PROF_GC, name, NULL, NULL, 0);
    prof_thread *t = label ? prof_thread_current() : NULL;
    prof_busy.quiet--;
    if (!t) Py_RETURN_NONE;
    if (PyUnicode_CompareWithASCIIString(args[0], "start") == 0) {
        begin(label);
    } else if (t->top->label == label) { /* else recording began in the middle of a collection */
        t->top->node->items += reclaimed;
        prof_pop_complete(t, t->top, now);
    }
    Py_RETURN_NONE;
}

/* ---- threads ------------------------------------------------------------------------------------------------------------------ */

/* threading's name of the calling thread, found without running any code of Python's. */
static const char *thread_name(char *buffer, size_t size) {
    if (!PyGILState_Check()) return NULL;
    prof_busy.quiet++;
    PyObject *error = PyErr_GetRaisedException();
    PyObject *threading = PyDict_GetItemString(PyImport_GetModuleDict(), "threading"); /* Borrowed */
    PyObject *active = threading ? PyDict_GetItemString(PyModule_GetDict(threading), "_active") : NULL;
    PyObject *ident = PyLong_FromUnsignedLong(PyThread_get_thread_ident());
    PyObject *thread = active && ident && PyDict_Check(active) ? PyDict_GetItem(active, ident) : NULL;
    PyObject *key = thread ? PyUnicode_InternFromString("_name") : NULL;
    PyObject *name = key ? PyObject_GenericGetAttr(thread, key) : NULL; /* not as a subclass would have it */
    const char *text = name && PyUnicode_Check(name) ? PyUnicode_AsUTF8(name) : NULL;
    snprintf(buffer, size, "%s", text ? text : "");
    Py_XDECREF(ident);
    Py_XDECREF(key);
    Py_XDECREF(name);
    PyErr_SetRaisedException(error);
    prof_busy.quiet--;
    return buffer;
}

PyMethodDef prof_ambient_methods[] = {
    {"import_spans", import_spans, METH_O,
     "import_spans(find_and_load): the same callable, with each call a span named after the module."},
    {"gc_callback", (PyCFunction)(void (*)(void))gc_callback, METH_FASTCALL,
     "gc_callback(phase, info): for gc.callbacks; each collection becomes a span."},
    {NULL}};

void prof_ambient_init(void) { prof_thread_namer = thread_name; }
