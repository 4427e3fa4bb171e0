#include "probes.h"

#include <stdlib.h>
#include <string.h>

#include "core/busy.h"
#include "core/labels.h"
#include "core/session.h"
#include "core/sources.h"
#include "core/suspended.h"
#include "awaits.h"
#include "child.h"
#include "flight.h"
#include "python/ops/count.h"
#include "python/version/version.h"
#include "python/bytecode/plain.h"
#include "greenlets.h"
#include "tasks.h"
#include "python/text.h"

static prof_site *sites; /* all of them */
static void choose_leave(void);

/* ---- sites ------------------------------------------------------------------------------------------------------- */

/* The probes of a function share its label. */
static void share_label(prof_site *site, prof_label *label) {
    for (prof_site *s = site; s; s = s->dependent) {
        s->label = label ? label : &prof_no_label;
        s->ref = label ? prof_arena_ref(label) : PROF_NO_LABEL;
    }
}

prof_label *prof_site_label(prof_site *site) {
    if (!prof_recording()) return NULL; /* a forked child still has its parent's labels here */
    if (prof_is_labelled(site)) return site->label;
    site->unlabelled = 0; /* where there is no room, it is not asked for again with each call */
    prof_label *label = NULL;
    PyObject *error = PyErr_GetRaisedException();
    prof_busy.quiet++; /* it may be the program's call that it is made in */
    PyObject *name = prof_py_bytes(site->name), *module = prof_py_bytes(site->module), *file = prof_py_bytes(site->file);
    if (name && module && file)
        label = prof_label_intern(site->kind, PyBytes_AS_STRING(name), PyBytes_AS_STRING(module), PyBytes_AS_STRING(file),
                                  site->line, site->flags);
    share_label(site, label);
    if (!label) prof_count(PROF_DROP_LOST_LABELS, 1);
    Py_XDECREF(name);
    Py_XDECREF(module);
    Py_XDECREF(file);
    prof_busy.quiet--;
    PyErr_SetRaisedException(error);
    return label;
}

void prof_site_label_later(prof_site *site) {
    static PyObject *noted; /* Owned: the latest file */
    static uint64_t noted_epoch;
    site->unlabelled = 1;
    site->ref = PROF_NO_LABEL;
    if (noted == site->file && noted_epoch == prof_epoch) return;
    /* What the file says now is what this code was made of. */
    PyObject *file = prof_py_bytes(site->file);
    if (file) prof_sources_note(prof_string_ref(PyBytes_AS_STRING(file)));
    else PyErr_Clear();
    Py_XDECREF(file);
    Py_XSETREF(noted, Py_NewRef(site->file));
    noted_epoch = prof_epoch;
}

/* Whether the site has its label, now at the latest: what the slow paths ask first. */
static inline int has_label(prof_site *site) {
    return prof_is_labelled(site) || (site->site->unlabelled && prof_site_label(site->site));
}

/* A new recording has begun. It may be a cffi call that began it, without the GIL. */
static void name_all_sites(void) {
    PyGILState_STATE gil = PyGILState_Ensure();
    prof_count_reset();
    prof_greenlets_reset();
    prof_awaits_reset();
    prof_tasks_reset();
    for (prof_site *s = sites; s; s = s->next) {
        s->label = &prof_no_label;
        s->ref = s->kind == PROF_SECTION ? 0 : PROF_NO_LABEL;
        s->latency = NULL;
    }
    /* A section appears in the capture once it is opened; a function may be on the stack already, unless none ever recorded it. */
    for (prof_site *s = sites; s; s = s->next)
        if (s->site == s && s->kind != PROF_SECTION && !s->unlabelled) prof_site_label(s);
    prof_count_begin();
    choose_leave();
    PyGILState_Release(gil);
}

static void site_link(prof_site *site) {
    site->next = sites;
    site->link = &sites;
    if (sites) sites->link = &site->next;
    sites = site;
}

prof_site *prof_site_new(PyTypeObject *type, uint32_t kind, PyObject *name, PyObject *module, PyObject *file, uint32_t line,
                         uint32_t flags) {
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
    return site;
}

static void site_dealloc(PyObject *o) {
    prof_site *s = (prof_site *)o;
    if (s->link) {
        *s->link = s->next;
        if (s->next) s->next->link = s->link;
    }
    if (s->site != s) {
        prof_site *before = s->site;
        while (before->dependent != s) before = before->dependent;
        before->dependent = s->dependent;
        Py_DECREF(s->site);
    }
    if (s->counted) {
        s->counted->site = NULL;
        Py_DECREF(s->counted);
    }
    prof_plain_free(s->plain);
    Py_XDECREF(s->name);
    Py_XDECREF(s->module);
    Py_XDECREF(s->file);
    PyObject_Free(o);
}

/* ---- spans --------------------------------------------------------------------------------------------------------- */

static __attribute__((noinline)) void enter_slow(prof_site *site) {
    prof_thread *t = prof_py_thread();
    prof_frame *f = t && has_label(site) ? prof_push(t, site->label) : NULL;
    if (f) prof_greenlets_entered(t, !f->node->calls++);
}

static __attribute__((noinline)) void leave_slow(prof_site *site, uint64_t now) {
    prof_thread *t = prof_py_thread();
    prof_frame *f = t && has_label(site) ? prof_find(t, site->label, now) : NULL;
    if (f) prof_pop_complete(t, f, now);
}

static inline void enter(prof_site *site) {
    if (PROF_UNLIKELY(!prof_enter_fast(site->label, site->ref))) enter_slow(site);
}

static inline void leave_as(prof_site *site, int traced) {
    uint64_t now = prof_now();
    if (PROF_UNLIKELY(!prof_leave_fast(site->label, site->ref, now, traced))) leave_slow(site, now);
}

static inline void leave(prof_site *site) { leave_as(site, prof_traced); }

/* PROF_LOOSE_STEP if the coroutine in `frame`, whose span `f` is, is run by an event loop, and not awaited by the one below. */
static uint64_t step_of(const prof_frame *f, prof_py_frame *frame) {
    const prof_frame *below = f - 1;
    while (below->label && below->label->kind == PROF_SECTION) below--;
    if (!below->label || !(below->label->flags & PROF_LABEL_GENERATOR)) return PROF_LOOSE_STEP;
    const prof_py_frame *caller = prof_py_caller(frame); /* of an eager task, the function that makes it */
    PyCodeObject *code = caller ? prof_py_code(caller) : NULL;
    return code && code->co_flags & (CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR) ? 0 : PROF_LOOSE_STEP;
}

static void enter_generator(prof_site *site) {
    prof_thread *t = prof_py_thread();
    if (PROF_UNLIKELY(!t || !has_label(site))) return;
    void *owner = prof_py_current();
    const prof_suspended *stale = prof_suspended_take(owner);
    if (stale) free(stale->sections); /* abandoned; its frame lay where this one does */
    prof_frame *f = prof_push(t, site->label);
    if (!f) return;
    f->owner = owner;
    f->begun = f->start;
    f->loose = site->awaits == 1 ? step_of(f, owner) : 0;
    prof_greenlets_entered(t, !f->node->calls++);
}

/* Counts the call of a generator that began at `begun`. */
static void count_latency(prof_site *site, uint64_t begun, uint64_t now) {
    if (begun == PROF_NO_TICKS) return;
    if (PROF_UNLIKELY(!site->latency) && !(site->latency = prof_latency_new(site->ref))) return;
    prof_durations_add(&site->latency->calls, now - begun);
}

static inline void leave_generator(prof_site *probe) {
    uint64_t now = prof_now();
    prof_site *site = probe->site;
    prof_thread *t = prof_current;
    prof_frame *f = t->top;
    if (PROF_UNLIKELY(f->label != site->label)) {
        t = prof_py_thread();
        f = t && has_label(site) ? prof_find(t, site->label, now) : NULL;
        if (!f) return;
    }
    uint64_t begun = f->begun, start = f->start, step = f->loose & PROF_LOOSE_STEP;
    prof_label *label = f->label;
    const prof_node *node = f->node;
    prof_pop_complete(t, f, now);
    count_latency(site, begun, now);
    if (begun != PROF_NO_TICKS && PROF_UNLIKELY(now - begun > label->private_slow_above))
        prof_slow_note(t, label, node, begun, now - begun);
    if (PROF_UNLIKELY(step)) prof_task_step(t, now - start, 1);
}

/* Closes the span of a function, or a generator. */
static inline void leave_any(prof_site *site) { site->site->flags &PROF_LABEL_GENERATOR ? leave_generator(site) : leave(site); }

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
    entry->begun = f->begun;
    entry->prior = f->prior + prof_pop(prof_current, f, now);
}

/* The generator's span is not on top: it lies below its open sections, or below strangers. */
static __attribute__((noinline)) void suspend_slow(prof_site *site, uint64_t now, prof_wait *wait) {
    prof_suspended entry = {.sections = NULL, .wait = wait};
    prof_thread *t = prof_py_thread();
    if (!t || !has_label(site)) return;
    prof_frame *f = t->top;
    while (f->label && f->label != site->label && f->label->kind == PROF_SECTION) f--;
    if (f->label == site->label) put_sections_aside(t, f, now, &entry);
    else if (!(f = prof_unwind(t, site->label, now))) return;
    set_aside(f, now, &entry);
    *prof_suspended_put() = entry;
}

static inline void suspend_at(prof_site *site, uint64_t now, prof_wait *wait) {
    prof_frame *f = prof_current->top;
    if (PROF_UNLIKELY(f->label != site->label)) {
        suspend_slow(site, now, wait);
        return;
    }
    prof_suspended *entry = prof_suspended_put();
    entry->sections = NULL;
    entry->section_count = 0;
    entry->wait = wait;
    set_aside(f, now, entry);
}

static inline void suspend(prof_site *site) { suspend_at(site, prof_now(), NULL); }

/* The frame of the span that is about to be suspended, below its open sections; NULL where strangers lie above it. */
static prof_frame *frame_to_suspend(prof_thread *t, const prof_site *site) {
    prof_frame *f = t->top;
    while (f->label && f->label != site->label && f->label->kind == PROF_SECTION) f--;
    return f->label == site->label ? f : NULL;
}

/* The same in an `await` of the iterator `receiver`. */
static void suspend_await(prof_site *site, PyObject *receiver) {
    uint64_t now = prof_now();
    prof_thread *t = prof_current;
    prof_frame *f = t->epoch == prof_epoch && has_label(site) ? frame_to_suspend(t, site) : NULL;
    prof_wait *wait = f ? prof_await(t, receiver) : NULL;
    if (f && f->loose & PROF_LOOSE_STEP) prof_task_step(t, now - f->start, 0);
    suspend_at(site, now, wait);
}

static __attribute__((noinline)) void resume_sections(prof_thread *t, const prof_suspended *entry) {
    for (uint32_t i = 0; i < entry->section_count; i++) {
        prof_frame *f = entry->sections[i].label ? prof_push(t, entry->sections[i].label) : NULL;
        if (!f) continue;
        f->prior = entry->sections[i].prior;
        f->owner = entry->owner;
        f->begun = PROF_NO_TICKS;
        f->loose = 0;
        f->node->resumes++;
        f->node->suspended += f->start - entry->since;
    }
    free(entry->sections);
}

static inline void resume(prof_site *site) {
    prof_thread *t = prof_py_thread();
    if (PROF_UNLIKELY(!t || !has_label(site))) return;
    void *owner = prof_py_current();
    const prof_suspended *entry = prof_suspended_take(owner);
    prof_frame *f = prof_push(t, site->label);
    if (PROF_UNLIKELY(!f)) return;
    f->owner = owner;
    f->loose = site->awaits == 1 ? step_of(f, owner) : 0;
    f->node->resumes++;
    f->begun = PROF_NO_TICKS;
    if (PROF_UNLIKELY(!entry)) return;
    f->begun = entry->begun;
    f->prior = entry->prior;
    f->node->suspended += f->start - entry->since;
    if (entry->wait) prof_durations_add(&entry->wait->waits, f->start - entry->since);
    if (PROF_UNLIKELY(entry->section_count)) resume_sections(t, entry);
}

/* ---- spans without a clock, where only operations are recorded ------------------------------------------------------- */

/* The new frame on top, or NULL. */
static inline prof_frame *push_untimed(prof_site *site) {
    prof_thread *t = prof_current;
    prof_frame *f = t->top + 1;
    prof_node *node = (prof_node *)(uintptr_t)f[-1].node->private_last;
    /* Without a recording both refs are 0, and there is no room. */
    if (PROF_UNLIKELY(node->label != site->ref || f >= t->limit)) {
        t = prof_py_thread();
        if (!t || !has_label(site) || (t->top + 1 >= t->limit && prof_stack_grow(t))) return NULL;
        f = t->top + 1;
        node = prof_node_child(t, f[-1].node, site->label);
    }
    f->label = site->label;
    f->prior = 0;
    prof_put_on_top(t, f, node);
    prof_greenlets_entered(t, !node->calls);
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
    if (PROF_LIKELY(t->top->label == site->label)) prof_take_off(t, t->top);
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
    if (PROF_LIKELY(t->top->label == site->label)) prof_take_off(t, t->top);
    else suspend_slow(site, prof_now(), NULL);
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

void prof_span_close(prof_site *site, void *owner) {
    const prof_suspended *taken = has_label(site) && prof_suspended_any() ? prof_suspended_take(owner) : NULL;
    if (!taken) return;
    prof_suspended entry = *taken;
    prof_thread *t = prof_thread_current();
    prof_frame *f = t ? prof_push(t, site->label) : NULL;
    if (!f) {
        free(entry.sections);
        return;
    }
    f->owner = owner;
    f->begun = entry.begun;
    f->loose = 0;
    f->prior = entry.prior;
    f->node->suspended += f->start - entry.since;
    if (entry.wait) prof_durations_add(&entry.wait->waits, f->start - entry.since);
    if (entry.section_count) resume_sections(t, &entry);
    if (untimed) leave_untimed(site);
    else leave_any(site);
}

/* ---- operations: whose calls the node on top counts --------------------------------------------------------------------- */

static inline void count_entry(prof_site *site) {
    prof_node *node = prof_current->top->node;
    if (PROF_UNLIKELY(node->code != site->code)) prof_count_entry(site, node);
}

/* ---- what monitoring tells of ----------------------------------------------------------------------------------------- */

/* Counts the call as one of the site's code, if operations are recorded; without a clock that is done already. */
static inline void entered(prof_site *site) {
    if (prof_count_ops && !untimed) count_entry(site);
}

void prof_span_enter(prof_site *site) {
    untimed ? enter_untimed(site) : enter(site);
    entered(site);
}

void prof_span_enter_generator(prof_site *site) {
    untimed ? enter_generator_untimed(site) : enter_generator(site);
    entered(site);
}

void prof_span_leave(prof_site *site) { untimed ? leave_untimed(site) : leave_any(site); }
void prof_span_suspend(prof_site *site) { untimed ? suspend_untimed(site) : suspend(site); }
void prof_span_resume(prof_site *site) { untimed ? resume_untimed(site) : resume(site); }

/* ---- operators ------------------------------------------------------------------------------------------------------------ */

#define OPERATOR(name, action)           \
    static PyObject *name(PyObject *o) { \
        action;                          \
        Py_RETURN_NONE;                  \
    }
OPERATOR(op_enter, enter((prof_site *)o))
OPERATOR(op_leave, leave_as((prof_site *)o, 0))
OPERATOR(op_leave_traced, leave_as((prof_site *)o, 1))
OPERATOR(op_enter_generator, enter_generator((prof_site *)o))
OPERATOR(op_leave_generator, leave_generator((prof_site *)o))
OPERATOR(op_suspend, suspend((prof_site *)o))
OPERATOR(op_resume, resume((prof_site *)o))
OPERATOR(op_enter_counting, (enter((prof_site *)o), count_entry((prof_site *)o)))
OPERATOR(op_enter_generator_counting, (enter_generator((prof_site *)o), count_entry((prof_site *)o)))
OPERATOR(op_enter_untimed, enter_untimed((prof_site *)o))
OPERATOR(op_enter_generator_untimed, enter_generator_untimed((prof_site *)o))
OPERATOR(op_suspend_untimed, suspend_untimed((prof_site *)o))
OPERATOR(op_resume_untimed, resume_untimed((prof_site *)o))
OPERATOR(op_leave_untimed, leave_untimed((prof_site *)o))

/* What the probe would do that a counter before a return or a yield stands for. */
static inline void close_span(PyObject *o, int timed) {
    const prof_counter *c = (prof_counter *)o;
    prof_site *site = c->counted->site; /* NULL once the code that it stands in is gone */
    if (PROF_UNLIKELY(!site)) return;
    if (timed) c->suspends ? suspend(site) : leave_any(site);
    else c->suspends ? suspend_untimed(site) : leave_untimed(site);
}
OPERATOR(op_exit, close_span(o, 1))
OPERATOR(op_exit_counting, (prof_counter_hit((prof_counter *)o), close_span(o, 1)))
OPERATOR(op_exit_untimed, (prof_counter_hit((prof_counter *)o), close_span(o, 0)))

/* del probe[awaited], which suspends. They cannot fail. */
static int op_await(PyObject *o, PyObject *receiver, PyObject *none) {
    suspend_await((prof_site *)o, receiver);
    return 0;
}

static int op_suspend_await(PyObject *o, PyObject *receiver, PyObject *none) {
    suspend((prof_site *)o);
    return 0;
}

static int op_await_untimed(PyObject *o, PyObject *receiver, PyObject *none) {
    suspend_untimed((prof_site *)o);
    return 0;
}

static int op_exit_await(PyObject *o, PyObject *receiver, PyObject *none) {
    prof_site *site = ((prof_counter *)o)->counted->site;
    if (site) suspend_await(site, receiver);
    return 0;
}

static int op_exit_await_counting(PyObject *o, PyObject *receiver, PyObject *none) {
    prof_counter_hit((prof_counter *)o);
    return op_exit_await(o, receiver, none);
}

static int op_exit_await_untimed(PyObject *o, PyObject *receiver, PyObject *none) {
    prof_counter_hit((prof_counter *)o);
    close_span(o, 0);
    return 0;
}

/* An exception has left the function of `site`. It ends generators in the ordinary course of things, too. */
static __attribute__((noinline)) void raised(const prof_site *site) {
    if (prof_is_labelled(site) && !(site->flags & PROF_LABEL_GENERATOR)) prof_flight_raised(site->label);
}

void prof_span_raised(prof_site *site) {
    prof_span_leave(site);
    if (PROF_UNLIKELY(prof_flight_raises)) raised(site);
}

/* In code that counts: an exception that it does not handle. */
static int op_raise_counting(PyObject *o, PyObject *offset, PyObject *ignored) {
    prof_site *site = ((prof_site *)o)->site;
    if (prof_count_ops && site->counted) prof_count_unhandled(site->counted, offset);
    if (untimed) leave_untimed((prof_site *)o);
    else leave_any((prof_site *)o);
    if (PROF_UNLIKELY(prof_flight_raises)) raised(site);
    return 0;
}

static PyObject *op_raise(PyObject *o) {
    if (PROF_QUIRK_OFFSET_IS_TAGGED && ((prof_site *)o)->site->counted) op_raise_counting(o, NULL, NULL);
    else leave_any((prof_site *)o);
    if (PROF_UNLIKELY(prof_flight_raises)) raised(((prof_site *)o)->site);
    Py_RETURN_NONE;
}

/* ---- types ----------------------------------------------------------------------------------------------------------- */

static PyObject *repr(PyObject *o) { return PyUnicode_FromFormat("<%s of %U>", Py_TYPE(o)->tp_name, ((prof_site *)o)->site->name); }

static PyNumberMethods function_operators = {.nb_invert = op_enter, .nb_negative = op_leave};
static PyNumberMethods generator_operators = {.nb_invert = op_enter_generator, .nb_negative = op_leave_generator};
static PyNumberMethods suspend_operators = {.nb_invert = op_resume, .nb_negative = op_suspend};
static PyMappingMethods suspend_mapping = {.mp_ass_subscript = op_await};
static PyNumberMethods raise_operators = {.nb_invert = op_resume, .nb_negative = op_raise};
static PyMappingMethods raise_mapping = {.mp_ass_subscript = op_raise_counting};

/* A recording has begun: without spans as they went, a leave does not ask for them. */
static void choose_leave(void) {
    if (!untimed) function_operators.nb_negative = prof_traced ? op_leave_traced : op_leave;
}

void prof_choose_operators(int timed, int counting, long types) {
    untimed = counting && !timed;
    prof_count_switch(counting, types,
                      !counting ? op_exit
                      : untimed ? op_exit_untimed
                                : op_exit_counting,
                      !counting ? op_exit_await
                      : untimed ? op_exit_await_untimed
                                : op_exit_await_counting);
    function_operators.nb_invert = !counting ? op_enter : untimed ? op_enter_untimed : op_enter_counting;
    function_operators.nb_negative = untimed ? op_leave_untimed : op_leave;
    generator_operators.nb_invert = !counting ? op_enter_generator
                                    : untimed ? op_enter_generator_untimed
                                              : op_enter_generator_counting;
    generator_operators.nb_negative = untimed ? op_leave_untimed : op_leave_generator;
    suspend_mapping.mp_ass_subscript = untimed ? op_await_untimed : timed ? op_await : op_suspend_await;
    suspend_operators.nb_invert = untimed ? op_resume_untimed : op_resume;
    suspend_operators.nb_negative = untimed ? op_suspend_untimed : op_suspend;
}

#define PROBE_TYPE(name, operators)                                      \
    {PyVarObject_HEAD_INIT(NULL, 0).tp_name = "prof." name,              \
     .tp_basicsize = sizeof(prof_site),                                  \
     .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, \
     .tp_dealloc = site_dealloc,                                         \
     .tp_as_number = &operators,                                         \
     .tp_repr = repr}
PyTypeObject prof_function_type = PROBE_TYPE("FunctionProbe", function_operators);
PyTypeObject prof_generator_type = PROBE_TYPE("GeneratorProbe", generator_operators);
PyTypeObject prof_suspend_type = {PyVarObject_HEAD_INIT(NULL, 0).tp_name = "prof.SuspendProbe",
                                  .tp_basicsize = sizeof(prof_site),
                                  .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                                  .tp_dealloc = site_dealloc,
                                  .tp_as_number = &suspend_operators,
                                  .tp_as_mapping = &suspend_mapping,
                                  .tp_repr = repr};
PyTypeObject prof_raise_type = {PyVarObject_HEAD_INIT(NULL, 0).tp_name = "prof.RaiseProbe",
                                .tp_basicsize = sizeof(prof_site),
                                .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                                .tp_dealloc = site_dealloc,
                                .tp_as_number = &raise_operators,
                                .tp_as_mapping = &raise_mapping,
                                .tp_repr = repr};

PyObject *prof_site_dependent(PyTypeObject *type, prof_site *site) {
    prof_site *p = PyObject_New(prof_site, type);
    if (!p) return NULL;
    memset((char *)p + sizeof(PyObject), 0, sizeof *p - sizeof(PyObject));
    p->site = (prof_site *)Py_NewRef(site);
    p->dependent = site->dependent;
    site->dependent = p;
    p->label = site->label;
    p->ref = site->ref;
    p->awaits = site->awaits;
    site_link(p);
    return (PyObject *)p;
}

prof_site *prof_probed_site(PyCodeObject *code) {
    PyObject *consts = code->co_consts;
    Py_ssize_t n = PyTuple_GET_SIZE(consts);
    PyObject *last = n ? PyTuple_GET_ITEM(consts, n - 1) : NULL;
    return last && Py_TYPE(last) == &prof_raise_type ? ((prof_site *)last)->site : NULL;
}

int prof_probes_init(void) {
    prof_on_open = name_all_sites;
    return PyType_Ready(&prof_function_type) || PyType_Ready(&prof_generator_type) || PyType_Ready(&prof_suspend_type) ||
                   PyType_Ready(&prof_raise_type)
               ? -1
               : 0;
}
