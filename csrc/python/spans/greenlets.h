/* Greenlets share their thread's one shadow stack. Whether they switched inside spans is noticed here; all need the GIL. */
#ifndef PROF_PYTHON_GREENLETS_H
#define PROF_PYTHON_GREENLETS_H
#include "core/stack.h"

/* Whether frames are compared with spans: greenlet is imported, and no switch inside a span has been noticed yet. */
extern int prof_greenlets_watched;

/* A recording has begun. */
void prof_greenlets_reset(void);

/* The running function has just got the span on top, in a calling context that is new: looks for greenlet. */
void prof_greenlets_meet(void);

/* The running function has just got the span on top: its caller there must be among those of its frame. If not, the capture
 * says that stacks are interleaved. */
void prof_greenlets_compare(const prof_thread *t);

static inline void prof_greenlets_entered(const prof_thread *t, int is_new) {
    if (PROF_UNLIKELY(is_new)) prof_greenlets_meet();
    if (PROF_UNLIKELY(prof_greenlets_watched)) prof_greenlets_compare(t);
}

#endif
