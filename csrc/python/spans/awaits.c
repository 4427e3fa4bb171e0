#include "python/version/version.h"
#include "awaits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/busy.h"
#include "core/labels.h"
#include "core/slowest.h"
#include "core/session.h"
#include "python/text.h"
#include "probes.h"

#define MOST_NAMES 1024 /* of tasks, and of contexts; the others are one */
#define DEEPEST 64      /* awaitables that are looked into, one in the other */

static PyObject *cr_await, *gi_yieldfrom, *ag_await, *callbacks, *qualname; /* names of attributes */

/* ---- asyncio, once the program has imported it -------------------------------------------------------------------------- */

static struct {
    PyObject *running_loop, *current_task, *tasks; /* Owned; callables, and 3.11's dict in the place of current_task */
    PyObject *get_name, *get_coro;                 /* Owned: methods of `task` */
    PyTypeObject *future, *task;                   /* Owned: the types written in C */
} asyncio;

static PyObject *optional(PyObject *module, const char *name) {
    PyObject *found = PyObject_GetAttrString(module, name);
    PyErr_Clear();
    return found;
}

/* Whether it is known. */
static int find_asyncio(void) {
    static PyObject *name;
    if (PROF_LIKELY(asyncio.task != NULL)) return 1;
    if (!name) name = PyUnicode_InternFromString("_asyncio");
    PyObject *module = name ? PyDict_GetItemWithError(PyImport_GetModuleDict(), name) : NULL;
    PyObject *task = module ? optional(module, "Task") : NULL, *future = module ? optional(module, "Future") : NULL;
    if (task && future && PyType_Check(task) && PyType_Check(future)) {
        asyncio.running_loop = optional(module, "_get_running_loop");
        asyncio.current_task = optional(module, "current_task");
        asyncio.tasks = asyncio.current_task ? NULL : optional(module, "_current_tasks");
        asyncio.get_name = optional(task, "get_name");
        asyncio.get_coro = optional(task, "get_coro");
        asyncio.future = (PyTypeObject *)future;
        asyncio.task = (PyTypeObject *)task;
        return 1;
    }
    Py_XDECREF(task);
    Py_XDECREF(future);
    PyErr_Clear();
    return 0;
}

/* The task that the calling thread's event loop runs. New reference, or NULL. Clears exceptions. */
static PyObject *current_task(void) {
    if (!find_asyncio() || !asyncio.running_loop) return NULL;
    PyObject *loop = PyObject_CallNoArgs(asyncio.running_loop), *task = NULL;
    if (loop && loop != Py_None) {
        if (asyncio.current_task) task = PyObject_CallOneArg(asyncio.current_task, loop);
        else if (asyncio.tasks && PyDict_Check(asyncio.tasks)) task = Py_XNewRef(PyDict_GetItemWithError(asyncio.tasks, loop));
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

/* "worker()" for a task of the coroutine function `worker`. New reference, or NULL. */
static PyObject *name_by_coroutine(PyObject *task) {
    PyObject *coro = asyncio.get_coro ? PyObject_CallOneArg(asyncio.get_coro, task) : NULL;
    PyObject *name = coro ? PyObject_GetAttr(coro, qualname) : NULL;
    PyObject *shown = name && PyUnicode_Check(name) ? PyUnicode_FromFormat("%U()", name) : NULL;
    Py_XDECREF(coro);
    Py_XDECREF(name);
    return shown;
}

/* Tasks that are not written in C have the name as an attribute; a subclass's own get_name() is not called. */
static PyObject *task_name(PyObject *task) {
    if (PyObject_TypeCheck(task, asyncio.task)) return asyncio.get_name ? PyObject_CallOneArg(asyncio.get_name, task) : NULL;
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
            PyObject *shown = is_number_of_task(name) && PyObject_TypeCheck(task, asyncio.task) ? name_by_coroutine(task) : NULL;
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

prof_ref prof_await_task(void) {
    PyObject *error = PyErr_GetRaisedException();
    prof_busy.quiet++;
    PyObject *task = find_asyncio() ? current_task() : NULL;
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

prof_ref prof_await_context(void) {
    PyObject *error = PyErr_GetRaisedException();
    prof_busy.quiet++;
    prof_ref ref = name_of_context();
    prof_busy.quiet--;
    PyErr_SetRaisedException(error);
    return ref;
}

static void note_names(prof_thread *t) {
    t->task = prof_await_task();
    t->context = name_of_context();
}

/* ---- what lies in an awaitable ------------------------------------------------------------------------------------------------ */

static PyObject *attribute_of(PyObject *o) {
    return PyCoro_CheckExact(o) ? cr_await : PyGen_CheckExact(o) ? gi_yieldfrom : PyAsyncGen_CheckExact(o) ? ag_await : NULL;
}

/* The code of a generator, coroutine or asynchronous generator (Borrowed: it has it). */
static PyCodeObject *code_in(PyObject *generator) {
    if (PROF_PY_VALIDATED) return prof_py_generator_ended(generator) ? NULL : prof_py_code(prof_py_generator_frame(generator));
    PyObject *code = optional(generator, PyCoro_CheckExact(generator)  ? "cr_code"
                                         : PyGen_CheckExact(generator) ? "gi_code"
                                                                       : "ag_code");
    Py_XDECREF(code);
    return (PyCodeObject *)code;
}

/* What a type that the interpreter has for itself wraps is told to its garbage collector alone. */
static int is_wrapper(const PyTypeObject *type) {
    static const char *const names[] = {"coroutine_wrapper", "async_generator_asend", "async_generator_athrow", "anext_awaitable",
                                        "_asyncio.FutureIter"};
    static const PyTypeObject *known[sizeof names / sizeof *names];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (known[i] == type) return 1;
        if (known[i] || strcmp(names[i], type->tp_name) || !type->tp_traverse) continue;
        known[i] = type;
        return 1;
    }
    return 0;
}

static int take_awaitable(PyObject *o, void *found) {
    if (PyType_Check(o) || !(attribute_of(o) || Py_TYPE(o)->tp_as_async)) return 0;
    *(PyObject **)found = o;
    return 1; /* no further */
}

/* What an awaitable that is suspended waits for itself. New reference, or NULL. */
static PyObject *inside(PyObject *o) {
    PyObject *name = attribute_of(o), *found = NULL;
    if (name) {
        found = PyObject_GetAttr(o, name);
        if (found == Py_None) Py_CLEAR(found);
        PyErr_Clear();
    } else if (is_wrapper(Py_TYPE(o))) {
        Py_TYPE(o)->tp_traverse(o, take_awaitable, &found);
        Py_XINCREF(found);
    }
    return found;
}

/* What is waited for: the code of the innermost coroutine without a span, or the last of what was looked into. Both Owned. */
typedef struct {
    PyCodeObject *code;
    PyObject *last;
    int spanned; /* there is a coroutine with a span in it */
} awaited;

static awaited look_into(PyObject *receiver) {
    awaited a = {.last = Py_NewRef(receiver)};
    for (int depth = 0; depth < DEEPEST; depth++) {
        PyCodeObject *code = attribute_of(a.last) ? code_in(a.last) : NULL;
        if (code && (prof_probed_site(code) || prof_watched((PyObject *)code))) {
            a.spanned = 1;
            break;
        }
        if (code) Py_XSETREF(a.code, (PyCodeObject *)Py_NewRef((PyObject *)code));
        PyObject *next = inside(a.last);
        if (!next) break;
        Py_SETREF(a.last, next);
    }
    return a;
}

static void let_go(awaited *a) {
    Py_XDECREF(a->code);
    Py_DECREF(a->last);
}

/* ---- what that is called -------------------------------------------------------------------------------------------------------- */

/* Whether another thread will set the future: one of concurrent.futures is chained to it, as loop.run_in_executor() does. */
static int is_chained(PyObject *future) {
    PyObject *list = PyObject_GetAttr(future, callbacks);
    int is = 0;
    for (Py_ssize_t i = 0; list && PyList_Check(list) && i < PyList_GET_SIZE(list) && !is; i++) {
        PyObject *pair = PyList_GET_ITEM(list, i);
        PyObject *callback = PyTuple_Check(pair) && PyTuple_GET_SIZE(pair) ? PyTuple_GET_ITEM(pair, 0) : NULL;
        is = callback && PyFunction_Check(callback) &&
             PyUnicode_CompareWithASCIIString(((PyFunctionObject *)callback)->func_qualname,
                                              "_chain_future.<locals>._call_check_cancel") == 0;
    }
    Py_XDECREF(list);
    PyErr_Clear();
    return is;
}

enum future_kind { NO_FUTURE, FUTURE, TASK, GATHER, EXECUTOR };

static enum future_kind future_kind(PyObject *o) {
    if (!find_asyncio() || !PyObject_TypeCheck(o, asyncio.future)) return NO_FUTURE;
    if (PyObject_TypeCheck(o, asyncio.task)) return TASK;
    if (!strcmp(Py_TYPE(o)->tp_name, "_GatheringFuture")) return GATHER;
    return is_chained(o) ? EXECUTOR : FUTURE;
}

static prof_label *frame_label(const char *name, const char *file, uint32_t line) {
    return prof_label_intern(PROF_FRAME, name, NULL, file, line, 0);
}

static prof_label *label_of_code(PyCodeObject *code) {
    PyObject *name = prof_py_bytes(code->co_qualname), *file = prof_py_bytes(code->co_filename);
    prof_label *label = name && file ? frame_label(PyBytes_AS_STRING(name), PyBytes_AS_STRING(file),
                                                   prof_py_original_line(code->co_filename, code->co_firstlineno))
                                     : NULL;
    Py_XDECREF(name);
    Py_XDECREF(file);
    PyErr_Clear();
    return label;
}

static prof_label *label_of(const awaited *a, enum future_kind kind) {
    char text[256];
    PyObject *shown = NULL;
    prof_label *label;
    if (a->code) return label_of_code(a->code);
    switch (kind) {
    case GATHER: return frame_label("gather", NULL, 0);
    case EXECUTOR: return frame_label("executor", NULL, 0);
    case TASK:
        shown = name_by_coroutine(a->last);
        if (shown) prof_py_utf8(shown, text, sizeof text - 8);
        PyErr_Clear();
        if (!shown) return frame_label("task", NULL, 0);
        memmove(text + 5, text, strlen(text) + 1);
        memcpy(text, "task ", 5);
        label = frame_label(text, NULL, 0);
        Py_DECREF(shown);
        return label;
    default:
        snprintf(text, sizeof text, "%s",
                 strrchr(Py_TYPE(a->last)->tp_name, '.') ? strrchr(Py_TYPE(a->last)->tp_name, '.') + 1 : Py_TYPE(a->last)->tp_name);
        return frame_label(text, NULL, 0);
    }
}

/* ---- the records: by the place of the await, what it is of, and whose it is --------------------------------------------------- */

typedef struct {
    const void *instruction; /* in `code`; compared, never dereferenced */
    PyObject *code, *of;     /* Owned: so that nothing else comes to lie there. What is waited for: code, a type */
    uint64_t kind;           /* enum future_kind */
    prof_ref task, context;
    prof_wait *record; /* Borrowed from the arena; NULL without room */
} known_wait;

typedef struct {
    prof_ref task, context;
    uint32_t kind;
    prof_activity *record; /* Borrowed from the arena; NULL without room */
} known_activity;

static known_wait *waits; /* Owned: an open-addressing table, as the next */
static size_t waits_mask, waits_used;
static known_activity *activities;
static size_t activities_mask, activities_used;

#define MOST_KNOWN 32768 /* a program that makes code for ever must not fill the memory */

static size_t mixed(uint64_t a, uint64_t b, uint64_t c) {
    uint64_t h = a * 0x9e3779b97f4a7c15u ^ b * 0xc2b2ae3d27d4eb4fu ^ c * 0x165667b19e3779f9u;
    return (size_t)(h ^ h >> 29 ^ h >> 47);
}

static size_t home_of_wait(const known_wait *w) {
    return mixed((uint64_t)(uintptr_t)w->instruction, (uint64_t)(uintptr_t)w->of + w->kind, (uint64_t)w->task << 32 | w->context);
}

static int same_wait(const known_wait *a, const known_wait *b) {
    return a->instruction == b->instruction && a->code == b->code && a->of == b->of && a->kind == b->kind && a->task == b->task &&
           a->context == b->context;
}

static int waits_grow(void) {
    size_t size = waits ? (waits_mask + 1) * 2 : 256;
    known_wait *bigger = calloc(size, sizeof *bigger);
    if (!bigger) return -1;
    for (size_t i = 0; waits && i <= waits_mask; i++) {
        if (!waits[i].code) continue;
        size_t k = home_of_wait(&waits[i]) & (size - 1);
        while (bigger[k].code) k = (k + 1) & (size - 1);
        bigger[k] = waits[i];
    }
    free(waits);
    waits = bigger;
    waits_mask = size - 1;
    return 0;
}

static void waits_clear(void) {
    known_wait *old = waits;
    size_t n = waits ? waits_mask + 1 : 0;
    waits = NULL; /* first: what follows may run code of the user's */
    waits_mask = waits_used = 0;
    for (size_t i = 0; i < n; i++) {
        if (!old[i].code) continue;
        Py_DECREF(old[i].code);
        Py_DECREF(old[i].of);
    }
    free(old);
}

void prof_awaits_reset(void) {
    waits_clear();
    free(activities);
    activities = NULL;
    activities_mask = activities_used = 0;
    forget_names(&tasks);
    forget_names(&contexts);
}

/* The line that `frame` is at. */
static prof_label *line_label(prof_py_frame *frame, PyCodeObject *code) {
    prof_site *site = prof_probed_site(code);
    if (!site) site = prof_watched((PyObject *)code);
    PyObject *name = site ? prof_py_bytes(site->name) : NULL, *file = prof_py_bytes(code->co_filename);
    prof_label *label = NULL;
    if (name && file)
        label = prof_label_line(PyBytes_AS_STRING(name), PyBytes_AS_STRING(file),
                                prof_py_original_line(code->co_filename, prof_py_line(frame)));
    Py_XDECREF(name);
    Py_XDECREF(file);
    PyErr_Clear();
    return label;
}

static prof_wait *new_record(const known_wait *wanted, prof_py_frame *frame, const awaited *a) {
    prof_label *line = line_label(frame, (PyCodeObject *)wanted->code), *what = label_of(a, (enum future_kind)wanted->kind);
    if (!line || !what) return NULL;
    return prof_wait_new(prof_arena_ref(line), prof_arena_ref(what), wanted->task, wanted->context);
}

static prof_wait *record_of(prof_thread *t, prof_py_frame *frame, const awaited *a) {
    enum future_kind kind = a->code ? NO_FUTURE : future_kind(a->last);
    PyCodeObject *code = prof_py_code(frame);
    known_wait wanted = {.instruction = prof_py_instruction(frame),
                         .code = (PyObject *)code,
                         .kind = (uint64_t)kind,
                         .task = t->task,
                         .context = t->context};
    PyObject *coro = kind == TASK && asyncio.get_coro ? PyObject_CallOneArg(asyncio.get_coro, a->last) : NULL;
    PyErr_Clear();
    wanted.of = coro && attribute_of(coro) ? (PyObject *)code_in(coro) : NULL;
    if (!wanted.of) wanted.of = a->code ? (PyObject *)a->code : (PyObject *)Py_TYPE(a->last);
    Py_XDECREF(coro);
    if (!code || ((!waits || (waits_used + 1) * 2 > waits_mask) && waits_grow())) return NULL;
    size_t k = home_of_wait(&wanted) & waits_mask;
    for (; waits[k].code; k = (k + 1) & waits_mask)
        if (same_wait(&waits[k], &wanted)) return waits[k].record;
    if (waits_used >= MOST_KNOWN) return NULL;
    wanted.record = new_record(&wanted, frame, a);
    Py_INCREF(wanted.code);
    Py_INCREF(wanted.of);
    waits[k] = wanted;
    waits_used++;
    return wanted.record;
}

prof_wait *prof_await(prof_thread *t, PyObject *receiver) {
    /* The most usual case costs nothing: a coroutine with a span is awaited as it is, and has been here. */
    PyCodeObject *direct = PROF_PY_VALIDATED && PyCoro_CheckExact(receiver) ? code_in(receiver) : NULL;
    if (direct && prof_probed_site(direct)) return NULL;
    prof_busy.quiet++;
    int collects = PyGC_Disable(); /* a collection would run the program's finalizers in here */
    awaited a = look_into(receiver);
    prof_wait *wait = NULL;
    if (!a.spanned) {
        note_names(t);
        wait = record_of(t, prof_py_current(), &a);
    }
    let_go(&a);
    if (collects) PyGC_Enable();
    prof_busy.quiet--;
    return wait;
}

/* ---- what tasks run, and contexts take ------------------------------------------------------------------------------------------- */

static int activities_grow(void) {
    size_t size = activities ? (activities_mask + 1) * 2 : 64;
    known_activity *bigger = calloc(size, sizeof *bigger);
    if (!bigger) return -1;
    for (size_t i = 0; activities && i <= activities_mask; i++) {
        if (!activities[i].kind) continue;
        size_t k = mixed(activities[i].task, activities[i].context, activities[i].kind) & (size - 1);
        while (bigger[k].kind) k = (k + 1) & (size - 1);
        bigger[k] = activities[i];
    }
    free(activities);
    activities = bigger;
    activities_mask = size - 1;
    return 0;
}

/* NULL without room. */
static prof_activity *activity_of(uint32_t kind, prof_ref task, prof_ref context) {
    if ((!activities || (activities_used + 1) * 2 > activities_mask) && activities_grow()) return NULL;
    size_t k = mixed(task, context, kind) & activities_mask;
    for (; activities[k].kind; k = (k + 1) & activities_mask)
        if (activities[k].task == task && activities[k].context == context && activities[k].kind == kind)
            return activities[k].record;
    activities[k] = (known_activity){task, context, kind, prof_activity_new(kind, task, context)};
    activities_used++;
    return activities[k].record;
}

void prof_await_step(prof_thread *t, uint64_t ticks, int ended) {
    if (ended) note_names(t);
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
    *task = prof_await_task();
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

PyMethodDef prof_await_methods[] = {
    {"describe_with", describe_with, METH_O,
     "describe_with(callable: Callable[[FrameType], tuple[str, int]] | None, /) -> None: what says, of the frame of a slow call, its arguments; or None."},
    {"context_begin", context_begin, METH_NOARGS, "context_begin() -> int | None: an instant; None when nothing records."},
    {"context_end", context_end, METH_VARARGS,
     "context_end(name: str, begun: int | None, /) -> None: counts a context of that name, from that instant on."},
    {NULL}};

int prof_awaits_init(PyObject *module) {
    prof_slow_describe = describe;
    cr_await = PyUnicode_InternFromString("cr_await");
    gi_yieldfrom = PyUnicode_InternFromString("gi_yieldfrom");
    ag_await = PyUnicode_InternFromString("ag_await");
    callbacks = PyUnicode_InternFromString("_callbacks");
    qualname = PyUnicode_InternFromString("__qualname__");
    context_variable = PyContextVar_New("prof.context", NULL);
    if (!cr_await || !gi_yieldfrom || !ag_await || !callbacks || !qualname || !context_variable) return -1;
    return PyModule_AddObjectRef(module, "context_variable", context_variable);
}
