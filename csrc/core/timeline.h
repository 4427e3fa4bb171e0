/* Spans as they went: what the timeline and the flight recorder are made of. Each thread sets down its own, in chunks of the capture
 * (format.h, "spans as they went"), without a lock but for a new chunk. prof_span_put, in stack.h, is the hot path. */
#ifndef PROF_TIMELINE_H
#define PROF_TIMELINE_H
#include "stack.h"

/* A recording begins, whose clock is calibrated: as prof_limits say. */
void prof_timeline_reset(void);

/* In a child after fork(): `t` is its thread, whose stack lies in the parent's file, and must not be written there. */
void prof_timeline_forget(prof_thread *t);

/* A new thread, with its record, whose stack has its root alone: where spans are kept, moves that to the capture. */
void prof_timeline_begin(prof_thread *t);

/* The thread or the recording ends at `now`: sets down what the thread has open, as such. */
void prof_timeline_end(prof_thread *t, uint64_t now);

/* Room for `frames` frames in the place of the thread's stack, of which `used` are kept; in the capture, where spans are kept. The old
 * room is let go of; without memory, NULL, and it stays. */
prof_frame *prof_stack_resized(prof_thread *t, size_t used, size_t frames);
void prof_stack_free(prof_thread *t);

/* Sets down a value of a metric, said at `node`; `real`: the bits of a double. */
void prof_timeline_point(prof_thread *t, const prof_node *node, prof_ref name, int real, uint64_t value);

#endif
