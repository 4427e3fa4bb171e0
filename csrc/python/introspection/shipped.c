/* marshal reads code objects as they lie in memory. What it is given goes to it with plain code in place of probed code. */
#include "view.h"

enum { DEEPEST = 2000 }; /* marshal itself refuses what is deeper */

/* What was met already, by address: an object that nobody else refers to is met once. */
static int is_known(PyObject *o, PyObject *known) {
    if (Py_REFCNT(o) == 1) return 0;
    PyObject *key = PyLong_FromVoidPtr(o);
    int found = !key ? -1 : PySet_Contains(known, key);
    if (!found) found = PySet_Add(known, key);
    Py_XDECREF(key);
    return found;
}

static int has_probes(PyObject *o, PyObject *known, int depth);

static int any_has_probes(PyObject *iterable, PyObject *known, int depth) {
    PyObject *iterator = PyObject_GetIter(iterable), *item;
    int found = iterator ? 0 : -1;
    while (!found && (item = PyIter_Next(iterator))) {
        found = has_probes(item, known, depth);
        Py_DECREF(item);
    }
    Py_XDECREF(iterator);
    return found ? found : PyErr_Occurred() ? -1 : 0;
}

static int is_container(PyObject *o) {
    return PyTuple_CheckExact(o) || PyList_CheckExact(o) || PyDict_CheckExact(o) || PyAnySet_CheckExact(o) || PyCode_Check(o);
}

/* Whether there is probed code in what marshal would write; -1 with an exception set. */
static int has_probes(PyObject *o, PyObject *known, int depth) {
    if (!is_container(o) || depth > DEEPEST) return 0;
    if (PyCode_Check(o) && prof_plain_of((PyCodeObject *)o)) return 1;
    int met = is_known(o, known);
    if (met) return met < 0 ? -1 : 0;
    if (PyCode_Check(o)) return any_has_probes(((PyCodeObject *)o)->co_consts, known, depth + 1);
    if (!PyDict_CheckExact(o)) return any_has_probes(o, known, depth + 1);
    PyObject *key, *value;
    Py_ssize_t at = 0;
    int found = 0;
    while (!found && PyDict_Next(o, &at, &key, &value)) {
        Py_INCREF(key); /* what a collection lets go of may run code, and that may change the dict */
        Py_INCREF(value);
        found = has_probes(key, known, depth + 1);
        if (!found) found = has_probes(value, known, depth + 1);
        Py_DECREF(key);
        Py_DECREF(value);
    }
    return found;
}

static PyObject *without_probes(PyObject *o, PyObject *copies);

static PyObject *copy_dict(PyObject *dict, PyObject *copy, PyObject *copies) {
    PyObject *key, *value;
    Py_ssize_t at = 0;
    while (copy && PyDict_Next(dict, &at, &key, &value)) {
        Py_INCREF(value);
        Py_INCREF(key);
        PyObject *k = without_probes(key, copies), *v = k ? without_probes(value, copies) : NULL;
        Py_DECREF(key);
        Py_DECREF(value);
        if (!v || PyDict_SetItem(copy, k, v)) Py_CLEAR(copy);
        Py_XDECREF(k);
        Py_XDECREF(v);
    }
    return copy;
}

/* The copies of the items, in a list. */
static PyObject *copy_items(PyObject *iterable, PyObject *list, PyObject *copies) {
    PyObject *iterator = list ? PyObject_GetIter(iterable) : NULL, *item;
    while (iterator && (item = PyIter_Next(iterator))) {
        PyObject *copy = without_probes(item, copies);
        int failed = !copy || PyList_Append(list, copy);
        Py_XDECREF(copy);
        Py_DECREF(item);
        if (failed) break;
    }
    if (PyErr_Occurred()) Py_CLEAR(list);
    Py_XDECREF(iterator);
    return list;
}

static PyObject *copy_code(PyObject *o, PyObject *copies) {
    PyCodeObject *code = prof_plain_view((PyCodeObject *)o);
    PyObject *consts = code ? without_probes(code->co_consts, copies) : NULL;
    PyObject *bytes = consts ? PyCode_GetCode(code) : NULL;
    PyObject *copy =
        bytes ? prof_code_copy(code, bytes, consts, code->co_linetable, code->co_exceptiontable, code->co_stacksize) : NULL;
    Py_XDECREF(consts);
    Py_XDECREF(bytes);
    return copy;
}

static PyObject *copy_container(PyObject *o, PyObject *key, PyObject *copies) {
    if (PyCode_Check(o)) return copy_code(o, copies);
    if (PyDict_CheckExact(o) || PyList_CheckExact(o)) { /* these may contain themselves */
        PyObject *copy = PyDict_CheckExact(o) ? PyDict_New() : PyList_New(0);
        if (copy && PyDict_SetItem(copies, key, copy)) Py_CLEAR(copy);
        return PyDict_CheckExact(o) ? copy_dict(o, copy, copies) : copy_items(o, copy, copies);
    }
    PyObject *items = copy_items(o, PyList_New(0), copies), *copy = NULL;
    if (items)
        copy = PyTuple_CheckExact(o)       ? PyList_AsTuple(items)
               : PyFrozenSet_CheckExact(o) ? PyFrozenSet_New(items)
                                           : PySet_New(items);
    Py_XDECREF(items);
    return copy;
}

/* New reference; each object has one copy, also where it occurs twice. */
static PyObject *without_probes(PyObject *o, PyObject *copies) {
    if (!is_container(o)) return Py_NewRef(o);
    PyObject *key = PyLong_FromVoidPtr(o), *copy = key ? PyDict_GetItemWithError(copies, key) : NULL;
    if (copy || PyErr_Occurred()) {
        Py_XDECREF(key);
        return Py_XNewRef(copy);
    }
    copy = Py_EnterRecursiveCall(" in what marshal writes") ? NULL : copy_container(o, key, copies);
    if (copy) Py_LeaveRecursiveCall();
    if (copy && PyDict_SetItem(copies, key, copy)) Py_CLEAR(copy);
    Py_DECREF(key);
    return copy;
}

/* What to write in place of `o`. New reference; `o` itself where nothing is probed or it cannot be told. */
static PyObject *to_ship(PyObject *o) {
    PyObject *known = PySet_New(NULL), *copies = NULL, *copy = NULL;
    if (known && has_probes(o, known, 0) > 0 && (copies = PyDict_New())) copy = without_probes(o, copies);
    PyErr_Clear();
    Py_XDECREF(known);
    Py_XDECREF(copies);
    return copy ? copy : Py_NewRef(o);
}

/* ---- marshal's functions: positional arguments first, of which the first is the value ------------------------------------- */

typedef PyObject *(*with_names)(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);
typedef PyObject *(*without_names)(PyObject *, PyObject *const *, Py_ssize_t);
typedef struct {
    const char *name;
    PyCFunction own;
    int names; /* whether it takes keywords */
    PyCFunction mine[2];
} function;
enum { DUMPS, DUMP, MOST = 8 };
static function functions[2];

static PyObject *call(const function *f, PyObject *module, PyObject *const *args, Py_ssize_t n, PyObject *names) {
    Py_ssize_t all = n + (names ? PyTuple_GET_SIZE(names) : 0);
    PyObject *copied[MOST], *shipped = n > 0 && all <= MOST ? to_ship(args[0]) : NULL;
    for (Py_ssize_t i = 0; shipped && i < all; i++) copied[i] = i ? args[i] : shipped;
    if (shipped) args = copied;
    PyObject *result = f->names ? ((with_names)(void (*)(void))f->own)(module, args, n, names)
                                : ((without_names)(void (*)(void))f->own)(module, args, n);
    Py_XDECREF(shipped);
    return result;
}

#define SHIPPING(name, index)                                                                                                     \
    static PyObject *name(PyObject *m, PyObject *const *args, Py_ssize_t n) { return call(&functions[index], m, args, n, NULL); } \
    static PyObject *name##_names(PyObject *m, PyObject *const *args, Py_ssize_t n, PyObject *names) {                            \
        return call(&functions[index], m, args, n, names);                                                                        \
    }
SHIPPING(dumps, DUMPS)
SHIPPING(dump, DUMP)
#define CALLABLE(name) (PyCFunction)(void (*)(void)) name
static function functions[2] = {[DUMPS] = {"dumps", .mine = {CALLABLE(dumps), CALLABLE(dumps_names)}},
                                [DUMP] = {"dump", .mine = {CALLABLE(dump), CALLABLE(dump_names)}}};

/* In the definitions, which functions of a module that is imported anew share. */
int prof_shipped_install(void) {
    PyObject *marshal = PyImport_ImportModule("marshal");
    for (size_t i = 0; marshal && i < sizeof functions / sizeof *functions; i++) {
        PyObject *found = PyObject_GetAttrString(marshal, functions[i].name);
        if (!found) PyErr_Clear();
        else if (PyCFunction_CheckExact(found)) {
            PyMethodDef *definition = ((PyCFunctionObject *)found)->m_ml;
            int flags = definition->ml_flags & (METH_FASTCALL | METH_KEYWORDS | METH_VARARGS | METH_O | METH_NOARGS);
            if (flags == METH_FASTCALL || flags == (METH_FASTCALL | METH_KEYWORDS)) {
                functions[i].names = flags != METH_FASTCALL;
                functions[i].own = definition->ml_meth;
                definition->ml_meth = functions[i].mine[functions[i].names];
            }
        }
        Py_XDECREF(found);
    }
    Py_XDECREF(marshal);
    return marshal ? 0 : -1;
}
