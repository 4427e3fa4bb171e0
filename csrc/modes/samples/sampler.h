/* Samples: a thread that looks at all the others, at every interval of an absolute clock, and counts where they are.
 *
 * It needs no lock of the interpreter and sends no signal. A sample falls below the spans of the thread's shadow stack: below
 * the innermost one hang the frames of functions that have none, which the CPython half copies out of the running interpreter
 * (prof_walker), and the line that runs. Beside that a sample has its whole stack, from the thread's first function on, each
 * with the line that called. */
#ifndef PROF_SAMPLER_H
#define PROF_SAMPLER_H
#include <stddef.h>
#include <stdint.h>

#include "format.h"

#define PROF_SAMPLED_DEPTH 256 /* frames kept below a span, from the innermost */
#define PROF_STACK_DEPTH 1024  /* frames kept of a whole stack, from the innermost */
#define PROF_SAMPLED_THREADS 4096

/* A thread of the interpreter. */
typedef struct {
    uint64_t native_id;
    const void *state;  /* the interpreter's, never dereferenced; NULL: the interpreter does not know the thread (now) */
    uint64_t serial;    /* tells it from a state that lay there before */
    uintptr_t guess[6]; /* the walker's own: where things lay the last time */
} prof_remote_thread;

/* Where the innermost span begins: the first frame at `owner`, or of the function that begins there. All zero: nowhere. */
typedef struct {
    const void *owner; /* interpreter frame, compared only */
    prof_ref file;
    uint32_t line;
} prof_boundary;

/* A stack, innermost frame first. */
typedef struct {
    uint32_t count;
    uint32_t below; /* frames below the boundary, if that was found */
    uint32_t found; /* 1: the boundary was */
    uint32_t whole; /* 1: the last frame is the thread's first function */
    uint32_t cut;   /* 1: there are more than PROF_STACK_DEPTH */
    uint32_t
        partial;   /* 1: the function itself or its callers up to the boundary were gone before they were read, and are not in it */
    prof_ref line; /* label of the line that runs in the innermost frame; 0 unknown */
    prof_ref frames[PROF_STACK_DEPTH]; /* labels of functions */
    uint32_t lines[PROF_STACK_DEPTH];  /* that run in them, or called; 0 unknown */
} prof_remote_stack;

/* How the interpreter is looked into, from outside: by the CPython half. Only the sampler's thread calls these. */
typedef struct {
    /* Looks at what all threads share, at the beginning of a tick. 1 if there may be other threads than before, else 0. */
    int (*begin)(void);
    /* The threads there are; at most `room`. */
    size_t (*threads)(prof_remote_thread *found, size_t room);
    /* Copies a thread's stack as it is at the call. 0; -1 when nothing of it could be read any more; -2 when
     * the thread's state is gone; -3 when the file has no room for the name of a function. */
    int (*stack)(prof_remote_thread *t, const prof_boundary *boundary, prof_remote_stack *stack);
    /* Whether the thread held the interpreter's lock when the tick began. */
    int (*holds)(const prof_remote_thread *t);
    /* Whether who waits for that address waits for the lock. */
    int (*is_lock)(uintptr_t address);
    void (*end)(void); /* frees what it has */
} prof_walker;

#pragma GCC visibility push(hidden)

/* Begins sampling into the running recording. `walker` NULL: spans alone, and `why` says why. 0, or an errno value. */
int prof_sampler_start(uint64_t interval_ns, const prof_walker *walker, const char *why);

/* Ends it, with a last sample of each thread. Without a sampler it does nothing. */
void prof_sampler_stop(void);

/* It steps aside, for a fork or for a copy of what it writes, and goes on. */
void prof_sampler_pause(void);
void prof_sampler_resume(void);

/* Called in the parent right after a fork: 1 if prof_sampler_resume will be called soon, 0 if it is to go on at once. Set by the CPython
 * half, which knows when the interpreter has counted the process's threads. */
extern int (*prof_sampler_postponed)(void);

/* In a child after fork(), where its thread is not. */
void prof_sampler_forget(void);

/* What the thread with that kernel id is called, if it never enters a span. Any thread. */
void prof_sampler_name(uint64_t native_id, const char *name);

#pragma GCC visibility pop
#endif
