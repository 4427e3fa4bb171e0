#include "view.h"

#include "core/session.h"
#include "python/ops/count.h"
#include "python/site.h"

int prof_probes_shown;
PyObject *(*prof_probe_copy)(PyCodeObject *, PyCodeObject *);
int (*prof_is_own_callback)(PyObject *);

/* The last constant tells: it is read by no instruction of the program's, and nobody can put a probe there. */
prof_plain *prof_plain_of(PyCodeObject *code) {
    prof_site *site = prof_probed_site(code);
    if (site) return site->plain;
    prof_counted *counted = prof_counted_only(code);
    return counted ? counted->plain : NULL;
}

PyCodeObject *prof_plain_view(PyCodeObject *code) {
    prof_plain *p = prof_plain_of(code);
    if (!p) return code;
    if (p->view) return p->view;
    prof_own_begin();
    PyObject *view = prof_code_copy(code, p->code, p->consts, p->locations, p->handlers, p->stack);
    prof_own_end();
    if (p->view) Py_XDECREF(view); /* an audit hook has read it meanwhile */
    else p->view = (PyCodeObject *)view;
    return p->view;
}

long prof_plain_offset(PyCodeObject *code, long offset) {
    uint32_t kind;
    prof_plain *p = offset < 0 || prof_probes_shown ? NULL : prof_plain_of(code);
    return p ? 2 * (long)prof_plain_unit(p, (uint32_t)offset / 2, &kind) | (offset & 1) : offset;
}
