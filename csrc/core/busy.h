/* What the calling thread does for the profiler, which is not the program's. */
#ifndef PROF_BUSY_H
#define PROF_BUSY_H
#include <stdint.h>

#pragma GCC visibility push(hidden)

/* Why the calling thread's allocations are not counted now: `quiet` above 0, it works for the profiler; `nested`, it is
 * inside an allocator, and what that asks of others is not another block; `arena`, that has taken an arena, and has not
 * returned yet. `any` is all at once. */
typedef union {
    struct {
        int32_t quiet;
        int16_t nested, arena;
    };
    uint64_t any;
} prof_busy_state;
extern __thread prof_busy_state prof_busy __attribute__((tls_model("initial-exec")));

#pragma GCC visibility pop

#endif
