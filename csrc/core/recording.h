/* What everybody asks of the recording: whether there is one, its limits, and where to count what is lost. */
#ifndef PROF_RECORDING_H
#define PROF_RECORDING_H
#include "session.h"

#pragma GCC visibility push(hidden) /* the hot path reads it without a detour through the symbol table */

/* Odd while recording; every start and end of a recording changes it. */
extern uint64_t prof_epoch;

/* Callers in C look at it without a lock. */
static inline void prof_epoch_advance(void) { __atomic_store_n(&prof_epoch, prof_epoch + 1, __ATOMIC_RELEASE); }

extern prof_config prof_limits; /* of the running recording, defaults filled in */

void prof_count(enum prof_drop what, uint64_t n);

#pragma GCC visibility pop

#endif
