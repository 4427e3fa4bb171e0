/* Other tools of sys.monitoring: they are told of the program's own instructions only, by their offsets in the plain code.
 *
 * Their callbacks are wrapped when they register them, and those that were there when the first code was probed. */
#include <stddef.h>

#include "python/version/version.h"
#include "view.h"

enum { EVENTS = 20, TOOLS = 6 };

/* What an event's callback is called with, behind the code. */
enum event_kind {
    OFFSET,      /* an offset; where that is a probe's, that of the program's instruction */
    EXCEPTION,   /* an offset; exceptions that only pass through the handlers of probes are told of once */
    INSTRUCTION, /* an offset; there is none of a probe */
    TWO_OFFSETS  /* that of a jump, and where it leads */
};

typedef struct {
    PyObject_HEAD
    vectorcallfunc call;
    PyObject *callback; /* Owned */
    enum event_kind kind;
} wrapper;

static int is_left_out(enum event_kind kind, uint32_t place) {
    switch (kind) {
    case OFFSET: return 0;
    case EXCEPTION: return place == PROF_RUN_BEHIND;
    default: return place != PROF_RUN_COPIED;
    }
}

/* The argument, which is an offset, as one of the plain code. New reference. */
static PyObject *plain_offset(const prof_plain *plain, PyObject *offset, uint32_t *kind) {
    long value = PyLong_AsLong(offset);
    if (value >= 0) return PyLong_FromLong(2 * (long)prof_plain_unit(plain, (uint32_t)value / 2, kind));
    PyErr_Clear();
    return Py_NewRef(offset);
}

/* An exception leaves code by its last handler, which is a probe's. It is told of where it arose, as the frame has it. */
static PyObject *raising(const prof_plain *plain, PyObject *code) {
    uint32_t ignored;
    prof_py_frame *frame = prof_py_current();
    if (!frame || prof_py_code(frame) != (PyCodeObject *)code) return PyLong_FromLong(0);
    return PyLong_FromLong(2 * (long)prof_plain_unit(plain, prof_py_unit(frame), &ignored));
}

static PyObject *told(wrapper *w, const prof_plain *plain, PyObject *const *args, Py_ssize_t n) {
    PyObject *copied[5] = {NULL}, **passed = copied + 1, *result = NULL;
    uint32_t place = PROF_RUN_COPIED, ignored;
    int both = w->kind == TWO_OFFSETS && n > 2;
    for (Py_ssize_t i = 0; i < n; i++) passed[i] = args[i];
    passed[1] = plain_offset(plain, args[1], &place);
    if (place == PROF_RUN_BEHIND && w->kind == OFFSET) Py_XSETREF(passed[1], raising(plain, args[0]));
    if (both) passed[2] = plain_offset(plain, args[2], &ignored);
    if (is_left_out(w->kind, place)) result = Py_NewRef(Py_None);
    else if (passed[1] && (!both || passed[2]))
        result = PyObject_Vectorcall(w->callback, passed, (size_t)n | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    Py_XDECREF(passed[1]);
    if (both) Py_XDECREF(passed[2]);
    return result;
}

static PyObject *wrapper_call(PyObject *self, PyObject *const *args, size_t flags, PyObject *names) {
    wrapper *w = (wrapper *)self;
    Py_ssize_t n = PyVectorcall_NARGS(flags);
    int apart = n >= 2 && n <= 4 && !names && !prof_probes_shown && PyCode_Check(args[0]) && PyLong_Check(args[1]);
    const prof_plain *plain = apart ? prof_plain_of((PyCodeObject *)args[0]) : NULL;
    return plain ? told(w, plain, args, n) : PyObject_Vectorcall(w->callback, args, flags, names);
}

static void wrapper_dealloc(PyObject *self) {
    Py_DECREF(((wrapper *)self)->callback);
    PyObject_Free(self);
}

static PyTypeObject wrapper_type = {PyVarObject_HEAD_INIT(NULL, 0).tp_name = "prof.Callback",
                                    .tp_basicsize = sizeof(wrapper),
                                    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_HAVE_VECTORCALL,
                                    .tp_vectorcall_offset = offsetof(wrapper, call),
                                    .tp_call = PyVectorcall_Call,
                                    .tp_dealloc = wrapper_dealloc};

/* ---- registering ------------------------------------------------------------------------------------------------------- */

static PyCFunction own;   /* sys.monitoring.register_callback */
static int kinds[EVENTS]; /* enum event_kind by event, the power of two; -1: its callbacks are left as they are */
static int both_branches; /* from 3.14 on, BRANCH, which stands for BRANCH_LEFT and BRANCH_RIGHT together; -1 before */

static PyObject *own_register(PyObject *module, PyObject *const *args, Py_ssize_t n) {
    return ((PyObject * (*)(PyObject *, PyObject *const *, Py_ssize_t))(void (*)(void))own)(module, args, n);
}

static int kind_of(PyObject *event) {
    long bits = PyLong_Check(event) ? PyLong_AsLong(event) : 0;
    if (bits == -1 && PyErr_Occurred()) PyErr_Clear();
    for (int k = 0; k < EVENTS; k++)
        if (bits == 1L << k) return kinds[k];
    return -1;
}

/* New reference; the callback itself where it wants no change. */
static PyObject *wrapped(PyObject *callback, int kind) {
    if (callback == Py_None || kind < 0 || prof_is_own_callback(callback)) return Py_NewRef(callback);
    wrapper *w = PyObject_New(wrapper, &wrapper_type);
    if (!w) return NULL;
    w->call = wrapper_call;
    w->callback = Py_NewRef(callback);
    w->kind = (enum event_kind)kind;
    return (PyObject *)w;
}

/* register_callback(tool, event, callback): what it returns is what was registered, as it was given. */
static PyObject *register_callback(PyObject *module, PyObject *const *args, Py_ssize_t n) {
    if (n != 3 || PyInterpreterState_Get() != PyInterpreterState_Main()) return own_register(module, args, n);
    PyObject *callback = wrapped(args[2], kind_of(args[1]));
    if (!callback) return NULL;
    PyObject *before = own_register(module, (PyObject *[]){args[0], args[1], callback}, n);
    Py_DECREF(callback);
    if (before && Py_TYPE(before) == &wrapper_type) Py_SETREF(before, Py_NewRef(((wrapper *)before)->callback));
    return before;
}

/* The power of two that an event is; -1 where there is none of that name. */
static int bit_of(PyObject *events, const char *name) {
    PyObject *value = PyObject_GetAttrString(events, name);
    long bits = value ? PyLong_AsLong(value) : 0;
    Py_XDECREF(value);
    PyErr_Clear();
    for (int k = 0; k < EVENTS; k++)
        if (bits == 1L << k) return k;
    return -1;
}

static int read_kinds(PyObject *monitoring) {
    static const struct {
        const char *name;
        int kind;
    } named[] = {
        {"PY_START", OFFSET},
        {"PY_RESUME", OFFSET},
        {"PY_RETURN", OFFSET},
        {"PY_YIELD", OFFSET},
        {"PY_THROW", OFFSET},
        {"PY_UNWIND", OFFSET},
        {"CALL", OFFSET},
        {"C_RAISE", OFFSET},
        {"C_RETURN", OFFSET},
        {"RAISE", OFFSET},
        {"STOP_ITERATION", OFFSET},
        {"RERAISE", EXCEPTION},
        {"EXCEPTION_HANDLED", EXCEPTION},
        {"INSTRUCTION", INSTRUCTION},
        {"JUMP", TWO_OFFSETS},
        {"BRANCH", TWO_OFFSETS},
        {"BRANCH_LEFT", TWO_OFFSETS},
        {"BRANCH_RIGHT", TWO_OFFSETS},
    };
    PyObject *events = PyObject_GetAttrString(monitoring, "events");
    if (!events) return -1;
    for (int k = 0; k < EVENTS; k++) kinds[k] = -1;
    both_branches = -1;
    for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
        int bit = bit_of(events, named[i].name);
        if (bit >= 0) kinds[bit] = named[i].kind;
    }
    if (bit_of(events, "BRANCH_LEFT") >= 0) both_branches = bit_of(events, "BRANCH");
    Py_DECREF(events);
    return 0;
}

/* Registers again, through the wrapper, what is registered already. */
static int wrap_registered(PyObject *monitoring) {
    for (int tool = 0; tool < TOOLS; tool++) {
        for (int k = 0; k < EVENTS; k++) {
            if (kinds[k] < 0 || k == both_branches) continue;
            PyObject *args[] = {PyLong_FromLong(tool), PyLong_FromLong(1L << k), Py_None};
            PyObject *before = args[0] && args[1] ? own_register(monitoring, args, 3) : NULL;
            args[2] = before;
            PyObject *again = before && before != Py_None ? register_callback(monitoring, args, 3) : NULL;
            int failed = !before || (before != Py_None && !again);
            Py_XDECREF(before);
            Py_XDECREF(again);
            Py_XDECREF(args[0]);
            Py_XDECREF(args[1]);
            if (failed) return -1;
        }
    }
    return 0;
}

int prof_events_install(void) {
    PyObject *monitoring = PySys_GetObject("monitoring");
    if (!monitoring) return 0; /* before 3.12 */
    if (PyType_Ready(&wrapper_type) || read_kinds(monitoring)) return -1;
    PyObject *found = PyObject_GetAttrString(monitoring, "register_callback");
    if (!found) return -1;
    int known = PyCFunction_CheckExact(found) && PyCFunction_GET_FLAGS(found) == METH_FASTCALL;
    if (known) {
        own = PyCFunction_GET_FUNCTION(found);
        ((PyCFunctionObject *)found)->m_ml->ml_meth = (PyCFunction)(void (*)(void))register_callback;
    }
    Py_DECREF(found);
    return known ? wrap_registered(monitoring) : 0;
}
