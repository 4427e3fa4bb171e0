/* A copy of a running capture, made a capture of its own. */
#ifndef PROF_COPY_H
#define PROF_COPY_H
#include <stddef.h>
#include <stdint.h>

/* Writes `copy`, the bytes of a capture as it stood, to a new file, as one that has ended, and that says `meta` of itself. 0, or an
 * errno value: then there is no file. */
int prof_copy_write(const char *path, uint32_t mode, unsigned char *copy, uint64_t size, const char *meta, size_t length);

#endif
