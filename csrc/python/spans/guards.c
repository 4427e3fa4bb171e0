/* The spans of a Profiler object: `with p.span("load", kind="db") as s: s.record("rows", 12)`.
 *
 * A span is a section that an object holds. So it ends in any case, and two tasks that take turns in spans of coroutines without
 * probes do not end each other's. Hooks are called while the profiler works for itself: reports show their time apart. */
#include "python/version/version.h"

#include <math.h>
#include <string.h>

#include "core/busy.h"
#include "core/labels.h"
#include "core/metrics.h"
#include "core/session.h"
#include "child.h"
#include "python/ops/count.h"
#include "probes.h"
#include "python/text.h"
#include "sections.h"

#define MOST_NAMES 4096 /* of metrics */
#define SPARE 8         /* span objects that are kept for the next spans */

/* What p.span is while it records. */
typedef struct {
    PyObject_HEAD
    vectorcallfunc call;
    PyObject *begun, *ended; /* Owned: called with the span as it begins and ends; NULL for none */
} spans;

typedef struct {
    PyObject_HEAD
    spans *of;         /* Owned */
    prof_site *site;   /* Owned */
    prof_node *node;   /* Borrowed from the recording's arena */
    const void *owner; /* the interpreter frame that opened it; compared, never dereferenced */
    uint64_t epoch;    /* of the recording it was opened in */
    uint64_t start, ticks;
    int open, done;
    int depth; /* Python frames between it and the one that it is of */
} span;

static PyTypeObject span_type, spans_type;
static span *spare[SPARE]; /* Owned */
static int spare_count;

/* ---- names of metrics ------------------------------------------------------------------------------------------------ */

static PyObject *names; /* Owned: dict of refs by name */
static uint64_t names_epoch;

/* The ref of a metric's name in the running recording; 0 where there is no room for one more. Clears exceptions. */
static prof_ref name_ref(PyObject *name) {
    if (!names && !(names = PyDict_New())) goto error;
    if (names_epoch != prof_epoch) PyDict_Clear(names);
    names_epoch = prof_epoch;
    PyObject *known = PyDict_GetItemWithError(names, name);
    if (known) return (prof_ref)PyLong_AsUnsignedLong(known);
    if (PyErr_Occurred() || PyDict_GET_SIZE(names) >= MOST_NAMES) goto error;
    PyObject *bytes = prof_py_bytes(name);
    prof_ref ref = bytes ? prof_string_ref(PyBytes_AS_STRING(bytes)) : 0;
    PyObject *number = PyLong_FromUnsignedLong(ref);
    if (ref && number) PyDict_SetItem(names, name, number);
    Py_XDECREF(bytes);
    Py_XDECREF(number);
    PyErr_Clear();
    return ref;
error:
    PyErr_Clear();
    return 0;
}

/* ---- metrics ----------------------------------------------------------------------------------------------------------- */

/* A number as an integer, or as a real one: 0, 1; -1 with TypeError. */
static int number_of(PyObject *value, int64_t *integer, double *real) {
    int beyond = 0;
    if (PyFloat_Check(value)) {
        *real = PyFloat_AS_DOUBLE(value);
        return 1;
    }
    PyObject *index = PyLong_Check(value) ? Py_NewRef(value) : PyIndex_Check(value) ? PyNumber_Index(value) : NULL;
    if (!index) { /* numpy's, decimal.Decimal, fractions.Fraction */
        PyErr_Clear();
        *real = PyUnicode_Check(value) ? -1 : PyFloat_AsDouble(value);
        if (!PyUnicode_Check(value) && !PyErr_Occurred()) return 1;
        PyErr_Clear();
        PyErr_Format(PyExc_TypeError, "record(name, value): the value is a number, and no %s", Py_TYPE(value)->tp_name);
        return -1;
    }
    *integer = PyLong_AsLongLongAndOverflow(index, &beyond);
    if (beyond) *real = PyLong_AsDouble(index);
    Py_DECREF(index);
    if (!PyErr_Occurred()) return beyond != 0;
    PyErr_Clear(); /* more than a double holds */
    *real = INFINITY;
    return 1;
}

/* (name, value) for a node of the calling thread, or of another that the value is of. */
static PyObject *record_on(prof_thread *t, const prof_node *node, PyObject *const *args, Py_ssize_t n) {
    int64_t integer = 0;
    double real = 0;
    if (n != 2 || !PyUnicode_Check(args[0])) {
        PyErr_SetString(PyExc_TypeError, "record(name, value): the metric's name, a str, and a number");
        return NULL;
    }
    int kind = number_of(args[1], &integer, &real);
    if (kind < 0) return NULL;
    if (t && node) {
        prof_busy.quiet++;
        prof_ref name = name_ref(args[0]);
        if (kind) prof_metric_add_real(t, node, name, real);
        else prof_metric_add(t, node, name, integer);
        prof_busy.quiet--;
    }
    Py_RETURN_NONE;
}

/* ---- a span -------------------------------------------------------------------------------------------------------------- */

/* The frame of an open span on the stack of `t`, or NULL. One that was opened in a coroutine without probes, below one with probes,
 * went aside with that, and is its since. */
static prof_frame *frame_of(prof_thread *t, const span *s) {
    prof_frame *f = t->top, *like = NULL;
    const prof_label *label = s->site->label;
    if (PROF_LIKELY(f->label == label && f->owner == s->owner)) return f;
    label = prof_site_label(s->site); /* a forked child has labels of its own */
    for (; label && f->label; f--) {
        if (f->label != label) continue;
        if (f->owner == s->owner) return f;
        if (!like) like = f;
    }
    return like;
}

static void call_hook(PyObject *hook, span *s) {
    PyObject *error = PyErr_GetRaisedException();
    prof_own_begin();
    PyObject *result = PyObject_CallOneArg(hook, (PyObject *)s);
    prof_own_end();
    if (!result) PyErr_WriteUnraisable(hook);
    Py_XDECREF(result);
    PyErr_SetRaisedException(error);
}

/* The span that one which `frame` opens is called from: not that of a task which waits meanwhile. */
static const prof_frame *caller_of(prof_thread *t, prof_py_frame *frame) {
    const prof_frame *f = t->top;
    while (PROF_UNLIKELY(f->label && f->loose == PROF_LOOSE_HELD && f->label->kind == PROF_SECTION) && f->owner != frame &&
           !prof_section_runs(frame, f->owner))
        f--;
    return f;
}

/* The frame `depth` Python frames up from here. */
static prof_py_frame *frame_above(int depth) {
    prof_py_frame *frame = prof_py_current();
    while (depth-- > 0 && frame) frame = prof_py_caller(frame);
    return frame;
}

static void open_span(span *s) {
    prof_py_frame *frame = frame_above(s->depth);
    prof_thread *t = prof_py_thread();
    prof_label *label = t ? prof_site_label(s->site) : NULL;
    s->node = NULL;
    s->done = 0;
    s->open = 1;
    s->owner = frame;
    s->epoch = prof_epoch;
    if (!label || !frame) return;
    PyCodeObject *code = prof_py_code(frame);
    int loose = !prof_is_probed(code) && !prof_watched((PyObject *)code);
    if (PROF_UNLIKELY(loose && code->co_flags & (CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR)))
        prof_section_warn(s->site, 0, PROF_SECTION_WAITS);
    const void *owner = loose ? NULL : frame;
    prof_count_move(frame, owner, PROF_EVENT_LEAVES);
    prof_frame *f = prof_push_from(t, caller_of(t, frame)->node, label);
    if (f) {
        f->owner = frame;
        f->loose = loose ? PROF_LOOSE_HELD : 0;
        f->node->calls++;
        s->node = f->node;
        s->start = f->start;
    }
    prof_count_move(frame, owner, PROF_EVENT_ENTERS);
}

/* Takes the frame of a span from the stack, wherever it lies there by now. The span ended at `now`; hooks took until `after`. */
static void close_frame(prof_thread *t, prof_frame *f, uint64_t now, uint64_t after) {
    prof_py_frame *frame = prof_py_current();
    while (t->top > f && t->top->label->kind == PROF_SECTION && t->top->owner == f->owner) { /* left open in it */
        prof_count(PROF_DROP_SECTION_ORDER, 1);
        prof_section_close_top(t, frame, now);
    }
    if (t->top == f || f->loose != PROF_LOOSE_HELD) {
        for (; t->top > f; prof_section_close_top(t, frame, now)) prof_count(PROF_DROP_SECTION_ORDER, 1);
        const void *owner = f->loose ? NULL : f->owner;
        prof_label *label = f->label;
        const prof_node *node = f->node;
        prof_count_move(frame, owner, PROF_EVENT_LEAVES);
        uint64_t start = f->start, ticks = f->prior;
        ticks += prof_pop(t, f, after) - (after - now);
        prof_complete(t, prof_arena_ref(label), ticks);
        prof_count_move(frame, owner, PROF_EVENT_ENTERS);
        if (PROF_UNLIKELY(ticks > label->private_slow_above)) prof_slow_note(t, label, node, start, ticks);
    } else {
        prof_label *label = f->label;
        const prof_node *node = f->node;
        uint64_t start = f->start, ticks = f->prior;
        ticks += prof_take_out(t, f, now);
        prof_complete(t, prof_arena_ref(label), ticks);
        if (PROF_UNLIKELY(ticks > label->private_slow_above)) prof_slow_note(t, label, node, start, ticks);
    }
}

static void close_span(span *s, uint64_t now) {
    prof_thread *t = prof_py_thread();
    prof_frame *f = t && s->open ? frame_of(t, s) : NULL;
    if (f) {
        s->ticks = f->prior + now - f->start;
        s->done = 1;
        uint64_t after = now;
        if (PROF_UNLIKELY(s->of->ended != NULL)) {
            call_hook(s->of->ended, s);
            f = frame_of(t, s); /* the stack may lie elsewhere */
            after = prof_now();
        }
        if (f) close_frame(t, f, now, after);
    } else if (t && s->open && s->epoch == prof_epoch && !prof_full()) {
        prof_count(PROF_DROP_SECTION_UNOPENED, 1); /* on another thread, or the function's end has closed it */
    }
    s->open = 0;
}

static PyObject *span_begin(PyObject *o, PyObject *ignored) {
    span *s = (span *)o;
    if (!s->open) {
        prof_busy.quiet++;
        open_span(s);
        prof_busy.quiet--;
        if (PROF_UNLIKELY(s->of->begun != NULL && s->node)) call_hook(s->of->begun, s);
    }
    return Py_NewRef(o);
}

static PyObject *span_end(PyObject *o, PyObject *const *args, Py_ssize_t n) {
    uint64_t now = prof_now();
    prof_busy.quiet++;
    close_span((span *)o, now);
    prof_busy.quiet--;
    Py_RETURN_NONE; /* exceptions go on */
}

static PyObject *span_record(PyObject *o, PyObject *const *args, Py_ssize_t n) {
    span *s = (span *)o;
    prof_thread *t = prof_py_thread();
    prof_frame *f = t && s->open ? frame_of(t, s) : NULL;
    return record_on(t, f ? f->node : s->epoch == prof_epoch ? s->node : NULL, args, n);
}

static PyObject *span_duration(PyObject *o, void *ignored) {
    span *s = (span *)o;
    if (!s->done) Py_RETURN_NONE;
    double ns = (double)s->ticks;
    if (prof_clock_kind_now == PROF_CLOCK_TSC) {
        prof_instant first = prof_arena_header()->start, last = prof_recording() ? prof_clock_instant() : prof_arena_header()->last;
        ns *= (double)(last.monotonic_ns - first.monotonic_ns) / (double)(last.ticks - first.ticks);
    }
    return PyLong_FromDouble(ns);
}

static PyObject *span_name(PyObject *o, void *ignored) { return prof_section_name(((span *)o)->site); }

static PyObject *span_kind(PyObject *o, void *ignored) {
    PyObject *name = ((span *)o)->site->name;
    return PyUnicode_Substring(name, 0, PyUnicode_FindChar(name, '!', 0, PyUnicode_GET_LENGTH(name), 1));
}

static void span_dealloc(PyObject *o) {
    span *s = (span *)o;
    if (s->open) { /* begun by hand, and let go of */
        PyObject *error = PyErr_GetRaisedException();
        Py_SET_REFCNT(o, 1);
        span_end(o, NULL, 0);
        PyErr_SetRaisedException(error);
        Py_SET_REFCNT(o, Py_REFCNT(o) - 1);
        if (Py_REFCNT(o) > 0) return; /* a hook keeps it */
    }
    Py_CLEAR(s->of);
    Py_CLEAR(s->site);
    if (spare_count < SPARE) spare[spare_count++] = s;
    else PyObject_Free(o);
}

static PyObject *span_repr(PyObject *o) { return PyUnicode_FromFormat("<span %U>", ((span *)o)->site->name); }

#define FAST(function) (PyCFunction)(void (*)(void))(function), METH_FASTCALL
static PyMethodDef span_methods[] = {
    {"__enter__", span_begin, METH_NOARGS, "__enter__() -> Span: begins the span."},
    {"__exit__", FAST(span_end), "__exit__(*exception: object) -> None: ends it."},
    {"begin", span_begin, METH_NOARGS, "begin() -> Span: begins the span, and returns it."},
    {"end", FAST(span_end), "end() -> None: ends the span; a second time does nothing."},
    {"record", FAST(span_record), "record(name: str, value: float, /) -> None: adds a value of a metric to the span."},
    {NULL}};
static PyGetSetDef span_values[] = {
    {"name", span_name, NULL, "name: str: the span's name.", NULL},
    {"kind", span_kind, NULL, "kind: str: what stands before the `!` of its name in reports.", NULL},
    {"duration_ns", span_duration, NULL, "duration_ns: int | None: what it took, without suspensions; None until then.", NULL},
    {NULL}};
static PyTypeObject span_type = {PyVarObject_HEAD_INIT(NULL, 0).tp_name = "prof.Span",
                                 .tp_basicsize = sizeof(span),
                                 .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                                 .tp_dealloc = span_dealloc,
                                 .tp_methods = span_methods,
                                 .tp_getset = span_values,
                                 .tp_repr = span_repr};

/* ---- p.span and p.record -------------------------------------------------------------------------------------------------- */

/* span(name, kind=None[, depth]): the arguments. 0, or -1 with TypeError. */
static int arguments(PyObject *const *args, size_t flags, PyObject *keywords, PyObject **name, PyObject **kind, int *depth) {
    Py_ssize_t n = PyVectorcall_NARGS(flags), named = keywords ? PyTuple_GET_SIZE(keywords) : 0;
    *name = n > 0 ? args[0] : NULL;
    *kind = n > 1 ? args[1] : NULL;
    *depth = n > 2 && PyLong_Check(args[2]) ? (int)PyLong_AsLong(args[2]) : 0;
    int wrong = n > 3;
    for (Py_ssize_t i = 0; i < named && !wrong; i++) {
        PyObject *key = PyTuple_GET_ITEM(keywords, i), **to = NULL;
        if (PyUnicode_CompareWithASCIIString(key, "kind") == 0) to = kind;
        else if (PyUnicode_CompareWithASCIIString(key, "name") == 0) to = name;
        wrong = !to || *to;
        if (to) *to = args[n + i];
    }
    if (*kind == Py_None) *kind = NULL;
    if (!wrong && *name && PyUnicode_Check(*name) && (!*kind || PyUnicode_Check(*kind))) return 0;
    PyErr_SetString(PyExc_TypeError, "span(name, kind=None): both are str");
    return -1;
}

static PyObject *new_span(PyObject *callable, PyObject *const *args, size_t flags, PyObject *keywords) {
    PyObject *name, *kind;
    int depth;
    if (arguments(args, flags, keywords, &name, &kind, &depth)) return NULL;
    prof_busy.quiet++;
    prof_py_frame *frame = frame_above(depth);
    prof_site *site = frame ? prof_section_at(frame, name, kind) : NULL;
    span *s = NULL;
    if (site && spare_count) {
        s = spare[--spare_count];
        PyObject_Init((PyObject *)s, &span_type);
    } else if (site) {
        s = PyObject_New(span, &span_type);
    }
    prof_busy.quiet--;
    if (!s) return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_RuntimeError, "span(): no Python function calls this");
    s->of = (spans *)Py_NewRef(callable);
    s->site = (prof_site *)Py_NewRef(site);
    s->node = NULL;
    s->epoch = 0;
    s->open = s->done = 0;
    s->depth = depth;
    return (PyObject *)s;
}

static PyObject *spans_record(PyObject *o, PyObject *const *args, Py_ssize_t n) {
    prof_thread *t = prof_py_thread();
    const prof_frame *f = t ? t->top : NULL;
    while (f && f->label && f->label->kind == PROF_PROFILER) f--; /* in a hook */
    return record_on(t, f ? f->node : NULL, args, n);
}

static PyObject *spans_total(PyObject *o, PyObject *const *args, Py_ssize_t n) {
    prof_thread *t = prof_py_thread();
    return record_on(t, t ? t->base->node : NULL, args, n);
}

static int spans_traverse(PyObject *o, visitproc visit, void *arg) {
    Py_VISIT(((spans *)o)->begun);
    Py_VISIT(((spans *)o)->ended);
    return 0;
}

static int spans_clear(PyObject *o) {
    Py_CLEAR(((spans *)o)->begun);
    Py_CLEAR(((spans *)o)->ended);
    return 0;
}

static void spans_dealloc(PyObject *o) {
    PyObject_GC_UnTrack(o);
    spans_clear(o);
    PyObject_GC_Del(o);
}

static PyMethodDef spans_methods[] = {
    {"record", FAST(spans_record), "record(name: str, value: float, /) -> None: on the innermost open span."},
    {"total", FAST(spans_total), "total(name: str, value: float, /) -> None: of the whole, outside every span."},
    {NULL}};
static PyTypeObject spans_type = {PyVarObject_HEAD_INIT(NULL, 0).tp_name = "prof.Spans",
                                  .tp_doc = "__call__(name: str, kind: str | None = None, depth: int = 0, /) -> Span: a span of "
                                            "the frame that is so far up.",
                                  .tp_basicsize = sizeof(spans),
                                  .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_HAVE_GC |
                                              Py_TPFLAGS_HAVE_VECTORCALL,
                                  .tp_vectorcall_offset = offsetof(spans, call),
                                  .tp_call = PyVectorcall_Call,
                                  .tp_dealloc = spans_dealloc,
                                  .tp_traverse = spans_traverse,
                                  .tp_clear = spans_clear,
                                  .tp_methods = spans_methods};

static PyObject *make_spans(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    spans *made = n == 2 ? PyObject_GC_New(spans, &spans_type) : NULL;
    if (!made) return n == 2 ? NULL : PyErr_Format(PyExc_TypeError, "spans(begun, ended)");
    made->call = new_span;
    made->begun = args[0] == Py_None ? NULL : Py_NewRef(args[0]);
    made->ended = args[1] == Py_None ? NULL : Py_NewRef(args[1]);
    PyObject_GC_Track(made);
    return (PyObject *)made;
}

PyMethodDef prof_guard_methods[] = {
    {"spans", FAST(make_spans),
     "spans(begun: Callable[[Span], object] | None, ended: Callable[[Span], object] | None, /) -> Spans: what makes spans. Each of\n"
     "the two is called with a span."},
    {NULL}};

int prof_guards_init(void) { return PyType_Ready(&span_type) || PyType_Ready(&spans_type) ? -1 : 0; }
