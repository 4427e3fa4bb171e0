#include "plain.h"

#include <stdlib.h>

prof_code_method prof_code_replace;

prof_plain *prof_plain_new(PyCodeObject *code, PyObject *consts) {
    prof_plain *p = calloc(1, sizeof *p);
    if (!p || !(p->code = PyCode_GetCode(code))) {
        if (!p) PyErr_NoMemory();
        free(p);
        return NULL;
    }
    p->consts = Py_NewRef(consts);
    p->locations = Py_NewRef(code->co_linetable);
    p->handlers = Py_NewRef(code->co_exceptiontable);
    p->stack = code->co_stacksize;
    return p;
}

void prof_plain_free(prof_plain *p) {
    if (!p) return;
    Py_XDECREF((PyObject *)p->view);
    Py_DECREF(p->code);
    Py_DECREF(p->consts);
    Py_DECREF(p->locations);
    Py_DECREF(p->handlers);
    free(p->runs);
    free(p);
}

int prof_plain_add(prof_plain *p, uint32_t probed, uint32_t unit, uint32_t kind) {
    if (!(p->run_count & (p->run_count - 1))) { /* room doubles */
        prof_run *bigger = realloc(p->runs, (p->run_count ? 2 * (size_t)p->run_count : 1) * sizeof *bigger);
        if (!bigger) return -1;
        p->runs = bigger;
    }
    p->runs[p->run_count++] = (prof_run){probed, unit, kind};
    return 0;
}

static const prof_run *run_at(const prof_plain *p, uint32_t probed) {
    uint32_t low = 0, high = p->run_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (p->runs[middle].probed <= probed) low = middle;
        else high = middle;
    }
    return &p->runs[low];
}

uint32_t prof_plain_unit(const prof_plain *p, uint32_t probed, uint32_t *kind) {
    *kind = PROF_RUN_COPIED;
    if (!p->run_count) return probed;
    const prof_run *run = run_at(p, probed);
    *kind = run->kind;
    return run->plain + (run->kind == PROF_RUN_COPIED ? probed - run->probed : 0);
}

uint32_t prof_probed_unit(const prof_plain *p, uint32_t unit) {
    const prof_run *found = NULL;
    for (uint32_t k = 0; k < p->run_count; k++)
        if (p->runs[k].kind == PROF_RUN_COPIED && p->runs[k].plain <= unit) found = &p->runs[k];
    return found ? found->probed + (unit - found->plain) : unit;
}

PyObject *prof_code_copy(PyCodeObject *code, PyObject *bytes, PyObject *consts, PyObject *locations, PyObject *handlers,
                         int stack) {
    static PyObject *names;
    if (!names) names = Py_BuildValue("(sssss)", "co_code", "co_consts", "co_linetable", "co_exceptiontable", "co_stacksize");
    PyObject *number = names ? PyLong_FromLong(stack) : NULL, *args[] = {bytes, consts, locations, handlers, number};
    PyObject *copy = number ? prof_code_replace((PyObject *)code, args, 0, names) : NULL;
    Py_XDECREF(number);
    /* From 3.14 on replace() forgets which of the variables are arguments. They are the same ones. */
    if (copy) Py_SETREF(((PyCodeObject *)copy)->co_localspluskinds, Py_NewRef(code->co_localspluskinds));
    return copy;
}
