/* Sites: what a probe in code, or a section, stands for. They are made in spans/, and known to all that count in them. */
#ifndef PROF_PYTHON_SITE_H
#define PROF_PYTHON_SITE_H
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "core/stack.h"
#include "core/waits.h"

#define PROF_NO_CODE 1  /* no ref, and no node's code either: those are refs or 0 */
#define PROF_NO_LABEL 1 /* no ref, and no node's label either: those are refs, or 0 of prof_no_node */

/* A named place: a function with probes, or a section. Its label is found anew for each recording; a function that is loaded while
 * one goes on gets it with its first call, as most are never called. */
typedef struct prof_site {
    PyObject_HEAD
    prof_label *label;              /* Borrowed from the recording; prof_no_label when there is none or it has no room */
    prof_ref ref;                   /* the label's; PROF_NO_LABEL where a recording has none of it, 0 without a recording */
    struct prof_site *site;         /* itself, or for suspend and raise probes the function's (Owned) */
    struct prof_site *dependent;    /* Borrowed: the next of a function's suspend and raise probes, which share its label */
    PyObject *name, *module, *file; /* Owned str; NULL in suspend and raise probes */
    struct prof_counted *counted;   /* Owned: its operations; NULL where they are not counted */
    prof_ref code;                  /* its code in the capture; PROF_NO_CODE while it is not there */
    struct prof_plain *plain;       /* Owned: what the code was before; NULL in suspend and raise probes, and sections */
    uint32_t kind, line, flags;     /* as in prof_label */
    uint32_t warned;                /* a section's misuse here has been told */
    uint32_t unlabelled;            /* a function's that is to get its label with its first call */
    uint32_t awaits;                /* 1: of a coroutine; 2: of an asynchronous generator */
    prof_latency *latency;          /* Borrowed from the recording: of a generator's calls; NULL while there is none */
    struct prof_site *next, **link; /* list of all sites */
} prof_site;

/* Whether it has its label in the recording. */
static inline int prof_is_labelled(const prof_site *site) { return PROF_LIKELY(site->ref > PROF_NO_LABEL); }

extern PyTypeObject prof_raise_type; /* the last constant of code with span probes is of it, of no other code */

/* The site of a code object with span probes (Borrowed), or NULL. */
prof_site *prof_probed_site(PyCodeObject *code);

#endif
