/* Sites: what a probe in code, or a section, stands for. They are made in spans/, and known to all that count in them. */
#ifndef PROF_PYTHON_SITE_H
#define PROF_PYTHON_SITE_H
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "core/stack.h"
#include "core/waits.h"

#define PROF_NO_CODE 1 /* no ref, and no node's code either: those are refs or 0 */

/* A named place: a function with probes, or a section. Its label is found anew for each recording. */
typedef struct prof_site {
    PyObject_HEAD
    prof_label *label;              /* Borrowed from the recording; prof_no_label when there is none or it has no room */
    prof_ref ref;                   /* the label's, 0 for prof_no_label */
    struct prof_site *site;         /* itself, or for suspend and raise probes the function's (Owned) */
    PyObject *name, *module, *file; /* Owned str; NULL in suspend and raise probes */
    struct prof_counted *counted;   /* Owned: its operations; NULL where they are not counted */
    prof_ref code;                  /* its code in the capture; PROF_NO_CODE while it is not there */
    struct prof_plain *plain;       /* Owned: what the code was before; NULL in suspend and raise probes, and sections */
    uint32_t kind, line, flags;     /* as in prof_label */
    uint32_t warned;                /* a section's misuse here has been told */
    uint32_t awaits;                /* 1: of a coroutine; 2: of an asynchronous generator */
    prof_latency *latency;          /* Borrowed from the recording: of a generator's calls; NULL while there is none */
    struct prof_site *next, **link; /* list of all sites */
} prof_site;

/* The site of a code object with span probes (Borrowed), or NULL. */
prof_site *prof_probed_site(PyCodeObject *code);

#endif
