/* What sections and the spans of a Profiler object share. All need the GIL. */
#ifndef PROF_PYTHON_SECTIONS_H
#define PROF_PYTHON_SECTIONS_H
#include "python/version/version.h"

#include "core/stack.h"
#include "python/site.h"

#define PROF_SECTION_WAITS                                                                      \
    "prof: section '%U' is in a generator or coroutine without @profiled: time in which it is " \
    "suspended counts as the section's"

/* The site of `name` at the instruction that `frame` runs (Borrowed); `kind` stands before the `!` of its name in reports, NULL:
 * `profile`. NULL with an exception set. */
prof_site *prof_section_at(prof_py_frame *frame, PyObject *name, PyObject *kind);

/* A section's name, without its kind. New reference or NULL. */
PyObject *prof_section_name(const prof_site *site);

/* Tells once a place what is wrong there: `format` has a `%U` for the name. Clears exceptions. */
void prof_section_warn(prof_site *site, int depth, const char *format);

/* Whether the frame at `owner` still runs below `frame`. */
int prof_section_runs(prof_py_frame *frame, const void *owner);

/* Closes the section on top; `frame` runs. */
void prof_section_close_top(prof_thread *t, prof_py_frame *frame, uint64_t now);

#endif
