#include "python/version/version.h"
#include "awaits.h"

#include <stdio.h>
#include <string.h>

#include "core/busy.h"
#include "core/labels.h"
#include "core/session.h"
#include "core/table.h"
#include "python/text.h"
#include "probes.h"
#include "tasks.h"

#define DEEPEST 64 /* awaitables that are looked into, one in the other */

static PyObject *cr_await, *gi_yieldfrom, *ag_await, *callbacks; /* names of attributes */

/* ---- what lies in an awaitable ------------------------------------------------------------------------------------------------ */

static PyObject *attribute_of(PyObject *o) {
    return PyCoro_CheckExact(o) ? cr_await : PyGen_CheckExact(o) ? gi_yieldfrom : PyAsyncGen_CheckExact(o) ? ag_await : NULL;
}

/* The code of a generator, coroutine or asynchronous generator (Borrowed: it has it). */
static PyCodeObject *code_in(PyObject *generator) {
    if (PROF_PY_VALIDATED) return prof_py_generator_ended(generator) ? NULL : prof_py_code(prof_py_generator_frame(generator));
    PyObject *code = prof_py_optional(generator, PyCoro_CheckExact(generator)  ? "cr_code"
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
    if (!prof_find_asyncio() || !PyObject_TypeCheck(o, prof_asyncio.future)) return NO_FUTURE;
    if (PyObject_TypeCheck(o, prof_asyncio.task)) return TASK;
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
        shown = prof_task_by_coroutine(a->last);
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

static prof_table waits; /* of known_wait */

#define MOST_KNOWN 32768 /* a program that makes code for ever must not fill the memory */

static uint64_t hash_of_wait(const void *slot) {
    const known_wait *w = slot;
    return prof_mixed((uint64_t)(uintptr_t)w->instruction, (uint64_t)(uintptr_t)w->of + w->kind,
                      (uint64_t)w->task << 32 | w->context);
}

static int same_wait(const known_wait *a, const known_wait *b) {
    return a->instruction == b->instruction && a->code == b->code && a->of == b->of && a->kind == b->kind && a->task == b->task &&
           a->context == b->context;
}

void prof_awaits_reset(void) {
    prof_table old = waits;
    known_wait *slots = old.slots;
    waits = (prof_table){0}; /* first: what follows may run code of the user's */
    for (size_t i = 0; slots && i <= old.mask; i++) {
        Py_XDECREF(slots[i].code);
        Py_XDECREF(slots[i].of);
    }
    prof_table_free(&old);
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
    PyObject *coro = kind == TASK && prof_asyncio.get_coro ? PyObject_CallOneArg(prof_asyncio.get_coro, a->last) : NULL;
    PyErr_Clear();
    wanted.of = coro && attribute_of(coro) ? (PyObject *)code_in(coro) : NULL;
    if (!wanted.of) wanted.of = a->code ? (PyObject *)a->code : (PyObject *)Py_TYPE(a->last);
    Py_XDECREF(coro);
    if (!code || prof_table_reserve(&waits, sizeof wanted, 256, hash_of_wait)) return NULL;
    known_wait *slots = waits.slots;
    size_t k = hash_of_wait(&wanted) & waits.mask;
    for (; slots[k].code; k = (k + 1) & waits.mask)
        if (same_wait(&slots[k], &wanted)) return slots[k].record;
    if (waits.used >= MOST_KNOWN) return NULL;
    wanted.record = new_record(&wanted, frame, a);
    Py_INCREF(wanted.code);
    Py_INCREF(wanted.of);
    slots[k] = wanted;
    waits.used++;
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
        prof_task_note(t);
        wait = record_of(t, prof_py_current(), &a);
    }
    let_go(&a);
    if (collects) PyGC_Enable();
    prof_busy.quiet--;
    return wait;
}

int prof_awaits_init(void) {
    cr_await = PyUnicode_InternFromString("cr_await");
    gi_yieldfrom = PyUnicode_InternFromString("gi_yieldfrom");
    ag_await = PyUnicode_InternFromString("ag_await");
    callbacks = PyUnicode_InternFromString("_callbacks");
    return cr_await && gi_yieldfrom && ag_await && callbacks ? 0 : -1;
}
