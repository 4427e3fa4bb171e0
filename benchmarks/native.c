/* Loops that benchmarks/native.py times: each returns the seconds that it took. */
#define _GNU_SOURCE
#include <prof.h>
#include <time.h>

static prof_site outer = PROF_SITE("outer"), work = PROF_SITE("work");

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

#define LOOP(name, before, body, after)     \
    double name(long count) {               \
        before;                             \
        double begin = now();               \
        for (long i = 0; i < count; i++) {  \
            __asm__ volatile("" ::: "memory"); \
            body;                           \
        }                                   \
        double seconds = now() - begin;     \
        after;                              \
        return seconds;                     \
    }

#if defined(__x86_64__)
#include <x86intrin.h>
#define CLOCK() (void)__rdtsc()
#else
#define CLOCK() (void)now()
#endif

LOOP(nothing, (void)0, (void)i, (void)0)
LOOP(clocks, (void)0, CLOCK(); CLOCK(), (void)0)
LOOP(span, (void)0, prof_enter(&work); prof_exit(&work), (void)0)
LOOP(nested, prof_enter(&outer), prof_enter(&work); prof_exit(&work), prof_exit(&outer))
LOOP(value, prof_enter(&outer), prof_record("rows", i), prof_exit(&outer))
