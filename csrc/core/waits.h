/* Records of waiting: the latency of generators, what coroutines waited for, what tasks ran, and contexts that the program names.
 * The GIL protects them: only the CPython half uses them. */
#ifndef PROF_WAITS_H
#define PROF_WAITS_H
#include "durations.h"
#include "recording.h"

/* Each returns a new record, appended to the capture, with no durations yet; NULL without room, which is counted. Borrowed from
 * the arena. A reader adds up those that are of the same. */
prof_latency *prof_latency_new(prof_ref label);
prof_wait *prof_wait_new(prof_ref line, prof_ref what, prof_ref task, prof_ref context);
prof_activity *prof_activity_new(uint32_t kind, prof_ref task, prof_ref context);

/* A recording begins: there are none yet. */
void prof_waits_reset(void);

#endif
