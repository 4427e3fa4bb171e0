/* What the source files that a recording names hold: enough for a reader to know them again, and to leave others alone. */
#ifndef PROF_SOURCES_H
#define PROF_SOURCES_H
#include <stddef.h>
#include <stdint.h>

#include "format.h"

/* For a new recording. */
void prof_sources_reset(void);

/* Writes what the file of that name holds into the capture, the first time it is asked to in a recording; nothing where that is
 * no plain file, or cannot be read. Any thread. It asks neither Python nor labels.h for anything. */
void prof_sources_note(prof_ref file);

/* cffi: begin */
typedef struct {
    uint64_t size, hash;
} prof_source_digest;

/* Of the lines of a source without what `prof-instrument` put in, each ended by LF: the bytes, and a hash. It is the same before and
 * after instrumenting. `text` has `size` bytes, and a NUL behind them. Any thread. Without memory, all zero. */
prof_source_digest prof_source_digest_of(const char *text, size_t size);
/* cffi: end */

#endif
