#include "clock.h"

#include <stdio.h>
#include <string.h>

#include "session.h"

uint32_t prof_clock_kind_now = PROF_CLOCK_MONOTONIC;
static uint64_t manual_ns;

uint64_t prof_clock_kernel_ns(clockid_t id) {
    struct timespec t = {0}; /* of a thread that has ended there is no clock */
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t prof_clock_slow(void) {
    switch (prof_clock_kind_now) {
    case PROF_CLOCK_CPU: return prof_clock_kernel_ns(CLOCK_THREAD_CPUTIME_ID);
    case PROF_CLOCK_MANUAL: return manual_ns;
    default: return prof_clock_kernel_ns(CLOCK_MONOTONIC);
    }
}

/* The kernel's own choice is the one sound test of the counter: it checks that it is constant, does not stop in
 * sleep states and agrees between the processors. */
static int kernel_trusts_tsc(void) {
    char name[16] = "";
    FILE *f = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re");
    if (!f) return 0;
    int read = fscanf(f, "%15s", name) == 1;
    fclose(f);
    return read && !strcmp(name, "tsc");
}

void prof_clock_select(uint32_t wanted) {
    if (wanted == PROF_CLOCK_MONOTONIC || wanted == PROF_CLOCK_CPU || wanted == PROF_CLOCK_MANUAL) prof_clock_kind_now = wanted;
    else prof_clock_kind_now = PROF_HAS_TSC && kernel_trusts_tsc() ? PROF_CLOCK_TSC : PROF_CLOCK_MONOTONIC;
}

prof_instant prof_clock_instant(void) {
    prof_instant best = {0};
    uint64_t narrowest = UINT64_MAX;
    /* A read that an interrupt split would tilt the calibration: keep the tightest of a few. */
    for (int i = 0; i < 5; i++) {
        uint64_t before = prof_now();
        uint64_t ns = prof_clock_kernel_ns(CLOCK_MONOTONIC);
        uint64_t after = prof_now();
        if (after - before >= narrowest) continue;
        narrowest = after - before;
        best = (prof_instant){before + (after - before) / 2, ns, 0};
    }
    best.unix_ns = prof_clock_kernel_ns(CLOCK_REALTIME) - (prof_clock_kernel_ns(CLOCK_MONOTONIC) - best.monotonic_ns);
    return best;
}

void prof_clock_set(uint64_t ns) { manual_ns = ns; }

uint64_t prof_now_ticks(void) { return prof_now(); }
