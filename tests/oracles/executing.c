/* Counts the instructions that code objects execute: what the operations are compared with. See executing.py.
 *
 * 3.12 and later: `instruction` and `branch` are callbacks of sys.monitoring. 3.11: a trace function with opcode events. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>

#if PY_VERSION_HEX < 0x030C0000
#define PyUnstable_Eval_RequestCodeExtraIndex _PyEval_RequestCodeExtraIndex
#define PyUnstable_Code_GetExtra _PyCode_GetExtra
#define PyUnstable_Code_SetExtra _PyCode_SetExtra
#endif

static Py_ssize_t slot;
static PyObject *seen; /* Owned: a list of the code objects that ran */

#define COLUMNS 4 /* executions; branches by how many units further they led: 1, 2, any other */

/* By column and unit. NULL without memory. */
static uint64_t *counts_of(PyObject *code) {
    void *counts = NULL;
    if (PyUnstable_Code_GetExtra(code, slot, &counts)) PyErr_Clear();
    if (counts) return counts;
    counts = calloc(COLUMNS * (size_t)Py_SIZE(code), sizeof(uint64_t));
    if (!counts || PyUnstable_Code_SetExtra(code, slot, counts) || PyList_Append(seen, code)) return NULL;
    return counts;
}

static PyObject *instruction(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    uint64_t *counts = n == 2 ? counts_of(args[0]) : NULL;
    if (counts) counts[PyLong_AsLong(args[1]) / 2]++;
    Py_RETURN_NONE;
}

static PyObject *branch(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    uint64_t *counts = n == 3 ? counts_of(args[0]) : NULL;
    long from = PyLong_AsLong(args[1]) / 2, to = PyLong_AsLong(args[2]) / 2;
    if (counts) counts[(to == from + 1 || to == from + 2 ? to - from : 3) * Py_SIZE(args[0]) + from]++;
    Py_RETURN_NONE;
}

static int trace(PyObject *self, PyFrameObject *frame, int what, PyObject *arg) {
    if (what == PyTrace_CALL) {
        PyObject_SetAttrString((PyObject *)frame, "f_trace_lines", Py_False);
        return PyObject_SetAttrString((PyObject *)frame, "f_trace_opcodes", Py_True);
    }
    if (what != PyTrace_OPCODE) return 0;
    PyCodeObject *code = PyFrame_GetCode(frame);
    uint64_t *counts = counts_of((PyObject *)code);
    if (counts) counts[PyFrame_GetLasti(frame) / 2]++;
    Py_DECREF(code);
    return 0;
}

/* Also a function for threading.settrace(): it is called with a frame that begins, and lets trace() see the rest. */
static PyObject *begin(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    if (n && PyFrame_Check(args[0]) && trace(NULL, (PyFrameObject *)args[0], PyTrace_CALL, NULL)) return NULL;
    PyEval_SetTrace(trace, NULL);
    Py_RETURN_NONE;
}

static PyObject *end(PyObject *self, PyObject *ignored) {
    PyEval_SetTrace(NULL, NULL);
    Py_RETURN_NONE;
}

/* [(code, bytes)] of all that ran since the last call. */
static PyObject *take(PyObject *self, PyObject *ignored) {
    PyObject *found = PyList_New(0);
    for (Py_ssize_t i = 0; found && i < PyList_GET_SIZE(seen); i++) {
        PyObject *code = PyList_GET_ITEM(seen, i);
        PyObject *pair = Py_BuildValue("(Oy#)", code, (char *)counts_of(code),
                                       COLUMNS * Py_SIZE(code) * (Py_ssize_t)sizeof(uint64_t));
        if (!pair || PyList_Append(found, pair)) Py_CLEAR(found);
        Py_XDECREF(pair);
        if (PyUnstable_Code_SetExtra(code, slot, NULL)) PyErr_Clear();
    }
    PyList_SetSlice(seen, 0, PY_SSIZE_T_MAX, NULL);
    return found;
}

#define FAST(name) {#name, (PyCFunction)(void (*)(void))name, METH_FASTCALL, NULL}
static PyMethodDef methods[] = {FAST(instruction), FAST(branch), FAST(begin), {"end", end, METH_NOARGS, NULL},
                                {"take", take, METH_NOARGS, NULL}, {NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_executing", NULL, -1, methods};

PyMODINIT_FUNC PyInit__executing(void) {
    slot = PyUnstable_Eval_RequestCodeExtraIndex(free);
    seen = PyList_New(0);
    return slot < 0 || !seen ? NULL : PyModule_Create(&definition);
}
