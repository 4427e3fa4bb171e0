/* What Python code is told of code objects, frames and tracebacks: of probed code, what it was before.
 *
 * The types' own descriptors are kept, and asked of the plain code. The types belong to the whole process; what is put into
 * them works for any code object, and does nothing where there are no probes. */
#include "python/version/version.h"

#include <string.h>

#include "view.h"

/* What `self` is to a reader. Borrowed, or NULL. */
static PyObject *seen(PyObject *self) {
    if (!PyCode_Check(self) || prof_probes_shown) return self; /* what is no code is for the descriptor to refuse */
    return (PyObject *)prof_plain_view((PyCodeObject *)self);
}

/* ---- attributes ---------------------------------------------------------------------------------------------------- */

static PyObject *get(void *descriptor, PyObject *self) {
    PyObject *d = descriptor;
    return self ? Py_TYPE(d)->tp_descr_get(d, self, (PyObject *)Py_TYPE(self)) : NULL;
}

static PyObject *of_code(PyObject *self, void *descriptor) { return get(descriptor, seen(self)); }

/* The offset that the descriptor gives, in the plain code. */
static PyObject *offset_in(PyCodeObject *code, PyObject *value) {
    long offset = value ? PyLong_AsLong(value) : -1, plain = offset;
    if (value && !PyErr_Occurred()) plain = prof_plain_offset(code, offset);
    if (plain == offset) return value;
    Py_DECREF(value);
    return PyLong_FromLong(plain);
}

static PyObject *of_frame(PyObject *self, void *descriptor) {
    PyCodeObject *code = PyFrame_GetCode((PyFrameObject *)self);
    PyObject *found = offset_in(code, get(descriptor, self));
    Py_DECREF(code);
    return found;
}

/* An instruction that was inserted has no line: it runs for the one that it was inserted for. */
static PyObject *line_of_frame(PyObject *self, void *descriptor) {
    PyObject *line = get(descriptor, self);
    if (line != Py_None || prof_probes_shown) return line;
    PyCodeObject *code = PyFrame_GetCode((PyFrameObject *)self), *plain = prof_plain_view(code);
    long offset = plain && plain != code ? prof_plain_offset(code, PyFrame_GetLasti((PyFrameObject *)self)) : -1;
    int number = offset >= 0 ? PyCode_Addr2Line(plain, (int)offset) : -1;
    Py_DECREF(code);
    if (!plain || number > 0) Py_SETREF(line, plain ? PyLong_FromLong(number) : NULL);
    return line;
}

static int set_line(PyObject *self, PyObject *value, void *descriptor) {
    PyObject *d = descriptor;
    return Py_TYPE(d)->tp_descr_set(d, self, value);
}

static PyObject *of_traceback(PyObject *self, void *descriptor) {
    PyCodeObject *code = PyFrame_GetCode(((PyTracebackObject *)self)->tb_frame);
    PyObject *found = offset_in(code, get(descriptor, self));
    Py_DECREF(code);
    return found;
}

typedef struct {
    PyTypeObject *type;
    PyGetSetDef getter; /* its closure is the type's own descriptor: Owned, for ever */
} attribute;
static attribute attributes[] = {
    {&PyCode_Type, {"co_code", of_code}},
    {&PyCode_Type, {"_co_code_adaptive", of_code}},
    {&PyCode_Type, {"co_consts", of_code}},
    {&PyCode_Type, {"co_stacksize", of_code}},
    {&PyCode_Type, {"co_linetable", of_code}},
    {&PyCode_Type, {"co_lnotab", of_code}},
    {&PyCode_Type, {"co_exceptiontable", of_code}},
    {&PyFrame_Type, {"f_lasti", of_frame}},
    {&PyTraceBack_Type, {"tb_lasti", of_traceback}},
    {&PyFrame_Type, {"f_lineno", line_of_frame, set_line}},
};

static int replace_attributes(void) {
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++) {
        attribute *a = &attributes[i];
        PyObject *dict = prof_py_type_dict(a->type), *new = NULL;
        PyObject *own = PyDict_GetItemString(dict, a->getter.name);
        int failed = 0;
        if (own && Py_TYPE(own)->tp_descr_get) {
            a->getter.closure = Py_NewRef(own);
            new = PyDescr_NewGetSet(a->type, &a->getter);
            failed = !new || PyDict_SetItemString(dict, a->getter.name, new);
        }
        Py_XDECREF(new);
        Py_DECREF(dict);
        if (failed) return -1;
    }
    return 0;
}

/* ---- methods --------------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    PyCFunction mine, own;
    PyMethodDef definition;
} method;
enum { LINES, POSITIONS, BRANCHES, SIZE, REPLACE, REPLACE_TOO };
static method methods[6];

#define WITHOUT_ARGUMENTS(name, index)                          \
    static PyObject *name(PyObject *self, PyObject *ignored) {  \
        PyObject *code = seen(self);                            \
        return code ? methods[index].own(code, ignored) : NULL; \
    }
WITHOUT_ARGUMENTS(lines, LINES)
WITHOUT_ARGUMENTS(positions, POSITIONS)
WITHOUT_ARGUMENTS(branches, BRANCHES)
WITHOUT_ARGUMENTS(size, SIZE)

/* The copy of probed code is probed again, and counts as what it was made of. */
static PyObject *replace(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *names) {
    PyObject *code = seen(self);
    PyObject *copy = code ? prof_code_replace(code, args, n, names) : NULL;
    if (!copy || code == self) return copy;
    PyObject *probed = prof_probe_copy((PyCodeObject *)self, (PyCodeObject *)copy);
    if (!probed) PyErr_Clear();
    else Py_SETREF(copy, probed);
    return copy;
}

static method methods[6] = {
    [LINES] = {"co_lines", lines},
    [POSITIONS] = {"co_positions", positions},
    [BRANCHES] = {"co_branches", branches},
    [SIZE] = {"__sizeof__", size},
    [REPLACE] = {"replace", (PyCFunction)(void (*)(void))replace},
    [REPLACE_TOO] = {"__replace__", (PyCFunction)(void (*)(void))replace},
};

/* The descriptors stay, and call something else. */
static void replace_methods(PyObject *dict) {
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        PyObject *found = PyDict_GetItemString(dict, methods[i].name);
        if (!found || Py_TYPE(found) != &PyMethodDescr_Type) continue;
        PyMethodDescrObject *d = (PyMethodDescrObject *)found;
        methods[i].definition = *d->d_method;
        methods[i].own = d->d_method->ml_meth;
        methods[i].definition.ml_meth = methods[i].mine;
        d->d_method = &methods[i].definition;
    }
}

/* ---- hash and equality ------------------------------------------------------------------------------------------------ */

static hashfunc own_hash;
static richcmpfunc own_compare;

/* Probes change while they run; the plain code does not, and is equal to another copy of the same source. */
static Py_hash_t hash(PyObject *self) {
    PyCodeObject *code = prof_plain_view((PyCodeObject *)self);
    return code ? own_hash((PyObject *)code) : -1;
}

static PyObject *compare(PyObject *self, PyObject *other, int op) {
    if (!PyCode_Check(self) || !PyCode_Check(other)) return own_compare(self, other, op);
    PyCodeObject *one = prof_plain_view((PyCodeObject *)self), *two = one ? prof_plain_view((PyCodeObject *)other) : NULL;
    return two ? own_compare((PyObject *)one, (PyObject *)two, op) : NULL;
}

/* The slots, and what stands in the type's dictionary for them. */
static void replace_slots(PyObject *dict) {
    PyObject *key, *value;
    Py_ssize_t at = 0;
    own_hash = PyCode_Type.tp_hash;
    own_compare = PyCode_Type.tp_richcompare;
    PyCode_Type.tp_hash = hash;
    PyCode_Type.tp_richcompare = compare;
    while (PyDict_Next(dict, &at, &key, &value)) {
        if (Py_TYPE(value) != &PyWrapperDescr_Type) continue;
        PyWrapperDescrObject *d = (PyWrapperDescrObject *)value;
        if (d->d_wrapped == (void *)own_hash) d->d_wrapped = (void *)hash;
        if (d->d_wrapped == (void *)own_compare) d->d_wrapped = (void *)compare;
    }
}

/* ---- tracebacks that Python code makes --------------------------------------------------------------------------------- */

static newfunc own_new;

/* The offset given is one of the plain code, as tb_lasti tells it. */
static PyObject *new_traceback(PyTypeObject *type, PyObject *args, PyObject *names) {
    PyObject *made = own_new(type, args, names);
    if (!made) return NULL;
    PyTracebackObject *traceback = (PyTracebackObject *)made;
    PyCodeObject *code = PyFrame_GetCode(traceback->tb_frame);
    prof_plain *plain = traceback->tb_lasti < 0 || prof_probes_shown ? NULL : prof_plain_of(code);
    /* Between two instructions there is nothing to translate, but it is to be read back as it was given. */
    if (plain)
        traceback->tb_lasti = 2 * (int)prof_probed_unit(plain, (uint32_t)traceback->tb_lasti / 2) | (traceback->tb_lasti & 1);
    Py_DECREF(code);
    return made;
}

/* ---- the whole ----------------------------------------------------------------------------------------------------------- */

/* Lets caches of what the type has be looked up anew. A debug build asserts that none of its own types changes: there, code that was
 * specialised before sees the type as it was. */
static void modified(PyTypeObject *type) {
#ifdef Py_DEBUG
    PyType_ClearCache();
#else
    PyType_Modified(type);
#endif
}

int prof_readers_install(void) {
    PyObject *dict = prof_py_type_dict(&PyCode_Type);
    replace_methods(dict);
    prof_code_replace = (prof_code_method)(void (*)(void))methods[REPLACE].own;
    replace_slots(dict);
    Py_DECREF(dict);
    own_new = PyTraceBack_Type.tp_new;
    PyTraceBack_Type.tp_new = new_traceback;
    int failed = replace_attributes();
    modified(&PyCode_Type);
    modified(&PyFrame_Type);
    modified(&PyTraceBack_Type);
    return failed;
}
