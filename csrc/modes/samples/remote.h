/* Copies of memory that may change or vanish meanwhile: an address that is not there is an error code, never a fault. */
#ifndef PROF_REMOTE_H
#define PROF_REMOTE_H
#include <stddef.h>

#define PROF_REMOTE_PIECES 7

typedef struct {
    void *to;
    const void *from;
    size_t bytes;
} prof_remote_piece;

#pragma GCC visibility push(hidden)

/* Copies pieces of this process's own memory in order, up to the first that is not there. How many bytes; -1 with errno when
 * the kernel does not do it at all. One thread at a time. */
long prof_remote_copy(const prof_remote_piece *pieces, size_t count);

/* Opens the quick way of copying: pieces follow each other within a tenth of a microsecond, not half of one. For a thread whose
 * descriptors nobody else can close or use; until it ends, when `prof_remote_end` is to be called. */
void prof_remote_begin(void);
void prof_remote_end(void);

/* To be called first, and again after fork(). 0, or an errno value: EPERM or ENOSYS where the system forbids it. */
int prof_remote_allowed(void);

/* One piece: 1 when all of it was there. */
static inline int prof_remote_get(void *to, const void *from, size_t bytes) {
    prof_remote_piece piece = {to, from, bytes};
    return prof_remote_copy(&piece, 1) == (long)bytes;
}

#pragma GCC visibility pop
#endif
