/* Greenlets: each has a shadow stack of its own. greenlet's trace function tells of switches: what lies on the thread's stack is put
 * aside for the greenlet that is left, and what was put aside for the one that goes on comes back. All need the GIL. */
#ifndef PROF_PYTHON_GREENLETS_H
#define PROF_PYTHON_GREENLETS_H
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "core/stack.h"

/* Whether frames are compared with spans: greenlet is imported, and its switches are not told of. */
extern int prof_greenlets_watched;

/* A recording has begun: from here on switches of the calling thread are told of, if greenlet is imported. */
void prof_greenlets_reset(void);

/* It ends: spans of greenlets that are switched out are counted as open, and the trace function is taken out of the calling thread, if it
 * still is ours. */
void prof_greenlets_end(void);

/* The running function has just got the span on top, in a calling context that is new: looks for greenlet, in this thread. */
void prof_greenlets_meet(prof_thread *t);

/* The running function has just got the span on top: its caller there must be among those of its frame. If not, the capture
 * says that stacks are interleaved. */
void prof_greenlets_compare(const prof_thread *t);

static inline void prof_greenlets_entered(prof_thread *t, int is_new) {
    if (PROF_UNLIKELY(is_new)) prof_greenlets_meet(t);
    if (PROF_UNLIKELY(prof_greenlets_watched)) prof_greenlets_compare(t);
}

extern PyMethodDef prof_greenlet_methods[];

#endif
