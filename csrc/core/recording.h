/* What everybody asks of the recording: whether there is one, its limits, and where to count what is lost. */
#ifndef PROF_RECORDING_H
#define PROF_RECORDING_H
#include "prof.h"

#pragma GCC visibility push(hidden) /* the hot path reads it without a detour through the symbol table */

/* Odd while recording; every start and end of a recording changes it. */
extern uint64_t prof_epoch;

extern prof_config prof_limits; /* of the running recording, defaults filled in */

void prof_count(enum prof_drop what, uint64_t n);

#pragma GCC visibility pop

#endif
