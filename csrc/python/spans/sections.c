/* Sections: profile("db") ... end("db"), and `with profile("db")`. A misuse is told once a place and counted, and never
 * an exception in the user's program. The spans of a Profiler object (guards.c) are sections, too, which their object holds. */
#include "python/version/version.h"

#include <stdlib.h>
#include <string.h>

#include "core/table.h"
#include "core/labels.h"
#include "core/busy.h"
#include "core/session.h"
#include "core/stack.h"
#include "child.h"
#include "python/ops/count.h"
#include "probes.h"
#include "sections.h"
#include "python/text.h"

#define KIND "profile" /* what a section is called before the `!` of its name */
#define MOST_PLACES 8192

/* ---- places: one site for each profile() or end() in the source ---------------------------------------------------- */

typedef struct {
    PyObject *code, *name;   /* Owned */
    PyObject *kind;          /* Owned; NULL for KIND */
    const void *instruction; /* in the code; compared, never dereferenced */
    prof_site *site;         /* Owned */
} place;

static prof_table places; /* of place */

static uint64_t hash_of(const void *slot) {
    const place *p = slot;
    return (((uint64_t)(uintptr_t)p->instruction ^ (uint64_t)(uintptr_t)p->name << 1) * 0x9e3779b97f4a7c15u) >> 32;
}

static void places_clear(void) {
    prof_table old = places;
    place *slots = old.slots;
    places = (prof_table){0}; /* first: what follows may run code of the user's */
    for (size_t i = 0; slots && i <= old.mask; i++) {
        Py_XDECREF(slots[i].code);
        Py_XDECREF(slots[i].name);
        Py_XDECREF(slots[i].kind);
        Py_XDECREF(slots[i].site);
    }
    prof_table_free(&old);
}

/* What the markers of the function around a section leave out, they leave out of the section. */
static uint32_t left_out(PyCodeObject *code) {
    prof_thread *t = prof_is_probed(code) || prof_watched((PyObject *)code) ? prof_thread_current() : NULL;
    if (!t) return 0;
    const prof_frame *f = t->top;
    while (f->label && f->label->kind == PROF_SECTION) f--;
    if (!f->label) return 0;
    return f->label->flags & (PROF_LABEL_NO_TIME | PROF_LABEL_NO_MEMORY | PROF_LABEL_NO_DETAIL);
}

static prof_site *new_place(prof_py_frame *frame, PyCodeObject *code, PyObject *name, PyObject *kind) {
    PyObject *full = kind ? PyUnicode_FromFormat("%U!%U", kind, name) : PyUnicode_FromFormat(KIND "!%U", name);
    PyObject *module = PyUnicode_FromString("");
    prof_site *site = full && module ? prof_site_new(&prof_section_type, PROF_SECTION, full, module, code->co_filename,
                                                     prof_py_original_line(code->co_filename, prof_py_line(frame)), left_out(code))
                                     : NULL;
    Py_XDECREF(full);
    Py_XDECREF(module);
    return site;
}

/* The slot of that place, or the free one where it belongs; NULL without memory, with an exception. */
static place *slot_of(const place *wanted) {
    if (prof_table_reserve(&places, sizeof(place), 256, hash_of)) {
        PyErr_NoMemory();
        return NULL;
    }
    place *slots = places.slots;
    size_t k = hash_of(wanted) & places.mask;
    while (slots[k].site && (slots[k].code != wanted->code || slots[k].instruction != wanted->instruction ||
                             slots[k].name != wanted->name || slots[k].kind != wanted->kind))
        k = (k + 1) & places.mask;
    return &slots[k];
}

prof_site *prof_section_at(prof_py_frame *frame, PyObject *name, PyObject *kind) {
    PyCodeObject *code = prof_py_code(frame);
    place wanted = {.code = (PyObject *)code, .name = name, .kind = kind, .instruction = prof_py_instruction(frame)};
    if (places.used >= MOST_PLACES) places_clear(); /* a program that makes code for ever must not fill the memory */
    place *slot = slot_of(&wanted);
    if (!slot || slot->site) return slot ? slot->site : NULL;
    wanted.site = new_place(frame, code, name, kind);
    if (!wanted.site || !(slot = slot_of(&wanted))) return NULL; /* again: a finalizer may have run sections meanwhile */
    if (slot->site) return slot->site;
    Py_INCREF(wanted.code);
    Py_INCREF(wanted.name);
    Py_XINCREF(wanted.kind);
    *slot = wanted;
    places.used++;
    return wanted.site;
}

/* The frame of the user's call: `depth` Python frames up from here. */
static prof_py_frame *user_frame(int depth) {
    prof_py_frame *frame = prof_py_current();
    while (depth-- > 0 && frame) frame = prof_py_caller(frame);
    return frame;
}

PyObject *prof_section_name(const prof_site *site) {
    Py_ssize_t mark = PyUnicode_FindChar(site->name, '!', 0, PyUnicode_GET_LENGTH(site->name), 1);
    return PyUnicode_Substring(site->name, mark + 1, PY_SSIZE_T_MAX);
}

void prof_section_warn(prof_site *site, int depth, const char *format) {
    if (!site || site->warned) return;
    site->warned = 1;
    PyObject *name = prof_section_name(site);
    PyObject *text = name ? PyUnicode_FromFormat(format, name) : NULL;
    PyObject *ascii = text ? prof_py_bytes(text) : NULL;
    /* Under `-W error` this raises; the user's program must not fail for the profiler's sake. */
    if (ascii) PyErr_WarnEx(PyExc_RuntimeWarning, PyBytes_AS_STRING(ascii), 1 + depth);
    PyErr_Clear();
    Py_XDECREF(name);
    Py_XDECREF(text);
    Py_XDECREF(ascii);
}

/* ---- begin and end ---------------------------------------------------------------------------------------------------- */

int prof_section_runs(prof_py_frame *frame, const void *owner) {
    while (frame && frame != owner) frame = prof_py_caller(frame);
    return frame != NULL;
}

void prof_section_close_top(prof_thread *t, prof_py_frame *frame, uint64_t now) {
    const void *owner = t->top->loose ? NULL : t->top->owner;
    prof_count_move(frame, owner, PROF_EVENT_LEAVES);
    prof_pop_complete(t, t->top, now);
    prof_count_move(frame, owner, PROF_EVENT_ENTERS);
}

/* Closes sections on top that can no longer be ended: of functions without probes that have returned, and one that the
 * same place in the same call opened before (a `continue` that skipped its end). */
static void close_forgotten(prof_thread *t, prof_py_frame *frame, const prof_label *again) {
    while (t->top->label && t->top->label->kind == PROF_SECTION && t->top->loose == PROF_LOOSE &&
           !prof_section_runs(frame, t->top->owner)) {
        prof_count(PROF_DROP_SECTION_OPEN, 1);
        prof_section_close_top(t, frame, prof_now());
    }
    if (!again) return;
    prof_frame *f = t->top;
    while (f->label && f->label->kind == PROF_SECTION && f->owner == frame && f->label != again) f--;
    if (f->label != again || f->owner != frame) return;
    while (t->top >= f) {
        prof_count(PROF_DROP_SECTION_OPEN, 1);
        prof_section_close_top(t, frame, prof_now());
    }
}

static PyObject *begin_at(PyObject *name, int depth) {
    prof_py_frame *frame = user_frame(depth);
    if (!frame) Py_RETURN_NONE;
    prof_site *site = prof_section_at(frame, name, NULL);
    if (!site) return NULL;
    PyCodeObject *code = prof_py_code(frame);
    int loose = !prof_is_probed(code) && !prof_watched((PyObject *)code);
    if (loose && code->co_flags & (CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR))
        prof_section_warn(site, depth, PROF_SECTION_WAITS);
    prof_thread *t = prof_py_thread();
    prof_label *label = t ? prof_site_label(site) : NULL;
    if (label) {
        close_forgotten(t, frame, label);
        const void *owner = loose ? NULL : frame;
        prof_count_move(frame, owner, PROF_EVENT_LEAVES);
        prof_frame *f = prof_push(t, label);
        if (f) {
            f->owner = frame;
            f->loose = (uint64_t)loose;
            f->node->calls++;
        }
        prof_count_move(frame, owner, PROF_EVENT_ENTERS);
    }
    return Py_NewRef((PyObject *)site);
}

/* Whether the section's label is called `name`. */
static int is_called(const prof_label *label, const char *name) {
    const char *text = prof_string_text(label->name), *mark = strchr(text, '!');
    return !strcmp(mark ? mark + 1 : text, name);
}

/* Ends the innermost section called `name`, or the innermost at all for NULL. `now` was read first. */
static void end_at(PyObject *name, int depth, uint64_t now) {
    prof_py_frame *frame = user_frame(depth);
    prof_thread *t = prof_py_thread();
    PyObject *bytes = name ? prof_py_bytes(name) : NULL;
    if (!t || !frame || (name && !bytes)) {
        PyErr_Clear();
        Py_XDECREF(bytes);
        return;
    }
    close_forgotten(t, frame, NULL);
    prof_frame *f = t->top;
    while (f->label && f->label->kind == PROF_SECTION && name && !is_called(f->label, PyBytes_AS_STRING(bytes))) f--;
    if ((!f->label || f->label->kind != PROF_SECTION) && prof_full()) {
        /* It was opened, and there was no room for it: that has been counted, and is no fault of this end(). */
    } else if (!f->label || f->label->kind != PROF_SECTION) {
        prof_count(PROF_DROP_SECTION_UNOPENED, 1);
        PyObject *shown = name ? Py_NewRef(name) : PyUnicode_InternFromString("");
        prof_section_warn(shown ? prof_section_at(frame, shown, NULL) : NULL, depth,
                          "prof: end('%U') of a section that is not open here");
        Py_XDECREF(shown);
    } else {
        if (f < t->top) {
            prof_count(PROF_DROP_SECTION_ORDER, (uint64_t)(t->top - f));
            prof_section_warn(name ? prof_section_at(frame, name, NULL) : NULL, depth,
                              "prof: end('%U') closes sections opened inside it");
        }
        while (t->top >= f) prof_section_close_top(t, frame, now);
    }
    Py_XDECREF(bytes);
    PyErr_Clear();
}

/* ---- for Python -------------------------------------------------------------------------------------------------------- */

/* (name[, depth]): the arguments of begin and end. 0, or -1 with TypeError. */
static int arguments(PyObject *const *args, Py_ssize_t n, int name_needed, PyObject **name, int *depth) {
    *name = n > 0 && args[0] != Py_None ? args[0] : NULL;
    *depth = n > 1 ? (int)PyLong_AsLong(args[1]) : 0;
    if (PyErr_Occurred()) return -1;
    if (n <= 2 && (*name ? PyUnicode_Check(*name) : !name_needed)) return 0;
    PyErr_SetString(PyExc_TypeError, name_needed ? "profile(name): the section's name, a str; the decorator is called @profiled"
                                                 : "end(name): the section's name, a str");
    return -1;
}

static PyObject *begin(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    PyObject *name;
    int depth;
    if (arguments(args, n, 1, &name, &depth)) return NULL;
    prof_busy.quiet++; /* what a section is made of is not the program's memory */
    PyObject *site = begin_at(name, depth);
    prof_busy.quiet--;
    return site;
}

static PyObject *end(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    uint64_t now = prof_now();
    PyObject *name;
    int depth;
    if (arguments(args, n, 0, &name, &depth)) return NULL;
    prof_busy.quiet++;
    end_at(name, depth, now);
    prof_busy.quiet--;
    Py_RETURN_NONE;
}

static PyObject *with_enter(PyObject *site, PyObject *ignored) { return Py_NewRef(site); } /* begin() has opened it */

static PyObject *with_exit(PyObject *site, PyObject *const *args, Py_ssize_t n) {
    uint64_t now = prof_now();
    prof_busy.quiet++;
    PyObject *name = prof_section_name((prof_site *)site);
    if (name) end_at(name, 0, now);
    Py_XDECREF(name);
    prof_busy.quiet--;
    PyErr_Clear();
    Py_RETURN_NONE; /* exceptions go on */
}

static PyMethodDef section_methods[] = {
    {"__enter__", with_enter, METH_NOARGS, "__enter__() -> Section: the section, which is open since profile()."},
    {"__exit__", (PyCFunction)(void (*)(void))with_exit, METH_FASTCALL, "__exit__(*exception: object) -> None: ends the section."},
    {NULL}};

static PyObject *section_repr(PyObject *o) { return PyUnicode_FromFormat("<section %U>", ((prof_site *)o)->name); }

static void section_dealloc(PyObject *o) {
    prof_site *s = (prof_site *)o;
    *s->link = s->next;
    if (s->next) s->next->link = s->link;
    Py_XDECREF(s->name);
    Py_XDECREF(s->module);
    Py_XDECREF(s->file);
    PyObject_Free(o);
}

PyTypeObject prof_section_type = {PyVarObject_HEAD_INIT(NULL, 0).tp_name = "prof.Section",
                                  .tp_basicsize = sizeof(prof_site),
                                  .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                                  .tp_dealloc = section_dealloc,
                                  .tp_methods = section_methods,
                                  .tp_repr = section_repr};

PyMethodDef prof_section_methods[] = {
    {"profile", (PyCFunction)(void (*)(void))begin, METH_FASTCALL,
     "profile(name: str, depth: int = 0, /) -> Section: opens a section, until end(name) or the end of a `with` block. Sections nest."},
    {"end", (PyCFunction)(void (*)(void))end, METH_FASTCALL,
     "end(name: str | None = None, depth: int = 0, /) -> None: ends the innermost open section of that name, or the innermost at all."},
    {NULL}};

int prof_sections_init(void) { return PyType_Ready(&prof_section_type); }
