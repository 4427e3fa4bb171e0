/* Modules on their way from their finders to their execution, without a Python frame of ours in between: tracebacks and samples
 * of imports show what they show without the profiler. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "probes.h"

static const void *changed_last; /* the code that was changed last; compared, never dereferenced */

/* In the place of a loader's `get_code`, once. `self` is (loader, change). */
static PyObject *get_code(PyObject *self, PyObject *name) {
    PyObject *loader = PyTuple_GET_ITEM(self, 0), *change = PyTuple_GET_ITEM(self, 1);
    if (PyObject_DelAttrString(loader, "get_code")) PyErr_Clear();
    PyObject *code = PyObject_CallMethod(loader, "get_code", "O", name);
    if (!code || !PyCode_Check(code)) return code;
    PyObject *changed = PyObject_CallFunctionObjArgs(change, loader, name, code, NULL);
    if (!changed) PyErr_Clear(); /* the module is loaded as it is */
    if (!changed || !PyCode_Check(changed)) {
        Py_XDECREF(changed);
        return code;
    }
    Py_DECREF(code);
    changed_last = changed;
    return changed;
}

static PyMethodDef get_code_once = {"get_code", get_code, METH_O, "get_code(name): as of the loader's class."};

static PyObject *change_code(PyObject *self, PyObject *args) {
    PyObject *loader, *change;
    if (!PyArg_ParseTuple(args, "OO:change_code", &loader, &change)) return NULL;
    PyObject *pair = PyTuple_Pack(2, loader, change), *function = pair ? PyCFunction_New(&get_code_once, pair) : NULL;
    int failed = !function || PyObject_SetAttrString(loader, "get_code", function);
    Py_XDECREF(pair);
    Py_XDECREF(function);
    if (failed) return NULL;
    Py_RETURN_NONE;
}

/* What the other finders of sys.meta_path find. `self` is (finder, look). */
static PyObject *find_spec(PyObject *self, PyObject *args, PyObject *names) {
    PyObject *own = PyTuple_GET_ITEM(self, 0), *all = PySys_GetObject("meta_path"), *spec = Py_NewRef(Py_None);
    PyObject *finders = all ? PySequence_List(all) : PyList_New(0); /* a finder may change it */
    for (Py_ssize_t i = 0; finders && spec == Py_None && i < PyList_GET_SIZE(finders); i++) {
        PyObject *finder = PyList_GET_ITEM(finders, i);
        PyObject *find = finder == own ? NULL : PyObject_GetAttrString(finder, "find_spec");
        if (!find) {
            PyErr_Clear(); /* as the interpreter passes it over */
            continue;
        }
        Py_DECREF(spec);
        spec = PyObject_Call(find, args, names);
        Py_DECREF(find);
        if (!spec) break;
    }
    if (finders && spec && spec != Py_None && PyTuple_GET_SIZE(args) > 0) {
        PyObject *seen = PyObject_CallFunctionObjArgs(PyTuple_GET_ITEM(self, 1), PyTuple_GET_ITEM(args, 0), spec, NULL);
        if (!seen) PyErr_Clear(); /* the program's import is none of its business */
        Py_XDECREF(seen);
    }
    if (!finders) Py_CLEAR(spec);
    Py_XDECREF(finders);
    return spec;
}

static PyMethodDef find_spec_without_frame = {"find_spec", (PyCFunction)(void (*)(void))find_spec, METH_VARARGS | METH_KEYWORDS,
                                              "find_spec(name, path, target=None): what the finders behind this one find."};

static PyObject *finding(PyObject *self, PyObject *args) {
    PyObject *finder, *look;
    if (!PyArg_ParseTuple(args, "OO:finding", &finder, &look)) return NULL;
    PyObject *pair = PyTuple_Pack(2, finder, look), *function = pair ? PyCFunction_New(&find_spec_without_frame, pair) : NULL;
    Py_XDECREF(pair);
    return function;
}

/* ---- code that is about to be executed ---- */

static PyObject *before; /* Owned: called with it; NULL while nobody waits */

/* The interpreter tells of each `exec` of a code object, and cannot be told to stop: so this stays, and does nothing. */
static int audit(const char *event, PyObject *args, void *unused) {
    if (!before || strcmp(event, "exec") || !PyTuple_Check(args) || PyTuple_GET_SIZE(args) != 1) return 0;
    PyCodeObject *code = (PyCodeObject *)PyTuple_GET_ITEM(args, 0);
    if (!PyCode_Check(code) || code == changed_last || code->co_flags & CO_OPTIMIZED || PyErr_Occurred()) return 0;
    Py_ssize_t length = PyUnicode_GET_LENGTH(code->co_filename);
    if (!length || PyUnicode_READ_CHAR(code->co_filename, 0) == '<') return 0; /* text, of no file */
    PyObject *function = Py_NewRef(before);
    PyObject *result = PyObject_CallOneArg(function, (PyObject *)code);
    if (!result) PyErr_Clear(); /* the program's code runs as it is */
    Py_XDECREF(result);
    Py_DECREF(function);
    return 0;
}

static PyObject *before_exec(PyObject *self, PyObject *function) {
    static int audited;
    if (function != Py_None && !audited && PySys_AddAuditHook(audit, NULL)) return NULL;
    if (function != Py_None) audited = 1;
    Py_XSETREF(before, function == Py_None ? NULL : Py_NewRef(function));
    Py_RETURN_NONE;
}

PyMethodDef prof_loading_methods[] = {
    {"finding", finding, METH_VARARGS,
     "finding(finder: Any, look: Callable[[str, Any], object], /) -> Any: a `find_spec` for this finder, which returns what the\n"
     "others of sys.meta_path find, after `look(name, spec)`."},
    {"change_code", change_code, METH_VARARGS,
     "change_code(loader: Any, change: Callable[[Any, str, CodeType], CodeType], /) -> None: the next `loader.get_code(name)`\n"
     "returns what `change(loader, name, code)` makes of the code. Where that raises, or makes no code, it returns the code as it is."},
    {"before_exec", before_exec, METH_O,
     "before_exec(function: Callable[[CodeType], None] | None, /) -> None: from now on calls it with each code of a file that `exec` is about to run; with None, no more."},
    {NULL}};
