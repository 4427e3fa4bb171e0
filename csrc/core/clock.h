/* The clock that stamps spans. Ticks are cycles of the time-stamp counter, or nanoseconds; the capture's header
 * carries three instants on which a reader fits the one to the other. */
#ifndef PROF_CLOCK_H
#define PROF_CLOCK_H
#include <stdint.h>
#include <time.h>

#include "format.h"

#if defined(__x86_64__) || defined(__i386__)
#include <x86intrin.h>
#define PROF_HAS_TSC 1
#else
#define PROF_HAS_TSC 0
#endif

#define PROF_LIKELY(x) __builtin_expect(!!(x), 1)
#define PROF_UNLIKELY(x) __builtin_expect(!!(x), 0)

#pragma GCC visibility push(hidden)
extern uint32_t prof_clock_kind_now; /* enum prof_clock_kind of the running or latest recording */
#pragma GCC visibility pop

uint64_t prof_clock_slow(void);

/* Now, in ticks. Any thread. */
static inline uint64_t prof_now(void) {
#if PROF_HAS_TSC
    if (PROF_LIKELY(prof_clock_kind_now == PROF_CLOCK_TSC)) return __rdtsc();
#endif
    return prof_clock_slow();
}

/* Nanoseconds of one of the kernel's clocks. */
uint64_t prof_clock_kernel_ns(clockid_t id);

/* Selects the clock: `wanted` or, when that is 0 or not to be had, the best of this machine. */
void prof_clock_select(uint32_t wanted);

/* Reads ticks and the kernel's clocks as close together as can be. */
prof_instant prof_clock_instant(void);

#endif
