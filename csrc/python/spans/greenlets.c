#include "python/version/version.h"
#include "greenlets.h"

#include <stdlib.h>
#include <string.h>

#include "core/busy.h"
#include "probes.h"

int prof_greenlets_watched;
static int noticed;

/* ---- stacks that are put aside, by greenlet --------------------------------------------------------------------------------- */

typedef struct aside {
    const void *greenlet;  /* compared, never dereferenced */
    PyObject *weak;        /* Owned: a weak reference to it: another one may come to lie there */
    const prof_thread *of; /* whose stack it is; compared, never dereferenced */
    uint64_t since;        /* ticks of the switch */
    prof_frame *frames;    /* Owned: outermost first; `prior` has the ticks up to the switch */
    size_t count, room;
    struct aside *next; /* in its bucket */
} aside;

static aside **buckets; /* Owned table of owned lists */
static size_t mask, used;

static size_t bucket_of(const void *greenlet, size_t m) {
    return (size_t)(((uint64_t)(uintptr_t)greenlet >> 4) * 0x9e3779b97f4a7c15u >> 32) & m;
}

static void aside_free(aside *a) {
    Py_DECREF(a->weak);
    free(a->frames);
    free(a);
}

/* Whether the greenlet is gone. */
static int is_stale(const aside *a) {
    PyObject *greenlet = PyObject_CallNoArgs(a->weak);
    int stale = !greenlet || greenlet == Py_None;
    Py_XDECREF(greenlet);
    PyErr_Clear();
    return stale;
}

static int grow(void) {
    size_t size = buckets ? (mask + 1) * 2 : 64;
    aside **bigger = calloc(size, sizeof *bigger);
    if (!bigger) return -1;
    for (size_t i = 0; buckets && i <= mask; i++) {
        for (aside *a = buckets[i], *next; a; a = next) {
            next = a->next;
            if (!a->count && is_stale(a)) {
                aside_free(a);
                used--;
                continue;
            }
            size_t k = bucket_of(a->greenlet, size - 1);
            a->next = bigger[k];
            bigger[k] = a;
        }
    }
    free(buckets);
    buckets = bigger;
    mask = size - 1;
    return 0;
}

/* What is put aside for the greenlet; with `make`, an empty one if there is none. NULL: there is none, or no memory. */
static aside *aside_of(PyObject *greenlet, int make) {
    for (aside **p = buckets ? &buckets[bucket_of(greenlet, mask)] : NULL; p && *p; p = &(*p)->next) {
        aside *a = *p;
        if (a->greenlet != greenlet) continue;
        if (!is_stale(a)) return a;
        prof_count(PROF_DROP_OPEN_AT_END, a->count);
        *p = a->next;
        aside_free(a);
        used--;
        break;
    }
    if (!make || ((!buckets || used > mask) && grow())) return NULL;
    aside *a = calloc(1, sizeof *a);
    PyObject *weak = a ? PyWeakref_NewRef(greenlet, NULL) : NULL;
    if (!weak) {
        PyErr_Clear();
        free(a);
        return NULL;
    }
    a->greenlet = greenlet;
    a->weak = weak;
    size_t k = bucket_of(greenlet, mask);
    a->next = buckets[k];
    buckets[k] = a;
    used++;
    return a;
}

/* Takes all frames off the stack of `t`, as they stand at `now`. Without memory they stay where they are. */
static void put_aside(prof_thread *t, PyObject *greenlet, uint64_t now) {
    size_t count = (size_t)(t->top - t->base);
    aside *a = count ? aside_of(greenlet, 1) : NULL;
    if (!a) return;
    if (a->room < count) {
        prof_frame *bigger = realloc(a->frames, count * sizeof *bigger);
        if (!bigger) return;
        a->frames = bigger;
        a->room = count;
    }
    a->count = count;
    a->since = now;
    a->of = t;
    for (prof_frame *f = t->top; f > t->base; f = t->top) {
        prof_frame *to = &a->frames[f - t->base - 1];
        *to = *f;
        to->prior += prof_pop(t, f, now);
    }
}

/* Puts them back. Their time goes on from `now`. */
static void take_back(prof_thread *t, PyObject *greenlet, uint64_t now) {
    aside *a = aside_of(greenlet, 0);
    if (!a) return;
    for (size_t i = 0; i < a->count && a->of == t; i++) {
        const prof_frame *from = &a->frames[i];
        prof_frame *f = prof_push(t, from->label);
        if (!f) {
            prof_count(PROF_DROP_HEALED, a->count - i);
            break;
        }
        f->prior = from->prior;
        f->owner = from->owner;
        f->begun = from->begun;
        f->loose = from->loose;
        f->start = now;
        f->node->suspended += now - a->since;
    }
    a->count = 0;
}

static void let_go(int counted) {
    aside **old = buckets;
    size_t n = buckets ? mask + 1 : 0;
    buckets = NULL; /* first: what follows may run code of the user's */
    mask = used = 0;
    for (size_t i = 0; i < n; i++) {
        for (aside *a = old[i], *next; a; a = next) {
            next = a->next;
            if (counted) prof_count(PROF_DROP_OPEN_AT_END, a->count);
            aside_free(a);
        }
    }
    free(old);
}

/* ---- what greenlet tells of ---------------------------------------------------------------------------------------------------- */

/* (event, (origin, target)), called in the target. `self` is the trace function that there was before, or None. */
static PyObject *on_switch(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    uint64_t now = prof_now();
    prof_thread *t = prof_current;
    if (n == 2 && PyTuple_Check(args[1]) && PyTuple_GET_SIZE(args[1]) == 2 && t->epoch == prof_epoch && prof_recording()) {
        PyObject *origin = PyTuple_GET_ITEM(args[1], 0), *target = PyTuple_GET_ITEM(args[1], 1);
        PyObject *error = PyErr_GetRaisedException();
        prof_busy.quiet++;
        if (origin != target) {
            put_aside(t, origin, now);
            take_back(t, target, now);
        }
        prof_busy.quiet--;
        PyErr_SetRaisedException(error);
    }
    return self == Py_None ? Py_NewRef(Py_None) : PyObject_Vectorcall(self, args, (size_t)n, NULL);
}

static PyMethodDef on_switch_def = {"on_switch", (PyCFunction)(void (*)(void))on_switch, METH_FASTCALL,
                                    "A trace function of greenlet's: gives each greenlet a stack of its own."};

static int is_ours(PyObject *function) {
    return function && PyCFunction_Check(function) && PyCFunction_GET_FUNCTION(function) == (PyCFunction)(void (*)(void))on_switch;
}

/* greenlet's module, once it is imported (Borrowed), or NULL. */
static PyObject *greenlet_module(void) {
    static PyObject *name;
    if (!name) name = PyUnicode_InternFromString("greenlet._greenlet");
    PyObject *module = name ? PyDict_GetItemWithError(PyImport_GetModuleDict(), name) : NULL;
    PyErr_Clear();
    return module;
}

/* Has the calling thread's switches told of. 0, or -1 where that cannot be. */
static int trace(PyObject *module) {
    PyObject *before = PyObject_CallMethod(module, "gettrace", NULL);
    int traced = is_ours(before);
    if (before && !traced) {
        PyObject *function = PyCFunction_New(&on_switch_def, before);
        PyObject *set = function ? PyObject_CallMethod(module, "settrace", "O", function) : NULL;
        traced = set != NULL;
        Py_XDECREF(set);
        Py_XDECREF(function);
    }
    Py_XDECREF(before);
    PyErr_Clear();
    return traced ? 0 : -1;
}

static void untrace(PyObject *module) {
    PyObject *now = PyObject_CallMethod(module, "gettrace", NULL);
    PyObject *before = is_ours(now) ? PyCFunction_GET_SELF(now) : NULL;
    PyObject *set = before ? PyObject_CallMethod(module, "settrace", "O", before) : NULL;
    Py_XDECREF(set);
    Py_XDECREF(now);
    PyErr_Clear();
}

void prof_greenlets_reset(void) {
    PyObject *module = greenlet_module();
    let_go(0);
    prof_greenlets_watched = noticed = 0;
    if (module) trace(module);
}

void prof_greenlets_end(void) {
    PyObject *module = greenlet_module();
    if (module) untrace(module);
    let_go(1);
}

void prof_greenlets_meet(prof_thread *t) {
    if (PROF_LIKELY(t->greenlets)) return;
    PyObject *module = greenlet_module();
    if (!module) return;
    PyObject *error = PyErr_GetRaisedException();
    PyObject *before = PyObject_CallMethod(module, "gettrace", NULL);
    int told = is_ours(before);
    Py_XDECREF(before);
    prof_busy.quiet++;
    int traced = told || trace(module) == 0;
    prof_busy.quiet--;
    PyErr_Clear();
    PyErr_SetRaisedException(error);
    t->greenlets = 1;
    /* Spans that are open already may be another greenlet's. */
    if (!told && !noticed) prof_greenlets_compare(t);
    if (!traced && !noticed) prof_greenlets_watched = 1;
}

static PyObject *trace_greenlets(PyObject *self, PyObject *module) {
    if (prof_recording()) trace(module);
    Py_RETURN_NONE;
}

PyMethodDef prof_greenlet_methods[] = {
    {"trace_greenlets", trace_greenlets, METH_O,
     "trace_greenlets(module: Any, /) -> None: greenlet has just been imported; the calling thread's switches are told of from now on."},
    {NULL}};

/* ---- where they are not told of --------------------------------------------------------------------------------------------------- */

/* The label of the function's span that the span on top was opened in; NULL outside all. */
static const prof_label *caller_by_spans(const prof_thread *t) {
    const prof_frame *f = t->top;
    while (--f > t->base)
        if (f->label->kind == PROF_FUNCTION) return f->label;
    return NULL;
}

void prof_greenlets_compare(const prof_thread *t) {
    const prof_label *label = t->top > t->base ? caller_by_spans(t) : NULL;
    if (!label) return;
    for (prof_py_frame *f = prof_py_caller(prof_py_current()); f; f = prof_py_caller(f)) {
        PyCodeObject *code = prof_py_code(f);
        prof_site *site = prof_probed_site(code);
        if (!site) site = prof_watched((PyObject *)code);
        if (site && site->label == label) return;
    }
    prof_greenlets_watched = 0;
    noticed = 1;
    prof_arena_header()->flags |= PROF_FLAG_INTERLEAVED;
}
