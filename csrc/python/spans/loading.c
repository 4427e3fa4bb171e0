/* Modules on their way from their finders to their execution, without a Python frame of ours in between: tracebacks and samples
 * of imports show what they show without the profiler. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "probes.h"

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

PyMethodDef prof_loading_methods[] = {
    {"finding", finding, METH_VARARGS,
     "finding(finder: Any, look: Callable[[str, Any], object], /) -> Any: a `find_spec` for this finder, which returns what the\n"
     "others of sys.meta_path find, after `look(name, spec)`."},
    {"change_code", change_code, METH_VARARGS,
     "change_code(loader: Any, change: Callable[[Any, str, CodeType], CodeType], /) -> None: the next `loader.get_code(name)`\n"
     "returns what `change(loader, name, code)` makes of the code. Where that raises, or makes no code, it returns the code as it is."},
    {NULL}};
