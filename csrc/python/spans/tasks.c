#include "python/version/version.h"
#include "tasks.h"

#include <string.h>

#include "core/busy.h"
#include "core/labels.h"
#include "core/session.h"
#include "core/slowest.h"
#include "core/table.h"
#include "python/text.h"
#include "probes.h"

#define MOST_NAMES 1024 /* of tasks, and of contexts; the others are one */

static PyObject *qualname; /* the name of the attribute */

/* ---- asyncio, once the program has imported it -------------------------------------------------------------------------- */

prof_asyncio_module prof_asyncio;

PyObject *prof_py_optional(PyObject *module, const char *name) {
    PyObject *found = PyObject_GetAttrString(module, name);
    PyErr_Clear();
    return found;
}

int prof_find_asyncio(void) {
    static PyObject *name;
    if (PROF_LIKELY(prof_asyncio.task != NULL)) return 1;
    if (!name) name = PyUnicode_InternFromString("_asyncio");
    PyObject *module = name ? PyDict_GetItemWithError(PyImport_GetModuleDict(), name) : NULL;
    PyObject *task = module ? prof_py_optional(module, "Task") : NULL, *future = module ? prof_py_optional(module, "Future") : NULL;
    if (task && future && PyType_Check(task) && PyType_Check(future)) {
        prof_asyncio.running_loop = prof_py_optional(module, "_get_running_loop");
        prof_asyncio.current_task = prof_py_optional(module, "current_task");
        prof_asyncio.tasks = prof_asyncio.current_task ? NULL : prof_py_optional(module, "_current_tasks");
        prof_asyncio.get_name = prof_py_optional(task, "get_name");
        prof_asyncio.get_coro = prof_py_optional(task, "get_coro");
        prof_asyncio.future = (PyTypeObject *)future;
        prof_asyncio.task = (PyTypeObject *)task;
        return 1;
    }
    Py_XDECREF(task);
    Py_XDECREF(future);
    PyErr_Clear();
    return 0;
}

/* The task that the calling thread's event loop runs. New reference, or NULL. Clears exceptions. */
static PyObject *current_task(void) {
    if (!prof_find_asyncio() || !prof_asyncio.running_loop) return NULL;
    PyObject *loop = PyObject_CallNoArgs(prof_asyncio.running_loop), *task = NULL;
    if (loop && loop != Py_None) {
        if (prof_asyncio.current_task) task = PyObject_CallOneArg(prof_asyncio.current_task, loop);
        else if (prof_asyncio.tasks && PyDict_Check(prof_asyncio.tasks))
            task = Py_XNewRef(PyDict_GetItemWithError(prof_asyncio.tasks, loop));
    }
    Py_XDECREF(loop);
    if (task == Py_None) Py_CLEAR(task);
    PyErr_Clear();
    return task;
}

/* ---- names: refs of text, a bounded number of them ------------------------------------------------------------------------- */

typedef struct {
    PyObject *known;   /* Owned: dict of refs by name */
    Py_ssize_t apart;  /* how many there are in the recording */
    const char *other; /* what further ones are called */
} names;

static names tasks = {.other = "(other tasks)"}, contexts = {.other = "(other contexts)"};

/* "Task-7" is what asyncio calls a task that nobody has named. */
static int is_number_of_task(PyObject *name) {
    const char *text = PyUnicode_AsUTF8(name);
    if (!text || strncmp(text, "Task-", 5) || !text[5]) return 0;
    return strspn(text + 5, "0123456789") == strlen(text + 5);
}

/* `shown` of a name (NULL: itself), for people. */
static prof_ref new_name(names *n, PyObject *name, PyObject *shown) {
    if (PyDict_GET_SIZE(n->known) >= 4 * MOST_NAMES) PyDict_Clear(n->known);
    PyObject *bytes = n->apart < MOST_NAMES ? prof_py_bytes(shown ? shown : name) : NULL;
    prof_ref ref = prof_string_ref(bytes ? PyBytes_AS_STRING(bytes) : n->other);
    n->apart += bytes != NULL;
    PyObject *number = PyLong_FromUnsignedLong(ref);
    if (ref && number) PyDict_SetItem(n->known, name, number);
    Py_XDECREF(bytes);
    Py_XDECREF(number);
    PyErr_Clear();
    return ref;
}

static PyObject *known_name(names *n, PyObject *name) {
    if (!n->known && !(n->known = PyDict_New())) return NULL;
    return PyDict_GetItemWithError(n->known, name);
}

static void forget_names(names *n) {
    n->apart = 0;
    if (n->known) PyDict_Clear(n->known);
}

PyObject *prof_task_by_coroutine(PyObject *task) {
    PyObject *coro = prof_asyncio.get_coro ? PyObject_CallOneArg(prof_asyncio.get_coro, task) : NULL;
    PyObject *name = coro ? PyObject_GetAttr(coro, qualname) : NULL;
    PyObject *shown = name && PyUnicode_Check(name) ? PyUnicode_FromFormat("%U()", name) : NULL;
    Py_XDECREF(coro);
    Py_XDECREF(name);
    return shown;
}

/* Tasks that are not written in C have the name as an attribute; a subclass's own get_name() is not called. */
static PyObject *task_name(PyObject *task) {
    if (PyObject_TypeCheck(task, prof_asyncio.task))
        return prof_asyncio.get_name ? PyObject_CallOneArg(prof_asyncio.get_name, task) : NULL;
    PyObject *key = PyUnicode_InternFromString("_name"), *name = key ? PyObject_GenericGetAttr(task, key) : NULL;
    Py_XDECREF(key);
    return name;
}

static prof_ref name_of_task(PyObject *task) {
    PyObject *name = task_name(task);
    prof_ref ref = 0;
    if (name && PyUnicode_CheckExact(name)) {
        PyObject *known = known_name(&tasks, name);
        if (known) {
            ref = (prof_ref)PyLong_AsUnsignedLong(known);
        } else if (tasks.known) {
            PyObject *shown =
                is_number_of_task(name) && PyObject_TypeCheck(task, prof_asyncio.task) ? prof_task_by_coroutine(task) : NULL;
            PyErr_Clear();
            PyObject *folded = shown ? known_name(&tasks, shown) : NULL;
            if (folded) {
                ref = (prof_ref)PyLong_AsUnsignedLong(folded);
                PyDict_SetItem(tasks.known, name, folded);
            } else {
                ref = new_name(&tasks, name, shown);
                PyObject *number = shown ? PyLong_FromUnsignedLong(ref) : NULL;
                if (number) PyDict_SetItem(tasks.known, shown, number);
                Py_XDECREF(number);
            }
            Py_XDECREF(shown);
        }
    }
    Py_XDECREF(name);
    PyErr_Clear();
    return ref;
}

prof_ref prof_task_name(void) {
    PyObject *error = PyErr_GetRaisedException();
    prof_busy.quiet++;
    PyObject *task = prof_find_asyncio() ? current_task() : NULL;
    prof_ref ref = task ? name_of_task(task) : 0;
    Py_XDECREF(task);
    prof_busy.quiet--;
    PyErr_SetRaisedException(error);
    return ref;
}

static PyObject *context_variable; /* Owned: what prof.context() sets */

static prof_ref ref_of_context(PyObject *name) {
    PyObject *known = PyUnicode_CheckExact(name) ? known_name(&contexts, name) : NULL;
    if (known) return (prof_ref)PyLong_AsUnsignedLong(known);
    return contexts.known && PyUnicode_CheckExact(name) ? new_name(&contexts, name, NULL) : 0;
}

static prof_ref name_of_context(void) {
    PyObject *value = NULL;
    if (!context_variable || PyContextVar_Get(context_variable, NULL, &value) || !value) {
        PyErr_Clear();
        return 0;
    }
    prof_ref ref = ref_of_context(value);
    Py_DECREF(value);
    return ref;
}

prof_ref prof_context_name(void) {
    PyObject *error = PyErr_GetRaisedException();
    prof_busy.quiet++;
    prof_ref ref = name_of_context();
    prof_busy.quiet--;
    PyErr_SetRaisedException(error);
    return ref;
}

void prof_task_note(prof_thread *t) {
    t->task = prof_task_name();
    t->context = name_of_context();
}

/* ---- what tasks run, and contexts take ------------------------------------------------------------------------------------------- */

typedef struct {
    prof_ref task, context;
    uint32_t kind;
    prof_activity *record; /* Borrowed from the arena; NULL without room */
} known_activity;

static prof_table activities; /* of known_activity */

static uint64_t hash_of_activity(const void *slot) {
    const known_activity *a = slot;
    return prof_mixed(a->task, a->context, a->kind);
}

/* NULL without room. */
static prof_activity *activity_of(uint32_t kind, prof_ref task, prof_ref context) {
    if (prof_table_reserve(&activities, sizeof(known_activity), 64, hash_of_activity)) return NULL;
    known_activity *slots = activities.slots, wanted = {.task = task, .context = context, .kind = kind};
    size_t k = hash_of_activity(&wanted) & activities.mask;
    for (; slots[k].kind; k = (k + 1) & activities.mask)
        if (slots[k].task == task && slots[k].context == context && slots[k].kind == kind) return slots[k].record;
    wanted.record = prof_activity_new(kind, task, context);
    slots[k] = wanted;
    activities.used++;
    return wanted.record;
}

void prof_task_step(prof_thread *t, uint64_t ticks, int ended) {
    if (ended) prof_task_note(t);
    if (!t->task && !t->context) return;
    prof_activity *a = activity_of(PROF_ACTIVITY_STEPS, t->task, t->context);
    if (!a) return;
    a->ended += (uint64_t)ended;
    prof_durations_add(&a->runs, ticks);
}

static PyObject *context_begin(PyObject *self, PyObject *ignored) {
    return prof_recording() ? PyLong_FromUnsignedLongLong(prof_now()) : Py_NewRef(Py_None);
}

/* (name, begun): the context of that name ends, which began then. */
static PyObject *context_end(PyObject *self, PyObject *args) {
    uint64_t now = prof_now();
    PyObject *name, *begun;
    if (!PyArg_ParseTuple(args, "UO:context_end", &name, &begun)) return NULL;
    if (PyLong_Check(begun) && prof_recording()) {
        uint64_t since = PyLong_AsUnsignedLongLong(begun);
        prof_busy.quiet++;
        prof_ref context = ref_of_context(name);
        prof_activity *a = context && since <= now ? activity_of(PROF_ACTIVITY_CONTEXTS, 0, context) : NULL;
        if (a) prof_durations_add(&a->runs, now - since);
        prof_busy.quiet--;
        PyErr_Clear();
    }
    Py_RETURN_NONE;
}

void prof_tasks_reset(void) {
    prof_table_free(&activities);
    forget_names(&tasks);
    forget_names(&contexts);
}

/* ---- whose a slow call is ---------------------------------------------------------------------------------------------------------- */

static PyObject *describer; /* Owned: called with the frame of a call, it says what its arguments are, and how
                               * many repr() raised; NULL: nobody asks */

/* What the call that has just ended was called with. New reference: bytes; NULL where that failed, which is counted. */
static PyObject *arguments_of(PyFrameObject *frame) {
    PyObject *answer = PyObject_CallOneArg(describer, (PyObject *)frame), *text = NULL, *bytes = NULL;
    unsigned int failed = 0;
    if (answer && PyArg_ParseTuple(answer, "UI", &text, &failed)) bytes = prof_py_bytes(text);
    Py_XDECREF(answer);
    prof_count(PROF_DROP_ARGUMENTS_FAILED, failed);
    if (bytes) return bytes;
    /* An interrupt is the program's: it comes again. */
    if (PyErr_ExceptionMatches(PyExc_KeyboardInterrupt)) PyErr_SetInterrupt();
    PyErr_Clear();
    prof_count(PROF_DROP_ARGUMENTS_FAILED, 1);
    return NULL;
}

static void describe(const prof_label *label, prof_ref *task, prof_ref *arguments) {
    static __thread int busy; /* what a repr() runs is not described */
    if (busy || !PyGILState_Check() || !prof_py_holds_gil()) return;
    *task = prof_task_name();
    if (!describer || label->kind != PROF_FUNCTION) return;
    PyObject *error = PyErr_GetRaisedException();
    prof_own_begin();
    busy = 1;
    PyFrameObject *frame = (PyFrameObject *)Py_XNewRef((PyObject *)PyEval_GetFrame());
    PyCodeObject *code = frame ? PyFrame_GetCode(frame) : NULL;
    prof_site *site = code ? prof_probed_site(code) : NULL;
    if (!site && code) site = prof_watched((PyObject *)code);
    PyObject *bytes = site && site->label == label ? arguments_of(frame) : NULL;
    if (bytes) *arguments = prof_string_ref(PyBytes_AS_STRING(bytes));
    Py_XDECREF(bytes);
    Py_XDECREF((PyObject *)code);
    Py_XDECREF((PyObject *)frame);
    busy = 0;
    prof_own_end();
    PyErr_SetRaisedException(error);
}

static PyObject *describe_with(PyObject *self, PyObject *callable) {
    Py_XSETREF(describer, callable == Py_None ? NULL : Py_NewRef(callable));
    Py_RETURN_NONE;
}

PyMethodDef prof_task_methods[] = {
    {"describe_with", describe_with, METH_O,
     "describe_with(callable: Callable[[FrameType], tuple[str, int]] | None, /) -> None: what says, of the frame of a slow call, its arguments; or None."},
    {"context_begin", context_begin, METH_NOARGS, "context_begin() -> int | None: an instant; None when nothing records."},
    {"context_end", context_end, METH_VARARGS,
     "context_end(name: str, begun: int | None, /) -> None: counts a context of that name, from that instant on."},
    {NULL}};

int prof_tasks_init(PyObject *module) {
    prof_slow_describe = describe;
    qualname = PyUnicode_InternFromString("__qualname__");
    context_variable = PyContextVar_New("prof.context", NULL);
    if (!qualname || !context_variable) return -1;
    return PyModule_AddObjectRef(module, "context_variable", context_variable);
}
