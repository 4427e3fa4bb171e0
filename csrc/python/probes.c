#include "probes.h"

#include <stdlib.h>
#include <string.h>

#include "../labels.h"
#include "../lines.h"
#include "../session.h"
#include "../suspended.h"
#include "count.h"
#include "frame.h"
#include "rewrite.h"

static prof_site *sites;      /* all of them */
static Py_ssize_t extra = -1; /* slot of code objects: the probed copy, or the site that monitoring drives */
static PyObject *main_name;   /* Owned: what module __main__ is called */

/* ---- sites ------------------------------------------------------------------------------------------------------- */

static PyObject *utf8(PyObject *text) { return PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace"); }

prof_label *prof_site_label(prof_site *site) {
    if (PROF_LIKELY(site->ref)) return site->label;
    if (!prof_recording()) return NULL;
    prof_label *label = NULL;
    PyObject *error = PyErr_GetRaisedException();
    PyObject *name = utf8(site->name), *module = utf8(site->module), *file = utf8(site->file);
    if (name && module && file)
        label = prof_label_intern(site->kind, PyBytes_AS_STRING(name), PyBytes_AS_STRING(module),
                                  PyBytes_AS_STRING(file), site->line, site->flags);
    site->label = label ? label : &prof_no_label;
    site->ref = label ? prof_arena_ref(label) : 0;
    if (!label) prof_count(PROF_DROP_LOST_LABELS, 1);
    Py_XDECREF(name);
    Py_XDECREF(module);
    Py_XDECREF(file);
    PyErr_SetRaisedException(error);
    return label;
}

/* A new recording has begun. It may be a cffi call that began it, without the GIL. */
static void name_all_sites(void) {
    PyGILState_STATE gil = PyGILState_Ensure();
    prof_count_reset();
    for (prof_site *s = sites; s; s = s->next) {
        s->label = &prof_no_label;
        s->ref = 0;
    }
    for (prof_site *s = sites; s; s = s->next) {
        /* A section appears in the capture once it is opened; a function may be on the stack already. */
        if (s->kind != PROF_SECTION) prof_site_label(s->site);
        s->label = s->site->label;
        s->ref = s->site->ref;
    }
    prof_count_begin();
    PyGILState_Release(gil);
}

static void site_link(prof_site *site) {
    site->next = sites;
    site->link = &sites;
    if (sites) sites->link = &site->next;
    sites = site;
}

prof_site *prof_site_new(PyTypeObject *type, uint32_t kind, PyObject *name, PyObject *module, PyObject *file,
                         uint32_t line, uint32_t flags) {
    prof_site *site = PyObject_New(prof_site, type);
    if (!site) return NULL;
    memset((char *)site + sizeof(PyObject), 0, sizeof *site - sizeof(PyObject));
    site->site = site;
    site->label = &prof_no_label;
    site->code = PROF_NO_CODE;
    site->kind = kind;
    site->line = line;
    site->flags = flags;
    site->name = Py_NewRef(name);
    site->module = Py_NewRef(module);
    site->file = Py_NewRef(file);
    site_link(site);
    if (kind != PROF_SECTION) prof_site_label(site);
    return site;
}

static void site_dealloc(PyObject *o) {
    prof_site *s = (prof_site *)o;
    if (s->link) {
        *s->link = s->next;
        if (s->next) s->next->link = s->link;
    }
    if (s->site != s) Py_DECREF(s->site);
    if (s->counted) {
        s->counted->site = NULL;
        Py_DECREF(s->counted);
    }
    Py_XDECREF(s->original);
    Py_XDECREF(s->name);
    Py_XDECREF(s->module);
    Py_XDECREF(s->file);
    PyObject_Free(o);
}

/* ---- spans --------------------------------------------------------------------------------------------------------- */

static __attribute__((noinline)) void enter_slow(prof_site *site) {
    prof_thread *t = prof_thread_current();
    prof_frame *f = t && site->ref ? prof_push(t, site->label) : NULL;
    if (f) f->node->calls++;
}

static __attribute__((noinline)) void leave_slow(prof_site *site, uint64_t now) {
    prof_thread *t = prof_thread_current();
    prof_frame *f = t && site->ref ? prof_find(t, site->label, now) : NULL;
    if (f) prof_pop_complete(t, f, now);
}

static inline void enter(prof_site *site) {
    if (PROF_UNLIKELY(!prof_enter_fast(site->label, site->ref))) enter_slow(site);
}

static inline void leave(prof_site *site) {
    uint64_t now = prof_now();
    if (PROF_UNLIKELY(!prof_leave_fast(site->label, site->ref, now))) leave_slow(site, now);
}

static void enter_generator(prof_site *site) {
    prof_thread *t = prof_thread_current();
    if (PROF_UNLIKELY(!t || !site->ref)) return;
    void *owner = prof_py_current();
    const prof_suspended *stale = prof_suspended_take(owner);
    if (stale) free(stale->sections); /* abandoned; its frame lay where this one does */
    prof_frame *f = prof_push(t, site->label);
    if (!f) return;
    f->owner = owner;
    f->node->calls++;
}

/* Pops the sections above `f`, which is theirs, and remembers them, outermost first. */
static void put_sections_aside(prof_thread *t, prof_frame *f, uint64_t now, prof_suspended *entry) {
    uint32_t n = (uint32_t)(t->top - f);
    entry->sections = malloc(n * sizeof *entry->sections);
    if (!entry->sections) {
        prof_unwind(t, f->label, now);
        return;
    }
    entry->section_count = n;
    for (prof_frame *s = t->top; s > f; s--)
        entry->sections[s - f - 1] = (prof_saved_section){s->label, s->prior + prof_pop(t, s, now)};
}

static inline void set_aside(prof_frame *f, uint64_t now, prof_suspended *entry) {
    entry->owner = f->owner;
    entry->since = now;
    entry->prior = f->prior + prof_pop(prof_current, f, now);
}

/* The generator's span is not on top: it lies below its open sections, or below strangers. */
static __attribute__((noinline)) void suspend_slow(prof_site *site, uint64_t now) {
    prof_suspended entry = {.sections = NULL};
    prof_thread *t = prof_thread_current();
    if (!t || !site->ref) return;
    prof_frame *f = t->top;
    while (f->label && f->label != site->label && f->label->kind == PROF_SECTION) f--;
    if (f->label == site->label) put_sections_aside(t, f, now, &entry);
    else if (!(f = prof_unwind(t, site->label, now))) return;
    set_aside(f, now, &entry);
    *prof_suspended_put() = entry;
}

static inline void suspend(prof_site *site) {
    uint64_t now = prof_now();
    prof_frame *f = prof_current->top;
    if (PROF_UNLIKELY(f->label != site->label)) {
        suspend_slow(site, now);
        return;
    }
    prof_suspended *entry = prof_suspended_put();
    entry->sections = NULL;
    entry->section_count = 0;
    set_aside(f, now, entry);
}

static __attribute__((noinline)) void resume_sections(prof_thread *t, const prof_suspended *entry) {
    for (uint32_t i = 0; i < entry->section_count; i++) {
        prof_frame *f = entry->sections[i].label ? prof_push(t, entry->sections[i].label) : NULL;
        if (!f) continue;
        f->prior = entry->sections[i].prior;
        f->owner = entry->owner;
        f->loose = 0;
        f->node->resumes++;
        f->node->suspended += f->start - entry->since;
    }
    free(entry->sections);
}

static inline void resume(prof_site *site) {
    prof_thread *t = prof_thread_current();
    if (PROF_UNLIKELY(!t || !site->ref)) return;
    void *owner = prof_py_current();
    const prof_suspended *entry = prof_suspended_take(owner);
    prof_frame *f = prof_push(t, site->label);
    if (PROF_UNLIKELY(!f)) return;
    f->owner = owner;
    f->node->resumes++;
    if (PROF_UNLIKELY(!entry)) return;
    f->prior = entry->prior;
    f->node->suspended += f->start - entry->since;
    if (PROF_UNLIKELY(entry->section_count)) resume_sections(t, entry);
}

void prof_span_enter(prof_site *site) { enter(site); }
void prof_span_enter_generator(prof_site *site) { enter_generator(site); }
void prof_span_leave(prof_site *site) { leave(site); }
void prof_span_suspend(prof_site *site) { suspend(site); }
void prof_span_resume(prof_site *site) { resume(site); }

/* ---- spans without a clock, where only operations are recorded ------------------------------------------------------- */

/* The new frame on top, or NULL. */
static inline prof_frame *push_untimed(prof_site *site) {
    prof_thread *t = prof_current;
    prof_frame *f = t->top + 1;
    prof_node *node = (prof_node *)(uintptr_t)f[-1].node->private_last;
    /* Without a recording both refs are 0, and there is no room. */
    if (PROF_UNLIKELY(node->label != site->ref || f >= t->limit)) {
        t = prof_thread_current();
        if (!t || !site->ref || (t->top + 1 >= t->limit && prof_stack_grow(t))) return NULL;
        f = t->top + 1;
        node = prof_node_child(t, f[-1].node, site->label);
    }
    f->node = node;
    f->label = site->label;
    f->prior = 0;
    t->top = f;
    return f;
}

/* Counts the call as one of the site's code, too. */
static inline void enter_untimed(prof_site *site) {
    prof_frame *f = push_untimed(site);
    if (PROF_UNLIKELY(!f)) return;
    f->node->calls++;
    if (PROF_UNLIKELY(f->node->code != site->code)) prof_count_entry(site, f->node);
}

static int untimed; /* whether the recording does without a clock */

static inline void leave_untimed(prof_site *site) {
    prof_thread *t = prof_current;
    if (PROF_LIKELY(t->top->label == site->label)) t->top--;
    else leave_slow(site, prof_now());
}

static inline void enter_generator_untimed(prof_site *site) {
    enter_untimed(site);
    void *owner = prof_py_current();
    const prof_suspended *stale = prof_suspended_any() ? prof_suspended_take(owner) : NULL;
    if (stale) free(stale->sections);
    if (prof_current->top->label == site->label) prof_current->top->owner = owner;
}

/* Only what has sections open is remembered. */
static inline void suspend_untimed(prof_site *site) {
    prof_thread *t = prof_current;
    if (PROF_LIKELY(t->top->label == site->label)) t->top--;
    else suspend_slow(site, prof_now());
}

static inline void resume_untimed(prof_site *site) {
    if (PROF_UNLIKELY(prof_suspended_any())) {
        resume(site);
        return;
    }
    prof_frame *f = push_untimed(site);
    if (PROF_UNLIKELY(!f)) return;
    f->owner = prof_py_current();
    f->node->resumes++;
}

/* ---- operations: whose calls the node on top counts --------------------------------------------------------------------- */

static inline void count_entry(prof_site *site) {
    prof_node *node = prof_current->top->node;
    if (PROF_UNLIKELY(node->code != site->code)) prof_count_entry(site, node);
}

#define OPERATOR(name, action)                      \
    static PyObject *name(PyObject *o) {            \
        action;                                     \
        Py_RETURN_NONE;                             \
    }
OPERATOR(op_enter, enter((prof_site *)o))
OPERATOR(op_leave, leave((prof_site *)o))
OPERATOR(op_enter_generator, enter_generator((prof_site *)o))
OPERATOR(op_suspend, suspend((prof_site *)o))
OPERATOR(op_resume, resume((prof_site *)o))
OPERATOR(op_raise, leave((prof_site *)o))
OPERATOR(op_enter_counting, (enter((prof_site *)o), count_entry((prof_site *)o)))
OPERATOR(op_enter_generator_counting, (enter_generator((prof_site *)o), count_entry((prof_site *)o)))
OPERATOR(op_enter_untimed, enter_untimed((prof_site *)o))
OPERATOR(op_enter_generator_untimed, enter_generator_untimed((prof_site *)o))
OPERATOR(op_suspend_untimed, suspend_untimed((prof_site *)o))
OPERATOR(op_resume_untimed, resume_untimed((prof_site *)o))
OPERATOR(op_leave_untimed, leave_untimed((prof_site *)o))

/* In code that counts: an exception that it does not handle. */
static int op_raise_counting(PyObject *o, PyObject *offset, PyObject *ignored) {
    prof_site *site = ((prof_site *)o)->site;
    if (prof_count_ops && site->counted) prof_count_unhandled(site->counted, offset);
    if (untimed) leave_untimed((prof_site *)o);
    else leave((prof_site *)o);
    return 0;
}

/* ---- types ----------------------------------------------------------------------------------------------------------- */

/* A pickled or marshalled copy of probed code has the int 0 in place of each probe: ~0 and -0 do nothing. */
static PyObject *reduce(PyObject *o, PyObject *ignored) { return Py_BuildValue("(O())", &PyLong_Type); }

static PyObject *repr(PyObject *o) {
    return PyUnicode_FromFormat("<%s of %U>", Py_TYPE(o)->tp_name, ((prof_site *)o)->site->name);
}

static PyMethodDef methods[] = {{"__reduce__", reduce, METH_NOARGS, "The int 0, which does nothing where a probe stands."},
                                {NULL}};
/* The same, where it may stand for a recorder: from a Counter anything can be deleted; with only ~ and - it is 0 as well. */
static PyObject *reduce_raise(PyObject *o, PyObject *ignored) {
    if (!((prof_site *)o)->site->counted) return reduce(o, NULL);
    return prof_recorder_reduce(o, NULL);
}
static PyMethodDef raise_methods[] = {{"__reduce__", reduce_raise, METH_NOARGS, "Something that does nothing in its place."},
                                      {NULL}};
static PyNumberMethods function_operators = {.nb_invert = op_enter, .nb_negative = op_leave};
static PyNumberMethods generator_operators = {.nb_invert = op_enter_generator, .nb_negative = op_leave};
static PyNumberMethods suspend_operators = {.nb_invert = op_resume, .nb_negative = op_suspend};
static PyNumberMethods raise_operators = {.nb_invert = op_resume, .nb_negative = op_raise};
static PyMappingMethods raise_mapping = {.mp_ass_subscript = op_raise_counting};

/* What the probes do for a recording with or without time and operations; for those that come, and those in code already. */
static void choose_operators(int timed, int counting, long types) {
    prof_count_switch(counting, types);
    untimed = counting && !timed;
    function_operators.nb_invert = !counting ? op_enter : untimed ? op_enter_untimed : op_enter_counting;
    function_operators.nb_negative = untimed ? op_leave_untimed : op_leave;
    generator_operators.nb_invert = !counting ? op_enter_generator
                                    : untimed ? op_enter_generator_untimed : op_enter_generator_counting;
    generator_operators.nb_negative = function_operators.nb_negative;
    suspend_operators.nb_invert = untimed ? op_resume_untimed : op_resume;
    suspend_operators.nb_negative = untimed ? op_suspend_untimed : op_suspend;
}

#define PROBE_TYPE(name, operators)                                                                              \
    {PyVarObject_HEAD_INIT(NULL, 0).tp_name = "prof." name, .tp_basicsize = sizeof(prof_site),                    \
     .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, .tp_dealloc = site_dealloc,              \
     .tp_as_number = &operators, .tp_methods = methods, .tp_repr = repr}
static PyTypeObject function_type = PROBE_TYPE("FunctionProbe", function_operators);
static PyTypeObject generator_type = PROBE_TYPE("GeneratorProbe", generator_operators);
static PyTypeObject suspend_type = PROBE_TYPE("SuspendProbe", suspend_operators);
static PyTypeObject raise_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "prof.RaiseProbe", .tp_basicsize = sizeof(prof_site),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, .tp_dealloc = site_dealloc,
    .tp_as_number = &raise_operators, .tp_as_mapping = &raise_mapping, .tp_methods = raise_methods, .tp_repr = repr};

static PyObject *dependent(PyTypeObject *type, prof_site *site) {
    prof_site *p = PyObject_New(prof_site, type);
    if (!p) return NULL;
    memset((char *)p + sizeof(PyObject), 0, sizeof *p - sizeof(PyObject));
    p->site = (prof_site *)Py_NewRef(site);
    p->label = site->label;
    p->ref = site->ref;
    site_link(p);
    return (PyObject *)p;
}

/* ---- code ------------------------------------------------------------------------------------------------------------- */

prof_site *prof_probed_site(PyCodeObject *code) {
    PyObject *consts = code->co_consts;
    Py_ssize_t n = PyTuple_GET_SIZE(consts);
    PyObject *last = n ? PyTuple_GET_ITEM(consts, n - 1) : NULL;
    return last && Py_TYPE(last) == &raise_type ? ((prof_site *)last)->site : NULL;
}

/* What a module is called: the program by its own name. Borrowed. */
static PyObject *shown_module(PyObject *module) {
    /* __mp_main__: the same module in a process that multiprocessing has spawned. */
    int is_main = PyUnicode_CompareWithASCIIString(module, "__main__") == 0 ||
                  PyUnicode_CompareWithASCIIString(module, "__mp_main__") == 0;
    return is_main && main_name ? main_name : module;
}

/* "module.Class.method" of a code object. New reference. */
static PyObject *full_name(PyObject *module, PyObject *qualname) {
    PyObject *locals = PyUnicode_FromString("<locals>."), *nothing = PyUnicode_FromString("");
    PyObject *plain = locals && nothing ? PyUnicode_Replace(qualname, locals, nothing, -1) : NULL;
    PyObject *name = plain ? PyUnicode_FromFormat("%U.%U", shown_module(module), plain) : NULL;
    Py_XDECREF(locals);
    Py_XDECREF(nothing);
    Py_XDECREF(plain);
    return name;
}

uint32_t prof_original_line(PyObject *file, int line) {
    PyObject *text = utf8(file);
    uint32_t n = line <= 0 ? 0 : text ? prof_line_original(PyBytes_AS_STRING(text), (uint32_t)line) : (uint32_t)line;
    Py_XDECREF(text);
    PyErr_Clear();
    return n;
}

/* The site of a function's code. `name` NULL takes the qualified name. New reference, or NULL. */
static prof_site *site_of_code(PyTypeObject *type, PyCodeObject *code, PyObject *module, PyObject *name, uint32_t flags) {
    if (type == &generator_type) flags |= PROF_LABEL_GENERATOR;
    PyObject *full = name ? Py_NewRef(name) : full_name(module, code->co_qualname);
    prof_site *site = !full ? NULL
        : prof_site_new(type, PROF_FUNCTION, full, shown_module(module), code->co_filename,
                        prof_original_line(code->co_filename, code->co_firstlineno), flags);
    Py_XDECREF(full);
    return site;
}

static PyTypeObject *type_for(PyCodeObject *code) {
    return code->co_flags & (CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR) ? &generator_type : &function_type;
}

/* Whether the code is of a `def`: not of a class, a lambda or a comprehension. */
static int is_def(PyCodeObject *code) {
    return code->co_flags & CO_OPTIMIZED && PyUnicode_READ_CHAR(code->co_name, 0) != '<';
}

/* A copy of the code with these parts; see prof_site.original. New reference, or NULL. */
static PyObject *code_with(PyCodeObject *code, PyObject *parts) {
    PyObject *replace = PyObject_GetAttrString((PyObject *)code, "replace"), *none = PyTuple_New(0);
    PyObject *names = Py_BuildValue("{sOsOsOsOsO}", "co_code", PyTuple_GET_ITEM(parts, 0), "co_consts",
                                    PyTuple_GET_ITEM(parts, 1), "co_linetable", PyTuple_GET_ITEM(parts, 2),
                                    "co_exceptiontable", PyTuple_GET_ITEM(parts, 3), "co_stacksize",
                                    PyTuple_GET_ITEM(parts, 4));
    PyObject *copy = replace && none && names ? PyObject_Call(replace, none, names) : NULL;
    Py_XDECREF(replace);
    Py_XDECREF(none);
    Py_XDECREF(names);
    return copy;
}

static PyObject *parts_of(PyCodeObject *code) {
    return Py_BuildValue("(NOOOi)", PyCode_GetCode(code), code->co_consts, code->co_linetable, code->co_exceptiontable,
                         code->co_stacksize);
}

/* The code as it was before it got its probes. New reference, or NULL. */
static PyObject *without_probes(PyCodeObject *code) {
    prof_site *site = prof_probed_site(code);
    return site ? code_with(code, site->original) : Py_NewRef((PyObject *)code);
}

static PyObject *counting_consts(PyCodeObject *code, PyObject *consts, PyObject *module);

/* Code that runs in the span of its caller, with counters; the code itself where it cannot be counted. */
static PyObject *only_counting(PyCodeObject *code, PyObject *module) {
    if (prof_is_probed(code) || prof_counted_only(code)) return Py_NewRef((PyObject *)code);
    PyObject *name = full_name(module, code->co_qualname);
    PyObject *consts = name ? counting_consts(code, code->co_consts, module) : NULL;
    prof_counted *counted = consts ? prof_counted_new(code, name, NULL) : NULL;
    PyObject *result = NULL;
    if (counted) {
        prof_probe_set set = {.raise = prof_recorder_unhandled(counted)};
        prof_counted_fill(counted, &set, (uint32_t)PyTuple_GET_SIZE(consts));
        if (set.raise) result = prof_rewrite(code, consts, &set);
        Py_XDECREF(set.raise);
        if (prof_counted_release(counted, result)) Py_CLEAR(result);
        Py_DECREF(counted);
    } else if (consts && !PyErr_Occurred()) {
        result = Py_NewRef((PyObject *)code);
    }
    Py_XDECREF(name);
    Py_XDECREF(consts);
    return result;
}

/* The constants with counters in the lambdas, comprehensions and class bodies among them. New reference, or NULL. */
static PyObject *counting_consts(PyCodeObject *code, PyObject *consts, PyObject *module) {
    Py_ssize_t n = PyTuple_GET_SIZE(consts);
    PyObject *all = PyTuple_New(n);
    for (Py_ssize_t i = 0; all && i < n; i++) {
        PyObject *c = PyTuple_GET_ITEM(consts, i);
        int counts = PyCode_Check(c) && !is_def((PyCodeObject *)c);
        PyObject *new = counts ? only_counting((PyCodeObject *)c, module) : Py_NewRef(c);
        if (!new) Py_CLEAR(all);
        else PyTuple_SET_ITEM(all, i, new);
    }
    return all;
}

/* `code` with these constants and the probes of `site`. New reference, or NULL. */
static PyObject *rewrite_for(prof_site *site, PyCodeObject *code, PyObject *consts) {
    int yields = Py_TYPE(site) == &generator_type;
    prof_counted *counted = site->counted;
    prof_probe_set set = {.span = (PyObject *)site, .suspend = yields ? dependent(&suspend_type, site) : NULL,
                          .raise = dependent(&raise_type, site)};
    if (counted) prof_counted_fill(counted, &set, (uint32_t)PyTuple_GET_SIZE(consts));
    PyObject *probed = set.raise && (set.suspend || !yields) ? prof_rewrite(code, consts, &set) : NULL;
    Py_XDECREF(set.suspend);
    Py_XDECREF(set.raise);
    return probed;
}

/* `code` with probes and these constants. New reference, or NULL. */
static PyObject *add_probes(PyCodeObject *code, PyObject *consts, PyObject *module, PyObject *name, uint32_t flags) {
    prof_site *site = site_of_code(type_for(code), code, module, name, flags);
    if (!site) return NULL;
    PyObject *own = NULL, *probed = NULL;
    site->original = parts_of(code);
    if (prof_count_ops && !(flags & PROF_LABEL_NO_OPS)) {
        site->counted = prof_counted_new(code, site->name, site);
        consts = own = PyErr_Occurred() ? NULL : counting_consts(code, consts, module);
    }
    if (site->original && consts) probed = rewrite_for(site, code, consts);
    if (site->counted && prof_counted_release(site->counted, probed)) Py_CLEAR(probed);
    Py_XDECREF(own);
    Py_DECREF(site);
    return probed;
}

/* The probed copy, made once for each code object and kept as long as that lives: two would be two sites. */
static PyObject *remember(PyCodeObject *code, PyObject *probed) {
    if (probed && PyUnstable_Code_SetExtra((PyObject *)code, extra, Py_NewRef(probed))) {
        Py_DECREF(probed);
        Py_CLEAR(probed);
    }
    return probed;
}

/* The probed copy of `code` made before (Borrowed), or NULL. */
static PyObject *remembered(PyObject *code) {
    void *probed = NULL;
    if (PyUnstable_Code_GetExtra(code, extra, &probed)) PyErr_Clear();
    return probed;
}

/* The same; NULL where monitoring drives a site instead. */
static PyObject *probed_before(PyCodeObject *code) {
    PyObject *probed = remembered((PyObject *)code);
    return probed && PyCode_Check(probed) ? probed : NULL;
}

prof_site *prof_watched(PyObject *code) {
    PyObject *site = remembered(code);
    return site && (Py_TYPE(site) == &function_type || Py_TYPE(site) == &generator_type) ? (prof_site *)site : NULL;
}

static PyObject *probed_tree(PyCodeObject *code, PyObject *module, int all, int top);

/* The constants with every nested code object probed. New reference, or NULL. */
static PyObject *probed_consts(PyCodeObject *code, PyObject *module, int all) {
    Py_ssize_t n = PyTuple_GET_SIZE(code->co_consts);
    PyObject *consts = PyTuple_New(n);
    for (Py_ssize_t i = 0; consts && i < n; i++) {
        PyObject *c = PyTuple_GET_ITEM(code->co_consts, i);
        PyObject *new = PyCode_Check(c) ? probed_tree((PyCodeObject *)c, module, all, 0) : Py_NewRef(c);
        if (!new) Py_CLEAR(consts);
        else PyTuple_SET_ITEM(consts, i, new);
    }
    return consts;
}

static PyObject *probed_tree(PyCodeObject *code, PyObject *module, int all, int top) {
    if (prof_is_probed(code)) return Py_NewRef(code);
    PyObject *probed = top ? NULL : probed_before(code);
    if (probed) return Py_NewRef(probed);
    PyObject *consts = probed_consts(code, module, all);
    if (!consts) return NULL;
    if (!top && (all || is_def(code))) {
        probed = remember(code, add_probes(code, consts, module, NULL, 0));
    } else {
        PyObject *replace = PyObject_GetAttrString((PyObject *)code, "replace");
        PyObject *none = PyTuple_New(0), *names = Py_BuildValue("{sO}", "co_consts", consts);
        probed = replace && none && names ? PyObject_Call(replace, none, names) : NULL;
        Py_XDECREF(replace);
        Py_XDECREF(none);
        Py_XDECREF(names);
    }
    Py_DECREF(consts);
    return probed;
}

/* ---- for Python ----------------------------------------------------------------------------------------------------- */

/* Whether its operations could be counted and are not: it got its probes for a recording without them. */
static int lacks_counters(PyCodeObject *code) {
    prof_site *site = prof_probed_site(code);
    return site && prof_count_ops && !site->counted && !(site->flags & PROF_LABEL_NO_OPS);
}

/* The code with probes for this recording: those it has, those made for it before, or new ones. New reference, or NULL. */
static PyObject *probed_code(PyCodeObject *code, PyObject *module, PyObject *name, uint32_t flags) {
    PyObject *before = probed_before(code);
    if (before && !lacks_counters((PyCodeObject *)before)) return Py_NewRef(before);
    if (!prof_is_probed(code)) return remember(code, add_probes(code, code->co_consts, module, name, flags));
    if (!lacks_counters(code)) return Py_NewRef((PyObject *)code);
    prof_site *site = prof_probed_site(code);
    PyObject *plain = without_probes(code);
    PyObject *new = plain ? add_probes((PyCodeObject *)plain, ((PyCodeObject *)plain)->co_consts, site->module, site->name,
                                       site->flags & ~PROF_LABEL_GENERATOR)
        : NULL;
    Py_XDECREF(plain);
    return remember(code, new);
}

static PyObject *probe(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    long flags = n == 3 ? PyLong_AsLong(args[2]) : 0;
    if (n < 2 || n > 3 || flags < 0 || !PyFunction_Check(args[0]) || !(args[1] == Py_None || PyUnicode_Check(args[1]))) {
        PyErr_SetString(PyExc_TypeError, "probe(function, name or None, flags=0)");
        return NULL;
    }
    PyCodeObject *code = (PyCodeObject *)PyFunction_GET_CODE(args[0]);
    PyObject *module = PyFunction_GET_MODULE(args[0]), *unknown = NULL, *name = args[1] == Py_None ? NULL : args[1];
    prof_own_begin();
    if (!module || !PyUnicode_Check(module)) module = unknown = PyUnicode_FromString("<unknown>");
    PyObject *probed = module ? probed_code(code, module, name, (uint32_t)flags) : NULL;
    Py_XDECREF(unknown);
    prof_own_end();
    if (!probed) return NULL;
    int changed = probed != (PyObject *)code, failed = changed && prof_py_set_code(args[0], probed);
    Py_DECREF(probed);
    return failed ? NULL : PyBool_FromLong(changed);
}

static PyObject *lacks(PyObject *self, PyObject *code) {
    if (!PyCode_Check(code)) return PyErr_Format(PyExc_TypeError, "lacks_counters(code)");
    return PyBool_FromLong(lacks_counters((PyCodeObject *)code));
}

static PyObject *record_modes(PyObject *self, PyObject *args) {
    int timed, counting;
    long types = 0;
    if (!PyArg_ParseTuple(args, "pp|l:record", &timed, &counting, &types)) return NULL;
    choose_operators(timed, counting, types);
    Py_RETURN_NONE;
}

static PyObject *probe_code(PyObject *self, PyObject *args) {
    PyObject *code, *module;
    int all = 0, top = 1;
    if (!PyArg_ParseTuple(args, "O!U|pp:probe_code", &PyCode_Type, &code, &module, &all, &top)) return NULL;
    prof_own_begin();
    PyObject *probed = probed_tree((PyCodeObject *)code, module, all, top);
    prof_own_end();
    return probed;
}

static PyObject *watch(PyObject *self, PyObject *args) {
    PyObject *code, *module, *name;
    unsigned flags = 0;
    if (!PyArg_ParseTuple(args, "O!UO|I:watch", &PyCode_Type, &code, &module, &name, &flags)) return NULL;
    if (prof_is_probed((PyCodeObject *)code)) Py_RETURN_FALSE; /* its probes do it */
    if (prof_watched(code)) Py_RETURN_TRUE;
    PyObject *site = (PyObject *)site_of_code(type_for((PyCodeObject *)code), (PyCodeObject *)code, module,
                                              name == Py_None ? NULL : name, flags);
    site = remember((PyCodeObject *)code, site);
    Py_XDECREF(site);
    return site ? Py_NewRef(Py_True) : NULL;
}

static PyObject *is_probed(PyObject *self, PyObject *code) {
    if (!PyCode_Check(code)) return PyErr_Format(PyExc_TypeError, "is_probed(code)");
    return PyBool_FromLong(prof_is_probed((PyCodeObject *)code));
}

static PyObject *configure(PyObject *self, PyObject *args) {
    const char *kinds, *caches, *operations, *flow, *forward;
    Py_ssize_t kinds_n, caches_n, operations_n, flow_n, forward_n;
    PyObject *name;
    if (!PyArg_ParseTuple(args, "y#y#y#y#y#U:configure", &kinds, &kinds_n, &caches, &caches_n, &operations, &operations_n,
                          &flow, &flow_n, &forward, &forward_n, &name))
        return NULL;
    prof_opcodes *o = &prof_opcode;
    uint8_t *named[] = {&o->load_const, &o->extended_arg, &o->unary_invert, &o->unary_negative,
                        &o->pop_top, &o->send, &o->reraise, &o->jump_forward,
                        &o->copy, &o->swap, &o->delete_subscr, &o->jump_back, &o->store_subscr};
    if (kinds_n != 256 || caches_n != 256 || flow_n != 256 || forward_n != 256 || operations_n != (Py_ssize_t)(sizeof named / sizeof *named))
        return PyErr_Format(PyExc_ValueError, "configure(kinds, caches, operations, flow, forward, main_name)");
    memcpy(o->kind, kinds, 256);
    memcpy(o->caches, caches, 256);
    memcpy(o->forward, forward, 256);
    memcpy(o->rules.flow, flow, 256);
    memcpy(o->rules.caches, caches, 256);
    for (int op = 0; op < 256; op++) o->rules.backward[op] = o->kind[op] == PROF_I_BACKWARD;
    o->rules.end_for = PROF_PY_END_FOR;
    o->rules.jump_raises_at_target = PROF_PY_JUMP_RAISES_AT_TARGET;
    o->rules.throw_ends_send = PROF_PY_SEND_BEFORE_YIELD;
    for (size_t i = 0; i < sizeof named / sizeof *named; i++) *named[i] = (uint8_t)operations[i];
    o->rules.extended_arg = o->extended_arg;
    Py_XSETREF(main_name, Py_NewRef(name));
    Py_RETURN_NONE;
}

PyMethodDef prof_probe_methods[] = {
    {"configure", configure, METH_VARARGS,
     "configure(kinds, caches, operations, flow, forward, main_name): this interpreter's instructions, as tables by opcode\n"
     "and a list of opcodes (runtime/opcodes.py); what module __main__ is called."},
    {"record", record_modes, METH_VARARGS,
     "record(timed, counting, types=0): what probes do from here on, and what new code gets. `types`: the executions of an\n"
     "instruction of which operand types are sampled; -1 all."},
    {"lacks_counters", lacks, METH_O, "lacks_counters(code): whether it has probes, and none for the operations now recorded."},
    {"probe", (PyCFunction)(void (*)(void))probe, METH_FASTCALL,
     "probe(function, name, flags=0): gives the function probed code. False when it has probes already. `flags` are those of\n"
     "prof_label: what its markers leave out."},
    {"probe_code", probe_code, METH_VARARGS,
     "probe_code(code, module, all=False, top=True): a copy of a module's code whose functions have probes. `all`: classes,\n"
     "lambdas and comprehensions too. `top` False: the code itself too."},
    {"watch", watch, METH_VARARGS, "watch(code, module, name, flags=0): the monitoring callbacks drive spans for this code object. False if it has probes."},
    {"is_probed", is_probed, METH_O, "is_probed(code): whether the code object has probes."},
    {NULL}};

static void drop_extra(void *o) { Py_XDECREF((PyObject *)o); }

int prof_probes_init(void) {
    extra = PyUnstable_Eval_RequestCodeExtraIndex(drop_extra);
    if (extra < 0) {
        PyErr_SetString(PyExc_RuntimeError, "no free slot on code objects");
        return -1;
    }
    prof_on_open = name_all_sites;
    return PyType_Ready(&function_type) || PyType_Ready(&generator_type) || PyType_Ready(&suspend_type) ||
           PyType_Ready(&raise_type) ? -1 : 0;
}
