#include "python/version/version.h"
#include "greenlets.h"

#include "probes.h"

int prof_greenlets_watched;
static int noticed;

void prof_greenlets_reset(void) { prof_greenlets_watched = noticed = 0; }

void prof_greenlets_meet(void) {
    static PyObject *name;
    if (noticed || prof_greenlets_watched) return;
    if (!name) name = PyUnicode_InternFromString("greenlet._greenlet");
    prof_greenlets_watched = name && PyDict_Contains(PyImport_GetModuleDict(), name) == 1;
    PyErr_Clear();
}

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
