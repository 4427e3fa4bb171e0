#include "code.h"

#include <string.h>

#include "core/labels.h"
#include "core/lines.h"
#include "core/busy.h"
#include "core/sources.h"
#include "core/stack.h"
#include "python/bytecode/opcodes.h"
#include "python/bytecode/tables.h"
#include "python/site.h"
#include "python/text.h"

static PyObject *tables;              /* Owned: a tuple of tuples of names, from PROF_NAME_TABLE on */
static uint64_t tracked = UINT64_MAX; /* a bit for each category that is counted */
static prof_appender codes;

static prof_ref text_ref(PyObject *text) {
    PyObject *bytes = text && PyUnicode_Check(text) ? prof_py_bytes(text) : NULL;
    prof_ref ref = bytes ? prof_string_ref(PyBytes_AS_STRING(bytes)) : 0;
    PyErr_Clear();
    Py_XDECREF(bytes);
    return ref;
}

static prof_ref item_ref(PyObject *tuple, uint32_t index) {
    return PyTuple_Check(tuple) && index < (uint32_t)PyTuple_GET_SIZE(tuple) ? text_ref(PyTuple_GET_ITEM(tuple, index)) : 0;
}

static void name_instruction(const prof_counted *c, const prof_instruction *i, prof_code_instruction *out) {
    const prof_trait *trait = &prof_trait_of[i->op];
    uint32_t index = i->arg >> trait->shift;
    memcpy(out->access, trait->access, sizeof out->access);
    memcpy(out->category, trait->category, sizeof out->category);
    out->category[0] = prof_category_of(i->op, i->arg);
    for (int k = 0; k < 2; k++)
        if (!(tracked >> out->category[k] & 1)) out->category[k] = out->access[k] = 0;
    switch (trait->source) {
    case PROF_NAME_NONE: return;
    case PROF_NAME_LOCAL: out->name = item_ref(c->locals, index); return;
    case PROF_NAME_LOCALS:
        out->name = item_ref(c->locals, index >> 4);
        out->second = item_ref(c->locals, index & 15);
        return;
    case PROF_NAME_NAME: out->name = item_ref(c->names, index); return;
    default: out->name = item_ref(PyTuple_GET_ITEM(tables, trait->source - PROF_NAME_TABLE), index);
    }
}

/* Line numbers of the source as it was before it was instrumented; neighbours mostly share theirs. */
typedef struct {
    const char *file;
    uint32_t line, original;
    int own; /* whether the line is the profiler's */
} line_reader;

static uint32_t original_line(line_reader *r, uint32_t line) {
    if (line != r->line && r->file) {
        r->original = prof_line_original(r->file, line);
        r->own = prof_line_is_own(r->file, line);
    }
    r->line = line;
    return r->file ? r->original : line;
}

/* ---- where instructions stand --------------------------------------------------------------------------------------- */

/* The interpreter's location table, or what it says itself: then `locations` are a prof_location for each unit. */
typedef struct {
    prof_location_reader table;
    const prof_location *told;
} place_reader;

static place_reader places_open(const prof_counted *c) {
    const char *bytes = PyBytes_AS_STRING(c->locations);
    place_reader r = {.told = PROF_PY_VALIDATED ? NULL : (const void *)bytes};
    if (!r.told) prof_locations_open(&r.table, (const uint8_t *)bytes, (size_t)PyBytes_GET_SIZE(c->locations), c->first_line);
    return r;
}

static const prof_location *place_at(place_reader *r, uint32_t unit) {
    return r->told ? &r->told[unit] : prof_locations_at(&r->table, unit);
}

/* A number of co_positions(); `none` for None, and what is too large. */
static uint32_t number_in(PyObject *position, Py_ssize_t k, uint32_t none, long most) {
    PyObject *o = PyTuple_Check(position) && k < PyTuple_GET_SIZE(position) ? PyTuple_GET_ITEM(position, k) : NULL;
    long n = o && PyLong_Check(o) ? PyLong_AsLong(o) : -1;
    PyErr_Clear();
    return n < 0 || n > most ? none : (uint32_t)n;
}

int prof_code_locate(prof_counted *c, PyCodeObject *code) {
    if (PROF_PY_VALIDATED) return 0;
    Py_ssize_t bytes = (Py_ssize_t)(c->flow.units * sizeof(prof_location)), unit = 0;
    PyObject *made = PyBytes_FromStringAndSize(NULL, bytes), *position;
    PyObject *positions = made ? PyObject_CallMethod((PyObject *)code, "co_positions", NULL) : NULL;
    prof_location *told = made ? (void *)PyBytes_AS_STRING(made) : NULL;
    for (; positions && unit < (Py_ssize_t)c->flow.units && (position = PyIter_Next(positions)); unit++) {
        told[unit] = (prof_location){number_in(position, 0, 0, UINT32_MAX), number_in(position, 1, 0, UINT32_MAX),
                                     (uint16_t)number_in(position, 2, PROF_NO_COLUMN, PROF_NO_COLUMN - 1),
                                     (uint16_t)number_in(position, 3, PROF_NO_COLUMN, PROF_NO_COLUMN - 1)};
        Py_DECREF(position);
    }
    for (; positions && unit < (Py_ssize_t)c->flow.units; unit++)
        told[unit] = (prof_location){0, 0, PROF_NO_COLUMN, PROF_NO_COLUMN};
    int failed = !positions || PyErr_Occurred();
    Py_XDECREF(positions);
    if (failed) Py_XDECREF(made);
    else Py_SETREF(c->locations, made);
    return failed ? -1 : 0;
}

static void write_instructions(const prof_counted *c, prof_code_instruction *out, uint32_t from) {
    place_reader r = places_open(c);
    PyObject *file = prof_py_bytes(c->file);
    line_reader begin = {.file = file ? PyBytes_AS_STRING(file) : NULL}, end = begin;
    PyErr_Clear();
    for (uint32_t k = from; k < c->flow.count; k++, out++) {
        const prof_instruction *i = &c->flow.instructions[k];
        const prof_location *l = place_at(&r, i->unit);
        *out = (prof_code_instruction){.lies = i->lies,
                                       .block = i->block,
                                       .handler = i->handler,
                                       .flow = i->kind,
                                       .op = i->op,
                                       .line = original_line(&begin, l->line),
                                       .end_line = original_line(&end, l->end_line),
                                       .column = l->column,
                                       .end_column = l->end_column};
        if (!begin.own) name_instruction(c, i, out);
    }
    Py_XDECREF(file);
}

static void write_edges(const prof_flow *flow, prof_code_edge *out, uint32_t from) {
    for (uint32_t k = 0; k < flow->edge_count; k++) {
        const prof_edge *e = &flow->edges[k];
        out[k] = (prof_code_edge){.from = e->from,
                                  .to = e->to,
                                  .instruction = e->instruction - from,
                                  .counter = e->counter,
                                  .kind = e->kind,
                                  .before = e->place == PROF_PLACE_BEFORE};
    }
}

static prof_code *write_code(prof_counted *c) {
    const prof_flow *flow = &c->flow;
    uint32_t from = flow->first[1], n = flow->count - from;
    uint64_t bytes = sizeof(prof_code) + n * sizeof(prof_code_instruction) + flow->edge_count * sizeof(prof_code_edge) +
                     flow->handler_count * sizeof(uint32_t);
    bytes = (bytes + 7) / 8 * 8;
    prof_code *code = prof_arena_append(&codes, PROF_CHUNK_CODES, 1, 0, bytes);
    if (!code) return NULL;
    prof_code_instruction *instructions = (void *)(code + 1);
    prof_code_edge *edges = (void *)(instructions + n);
    uint32_t *handlers = (void *)(edges + flow->edge_count);
    *code = (prof_code){.size = (uint32_t)bytes,
                        .label = c->site ? c->site->ref : 0,
                        .name = text_ref(c->name),
                        .file = text_ref(c->file),
                        .line = prof_py_original_line(c->file, c->first_line),
                        .instructions = n,
                        .edges = flow->edge_count,
                        .blocks = flow->block_count,
                        .handlers = flow->handler_count,
                        .counters = flow->counter_count};
    prof_sources_note(code->file); /* the code may have no label */
    write_instructions(c, instructions, from);
    write_edges(flow, edges, from);
    for (uint32_t h = 0; h < flow->handler_count; h++) handlers[h] = flow->instructions[flow->handlers[h].instruction].block;
    prof_arena_publish(&codes, bytes);
    return code;
}

prof_ref prof_code_ref(prof_counted *counted) {
    if (counted->ref || !prof_recording() || !prof_count_ops) return counted->ref;
    if (counted->site && !prof_is_labelled(counted->site)) return 0;
    prof_busy.quiet++;
    PyObject *error = PyErr_GetRaisedException();
    prof_code *code = write_code(counted);
    PyErr_SetRaisedException(error);
    prof_busy.quiet--;
    if (!code) prof_count(PROF_DROP_LOST_COUNTS, 1);
    else counted->ref = prof_arena_ref(code);
    if (counted->site && counted->ref) counted->site->code = counted->ref;
    return counted->ref;
}

void prof_code_reset(void) { codes = (prof_appender){0}; }

PyObject *prof_code_describe(PyObject *self, PyObject *args) {
    PyObject *names;
    unsigned long long categories;
    if (!PyArg_ParseTuple(args, "O!K:describe", &PyTuple_Type, &names, &categories)) return NULL;
    if (PyTuple_GET_SIZE(names) != PROF_NAME_END - PROF_NAME_TABLE)
        return PyErr_Format(PyExc_ValueError, "describe(names, categories)");
    Py_XSETREF(tables, Py_NewRef(names));
    tracked = categories;
    Py_RETURN_NONE;
}
