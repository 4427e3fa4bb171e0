#include "samplers.h"

#include <stdlib.h>
#include <string.h>

#include "core/labels.h"
#include "core/stack.h"
#include "code.h"

long prof_types_limit;
static prof_appender operands;

#define MOST_PAIRS 8 /* of types at one instruction; the rest are one row without names */

/* Types are compared by address and name, never read: they may be gone. */
typedef struct {
    const PyTypeObject *left, *right;
    const char *left_name, *right_name;
    prof_operands *row; /* Borrowed from the arena */
} sampled_pair;

typedef struct {
    PyObject_HEAD
    prof_counted *counted; /* Owned */
    uint32_t index;        /* among the probes */
    uint32_t instruction;
    uint32_t constant; /* its number */
    uint32_t skipped;  /* unit where a jump over it was put; PROF_NONE */
    uint32_t pairs;
    uint64_t seen;
    sampled_pair *pair; /* Owned: MOST_PAIRS of them, made at the first execution */
} prof_sampler;

PyObject *prof_sampler_new(prof_counted *counted, uint32_t index, uint32_t instruction) {
    prof_sampler *s = PyObject_New(prof_sampler, &prof_sampler_type);
    if (!s) return NULL;
    memset((char *)s + sizeof(PyObject), 0, sizeof *s - sizeof(PyObject));
    s->counted = (prof_counted *)Py_NewRef((PyObject *)counted);
    s->index = index;
    s->instruction = instruction;
    s->skipped = PROF_NONE;
    return (PyObject *)s;
}

void prof_sampler_place(PyObject *o, uint32_t constant) { ((prof_sampler *)o)->constant = constant; }

static void sampler_dealloc(PyObject *o) {
    free(((prof_sampler *)o)->pair);
    prof_counted *counted = ((prof_sampler *)o)->counted;
    counted->probes[((prof_sampler *)o)->index] = NULL;
    PyObject_Free(o);
    Py_DECREF(counted);
}

/* Puts a jump over its snippet, whose last instruction runs now; where a tracer has put its own there, nothing. */
static void skip(prof_sampler *s) {
    prof_py_frame *frame = prof_py_current();
    int two = prof_opcode.operands[s->counted->flow.instructions[s->instruction].op];
    if (prof_py_code(frame) != s->counted->probed) return;
    uint32_t unit = prof_py_unit(frame) - prof_sampler_back(s->constant);
    uint8_t *at = prof_py_bytecode(s->counted->probed) + 2 * unit;
    if (at[0] != prof_opcode.copy || at[1] != two) return;
    at[0] = prof_opcode.jump_forward;
    at[1] = (uint8_t)(prof_sampler_units(s->constant, two) - 1);
    s->skipped = unit;
}

void prof_sampler_reset(PyObject *o) {
    prof_sampler *s = (prof_sampler *)o;
    s->seen = s->pairs = 0;
    if (s->skipped == PROF_NONE || !s->counted->probed) return;
    uint8_t *at = prof_py_bytecode(s->counted->probed) + 2 * s->skipped;
    if (at[0] == prof_opcode.jump_forward) {
        at[0] = prof_opcode.copy;
        at[1] = prof_opcode.operands[s->counted->flow.instructions[s->instruction].op];
    }
    s->skipped = PROF_NONE;
}

/* The row of that pair of types, made at first sight; NULL without room. Both NULL: of what has no row of its own. */
static prof_operands *new_row(const prof_sampler *s, const char *left, const char *right) {
    prof_operands *row = prof_arena_append(&operands, PROF_CHUNK_OPERANDS, sizeof *row, 0, sizeof *row);
    if (!row) return NULL;
    *row = (prof_operands){.code = s->counted->ref,
                           .lies = s->counted->flow.instructions[s->instruction].lies,
                           .left = prof_string_ref(left),
                           .right = prof_string_ref(right)};
    prof_arena_publish(&operands, sizeof *row);
    return row;
}

static void sample(prof_sampler *s, const PyTypeObject *left, const PyTypeObject *right) {
    sampled_pair seen = {left, right, left->tp_name, right ? right->tp_name : NULL, NULL};
    if (!s->pair && !(s->pair = calloc(MOST_PAIRS, sizeof *s->pair))) return;
    uint32_t k = 0;
    while (k < s->pairs && memcmp(&s->pair[k], &seen, offsetof(sampled_pair, row))) k++;
    if (k == MOST_PAIRS) k--;
    if (k == s->pairs) {
        seen.row = k + 1 == MOST_PAIRS ? new_row(s, NULL, NULL) : new_row(s, seen.left_name, seen.right_name);
        if (!seen.row) return;
        s->pair[s->pairs++] = seen;
    }
    s->pair[k].row->count++;
}

/* s[right] = left, or del s[receiver]. */
static int op_sample(PyObject *o, PyObject *right, PyObject *left) {
    prof_sampler *s = (prof_sampler *)o;
    if (prof_types_limit >= 0 && s->seen >= (uint64_t)prof_types_limit) {
        skip(s);
        return 0;
    }
    if (!prof_recording() || !(s->counted->ref || prof_code_ref(s->counted))) return 0;
    s->seen++;
    sample(s, Py_TYPE(left ? left : right), left ? Py_TYPE(right) : NULL);
    return 0;
}

void prof_samplers_reset(void) { operands = (prof_appender){0}; }

static PyMappingMethods sampler_operators = {.mp_ass_subscript = op_sample};

PyTypeObject prof_sampler_type = {PyVarObject_HEAD_INIT(NULL, 0).tp_name = "prof.Sampler", .tp_basicsize = sizeof(prof_sampler),
                                  .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, .tp_dealloc = sampler_dealloc,
                                  .tp_as_mapping = &sampler_operators};
