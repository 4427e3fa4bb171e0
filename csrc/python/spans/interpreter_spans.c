/* What the interpreter does between the program's own calls, as spans: imports and garbage collections. */
#include "python/version/version.h"

#include <stdio.h>
#include <string.h>

#include "probes.h"
#include "python/text.h"
#include "core/busy.h"
#include "core/session.h"

/* Opens a span that the running frame asked for: what lies above that frame is inside. */
static void begin(prof_label *label) {
    prof_begin(label);
    prof_thread *t = prof_current;
    if (t->top->label == label) t->top->owner = prof_py_current();
}

/* ---- imports ------------------------------------------------------------------------------------------------------------ */

/* The span of an import, opened; NULL where it has none. */
static prof_label *begin_import(PyObject *name) {
    prof_busy.quiet++; /* the name is not the program's memory */
    PyObject *text = PyUnicode_FromFormat("import %U", name);
    PyObject *bytes = text ? prof_py_bytes(text) : NULL;
    prof_label *label = bytes ? prof_label_get(PROF_IMPORT, PyBytes_AS_STRING(bytes), NULL, NULL, 0) : NULL;
    Py_XDECREF(text);
    Py_XDECREF(bytes);
    prof_busy.quiet--;
    PyErr_Clear();
    if (label) begin(label);
    return label;
}

/* Whether a module is one of ours: what it takes to import is the profiler's own work. */
static int is_own(PyObject *name) {
    const char *text = PyUnicode_AsUTF8(name);
    if (!text) PyErr_Clear();
    return text && !strncmp(text, "prof.", 5);
}

/* Whether the module is there, and whole: then nothing is imported. CPython asks before it comes here, but importlib's own
 * functions may come without. */
static int is_loaded(PyObject *name) {
    PyObject *modules = PyImport_GetModuleDict();
    PyObject *module = PyDict_CheckExact(modules) ? PyDict_GetItemWithError(modules, name) : NULL;
    PyObject *spec = module && PyModule_CheckExact(module) ? PyDict_GetItemString(PyModule_GetDict(module), "__spec__") : NULL;
    PyObject *initializing = spec ? PyObject_GetAttrString(spec, "_initializing") : NULL;
    int loaded = initializing && PyObject_IsTrue(initializing) == 0;
    Py_XDECREF(initializing);
    PyErr_Clear();
    return loaded;
}

/* Calls `tell` with a module just imported, if its name ends with one of `ends`. What goes wrong there is not the program's. */
static void tell_of(PyObject *tell, PyObject *ends, PyObject *name, PyObject *module) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(ends); i++) {
        PyObject *end = PyTuple_GET_ITEM(ends, i);
        if (PyUnicode_Tailmatch(name, end, 0, PY_SSIZE_T_MAX, 1) != 1) continue;
        PyObject *done = PyObject_CallOneArg(tell, module);
        if (!done) PyErr_Clear();
        Py_XDECREF(done);
        return;
    }
}

/* Stands for importlib._bootstrap._find_and_load. Being C, it adds no frame to the tracebacks of failed imports. `self` is
 * (the original, whether imports are spans, tell, ends). */
static PyObject *find_and_load(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *names) {
    int named = prof_recording() && n > 0 && PyUnicode_Check(args[0]);
    int own = named && is_own(args[0]);
    prof_label *label = named && !own && PyTuple_GET_ITEM(self, 1) == Py_True && !is_loaded(args[0]) ? begin_import(args[0]) : NULL;
    if (own) prof_own_begin();
    PyObject *module = PyObject_Vectorcall(PyTuple_GET_ITEM(self, 0), args, (size_t)n, names);
    if (own) prof_own_end();
    if (label) prof_end(label);
    if (named && module) tell_of(PyTuple_GET_ITEM(self, 2), PyTuple_GET_ITEM(self, 3), args[0], module);
    return module;
}

static PyMethodDef find_and_load_def = {"_find_and_load", (PyCFunction)(void (*)(void))find_and_load, METH_FASTCALL | METH_KEYWORDS,
                                        "Finds and loads a module, in a span of its name."};

static PyObject *import_spans(PyObject *self, PyObject *args) {
    PyObject *original, *spans, *tell, *ends;
    if (!PyArg_ParseTuple(args, "OO!OO!:import_spans", &original, &PyBool_Type, &spans, &tell, &PyTuple_Type, &ends)) return NULL;
    return PyCFunction_New(&find_and_load_def, args);
}

/* ---- garbage collections ---------------------------------------------------------------------------------------------------- */

static long item(PyObject *info, const char *key) {
    PyObject *v = PyDict_Check(info) ? PyDict_GetItemString(info, key) : NULL;
    return v && PyLong_Check(v) ? PyLong_AsLong(v) : 0;
}

/* A callback of gc.callbacks: (phase, {"generation", "collected", "uncollectable"}). What collects while the thread works
 * for the profiler is the profiler's, as the rest of that work is. */
static PyObject *gc_callback(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    uint64_t now = prof_now();
    char name[48];
    if (n != 2 || !PyUnicode_Check(args[0]) || prof_busy.quiet || !prof_recording()) Py_RETURN_NONE;
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
    {"import_spans", import_spans, METH_VARARGS,
     "import_spans(find_and_load: Any, spans: bool, tell: Any, ends: tuple[str, ...], /) -> Any: the same callable, with each call\n"
     "a span named after the module if that is wanted. Calls tell(module) for those whose names end with one of `ends`."},
    {"gc_callback", (PyCFunction)(void (*)(void))gc_callback, METH_FASTCALL,
     "gc_callback(phase: str, info: dict[str, int], /) -> None: for gc.callbacks; each collection becomes a span."},
    {NULL}};

void prof_ambient_init(void) { prof_thread_namer = thread_name; }
