/* The address map: which site allocated a block, and its size. Four bytes for each 16-byte granule of the heap, in leaves of
 * a mebibyte that are mapped when first needed. Different blocks may be put and taken by different threads at once. */
#ifndef PROF_PAGEMAP_H
#define PROF_PAGEMAP_H
#include <stddef.h>
#include <stdint.h>

#define PROF_PAGEMAP_SITES (1u << 22) /* site numbers are below this */

/* Notes that `site` (not 0) allocated `bytes` at `block`. 0, or -1 without memory: then the block is not known. */
int prof_pagemap_put(const void *block, size_t bytes, uint32_t site);

/* Whether such a block overlaps none of those that lie so close that their entries would mix. */
int prof_pagemap_fits(const void *block, size_t bytes);

/* Takes the block out. Its site and `*bytes`, or 0 when it is not known. */
uint32_t prof_pagemap_take(const void *block, size_t *bytes);

/* Calls `visit` for each known block, in order of address, while nothing is put or taken. */
void prof_pagemap_walk(void (*visit)(void *context, void *block, size_t bytes, uint32_t site), void *context);

/* Forgets all blocks and gives the memory back. */
void prof_pagemap_clear(void);

#endif
