/* How long things took: their number, sum, extremes and histogram. */
#ifndef PROF_DURATIONS_H
#define PROF_DURATIONS_H
#include "format.h"

static inline void prof_durations_add(prof_durations *d, uint64_t ticks) {
    d->count++;
    d->ticks += ticks;
    if (ticks < d->min) d->min = ticks;
    if (ticks > d->max) d->max = ticks;
    d->histogram[prof_histogram_bin(ticks)]++;
}

#endif
