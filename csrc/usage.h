/* What a thread takes beside time: instructions by the processor's counters, bytes read and written, times that it was given a
 * processor and how long it waited for one. Read by the sampler from outside, as sums since the thread began. */
#ifndef PROF_USAGE_H
#define PROF_USAGE_H
#include <stddef.h>
#include <stdint.h>

#include "format.h"

enum { PROF_METER_IO, PROF_METER_SCHEDULE, PROF_METER_CALL, PROF_METER_FILES };

/* A file of /proc. Programs that close what they do not know may close it, and get its number for a file of their own. */
typedef struct {
    int fd;         /* Owned; -1 for none */
    uint64_t inode; /* tells whether it still is ours */
} prof_meter_file;

typedef struct {
    prof_meter_file files[PROF_METER_FILES];
    int counters; /* Owned: leader of the group of the processor's counters; -1 without */
    int others[2]; /* Owned: the rest of the group */
    uint64_t ids[3]; /* of all three, for the same reason as the inodes */
    int metered;   /* whether it is one of the threads that are looked at */
    prof_usage last;
} prof_meter;

#pragma GCC visibility push(hidden)

/* Opens what there is of a thread of this process. Only so many threads get files (the others are counted): the
 * program needs some for itself. */
void prof_meter_open(prof_meter *meter, uint64_t native_id);
void prof_meter_close(prof_meter *meter);

/* What the thread has taken since the last call. 0 when nothing is known of it. */
int prof_meter_read(prof_meter *meter, prof_usage *since);

/* The system call that the thread is in, as the kernel words it; the length, or -1. */
long prof_meter_call(const prof_meter *meter, char *text, size_t size);

/* The process so far, without the calling thread's own reading. */
void prof_usage_process(prof_process *process);

/* Whether the calling thread is the last one of the process that lives. The main thread's entry stays until the process ends. */
int prof_usage_alone(void);

/* Why there are no processor counters; "" when there are. */
const char *prof_usage_why(void);
void prof_usage_reset(void);

#pragma GCC visibility pop
#endif
