/* The arena: the capture file, mapped once over a large address range and grown in place, so that pointers into
 * it never move. Space is reserved on the disk before it is handed out: a full disk is an error code here, never a
 * signal in the middle of the user's program. */
#ifndef PROF_ARENA_H
#define PROF_ARENA_H
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "format.h"

/* A run of chunks of one type that its owner appends to. Zero-initialised; one writer at a time. */
typedef struct {
    prof_chunk *chunk; /* Borrowed from the arena: the chunk that is being filled, or NULL */
    uint64_t grow;     /* bytes the next chunk will have */
} prof_appender;

/* Creates the file that will be `path`, with these permissions, and maps it. 0, or an errno value. */
int prof_arena_open(const char *path, uint64_t max_bytes, mode_t mode);

/* Gives the file its name, which must be free: from here on it is seen. Where the file system cannot keep a file without a
 * name, it had it already. 0, or an errno value; then the file is gone. */
int prof_arena_publish_name(const char *path);

/* Cuts the file to what was used, if it is still there, and gives the unused address range back. What was used stays mapped. */
void prof_arena_close(void);

/* Lets go of the file without writing; in a child after fork(). */
void prof_arena_forget(void);

/* Why there is no more room, an errno value; 0 while there is. ESTALE: the file is no longer where it was made. */
int prof_arena_full(void);

/* From here on the file grows by at least so many bytes at a time: much will be written. */
void prof_arena_grow_by(uint64_t bytes);

/* Has the kernel give the pages of `room` at once that will be written to one after the other; what lies on others' pages is left. */
void prof_arena_populate(const void *room, uint64_t bytes);

/* `bytes` (a multiple of 8) of zeroed room in a chunk of `type`, for `appender`; NULL when there is none left.
 * The caller fills it and then calls prof_arena_publish. Takes the arena's lock only for a new chunk. */
void *prof_arena_append(prof_appender *appender, uint32_t type, uint32_t record_size, prof_ref thread, uint64_t bytes);
void prof_arena_publish(prof_appender *appender, uint64_t bytes);

#pragma GCC visibility push(hidden)
extern char *prof_arena_base; /* Borrowed: address of the header; NULL before the first recording */
#pragma GCC visibility pop

static inline prof_header *prof_arena_header(void) { return (prof_header *)(void *)prof_arena_base; }

static inline prof_ref prof_arena_ref(const void *record) {
    return (prof_ref)((uint64_t)((const char *)record - prof_arena_base) / PROF_REF_UNIT);
}

/* The record at `ref`, which must not be 0. */
static inline void *prof_arena_at(prof_ref ref) { return prof_arena_base + (uint64_t)ref * PROF_REF_UNIT; }

#endif
