/* Counts the instructions that code objects execute: what the operations are compared with. See executing.py.
 *
 * 3.12 and later: `instruction` and `branch` are callbacks of sys.monitoring. 3.11: a trace function with opcode events. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>

#define COLUMNS 4 /* executions; branches by how many units further they led: 1, 2, any other */

/* A table by code object, not a slot on it: the memory mode looks at those when something is allocated. */
typedef struct {
    PyObject *code;
    uint64_t *counts;
} entry; /* both Owned */
static entry *table;
static size_t size, used;

static entry *find(entry *in, size_t n, PyObject *code) {
    size_t k = ((uintptr_t)code >> 4) * 0x9e3779b97f4a7c15u >> 20;
    while (in[k & (n - 1)].code && in[k & (n - 1)].code != code) k++;
    return &in[k & (n - 1)];
}

static int grow(void) {
    size_t n = size ? size * 2 : 1024;
    entry *bigger = calloc(n, sizeof *bigger);
    for (size_t i = 0; bigger && i < size; i++)
        if (table[i].code) *find(bigger, n, table[i].code) = table[i];
    if (!bigger) return -1;
    free(table);
    table = bigger;
    size = n;
    return 0;
}

/* By column and unit. NULL without memory. */
static uint64_t *counts_of(PyObject *code) {
    if (used * 2 >= size && grow()) return NULL;
    entry *e = find(table, size, code);
    if (!e->code) {
        if (!(e->counts = calloc(COLUMNS * (size_t)Py_SIZE(code), sizeof(uint64_t)))) return NULL;
        e->code = Py_NewRef(code);
        used++;
    }
    return e->counts;
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

static PyObject *begin_function; /* Owned */

/* Also a function for threading.settrace(), and for those who take the trace function out and put it in again, as doctest
 * does: it is called with a frame that begins, and lets trace() see the rest. */
static PyObject *begin(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    if (n && PyFrame_Check(args[0]) && trace(NULL, (PyFrameObject *)args[0], PyTrace_CALL, NULL)) return NULL;
    PyEval_SetTrace(trace, begin_function);
    Py_RETURN_NONE;
}

/* In the place of sys.settrace(): that one would take us out for our own function, and lose what runs until it is called. */
static PyObject *settrace(PyObject *self, PyObject *function) {
    static PyObject *original;
    if (PyTuple_Check(function)) { /* (sys.settrace,): to be remembered */
        Py_XSETREF(original, Py_NewRef(PyTuple_GET_ITEM(function, 0)));
        Py_RETURN_NONE;
    }
    return function == begin_function ? begin(NULL, NULL, 0) : PyObject_CallOneArg(original, function);
}

static PyObject *end(PyObject *self, PyObject *ignored) {
    PyEval_SetTrace(NULL, NULL);
    Py_RETURN_NONE;
}

/* [(code, bytes)] of all that ran since the last call. */
static PyObject *take(PyObject *self, PyObject *ignored) {
    PyObject *found = PyList_New(0);
    entry *old = table;
    size_t n = size;
    table = NULL;
    size = used = 0;
    for (size_t i = 0; i < n; i++) {
        if (!old[i].code) continue;
        PyObject *pair = Py_BuildValue("(Ny#)", old[i].code, (char *)old[i].counts,
                                       COLUMNS * Py_SIZE(old[i].code) * (Py_ssize_t)sizeof(uint64_t));
        if (found && (!pair || PyList_Append(found, pair))) Py_CLEAR(found);
        Py_XDECREF(pair);
        free(old[i].counts);
    }
    free(old);
    return found;
}

#define FAST(name) {#name, (PyCFunction)(void (*)(void))name, METH_FASTCALL, NULL}
static PyMethodDef methods[] = {FAST(instruction),
                                FAST(branch),
                                FAST(begin),
                                {"settrace", settrace, METH_O, NULL},
                                {"end", end, METH_NOARGS, NULL},
                                {"take", take, METH_NOARGS, NULL},
                                {NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_executing", NULL, -1, methods};

PyMODINIT_FUNC PyInit__executing(void) {
    PyObject *module = PyModule_Create(&definition);
    begin_function = module ? PyObject_GetAttrString(module, "begin") : NULL;
    return module;
}
