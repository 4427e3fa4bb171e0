/* The code of modules on its way from their loaders to their execution, without a Python frame of ours in between: a traceback
 * of a module that does not compile shows what it shows without the profiler. */
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

PyMethodDef prof_loading_methods[] = {
    {"change_code", change_code, METH_VARARGS,
     "change_code(loader, change): the next `loader.get_code(name)` returns what `change(loader, name, code)` makes of the\n"
     "code. Where that raises, or makes no code, it returns the code as it is."},
    {NULL}};
