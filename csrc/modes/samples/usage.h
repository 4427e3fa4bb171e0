/* What a thread takes beside time: instructions by the processor's counters, bytes read and written, times that it was given a
 * processor and how long it waited for one. Read by the sampler from outside, as sums since the thread began. */
#ifndef PROF_USAGE_H
#define PROF_USAGE_H
#include <stddef.h>
#include <stdint.h>

#include "format.h"

enum { PROF_METER_IO, PROF_METER_SCHEDULE, PROF_METER_CALL, PROF_METER_FILES };

typedef struct {
    int files[PROF_METER_FILES]; /* Owned: of /proc; -1 for none */
    int counters;                /* Owned: leader of the group of the processor's counters; -1 without */
    int others[2];               /* Owned: the rest of the group */
    int metered;                 /* whether it is one of the threads that are looked at */
    prof_usage last;
} prof_meter;

#pragma GCC visibility push(hidden)

/* Gives the calling thread descriptors of its own, apart from the program's, which it keeps until it ends: whether it has them.
 * Without, on Linux before 5.9, no file is kept: a program that closes what it does not know would close it, and its number would
 * be another file's. */
int prof_usage_apart(void);

/* Opens what there is of a thread of this process. Only so many threads get files; the others are counted. For the thread that
 * called prof_usage_apart, as all of a meter's functions: in any other its files are not open. */
void prof_meter_open(prof_meter *meter, uint64_t native_id);
void prof_meter_close(prof_meter *meter);

/* What the thread has taken since the last call. 0 when nothing is known of it. */
int prof_meter_read(prof_meter *meter, prof_usage *since);

/* The system call that the thread is in, as the kernel words it; the length, or -1. */
long prof_meter_call(const prof_meter *meter, char *text, size_t size);

/* The process so far, without the calling thread's own reading. */
void prof_usage_process(prof_process *process);

/* How many threads the process has; 0 where that cannot be found out. */
unsigned long prof_usage_threads(void);

/* Whether the calling thread is the last one of the process that lives. The main thread's entry stays until the process ends. */
int prof_usage_alone(void);

/* Why there are no processor counters; "" when there are. */
const char *prof_usage_why(void);
void prof_usage_reset(void);

#pragma GCC visibility pop
#endif
