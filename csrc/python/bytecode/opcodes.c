#include "opcodes.h"

#include <string.h>

#include "python/version/version.h"

prof_opcodes prof_opcode;
prof_trait prof_trait_of[256];

static PyObject *unknown; /* Owned: a tuple of what the interpreter has that no row names, or lacks; NULL not looked at yet */

/* Numbers of categories, as the rows are in order. */
enum {
    PROF_CATEGORY_NONE,
#define CATEGORY(name, text) PROF_CATEGORY_##name,
#include "python/version/opcodes.def"
    PROF_CATEGORIES_END
};

static const char *const category_names[] = {
    "",
#define CATEGORY(name, text) text,
#include "python/version/opcodes.def"
};

typedef struct {
    const char *name;
    uint8_t kind, flow;
    prof_trait trait;
} row;

#define ROW(name, kind, flow, category, second, names, shift, access, second_access, operands) \
    {#name,                                                                                    \
     PROF_I_##kind,                                                                            \
     PROF_FLOW_##flow,                                                                         \
     {{PROF_CATEGORY_##category, PROF_CATEGORY_##second},                                      \
      PROF_NAME_##names,                                                                       \
      shift,                                                                                   \
      {PROF_ACCESS_##access, PROF_ACCESS_##second_access},                                     \
      operands,                                                                                \
      0}},
static const row rows[] = {PROF_PY_OWN_OPCODES(ROW)
#define OPCODE ROW
#include "python/version/opcodes.def"
};

static const struct {
    const char *name, *other;
} forwards[] = {
#define FORWARDS(name, other) {#name, #other},
#include "python/version/opcodes.def"
};

static const struct {
    const char *name;
    uint8_t *number;
} needed[] = {
#define NEEDED(name, field) {#name, &prof_opcode.field},
#include "python/version/opcodes.def"
};

static const struct {
    const char *name;
    uint8_t *number;
} wanted[] = {
#define WANTED(name, field) {#name, &prof_opcode.field},
#include "python/version/opcodes.def"
};

static struct {
    const char *name;
    uint32_t argument;
    uint8_t category, known, op;
} by_argument[] = {
#define ARGUMENT(name, argument, category) {#name, argument, PROF_CATEGORY_##category, 0, 0},
#include "python/version/opcodes.def"
};

#define COUNT(array) (sizeof array / sizeof *array)

const char *prof_py_category(int number) { return number > 0 && number < PROF_CATEGORIES_END ? category_names[number] : NULL; }

uint8_t prof_category_of(uint8_t op, uint32_t argument) {
    for (size_t i = 0; prof_trait_of[op].by_argument && i < COUNT(by_argument); i++)
        if (by_argument[i].known && by_argument[i].op == op && by_argument[i].argument == argument) return by_argument[i].category;
    return prof_trait_of[op].category[0];
}

int prof_opcodes_known(void) { return !unknown || PyTuple_GET_SIZE(unknown) == 0; }

static const row *row_of(const char *name) {
    for (size_t i = 0; i < COUNT(rows); i++)
        if (!strcmp(rows[i].name, name)) return &rows[i];
    return NULL;
}

/* The number that the interpreter has for a name; -1 none. What is above 255 is the compiler's own and in no code. */
static long number_of(PyObject *numbers, const char *name) {
    PyObject *number = PyDict_GetItemString(numbers, name);
    long op = number && PyLong_Check(number) ? PyLong_AsLong(number) : -1;
    return op < 256 ? op : -1;
}

/* Those are what monitoring puts in place of others while it runs: code as it was written has none. */
static int is_instrumented(const char *name) { return !strncmp(name, "INSTRUMENTED_", strlen("INSTRUMENTED_")); }

static void take(uint8_t op, const row *r) {
    prof_opcode.kind[op] = r->kind;
    prof_opcode.rules.flow[op] = r->flow;
    prof_opcode.rules.backward[op] = r->kind == PROF_I_BACKWARD;
    prof_opcode.operands[op] = r->trait.operands;
    prof_trait_of[op] = r->trait;
}

/* Fills the tables; adds to `found` in words what is not as the rows have it. 0, or -1 with an exception set. */
static int read_opcodes(PyObject *numbers, PyObject *found) {
    PyObject *key, *value, *words;
    for (Py_ssize_t at = 0; PyDict_Next(numbers, &at, &key, &value);) {
        const char *name = PyUnicode_Check(key) ? PyUnicode_AsUTF8(key) : NULL;
        long op = name ? number_of(numbers, name) : -1;
        const row *r = name ? row_of(name) : NULL;
        if (PyErr_Occurred()) return -1;
        if (op < 0 || is_instrumented(name)) continue;
        if (r) take((uint8_t)op, r);
        else if (PyList_Append(found, key)) return -1;
    }
    for (size_t i = 0; i < COUNT(wanted); i++) {
        long op = number_of(numbers, wanted[i].name);
        *wanted[i].number = op < 0 ? 0 : (uint8_t)op;
    }
    for (size_t i = 0; i < COUNT(needed); i++) {
        long op = number_of(numbers, needed[i].name);
        *needed[i].number = op < 0 ? 0 : (uint8_t)op;
        if (op >= 0 || !PROF_PY_VALIDATED) continue;
        int failed = !(words = PyUnicode_FromFormat("no %s", needed[i].name)) || PyList_Append(found, words);
        Py_XDECREF(words);
        if (failed) return -1;
    }
    return 0;
}

static void read_pairs(PyObject *numbers) {
    for (int op = 0; op < 256; op++) prof_opcode.forward[op] = (uint8_t)op;
    for (size_t i = 0; i < COUNT(forwards); i++) {
        long op = number_of(numbers, forwards[i].name), other = number_of(numbers, forwards[i].other);
        if (op >= 0 && other >= 0) prof_opcode.forward[op] = (uint8_t)other;
    }
    for (size_t i = 0; i < COUNT(by_argument); i++) {
        long op = number_of(numbers, by_argument[i].name);
        by_argument[i].known = op >= 0;
        by_argument[i].op = op < 0 ? 0 : (uint8_t)op;
        if (op >= 0) prof_trait_of[op].by_argument = 1;
    }
}

int prof_opcodes_configure(PyObject *numbers, const uint8_t *caches) {
    PyObject *found = PyList_New(0);
    int failed = !found || read_opcodes(numbers, found);
    PyObject *result = failed ? NULL : PyList_AsTuple(found);
    Py_XDECREF(found);
    if (!result) return -1;
    Py_XSETREF(unknown, result);
    read_pairs(numbers);
    memcpy(prof_opcode.rules.caches, caches, 256);
    prof_opcode.rules.end_for = PROF_QUIRK_END_FOR_UNITS;
    prof_opcode.rules.resume_place = PROF_QUIRK_RESUME_PLACE_MASK;
    prof_opcode.rules.jump_raises_at_target = PROF_QUIRK_JUMP_RAISES_AT_TARGET;
    prof_opcode.rules.throw_ends_send = PROF_QUIRK_SEND_BEFORE_YIELD;
    return 0;
}

PyObject *prof_opcodes_unknown(PyObject *self, PyObject *ignored) { return unknown ? Py_NewRef(unknown) : PyTuple_New(0); }

PyObject *prof_opcodes_traits(PyObject *self, PyObject *ignored) {
    return PyBytes_FromStringAndSize((const char *)prof_trait_of, sizeof prof_trait_of);
}
