/* What a process keeps at hand for those who ask it something from outside: `prof attach`, `detach`, `snapshot` and `dump`.
 *
 * It is one structure in the data of this library, which another process finds by its first bytes: there is no file, no thread and no
 * hook, and nothing happens before somebody asks. A forked child has its own, as it has its own memory.
 *
 * Whoever asks stops all threads of the process for some hundred microseconds (ptrace), and puts a call into the interpreter's own
 * queue of calls to be made between two instructions. What Py_AddPendingCall does under the queue's lock is done here while
 * nobody runs, and only if nobody holds that lock. */
#ifndef PROF_STANDBY_H
#define PROF_STANDBY_H
#include "python/version/version.h"

#if PROF_PY_VALIDATED

#define PROF_STANDBY_PATH 1024

typedef struct {
    unsigned char cookie[16];
    uint32_t bytes;                     /* of this structure: with the next three, whether both sides were built alike */
    uint32_t python;                    /* PROF_PY_RELEASE */
    uint32_t thread_bytes, frame_bytes; /* of prof_thread and prof_frame */
    int32_t ready;                      /* whether the queue is where it was looked for */
    int32_t queued;                     /* whether the call is in the queue, and has not been made */
    int32_t pid;                        /* of the process that was asked: a forked child has the queue of its parent */
    int32_t reserved;
    uint64_t answer;              /* address of the function to be called */
    uint64_t gil;                 /* the interpreter's lock */
    uint64_t code_type, str_type; /* of the interpreter's own */
    uint64_t arena, threads;      /* where the address of the capture is, and that of the first recorded thread */
    prof_py_queue queue;
    char path[PROF_STANDBY_PATH]; /* a file of Python text, to be run; empty when nobody asks */
} prof_standby;

#pragma GCC visibility push(hidden)

extern prof_standby prof_standing;

/* Copies from another process's memory, into it, and the structure itself. 0, or -1. */
int prof_foreign_get(int pid, void *to, uint64_t from, size_t bytes);
int prof_foreign_put(int pid, uint64_t to, const void *from, size_t bytes);
int prof_foreign_standby(int pid, uint64_t at, prof_standby *copy, char *why, size_t size);

#pragma GCC visibility pop
#endif
#endif
