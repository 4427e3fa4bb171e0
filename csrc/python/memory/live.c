/* The blocks that live now: by type, and as traces of tracemalloc's. For the memory mode in detail. */
#include "python/version/version.h"

#include <stdlib.h>

#include "core/busy.h"
#include "core/labels.h"
#include "modes/memory/memory.h"
#include "core/stack.h"
#include "python/spans/probes.h"

#if PROF_PY_VALIDATED

/* ---- by type ---------------------------------------------------------------------------------------------------------- */

typedef struct {
    PyTypeObject *type; /* Borrowed */
    uint64_t count, bytes;
} type_sum;

typedef struct {
    type_sum *sums; /* Owned, sorted by address */
    size_t n;
    uint64_t other_count, other_bytes;
    uint64_t small_bytes;
} type_sums;

#define SMALL 512 /* pymalloc's largest block */

static int by_address(const void *a, const void *b) {
    uintptr_t x = (uintptr_t)((const type_sum *)a)->type, y = (uintptr_t)((const type_sum *)b)->type;
    return x < y ? -1 : x > y;
}

/* The known type that the word at `at` points to, if an object of it would lie `head` bytes into its block. */
static type_sum *type_at(const type_sums *all, const char *block, size_t head) {
    const PyObject *o = (const PyObject *)(const void *)(block + head);
    type_sum key = {.type = Py_TYPE((PyObject *)o)}, *found;
    if (Py_REFCNT((PyObject *)o) <= 0) return NULL;
    found = bsearch(&key, all->sums, all->n, sizeof key, by_address);
    return found && prof_py_head(found->type) == head ? found : NULL;
}

static void add_block(void *context, void *block, size_t bytes, uint32_t tag) {
    type_sums *all = context;
    type_sum *found = NULL;
    if (bytes <= SMALL) all->small_bytes += bytes;
    const size_t word = sizeof(void *);
    for (size_t head = 0; tag & 1 && !found && head <= 4 * word && head + sizeof(PyObject) <= bytes; head += 2 * word)
        found = type_at(all, block, head);
    if (found) {
        found->count++;
        found->bytes += bytes;
    } else {
        all->other_count++;
        all->other_bytes += bytes;
    }
}

static PyObject *type_rows(const type_sums *all) {
    PyObject *rows = PyList_New(0);
    for (size_t i = 0; rows && i < all->n; i++) {
        const type_sum *s = &all->sums[i];
        PyObject *row = s->count ? Py_BuildValue("(OKK)", s->type, s->count, s->bytes) : NULL;
        if (s->count && (!row || PyList_Append(rows, row))) Py_CLEAR(rows);
        Py_XDECREF(row);
    }
    PyObject *row = rows ? Py_BuildValue("(OKK)", Py_None, all->other_count, all->other_bytes) : NULL;
    if (!row || PyList_Append(rows, row)) Py_CLEAR(rows);
    Py_XDECREF(row);
    return rows;
}

static PyObject *live_types(PyObject *self, PyObject *known) {
    if (!PyList_Check(known)) return PyErr_Format(PyExc_TypeError, "live_types(list of types)");
    type_sums all = {.n = 0};
    prof_busy.quiet++;
    all.sums = calloc((size_t)PyList_GET_SIZE(known) + 1, sizeof *all.sums);
    PyObject *rows = all.sums ? NULL : PyErr_NoMemory();
    if (all.sums) {
        for (Py_ssize_t i = 0; i < PyList_GET_SIZE(known); i++)
            if (PyType_Check(PyList_GET_ITEM(known, i))) all.sums[all.n++].type = (PyTypeObject *)PyList_GET_ITEM(known, i);
        qsort(all.sums, all.n, sizeof *all.sums, by_address);
        if (prof_memory_mode == PROF_MEMORY_DETAIL) prof_pagemap_walk(add_block, &all);
        prof_memory_totals->small_bytes = all.small_bytes;
        rows = type_rows(&all);
    }
    free(all.sums);
    prof_busy.quiet--;
    return rows;
}

/* ---- as traces ----------------------------------------------------------------------------------------------------------- */

typedef struct {
    PyObject *rows, **frames; /* Owned; by number of site */
    int failed;
} traces;

/* ((file, line),) of a site. Borrowed from `t`. */
static PyObject *frame_of(traces *t, uint32_t tag) {
    PyObject **slot = &t->frames[tag >> 1];
    if (!*slot) {
        const prof_label *label = prof_arena_at(prof_block_site(tag)->label);
        *slot = Py_BuildValue("((sI))", prof_string_text(label->file), label->line);
    }
    return *slot;
}

static void add_trace(void *context, void *block, size_t bytes, uint32_t tag) {
    traces *t = context;
    if (t->failed) return;
    PyObject *frame = frame_of(t, tag), *row = frame ? Py_BuildValue("(inOi)", 0, (Py_ssize_t)bytes, frame, 1) : NULL;
    t->failed = !row || PyList_Append(t->rows, row);
    Py_XDECREF(row);
}

static PyObject *live_traces(PyObject *self, PyObject *ignored) {
    if (prof_memory_mode != PROF_MEMORY_DETAIL) Py_RETURN_NONE;
    prof_busy.quiet++;
    prof_memory_drain();
    size_t n = PROF_PAGEMAP_SITES / 2;
    traces t = {PyList_New(0), calloc(n, sizeof(PyObject *)), 0};
    if (t.rows && t.frames) prof_pagemap_walk(add_trace, &t);
    if (!t.frames) PyErr_NoMemory();
    for (size_t i = 0; t.frames && i < n; i++) Py_XDECREF(t.frames[i]);
    if (t.failed || !t.frames) Py_CLEAR(t.rows);
    free(t.frames);
    prof_busy.quiet--;
    return t.rows;
}

#else

static PyObject *live_types(PyObject *self, PyObject *known) { Py_RETURN_NONE; }
static PyObject *live_traces(PyObject *self, PyObject *ignored) { Py_RETURN_NONE; }

#endif

PyMethodDef prof_live_methods[] = {
    {"live_types", live_types, METH_O,
     "live_types(types: list[type], /) -> list[tuple[type | None, int, int]]: type, blocks and bytes of the live blocks in which an\n"
     "object of a known type lies; last, with None, all the others."},
    {"live_traces", live_traces, METH_NOARGS,
     "live_traces() -> list[tuple[int, int, tuple[tuple[str, int], ...], int]] | None: (0, bytes, ((file, line),), 1) for each live\n"
     "block, as tracemalloc keeps them; None unless memory detail is being recorded."},
    {NULL}};
