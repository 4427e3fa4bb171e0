/* Probes: objects whose unary operators drive the shadow stack, and the sites they stand for. All need the GIL. */
#ifndef PROF_PYTHON_PROBES_H
#define PROF_PYTHON_PROBES_H
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "python/site.h"

/* A site of `type` with these names (Borrowed), without a label. New reference or NULL. */
prof_site *prof_site_new(PyTypeObject *type, uint32_t kind, PyObject *name, PyObject *module, PyObject *file, uint32_t line,
                         uint32_t flags);

/* While recording: the label is made with the first call. */
void prof_site_label_later(prof_site *site);

/* The label, made if there is none yet; NULL when nothing records or there is no room (counted). */
prof_label *prof_site_label(prof_site *site);

/* The life of a generator's or function's span, shared by the probes and by monitoring. */
void prof_span_enter(prof_site *site);
void prof_span_enter_generator(prof_site *site);
void prof_span_leave(prof_site *site);
/* The same, by an exception. */
void prof_span_raised(prof_site *site);
void prof_span_suspend(prof_site *site);
void prof_span_resume(prof_site *site);
/* A generator, suspended with this frame, was closed without being entered: its call is completed now. Not a resume. */
void prof_span_close(prof_site *site, void *owner);

static inline int prof_is_probed(PyCodeObject *code) { return prof_probed_site(code) != NULL; }

/* The site of a code object that monitoring watches (Borrowed), or NULL. */
prof_site *prof_watched(PyObject *code);

/* The probes of a function's span; suspend and raise probes are dependents of the function's site. */
extern PyTypeObject prof_function_type, prof_generator_type, prof_suspend_type;
/* New reference or NULL. */
PyObject *prof_site_dependent(PyTypeObject *type, prof_site *site);

/* What the probes do for a recording with or without time and operations; for those that come, and those in code already. */
void prof_choose_operators(int timed, int counting, long types);

extern PyTypeObject prof_section_type;
extern PyMethodDef prof_attach_methods[], prof_loading_methods[], prof_section_methods[], prof_ambient_methods[],
    prof_monitor_methods[], prof_live_methods[], prof_guard_methods[];

/* Readies the types. 0, or -1 with an exception set. */
int prof_probes_init(void);
int prof_attach_init(void);
void prof_monitoring_init(void);
int prof_sections_init(void);
int prof_guards_init(void);

#endif
