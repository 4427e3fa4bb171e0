#include "count.h"

#include <stdlib.h>
#include <string.h>

#include "by_events.h"
#include "code.h"
#include "python/bytecode/plain.h"
#include "python/site.h"
#include "python/bytecode/rewrite.h"
#include "samplers.h"
#include "python/text.h"

static PyObject *weights; /* Owned: a dict by (name, line) of how often edges ran before, or NULL */
static prof_counted *all; /* every one there is */
static prof_appender live;
static Py_ssize_t extra = -1; /* slot of code objects: what is counted in them */
static uint32_t generation;

/* ---- where a call counts -------------------------------------------------------------------------------------------- */

/* The shadow frame that the call in `frame` counts into: its own span's, or that of the innermost section it has open.
 * Others may lie above it, left by callees without probes. Code without a span counts into whatever is on top. */
static prof_frame *own_frame(const prof_thread *t, prof_frame *from, const prof_counted *counted, const prof_py_frame *frame) {
    prof_frame *f = from;
    if (!counted->site) return f;
    for (; f > t->base; f--) {
        if (f->label == counted->site->label) return f;
        if (f->label->kind == PROF_SECTION && f->owner == (const void *)frame && !f->loose) return f;
    }
    return NULL;
}

static prof_counts *counts_at(prof_thread *t, prof_counted *counted, prof_frame *f) {
    if (!f || !f->node->label) return NULL;
    if (!counted->ref && !prof_code_ref(counted)) return NULL;
    return prof_counts_get(t, f->node, counted->ref, counted->flow.counter_count);
}

static prof_counts *counts_now(prof_counted *counted, const prof_py_frame *frame) {
    prof_thread *t = prof_thread_current();
    return t ? counts_at(t, counted, own_frame(t, t->top, counted, frame)) : NULL;
}

/* ---- counters --------------------------------------------------------------------------------------------------------- */

uint64_t *prof_counters_now(prof_counted *counted, const prof_node *node) {
    prof_counts *counts = counted->ref ? prof_counts_find(node, counted->ref) : NULL;
    if (!counts && prof_recording()) counts = counts_now(counted, prof_py_current());
    return counts ? prof_counts_counters(counts) : NULL;
}

void prof_counter_hit_slow(prof_counter *c, prof_node *node) {
    uint64_t *counters = prof_counters_now(c->counted, node);
    if (counters) counters[c->index]++;
}

static PyObject *op_count(PyObject *o) {
    prof_counter_hit((prof_counter *)o);
    Py_RETURN_NONE;
}

/* ---- recorders -------------------------------------------------------------------------------------------------------- */

/* Whether it was not the instruction at `unit` that raised what came to `handler`, but the next, which ran as one with it. */
static int raised_by_next(const prof_counted *counted, const prof_py_frame *frame, uint32_t handler, uint32_t unit) {
    const prof_flow *flow = &counted->flow;
    uint32_t k = prof_flow_find(flow, unit);
    const prof_instruction *i = &flow->instructions[k];
    if (i->handler != handler || k + 1 == flow->count || i[1].lies != unit + 1) return 0;
    return prof_py_second_raised(frame, i->op, i->arg, i[1].op);
}

static void record(prof_counted *counted, uint32_t handler, PyObject *offset) {
    prof_thread *t = prof_thread_current();
    if (!t) return;
    prof_py_frame *frame = prof_py_current();
    prof_counts *counts = counts_now(counted, frame);
    if (!counts) return;
    uint32_t unit = prof_py_raised_at(frame, offset);
    prof_counts_event(t, counts, handler, unit);
    if (!raised_by_next(counted, frame, handler, unit)) return;
    /* The handler is the first one's; what raised may stand behind the end of what that handler is for. */
    prof_counts_event(t, counts, PROF_EVENT_ENTERS, unit);
    prof_counts_event(t, counts, PROF_EVENT_LEAVES, unit + 1);
}

void prof_count_unhandled(prof_counted *counted, PyObject *offset) { record(counted, PROF_EVENT_UNHANDLED, offset); }

static PyObject *op_record_tagged(PyObject *o) {
    record(((prof_counter *)o)->counted, ((prof_counter *)o)->index, NULL);
    Py_RETURN_NONE;
}

static int op_record(PyObject *o, PyObject *offset, PyObject *ignored) {
    prof_counter *r = (prof_counter *)o;
    record(r->counted, r->index, offset);
    return 0;
}

/* ---- entries, sections ------------------------------------------------------------------------------------------------- */

void prof_count_entry(prof_site *site, prof_node *node) {
    prof_counted *counted = site->counted;
    prof_thread *t = prof_thread_current();
    if (!t || !node->label) return;
    if (!counted) { /* a generator, say, that was made before the operations were recorded */
        const prof_code *code = node->code ? prof_arena_at(node->code) : NULL;
        prof_counts *counts = code ? prof_counts_get(t, node, node->code, code->counters) : NULL;
        if (counts) counts->entries++;
        return;
    }
    if (!counted->ref && !prof_code_ref(counted)) return;
    if (!node->code && node->calls == 1) node->code = counted->ref;
    if (node->code == counted->ref) return;
    prof_counts *counts = prof_counts_get(t, node, counted->ref, counted->flow.counter_count);
    if (counts) counts->entries++;
}

static prof_counted *counted_in(PyCodeObject *code);

/* Whether the frame stands in its body, with its entry counted: not before the enter probe, nor suspended. */
static int is_inside(const prof_counted *counted, uint32_t unit) {
    const prof_flow *flow = &counted->flow;
    const prof_instruction *i = &flow->instructions[prof_flow_find(flow, unit)];
    return i->block && i->kind != PROF_FLOW_RESUME && i->kind != PROF_FLOW_YIELD;
}

void prof_count_move(prof_py_frame *frame, const void *owner, uint32_t what) {
    prof_thread *t = prof_count_ops ? prof_thread_current() : NULL;
    for (; t && frame; frame = prof_py_caller(frame)) {
        prof_counted *counted = counted_in(prof_py_code(frame));
        uint32_t unit = counted ? prof_py_unit(frame) : 0;
        if (counted && (!counted->site || frame == owner) && is_inside(counted, unit)) {
            prof_counts *counts = counts_now(counted, frame);
            if (counts) prof_counts_event(t, counts, what, unit);
        }
        if (prof_probed_site(prof_py_code(frame))) return; /* those below it count where it was called */
    }
}

/* ---- calls that run ----------------------------------------------------------------------------------------------------- */

static void write_live(const prof_counts *counts, uint32_t unit) {
    prof_live_frame *l = prof_arena_append(&live, PROF_CHUNK_LIVE, sizeof *l, 0, sizeof *l);
    if (!l) return;
    *l = (prof_live_frame){counts ? prof_arena_ref(counts) : 0, unit, generation, 0};
    prof_arena_publish(&live, sizeof *l);
}

/* Does `what` with where each running call of a thread counts. Frames and the shadow stack have the same order, so one pass
 * from the top finds each call its own. */
static void each_call(prof_thread *t, prof_py_frame *frame, void (*what)(prof_thread *, prof_counts *, uint32_t unit)) {
    prof_frame *f = t->top;
    for (; frame; frame = prof_py_caller(frame)) {
        prof_counted *counted = counted_in(prof_py_code(frame));
        if (!counted || prof_py_incomplete(frame) || !is_inside(counted, prof_py_unit(frame))) continue;
        prof_frame *own = own_frame(t, f, counted, frame);
        prof_counts *counts = counts_at(t, counted, own);
        if (counts) what(t, counts, prof_py_unit(frame));
        if (!own || !counted->site) continue;
        while (own > t->base && own->label != counted->site->label) own--; /* below its sections */
        f = own > t->base ? own - 1 : own;
    }
}

static void each_thread(void (*what)(prof_thread *, prof_counts *, uint32_t unit)) {
    PyInterpreterState *interpreter = PyInterpreterState_Main();
    for (prof_py_state *s = PyInterpreterState_ThreadHead(interpreter); s; s = PyThreadState_Next(s)) {
        prof_thread *t = s == prof_py_state_now() ? prof_current : prof_thread_of(prof_py_native_thread(s));
        if (t && t->epoch == prof_epoch) each_call(t, prof_py_frame_of(s), what);
    }
}

static void leaves(prof_thread *t, prof_counts *counts, uint32_t unit) { write_live(counts, unit); }
static void enters(prof_thread *t, prof_counts *counts, uint32_t unit) { prof_counts_event(t, counts, PROF_EVENT_ENTERS, unit); }

void prof_count_live(void) {
    if (!prof_recording() || !prof_count_ops) return;
    generation++;
    write_live(NULL, 0);
    each_thread(leaves);
}

void prof_count_reset(void) {
    live = (prof_appender){0};
    generation = 0;
    prof_code_reset();
    prof_samplers_reset();
    for (prof_counted *c = all; c; c = c->next) {
        c->ref = 0;
        c->node = NULL;
        c->waits = 0;
        if (c->site) c->site->code = PROF_NO_CODE;
        for (uint32_t i = 0; c->probes && i < c->flow.counter_count; i++)
            if (c->probes[i]) ((prof_counter *)c->probes[i])->node = NULL;
        for (uint32_t i = 0; i < c->sampler_count; i++) {
            PyObject *sampler = c->probes[c->flow.counter_count + c->flow.handler_count + i];
            if (sampler) prof_sampler_reset(sampler);
        }
    }
}

void prof_count_begin(void) {
    if (prof_count_ops) each_thread(enters); /* of a fork, and of code without a span */
}

/* ---- objects -------------------------------------------------------------------------------------------------------------- */

static PyObject *new_probe(PyTypeObject *type, prof_counted *counted, uint32_t index) {
    prof_counter *c = PyObject_New(prof_counter, type);
    if (!c) return NULL;
    c->counted = (prof_counted *)Py_NewRef((PyObject *)counted);
    c->node = NULL;
    c->slot = NULL;
    c->index = index;
    c->suspends = 0;
    return (PyObject *)c;
}

static void probe_dealloc(PyObject *o) {
    prof_counter *c = (prof_counter *)o;
    prof_counted *counted = c->counted;
    if (Py_TYPE(o) == &prof_counter_type || c->index != PROF_EVENT_UNHANDLED)
        counted->probes[c->index + (Py_TYPE(o) == &prof_recorder_type ? counted->flow.counter_count : 0)] = NULL;
    PyObject_Free(o);
    Py_DECREF(counted);
}

static uint32_t probe_count(const prof_counted *c) { return c->flow.counter_count + c->flow.handler_count + c->sampler_count; }

static void counted_dealloc(PyObject *o) {
    prof_counted *c = (prof_counted *)o;
    if (c->link) {
        *c->link = c->next;
        if (c->next) c->next->link = c->link;
    }
    prof_flow_free(&c->flow);
    prof_plain_free(c->plain);
    free(c->probes);
    free(c->by_unit);
    Py_XDECREF(c->name);
    Py_XDECREF(c->file);
    Py_XDECREF(c->locals);
    Py_XDECREF(c->names);
    Py_XDECREF(c->locations);
    PyObject_Free(o);
}

/* How often the edges ran in an earlier recording, as bytes of doubles (Borrowed); NULL not known. */
static PyObject *measured_weights(const prof_counted *c) {
    if (!weights) return NULL;
    PyObject *key = Py_BuildValue("(Oi)", c->name, (int)prof_py_original_line(c->file, c->first_line));
    PyObject *found = key ? PyDict_GetItemWithError(weights, key) : NULL;
    Py_XDECREF(key);
    PyErr_Clear();
    return found && PyBytes_Check(found) ? found : NULL;
}

typedef int (*flow_builder)(prof_flow *flow, const prof_flow_source *source, const prof_flow_rules *rules);

static int build_flow(prof_counted *c, PyCodeObject *code, flow_builder build) {
    PyObject *bytes = PyCode_GetCode(code);
    if (!bytes) return -1;
    prof_flow_source source = {.code = (const uint8_t *)PyBytes_AS_STRING(bytes),
                               .units = (uint32_t)(PyBytes_GET_SIZE(bytes) / 2),
                               .table = (const uint8_t *)PyBytes_AS_STRING(code->co_exceptiontable),
                               .table_size = (size_t)PyBytes_GET_SIZE(code->co_exceptiontable),
                               .spans = c->site != NULL};
    PyObject *measured = measured_weights(c);
    if (measured) {
        source.weights = (const double *)(const void *)PyBytes_AS_STRING(measured);
        source.weight_count = (size_t)PyBytes_GET_SIZE(measured) / sizeof *source.weights;
    }
    int result = build(&c->flow, &source, &prof_opcode.rules);
    Py_DECREF(bytes);
    if (result < 0) PyErr_NoMemory();
    return result;
}

static int make_probes(prof_counted *c) {
    uint32_t counters = c->flow.counter_count, samplers = counters + c->flow.handler_count, next = 0;
    for (uint32_t k = 0; prof_types_limit && k < c->flow.count; k++)
        c->sampler_count += (uint32_t)prof_has_sampler(&c->flow.instructions[k]);
    uint32_t n = probe_count(c);
    c->probes = calloc(n + 1, sizeof *c->probes);
    if (!c->probes) {
        PyErr_NoMemory();
        return -1;
    }
    for (uint32_t i = 0; i < n; i++) {
        if (i < counters) c->probes[i] = new_probe(&prof_counter_type, c, i);
        else if (i < samplers) c->probes[i] = new_probe(&prof_recorder_type, c, i - counters);
        else {
            while (!prof_has_sampler(&c->flow.instructions[next])) next++;
            c->probes[i] = prof_sampler_new(c, i, next++);
        }
        if (!c->probes[i]) return -1;
    }
    for (uint32_t k = 0; k < c->flow.edge_count; k++) {
        const prof_edge *e = &c->flow.edges[k];
        if (e->counter < counters) ((prof_counter *)c->probes[e->counter])->suspends = prof_flow_yields(&c->flow, e);
    }
    return 0;
}

static prof_counted *new_counted(PyCodeObject *code, PyObject *name, prof_site *site) {
    prof_counted *c = PyObject_New(prof_counted, &prof_counted_type);
    if (!c) return NULL;
    memset((char *)c + sizeof(PyObject), 0, sizeof *c - sizeof(PyObject));
    c->site = site;
    c->name = Py_NewRef(name);
    c->file = Py_NewRef(code->co_filename);
    c->locals = Py_NewRef(code->co_localsplusnames);
    c->names = Py_NewRef(code->co_names);
    c->locations = Py_NewRef(code->co_linetable);
    c->first_line = code->co_firstlineno;
    return c;
}

static void link_counted(prof_counted *c) {
    c->next = all;
    c->link = &all;
    if (all) all->link = &c->next;
    all = c;
}

prof_counted *prof_counted_new(PyCodeObject *code, PyObject *name, prof_site *site) {
    prof_counted *c = new_counted(code, name, site);
    if (!c) return NULL;
    if (build_flow(c, code, prof_flow_build) || make_probes(c)) {
        if (c->probes) prof_counted_release(c, NULL);
        Py_DECREF(c);
        return NULL;
    }
    link_counted(c);
    return c;
}

prof_counted *prof_counted_new_for_events(PyCodeObject *code, PyObject *name, prof_site *site) {
    prof_counted *c = new_counted(code, name, site);
    if (!c) return NULL;
    if (build_flow(c, code, prof_flow_build_for_events) || prof_events_number(c) || prof_code_locate(c, code) ||
        PyUnstable_Code_SetExtra((PyObject *)code, extra, c)) {
        Py_DECREF(c);
        return NULL;
    }
    c->probed = code;
    link_counted(c);
    return c;
}

prof_counted *prof_counted_for_events(PyObject *code) {
    void *found = NULL;
    if (PyUnstable_Code_GetExtra(code, extra, &found)) PyErr_Clear();
    prof_counted *counted = found;
    return counted && counted->by_unit ? counted : NULL;
}

void prof_counted_fill(prof_counted *c, prof_probe_set *set, uint32_t constants) {
    set->flow = &c->flow;
    set->counters = c->probes;
    set->recorders = set->counters + c->flow.counter_count;
    set->samplers = set->recorders + c->flow.handler_count;
    set->sampler_count = c->sampler_count;
    constants += c->flow.counter_count + c->flow.handler_count;
    for (uint32_t i = 0; i < c->sampler_count; i++) prof_sampler_place(set->samplers[i], constants + i);
}

int prof_counted_release(prof_counted *c, PyObject *probed) {
    int failed = 0;
    if (probed) {
        failed = PyUnstable_Code_SetExtra(probed, extra, Py_NewRef((PyObject *)c));
        if (failed) Py_DECREF(c);
        else c->probed = (PyCodeObject *)probed;
    }
    for (uint32_t i = 0; i < probe_count(c); i++) Py_XDECREF(c->probes[i]);
    return failed;
}

/* The code is gone; it may have had none (NULL). */
static void forget_code(void *o) {
    if (o) ((prof_counted *)o)->probed = NULL;
    prof_events_forget(o);
    Py_XDECREF((PyObject *)o);
}

PyObject *prof_recorder_unhandled(prof_counted *counted) { return new_probe(&prof_recorder_type, counted, PROF_EVENT_UNHANDLED); }

static prof_counted *counted_in(PyCodeObject *code) {
    prof_site *site = code ? prof_probed_site(code) : NULL;
    return site ? site->counted : code ? prof_counted_only(code) : NULL;
}

prof_counted *prof_counted_only(PyCodeObject *code) {
    Py_ssize_t n = PyTuple_GET_SIZE(code->co_consts);
    PyObject *last = n ? PyTuple_GET_ITEM(code->co_consts, n - 1) : NULL;
    return last && Py_TYPE(last) == &prof_recorder_type ? ((prof_counter *)last)->counted : NULL;
}

/* ---- types ----------------------------------------------------------------------------------------------------------------- */

static PyObject *op_nothing(PyObject *o) { Py_RETURN_NONE; }

static PyNumberMethods counter_operators = {.nb_invert = op_nothing};
static PyMappingMethods counter_mapping;
static PyMappingMethods recorder_operators = {.mp_ass_subscript = op_record};
static PyNumberMethods tagged_recorder_operators = {.nb_invert = op_record_tagged};

#define FLAGS (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION)
PyTypeObject prof_counted_type = {PyVarObject_HEAD_INIT(NULL, 0).tp_name = "prof.Counted", .tp_basicsize = sizeof(prof_counted),
                                  .tp_flags = FLAGS, .tp_dealloc = counted_dealloc};
PyTypeObject prof_counter_type = {PyVarObject_HEAD_INIT(NULL, 0).tp_name = "prof.Counter",
                                  .tp_basicsize = sizeof(prof_counter),
                                  .tp_flags = FLAGS,
                                  .tp_dealloc = probe_dealloc,
                                  .tp_as_number = &counter_operators,
                                  .tp_as_mapping = &counter_mapping};
PyTypeObject prof_recorder_type = {PyVarObject_HEAD_INIT(NULL, 0).tp_name = "prof.Recorder",
                                   .tp_basicsize = sizeof(prof_counter),
                                   .tp_flags = FLAGS,
                                   .tp_dealloc = probe_dealloc,
                                   .tp_as_mapping = &recorder_operators,
                                   .tp_as_number = &tagged_recorder_operators};

/* ---- for Python -------------------------------------------------------------------------------------------------------------- */

int prof_count_ops;

void prof_count_switch(int on, long types, unaryfunc exit, objobjargproc await) {
    prof_count_ops = on;
    prof_types_limit = on ? types : 0;
    counter_operators.nb_invert = on ? op_count : op_nothing;
    counter_operators.nb_negative = exit;
    counter_mapping.mp_ass_subscript = await;
}

static PyObject *weigh(PyObject *self, PyObject *measured) {
    if (!PyDict_Check(measured)) return PyErr_Format(PyExc_TypeError, "weigh({(name, line): doubles})");
    Py_XSETREF(weights, Py_NewRef(measured));
    Py_RETURN_NONE;
}

PyMethodDef prof_count_methods[] = {
    {"weigh", weigh, METH_O,
     "weigh(measured: dict[tuple[str, int], bytes], /) -> None: how often the edges of code ran, as doubles, by name and line;\n"
     "counters of new code stand elsewhere."},
    {"describe", prof_code_describe, METH_VARARGS,
     "describe(names: tuple[tuple[str, ...], ...], categories: int, /) -> None: the names of operators, in the order of\n"
     "prof_name_source in code.h, and a bit for each category that is counted."},
    {NULL}};

int prof_count_init(void) {
    extra = PyUnstable_Eval_RequestCodeExtraIndex(forget_code);
    if (extra < 0) {
        PyErr_SetString(PyExc_RuntimeError, "no free slot on code objects");
        return -1;
    }
    return PyType_Ready(&prof_counted_type) || PyType_Ready(&prof_counter_type) || PyType_Ready(&prof_recorder_type) ||
                   PyType_Ready(&prof_sampler_type)
               ? -1
               : 0;
}
